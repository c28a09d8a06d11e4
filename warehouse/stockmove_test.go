package warehouse_test

import (
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// rejected runs commands that must be refused, each with its code, and compares
// the digest of the state before and after.
func (w *world) rejected(t *testing.T, table map[string]struct {
	c    Command
	code string
},
) {
	t.Helper()
	for name, tt := range table {
		before := w.tx.Digest()
		w.no(tt.c, tt.code)
		if w.tx.Digest() != before {
			t.Errorf("%s: the refusal changed the state", name)
		}
	}
}

func TestMoveStock(t *testing.T) {
	move := MoveStock{From: "bin/A-01", To: "bin/B-05", SKU: "CUP", Qty: 4}
	w := stocked(t)
	w.ok(move)
	w.wantQty("bin/A-01", "CUP", "", 6, 0)
	w.wantQty("bin/B-05", "CUP", "", 4, 0)
	// All of it: the row goes.
	w.ok(MoveStock{From: "bin/B-05", To: "bin/B-04", SKU: "CUP", Qty: 4})
	w.wantQty("bin/B-05", "CUP", "", 0, 0)
	// A lot keeps its date.
	w.ok(MoveStock{From: "bin/B-03", To: "bin/A-05", SKU: "MILK", Lot: "L1", Qty: 4})
	w.ok(release("O1", "MILK"))
	if got := w.picks("O1"); !slices.Equal(got, []string{"A-05 L1 1"}) {
		t.Errorf("picks %v", got)
	}
	with := func(f func(*MoveStock)) Command { c := move; f(&c); return c }
	w.rejected(t, map[string]struct {
		c    Command
		code string
	}{
		"no place":       {with(func(c *MoveStock) { c.From = "A-01" }), CodeInvalid},
		"virtual place":  {with(func(c *MoveStock) { c.To = PlaceScrap }), CodeInvalid},
		"unknown bin":    {with(func(c *MoveStock) { c.To = "bin/Z-99" }), CodeUnknownBin},
		"unknown source": {with(func(c *MoveStock) { c.From = "bin/Z-99" }), CodeUnknownBin},
		"unknown unit":   {with(func(c *MoveStock) { c.To = "lu/P9" }), CodeUnknownLU},
		"same place":     {with(func(c *MoveStock) { c.To = c.From }), CodeInvalid},
		"sku":            {with(func(c *MoveStock) { c.SKU = "" }), CodeInvalid},
		"lot":            {with(func(c *MoveStock) { c.Lot = "a b" }), CodeInvalid},
		"owner":          {with(func(c *MoveStock) { c.Owner = "a/b" }), CodeInvalid},
		"serial":         {with(func(c *MoveStock) { c.Serial = "a\x00b" }), CodeInvalid},
		"status":         {with(func(c *MoveStock) { c.Status = "bad" }), CodeInvalid},
		"nothing":        {with(func(c *MoveStock) { c.Qty = 0 }), CodeInvalid},
		"negative":       {with(func(c *MoveStock) { c.Qty = -1 }), CodeInvalid},
		"huge":           {with(func(c *MoveStock) { c.Qty = 1e9 + 1 }), CodeInvalid},
		"too much":       {with(func(c *MoveStock) { c.Qty = 7 }), CodeNotInPlace},
		"other owner":    {with(func(c *MoveStock) { c.Owner = "ACME" }), CodeNotInPlace},
		"other item":     {with(func(c *MoveStock) { c.SKU = "NOPE" }), CodeNotInPlace},
	})
	w.invariants()
	w.books()
}

// What a person moves or takes away, orders of the pool are planned around.
func TestMovesTakeWhatIsReserved(t *testing.T) {
	t.Run("the task follows the goods", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "BAG*5"))
		w.ok(MoveStock{From: "bin/B-01", To: "bin/A-05", SKU: "BAG", Qty: 5})
		w.state("O1", OrderReleased)
		if got := w.picks("O1"); !slices.Equal(got, []string{"A-05  5"}) {
			t.Errorf("picks %v", got)
		}
		w.invariants()
	})
	t.Run("free stock first, then the youngest order", func(t *testing.T) {
		w := bare(t)
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "BAG", Qty: 5}}})
		w.ok(release("Z1", "BAG*2"))
		w.ok(release("A2", "BAG*2"))
		w.ok(SetStatus{Place: "bin/A-01", SKU: "BAG", To: StatusDamaged, Qty: 1})
		w.state("A2", OrderReleased)
		w.ok(SetStatus{Place: "bin/A-01", SKU: "BAG", To: StatusDamaged, Qty: 1})
		w.state("A2", OrderShortWaiting)
		w.state("Z1", OrderReleased)
		w.wantFallouts("OUT_OF_STOCK A2/1")
		w.invariants()
		// Good again: the order goes on by itself.
		w.ok(SetStatus{Place: "bin/A-01", SKU: "BAG", From: StatusDamaged, Qty: 1})
		w.state("A2", OrderReleased)
		w.wantFallouts()
		w.invariants()
		w.books()
	})
	t.Run("what a batch holds is refused", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "BAG*5"))
		w.assign("K1", "w1", "O1")
		res := w.no(MoveStock{From: "bin/B-01", To: "bin/A-05", SKU: "BAG", Qty: 1}, CodeReserved)
		if !strings.Contains(res.Text, "work in hand") {
			t.Errorf("the answer says %q", res.Text)
		}
		w.no(AdjustStock{Place: "bin/B-01", SKU: "BAG", Qty: -1, Reason: ReasonMissing}, CodeReserved)
		w.state("O1", OrderReleased)
		w.invariants()
	})
	t.Run("a half picked order with no other stock is not cut", func(t *testing.T) {
		w := floor(t)
		w.ok(release("O1", "CUP*2", "BAG*5"))
		w.assign("K1", "r1", "O1")
		w.robotDo("r1", PickPicked, 2, "")
		w.robotDo("r1", PickFailed, 0, "GRIP")
		w.robotPicks("r1")
		w.state("O1", OrderPicking)
		w.no(AdjustStock{Place: "bin/B-01", SKU: "BAG", Qty: -1, Reason: ReasonMissing}, CodeReserved)
		w.ok(OpenStock{Rows: []StockRow{{Bin: "B-05", SKU: "BAG", Qty: 5}}})
		w.ok(AdjustStock{Place: "bin/B-01", SKU: "BAG", Qty: -1, Reason: ReasonMissing})
		if got := w.picks("O1"); len(got) != 2 && len(got) != 1 {
			t.Errorf("picks %v", got)
		}
		w.invariants()
	})
	t.Run("what a robot gave back is held while its walk goes on, and while a person has to look", func(t *testing.T) {
		w := floor(t)
		move := MoveStock{From: "bin/B-01", To: "bin/A-05", SKU: "BAG", Qty: 5}
		w.ok(release("O1", "BAG*5", "CUP*1"))
		w.assign("K1", "r1", "O1")
		w.robotDo("r1", PickFailed, 0, "GRIP")
		w.no(move, CodeReserved)
		w.robotPicks("r1")
		w.assign("K2", "r2", "O1")
		w.robotDo("r2", PickFailed, 0, "GRIP")
		w.robotPicks("r2")
		w.wantFallouts("ROBOT_FAILED O1/1")
		w.no(move, CodeReserved)
		w.ok(RetryOrder{Order: "O1"})
		w.ok(move)
		w.invariants()
	})
	t.Run("an order does not grow with the moves", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "BAG*5"))
		for range 50 {
			w.ok(MoveStock{From: "bin/B-01", To: "bin/A-05", SKU: "BAG", Qty: 5})
			w.ok(MoveStock{From: "bin/A-05", To: "bin/B-01", SKU: "BAG", Qty: 5})
		}
		if n := len(w.order("O1").Lines[0].Tasks); n != 1 {
			t.Errorf("%d tasks", n)
		}
		w.invariants()
	})
	t.Run("thousands of tasks: in smaller parts", func(t *testing.T) {
		w := bare(t)
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "PEN", Qty: 600}}})
		for i := range 600 {
			w.ok(release("O"+string(rune('A'+i/26))+string(rune('A'+i%26)), "PEN"))
		}
		w.no(MoveStock{From: "bin/A-01", To: "bin/A-02", SKU: "PEN", Qty: 600}, CodeTooBig)
		w.ok(MoveStock{From: "bin/A-01", To: "bin/A-02", SKU: "PEN", Qty: 100})
		w.invariants()
	})
}

