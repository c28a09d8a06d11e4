package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// zoned are the bins of the tests, each aisle a zone.
func zoned() []Bin {
	bins := testBins()
	for i := range bins {
		bins[i].Zone = bins[i].Code[:1]
	}
	return bins
}

// inZone gives a worker what lies in a zone of some orders.
func (w *world) inZone(batch, worker, zone string, orders ...string) AssignBatch {
	w.t.Helper()
	cmd := AssignBatch{Batch: batch, Worker: worker, Zone: zone}
	for i, o := range orders {
		cmd.Slots = append(cmd.Slots, BatchSlot{Slot: i + 1, Order: o})
		for _, id := range w.openTasks(o) {
			if seen(GetTask(w.tx, id)).Bin[:1] == zone {
				cmd.Walk = append(cmd.Walk, id)
			}
		}
	}
	dev := "h" + worker
	w.ok(SignIn{Device: dev, Badge: seen(GetWorker(w.tx, worker)).Badge})
	w.ok(AskWork{Device: dev})
	return cmd
}

// passing is a day at a site where totes go from zone to zone.
func passing(t *testing.T) *world {
	w := stocked(t)
	w.ok(PutBins{Bins: zoned()})
	w.ok(release("O1", "CUP*2", "BAG*2", "MILK"))
	w.ok(release("O2", "PEN"))
	first := w.inZone("K1", "w1", "A", "O1", "O2")
	w.ok(first)
	w.walkTo("hw1", StepAsk)
	w.ok(w.inZone("K2", "w2", "B", "O1"))
	w.walkTo("hw2", StepAsk)
	w.label("pack1", "O1")
	w.invariants()
	w.books()
	return w
}

// Pick and pass: an order is picked zone by zone into one tote.
func TestPickAndPass(t *testing.T) {
	w := stocked(t)
	w.ok(PutBins{Bins: zoned()})
	w.ok(release("O1", "CUP*2", "BAG*2", "MILK"))
	w.ok(release("O2", "PEN"))
	cmd := w.inZone("K1", "w1", "A", "O1", "O2")
	all := cmd
	all.Zone = ""
	w.no(all, CodePoolChanged) // everywhere is more than that
	bad := cmd
	bad.Zone = "a/b"
	w.no(bad, CodeInvalid)
	bad.Zone = "B"
	w.no(bad, CodePoolChanged) // nothing of O2 is there
	w.ok(cmd)
	w.invariants()
	if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
		t.Fatalf("pool %+v", pool)
	}
	w.walkTo("hw1", StepAsk)
	o := w.state("O1", OrderPicking)
	w.state("O2", OrderPicked)
	if lu := seen(GetLU(w.tx, o.Tote)); o.Tote != "T-K1-1" || lu.Place != PlacePackDrop || o.Batch != "" {
		t.Fatalf("order %+v, tote %+v", o, lu)
	}
	w.invariants()
	next := w.inZone("K2", "w2", "B", "O1")
	w.ok(next)
	w.walkTo("hw2", StepScanItem)
	w.walkTo("hw2", StepScanSlot)
	if s := w.step("hw2"); s.Tote != "T-K1-1" {
		t.Fatalf("it asks for tote %+v", s)
	}
	w.walkTo("hw2", StepAsk)
	w.state("O1", OrderPicked)
	w.wantQty("lu/T-K1-1", "CUP", "", 2, 0)
	w.wantQty("lu/T-K1-1", "BAG", "", 2, 0)
	w.wantQty("lu/T-K1-1", "MILK", "L1", 1, 0)
	w.invariants()
	w.books()
}

