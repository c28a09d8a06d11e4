package gpio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tote/drivers"
)

// Light is what a light tower says.
type Light string

// The lights. Colour is never alone: each has its own lamp and its own rhythm.
const (
	LightOK        Light = "ok"        // green, steady
	LightAttention Light = "attention" // amber, blinking once a second: a person must do something
	LightStop      Light = "stop"      // red, blinking twice a second: nothing can be recorded
)

// lamps says which lamp a light uses and how often it changes; 0 = steady.
var lamps = map[Light]struct {
	lamp int
	half time.Duration
}{
	LightOK:        {0, 0},
	LightAttention: {1, 500 * time.Millisecond},
	LightStop:      {2, 250 * time.Millisecond},
}

// TowerConfig describes a light tower.
type TowerConfig struct {
	Name              string // "pack1/tower"
	Open              Opener
	Green, Amber, Red string // lines
	ActiveLow         bool   // a lamp is lit by Low
	// Watchdog is how long Set may not be called before the tower shows stop
	// by itself: whoever should call it hangs. 0 = for ever.
	Watchdog time.Duration
	Log      *slog.Logger
	OnStatus func(drivers.Status)
}

// Tower is a light tower of three lamps. Until the first Set, and when the
// gateway stops, it shows red steady: whoever looks must not read a dead
// gateway as a good one.
type Tower struct {
	cfg   TowerConfig
	track *drivers.Tracker
	news  chan struct{}

	mu    sync.Mutex
	light Light
	at    time.Time // of the last Set
}

// NewTower checks the configuration and touches no hardware.
func NewTower(cfg TowerConfig) (*Tower, error) {
	if cfg.Name == "" || cfg.Open == nil || cfg.Green == "" || cfg.Amber == "" || cfg.Red == "" {
		return nil, fmt.Errorf("%w: Name, Open and the three lines are needed", ErrConfig)
	}
	if cfg.Watchdog < 0 {
		return nil, fmt.Errorf("%w: watchdog %v", ErrConfig, cfg.Watchdog)
	}
	if cfg.Green == cfg.Amber || cfg.Amber == cfg.Red || cfg.Green == cfg.Red {
		return nil, fmt.Errorf("%w: two lamps of %s share a line", ErrConfig, cfg.Name)
	}
	return &Tower{cfg: cfg, news: make(chan struct{}, 1), track: drivers.NewTracker(cfg.Name, "gpio-tower", cfg.Log, cfg.OnStatus)}, nil
}

// Status is where the tower stands.
func (t *Tower) Status() drivers.Status { return t.track.Status() }

// Set changes the light; it never blocks. An unknown light is stop.
func (t *Tower) Set(l Light) {
	if _, ok := lamps[l]; !ok {
		l = LightStop
	}
	t.mu.Lock()
	changed := t.light != l || t.cfg.Watchdog > 0 && time.Since(t.at) > t.cfg.Watchdog
	t.light, t.at = l, time.Now()
	t.mu.Unlock()
	if !changed {
		return
	}
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// now is the light to show.
func (t *Tower) now() Light {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cfg.Watchdog > 0 && t.light != "" && time.Since(t.at) > t.cfg.Watchdog {
		return LightStop
	}
	return t.light
}

// Run drives the lamps until ctx ends (nil) or a line fails.
func (t *Tower) Run(ctx context.Context) error {
	bank, err := t.cfg.Open()
	if err != nil {
		t.track.Fail(err)
		return err
	}
	err = t.serve(ctx, bank)
	err = errors.Join(err, bank.Close())
	if err != nil {
		t.track.Fail(err)
		return err
	}
	t.track.Set(drivers.Absent, "", "stopped")
	return nil
}

func (t *Tower) serve(ctx context.Context, bank *Bank) (err error) {
	var lines [3]line
	for i, name := range []string{t.cfg.Green, t.cfg.Amber, t.cfg.Red} {
		if lines[i], err = bank.find(name); err != nil {
			return err
		}
	}
	// shown is remembered here: reading an output would turn it into an
	// input (see the package comment).
	var shown [3]int8 // 0 = not set yet, 1 = lit, -1 = dark
	show := func(lit int, on bool) error {
		for i, l := range lines {
			want := int8(-1)
			if i == lit && on {
				want = 1
			}
			if shown[i] == want {
				continue
			}
			if err := l.Out(gpio.Level((want == 1) != t.cfg.ActiveLow)); err != nil {
				return fmt.Errorf("gpio: lamp of %s: %w", t.cfg.Name, err)
			}
			shown[i] = want
		}
		return nil
	}
	const red = 2
	if err := show(red, true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, show(red, true)) }()
	t.track.Set(drivers.Ready, "", "the lamps are driven")
	for on := true; ; on = !on {
		light := t.now()
		var blink, look <-chan time.Time
		if t.cfg.Watchdog > 0 {
			look = time.After(t.cfg.Watchdog / 2)
		}
		if l, ok := lamps[light]; ok {
			if err := show(l.lamp, on || l.half == 0); err != nil {
				return err
			}
			if l.half > 0 {
				blink = time.After(l.half)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.news:
			on = false // the next round begins lit
		case <-blink:
		case <-look:
			on = !on // not a change of the blinking
		}
	}
}
