// Package printer drives label and receipt printers that speak ZPL II, TSPL,
// EPL2 or ESC/POS, over a serial line or TCP port 9100. What is printed is made
// by drivers/label; here it is a job of bytes, and the question is what became
// of it. Wire references: the file of each language.
//
// The goroutine that calls Run owns the port: it asks for the status while
// idle and carries out the jobs that Print hands to it, one at a time.
package printer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tote/drivers"
)

// DriverName is the name of the driver for ZPL in the table of drivers.
const DriverName = "zpl"

// Defaults of the driver's times.
const (
	DefaultIdlePoll   = 2 * time.Second
	DefaultJobPoll    = 150 * time.Millisecond
	DefaultAnswer     = 1500 * time.Millisecond
	DefaultBusyWait   = 5 * time.Second
	DefaultSilence    = 5 * time.Second
	DefaultJobTimeout = 30 * time.Second
)

const (
	missLimit   = 3 // status questions in a row without an answer until degraded
	reopenLimit = 6 // … until the port is opened anew
)

var errSilent = errors.New("the printer does not answer")

// Config of one printer. Zero times mean the default.
type Config struct {
	Name     string               // as shown to people, e.g. "printer/pack1"
	Open     drivers.Opener       // how to reach it
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
	Language Language             // ZPL when zero

	IdlePoll   time.Duration // between status questions while idle; 2 s
	JobPoll    time.Duration // between status questions during a job; 150 ms
	Answer     time.Duration // for one answer to ~HS; 1.5 s
	BusyWait   time.Duration // for another job to end before ours is refused; 5 s
	Silence    time.Duration // without any answer during a job: it may have lost power; 5 s
	JobTimeout time.Duration // from the first byte to the end of the job; 30 s
}

// Driver is one printer.
type Driver struct {
	cfg     Config
	tracker *drivers.Tracker

	marks    int          // jobs marked so far; of Run's goroutine
	answered func(Report) // called with each answer; tests listen here

	mu      sync.Mutex
	current *session // nil while no port is open
}

// New checks the configuration; it touches no hardware.
func New(cfg Config) (*Driver, error) {
	if cfg.Name == "" {
		return nil, errors.New("printer: a name is needed")
	}
	if cfg.Open == nil {
		return nil, fmt.Errorf("printer %s: a port is needed", cfg.Name)
	}
	for _, t := range []struct {
		value   *time.Duration
		initial time.Duration
	}{
		{&cfg.IdlePoll, DefaultIdlePoll},
		{&cfg.JobPoll, DefaultJobPoll},
		{&cfg.Answer, DefaultAnswer},
		{&cfg.BusyWait, DefaultBusyWait},
		{&cfg.Silence, DefaultSilence},
		{&cfg.JobTimeout, DefaultJobTimeout},
	} {
		if *t.value == 0 {
			*t.value = t.initial
		}
		if *t.value < 0 {
			return nil, fmt.Errorf("printer %s: negative time", cfg.Name)
		}
	}
	if cfg.Language.Name == "" {
		cfg.Language = ZPL
	}
	return &Driver{
		cfg: cfg, tracker: drivers.NewTracker(cfg.Name, cfg.Language.Name, cfg.Log, cfg.OnStatus),
		// A mark of an earlier run may still come out of the printer.
		marks:    int(time.Now().UnixMilli() % 50_000),
		answered: func(Report) {},
	}, nil
}

// Language is the language the printer speaks: jobs must be written in it.
func (d *Driver) Language() Language { return d.cfg.Language }

// Status gives the state of the printer. It is degraded with the code of what
// keeps it from printing, as paper out.
func (d *Driver) Status() drivers.Status { return d.tracker.Status() }

// Run opens the port and serves until the printer is gone (an error) or ctx
// is done (nil). It may be called again, not twice at a time.
func (d *Driver) Run(ctx context.Context) error {
	return d.tracker.Session(ctx, d.cfg.Open, d.serve)
}

// session is one open port. All fields but the channels belong to Run's
// goroutine.
type session struct {
	d      *Driver
	port   drivers.Port
	jobs   chan *job
	done   chan struct{} // closed when the session takes no more jobs
	ask    int           // which of the language's questions is asked
	reader reader        // of its answers
	misses int           // status questions in a row without an answer
	heard  bool          // an answer came in this session
	marks  int           // jobs marked so far
	back   string        // the newest mark that came back
	old    string        // what the printer complained of before the job
}

