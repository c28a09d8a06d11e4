package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	. "tote/warehouse"
)

// A stuck order is told of once in each state it stays in for too long, and an
// order that moves never.
func TestAgeingRow102(t *testing.T) {
	w := stocked(t)
	s := testSite()
	s.AgeingMinutes, s.LeaseMs = 30, 1_000*minute
	w.ok(PutSite{Site: s})
	told := func() (out []string) {
		for _, e := range w.events() {
			if e.Type == EvOrderAgeing {
				out = append(out, e.Order+" "+e.Data.State)
			}
		}
		return out
	}
	want := func(list ...string) {
		t.Helper()
		if got := told(); !slices.Equal(got, list) {
			t.Fatalf("told %v, want %v", got, list)
		}
		w.invariants()
	}
	wait := func(minutes int64) {
		w.m.Now += minutes * minute
		w.ok(AdvanceTime{})
	}
	w.ok(release("O1", "CUP*2"))
	w.ok(release("O2", "BAG*6")) // 5 are here
	w.ok(release("O3", "PEN"))
	w.ok(CancelOrder{Order: "O3", Source: "oms/main"})
	if at, ok, err := NextDue(w.tx); err != nil || !ok || at != w.m.Now+30*minute {
		t.Fatalf("due in %d minutes: %v %v", (at-w.m.Now)/minute, ok, err)
	}
	w.m.Now += 30*minute - 1
	w.ok(AdvanceTime{})
	want()
	w.m.Now++
	w.ok(AdvanceTime{})
	list := []string{"O1 RELEASED", "O2 SHORT_WAITING"}
	want(list...)
	e := w.told("O1", EvOrderAgeing)
	if e.Data.Text != "in RELEASED for 30 minutes" || e.Data.Revision != 1 || e.Data.Source != "oms/main" {
		t.Errorf("%+v", e)
	}
	wait(500) // the same stay is told once
	want(list...)

	// Each state it comes to, to the truck.
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	w.state("O1", OrderPicking)
	wait(29)
	w.walkTo("hw1", StepAsk) // moved in time
	want(list...)
	var sscc string
	for _, step := range []struct {
		do    func()
		state OrderState
	}{
		{func() {}, OrderPicked},
		{func() { w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote}) }, OrderPacking},
		{func() { sscc = w.weigh("pack1") }, OrderPacked},
		{func() { w.ok(LabelSent{Job: sscc}) }, OrderLabelled},
		{func() { w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted}); w.ok(Load{Dock: "d1", Barcode: sscc}) }, OrderStaged},
	} {
		step.do()
		w.state("O1", step.state)
		wait(31)
		wait(31)
		list = append(list, fmt.Sprint("O1 ", step.state))
		want(list...)
	}
	w.ok(Depart{Dock: "d1"})
	wait(10_000)
	want(list...)

	// Without the rule nothing is kept, and what was set is let go.
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 1}}})
	w.state("O2", OrderReleased)
	s.AgeingMinutes = 0
	w.ok(PutSite{Site: s})
	wait(10_000)
	want(list...)
	w.ok(release("O4", "CUP"))
	if o := w.order("O4"); o.AgeAt != 0 {
		t.Errorf("it ages at %d", o.AgeAt)
	}
	for _, bad := range []int64{-1, 1e9} {
		s.AgeingMinutes = bad
		before := w.tx.Digest()
		w.no(PutSite{Site: s}, CodeInvalid)
		if w.tx.Digest() != before {
			t.Errorf("%d: the refusal changed the state", bad)
		}
	}
}
