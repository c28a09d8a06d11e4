package batch

import (
	"cmp"
	"container/heap"
	"math/bits"
	"slices"
)

const (
	// nearest is how many others an order is looked at together with.
	nearest = 30
	// wide is up to how many orders every pair is measured; in larger pools
	// only those that share the most aisles.
	wide      = 1200
	candidate = 100
)

// pair is two orders and what is saved by picking them together.
type pair struct {
	saves int64
	with  int32
}

// look finds for each order those it goes well with.
func (pl *planner) look() {
	n := len(pl.Jobs)
	pl.near = make([][]int32, n)
	alone := make([]int64, n)
	for i := range n {
		alone[i] = pl.costOf([]int32{int32(i)})
	}
	found := make([][]pair, n)
	measure := func(i, j int) {
		if !pl.pairs(i, j) {
			return
		}
		clear(pl.with)
		for _, s := range pl.Jobs[i].Stops {
			pl.with[s.Aisle] = s.Mask
		}
		for _, s := range pl.Jobs[j].Stops {
			pl.with[s.Aisle] |= s.Mask
		}
		saves := alone[i] + alone[j] - pl.Length(pl.with) - pl.Setup
		found[i] = append(found[i], pair{saves, int32(j)})
		found[j] = append(found[j], pair{saves, int32(i)})
	}
	if n <= wide {
		for i := range n {
			for j := i + 1; j < n; j++ {
				measure(i, j)
			}
		}
	} else {
		for i, js := range pl.alike() {
			for _, j := range js {
				measure(i, int(j))
			}
		}
	}
	for i, ps := range found {
		slices.SortFunc(ps, func(a, b pair) int { return cmp.Or(cmp.Compare(b.saves, a.saves), cmp.Compare(a.with, b.with)) })
		ps = slices.Compact(ps)
		for _, p := range ps[:min(len(ps), nearest)] {
			pl.near[i] = append(pl.near[i], p.with)
		}
	}
}

// pairs tells whether two orders may travel together.
func (pl *planner) pairs(i, j int) bool {
	a, b := &pl.Jobs[i], &pl.Jobs[j]
	return a.Refuses&b.Kind == 0 && b.Refuses&a.Kind == 0 && a.Load.plus(b.Load).within(pl.Capacity)
}

// alike lists for each order the later ones, or for one of them, that share the
// most of its aisles.
func (pl *planner) alike() [][]int32 {
	n, words := len(pl.Jobs), (pl.Aisles+63)/64
	sets := make([]uint64, n*words)
	for i, j := range pl.Jobs {
		for _, s := range j.Stops {
			sets[i*words+s.Aisle/64] |= 1 << (s.Aisle % 64)
		}
	}
	out := make([][]int32, n)
	var best []pair
	for i := range n {
		best = best[:0]
		for j := range n {
			if i == j {
				continue
			}
			both, all := 0, 0
			for w := range words {
				a, b := sets[i*words+w], sets[j*words+w]
				both += bits.OnesCount64(a & b)
				all += bits.OnesCount64(a | b)
			}
			if all > 0 {
				best = append(best, pair{int64(both) << 20 / int64(all), int32(j)})
			}
		}
		slices.SortFunc(best, func(a, b pair) int { return cmp.Or(cmp.Compare(b.saves, a.saves), cmp.Compare(a.with, b.with)) })
		for _, p := range best[:min(len(best), candidate)] {
			out[i] = append(out[i], p.with)
		}
	}
	return out
}

// merge is two batches that may become one.
type merge struct {
	saves int64
	a, b  *cart
}

type merges []merge

func (m merges) Len() int { return len(m) }
func (m merges) Less(i, j int) bool {
	x, y := m[i], m[j]
	return cmp.Or(cmp.Compare(y.saves, x.saves), cmp.Compare(x.a.jobs[0], y.a.jobs[0]), cmp.Compare(x.b.jobs[0], y.b.jobs[0])) < 0
}
func (m merges) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m *merges) Push(x any)   { *m = append(*m, x.(merge)) }
func (m *merges) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// savings is the method of Clarke and Wright (1964) in the form that measures
// anew after every merge: the two batches that save the most become one, until
// none saves.
func (pl *planner) savings() []*cart {
	of := make([]*cart, len(pl.Jobs))
	for i := range pl.Jobs {
		of[i] = pl.pack([]int32{int32(i)})
	}
	q := &merges{}
	offer := func(a, b *cart) {
		if a == b {
			return
		}
		if a.jobs[0] > b.jobs[0] {
			a, b = b, a
		}
		if saves, ok := pl.saves(a, b); ok && saves > 0 {
			heap.Push(q, merge{saves, a, b})
		}
	}
	for i, js := range pl.near {
		for _, j := range js {
			if int(j) > i || !slices.Contains(pl.near[j], int32(i)) {
				offer(of[i], of[j])
			}
		}
	}
	asked := make(map[*cart]bool)
	for q.Len() > 0 {
		m := heap.Pop(q).(merge)
		if of[m.a.jobs[0]] != m.a || of[m.b.jobs[0]] != m.b {
			continue // one of them is part of another one by now
		}
		c := pl.pack(append(append([]int32(nil), m.a.jobs...), m.b.jobs...))
		for _, j := range c.jobs {
			of[j] = c
		}
		clear(asked)
		for _, j := range c.jobs {
			for _, k := range pl.near[j] {
				if other := of[k]; !asked[other] {
					asked[other] = true
					offer(c, other)
				}
			}
		}
	}
	var out []*cart
	for i, c := range of {
		if c.first() == int32(i) {
			out = append(out, c)
		}
	}
	return out
}

// first is the lowest order of a batch.
func (c *cart) first() int32 { return slices.Min(c.jobs) }

// saves is what two batches cost less as one; false when they cannot be one.
func (pl *planner) saves(a, b *cart) (int64, bool) {
	if a.refuses&b.kinds != 0 || b.refuses&a.kinds != 0 || !a.load.plus(b.load).within(pl.Capacity) {
		return 0, false
	}
	h := a.hash ^ b.hash
	cost, ok := pl.memo.get(h)
	if !ok {
		for i := range pl.with {
			pl.with[i] = a.masks[i] | b.masks[i]
		}
		cost = pl.Length(pl.with) + pl.Setup
		pl.memo.put(h, cost)
	}
	return a.cost + b.cost - cost, pl.inTime(cost, a.lines+b.lines, sooner(a.due, b.due))
}
