// Package supervise keeps the parts of a gateway running: it calls each
// part's run function in a goroutine of its own, and calls it again after a
// jittered, growing pause when it fails. A panic is a failure of the part, not
// of the process.
//
// One goroutine per part, owned by the Supervisor; Close ends them all, the
// last started first. Time is the process's (tests use testing/synctest),
// chance is injected.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"
)

// State is where a part stands.
type State string

// The states of a part.
const (
	Running State = "running" // its function is running
	Waiting State = "waiting" // it failed and is called again at RetryAt
	Ended   State = "ended"   // its function returned without an error: it is done
	Stopped State = "stopped" // it was stopped from outside
)

var (
	// ErrClosed: the supervisor takes no parts any more.
	ErrClosed = errors.New("supervise: closed")
	// ErrName: a part of this name is there already, or the name is empty.
	ErrName = errors.New("supervise: name is empty or in use")
	// ErrPanic: the part's function panicked.
	ErrPanic = errors.New("supervise: panic")
)

// Backoff says how long to wait before a part is called again: First, then
// twice as long each time up to Most, each time between half and the whole of
// it by chance. A part that ran for Healthy starts again at First.
type Backoff struct {
	First, Most, Healthy time.Duration
}

// DefaultBackoff is the pace of parts without WithBackoff.
func DefaultBackoff() Backoff {
	return Backoff{First: 500 * time.Millisecond, Most: 30 * time.Second, Healthy: 30 * time.Second}
}

// DeviceBackoff is quicker: a person who has just plugged a scanner in again
// does not want to wait.
func DeviceBackoff() Backoff {
	return Backoff{First: 250 * time.Millisecond, Most: 2 * time.Second, Healthy: 10 * time.Second}
}

// Status is one line of the table of parts.
type Status struct {
	Name     string
	State    State
	Since    time.Time // when State last changed
	Restarts int       // times it was called again
	Err      error     // why it last failed; nil when it never did
	RetryAt  time.Time // when it is called again; zero unless waiting
}

// Config of a Supervisor.
type Config struct {
	Log  *slog.Logger   // nil = silent
	Rand func() float64 // chance in [0,1); nil = math/rand
}

// Supervisor runs parts. It is safe for concurrent use.
type Supervisor struct {
	cfg Config

	mu     sync.Mutex
	parts  []*part // in order of start
	closed bool
}

// New returns a supervisor without parts.
func New(cfg Config) *Supervisor {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	return &Supervisor{cfg: cfg}
}

// Option changes how one part is run.
type Option func(*part)

// WithBackoff sets the pauses of a part.
func WithBackoff(b Backoff) Option { return func(p *part) { p.backoff = b } }

// Device is for parts that are device drivers: quick retries, and no log lines
// for their comings and goings, which the driver itself tells once each.
func Device() Option {
	return func(p *part) { p.backoff, p.quiet = DeviceBackoff(), true }
}

