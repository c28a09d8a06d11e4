package blocks

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"tote/picking/route"
)

// TestExact: ten thousand small questions of one to five blocks, any ends,
// against an independent program.
func TestExact(t *testing.T) {
	for blocks, n := range map[int]int{1: 2000, 2: 3000, 3: 3500, 4: 1200, 5: 300} {
		t.Run(fmt.Sprintf("%d blocks", blocks), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(blocks)))
			for range n {
				check(t, random(rng, blocks, blocks, 5, 5, 7), true)
			}
		})
	}
}

// TestWalks: questions too large for the oracle keep all other promises.
func TestWalks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		check(t, random(rng, 1, 4, 15, 64, 60), false)
	}
}

// TestOneBlock: the router of one block, which shares no code, says the same.
func TestOneBlock(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		l := route.Layout{Aisles: 1 + rng.IntN(12), Cells: 1 + rng.IntN(64), CellMm: 1 + rng.Int64N(9), EndMm: rng.Int64N(9), PitchMm: 1 + rng.Int64N(20)}
		l.DepotAisle = rng.IntN(l.Aisles)
		one, err := route.New(l)
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(Layout{Aisles: l.Aisles, PitchMm: l.PitchMm, Blocks: []Block{{l.Cells, l.CellMm, l.EndMm, l.EndMm}}})
		if err != nil {
			t.Fatal(err)
		}
		masks := make([]uint64, l.Aisles)
		for range 1 + rng.IntN(40) {
			masks[rng.IntN(l.Aisles)] |= 1 << rng.IntN(l.Cells)
		}
		depot := AtCross(l.DepotAisle, 0)
		got, err := r.Length(masks, depot, depot)
		if want := one.Length(masks); err != nil || got != want {
			t.Fatalf("%+v %v: %d, want %d (%v)", l, masks, got, want, err)
		}
	}
}

// TestRepeats: the same question has the same answer, whatever was asked in
// between, and from many goroutines.
func TestRepeats(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	q := random(rng, 1, 4, 12, 30, 40)
	r, err := New(q.l)
	if err != nil {
		t.Fatal(err)
	}
	first, err := r.Route(q.cells, q.from, q.to)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan Tour)
	for range 4 {
		go func() {
			for range 50 {
				tour, _ := r.Route(q.cells, q.from, q.to)
				done <- tour
			}
		}()
	}
	for range 200 {
		if tour := <-done; !reflect.DeepEqual(tour, first) {
			t.Error("the same question had two answers")
		}
	}
}

func TestRefusals(t *testing.T) {
	good := Layout{Aisles: 3, PitchMm: 10, Blocks: []Block{{4, 2, 1, 1}, {5, 2, 1, 1}}}
	for name, l := range map[string]Layout{
		"no aisles":    {PitchMm: 1, Blocks: good.Blocks},
		"no blocks":    {Aisles: 1, PitchMm: 1},
		"seven blocks": {Aisles: 1, PitchMm: 1, Blocks: make([]Block, 7)},
		"no pitch":     {Aisles: 1, Blocks: good.Blocks},
		"no cells":     {Aisles: 1, PitchMm: 1, Blocks: []Block{{0, 1, 0, 0}}},
		"65 cells":     {Aisles: 1, PitchMm: 1, Blocks: []Block{{65, 1, 0, 0}}},
		"negative":     {Aisles: 1, PitchMm: 1, Blocks: []Block{{1, 1, -1, 0}}},
		"too long":     {Aisles: 1, PitchMm: 1, Blocks: []Block{{1, 1, 0, 1e9 + 1}}},
	} {
		if _, err := New(l); !errors.Is(err, ErrLayout) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	depot := AtCross(0, 0)
	for _, c := range []Cell{{-1, 0, 0}, {3, 0, 0}, {0, -1, 0}, {0, 2, 0}, {0, 0, 4}, {0, 1, 5}, {0, 0, -1}} {
		if _, err := r.Route([]Cell{c}, depot, depot); !errors.Is(err, ErrOutside) {
			t.Errorf("%v: %v", c, err)
		}
		if _, err := r.Route(nil, AtCell(c), depot); c.Cell >= 0 && !errors.Is(err, ErrOutside) {
			t.Errorf("from %v: %v", c, err)
		}
	}
	for _, p := range []Place{AtCross(-1, 0), AtCross(3, 0), AtCross(0, -1), AtCross(0, 3)} {
		if _, err := r.Route(nil, depot, p); !errors.Is(err, ErrOutside) {
			t.Errorf("to %v: %v", p, err)
		}
	}
	if _, err := r.Route(nil, depot, AtCell(Cell{0, 0, 0})); !errors.Is(err, ErrEnd) {
		t.Error(err)
	}
	for _, masks := range [][]uint64{make([]uint64, 7), {1 << 4}, {0, 1 << 5}} {
		if _, err := r.Length(masks, depot, depot); !errors.Is(err, ErrOutside) {
			t.Errorf("%v: %v", masks, err)
		}
	}
}

// FuzzRoute: whatever is asked, the answer is a walk.
func FuzzRoute(f *testing.F) {
	for i := range uint64(5) {
		f.Add(i, i*7)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		check(t, random(rand.New(rand.NewPCG(a, b)), 1, 5, 8, 12, 8), true)
	})
}

func BenchmarkRoute(b *testing.B) {
	for _, blocks := range []int{1, 2, 3, 4} {
		rng := rand.New(rand.NewPCG(9, uint64(blocks)))
		l := Layout{Aisles: 20, PitchMm: 4000}
		for range blocks {
			l.Blocks = append(l.Blocks, Block{45 / blocks, 1000, 1000, 1000})
		}
		r, err := New(l)
		if err != nil {
			b.Fatal(err)
		}
		cells := make([]Cell, 30)
		for i := range cells {
			cells[i] = Cell{rng.IntN(20), rng.IntN(blocks), rng.IntN(45 / blocks)}
		}
		depot := AtCross(0, 0)
		b.Run(string(rune('0'+blocks))+" blocks", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Route(cells, depot, depot); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
