// Package xymd02 drives temperature and humidity transmitters of the XY-MD02
// family (SHT20 or SHT40 behind RS-485) by Modbus RTU: 9600 8N1, address 1, from
// the factory. It only reads: input registers 1 (temperature) and 2 (humidity).
// Wire reference: the maker's sheet and e-tinkers/Modbus-RTU, examples/SHT20;
// Modbus over serial line V1.02.
//
// The goroutine that calls Run owns the session; it also calls Settings.Sink.
package xymd02

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tote/drivers"
	"tote/drivers/sensor"
)

// DriverName is this driver's name in the table of drivers.
const DriverName = "xy-md02"

// Defaults of the family.
const (
	DefaultAddress   = 1
	DefaultPerDegree = 10
	DefaultInterval  = 2 * time.Second
	answerTime       = 500 * time.Millisecond
)

const (
	missLimit   = 3  // bad answers in a row until the sensor is degraded
	reopenLimit = 20 // silent ones in a row until the port is opened anew
	maxHeard    = 256
)

// Driver is one sensor.
type Driver struct {
	s       sensor.Settings
	tracker *drivers.Tracker
}

var _ sensor.Sensor = (*Driver)(nil)

// New is a sensor.Maker.
func New(s sensor.Settings) (sensor.Sensor, error) {
	if s.Address == 0 {
		s.Address = DefaultAddress
	}
	if s.PerDegree == 0 {
		s.PerDegree = DefaultPerDegree
	}
	if s.Interval == 0 {
		s.Interval = DefaultInterval
	}
	switch {
	case s.Name == "" || s.Open == nil || s.Sink == nil:
		return nil, fmt.Errorf("sensor %s: a name, a port and a sink are needed", s.Name)
	case s.Address < 1 || s.Address > 247:
		return nil, fmt.Errorf("sensor %s: address %d is not within 1..247", s.Name, s.Address)
	case s.PerDegree != 10 && s.PerDegree != 100:
		return nil, fmt.Errorf("sensor %s: %d counts per degree, want 10 or 100", s.Name, s.PerDegree)
	case s.Interval < 50*time.Millisecond:
		return nil, fmt.Errorf("sensor %s: interval %v is below 50ms", s.Name, s.Interval)
	}
	return &Driver{s: s, tracker: drivers.NewTracker(s.Name, DriverName, s.Log, s.OnStatus)}, nil
}

// Status gives the state of the sensor.
func (d *Driver) Status() drivers.Status { return d.tracker.Status() }

// Run opens the port and asks until the sensor is gone (an error) or ctx is done
// (nil).
func (d *Driver) Run(ctx context.Context) error { return d.tracker.Session(ctx, d.s.Open, d.serve) }

func (d *Driver) serve(ctx context.Context, port drivers.Port) error {
	tick := time.NewTicker(d.s.Interval)
	defer tick.Stop()
	for misses, silent := 0, 0; ; {
		code, err := d.poll(ctx, port)
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case code == "":
			misses, silent = 0, 0
			d.tracker.Set(drivers.Ready, "", "the sensor answers")
		default:
			misses++
			if silent++; code != drivers.CodeSensorSilent {
				silent = 0
			}
			if misses >= missLimit {
				d.tracker.Set(drivers.Degraded, code, "")
			}
			if silent >= reopenLimit {
				return fmt.Errorf("the sensor does not answer: %w", drivers.Coded(drivers.CodeSensorSilent))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// poll asks once; code says what went wrong, the error is the port's.
func (d *Driver) poll(ctx context.Context, port drivers.Port) (code string, err error) {
	regs, err := ask(ctx, port, byte(d.s.Address), readInput, regTemperature, 2)
	r := sensor.Reading{Humid: true, Decimals: len(fmt.Sprint(d.s.PerDegree)) - 1, At: time.Now()}
	if err == nil {
		r.MilliC, r.MilliRH, err = values(regs, d.s.PerDegree)
	}
	switch {
	case err == nil:
		d.s.Sink(r)
		return "", nil
	case errors.Is(err, errSilent):
		return drivers.CodeSensorSilent, nil
	case errors.Is(err, ErrNoAnswer):
		return drivers.CodeSensorUnreadable, nil
	case errors.Is(err, ErrRefused):
		return drivers.CodeSensorRefuses, nil
	case errors.Is(err, ErrRange):
		return drivers.CodeSensorRange, nil
	}
	return "", err
}

// errSilent: not one byte came.
var errSilent = errors.New("xy-md02: nothing came")

// ask puts a question and waits for its answer. Errors: errSilent, ErrNoAnswer,
// ErrRefused, or the port's.
func ask(ctx context.Context, port drivers.Port, address, function byte, register uint16, n int) ([]uint16, error) {
	if _, err := drivers.Discard(port); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	late := func(err error, heard []byte) error {
		switch {
		case ctx.Err() == nil || !errors.Is(err, ctx.Err()):
			return err
		case len(heard) == 0:
			return errSilent
		}
		return ErrNoAnswer
	}
	if _, err := port.Write(ctx, request(address, function, register, uint16(n))); err != nil {
		return nil, late(err, nil)
	}
	var heard []byte
	var buf [256]byte
	for {
		got, err := drivers.Receive(ctx, port, buf[:])
		if err != nil {
			return nil, late(err, heard)
		}
		heard = append(heard, buf[:got]...)
		regs, err := find(heard, address, function, n)
		if !errors.Is(err, ErrNoAnswer) {
			return regs, err
		}
		if over := len(heard) - maxHeard; over > 0 {
			heard = append(heard[:0], heard[over:]...)
		}
	}
}

// Ask is the family's drivers.Identifier: the register of its own address must
// hold the address that answers. Only registers are read. The family tells
// neither maker nor firmware.
func Ask(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	regs, err := ask(ctx, port, DefaultAddress, readHolding, regAddress, 1)
	if err == nil && regs[0] != DefaultAddress {
		err = fmt.Errorf("xy-md02: another Modbus device: register %04x holds %d", regAddress, regs[0])
	}
	return drivers.Identity{}, err
}
