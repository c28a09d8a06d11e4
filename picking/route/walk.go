package route

import "math/bits"

// Tour is a walk from the depot past all picks and back.
type Tour struct {
	LengthMm int64
	Order    []int   // indices into the picks asked for, in walking order
	Walk     []Point // every turn and every pick passed; begins and ends at the depot
}

// Route returns the shortest walk past picks. Several picks may share a cell:
// they follow each other in the order given. ErrOutside when a pick is not in
// the layout.
func (r *Router) Route(picks []Cell) (Tour, error) {
	depot := Point{Aisle: r.layout.DepotAisle}
	if len(picks) == 0 {
		return Tour{Walk: []Point{depot}}, nil
	}
	s := r.spare.Swap(nil) // nil when another goroutine has it
	if s == nil {
		s = &scratch{}
	}
	defer r.spare.Store(s)
	s.masks = sized(s.masks, r.layout.Aisles)
	clear(s.masks)
	if err := r.mark(s.masks, picks); err != nil {
		return Tour{}, err
	}
	first, last, _ := r.span(s.masks)
	cols, length := r.plan(s, first, last)
	r.expand(s, picks, cols, first)
	s.circuit(r.layout.DepotAisle - first)
	tour := Tour{LengthMm: length, Order: make([]int, 0, len(picks)), Walk: make([]Point, len(s.out))}
	for i, at := range s.out {
		n := &s.nodes[at]
		tour.Walk[i] = Point{first + int(n.aisle), n.offset}
		// The picks of a cell are taken when it is passed first.
		for ; n.pick >= 0; n.pick = s.next[n.pick] {
			tour.Order = append(tour.Order, int(n.pick))
		}
	}
	return tour, nil
}

// scratch is the working memory of one walk. Nothing in it outlives the call.
// The tour is drawn in it as a multigraph: the ends of each aisle and the picked
// cells are nodes, and an edge is walked once or twice. The nodes of an aisle
// follow each other from front to back.
type scratch struct {
	masks []uint64
	books []ledger
	cols  []column

	nodes []node
	start []int32 // of each aisle in nodes, and the end
	next  []int32 // by pick: the next one of the same cell, -1 = none

	stack, out []int32
}

// sized is s with n entries of any content.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

type node struct {
	aisle  int32
	pick   int32 // the first one here that is not taken yet, -1 = none
	offset int64
	up     uint8 // edges left to the next node towards the back; 0 at the back
	right  uint8 // edges left to the next aisle, at the front and the back node
	end    end
}

// end tells the nodes at the cross aisles from the cells.
type end uint8

const (
	aCell end = iota
	atFront
	atBack
)

// expand draws the edges of the plan.
func (r *Router) expand(s *scratch, picks []Cell, cols []column, first int) {
	s.nodes, s.start, s.next = sized(s.nodes, 2*len(cols)+len(picks)), sized(s.start, len(cols)+1), sized(s.next, len(picks))
	end := 0
	for i, col := range cols {
		at := end
		s.start[i] = int32(at)
		s.nodes[end] = node{aisle: int32(i), pick: -1, right: col.to.front, end: atFront}
		end++
		for m := s.masks[first+i]; m != 0; m &= m - 1 {
			s.nodes[end] = node{aisle: int32(i), pick: -1, offset: r.offset(bits.TrailingZeros64(m))}
			end++
		}
		s.nodes[end] = node{aisle: int32(i), pick: -1, offset: r.length, right: col.to.back, end: atBack}
		end++
		drawInside(s.nodes[at:end], col.in, first+i == r.layout.DepotAisle)
	}
	s.nodes, s.start[len(cols)] = s.nodes[:end], int32(end)
	// From the last pick to the first, so that each cell lists its picks in
	// their order. A cell's node is found by counting the cells before it.
	for i := len(picks) - 1; i >= 0; i-- {
		p := picks[i]
		before := bits.OnesCount64(s.masks[p.Aisle] & (1<<p.Cell - 1))
		n := &s.nodes[int(s.start[p.Aisle-first])+1+before]
		s.next[i], n.pick = n.pick, int32(i)
	}
}

// drawInside sets the edges inside one aisle; nodes are its front, picked
// cells and back.
func drawInside(nodes []node, m move, depot bool) {
	edges := len(nodes) - 1
	draw := func(from, to int, times uint8) {
		for i := from; i < to; i++ {
			nodes[i].up = times
		}
	}
	lowest := 1 // the nearest required point a top return must reach
	if depot {
		lowest = 0
	}
	switch m {
	case mvOnce:
		draw(0, edges, 1)
	case mvTwice:
		draw(0, edges, 2)
	case mvTop:
		draw(lowest, edges, 2)
	case mvBottom:
		draw(0, edges-1, 2)
	case mvGap:
		draw(0, edges, 2)
		widest := lowest
		for i := lowest; i < edges-1; i++ {
			if nodes[i+1].offset-nodes[i].offset > nodes[widest+1].offset-nodes[widest].offset {
				widest = i
			}
		}
		nodes[widest].up = 0
	}
}

// circuit walks every edge exactly once, starting and ending at the front of
// aisle depot (Hierholzer), and leaves the nodes in out. The edges of a node are
// tried in a fixed order: up, down, right, left.
func (s *scratch) circuit(depot int) {
	nodes, out := s.nodes, s.out[:0]
	at := s.start[depot]
	stack := append(s.stack[:0], at)
	for {
		for nodes[at].up > 0 {
			nodes[at].up--
			at++
			stack = append(stack, at)
		}
		// Below the front of an aisle stands the back of the one before it,
		// which has no edge up.
		if at > 0 && nodes[at-1].up > 0 {
			nodes[at-1].up--
			at--
			stack = append(stack, at)
			continue
		}
		if nodes[at].end != aCell {
			if next := s.cross(at); next >= 0 {
				at = next
				stack = append(stack, at)
				continue
			}
		}
		out = append(out, at)
		if stack = stack[:len(stack)-1]; len(stack) == 0 {
			break
		}
		at = stack[len(stack)-1]
	}
	s.stack, s.out = stack, out
}

// cross uses up one edge to a neighbouring aisle and returns its other end, -1
// when none is left.
func (s *scratch) cross(at int32) int32 {
	n := &s.nodes[at]
	if n.right > 0 {
		n.right--
		if n.end == atFront {
			return s.start[n.aisle+1]
		}
		return s.start[n.aisle+2] - 1
	}
	if n.aisle == 0 {
		return -1
	}
	left := s.start[n.aisle-1]
	if n.end == atBack {
		left = s.start[n.aisle] - 1
	}
	if s.nodes[left].right > 0 {
		s.nodes[left].right--
		return left
	}
	return -1
}
