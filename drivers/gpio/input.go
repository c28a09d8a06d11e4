package gpio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tote/drivers"
)

// ErrConfig: the configuration cannot work.
var ErrConfig = errors.New("gpio: configuration")

// Signal is one debounced change of an input.
type Signal struct {
	Active bool // the thing the input watches for is there
	At     time.Time
}

// Pull is what holds a line at a level while nothing drives it.
type Pull string

// The pulls.
const (
	// PullAuto pulls towards active, so that a cut wire looks like the thing
	// the input watches for. The sensor must drive the line to the other level
	// while nothing is there: a photo-eye that switches on light (PNP with
	// ActiveLow, NPN without).
	PullAuto Pull = "auto"
	// PullUp, PullDown and PullNone (the board has a resistor of its own) are
	// for sensors that do not; whether a cut wire is seen is then theirs.
	PullUp   Pull = "up"
	PullDown Pull = "down"
	PullNone Pull = "none"
)

// pulls are periph's names; which one PullAuto is depends on the input.
var pulls = map[Pull]gpio.Pull{PullAuto: 0, PullUp: gpio.PullUp, PullDown: gpio.PullDown, PullNone: gpio.Float}

// InputConfig describes one input.
type InputConfig struct {
	Name string // "dock1/photo-eye"
	Open Opener
	Line string // as the machine names it: "GPIO17"
	// ActiveLow: Low means active. Better for a photo-eye: a line that
	// cannot be read looks Low (see the package comment), so that looks like
	// a carton too.
	ActiveLow bool
	Pull      Pull          // "" = PullAuto
	Debounce  time.Duration // the level must hold this long; 0 = 10 ms, 1..1000 ms
	Poll      time.Duration // how often the level is read without an edge; 0 = 100 ms
	// Held is how long the input may be active at a time; longer is a jam, and
	// the input is degraded until it is free again. 0 = any time.
	Held     time.Duration
	HeldCode string       // the fault of that; "" = drivers.CodeInputHeld, of a photo-eye
	Sink     func(Signal) // called from Run's goroutine; must not block
	Log      *slog.Logger
	OnStatus func(drivers.Status)
}

// Input is one debounced input. The first level seen is told as a Signal too.
type Input struct {
	cfg   InputConfig
	track *drivers.Tracker
}

// NewInput checks the configuration and touches no hardware.
func NewInput(cfg InputConfig) (*Input, error) {
	if cfg.Debounce == 0 {
		cfg.Debounce = 10 * time.Millisecond
	}
	if cfg.Poll == 0 {
		cfg.Poll = 100 * time.Millisecond
	}
	if cfg.Pull == "" {
		cfg.Pull = PullAuto
	}
	if cfg.HeldCode == "" {
		cfg.HeldCode = drivers.CodeInputHeld
	}
	_, known := pulls[cfg.Pull]
	switch {
	case cfg.Name == "" || cfg.Line == "" || cfg.Open == nil || cfg.Sink == nil:
		return nil, fmt.Errorf("%w: Name, Line, Open and Sink are needed", ErrConfig)
	case !known:
		return nil, fmt.Errorf("%w: pull %q", ErrConfig, cfg.Pull)
	case cfg.Debounce < time.Millisecond || cfg.Debounce > time.Second:
		return nil, fmt.Errorf("%w: debounce %v is not within 1 ms and 1 s", ErrConfig, cfg.Debounce)
	case cfg.Held != 0 && cfg.Held < time.Second:
		return nil, fmt.Errorf("%w: held %v is below 1 s", ErrConfig, cfg.Held)
	case cfg.Poll < 10*time.Millisecond || cfg.Poll > 10*time.Second:
		return nil, fmt.Errorf("%w: poll %v is not within 10 ms and 10 s", ErrConfig, cfg.Poll)
	}
	return &Input{cfg: cfg, track: drivers.NewTracker(cfg.Name, "gpio-input", cfg.Log, cfg.OnStatus)}, nil
}

// Status is where the input stands.
func (in *Input) Status() drivers.Status { return in.track.Status() }

// Run serves the input until ctx ends (nil) or the line is gone.
func (in *Input) Run(ctx context.Context) error {
	bank, err := in.cfg.Open()
	if err != nil {
		in.track.Fail(err)
		return err
	}
	err = in.serve(ctx, bank)
	err = errors.Join(err, bank.Close())
	if err != nil {
		in.track.Fail(err)
		return err
	}
	in.track.Set(drivers.Absent, "", "stopped")
	return nil
}

func (cfg InputConfig) pull() gpio.Pull {
	switch {
	case cfg.Pull != PullAuto:
		return pulls[cfg.Pull]
	case cfg.ActiveLow:
		return gpio.PullDown
	}
	return gpio.PullUp
}

func (in *Input) serve(ctx context.Context, bank *Bank) error {
	l, err := bank.find(in.cfg.Line)
	if err != nil {
		return err
	}
	if err := l.In(in.cfg.pull(), gpio.BothEdges); err != nil {
		return fmt.Errorf("gpio: input %s, pull %s: %w", in.cfg.Line, in.cfg.Pull, err)
	}
	in.track.Set(drivers.Ready, "", "the line is read")
	known, told := gpio.Low, false
	var since time.Time // of the level
	for ctx.Err() == nil {
		if lost, ok := l.(interface{ Lost() error }); ok && lost.Lost() != nil {
			return lost.Lost()
		}
		if level := l.Read(); !told || level != known {
			// A level counts only when it is still there after the
			// debounce time: chatter and stray light are shorter.
			if wait(ctx, in.cfg.Debounce); ctx.Err() == nil && l.Read() == level {
				known, told, since = level, true, time.Now()
				in.cfg.Sink(Signal{Active: in.active(level), At: since})
				in.track.Set(drivers.Ready, "", "the line is read") // free again, or not covered for long
			}
			continue
		}
		if in.cfg.Held != 0 && in.active(known) && time.Since(since) >= in.cfg.Held {
			in.track.Set(drivers.Degraded, in.cfg.HeldCode, fmt.Sprintf("active for more than %v", in.cfg.Held))
		}
		l.WaitForEdge(in.cfg.Poll)
	}
	return nil
}

func (in *Input) active(level gpio.Level) bool { return bool(level) != in.cfg.ActiveLow }

// wait lets d go by, or less when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