// What a short pick finds in another zone waits there.
func TestShortPickInAZone(t *testing.T) {
	w := stocked(t)
	w.ok(PutBins{Bins: zoned()})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-04", SKU: "CUP", Qty: 9}}})
	w.ok(release("O1", "CUP*2"))
	w.ok(w.inZone("K1", "w1", "A", "O1"))
	for _, bin := range []string{"A-01", "A-02"} {
		q, r := w.qty("bin/"+bin, "CUP", "")
		w.ok(AdjustStock{Place: "bin/" + bin, SKU: "CUP", Qty: r - q, Reason: ReasonMissing})
	}
	w.act("hw1")
	w.ok(Scan{Device: "hw1", Barcode: "CUP"})
	w.ok(ShortPick{Device: "hw1", Reason: FalloutInsufficient})
	w.invariants()
	w.walkTo("hw1", StepAsk)
	o := w.state("O1", OrderPicking)
	if pool := seen(Pool(w.tx, 0)); len(pool) != 1 || o.Lines[0].Picked != 1 {
		t.Fatalf("pool %+v, order %+v", pool, o)
	}
	w.ok(w.inZone("K2", "w2", "B", "O1"))
	w.walkTo("hw2", StepAsk)
	w.state("O1", OrderPicked)
	w.wantQty("lu/T-K1-1", "CUP", "", 2, 0)
	w.invariants()
	w.no(PutBins{Bins: []Bin{{Code: "C-01", Zone: "a/b"}}}, CodeInvalid)
}

// choosing is a day at a site that picks by zone, whose picker says where.
func choosing(t *testing.T) *world {
	w := stocked(t)
	w.ok(PutBins{Bins: append(zoned(), Bin{Code: "C-09"})})
	w.ok(release("O1", "CUP*2", "BAG*2", "MILK"))
	w.ok(SignIn{Device: "hw1", Badge: seen(GetWorker(w.tx, "w1")).Badge})
	w.no(AskWork{Device: "hw1", Bin: "A-01"}, CodeInvalid) // this site gives what comes first
	site := testSite()
	site.ZonePicking = true
	w.ok(PutSite{Site: site})
	w.no(AskWork{Device: "hw1", Bin: "A-99"}, CodeUnknownBin)
	w.no(AskWork{Device: "hw1", Bin: "C-09"}, CodeInvalid) // in no zone
	w.no(AskWork{Device: "hw1", Bin: "a\x00b"}, CodeUnknownBin)
	zone := func(bin, want string) {
		t.Helper()
		if res := w.ok(AskWork{Device: "hw1", Bin: bin}); res.Next.Do != StepWait || res.Next.Zone != want || !res.Next.Zones {
			t.Fatalf("%s: %+v", bin, res.Next)
		}
	}
	zone("A-01", "A")
	since := seen(GetWorkerState(w.tx, "w1")).WaitingSince
	w.m.Now += 1000
	zone("", "")
	zone("B-04", "B")
	if s := seen(GetWorkerState(w.tx, "w1")); s.WaitingSince != since || s.Zone != "B" {
		t.Fatalf("who changes his mind loses no place: %+v", s)
	}
	give := AssignBatch{Batch: "K1", Worker: "w1", Slots: []BatchSlot{{Slot: 1, Order: "O1"}}}
	in := func(z string) AssignBatch {
		give.Zone, give.Walk = z, nil
		for _, id := range w.openTasks("O1") {
			if z == "" || seen(GetTask(w.tx, id)).Bin[:1] == z {
				give.Walk = append(give.Walk, id)
			}
		}
		return give
	}
	w.no(in("A"), CodePoolChanged)
	w.no(in(""), CodePoolChanged)
	w.ok(in("B"))
	if s := seen(GetWorkerState(w.tx, "w1")); s.Zone != "" || s.Batch != "K1" {
		t.Fatalf("the choice holds for one batch: %+v", s)
	}
	w.walkTo("hw1", StepAsk)
	zone("A-02", "A")
	w.ok(SignOut{Device: "hw1"})
	if s := seen(GetWorkerState(w.tx, "w1")); s.Zone != "" || s.WaitingSince != 0 {
		t.Fatalf("%+v", s)
	}
	w.invariants()
	w.books()
	return w
}

func TestAPickerChoosesAZone(t *testing.T) { choosing(t) }
