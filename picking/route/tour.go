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

// way is one way to reach a state: from which one, by which move.
type way struct {
	from state
	by   uint8
}

// insideWays and overWays list the ways to each state, in the order of the
// tables.
var (
	insideWays = waysOf(inside[:])
	overWays   = waysOf(over[:])
)

// waysOf turns a transition table round.
func waysOf[R [moves]state | [len(acrosses)]state](table []R) (ways [states][]way) {
	for from, row := range table {
		for by := range len(row) {
			if to := row[by]; to != illegal {
				ways[to] = append(ways[to], way{state(from), uint8(by)})
			}
		}
	}
	return ways
}

// column is what the cheapest tour does at one aisle.
type column struct {
	in move
	to across // to the next aisle; the last one has none
}

// bests is what the cheapest way to each state costs.
type bests [states]int64

// serve takes every state through the moves inside an aisle of length l: the
// table inside, written out. Where a move changes nothing its cost alone counts.
func (b *bests) serve(c costs, l int64) {
	uu, ee, e0, oe, e2, none := b[stUU1], b[stEE1], b[stE01], b[st0E1], b[stEE2], b[stNone]
	all := min(c.top, c.bottom, c.gap, 2*l, c.none)
	rest := min(e0, oe, e2, none)
	b[stUU1] = min(uu+all, min(ee, rest)+l)
	b[stEE1] = min(uu+l, ee+all, rest+2*l)
	b[stE01] = min(e0+min(c.top, c.none), none+c.top, inf)
	b[st0E1] = min(oe+min(c.bottom, c.none), none+c.bottom, inf)
	b[stEE2] = min(e0+min(c.bottom, c.gap), oe+min(c.top, c.gap), e2+min(c.top, c.bottom, c.gap, c.none), none+c.gap, inf)
	b[stNone] = min(none+c.none, inf)
}

// cross takes every state to the next aisle: the table over, written out. One
// edge at the back and one at the front cost pitch2.
func (b *bests) cross(pitch2 int64) {
	uu, ee, e0, oe, e2 := b[stUU1], b[stEE1], b[stE01], b[st0E1], b[stEE2]
	b[stUU1] = uu + pitch2
	b[stEE1] = ee + 2*pitch2
	b[stE01] = min(ee, e0) + pitch2
	b[st0E1] = min(ee, oe) + pitch2
	b[stEE2] = min(e0, oe, e2) + 2*pitch2
}

// ledger is what the states cost at one aisle.
type ledger struct {
	price   [moves]int64
	entered bests // before the aisle
	served  bests // after it
}

// plan runs the same program as Length, keeps what every state cost, and reads
// the choices of the cheapest tour back from that, one column per aisle
// first..last. Of equal ways the first one in the tables is taken, so the plan
// depends on the question alone. The columns belong to s.
func (r *Router) plan(s *scratch, first, last int) ([]column, int64) {
	n := last - first + 1
	s.books, s.cols = sized(s.books, n), sized(s.cols, n)
	var toll [len(acrosses)]int64
	for x, e := range acrosses {
		toll[x] = int64(e.back+e.front) * r.layout.PitchMm
	}
	now := bests{inf, inf, inf, inf, inf, 0} // stNone
	for i := range s.books {
		a, b := first+i, &s.books[i]
		c := r.aisleCosts(s.masks[a], a == r.layout.DepotAisle)
		b.price = [moves]int64{mvOnce: r.length, mvTop: c.top, mvBottom: c.bottom, mvGap: c.gap, mvTwice: 2 * r.length, mvNone: c.none}
		b.entered = now
		now.serve(c, r.length)
		b.served = now
		now.cross(2 * r.layout.PitchMm)
	}
	costs := &s.books[n-1].served
	at := stEE1
	for _, end := range []state{stE01, st0E1} {
		if costs[end] < costs[at] {
			at = end
		}
	}
	length := costs[at]
	for i := n - 1; i >= 0; i-- {
		b, col := &s.books[i], &s.cols[i]
		col.to = across{}
		if i < n-1 {
			w := taken(overWays[at], s.books[i+1].entered[at], &b.served, toll[:])
			col.to, at = acrosses[w.by], w.from
		}
		w := taken(insideWays[at], b.served[at], &b.entered, b.price[:])
		col.in, at = move(w.by), w.from
	}
	return s.cols, length
}

// taken is the first of the ways that costs so much.
func taken(ways []way, cost int64, from *bests, price []int64) way {
	for _, w := range ways {
		if from[w.from]+price[w.by] == cost {
			return w
		}
	}
	panic("route: a state was reached by no way")
}
