package warehouse_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// A refused release is told to the OMS once and remembered.
func TestReleaseRefusalsRow94(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*OrderSpec)
		code   string
	}{
		"no id":          {func(s *OrderSpec) { s.ID = "" }, CodeInvalid},
		"id with slash":  {func(s *OrderSpec) { s.ID = "a/b" }, CodeInvalid},
		"id long":        {func(s *OrderSpec) { s.ID = strings.Repeat("x", 65) }, CodeInvalid},
		"revision":       {func(s *OrderSpec) { s.Revision = -1 }, CodeInvalid},
		"priority":       {func(s *OrderSpec) { s.Priority = 10 }, CodeInvalid},
		"name":           {func(s *OrderSpec) { s.ShipTo.Name = "" }, CodeInvalid},
		"street":         {func(s *OrderSpec) { s.ShipTo.Street = "" }, CodeInvalid},
		"postcode":       {func(s *OrderSpec) { s.ShipTo.Postcode = "" }, CodeInvalid},
		"city":           {func(s *OrderSpec) { s.ShipTo.City = "" }, CodeInvalid},
		"country":        {func(s *OrderSpec) { s.ShipTo.Country = "de" }, CodeInvalid},
		"country long":   {func(s *OrderSpec) { s.ShipTo.Country = "DEU" }, CodeInvalid},
		"channel":        {func(s *OrderSpec) { s.Channel = "a\x01" }, CodeInvalid},
		"method":         {func(s *OrderSpec) { s.Method = "a\x01" }, CodeInvalid},
		"time":           {func(s *OrderSpec) { s.ShipBy = -1 }, CodeInvalid},
		"no lines":       {func(s *OrderSpec) { s.Lines = nil }, CodeInvalid},
		"501 lines":      {func(s *OrderSpec) { s.Lines = make([]OrderLine, 501) }, CodeInvalid},
		"line 0":         {func(s *OrderSpec) { s.Lines[0].Line = 0 }, CodeInvalid},
		"line twice":     {func(s *OrderSpec) { s.Lines[1].Line = 1 }, CodeInvalid},
		"line sku":       {func(s *OrderSpec) { s.Lines[0].SKU = "" }, CodeInvalid},
		"quantity 0":     {func(s *OrderSpec) { s.Lines[0].Qty = 0 }, CodeInvalid},
		"quantity large": {func(s *OrderSpec) { s.Lines[0].Qty = 1_000_001 }, CodeInvalid},
		"unknown item":   {func(s *OrderSpec) { s.Lines[1].SKU = "NOPE" }, CodeUnknownItem},
	} {
		t.Run(name, func(t *testing.T) {
			w := stocked(t)
			cmd := release("O1", "CUP", "PEN")
			tt.change(&cmd.Order)
			res := w.no(cmd, tt.code)
			if !res.Keep {
				t.Error("the refusal is lost")
			}
			evs := w.events()
			if len(evs) != 1 || evs[0].Type != EvOrderRejected || evs[0].Order != cmd.Order.ID ||
				evs[0].Data.Code != tt.code || evs[0].Data.Text == "" || evs[0].Data.Source != "oms/main" {
				t.Errorf("events %+v", evs)
			}
			again := w.no(cmd, tt.code)
			if again.Text != res.Text || again.Keep || len(w.events()) != 1 {
				t.Errorf("again: %+v, %d events", again, len(w.events()))
			}
			if all := seen(Orders(w.tx, "", 0)); len(all) != 0 {
				t.Errorf("orders %+v", all)
			}
			w.invariants()
		})
	}
}

func TestReleaseWithoutCarrier(t *testing.T) {
	w := stocked(t)
	s := testSite()
	s.Carriers = s.Carriers[:1]
	w.ok(PutSite{Site: s})
	w.no(release("O1", "CUP"), CodeUnknownMethod)
	cmd := release("O2", "CUP")
	cmd.Order.Method = "express"
	w.ok(cmd)
}

func TestReleaseBeforeTheSiteIsSet(t *testing.T) {
	w := newWorld(t)
	if res := w.no(release("O1", "CUP"), CodeSiteNotSet); res.Keep {
		t.Error("kept: the OMS would believe its order is bad")
	}
}

