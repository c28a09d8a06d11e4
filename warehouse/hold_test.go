package warehouse_test

import (
	"slices"
	"testing"

	. "tote/warehouse"
)

func hold(id, code string) HoldOrder { return HoldOrder{Order: id, Code: code, Source: "oms/main"} }
func free(id, code string) ReleaseHold {
	return ReleaseHold{Order: id, Code: code, Source: "oms/main"}
}

// An order that comes held is never allocated before its OMS lets go.
func TestHeldAtRelease(t *testing.T) {
	for name, code := range map[string]string{
		"row 7: unpaid order never allocated": HoldPayment,
		"row 93: price not confirmed":         HoldPrice,
		"row 109: credit":                     HoldCredit,
		"row 109: terms":                      HoldTerms,
		"address":                             HoldAddress,
		"export":                              HoldExport,
		"recall":                              HoldRecall,
		"pack size changed, the OMS says so":  HoldPackSize,
	} {
		t.Run(name, func(t *testing.T) {
			w := stocked(t)
			cmd := release("O1", "CUP*2")
			cmd.Order.Holds = []string{code}
			w.ok(cmd)
			o := w.state("O1", OrderValidated)
			if !slices.Equal(o.Holds, []string{code}) || len(o.Lines[0].Tasks) != 0 {
				t.Errorf("%+v", o)
			}
			w.wantQty("bin/A-01", "CUP", "", 10, 0)
			w.wantEvents("O1", EvOrderAccepted, EvOrderHeld)
			if ev := w.lastEvent(); ev.Data.Code != code {
				t.Errorf("%+v", ev)
			}
			w.invariants()
			// Neither new stock, a retry nor the time lets it go.
			w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 5}}})
			w.ok(RetryOrder{Order: "O1"})
			w.m.Now += 1_000_000
			w.ok(AdvanceTime{})
			w.state("O1", OrderValidated)
			if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
				t.Errorf("%+v", pool)
			}
			w.no(ReleaseHold{Order: "O1", Code: code, Source: SourceSite}, CodeNotHolder)
			w.ok(free("O1", code))
			w.state("O1", OrderReleased)
			w.wantEvents("O1", EvOrderAccepted, EvOrderHeld, EvOrderHoldReleased, EvOrderReleased)
			w.ok(free("O1", code)) // again
			w.invariants()
			w.pick("K1", "w1", "O1")
		})
	}
}

// No new task of a held order is claimed; what has begun is finished.
func TestHoldStopsWhatHasNotBegun(t *testing.T) {
	t.Run("in the pool", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "CUP*2"))
		w.ok(hold("O1", HoldPayment))
		writes := w.tx.Writes()
		w.ok(hold("O1", HoldPayment))
		if w.tx.Writes() != writes {
			t.Error("the same hold again did something")
		}
		if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
			t.Errorf("%+v", pool)
		}
		w.ok(SignIn{Device: "hw1", Badge: "B1"})
		w.ok(AskWork{Device: "hw1"})
		w.no(AssignBatch{Batch: "K1", Worker: "w1", Slots: []BatchSlot{{Slot: 1, Order: "O1"}}, Walk: w.openTasks("O1")}, CodePoolChanged)
		w.invariants()
		w.ok(hold("O1", HoldCredit))
		w.ok(free("O1", HoldPayment))
		if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
			t.Error("one hold is left")
		}
		w.ok(free("O1", HoldCredit))
		if pool := seen(Pool(w.tx, 0)); len(pool) != 1 {
			t.Error("not back in the pool")
		}
		w.invariants()
	})
	t.Run("in a batch", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "CUP*2"))
		w.ok(release("O2", "PEN*1"))
		w.assign("K1", "w1", "O1", "O2")
		w.ok(hold("O1", HoldPayment))
		if s := w.step("hw1"); s.Order != "O2" || s.Left != 1 {
			t.Errorf("%+v", s)
		}
		w.invariants()
		w.walkTo("hw1", StepAsk)
		w.state("O1", OrderReleased)
		w.ok(free("O1", HoldPayment))
		w.pick("K2", "w1", "O1")
	})
	t.Run("while it is picked", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "CUP*2", "BAG*1"))
		w.assign("K1", "w1", "O1")
		w.act("hw1")
		w.ok(hold("O1", HoldRecall))
		w.invariants()
		w.walkTo("hw1", StepAsk) // the cups, not the bag
		o := w.state("O1", OrderPicking)
		if o.Lines[0].Picked != 2 || o.Lines[1].Picked != 0 || o.Tote == "" {
			t.Errorf("%+v", o.Lines)
		}
		w.no(RetryOrder{Order: "O1"}, CodeHeld)
		w.invariants()
		w.ok(free("O1", HoldRecall))
		w.pick("K2", "w2", "O1")
		w.state("O1", OrderPicked)
		w.ok(hold("O1", HoldRecall))
		w.no(StartPack{Station: "pack1", Barcode: o.Tote}, CodeHeld)
		w.ok(free("O1", HoldRecall))
		w.ok(StartPack{Station: "pack1", Barcode: o.Tote})
		w.ok(hold("O1", HoldExport))
		sscc := w.weigh("pack1") // has begun
		w.ok(LabelSent{Job: sscc})
		w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
		w.no(Load{Dock: "d1", Barcode: sscc}, CodeHeld)
		w.ok(free("O1", HoldExport))
		w.ok(Load{Dock: "d1", Barcode: sscc})
		w.no(hold("O1", HoldExport), CodeHardPONR)
		w.ok(Depart{Dock: "d1"})
		w.no(hold("O1", HoldExport), CodeHardPONR)
		w.invariants()
	})
	t.Run("a short pick of a held order", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "CUP*2"))
		w.assign("K1", "w1", "O1")
		w.act("hw1")
		w.ok(hold("O1", HoldPayment))
		w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
		if s := w.step("hw1"); s.Do != StepFinish {
			t.Errorf("sent on to %+v", s)
		}
		w.invariants()
		w.act("hw1")
		w.ok(free("O1", HoldPayment))
		w.pick("K2", "w1", "O1")
		w.invariants()
	})
	t.Run("waiting for stock", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "BAG*6"))
		w.ok(hold("O1", HoldPayment))
		w.no(RetryOrder{Order: "O1"}, CodeHeld)
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "BAG", Qty: 5}}})
		w.state("O1", OrderShortWaiting)
		w.ok(free("O1", HoldPayment))
		w.state("O1", OrderReleased)
		w.invariants()
	})
}

