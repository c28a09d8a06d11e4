package blocks

import (
	"math/bits"
	"slices"
)

// Tour is a walk past all picks.
type Tour struct {
	LengthMm int64
	Order    []int   // indices into the picks asked for, in walking order
	Walk     []Point // every turn and every pick passed, both ends included
}

// Route returns the shortest walk past picks from one place to another; equal
// places make it a round. Several picks may share a cell: they follow each
// other in the order given. ErrOutside when a pick or a place is not in the
// layout, ErrEnd when the walk should end at a cell.
func (r *Router) Route(picks []Cell, from, to Place) (Tour, error) {
	s := r.take()
	defer r.spare.Put(s)
	s.masks = sized(s.masks, r.layout.Aisles*len(r.layout.Blocks))
	clear(s.masks)
	if err := r.mark(s.masks, picks); err != nil {
		return Tour{}, err
	}
	q, err := r.ask(s.masks, from, to)
	if err != nil {
		return Tour{}, err
	}
	last, length := r.solve(s, s.masks, q)
	r.draw(s, picks, q, last)
	s.circuit(s.startAt)
	tour := Tour{LengthMm: length, Order: make([]int, 0, len(picks)), Walk: make([]Point, len(s.out))}
	slices.Reverse(s.out)
	for i, at := range s.out {
		n := &s.nodes[at]
		tour.Walk[i] = Point{q.first + int(n.aisle), n.offset}
		// The picks of a cell are taken when it is passed first.
		for ; n.pick >= 0; n.pick = s.after[n.pick] {
			tour.Order = append(tour.Order, int(n.pick))
		}
	}
	return tour, nil
}

// drawing is a tour as a multigraph: the crossings, the picked cells and the
// cell of the start are nodes, and an edge is walked once or twice. The nodes of
// an aisle follow each other from front to back.
type drawing struct {
	nodes   []node
	cross   []int32 // [aisle*rows+row]: its node
	after   []int32 // by pick: the next one of the same cell, -1 = none
	startAt int32

	stack, out []int32
}

type node struct {
	aisle  int32
	pick   int32 // the first one here that is not taken yet, -1 = none
	offset int64
	up     uint8 // edges left to the next node towards the back
	right  uint8 // edges left to the next aisle
	row    int8  // cross aisle, -1 for a cell
}

// sized is s with n entries of any content.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// draw reads the choices back from the trail and draws them.
func (r *Router) draw(s *scratch, picks []Cell, q question, last int32) {
	rows, blocks := len(r.rows), len(r.layout.Blocks)
	s.lay(r, picks, q)
	by := func() uint16 {
		e := s.trail[last]
		last = e.prev
		return e.by
	}
	for a := q.last; a >= q.first; a-- {
		cross := s.cross[(a-q.first)*rows:][:rows]
		for b := blocks - 1; b >= 0; b-- {
			start := int32(-1)
			if q.from.cell >= 0 && q.from.aisle == a && q.from.row == b {
				start = s.startAt
			}
			drawWay(s.nodes, int(cross[b]), int(cross[b+1]), int(start), int(by()))
		}
		if q.open && q.to.aisle == a {
			by()
		}
		if q.from.aisle == a && q.from.cell < 0 {
			by()
		}
		if a > q.first {
			code := by()
			for row := range rows {
				s.nodes[s.cross[(a-1-q.first)*rows+row]].right = uint8(code >> (2 * row) & 3)
			}
		}
	}
}

// lay puts the nodes down, and the picks on them.
func (s *scratch) lay(r *Router, picks []Cell, q question) {
	rows, blocks := len(r.rows), len(r.layout.Blocks)
	s.nodes, s.cross, s.after = s.nodes[:0], s.cross[:0], sized(s.after, len(picks))
	s.startAt = -1
	for a := q.first; a <= q.last; a++ {
		for row := range rows {
			s.cross = append(s.cross, int32(len(s.nodes)))
			if q.from.cell < 0 && q.from.aisle == a && q.from.row == row {
				s.startAt = int32(len(s.nodes))
			}
			s.nodes = append(s.nodes, node{aisle: int32(a - q.first), pick: -1, offset: r.rows[row], row: int8(row)})
			if row == blocks {
				continue
			}
			for m := s.cells(q, a, row, blocks); m != 0; m &= m - 1 {
				cell := bits.TrailingZeros64(m)
				if q.from == AtCell(Cell{a, row, cell}) {
					s.startAt = int32(len(s.nodes))
				}
				s.nodes = append(s.nodes, node{aisle: int32(a - q.first), pick: -1, offset: r.rows[row] + r.offset(row, cell), row: -1})
			}
		}
	}
	// From the last pick to the first, so that each cell lists its picks in
	// their order. A cell's node is found by counting the cells before it.
	for i := len(picks) - 1; i >= 0; i-- {
		p := picks[i]
		before := bits.OnesCount64(s.cells(q, p.Aisle, p.Block, blocks) & (1<<p.Cell - 1))
		n := &s.nodes[int(s.cross[(p.Aisle-q.first)*rows+p.Block])+1+before]
		s.after[i], n.pick = n.pick, int32(i)
	}
}

