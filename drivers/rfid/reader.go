package rfid

import (
	"context"
	"log/slog"
	"time"

	"tote/drivers"
)

// Settings are what the driver of any reader is made from. What only one family
// has stays in that family's own configuration.
type Settings struct {
	Name     string         // as shown to people, e.g. "dock1/rfid"
	Open     drivers.Opener // how to reach it
	Sink     func(Read)     // gets every read, in order, from Run's goroutine; must not block
	Antennas []int          // ports to read with, from 1; empty = the family's default
	Power    int            // dBm; 0 leaves what the reader has
	Version  string         // of the protocol, for families that speak several; "" = the family's default
	// Barcode gets what a reader with an imager scans, from Run's goroutine: the
	// data, and the symbology by its maker's name. nil = nobody wants it; must
	// not block.
	Barcode  func(symbology, data string)
	Now      func() time.Time     // nil = time.Now
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Reader is the driver of one reader.
type Reader interface {
	// Run serves one session: it opens the port, reads until the reader is gone
	// (an error) or ctx is done (nil).
	Run(ctx context.Context) error
	Status() drivers.Status
}

// Maker makes the driver of a reader. It checks the settings and touches no
// hardware.
type Maker func(Settings) (Reader, error)
