package emulate

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"tote/firmware-tests/control"
	"tote/firmware-tests/conveyor"
	"tote/firmware-tests/gpio"
	"tote/firmware-tests/light"
	"tote/firmware-tests/printer"
	"tote/firmware-tests/record"
	"tote/firmware-tests/rfid"
	"tote/firmware-tests/rfid/llrp"
	"tote/firmware-tests/robot"
	"tote/firmware-tests/scale"
	"tote/firmware-tests/scanner"
	"tote/firmware-tests/sensor"
	"tote/firmware-tests/ziotc"
)

// faulty is what all emulators have in common.
type faulty interface {
	Faults() []string
	ActiveFaults() []string
	SetFault(name string, on bool) error
}

// socket is the network plug of a device.
type socket interface {
	Addr() string
	Plugged() bool
	Close() error
}

// port is the cable of a device with a path.
type port interface {
	io.ReadWriteCloser
	Plug() error
	Unplug() error
	Path() string
	Plugged() bool
	Listening() bool
}

// target is the control side of one device.
type target struct {
	kind, name string
	book       *record.Book
	port       port   // nil for a device on TCP only
	socket     socket // of a device on TCP
	faults     faulty
	shows      func() any // the device's own state
}

// build makes the device of a description.
func (t *target) build(d Device) (any, error) {
	switch d.Kind {
	case Scale:
		s, err := scale.New(d.Scale, t.book, nil)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = s, func() any { return s.State() }
		return s, nil
	case Printer:
		p, err := printer.New(d.Printer, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = p, func() any { return p.State() }
		return p, nil
	case Scanner, Wedge:
		switch {
		case d.Kind == Wedge:
			d.Scanner.Protocol = scanner.Wedge
		case d.Scanner.Protocol == scanner.Wedge:
			return nil, fmt.Errorf("%w: a scanner that types is of kind %s", ErrSpec, Wedge)
		}
		s, err := scanner.New(d.Scanner, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = s, func() any { return s.State() }
		return s, nil
	case RFID:
		r, err := rfid.New(d.RFID, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = r, func() any { return r.State() }
		return r, nil
	case LLRP:
		r, err := llrp.New(d.LLRP, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = r, func() any { return r.State() }
		return r, nil
	case Sensor:
		s, err := sensor.New(d.Sensor, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = s, func() any { return s.State() }
		return s, nil
	case Robot:
		r, err := robot.New(d.Robot, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = r, func() any { return r.State() }
		return r, nil
	case Conveyor:
		c, err := conveyor.New(d.Conveyor, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = c, func() any { return c.State() }
		return c, nil
	case GPIO:
		b, err := gpio.New(d.GPIO, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = b, func() any { return b.State() }
		return b, nil
	case ZIOTC:
		r, err := ziotc.New(d.ZIOTC, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = r, func() any { return r.State() }
		return r, nil
	case Light:
		c, err := light.New(d.Light, t.book)
		if err != nil {
			return nil, err
		}
		t.faults, t.shows = c, func() any { return c.State() }
		return c, nil
	}
	return nil, fmt.Errorf("%w: kind %q; there are %s",
		ErrSpec, d.Kind, strings.Join([]string{Scale, Printer, Scanner, RFID, LLRP, Sensor, Robot, Conveyor, GPIO, ZIOTC, Light, Wedge}, ", "))
}

// State is the device as the control API shows it.
func (t *target) State() control.State {
	s := control.State{Kind: t.kind, Name: t.name, Faults: t.faults.ActiveFaults(), Known: t.faults.Faults()}
	if t.port != nil {
		s.Path, s.Plugged, s.Listening = t.port.Path(), t.port.Plugged(), t.port.Listening()
	}
	if t.socket != nil {
		s.Listen = t.socket.Addr()
		s.Plugged = s.Plugged || t.socket.Plugged()
	}
	s.LastSeq = t.book.LastSeq()
	if err := t.book.Err(); err != nil {
		s.RecordErr = err.Error()
	}
	// A struct of plain fields always encodes.
	s.Device, _ = json.Marshal(t.shows())
	return s
}

// SetFault switches a fault of the device.
func (t *target) SetFault(name string, on bool) error { return t.faults.SetFault(name, on) }

// Faults lists the names of all faults of the device.
func (t *target) Faults() []string { return t.faults.Faults() }

// Book is the record of the device.
func (t *target) Book() *record.Book { return t.book }

// The faces of a target show the control API what this kind of device can do.
type (
	scaleFace struct {
		*target
		control.Weighable
	}
	printerFace struct {
		*target
		control.Takeable
	}
	scannerFace struct {
		*target
		control.Scannable
	}
	rfidFace struct {
		*target
		control.Readable
	}
	llrpFace struct {
		*target
		control.Readable
		control.Levelled
	}
	sensorFace struct {
		*target
		control.Airy
	}
	conveyorFace struct {
		*target
		control.Laned
	}
	gpioFace struct {
		*target
		control.Levelled
	}
	ziotcFace struct {
		*target
		control.Readable
		control.Scannable
	}
	lightFace struct {
		*target
		control.Pressable
	}
	robotFace struct {
		*target
		control.Acting
	}
)

func (t *target) face(device any) control.Target {
	switch d := device.(type) {
	case *scale.Scale:
		return scaleFace{t, d}
	case *printer.Printer:
		return printerFace{t, d}
	case *scanner.Scanner:
		return scannerFace{t, d}
	case *rfid.Reader:
		return rfidFace{t, d}
	case *llrp.Reader:
		return llrpFace{t, d, d}
	case *sensor.Sensor:
		return sensorFace{t, d}
	case *robot.Robot:
		return robotFace{t, d}
	case *conveyor.Conveyor:
		return conveyorFace{t, d}
	case *gpio.Board:
		return gpioFace{t, d}
	case *light.Controller:
		return lightFace{t, d}
	case *ziotc.Reader:
		return ziotcFace{t, d, d}
	}
	return t
}