// The site's holds are the site's, those of the OMS its own.
func TestHoldsBelongToAParty(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2"))
	for _, tt := range []struct {
		c    Command
		code string
	}{
		{hold("O9", HoldPayment), CodeUnknownOrder},
		{hold("a/b", HoldPayment), CodeUnknownOrder},
		{hold("O1", "WHIM"), CodeInvalid},
		{hold("O1", ""), CodeInvalid},
		{HoldOrder{Order: "O1", Code: HoldPayment, Source: "oms/other"}, CodeConflict},
		{HoldOrder{Order: "O1", Code: HoldPayment}, CodeConflict},
		{free("O9", HoldPayment), CodeUnknownOrder},
		{free("O1", "WHIM"), CodeInvalid},
		{ReleaseHold{Order: "O1", Code: HoldPayment, Source: "oms/other"}, CodeConflict},
	} {
		w.no(tt.c, tt.code)
	}
	bad := release("O2", "CUP")
	bad.Order.Holds = []string{HoldPayment, HoldPayment}
	w.no(bad, CodeInvalid)
	bad.Order.Revision, bad.Order.Holds = 2, []string{"WHIM"}
	w.no(bad, CodeInvalid)
	w.ok(HoldOrder{Order: "O1", Code: HoldAddress, Source: SourceSite})
	w.ok(hold("O1", HoldAddress))
	w.ok(free("O1", HoldAddress))
	w.no(free("O1", HoldAddress), CodeNotHolder)
	if o := w.order("O1"); len(o.Holds) != 1 || o.HeldBy[0] != SourceSite {
		t.Errorf("%v %v", o.Holds, o.HeldBy)
	}
	w.ok(ReleaseHold{Order: "O1", Code: HoldAddress, Source: SourceSite})
	w.ok(CancelOrder{Order: "O1"})
	w.no(hold("O1", HoldPayment), CodeRevision)
	w.invariants()
}

// A revision adds holds; it never ends one. A held order can be amended and
// cancelled.
func TestHoldsAndRevisions(t *testing.T) {
	w := changing(t)
	cmd := release("O1", "CUP*2")
	cmd.Order.Holds = []string{HoldPayment}
	w.ok(cmd)
	w.ok(revised("O1", 2, "CUP*3"))
	if o := w.state("O1", OrderValidated); o.Spec.Revision != 2 || len(o.Holds) != 1 {
		t.Errorf("%+v", o)
	}
	w.invariants()
	more := revised("O1", 3, "CUP*3")
	more.Order.Holds = []string{HoldPayment, HoldExport}
	w.ok(more)
	if o := w.order("O1"); !slices.Equal(o.Holds, []string{HoldPayment, HoldExport}) {
		t.Errorf("%v", o.Holds)
	}
	w.ok(free("O1", HoldPayment))
	w.ok(free("O1", HoldExport))
	w.state("O1", OrderReleased)
	// One that comes with a quote takes the rest of the walk away.
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	late := revised("O1", 4, "CUP*3", "BAG*1")
	late.Order.Holds = []string{HoldPrice}
	w.ok(late)
	w.ok(accept("O1", 4))
	w.invariants()
	w.walkTo("hw1", StepAsk)
	w.state("O1", OrderPicking)
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	w.state("O1", OrderCancelled)
	w.invariants()
	w.books()
}
