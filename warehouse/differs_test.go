package warehouse_test

import (
	"slices"
	"testing"

	. "tote/warehouse"
)

// shippedOtherwise is a site without services where an order of five lines ships
// one of each kind: as ordered, short, another item, by somebody else, taken away.
func shippedOtherwise(t fataler, level uint16) *world {
	w := changing(t)
	items := testItems()
	items[0].Substitutes = []string{"PEN"}
	w.ok(PutItems{Items: items})
	w.m.Level = level
	r := kinds(partial(willing("O1", "CUP*21", "PEN*3", "BAG*7", "MILK*2", "BAG*1")), "", "", "", LineKindDropShip, "")
	w.ok(r)
	again := kinds(partial(willing("O1", "CUP*21", "PEN*3", "BAG*7", "MILK*2")), "", "", "", LineKindDropShip)
	again.Order.Revision = 2
	w.ok(again)
	w.pick("K1", "w1", "O1")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	if level == Level { // of a fallen level, which no log has, the lists know nothing
		w.invariants()
	}
	w.books()
	return w
}

// row 114: what shipped against what was ordered, at a site without a table of
// services too: short and another item, and nothing else.
func TestDiffersRow114WithoutServices(t *testing.T) {
	w := shippedOtherwise(t, Level)
	ev := w.all(EvShipDiffers)
	want := []LineDiff{
		{Line: 1, SKU: "PEN", Ordered: 21, Shipped: 21, For: "CUP"}, {Line: 3, SKU: "BAG", Ordered: 7, Shipped: 5, Diff: -2},
	}
	if len(ev) != 1 || ev[0].Order != "O1" || ev[0].Data.Revision != 2 || !slices.Equal(ev[0].Data.Diffs, want) {
		t.Fatalf("%+v", ev)
	}
	// As ordered: nothing is told.
	w.ok(release("O2", "PEN*2"))
	w.pick("K2", "w1", "O2")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O2")})
	w.ok(Depart{Dock: "d1"})
	if ev := w.all(EvShipDiffers); len(ev) != 1 {
		t.Fatalf("%+v", ev)
	}
	// A log of before says nothing at such a site.
	if ev := shippedOtherwise(t, 3).all(EvShipDiffers); len(ev) != 0 {
		t.Fatalf("%+v", ev)
	}
}
