package route

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustNew(t testing.TB, l Layout) *Router {
	t.Helper()
	r, err := New(l)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// compare asks the router everything about one case and checks it against the
// oracle.
func compare(t *testing.T, l Layout, cells []Cell) (optimum, sshape int64) {
	t.Helper()
	r := mustNew(t, l)
	masks, err := r.Masks(cells)
	if err != nil {
		t.Fatal(err)
	}
	want := oracle(l, cells)
	if got := r.Length(masks); got != want {
		t.Fatalf("%+v %v: Length %d, want %d", l, cells, got, want)
	}
	tour, err := r.Route(cells)
	if err != nil {
		t.Fatal(err)
	}
	if tour.LengthMm != want {
		t.Fatalf("%+v %v: Route says %d, want %d", l, cells, tour.LengthMm, want)
	}
	checkTour(t, l, cells, tour)
	sshape = r.PolicyLength(SShape, masks)
	if sshape < want {
		t.Fatalf("%+v %v: S-shape %d is below the optimum %d", l, cells, sshape, want)
	}
	return want, sshape
}

func TestAgainstHeldKarp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var optimum, sshape int64
	const cases = 6000
	for range cases {
		l, cells := randomCase(rng, 7, 9, 10)
		o, s := compare(t, l, cells)
		optimum, sshape = optimum+o, sshape+s
	}
	t.Logf("%d cases, S-shape %d ‰ over the optimum", cases, (sshape-optimum)*1000/optimum)
}

// Full aisles and wide pitches make the tours that cross twice or come back.
func TestAgainstHeldKarpDense(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1500 {
		l, cells := randomCase(rng, 3, 4, 10)
		l.PitchMm *= rng.Int64N(20) + 1
		compare(t, l, cells)
	}
}

// Larger tours than the oracle can solve must still be what they claim, equal
// to the cost-only answer, and below the S-shape.
func TestLargeToursHoldTogether(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 400 {
		l, cells := randomCase(rng, 40, 64, 150)
		r := mustNew(t, l)
		masks, err := r.Masks(cells)
		if err != nil {
			t.Fatal(err)
		}
		tour, err := r.Route(cells)
		if err != nil {
			t.Fatal(err)
		}
		checkTour(t, l, cells, tour)
		if got := r.Length(masks); got != tour.LengthMm {
			t.Fatalf("%+v: Length %d, Route %d", l, got, tour.LengthMm)
		}
		if s := r.PolicyLength(SShape, masks); s < tour.LengthMm {
			t.Fatalf("%+v: S-shape %d is below %d", l, s, tour.LengthMm)
		}
	}
}

// More picks never make the walk shorter: batching relies on it.
func TestMorePicksNeverShorter(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		l, cells := randomCase(rng, 12, 30, 40)
		r := mustNew(t, l)
		masks := make([]uint64, l.Aisles)
		before := int64(0)
		for _, c := range cells {
			masks[c.Aisle] |= 1 << c.Cell
			now := r.Length(masks)
			if now < before {
				t.Fatalf("%+v: %d after %d with one more pick", l, now, before)
			}
			before = now
		}
	}
}

func TestOrientation(t *testing.T) {
	// Cell 0 is at the front: 2 m to it and back, not 11.
	l := Layout{Aisles: 3, Cells: 10, CellMm: 1000, EndMm: 1000, PitchMm: 4000, DepotAisle: 1}
	r := mustNew(t, l)
	for _, tc := range []struct {
		cell Cell
		want int64
	}{
		{Cell{1, 0}, 2000}, {Cell{1, 9}, 20000}, {Cell{0, 0}, 10000}, {Cell{2, 3}, 16000},
	} {
		tour, err := r.Route([]Cell{tc.cell})
		if err != nil {
			t.Fatal(err)
		}
		if tour.LengthMm != tc.want {
			t.Errorf("%v: %d mm, want %d", tc.cell, tour.LengthMm, tc.want)
		}
	}
}

