//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tote/agent/replica"
	"tote/raftstore"
	"tote/warehouse"
)

const (
	openOrders    = 50_000
	openLines     = 3
	openReleasers = 32
	stateGoal     = 300 // MB on disk
)

// state measures the disk that the applied state of a big site takes: all its
// stock and many open orders, each released, told of and with its tasks, as the
// store leaves it when it is closed. The events have not been fetched by an OMS.
func state(ctx context.Context, dir string) error {
	cfg := raftstore.Config{Dir: dir, NodeID: "bench", Logger: slog.New(slog.DiscardHandler)}
	at, rows := time.Now(), 0
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200) // the peak begins here, where the kernel lets us
	err := withStore(ctx, cfg, func(s *replica.Store) error {
		for i, c := range bigSite() {
			if _, err := doOK(ctx, s, replica.By{ID: [16]byte{3, byte(i >> 8), byte(i)}}, c); err != nil {
				return err
			}
		}
		err := many(openReleasers, func(w int) error {
			for n := w; n < openOrders; n += openReleasers {
				by := replica.By{Device: fmt.Sprintf("oms%d", w), Seq: uint64(n/openReleasers + 1)}
				if _, err := doOK(ctx, s, by, warehouse.ReleaseOrder{Order: bigOrder(n, openLines), Source: "oms/main"}); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			rows, err = countRows(s)
		}
		return err
	})
	if err != nil {
		return err
	}
	took := time.Since(at)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("the kernel does not tell what a process takes: %w", err)
	}
	peak, err := statusKB(status, "VmHWM")
	if err != nil {
		return err
	}
	size, err := stateSize(dir)
	if err != nil {
		return err
	}
	report("state_100k_stock_rows_50k_open_orders", float64(size)/1e6, "MB", stateGoal)
	report("state_100k_stock_rows_50k_open_orders_rows", float64(rows), "", 0)
	report("state_100k_stock_rows_50k_open_orders_memory_at_most", peak/1024, "MiB", 0)
	report("state_100k_stock_rows_50k_open_orders_built_in", took.Seconds(), "s", 0)
	return nil
}

// stateSize adds up what the files of the applied state take of the disk.
func stateSize(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for part := range strings.SplitSeq(filepath.Dir(rel), string(filepath.Separator)) {
			if strings.HasPrefix(part, "state") {
				blocks, err := allocated(path)
				n += blocks
				return err
			}
		}
		return nil
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("no applied state under %s", dir)
	}
	return n, err
}

// allocated is what a file takes of the disk, holes left out.
func allocated(path string) (int64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return st.Blocks * 512, nil
}
