package warehouse_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// promising is a stocked world that tells its levels every ten seconds.
func promising(t *testing.T) *world {
	w := stocked(t)
	s := testSite()
	s.ATPEveryMs = 10_000
	w.ok(PutSite{Site: s})
	return w
}

// told runs AdvanceTime until nothing is due and lists the stock events since
// the last call as "type sku owner qty onHand/reserved/available/inTransit".
func (w *world) levels(from *int) []string {
	w.t.Helper()
	for range 100 {
		at, ok, err := NextDue(w.tx)
		if err != nil {
			w.t.Fatal(err)
		}
		if !ok || at > w.m.Now {
			break
		}
		w.ok(AdvanceTime{})
	}
	evs := w.events()
	var out []string
	for _, e := range evs[*from:] {
		if e.Type == EvStockATP || e.Type == EvStockLow {
			l := e.Data.Levels
			out = append(out, fmt.Sprintf("%s %s%s %d: %d/%d/%d/%d", e.Type, e.Data.SKU, e.Data.Owner, e.Data.Qty, l.OnHand, l.Reserved, l.Available, l.InTransit))
		}
	}
	*from = len(evs)
	return out
}

func TestLevelsAreToldCoalesced(t *testing.T) {
	t.Run("row 20: levels are told after each change, coalesced", func(t *testing.T) {
		w := promising(t)
		at := 0
		want := func(lines ...string) {
			t.Helper()
			if d := cmp.Diff(lines, w.levels(&at)); d != "" {
				t.Errorf("told (-want +got):\n%s", d)
			}
			w.invariants()
		}
		// Switched on: all items once.
		want("stock.atp BAG 0: 5/0/5/0", "stock.atp CUP 0: 20/0/20/0", "stock.atp MILK 0: 8/0/8/0", "stock.atp PEN 0: 100/0/100/0")
		for i := range 30 {
			w.m.Now += 100
			w.ok(release(fmt.Sprintf("O%d", i), "PEN"))
		}
		want() // 3 of 10 seconds are over
		w.m.Now += 10_000
		want("stock.atp PEN 0: 100/30/70/0")
		w.m.Now += 60_000
		want()
		// The first change after a pause is told at once.
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-04", SKU: "CUP", Owner: "ACME", Qty: 2}}})
		want("stock.atp CUPACME 0: 2/0/2/0")
		// A move from bin to bin changes nothing to promise.
		w.m.Now += 10_000
		w.ok(MoveStock{From: "bin/A-01", To: "bin/A-02", SKU: "CUP", Qty: 2})
		want()
		w.m.Now += 10_000
		w.ok(SetStatus{Place: "bin/A-01", SKU: "CUP", To: StatusQC, Qty: 3})
		want("stock.atp CUP 0: 20/0/17/0")
		// On its way, and here.
		w.m.Now += 10_000
		w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "ACME", Name: "Acme"}}})
		w.ok(AnnounceReceipt{Source: "oms/main", Receipt: ReceiptSpec{ID: "R1", Revision: 1, Supplier: "ACME", Lines: []ReceiptLine{{Line: 1, SKU: "BAG", Qty: 7}}}})
		want("stock.atp BAG 0: 5/0/5/7")
		w.m.Now += 10_000
		w.ok(Receive{Receipt: "R1", Barcode: "BAG", Qty: 3})
		want("stock.atp BAG 0: 8/3/5/4")
		w.m.Now += 10_000
		w.ok(CloseReceipt{Receipt: "R1", Confirm: true})
		want("stock.atp BAG 0: 8/3/5/0")
		if l := seen(GetLevels(w.tx, "CUP", "ACME", w.m.Now)); l == nil || l.Available != 2 {
			t.Errorf("%+v", l)
		}
		if l := seen(GetLevels(w.tx, "NOPE", "", w.m.Now)); l != nil {
			t.Errorf("%+v", l)
		}
	})
}

// A lot comes of age without a move.
func TestLevelsFollowTheCalendar(t *testing.T) {
	w := promising(t)
	w.ok(PutItems{Items: withPolicy("", 3)})
	at := 0
	w.levels(&at)
	day := int64(24 * 3600 * 1000)
	for _, tt := range []struct {
		day  int64
		want []string
	}{
		{27, nil}, // 2026-01-28: L1, of 2026-02-01, has four days left
		{28, []string{"stock.atp MILK 0: 8/0/4/0"}},
		{55, nil},
		{56, []string{"stock.atp MILK 0: 8/0/0/0"}},
		{90, nil},
	} {
		w.m.Now = start + tt.day*day
		if d := cmp.Diff(tt.want, w.levels(&at)); d != "" {
			t.Errorf("day %d (-want +got):\n%s", tt.day, d)
		}
		w.invariants()
	}
}

