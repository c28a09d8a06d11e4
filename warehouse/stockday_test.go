package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// stockDay is a day at a site with a consignor, serials, pallets and adjustments
// that need two: it uses every command of stock and most of their refusals.
func stockDay(t *testing.T) *world {
	w := stocked(t)
	tick := func() { w.m.Now += 1000; w.ok(AdvanceTime{}) }
	s := testSite()
	s.AdjustLimit, s.ATPEveryMs = 5, 1500
	w.ok(PutSite{Site: s})
	items := append(testItems(), phone())
	items[1].Reorder, items[1].Max = 90, 120
	items[0].Policy, items[1].Policy, items[2].Policy, items[3].MinDays = PolicyFIFO, PolicyClosest, PolicyTouches, 5
	w.ok(PutItems{Items: items})
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-01", SKU: "TEL", Serial: "s1", Qty: 1},
		{Bin: "A-01", SKU: "TEL", Serial: "s2", Qty: 1},
		{Bin: "A-03", SKU: "TEL", Serial: "s3", Qty: 1},
		{Bin: "A-03", SKU: "CUP", Owner: "ACME", Qty: 6},
		{Bin: "A-04", SKU: "PEN", Status: StatusQC, Qty: 6},
	}})
	tick()
	w.ok(release("O1", "TEL*2", "CUP*3"))
	acme := release("O2", "CUP*5")
	acme.Order.Owner = "ACME"
	w.ok(acme)
	w.ok(release("O3", "BAG*3", "MILK*2", "PEN*2"))
	w.no(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "TEL", Serial: "s1", Qty: 1}}}, CodeConflict)
	tick()
	w.ok(PutLU{LU: "P1", Type: LUPallet, At: "bin/B-05"})
	w.ok(PutLU{Type: LUCarton, At: "lu/P1"})
	w.no(PutLU{LU: "C1", Type: LUCarton, At: "lu/P9"}, CodeUnknownLU)
	w.ok(PutLU{LU: "C1", Type: LUCarton, At: "lu/P1"})
	w.ok(MoveStock{From: "bin/A-01", To: "lu/C1", SKU: "CUP", Qty: 4})
	w.ok(PlaceLU{LU: "P1", At: "worker/w2"})
	w.no(PlaceLU{LU: "C1", At: "lu/C1"}, CodeNesting)
	w.ok(MoveStock{From: "bin/B-01", To: "bin/B-04", SKU: "BAG", Qty: 5})
	w.ok(SetStatus{Place: "bin/A-04", SKU: "PEN", From: StatusQC, Qty: 4})
	w.ok(SetStatus{Place: "bin/B-03", SKU: "MILK", Lot: "L1", To: StatusQuarantined, Qty: 4})
	w.no(SetStatus{Place: "bin/A-03", SKU: "CUP", Owner: "ACME", To: StatusDamaged, Qty: 7}, CodeNotInPlace)
	tick()
	var ids []string
	w.by("worker/w1", func() {
		ids = append(ids, w.ok(AdjustStock{Place: "bin/A-02", SKU: "PEN", Qty: -30, Reason: ReasonMissing}).Ref)
		ids = append(ids, w.ok(AdjustStock{Place: "bin/A-05", SKU: "BAG", Qty: 9, Reason: ReasonFound, Photo: "sha256:01"}).Ref)
		w.no(ApproveAdjust{Adjust: ids[0]}, CodeSecondPerson)
		w.ok(AdjustStock{Place: "bin/A-03", SKU: "TEL", Serial: "s3", Qty: -1, Reason: ReasonStolen})
	})
	w.by("worker/w2", func() {
		w.ok(ApproveAdjust{Adjust: ids[1]})
		w.ok(RefuseAdjust{Adjust: ids[0]})
	})
	w.no(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "TEL", Serial: "s3", Qty: 1}}}, CodeStolen)
	w.ok(KeepStock{ID: "k1", For: "O4", SKU: "CUP", Owner: "ACME", Qty: 1, Until: w.m.Now + 99_000})
	w.ok(KeepStock{ID: "k2", For: "fair", SKU: "PEN", Qty: 40, Until: w.m.Now + 2500})
	w.ok(KeepStock{ID: "k3", For: "fair", SKU: "PEN", Qty: 10, Until: w.m.Now + 99_000})
	w.no(KeepStock{ID: "k4", For: "fair", SKU: "PEN", Qty: 100, Until: w.m.Now + 99_000}, FalloutOutOfStock)
	w.ok(FreeStock{ID: "k3"})
	acme = release("O4", "CUP")
	acme.Order.Owner = "ACME"
	w.ok(acme)
	items[2].Packs = []PackUnit{{Unit: "CASE", Factor: 4, Barcode: "BAGCASE"}}
	w.ok(PutItems{Items: items[2:3]})
	items[2].Packs = []PackUnit{{Unit: "CASE", Factor: 3, Barcode: "BAGCASE"}}
	w.ok(PutItems{Items: items[2:3]})
	w.ok(release("O5", "BAG", "PEN"))
	w.ok(ConfirmPack{SKU: "BAG"})
	w.no(ConfirmPack{SKU: "BAG"}, CodeNoPackChange)
	tick()
	w.assign("K1", "w1", "O1", "O2")
	w.act("hw1")
	w.no(Scan{Device: "hw1", Barcode: "TEL"}, CodeWrongSerial)
	w.no(MoveStock{From: "bin/A-01", To: "bin/B-05", SKU: "TEL", Serial: "s1", Qty: 1}, CodeReserved)
	w.walkTo("hw1", StepAsk)
	w.pick("K2", "w2", "O3")
	for _, id := range []string{"O1", "O2", "O3"} {
		tick()
		w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
	}
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	w.books()
	return w
}

