package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// changing is a stocked site that quotes changes between the points of no
// return.
func changing(t fataler) *world {
	w := stocked(t)
	s := testSite()
	s.Changes = &ChangeRules{Charges: []Charge{
		{State: OrderPicking, Amount: 250, Restrictions: []string{"NO_GIFT_WRAP"}},
		{Cancel: true, Amount: 900},
		{Amount: 500},
	}}
	w.ok(PutSite{Site: s})
	return w
}

func (w *world) cancels(how string) {
	w.t.Helper()
	s := *seen(GetSite(w.tx))
	s.Changes.Cancel = how
	w.ok(PutSite{Site: s})
}

// revised is a later revision of an order.
func revised(id string, rev int, lines ...string) ReleaseOrder {
	cmd := release(id, lines...)
	cmd.Order.Revision = rev
	return cmd
}

func accept(id string, rev int) AcceptQuote {
	return AcceptQuote{Order: id, Revision: rev, Source: "oms/main"}
}

func (w *world) wantRequest(id string, want RequestState, code string) {
	w.t.Helper()
	s, c, err := RequestOf(w.tx, id)
	if err != nil || s != want || c != code {
		w.t.Fatalf("request of %s is %s %q, want %s %q, %v", id, s, c, want, code, err)
	}
}

func (w *world) lastEvent() Event {
	w.t.Helper()
	evs := w.events()
	return evs[len(evs)-1]
}

// told is the newest event of a type about an order.
func (w *world) told(id, typ string) Event {
	w.t.Helper()
	for _, e := range slices.Backward(w.events()) {
		if e.Order == id && e.Type == typ {
			return e
		}
	}
	w.t.Fatalf("%s of %s was never told: %v", typ, id, w.eventTypes(id))
	return Event{}
}

// resting are the states an order can be met in, in the order of the main path.
var resting = []OrderState{
	OrderShortWaiting, OrderReleased, OrderPicking, OrderPicked, OrderPacking, OrderPacked,
	OrderLabelled, OrderStaged, OrderShipped,
}

func TestAmendmentAtEachStateRow97(t *testing.T) {
	for _, s := range resting {
		t.Run("row 97: "+string(s), func(t *testing.T) {
			w := changing(t)
			w.into(s)
			cmd := revised("O1", 2, "BAG*3")
			if s == OrderPacked {
				cmd = revised("O1", 2, "BAG*5")
				cmd.Order.ShipTo.Street = "Side St 2"
			}
			switch Answers()[slices.IndexFunc(Answers(), func(a Asked) bool { return a.State == s })].Amend {
			case AnswerApply:
				w.ok(cmd)
				w.wantRequest("O1", RequestAmendAccepted, "")
				if ev := w.told("O1", EvOrderAmended); ev.Data.Revision != 2 || ev.Data.Source != "oms/main" {
					t.Errorf("%+v", ev)
				}
				if o := w.order("O1"); o.Spec.Revision != 2 || o.Lines[0].Qty != 3 {
					t.Errorf("%+v", o)
				}
			case AnswerQuote:
				w.ok(cmd)
				w.wantRequest("O1", RequestAmendQuoted, "")
				w.state("O1", s)
				if o := w.order("O1"); o.Spec.Revision != 1 || o.Lines[0].Qty != 5 {
					t.Errorf("applied before it was accepted: %+v", o)
				}
				ev := w.lastEvent()
				want, limits := int64(500), []string(nil)
				switch s {
				case OrderPicking:
					want, limits = 250, []string{"NO_GIFT_WRAP"}
				case OrderPacked:
					limits = []string{LinesFixed}
				}
				if ev.Type != EvOrderQuoted || ev.Data.ExtraCharge != want || !slices.Equal(ev.Data.Restrictions, limits) || ev.Data.Revision != 2 {
					t.Errorf("%+v", ev)
				}
				w.ok(accept("O1", 2))
				w.wantRequest("O1", RequestAmendAccepted, "")
				if o := w.order("O1"); o.Spec.Revision != 2 || o.Lines[0].Qty != cmd.Order.Lines[0].Qty {
					t.Errorf("%+v", o)
				}
				if ev := w.told("O1", EvOrderAmended); ev.Data.ExtraCharge != want {
					t.Errorf("%+v", ev)
				}
				if s == OrderPacked {
					j := seen(GetJob(w.tx, w.order("O1").Parcels[0].Job))
					if j.ShipTo.Street != "Side St 2" {
						t.Errorf("the label goes to %+v", j.ShipTo)
					}
				}
			default:
				if res := w.no(cmd, CodeHardPONR); !res.Keep {
					t.Error("not told")
				}
				w.wantRequest("O1", RequestAmendRejected, CodeHardPONR)
				if ev := w.lastEvent(); ev.Type != EvOrderAmendRejected || ev.Data.Code != CodeHardPONR {
					t.Errorf("%+v", ev)
				}
				w.state("O1", s)
			}
			w.invariants()
			w.books()
		})
	}
}

