package warehouse_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

func TestOpenStockRules(t *testing.T) {
	row := StockRow{Bin: "A-01", SKU: "CUP", Qty: 1}
	milk := StockRow{Bin: "A-01", SKU: "MILK", Lot: "L1", Expiry: "2026-02-01", Qty: 1}
	with := func(r StockRow, f func(*StockRow)) StockRow { f(&r); return r }
	for name, tt := range map[string]struct {
		row  StockRow
		code string
	}{
		"bin":            {with(row, func(r *StockRow) { r.Bin = "" }), CodeInvalid},
		"unknown bin":    {with(row, func(r *StockRow) { r.Bin = "Z-99" }), CodeUnknownBin},
		"sku":            {with(row, func(r *StockRow) { r.SKU = "a/b" }), CodeInvalid},
		"unknown item":   {with(row, func(r *StockRow) { r.SKU = "NOPE" }), CodeUnknownItem},
		"zero":           {with(row, func(r *StockRow) { r.Qty = 0 }), CodeInvalid},
		"negative":       {with(row, func(r *StockRow) { r.Qty = -1 }), CodeInvalid},
		"too many":       {with(row, func(r *StockRow) { r.Qty = 1e9 + 1 }), CodeInvalid},
		"lot on no-lot":  {with(row, func(r *StockRow) { r.Lot = "L" }), CodeInvalid},
		"date, no lot":   {with(row, func(r *StockRow) { r.Expiry = "2026-02-01" }), CodeInvalid},
		"lot missing":    {with(milk, func(r *StockRow) { r.Lot, r.Expiry = "", "" }), CodeInvalid},
		"lot characters": {with(milk, func(r *StockRow) { r.Lot = "a b" }), CodeInvalid},
		"date":           {with(milk, func(r *StockRow) { r.Expiry = "2026-02-30" }), CodeInvalid},
		"date form":      {with(milk, func(r *StockRow) { r.Expiry = "2026-2-3" }), CodeInvalid},
		"other date":     {with(milk, func(r *StockRow) { r.Expiry = "2026-03-01" }), CodeConflict},
		"no date now":    {with(milk, func(r *StockRow) { r.Expiry = "" }), CodeConflict},
	} {
		t.Run(name, func(t *testing.T) {
			w := stocked(t)
			w.no(OpenStock{Rows: []StockRow{{Bin: "A-05", SKU: "PEN", Qty: 7}, tt.row}}, tt.code)
			w.wantQty("bin/A-05", "PEN", "", 0, 0)
		})
	}
	w := bare(t)
	w.no(OpenStock{}, CodeInvalid)
	w.no(OpenStock{Rows: []StockRow{row, row}}, CodeDuplicateInFile)
	// Two dates for one lot within one list.
	w.no(OpenStock{Rows: []StockRow{milk, with(milk, func(r *StockRow) { r.Bin, r.Expiry = "A-02", "2027-01-01" })}}, CodeConflict)
}

func TestOpenStockBooksBothSides(t *testing.T) {
	w := stocked(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 5}}})
	want := []Balance{
		{Place: "bin/A-01", Qty: 15},
		{Place: "bin/A-02", Qty: 10},
		{Place: PlaceOpening, Qty: -25},
	}
	if d := cmp.Diff(want, seen(Balances(w.tx, "CUP"))); d != "" {
		t.Error(d)
	}
	wantIn := []StockRow{{Bin: "bin/A-02", SKU: "CUP", Qty: 10}, {Bin: "bin/A-02", SKU: "PEN", Qty: 100}}
	if d := cmp.Diff(wantIn, seen(Contents(w.tx, BinPlace("A-02")))); d != "" {
		t.Error(d)
	}
	rep := seen(LedgerCheck(w.tx))
	if !rep.OK || rep.Moves != 7 || rep.Items != 4 || rep.Balances != 10+1 {
		t.Errorf("%+v", rep)
	}
	w.invariants()
}

// picks lists "bin lot qty" of an order's open tasks.
func (w *world) picks(order string) []string {
	var out []string
	for _, id := range w.openTasks(order) {
		task := seen(GetTask(w.tx, id))
		out = append(out, task.Bin+" "+task.Lot+" "+string(rune('0'+task.Qty)))
	}
	return out
}

// A lot is named by its supplier: GS1 allows signs in it that no id has.
func TestLotWithSlash(t *testing.T) {
	w := bare(t)
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-01", SKU: "MILK", Lot: "7/A-%", Expiry: "2026-02-01", Qty: 1},
		{Bin: "A-01", SKU: "MILK", Lot: "7", Expiry: "2026-02-02", Qty: 1},
	}})
	w.ok(release("O1", "MILK*2"))
	w.pick("K1", "w1", "O1")
	w.state("O1", OrderPicked)
	w.wantQty("lu/T-K1-1", "MILK", "7/A-%", 1, 0)
	w.invariants()
	w.books()
}

