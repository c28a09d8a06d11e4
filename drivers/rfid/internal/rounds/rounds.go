// Package rounds is what the drivers of serial UHF readers have in common: a
// framer by length, questions and their answers, the loop in which the host
// starts one inventory after the other, and the watchdog around it. A family
// brings its codec, its settings and what a packet of a round means.
//
// The loop: set up → round after round; no report within Answer: the round is
// started anew; within Silence: the reader is reset and set up anew; three times
// in vain: Run ends and the port is opened anew.
//
// The goroutine that calls Run owns everything here but the counters.
package rounds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
)

const (
	// ResetLimit is how often in a row a silent reader is reset before its port
	// is opened anew.
	ResetLimit = 3
	// minRound is the shortest time between two rounds: a reader that ends
	// them at once must not keep a processor busy.
	minRound = 10 * time.Millisecond
	// failLimit is how many rounds in a row may fail until the reader is
	// degraded.
	failLimit = 3
	// stopLimit is how long the last command may take when Run's context is
	// done already.
	stopLimit = 100 * time.Millisecond
)

// Default times.
const (
	DefaultAnswer  = 500 * time.Millisecond
	DefaultSilence = 2 * time.Second
	DefaultRetry   = time.Second
)

// Config is what the driver of every family is made from.
type Config struct {
	Driver   string               // name in the table of drivers
	Name     string               // as shown to people, e.g. "dock1/rfid"
	Open     drivers.Opener       // how to reach it
	Sink     func(rfid.Read)      // gets every read, from Run's goroutine; must not block
	Antennas int                  // how many it reads with: when all are missing nothing can be read
	Answer   time.Duration        // for one answer, and between two reports of a round; default 500 ms, at least 10 ms
	Silence  time.Duration        // without any report: the reader is reset; default 2 s, at least Answer
	Retry    time.Duration        // after a refusal, a missing antenna or a reset; default 1 s
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block

	Packet Packet                 // of the family
	Mine   func(wire []byte) bool // whether a packet comes from our reader; nil = all do
}

// Family is one family of readers. Its methods are called by Run's goroutine.
type Family interface {
	// SetUp asks who is there and makes the settings that are other than they
	// should be. It gives the code of what is wrong, "" when the reader can
	// read; the error is the port's or that of ctx.
	SetUp(ctx context.Context, l *Line) (code string, err error)
	// Start gives the command for the next round, nil when the reader goes on by
	// itself. lost says that the last one did not end as it should, or that
	// there was none.
	Start(lost bool) []byte
	// Report takes a packet that came in a round.
	Report(wire []byte, r *Round)
	// Reset gives the command that makes a silent reader begin anew, nil when
	// the family has none.
	Reset() []byte
	// Stop gives the command that ends reading when Run ends, nil when reading
	// ends by itself.
	Stop() []byte
	// Version is what the reader calls itself, for people; "" before it told.
	Version() string
}

// Round gathers what one round says.
type Round struct {
	Over    bool   // it has ended, well or not
	Code    string // of what keeps the reader from reading at all
	Failed  bool   // it failed; three in a row and the reader is degraded
	Missing []int  // antennas that are not connected; the others go on
	Warning string // code of what is wrong while it reads all the same
	Ignore  bool   // the packet was none of a round
	frames  int
}

// stats are the counters behind Stats.
type stats struct {
	reads, rounds, bad, blank, late, resets, missing, damaged atomic.Uint64
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
	Damaged uint64 // percent of the last 200 packets that arrived damaged
}

// Driver runs one reader.
type Driver struct {
	cfg     Config
	family  Family
	tracker *drivers.Tracker
	stats   stats
}

// New checks the configuration; it touches no hardware.
func New(cfg Config, family Family) (*Driver, error) {
	fill(&cfg.Answer, DefaultAnswer)
	fill(&cfg.Silence, max(DefaultSilence, cfg.Answer))
	fill(&cfg.Retry, DefaultRetry)
	switch {
	case cfg.Name == "":
		return nil, fmt.Errorf("%s: a name is needed", cfg.Driver)
	case cfg.Open == nil || cfg.Sink == nil:
		return nil, fmt.Errorf("%s %s: a port and a sink are needed", cfg.Driver, cfg.Name)
	case cfg.Answer < 10*time.Millisecond || cfg.Silence < cfg.Answer || cfg.Retry < 10*time.Millisecond:
		return nil, fmt.Errorf("%s %s: answer %v, silence %v, retry %v: want at least 10ms, and silence not below answer",
			cfg.Driver, cfg.Name, cfg.Answer, cfg.Silence, cfg.Retry)
	}
	return &Driver{cfg: cfg, family: family, tracker: drivers.NewTracker(cfg.Name, cfg.Driver, cfg.Log, cfg.OnStatus)}, nil
}

func fill(v *time.Duration, standard time.Duration) {
	if *v == 0 {
		*v = standard
	}
}

// Status gives the state of the reader.
func (d *Driver) Status() drivers.Status { return d.tracker.Status() }

// Stats gives the counters.
func (d *Driver) Stats() Stats {
	s := &d.stats
	return Stats{
		s.reads.Load(), s.rounds.Load(), s.bad.Load(), s.blank.Load(), s.late.Load(), s.resets.Load(), s.missing.Load(),
		s.damaged.Load(),
	}
}

// Deliver hands a read to the sink. A tag without an EPC is only counted.
func (d *Driver) Deliver(r rfid.Read) {
	if r.EPC == "" {
		d.stats.blank.Add(1)
		return
	}
	d.stats.reads.Add(1)
	d.cfg.Sink(r)
}

