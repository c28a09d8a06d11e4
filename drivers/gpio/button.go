package gpio

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tote/drivers"
)

// ButtonConfig describes a push button.
type ButtonConfig struct {
	Name      string        // "pack1/button-reprint"
	Open      Opener        //
	Line      string        // as the machine names it
	ActiveLow bool          // Low means pressed: a button to ground
	Pull      Pull          // "" = to the level of a button that is not pressed
	Debounce  time.Duration // 0 = 30 ms
	// Gap is how long the button must have been free before it counts again;
	// 0 = 200 ms. A worn contact that opens for a moment is one press.
	Gap      time.Duration
	Press    func(at time.Time) // called from Run's goroutine; must not block
	Seen     func()             // the first level is known: a press counts from now on; as Press; may be nil
	Log      *slog.Logger
	OnStatus func(drivers.Status)
}

// buttonHeld is how long a hand presses at most; longer is a stuck button.
const buttonHeld = 10 * time.Second

// Button is a push button. A press is told when it begins. A button that is
// pressed when Run begins counts with its next press: nobody has pressed it for
// what would follow now.
type Button struct {
	cfg   ButtonConfig
	input *Input

	told  bool      // a level was seen
	freed time.Time // when it was let go last; zero = never
}

// NewButton checks the configuration and touches no hardware.
func NewButton(cfg ButtonConfig) (*Button, error) {
	if cfg.Debounce == 0 {
		cfg.Debounce = 30 * time.Millisecond
	}
	if cfg.Gap == 0 {
		cfg.Gap = 200 * time.Millisecond
	}
	if cfg.Pull == "" {
		// A cut wire is a button that nobody presses, unlike a photo-eye's:
		// what a press does must not be done by an accident.
		cfg.Pull = PullDown
		if cfg.ActiveLow {
			cfg.Pull = PullUp
		}
	}
	if cfg.Press == nil || cfg.Gap < 0 {
		return nil, fmt.Errorf("%w: a button needs Press, and a gap that is not negative", ErrConfig)
	}
	b := &Button{cfg: cfg}
	var err error
	b.input, err = NewInput(InputConfig{
		Name: cfg.Name, Open: cfg.Open, Line: cfg.Line, ActiveLow: cfg.ActiveLow, Pull: cfg.Pull, Debounce: cfg.Debounce,
		Held: buttonHeld, HeldCode: drivers.CodeButtonHeld, Sink: b.signal, Log: cfg.Log, OnStatus: cfg.OnStatus,
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Status is where the button stands.
func (b *Button) Status() drivers.Status { return b.input.Status() }

// Run serves the button until ctx ends (nil) or its line is gone.
func (b *Button) Run(ctx context.Context) error {
	b.told, b.freed = false, time.Time{}
	return b.input.Run(ctx)
}

func (b *Button) signal(s Signal) {
	switch {
	case !s.Active && b.told:
		b.freed = s.At
	case !s.Active: // nobody let it go just now
	case b.told && s.At.Sub(b.freed) >= b.cfg.Gap:
		b.cfg.Press(s.At)
	}
	if !b.told && b.cfg.Seen != nil {
		b.cfg.Seen()
	}
	b.told = true
}
