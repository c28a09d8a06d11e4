package warehouse_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// inBatch has O1 (3 milk of lot L1, bin B-03), O2 (2 cups, 1 pen, both in
// reach of) in a batch of w1, and O3 in a batch of w2.
func inBatch(t *testing.T) *world {
	w := stocked(t)
	w.ok(release("O1", "MILK*3"))
	w.ok(release("O2", "CUP*2", "PEN*1"))
	w.ok(release("O3", "BAG*1"))
	w.assign("K1", "w1", "O1", "O2")
	w.assign("K2", "w2", "O3")
	w.walkTo("hw2", StepFinish) // tote T-K2-1 is taken by O3
	return w
}

func TestScanRefusals(t *testing.T) {
	milk, cup := gtin(3), gtin(1)
	type refusal struct {
		verb, barcode string
		qty           int64
		code          string
	}
	for _, tt := range []struct {
		step string
		held int64 // scanned before
		list []refusal
	}{
		{StepScanBin, 0, []refusal{
			{"bin", "A-01", 0, CodeWrongBin},
			{"", "A-01", 0, CodeWrongBin},
			{"bin", "Q-77", 0, CodeUnknownBarcode},
			{"bin", milk, 0, CodeUnknownBarcode},
			{"bin", "", 0, CodeUnknownBarcode},
			{"bin", "a\x00b", 0, CodeUnknownBarcode},
			{"item", milk, 0, CodeWrongStep},
			{"slot", "T-1", 0, CodeWrongStep},
			{"lane", "B-03", 0, CodeInvalid},
			{"bin", "B-03", -1, CodeInvalid},
			{"bin", "B-03", 1_000_001, CodeInvalid},
		}},
		{StepScanItem, 0, []refusal{
			{"bin", "B-03", 0, CodeWrongStep},
			{"item", cup, 0, CodeWrongItem},
			{"", "CUP", 0, CodeWrongItem},
			{"item", milk, 0, CodeWrongLot},
			{"item", "MILK", 0, CodeWrongLot},
			{"item", "]C101" + milk + "10L2", 0, CodeWrongLot},
			{"item", "]C101" + milk + "10L1", 4, CodeOverPick},
			{"item", "nonsense", 0, CodeUnknownBarcode},
			{"item", milk[:13] + "0", 0, CodeUnknownBarcode},
			{"item", "]C101" + milk + "99", 0, CodeUnknownBarcode},
			{"slot", "T-1", 0, CodeQtyMissing},
			{"", "T-1", 0, CodeQtyMissing},
		}},
		{StepScanItem, 2, []refusal{
			{"item", "]C101" + milk + "10L1", 2, CodeOverPick},
			{"slot", "T-1", 0, CodeQtyMissing},
		}},
		{StepScanSlot, 3, []refusal{
			{"bin", "B-03", 0, CodeWrongStep},
			{"item", "]C101" + milk + "10L1", 1, CodeWrongStep},
			{"", "]C101" + milk + "10L1", 1, CodeOverPick},
			{"", "MILK", 1, CodeOverPick},
			{"slot", "B-03", 0, CodeUnknownTote},
			{"slot", "T-", 0, CodeUnknownTote},
			{"slot", "T-a/b", 0, CodeUnknownTote},
			{"slot", "T-K2-1", 0, CodeToteInUse},
		}},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.step, tt.held), func(t *testing.T) {
			w := inBatch(t)
			if tt.step != StepScanBin {
				w.act("hw1")
			}
			if tt.held > 0 {
				w.ok(Scan{Device: "hw1", Barcode: "]C101" + milk + "10L1", Qty: tt.held})
			}
			before := w.step("hw1")
			if before.Do != tt.step || before.Held != tt.held || before.Qty != 3-tt.held {
				t.Fatalf("step %+v", before)
			}
			for _, r := range tt.list {
				res := w.no(Scan{Device: "hw1", Verb: r.verb, Barcode: r.barcode, Qty: r.qty}, r.code)
				want := *before
				want.Code = r.code
				if d := cmp.Diff(&want, res.Next); d != "" {
					t.Errorf("%+v:\n%s", r, d)
				}
			}
			if d := cmp.Diff(before, w.step("hw1")); d != "" {
				t.Error(d)
			}
			w.no(Scan{Device: "hw1", Barcode: "x", Task: "O2/1/1"}, CodeReplayInvalid)
			w.no(ShortPick{Device: "hw1", Reason: FalloutOther, Task: "O2/1/1"}, CodeReplayInvalid)
			w.no(FinishBatch{Device: "hw1", Barcode: "DROP"}, CodeWrongStep)
			w.no(ShortPick{Device: "hw1", Reason: "TIRED"}, CodeInvalid)
			w.invariants()
		})
	}
}

