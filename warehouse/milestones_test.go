package warehouse_test

import (
	"slices"
	"testing"

	. "tote/warehouse"
)

// Every step is done twice, as an impatient person does and a network that
// repeats: each milestone is told once, in the order of the work.
func TestMilestonesOnceRow107(t *testing.T) {
	w := stocked(t)
	twice := func(c Command) Result {
		t.Helper()
		res := w.ok(c)
		w.apply(c)
		return res
	}
	twice(release("O1", "CUP*2"))
	w.assign("K1", "w1", "O1")
	for w.step("hw1").Do != StepAsk {
		s := w.step("hw1")
		w.act("hw1")
		w.apply(Scan{Device: "hw1", Barcode: s.Bin, Task: s.Task})
		w.apply(FinishBatch{Device: "hw1", Barcode: "DROP"})
	}
	twice(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	if res := w.apply(Pack{Station: "pack1", Order: "O1", WeightMg: 1}); res.Code != CodeWeightMismatch {
		t.Fatalf("%+v", res)
	}
	w.state("O1", OrderPicked) // for the second time
	twice(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	sscc := twice(Pack{Station: "pack1", Order: "O1", WeightMg: seen(GetStation(w.tx, "pack1")).ExpectedMg}).Ref
	twice(LabelSent{Job: sscc})
	twice(LabelOutcome{Job: sscc, Outcome: JobPrinted})
	twice(Load{Dock: "d1", Barcode: sscc})
	twice(Depart{Dock: "d1"})
	twice(release("O1", "CUP*2"))
	w.apply(CancelOrder{Order: "O1", Source: "oms/main"}) // too late
	want := []string{
		EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderPicked, EvOrderPacked, EvOrderLabelled, EvOrderStaged, EvOrderShipped,
	}
	got := slices.DeleteFunc(w.eventTypes("O1"), func(typ string) bool { return !slices.Contains(want, typ) })
	if !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}

	// Short, found, and cancelled: those once as well.
	twice(release("O2", "BAG*6"))
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 1}}})
	w.apply(RetryOrder{Order: "O2"})
	twice(CancelOrder{Order: "O2", Source: "oms/main"})
	want = []string{EvOrderAccepted, EvOrderShort, EvOrderReleased, EvOrderCancelled}
	got = slices.DeleteFunc(w.eventTypes("O2"), func(typ string) bool { return !slices.Contains(want, typ) })
	if !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	w.invariants()
}
