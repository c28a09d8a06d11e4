package blocks

import (
	"fmt"
	"math/bits"
)

// inf is more than any walk and small enough to be added up without overflow.
const inf = int64(1) << 60

// scratch is the working memory of one question. Nothing in it outlives the
// call.
type scratch struct {
	masks []uint64

	// The cheapest way to each state at this stage and at the next one.
	now, next stage
	stamp     int32
	trail     []entry // of all stages

	drawing
}

// stage is one step of the program: an end put down, an aisle of a block
// served, or the way to the next aisle.
type stage struct {
	live []int32 // states that can be reached, in the order they were
	cost []int64 // by state
	mark []int32 // by state: the stamp of the stage it was reached at
	at   []int32 // by state: its entry in the trail
}

// entry is how a state was reached.
type entry struct {
	prev int32 // entry before
	by   uint16
}

func (s *scratch) begin(states int, first int32) {
	for _, st := range []*stage{&s.now, &s.next} {
		if len(st.cost) < states {
			st.cost, st.mark, st.at = make([]int64, states), make([]int32, states), make([]int32, states)
			s.stamp = 0
		}
		st.live = st.live[:0]
	}
	if s.stamp > 1<<30 {
		clear(s.now.mark)
		clear(s.next.mark)
		s.stamp = 0
	}
	s.trail = s.trail[:0]
	s.reach(first, 0, -1, 0)
	s.turn()
}

// reach notes a way to a state of the next stage. Of equal ones the first
// stays, so the tour depends on the question alone.
func (s *scratch) reach(state int32, cost int64, prev int32, by uint16) {
	n := &s.next
	if n.mark[state] != s.stamp+1 {
		n.mark[state] = s.stamp + 1
		n.at[state] = int32(len(s.trail))
		n.live = append(n.live, state)
		s.trail = append(s.trail, entry{prev, by})
	} else if cost >= n.cost[state] {
		return
	} else {
		s.trail[n.at[state]] = entry{prev, by}
	}
	n.cost[state] = cost
}

// turn goes on to the next stage.
func (s *scratch) turn() {
	s.now, s.next = s.next, s.now
	s.next.live = s.next.live[:0]
	s.stamp++
}

// question is one walk asked for, checked.
type question struct {
	from, to    Place
	open        bool // the ends differ
	first, last int  // aisles
}

func (r *Router) ask(masks []uint64, from, to Place) (question, error) {
	if err := r.checkPlace(from); err != nil {
		return question{}, err
	}
	if err := r.checkPlace(to); err != nil {
		return question{}, err
	}
	if to.cell >= 0 {
		return question{}, ErrEnd
	}
	q := question{from: from, to: to, open: from != to}
	var ok bool
	if q.first, q.last, ok = r.span(masks, from, to); !ok {
		return q, fmt.Errorf("%w: a mask names it", ErrOutside)
	}
	return q, nil
}

// Length returns the length in mm of the shortest walk from one place to the
// other past all cells whose bit is set (see Masks). ErrOutside when a mask or
// a place is not in the layout, ErrEnd when the walk should end at a cell.
func (r *Router) Length(masks []uint64, from, to Place) (int64, error) {
	q, err := r.ask(masks, from, to)
	if err != nil {
		return 0, err
	}
	s := r.take()
	defer r.spare.Put(s)
	_, length := r.solve(s, masks, q)
	return length, nil
}

func (r *Router) take() *scratch {
	if s, ok := r.spare.Get().(*scratch); ok {
		return s
	}
	return &scratch{}
}

// solve runs the program and returns the last entry of the cheapest tour.
func (r *Router) solve(s *scratch, masks []uint64, q question) (last int32, length int64) {
	t := tableOf(len(r.rows), q.open)
	s.begin(len(t.hops), t.started)
	blocks := len(r.layout.Blocks)
	for a := q.first; ; a++ {
		if q.from.aisle == a && q.from.cell < 0 {
			s.put(t, q.from.row, q.open)
		}
		if q.open && q.to.aisle == a {
			s.put(t, q.to.row, true)
		}
		for b := range blocks {
			mask := uint64(0)
			if i := a*blocks + b; i < len(masks) {
				mask = masks[i]
			}
			start := -1
			if q.from.cell >= 0 && q.from.aisle == a && q.from.row == b {
				start = q.from.cell
			}
			s.serve(t, b, r.prices(b, mask, start))
		}
		if a == q.last {
			return s.cheapest(t)
		}
		s.onward(t, r.layout.PitchMm)
	}
}

