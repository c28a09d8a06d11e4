package route

import (
	"math/bits"
	"slices"
)

// policyWalk is a walk that follows a policy.
type policyWalk struct {
	r      *Router
	masks  []uint64
	points []Point
	mm     int64
}

// walkPolicy walks; masks name at least one cell.
func (r *Router) walkPolicy(p Policy, masks []uint64) *policyWalk {
	w := &policyWalk{r: r, masks: masks, points: []Point{{Aisle: r.layout.DepotAisle}}}
	var aisles []int
	for a, m := range masks {
		if m != 0 {
			aisles = append(aisles, a)
		}
	}
	switch p {
	case SShape:
		w.through(aisles)
	case Return:
		for _, a := range aisles {
			w.inAndOut(a, w.masks[a], false)
		}
	case Midpoint:
		w.round(aisles, w.middle)
	case LargestGap:
		w.round(aisles, w.gap)
	case Combined:
		w.combined(aisles)
	}
	w.to(r.layout.DepotAisle, 0)
	return w
}

// to goes on along the aisle, or along the cross aisle he stands at.
func (w *policyWalk) to(aisle int, offset int64) {
	at := w.points[len(w.points)-1]
	next := Point{aisle, offset}
	if next == at {
		return
	}
	w.mm += int64(max(aisle-at.Aisle, at.Aisle-aisle))*w.r.layout.PitchMm + max(offset-at.OffsetMm, at.OffsetMm-offset)
	w.points = append(w.points, next)
}

// pass goes past cells, towards the back or towards the front.
func (w *policyWalk) pass(aisle int, mask uint64, towardsFront bool) {
	for mask != 0 {
		cell := bits.TrailingZeros64(mask)
		if towardsFront {
			cell = 63 - bits.LeadingZeros64(mask)
		}
		w.to(aisle, w.r.offset(cell))
		mask &^= 1 << cell
	}
}

// inAndOut serves cells of an aisle from one of its ends.
func (w *policyWalk) inAndOut(aisle int, mask uint64, fromBack bool) {
	if mask == 0 {
		return
	}
	end := int64(0)
	if fromBack {
		end = w.r.length
	}
	w.to(aisle, end)
	w.pass(aisle, mask, fromBack)
	w.to(aisle, end)
}

// cross goes through an aisle and returns the side he is at then.
func (w *policyWalk) cross(aisle int, fromBack bool) bool {
	w.to(aisle, w.end(fromBack))
	w.pass(aisle, w.masks[aisle], fromBack)
	w.to(aisle, w.end(!fromBack))
	return !fromBack
}

func (w *policyWalk) end(back bool) int64 {
	if back {
		return w.r.length
	}
	return 0
}

func (w *policyWalk) through(aisles []int) {
	atBack := false
	for i, a := range aisles {
		if i == len(aisles)-1 && !atBack {
			w.inAndOut(a, w.masks[a], false)
			return
		}
		atBack = w.cross(a, atBack)
	}
}

// round goes through the first aisle, along the back, through the last one, and
// along the front; split says which cells of the others are served from the
// front.
func (w *policyWalk) round(aisles []int, split func(mask uint64) uint64) {
	last := len(aisles) - 1
	if last == 0 {
		w.inAndOut(aisles[0], w.masks[aisles[0]], false)
		return
	}
	w.cross(aisles[0], false)
	for _, a := range aisles[1:last] {
		w.inAndOut(a, w.masks[a]&^split(w.masks[a]), true)
	}
	w.cross(aisles[last], true)
	for _, a := range slices.Backward(aisles[1:last]) {
		w.inAndOut(a, split(w.masks[a]), false)
	}
}

// middle is the cells of the front half.
func (w *policyWalk) middle(mask uint64) (front uint64) {
	for m := mask; m != 0; m &= m - 1 {
		if cell := bits.TrailingZeros64(m); 2*w.r.offset(cell) <= w.r.length {
			front |= 1 << cell
		}
	}
	return front
}

// gap is the cells before the largest gap, the cross aisles being points too.
func (w *policyWalk) gap(mask uint64) (front uint64) {
	widest, prev, before := int64(-1), int64(0), uint64(0)
	for m := mask; ; m &= m - 1 {
		at := w.r.length
		if m != 0 {
			at = w.r.offset(bits.TrailingZeros64(m))
		}
		if at-prev > widest {
			widest, front = at-prev, before
		}
		if m == 0 {
			return front
		}
		prev, before = at, before|m&-m
	}
}

// combined chooses between going through and returning: the program of two
// states, the side he is at. Both ways along the cross aisles are equally long.
func (w *policyWalk) combined(aisles []int) {
	l := w.r.length
	cost := [2]int64{0, inf} // at the front, at the back
	turns := make([][2]bool, len(aisles))
	for i, a := range aisles {
		lo, hi := bits.TrailingZeros64(w.masks[a]), 63-bits.LeadingZeros64(w.masks[a])
		stay := [2]int64{cost[0] + 2*w.r.offset(hi), cost[1] + 2*(l-w.r.offset(lo))}
		next := stay
		for side := range 2 {
			if c := cost[1-side] + l; c < stay[side] {
				next[side], turns[i][side] = c, true
			}
		}
		cost = next
	}
	sides := make([]int, len(aisles)+1) // before each aisle; he ends at the front
	for i := len(aisles) - 1; i >= 0; i-- {
		sides[i] = sides[i+1]
		if turns[i][sides[i+1]] {
			sides[i] = 1 - sides[i+1]
		}
	}
	for i, a := range aisles {
		if sides[i] != sides[i+1] {
			w.cross(a, sides[i] == 1)
		} else {
			w.inAndOut(a, w.masks[a], sides[i] == 1)
		}
	}
}