func drop(cmd ReleaseOrder, lines ...int) ReleaseOrder {
	cmd.Order.Lines = slices.DeleteFunc(cmd.Order.Lines, func(l OrderLine) bool { return slices.Contains(lines, l.Line) })
	return cmd
}

// Amend during PICKING, quote, accept: the removed line goes back to the shelf.
func TestRemovedLineIsPutBackRow105(t *testing.T) {
	w := changing(t)
	w.ok(release("O1", "CUP*2", "PEN*3", "BAG*1"))
	w.assign("K1", "w1", "O1")
	for w.order("O1").Lines[0].State != LinePicked {
		w.act("hw1")
	}
	cmd := drop(revised("O1", 2, "CUP*2", "PEN*3", "BAG*1"), 1, 3)
	w.ok(cmd)
	quote := w.lastEvent()
	if quote.Type != EvOrderQuoted || quote.Data.ExtraCharge != 250 || len(quote.Data.Restrictions) != 1 {
		t.Fatalf("%+v", quote)
	}
	// Work goes on while the OMS thinks: nothing is changed, a repeat is one.
	writes := w.tx.Writes()
	w.ok(cmd)
	if w.tx.Writes() != writes || w.order("O1").Spec.Revision != 1 {
		t.Error("the repeat did something")
	}
	w.ok(accept("O1", 2))
	w.wantFallouts("PUT_BACK O1/0")
	o := w.order("O1")
	if o.Lines[0].State != LineCancelled || o.Lines[0].PutBack != 2 || o.Lines[2].State != LineCancelled || o.Lines[2].PutBack != 0 {
		t.Errorf("%+v", o.Lines)
	}
	w.wantQty("bin/B-01", "BAG", "", 5, 0) // its task is gone
	w.ok(accept("O1", 2))                  // again: the same
	w.walkTo("hw1", StepAsk)
	tote := w.state("O1", OrderPicked).Tote
	w.no(StartPack{Station: "pack1", Barcode: tote}, CodeInFallout)
	w.no(RetryOrder{Order: "O1"}, FalloutPutBack)
	w.invariants()
	w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 1})
	w.wantFallouts("PUT_BACK O1/0")
	w.invariants()
	w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 1})
	w.wantFallouts()
	w.wantQty("bin/A-01", "CUP", "", 10, 0)
	w.wantQty("lu/"+tote, "CUP", "", 0, 0)
	w.invariants()
	sscc := w.label("pack1", "O1") // weighs three pens only
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Depart{Dock: "d1"})
	if ev := w.told("O1", EvOrderShipped); ev.Data.Lines[1].Picked != 3 || ev.Data.Lines[0].State != LineCancelled || ev.Data.Lines[0].Picked != 0 {
		t.Errorf("%+v", ev.Data.Lines)
	}
	w.invariants()
	w.books()
}