// Go starts a part. run blocks until ctx is done or it fails; it is called
// again after a failure and never twice at a time. Returning nil ends it.
func (s *Supervisor) Go(name string, run func(ctx context.Context) error, opts ...Option) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("%w: %s", ErrClosed, name)
	}
	for i, p := range s.parts {
		if p.name != name {
			continue
		}
		if st := p.snapshot().State; st != Ended && st != Stopped {
			return fmt.Errorf("%w: %q", ErrName, name)
		}
		s.parts = append(s.parts[:i:i], s.parts[i+1:]...)
		break
	}
	if name == "" {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	p := &part{
		name: name, run: run, backoff: DefaultBackoff(), cfg: s.cfg, done: make(chan struct{}),
		status: Status{Name: name, State: Running, Since: time.Now()},
	}
	for _, o := range opts {
		o(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	s.parts = append(s.parts, p)
	go p.loop(ctx)
	return nil
}

// Stop ends one part and waits for it. Unknown names are ignored.
func (s *Supervisor) Stop(name string) {
	if p := s.find(name); p != nil {
		p.stop()
	}
}

// Close ends all parts, the last started first, each before the next, and
// waits. Afterwards Go fails with ErrClosed.
func (s *Supervisor) Close() {
	s.mu.Lock()
	s.closed = true
	parts := append([]*part(nil), s.parts...)
	s.mu.Unlock()
	for i := len(parts) - 1; i >= 0; i-- {
		parts[i].stop()
	}
}

// Status gives the table of parts, in order of start.
func (s *Supervisor) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	table := make([]Status, 0, len(s.parts))
	for _, p := range s.parts {
		table = append(table, p.snapshot())
	}
	return table
}

func (s *Supervisor) find(name string) *part {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parts {
		if p.name == name {
			return p
		}
	}
	return nil
}

// part is one supervised function.
type part struct {
	name    string
	run     func(context.Context) error
	backoff Backoff
	quiet   bool
	cfg     Config
	cancel  context.CancelFunc
	done    chan struct{}

	mu     sync.Mutex
	status Status
}

func (p *part) stop() {
	p.cancel()
	<-p.done
}

func (p *part) snapshot() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

func (p *part) loop(ctx context.Context) {
	defer close(p.done)
	defer p.cancel()
	for failures := 0; ; failures++ {
		started := time.Now()
		err := p.call(ctx)
		switch {
		case ctx.Err() != nil:
			p.set(Stopped, nil, 0, true)
			return
		case err == nil:
			p.set(Ended, nil, 0, true)
			return
		}
		if time.Since(started) >= p.backoff.Healthy {
			failures = 0
		}
		pause := p.backoff.pause(failures, p.cfg.Rand())
		p.set(Waiting, err, pause, failures == 0)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			p.set(Running, nil, 0, false)
		case <-ctx.Done():
			timer.Stop()
			p.set(Stopped, nil, 0, true)
			return
		}
	}
}

// panicError keeps the stack for the log, out of the sentence.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
func (e *panicError) Unwrap() error { return ErrPanic }

// call runs the part once, turning a panic into an error.
func (p *part) call(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v, debug.Stack()}
		}
	}()
	return p.run(ctx)
}

// pause is the n-th pause in a row, n from 0, with chance in [0,1).
func (b Backoff) pause(n int, chance float64) time.Duration {
	d := b.First
	for ; n > 0 && d < b.Most; n-- {
		d *= 2
	}
	d = min(d, b.Most)
	return d/2 + time.Duration(chance*float64(d-d/2))
}

// set moves to a state and tells of it once. A part that keeps failing for the
// same reason is no news: its first failure of a row is logged as a warning,
// the rest and the retries at debug level.
func (p *part) set(s State, err error, pause time.Duration, news bool) {
	now := time.Now()
	p.mu.Lock()
	old := p.status
	p.status.State, p.status.Since, p.status.RetryAt = s, now, time.Time{}
	switch s {
	case Waiting:
		p.status.Err, p.status.RetryAt = err, now.Add(pause)
	case Running:
		p.status.Restarts++
	}
	p.mu.Unlock()

	var panicked *panicError
	level := slog.LevelDebug
	switch {
	case s == Waiting && !news && old.Err != nil && old.Err.Error() == err.Error():
	case errors.As(err, &panicked):
		level = slog.LevelError // a programming error: a human must act
	case p.quiet:
	case s == Waiting:
		level = slog.LevelWarn
	case s == Stopped || s == Ended:
		level = slog.LevelInfo
	}
	args := []any{"part", p.name, "from", string(old.State)}
	if err != nil {
		args = append(args, "err", err)
	}
	if panicked != nil {
		args = append(args, "stack", string(panicked.stack))
	}
	if s == Waiting {
		args = append(args, "retry_in", pause)
	}
	p.cfg.Log.Log(context.Background(), level, "part "+string(s), args...)
}
