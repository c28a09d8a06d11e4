package gpio

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Wire is a device that has lines of its own, an RFID reader for one. All its
// methods may be called from any goroutine.
type Wire interface {
	// Check says whether there is an input, or output, of this name.
	Check(line string, output bool) error
	// Level is the level of an input; known is false until the device has told.
	Level(line string) (high, known bool)
	// Set puts a level on an output and waits until the device has taken it.
	Set(line string, high bool) error
	// News is closed at the next change of any input, or when the lines are lost.
	News() <-chan struct{}
	// Lost is why the lines are gone, or nil.
	Lost() error
}

// Through opens lines that hang on another device. Until the device has told the
// level of an input, it is a wire that ends nowhere: at the level of its pull.
// A device sets its own pulls; here they only say what is read before.
func Through(open func() (Wire, error)) Opener {
	return func() (*Bank, error) {
		w, err := open()
		if err != nil {
			return nil, fmt.Errorf("gpio: %w", err)
		}
		return &Bank{find: func(name string) (line, error) { return &wireLine{wire: w, name: name}, nil }}, nil
	}
}

type wireLine struct {
	wire Wire
	name string
	pull gpio.Pull
}

func (l *wireLine) In(pull gpio.Pull, _ gpio.Edge) error {
	l.pull = pull
	if err := l.wire.Check(l.name, false); err != nil {
		return err
	}
	return l.wire.Lost()
}

func (l *wireLine) Read() gpio.Level {
	if high, known := l.wire.Level(l.name); known {
		return gpio.Level(high)
	}
	return l.wire.Lost() == nil && l.pull == gpio.PullUp
}

// Lost is why the line is gone, or nil.
func (l *wireLine) Lost() error { return l.wire.Lost() }

func (l *wireLine) WaitForEdge(timeout time.Duration) bool {
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-l.wire.News():
		return true
	case <-t.C:
		return false
	}
}

func (l *wireLine) Out(level gpio.Level) error {
	if err := l.wire.Check(l.name, true); err != nil {
		return err
	}
	return l.wire.Set(l.name, bool(level))
}

func (l *wireLine) Halt() error { return nil }
