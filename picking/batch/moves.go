package batch

import (
	"cmp"
	"slices"
)

// repair makes the plan cheaper by moving one order to another batch, or by
// changing two, until neither helps. Only batches that hold an order which goes
// well with the one at hand are tried.
func (s *search) repair() {
	for len(s.queue) > 0 {
		j := s.queue[len(s.queue)-1]
		s.queue = s.queue[:len(s.queue)-1]
		s.in[j] = false
		s.improve(j)
	}
}

// step is the best change found for an order: to another batch, or for another
// order.
type step struct {
	delta int64
	to    int32
	swap  int32 // -1 = none
}

func (s *search) improve(j int32) {
	from := s.of[j]
	a := s.carts[from]
	gain := s.gain(a, slices.Index(a.jobs, j))
	best := step{swap: -1}
	s.stamp++
	s.asked[from] = s.stamp
	for _, k := range s.near[j] {
		to := s.of[k]
		if s.asked[to] == s.stamp {
			continue
		}
		s.asked[to] = s.stamp
		b := s.carts[to]
		if s.fits(b, j) {
			cost := s.plus(b, j)
			if d := cost - b.cost - gain; d < best.delta && s.inTime(cost, b.lines+s.Jobs[j].Lines, sooner(b.due, s.due[j])) {
				best = step{d, to, -1}
			}
		}
		for i, k := range b.jobs {
			// A walk with an order more is not shorter: no change saves more
			// than both orders cost where they are.
			if -(gain + s.gain(b, i)) >= best.delta {
				continue
			}
			if d, ok := s.swapped(a, b, j, k, best.delta); ok {
				best = step{d, to, k}
			}
		}
	}
	if best.delta < 0 {
		s.take(j, from, best)
	}
}

// swapped is what it costs more when two orders change their batches; false
// when that is not better than what is known, or cannot be.
func (s *search) swapped(a, b *cart, j, k int32, known int64) (int64, bool) {
	x, y := &s.Jobs[j], &s.Jobs[k]
	if !a.load.minus(x.Load).plus(y.Load).within(s.Capacity) || !b.load.minus(y.Load).plus(x.Load).within(s.Capacity) {
		return 0, false
	}
	first := s.without(a, j, k)
	d := first - a.cost - b.cost
	if d >= known {
		return 0, false
	}
	second := s.without(b, k, j)
	if d += second; d >= known {
		return 0, false
	}
	return d, s.allowed(a, j, k, first) && s.allowed(b, k, j, second)
}

// allowed tells whether a batch may have one order instead of another: kinds and
// due times, which are looked at last because they seldom matter.
func (s *search) allowed(c *cart, less, more int32, cost int64) bool {
	if c.due == 0 && s.due[more] == 0 && s.Jobs[more].Kind|s.Jobs[more].Refuses == 0 {
		return true
	}
	due, lines := s.due[more], s.Jobs[more].Lines
	for _, j := range c.jobs {
		if j == less {
			continue
		}
		if s.Jobs[j].Kind&s.Jobs[more].Refuses|s.Jobs[more].Kind&s.Jobs[j].Refuses != 0 {
			return false
		}
		due = sooner(due, s.due[j])
		lines += s.Jobs[j].Lines
	}
	return s.inTime(cost, lines, due)
}

// take does a step.
func (s *search) take(j, from int32, st step) {
	a, b := s.carts[from], s.carts[st.to]
	s.change(from, a, j, st.swap)
	s.change(st.to, b, st.swap, j)
	for _, at := range []int32{from, st.to} {
		if c := s.carts[at]; c != nil {
			s.wake(c)
		}
	}
}

// change puts a batch with one order less and one more at a place; -1 is none.
func (s *search) change(at int32, c *cart, less, more int32) {
	jobs := s.temp[:0]
	for _, j := range c.jobs {
		if j != less {
			jobs = append(jobs, j)
		}
	}
	if more >= 0 {
		jobs = append(jobs, more)
	}
	s.temp = jobs
	if len(jobs) == 0 {
		s.set(at, nil)
		return
	}
	s.set(at, s.pack(slices.Clone(jobs)))
}

// round dissolves some batches that lie near each other, puts their orders back
// one by one where they cost the least, and repairs.
func (s *search) round() {
	loose := s.dissolve(2 + s.rng.IntN(3))
	switch s.rng.IntN(3) {
	case 0:
		s.rng.Shuffle(len(loose), func(i, j int) { loose[i], loose[j] = loose[j], loose[i] })
	default: // the large ones first, not too strictly
		weight := make(map[int32]int64, len(loose)) // integers: equal on every processor
		for _, j := range loose {
			l, c := s.Jobs[j].Load, s.Capacity
			size := max(share(l.Slots, c.Slots), share(l.Volume, c.Volume), share(l.Weight, c.Weight), int64(len(s.Jobs[j].Stops)))
			weight[j] = size * (700 + s.rng.Int64N(600))
		}
		slices.SortFunc(loose, func(a, b int32) int { return cmp.Or(cmp.Compare(weight[b], weight[a]), cmp.Compare(a, b)) })
	}
	opened := s.place(loose)
	for _, at := range opened {
		if c := s.carts[at]; c != nil {
			s.wake(c)
		}
	}
	s.repair()
}

// share is how much of a capacity is taken, of a thousand.
func share(l, c int64) int64 {
	if c == 0 {
		return 0
	}
	return l * 1000 / c
}

// dissolve takes n batches apart: that of some order, and those of orders that
// go well with it.
func (s *search) dissolve(n int) (loose []int32) {
	seed := int32(s.rng.IntN(len(s.Jobs)))
	gone := 0
	drop := func(j int32) {
		at := s.of[j]
		if c := s.carts[at]; c != nil && slices.Contains(c.jobs, j) {
			loose = append(loose, c.jobs...)
			s.set(at, nil)
			gone++
		}
	}
	drop(seed)
	for tries := 0; gone < n && tries < 4*n; tries++ {
		from := loose[s.rng.IntN(len(loose))]
		if near := s.near[from]; len(near) > 0 {
			drop(near[s.rng.IntN(len(near))])
		} else {
			drop(int32(s.rng.IntN(len(s.Jobs))))
		}
	}
	for _, j := range loose {
		s.of[j] = -1
	}
	return loose
}

// place puts loose orders back, each where it costs the least or in a batch of
// its own, and returns the places that changed.
func (s *search) place(loose []int32) (changed []int32) {
	for _, j := range loose {
		best := step{delta: s.costOf([]int32{j}), to: -1}
		try := func(at int32) {
			c := s.carts[at]
			if c == nil || s.asked[at] == s.stamp {
				return
			}
			s.asked[at] = s.stamp
			if !s.fits(c, j) {
				return
			}
			cost := s.plus(c, j)
			if d := cost - c.cost; d < best.delta && s.inTime(cost, c.lines+s.Jobs[j].Lines, sooner(c.due, s.due[j])) {
				best = step{delta: d, to: at}
			}
		}
		s.stamp++
		for _, at := range changed {
			try(at)
		}
		for _, k := range s.near[j] {
			if s.of[k] >= 0 {
				try(s.of[k])
			}
		}
		at := best.to
		if at < 0 {
			at = s.open()
			s.set(at, s.pack([]int32{j}))
		} else {
			s.change(at, s.carts[at], -1, j)
		}
		if !slices.Contains(changed, at) {
			changed = append(changed, at)
		}
	}
	return changed
}
