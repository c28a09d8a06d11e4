package blocks

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
)

// The faults of this package.
var (
	ErrLayout  = errors.New("blocks: the layout is out of range")
	ErrOutside = errors.New("blocks: the place lies outside the layout")
	ErrEnd     = errors.New("blocks: a walk ends at a cross aisle")
)

const (
	// MaxBlocks is the largest number of blocks. With six a round takes tens of
	// milliseconds; the tables of an open walk then take tens of megabytes, and
	// seconds to make when the first one is asked for.
	MaxBlocks = 6
	// MaxCells is the largest number of cells in an aisle of one block.
	MaxCells = 64

	maxMm     = 1_000_000_000
	maxAisles = 100_000
)

// Block is one block of aisles between two cross aisles. Cell 0 is nearest the
// front.
type Block struct {
	Cells   int   // 1..64
	CellMm  int64 // pitch of two neighbouring cells, 1..1e9
	FrontMm int64 // middle of the front cross aisle to the first cell, 0..1e9
	BackMm  int64 // last cell to the middle of the back cross aisle, 0..1e9
}

// length is from cross aisle to cross aisle.
func (b Block) length() int64 { return b.FrontMm + int64(b.Cells-1)*b.CellMm + b.BackMm }

// Layout is a field of parallel aisles cut by cross aisles.
type Layout struct {
	Aisles  int     // 1..100000
	PitchMm int64   // between two neighbouring aisles, 1..1e9
	Blocks  []Block // from the front to the back, 1..6
}

// Cell is a place where something is picked; the numbers count from 0.
type Cell struct{ Aisle, Block, Cell int }

// Point is a place on a walk. OffsetMm counts from the front cross aisle.
type Point struct {
	Aisle    int   `json:"aisle"`
	OffsetMm int64 `json:"offsetMm"`
}

// Place is where a walk begins or ends.
type Place struct {
	aisle, row int
	cell       int // -1 = on the cross aisle row, else in the block row
}

// AtCross is where an aisle meets a cross aisle; cross aisle 0 is the front.
func AtCross(aisle, cross int) Place { return Place{aisle, cross, -1} }

// AtCell is in front of a cell. A walk may begin there, not end.
func AtCell(c Cell) Place { return Place{c.Aisle, c.Block, c.Cell} }

// Router answers for one layout. Any goroutine may use it.
type Router struct {
	layout Layout
	rows   []int64   // offset of each cross aisle
	valid  []uint64  // by block: bits of the cells that exist
	spare  sync.Pool // of *scratch
}

// New checks the layout. ErrLayout names the field that is wrong.
func New(l Layout) (*Router, error) {
	type field struct {
		name      string
		v, lo, hi int64
	}
	fields := []field{
		{"aisles", int64(l.Aisles), 1, maxAisles},
		{"pitchMm", l.PitchMm, 1, maxMm},
		{"blocks", int64(len(l.Blocks)), 1, MaxBlocks},
	}
	for i, b := range l.Blocks {
		at := fmt.Sprintf("blocks[%d].", i)
		fields = append(fields,
			field{at + "cells", int64(b.Cells), 1, MaxCells},
			field{at + "cellMm", b.CellMm, 1, maxMm},
			field{at + "frontMm", b.FrontMm, 0, maxMm},
			field{at + "backMm", b.BackMm, 0, maxMm})
	}
	for _, f := range fields {
		if f.v < f.lo || f.v > f.hi {
			return nil, fmt.Errorf("%w: %s %d is not in %d..%d", ErrLayout, f.name, f.v, f.lo, f.hi)
		}
	}
	r := &Router{layout: l, rows: []int64{0}}
	for i, b := range l.Blocks {
		r.rows = append(r.rows, r.rows[i]+b.length())
		r.valid = append(r.valid, ^uint64(0)>>(MaxCells-b.Cells))
	}
	return r, nil
}

// Check returns ErrOutside when a cell is not in the layout.
func (r *Router) Check(c Cell) error {
	if c.Aisle < 0 || c.Aisle >= r.layout.Aisles || c.Block < 0 || c.Block >= len(r.layout.Blocks) ||
		c.Cell < 0 || c.Cell >= r.layout.Blocks[c.Block].Cells {
		return fmt.Errorf("%w: aisle %d, block %d, cell %d", ErrOutside, c.Aisle, c.Block, c.Cell)
	}
	return nil
}

// checkPlace returns ErrOutside when a place is not in the layout.
func (r *Router) checkPlace(p Place) error {
	if p.cell >= 0 {
		return r.Check(Cell{p.aisle, p.row, p.cell})
	}
	if p.cell < -1 || p.aisle < 0 || p.aisle >= r.layout.Aisles || p.row < 0 || p.row >= len(r.rows) {
		return fmt.Errorf("%w: aisle %d, cross aisle %d", ErrOutside, p.aisle, p.row)
	}
	return nil
}

// Masks turns cells into bit masks, the form Length takes: that of aisle a in
// block b is at a*blocks+b. ErrOutside when a cell is not in the layout.
func (r *Router) Masks(cells []Cell) ([]uint64, error) {
	masks := make([]uint64, r.layout.Aisles*len(r.layout.Blocks))
	return masks, r.mark(masks, cells)
}

func (r *Router) mark(masks []uint64, cells []Cell) error {
	for _, c := range cells {
		if err := r.Check(c); err != nil {
			return err
		}
		masks[c.Aisle*len(r.layout.Blocks)+c.Block] |= 1 << c.Cell
	}
	return nil
}

// Point returns where a cell is.
func (r *Router) Point(c Cell) Point {
	return Point{c.Aisle, r.rows[c.Block] + r.offset(c.Block, c.Cell)}
}

// offset is how far from the front of its block a cell is.
func (r *Router) offset(block, cell int) int64 {
	b := &r.layout.Blocks[block]
	return b.FrontMm + int64(cell)*b.CellMm
}

// span is what the tour must reach: the aisles with picks and those of both
// ends. ok is false when masks name a place that does not exist; last < first
// when nothing is to be picked.
func (r *Router) span(masks []uint64, from, to Place) (first, last int, ok bool) {
	n := len(r.layout.Blocks)
	if len(masks) > r.layout.Aisles*n {
		return 0, -1, false
	}
	lo, hi := -1, -1
	for i, m := range masks {
		if m == 0 {
			continue
		}
		if m&^r.valid[i%n] != 0 {
			return 0, -1, false
		}
		if lo < 0 {
			lo = i / n
		}
		hi = i / n
	}
	if lo < 0 {
		lo, hi = from.aisle, from.aisle
	}
	return min(lo, from.aisle, to.aisle), max(hi, from.aisle, to.aisle), true
}

// widestGap returns the largest distance, in cells, between two neighbouring
// bits of a mask and the lower one of the two; 0, 0 with fewer than two.
func widestGap(mask uint64) (widest, below int) {
	if mask == 0 {
		return 0, 0
	}
	prev := bits.TrailingZeros64(mask)
	for m := mask & (mask - 1); m != 0; m &= m - 1 {
		at := bits.TrailingZeros64(m)
		if at-prev > widest {
			widest, below = at-prev, prev
		}
		prev = at
	}
	return widest, below
}
