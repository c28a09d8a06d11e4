package demo

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tote/demo/handheld"
)

// picker plays a person with a handheld and a cart. All it knows of the system
// is what the handheld shows.
type picker struct {
	log    *slog.Logger
	hh     *handheld.Client
	world  *world
	badge  string
	drop   string // barcode of the pack drop
	pace   pace
	slipIn map[string]string // order → SKU of which one thing too many goes into its tote
	paths  *paths
	count  func(event string)

	cart []string // totes on the cart
}

// pace says how long the people take.
type pace struct{ speed float64 } // 0 = no time at all

// take lets the time pass that a person needs for d of work.
func (p pace) take(ctx context.Context, d time.Duration) {
	if p.speed == 0 || d <= 0 {
		return
	}
	t := time.NewTimer(time.Duration(float64(d) / p.speed))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// run works until ctx ends.
func (p *picker) run(ctx context.Context) error {
	res, err := p.do(ctx, handheld.Verb{Verb: "sign_in", Barcode: p.badge})
	if err != nil {
		return err
	}
	if !res.OK || res.Next == nil {
		return fmt.Errorf("picker %s could not sign in: %s %s", p.badge, res.Code, res.Text)
	}
	step := *res.Next
	at := ""        // bin the picker stands at
	var held []unit // things in hand, scanned
	slipped := map[string]bool{}
	for ctx.Err() == nil {
		var res handheld.Result
		var err error
		switch step.Do {
		case "ask":
			res, err = p.do(ctx, handheld.Verb{Verb: "ask"})
		case "wait":
			next, err := p.hh.WaitTask(ctx, func(s handheld.Step) bool { return s.Do != "wait" && s.Do != "" })
			if err != nil {
				return err
			}
			step = next
			continue
		case "scan_bin":
			p.pace.take(ctx, p.paths.walk(at, step.Bin))
			at = step.Bin
			res, err = p.do(ctx, handheld.Verb{Verb: "scan", Expect: "bin", Barcode: step.Bin, Task: step.Task})
		case "scan_item":
			u, ok := p.world.take(step.Bin, step.SKU, step.Lot)
			if !ok {
				p.count("short")
				res, err = p.do(ctx, handheld.Verb{Verb: "short", Task: step.Task, Reason: "STOCKOUT"})
				break
			}
			res, err = p.do(ctx, handheld.Verb{Verb: "scan", Expect: "item", Barcode: p.world.barcode(u), Task: step.Task})
			if err == nil && res.OK {
				held = append(held, u)
			} else {
				p.world.putBack(step.Bin, u)
			}
		case "scan_slot":
			tote := step.Tote
			if tote == "" {
				tote = p.world.freeTote()
			}
			p.world.fromDrop(tote) // begun by somebody else: it waits at the pack drop
			for _, u := range held {
				p.world.putInTote(tote, u, 1)
			}
			if sku := p.slipIn[step.Order]; sku == step.SKU && !slipped[step.Order] {
				if u, ok := p.world.take(step.Bin, step.SKU, step.Lot); ok {
					slipped[step.Order] = true
					p.world.slip(tote, u)
				}
			}
			held = nil
			res, err = p.do(ctx, handheld.Verb{Verb: "scan", Expect: "slot", Barcode: tote, Task: step.Task})
			if err == nil && res.OK {
				p.carry(tote)
				p.paths.stop(step.Order, step.Bin)
			}
		case "scan_unit": // a lead gave it to them; here nobody puts goods back out of totes
			res, err = p.do(ctx, handheld.Verb{Verb: "skip", Task: step.Task, Reason: "the tote is not at hand"})
		case "count":
			res, err = p.countBin(ctx, step)
		case "put_down":
			bin := step.Bin
			if bin == "" {
				bin = p.paths.another(at)
			}
			p.pace.take(ctx, p.paths.walk(at, bin))
			at = bin
			res, err = p.do(ctx, handheld.Verb{Verb: "scan", Expect: "bin", Barcode: bin, Task: step.Task})
			if err == nil && res.OK {
				for _, u := range held {
					p.world.putBack(bin, u)
				}
				held = nil
			}
		case "finish":
			p.pace.take(ctx, p.paths.walk(at, ""))
			at = ""
			res, err = p.do(ctx, handheld.Verb{Verb: "finish", Barcode: p.drop})
			if err == nil && res.OK {
				p.putDown()
			}
		default:
			return fmt.Errorf("picker %s: the handheld shows %q, which nobody explained", p.badge, step.Do)
		}
		if err != nil {
			return err
		}
		if !res.OK && res.Code != "WAIT" {
			p.log.Warn("refused", "step", step.Do, "code", res.Code, "text", res.Text)
			p.count("refused")
		}
		if res.Next == nil {
			return fmt.Errorf("picker %s: no next step after %s (%s)", p.badge, step.Do, res.Code)
		}
		step = *res.Next
	}
	return ctx.Err()
}

// countBin scans what lies in a bin, then the bin.
func (p *picker) countBin(ctx context.Context, step handheld.Step) (handheld.Result, error) {
	for _, g := range p.world.lying(step.Bin) {
		res, err := p.do(ctx, handheld.Verb{Verb: "scan", Expect: "item", Barcode: p.world.barcode(g.unit), Qty: g.n, Task: step.Task})
		if err != nil || !res.OK {
			return res, err
		}
	}
	return p.do(ctx, handheld.Verb{Verb: "scan", Expect: "bin", Barcode: step.Bin, Task: step.Task})
}

func (p *picker) do(ctx context.Context, v handheld.Verb) (handheld.Result, error) {
	p.pace.take(ctx, 1500*time.Millisecond)
	p.count("scan")
	return p.hh.Do(ctx, v)
}

// carry notes that a tote stands on the cart.
func (p *picker) carry(tote string) {
	if !slices.Contains(p.cart, tote) {
		p.cart = append(p.cart, tote)
	}
}

// putDown leaves the totes at the pack drop, where the packers find them.
func (p *picker) putDown() {
	for _, t := range p.cart {
		p.world.toDrop(t)
	}
	p.cart = nil
}