func TestLowStock(t *testing.T) {
	low := func(t *testing.T) (*world, *int) {
		w := promising(t)
		items := testItems()
		items[2].Min, items[2].Reorder, items[2].Max = 2, 3, 10
		w.ok(PutItems{Items: items})
		at := 0
		w.levels(&at)
		return w, &at
	}
	t.Run("row 21: crossing the reorder point is told once until refilled", func(t *testing.T) {
		w, at := low(t)
		want := func(lines ...string) {
			t.Helper()
			w.m.Now += 10_000
			if d := cmp.Diff(lines, w.levels(at)); d != "" {
				t.Errorf("told (-want +got):\n%s", d)
			}
			w.invariants()
		}
		l := seen(GetLevels(w.tx, "BAG", "", w.m.Now))
		if d := cmp.Diff(&StockLevels{OnHand: 5, Available: 5, Min: 2, Max: 10, Reorder: 3}, l); d != "" {
			t.Error(d)
		}
		w.ok(release("O1", "BAG"))
		want("stock.atp BAG 0: 5/1/4/0")
		w.ok(release("O2", "BAG"))
		want("stock.atp BAG 0: 5/2/3/0", "stock.low BAG 7: 5/2/3/0")
		w.ok(release("O3", "BAG"))
		want("stock.atp BAG 0: 5/3/2/0")
		w.ok(CancelOrder{Order: "O3", Source: "oms/main"})
		want("stock.atp BAG 0: 5/2/3/0")
		w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 1}}})
		want("stock.atp BAG 0: 6/2/4/0")
		w.ok(release("O4", "BAG*3"))
		want("stock.atp BAG 0: 6/5/1/0", "stock.low BAG 9: 6/5/1/0")
	})
	t.Run("row 33: low stock asks for more without anybody", func(t *testing.T) {
		w, at := low(t)
		w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "ACME", Name: "Acme"}}})
		w.ok(AnnounceReceipt{Source: "oms/main", Receipt: ReceiptSpec{ID: "R1", Revision: 1, Supplier: "ACME", Lines: []ReceiptLine{{Line: 1, SKU: "BAG", Qty: 2}}}})
		w.ok(release("O1", "BAG*4"))
		w.m.Now += 10_000
		// It asks for what fills up to the most, less what is on its way.
		if d := cmp.Diff([]string{"stock.atp BAG 0: 5/4/1/2", "stock.low BAG 7: 5/4/1/2"}, w.levels(at)); d != "" {
			t.Error(d)
		}
	})
	t.Run("a new item that should be here is low", func(t *testing.T) {
		w, at := low(t)
		w.ok(PutItems{Items: []Item{{SKU: "NEW", Name: "New", WeightMg: 1, Reorder: 5, Max: 8}}})
		w.m.Now += 10_000
		if d := cmp.Diff([]string{"stock.atp NEW 0: 0/0/0/0", "stock.low NEW 8: 0/0/0/0"}, w.levels(at)); d != "" {
			t.Error(d)
		}
	})
}

// Without the rule nothing is told and nothing is written for it.
func TestLevelsAreNotToldUnasked(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "BAG"))
	at := 0
	if got := w.levels(&at); got != nil {
		t.Errorf("%v", got)
	}
	if _, ok, err := NextDue(w.tx); ok || err != nil {
		t.Errorf("something is due: %v", err)
	}
	// Switched off again, what is marked is forgotten.
	s := testSite()
	s.ATPEveryMs = 1000
	w.ok(PutSite{Site: s})
	w.levels(&at)
	w.ok(release("O2", "BAG"))
	w.ok(PutSite{Site: testSite()})
	w.m.Now += 10_000
	if got := w.levels(&at); got != nil {
		t.Errorf("%v", got)
	}
	w.invariants()
}

// Many items are told in rounds, none of them too big and none forgotten.
func TestManyLevels(t *testing.T) {
	w, skus := wide(t, 300, "")
	w.fill(skus, 1, 1)
	s := testSite()
	s.ATPEveryMs = 1000
	w.ok(PutSite{Site: s})
	at := 0
	if got := w.levels(&at); len(got) != 304 {
		t.Errorf("%d levels", len(got))
	}
	w.m.Now += 1000
	for part := 0; part < 300; part += 100 {
		w.ok(bigOrder(fmt.Sprintf("O%d", part), skus[part:part+100], 1))
	}
	if got := w.levels(&at); len(got) != 300 {
		t.Errorf("%d levels", len(got))
	}
	w.invariants()
}

func TestRulesOfLevels(t *testing.T) {
	w := bare(t)
	for _, f := range []func(*Item){
		func(it *Item) { it.Min = -1 }, func(it *Item) { it.Max = 2e9 }, func(it *Item) { it.Reorder = -5 },
		func(it *Item) { it.Min, it.Max = 5, 4 }, func(it *Item) { it.Reorder, it.Max = 5, 4 },
	} {
		it := Item{SKU: "X", Name: "X", WeightMg: 1}
		f(&it)
		w.no(PutItems{Items: []Item{it}}, CodeInvalid)
	}
	s := testSite()
	for _, ms := range []int64{-1, 24*3600*1000 + 1} {
		s.ATPEveryMs = ms
		w.no(PutSite{Site: s}, CodeInvalid)
	}
}
