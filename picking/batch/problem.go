package batch

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// The faults of planning a pool.
var (
	ErrProblem  = errors.New("batch: the pool cannot be planned")
	ErrTooLarge = errors.New("batch: an order fits on no cart")
)

// Load is what an order takes of a cart, or what a cart holds. In a capacity 0
// means no limit.
type Load struct{ Slots, Volume, Weight int64 }

func (l Load) plus(m Load) Load {
	return Load{l.Slots + m.Slots, l.Volume + m.Volume, l.Weight + m.Weight}
}

func (l Load) minus(m Load) Load {
	return Load{l.Slots - m.Slots, l.Volume - m.Volume, l.Weight - m.Weight}
}

// within tells whether a load is inside a capacity.
func (l Load) within(c Load) bool {
	return (c.Slots == 0 || l.Slots <= c.Slots) && (c.Volume == 0 || l.Volume <= c.Volume) && (c.Weight == 0 || l.Weight <= c.Weight)
}

// Stops are the cells of one aisle, one bit each.
type Stops struct {
	Aisle int
	Mask  uint64
}

// Job is an order of the pool as planning sees it.
type Job struct {
	Stops []Stops // where its lines lie; aisles ascending
	Lines int     // how many there are
	Load  Load
	// Due is when the batch must be back for it, ms since 1970; 0 = whenever.
	Due int64
	// Two orders whose Kind and Refuses share a bit never travel together:
	// bleach refuses food.
	Kind, Refuses uint64
}

// Problem is a pool of orders to be picked.
type Problem struct {
	Jobs     []Job
	Aisles   int
	Capacity Load // of a cart
	// Length is how long, in mm, the walk past all cells is whose bit is set,
	// by aisle. It is asked millions of times, from several goroutines.
	Length func(masks []uint64) int64
	// Setup is what one more walk costs beside its length, mm.
	Setup int64
	// A batch that leaves at Start (ms since 1970) takes its length at
	// MmPerS and PickMs a line. Orders that would be on time alone are on
	// time in their batch. MmPerS 0: due times are not looked at.
	Start, MmPerS, PickMs int64
}

// Plan is a pool divided into batches.
type Plan struct {
	Batches [][]int // positions in Jobs; of a batch, and batches by their first, ascending
	Cost    int64   // of all walks and setups, mm
	Rounds  int     // of the search, until it ended
}

// check returns ErrProblem, or ErrTooLarge with the first order no cart holds.
func (p *Problem) check() error {
	if p.Aisles < 1 || p.Length == nil || p.Setup < 0 || p.MmPerS < 0 || p.PickMs < 0 ||
		p.Capacity.Slots < 0 || p.Capacity.Volume < 0 || p.Capacity.Weight < 0 {
		return fmt.Errorf("%w: aisles %d, capacity %+v, setup %d, speed %d", ErrProblem, p.Aisles, p.Capacity, p.Setup, p.MmPerS)
	}
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if !j.Load.within(p.Capacity) {
			return fmt.Errorf("%w: order %d, %+v of %+v", ErrTooLarge, i, j.Load, p.Capacity)
		}
		if j.Load.Slots < 0 || j.Load.Volume < 0 || j.Load.Weight < 0 || j.Lines < 0 {
			return fmt.Errorf("%w: order %d has a negative load", ErrProblem, i)
		}
		before := -1
		for _, s := range j.Stops {
			if s.Aisle <= before || s.Aisle >= p.Aisles {
				return fmt.Errorf("%w: order %d has a stop in aisle %d of %d, behind aisle %d", ErrProblem, i, s.Aisle, p.Aisles, before)
			}
			before = s.Aisle
		}
	}
	return nil
}

// cart is one batch of a plan. It is never changed after it was made.
type cart struct {
	jobs           []int32
	masks          []uint64
	load           Load
	lines          int
	due            int64 // of the most urgent one that can be on time, 0 = none
	kinds, refuses uint64
	cost           int64
	hash           uint64
	gains          []int64 // what each order costs here, once somebody asked
}

// planner is what a search knows of its pool.
type planner struct {
	*Problem
	name []uint64  // a random number by order; those of a batch make its hash
	due  []int64   // 0 for orders that are late whatever is done
	near [][]int32 // by order: those it goes well with, the best first
	memo memo
	with []uint64 // masks under trial
	temp []int32
}

func newPlanner(p *Problem, seed uint64) *planner {
	pl := &planner{Problem: p, name: make([]uint64, len(p.Jobs)), due: make([]int64, len(p.Jobs)), with: make([]uint64, p.Aisles)}
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range p.Jobs {
		pl.name[i] = rng.Uint64()
	}
	pl.memo.init()
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if p.MmPerS > 0 && j.Due > 0 && p.Start+pl.takes(pl.costOf([]int32{int32(i)})-p.Setup, j.Lines) <= j.Due {
			pl.due[i] = j.Due
		}
	}
	return pl
}

