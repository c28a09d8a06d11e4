// Package scale drives scales that speak MT-SICS (Mettler Toledo and the many
// that emulate it), polling the weight with SI. Wire reference: MT-SICS
// reference manual, level 0; 9600 8N1, CR LF, case-sensitive ASCII.
//
// The goroutine that calls Run owns the session; it also calls Config.Sink.
package scale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tote/drivers"
)

// DriverName is this driver's name in the table of drivers.
const DriverName = "mt-sics"

// Defaults of polling.
const (
	DefaultInterval = 100 * time.Millisecond
	DefaultTimeout  = 300 * time.Millisecond
)

const (
	missLimit   = 3  // bad polls in a row until the scale is degraded
	reopenLimit = 20 // silent polls in a row until the port is opened anew
)

// errSilent ends a session whose scale has stopped answering: a converter in
// between may need the port opened anew. The device stays degraded.
var errSilent = errors.New("the scale does not answer")

// Config of one scale.
type Config struct {
	Name     string               // as shown to people, e.g. "scale/pack1"
	Open     drivers.Opener       // how to reach it
	Sink     func(Reading)        // gets every reading, from Run's goroutine; must not block
	Interval time.Duration        // between two questions; default 100 ms, at least 10 ms
	Timeout  time.Duration        // for one answer; default 300 ms
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Driver is one scale.
type Driver struct {
	cfg     Config
	tracker *drivers.Tracker
	stats   struct{ readings, timeouts, garbage, late atomic.Uint64 }
}

// Stats counts since New.
type Stats struct {
	Readings uint64 // delivered to the sink
	Timeouts uint64 // questions without an answer
	Garbage  uint64 // lines that were no answer
	Late     uint64 // times that bytes were thrown away because they came after their question's time
}

// New checks the configuration; it touches no hardware.
func New(cfg Config) (*Driver, error) {
	if cfg.Interval == 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	switch {
	case cfg.Name == "":
		return nil, errors.New("scale: a name is needed")
	case cfg.Open == nil || cfg.Sink == nil:
		return nil, fmt.Errorf("scale %s: a port and a sink are needed", cfg.Name)
	case cfg.Interval < 10*time.Millisecond || cfg.Timeout < 10*time.Millisecond:
		return nil, fmt.Errorf("scale %s: interval %v and timeout %v must be at least 10ms", cfg.Name, cfg.Interval, cfg.Timeout)
	}
	return &Driver{cfg: cfg, tracker: drivers.NewTracker(cfg.Name, DriverName, cfg.Log, cfg.OnStatus)}, nil
}

// Status gives the state of the scale.
func (d *Driver) Status() drivers.Status { return d.tracker.Status() }

// Stats gives the counters.
func (d *Driver) Stats() Stats {
	return Stats{d.stats.readings.Load(), d.stats.timeouts.Load(), d.stats.garbage.Load(), d.stats.late.Load()}
}

// Run opens the port and polls until the scale is gone (an error) or ctx is
// done (nil). It may be called again, not twice at a time.
func (d *Driver) Run(ctx context.Context) error {
	return d.tracker.Session(ctx, d.cfg.Open, d.serve)
}

func (d *Driver) serve(ctx context.Context, port drivers.Port) error {
	tick := time.NewTicker(d.cfg.Interval)
	defer tick.Stop()
	var s session
	for {
		code, err := d.poll(ctx, port, &s)
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case code == "":
			s.misses, s.silent = 0, 0
			d.tracker.Set(drivers.Ready, "", "the scale answers")
		default:
			s.misses++
			if code == drivers.CodeScaleSilent {
				s.silent++
			} else {
				s.silent = 0
			}
			if s.misses >= missLimit {
				d.tracker.Set(drivers.Degraded, code, "")
			}
			if s.silent >= reopenLimit {
				return fmt.Errorf("%w: %w", errSilent, drivers.Coded(drivers.CodeScaleSilent))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// session is what is kept between polls of one open port.
type session struct {
	framer Framer
	misses int // polls in a row without a usable answer
	silent int // of these, those without any answer
}

// poll asks once. It returns the code of what went wrong, "" for an answer
// that was delivered; the error is the port's.
func (d *Driver) poll(ctx context.Context, port drivers.Port, s *session) (code string, err error) {
	late, err := drivers.Discard(port)
	if err != nil {
		return "", err
	}
	if late > 0 {
		d.stats.late.Add(1)
	}
	s.framer.Reset()
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	// A line that takes nothing counts as no answer, as long as it lives.
	if _, err := port.Write(ctx, []byte(Ask)); err != nil {
		return d.missed(ctx, err)
	}
	code = drivers.CodeScaleSilent
	done := false
	var buf [256]byte
	for !done {
		n, err := drivers.Receive(ctx, port, buf[:])
		if err != nil {
			if code == drivers.CodeScaleSilent {
				return d.missed(ctx, err)
			}
			if ctx.Err() != nil {
				return code, nil // there were lines, none of use
			}
			return "", err
		}
		s.framer.Push(buf[:n], func(line []byte, err error) {
			if done {
				return // a second answer to one question: the first counts
			}
			var a Answer
			if err == nil {
				a, err = Parse(line)
			}
			if err != nil {
				d.stats.garbage.Add(1)
				code = drivers.CodeScaleUnreadable
				return
			}
			if a.Kind == AnswerIrrelevant {
				return
			}
			code, done = d.deliver(a), true
		})
	}
	return code, nil
}

// missed sorts a failed read or write: time ran out, or the port failed.
func (d *Driver) missed(ctx context.Context, err error) (string, error) {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		d.stats.timeouts.Add(1)
		return drivers.CodeScaleSilent, nil
	}
	return "", err
}

// deliver turns an answer into a reading for the sink, or into a fault code.
func (d *Driver) deliver(a Answer) (code string) {
	r := Reading{At: time.Now()}
	switch a.Kind {
	case AnswerNotReady:
		return drivers.CodeScaleNotReady
	case AnswerSyntax, AnswerTransmit, AnswerLogic:
		return drivers.CodeScaleRefuses
	case AnswerOverload:
		r.Overload = true
	case AnswerUnderload:
		r.Underload = true
	case AnswerWeight:
		mg, ok := Milligrams(a.Value, a.Decimals, a.Unit)
		if !ok {
			return drivers.CodeScaleUnit
		}
		r.Value, r.Decimals, r.Unit = a.Value, a.Decimals, a.Unit
		r.Stable, r.Zero, r.Milligrams = a.Stable, a.Value == 0, mg
	}
	d.stats.readings.Add(1)
	d.cfg.Sink(r)
	return ""
}
