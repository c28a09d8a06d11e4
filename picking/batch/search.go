package batch

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
)

// Options bound a search. Without rounds and without Stop it ends after the
// first repair.
type Options struct {
	Rounds  int // of dissolving and rebuilding; the plan depends on this number and Seed only
	Seed    uint64
	Threads int // independent searches, the best of which counts; 0 is one
	// Stop, when set, ends the search before its rounds are over: asked after
	// every round. It makes the plan depend on the speed of the machine.
	Stop func() bool
	// Better, when set, is called with every plan that is better than those
	// before it, from one goroutine at a time.
	Better func(Plan)
}

// Solve divides a pool into batches: savings, then local search, then batches
// are dissolved and rebuilt again and again. ErrProblem, or ErrTooLarge for an
// order that fits on no cart.
func Solve(p *Problem, o Options) (Plan, error) {
	if err := p.check(); err != nil {
		return Plan{}, err
	}
	var mu sync.Mutex
	best := Plan{Cost: -1}
	better := func(pl Plan) {
		mu.Lock()
		defer mu.Unlock()
		if best.Cost < 0 || pl.Cost < best.Cost {
			best = pl
			if o.Better != nil {
				o.Better(pl)
			}
		}
	}
	ends := make([]Plan, max(o.Threads, 1))
	var wg sync.WaitGroup
	for i := range ends {
		wg.Go(func() {
			s := newSearch(p, o.Seed+uint64(i))
			ends[i] = s.run(o, better)
		})
	}
	wg.Wait()
	end := ends[0]
	for _, e := range ends[1:] {
		if e.Cost < end.Cost {
			end.Batches, end.Cost = e.Batches, e.Cost
		}
		end.Rounds += e.Rounds
	}
	return end, nil
}

// search is one search: a plan under change, and the best so far.
type search struct {
	*planner
	rng   *rand.Rand
	carts []*cart // nil = no batch here
	of    []int32 // by order: its batch
	free  []int32 // places without a batch
	cost  int64

	undo  []undo
	queue []int32 // orders to look at again
	in    []bool  // by order: it is in the queue
	asked []int32 // by batch: the stamp of the last look
	stamp int32

	best     []*cart
	bestCost int64
}

// undo is a batch as it was.
type undo struct {
	at  int32
	was *cart
}

func newSearch(p *Problem, seed uint64) *search {
	s := &search{planner: newPlanner(p, seed), rng: rand.New(rand.NewPCG(seed, 2)), of: make([]int32, len(p.Jobs)), in: make([]bool, len(p.Jobs))}
	s.look()
	s.install(s.savings())
	return s
}

// install makes these batches the plan.
func (s *search) install(carts []*cart) {
	s.carts, s.free, s.cost, s.undo = append(s.carts[:0], carts...), s.free[:0], 0, s.undo[:0]
	for i, c := range s.carts {
		if c == nil {
			s.free = append(s.free, int32(i))
			continue
		}
		s.cost += c.cost
		for _, j := range c.jobs {
			s.of[j] = int32(i)
		}
	}
	if len(s.asked) < len(s.carts) {
		s.asked = append(s.asked, make([]int32, len(s.carts)-len(s.asked))...)
	}
}

// set puts a batch at a place; nil takes it away.
func (s *search) set(at int32, c *cart) {
	was := s.carts[at]
	s.undo = append(s.undo, undo{at, was})
	s.put(at, c)
}

func (s *search) put(at int32, c *cart) {
	if was := s.carts[at]; was != nil {
		s.cost -= was.cost
	}
	s.carts[at] = c
	if c != nil {
		s.cost += c.cost
		for _, j := range c.jobs {
			s.of[j] = at
		}
	}
}

// open returns a place without a batch.
func (s *search) open() int32 {
	for len(s.free) > 0 {
		at := s.free[len(s.free)-1]
		s.free = s.free[:len(s.free)-1]
		if s.carts[at] == nil {
			return at
		}
	}
	s.carts, s.asked = append(s.carts, nil), append(s.asked, 0)
	return int32(len(s.carts) - 1)
}

// keep makes what was done since the last keep or back final.
func (s *search) keep() {
	for _, u := range s.undo {
		if s.carts[u.at] == nil {
			s.free = append(s.free, u.at)
		}
	}
	s.undo = s.undo[:0]
}

