// Package all is the table of drivers: what a configuration may name, with
// documentation and an example each, how such a device is asked who it is, how
// its line is read aloud, and whose bytes the driver was judged by. It does
// nothing at import.
//
// A new driver is one row, in the file of its kind.
package all

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/scale"
	"tote/drivers/scanner"
	"tote/drivers/serialport"
)

// Kind is what a device is for.
type Kind string

// The kinds of devices.
const (
	Scale   Kind = "scale"
	Printer Kind = "printer"
	Scanner Kind = "scanner"
	RFID    Kind = "rfid"
)

// Driver is one line of the table.
type Driver struct {
	Name    string // as in the configuration
	Kind    Kind
	Doc     string // what it speaks and to which devices
	Example string // YAML of one device

	// Evidence says whose bytes the driver is judged by: a manual, a capture,
	// an independent peer. "" = unproven: nothing but our own reading.
	Evidence string

	Lines   []serialport.Config                 // usual settings of its serial line, the likeliest first; without Path
	MQTT    bool                                // it speaks through the gateway's broker; then it has no line
	TCPPort int                                 // where it usually listens; 0 = it has no network line
	Ask     drivers.Identifier                  // asks it who it is; nil = it only talks by itself
	Tells   bool                                // asking uses its connection up: it is not asked before its driver has the port, which learns it and has Identity
	Hold    bool                                // of its network line no byte may be dropped (tcpport.Config.Hold)
	Decode  func(toDevice bool) drivers.Decoder // reads one direction aloud; nil = only in hexadecimal

	Trial drivers.Trial // makes it with the usual settings, for people who try a device out

	Reader   rfid.Maker    // of a reader; nil for other kinds
	Antennas int           // of a reader: the most it can have; 0 = not known
	Scale    scale.Maker   // makes the protocol of a scale; nil for other kinds
	Scanner  scanner.Maker // of a scanner; nil for other kinds
	Wired    bool          // a reader with inputs that a photo-eye may hang on; its Reader has Lines
	Versions []string      // of the protocol, that a configuration may choose among; the first is the default
}

// plugged are drivers that came from elsewhere.
var plugged struct {
	sync.Mutex
	rows []Driver
}

// Plug adds a driver that is not of this table, of a program that brings one of
// its own, until remove is called. It comes before a configuration is read. A
// row is all there is to a driver: it is found, configured, listed and run by it.
func Plug(d Driver) (remove func(), err error) {
	if d.Name == "" || d.Kind == "" || d.Doc == "" {
		return nil, fmt.Errorf("driver %q: a name, a kind and a documentation are needed", d.Name)
	}
	if _, ok := Find(d.Name); ok {
		return nil, fmt.Errorf("driver %q is there already", d.Name)
	}
	plugged.Lock()
	defer plugged.Unlock()
	plugged.rows = append(slices.Clone(plugged.rows), d)
	return func() {
		plugged.Lock()
		defer plugged.Unlock()
		plugged.rows = slices.DeleteFunc(slices.Clone(plugged.rows), func(o Driver) bool { return o.Name == d.Name })
	}, nil
}

// Drivers returns the table, in order of name.
func Drivers() []Driver {
	plugged.Lock()
	more := plugged.rows
	plugged.Unlock()
	all := slices.Concat(scales(), printers(), scanners(), readers(), more)
	slices.SortFunc(all, func(a, b Driver) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Try is the driver's Trial; readers and scanners need none of their own. nil =
// the driver cannot be tried out.
func (d Driver) Try() drivers.Trial {
	switch {
	case d.Trial != nil || d.Reader == nil && d.Scanner == nil:
		return d.Trial
	case d.Scanner != nil:
		return func(name string, open drivers.Opener, tell func(drivers.Told)) (drivers.Device, error) {
			return d.Scanner(scanner.Config{
				Name: name, Open: open,
				Sink: func(s scanner.Scan) { tell(drivers.Told{Text: strconv.Quote(s.Data)}) },
			})
		}
	}
	return func(name string, open drivers.Opener, tell func(drivers.Told)) (drivers.Device, error) {
		return d.Reader(rfid.Settings{
			Name: name, Open: open, Antennas: []int{1},
			Sink: func(r rfid.Read) { tell(drivers.Told{Text: r.EPC}) },
		})
	}
}

// Find returns the driver called name.
func Find(name string) (Driver, bool) {
	for _, d := range Drivers() {
		if d.Name == name {
			return d, true
		}
	}
	return Driver{}, false
}

// Names lists the drivers of one kind, in order.
func Names(kind Kind) []string {
	var names []string
	for _, d := range Drivers() {
		if d.Kind == kind {
			names = append(names, d.Name)
		}
	}
	return names
}
