// Package sensor emulates a temperature and humidity transmitter of the XY-MD02
// family on RS-485: Modbus RTU, 9600 8N1, address 1. It answers reads of its
// input and holding registers and takes single writes of its address.
//
// Sources: e-tinkers/Modbus-RTU, examples/SHT20 (frames and registers verified
// there on a sensor); Modbus over serial line V1.02 and application protocol
// V1.1b3 (check, exceptions). See firmware-tests/cases/sensor/README.md. The
// package shares no code with the drivers.
//
// Run owns the line and one reading goroutine; SetClimate, SetFault and State may
// be called from anywhere. What happens goes into the Book.
package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// Faults of the sensor beside those of the line.
const (
	BadChecksum = "bad_checksum" // the check of every answer is wrong
	Refuse      = "refuse"       // every read is answered with exception 2
	Broken      = "broken"       // the probe is torn off: it tells FFFF for both values
	Echo        = "echo"         // the adapter sends back what was asked
)

// Errors of the sensor.
var (
	// ErrParams: the parameters describe no possible sensor.
	ErrParams = errors.New("sensor: impossible parameters")
	// ErrClimate: the sensor cannot be in such a climate.
	ErrClimate = errors.New("sensor: climate must be -40 to 85 degrees, 0 to 100 per cent")
)

// frameGap is the silence after which a begun request is forgotten.
const frameGap = 50 * time.Millisecond

// Params describe a sensor. Zero fields take the default.
type Params struct {
	Address   int   `json:"address,omitempty" default:"1" help:"Address on the bus, 1 to 247."`
	PerDegree int   `json:"perDegree,omitempty" default:"10" enum:"10,100" help:"Counts for a degree: 10 or 100."`
	MilliC    int64 `json:"milliC,omitempty" default:"21000" help:"Temperature at the start, in thousandths of a degree."`
	MilliRH   int64 `json:"milliRH,omitempty" default:"45000" help:"Relative humidity at the start, in thousandths of a per cent."`
}

func (p Params) fill() (Params, error) {
	for _, d := range []struct {
		v   *int
		def int
	}{{&p.Address, 1}, {&p.PerDegree, 10}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if p.MilliC == 0 && p.MilliRH == 0 {
		p.MilliC, p.MilliRH = 21_000, 45_000
	}
	if p.Address < 1 || p.Address > 247 || p.PerDegree != 10 && p.PerDegree != 100 || !possible(p.MilliC, p.MilliRH) {
		return p, fmt.Errorf("%w: address %d, %d counts per degree, %d, %d", ErrParams, p.Address, p.PerDegree, p.MilliC, p.MilliRH)
	}
	return p, nil
}

func possible(milliC, milliRH int64) bool {
	return milliC >= -40_000 && milliC <= 85_000 && milliRH >= 0 && milliRH <= 100_000
}

// Port is the line of the sensor.
type Port interface {
	io.ReadWriteCloser
	Plug() error
	Unplug() error
}

// State is what the sensor knows about itself.
type State struct {
	Address int   `json:"address"`
	MilliC  int64 `json:"milliC"`
	MilliRH int64 `json:"milliRH"`
	Asked   int   `json:"asked"` // questions answered since the start
}

// Sensor is one emulated sensor.
type Sensor struct {
	params Params
	faults *line.Faults
	book   *record.Book

	mu    sync.Mutex
	port  Port
	state State
}

// New makes a sensor.
func New(p Params, book *record.Book) (*Sensor, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	return &Sensor{
		params: p, book: book,
		faults: line.NewFaults(line.Noise, line.Split, line.Stall, line.Unplug, BadChecksum, Refuse, Broken, Echo),
		state:  State{Address: p.Address, MilliC: p.MilliC, MilliRH: p.MilliRH},
	}, nil
}

// SetClimate makes it warmer or colder, drier or wetter around the sensor.
func (s *Sensor) SetClimate(milliC, milliRH int64) error {
	if !possible(milliC, milliRH) {
		return ErrClimate
	}
	s.mu.Lock()
	s.state.MilliC, s.state.MilliRH = milliC, milliRH
	s.mu.Unlock()
	s.book.Add(record.Entry{Kind: record.Climate, Climate: &record.Air{MilliC: milliC, MilliRH: milliRH}})
	return nil
}

// Faults lists the names of all faults.
func (s *Sensor) Faults() []string { return s.faults.Names() }

// ActiveFaults lists the faults that are on.
func (s *Sensor) ActiveFaults() []string { return s.faults.Active() }

// SetFault switches a fault on or off.
func (s *Sensor) SetFault(name string, on bool) error {
	if err := s.faults.Set(name, on); err != nil {
		return err
	}
	s.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	s.mu.Lock()
	port := s.port
	s.mu.Unlock()
	if name != line.Unplug || port == nil {
		return nil
	}
	if on {
		return port.Unplug()
	}
	return port.Plug()
}

// State tells what is around the sensor.
func (s *Sensor) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Run serves the line until ctx ends or the port is closed, and closes it.
func (s *Sensor) Run(ctx context.Context, port Port) error {
	s.mu.Lock()
	s.port = port
	s.mu.Unlock()
	stop := make(chan struct{})
	in := line.Pump(port, stop)
	defer func() {
		close(stop)
		_ = port.Close()
		for range in { // wait for the reader
		}
	}()
	voice := line.NewVoice(port, s.faults, 5)
	var heard []byte
	gap := time.NewTimer(frameGap)
	defer gap.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p, ok := <-in:
			if !ok {
				return nil
			}
			if heard = append(heard, p.Data...); p.Lost {
				heard = nil
			}
			heard = s.hear(voice, heard)
			gap.Reset(frameGap)
		case <-gap.C:
			heard = nil // a request comes without a pause within
		}
	}
}
