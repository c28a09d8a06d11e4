package warehouse_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// signed is a stocked world with workers 1 and 2 signed in on hw1 and hw2.
func signed(t fataler) *world {
	w := stocked(t)
	for i := 1; i <= 2; i++ {
		w.ok(SignIn{Device: fmt.Sprintf("hw%d", i), Badge: fmt.Sprintf("B%d", i)})
	}
	return w
}

func TestFloorTaskMovesGoods(t *testing.T) {
	w := signed(t)
	id := w.ok(AskMove{SKU: "CUP", Qty: 6, From: "A-01", To: "B-05", Reason: "to the front"}).Ref
	w.wantQty("bin/A-01", "CUP", "", 10, 6)
	want := &Step{Do: StepScanBin, Task: id, Bin: "A-01", SKU: "CUP", Name: "Cup", GTIN: gtin(1), Qty: 6, Left: 1, Worker: "w1", Kind: FloorMove}
	if d := cmp.Diff(want, w.ok(ClaimFloor{Device: "hw1"}).Next); d != "" {
		t.Fatal(d)
	}
	w.no(Scan{Device: "hw1", Barcode: "A-02"}, CodeWrongBin)
	w.ok(Scan{Device: "hw1", Verb: "bin", Barcode: "A-01", Task: id})
	w.no(Scan{Device: "hw1", Barcode: gtin(2)}, CodeWrongItem)
	w.no(Scan{Device: "hw1", Barcode: gtin(1), Qty: 7}, CodeOverPick)
	w.ok(Scan{Device: "hw1", Verb: "item", Barcode: gtin(1), Qty: 2})
	w.no(SkipFloor{Device: "hw1", Task: id}, CodeHasWork)
	// A part goes to another bin, which must be scanned twice.
	w.no(Scan{Device: "hw1", Barcode: "A-01"}, CodeUnknownBarcode) // where they came from
	if res := w.no(Scan{Device: "hw1", Barcode: "B-04"}, CodeConfirm); !res.Keep {
		t.Fatal("the question is not kept")
	}
	if s := w.ok(Scan{Device: "hw1", Barcode: "B-04"}).Next; s.Do != StepScanItem || s.Qty != 4 {
		t.Fatalf("step %+v", s)
	}
	w.wantQty("bin/B-04", "CUP", "", 2, 0)
	w.wantQty("bin/A-01", "CUP", "", 8, 4)
	w.ok(Scan{Device: "hw1", Barcode: gtin(1), Qty: 4})
	if s := w.ok(Scan{Device: "hw1", Verb: "bin", Barcode: "B-05"}).Next; s.Do != StepAsk {
		t.Fatalf("step %+v", s)
	}
	w.wantQty("bin/B-05", "CUP", "", 4, 0)
	w.wantQty("bin/A-01", "CUP", "", 4, 0)
	if left := seen(FloorTasks(w.tx, 0)); len(left) != 0 {
		t.Fatalf("left: %+v", left)
	}
	w.no(Scan{Device: "hw1", Barcode: "B-05", Task: id}, CodeNoWork)
	w.books()
	w.invariants()
}

// row 92: two workers want the same task; the second answer is refused. A
// worker whose handheld was lost gets the running task back.
func TestFloorTaskRow92OneClaim(t *testing.T) {
	w := signed(t)
	id := w.ok(AskMove{SKU: "CUP", Qty: 1, From: "A-01"}).Ref
	w.ok(ClaimFloor{Device: "hw1", Task: id})
	w.no(ClaimFloor{Device: "hw2", Task: id}, CodeClaimed)
	w.no(ClaimFloor{Device: "hw2"}, CodeNoWork)
	w.ok(ClaimFloor{Device: "hw1", Task: id})
	w.ok(Scan{Device: "hw1", Barcode: "A-01"})
	if s := w.ok(SignIn{Device: "other", Badge: "B1"}).Next; s.Task != id || s.Do != StepScanItem {
		t.Fatalf("step %+v", s)
	}
	w.no(ClaimFloor{Device: "other", Task: "K999999"}, CodeHasWork)
	w.no(SignOut{Device: "other"}, CodeHasWork)
	w.no(AskWork{Device: "other"}, CodeHasWork)
	w.invariants()
}

func TestFloorTaskLease(t *testing.T) {
	w := signed(t)
	id := w.ok(AskMove{SKU: "CUP", Qty: 2, From: "A-01"}).Ref
	w.ok(ClaimFloor{Device: "hw1"})
	at, ok, err := NextDue(w.tx)
	if err != nil || !ok || at != w.m.Now+60_000 {
		t.Fatalf("due at %d %v %v", at, ok, err)
	}
	w.m.Now = at
	w.ok(AdvanceTime{})
	if s := w.step("hw1"); s.Do != StepAsk {
		t.Fatalf("step %+v", s)
	}
	// With goods in hand it stays where the goods are.
	w.ok(ClaimFloor{Device: "hw2", Task: id})
	w.ok(Scan{Device: "hw2", Barcode: "A-01"})
	w.ok(Scan{Device: "hw2", Barcode: gtin(1)})
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	if s := w.step("hw2"); s.Task != id || s.Held != 1 {
		t.Fatalf("step %+v", s)
	}
	w.invariants()
}

