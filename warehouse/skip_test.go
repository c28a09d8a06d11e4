package warehouse_test

import (
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// A skipped pick goes to the end of the walk and still has to be done.
func TestSkipLine(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2", "PEN*3", "BAG"))
	w.assign("K1", "w1", "O1")
	first := w.act("hw1").Next.Task // its bin is scanned: claimed
	w.no(SkipLine{Device: "hw1", Task: first}, CodeInvalid)
	s := w.ok(SkipLine{Device: "hw1", Task: first, Reason: "aisle blocked"}).Next
	if s.Task == first || s.Do != StepScanBin || s.Left != 3 {
		t.Fatalf("next is %+v", s)
	}
	w.invariants()
	w.walkTo("hw1", StepScanItem)
	w.ok(Scan{Device: "hw1", Barcode: "PEN"})
	w.no(SkipLine{Device: "hw1", Task: w.step("hw1").Task, Reason: "x"}, CodeHasWork)
	for w.step("hw1").Left > 1 {
		w.act("hw1")
	}
	if s := w.step("hw1"); s.Task != first {
		t.Fatalf("the last is %+v", s)
	}
	w.no(SkipLine{Device: "hw1", Task: first, Reason: "x"}, CodeWrongStep)
	w.walkTo("hw1", StepFinish)
	w.no(SkipLine{Device: "hw1", Reason: "x"}, CodeWrongStep)
	w.act("hw1")
	w.no(SkipLine{Device: "hw1", Reason: "x"}, CodeNoWork)
	if task := seen(GetTask(w.tx, first)); task.Skips != 1 || task.Skipped != "aisle blocked" || task.State != TaskDone {
		t.Errorf("task %+v", task)
	}
	w.state("O1", OrderPicked)
	w.books()
	w.invariants()
}

// milk has a bin with two lots, of which an order gets the one that ends first.
func milk(t fataler, second bool) *world {
	w := stocked(t)
	s := testSite()
	s.LotSecond = second
	w.ok(PutSite{Site: s})
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "B-03", SKU: "MILK", Lot: "L2", Expiry: "2026-03-01", Qty: 3},
		{Bin: "B-03", SKU: "MILK", Lot: "L0", Expiry: "2025-03-01", Qty: 9},
	}})
	w.ok(release("O1", "MILK*3", "CUP"))
	w.assign("K1", "w1", "O1")
	for w.step("hw1").SKU != "MILK" {
		w.act("hw1")
	}
	return w
}

func lotCode(lot string) string { return "]C101" + gtin(3) + "10" + lot }

// Another lot of the same bin: one reservation for the other.
func TestChangeLot(t *testing.T) {
	w := milk(t, false)
	w.no(ChangeLot{Device: "hw1", Barcode: lotCode("L2")}, CodeWrongStep) // at the bin first
	w.act("hw1")
	for barcode, code := range map[string]string{
		"CUP": CodeWrongItem, "nothing": CodeUnknownBarcode, "\x00": CodeUnknownBarcode,
		gtin(3): CodeWrongLot, lotCode("L1"): CodeWrongLot, lotCode("L0"): FalloutExpired, lotCode("L9"): CodeNotEnough,
	} {
		w.no(ChangeLot{Device: "hw1", Barcode: barcode}, code)
	}
	w.wantQty("bin/B-03", "MILK", "L1", 4, 3)
	if s := w.ok(ChangeLot{Device: "hw1", Barcode: lotCode("L2")}).Next; s.Lot != "L2" || s.Expiry != "2026-03-01" || s.Qty != 3 {
		t.Fatalf("next is %+v", s)
	}
	w.wantQty("bin/B-03", "MILK", "L1", 4, 0)
	w.wantQty("bin/B-03", "MILK", "L2", 3, 3)
	w.invariants()
	w.ok(Scan{Device: "hw1", Barcode: lotCode("L2")})
	w.no(ChangeLot{Device: "hw1", Barcode: lotCode("L1")}, CodeHasWork)
	w.walkTo("hw1", StepAsk)
	if l := w.order("O1").Lines[0].Lots; len(l) != 1 || l[0].Lot != "L2" {
		t.Errorf("picked %+v", l)
	}
	w.books()
	w.invariants()
}

// A lot out of turn needs a second person where the site wants it; one in turn
// does not.
func TestChangeLotAsksASecondPerson(t *testing.T) {
	w := milk(t, true)
	w.act("hw1")
	w.m.Actor = "lead"
	c := ChangeLot{Device: "hw1", Barcode: lotCode("L2")}
	for second, code := range map[string]string{"": CodeSecondPerson, "B1": CodeSecondPerson, "B9": CodeUnknownBadge} {
		c.Second = second
		w.no(c, code)
	}
	c.Second = "B2"
	w.ok(c)
	if list, _, err := Decisions(w.tx, 0, 0); err != nil || len(list) != 1 || list[0].Detail != "lot L2 for L1, by w1 and w2" {
		t.Errorf("decisions %+v", list)
	}
	w.ok(ChangeLot{Device: "hw1", Barcode: lotCode("L1")}) // back in turn
	w.invariants()
}