// What is answered, replaced or overtaken is no open quote any more.
func TestQuotesEnd(t *testing.T) {
	picked := func(t *testing.T) *world {
		w := changing(t)
		w.ok(release("O1", "CUP*2", "PEN*3"))
		w.pick("K1", "w1", "O1")
		w.ok(revised("O1", 3, "CUP*1", "PEN*3"))
		return w
	}
	t.Run("declined", func(t *testing.T) {
		w := picked(t)
		w.ok(DeclineQuote{Order: "O1", Revision: 3, Source: "oms/main"})
		w.wantRequest("O1", RequestAmendRejected, CodeDeclined)
		if ev := w.lastEvent(); ev.Type != EvOrderAmendRejected || ev.Data.Revision != 3 {
			t.Errorf("%+v", ev)
		}
		w.ok(DeclineQuote{Order: "O1", Revision: 3, Source: "oms/main"})
		w.no(accept("O1", 3), CodeNoQuote)
		w.no(revised("O1", 3, "CUP*1", "PEN*3"), CodeDeclined) // the same again
		w.ok(revised("O1", 4, "CUP*1", "PEN*3"))
		w.wantRequest("O1", RequestAmendQuoted, "")
		w.invariants()
	})
	t.Run("passed the hard point first", func(t *testing.T) {
		w := picked(t)
		w.label("pack1", "O1")
		w.wantRequest("O1", RequestAmendRejected, CodeHardPONR)
		if ev := w.told("O1", EvOrderAmendRejected); ev.Data.Code != CodeHardPONR || ev.Data.State != string(OrderLabelled) {
			t.Errorf("%+v", ev)
		}
		w.no(accept("O1", 3), CodeNoQuote)
		w.invariants()
	})
	t.Run("overtaken by the carton", func(t *testing.T) {
		w := picked(t)
		w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
		w.weigh("pack1")
		if res := w.no(accept("O1", 3), CodeSoftPONR); !res.Keep {
			t.Error("not told")
		}
		w.wantRequest("O1", RequestAmendRejected, CodeSoftPONR)
		w.state("O1", OrderPacked)
		w.invariants()
	})
	t.Run("replaced", func(t *testing.T) {
		w := picked(t)
		w.no(revised("O1", 2, "CUP*1"), CodeRevision)
		if res := w.no(revised("O1", 3, "CUP*2"), CodeConflict); !res.Keep {
			t.Error("not told")
		}
		w.wantRequest("O1", RequestAmendQuoted, "")
		w.ok(revised("O1", 4, "CUP*1", "PEN*2"))
		w.wantRequest("O1", RequestAmendQuoted, "")
		if ev := w.told("O1", EvOrderAmendRejected); ev.Data.Revision != 3 || ev.Data.Code != CodeRevision {
			t.Errorf("%+v", ev)
		}
		w.no(accept("O1", 3), CodeNoQuote)
		w.ok(accept("O1", 4))
		w.invariants()
	})
	t.Run("cancelled", func(t *testing.T) {
		w := picked(t)
		w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
		w.wantRequest("O1", RequestCancelAccepted, "")
		w.wantFallouts("PUT_BACK O1/0")
		w.invariants()
	})
	t.Run("back before the soft point", func(t *testing.T) {
		w := changing(t)
		w.ok(release("O1", "BAG*5"))
		w.assign("K1", "w1", "O1")
		w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
		w.walkTo("hw1", StepAsk)
		w.ok(drop(revised("O1", 2, "BAG*5", "PEN*1"), 1))
		w.ok(RetryOrder{Order: "O1"})
		w.state("O1", OrderShortWaiting)
		w.wantRequest("O1", RequestAmendQuoted, "")
		w.ok(accept("O1", 2))
		w.wantRequest("O1", RequestAmendAccepted, "")
		w.state("O1", OrderReleased)
		w.wantFallouts()
		w.invariants()
	})
}

// Another item needs another line; what is not there is not promised.
func TestAmendmentsThatCannotBeMade(t *testing.T) {
	w := changing(t)
	w.ok(release("O1", "CUP*2", "PEN*3"))
	w.pick("K1", "w1", "O1")
	w.no(revised("O1", 2, "BAG*2", "PEN*3"), CodeSoftPONR)
	w.no(revised("O1", 3, "CUP*2", "PEN*3", "BAG*9"), CodeStock)
	w.no(revised("O1", 4, "CUP*2", "PEN*3", "NOPE"), CodeUnknownItem)
	w.wantRequest("O1", RequestAmendRejected, CodeUnknownItem)
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	w.no(revised("O1", 5, "CUP*3", "PEN*3"), CodeSoftPONR) // nothing can be added at the bench
	w.weigh("pack1")
	w.no(revised("O1", 6, "CUP*1", "PEN*3"), CodeSoftPONR) // the carton is closed
	express := revised("O1", 7, "CUP*2", "PEN*3")
	express.Order.Method = "express"
	w.no(express, CodeSoftPONR)
	w.invariants()
	for _, c := range []Command{
		accept("O9", 1), accept("a/b", 1), accept("O1", 1), DeclineQuote{Order: "O9"}, DeclineQuote{Order: "O1", Revision: 1},
	} {
		if res := w.apply(c); res.OK || res.Keep || !slices.Contains([]string{CodeUnknownOrder, CodeNoQuote}, res.Code) {
			t.Errorf("%+v: %+v", c, res)
		}
	}
}

