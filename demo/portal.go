package demo

import (
	"context"
	"fmt"
	"time"

	"tote/firmware-tests/control"
	"tote/firmware-tests/record"
	"tote/gs1"
)

// door is the dock door as the dock worker goes through it: a photo-eye in the
// frame and antennas at its sides.
type door struct {
	reader *control.Client
	eye    func(ctx context.Context, free bool) error // the level of the photo-eye's line
}

// through brings cartons through the door, so many at a time that the reader,
// which hears some hundred tags a second, hears each of them often enough.
func (d *door) through(ctx context.Context, cartons [][]string) error {
	var load []string
	for i, tags := range cartons {
		load = append(load, tags...)
		if i+1 < len(cartons) && len(load)+len(cartons[i+1]) <= tagsAtATime {
			continue
		}
		if err := d.pass(ctx, load); err != nil {
			return err
		}
		load = nil
		if i+1 < len(cartons) {
			d.gap(ctx)
		}
	}
	return nil
}

// gap is the way back for the next load: what was in the door must be out of it.
func (d *door) gap(ctx context.Context) {
	t := time.NewTimer(gapTime)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// pass pushes one load through the door: the eye is covered, the tags come and go.
func (d *door) pass(ctx context.Context, tags []string) error {
	list := make([]record.Tag, 0, len(tags))
	for _, epc := range tags {
		list = append(list, record.Tag{EPC: epc, Rate: 40})
	}
	if err := d.eye(ctx, false); err != nil {
		return fmt.Errorf("photo-eye: %w", err)
	}
	_, err := d.reader.Pass(ctx, list, (passTime + time.Duration(len(tags))*tagTime).Milliseconds())
	if err == nil {
		err = d.eye(ctx, true)
	}
	if err != nil {
		return fmt.Errorf("portal: %w", err)
	}
	return nil
}

const (
	tagsAtATime = 45
	passTime    = 600 * time.Millisecond // a load is in the door for so long,
	tagTime     = 25 * time.Millisecond  // and a bigger one for longer
	gapTime     = 1200 * time.Millisecond
)

// tagCarton gives every tagged thing in a carton its tag, and the carton the
// tag of its label, as the printer encoded it.
func (w *world) tagCarton(sscc string, goods map[unit]int64) ([]string, error) {
	label, err := gs1.EncodeSSCC96(7, sscc, gs1.FilterCase)
	if err != nil {
		return nil, fmt.Errorf("carton %s: %w", sscc, err)
	}
	tags := []string{label}
	for u, n := range goods {
		if !w.items[u.sku].tagged {
			continue
		}
		for range n {
			w.serial++
			epc, err := gs1.EncodeSGTIN96(7, w.items[u.sku].gtin, fmt.Sprint(w.serial), gs1.FilterItem)
			if err != nil {
				return nil, fmt.Errorf("item %s: %w", u.sku, err)
			}
			tags = append(tags, epc)
		}
	}
	return tags, nil
}
