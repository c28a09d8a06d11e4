// Package accept tries one device out and writes down what it did, so that a
// site engineer can hand it over: does it open, say who it is, get ready, stay
// ready, come back; what does it measure, scan, print or read when a person does
// what a step asks for; how fast does it answer.
//
// The suite of a device's kind is a table (suite.go). It knows no driver: the
// row of drivers/all gives question, decoder and Trial. The same suite runs
// against real hardware and against the emulators.
//
// Run owns one goroutine, which runs the driver, and has ended it when it
// returns.
package accept

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tote/drivers"
	"tote/drivers/all"
)

// Defaults of Options.
const (
	DefaultSoak  = 5 * time.Second
	DefaultLimit = 20 * time.Second
)

// Subject is the device to try out.
type Subject struct {
	Driver all.Driver
	Port   string // as shown: its stable name, or host:port
	Line   string // "9600 8N1"; "" in the network
	Open   drivers.Opener
	Bad    drivers.BadFirmware // firmware that is known to be bad
}

// ErrSkip is a Person's answer to a step that is not to be done.
var ErrSkip = errors.New("accept: the step is skipped")

// Person does what a step asks for and returns when it is done; ErrSkip when it
// is not to be.
type Person func(ctx context.Context, s Step) error

// Options of a run. Zero values mean the default.
type Options struct {
	Person Person        // nil: nobody is there, steps that need one are skipped
	Soak   time.Duration // how long the device has to go on without a mistake; 5 s
	Limit  time.Duration // for each thing that must happen; 20 s
	Told   func(Check)   // called after each check; may be nil
	Now    func() time.Time
}

// Result of a check.
type Result string

// The results. A run that has no failed one is accepted.
const (
	Passed  Result = "passed"
	Failed  Result = "failed"
	Skipped Result = "skipped"
)

// Check is one line of the report.
type Check struct {
	Name   string `json:"name"`
	Result Result `json:"result"`
	Text   string `json:"text,omitempty"`
	TookMs int64  `json:"tookMs"`
}

// Run tries the device out. It stops early when the device never gets ready or
// ctx is done; the report says so.
func Run(ctx context.Context, s Subject, o Options) Report {
	if o.Soak == 0 {
		o.Soak = DefaultSoak
	}
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &run{Subject: s, o: o, change: make(chan struct{})}
	r.meter.decode = s.Driver.Decode
	r.report = Report{
		Driver: s.Driver.Name, Kind: string(s.Driver.Kind), Evidence: s.Driver.Proof(), Port: s.Port, Line: s.Line,
		Started: o.Now().UTC(), Attended: o.Person != nil,
	}
	for _, c := range suite() {
		if len(c.kinds) > 0 && !slices.Contains(c.kinds, s.Driver.Kind) {
			continue
		}
		began := o.Now()
		result, text := r.do(ctx, c)
		done := Check{Name: c.name, Result: result, Text: text, TookMs: o.Now().Sub(began).Milliseconds()}
		r.report.Checks = append(r.report.Checks, done)
		if o.Told != nil {
			o.Told(done)
		}
		if result == Failed && c.vital || ctx.Err() != nil {
			break
		}
	}
	r.stop()
	r.report.Ended = o.Now().UTC()
	r.report.Figures = r.meter.figures()
	return r.report
}

// run is one run of the suite.
type run struct {
	Subject
	o      Options
	report Report
	meter  meter

	mu     sync.Mutex
	change chan struct{} // closed and replaced when something was told or changed
	dev    drivers.Device
	told   []drivers.Told
	end    context.CancelFunc // of the driver that runs; nil = none
	ended  chan struct{}
}

// do runs one check: what a person has to do first, then what must come of it.
func (r *run) do(ctx context.Context, c check) (Result, string) {
	if c.step != "" {
		if r.o.Person == nil {
			return Skipped, "nobody was there"
		}
		if c.sample {
			if _, ok := r.device().(drivers.Sampler); !ok {
				return Skipped, "it makes no samples"
			}
		}
		r.forget()
		switch err := r.o.Person(ctx, c.step); {
		case errors.Is(err, ErrSkip):
			return Skipped, "left out by the person"
		case err != nil:
			return Failed, err.Error()
		}
	}
	text, err := c.do(ctx, r)
	switch {
	case errors.Is(err, errSkipped):
		return Skipped, text
	case err != nil:
		return Failed, join(text, err.Error())
	}
	return Passed, text
}

func join(text, more string) string {
	if text == "" {
		return more
	}
	return text + "; " + more
}

// errSkipped: the check has nothing to look at.
var errSkipped = errors.New("skipped")

// start runs the driver as the agent's supervisor would, until stop.
func (r *run) start() error {
	try := r.Driver.Try()
	if try == nil {
		return fmt.Errorf("driver %s has no trial", r.Driver.Name)
	}
	dev, err := try(string(r.Driver.Kind), r.meter.wrap(r.Open), func(t drivers.Told) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = append(r.told, t)
		if len(r.told) > 1000 {
			r.told = slices.Delete(r.told, 0, 500)
		}
		r.wake()
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	r.mu.Lock()
	r.dev, r.end, r.ended = dev, cancel, ended
	r.mu.Unlock()
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = dev.Run(ctx) // its state says what is wrong
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return nil
}

func (r *run) stop() {
	r.mu.Lock()
	end, ended := r.end, r.ended
	r.end = nil
	r.mu.Unlock()
	if end != nil {
		end()
		<-ended
	}
}

func (r *run) device() drivers.Device {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dev
}

// wake tells waiters to look again; r.mu is held.
func (r *run) wake() {
	close(r.change)
	r.change = make(chan struct{})
}

// forget drops what was told so far: what comes next belongs to the next step.
func (r *run) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = nil
}

// await waits until ok says so of the device's status and what it told.
func (r *run) await(ctx context.Context, what string, ok func(drivers.Status, []drivers.Told) bool) error {
	ctx, cancel := context.WithTimeout(ctx, r.o.Limit)
	defer cancel()
	for {
		r.mu.Lock()
		st, told, change := r.dev.Status(), slices.Clone(r.told), r.change
		r.mu.Unlock()
		if ok(st, told) {
			return nil
		}
		select {
		case <-change:
		case <-time.After(20 * time.Millisecond): // a state is not told
		case <-ctx.Done():
			last := ""
			if n := len(told); n > 0 {
				last = ", last " + told[n-1].Text
			}
			return fmt.Errorf("never %s in %v: it is %s %s %s%s", what, r.o.Limit, st.State, st.Code, st.Text, last)
		}
	}
}
