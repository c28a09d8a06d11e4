package warehouse_test

import (
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// kinds sets the kinds of the lines of an order.
func kinds(cmd ReleaseOrder, of ...string) ReleaseOrder {
	for i, k := range of {
		cmd.Order.Lines[i].Kind = k
	}
	return cmd
}

func (w *world) lineStates(id string) string {
	w.t.Helper()
	var out []string
	for _, l := range w.order(id).Lines {
		out = append(out, l.State)
	}
	return strings.Join(out, " ")
}

func (w *world) wantLines(id, want string) {
	w.t.Helper()
	if got := w.lineStates(id); got != want {
		w.t.Fatalf("lines of %s are %s, want %s", id, got, want)
	}
}

// shipped takes an order from the pool onto the road.
func (w *world) shipped(batch, id string) {
	w.t.Helper()
	w.pick(batch, "w1", id)
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
	w.ok(Depart{Dock: "d1"})
	w.state(id, OrderShipped)
}

func TestDropShipLinesRow5(t *testing.T) {
	t.Run("row 5: mixed order, the edge fulfils only its lines", func(t *testing.T) {
		w := stocked(t)
		cmd := kinds(release("O1", "CUP*2", "BAG*50", "PEN"), "", LineKindDropShip)
		cmd.Order.Channel = "marketplace"
		w.ok(cmd)
		w.wantLines("O1", "ALLOCATED DROP_SHIP ALLOCATED")
		w.wantFallouts()
		if ev := w.told("O1", EvOrderAccepted); ev.Data.Lines[1].State != LineDropShip {
			t.Errorf("%+v", ev)
		}
		w.invariants()
		w.shipped("K1", "O1")
		w.wantLines("O1", "SHIPPED DROP_SHIP SHIPPED")
		if o := w.order("O1"); o.Spec.Channel != "marketplace" || o.Source != "oms/main" {
			t.Errorf("%+v", o)
		}
		ev := w.told("O1", EvOrderShipped)
		if l := ev.Data.Lines[1]; l.State != LineDropShip || l.Picked != 0 {
			t.Errorf("%+v", l)
		}
		w.wantQty("bin/B-01", "BAG", "", 5, 0)
		w.invariants()
		w.books()
	})
	t.Run("changes of its lines are noted", func(t *testing.T) {
		w := changing(t)
		w.ok(kinds(release("O1", "CUP*2", "BAG*5", "PEN"), "", LineKindDropShip))
		w.pick("K1", "w1", "O1")
		w.no(revised("O1", 2, "CUP*2", "BAG*5", "PEN"), CodeSoftPONR) // now ours
		more := kinds(revised("O1", 3, "CUP*2", "BAG*9", "PEN", "PEN*4"), "", LineKindDropShip, "", LineKindDropShip)
		w.ok(more)
		w.ok(accept("O1", 3))
		w.wantLines("O1", "PICKED DROP_SHIP PICKED DROP_SHIP")
		w.no(kinds(revised("O1", 4, "CUP*2", "BAG*9", "PEN", "PEN*4", "BAG"), "", LineKindDropShip, "", LineKindDropShip, LineKindMake), CodeSoftPONR)
		w.ok(drop(kinds(revised("O1", 5, "CUP*2", "BAG*9", "PEN", "PEN*4"), "", LineKindDropShip, "", LineKindDropShip), 2))
		w.ok(accept("O1", 5))
		w.wantLines("O1", "PICKED CANCELLED PICKED DROP_SHIP")
		w.invariants()
	})
	t.Run("rejected", func(t *testing.T) {
		w := stocked(t)
		w.no(kinds(release("O1", "CUP"), LineKindDropShip), CodeInvalid)
		w.no(kinds(release("O2", "CUP"), "magic"), CodeInvalid)
	})
}

func TestMadeToOrderRow69(t *testing.T) {
	t.Run("row 69: waits PRODUCTION, not short", func(t *testing.T) {
		w := stocked(t)
		w.ok(kinds(release("O1", "CUP*2", "BAG*6"), "", LineKindMake))
		w.state("O1", OrderValidated)
		w.wantLines("O1", "OPEN PRODUCTION")
		w.wantFallouts()
		w.wantEvents("O1", EvOrderAccepted)
		w.invariants()
		for _, tt := range []ProductionDone{{Order: "O1", Line: 1}, {Order: "O1", Line: 3}} {
			w.no(tt, CodeInvalid)
		}
		w.no(ProductionDone{Order: "O9", Line: 2}, CodeUnknownOrder)
		w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 6}}})
		w.state("O1", OrderValidated) // stock is not the reason
		w.ok(ProductionDone{Order: "O1", Line: 2})
		w.wantLines("O1", "ALLOCATED ALLOCATED")
		w.ok(ProductionDone{Order: "O1", Line: 2}) // again
		w.invariants()
		// What is made stays made when the order is amended.
		w.ok(kinds(revised("O1", 2, "CUP*1", "BAG*6"), "", LineKindMake))
		w.state("O1", OrderReleased)
		w.ok(kinds(revised("O1", 3, "CUP*1", "BAG*7"), "", LineKindMake))
		w.wantLines("O1", "OPEN PRODUCTION")
		w.ok(ProductionDone{Order: "O1", Line: 2})
		w.shipped("K1", "O1")
		w.invariants()
	})
	t.Run("held as well", func(t *testing.T) {
		w := stocked(t)
		w.ok(kinds(release("O1", "CUP*2"), LineKindMake))
		w.ok(hold("O1", HoldPayment))
		w.ok(ProductionDone{Order: "O1", Line: 1})
		w.state("O1", OrderValidated)
		w.ok(free("O1", HoldPayment))
		w.state("O1", OrderReleased)
		w.invariants()
	})
	t.Run("cancelled", func(t *testing.T) {
		w := stocked(t)
		w.ok(kinds(release("O1", "CUP*2"), LineKindMake))
		w.ok(CancelOrder{Order: "O1"})
		w.ok(ProductionDone{Order: "O1", Line: 1})
		w.state("O1", OrderCancelled)
		w.invariants()
	})
}

