package drivers

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// State is where a device stands.
type State string

// The states of a device, in the order of a good start.
const (
	Absent   State = "absent"   // no open port
	Opening  State = "opening"  // the port is open, the device has not answered yet
	Ready    State = "ready"    // the device answers and can work
	Degraded State = "degraded" // the device is there but cannot do its work: see Code
)

// Status is what is known of a device now.
type Status struct {
	Name   string    // as configured, e.g. "scale/pack1"
	Driver string    // as in the table of drivers, e.g. "mt-sics"
	State  State     //
	Since  time.Time // when State or Code last changed
	Code   string    // fault code, "" when nothing is wrong
	Text   string    // one sentence
}

// Tracker keeps the state of one device. It writes one log line per change of
// state or code, never one per retry. It is safe for concurrent use.
type Tracker struct {
	log      *slog.Logger
	onStatus func(Status)

	order  sync.Mutex // one change at a time, told in order
	mu     sync.Mutex
	status Status
}

// NewTracker returns a tracker that says absent. A nil log is silent.
// onStatus, when given, is called after each change, from the goroutine that
// made it and in order. It may ask for Status but not call Set, and must not
// block.
func NewTracker(name, driver string, log *slog.Logger, onStatus func(Status)) *Tracker {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if onStatus == nil {
		onStatus = func(Status) {}
	}
	return &Tracker{log: log, onStatus: onStatus, status: Status{
		Name: name, Driver: driver, State: Absent, Since: time.Now(), Text: "not opened yet",
	}}
}

// Status gives the present state.
func (t *Tracker) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

// Set moves to a state. The same state with the same code is no change. An
// empty text is filled from the table of faults.
func (t *Tracker) Set(s State, code, text string) {
	if text == "" {
		text = FaultOf(code).Cause
	}
	t.order.Lock()
	defer t.order.Unlock()
	old := t.Status()
	if old.State == s && old.Code == code {
		return
	}
	now := old
	now.State, now.Code, now.Text, now.Since = s, code, text, time.Now()
	t.mu.Lock()
	t.status = now
	t.mu.Unlock()
	level := slog.LevelInfo
	if code != "" {
		level = slog.LevelWarn
	}
	t.log.Log(context.Background(), level, "device "+string(s),
		"device", old.Name, "driver", old.Driver, "from", string(old.State), "code", code, "text", text)
	t.onStatus(now)
}

// Fail moves to the state that err calls for: degraded when the device is
// there but hangs, else absent.
func (t *Tracker) Fail(err error) {
	code := CodeOf(err)
	switch code {
	case "":
		t.Set(Absent, CodeDriver, err.Error())
	case CodeBusy, CodeAmbiguous:
		t.Set(Absent, code, err.Error()) // it names the other one
	case CodeStalled, CodeScaleSilent, CodePrinterSilent, CodeScannerSilent, CodeRFIDSilent, CodeRFIDUnreadable, CodeRFIDRefuses,
		CodeLLRPHeld, CodeLLRPSilent, CodeLLRPBroken, CodeLLRPError, CodeLLRPLine:
		t.Set(Degraded, code, "")
	default:
		t.Set(Absent, code, "")
	}
}

// Session opens the port, runs serve on it and closes it, keeping the state
// right at both ends. A device that was absent is opening until serve says
// ready. Session returns nil only when ctx is done.
func (t *Tracker) Session(ctx context.Context, open Opener, serve func(context.Context, Port) error) (err error) {
	name := t.Status().Name
	port, err := open(ctx)
	if err != nil {
		if ctx.Err() != nil {
			t.Set(Absent, "", "stopped")
			return nil
		}
		t.Fail(err)
		return fmt.Errorf("%s: open: %w", name, err)
	}
	whole := false
	defer func() {
		closeErr := port.Close()
		switch {
		case !whole: // a panic goes on to the supervisor, but not with the port
			t.Set(Absent, CodeDriver, "")
		case ctx.Err() != nil:
			t.Set(Absent, "", "stopped")
			err = nil
		case err != nil:
			t.Fail(err)
			err = fmt.Errorf("%s: %w", name, err)
		case closeErr != nil:
			t.Fail(closeErr)
			err = fmt.Errorf("%s: close: %w", name, closeErr)
		default:
			err = fmt.Errorf("%s: the driver ended by itself", name)
			t.Fail(err)
		}
	}()
	if t.Status().State == Absent {
		t.Set(Opening, "", "the port is open")
	}
	err = serve(ctx, port)
	whole = true
	return err
}
