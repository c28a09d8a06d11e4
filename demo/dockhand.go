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
	first   int           // cartons that fit in the first truck, a van
	truck   int           // and in those after it
	idle    time.Duration // how long the truck waits for one more

	left  bool     // the first truck has left
	ahead []label  // taken off the belt and not for this truck
	belt  belt     // conveyor; nil = cartons are carried to the dock
	lanes []string // its lanes at this dock
	door  *door    // RFID portal; nil = none
}

// belt is the conveyor between the pack stations and the dock.
type belt interface {
	// put lays a carton on the belt.
	put(ctx context.Context, barcode string) error
	// take lifts all cartons off the end of a lane; their SSCCs.
	take(ctx context.Context, lane string) ([]string, error)
}

// run works until ctx ends.
func (d *dockHand) run(ctx context.Context) error {
	for {
		batch, err := d.collect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil && len(batch) > 0 && d.door != nil {
			err = d.door.through(ctx, d.world.tagsOn(batch))
		}
		for _, l := range batch {
			if err == nil {
				err = d.load(ctx, l)
			}
		}
		if v, _ := d.screen.look(); err == nil && len(v.task.Loaded) > 0 {
			err = d.depart(ctx, batch)
		}
		if err != nil {
			return d.ended(ctx, err)
		}
	}
}

// collect takes cartons until the truck is full or nothing more comes.
func (d *dockHand) collect(ctx context.Context) ([]label, error) {
	var batch []label
	idle := time.NewTimer(d.idle)
	defer idle.Stop()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	size := d.truck
	if !d.left {
		size = d.first
	}
	for len(batch) < size {
		before := len(batch)
		if n := min(len(d.ahead), size-before); n > 0 {
			batch, d.ahead = append(batch, d.ahead[:n]...), d.ahead[n:]
			continue
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case l := <-d.world.dock:
			batch = append(batch, l)
		case <-idle.C:
			return batch, nil
		case <-poll.C:
			for _, lane := range d.lanes {
				cartons, err := d.belt.take(ctx, lane)
				if err != nil {
					return nil, fmt.Errorf("lane %s: %w", lane, err)
				}
				for _, sscc := range cartons {
					d.ahead = append(d.ahead, d.world.labelOf(sscc))
				}
			}
		}
		if len(batch) > before || len(d.ahead) > 0 {
			idle.Reset(d.idle)
		}
	}
	return batch, nil
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

// depart scans the depart code until the display shows an empty truck. When the
// portal has not seen everything, the pallet goes through the door once more.
func (d *dockHand) depart(ctx context.Context, batch []label) error {
	v, _ := d.screen.look()
	loaded := v.task.Loaded
	for try := 1; ; try++ {
		d.pace.take(ctx, 5*time.Second)
		d.count("scan")
		if _, err := d.scanner.Scan(ctx, "TOTE:DEPART"); err != nil {
			return err
		}
		v, ok := d.screen.until(ctx, patience, func(v view) bool { return len(v.task.Loaded) == 0 })
		if ok {
			for _, sscc := range loaded {
				d.world.ship(sscc)
			}
			d.left = true
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.count("again")
		if v.answer.Code == "NOT_VERIFIED" && try%3 == 0 && d.door != nil {
			if err := d.door.through(ctx, d.world.tagsOn(batch)); err != nil {
				return err
			}
		}
	}
}