func TestFloorTaskSkipReassignGiveUp(t *testing.T) {
	w := signed(t)
	first := w.ok(AskMove{SKU: "CUP", Qty: 1, From: "A-01"}).Ref
	second := w.ok(AskMove{SKU: "PEN", Qty: 1, From: "A-02"}).Ref
	urgent := w.ok(AskMove{SKU: "BAG", Qty: 1, From: "B-01", Priority: 5}).Ref
	claim := func(want string) {
		t.Helper()
		if got := w.ok(ClaimFloor{Device: "hw1", Of: FloorMove}).Ref; got != want {
			t.Fatalf("claimed %s, want %s", got, want)
		}
		w.ok(SkipFloor{Device: "hw1", Task: want, Reason: "aisle blocked"})
	}
	claim(urgent)
	w.ok(EndFloor{Task: urgent, Reason: "not wanted"})
	claim(first)
	claim(second)
	claim(first)
	w.wantQty("bin/B-01", "BAG", "", 5, 0)
	w.ok(ClaimFloor{Device: "hw1", Task: first})
	w.ok(Scan{Device: "hw1", Barcode: "A-01"})
	w.ok(MoveFloor{Task: first, Worker: "w2", Reason: "Ada goes home"})
	if s := w.step("hw2"); s.Task != first || s.Do != StepScanBin {
		t.Fatalf("step %+v", s)
	}
	if s := w.step("hw1"); s.Do != StepAsk {
		t.Fatalf("step %+v", s)
	}
	w.no(MoveFloor{Task: second, Worker: "w2", Reason: "x"}, CodeHasWork)
	w.ok(MoveFloor{Task: first, Reason: "later"})
	w.invariants()
	w.books()
}

func TestFloorTaskShort(t *testing.T) {
	w := signed(t)
	w.ok(AskMove{SKU: "CUP", Qty: 5, From: "A-01", To: "B-05"})
	w.ok(ClaimFloor{Device: "hw1"})
	w.ok(Scan{Device: "hw1", Barcode: "A-01"})
	w.ok(Scan{Device: "hw1", Barcode: gtin(1), Qty: 2})
	if s := w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout}).Next; s.Do != StepPutDown {
		t.Fatalf("step %+v", s)
	}
	w.wantQty("bin/A-01", "CUP", "", 10, 2)
	w.no(ShortPick{Device: "hw1", Reason: FalloutStockout}, CodeWrongStep)
	w.ok(Scan{Device: "hw1", Barcode: "B-05"})
	w.wantQty("bin/A-01", "CUP", "", 8, 0)
	w.invariants()
}

func TestFloorTaskBadInput(t *testing.T) {
	w := signed(t)
	w.ok(release("O1", "CUP*8"))
	id := w.ok(AskMove{SKU: "PEN", Qty: 1, From: "A-02"}).Ref
	for _, tt := range []struct {
		c    Command
		want string
	}{
		{AskMove{SKU: "CUP", Qty: 1, From: "A-01", To: "A-01"}, CodeInvalid},
		{AskMove{SKU: "CUP", Qty: 1}, CodeInvalid},
		{AskMove{SKU: "CUP", Qty: 0, From: "A-01"}, CodeInvalid},
		{AskMove{SKU: "CUP", Qty: -1, From: "A-01"}, CodeInvalid},
		{AskMove{Qty: 1, From: "A-01"}, CodeInvalid},
		{AskMove{SKU: "CUP", Qty: 1, From: "A-01", Priority: 10}, CodeInvalid},
		{AskMove{SKU: "CUP", Qty: 1, From: "A-01", Reason: "\x01"}, CodeInvalid},
		{AskMove{SKU: "CUP", Qty: 1, From: "Z-99"}, CodeUnknownBin},
		{AskMove{SKU: "CUP", Qty: 1, From: "A-01", To: "Z-99"}, CodeUnknownBin},
		{AskMove{SKU: "CUP", Qty: 3, From: "A-01"}, CodeNotEnough}, // 8 of 10 are an order's
		{AskMove{SKU: "CUP", Lot: "X", Qty: 1, From: "A-01"}, CodeNotEnough},
		{AskMove{SKU: "NOPE", Qty: 1, From: "A-01"}, CodeNotEnough},
		{ClaimFloor{Device: "", Task: id}, CodeInvalid},
		{ClaimFloor{Device: "h9", Task: id}, CodeNotSignedIn},
		{ClaimFloor{Device: "hw1", Task: "K9"}, CodeUnknownTask},
		{ClaimFloor{Device: "hw1", Task: "a/b"}, CodeUnknownTask},
		{ClaimFloor{Device: "hw1", Of: "SLEEP"}, CodeInvalid},
		{ClaimFloor{Device: "hw1", Of: FloorPutaway}, CodeNoWork},
		{SkipFloor{Device: "hw1", Task: id}, CodeReplayInvalid},
		{MoveFloor{Task: id}, CodeInvalid},
		{MoveFloor{Task: id, Worker: "nobody", Reason: "x"}, CodeInvalid},
		{MoveFloor{Task: "K9", Reason: "x"}, CodeUnknownTask},
		{EndFloor{Task: id}, CodeInvalid},
		{EndFloor{Task: "K9", Reason: "x"}, CodeUnknownTask},
	} {
		before := w.tx.Digest()
		w.no(tt.c, tt.want)
		if w.tx.Digest() != before {
			t.Errorf("%#v changed the state", tt.c)
		}
	}
}

