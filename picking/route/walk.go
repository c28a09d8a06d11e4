package route

import "slices"

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
	masks, err := r.Masks(picks)
	if err != nil {
		return Tour{}, err
	}
	first, last, _ := r.span(masks)
	cols, length := r.plan(masks, first, last)
	g := r.expand(picks, cols, first)
	tour := Tour{LengthMm: length, Order: make([]int, 0, len(picks))}
	circuit := g.circuit(r.layout.DepotAisle - first)
	tour.Walk = make([]Point, len(circuit))
	for i, n := range circuit {
		tour.Walk[i] = Point{first + int(g.nodes[n].aisle), g.nodes[n].offset}
		// The picks of a cell are taken when it is passed first.
		for ; g.nodes[n].picks > 0; g.nodes[n].picks-- {
			tour.Order = append(tour.Order, int(g.keys[g.nodes[n].key]&0xffffffff))
			g.nodes[n].key++
		}
	}
	return tour, nil
}

// graph is the tour as a multigraph: the ends of each aisle and the picked
// cells are nodes, and an edge is walked once or twice. The nodes of an aisle
// follow each other from front to back.
type graph struct {
	nodes []node
	start []int   // of each aisle in nodes, and the end
	keys  []int64 // one per pick, sorted: aisle, cell, index
}

type node struct {
	aisle  int32
	picks  int32 // picks at this node not yet taken
	key    int   // where they begin in keys
	offset int64
	up     uint8 // edges left to the next node towards the back
	right  uint8 // edges left to the next aisle, at the front and the back node
}

// expand draws the edges of the plan.
func (r *Router) expand(picks []Cell, cols []column, first int) *graph {
	g := &graph{keys: make([]int64, len(picks)), start: make([]int, 0, len(cols)+1)}
	for i, p := range picks {
		g.keys[i] = int64(p.Aisle)<<40 | int64(p.Cell)<<32 | int64(i)
	}
	slices.Sort(g.keys)
	g.nodes = make([]node, 0, 2*len(cols)+len(picks))
	k := 0
	for i, col := range cols {
		at := len(g.nodes)
		g.start = append(g.start, at)
		g.nodes = append(g.nodes, node{aisle: int32(i), right: col.to.front})
		for k < len(g.keys) && int(g.keys[k]>>40) == first+i {
			cell := int(g.keys[k] >> 32 & 0xff)
			n := node{aisle: int32(i), key: k, offset: r.offset(cell)}
			for k < len(g.keys) && g.keys[k]>>32 == int64(first+i)<<8|int64(cell) {
				n.picks++
				k++
			}
			g.nodes = append(g.nodes, n)
		}
		g.nodes = append(g.nodes, node{aisle: int32(i), offset: r.length, right: col.to.back})
		drawInside(g.nodes[at:], col.in, first+i == r.layout.DepotAisle)
	}
	g.start = append(g.start, len(g.nodes))
	return g
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
// aisle depot (Hierholzer). The edges are tried in a fixed order.
func (g *graph) circuit(depot int) []int {
	edges := 0
	for i := range g.nodes {
		edges += int(g.nodes[i].up + g.nodes[i].right)
	}
	stack, out := make([]int, 1, edges+1), make([]int, 0, edges+1)
	stack[0] = g.start[depot]
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		next, ok := g.take(at)
		if ok {
			stack = append(stack, next)
			continue
		}
		out = append(out, at)
		stack = stack[:len(stack)-1]
	}
	return out
}

// take uses up one edge of a node and returns its other end.
func (g *graph) take(at int) (next int, ok bool) {
	n := &g.nodes[at]
	a := int(n.aisle)
	front, back := g.start[a], g.start[a+1]-1
	if n.up > 0 && at < back {
		n.up--
		return at + 1, true
	}
	if at > front && g.nodes[at-1].up > 0 {
		g.nodes[at-1].up--
		return at - 1, true
	}
	if at != front && at != back {
		return 0, false
	}
	if n.right > 0 {
		n.right--
		if at == front {
			return g.start[a+1], true
		}
		return g.start[a+2] - 1, true
	}
	if a == 0 {
		return 0, false
	}
	left := g.start[a-1]
	if at == back {
		left = g.start[a] - 1
	}
	if g.nodes[left].right > 0 {
		g.nodes[left].right--
		return left, true
	}
	return 0, false
}
