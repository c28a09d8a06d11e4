// Package scale drives scales: one Driver runs any Protocol, which the packages
// below hold (sics, toledo, nci, aandd, kern, ohaus, pattern, hid). A protocol
// is polled, so that the screen follows the pan and a scale that never settles
// blocks nobody, or the scale talks by itself.
//
// The goroutine that calls Run owns the session; it also calls Config.Sink.
// Zero, Tare and ClearTare may be called from anywhere.
package scale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tote/drivers"
)

// Defaults of polling and listening.
const (
	DefaultInterval = 100 * time.Millisecond
	DefaultTimeout  = 300 * time.Millisecond
	DefaultSilence  = time.Second // of a scale that talks by itself
)

const (
	missLimit   = 3  // bad polls in a row until the scale is degraded
	reopenLimit = 20 // silent polls in a row until the port is opened anew
	// MaxWindow bounds Config.Window, in readings.
	MaxWindow = 50
)

// errSilent ends a session whose scale has stopped answering: a converter in
// between may need the port opened anew. The device stays degraded.
var errSilent = errors.New("the scale does not answer")

// Config of one scale.
type Config struct {
	Name     string         // as shown to people, e.g. "scale/pack1"
	Protocol Protocol       // how it talks
	Open     drivers.Opener // how to reach it
	Sink     func(Reading)  // gets every reading, from Run's goroutine; must not block

	Interval time.Duration // between two questions; default 100 ms, at least 10 ms
	Timeout  time.Duration // for one answer, default 300 ms; of a scale that talks by itself, how long it may be silent, default 1 s

	// Window is how many equal readings in a row, all stable by the scale's own
	// word, make a stable one, 1 to 50. It comes on top of that word and never
	// replaces it. 0 = what the protocol needs; less than that is no error and
	// changes nothing.
	Window int
	// DriftMg is how far from zero an empty scale may rest, in milligrams; more
	// raises CodeScaleDrift. 0 = nobody watches.
	DriftMg int64
	// EmptyMg is what may lie on a scale that counts as empty, in milligrams: it
	// bounds what Zero takes for zero, and what is taken for drift. 0 = 50 g.
	EmptyMg int64

	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Driver is one scale.
type Driver struct {
	cfg     Config
	tracker *drivers.Tracker
	stats   struct{ readings, timeouts, garbage, late atomic.Uint64 }

	orders chan *order // to Run, one at a time
	acting sync.Mutex  // held by who asks for zero or tare

	mu    sync.Mutex
	last  Reading       // newest
	heard chan struct{} // closed at the next reading
}

// Stats counts since New.
type Stats struct {
	Readings uint64 // delivered to the sink
	Timeouts uint64 // questions without an answer
	Garbage  uint64 // frames that were no answer
	Late     uint64 // times that bytes were thrown away because they came after their question's time
}

// New checks the configuration; it touches no hardware.
func New(cfg Config) (*Driver, error) {
	if cfg.Interval == 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = cfg.Protocol.timeout()
	}
	if cfg.EmptyMg == 0 {
		cfg.EmptyMg = 50_000
	}
	switch {
	case cfg.Name == "":
		return nil, errors.New("scale: a name is needed")
	case cfg.Open == nil || cfg.Sink == nil:
		return nil, fmt.Errorf("scale %s: a port and a sink are needed", cfg.Name)
	case cfg.Protocol.Name == "" || cfg.Protocol.Framer == nil || cfg.Protocol.Parse == nil:
		return nil, fmt.Errorf("scale %s: a protocol is needed", cfg.Name)
	case cfg.Interval < 10*time.Millisecond || cfg.Timeout < 10*time.Millisecond:
		return nil, fmt.Errorf("scale %s: interval %v and timeout %v must be at least 10ms", cfg.Name, cfg.Interval, cfg.Timeout)
	case cfg.Window < 0 || cfg.Window > MaxWindow:
		return nil, fmt.Errorf("scale %s: a window of %d is not in 1..%d", cfg.Name, cfg.Window, MaxWindow)
	case cfg.EmptyMg < 0 || cfg.DriftMg < 0 || cfg.DriftMg >= cfg.EmptyMg:
		return nil, fmt.Errorf("scale %s: a drift of %d mg must be less than the %d mg that count as empty", cfg.Name, cfg.DriftMg, cfg.EmptyMg)
	}
	cfg.Window = max(cfg.Window, cfg.Protocol.Window, 1)
	return &Driver{
		cfg: cfg, tracker: drivers.NewTracker(cfg.Name, cfg.Protocol.Name, cfg.Log, cfg.OnStatus),
		orders: make(chan *order, 1), heard: make(chan struct{}),
	}, nil
}