// More of a line, or a new one: onto the walk, or into the pool with the tote.
func TestAmendmentThatAdds(t *testing.T) {
	t.Run("on the walk", func(t *testing.T) {
		w := changing(t)
		w.ok(release("O1", "CUP*2"))
		w.assign("K1", "w1", "O1")
		w.act("hw1")
		w.ok(revised("O1", 2, "CUP*3", "BAG*1"))
		w.ok(accept("O1", 2))
		if s := w.step("hw1"); s.Left != 3 {
			t.Errorf("%+v", s)
		}
		w.walkTo("hw1", StepAsk)
		o := w.state("O1", OrderPicked)
		if o.Lines[0].Picked != 3 || o.Lines[1].Picked != 1 {
			t.Errorf("%+v", o.Lines)
		}
		w.invariants()
	})
	t.Run("from the pack drop", func(t *testing.T) {
		w := changing(t)
		w.ok(release("O1", "CUP*2"))
		w.pick("K1", "w1", "O1")
		tote := w.order("O1").Tote
		w.ok(revised("O1", 2, "CUP*2", "BAG*1"))
		w.ok(accept("O1", 2))
		w.state("O1", OrderPicking)
		if pool := seen(Pool(w.tx, 0)); len(pool) != 1 {
			t.Fatalf("%d in the pool", len(pool))
		}
		w.invariants()
		w.pick("K2", "w2", "O1")
		if o := w.state("O1", OrderPicked); o.Tote != tote || o.Lines[1].Picked != 1 {
			t.Errorf("%+v", o)
		}
		w.label("pack1", "O1")
		w.invariants()
	})
}

// A line made smaller while its goods are in hand: they go on into the tote and
// come back from there. A line that goes as a whole vanishes from the screen.
func TestAmendmentOfGoodsInHand(t *testing.T) {
	inHand := func(t *testing.T) *world {
		w := changing(t)
		w.ok(release("O1", "CUP*4", "BAG*1"))
		w.assign("K1", "w1", "O1")
		w.act("hw1")
		w.ok(Scan{Device: "hw1", Barcode: "CUP-OLD", Qty: 3})
		return w
	}
	t.Run("smaller", func(t *testing.T) {
		w := inHand(t)
		w.ok(revised("O1", 2, "CUP*1", "BAG*1"))
		w.ok(accept("O1", 2))
		w.invariants()
		if s := w.step("hw1"); s.Do != StepScanSlot || s.Held != 3 {
			t.Errorf("%+v", s)
		}
		w.act("hw1")
		if o := w.order("O1"); o.Lines[0].PutBack != 2 || o.Lines[0].State != LinePicked {
			t.Errorf("%+v", o.Lines)
		}
		w.wantFallouts("PUT_BACK O1/0")
		w.invariants()
		w.walkTo("hw1", StepAsk)
		w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-02", Qty: 2})
		w.wantQty("bin/A-02", "CUP", "", 12, 0)
		w.label("pack1", "O1")
		w.invariants()
	})
	t.Run("gone", func(t *testing.T) {
		w := inHand(t)
		w.ok(drop(revised("O1", 2, "CUP*4", "BAG*1"), 1))
		w.ok(accept("O1", 2))
		if s := w.step("hw1"); s.SKU != "BAG" || s.Do != StepScanBin {
			t.Errorf("%+v", s)
		}
		w.wantQty("bin/A-01", "CUP", "", 10, 0)
		w.invariants()
	})
}

