package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// carriersDay is a day on which carriers are chosen by the table and go down.
func carriersDay(t *testing.T) *world {
	w := shipping(t)
	w.m.Now += 9 * hour
	w.ok(to("O1", func(s *OrderSpec) { s.ShipBy = start + 20*hour }, "BAG"))
	w.ok(to("O2", func(s *OrderSpec) { s.Method = "drone" }, "BAG"))
	w.no(RetryOrder{Order: "O2"}, FalloutUnknownMethod)
	w.ok(to("O3", func(s *OrderSpec) { s.Method = "express" }, "PEN"))
	w.ok(CarrierDown{Carrier: "FAST", Reason: "snow"})
	w.onScale("pack1", "O1")
	w.ok(Load{Dock: "d1", Barcode: w.label1("pack1")})
	st := w.onScale("pack1", "O3")
	w.no(Pack{Station: "pack1", Order: "O3", WeightMg: st.ExpectedMg}, FalloutCarrierRefused)
	w.ok(CarrierUp{Carrier: "FAST"})
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O3").Tote})
	w.ok(Load{Dock: "d1", Barcode: w.label1("pack1")})
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	w.books()
	return w
}

// labelsDay is a day on which carriers give labels, or do not.
func labelsDay(t *testing.T) *world {
	w := online(t)
	a := w.pack1("O1", "standard")
	w.ok(LabelGiven{Job: a.ID, Carrier: "POST", Tracking: "RR1", Type: DocZPL, Body: "^XA^XZ"})
	w.ok(LabelSent{Job: a.ID})
	w.ok(LabelOutcome{Job: a.ID, Outcome: JobFailed})
	w.ok(Reprint{Job: a.ID})
	w.printed(a.ID)
	w.m.Actor = "lead"
	w.ok(ChangeCarrier{SSCC: a.ID, Carrier: "FAST", Service: "next", Reason: "strike"})
	w.printed(a.ID)
	b := w.pack1("O2", "standard")
	w.m.Now += 2 * minute
	w.ok(AdvanceTime{})
	w.ok(LabelRefused{Job: b.ID, Carrier: "POST", Reason: "no such street"})
	w.printed(b.ID)
	slip := w.ok(FileDocument{What: DocSlip, Type: DocText, Ref: "O2", Body: "1 x Pen"}).Ref
	w.ok(ReprintDocument{Document: slip, Reason: "lost"})
	for i := range 3 {
		if j := w.pack1([]string{"O3", "O4", "O5"}[i], "express"); j.State == JobRequested {
			w.printed(j.ID)
		}
	}
	s := onlineSite()
	s.Carriers[0].Last = 9
	w.ok(PutSite{Site: s})
	w.ok(AdvanceTime{})
	c := w.pack1("O6", "standard")
	w.ok(CarrierDown{Carrier: "POST", Reason: "strike"})
	w.ok(AdvanceTime{})
	w.printed(c.ID)
	for _, id := range []string{"O1", "O2", "O6"} {
		w.ok(Load{Dock: "d1", Barcode: w.order(id).Parcels[0].SSCC})
	}
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	w.books()
	return w
}

