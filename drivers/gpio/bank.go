package gpio

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/host/v3"

	"tote/drivers"
)

// ErrNoLine: the machine has no GPIO line of this name.
var ErrNoLine = errors.New("no such GPIO line")

// line is what this package needs of a periph pin. The methods are periph's.
type line interface {
	In(pull gpio.Pull, edge gpio.Edge) error
	Read() gpio.Level
	WaitForEdge(timeout time.Duration) bool
	Out(l gpio.Level) error
	Halt() error
}

// Bank finds lines.
type Bank struct {
	find  func(name string) (line, error)
	close func() error
}

// Close gives the lines back.
func (b *Bank) Close() error {
	if b.close == nil {
		return nil
	}
	return b.close()
}

// Opener opens the bank anew; a device calls it at the start of each session.
type Opener func() (*Bank, error)

// Machine is the GPIO of this machine. Without any GPIO the error is
// drivers.ErrUnplugged: the lines may come with a driver loaded later.
func Machine() Opener {
	return func() (*Bank, error) {
		if _, err := host.Init(); err != nil {
			return nil, fmt.Errorf("gpio: %w: %w", drivers.ErrUnplugged, err)
		}
		return &Bank{find: func(name string) (line, error) {
			p := gpioreg.ByName(name)
			if p == nil {
				return nil, fmt.Errorf("gpio: %w: %s: %w", ErrNoLine, name, drivers.ErrUnplugged)
			}
			return p, nil
		}}, nil
	}
}