func TestKnownTour(t *testing.T) {
	l := Layout{Aisles: 3, Cells: 10, CellMm: 1000, EndMm: 1000, PitchMm: 4000, DepotAisle: 0}
	r := mustNew(t, l)
	// Two full aisles are walked through, the near pick of the third is
	// fetched on the way along the front.
	picks := []Cell{{2, 8}, {0, 1}, {0, 7}, {2, 2}, {1, 0}, {0, 7}}
	got, err := r.Route(picks)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(2*11000 + 4*4000 + 2*1000); got.LengthMm != want {
		t.Errorf("length %d, want %d", got.LengthMm, want)
	}
	checkTour(t, l, picks, got)
	again, err := r.Route(slices.Clone(picks))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, again); d != "" {
		t.Errorf("the same question got another answer:\n%s", d)
	}
}

func TestNothingToPick(t *testing.T) {
	r := mustNew(t, Layout{Aisles: 4, Cells: 5, CellMm: 1, EndMm: 1, PitchMm: 1, DepotAisle: 2})
	tour, err := r.Route(nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Tour{Walk: []Point{{2, 0}}}, tour); d != "" {
		t.Error(d)
	}
	for _, masks := range [][]uint64{nil, {}, {0}, {0, 0, 0, 0}} {
		if n := r.Length(masks); n != 0 {
			t.Errorf("Length(%v) = %d", masks, n)
		}
		if n := r.PolicyLength(SShape, masks); n != 0 {
			t.Errorf("SShape(%v) = %d", masks, n)
		}
	}
}

func TestShortMasks(t *testing.T) {
	r := mustNew(t, Layout{Aisles: 5, Cells: 5, CellMm: 10, EndMm: 5, PitchMm: 7, DepotAisle: 4})
	if a, b := r.Length([]uint64{1}), r.Length([]uint64{1, 0, 0, 0, 0}); a != b || a != 2*4*7+2*5 {
		t.Errorf("Length %d and %d, want %d", a, b, 2*4*7+2*5)
	}
}

func TestSixtyFourCells(t *testing.T) {
	l := Layout{Aisles: 2, Cells: 64, CellMm: 10, EndMm: 5, PitchMm: 7}
	compare(t, l, []Cell{{0, 63}, {1, 63}, {1, 0}})
	if got, want := mustNew(t, l).Length([]uint64{^uint64(0), ^uint64(0)}), int64(2*640+2*7); got != want {
		t.Errorf("all cells: %d, want %d", got, want)
	}
}

func TestErrors(t *testing.T) {
	good := Layout{Aisles: 3, Cells: 4, CellMm: 10, EndMm: 0, PitchMm: 7, DepotAisle: 2}
	mustNew(t, good)
	for name, change := range map[string]func(*Layout){
		"zero layout":     func(l *Layout) { *l = Layout{} },
		"no aisles":       func(l *Layout) { l.Aisles = 0 },
		"no cells":        func(l *Layout) { l.Cells = 0 },
		"65 cells":        func(l *Layout) { l.Cells = 65 },
		"no cell pitch":   func(l *Layout) { l.CellMm = 0 },
		"negative end":    func(l *Layout) { l.EndMm = -1 },
		"no aisle pitch":  func(l *Layout) { l.PitchMm = 0 },
		"huge":            func(l *Layout) { l.PitchMm = maxMm + 1 },
		"too many aisles": func(l *Layout) { l.Aisles = maxAisles + 1 },
		"depot left":      func(l *Layout) { l.DepotAisle = -1 },
		"depot right":     func(l *Layout) { l.DepotAisle = 3 },
	} {
		l := good
		change(&l)
		if _, err := New(l); !errors.Is(err, ErrLayout) {
			t.Errorf("%s: %v, want ErrLayout", name, err)
		}
	}
	r := mustNew(t, good)
	for _, c := range []Cell{{-1, 0}, {3, 0}, {0, -1}, {0, 4}, {1<<31 - 1, 0}} {
		if _, err := r.Route([]Cell{{0, 0}, c}); !errors.Is(err, ErrOutside) {
			t.Errorf("Route(%v): %v, want ErrOutside", c, err)
		}
		if err := r.Check(c); !errors.Is(err, ErrOutside) {
			t.Errorf("Check(%v): %v, want ErrOutside", c, err)
		}
	}
	if err := r.Check(Cell{2, 3}); err != nil {
		t.Errorf("the last cell: %v", err)
	}
	for _, masks := range [][]uint64{{1 << 4}, {0, 0, 0, 1}, {1 << 63}} {
		if n := r.Length(masks); n != -1 {
			t.Errorf("Length(%v) = %d, want -1", masks, n)
		}
		if n := r.PolicyLength(SShape, masks); n != -1 {
			t.Errorf("SShape(%v) = %d, want -1", masks, n)
		}
	}
}

