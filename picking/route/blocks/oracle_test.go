package blocks

import (
	"math/rand/v2"
	"testing"
)

// oracle finds the shortest walk by Held and Karp's program over shortest-path
// distances. It shares nothing with the router but the layout.
func oracle(r *Router, from, to Point, points []Point) int64 {
	seen := map[Point]bool{}
	var stops []Point
	for _, p := range points {
		if !seen[p] {
			seen[p] = true
			stops = append(stops, p)
		}
	}
	n := len(stops)
	if n == 0 {
		return distance(r, from, to)
	}
	const far = int64(1) << 50
	best := make([]int64, (1<<n)*n)
	for i := range best {
		best[i] = far
	}
	between := make([]int64, n*n)
	for j, p := range stops {
		best[(1<<j)*n+j] = distance(r, from, p)
		for k, q := range stops {
			between[j*n+k] = distance(r, p, q)
		}
	}
	for set := 1; set < 1<<n; set++ {
		for j := range n {
			at := best[set*n+j]
			if at == far {
				continue
			}
			for k := range n {
				if set&(1<<k) == 0 {
					next := (set|1<<k)*n + k
					best[next] = min(best[next], at+between[j*n+k])
				}
			}
		}
	}
	shortest := far
	for j, p := range stops {
		shortest = min(shortest, best[((1<<n)-1)*n+j]+distance(r, p, to))
	}
	return shortest
}

// distance is the shortest way between two points: along the aisle, or over the
// best of the cross aisles.
func distance(r *Router, p, q Point) int64 {
	abs := func(x int64) int64 { return max(x, -x) }
	if p.Aisle == q.Aisle {
		return abs(p.OffsetMm - q.OffsetMm)
	}
	best := inf
	for _, row := range r.rows {
		best = min(best, abs(p.OffsetMm-row)+abs(q.OffsetMm-row))
	}
	return best + abs(int64(p.Aisle-q.Aisle))*r.layout.PitchMm
}

// question of a test: a layout, picks and both ends.
type asked struct {
	l        Layout
	cells    []Cell
	from, to Place
}

// random draws a question; small ones hit the odd cases more often.
func random(rng *rand.Rand, minBlocks, maxBlocks, maxAisles, maxCells, maxPicks int) asked {
	q := asked{l: Layout{Aisles: 1 + rng.IntN(maxAisles), PitchMm: 1 + rng.Int64N(12)}}
	for range minBlocks + rng.IntN(maxBlocks-minBlocks+1) {
		q.l.Blocks = append(q.l.Blocks, Block{
			Cells: 1 + rng.IntN(maxCells), CellMm: 1 + rng.Int64N(5), FrontMm: rng.Int64N(4), BackMm: rng.Int64N(4),
		})
	}
	cell := func() Cell {
		b := rng.IntN(len(q.l.Blocks))
		return Cell{rng.IntN(q.l.Aisles), b, rng.IntN(q.l.Blocks[b].Cells)}
	}
	for range rng.IntN(maxPicks + 1) {
		q.cells = append(q.cells, cell())
	}
	cross := func() Place { return AtCross(rng.IntN(q.l.Aisles), rng.IntN(len(q.l.Blocks)+1)) }
	q.from, q.to = cross(), cross()
	switch rng.IntN(4) {
	case 0, 1:
		q.to = q.from
	case 2:
		q.from = AtCell(cell())
	}
	return q
}

// at is the point of a place.
func at(r *Router, p Place) Point {
	if p.cell >= 0 {
		return r.Point(Cell{p.aisle, p.row, p.cell})
	}
	return Point{p.aisle, r.rows[p.row]}
}

// check asks the router, and holds all it says against the oracle and itself.
func check(t *testing.T, q asked, exact bool) {
	t.Helper()
	r, err := New(q.l)
	if err != nil {
		t.Fatal(err)
	}
	masks, err := r.Masks(q.cells)
	if err != nil {
		t.Fatal(err)
	}
	length, err := r.Length(masks, q.from, q.to)
	if err != nil {
		t.Fatal(err)
	}
	tour, err := r.Route(q.cells, q.from, q.to)
	if err != nil {
		t.Fatal(err)
	}
	if tour.LengthMm != length {
		t.Fatalf("%+v: the route has %d mm, the length is %d", q, tour.LengthMm, length)
	}
	var points []Point
	for _, c := range q.cells {
		points = append(points, r.Point(c))
	}
	if exact {
		if want := oracle(r, at(r, q.from), at(r, q.to), points); length != want {
			t.Fatalf("%+v: %d mm, Held and Karp say %d", q, length, want)
		}
	}
	checkWalk(t, r, q, tour, points)
}

// checkWalk walks a tour and checks everything it claims.
func checkWalk(t *testing.T, r *Router, q asked, tour Tour, points []Point) {
	t.Helper()
	w := tour.Walk
	if len(w) == 0 || w[0] != at(r, q.from) || w[len(w)-1] != at(r, q.to) {
		t.Fatalf("%+v: walk %v does not lead from one end to the other", q, w)
	}
	var walked int64
	for i := 1; i < len(w); i++ {
		a, b := w[i-1], w[i]
		onCross := false
		for _, row := range r.rows {
			onCross = onCross || a.OffsetMm == row
		}
		if a.Aisle != b.Aisle && (a.OffsetMm != b.OffsetMm || !onCross) {
			t.Fatalf("%+v: walk jumps from %v to %v", q, a, b)
		}
		walked += distance(r, a, b)
	}
	if walked != tour.LengthMm {
		t.Fatalf("%+v: walk %v is %d mm long, the tour says %d", q, w, walked, tour.LengthMm)
	}
	if len(tour.Order) != len(q.cells) {
		t.Fatalf("%+v: order %v", q, tour.Order)
	}
	seen := make([]bool, len(q.cells))
	step, listed, prev := 0, int64(0), at(r, q.from)
	for i, o := range tour.Order {
		if seen[o] {
			t.Fatalf("%+v: pick %d twice in %v", q, o, tour.Order)
		}
		seen[o] = true
		if i > 0 && q.cells[tour.Order[i-1]] == q.cells[o] && tour.Order[i-1] > o {
			t.Fatalf("%+v: picks of one cell out of their order: %v", q, tour.Order)
		}
		for step < len(w) && w[step] != points[o] {
			step++
		}
		if step == len(w) {
			t.Fatalf("%+v: walk %v does not pass pick %d in the order %v", q, w, o, tour.Order)
		}
		listed += distance(r, prev, points[o])
		prev = points[o]
	}
	if listed += distance(r, prev, at(r, q.to)); listed != tour.LengthMm {
		t.Fatalf("%+v: the list %v on shortest paths is %d mm, the tour says %d", q, tour.Order, listed, tour.LengthMm)
	}
}