// tasks is a day that uses every command about floor tasks.
func tasks(t *testing.T) *world {
	w := signed(t)
	a := w.ok(AskMove{SKU: "CUP", Qty: 6, From: "A-01", To: "B-05"}).Ref
	b := w.ok(AskMove{SKU: "MILK", Lot: "L1", Qty: 2, From: "B-03"}).Ref
	w.ok(ClaimFloor{Device: "hw1"})
	w.ok(SkipFloor{Device: "hw1", Task: a, Reason: "aisle blocked"})
	w.ok(ClaimFloor{Device: "hw1", Task: b})
	w.ok(Scan{Device: "hw1", Barcode: "B-03"})
	w.ok(Scan{Device: "hw1", Barcode: "]C101" + gtin(3) + "10L1", Qty: 2})
	w.ok(Scan{Device: "hw1", Barcode: "A-05"})
	w.ok(MoveFloor{Task: a, Worker: "w2", Reason: "closer"})
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	w.ok(EndFloor{Task: a, Reason: "not wanted"})
	w.invariants()
	w.books()
	return w
}

// Goods of a consignor, units with serials and goods that are not for sale are
// moved like others, and stay what they are.
func TestFloorTaskKeepsOwnerSerialAndStatus(t *testing.T) {
	w := signed(t)
	w.ok(PutItems{Items: []Item{{SKU: "PHONE", Name: "Phone", GTIN: gtin(9), WeightMg: 1000, Serials: true}}})
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-03", SKU: "PHONE", Serial: "S1", Qty: 1, Owner: "acme", Status: StatusQC},
		{Bin: "A-03", SKU: "PHONE", Serial: "S2", Qty: 1, Owner: "acme"},
	}})
	for name, c := range map[string]AskMove{
		"another owner": {SKU: "PHONE", Qty: 1, From: "A-03", Serial: "S2"},
		"no serial":     {SKU: "PHONE", Qty: 1, From: "A-03", Owner: "acme"},
		"for sale":      {SKU: "PHONE", Qty: 1, From: "A-03", Owner: "acme", Serial: "S1"},
		"two of one":    {SKU: "PHONE", Qty: 2, From: "A-03", Owner: "acme", Serial: "S2"},
	} {
		if res := w.apply(c); res.Code != CodeNotEnough {
			t.Errorf("%s: %s", name, res.Code)
		}
	}
	w.no(AskMove{SKU: "PHONE", Qty: 1, From: "A-03", Owner: "\x00"}, CodeInvalid)
	w.no(AskMove{SKU: "PHONE", Qty: 1, From: "A-03", Status: "lost"}, CodeInvalid)
	id := w.ok(AskMove{SKU: "PHONE", Qty: 1, From: "A-03", To: "B-05", Owner: "acme", Serial: "S1", Status: StatusQC}).Ref
	w.ok(ClaimFloor{Device: "hw1", Task: id})
	w.ok(Scan{Device: "hw1", Barcode: "A-03"})
	w.no(Scan{Device: "hw1", Barcode: serialled(9, "S2")}, CodeWrongSerial)
	w.ok(Scan{Device: "hw1", Barcode: serialled(9, "S1")})
	w.ok(Scan{Device: "hw1", Barcode: "B-05"})
	found := false
	for _, b := range seen(Balances(w.tx, "PHONE")) {
		found = found || b.Place == "bin/B-05" && b.Owner == "acme" && b.Serial == "S1" && b.Status == StatusQC && b.Qty == 1
	}
	if !found {
		t.Errorf("it is %+v", seen(Balances(w.tx, "PHONE")))
	}
	w.books()
	w.invariants()
}