// Contradicts counts a packet whose check is right and whose content cannot be.
func (d *Driver) Contradicts() { d.stats.bad.Add(1) }

// SetAnswer changes how long an answer may take, and Silence with it: some
// readers tell in SetUp how long their rounds are.
func (d *Driver) SetAnswer(t time.Duration) {
	d.cfg.Answer, d.cfg.Silence = t, max(d.cfg.Silence, t)
}

// Run opens the port and reads tags until the reader is gone (an error) or ctx
// is done (nil). It may be called again, not twice at a time.
func (d *Driver) Run(ctx context.Context) error {
	return d.tracker.Session(ctx, d.cfg.Open, d.serve)
}

func (d *Driver) serve(ctx context.Context, port drivers.Port) error {
	l := &Line{cfg: &d.cfg, stats: &d.stats, port: port, framer: NewFramer(d.cfg.Packet)}
	if d.family.Stop() != nil {
		defer func() {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
			defer cancel()
			_ = l.Write(last, d.family.Stop()) // whether it is heard cannot matter any more
		}()
	}
	resets := 0
	for {
		code, err := "", l.Clear()
		if err == nil {
			code, err = d.family.SetUp(ctx, l)
		}
		if err == nil && code == "" {
			code, err = d.inventory(ctx, l, &resets)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
		d.tracker.Set(drivers.Degraded, code, "")
		if code == drivers.CodeRFIDSilent || code == drivers.CodeRFIDUnreadable {
			if resets++; resets > ResetLimit {
				return fmt.Errorf("after %d resets: %w", ResetLimit, drivers.Coded(code))
			}
			d.stats.resets.Add(1)
			// Its answer, if it gives one, is of no use.
			if reset := d.family.Reset(); reset != nil {
				if err := l.Write(ctx, reset); err != nil {
					return err
				}
			}
		}
		if err := l.pause(ctx, d.cfg.Retry); err != nil {
			return err
		}
	}
}

// inventory runs round after round until something is wrong and returns its
// code. A missing antenna among several does not end it. resets is set to 0
// when a round goes through.
func (d *Driver) inventory(ctx context.Context, l *Line, resets *int) (code string, err error) {
	heard, fails, lost := time.Now(), 0, true
	for {
		began := time.Now()
		start := d.family.Start(lost)
		if start != nil {
			if err := l.Write(ctx, start); err != nil {
				return "", err
			}
		}
		var r Round
		if err := d.round(ctx, l, &r, &heard); err != nil {
			return "", err
		}
		lost = !r.Over || r.Failed
		switch {
		case !r.Over:
			d.stats.late.Add(1)
			if r.frames > 0 {
				d.reading(l, &r) // only the end was lost
			}
			if time.Since(heard) >= d.cfg.Silence {
				return l.silent(), nil
			}
			continue
		case r.Code != "":
			if r.Code == drivers.CodeRFIDAntenna {
				d.stats.missing.Add(1)
			}
			return r.Code, nil
		case r.Failed:
			if fails++; fails >= failLimit {
				return drivers.CodeRFIDInventory, nil
			}
		default:
			*resets, fails = 0, 0
			d.stats.rounds.Add(1)
			d.reading(l, &r)
			if len(r.Missing) > 0 && len(r.Missing) >= d.cfg.Antennas {
				return drivers.CodeRFIDAntenna, nil
			}
		}
		if start == nil {
			continue
		}
		select {
		case <-time.After(minRound - time.Since(began)):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// round listens until the round is over, or nothing comes for too long.
func (d *Driver) round(ctx context.Context, l *Line, r *Round, heard *time.Time) error {
	began := time.Now()
	for quiet := began; !r.Over && time.Since(quiet) < d.cfg.Answer && time.Since(began) < d.cfg.Silence; {
		before := r.frames
		_, err := l.receive(ctx, d.cfg.Answer-time.Since(quiet), func(wire []byte) {
			d.family.Report(wire, r)
			if !r.Ignore {
				r.frames++
			}
			r.Ignore = false
		})
		if err != nil {
			return err
		}
		if r.frames > before {
			quiet = time.Now()
			*heard = quiet
		}
	}
	return nil
}

// reading sets the state after a round that went through.
func (d *Driver) reading(l *Line, r *Round) {
	d.stats.missing.Add(uint64(len(r.Missing)))
	switch {
	case len(r.Missing) > 0:
		d.tracker.Set(drivers.Degraded, drivers.CodeRFIDAntenna,
			fmt.Sprintf("antenna %s is not connected or broken", strings.Trim(fmt.Sprint(r.Missing), "[]")))
	case r.Warning != "":
		d.tracker.Set(drivers.Degraded, r.Warning, "")
	case l.damagedNow:
		d.tracker.Set(drivers.Degraded, drivers.CodeRFIDDamaged,
			fmt.Sprintf("%d %% of its packets arrive damaged", d.stats.damaged.Load()))
	default:
		d.tracker.Set(drivers.Ready, "", "the reader is reading, "+d.family.Version())
	}
}

// ErrAntennas: the antennas are not ports of such a reader.
var ErrAntennas = errors.New("want different ports")

// CheckAntennas tells whether all are different ports from 1 to ports.
func CheckAntennas(antennas []int, ports int) error {
	seen := map[int]bool{}
	for _, a := range antennas {
		if a < 1 || a > ports || seen[a] {
			return fmt.Errorf("antennas %v: %w from 1 to %d", antennas, ErrAntennas, ports)
		}
		seen[a] = true
	}
	return nil
}
