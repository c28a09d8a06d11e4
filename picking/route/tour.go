package route

// state is a class of partial tours over the aisles so far: degree parity at
// the back end of the last aisle, at its front end (U odd, E even, 0 not
// touched), and the number of connected pieces. The class of Ratliff and
// Rosenthal for a tour that is already closed is not needed: the aisles asked
// for end with one that must be entered.
type state uint8

const (
	stUU1 state = iota
	stEE1
	stE01
	st0E1
	stEE2
	stNone // nothing begun
	states
	illegal state = states
)

// move is one way to serve the inside of an aisle.
type move uint8

const (
	mvOnce   move = iota // through
	mvTop                // from the back, in and out
	mvBottom             // from the front, in and out
	mvGap                // both, all but the largest gap
	mvTwice              // through and back
	mvNone               // not entered
	moves
)

// across is one way to go on to the next aisle: edges at the back, at the front.
type across struct{ back, front uint8 }

var acrosses = [...]across{{1, 1}, {2, 0}, {0, 2}, {2, 2}, {0, 0}}

const na = illegal

// inside[s][m] and over[s][x] are the transition tables of Ratliff and
// Rosenthal: the state after move m in the aisle and after crossing x to the
// next one.
var (
	inside = [states][moves]state{
		stUU1:  {stEE1, stUU1, stUU1, stUU1, stUU1, stUU1},
		stEE1:  {stUU1, stEE1, stEE1, stEE1, stEE1, stEE1},
		stE01:  {stUU1, stE01, stEE2, stEE2, stEE1, stE01},
		st0E1:  {stUU1, stEE2, st0E1, stEE2, stEE1, st0E1},
		stEE2:  {stUU1, stEE2, stEE2, stEE2, stEE1, stEE2},
		stNone: {stUU1, stE01, st0E1, stEE2, stEE1, stNone},
	}
	over = [states][len(acrosses)]state{
		stUU1:  {stUU1, na, na, na, na},
		stEE1:  {na, stE01, st0E1, stEE1, na},
		stE01:  {na, stE01, na, stEE2, na},
		st0E1:  {na, na, st0E1, stEE2, na},
		stEE2:  {na, na, na, stEE2, na},
		stNone: {na, na, na, na, stNone},
	}
)

// step remembers how a state was reached: from which one, by which move.
type step struct {
	from state
	by   uint8
}

// column is what the cheapest tour does at one aisle.
type column struct {
	in move
	to across // to the next aisle; the last one has none
}

// plan runs the same program as Length with a record of every choice and
// returns the choices of the cheapest tour, one column per aisle first..last.
// Only a strictly cheaper way replaces another, so the plan depends on the
// question alone.
func (r *Router) plan(masks []uint64, first, last int) ([]column, int64) {
	n := last - first + 1
	ins, overs := make([][states]step, n), make([][states]step, n)
	var best [states]int64
	for s := range best {
		best[s] = inf
	}
	best[stNone] = 0
	var toll [len(acrosses)]int64
	for x, e := range acrosses {
		toll[x] = int64(e.back+e.front) * r.layout.PitchMm
	}
	for i := range n {
		a := first + i
		c := r.aisleCosts(masks[a], a == r.layout.DepotAisle)
		price := [moves]int64{mvOnce: r.length, mvTop: c.top, mvBottom: c.bottom, mvGap: c.gap, mvTwice: 2 * r.length, mvNone: c.none}
		best = relax(best, inside[:], price[:], &ins[i])
		if i == n-1 {
			break
		}
		best = relax(best, over[:], toll[:], &overs[i])
	}
	end := stEE1
	for _, s := range []state{stE01, st0E1} {
		if best[s] < best[end] {
			end = s
		}
	}
	cols := make([]column, n)
	s := end
	for i := n - 1; i >= 0; i-- {
		if i < n-1 {
			cols[i].to = acrosses[overs[i][s].by]
			s = overs[i][s].from
		}
		cols[i].in = move(ins[i][s].by)
		s = ins[i][s].from
	}
	return cols, best[end]
}

// relax takes every state through every move.
func relax[R [moves]state | [len(acrosses)]state](from [states]int64, table []R, price []int64, steps *[states]step) [states]int64 {
	var to [states]int64
	for s := range to {
		to[s] = inf
	}
	for s, cost := range from {
		if cost >= inf {
			continue
		}
		row := table[s]
		for m, p := range price {
			next := row[m]
			if next == illegal || p >= inf || cost+p >= to[next] {
				continue
			}
			to[next] = cost + p
			steps[next] = step{state(s), uint8(m)}
		}
	}
	return to
}