// At the bench: the station lets the order go, and takes it again when the
// goods are put back.
func TestAmendmentAtTheBench(t *testing.T) {
	w := changing(t)
	w.ok(release("O1", "CUP*2", "MILK*5"))
	w.pick("K1", "w1", "O1")
	tote := w.order("O1").Tote
	w.ok(StartPack{Station: "pack1", Barcode: tote})
	w.ok(revised("O1", 2, "CUP*2", "MILK*2"))
	w.ok(accept("O1", 2))
	w.state("O1", OrderPicked)
	if st := seen(GetStation(w.tx, "pack1")); st.Step != StepScanTote || st.Code != CodeAmended {
		t.Errorf("%+v", st)
	}
	for _, tt := range []struct {
		c    PutBack
		code string
	}{
		{PutBack{Order: "O9", Line: 2, Bin: "B-02", Qty: 1}, CodeUnknownOrder},
		{PutBack{Order: "O1", Line: 9, Bin: "B-02", Qty: 1}, CodeInvalid},
		{PutBack{Order: "O1", Line: 2, Bin: "B-02", Lot: "L2"}, CodeInvalid},
		{PutBack{Order: "O1", Line: 2, Bin: "B-02", Qty: -1, Lot: "L2"}, CodeInvalid},
		{PutBack{Order: "O1", Line: 2, Bin: "B-02", Qty: 4, Lot: "L1"}, CodeNoPutBack},
		{PutBack{Order: "O1", Line: 1, Bin: "B-02", Qty: 1}, CodeNoPutBack},
		{PutBack{Order: "O1", Line: 2, Bin: "Z-99", Qty: 1, Lot: "L1"}, CodeUnknownBin},
		{PutBack{Order: "O1", Line: 2, Bin: "", Qty: 1, Lot: "L1"}, CodeUnknownBin},
		{PutBack{Order: "O1", Line: 2, Bin: "B-02", Qty: 2, Lot: "L2"}, CodeWrongLot}, // one of L2 was picked
		{PutBack{Order: "O1", Line: 2, Bin: "B-02", Qty: 1}, CodeWrongLot},
	} {
		w.no(tt.c, tt.code)
	}
	w.ok(PutBack{Order: "O1", Line: 2, Bin: "B-02", Qty: 1, Lot: "L2"})
	w.ok(PutBack{Order: "O1", Line: 2, Bin: "B-03", Qty: 2, Lot: "L1"})
	w.wantQty("bin/B-03", "MILK", "L1", 2, 0)
	w.wantQty("bin/B-02", "MILK", "L2", 4, 0)
	w.invariants()
	w.label("pack1", "O1")
	if d := cmp.Diff([]LotQty{{Lot: "L1", Expiry: "2026-02-01", Qty: 2}}, w.order("O1").Lines[1].Lots); d != "" {
		t.Error(d)
	}
	w.books()
}

// A cancel before the hard point frees everything but the goods in the tote.
func TestCancelBetweenThePoints(t *testing.T) {
	cancel := CancelOrder{Order: "O1", Source: "oms/main", Reason: "customer"}
	for _, s := range []OrderState{OrderPicking, OrderPicked, OrderPacking, OrderPacked} {
		for _, how := range []string{CancelAccept, CancelQuote, CancelRefuse} {
			t.Run(fmt.Sprintf("%s %q", s, how), func(t *testing.T) {
				w := changing(t)
				w.cancels(how)
				w.into(s)
				if s == OrderPicking { // some in the tote, some in hand
					w.ok(Scan{Device: "hw1", Barcode: "BAG", Qty: 2})
				}
				if how == CancelRefuse {
					w.no(cancel, CodeSoftPONR)
					w.wantRequest("O1", RequestCancelRejected, CodeSoftPONR)
					w.state("O1", s)
					w.invariants()
					return
				}
				w.ok(cancel)
				if how == CancelQuote {
					w.wantRequest("O1", RequestCancel, "")
					if ev := w.lastEvent(); ev.Type != EvOrderQuoted || ev.Data.ExtraCharge != 900 || ev.Data.Request != string(RequestCancel) {
						t.Errorf("%+v", ev)
					}
					w.state("O1", s)
					w.ok(cancel)
					w.invariants()
					w.ok(accept("O1", 0))
				}
				o := w.state("O1", OrderCancelled)
				w.wantRequest("O1", RequestCancelAccepted, "")
				w.told("O1", EvOrderCancelled)
				w.invariants()
				if s == OrderPicking {
					w.wantQty("bin/B-01", "BAG", "", 5, 0)
					w.wantFallouts()
					if st := w.step("hw1"); st.Do != StepAsk {
						t.Errorf("%+v", st)
					}
					return
				}
				w.wantFallouts("PUT_BACK O1/0")
				w.no(RetryOrder{Order: "O1"}, FalloutPutBack)
				if s != OrderPicked {
					st := seen(GetStation(w.tx, "pack1"))
					if st.Step != StepScanTote || st.Code != CodeCancelled {
						t.Errorf("%+v", st)
					}
				}
				in := o.Tote
				if s == OrderPacked {
					w.no(LabelSent{Job: in}, CodeLabelState)
					w.no(Load{Dock: "d1", Barcode: in}, CodeUnknownSSCC)
					if jobs := seen(PendingJobs(w.tx, "pack1")); len(jobs) != 0 {
						t.Errorf("%+v", jobs)
					}
				}
				w.ok(PutBack{Order: "O1", Line: 1, Bin: "B-01", Qty: 5})
				w.wantFallouts()
				w.wantQty("bin/B-01", "BAG", "", 5, 0)
				if lu := seen(GetLU(w.tx, in)); lu.Order != "" {
					t.Errorf("%+v", lu)
				}
				w.ok(cancel) // again
				w.invariants()
				w.books()
			})
		}
	}
}

