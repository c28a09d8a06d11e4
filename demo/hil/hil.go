// Package hil runs the acceptance suite of a device (drivers/accept) against its
// emulator, with a hand that does what the suite asks a person for. It is the
// dress rehearsal of `tote devices test`: the same suite, without hardware. The
// table of emulators is in emulators.go.
//
// A Rig owns the goroutine of its emulator; Close ends it.
package hil

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tote/drivers"
	"tote/drivers/accept"
	"tote/drivers/all"
	"tote/drivers/inspect"
	"tote/drivers/serialport"
	"tote/drivers/tcpport"
	"tote/firmware-tests/control"
	"tote/firmware-tests/emulate"
	"tote/firmware-tests/line"
)

// ErrNoEmulator: nothing stands in for the device of that driver.
var ErrNoEmulator = errors.New("no emulator")

// Rig is an emulated device with the subject of its suite and its hand.
type Rig struct {
	Subject accept.Subject
	Person  accept.Person
	Control *control.Client

	stop func() error
}

// Close ends the emulator and waits for it.
func (r *Rig) Close() error { return errors.Join(r.Control.Close(), r.stop()) }

// Emulate starts the emulator of a driver.
func Emulate(ctx context.Context, driver string) (*Rig, error) {
	row, ok := all.Find(driver)
	if !ok {
		return nil, fmt.Errorf("no driver %q", driver)
	}
	e, ok := emulators()[driver]
	if !ok {
		why := without()[driver]
		if why == "" {
			why = "none is listed"
		}
		return nil, fmt.Errorf("%w of driver %s: %s", ErrNoEmulator, driver, why)
	}
	dir, err := os.MkdirTemp("", "tote-hil-")
	if err != nil {
		return nil, err
	}
	if e.tcp {
		e.device.Listen = "127.0.0.1:0"
	} else {
		e.device.Link = filepath.Join(dir, "device") // the same after it was unplugged
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := emulate.Main(ctx, emulate.Options{Devices: []emulate.Device{e.device}, JSON: true}, in)
		_ = in.CloseWithError(err)
		ended <- err
	}()
	stop := func() error {
		cancel()
		return errors.Join(<-ended, out.Close(), os.RemoveAll(dir))
	}
	var ready emulate.Ready
	if err = json.NewDecoder(bufio.NewReader(out)).Decode(&ready); err != nil {
		return nil, errors.Join(err, stop())
	}
	r := &Rig{stop: stop, Subject: accept.Subject{Driver: row, Port: "emulated"}}
	if r.Control, err = control.Dial(ctx, ready.Control); err != nil {
		return nil, errors.Join(err, stop())
	}
	if r.Subject.Open, r.Subject.Line, err = opener(row, e, ready); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.Person = func(ctx context.Context, s accept.Step) error { return r.do(ctx, e, s) }
	return r, nil
}

func opener(row all.Driver, e emulator, ready emulate.Ready) (drivers.Opener, string, error) {
	if e.tcp {
		open, err := tcpport.Opener(tcpport.Config{Address: ready.Listen})
		return open, "", err
	}
	var cfg serialport.Config
	if len(row.Lines) > 0 {
		cfg = row.Lines[0]
	}
	cfg.Path = ready.Path
	open, err := serialport.Opener(cfg)
	return open, inspect.Settings(cfg), err
}

// do does a step at the emulated device.
func (r *Rig) do(ctx context.Context, e emulator, s accept.Step) error {
	switch s {
	case accept.StepUnplug, accept.StepPlug:
		return r.Control.Fault(ctx, line.Unplug, s == accept.StepUnplug)
	}
	done, err := e.hand(ctx, r.Control, s)
	if err == nil && !done {
		err = accept.ErrSkip
	}
	return err
}
