package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// halfPacked is a world with an order of two cups and two pens, of which the
// cups are in a closed carton and the pens in the tote.
func halfPacked(t fataler) (w *world, sscc string) {
	w = stocked(t)
	s := testSite()
	s.Changes = &ChangeRules{}
	w.ok(PutSite{Site: s})
	w.toBench("K1", "O1", "CUP*2", "PEN*2")
	w.ok(NextCarton{Station: "pack1", Order: "O1", Lines: []ParcelLine{{Line: 1, Qty: 2}}})
	return w, w.weighs()
}

// twoParcels is halfPacked, gone on to the end.
func twoParcels(t fataler) (w *world, first, second string) {
	w, first = halfPacked(t)
	w.printed(first)
	return w, first, w.closes()
}

// A cancel in the middle, before a label is out, opens the closed carton again:
// its label is void and all of it is to be put back. Behind it, it is too late.
func TestCancelInTheMiddle(t *testing.T) {
	w, sscc := halfPacked(t)
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	o := w.state("O1", OrderCancelled)
	if len(o.Parcels) != 0 || o.Tote != "T-K1-1" || seen(GetJob(w.tx, sscc)).State != JobVoid || seen(GetStation(w.tx, "pack1")).Step != StepScanTote {
		t.Fatalf("%+v", o)
	}
	if e := w.last(EvOrderUnpacked); len(e.Data.Voided) != 1 || e.Data.Voided[0].SSCC != sscc {
		t.Errorf("%+v", e)
	}
	w.invariants()
	w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 2})
	w.ok(PutBack{Order: "O1", Line: 2, Bin: "A-02", Qty: 2})
	w.invariants()

	w, sscc = halfPacked(t)
	w.ok(LabelSent{Job: sscc})
	if o := w.state("O1", OrderPacking); !o.Hard {
		t.Errorf("%+v", o)
	}
	w.no(CancelOrder{Order: "O1", Source: "oms/main"}, CodeHardPONR)
	later := release("O1", "CUP*1", "PEN*2")
	later.Order.Revision = 2
	w.no(later, CodeHardPONR)
	w.invariants()
}

// A change in the middle of packing, before a label is out.
func TestChangeInTheMiddle(t *testing.T) {
	w, sscc := halfPacked(t)
	later := release("O1", "CUP*2", "PEN*2")
	later.Order.Revision, later.Order.ShipTo.Street = 2, "Side St 2"
	w.ok(later)
	w.ok(AcceptQuote{Order: "O1", Revision: 2, Source: "oms/main"})
	if j := seen(GetJob(w.tx, sscc)); j.ShipTo.Street != "Side St 2" || j.State != JobRequested {
		t.Errorf("%+v", j)
	}
	w.state("O1", OrderPacking)
	w.invariants()

	later = release("O1", "CUP*1", "PEN*2")
	later.Order.Revision = 3
	w.ok(later)
	w.ok(AcceptQuote{Order: "O1", Revision: 3, Source: "oms/main"})
	o := w.state("O1", OrderPicked)
	if len(o.Parcels) != 0 || seen(GetJob(w.tx, sscc)).State != JobVoid || o.Lines[0].PutBack != 1 {
		t.Errorf("%+v", o)
	}
	w.invariants()
	w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 1})
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	w.closes()
	w.state("O1", OrderLabelled)
	w.invariants()
}

// A wrong weight parks the order with the parcels it has; the tote goes on where
// it was left, and what is out stays out.
func TestWrongWeightInTheMiddle(t *testing.T) {
	w, sscc := halfPacked(t)
	w.printed(sscc)
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 900_000}, CodeWeightMismatch)
	if o := w.state("O1", OrderPicked); !o.Hard || len(o.Parcels) != 1 || o.Tote != "T-K1-1" {
		t.Fatalf("%+v", o)
	}
	w.invariants()
	if n := w.ok(StartPack{Station: "pack2", Barcode: "T-K1-1"}).Next; n.No != 2 || n.More || n.ExpectedMg != 120_000 {
		t.Fatalf("%+v", n)
	}
	w.ok(Pack{Station: "pack2", Order: "O1", WeightMg: 120_000})
	w.wantContents("O1", "1: 2 CUP", "2: 2 PEN")
	w.invariants()
}

// The rest is unpicked: the parcels there are are all.
func TestRestUnpicked(t *testing.T) {
	w, sscc := halfPacked(t)
	w.printed(sscc)
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 900_000}, CodeWeightMismatch)
	w.ok(RetryOrder{Order: "O1"})
	w.ok(Unpick{Order: "O1", Line: 2, Bin: "A-02", Qty: 2, Reason: "broken"})
	w.invariants()
	w.state("O1", OrderPicking) // it is to be picked again
}