// The largest layout there may be does not overflow.
func TestExtremeLengths(t *testing.T) {
	l := Layout{Aisles: maxAisles, Cells: 64, CellMm: maxMm, EndMm: maxMm, PitchMm: maxMm, DepotAisle: maxAisles - 1}
	r := mustNew(t, l)
	masks := make([]uint64, l.Aisles)
	for a := range masks {
		masks[a] = 1 | 1<<63
	}
	got, s := r.Length(masks), r.PolicyLength(SShape, masks)
	if got <= 0 || got > s || s >= inf {
		t.Errorf("Length %d, S-shape %d", got, s)
	}
	var cells []Cell
	for a := range masks {
		cells = append(cells, Cell{a, 63}, Cell{a, 0})
	}
	tour, err := r.Route(cells)
	if err != nil || tour.LengthMm != got || len(tour.Order) != len(cells) {
		t.Errorf("Route: %d mm, %d picks, %v", tour.LengthMm, len(tour.Order), err)
	}
}

func TestLengthDoesNotAllocate(t *testing.T) {
	r, masks, _ := benchCase(t)
	if n := testing.AllocsPerRun(100, func() { r.Length(masks) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A walk allocates its list and its points; the rest is the memory of the walk
// before it.
func TestRouteAllocatesItsAnswer(t *testing.T) {
	r, _, cells := benchCase(t)
	n := testing.AllocsPerRun(100, func() {
		if _, err := r.Route(cells); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations", n)
	}
}

// One router answers many questions at once, and what an earlier one left in
// its memory shows in no answer, also after a refused one.
func TestRouteMemoryIsNotShared(t *testing.T) {
	l := Layout{Aisles: 12, Cells: 30, CellMm: 3, EndMm: 2, PitchMm: 11, DepotAisle: 5}
	r := mustNew(t, l)
	rng := rand.New(rand.NewPCG(11, 12))
	lists, want := make([][]Cell, 64), make([]Tour, 64)
	for i := range lists {
		for range rng.IntN(60) {
			lists[i] = append(lists[i], Cell{rng.IntN(l.Aisles), rng.IntN(l.Cells)})
		}
		var err error
		if want[i], err = mustNew(t, l).Route(lists[i]); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 4 * len(lists) {
				if _, err := r.Route([]Cell{{0, 1}, {l.Aisles, 0}}); !errors.Is(err, ErrOutside) {
					t.Errorf("outside: %v", err)
				}
				at := i * (g + 1) % len(lists)
				got, err := r.Route(lists[at])
				if d := cmp.Diff(want[at], got); err != nil || d != "" {
					t.Errorf("list %d: %v\n%s", at, err, d)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzRoute(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint8(3), uint8(4), uint8(5))
	f.Add(uint64(99), uint64(7), uint8(1), uint8(1), uint8(9))
	f.Add(uint64(5), uint64(0), uint8(6), uint8(63), uint8(0))
	f.Fuzz(func(t *testing.T, seed1, seed2 uint64, aisles, cells, picks uint8) {
		rng := rand.New(rand.NewPCG(seed1, seed2))
		l, list := randomCase(rng, int(aisles)%8+1, int(cells)%64+1, int(picks)%9)
		compare(t, l, list)
	})
}

func benchCase(t testing.TB) (*Router, []uint64, []Cell) {
	t.Helper()
	r := mustNew(t, Layout{Aisles: 10, Cells: 45, CellMm: 1000, EndMm: 500, PitchMm: 5000})
	rng := rand.New(rand.NewPCG(9, 10))
	cells := make([]Cell, 30)
	for i := range cells {
		cells[i] = Cell{rng.IntN(10), rng.IntN(45)}
	}
	masks, err := r.Masks(cells)
	if err != nil {
		t.Fatal(err)
	}
	return r, masks, cells
}

func BenchmarkLength(b *testing.B) {
	r, masks, _ := benchCase(b)
	b.ReportAllocs()
	for b.Loop() {
		r.Length(masks)
	}
}

func BenchmarkRoute(b *testing.B) {
	r, _, cells := benchCase(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Route(cells); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSShape(b *testing.B) {
	r, masks, _ := benchCase(b)
	for b.Loop() {
		r.PolicyLength(SShape, masks)
	}
}
