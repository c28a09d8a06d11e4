package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

func TestLoadRules(t *testing.T) {
	w := picked(t, 2)
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	sscc := w.weigh("pack1")
	for _, tt := range []struct {
		cmd  Load
		code string
	}{
		{Load{Dock: "", Barcode: sscc}, CodeInvalid},
		{Load{Dock: "d/1", Barcode: sscc}, CodeInvalid},
		{Load{Dock: "d1", Barcode: ""}, CodeUnknownBarcode},
		{Load{Dock: "d1", Barcode: "T-K1-1"}, CodeUnknownBarcode},
		{Load{Dock: "d1", Barcode: "CUP"}, CodeUnknownBarcode},
		{Load{Dock: "d1", Barcode: sscc[:17] + "9"}, CodeUnknownBarcode}, // check digit
		{Load{Dock: "d1", Barcode: "395212340000000991"[:17] + "9"}, CodeUnknownBarcode},
		{Load{Dock: "d1", Barcode: "106141411234567897"}, CodeUnknownSSCC},
		{Load{Dock: "d1", Barcode: "]C100106141411234567897"}, CodeUnknownSSCC},
		{Load{Dock: "d1", Barcode: sscc}, CodeNotLabelled},
	} {
		w.no(tt.cmd, tt.code)
	}
	w.ok(LabelSent{Job: sscc})
	w.no(Load{Dock: "d1", Barcode: sscc}, CodeNotLabelled) // perhaps it never came out
	w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
	w.no(Depart{Dock: "d1"}, CodeNothingLoaded)
	w.no(Depart{Dock: "d/1"}, CodeInvalid)
	res := w.ok(Load{Dock: "d1", Barcode: "(00)" + sscc})
	if res.Ref != sscc {
		t.Errorf("%+v", res)
	}
	w.no(Load{Dock: "d1", Barcode: sscc}, CodeAlreadyLoaded)
	w.no(Load{Dock: "d2", Barcode: "]C0" + sscc}, CodeAlreadyLoaded)
	w.no(Depart{Dock: "d2"}, CodeNothingLoaded)
	w.invariants()
	w.ok(Depart{Dock: "d1"})
	w.no(Load{Dock: "d1", Barcode: sscc}, CodeAlreadyLoaded)
	w.no(CancelOrder{Order: "O1"}, CodeHardPONR)
	w.invariants()
	w.books()
}

// Each truck takes what is at its dock and nothing else.
func TestTwoDocks(t *testing.T) {
	w := picked(t, 3)
	for i, dock := range []string{"d1", "d2", "d1"} {
		w.ok(Load{Dock: dock, Barcode: w.label("pack1", "O"+string(rune('1'+i)))})
	}
	res := w.ok(Depart{Dock: "d1"})
	if res.Text != "2 parcels of 2 orders" {
		t.Errorf("%q", res.Text)
	}
	w.state("O1", OrderShipped)
	w.state("O2", OrderStaged)
	w.state("O3", OrderShipped)
	if lu := seen(GetLU(w.tx, w.order("O3").Parcels[0].SSCC)); lu.Place != PlaceCustomer {
		t.Errorf("%+v", lu)
	}
	w.invariants()
	w.ok(Depart{Dock: "d2"})
	w.state("O2", OrderShipped)
	w.wantQty(PlaceCustomer, "BAG", "", 3, 0)
	w.books()
	w.invariants()
}

// A tote goes round: after packing it takes the next order.
func TestToteIsUsedAgain(t *testing.T) {
	w := stocked(t)
	for _, id := range []string{"O1", "O2"} {
		w.ok(release(id, "BAG"))
		w.assign("K"+id, "w1", id)
		w.walkTo("hw1", StepScanSlot)
		w.ok(Scan{Device: "hw1", Barcode: "T-ROUND"})
		w.ok(FinishBatch{Device: "hw1", Barcode: "DROP"})
		if id == "O2" {
			break
		}
		w.ok(release("O3", "PEN"))
		w.assign("K3", "w2", "O3")
		w.walkTo("hw2", StepScanSlot)
		w.no(Scan{Device: "hw2", Barcode: "T-ROUND"}, CodeToteInUse)
		w.label("pack1", "O1")
	}
	w.label("pack1", "O2")
	w.invariants()
}

// A tote whose code looks like an SSCC is no parcel, and no reason to stop.
func TestToteThatLooksLikeAParcel(t *testing.T) {
	w := floor(t)
	s := floorSite()
	s.TotePrefix = "1061"
	w.ok(PutSite{Site: s})
	const tote = "106141411234567897"
	w.ok(release("O1", "BAG"))
	w.assign("K1", "w1", "O1")
	w.walkTo("hw1", StepScanSlot)
	w.ok(Scan{Device: "hw1", Barcode: tote})
	w.ok(FinishBatch{Device: "hw1", Barcode: "DROP"})
	for range 2 { // with an order in it, and free again
		w.no(Load{Dock: "d1", Barcode: tote}, CodeUnknownSSCC)
		w.no(Divert{Conveyor: "c1", Barcode: tote, Lane: "L1"}, CodeUnknownSSCC)
		w.no(Induct{Conveyor: "c1", Barcode: tote, Expires: w.m.Now + 1}, CodeUnknownSSCC)
		if o := w.order("O1"); o.State == OrderPicked {
			w.label("pack1", "O1")
		}
	}
	w.invariants()
}