// partial is an order that is shipped as far as it can be.
func partial(cmd ReleaseOrder) ReleaseOrder {
	cmd.Order.Partial = true
	return cmd
}

func TestPartialShipmentRow114(t *testing.T) {
	t.Run("row 114: what was shipped is said exactly", func(t *testing.T) {
		w := stocked(t)
		w.ok(partial(release("O1", "CUP*2", "BAG*8", "MILK*9")))
		w.state("O1", OrderReleased)
		w.wantLines("O1", "ALLOCATED SHORT SHORT")
		w.wantFallouts()
		if ev := w.told("O1", EvOrderShort); len(ev.Data.Lines) != 3 {
			t.Errorf("%+v", ev)
		}
		w.invariants()
		w.shipped("K1", "O1")
		o := w.order("O1")
		lines := w.told("O1", EvOrderShipped).Data.Lines
		for i, want := range []struct{ qty, picked int64 }{{2, 2}, {8, 5}, {9, 8}} {
			if l := lines[i]; l.Qty != want.qty || l.Picked != want.picked {
				t.Errorf("%+v, want %+v", l, want)
			}
		}
		if lots := lines[2].Lots; len(lots) != 2 || lots[0].Lot != "L1" || lots[0].Qty != 4 {
			t.Errorf("%+v", lots)
		}
		ev := w.told("O1", EvOrderBackordered)
		if ev.Data.Backorder != "O1-B1" || o.Backorder != "O1-B1" || len(ev.Data.Lines) != 2 || ev.Data.Lines[0].Qty != 3 || ev.Data.Lines[1].Qty != 1 {
			t.Errorf("%+v", ev)
		}
		b := w.state("O1-B1", OrderShortWaiting)
		if b.BackorderOf != "O1" || b.Source != "oms/main" || b.Lines[0].Line != 2 {
			t.Errorf("%+v", b)
		}
		w.invariants()
		// It is allocated when stock arrives, and is partial again.
		w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 1}}})
		w.state("O1-B1", OrderReleased)
		w.shipped("K2", "O1-B1")
		w.state("O1-B2", OrderShortWaiting)
		if ev := w.told("O1-B2", EvOrderAccepted); ev.Data.BackorderOf != "O1" {
			t.Errorf("%+v", ev)
		}
		w.ok(CancelOrder{Order: "O1-B2", Source: "oms/main"})
		w.invariants()
		w.books()
	})
	t.Run("row 114: short at the bin", func(t *testing.T) {
		w := stocked(t)
		w.ok(partial(release("O1", "CUP*2", "BAG*5")))
		w.assign("K1", "w1", "O1")
		for w.step("hw1").SKU != "BAG" {
			w.act("hw1")
		}
		w.act("hw1")
		w.ok(Scan{Device: "hw1", Barcode: "BAG", Qty: 3})
		w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
		w.wantFallouts() // a rule decides, nobody else
		w.walkTo("hw1", StepAsk)
		w.state("O1", OrderPicked)
		w.invariants()
		w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
		w.ok(Depart{Dock: "d1"})
		if l := w.told("O1", EvOrderShipped).Data.Lines[1]; l.Picked != 3 || l.Qty != 5 {
			t.Errorf("%+v", l)
		}
		w.advance()
		w.state("O1-B1", OrderShortWaiting) // the bin is in doubt
		w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 1}}})
		w.state("O1-B1", OrderReleased)
		w.invariants()
	})
	t.Run("nothing found on the walk", func(t *testing.T) {
		w := stocked(t)
		w.ok(partial(release("O1", "BAG*5")))
		w.assign("K1", "w1", "O1")
		w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
		w.walkTo("hw1", StepAsk)
		w.state("O1", OrderShortWaiting)
		w.invariants()
	})
	t.Run("nothing at all, or everything", func(t *testing.T) {
		w := stocked(t)
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-03", SKU: "PEN", Qty: 1}}})
		w.ok(release("O0", "BAG*5"))
		w.ok(partial(release("O1", "BAG*5")))
		w.state("O1", OrderShortWaiting)
		w.ok(partial(release("O2", "CUP*2")))
		w.shipped("K1", "O2")
		if o := w.order("O2"); o.Backorder != "" {
			t.Errorf("%+v", o)
		}
		w.ok(CancelOrder{Order: "O0"}) // its bags go to O1
		w.state("O1", OrderReleased)
		w.invariants()
	})
	t.Run("its id", func(t *testing.T) {
		w := stocked(t)
		long := strings.Repeat("x", 64)
		w.ok(release("O1-B1", "PEN"))
		w.ok(partial(release("O1", "BAG*6")))
		w.shipped("K1", "O1")
		if o := w.order("O1"); o.Backorder != "O1-B2" {
			t.Errorf("%s", o.Backorder)
		}
		w.ok(partial(release(long, "MILK*9")))
		w.shipped("K2", long)
		if b := w.order(long).Backorder; b != long[:61]+"-B1" {
			t.Errorf("%s", b)
		}
		w.invariants()
	})
	t.Run("a full truck of them leaves in parts", func(t *testing.T) {
		w := bare(t)
		var ids []string
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 60}}})
		for i := range 60 {
			id := "P" + string(rune('A'+i/26)) + string(rune('a'+i%26))
			ids = append(ids, id)
			var lines []string
			for range 20 {
				lines = append(lines, "BAG")
			}
			w.ok(partial(release(id, append(lines, "CUP")...)))
			w.pick("K"+id, "w1", id)
			w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
		}
		rounds := 0
		for res := w.ok(Depart{Dock: "d1"}); res.Ref == RefMore; res = w.ok(Depart{Dock: "d1"}) {
			rounds++
		}
		if rounds == 0 {
			t.Error("all at once: the test proves nothing")
		}
		w.advance()
		for _, id := range ids {
			w.state(id, OrderShipped)
			w.state(id+"-B1", OrderShortWaiting)
		}
		w.invariants()
	})
}

// An order that waits for a part of it is amended and quoted like any other.
func TestPartialAndChanges(t *testing.T) {
	w := changing(t)
	w.ok(partial(release("O1", "CUP*2", "BAG*8")))
	w.pick("K1", "w1", "O1")
	w.no(partial(revised("O1", 2, "CUP*2", "BAG*9")), CodeStock)
	w.ok(partial(revised("O1", 3, "CUP*2", "BAG*6"))) // less, and short still
	w.ok(accept("O1", 3))
	w.wantLines("O1", "PICKED SHORT")
	w.invariants()
	w.ok(partial(revised("O1", 4, "CUP*2", "BAG*4")))
	w.ok(accept("O1", 4))
	w.wantLines("O1", "PICKED PICKED")
	w.ok(PutBack{Order: "O1", Line: 2, Bin: "B-01", Qty: 1})
	w.label("pack1", "O1")
	w.invariants()
	if !slices.Contains(w.eventTypes("O1"), EvOrderShort) {
		t.Error("short was never told")
	}
}