// Only sellable goods of the order's owner are allocated, whatever else is there.
func TestAllocationMatrix(t *testing.T) {
	for _, tt := range []struct {
		name          string
		owner, status string
		order         string // owner
		want          OrderState
	}{
		{"row 53: sellable", "", StatusSellable, "", OrderReleased},
		{"row 53: quality check", "", StatusQC, "", OrderShortWaiting},
		{"row 53: damaged", "", StatusDamaged, "", OrderShortWaiting},
		{"row 53: quarantined", "", StatusQuarantined, "", OrderShortWaiting},
		{"row 53: consigned, for its owner", "ACME", StatusSellable, "ACME", OrderReleased},
		{"row 53: consigned, for the house", "ACME", StatusSellable, "", OrderShortWaiting},
		{"row 53: consigned, for another", "ACME", StatusSellable, "BOLT", OrderShortWaiting},
		{"row 53: of the house, for a consignor", "", StatusSellable, "ACME", OrderShortWaiting},
		{"row 53: consigned and damaged", "ACME", StatusDamaged, "ACME", OrderShortWaiting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := bare(t)
			w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 3, Owner: tt.owner, Status: tt.status}}})
			r := release("O1", "CUP*2")
			r.Order.Owner = tt.order
			w.ok(r)
			w.state("O1", tt.want)
			w.invariants()
			// Whatever it is, it can become sellable and goes out then.
			if tt.status != StatusSellable {
				w.ok(SetStatus{Place: "bin/A-01", SKU: "CUP", Owner: tt.owner, From: tt.status, Qty: 3})
				if tt.owner == tt.order {
					w.state("O1", OrderReleased)
				}
			}
			w.invariants()
			w.books()
		})
	}
	t.Run("row 53: reserved", func(t *testing.T) {
		w := bare(t)
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 3}}})
		w.ok(release("O1", "CUP*2"))
		w.ok(release("O2", "CUP*2"))
		w.state("O2", OrderShortWaiting)
		w.wantQty("bin/A-01", "CUP", "", 3, 2)
	})
}

