package batch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// shelf is a warehouse with one long aisle: a walk is as long as the farthest
// pick on each side, out and back.
func shelf(at []int64) Cost {
	return func(orders []int) int64 {
		var left, right int64
		for _, o := range orders {
			left, right = min(left, at[o]), max(right, at[o])
		}
		return 2 * (right - left)
	}
}

func TestQueue(t *testing.T) {
	orders := []Order{
		{"late-low", 100, 0},
		{"new-high", 900, 9},
		{"new-low", 800, 1},
		{"later-low", 150, 5},
		{"old-high", 700, 9},
		{"twin-b", 800, 1},
		{"edge", 200, 3},
	}
	for _, tc := range []struct {
		overdue int64
		want    []string
	}{
		{200, []string{"late-low", "later-low", "edge", "old-high", "new-high", "new-low", "twin-b"}},
		{0, []string{"old-high", "new-high", "later-low", "edge", "new-low", "twin-b", "late-low"}},
		{1000, []string{"late-low", "later-low", "edge", "old-high", "new-low", "twin-b", "new-high"}},
	} {
		var got []string
		for _, i := range Queue(orders, tc.overdue) {
			got = append(got, orders[i].ID)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("overdue %d (-want +got):\n%s", tc.overdue, d)
		}
	}
	if q := Queue(nil, 0); len(q) != 0 {
		t.Errorf("Queue(nil) = %v", q)
	}
}

func TestQueueDoesNotDependOnTheInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		orders := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Order {
			return Order{rapid.StringMatching(`[a-d]{3}`).Draw(t, "id"), rapid.Int64Range(0, 5).Draw(t, "at"), rapid.IntRange(0, 3).Draw(t, "priority")}
		}), 0, 12, func(o Order) string { return o.ID }).Draw(t, "orders")
		overdue := rapid.Int64Range(-1, 5).Draw(t, "overdue")
		names := func(orders []Order) (ids []string) {
			for _, i := range Queue(orders, overdue) {
				ids = append(ids, orders[i].ID)
			}
			return ids
		}
		want := names(orders)
		shuffled := rapid.Permutation(slices.Clone(orders)).Draw(t, "shuffled")
		if d := cmp.Diff(want, names(shuffled)); d != "" {
			t.Fatalf("another input order gives another queue:\n%s", d)
		}
	})
}

func TestChoose(t *testing.T) {
	at := []int64{10, 90, 12, -5, 11, 10, 50}
	for _, tc := range []struct {
		name     string
		n, slots int
		cost     Cost
		want     []int
	}{
		{"the cheapest beside the first", 7, 3, shelf(at), []int{0, 5, 4}},
		{"grows with what it has", 7, 5, shelf(at), []int{0, 5, 4, 2, 3}},
		{"less orders than slots", 2, 5, shelf(at), []int{0, 1}},
		{"one slot", 7, 1, shelf(at), []int{0}},
		{"no routes: by urgency", 7, 3, nil, []int{0, 1, 2}},
		{"ties go to the more urgent", 4, 3, func([]int) int64 { return 7 }, []int{0, 1, 2}},
		{"no orders", 0, 3, shelf(at), nil},
		{"no slots", 3, 0, shelf(at), nil},
	} {
		if d := cmp.Diff(tc.want, Choose(tc.n, tc.slots, tc.cost)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}

func TestChooseProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SliceOfN(rapid.Int64Range(-100, 100), 1, 30).Draw(t, "at")
		slots := rapid.IntRange(1, 12).Draw(t, "slots")
		got := Choose(len(at), slots, shelf(at))
		if len(got) != min(slots, len(at)) {
			t.Fatalf("%d orders for %d slots of %d", len(got), slots, len(at))
		}
		if got[0] != 0 {
			t.Fatalf("the most urgent order is not first: %v", got)
		}
		sorted := slices.Sorted(slices.Values(got))
		if len(slices.Compact(sorted)) != len(got) {
			t.Fatalf("an order stands twice: %v", got)
		}
		// Each choice was the cheapest one open to it.
		for k := 1; k < len(got); k++ {
			chosen := shelf(at)(got[:k+1])
			for i := range at {
				if slices.Contains(got[:k], i) {
					continue
				}
				if c := shelf(at)(append(slices.Clone(got[:k]), i)); c < chosen {
					t.Fatalf("choice %d took %d (%d), but %d costs %d", k, got[k], chosen, i, c)
				}
			}
		}
		if d := cmp.Diff(got, Choose(len(at), slots, shelf(at))); d != "" {
			t.Fatalf("the same question got another answer:\n%s", d)
		}
	})
}

