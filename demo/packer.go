package demo

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tote/firmware-tests/control"
)

// patience is how long a person looks at a display that does not react before
// trying again.
const patience = 1500 * time.Millisecond

// packer plays the person at one pack station: takes a tote from the pack
// drop, scans it, puts the carton on the scale, sticks the label on.
type packer struct {
	log     *slog.Logger
	id      string
	world   *world
	screen  *display
	scanner *control.Client
	scale   *control.Client
	printer *control.Client
	pace    pace
	count   func(event string)
	belt    belt // conveyor to the dock; nil = carried by hand

	aside []string // totes whose order is parked
}

// run works until ctx ends.
func (p *packer) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case tote := <-p.world.totesFor(p.id):
			if err := p.pack(ctx, tote); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("packer %s, tote %s: %w", p.id, tote, err)
			}
		}
	}
}

// pack takes one tote from the drop to a labelled carton at the dock, or aside.
// It goes by what the display shows and what lies in the printer's tray, and by
// nothing it remembers, so that a gateway that dies and comes back in between
// confuses nobody.
func (p *packer) pack(ctx context.Context, tote string) error {
	order, parked, err := p.begin(ctx, tote)
	if err != nil || parked {
		return err
	}
	whole := false // the station takes no parts
	no := 0        // of the parcel on the scale
	for onScale := false; ; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v, _ := p.screen.look()
		mine := v.task.Order == order
		if onScale && !(mine && v.task.Do == "weigh" && v.task.No == no && v.hint.Code != "CLEAR_SCALE") {
			if err := p.scale.Remove(ctx); err != nil {
				return err
			}
			onScale = false
		}
		switch {
		case mine && v.task.Do == "weigh" && v.hint.Code == "CLEAR_SCALE":
			p.screen.until(ctx, patience, func(v view) bool { return v.hint.Code != "CLEAR_SCALE" })
		case mine && v.task.Do == "weigh":
			if !onScale {
				done, err := p.closeFilled(ctx, tote, order)
				if err != nil || done {
					return err
				}
				more, err := p.scanPart(ctx, tote, order, v, &whole)
				if err != nil {
					return err
				}
				if more {
					continue
				}
				p.pace.take(ctx, 2*time.Second)
				if v, _ = p.screen.look(); v.task.Order != order || v.task.Do != "weigh" {
					continue
				}
				no = v.task.No
				part := v.task.More && no > 0
				if err := p.scale.Put(ctx, p.world.inCarton(tote, v.task.Contents, part)); err != nil {
					return err
				}
				onScale = true
			}
			p.screen.until(ctx, patience, func(v view) bool {
				return v.task.Order != order || v.task.Do != "weigh" || v.task.No != no || v.hint.Code == "CLEAR_SCALE"
			})
		case mine && v.task.Do == "check_label":
			if err := p.checkLabel(ctx, order); err != nil {
				return err
			}
		case mine:
			do := v.task.Do
			p.screen.until(ctx, patience, func(v view) bool { return v.task.Order != order || v.task.Do != do })
		default:
			done, err := p.closeFilled(ctx, tote, order)
			switch {
			case err != nil || done:
				return err
			case v.task.Code == "WEIGHT_MISMATCH":
				p.putAside(tote)
				return nil
			}
			if _, parked, err := p.begin(ctx, tote); err != nil || parked {
				return err
			}
		}
	}
}

// closeFilled sticks the label on the carton that waits for it, when it is there,
// and sends it off; done says that nothing of the tote is left.
func (p *packer) closeFilled(ctx context.Context, tote, order string) (done bool, err error) {
	if !p.world.filled(tote) {
		return false, nil
	}
	label, err := p.inTray(ctx, order)
	if err != nil || label == nil {
		return false, err
	}
	p.pace.take(ctx, 4*time.Second)
	all, err := p.world.closeCarton(p.id, tote, order, *label)
	if err != nil {
		return false, err
	}
	if all {
		p.count("packed")
	} else {
		p.count("parted")
	}
	return all, p.send(ctx, *label)
}

