package warehouse_test

import (
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// lenient is a site where a bag or a pen may go for a cup.
func lenient(t fataler) *world {
	w := stocked(t)
	items := testItems()
	items[0].Substitutes = []string{"NOPE", "BAG", "PEN"}
	w.ok(PutItems{Items: items})
	return w
}

// willing is an order that takes something else as well.
func willing(id string, lines ...string) ReleaseOrder {
	r := release(id, lines...)
	r.Order.Substitute = true
	return r
}

func (w *world) line(id string, n int) LineState {
	w.t.Helper()
	l := w.order(id).Lines[n]
	l.Tasks = nil
	return l
}

// row 114: what is shipped instead of what was ordered is told exactly, with
// the reason, so that the OMS can compute the difference.
func TestSubstitutionRow114(t *testing.T) {
	w := lenient(t)
	r := willing("O1", "CUP*21", "PEN*3", "BAG*7") // 20 cups, 5 bags, 100 pens
	r.Order.Partial = true
	w.ok(r)
	l := w.line("O1", 0)
	if l.SKU != "PEN" || l.For != "CUP" || l.Reason != ReasonSubstitution || l.Qty != 21 {
		t.Fatalf("line %+v", l)
	}
	w.invariants()
	w.pick("K1", "w1", "O1")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
	w.ok(Depart{Dock: "d1"})
	w.wantEvents("O1", EvOrderAccepted, EvOrderSubstituted, EvOrderUnavailable, EvOrderShort, EvOrderReleased, EvOrderPicking, EvOrderPicked, EvOrderPacked, EvOrderLabelled, EvOrderStaged, EvOrderShipped, EvOrderBackordered, EvShipDiffers)
	for _, e := range w.events() {
		switch e.Type {
		case EvOrderSubstituted:
			if d := e.Data; d.Line != 1 || d.SKU != "PEN" || d.For != "CUP" || d.Qty != 21 || d.Code != ReasonSubstitution {
				t.Errorf("substituted %+v", d)
			}
		case EvOrderShipped:
			sent, own := e.Data.Lines[0], e.Data.Lines[1]
			if sent.SKU != "PEN" || sent.For != "CUP" || sent.Reason != ReasonSubstitution || sent.Qty != 21 || sent.Picked != 21 || sent.State != LineShipped {
				t.Errorf("shipped %+v", sent)
			}
			if short := e.Data.Lines[2]; short.SKU != "BAG" || short.For != "" || short.State != LineShort || short.Qty != 7 || short.Picked != 5 {
				t.Errorf("shipped %+v", short)
			}
			if own.SKU != "PEN" || own.For != "" || own.Reason != "" || own.Picked != 3 {
				t.Errorf("shipped %+v", own)
			}
		}
	}
	w.wantQty(PlaceCustomer, "PEN", "", 24, 0)
	w.wantFallouts("OUT_OF_STOCK O1-B1/3")
	w.invariants()
	w.books()
}

// substitutes is a day on which other items go for what is short.
func substitutes(t *testing.T) *world {
	w := lenient(t)
	w.ok(willing("O1", "CUP*2", "PEN"))
	w.ok(willing("O2", "CUP*101"))
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	w.ok(AdjustStock{Place: "bin/A-02", SKU: "CUP", Qty: -10, Reason: ReasonMissing})
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	w.walkTo("hw1", StepAsk)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-02", SKU: "PEN", Qty: 5}}})
	w.pick("K2", "w2", "O2")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	w.books()
	return w
}

// The order has to allow it, the item comes first, and a substitute has to be
// there in full, beside what other lines take of it.
func TestSubstitutionRules(t *testing.T) {
	for name, tt := range map[string]struct {
		release ReleaseOrder
		sku     []string // of the lines, "" = short
	}{
		"not asked":      {release("O1", "CUP*21"), []string{""}},
		"not needed":     {willing("O1", "CUP*20"), []string{"CUP"}},
		"none in full":   {willing("O1", "CUP*101"), []string{""}},
		"none for a bag": {willing("O1", "BAG*6"), []string{""}},
		"what is left":   {willing("O1", "PEN*80", "CUP*21"), []string{"", ""}},
		"first of both":  {willing("O1", "CUP*18", "CUP*3"), []string{"CUP", "BAG"}},
		"two of them":    {willing("O1", "CUP*18", "CUP*3", "CUP*3"), []string{"CUP", "BAG", "PEN"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := lenient(t)
			w.ok(tt.release)
			for i, sku := range tt.sku {
				l := w.line("O1", i)
				if sku == "" && l.For != "" || sku != "" && (l.SKU != sku || (l.For != "") != (sku != "CUP")) {
					t.Errorf("line %+v", l)
				}
			}
			w.invariants()
		})
	}
	w := lenient(t)
	for _, subs := range [][]string{{"CUP"}, {"PEN", "PEN"}, {"a/b"}, {"1", "2", "3", "4"}} {
		it := testItems()[0]
		it.Substitutes = subs
		w.no(PutItems{Items: []Item{it}}, CodeInvalid)
	}
}

// An order that waits goes on when a substitute comes in, whatever the master
// data says by then, and leaves nothing behind when it is cancelled.
func TestSubstituteArrives(t *testing.T) {
	w := lenient(t)
	w.ok(willing("O1", "CUP*101"))
	w.ok(willing("O2", "CUP*102"))
	w.state("O1", OrderShortWaiting)
	w.ok(PutItems{Items: []Item{{SKU: "CUP", Name: "Cup", GTIN: gtin(1), WeightMg: 200_000, Substitutes: []string{"PEN"}}}})
	w.invariants()
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-02", SKU: "PEN", Qty: 1}}})
	w.state("O1", OrderReleased)
	if l := w.line("O1", 0); l.SKU != "PEN" || l.For != "CUP" {
		t.Errorf("line %+v", l)
	}
	w.wantFallouts("OUT_OF_STOCK O2/1")
	w.ok(CancelOrder{Order: "O2", Source: "oms/main"})
	w.invariants()
	w.books()
}

// At the bin: other bins first, then the substitute, onto the same walk. A line
// of which something is in the tote stays what it is.
func TestSubstitutionAtThePick(t *testing.T) {
	w := lenient(t)
	w.ok(willing("O1", "CUP*3", "MILK"))
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	if l := w.line("O1", 0); l.SKU != "CUP" {
		t.Fatalf("line %+v", l)
	}
	for w.step("hw1").SKU != "CUP" {
		w.act("hw1")
	}
	w.ok(AdjustStock{Place: "bin/A-01", SKU: "CUP", Qty: -10, Reason: ReasonMissing})
	w.act("hw1")
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	if l := w.line("O1", 0); l.SKU != "BAG" || l.For != "CUP" || l.State != LineAllocated {
		t.Fatalf("line %+v", l)
	}
	w.invariants()
	w.walkTo("hw1", StepAsk)
	w.state("O1", OrderPicked)
	w.wantQty("lu/T-K1-1", "BAG", "", 3, 0)
	w.wantFallouts()
	// Unpicked as a whole and allocated anew, it asks for the cup again.
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-05", SKU: "CUP", Qty: 9}}})
	w.ok(Unpick{Order: "O1", Line: 1, Bin: "B-01", Qty: 3, Reason: "the customer called"})
	w.invariants()
	w.pick("K2", "w2", "O1")
	w.ok(release("O2", "CUP*9"))
	w.ok(willing("O3", "PEN"))
	w.books()
	w.invariants()
	// Something is in the tote: short as ever.
	w = lenient(t)
	w.ok(willing("O1", "CUP*12"))
	w.assign("K1", "w1", "O1")
	for w.order("O1").Lines[0].Picked == 0 {
		w.act("hw1")
	}
	bin := w.step("hw1").Bin
	q, r := w.qty("bin/"+bin, "CUP", "")
	w.ok(AdjustStock{Place: "bin/" + bin, SKU: "CUP", Qty: r - q, Reason: ReasonMissing})
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	if l := w.line("O1", 0); l.SKU != "CUP" || l.State != LineShort || l.Picked == 0 {
		t.Errorf("line %+v", l)
	}
	w.invariants()
}

// An amendment speaks of what was ordered; more of the line is more of what
// stands for it.
func TestAmendedSubstitution(t *testing.T) {
	w := changing(t)
	items := testItems()
	items[0].Substitutes = []string{"PEN"}
	w.ok(PutItems{Items: items})
	w.ok(willing("O1", "CUP*30"))
	w.pick("K1", "w1", "O1")
	more := revised("O1", 2, "CUP*35")
	more.Order.Substitute = true
	w.ok(more)
	w.ok(accept("O1", 2))
	if l := w.line("O1", 0); l.SKU != "PEN" || l.For != "CUP" || l.Qty != 35 {
		t.Errorf("line %+v", l)
	}
	w.invariants()
	w.pick("K2", "w1", "O1")
	w.state("O1", OrderPicked)
	other := revised("O1", 3, "PEN*35")
	other.Order.Substitute = true
	w.no(other, CodeSoftPONR) // another item than was ordered
	// What goes already is not taken back in silence; a line may be.
	strict := revised("O1", 4, "CUP*35", "BAG")
	if res := w.no(strict, CodeSoftPONR); !strings.Contains(res.Text, "PEN goes for CUP already") {
		t.Error(res.Text)
	}
	strict = revised("O1", 5, "CUP", "BAG")
	strict.Order.Lines = strict.Order.Lines[1:]
	w.ok(strict)
	w.ok(accept("O1", 5))
	if l := w.line("O1", 0); l.State != LineCancelled || l.PutBack != 35 {
		t.Errorf("line %+v", l)
	}
	if types := w.eventTypes("O1"); !slices.Contains(types, EvOrderSubstituted) {
		t.Errorf("events %v", types)
	}
	w.invariants()
}