// A code without the lot is no wrong lot: the picker must be told what to scan.
func TestCodeWithoutLot(t *testing.T) {
	w := inBatch(t)
	w.act("hw1")
	for _, code := range []string{gtin(3), "MILK", "]E0" + gtin(3)[1:]} {
		if res := w.no(Scan{Device: "hw1", Verb: "item", Barcode: code}, CodeWrongLot); res.Text != "scan the code with the lot" {
			t.Errorf("%s: %q", code, res.Text)
		}
	}
}

// The same item under all its codes.
func TestItemCodes(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*8"))
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	for i, code := range []string{"CUP", "CUP-OLD", gtin(1), gtin(1)[1:], "01" + gtin(1), "]E0" + gtin(1)[1:], "(01)" + gtin(1), "]C0CUP"} {
		res := w.ok(Scan{Device: "hw1", Verb: "item", Barcode: code})
		if res.Next.Held != int64(i+1) {
			t.Errorf("%s: %+v", code, res.Next)
		}
	}
	w.invariants()
}

func TestSlots(t *testing.T) {
	w := inBatch(t)
	w.walkTo("hw1", StepScanSlot)
	w.ok(Scan{Device: "hw1", Verb: "slot", Barcode: "]C0T-7"})
	if s := w.step("hw1"); s.Order != "O2" || s.Tote != "" || s.Slot != 2 {
		t.Fatalf("step %+v", s)
	}
	w.walkTo("hw1", StepScanSlot)
	w.no(Scan{Device: "hw1", Verb: "slot", Barcode: "T-7"}, CodeWrongSlot) // stands on slot 1
	w.ok(Scan{Device: "hw1", Verb: "slot", Barcode: "T-8"})
	s := w.walkTo("hw1", StepScanSlot)
	if s.Tote != "T-8" || s.SKU != "PEN" {
		t.Fatalf("step %+v", s)
	}
	w.no(Scan{Device: "hw1", Verb: "slot", Barcode: "T-9"}, CodeWrongSlot)
	w.ok(Scan{Device: "hw1", Verb: "slot", Barcode: "T-8"})
	if lu := seen(GetLU(w.tx, "T-8")); lu.Place != "cart/K1/2" || lu.Kind != "tote" || lu.Order != "O2" {
		t.Errorf("%+v", lu)
	}
	w.no(Scan{Device: "hw1", Barcode: "T-8"}, CodeWrongStep)
	w.no(ShortPick{Device: "hw1", Reason: FalloutOther}, CodeWrongStep)
	w.no(FinishBatch{Device: "hw1", Barcode: "A-01"}, CodeWrongBin)
	w.ok(FinishBatch{Device: "hw1", Barcode: "DROP"})
	w.no(FinishBatch{Device: "hw1", Barcode: "DROP"}, CodeNoWork)
	w.state("O1", OrderPicked)
	w.state("O2", OrderPicked)
	w.invariants()
	w.books()
}

// A bin is scanned once for all its tasks in a row; the next one there is
// claimed at once.
func TestNextTaskInTheSameBin(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "BAG*1"))
	w.ok(release("O2", "BAG*2"))
	w.assign("K1", "w1", "O1", "O2")
	w.act("hw1")
	w.state("O2", OrderReleased)
	w.act("hw1")
	w.act("hw1")
	w.state("O2", OrderPicking)
	if s := w.step("hw1"); s.Do != StepScanItem || s.Order != "O2" {
		t.Errorf("step %+v", s)
	}
	w.no(CancelOrder{Order: "O2"}, CodeSoftPONR)
	w.walkTo("hw1", StepAsk)
	w.invariants()
}

// A lot that ran out between allocation and pick is not given out.
func TestLotExpiresBeforeThePick(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "MILK*1"))
	w.assign("K1", "w1", "O1")
	w.m.Now += 31 * 24 * 3600 * 1000 // 2026-02-01, the day of L1
	w.act("hw1")
	w.no(Scan{Device: "hw1", Verb: "item", Barcode: "]C101" + gtin(3) + "10L1"}, FalloutExpired)
	w.ok(ShortPick{Device: "hw1", Reason: FalloutExpired})
	if s := w.step("hw1"); s.Lot != "L2" || s.Bin != "B-02" {
		t.Errorf("step %+v", s)
	}
	w.walkTo("hw1", StepAsk)
	w.state("O1", OrderPicked)
	w.wantFallouts()
	w.invariants()
}

