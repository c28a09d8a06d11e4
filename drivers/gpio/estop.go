package gpio

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tote/drivers"
)

// EStopConfig describes an emergency stop that is observed.
type EStopConfig struct {
	Name string // "estop/hall1"
	Open Opener
	// Line is High while all is well, through a contact that opens, and Low
	// when somebody pressed, when the wire is cut and when the line cannot be
	// read: periph reads an error as Low.
	Line string
	// Reset is the line of the button with which a person says that the cause
	// is gone; Low means pressed.
	Reset    string
	Changed  func(stopped bool) // called on each change, from Run's goroutine; may be nil; must not block
	Log      *slog.Logger
	OnStatus func(drivers.Status)
}

// EStop observes an emergency stop. Power is cut by a safety relay and by nothing
// else: what is here only shows it. A stop is latched: it is over when the line is
// High again and a person has pressed reset.
type EStop struct {
	cfg    EStopConfig
	track  *drivers.Tracker
	line   *Input
	button *Button

	order   sync.Mutex // one change at a time, shown in order
	mu      sync.Mutex
	pressed bool // the line, as last seen
	latched bool
	lineOK  bool // the line is read
	resetOK bool // the reset is read: who presses it now is heard
}

// NewEStop checks the configuration and touches no hardware. Before the line was
// seen High an emergency stop counts as pressed.
func NewEStop(cfg EStopConfig) (*EStop, error) {
	if cfg.Line == "" || cfg.Reset == "" || cfg.Line == cfg.Reset {
		return nil, fmt.Errorf("%w: an emergency stop needs a line, and another one for its reset", ErrConfig)
	}
	if cfg.Changed == nil {
		cfg.Changed = func(bool) {}
	}
	e := &EStop{cfg: cfg, track: drivers.NewTracker(cfg.Name, "gpio-estop", cfg.Log, cfg.OnStatus), pressed: true, latched: true}
	var err error
	e.line, err = NewInput(InputConfig{
		Name: cfg.Name, Open: cfg.Open, Line: cfg.Line, ActiveLow: true, Pull: PullDown, Debounce: 5 * time.Millisecond,
		Sink: func(s Signal) {
			e.set(func() { e.pressed = s.Active; e.latched = e.latched || s.Active; e.lineOK = true })
		},
	})
	if err != nil {
		return nil, err
	}
	e.button, err = NewButton(ButtonConfig{
		Name: cfg.Name + "/reset", Open: cfg.Open, Line: cfg.Reset, ActiveLow: true,
		Press: func(time.Time) { e.set(func() { e.latched = e.pressed }) },
		Seen:  func() { e.set(func() { e.resetOK = true }) },
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Status is where the emergency stop stands: degraded while it is latched.
func (e *EStop) Status() drivers.Status { return e.track.Status() }

// Stopped reports whether it is latched.
func (e *EStop) Stopped() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.latched
}

// set changes what is known and shows it.
func (e *EStop) set(change func()) {
	e.order.Lock()
	defer e.order.Unlock()
	e.mu.Lock()
	was := e.latched
	change()
	pressed, latched, ready := e.pressed, e.latched, e.lineOK && e.resetOK
	e.mu.Unlock()
	switch {
	case !ready:
	case pressed:
		e.track.Set(drivers.Degraded, drivers.CodeEStopPressed, "")
	case latched:
		e.track.Set(drivers.Degraded, drivers.CodeEStopLatched, "")
	default:
		e.track.Set(drivers.Ready, "", "the emergency stop is released")
	}
	if was != latched {
		e.cfg.Changed(latched)
	}
}

// Run observes until ctx ends (nil) or a line is gone; then it counts as pressed.
func (e *EStop) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	go func() { ended <- e.line.Run(ctx) }()
	go func() { ended <- e.button.Run(ctx) }()
	err := <-ended
	cancel()
	if other := <-ended; err == nil {
		err = other
	}
	e.set(func() { e.pressed, e.latched, e.lineOK, e.resetOK = true, true, false, false })
	if err != nil {
		e.track.Fail(err)
		return err
	}
	e.track.Set(drivers.Absent, "", "stopped")
	return nil
}
