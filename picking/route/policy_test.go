package route

import (
	"math/rand/v2"
	"testing"
)

// TestPoliciesAreHonest: each walk of a policy keeps the promises of a tour, is
// as long as its length says, and never beats the optimum.
func TestPoliciesAreHonest(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 3000 {
		l, cells := randomCase(rng, 8, 12, 20)
		r, err := New(l)
		if err != nil {
			t.Fatal(err)
		}
		masks, err := r.Masks(cells)
		if err != nil {
			t.Fatal(err)
		}
		best := r.Length(masks)
		for _, p := range Policies() {
			tour, err := r.PolicyRoute(p, cells)
			if err != nil {
				t.Fatal(err)
			}
			if tour.LengthMm < best || tour.LengthMm != r.PolicyLength(p, masks) {
				t.Fatalf("%v %+v %v: %d mm, its length %d, the optimum %d", p, l, cells, tour.LengthMm, r.PolicyLength(p, masks), best)
			}
			checkPolicyWalk(t, l, cells, tour)
		}
	}
}

// checkPolicyWalk walks a tour: from depot to depot, along aisles and cross
// aisles only, past every pick once.
func checkPolicyWalk(t *testing.T, l Layout, cells []Cell, tour Tour) {
	t.Helper()
	depot, back := Point{Aisle: l.DepotAisle}, 2*l.EndMm+int64(l.Cells-1)*l.CellMm
	w := tour.Walk
	if len(w) == 0 || w[0] != depot || w[len(w)-1] != depot {
		t.Fatalf("walk %v", w)
	}
	var mm int64
	for i := 1; i < len(w); i++ {
		if w[i].Aisle != w[i-1].Aisle && (w[i].OffsetMm != w[i-1].OffsetMm || w[i].OffsetMm != 0 && w[i].OffsetMm != back) {
			t.Fatalf("walk jumps from %v to %v", w[i-1], w[i])
		}
		mm += distance(l, w[i-1], w[i])
	}
	seen := map[int]bool{}
	for _, o := range tour.Order {
		seen[o] = true
	}
	if mm != tour.LengthMm || len(seen) != len(cells) || len(tour.Order) != len(cells) {
		t.Fatalf("%v: %d mm of %d, picks %v of %d", w, mm, tour.LengthMm, tour.Order, len(cells))
	}
}

// TestPoliciesAsPublished: on ten aisles of 45 cells with the depot at the left
// the policies lose against the optimum what was measured elsewhere.
func TestPoliciesAsPublished(t *testing.T) {
	r, err := New(Layout{Aisles: 10, Cells: 45, CellMm: 10, EndMm: 15, PitchMm: 50})
	if err != nil {
		t.Fatal(err)
	}
	// Percent over the optimum: S-shape, return, midpoint, largest gap,
	// combined; uniform picks, 1,024 tours a row.
	for picks, want := range map[int][policies]float64{
		5:  {28.2, 33.7, 7.5, 7.0, 8.8},
		15: {29.4, 51.4, 10.3, 6.6, 11.8},
		30: {15.3, 54.1, 16.9, 9.5, 7.1},
		75: {0.9, 60.7, 34.9, 23.1, 0.8},
	} {
		rng := rand.New(rand.NewPCG(13, uint64(picks)))
		var best int64
		var sum [policies]int64
		for range 1024 {
			masks := make([]uint64, 10)
			for range picks {
				masks[rng.IntN(10)] |= 1 << rng.IntN(45)
			}
			best += r.Length(masks)
			for _, p := range Policies() {
				sum[p] += r.PolicyLength(p, masks)
			}
		}
		t.Logf("%d picks: %d LU", picks, best/1024/10)
		for _, p := range Policies() {
			over := 100 * (float64(sum[p])/float64(best) - 1)
			if over < want[p]-1.5 || over > want[p]+1.5 {
				t.Errorf("%d picks, %v: +%.1f %%, published +%.1f %%", picks, p, over, want[p])
			}
		}
	}
}
