package demo

import (
	"sync"
	"time"

	"tote/demo/gen"
	"tote/picking/route"
)

// paths measures the walks between bins and keeps account of who walked how far.
type paths struct {
	data *gen.Physical
	at   map[string]route.Cell // by bin

	mu     sync.Mutex
	walked int64               // mm, by people
	stops  map[string][]string // bins where people picked, by order
}

func newPaths(d *gen.Physical) *paths {
	p := &paths{data: d, at: map[string]route.Cell{}, stops: map[string][]string{}}
	for _, b := range d.Bins {
		p.at[b.Code] = route.Cell{Aisle: b.Aisle, Cell: b.Cell}
	}
	return p
}

// another is a bin that is not the given one.
func (p *paths) another(bin string) string {
	for _, b := range p.data.Bins {
		if b.Code != bin {
			return b.Code
		}
	}
	return bin
}

// between is the way from one bin to another in millimetres; "" is the depot.
func (p *paths) between(from, to string) int64 {
	l := p.data.Site.Layout
	pos := func(code string) (aisle int, mm int64) {
		if c, ok := p.at[code]; ok {
			return c.Aisle, l.EndMm + int64(c.Cell)*l.CellMm
		}
		return l.DepotAisle, 0
	}
	fa, fm := pos(from)
	ta, tm := pos(to)
	if fa == ta {
		return max(fm-tm, tm-fm)
	}
	length := 2*l.EndMm + int64(l.Cells-1)*l.CellMm
	across := l.PitchMm * int64(max(fa-ta, ta-fa))
	return across + min(fm+tm, 2*length-fm-tm)
}

// walk goes from one bin to another and says how long that takes at 1.2 m/s.
func (p *paths) walk(from, to string) time.Duration {
	mm := p.between(from, to)
	p.mu.Lock()
	p.walked += mm
	p.mu.Unlock()
	return time.Duration(mm) * time.Second / 1200
}

// stop notes that a person picked for an order at a bin.
func (p *paths) stop(order, bin string) {
	p.mu.Lock()
	p.stops[order] = append(p.stops[order], bin)
	p.mu.Unlock()
}

// firstComeFirstServed is how far people would have walked for the same picks
// with a full cart of orders in the order in which they were placed, through the
// aisles in S-shape: what is done where nothing is planned. In millimetres.
func (p *paths) firstComeFirstServed() (int64, error) {
	l := p.data.Site.Layout
	r, err := route.New(route.Layout{
		Aisles: l.Aisles, Cells: l.Cells, CellMm: l.CellMm, EndMm: l.EndMm, PitchMm: l.PitchMm, DepotAisle: l.DepotAisle,
	})
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var sum int64
	var cart []route.Cell
	orders := 0
	unload := func() error {
		masks, err := r.Masks(cart)
		if err != nil {
			return err
		}
		sum += r.PolicyLength(route.SShape, masks)
		cart, orders = nil, 0
		return nil
	}
	for _, o := range p.data.Orders {
		bins := p.stops[o.ID]
		if len(bins) == 0 {
			continue
		}
		for _, b := range bins {
			cart = append(cart, p.at[b])
		}
		if orders++; orders == p.data.Site.CartSlots {
			if err := unload(); err != nil {
				return 0, err
			}
		}
	}
	return sum, unload()
}
