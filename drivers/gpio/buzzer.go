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

// Sound is what a buzzer says.
type Sound string

// The sounds: told apart without looking, and with gloves and ear muffs.
const (
	SoundOK  Sound = "ok"  // one short
	SoundBad Sound = "bad" // three long
)

// sounds are times on and off, in turn.
var sounds = map[Sound][]time.Duration{
	SoundOK:  {80 * time.Millisecond},
	SoundBad: {250 * time.Millisecond, 120 * time.Millisecond, 250 * time.Millisecond, 120 * time.Millisecond, 250 * time.Millisecond},
}

// BuzzerConfig describes a buzzer.
type BuzzerConfig struct {
	Name      string // "pack1/buzzer"
	Open      Opener
	Line      string
	ActiveLow bool // Low is loud
	Log       *slog.Logger
	OnStatus  func(drivers.Status)
}

// Buzzer is a buzzer on one line. It is off before the first sound, when Run ends
// and when a sound fails in the middle.
type Buzzer struct {
	cfg   BuzzerConfig
	track *drivers.Tracker
	next  chan Sound
}

// NewBuzzer checks the configuration and touches no hardware.
func NewBuzzer(cfg BuzzerConfig) (*Buzzer, error) {
	if cfg.Name == "" || cfg.Open == nil || cfg.Line == "" {
		return nil, fmt.Errorf("%w: Name, Open and Line are needed", ErrConfig)
	}
	return &Buzzer{cfg: cfg, next: make(chan Sound, 1), track: drivers.NewTracker(cfg.Name, "gpio-buzzer", cfg.Log, cfg.OnStatus)}, nil
}

// Status is where the buzzer stands.
func (b *Buzzer) Status() drivers.Status { return b.track.Status() }

// Sound plays a sound; it never blocks. A newer one cuts an older one off: the
// person hears of what was done last. An unknown sound is SoundBad.
func (b *Buzzer) Sound(s Sound) {
	if sounds[s] == nil {
		s = SoundBad
	}
	for {
		select {
		case b.next <- s:
			return
		default:
		}
		select {
		case <-b.next:
		default:
		}
	}
}

// Run plays until ctx ends (nil) or the line fails.
func (b *Buzzer) Run(ctx context.Context) error {
	bank, err := b.cfg.Open()
	if err != nil {
		b.track.Fail(err)
		return err
	}
	err = b.serve(ctx, bank)
	err = errors.Join(err, bank.Close())
	if err != nil {
		b.track.Fail(err)
		return err
	}
	b.track.Set(drivers.Absent, "", "stopped")
	return nil
}

func (b *Buzzer) serve(ctx context.Context, bank *Bank) (err error) {
	l, err := bank.find(b.cfg.Line)
	if err != nil {
		return err
	}
	loud := func(on bool) error {
		if err := l.Out(gpio.Level(on != b.cfg.ActiveLow)); err != nil {
			return fmt.Errorf("gpio: %s: %w", b.cfg.Name, err)
		}
		return nil
	}
	if err := loud(false); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loud(false)) }()
	b.track.Set(drivers.Ready, "", "the buzzer is driven")
	for {
		var s Sound
		select {
		case <-ctx.Done():
			return nil
		case s = <-b.next:
		case <-time.After(time.Second):
			// A board that lost its lines says so only when they are used.
			if err := loud(false); err != nil {
				return err
			}
			continue
		}
		for playing := true; playing; {
			playing = false
			for i, d := range sounds[s] {
				if err := loud(i%2 == 0); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
					return nil
				case s = <-b.next:
					playing = true
				case <-time.After(d):
					continue
				}
				break
			}
			if err := loud(false); err != nil {
				return err
			}
			if playing { // heard as a new sound
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(60 * time.Millisecond):
				}
			}
		}
	}
}
