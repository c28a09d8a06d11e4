package warehouse_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// The whole path of two orders, with every state and event on the way.
func TestOrderInToShipped(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*12", "MILK*5"))
	w.ok(release("O2", "PEN*3"))
	o := w.state("O1", OrderReleased)
	if got := len(o.Lines[0].Tasks) + len(o.Lines[1].Tasks); got != 4 {
		t.Fatalf("O1 has %d tasks, want 4: two bins of cups, two lots of milk", got)
	}
	w.wantQty("bin/A-01", "CUP", "", 10, 10)
	w.wantQty("bin/A-02", "CUP", "", 10, 2)
	w.wantQty("bin/B-03", "MILK", "L1", 4, 4)
	w.wantQty("bin/B-02", "MILK", "L2", 4, 1)

	s := w.assign("K1", "w1", "O1", "O2")
	want := &Step{
		Do: StepScanBin, Batch: "K1", Task: "O1/1/1", Order: "O1", Bin: "A-01", SKU: "CUP", Name: "Cup",
		GTIN: gtin(1), Qty: 10, Slot: 1, Left: 5, Worker: "w1",
	}
	if d := cmp.Diff(want, s); d != "" {
		t.Fatal(d)
	}
	w.state("O1", OrderReleased)
	w.act("hw1")
	w.state("O1", OrderPicking)
	w.state("O2", OrderReleased)
	w.walkTo("hw1", StepFinish)
	w.wantQty("lu/T-K1-1", "CUP", "", 12, 0)
	w.state("O1", OrderPicking)
	w.act("hw1")
	o = w.state("O1", OrderPicked)
	if d := cmp.Diff([]LotQty{{Lot: "L1", Expiry: "2026-02-01", Qty: 4}, {Lot: "L2", Expiry: "2026-03-01", Qty: 1}}, o.Lines[1].Lots); d != "" {
		t.Fatal(d)
	}
	if lu := seen(GetLU(w.tx, "T-K1-2")); lu.Place != PlacePackDrop || lu.Order != "O2" {
		t.Fatalf("tote: %+v", lu)
	}

	res := w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	wantStep := &Step{Do: StepWeigh, Station: "pack1", Order: "O1", Tote: "T-K1-1", ExpectedMg: 12*200_000 + 5*1_000_000 + 100_000}
	if d := cmp.Diff(wantStep, res.Next); d != "" {
		t.Fatal(d)
	}
	w.state("O1", OrderPacking)
	res = w.ok(Pack{Station: "pack1", Order: "O1", WeightMg: wantStep.ExpectedMg + 1000})
	sscc := res.Ref
	o = w.state("O1", OrderPacked)
	wantParcel := Parcel{SSCC: "395212340000000014", WeightMg: 7_501_000, Carrier: "POST", Tracking: "PO00000100", Job: "395212340000000014"}
	if d := cmp.Diff([]Parcel{wantParcel}, o.Parcels); d != "" {
		t.Fatal(d)
	}
	w.wantQty("lu/"+sscc, "CUP", "", 12, 0)
	w.wantQty("lu/T-K1-1", "CUP", "", 0, 0)
	if res.Next.Do != StepPrint || res.Next.SSCC != sscc {
		t.Fatalf("step %+v", res.Next)
	}
	jobs := seen(PendingJobs(w.tx, "pack1"))
	if len(jobs) != 1 || jobs[0].State != JobRequested || jobs[0].ShipTo.City != "Town" || jobs[0].Copies != 1 {
		t.Fatalf("jobs %+v", jobs)
	}
	w.ok(LabelSent{Job: sscc})
	w.state("O1", OrderLabelled)
	w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted, Detail: "ok"})
	if st := seen(StationStep(w.tx, "pack1")); st.Do != StepScanTote {
		t.Fatalf("station %+v", st)
	}
	if jobs := seen(PendingJobs(w.tx, "pack1")); len(jobs) != 0 {
		t.Fatalf("jobs %+v", jobs)
	}
	sscc2 := w.label("pack1", "O2")
	w.ok(Load{Dock: "d1", Barcode: "]C100" + sscc})
	w.state("O1", OrderStaged)
	w.ok(Load{Dock: "d1", Barcode: sscc2})
	if got := seen(LoadedAt(w.tx, "d1")); !cmp.Equal(got, []string{sscc, sscc2}) {
		t.Fatalf("loaded %v", got)
	}
	w.ok(Depart{Dock: "d1"})
	o = w.state("O1", OrderShipped)
	if o.Lines[0].State != LineShipped || o.ShippedAt != w.m.Now || o.Parcels[0].Dock != "d1" {
		t.Fatalf("order %+v", o)
	}
	w.wantQty(PlaceCustomer, "CUP", "", 12, 0)
	w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderPicked,
		EvOrderPacked, EvOrderLabelled, EvOrderStaged, EvOrderShipped)
	w.wantEvents("O2", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderPicked,
		EvOrderPacked, EvOrderLabelled, EvOrderStaged, EvOrderShipped)
	for _, e := range w.events() {
		if e.Type != EvOrderShipped || e.Order != "O1" {
			continue
		}
		if len(e.Data.Lines) != 2 || e.Data.Lines[1].Picked != 5 || len(e.Data.Lines[1].Lots) != 2 ||
			len(e.Data.Parcels) != 1 || e.Data.Parcels[0].Tracking != "PO00000100" || e.Data.Lines[0].Tasks != nil {
			t.Fatalf("shipped event %+v", e)
		}
	}
	if got := seen(CountOrders(w.tx)); !cmp.Equal(got, map[string]int64{"SHIPPED": 2}) {
		t.Fatalf("counts %v", got)
	}
	w.no(Depart{Dock: "d1"}, CodeNothingLoaded)
	w.books()
	w.invariants()
}
