package warehouse_test

import (
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

func nested(t *testing.T) *world {
	w := stocked(t)
	w.ok(PutLU{LU: "P1", Type: LUPallet, At: "bin/B-05"})
	w.ok(PutLU{LU: "C1", Type: LUCarton, At: "lu/P1"})
	w.ok(PutLU{LU: "C2", Type: LUCarton, At: "lu/C1"})
	w.ok(MoveStock{From: "bin/A-01", To: "lu/C2", SKU: "CUP", Qty: 6})
	w.ok(MoveStock{From: "bin/A-02", To: "lu/P1", SKU: "PEN", Qty: 10})
	return w
}

func (w *world) holder(place, want string) {
	w.t.Helper()
	if got := seen(Holder(w.tx, place)); got != want {
		w.t.Fatalf("%s is held by %q, want %q", place, got, want)
	}
}

// Moving a pallet moves everything in it, by one record.
func TestPalletMovesWithEverythingInIt(t *testing.T) {
	w := nested(t)
	w.invariants()
	moves := seen(LedgerCheck(w.tx)).Moves
	before := w.tx.Writes()
	w.ok(PlaceLU{LU: "P1", At: "bin/A-05"})
	if n := w.tx.Writes() - before; n > 2 {
		t.Errorf("%d writes", n)
	}
	for _, p := range []string{"lu/P1", "lu/C1", "lu/C2"} {
		w.holder(p, "bin/A-05")
	}
	if n := seen(LedgerCheck(w.tx)).Moves; n != moves {
		t.Errorf("%d moves of goods", n-moves)
	}
	if in := seen(UnitsIn(w.tx, "P1")); !slices.Equal(in, []string{"C1"}) {
		t.Errorf("in the pallet: %v", in)
	}
	// Unnested, it stays where it is put.
	w.ok(PlaceLU{LU: "C1", At: "bin/B-01"})
	w.ok(PlaceLU{LU: "P1", At: "dock/d1"})
	w.holder("lu/C2", "bin/B-01")
	w.invariants()
	w.books()
}

// Goods in a unit are not picked from there.
func TestGoodsInAUnitAreNotAllocated(t *testing.T) {
	w := nested(t)
	w.ok(release("O1", "CUP*15"))
	w.state("O1", OrderShortWaiting)
	w.ok(MoveStock{From: "lu/C2", To: "bin/A-01", SKU: "CUP", Qty: 1})
	w.state("O1", OrderReleased)
	w.invariants()
}

func TestCustody(t *testing.T) {
	t.Run("row 84: no quantity without a holder", func(t *testing.T) {
		w := nested(t)
		// A hand-over from person to robot to station to bin: at each
		// moment somebody answers for every unit of every item.
		for _, at := range []string{"worker/w1", "robot/R1", "station/pack1", "dock/d1", "bin/A-03"} {
			w.ok(PlaceLU{LU: "P1", At: at})
			for _, it := range seen(Items(w.tx)) {
				for _, b := range seen(Balances(w.tx, it.SKU)) {
					if h := seen(Holder(w.tx, b.Place)); h == "" || strings.HasPrefix(b.Place, "lu/") && h != at {
						t.Errorf("%+v is held by %q, not %s", b, h, at)
					}
				}
			}
			w.invariants()
		}
		w.no(PlaceLU{LU: "P1", At: "worker/nobody"}, CodeInvalid)
		w.no(PlaceLU{LU: "P1"}, CodeNesting)
		w.holder("lu/C2", "bin/A-03")
	})
}

func TestUnitRules(t *testing.T) {
	w := nested(t)
	w.ok(PutLU{LU: "C3", Type: LUCarton, At: "lu/C1"})
	w.ok(PutLU{LU: "C9", Type: LUCarton, At: "bin/A-01"})
	w.ok(PutLU{LU: "C8", Type: LUCarton, At: "lu/C9"})
	w.ok(release("O1", "BAG"))
	w.pick("K1", "w1", "O1") // the tote T-K1-1 holds an order
	w.rejected(t, map[string]struct {
		c    Command
		code string
	}{
		"type":               {PutLU{LU: "X", Type: LUTote, At: "bin/A-01"}, CodeInvalid},
		"id":                 {PutLU{LU: "a/b", Type: LUCarton, At: "bin/A-01"}, CodeInvalid},
		"tote code":          {PutLU{LU: "T-77", Type: LUCarton, At: "bin/A-01"}, CodeInvalid},
		"check digit":        {PutLU{LU: "106141411234567891", Type: LUPallet, At: "bin/A-01"}, CodeInvalid},
		"own SSCC":           {PutLU{LU: "395212340000000014", Type: LUPallet, At: "bin/A-01"}, CodeInvalid},
		"again":              {PutLU{LU: "P1", Type: LUPallet, At: "bin/A-01"}, CodeConflict},
		"nowhere":            {PutLU{LU: "X", Type: LUCarton}, CodeInvalid},
		"unknown bin":        {PutLU{LU: "X", Type: LUCarton, At: "bin/Z-99"}, CodeUnknownBin},
		"cart":               {PutLU{LU: "X", Type: LUCarton, At: "cart/K1"}, CodeInvalid},
		"unknown parent":     {PutLU{LU: "X", Type: LUCarton, At: "lu/Y"}, CodeUnknownLU},
		"a tote as parent":   {PutLU{LU: "X", Type: LUCarton, At: "lu/T-K1-1"}, CodeUnknownLU},
		"pallet in carton":   {PlaceLU{LU: "P1", At: "lu/C9"}, CodeNesting},
		"empty in itself":    {PlaceLU{LU: "C8", At: "lu/C8"}, CodeNesting},
		"in itself":          {PlaceLU{LU: "C1", At: "lu/C1"}, CodeNesting},
		"in what is in it":   {PlaceLU{LU: "C1", At: "lu/C2"}, CodeNesting},
		"too deep":           {PutLU{LU: "X", Type: LUCarton, At: "lu/C2"}, CodeNesting},
		"too deep by below":  {PlaceLU{LU: "C9", At: "lu/C1"}, CodeNesting},
		"unknown unit":       {PlaceLU{LU: "X", At: "bin/A-01"}, CodeUnknownLU},
		"the tote":           {PlaceLU{LU: "T-K1-1", At: "bin/A-01"}, CodeUnknownLU},
		"no unit":            {PlaceLU{At: "bin/A-01"}, CodeUnknownLU},
		"gone with goods":    {PlaceLU{LU: "C2"}, CodeNesting},
		"gone with units":    {PlaceLU{LU: "C9"}, CodeNesting},
		"goods to the tote":  {MoveStock{From: "bin/A-01", To: "lu/T-K1-1", SKU: "CUP", Qty: 1}, CodeUnknownLU},
		"goods of the order": {MoveStock{From: "lu/T-K1-1", To: "bin/A-01", SKU: "BAG", Qty: 1}, CodeUnknownLU},
	})
	before := w.tx.Digest()
	w.ok(PlaceLU{LU: "P1", At: "bin/B-05"}) // where it is
	if w.tx.Digest() != before {
		t.Error("nothing moved and something changed")
	}
	w.ok(PlaceLU{LU: "C8"})
	w.ok(PlaceLU{LU: "C9"})
	if seen(GetLU(w.tx, "C9")) != nil {
		t.Error("the empty unit is still there")
	}
	// Without an id the site gives one, and labels of parcels go on behind.
	sscc := w.ok(PutLU{Type: LUPallet, At: "bin/A-01"}).Ref
	if len(sscc) != 18 || w.label("pack1", "O1") == sscc {
		t.Errorf("SSCC %s", sscc)
	}
	// A supplier's pallet keeps its own.
	w.ok(PutLU{LU: "106141411234567897", Type: LUPallet, At: "dock/d1"})
	w.invariants()
	w.books()
}