// A corrected order is taken after its refusal, the refused one never again.
func TestReleaseAfterRefusal(t *testing.T) {
	w := stocked(t)
	bad := release("O1", "NOPE")
	bad.Order.Revision = 2
	w.no(bad, CodeUnknownItem)
	w.no(release("O1", "CUP"), CodeRevision) // revision 1, older than what was refused
	good := release("O1", "CUP")
	good.Order.Revision = 2
	w.ok(good)
	w.no(bad, CodeConflict)
	w.no(bad, CodeConflict)
	w.wantEvents("O1", EvOrderRejected, EvOrderAccepted, EvOrderReleased, EvOrderAmendRejected)
	w.state("O1", OrderReleased)
}

func TestReleaseTwice(t *testing.T) {
	w := stocked(t)
	cmd := release("O1", "CUP*2")
	w.ok(cmd)
	events := len(w.events())
	for range 100 {
		writes := w.tx.Writes()
		w.ok(cmd)
		if w.tx.Writes() != writes {
			t.Fatal("a repeat wrote something")
		}
	}
	w.wantQty("bin/A-01", "CUP", "", 10, 2)
	if len(w.events()) != events {
		t.Error("a repeat told something")
	}
	other := release("O1", "CUP*3")
	if res := w.no(other, CodeConflict); !res.Keep {
		t.Error("the conflict is not told")
	}
	w.no(other, CodeConflict)
	w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderAmendRejected)
	older := release("O1", "CUP*9")
	older.Order.Revision = 0
	w.ok(older)
	w.wantQty("bin/A-01", "CUP", "", 10, 2)
	w.invariants()
}

// A higher revision replaces the order while nothing is claimed, wherever it is.
func TestAmend(t *testing.T) {
	amended := func(rev int, lines ...string) ReleaseOrder {
		cmd := release("O1", lines...)
		cmd.Order.Revision, cmd.Order.Priority = rev, rev
		return cmd
	}
	t.Run("in the pool", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "CUP*2", "BAG*5"))
		w.ok(release("O2", "BAG*3"))
		w.state("O2", OrderShortWaiting)
		w.ok(amended(2, "PEN*4"))
		o := w.state("O1", OrderReleased)
		if o.Spec.Revision != 2 || len(o.Lines) != 1 || o.Intake != 1 {
			t.Errorf("%+v", o)
		}
		w.wantQty("bin/A-01", "CUP", "", 10, 0)
		w.wantQty("bin/A-02", "PEN", "", 100, 4)
		w.state("O2", OrderReleased) // got the bags
		w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderAccepted, EvOrderReleased)
		if got := w.openTasks("O1"); !cmp.Equal(got, []string{"O1/1/3"}) {
			t.Errorf("tasks %v: an id must never come back", got)
		}
		w.invariants()
		w.books()
	})
	t.Run("waiting", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "BAG*6"))
		w.ok(amended(2, "BAG*5"))
		w.state("O1", OrderReleased)
		w.wantFallouts()
		w.ok(amended(3, "BAG*7"))
		w.state("O1", OrderShortWaiting)
		w.invariants()
	})
	t.Run("assigned", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "CUP*2"))
		w.ok(release("O2", "PEN*2"))
		w.assign("K1", "w1", "O1", "O2")
		w.ok(amended(2, "CUP*1"))
		if o := w.state("O1", OrderReleased); o.Batch != "" {
			t.Errorf("still in batch %s", o.Batch)
		}
		if s := w.step("hw1"); s.Order != "O2" || s.Left != 1 {
			t.Errorf("step %+v", s)
		}
		w.invariants()
	})
	t.Run("too late", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "CUP*2"))
		w.assign("K1", "w1", "O1")
		w.act("hw1")
		w.no(amended(2, "CUP*1"), CodeSoftPONR)
		w.no(amended(2, "CUP*1"), CodeSoftPONR)
		w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderAmendRejected)
		w.walkTo("hw1", StepAsk)
		w.label("pack1", "O1")
		w.no(amended(3, "CUP*1"), CodeHardPONR)
		w.state("O1", OrderLabelled)
	})
	t.Run("bad", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "CUP*2"))
		w.no(amended(2, "NOPE"), CodeUnknownItem)
		w.wantQty("bin/A-01", "CUP", "", 10, 2)
		w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderAmendRejected)
	})
	t.Run("cancelled", func(t *testing.T) {
		w := stocked(t)
		w.ok(release("O1", "CUP*2"))
		w.ok(CancelOrder{Order: "O1"})
		w.no(amended(2, "CUP"), CodeRevision)
		w.state("O1", OrderCancelled)
	})
}

