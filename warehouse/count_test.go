package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// TestACountIsBookedOnce: the same Ref again books nothing, whatever it holds;
// another Ref does, and a count that was refused is not remembered.
func TestACountIsBookedOnce(t *testing.T) {
	w := stocked(t)
	rows := []StockRow{{Bin: "A-05", SKU: "PEN", Qty: 7}}
	w.no(OpenStock{Ref: "c1", Rows: []StockRow{{Bin: "Z-99", SKU: "PEN", Qty: 7}}}, CodeUnknownBin)
	w.ok(OpenStock{Ref: "c1", Rows: rows})
	w.wantQty("bin/A-05", "PEN", "", 7, 0)
	before := w.tx.Digest()
	if res := w.ok(OpenStock{Ref: "c1", Rows: rows}); res.Text != "already booked" {
		t.Errorf("answered %q", res.Text)
	}
	w.ok(OpenStock{Ref: "c1", Rows: []StockRow{{Bin: "A-05", SKU: "PEN", Qty: 900}}})
	if w.tx.Digest() != before {
		t.Error("the second time changed the state")
	}
	w.ok(OpenStock{Ref: "c2", Rows: rows})
	w.ok(OpenStock{Rows: rows}) // without a Ref each is a count of its own
	w.wantQty("bin/A-05", "PEN", "", 21, 0)
	w.no(OpenStock{Ref: "a/b", Rows: rows}, CodeInvalid)
}
