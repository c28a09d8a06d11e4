package route

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
)

// The faults of this package.
var (
	ErrLayout  = errors.New("route: the layout is not set or out of range")
	ErrOutside = errors.New("route: the cell lies outside the layout")
)

// MaxCells is the largest number of cells in an aisle: one bit each.
const MaxCells = 64

// maxMm and maxAisles keep every sum far below the int64 limit.
const (
	maxMm     = 1_000_000_000
	maxAisles = 100_000
)

// Layout is one block of parallel aisles. Cell 0 is nearest the front cross
// aisle.
type Layout struct {
	Aisles     int   // 1..100000
	Cells      int   // per aisle, 1..64
	CellMm     int64 // pitch of two neighbouring cells, 1..1e9
	EndMm      int64 // cross aisle to the first cell, and last cell to the other, 0..1e9
	PitchMm    int64 // between two neighbouring aisles, 1..1e9
	DepotAisle int   // the depot stands where this aisle meets the front, 0..Aisles-1
}

// Cell is a place where something is picked; both numbers count from 0.
type Cell struct{ Aisle, Cell int }

// Point is a place on a walk: offset 0 is the front cross aisle, the length of
// the aisle is the back one.
type Point struct {
	Aisle    int
	OffsetMm int64
}

// Router answers for one layout.
type Router struct {
	layout Layout
	length int64  // of an aisle, cross aisle to cross aisle
	valid  uint64 // bits of the cells that exist
	spare  atomic.Pointer[scratch]
}

// New checks the layout. ErrLayout names the field that is wrong.
func New(l Layout) (*Router, error) {
	for _, f := range []struct {
		name      string
		v, lo, hi int64
	}{
		{"aisles", int64(l.Aisles), 1, maxAisles},
		{"cells", int64(l.Cells), 1, MaxCells},
		{"cellMm", l.CellMm, 1, maxMm},
		{"endMm", l.EndMm, 0, maxMm},
		{"pitchMm", l.PitchMm, 1, maxMm},
		{"depotAisle", int64(l.DepotAisle), 0, int64(l.Aisles) - 1},
	} {
		if f.v < f.lo || f.v > f.hi {
			return nil, fmt.Errorf("%w: %s %d is not in %d..%d", ErrLayout, f.name, f.v, f.lo, f.hi)
		}
	}
	return &Router{
		layout: l,
		length: 2*l.EndMm + int64(l.Cells-1)*l.CellMm,
		valid:  ^uint64(0) >> (MaxCells - l.Cells),
	}, nil
}

// Masks turns cells into one bit mask per aisle, the form Length takes.
// ErrOutside when a cell is not in the layout.
func (r *Router) Masks(cells []Cell) ([]uint64, error) {
	masks := make([]uint64, r.layout.Aisles)
	return masks, r.mark(masks, cells)
}

// mark sets the bits of cells; masks has one entry per aisle.
func (r *Router) mark(masks []uint64, cells []Cell) error {
	for _, c := range cells {
		if err := r.Check(c); err != nil {
			return err
		}
		masks[c.Aisle] |= 1 << c.Cell
	}
	return nil
}

// Check returns ErrOutside when a cell is not in the layout.
func (r *Router) Check(c Cell) error {
	if c.Aisle < 0 || c.Aisle >= r.layout.Aisles || c.Cell < 0 || c.Cell >= r.layout.Cells {
		return fmt.Errorf("%w: aisle %d, cell %d in %d × %d", ErrOutside, c.Aisle, c.Cell, r.layout.Aisles, r.layout.Cells)
	}
	return nil
}

// offset returns how far from the front a cell is.
func (r *Router) offset(cell int) int64 { return r.layout.EndMm + int64(cell)*r.layout.CellMm }

// span returns the first and last aisle the tour must reach: those with picks
// and the depot's. ok is false when masks name an aisle or a cell that does not
// exist, or nothing at all is to be picked (then first > last).
func (r *Router) span(masks []uint64) (first, last int, ok bool) {
	if len(masks) > r.layout.Aisles {
		return 0, -1, false
	}
	first, last = len(masks), -1
	for a, m := range masks {
		if m == 0 {
			continue
		}
		if m&^r.valid != 0 {
			return 0, -1, false
		}
		first, last = min(first, a), a
	}
	if last < 0 {
		return 0, -1, true
	}
	return min(first, r.layout.DepotAisle), max(last, r.layout.DepotAisle), true
}

// costs holds what the five moves inside one aisle cost beside the single
// traverse. Moves that do not exist cost inf.
type costs struct {
	top    int64 // from the back down to the nearest point and back
	bottom int64 // from the front up to the farthest point and back
	gap    int64 // both, with the largest gap between two points left out
	none   int64 // not entering
}

// aisleCosts derives the costs from the picks of an aisle. The depot counts as
// one more point, at offset 0.
func (r *Router) aisleCosts(mask uint64, depot bool) costs {
	if mask == 0 {
		if depot {
			return costs{top: 2 * r.length, bottom: 0, gap: inf, none: inf}
		}
		return costs{top: inf, bottom: inf, gap: inf, none: 0}
	}
	lo, hi := bits.TrailingZeros64(mask), 63-bits.LeadingZeros64(mask)
	c := costs{top: 2 * (r.length - r.offset(lo)), bottom: 2 * r.offset(hi), gap: inf, none: inf}
	widest := int64(-1)
	if lo != hi {
		widest = int64(widestGap(mask)) * r.layout.CellMm
	}
	if depot {
		widest = max(widest, r.offset(lo))
		c.top = 2 * r.length
	}
	if widest >= 0 {
		c.gap = 2 * (r.length - widest)
	}
	return c
}

// widestGap returns the largest distance, in cells, between two neighbouring
// bits of a mask with at least two.
func widestGap(mask uint64) int {
	widest, prev := 0, bits.TrailingZeros64(mask)
	for m := mask & (mask - 1); m != 0; m &= m - 1 {
		at := bits.TrailingZeros64(m)
		widest, prev = max(widest, at-prev), at
	}
	return widest
}