// What goes wrong with the label of one parcel is told of that parcel, the
// station goes on when it is put aside, and only that parcel stays.
func TestFalloutOfOneParcel(t *testing.T) {
	w, first := halfPacked(t)
	w.ok(LabelSent{Job: first})
	w.ok(LabelOutcome{Job: first, Outcome: JobUnknown})
	if f := seen(GetFallout(w.tx, w.order("O1").Fallout[0])); f.Code != FalloutLabelUnknown || f.LU != first {
		t.Errorf("%+v", f)
	}
	if st := seen(GetStation(w.tx, "pack1")); st.Step != StepCheckLabel {
		t.Errorf("%+v", st)
	}
	w.ok(LabelOutcome{Job: first, Outcome: JobPrinted})
	w.wantFallouts()
	second := w.weighs()
	w.ok(LabelSent{Job: second})
	w.ok(LabelOutcome{Job: second, Outcome: JobFailed})
	w.state("O1", OrderLabelled)
	w.wantFallouts("LABEL_FAILED O1/0")
	w.ok(Load{Dock: "d1", Barcode: first})
	w.no(Load{Dock: "d1", Barcode: second}, CodeNotLabelled)
	w.ok(Depart{Dock: "d1"}) // the other one does not keep it
	w.invariants()
	w.ok(Reprint{Job: second})
	w.printed(second)
	w.wantFallouts()
	w.ok(Load{Dock: "d1", Barcode: second})
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	w.invariants()
}