func TestShortPickElsewhere(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*8", "PEN*1"))
	w.ok(release("O2", "CUP*2")) // rest of A-01, in the pool
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	w.ok(Scan{Device: "hw1", Barcode: "CUP", Qty: 3})
	res := w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout, Task: "O1/1/1"})
	if s := res.Next; s.Do != StepScanSlot || s.Held != 3 || s.Qty != 0 || s.Left != 3 {
		t.Errorf("step %+v", s)
	}
	w.no(ShortPick{Device: "hw1", Reason: FalloutStockout}, CodeWrongStep)
	w.wantQty("bin/A-01", "CUP", "", 10, 3)
	w.wantQty("bin/A-02", "CUP", "", 10, 5+2) // the rest, and the rescued task of O2
	if got := w.picks("O2"); !cmp.Equal(got, []string{"A-02  2"}) {
		t.Errorf("O2 is picked from %v", got)
	}
	w.invariants()
	w.act("hw1")
	task := seen(GetTask(w.tx, "O1/1/1"))
	if task.State != TaskShort || task.Picked != 3 || task.Qty != 3 || task.Short != 5 {
		t.Errorf("%+v", task)
	}
	b := seen(GetBatch(w.tx, "K1"))
	if !cmp.Equal(b.Walk, []string{"O1/1/1", "O1/2/2", "O1/1/3"}) {
		t.Errorf("walk %v", b.Walk)
	}
	w.walkTo("hw1", StepAsk)
	o := w.state("O1", OrderPicked)
	if o.Lines[0].State != LinePicked || o.Lines[0].Picked != 8 || len(o.Lines[0].Lots) != 1 {
		t.Errorf("%+v", o.Lines[0])
	}
	w.wantFallouts()
	// The bin stays in doubt: new orders go elsewhere although the book
	// says that seven are there.
	w.ok(release("O3", "CUP*4"))
	w.state("O3", OrderShortWaiting)
	w.invariants()
	w.books()
}

func TestShortPickNowhere(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "BAG*3", "PEN*2"))
	w.ok(release("O2", "BAG*2")) // cannot be rescued: stays where it is
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	w.ok(Scan{Device: "hw1", Barcode: "BAG"})
	res := w.ok(ShortPick{Device: "hw1", Reason: FalloutInsufficient})
	if res.Text != "2 short: 0 elsewhere, 2 nowhere" {
		t.Errorf("text %q", res.Text)
	}
	fs := seen(Fallouts(w.tx, true))
	want := []Fallout{{ID: "F000001", Code: FalloutInsufficient, Order: "O1", Line: 1, SKU: "BAG", Bin: "B-01", Qty: 2, Since: w.m.Now}}
	if d := cmp.Diff(want, fs); d != "" {
		t.Error(d)
	}
	if got := w.openTasks("O2"); len(got) != 1 {
		t.Errorf("O2 has tasks %v", got)
	}
	w.walkTo("hw1", StepAsk)
	o := w.state("O1", OrderPicked)
	if o.Lines[0].State != LineShort || o.Lines[0].Picked != 1 || o.Lines[1].State != LinePicked {
		t.Errorf("%+v", o.Lines)
	}
	w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderUnavailable, EvFalloutOpened, EvOrderPicked)
	w.invariants()
	w.books()
}

// A short pick from afar claims the task; a part may be found in each of the
// other bins.
func TestShortPickFromAfar(t *testing.T) {
	w := stocked(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-05", SKU: "CUP", Qty: 1}}})
	w.ok(release("O1", "CUP*10"))
	w.ok(release("O2", "CUP*9"))
	w.assign("K1", "w1", "O1")
	w.ok(ShortPick{Device: "hw1", Reason: FalloutNotLocated})
	w.state("O1", OrderPicking)
	w.wantQty("bin/A-01", "CUP", "", 10, 0)
	s := w.step("hw1")
	if s.Do != StepScanBin || s.Bin != "A-02" || s.Qty != 1 || s.Left != 2 {
		t.Errorf("step %+v", s)
	}
	w.wantFallouts("COULD_NOT_LOCATE O1/1")
	w.walkTo("hw1", StepAsk)
	if o := w.state("O1", OrderPicked); o.Lines[0].Picked != 2 {
		t.Errorf("%+v", o.Lines)
	}
	w.invariants()
	w.books()
}

// Everything in the batch is short: no tote, the order stays parked, the worker
// is free.
func TestBatchWithNothingFound(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "BAG*5"))
	w.ok(release("O2", "PEN*1"))
	w.assign("K1", "w1", "O1", "O2")
	w.act("hw1")
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	w.walkTo("hw1", StepAsk)
	w.state("O1", OrderPicking)
	w.state("O2", OrderPicked)
	w.wantFallouts("STOCKOUT O1/1")
	w.no(CancelOrder{Order: "O1"}, CodeSoftPONR)
	w.invariants()
}

// Without a pack drop in the site's rules any place will do.
func TestFinishWithoutPackDrop(t *testing.T) {
	w := stocked(t)
	s := testSite()
	s.PackDrop = ""
	w.ok(PutSite{Site: s})
	w.ok(release("O1", "BAG"))
	w.assign("K1", "w1", "O1")
	w.walkTo("hw1", StepFinish)
	w.ok(FinishBatch{Device: "hw1", Barcode: "anywhere"})
	w.state("O1", OrderPicked)
}