// Status gives the state of the scale.
func (d *Driver) Status() drivers.Status { return d.tracker.Status() }

// Stats gives the counters.
func (d *Driver) Stats() Stats {
	return Stats{d.stats.readings.Load(), d.stats.timeouts.Load(), d.stats.garbage.Load(), d.stats.late.Load()}
}

// Run opens the port and takes readings until the scale is gone (an error) or
// ctx is done (nil). It may be called again, not twice at a time.
func (d *Driver) Run(ctx context.Context) error {
	return d.tracker.Session(ctx, d.cfg.Open, d.serve)
}

// session is what is kept of one open port.
type session struct {
	framer Framer
	misses int        // polls in a row without a usable answer
	silent int        // of these, those without any answer
	skip   int        // frames still to be dropped: they may be older than the session
	kind   AnswerKind // of the newest answer
	alike  int        // how many in a row were of it
	steady steady
	drift  drift
	unit   string // last one told: unstable frames of some scales have none
}

func (d *Driver) serve(ctx context.Context, port drivers.Port) error {
	s := &session{
		framer: d.cfg.Protocol.Framer(), skip: d.cfg.Protocol.Stale,
		steady: steady{need: d.cfg.Window}, drift: drift{limit: d.cfg.DriftMg, empty: d.cfg.EmptyMg},
	}
	step := d.listen
	var tick <-chan time.Time
	if d.cfg.Protocol.Polled() {
		step = d.poll
		ticker := time.NewTicker(d.cfg.Interval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		if err := d.command(ctx, port); err != nil {
			return err
		}
		code, err := step(ctx, port, s)
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := d.account(s, code); err != nil {
			return err
		}
		if tick == nil {
			continue
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// account keeps the state after one poll or one stretch of listening, which
// ended with code, "" for an answer of use.
func (d *Driver) account(s *session, code string) error {
	if code == "" {
		s.misses, s.silent = 0, 0
		if s.drift.on {
			d.tracker.Set(drivers.Degraded, drivers.CodeScaleDrift, "")
		} else {
			d.tracker.Set(drivers.Ready, "", "the scale answers")
		}
		return nil
	}
	s.misses++
	s.silent++
	if code != drivers.CodeScaleSilent {
		s.silent = 0
	}
	s.steady.broken()
	if s.misses >= missLimit {
		d.tracker.Set(drivers.Degraded, code, "")
	}
	if s.silent >= reopenLimit {
		return fmt.Errorf("%w: %w", errSilent, drivers.Coded(drivers.CodeScaleSilent))
	}
	return nil
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
	if _, err := port.Write(ctx, []byte(d.cfg.Protocol.Ask)); err != nil {
		return d.missed(ctx, err)
	}
	return d.receive(ctx, port, s)
}

// listen takes what a talking scale says until something of use came.
func (d *Driver) listen(ctx context.Context, port drivers.Port, s *session) (code string, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	return d.receive(ctx, port, s)
}

// speech is so many bytes without a frame in them that it is no noise of the line:
// something speaks there, in another language or at another speed.
const speech = 8

// receive reads frames until one is of use or ctx is done. A second answer to
// one question does not count; a talking scale may say several things at once.
func (d *Driver) receive(ctx context.Context, port drivers.Port, s *session) (code string, err error) {
	code = drivers.CodeScaleSilent
	done, got := false, 0
	var buf [256]byte
	for !done {
		n, err := drivers.Receive(ctx, port, buf[:])
		got += n
		if err != nil {
			if code == drivers.CodeScaleSilent {
				if code, err = d.missed(ctx, err); code != "" && got >= speech {
					code = drivers.CodeScaleUnreadable
					d.stats.garbage.Add(1)
				}
				return code, err
			}
			if ctx.Err() != nil {
				return code, nil // there were frames, none of use
			}
			return "", err
		}
		s.framer.Push(buf[:n], func(frame []byte, err error) {
			got = 0
			if done && d.cfg.Protocol.Polled() {
				return
			}
			c, news := d.take(s, frame, err)
			switch {
			case done: // there was something of use already
			case news:
				code, done = c, c == "" || d.cfg.Protocol.Polled()
			case c != "":
				code = c
			}
		})
	}
	return code, nil
}

// take reads one frame. news is false for what is no answer to the question.
func (d *Driver) take(s *session, frame []byte, err error) (code string, news bool) {
	var a Answer
	if err == nil {
		a, err = d.cfg.Protocol.Parse(frame)
	}
	switch {
	case err != nil:
		d.stats.garbage.Add(1)
		return drivers.CodeScaleUnreadable, false
	case a.Kind == AnswerIrrelevant:
		return "", false
	case s.skip > 0:
		s.skip--
		return "", false
	}
	return d.deliver(s, a), true
}

// missed sorts a failed read or write: time ran out, or the port failed.
func (d *Driver) missed(ctx context.Context, err error) (string, error) {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		d.stats.timeouts.Add(1)
		return drivers.CodeScaleSilent, nil
	}
	return "", err
}

// refusals are the codes of answers that are no reading.
var refusals = map[AnswerKind]string{
	AnswerNotReady: drivers.CodeScaleNotReady,
	AnswerSyntax:   drivers.CodeScaleRefuses,
	AnswerTransmit: drivers.CodeScaleRefuses,
	AnswerLogic:    drivers.CodeScaleRefuses,
}

// deliver turns an answer into a reading for the sink, or into a fault code.
func (d *Driver) deliver(s *session, a Answer) (code string) {
	r := Reading{At: time.Now()}
	if a.Kind == s.kind {
		s.alike++
	} else {
		s.kind, s.alike = a.Kind, 1
	}
	switch a.Kind {
	case AnswerMoving:
		s.steady.broken()
		s.drift.broken()
		return ""
	case AnswerFault:
		return a.Code
	case AnswerOverload, AnswerUnderload:
		// On a wire without a checksum one flipped bit says so too.
		if s.alike < d.cfg.Protocol.Window {
			s.steady.broken()
			return ""
		}
		r.Overload, r.Underload = a.Kind == AnswerOverload, a.Kind == AnswerUnderload
	case AnswerWeight:
		if a.Unit == "" && !a.Stable {
			if a.Unit = s.unit; a.Unit == "" {
				s.steady.broken()
				return "" // it moves, and nobody knows yet in what unit
			}
		}
		mg, ok := Milligrams(a.Value, a.Decimals, a.Unit)
		if !ok {
			return drivers.CodeScaleUnit
		}
		s.unit = a.Unit
		r.Value, r.Decimals, r.Unit, r.Net, r.Tare = a.Value, a.Decimals, a.Unit, a.Net, a.Tare
		r.Stable, r.Zero, r.Milligrams = a.Stable, a.Value == 0, mg
	default:
		return refusals[a.Kind]
	}
	s.steady.see(&r)
	s.drift.see(&r)
	d.stats.readings.Add(1)
	d.mu.Lock()
	d.last = r
	close(d.heard)
	d.heard = make(chan struct{})
	d.mu.Unlock()
	d.cfg.Sink(r)
	return ""
}