// An order that arrives as a whole keeps the truck until all is on it.
func TestTogether(t *testing.T) {
	w := stocked(t)
	r := release("O1", "CUP*2")
	r.Order.Together = true
	w.ok(r)
	w.pick("K1", "w1", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	w.ok(NextCarton{Station: "pack1", Order: "O1", Lines: []ParcelLine{{Line: 1, Qty: 1}}})
	first := w.closes()
	second := w.closes()
	w.ok(Load{Dock: "d1", Barcode: first})
	w.no(Depart{Dock: "d1"}, CodeNotTogether)
	w.ok(Load{Dock: "d2", Barcode: second})
	w.no(Depart{Dock: "d1"}, CodeNotTogether)
	w.ok(Unload{Parcel: second, Reason: "wrong dock"})
	w.ok(Load{Dock: "d1", Barcode: second})
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	w.invariants()
}

// A hold keeps the parcels that are on the truck.
func TestHoldKeepsTheParcels(t *testing.T) {
	w, first, second := twoParcels(t)
	w.ok(Load{Dock: "d1", Barcode: first})
	w.ok(HoldOrder{Order: "O1", Code: HoldPayment, Source: "site"})
	w.no(Load{Dock: "d1", Barcode: second}, CodeHeld)
	w.no(Depart{Dock: "d1"}, CodeHeld)
	w.ok(ReleaseHold{Order: "O1", Code: HoldPayment, Source: "site"})
	w.ok(Depart{Dock: "d1"})
	w.invariants()
}

// One of the cartons is opened: its label is void, the other stays.
func TestUnpackOneParcel(t *testing.T) {
	w, first, second := twoParcels(t)
	un := Unpack{Order: "O1", Tote: "T-9", Parcel: first, Reason: "leaks"}
	w.no(un, CodeHardPONR)
	un.Supervisor = true
	bad := un
	bad.Parcel = "NOPE"
	w.no(bad, CodeUnknownSSCC)
	bad = un
	bad.Tote = "NOPE"
	w.no(bad, CodeUnknownTote)
	w.ok(un)
	o := w.state("O1", OrderPicked)
	if len(o.Parcels) != 1 || o.Parcels[0].SSCC != second || o.Tote != "T-9" || !o.Hard || seen(GetJob(w.tx, first)).State != JobVoid {
		t.Fatalf("%+v", o)
	}
	if e := w.last(EvOrderUnpacked); len(e.Data.Voided) != 1 || e.Data.Voided[0].SSCC != first {
		t.Errorf("%+v", e)
	}
	w.invariants()
	w.ok(StartPack{Station: "pack1", Barcode: "T-9"})
	third := w.closes()
	o = w.state("O1", OrderLabelled)
	if len(o.Parcels) != 2 || third == first || o.Parcels[1].No != 1 {
		t.Errorf("%+v", o.Parcels)
	}
	w.invariants()
}

// Another carrier for one parcel, or for all of an order.
func TestCarrierOfParcels(t *testing.T) {
	w, first, second := twoParcels(t)
	carriers := func() string {
		o := w.order("O1")
		return o.Parcels[0].Carrier + " " + o.Parcels[1].Carrier
	}
	w.ok(ChangeCarrier{SSCC: second, Carrier: "FAST", Reason: "r"})
	if got := carriers(); got != "POST FAST" {
		t.Error(got)
	}
	w.invariants()
	w.no(Load{Dock: "d1", Barcode: second}, CodeNotLabelled)
	w.ok(ChangeCarrier{SSCC: first, Carrier: "FAST", Reason: "r", All: true})
	if got := carriers(); got != "FAST FAST" {
		t.Error(got)
	}
	w.invariants()
	// All or none: one of them is on its way out of the printer.
	j := seen(GetJob(w.tx, second))
	w.ok(LabelSent{Job: second, Tracking: j.Tracking})
	w.no(ChangeCarrier{SSCC: first, Carrier: "POST", Reason: "r", All: true}, CodeLabelState)
	if got := carriers(); got != "FAST FAST" {
		t.Error(got)
	}
	w.invariants()
}

// A parcel that is lost is found by a scan, or replaced.
func TestLostParcel(t *testing.T) {
	w, first, second := twoParcels(t)
	w.no(ReportLost{Parcel: "NOPE", Reason: "r"}, CodeUnknownSSCC)
	w.no(ReportLost{Parcel: "", Reason: "r"}, CodeUnknownSSCC)
	w.no(ReportLost{Parcel: first}, CodeInvalid)
	w.no(ReplaceParcel{Parcel: first, Reason: "r"}, CodeConflict)
	w.ok(ReportLost{Parcel: first, Reason: "not at the dock"})
	w.wantFallouts("PARCEL_LOST O1/0")
	w.ok(Load{Dock: "d1", Barcode: second})
	w.ok(Load{Dock: "d1", Barcode: first}) // there it is
	w.wantFallouts()
	w.no(ReportLost{Parcel: first, Reason: "r"}, CodeAlreadyLoaded)
	w.ok(Unload{Parcel: first, Reason: "r"})
	w.ok(ReportLost{Parcel: first, Reason: "gone"})
	w.ok(Depart{Dock: "d1"}) // the other leaves
	w.ok(ReplaceParcel{Parcel: first, Reason: "gone"})
	o := w.state("O1", OrderPicking)
	if len(o.Parcels) != 1 || o.Lines[0].State != LineAllocated || len(w.openTasks("O1")) != 1 || seen(GetJob(w.tx, first)).State != JobVoid {
		t.Fatalf("%+v", o)
	}
	w.wantFallouts()
	w.wantQty(PlaceAdjustment, "CUP", "", 2, 0)
	w.invariants()
	w.no(CancelOrder{Order: "O1", Source: "oms/main"}, CodeHardPONR)
	w.pick("K2", "w1", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	third := w.closes()
	w.state("O1", OrderLabelled)
	w.ok(Load{Dock: "d2", Barcode: third})
	w.state("O1", OrderStaged)
	w.ok(Depart{Dock: "d2"})
	w.state("O1", OrderShipped)
	if e := w.last(EvOrderShipped); len(e.Data.Parcels) != 2 || e.Data.Lines[0].Picked != 2 {
		t.Errorf("%+v", e.Data)
	}
	w.invariants()
	w.books()
}

// There is no stock for what was lost: a person lets the order go without it; an
// order that may be partial goes by itself and gets its backorder; one of which
// that was all begins anew.
func TestLostWithoutStock(t *testing.T) {
	empty := func(w *world) { w.ok(release("REST", "CUP*18")) }
	w, first, second := twoParcels(t)
	empty(w)
	w.ok(Load{Dock: "d1", Barcode: second})
	w.ok(Depart{Dock: "d1"})
	w.ok(ReportLost{Parcel: first, Reason: "gone"})
	w.ok(ReplaceParcel{Parcel: first, Reason: "gone"})
	w.state("O1", OrderLabelled)
	w.wantFallouts("OUT_OF_STOCK O1/1")
	w.invariants()
	w.ok(RetryOrder{Order: "O1"})
	if o := w.state("O1", OrderShipped); o.Lines[0].Picked != 0 || o.Lines[0].State != LineShort {
		t.Errorf("%+v", o.Lines)
	}
	w.invariants()

	w = stocked(t)
	r := release("O1", "CUP*2", "PEN*2")
	r.Order.Partial = true
	w.ok(r)
	w.pick("K1", "w1", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	w.ok(NextCarton{Station: "pack1", Order: "O1", Lines: []ParcelLine{{Line: 1, Qty: 2}}})
	first = w.closes()
	second = w.closes()
	empty(w)
	w.ok(Load{Dock: "d1", Barcode: second})
	w.ok(Depart{Dock: "d1"})
	w.ok(ReportLost{Parcel: first, Reason: "gone"})
	w.ok(ReplaceParcel{Parcel: first, Reason: "gone"})
	if o := w.state("O1", OrderShipped); o.Backorder != "O1-B1" {
		t.Errorf("%+v", o)
	}
	w.invariants()

	w = stocked(t)
	w.toBench("K1", "O1", "CUP*2")
	only := w.closes()
	w.ok(ReportLost{Parcel: only, Reason: "gone"})
	w.ok(ReplaceParcel{Parcel: only, Reason: "gone"})
	w.state("O1", OrderPicking)
	w.invariants()
	w.pick("K2", "w1", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	w.closes()
	w.state("O1", OrderLabelled)
	w.invariants()
}