// A record lost or destroyed stops the store, with stock as with orders.
func TestCorruptStock(t *testing.T) {
	w := nested(t)
	s := testSite()
	s.AdjustLimit = 2
	w.ok(PutSite{Site: s})
	items := append(testItems(), phone())
	items[0].Policy, items[2].Policy = PolicyFIFO, PolicyClosest
	w.ok(PutItems{Items: items})
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-01", SKU: "TEL", Serial: "s1", Qty: 1},
		{Bin: "A-01", SKU: "TEL", Serial: "s2", Qty: 1},
		{Bin: "B-05", SKU: "BAG", Qty: 2},
		{Bin: "A-03", SKU: "CUP", Owner: "ACME", Qty: 6},
	}})
	w.ok(release("O1", "BAG*3", "MILK*2"))
	w.ok(release("O2", "TEL"))
	w.ok(release("O3", "TEL", "BAG*9"))
	id := w.ok(AdjustStock{Place: "bin/A-02", SKU: "PEN", Qty: -30, Reason: ReasonMissing}).Ref
	w.ok(KeepStock{ID: "k1", For: "O9", SKU: "CUP", Qty: 3, Until: w.m.Now + 1000})
	items[1].Packs = []PackUnit{{Unit: "BOX", Factor: 10}}
	w.ok(PutItems{Items: items})
	w.ok(release("O4", "PEN"))
	items[1].Packs = []PackUnit{{Unit: "BOX", Factor: 20}}
	w.ok(PutItems{Items: items})
	w.assign("K1", "w1", "O2")
	w.act("hw1")
	s.ATPEveryMs = 1000
	w.ok(PutSite{Site: s})
	w.m.Now += 1000
	w.m.Actor = "handheld/hw1"
	cmds := []Command{
		MoveStock{From: "bin/B-01", To: "bin/A-05", SKU: "BAG", Qty: 5},
		MoveStock{From: "lu/C2", To: "bin/A-05", SKU: "CUP", Qty: 6},
		SetStatus{Place: "bin/B-01", SKU: "BAG", To: StatusDamaged, Qty: 5},
		AdjustStock{Place: "bin/B-02", SKU: "MILK", Lot: "L2", Qty: 1, Reason: ReasonFound},
		AdjustStock{Place: "bin/A-01", SKU: "CUP", Qty: -1, Reason: ReasonScrapped},
		AdjustStock{Place: "bin/A-01", SKU: "TEL", Serial: "s9", Qty: 1, Reason: ReasonFound},
		ApproveAdjust{Adjust: id},
		RefuseAdjust{Adjust: id},
		PutLU{Type: LUCarton, At: "lu/C1"},
		PlaceLU{LU: "C2", At: "lu/P1"},
		PlaceLU{LU: "P1", At: "worker/w2"},
		Scan{Device: "hw1", Barcode: "]C101" + gtin(9) + "21s2"},
		KeepStock{ID: "k2", For: "O9", SKU: "PEN", Qty: 3, Until: w.m.Now + 1000},
		FreeStock{ID: "k1"},
		AdvanceTime{},
		ConfirmPack{SKU: "PEN"},
		release("O7", "PEN"),
		release("O9", "CUP"), release("O8", "TEL"),
		OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "TEL", Serial: "s8", Qty: 1}}},
	}
	if err := EveryCorruption(w.tx, w.m, cmds); err != nil {
		t.Fatal(err)
	}
}