// A cart with a cancelled order goes on; its tote is put down with the others.
func TestCancelOnTheCart(t *testing.T) {
	w := changing(t)
	w.ok(release("O1", "CUP*1", "BAG*1"))
	w.ok(release("O2", "PEN*2"))
	w.assign("K1", "w1", "O1", "O2")
	for w.order("O1").Lines[0].State != LinePicked {
		w.act("hw1")
	}
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	w.invariants()
	if s := w.step("hw1"); s.Order != "O2" {
		t.Errorf("%+v", s)
	}
	w.walkTo("hw1", StepAsk)
	w.state("O2", OrderPicked)
	w.invariants()
	tote := w.order("O1").Tote
	if lu := seen(GetLU(w.tx, tote)); lu.Place != PlacePackDrop {
		t.Errorf("%+v", lu)
	}
	w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 1})
	w.invariants()
	w.books()

	// Nothing of it was found: it leaves the walk with its closed tasks.
	w.ok(release("O4", "CUP*20"))
	w.state("O4", OrderReleased)
	w.ok(release("O5", "PEN*1", "BAG*1"))
	w.assign("K4", "w2", "O4", "O5")
	w.ok(ShortPick{Device: "hw2", Reason: FalloutStockout})
	w.state("O4", OrderPicking)
	w.ok(CancelOrder{Order: "O4", Source: "oms/main"})
	if s := w.step("hw2"); s.Order != "O5" || s.Left != 2 {
		t.Errorf("%+v", s)
	}
	w.invariants()
	w.walkTo("hw2", StepAsk)
	w.state("O5", OrderPicked)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 1}}})

	// Put back while it still stands on the cart.
	w.ok(release("O3", "CUP*1", "BAG*1"))
	w.assign("K2", "w1", "O3")
	for w.order("O3").Lines[0].State != LinePicked {
		w.act("hw1")
	}
	w.ok(CancelOrder{Order: "O3", Source: "oms/main"})
	w.ok(PutBack{Order: "O3", Line: 1, Bin: "A-01", Qty: 1})
	w.invariants()
	w.walkTo("hw1", StepAsk)
	w.invariants()
}

// Sites without the rules answer as they did before there was a request axis.
func TestSitesWithoutRulesKeepNoRequests(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2"))
	w.ok(revised("O1", 2, "CUP*3"))
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	w.no(revised("O1", 3, "CUP*1"), CodeSoftPONR)
	w.no(CancelOrder{Order: "O1"}, CodeSoftPONR)
	if o := w.order("O1"); o.Request != nil || o.RequestState() != RequestAccepted {
		t.Errorf("%+v", o.Request)
	}
	w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderAmendRejected, EvOrderCancelRejected)
	w.wantRequest("NEW", RequestNone, "")
	w.no(release("BAD", "NOPE"), CodeUnknownItem)
	w.wantRequest("BAD", RequestRejected, CodeUnknownItem)
}

func TestChangeRulesAreChecked(t *testing.T) {
	w := stocked(t)
	for _, r := range []ChangeRules{
		{Cancel: "maybe"},
		{Charges: make([]Charge, 51)},
		{Charges: []Charge{{State: OrderShipped}}},
		{Charges: []Charge{{State: "X\x01"}}},
		{Charges: []Charge{{Amount: -1}}},
		{Charges: []Charge{{Amount: 1_000_000_000_001}}},
		{Charges: []Charge{{Restrictions: make([]string, 8)}}},
		{Charges: []Charge{{Restrictions: []string{""}}}},
		{Charges: []Charge{{Restrictions: []string{strings.Repeat("x", 65)}}}},
	} {
		s := testSite()
		s.Changes = &r
		w.no(PutSite{Site: s}, CodeInvalid)
	}
}