// pool plays a warehouse in which more orders arrive than are picked, all near
// and urgent; one far, unimportant order was there first.
type pool struct {
	orders []Order
	at     []int64
	now    int64
}

const (
	maxWait = 50
	slots   = 4
)

func (p *pool) add(id string, priority int, at int64) {
	p.orders = append(p.orders, Order{id, p.now, priority})
	p.at = append(p.at, at)
}

// next takes one batch out of the pool.
func (p *pool) next() (ids []string, walk int64) {
	q := Queue(p.orders, p.now-maxWait)
	q = q[:min(len(q), Window(slots))]
	at := make([]int64, len(q))
	for i, o := range q {
		at[i] = p.at[o]
	}
	chosen := Choose(len(q), slots, shelf(at))
	walk = shelf(at)(chosen)
	gone := map[int]bool{}
	for _, c := range chosen {
		gone[q[c]] = true
		ids = append(ids, p.orders[q[c]].ID)
	}
	var orders []Order
	var places []int64
	for i := range p.orders {
		if !gone[i] {
			orders, places = append(orders, p.orders[i]), append(places, p.at[i])
		}
	}
	p.orders, p.at = orders, places
	return ids, walk
}

func TestNoOrderStarves(t *testing.T) {
	p := &pool{}
	p.add("far", 0, -100000)
	for step := range 200 {
		for i := range slots + 1 {
			p.add(fmt.Sprintf("near-%d-%d", step, i), 9, int64(10+i))
		}
		p.now++
		if ids, _ := p.next(); slices.Contains(ids, "far") {
			// It must have been overtaken, or the test proves nothing; and
			// be taken as soon as it is overdue, being the oldest.
			if p.now != maxWait {
				t.Fatalf("taken at %d, want %d", p.now, maxWait)
			}
			return
		}
	}
	t.Fatal("the far order was never taken")
}

// Whatever arrives, an order is in a batch at the latest when it has waited
// maxWait and every order that entered the pool before it got its own batch.
func TestWaitIsBounded(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		p := &pool{}
		rank, entered := map[string]int64{}, map[string]int64{}
		check := func(id string) {
			if waited := p.now - entered[id]; waited > maxWait+rank[id]+1 {
				t.Fatalf("seed %d: %s waited %d", seed, id, waited)
			}
		}
		for step := range 120 {
			for i := range 3 + rng.IntN(5) {
				id := fmt.Sprintf("%03d-%d", step, i)
				p.add(id, rng.IntN(10), rng.Int64N(101)-50)
				rank[id], entered[id] = int64(len(rank)), p.now
			}
			p.now++
			ids, _ := p.next()
			for _, id := range ids {
				check(id)
			}
		}
		for _, o := range p.orders {
			check(o.ID)
		}
	}
}

// Filling the cart by added length walks less than first come, first served.
func TestWalksLessThanFirstComeFirstServed(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := &pool{}
		for i := range 200 {
			p.add(fmt.Sprint(i), 1, rng.Int64N(2000)-1000)
		}
		var fcfs, ours int64
		for i := 0; i < len(p.at); i += slots {
			fcfs += shelf(p.at[i : i+slots])([]int{0, 1, 2, 3})
		}
		for len(p.orders) > 0 {
			_, walk := p.next()
			ours += walk
		}
		if ours >= fcfs {
			t.Errorf("seed %d: %d walked, %d first come first served", seed, ours, fcfs)
		}
	}
}
