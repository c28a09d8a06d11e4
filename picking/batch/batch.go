// Package batch decides which orders are picked together in one walk.
//
// The rule is simple and keeps two promises. The most urgent order is always in
// the next batch, and an order that has waited too long becomes the most urgent
// one, whatever its priority: so no order waits for ever. The other slots of
// the cart go to those of the next most urgent orders that make the walk longer
// by the least.
//
// Everything here is pure and deterministic; the length of a walk is asked from
// a function of the caller, so the package knows neither layout nor stock.
package batch

import (
	"cmp"
	"slices"
)

// WindowPerSlot times the slots of the cart is how many of the most urgent
// orders are looked at to fill it. A wider window walks less and lets the less
// urgent orders overtake more.
const WindowPerSlot = 3

// Order is what urgency is made of.
type Order struct {
	ID       string
	Released int64 // when it entered the pool, ms since 1970
	Priority int   // higher is more urgent
}

// Cost returns the length of the walk that picks the given orders together.
// They are named by their position in the window.
type Cost func(orders []int) int64

// Queue returns the positions of orders by falling urgency: first those that
// were released at or before overdue (ms since 1970), oldest first, then the
// others by priority, age and id.
func Queue(orders []Order, overdue int64) []int {
	q := make([]int, len(orders))
	for i := range q {
		q[i] = i
	}
	slices.SortFunc(q, func(i, j int) int {
		a, b := orders[i], orders[j]
		lateA, lateB := a.Released <= overdue, b.Released <= overdue
		switch {
		case lateA != lateB:
			if lateA {
				return -1
			}
			return 1
		case !lateA && a.Priority != b.Priority:
			return cmp.Compare(b.Priority, a.Priority)
		}
		return cmp.Or(cmp.Compare(a.Released, b.Released), cmp.Compare(a.ID, b.ID), cmp.Compare(i, j))
	})
	return q
}

// Window returns how many orders to look at for a cart with the given slots.
func Window(slots int) int { return WindowPerSlot * max(slots, 0) }

// Choose fills the slots of a cart from a window of n orders that are sorted by
// urgency, and returns their positions in the order they were chosen: 0 first,
// then always the one that adds the least to the walk, the more urgent one
// where two add the same. With no cost function urgency alone decides.
func Choose(n, slots int, cost Cost) []int {
	if n <= 0 || slots <= 0 {
		return nil
	}
	chosen := make([]int, 1, min(n, slots)+1) // one spare place to try a candidate
	taken := make([]bool, n)
	taken[0] = true
	for len(chosen) < min(n, slots) {
		best, bestCost := -1, int64(0)
		for i := range n {
			if taken[i] {
				continue
			}
			if cost == nil {
				best = i
				break
			}
			if c := cost(append(chosen, i)); best < 0 || c < bestCost {
				best, bestCost = i, c
			}
		}
		chosen = append(chosen, best)
		taken[best] = true
	}
	return chosen
}
