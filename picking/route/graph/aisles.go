package graph

import "tote/picking/route/blocks"

// Aisles is a field of aisles as a graph, for what its exact router does not
// see: blocked and one-way aisles, and floors joined by lifts.
type Aisles struct {
	layout blocks.Layout
	base   int
	Edges  []Edge
	Nodes  int // one more than the highest node
}

// NewAisles makes the nodes of a field from base on. The layout must be one that
// blocks.New takes.
func NewAisles(l blocks.Layout, base int) *Aisles {
	a := &Aisles{layout: l, base: base}
	a.Nodes = base + l.Aisles*a.perAisle()
	for i := range l.Aisles {
		for b, bl := range l.Blocks {
			from := a.Cross(i, b)
			at := bl.FrontMm
			for c := range bl.Cells {
				to := a.Cell(blocks.Cell{Aisle: i, Block: b, Cell: c})
				a.Edges = append(a.Edges, Edge{From: from, To: to, Mm: at})
				from, at = to, bl.CellMm
			}
			a.Edges = append(a.Edges, Edge{From: from, To: a.Cross(i, b+1), Mm: bl.BackMm})
		}
	}
	for i := range l.Aisles - 1 {
		for row := range len(l.Blocks) + 1 {
			a.Edges = append(a.Edges, Edge{From: a.Cross(i, row), To: a.Cross(i+1, row), Mm: l.PitchMm})
		}
	}
	return a
}

func (a *Aisles) perAisle() int {
	n := len(a.layout.Blocks) + 1
	for _, b := range a.layout.Blocks {
		n += b.Cells
	}
	return n
}

// Cross is the node where an aisle meets a cross aisle.
func (a *Aisles) Cross(aisle, row int) int {
	n := a.base + aisle*a.perAisle() + row
	for _, b := range a.layout.Blocks[:row] {
		n += b.Cells
	}
	return n
}

// Cell is the node of a cell.
func (a *Aisles) Cell(c blocks.Cell) int { return a.Cross(c.Aisle, c.Block) + 1 + c.Cell }

// Inside lists the edges, by index, of the aisle of a block: to block it, or to
// make it one-way. They lead from the front to the back.
func (a *Aisles) Inside(aisle, block int) (edges []int) {
	before := 0
	for _, b := range a.layout.Blocks {
		before += b.Cells + 1
	}
	i := aisle * before
	for _, b := range a.layout.Blocks[:block] {
		i += b.Cells + 1
	}
	for n := range a.layout.Blocks[block].Cells + 1 {
		edges = append(edges, i+n)
	}
	return edges
}
