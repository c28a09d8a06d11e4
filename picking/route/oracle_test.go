package route

import (
	"math/rand/v2"
	"testing"
)

// oracle finds the shortest closed walk by Held and Karp's program over
// shortest-path distances. It shares nothing with the router but the layout.
func oracle(l Layout, cells []Cell) int64 {
	points := []Point{{l.DepotAisle, 0}}
	seen := map[Cell]bool{}
	for _, c := range cells {
		if !seen[c] {
			seen[c] = true
			points = append(points, Point{c.Aisle, l.EndMm + int64(c.Cell)*l.CellMm})
		}
	}
	n := len(points) - 1
	if n == 0 {
		return 0
	}
	const far = int64(1) << 50
	best := make([]int64, (1<<n)*n)
	for i := range best {
		best[i] = far
	}
	for j := range n {
		best[(1<<j)*n+j] = distance(l, points[0], points[j+1])
	}
	for set := 1; set < 1<<n; set++ {
		for j := range n {
			at := best[set*n+j]
			if at == far {
				continue
			}
			for k := range n {
				if set&(1<<k) != 0 {
					continue
				}
				to := (set|1<<k)*n + k
				best[to] = min(best[to], at+distance(l, points[j+1], points[k+1]))
			}
		}
	}
	shortest := far
	for j := range n {
		shortest = min(shortest, best[((1<<n)-1)*n+j]+distance(l, points[j+1], points[0]))
	}
	return shortest
}

// distance is the shortest way between two points of the block: along the
// aisle, or over one of the two cross aisles.
func distance(l Layout, p, q Point) int64 {
	if p.Aisle == q.Aisle {
		return max(p.OffsetMm-q.OffsetMm, q.OffsetMm-p.OffsetMm)
	}
	length := 2*l.EndMm + int64(l.Cells-1)*l.CellMm
	aisles := int64(max(p.Aisle-q.Aisle, q.Aisle-p.Aisle))
	overFront := p.OffsetMm + q.OffsetMm
	overBack := 2*length - p.OffsetMm - q.OffsetMm
	return aisles*l.PitchMm + min(overFront, overBack)
}

// randomCase draws a layout and picks; small ones hit the odd cases more often.
func randomCase(rng *rand.Rand, maxAisles, maxCells, maxPicks int) (Layout, []Cell) {
	l := Layout{
		Aisles:  1 + rng.IntN(maxAisles),
		Cells:   1 + rng.IntN(maxCells),
		CellMm:  1 + rng.Int64N(5),
		EndMm:   rng.Int64N(4),
		PitchMm: 1 + rng.Int64N(12),
	}
	l.DepotAisle = rng.IntN(l.Aisles)
	cells := make([]Cell, rng.IntN(maxPicks+1))
	for i := range cells {
		cells[i] = Cell{rng.IntN(l.Aisles), rng.IntN(l.Cells)}
	}
	return l, cells
}

// checkTour walks a tour and checks everything it claims.
func checkTour(t *testing.T, l Layout, cells []Cell, tour Tour) {
	t.Helper()
	depot := Point{l.DepotAisle, 0}
	length := 2*l.EndMm + int64(l.Cells-1)*l.CellMm
	at := func(c Cell) Point { return Point{c.Aisle, l.EndMm + int64(c.Cell)*l.CellMm} }

	// The walk: from depot to depot, each step along one aisle or one cross
	// aisle, as long as it says.
	w := tour.Walk
	if len(w) == 0 || w[0] != depot || w[len(w)-1] != depot {
		t.Fatalf("walk %v does not begin and end at the depot %v", w, depot)
	}
	var walked int64
	for i := 1; i < len(w); i++ {
		p, q := w[i-1], w[i]
		across := p.Aisle != q.Aisle
		if across && (p.OffsetMm != q.OffsetMm || p.OffsetMm != 0 && p.OffsetMm != length) {
			t.Fatalf("walk jumps from %v to %v", p, q)
		}
		walked += distance(l, p, q)
	}
	if walked != tour.LengthMm {
		t.Fatalf("walk %v is %d mm long, the tour says %d", w, walked, tour.LengthMm)
	}

	// The list: every pick once, in the order the walk passes them, and as
	// long when walked on shortest paths.
	if len(tour.Order) != len(cells) {
		t.Fatalf("order %v names %d picks, want %d", tour.Order, len(tour.Order), len(cells))
	}
	seen := make([]bool, len(cells))
	step, listed, prev := 0, int64(0), depot
	for i, o := range tour.Order {
		if seen[o] {
			t.Fatalf("order %v names pick %d twice", tour.Order, o)
		}
		seen[o] = true
		if i > 0 && cells[tour.Order[i-1]] == cells[o] && tour.Order[i-1] > o {
			t.Fatalf("picks %d and %d of one cell are out of their order", tour.Order[i-1], o)
		}
		for step < len(w) && w[step] != at(cells[o]) {
			step++
		}
		if step == len(w) {
			t.Fatalf("walk %v does not pass pick %d %v in the order %v", w, o, cells[o], tour.Order)
		}
		listed += distance(l, prev, at(cells[o]))
		prev = at(cells[o])
	}
	if listed += distance(l, prev, depot); listed != tour.LengthMm {
		t.Fatalf("the list %v walked on shortest paths is %d mm, the tour says %d", tour.Order, listed, tour.LengthMm)
	}
}
