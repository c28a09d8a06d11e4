package demo

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tote/firmware-tests/control"
)

// dockHand plays the person at the dock: scans each carton's label onto the
// truck and sends the truck off when it is full or nothing more comes.
type dockHand struct {
	log     *slog.Logger
	id      string
	world   *world
	screen  *display
	scanner *control.Client
	pace    pace
	count   func(event string)
	truck   int           // cartons that fit
	idle    time.Duration // how long the truck waits for one more
}

// run works until ctx ends.
func (d *dockHand) run(ctx context.Context) error {
	for {
		wait := time.NewTimer(d.idle)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case l := <-d.world.dock:
			wait.Stop()
			if err := d.load(ctx, l); err != nil {
				return d.ended(ctx, err)
			}
			if v, _ := d.screen.look(); len(v.task.Loaded) >= d.truck {
				if err := d.depart(ctx); err != nil {
					return d.ended(ctx, err)
				}
			}
		case <-wait.C:
			if v, _ := d.screen.look(); len(v.task.Loaded) > 0 {
				if err := d.depart(ctx); err != nil {
					return d.ended(ctx, err)
				}
			}
		}
	}
}

func (d *dockHand) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("dock %s: %w", d.id, err)
}

// load scans one label until the display shows the carton as loaded.
func (d *dockHand) load(ctx context.Context, l label) error {
	for {
		d.pace.take(ctx, 3*time.Second)
		d.count("scan")
		if _, err := d.scanner.Scan(ctx, l.scan); err != nil {
			return err
		}
		v, ok := d.screen.until(ctx, patience, func(v view) bool { return slices.Contains(v.task.Loaded, l.sscc) })
		if ok {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.log.Info("the dock did not take the carton; scanning again", "sscc", l.sscc, "code", v.answer.Code, "text", v.answer.Text)
		d.count("again")
	}
}

// depart scans the depart code until the display shows an empty truck.
func (d *dockHand) depart(ctx context.Context) error {
	v, _ := d.screen.look()
	loaded := v.task.Loaded
	for {
		d.pace.take(ctx, 5*time.Second)
		d.count("scan")
		if _, err := d.scanner.Scan(ctx, "TOTE:DEPART"); err != nil {
			return err
		}
		_, ok := d.screen.until(ctx, patience, func(v view) bool { return len(v.task.Loaded) == 0 })
		if ok {
			for _, sscc := range loaded {
				d.world.ship(sscc)
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.count("again")
	}
}