// takes is how long a walk lasts, ms.
func (pl *planner) takes(mm int64, lines int) int64 {
	return mm*1000/pl.MmPerS + int64(lines)*pl.PickMs
}

// fits tells whether an order may join a batch; its due time is looked at when
// the cost is known.
func (pl *planner) fits(c *cart, job int32) bool {
	j := &pl.Jobs[job]
	return c.refuses&j.Kind == 0 && c.kinds&j.Refuses == 0 && c.load.plus(j.Load).within(pl.Capacity)
}

// inTime tells whether a batch of that cost is back for its most urgent order.
func (pl *planner) inTime(cost int64, lines int, due int64) bool {
	return due == 0 || pl.Start+pl.takes(cost-pl.Setup, lines) <= due
}

// sooner is the more urgent of two due times.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// costOf is what a walk for orders costs.
func (pl *planner) costOf(jobs []int32) int64 {
	if len(jobs) == 0 {
		return 0
	}
	h := uint64(0)
	for _, j := range jobs {
		h ^= pl.name[j]
	}
	if c, ok := pl.memo.get(h); ok {
		return c
	}
	clear(pl.with)
	for _, j := range jobs {
		for _, s := range pl.Jobs[j].Stops {
			pl.with[s.Aisle] |= s.Mask
		}
	}
	c := pl.Length(pl.with) + pl.Setup
	pl.memo.put(h, c)
	return c
}

// plus is what a batch costs with one order more.
func (pl *planner) plus(c *cart, job int32) int64 {
	h := c.hash ^ pl.name[job]
	if cost, ok := pl.memo.get(h); ok {
		return cost
	}
	m := c.masks
	stops := pl.Jobs[job].Stops
	was := pl.with[:len(stops)]
	for i, s := range stops {
		was[i] = m[s.Aisle]
		m[s.Aisle] |= s.Mask
	}
	cost := pl.Length(m) + pl.Setup
	for i, s := range stops {
		m[s.Aisle] = was[i]
	}
	pl.memo.put(h, cost)
	return cost
}

// without is what a batch costs with one order less and, unless it is -1,
// another one instead.
func (pl *planner) without(c *cart, less, more int32) int64 {
	h := c.hash ^ pl.name[less]
	if more >= 0 {
		h ^= pl.name[more]
	} else if len(c.jobs) == 1 {
		return 0
	}
	if cost, ok := pl.memo.get(h); ok {
		return cost
	}
	jobs := pl.temp[:0]
	for _, j := range c.jobs {
		if j != less {
			jobs = append(jobs, j)
		}
	}
	if more >= 0 {
		jobs = append(jobs, more)
	}
	pl.temp = jobs
	return pl.costOf(jobs)
}

// gain is what a batch costs less without the order at a place of it.
func (pl *planner) gain(c *cart, at int) int64 {
	if c.gains == nil {
		c.gains = make([]int64, len(c.jobs))
		for i, j := range c.jobs {
			c.gains[i] = c.cost - pl.without(c, j, -1)
		}
	}
	return c.gains[at]
}

// pack makes a batch.
func (pl *planner) pack(jobs []int32) *cart {
	c := &cart{jobs: append([]int32(nil), jobs...), masks: make([]uint64, pl.Aisles)}
	for _, id := range jobs {
		j := &pl.Jobs[id]
		c.load = c.load.plus(j.Load)
		c.lines += j.Lines
		c.due = sooner(c.due, pl.due[id])
		c.kinds |= j.Kind
		c.refuses |= j.Refuses
		c.hash ^= pl.name[id]
		for _, s := range j.Stops {
			c.masks[s.Aisle] |= s.Mask
		}
	}
	c.cost = pl.costOf(jobs)
	return c
}

// memo remembers what batches cost: a table of a fixed size in which the newer
// one of two on the same place stays.
type memo struct {
	keys  []uint64
	costs []int64
}

const memoBits = 18

func (m *memo) init() {
	m.keys, m.costs = make([]uint64, 1<<memoBits), make([]int64, 1<<memoBits)
}

func (m *memo) get(h uint64) (int64, bool) {
	i := h >> (64 - memoBits)
	return m.costs[i], m.keys[i] == h && h != 0
}

func (m *memo) put(h uint64, cost int64) {
	i := h >> (64 - memoBits)
	m.keys[i], m.costs[i] = h, cost
}
