package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// The same reason and day are told once while a line is short; another day, or
// the next time it is short, is news.
func TestAvailabilityIsToldOnceRow3(t *testing.T) { lacking(t) }

func lacking(t *testing.T) *world {
	t.Helper()
	w := bare(t)
	w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S1", Name: "Supplier"}}})
	said := func(want ...string) {
		t.Helper()
		var got []string
		for _, e := range seen(OutboxRange(w.tx, StreamControl, 0, 1000)) {
			if e.Type == EvOrderUnavailable {
				got = append(got, e.Data.Code+": "+e.Data.Text)
			}
		}
		if len(got) != len(want) || len(want) > 0 && got[len(got)-1] != want[len(want)-1] {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
	day := func(n int64) int64 { return start + n*24*3600*1000 }
	announce := func(id string, at int64) {
		w.ok(AnnounceReceipt{Source: "oms/main", Receipt: ReceiptSpec{ID: id, Supplier: "S1", Expected: at, Lines: []ReceiptLine{{Line: 1, SKU: "CUP", Qty: 9}}}})
	}
	w.ok(release("O1", "CUP*2"))
	told := []string{"OUT_OF_STOCK: 2 of CUP"}
	said(told...)
	w.no(RetryOrder{Order: "O1"}, FalloutOutOfStock)
	said(told...)
	announce("R2", day(9))
	announce("R1", day(5))
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 1}}}) // not enough: it is looked at again
	told = append(told, "OUT_OF_STOCK: 1 of CUP, expected 2026-01-06")
	said(told...)
	w.ok(CancelReceipt{Receipt: "R1", Reason: "not sent"})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-02", SKU: "CUP", Qty: 1}}})
	w.state("O1", OrderReleased)
	said(told...)
	// Its stock goes: it is short again.
	w.ok(SetStatus{Place: "bin/A-02", SKU: "CUP", Qty: 1, To: StatusQuarantined})
	told = append(told, "QUARANTINED: 1 of CUP, expected 2026-01-10")
	said(told...)
	w.invariants()
	w.books()
	return w
}

// Below level 4 nothing is said of it.
func TestAvailabilityLevel(t *testing.T) {
	w := bare(t)
	w.fallTo(3)
	w.ok(release("O1", "PEN*1"))
	for _, e := range seen(OutboxRange(w.tx, StreamControl, 0, 1000)) {
		if e.Type == EvOrderUnavailable {
			t.Errorf("told %+v", e)
		}
	}
	w.state("O1", OrderShortWaiting)
	w.invariants()
}
