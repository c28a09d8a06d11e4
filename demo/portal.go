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
	passed map[string]bool
}

// through pushes a pallet of cartons through the door: the eye is covered, the
// tags come and go.
func (d *door) through(ctx context.Context, tags []string) error {
	list := make([]record.Tag, 0, len(tags))
	for _, epc := range tags {
		list = append(list, record.Tag{EPC: epc, Rate: 40})
	}
	if err := d.eye(ctx, false); err != nil {
		return fmt.Errorf("photo-eye: %w", err)
	}
	_, err := d.reader.Pass(ctx, list, passTime.Milliseconds())
	if err == nil {
		err = d.eye(ctx, true)
	}
	if err != nil {
		return fmt.Errorf("portal: %w", err)
	}
	for _, epc := range tags {
		d.passed[epc] = true
	}
	return nil
}

// passTime is how long a pallet is in the door.
const passTime = 900 * time.Millisecond

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