// First expired first out; no date last; then bins by name; never a lot on or
// past its day.
func TestAllocationOrder(t *testing.T) {
	w := bare(t)
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-01", SKU: "MILK", Lot: "NONE", Qty: 2},
		{Bin: "A-02", SKU: "MILK", Lot: "LATE", Expiry: "2026-12-31", Qty: 2},
		{Bin: "B-05", SKU: "MILK", Lot: "SOON", Expiry: "2026-01-02", Qty: 1},
		{Bin: "B-01", SKU: "MILK", Lot: "SOON", Expiry: "2026-01-02", Qty: 1},
		{Bin: "A-03", SKU: "MILK", Lot: "TODAY", Expiry: "2026-01-01", Qty: 9},
		{Bin: "A-04", SKU: "MILK", Lot: "PAST", Expiry: "2025-12-31", Qty: 9},
	}})
	w.ok(release("O1", "MILK*5"))
	if d := cmp.Diff([]string{"B-01 SOON 1", "B-05 SOON 1", "A-02 LATE 2", "A-01 NONE 1"}, w.picks("O1")); d != "" {
		t.Error(d)
	}
	w.ok(release("O2", "MILK*2"))
	w.state("O2", OrderShortWaiting)
	w.ok(release("O3", "MILK*1"))
	w.state("O3", OrderReleased)
	w.invariants()
}

// Two lines of one item must not count on the same units.
func TestAllocationOfRepeatedItem(t *testing.T) {
	w := bare(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "BAG", Qty: 3}, {Bin: "A-02", SKU: "BAG", Qty: 2}}})
	w.ok(release("O1", "BAG*3", "BAG*3"))
	w.state("O1", OrderShortWaiting)
	w.wantFallouts("OUT_OF_STOCK O1/2")
	w.ok(release("O2", "BAG*2", "BAG*3"))
	if d := cmp.Diff([]string{"A-01  2", "A-01  1", "A-02  2"}, w.picks("O2")); d != "" {
		t.Error(d)
	}
	w.invariants()
}

// All or nothing: a short order reserves nothing, and the one behind it goes.
func TestShortOrderHoldsNothing(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*20", "BAG*6"))
	o := w.state("O1", OrderShortWaiting)
	if o.Lines[0].State != LineOpen || o.Lines[1].State != LineShort {
		t.Errorf("lines %+v", o.Lines)
	}
	w.wantQty("bin/A-01", "CUP", "", 10, 0)
	w.wantEvents("O1", EvOrderAccepted, EvOrderShort, EvOrderUnavailable, EvFalloutOpened)
	fs := seen(Fallouts(w.tx, true))
	if len(fs) != 1 || fs[0].Code != FalloutOutOfStock || fs[0].Line != 2 || fs[0].SKU != "BAG" || fs[0].Qty != 1 || fs[0].Since != w.m.Now {
		t.Errorf("fallouts %+v", fs)
	}
	w.ok(release("O2", "CUP*20"))
	w.state("O2", OrderReleased)
	w.invariants()
}

// New stock wakes the waiting orders, oldest first, whatever their priority.
func TestNewStockWakesWaitingOrders(t *testing.T) {
	w := bare(t)
	for _, id := range []string{"Z", "A", "M"} {
		r := release(id, "BAG*2", "PEN*1")
		r.Order.Priority = map[string]int{"Z": 0, "A": 9, "M": 5}[id]
		w.ok(r)
	}
	w.wantFallouts("OUT_OF_STOCK Z/1", "OUT_OF_STOCK Z/2", "OUT_OF_STOCK A/1", "OUT_OF_STOCK A/2", "OUT_OF_STOCK M/1", "OUT_OF_STOCK M/2")
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "PEN", Qty: 2}}})
	// The reason of each order follows what is short now.
	w.wantFallouts("OUT_OF_STOCK Z/1", "OUT_OF_STOCK A/1", "OUT_OF_STOCK M/1")
	w.invariants()
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "BAG", Qty: 5}}})
	w.state("Z", OrderReleased)
	w.state("A", OrderReleased)
	w.state("M", OrderShortWaiting)
	w.wantFallouts("OUT_OF_STOCK M/1", "OUT_OF_STOCK M/2")
	w.wantEvents("Z", EvOrderAccepted, EvOrderShort, EvOrderUnavailable, EvFalloutOpened, EvOrderUnavailable, EvFalloutOpened, EvFalloutCleared, EvFalloutCleared, EvOrderReleased)
	w.invariants()
	// A cancel frees stock for those who wait, too.
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "PEN", Qty: 1}}})
	w.state("M", OrderShortWaiting)
	w.ok(CancelOrder{Order: "Z", Source: "site"})
	w.state("M", OrderReleased)
	w.wantFallouts()
	w.books()
	w.invariants()
}

func TestPoolOrder(t *testing.T) {
	w := stocked(t)
	for i, p := range []int{0, 9, 5, 9, 0} {
		r := release(string(rune('E'-i)), "PEN")
		r.Order.Priority = p
		w.ok(r)
	}
	var got []string
	for _, o := range seen(Pool(w.tx, 0)) {
		got = append(got, o.Spec.ID)
	}
	if d := cmp.Diff([]string{"D", "B", "C", "E", "A"}, got); d != "" {
		t.Error(d)
	}
	if n := len(seen(Pool(w.tx, 2))); n != 2 {
		t.Errorf("%d orders, asked for 2", n)
	}
}