// cells is the mask of the nodes in the aisle of a block.
func (s *scratch) cells(q question, aisle, block, blocks int) uint64 {
	m := s.masks[aisle*blocks+block]
	if q.from.cell >= 0 && q.from.aisle == aisle && q.from.row == block {
		m |= 1 << q.from.cell
	}
	return m
}

// drawWay sets the edges in the aisle of a block, whose nodes go from front to
// back; start is where the walk begins, -1 when not here.
func drawWay(nodes []node, front, back, start, way int) {
	edge := func(from, to int, times uint8) {
		for i := from; i < to; i++ {
			nodes[i].up = times
		}
	}
	leaveOut := func(from, to int) { // the widest of the edges between two nodes
		widest := from
		for i := from; i < to; i++ {
			if nodes[i+1].offset-nodes[i].offset > nodes[widest+1].offset-nodes[widest].offset {
				widest = i
			}
		}
		nodes[widest].up = 0
	}
	switch way {
	case wayOnce:
		edge(front, back, 1)
	case wayTwice:
		edge(front, back, 2)
	case wayBack:
		edge(front+1, back, 2)
	case wayFront:
		edge(front, back-1, 2)
	case wayGap:
		edge(front, back, 2)
		leaveOut(front+1, back-1)
	case wayOutFront:
		edge(front, start, 1)
		edge(start, back-1, 2)
	case wayOutFrontGap:
		edge(front, start, 1)
		edge(start, back, 2)
		leaveOut(start, back-1)
	case wayOutFrontTwice:
		edge(front, start, 1)
		edge(start, back, 2)
	case wayOutBack:
		edge(front+1, start, 2)
		edge(start, back, 1)
	case wayOutBackGap:
		edge(front, start, 2)
		leaveOut(front+1, start)
		edge(start, back, 1)
	case wayOutBackTwice:
		edge(front, start, 2)
		edge(start, back, 1)
	}
}

// circuit walks every edge exactly once from the start (Hierholzer) and leaves
// the nodes in out, the last one first. The edges of a node are tried in a fixed
// order: up, down, right, left.
func (s *scratch) circuit(at int32) {
	nodes, out := s.nodes, s.out[:0]
	stack := append(s.stack[:0], at)
	for len(stack) > 0 {
		at = stack[len(stack)-1]
		next := int32(-1)
		switch {
		case nodes[at].up > 0:
			nodes[at].up--
			next = at + 1
		// Below the front of an aisle stands the back of the one before it,
		// which has no edge up.
		case at > 0 && nodes[at-1].up > 0:
			nodes[at-1].up--
			next = at - 1
		case nodes[at].row >= 0:
			next = s.over(at)
		}
		if next >= 0 {
			stack = append(stack, next)
			continue
		}
		out = append(out, at)
		stack = stack[:len(stack)-1]
	}
	s.stack, s.out = stack, out
}

// over uses up one edge to a neighbouring aisle and returns its other end, -1
// when none is left.
func (s *scratch) over(at int32) int32 {
	n := &s.nodes[at]
	rows := int32(len(s.cross)) / (s.nodes[len(s.nodes)-1].aisle + 1)
	i := n.aisle*rows + int32(n.row)
	if n.right > 0 {
		n.right--
		return s.cross[i+rows]
	}
	if n.aisle == 0 {
		return -1
	}
	if left := s.cross[i-rows]; s.nodes[left].right > 0 {
		s.nodes[left].right--
		return left
	}
	return -1
}
