// Package r2000 drives UHF RFID readers of the Impinj R2000 family (Invelion,
// Yanzeng, YR8900 and others) on a serial line, 115200 8N1. Wire reference: UHF
// RFID Reader Serial Interface Protocol V3; packets begin with A0 and sum to 0.
//
// The reader works in rounds that the driver starts one after the other:
// real-time inventory with one antenna, fast switch with several. There is
// nothing to switch off: when Run ends, so does the reading.
//
// The goroutine that calls Run owns the session; it also calls Config.Sink.
package r2000

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
)

// DriverName is this driver's name in the table of drivers.
const DriverName = "r2000"

// Defaults.
const (
	DefaultAddress    = 1
	DefaultPorts      = 4
	DefaultRSSIOffset = -129
	DefaultAnswer     = 500 * time.Millisecond
	DefaultSilence    = 2 * time.Second
	DefaultRetry      = time.Second
	// Baud is the rate these readers are delivered with.
	Baud = 115200
)

// MaxPower is the most a reader of this family can send, dBm. What is allowed
// depends on the country and the antenna.
const MaxPower = 33

// Config of one reader.
type Config struct {
	Name     string          // as shown to people, e.g. "rfid/dock1"
	Open     drivers.Opener  // how to reach it
	Sink     func(rfid.Read) // gets every read, from Run's goroutine; must not block
	Antennas []int           // ports to read with, in this order, from 1; default the first
	Ports    int             // how many the reader has: 4 (default) or 8
	Power    int             // dBm, 1..33; 0 leaves what the reader has
	Address  int             // of the reader on its line; default 1; 255 takes whichever answers

	RSSIOffset int           // dBm = byte + offset, differs by firmware; default -129
	Answer     time.Duration // for one answer, and between two reports of a round; default 500 ms, at least 10 ms
	Silence    time.Duration // without any report: the reader is reset; default 2 s, at least Answer
	Retry      time.Duration // after a refusal, a missing antenna or a reset; default 1 s

	Now      func() time.Time     // nil = time.Now
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Driver is one reader.
type Driver struct {
	cfg      Config
	tracker  *drivers.Tracker
	firmware atomic.Pointer[string]
	stats    struct{ reads, rounds, bad, blank, late, resets, missing atomic.Uint64 }
}

// Stats counts since New.
type Stats struct {
	Reads   uint64 // delivered to the sink
	Rounds  uint64 // ended by the reader
	Bad     uint64 // runs of bytes that were no packet, and packets that contradict themselves
	Blank   uint64 // tags without an EPC
	Late    uint64 // rounds started anew because their end did not come
	Resets  uint64 // the reader was silent and was reset
	Missing uint64 // times that an antenna was reported missing
}

// New checks the configuration; it touches no hardware.
func New(cfg Config) (*Driver, error) {
	cfg = cfg.filled()
	switch {
	case cfg.Name == "":
		return nil, errors.New("r2000: a name is needed")
	case cfg.Open == nil || cfg.Sink == nil:
		return nil, fmt.Errorf("r2000 %s: a port and a sink are needed", cfg.Name)
	case cfg.Ports != 4 && cfg.Ports != 8:
		return nil, fmt.Errorf("r2000 %s: %d ports, there are readers with 4 and 8", cfg.Name, cfg.Ports)
	case cfg.Power < 0 || cfg.Power > MaxPower:
		return nil, fmt.Errorf("r2000 %s: power %d dBm, want 1 to %d", cfg.Name, cfg.Power, MaxPower)
	case cfg.Address < 0 || cfg.Address > AddrBroadcast:
		return nil, fmt.Errorf("r2000 %s: address %d, want 0 to 255", cfg.Name, cfg.Address)
	case cfg.Answer < 10*time.Millisecond || cfg.Silence < cfg.Answer || cfg.Retry < 10*time.Millisecond:
		return nil, fmt.Errorf("r2000 %s: answer %v, silence %v, retry %v: want at least 10ms, and silence not below answer",
			cfg.Name, cfg.Answer, cfg.Silence, cfg.Retry)
	}
	for i, a := range cfg.Antennas {
		if a < 1 || a > cfg.Ports || slices.Contains(cfg.Antennas[:i], a) {
			return nil, fmt.Errorf("r2000 %s: antennas %v: want different ports from 1 to %d", cfg.Name, cfg.Antennas, cfg.Ports)
		}
	}
	return &Driver{cfg: cfg, tracker: drivers.NewTracker(cfg.Name, DriverName, cfg.Log, cfg.OnStatus)}, nil
}

func (c Config) filled() Config {
	if len(c.Antennas) == 0 {
		c.Antennas = []int{1}
	}
	c.Antennas = slices.Clone(c.Antennas)
	fill(&c.Ports, DefaultPorts)
	fill(&c.Address, DefaultAddress)
	fill(&c.RSSIOffset, DefaultRSSIOffset)
	fill(&c.Answer, DefaultAnswer)
	fill(&c.Silence, max(DefaultSilence, c.Answer))
	fill(&c.Retry, DefaultRetry)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func fill[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}

// Status gives the state of the reader.
func (d *Driver) Status() drivers.Status { return d.tracker.Status() }

// Firmware is what the reader calls its version, "1.9", or "" before it told.
func (d *Driver) Firmware() string {
	if v := d.firmware.Load(); v != nil {
		return *v
	}
	return ""
}

// Stats gives the counters.
func (d *Driver) Stats() Stats {
	s := &d.stats
	return Stats{
		s.reads.Load(), s.rounds.Load(), s.bad.Load(), s.blank.Load(), s.late.Load(), s.resets.Load(), s.missing.Load(),
	}
}

// Run opens the port and reads tags until the reader is gone (an error) or ctx
// is done (nil). It may be called again, not twice at a time.
func (d *Driver) Run(ctx context.Context) error {
	return d.tracker.Session(ctx, d.cfg.Open, d.serve)
}

// resetLimit is how many resets in a row may be in vain until the port is
// opened anew: a converter in between may need that.
const resetLimit = 3

// serve sets the reader up and keeps it reading; whenever that ends, the reader
// is set up again, after a reset if it was silent.
func (d *Driver) serve(ctx context.Context, port drivers.Port) error {
	s := &session{d: d, port: port}
	for {
		code, err := s.setUp(ctx)
		if err == nil && code == "" {
			code, err = s.inventory(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
		d.tracker.Set(drivers.Degraded, code, "")
		if code == drivers.CodeRFIDSilent || code == drivers.CodeRFIDUnreadable {
			if s.resets++; s.resets > resetLimit {
				return fmt.Errorf("after %d resets: %w", resetLimit, drivers.Coded(code))
			}
			d.stats.resets.Add(1)
			// Its answer, if it gives one, is of no use.
			if err := s.write(ctx, CmdReset); err != nil {
				return err
			}
		}
		if err := s.pause(ctx, d.cfg.Retry); err != nil {
			return err
		}
	}
}