// into takes order O1 from nothing into a state.
func (w *world) into(s OrderState) {
	w.t.Helper()
	if s == OrderShortWaiting {
		w.ok(release("O1", "BAG*6"))
		return
	}
	w.ok(release("O1", "BAG*5"))
	sscc := ""
	for _, reach := range []struct {
		state OrderState
		do    func()
	}{
		{OrderReleased, func() {}},
		{OrderPicking, func() { w.assign("K1", "w1", "O1"); w.act("hw1") }},
		{OrderPicked, func() { w.walkTo("hw1", StepAsk) }},
		{OrderPacking, func() { w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"}) }},
		{OrderPacked, func() { sscc = w.weigh("pack1") }},
		{OrderLabelled, func() { w.ok(LabelSent{Job: sscc}) }},
		{OrderStaged, func() { w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted}); w.ok(Load{Dock: "d1", Barcode: sscc}) }},
		{OrderShipped, func() { w.ok(Depart{Dock: "d1"}) }},
	} {
		reach.do()
		w.state("O1", reach.state)
		if reach.state == s {
			return
		}
	}
	w.t.Fatalf("no way into %s", s)
}

// Each state that lasts, times cancel: accepted before the soft point, refused
// and told after it.
func TestCancelMatrix(t *testing.T) {
	for _, tt := range []struct {
		state OrderState
		code  string
	}{
		{OrderShortWaiting, CodeOK},
		{OrderReleased, CodeOK},
		{OrderPicking, CodeSoftPONR},
		{OrderPicked, CodeSoftPONR},
		{OrderPacking, CodeSoftPONR},
		{OrderPacked, CodeSoftPONR},
		{OrderLabelled, CodeHardPONR},
		{OrderStaged, CodeHardPONR},
		{OrderShipped, CodeHardPONR},
	} {
		t.Run(string(tt.state), func(t *testing.T) {
			w := stocked(t)
			w.into(tt.state)
			cancel := CancelOrder{Order: "O1", Source: "oms/main", Reason: "customer"}
			if tt.code == CodeOK {
				w.ok(cancel)
				o := w.state("O1", OrderCancelled)
				if o.Lines[0].State != LineCancelled {
					t.Errorf("line %s", o.Lines[0].State)
				}
				w.wantQty("bin/B-01", "BAG", "", 5, 0)
				w.wantFallouts()
				evs := w.eventTypes("O1")
				if evs[len(evs)-1] != EvOrderCancelled {
					t.Errorf("events %v", evs)
				}
				w.ok(cancel) // again: fine, told once
				if n := len(w.eventTypes("O1")); n != len(evs) {
					t.Errorf("told %d times", n-len(evs))
				}
			} else {
				res := w.no(cancel, tt.code)
				evs := w.events()
				last := evs[len(evs)-1]
				if !res.Keep || last.Type != EvOrderCancelRejected || last.Data.Code != tt.code || last.Data.State != string(tt.state) || last.Data.Source != "oms/main" {
					t.Errorf("%+v %+v", res, last)
				}
				w.state("O1", tt.state)
			}
			w.invariants()
			w.books()
		})
	}
	w := stocked(t)
	if res := w.no(CancelOrder{Order: "O9"}, CodeUnknownOrder); res.Keep || len(w.events()) != 0 {
		t.Error("an unknown order was told")
	}
	w.no(CancelOrder{Order: ""}, CodeUnknownOrder)
	w.no(CancelOrder{Order: "a/b"}, CodeUnknownOrder)
}