// The goods of a consignor keep their owner to the truck, and new goods of his
// wake his orders and nobody else's.
func TestConsignedOrderToTheTruck(t *testing.T) {
	w := stocked(t)
	for _, id := range []string{"O1", "O2"} {
		r := release(id, "BAG*6")
		if id == "O1" {
			r.Order.Owner = "ACME"
		}
		w.ok(r)
		w.state(id, OrderShortWaiting)
	}
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-05", SKU: "BAG", Qty: 6, Owner: "ACME"}}})
	w.state("O1", OrderReleased)
	w.state("O2", OrderShortWaiting)
	w.pick("K1", "w1", "O1")
	if in := seen(Contents(w.tx, LUPlace("T-K1-1"))); len(in) != 1 || in[0].Owner != "ACME" || in[0].Qty != 6 {
		t.Errorf("in the tote: %+v", in)
	}
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	rows := seen(Balances(w.tx, "BAG"))
	if !slices.ContainsFunc(rows, func(b Balance) bool { return b.Place == PlaceCustomer && b.Owner == "ACME" && b.Qty == 6 }) {
		t.Errorf("%+v", rows)
	}
	bad := release("O3", "BAG")
	bad.Order.Owner = "a/b"
	w.no(bad, CodeInvalid)
	w.invariants()
	w.books()
}

func TestSetStatusRules(t *testing.T) {
	w := stocked(t)
	set := SetStatus{Place: "bin/A-01", SKU: "CUP", To: StatusQC, Qty: 4}
	w.ok(set)
	rows := seen(Balances(w.tx, "CUP"))
	if !slices.ContainsFunc(rows, func(b Balance) bool { return b.Place == "bin/A-01" && b.Status == StatusQC && b.Qty == 4 }) {
		t.Errorf("%+v", rows)
	}
	with := func(f func(*SetStatus)) Command { c := set; f(&c); return c }
	w.rejected(t, map[string]struct {
		c    Command
		code string
	}{
		"same":     {with(func(c *SetStatus) { c.To = "" }), CodeInvalid},
		"unknown":  {with(func(c *SetStatus) { c.To = "lost" }), CodeInvalid},
		"from":     {with(func(c *SetStatus) { c.From = "lost" }), CodeInvalid},
		"place":    {with(func(c *SetStatus) { c.Place = PlaceCustomer }), CodeInvalid},
		"bin":      {with(func(c *SetStatus) { c.Place = "bin/Z-99" }), CodeUnknownBin},
		"quantity": {with(func(c *SetStatus) { c.Qty = 0 }), CodeInvalid},
		"too much": {with(func(c *SetStatus) { c.Qty = 7 }), CodeNotInPlace},
	})
	w.invariants()
	w.books()
}

// Goods that change their status are not gone in between: a lot keeps its date
// of arrival.
func TestStatusIsNoDeparture(t *testing.T) {
	w := stocked(t)
	s := testSite()
	s.Figures = true
	w.ok(PutSite{Site: s})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-05", SKU: "MILK", Lot: "L9", Expiry: "2026-05-01", Qty: 2}}})
	w.m.Now += 1000
	w.ok(SetStatus{Place: "bin/A-05", SKU: "MILK", Lot: "L9", To: StatusQC, Qty: 2})
	if got, want := LotArrival(w.tx, "MILK", "L9"), start; got != want {
		t.Errorf("lot L9 came at %d, not %d", got, want)
	}
}
