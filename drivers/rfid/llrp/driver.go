// Package llrp drives fixed RFID readers that speak LLRP over TCP (Impinj,
// Zebra and others), port 5084. The codec is in package wire.
//
// LLRP 1.0.1 is spoken; 1.1 only when it is configured, because a reader that
// does not know it need not answer. What readers send is taken in any version.
//
// The goroutine that calls Run owns the session and also calls Config.Sink:
// reports are worked through in the order in which they came. Lines and its
// users may be called from anywhere.
package llrp

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
	"tote/drivers/rfid/llrp/wire"
)

// DriverName is this driver's name in the table of drivers.
const DriverName = "llrp"

// Port is where readers listen.
const Port = 5084

// Versions of the protocol that may be configured.
const (
	Version101 = "1.0.1"
	Version11  = "1.1"
)

// Defaults.
const (
	DefaultKeepalive = 10 * time.Second
	DefaultGreeting  = 15 * time.Second
	DefaultAnswer    = 5 * time.Second
	DefaultSkew      = 5 * time.Second
)

// Config of one reader.
type Config struct {
	Name     string          // as shown to people, e.g. "dock1/rfid"
	Open     drivers.Opener  // how to reach it; must drop no byte (tcpport.Config.Hold)
	Sink     func(rfid.Read) // gets every read, from Run's goroutine; must not block
	Antennas []int           // ports to read with, from 1; empty = all the reader has
	Power    int             // dBm; 0 leaves what the reader has
	Version  string          // of LLRP: "1.0.1" (default) or "1.1"

	Keepalive time.Duration // how often the reader shall say that it is there; 1 s to 1 h, default 10 s
	Greeting  time.Duration // for its first word after the connection is made; default 15 s
	Answer    time.Duration // for each answer; at least 10 ms, default 5 s
	Skew      time.Duration // its clock may differ so much from ours; at least 100 ms, default 5 s

	Now      func() time.Time     // nil = time.Now
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Driver is one reader.
type Driver struct {
	cfg      Config
	tracker  *drivers.Tracker
	identity atomic.Pointer[drivers.Identity]
	lines    lines
	epcs     epcs
	doubt    bool          // silence ended the last session: ready only after a sign of life
	pace     time.Duration // before the next connection; 0 = at once
	stats    struct{ reads, reports, blank, stale, bad, unread, keepalives, drops, sessions atomic.Uint64 }
}

// Stats counts since New.
type Stats struct {
	Sessions   uint64 // set up whole
	Reports    uint64 // messages with tags
	Reads      uint64 // delivered to the sink
	Blank      uint64 // tags without an EPC
	Stale      uint64 // tags seen before this session: of another client, or out of the reader's buffer
	Bad        uint64 // messages that contradict themselves
	Unread     uint64 // tags of which something unknown was left out
	Keepalives uint64 // answered
	Drops      uint64 // connections given up because the reader had gone silent
}

// New checks the configuration; it touches no hardware.
func New(cfg Config) (*Driver, error) {
	cfg = cfg.filled()
	switch {
	case cfg.Name == "":
		return nil, errors.New("llrp: a name is needed")
	case cfg.Open == nil || cfg.Sink == nil:
		return nil, fmt.Errorf("llrp %s: a port and a sink are needed", cfg.Name)
	case cfg.Version != Version101 && cfg.Version != Version11:
		return nil, fmt.Errorf("llrp %s: version %q, want %s or %s", cfg.Name, cfg.Version, Version101, Version11)
	case cfg.Power < 0 || cfg.Power > 36:
		return nil, fmt.Errorf("llrp %s: power %d dBm, want 1 to 36", cfg.Name, cfg.Power)
	case cfg.Keepalive < time.Second || cfg.Keepalive > time.Hour:
		return nil, fmt.Errorf("llrp %s: keepalive %v, want 1s to 1h", cfg.Name, cfg.Keepalive)
	case cfg.Greeting < 10*time.Millisecond || cfg.Answer < 10*time.Millisecond || cfg.Skew < 100*time.Millisecond:
		return nil, fmt.Errorf("llrp %s: greeting %v, answer %v, skew %v: too short", cfg.Name, cfg.Greeting, cfg.Answer, cfg.Skew)
	}
	for i, a := range cfg.Antennas {
		if a < 1 || a > 0xFFFF || slices.Contains(cfg.Antennas[:i], a) {
			return nil, fmt.Errorf("llrp %s: antennas %v: want different ports from 1", cfg.Name, cfg.Antennas)
		}
	}
	d := &Driver{cfg: cfg, tracker: drivers.NewTracker(cfg.Name, DriverName, cfg.Log, cfg.OnStatus)}
	d.lines.news = make(chan struct{})
	return d, nil
}

func (c Config) filled() Config {
	c.Antennas = slices.Clone(c.Antennas)
	fill(&c.Version, Version101)
	fill(&c.Keepalive, DefaultKeepalive)
	fill(&c.Greeting, DefaultGreeting)
	fill(&c.Answer, DefaultAnswer)
	fill(&c.Skew, DefaultSkew)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
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

// Identity is what the reader said of itself, empty before it did.
func (d *Driver) Identity() drivers.Identity {
	if id := d.identity.Load(); id != nil {
		return *id
	}
	return drivers.Identity{}
}

// Stats gives the counters.
func (d *Driver) Stats() Stats {
	s := &d.stats
	return Stats{
		Sessions: s.sessions.Load(), Reports: s.reports.Load(), Reads: s.reads.Load(), Blank: s.blank.Load(), Stale: s.stale.Load(),
		Bad: s.bad.Load(), Unread: s.unread.Load(), Keepalives: s.keepalives.Load(), Drops: s.drops.Load(),
	}
}

// A reader that is held by another program, or refuses its settings, is not
// asked again at once: each attempt costs it a connection, and both need a
// person.
const (
	firstPace = 5 * time.Second
	mostPace  = time.Minute
)

// Run connects and reads tags until the reader is gone (an error) or ctx is done
// (nil). It may be called again, not twice at a time.
func (d *Driver) Run(ctx context.Context) error {
	if d.pace > 0 {
		wait := time.NewTimer(d.pace)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			d.tracker.Set(drivers.Absent, "", "stopped")
			return nil
		}
	}
	err := d.tracker.Session(ctx, d.cfg.Open, d.serve)
	switch drivers.CodeOf(err) {
	case drivers.CodeLLRPHeld, drivers.CodeRFIDRefuses, drivers.CodeLLRPError:
		d.pace = min(mostPace, max(firstPace, 2*d.pace))
	default:
		d.pace = 0
	}
	return err
}

// serve is one session on an open connection.
func (d *Driver) serve(ctx context.Context, port drivers.Port) error {
	s := &session{d: d, port: port, ctx: ctx, version: wire.Version101, missing: map[int]bool{}, began: d.cfg.Now()}
	defer s.end()
	err := s.setUp(ctx)
	if err == nil {
		d.stats.sessions.Add(1)
		err = s.read(ctx)
	}
	switch {
	case ctx.Err() != nil:
		s.farewell(ctx)
		return ctx.Err()
	case drivers.CodeOf(err) == drivers.CodeLLRPSilent:
		d.doubt = true
		d.stats.drops.Add(1)
	}
	return err
}

// fault sets the state with a sentence that says more than the table, and gives
// the error that ends the session.
func (d *Driver) fault(code, text string) error {
	d.tracker.Set(drivers.Degraded, code, text)
	return fmt.Errorf("%s: %w", text, drivers.Coded(code))
}
