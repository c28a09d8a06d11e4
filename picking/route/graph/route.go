package graph

import "fmt"

// maxExact is the number of different stops up to which a walk is proven the
// shortest.
const maxExact = 12

// defaultRounds is how often a walk of more stops is shaken and repaired.
const defaultRounds = 400

// Question is a walk asked for.
type Question struct {
	From, To int   // nodes; equal for a round
	Stops    []int // nodes to pass, in any order; a node may stand there twice
	// Blocked edges are not walked, by their index; nil is none.
	Blocked map[int]bool
	// Rounds is how often a walk of more than 12 stops is shaken and
	// repaired; 0 is 400, less than 0 is never.
	Rounds int
	Seed   uint64
}

// Tour is a walk past all stops.
type Tour struct {
	LengthMm int64
	Order    []int // indices into Stops, in walking order
	Walk     []int // every node passed, both ends included
	Exact    bool  // proven to be the shortest
}

// UnreachableError names the stop a walk cannot pass. It is ErrUnreachable, or
// ErrTrap when there is a way to it but none from it to the end.
type UnreachableError struct {
	Stop int // index into Stops, -1 = the end of the walk
	Node int
	Trap bool
}

func (e *UnreachableError) Error() string {
	if e.Trap {
		return fmt.Sprintf("%v: stop %d, node %d", ErrTrap, e.Stop, e.Node)
	}
	return fmt.Sprintf("%v: stop %d, node %d", ErrUnreachable, e.Stop, e.Node)
}

func (e *UnreachableError) Unwrap() error {
	if e.Trap {
		return ErrTrap
	}
	return ErrUnreachable
}

// Route returns a short walk from one node to another past all stops. Stops at
// the same node follow each other in the order given. ErrNode, ErrTooMany, or an
// *UnreachableError.
func (g *Graph) Route(q Question) (Tour, error) {
	if len(q.Stops) > MaxStops {
		return Tour{}, fmt.Errorf("%w: %d, at most %d", ErrTooMany, len(q.Stops), MaxStops)
	}
	for _, n := range append([]int{q.From, q.To}, q.Stops...) {
		if n < 0 || n >= g.nodes() {
			return Tour{}, fmt.Errorf("%w: %d of %d", ErrNode, n, g.nodes())
		}
	}
	p, err := g.problem(q)
	if err != nil {
		return Tour{}, err
	}
	var t Tour
	var order []int
	if p.n <= maxExact {
		order, t.Exact = p.exact(), true
	} else {
		rounds := q.Rounds
		if rounds == 0 {
			rounds = defaultRounds
		}
		order = p.search(max(rounds, 0), q.Seed)
	}
	if t.LengthMm = p.length(order); t.LengthMm >= far {
		return Tour{}, p.stuck(order)
	}
	t.Walk = []int{q.From}
	at := q.From
	for _, i := range order {
		t.Walk = g.from(at, q.Blocked).path(p.node[i], t.Walk)
		t.Order = append(t.Order, p.stops[i]...)
		at = p.node[i]
	}
	t.Walk = g.from(at, q.Blocked).path(q.To, t.Walk)
	return t, nil
}

// stuck names the stop at which the best order of the stops ends: each can be
// left, but not for the next one.
func (p *problem) stuck(order []int) error {
	at := p.n
	for _, i := range order {
		if p.to(at, i) >= far && at < p.n {
			return &UnreachableError{Stop: p.stops[at][0], Node: p.node[at], Trap: true}
		}
		at = i
	}
	return &UnreachableError{Stop: p.stops[at][0], Node: p.node[at], Trap: true}
}

// problem is a walk asked for as distances: between the different stops
// 0..n-1, from the start n and to the end n.
type problem struct {
	n     int
	node  []int
	stops [][]int // by different stop: indices into Question.Stops
	mm    []int64 // [from*(n+1)+to]
}

func (g *Graph) problem(q Question) (*problem, error) {
	p := &problem{}
	known := map[int]int{}
	for i, n := range q.Stops {
		at, ok := known[n]
		if !ok {
			at = len(p.node)
			known[n] = at
			p.node, p.stops = append(p.node, n), append(p.stops, nil)
		}
		p.stops[at] = append(p.stops[at], i)
	}
	p.n = len(p.node)
	w := p.n + 1
	p.mm = make([]int64, w*w)
	for i := range w {
		start := q.From
		if i < p.n {
			start = p.node[i]
		}
		t := g.from(start, q.Blocked)
		for j, n := range p.node {
			p.mm[i*w+j] = t.mm[n]
		}
		p.mm[i*w+p.n] = t.mm[q.To]
	}
	for i := range p.n {
		switch {
		case p.mm[p.n*w+i] >= far:
			return nil, &UnreachableError{Stop: p.stops[i][0], Node: p.node[i]}
		case p.mm[i*w+p.n] >= far:
			return nil, &UnreachableError{Stop: p.stops[i][0], Node: p.node[i], Trap: true}
		}
	}
	if p.n == 0 && p.mm[0] >= far {
		return nil, &UnreachableError{Stop: -1, Node: q.To}
	}
	return p, nil
}

// to is the distance from one stop to another; n is the start, or the end.
func (p *problem) to(i, j int) int64 { return p.mm[i*(p.n+1)+j] }

func (p *problem) length(order []int) int64 {
	at, sum := p.n, int64(0)
	for _, i := range order {
		sum += p.to(at, i)
		at = i
	}
	return sum + p.to(at, p.n)
}

// exact is the program of Held and Karp. Where no order of the stops can be
// walked its answer is one of them, and far long.
func (p *problem) exact() []int {
	n := p.n
	if n == 0 {
		return nil
	}
	const never = int64(1) << 60
	best := make([]int64, n<<n)
	prev := make([]int8, n<<n)
	for i := range best {
		best[i] = never
	}
	for j := range n {
		best[(1<<j)*n+j] = p.to(n, j)
	}
	for set := 1; set < 1<<n; set++ {
		for j := range n {
			if set&(1<<j) == 0 {
				continue
			}
			at := best[set*n+j]
			for k := range n {
				if set&(1<<k) != 0 {
					continue
				}
				if to := (set|1<<k)*n + k; at+p.to(j, k) < best[to] {
					best[to], prev[to] = at+p.to(j, k), int8(j)
				}
			}
		}
	}
	set, last := 1<<n-1, 0
	for j := range n {
		if best[set*n+j]+p.to(j, n) < best[set*n+last]+p.to(last, n) {
			last = j
		}
	}
	order := make([]int, n)
	for i := n - 1; i >= 0; i-- {
		order[i] = last
		before := int(prev[set*n+last])
		set &^= 1 << last
		last = before
	}
	return order
}
