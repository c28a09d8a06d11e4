//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"tote/agent"
)

// idle reports what one gateway with a site and no work makes the disk write in
// a minute, the first one after work and the one after that: everything it
// dirties, the pages Badger maps included, as the kernel counts it for the
// process. Raft needs nothing of a gateway that stays alone. The goal is none:
// a card must not wear out overnight.
//
// In the first minute it is one block where access times are kept (relatime):
// Badger lists its folder every minute, and the kernel notes that once after
// the folder has changed, then once a day.
func idle(ctx context.Context, dir string) error {
	return withGateway(ctx, dir, func(addr agent.Addresses, pid int) error {
		written := func() (float64, error) {
			data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
			if errors.Is(err, os.ErrNotExist) {
				return 0, errors.New("the kernel does not count what a process writes")
			} else if err != nil {
				return 0, err
			}
			return writeBytes(data)
		}
		empty, err := written()
		if err != nil {
			return err
		}
		if _, err := setUp(ctx, addr.HTTP); err != nil {
			return err
		}
		if err := wait(ctx, 5*time.Second); err != nil { // what the work left to do
			return err
		}
		before, err := written()
		if err != nil {
			return err
		}
		// A counter that does not see the work would see nothing in the minute.
		if before-empty < 4096 {
			return fmt.Errorf("a whole site was set up and the kernel counts %.0f bytes", before-empty)
		}
		for _, name := range []string{"gateway_first_idle_minute_written", "gateway_idle_minute_written"} {
			if err := wait(ctx, time.Minute); err != nil {
				return err
			}
			after, err := written()
			if err != nil {
				return err
			}
			show(figure{Name: name, Value: after - before, Unit: "B", Goal: "<= 0", OK: after == before})
			before = after
		}
		return nil
	})
}

// writeBytes reads the count of /proc/PID/io.
func writeBytes(data []byte) (float64, error) {
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "write_bytes:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(n), 64)
		}
	}
	return 0, errors.New("/proc/PID/io has no write_bytes")
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
