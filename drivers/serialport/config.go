package serialport

import (
	"fmt"
	"path/filepath"
	"time"
)

// Defaults of a line: 9600 8N1, dead after 10 s without a byte taken.
const (
	DefaultBaud  = 9600
	DefaultStall = 10 * time.Second
)

// Parity of a line.
type Parity string

// The parities a line can have.
const (
	ParityNone  Parity = "none"
	ParityOdd   Parity = "odd"
	ParityEven  Parity = "even"
	ParityMark  Parity = "mark"
	ParitySpace Parity = "space"
)

// Config says where a serial device is plugged in and how its line is set.
// Zero values mean the default.
type Config struct {
	Path     string        `yaml:"path"`     // absolute; best a stable link as /dev/serial/by-id/…
	USB      Name          `yaml:"-"`        // instead of Path: the identity of its USB device
	Baud     int           `yaml:"baud"`     // 300..4000000, default 9600
	DataBits int           `yaml:"dataBits"` // 5..8, default 8
	Parity   Parity        `yaml:"parity"`   // default none
	StopBits int           `yaml:"stopBits"` // 1 or 2, default 1
	XonXoff  bool          `yaml:"xonXoff"`  // software flow control, for printers
	Stall    time.Duration `yaml:"-"`        // a line that takes no byte for this long is dead; default 10 s
	Owner    string        `yaml:"-"`        // the device, as whoever wants the port too is told; default: the port's name
	Root     string        `yaml:"-"`        // folder that USB names are looked up in; default /
}

// Where is the name of the port as configured, without what it is today.
func (c Config) Where() string {
	if c.USB != (Name{}) {
		return c.USB.String()
	}
	return c.Path
}

// Is tells whether a port of the machine is the one that c names.
func (c Config) Is(port Info) bool {
	if c.USB != (Name{}) {
		return c.USB.matches(port.USB)
	}
	if c.Path == port.Node || c.Path == port.ByID || c.Path == port.ByPath {
		return c.Path != ""
	}
	node, err := filepath.EvalSymlinks(c.Path)
	return err == nil && node == port.Node
}

// WithDefaults returns c with its zero values filled, or an error that says
// which value is impossible. It touches no hardware.
func (c Config) WithDefaults() (Config, error) {
	if c.Baud == 0 {
		c.Baud = DefaultBaud
	}
	if c.DataBits == 0 {
		c.DataBits = 8
	}
	if c.Parity == "" {
		c.Parity = ParityNone
	}
	if c.StopBits == 0 {
		c.StopBits = 1
	}
	if c.Stall == 0 {
		c.Stall = DefaultStall
	}
	if c.Owner == "" {
		c.Owner = c.Where()
	}
	if c.Root == "" {
		c.Root = "/"
	}
	byName := c.USB != (Name{})
	if byName {
		if err := c.USB.Check(); err != nil {
			return c, err
		}
	}
	switch {
	case byName && c.Path != "":
		return c, fmt.Errorf("serial port %s: either a path or a USB identity", c.Path)
	case !byName && !filepath.IsAbs(c.Path):
		return c, fmt.Errorf("serial port: path %q is not absolute", c.Path)
	case c.Baud < 300 || c.Baud > 4_000_000:
		return c, fmt.Errorf("serial port %s: baud rate %d is not within 300..4000000", c.Where(), c.Baud)
	case c.DataBits < 5 || c.DataBits > 8:
		return c, fmt.Errorf("serial port %s: %d data bits, want 5..8", c.Where(), c.DataBits)
	case c.StopBits != 1 && c.StopBits != 2:
		return c, fmt.Errorf("serial port %s: %d stop bits, want 1 or 2", c.Where(), c.StopBits)
	case c.Stall < 0:
		return c, fmt.Errorf("serial port %s: stall limit %v is negative", c.Where(), c.Stall)
	}
	if _, ok := parities[c.Parity]; !ok {
		return c, fmt.Errorf("serial port %s: parity %q, want none, odd, even, mark or space", c.Where(), c.Parity)
	}
	return c, nil
}