// Cancelling one order of a batch takes its tasks out of the walk; cancelling
// all of them ends the batch.
func TestCancelInAnActiveBatch(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2"))
	w.ok(release("O2", "PEN*1", "CUP*1"))
	w.ok(release("O3", "BAG*1"))
	w.assign("K1", "w1", "O2", "O1", "O3")
	res := w.ok(CancelOrder{Order: "O2"})
	for _, want := range []string{"worker/w1", "device/hw1", "order/O2", "outbox/control"} {
		if !slices.Contains(res.Touched, want) {
			t.Errorf("touched %v, not %s", res.Touched, want)
		}
	}
	s := w.step("hw1")
	if s.Do != StepScanBin || s.Order != "O1" || s.Left != 2 || s.Slot != 2 {
		t.Errorf("step %+v", s)
	}
	w.invariants()
	w.walkTo("hw1", StepScanSlot)
	w.ok(CancelOrder{Order: "O3"})
	if s := w.step("hw1"); s.Order != "O1" || s.Left != 1 {
		t.Errorf("step %+v", s)
	}
	w.walkTo("hw1", StepAsk)
	w.state("O1", OrderPicked)

	w.ok(release("O4", "CUP"))
	w.assign("K2", "w1", "O4")
	w.ok(CancelOrder{Order: "O4"})
	if s := w.step("hw1"); s.Do != StepAsk {
		t.Errorf("step %+v", s)
	}
	if b := seen(GetBatch(w.tx, "K2")); b.State != BatchDone {
		t.Errorf("batch %+v", b)
	}
	if _, due, _ := NextDue(w.tx); due {
		t.Error("the lease of an ended batch runs on")
	}
	w.invariants()
}

func TestRetryOrder(t *testing.T) {
	w := stocked(t)
	w.no(RetryOrder{Order: "O9"}, CodeUnknownOrder)
	w.ok(release("O1", "BAG*6"))
	w.no(RetryOrder{Order: "O1"}, FalloutOutOfStock)
	w.wantFallouts("OUT_OF_STOCK O1/1")
	w.ok(release("O2", "CUP"))
	if res := w.ok(RetryOrder{Order: "O2"}); res.Text == "" {
		t.Error("nothing said")
	}
	w.state("O2", OrderReleased)
}

// A short order goes out with what was found once a person says so.
func TestRetrySendsWhatWasFound(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*1", "BAG*2"))
	w.assign("K1", "w1", "O1")
	w.walkTo("hw1", StepScanItem)
	for w.step("hw1").SKU != "BAG" {
		w.act("hw1")
	}
	w.ok(ShortPick{Device: "hw1", Reason: FalloutDamaged})
	w.wantFallouts("DAMAGED O1/2")
	w.no(RetryOrder{Order: "O1"}, CodeHasWork)
	w.walkTo("hw1", StepAsk)
	w.state("O1", OrderPicked)
	w.no(StartPack{Station: "pack1", Barcode: "T-K1-1"}, CodeInFallout)
	w.ok(RetryOrder{Order: "O1"})
	w.wantFallouts()
	sscc := w.label("pack1", "O1")
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Depart{Dock: "d1"})
	o := w.state("O1", OrderShipped)
	if o.Lines[0].State != LineShipped || o.Lines[1].State != LineShort || o.Lines[1].Picked != 0 {
		t.Errorf("lines %+v", o.Lines)
	}
	w.wantQty(PlaceCustomer, "BAG", "", 0, 0)
	w.invariants()
	w.books()
}

// An order of which nothing was found starts again.
func TestRetryStartsAgain(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "BAG*5"))
	w.assign("K1", "w1", "O1")
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	w.walkTo("hw1", StepAsk)
	o := w.state("O1", OrderPicking)
	if o.Tote != "" || o.Batch != "" {
		t.Errorf("%+v", o)
	}
	w.wantFallouts("STOCKOUT O1/1")
	w.ok(RetryOrder{Order: "O1"}) // the bin is in doubt: waits
	w.state("O1", OrderShortWaiting)
	w.wantFallouts("OUT_OF_STOCK O1/1")
	w.invariants()
	// Somebody counts the bin: the doubt ends, the order goes on by itself.
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 1}}})
	w.state("O1", OrderReleased)
	w.wantFallouts()
	w.pick("K2", "w1", "O1")
	w.state("O1", OrderPicked)
	w.invariants()
	w.books()
}