// put sets an end of the walk down at a cross aisle.
func (s *scratch) put(t *table, row int, tip bool) {
	odd := 0
	if tip {
		odd = 1
	}
	for _, st := range s.now.live {
		if to := t.visit[(int(st)*t.rows+row)*2+odd]; to >= 0 {
			s.reach(to, s.now.cost[st], s.now.at[st], 0)
		}
	}
	s.turn()
}

// serve goes all ways through the aisle of a block.
func (s *scratch) serve(t *table, block int, price [ways]int64) {
	var can [ways]uint8
	n := 0
	for way, p := range price {
		if p < inf {
			can[n] = uint8(way)
			n++
		}
	}
	for _, st := range s.now.live {
		row := t.serve[(int(st)*(t.rows-1)+block)*ways:][:ways]
		for _, way := range can[:n] {
			if to := row[way]; to >= 0 {
				s.reach(to, s.now.cost[st]+price[way], s.now.at[st], uint16(way))
			}
		}
	}
	s.turn()
}

// onward goes on to the next aisle.
func (s *scratch) onward(t *table, pitch int64) {
	for _, st := range s.now.live {
		for _, h := range t.hops[st] {
			s.reach(h.to, s.now.cost[st]+int64(h.edges)*pitch, s.now.at[st], h.code)
		}
	}
	s.turn()
}

func (s *scratch) cheapest(t *table) (last int32, length int64) {
	last, length = -1, inf
	for _, st := range s.now.live {
		if t.mayEnd[st] && s.now.cost[st] < length {
			last, length = s.now.at[st], s.now.cost[st]
		}
	}
	if last < 0 && len(s.now.live) > 0 { // nothing to walk: a walk not begun
		return s.now.at[s.now.live[0]], 0
	}
	return last, length
}

// prices is what the ways through the aisle of a block cost, inf for those that
// do not exist or are never of use. start is the cell where the walk begins, -1
// when it does not begin here.
func (r *Router) prices(block int, mask uint64, start int) (p [ways]int64) {
	for i := range p {
		p[i] = inf
	}
	bl := &r.layout.Blocks[block]
	l := bl.length()
	if start >= 0 {
		r.pricesFrom(block, mask, start, &p)
		return p
	}
	p[wayOnce], p[wayTwice] = l, 2*l
	if mask == 0 {
		p[wayNone] = 0
		return p
	}
	p[wayBack] = 2 * (l - r.offset(block, bits.TrailingZeros64(mask)))
	p[wayFront] = 2 * r.offset(block, 63-bits.LeadingZeros64(mask))
	if widest, _ := widestGap(mask); widest > 0 {
		p[wayGap] = 2 * (l - int64(widest)*bl.CellMm)
	}
	return p
}

// pricesFrom: what lies towards one end is passed on the way out; for the rest
// he turns round first, or it is fetched from the other end as well.
func (r *Router) pricesFrom(block int, mask uint64, start int, p *[ways]int64) {
	bl := &r.layout.Blocks[block]
	at := r.offset(block, start)
	here := uint64(1) << start
	behind, before := mask&^(here-1|here), mask&(here-1) // towards the back, the front
	toBack := bl.length() - at
	p[wayOutFront], p[wayOutFrontTwice] = at, at+2*toBack
	if behind != 0 {
		p[wayOutFront] += 2 * (r.offset(block, 63-bits.LeadingZeros64(behind)) - at)
		widest, _ := widestGap(behind | here)
		p[wayOutFrontGap] = at + 2*(toBack-int64(widest)*bl.CellMm)
	}
	p[wayOutBack], p[wayOutBackTwice] = toBack, toBack+2*at
	if before != 0 {
		p[wayOutBack] += 2 * (at - r.offset(block, bits.TrailingZeros64(before)))
		widest, _ := widestGap(before | here)
		p[wayOutBackGap] = toBack + 2*(at-int64(widest)*bl.CellMm)
	}
}