// manifestsDay is a day of cartons, learned weights and manifests.
func manifestsDay(t *testing.T) *world {
	w := boxed(t)
	s := manifestSite()
	s.Cartons, s.Weights = seen(GetSite(w.tx)).Cartons, WeightsUse
	w.ok(PutSite{Site: s})
	w.ok(MeasureItem{SKU: "PEN", LengthMm: 140, WidthMm: 9, HeightMm: 9})
	for range 20 {
		id := release("", "PEN")
		id.Order.ID = "W" + string(rune('A'+len(w.all(EvOrderPacked))))
		w.ok(id)
		st := w.onScale("pack1", id.Order.ID)
		w.printed(w.ok(Pack{Station: "pack1", Order: id.Order.ID, WeightMg: st.ExpectedMg + 3_000}).Ref)
	}
	w.no(Load{Dock: "d1", Barcode: w.order("WA").Parcels[0].SSCC}, CodeNotOnManifest)
	m := w.ok(CloseManifest{Carrier: "POST", Dock: "d1"}).Ref
	w.ok(FileDocument{What: DocManifest, Type: DocText, Ref: m, Body: "20 parcels"})
	for i := range 19 {
		w.ok(Load{Dock: "d1", Barcode: w.order("W" + string(rune('A'+i))).Parcels[0].SSCC})
	}
	w.ok(release("O1", "CUP", "BAG*9"))
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 4}}})
	w.assign("K1", "w1", "O1")
	w.walkTo("hw1", StepScanItem)
	w.ok(ShortPick{Device: "hw1", Reason: FalloutDamaged})
	w.walkTo("hw1", StepAsk)
	w.ok(RetryOrder{Order: "O1"})
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	w.printed(w.weigh("pack1"))
	w.ok(Depart{Dock: "d1"})
	w.ok(CloseManifest{Carrier: "POST", Dock: "d1"})
	for _, id := range []string{"WT", "O1"} {
		w.ok(Load{Dock: "d1", Barcode: w.order(id).Parcels[0].SSCC})
	}
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	w.books()
	return w
}

// parcelsDay is a day of orders in several parcels.
func parcelsDay(t *testing.T) *world {
	w := parts(t)
	tick := func() { w.m.Now += 1000 }
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-03", SKU: "CUP", Qty: 200}}})
	w.toBench("K1", "O1", "CUP*80", "PEN*4") // planned into two
	first := w.closes()
	second := w.closes()
	tick()
	w.ok(Load{Dock: "d1", Barcode: first})
	w.ok(Depart{Dock: "d1"})
	w.ok(ReportLost{Parcel: second, Reason: "not at the dock"})
	tick()
	w.ok(ReplaceParcel{Parcel: second, Reason: "not at the dock"})
	w.pick("K2", "w1", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	w.closes()
	for _, p := range w.order("O1").Parcels[1:] {
		w.ok(Load{Dock: "d1", Barcode: p.SSCC})
	}
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	// The packer's own choice, by line and by scanning.
	tick()
	r := release("O2", "CUP*2", "PEN*3", "MILK*5")
	r.Order.Together = true
	w.ok(r)
	w.pick("K3", "w2", "O2")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O2").Tote})
	w.ok(NextCarton{Station: "pack1", Order: "O2", Carton: "M", Lines: []ParcelLine{{Line: 3, Lot: "L1", Qty: 2}}})
	a := w.weighs()
	w.ok(LabelSent{Job: a})
	w.ok(LabelOutcome{Job: a, Outcome: JobUnknown})
	w.ok(LabelOutcome{Job: a, Outcome: JobPrinted})
	w.ok(NextCarton{Station: "pack1", Order: "O2", Scan: true})
	w.ok(PackItem{Station: "pack1", Barcode: "CUP"})
	w.no(PackItem{Station: "pack1", Barcode: "MILK"}, CodeWrongLot)
	w.ok(PackItem{Station: "pack1", Barcode: "PEN", Qty: 2})
	w.no(Pack{Station: "pack1", Order: "O2", WeightMg: 1}, CodeWeightMismatch)
	w.ok(StartPack{Station: "pack2", Barcode: w.order("O2").Tote})
	st := seen(GetStation(w.tx, "pack2"))
	b := w.ok(Pack{Station: "pack2", Order: "O2", WeightMg: st.ExpectedMg}).Ref
	w.printed(b)
	w.ok(Load{Dock: "d1", Barcode: a})
	w.no(Depart{Dock: "d1"}, CodeNotTogether)
	w.ok(Unload{Parcel: a, Reason: "waits"})
	w.ok(Unpack{Order: "O2", Parcel: a, Tote: "T-9", Supervisor: true, Reason: "leaks"})
	w.ok(StartPack{Station: "pack1", Barcode: "T-9"})
	w.closes()
	for _, p := range w.order("O2").Parcels {
		w.ok(Load{Dock: "d2", Barcode: p.SSCC})
	}
	w.ok(Depart{Dock: "d2"})
	w.state("O2", OrderShipped)
	w.invariants()
	w.books()
	return w
}
