// Package study plans a picking problem and tells what it is worth: batches and
// walks, how far they are from a bound, and what people would walk who take the
// orders as they come. It is what `tote plan` prints.
package study

import (
	"fmt"
	"time"

	"tote/picking/batch"
	"tote/picking/instance"
	"tote/picking/route"
)

// Report is what a plan is worth. Lengths are in mm.
type Report struct {
	Name     string   `json:"name,omitempty"`
	Orders   int      `json:"orders"`
	Lines    int      `json:"lines"`
	LengthMm int64    `json:"lengthMm"`
	BoundMm  int64    `json:"boundMm"` // no plan is shorter
	Rounds   int      `json:"rounds"`
	Batches  []Batch  `json:"batches"`
	Compare  []Method `json:"compare,omitempty"`
}

// Batch is one walk.
type Batch struct {
	Orders   []string        `json:"orders"`
	Lines    int             `json:"lines"`
	LengthMm int64           `json:"lengthMm"`
	Picks    []Pick          `json:"picks"` // in walking order
	Walk     []instance.Spot `json:"walk"`
	Load     instance.Load   `json:"load"`
}

// Pick is one line at its place in a walk.
type Pick struct {
	Order string `json:"order"`
	instance.Line
}

// Method is another way to pick the same orders.
type Method struct {
	Name     string `json:"name"`
	Batches  int    `json:"batches"`
	LengthMm int64  `json:"lengthMm"`
}

// Plan plans a field. The errors are those of batch.Solve.
func Plan(f *instance.Field, o batch.Options) (*Report, error) {
	p := f.Problem()
	plan, err := batch.Solve(p, o)
	if err != nil {
		return nil, name(f, err)
	}
	r := &Report{Name: f.Name, Orders: len(f.Orders), LengthMm: plan.Cost, BoundMm: instance.Bound(p), Rounds: plan.Rounds}
	for _, orders := range plan.Batches {
		b, err := walk(f, orders)
		if err != nil {
			return nil, err
		}
		r.Batches = append(r.Batches, b)
		r.Lines += b.Lines
	}
	return r, nil
}

// name puts the id of an order where the planner knows its position.
func name(f *instance.Field, err error) error {
	for i, o := range f.Orders {
		if l, c := o.Load, f.Cart; c.Slots > 0 && l.Slots > c.Slots || c.Volume > 0 && l.Volume > c.Volume || c.Weight > 0 && l.Weight > c.Weight {
			return fmt.Errorf("order %s (orders[%d]): %w", o.ID, i, err)
		}
	}
	return err
}

// walk is the round of a batch.
func walk(f *instance.Field, orders []int) (Batch, error) {
	var b Batch
	var lines []Pick
	for _, i := range orders {
		o := &f.Orders[i]
		b.Orders = append(b.Orders, o.ID)
		b.Load.Slots, b.Load.Volume, b.Load.Weight = b.Load.Slots+o.Slots, b.Load.Volume+o.Volume, b.Load.Weight+o.Weight
		for _, l := range o.Lines {
			lines = append(lines, Pick{o.ID, l})
		}
	}
	tour, err := f.Route(orders)
	if err != nil {
		return b, err
	}
	b.Lines, b.LengthMm, b.Walk = len(lines), tour.LengthMm, tour.Walk
	for _, i := range tour.Order {
		b.Picks = append(b.Picks, lines[i])
	}
	return b, nil
}

// Compare is what other ways to pick the same orders come to.
func Compare(f *instance.Field) ([]Method, error) {
	p := f.Problem()
	asCome := batch.FirstCome(p)
	var out []Method
	add := func(name string, length func([]uint64) int64) {
		m := Method{Name: name, Batches: len(asCome), LengthMm: int64(len(asCome)) * p.Setup}
		masks := make([]uint64, p.Aisles)
		for _, b := range asCome {
			clear(masks)
			for _, j := range b {
				for _, s := range p.Jobs[j].Stops {
					masks[s.Aisle] |= s.Mask
				}
			}
			m.LengthMm += length(masks)
		}
		out = append(out, m)
	}
	if r := f.Single(); r != nil {
		for _, policy := range route.Policies() {
			add("as they come, "+policy.String(), func(masks []uint64) int64 { return r.PolicyLength(policy, masks) })
		}
	}
	add("as they come, shortest walks", p.Length)
	saved, err := batch.Solve(p, batch.Options{})
	if err != nil {
		return nil, name(f, err)
	}
	return append(out, Method{Name: "savings and one repair", Batches: len(saved.Batches), LengthMm: saved.Cost}), nil
}

// Until ends a search after a time.
func Until(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return !time.Now().Before(end) }
}