func (d *Driver) serve(ctx context.Context, port drivers.Port) error {
	s := &session{d: d, port: port, jobs: make(chan *job), done: make(chan struct{})}
	s.reader = d.cfg.Language.asks[0].reader()
	d.mu.Lock()
	d.current = s
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.current = nil
		d.mu.Unlock()
		close(s.done)
	}()
	idle := time.NewTimer(0)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case j := <-s.jobs:
			err := s.print(ctx, j)
			if err != nil {
				return err
			}
		case <-idle.C:
			if _, err := s.status(ctx, true); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if !errors.Is(err, errSilent) {
					return err
				}
			}
			if s.misses >= reopenLimit {
				return fmt.Errorf("%w: %w", errSilent, drivers.Coded(drivers.CodePrinterSilent))
			}
		}
		idle.Reset(d.cfg.IdlePoll)
	}
}

// status asks for one answer and keeps the state of the device right.
// With ask false the question is already on its way. Errors: errSilent when no
// answer came in time, the port's, or ctx's.
func (s *session) status(ctx context.Context, ask bool) (Report, error) {
	code := drivers.CodePrinterSilent
	limited, cancel := context.WithTimeout(ctx, s.d.cfg.Answer)
	defer cancel()
	st, err := s.query(limited, ask, &code)
	switch {
	case err == nil:
		s.misses, s.heard = 0, true
		s.d.answered(st)
		if st.Fault != "" {
			s.d.tracker.Set(drivers.Degraded, st.Fault, "")
		} else {
			s.d.tracker.Set(drivers.Ready, "", "the printer answers")
		}
		return st, nil
	case ctx.Err() != nil:
		return st, ctx.Err()
	case limited.Err() != nil && errors.Is(err, limited.Err()):
		if s.misses++; s.misses >= missLimit {
			s.d.tracker.Set(drivers.Degraded, code, "")
		}
		s.otherAsk(code)
		return st, errSilent
	}
	return st, err
}

func (s *session) query(ctx context.Context, ask bool, code *string) (st Report, err error) {
	if ask {
		if err := s.drain(); err != nil {
			return st, err
		}
		if _, err := s.port.Write(ctx, []byte(s.question())); err != nil {
			return st, err
		}
	}
	var buf [512]byte
	for found := false; !found; {
		n, err := drivers.Receive(ctx, s.port, buf[:])
		if err != nil {
			return st, err
		}
		*code = drivers.CodePrinterUnreadable
		s.reader.Push(buf[:n], func(a Report, err error) {
			if err == nil && !s.note(a) {
				st, found = a, true // of two answers the newer counts
			}
		})
	}
	return st, nil
}

// otherAsk goes over to the language's other question when a printer has been
// asked twice and has not said anything at all since the port was opened. Later
// it never does: a late answer to the one must not be taken for one to the other.
func (s *session) otherAsk(code string) {
	asks := s.d.cfg.Language.asks
	if code != drivers.CodePrinterSilent || s.heard || s.misses%2 != 0 || len(asks) == 1 {
		return
	}
	s.ask = (s.ask + 1) % len(asks)
	s.reader = asks[s.ask].reader()
}

// drain reads over what has come so far: a late answer to an earlier question
// must not be taken for the answer to the next one. What a printer tells unasked
// is noted. It stops after what a port can hold.
func (s *session) drain() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var buf [512]byte
	for total := 0; total < 64<<10; {
		n, err := s.port.Read(ctx, buf[:])
		total += n
		s.reader.Push(buf[:n], func(a Report, err error) {
			if err == nil {
				s.note(a)
			}
		})
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			return err
		}
	}
	s.reader.Reset()
	return nil
}

// note keeps what a printer tells unasked, and tells whether it was that.
func (s *session) note(a Report) bool {
	if a.Done != "" {
		s.back = a.Done
	}
	return a.Done != ""
}

func (s *session) question() string { return s.d.cfg.Language.asks[s.ask].question }

// sleep waits for a job poll.
func (s *session) sleep(ctx context.Context) error {
	t := time.NewTimer(s.d.cfg.JobPoll)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