// scanPart scans the next thing of an order that goes out in two parcels into the
// first carton; false when there is nothing to be scanned any more.
func (p *packer) scanPart(ctx context.Context, tote, order string, v view, whole *bool) (more bool, err error) {
	if *whole || v.task.No > 1 {
		return false, nil
	}
	want := p.world.part(tote, order)
	if want == nil {
		return false, nil
	}
	if v.task.Scanned {
		for _, l := range v.task.Contents {
			want[unit{l.SKU, l.Lot}] -= l.Qty
		}
	}
	for u, n := range want {
		if n <= 0 {
			continue
		}
		code := p.world.barcode(u)
		p.pace.take(ctx, time.Second)
		p.count("scan")
		before := v.n
		if _, err := p.scanner.Scan(ctx, code); err != nil {
			return false, err
		}
		v, ok := p.screen.until(ctx, patience, func(v view) bool { return v.n > before && v.answer.Barcode == code })
		*whole = ok && !v.answer.OK
		return true, ctx.Err()
	}
	return false, nil
}

// begin scans the tote until the station works on it.
func (p *packer) begin(ctx context.Context, tote string) (order string, parked bool, err error) {
	for {
		v, _ := p.screen.look()
		if v.task.Tote == tote && v.task.Do != "scan_tote" {
			return v.task.Order, false, nil
		}
		p.pace.take(ctx, 2*time.Second)
		p.count("scan")
		n := v.n
		if _, err := p.scanner.Scan(ctx, tote); err != nil {
			return "", false, err
		}
		v, ok := p.screen.until(ctx, patience, func(v view) bool {
			return v.task.Tote == tote && v.task.Do != "scan_tote" || v.n > n && v.answer.Barcode == tote && !v.answer.OK
		})
		switch {
		case ctx.Err() != nil:
			return "", false, ctx.Err()
		case ok && v.task.Tote != tote && v.answer.Code == "IN_FALLOUT":
			p.putAside(tote)
			return "", true, nil
		case !ok || v.task.Tote != tote:
			p.log.Info("the station did not take the tote; scanning again", "station", p.id, "tote", tote, "code", v.answer.Code, "text", v.answer.Text)
			p.count("again")
		}
	}
}

// send puts the carton on the conveyor, or brings it to the dock.
func (p *packer) send(ctx context.Context, l label) error {
	if p.belt == nil {
		p.world.dock <- l
		return nil
	}
	return p.belt.put(ctx, l.scan)
}

// checkLabel answers a station that does not know whether its label came out:
// scan it when it lies in the tray, ask for one more when it does not.
func (p *packer) checkLabel(ctx context.Context, order string) error {
	label, err := p.inTray(ctx, order)
	if err != nil {
		return err
	}
	code := "TOTE:REPRINT"
	if label != nil {
		code = label.scan
	}
	p.pace.take(ctx, 3*time.Second)
	p.count("scan")
	if _, err := p.scanner.Scan(ctx, code); err != nil {
		return err
	}
	p.screen.until(ctx, patience, func(v view) bool { return v.task.Do != "check_label" })
	return nil
}

// label is what a person reads off a printed label.
type label struct {
	sscc string // 18 digits
	scan string // what a scanner reads
}

// inTray finds a label that names the order and is on no carton yet among those
// that came out.
func (p *packer) inTray(ctx context.Context, order string) (*label, error) {
	entries, err := p.printer.Record(ctx, 0)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if l, ok := readLabel(e); ok && l.order == order && !p.world.stuck(l.sscc) {
			return &label{sscc: l.sscc, scan: l.scan}, nil
		}
	}
	return nil, nil
}

func (p *packer) putAside(tote string) {
	p.world.takeOut(tote)
	p.aside = append(p.aside, tote)
	p.count("parked")
}