// What a handheld says of a task that is somebody else's by now is never
// dropped: it is refused, and a fallout keeps it. An echo is no more than
// refused, and a log of before does what it did.
func TestLateVerbsAreKept(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2", "PEN"))
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	task := w.step("hw1").Task
	// The handheld is offline; a lead gives its batch up, another one picks it.
	w.ok(ForceRelease{Batch: "K1", Reason: "offline"})
	w.m.Level = 2
	w.no(Scan{Device: "hw1", Verb: "item", Barcode: "CUP", Qty: 2, Task: task}, CodeNoWork)
	w.wantFallouts()
	w.m.Level = Level
	w.pick("K2", "w2", "O1")
	scan := Scan{Device: "hw1", Verb: "item", Barcode: "CUP", Qty: 2, Task: task}
	if res := w.no(scan, CodeReplayInvalid); !res.Keep || res.Next == nil {
		t.Errorf("answer %+v", res)
	}
	w.no(Scan{Device: "hw1", Verb: "slot", Barcode: "T-7", Task: task}, CodeReplayInvalid)
	w.no(ShortPick{Device: "hw1", Reason: FalloutStockout, Task: task}, CodeReplayInvalid)
	w.no(ShortPick{Device: "hw1", Reason: FalloutStockout, Task: "O1/9/9"}, CodeNoWork) // never was
	w.wantFallouts("REPLAY_INVALID /0")
	w.invariants()
	f := seen(Fallouts(w.tx, true))[0]
	var said []string
	for _, e := range f.Evidence {
		said = append(said, e.Detail)
	}
	if want := []string{
		"w1: scan item CUP, 2 of task " + task, "w1: scan slot T-7, 1 of task " + task, "w1: short STOCKOUT of task " + task,
	}; !slices.Equal(said, want) {
		t.Errorf("it says %q", said)
	}
	if a := seen(Actions(w.tx, RoleLead)); len(a) != 1 || a[0].Code != CodeReplayInvalid || a[0].SKU != "CUP" || !strings.HasPrefix(f.Dock, "handheld/") {
		t.Errorf("actions %+v, %+v", a, f)
	}
	// An echo of a task that the worker has closed.
	w.no(Scan{Device: "hw2", Verb: "slot", Barcode: "T-K2-1", Task: task}, CodeNoWork)
	w.wantFallouts("REPLAY_INVALID /0")
	w.ok(ClearFallout{Fallout: f.ID})
	w.wantFallouts()
	// Floor tasks: one that somebody else has is kept, one that is done is not.
	id := w.ok(AskMove{SKU: "CUP", Qty: 2, From: "A-02"}).Ref
	w.ok(ClaimFloor{Device: "hw2"})
	w.ok(AskMove{SKU: "PEN", Qty: 2, From: "A-02"})
	w.ok(ClaimFloor{Device: "hw1"})
	w.no(Scan{Device: "hw1", Verb: "item", Barcode: "CUP", Task: id}, CodeReplayInvalid)
	w.no(Scan{Device: "hw2", Verb: "item", Barcode: "CUP", Task: "K000009"}, CodeReplayInvalid)
	w.no(Scan{Device: "hw2", Verb: "item", Barcode: "CUP", Task: "a/b"}, CodeReplayInvalid)
	w.wantFallouts("REPLAY_INVALID /0")
	w.books()
	w.invariants()
}

// pickers is a day with a pick put off, a lot changed and a verb that came too
// late.
func pickers(t *testing.T) *world {
	w := milk(t, true)
	w.ok(SkipLine{Device: "hw1", Task: w.step("hw1").Task, Reason: "blocked"})
	for w.step("hw1").SKU != "MILK" {
		w.act("hw1")
	}
	w.act("hw1")
	w.ok(ChangeLot{Device: "hw1", Barcode: lotCode("L2"), Second: "B2"})
	task := w.step("hw1").Task
	w.ok(HandOver{Device: "hw1", Badge: "B2"})
	w.ok(SignIn{Device: "hw2", Badge: "B2"})
	w.no(Scan{Device: "hw1", Barcode: lotCode("L2"), Task: task}, CodeReplayInvalid)
	w.walkTo("hw2", StepAsk)
	w.invariants()
	return w
}