// back takes it all back.
func (s *search) back() {
	for _, u := range slices.Backward(s.undo) {
		s.put(u.at, u.was)
	}
	s.keep()
}

// wake lets the orders of a batch be looked at again.
func (s *search) wake(c *cart) {
	for _, j := range c.jobs {
		if !s.in[j] {
			s.in[j] = true
			s.queue = append(s.queue, j)
		}
	}
}

// run searches until the rounds are over.
func (s *search) run(o Options, better func(Plan)) Plan {
	for _, c := range s.carts {
		s.wake(c)
	}
	s.repair()
	s.keep()
	s.remember()
	rounds := 0
	better(s.plan(rounds))
	idle := 0
	for ; rounds < o.Rounds && (o.Stop == nil || !o.Stop()) && len(s.Jobs) > 1; rounds++ {
		before := s.cost
		s.round()
		limit := before
		if l := s.bestCost + s.rng.Int64N(s.bestCost/tolerance+1); l > limit {
			limit = l
		}
		if s.cost > limit {
			s.back()
		} else {
			s.keep()
		}
		switch idle++; {
		case s.cost < s.bestCost:
			s.remember()
			better(s.plan(rounds + 1))
			idle = 0
		case idle >= patience:
			s.install(s.best)
			idle = 0
		}
	}
	s.install(s.best)
	return s.plan(rounds)
}

const (
	tolerance = 500  // a plan that costs up to one part in so many more than the best one may be gone on with
	patience  = 1000 // rounds without a better plan, then back to the best one
)

func (s *search) remember() {
	s.best, s.bestCost = append(s.best[:0], s.carts...), s.cost
}

// plan writes the plan down in an order that depends on its batches alone.
func (s *search) plan(rounds int) Plan {
	p := Plan{Cost: s.cost, Rounds: rounds}
	for _, c := range s.carts {
		if c == nil {
			continue
		}
		b := make([]int, len(c.jobs))
		for i, j := range c.jobs {
			b[i] = int(j)
		}
		slices.Sort(b)
		p.Batches = append(p.Batches, b)
	}
	slices.SortFunc(p.Batches, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	return p
}

// Check tells what is wrong with a plan for a pool: an order that is missing or
// twice, a cart that is too full, orders that must not travel together, a cost
// that is not so. Nil when nothing is.
func (p *Problem) Check(plan Plan) error {
	if err := p.check(); err != nil {
		return err
	}
	seen, cost := make([]bool, len(p.Jobs)), int64(0)
	for _, b := range plan.Batches {
		var load Load
		masks := make([]uint64, p.Aisles)
		for i, j := range b {
			if j < 0 || j >= len(p.Jobs) || seen[j] {
				return fmt.Errorf("%w: order %d is in no batch or in two", ErrProblem, j)
			}
			seen[j] = true
			load = load.plus(p.Jobs[j].Load)
			for _, s := range p.Jobs[j].Stops {
				masks[s.Aisle] |= s.Mask
			}
			for _, k := range b[:i] {
				if p.Jobs[j].Kind&p.Jobs[k].Refuses|p.Jobs[k].Kind&p.Jobs[j].Refuses != 0 {
					return fmt.Errorf("%w: orders %d and %d must not travel together", ErrProblem, k, j)
				}
			}
		}
		if !load.within(p.Capacity) {
			return fmt.Errorf("%w: a batch of %+v, the cart takes %+v", ErrProblem, load, p.Capacity)
		}
		cost += p.Length(masks) + p.Setup
	}
	if i := slices.Index(seen, false); i >= 0 || cost != plan.Cost {
		return fmt.Errorf("%w: order %d is in no batch, or %d mm are not the %d of the plan", ErrProblem, i, cost, plan.Cost)
	}
	return nil
}

// FirstCome divides a pool as a warehouse without a plan does: the orders as they
// stand in it, onto the next cart when one is full. It is what plans are held
// against.
func FirstCome(p *Problem) (batches [][]int) {
	var load Load
	for i := range p.Jobs {
		if l := load.plus(p.Jobs[i].Load); len(batches) > 0 && l.within(p.Capacity) {
			load = l
			batches[len(batches)-1] = append(batches[len(batches)-1], i)
			continue
		}
		load = p.Jobs[i].Load
		batches = append(batches, []int{i})
	}
	return batches
}
