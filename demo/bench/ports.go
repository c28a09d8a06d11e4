//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/serialport"
	"tote/drivers/tap"
	"tote/firmware-tests/emulate"
)

// quietDevices are the serial devices of one large gateway: 64, of which the
// scales are asked ten times a second and the others say nothing.
var quietDevices = []struct {
	kind, driver string
	n            int
}{{emulate.Scanner, "serial-scanner", 32}, {emulate.Scale, "mt-sics", 16}, {emulate.Sensor, "xy-md02", 16}}

// quietFor is how long they are watched.
const quietFor = 10 * time.Second

// ports reports what 64 serial devices cost a gateway while nothing happens: the
// processor time of their drivers and ports, with the tap of the agent around
// each. The devices are emulated in a process of their own, which is not counted.
// The goal is that of the issue: a tenth of a core.
func ports(ctx context.Context, dir string) error {
	paths, stop, err := emulated(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var devices []drivers.Device
	taps := make([]tap.Tap, len(paths)) // nobody looks
	at := 0
	for _, q := range quietDevices {
		row, ok := all.Find(q.driver)
		if !ok {
			return fmt.Errorf("no driver %s", q.driver)
		}
		for range q.n {
			line := row.Lines[0]
			line.Path = paths[at]
			open, err := serialport.Opener(line)
			if err != nil {
				return err
			}
			dev, err := row.Try()(fmt.Sprint(at), taps[at].Wrap(open), func(drivers.Told) {})
			if err != nil {
				return err
			}
			devices = append(devices, dev)
			running.Go(func() { _ = dev.Run(ctx) })
			at++
		}
	}
	for end := time.Now().Add(30 * time.Second); ; {
		ready := 0
		for _, d := range devices {
			if d.Status().State == drivers.Ready {
				ready++
			}
		}
		if ready == len(devices) {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d devices are ready", ready, len(devices))
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	before, err := processor()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := wait(ctx, quietFor); err != nil {
		return err
	}
	after, err := processor()
	if err != nil {
		return err
	}
	report("serial_64_devices_quiet", 100*float64(after-before)/float64(time.Since(began)), "% of a core", 10)
	return nil
}

// processor is the time this process has used of the processors.
func processor() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// emulated starts the devices in a process of their own.
func emulated(ctx context.Context, dir string) (paths []string, stop func(), err error) {
	var group struct {
		Devices []emulate.Device `json:"devices"`
	}
	for _, q := range quietDevices {
		for i := range q.n {
			name := fmt.Sprintf("%s%d", q.kind, i)
			group.Devices = append(group.Devices, emulate.Device{Kind: q.kind, Name: name, Link: filepath.Join(dir, "dev", name)})
		}
	}
	text, err := json.Marshal(group)
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Join(dir, "devices.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-emulate", file)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	lines := bufio.NewScanner(out)
	for range group.Devices {
		var r emulate.Ready
		if !lines.Scan() {
			stop()
			return nil, nil, errors.Join(errors.New("the emulators ended"), lines.Err())
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			stop()
			return nil, nil, err
		}
		paths = append(paths, r.Path)
	}
	return paths, stop, nil
}

// runEmulators is that process.
func runEmulators(ctx context.Context, file string) error {
	devices, err := emulate.LoadGroup(file)
	if err != nil {
		return err
	}
	return emulate.Main(ctx, emulate.Options{Devices: devices, JSON: true}, os.Stdout)
}
