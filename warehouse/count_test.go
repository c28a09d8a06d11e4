package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// keeper is a world whose site counts bins in doubt and asks for empty ones;
// workers 1 to 3 are signed in.
func keeper(t fataler) *world {
	w := stocked(t)
	s := testSite()
	s.CountLimit, s.AutoCount, s.ZeroCheck, s.ExpiryDays = 3, true, true, 10
	w.ok(PutSite{Site: s})
	for i := 1; i <= 3; i++ {
		w.ok(SignIn{Device: fmt.Sprintf("hw%d", i), Badge: fmt.Sprintf("B%d", i)})
	}
	return w
}

// count takes the next count and finds so many of an item in the bin.
func (w *world) count(device, bin, code string, qty int64) Result {
	w.t.Helper()
	w.ok(ClaimFloor{Device: device, Of: FloorCount})
	s := w.step(device)
	if s.Do != StepScanBin || s.Bin != bin || s.SKU != "" {
		w.t.Fatalf("step %+v, want a blind count of %s", s, bin)
	}
	w.ok(Scan{Device: device, Verb: "bin", Barcode: bin, Task: s.Task})
	if qty > 0 {
		w.ok(Scan{Device: device, Verb: "item", Barcode: code, Qty: qty})
	}
	return w.ok(Scan{Device: device, Verb: "bin", Barcode: bin})
}

func (w *world) last(typ string) Event {
	w.t.Helper()
	evs := w.events()
	for i := range evs {
		if e := evs[len(evs)-1-i]; e.Type == typ {
			return e
		}
	}
	w.t.Fatalf("no event %s", typ)
	return Event{}
}

func TestCountInTwoStages(t *testing.T) {
	w := keeper(t)
	w.ok(RequestCount{Bin: "A-01", Reason: "cycle"})
	w.ok(RequestCount{Bin: "A-01", Reason: "again"}) // one at a time
	w.count("hw1", "A-01", gtin(1), 10)
	if e := w.last(EvCountClosed); e.Data.Bin != "A-01" || e.Data.Counted[0].Posted != 0 || len(seen(Counts(w.tx))) != 0 {
		t.Fatalf("event %+v", e)
	}

	w.ok(RequestCount{Bin: "A-01", Reason: "cycle"})
	w.count("hw1", "A-01", gtin(1), 8)
	ct := seen(Counts(w.tx))[0]
	if ct.State != CountAgain || ct.FirstBy != "w1" {
		t.Fatalf("count %+v", ct)
	}
	task := seen(FloorTasks(w.tx, 0))[0].ID
	w.no(ClaimFloor{Device: "hw1", Of: FloorCount}, CodeNoWork) // not by the same person
	w.no(ClaimFloor{Device: "hw1", Task: task}, CodeSamePerson)
	w.no(MoveFloor{Task: task, Worker: "w1", Reason: "x"}, CodeSamePerson)
	w.count("hw2", "A-01", gtin(1), 8)
	w.wantQty("bin/A-01", "CUP", "", 8, 0)
	if e := w.last(EvCountClosed); e.Data.Code != "RECOUNTED" || e.Data.Counted[0] != (CountLine{SKU: "CUP", Book: 10, Counted: 8, Posted: -2}) {
		t.Fatalf("event %+v", e)
	}
	w.invariants()
	w.books()
}

// row 50, the count's side: a difference over the limit is posted by somebody
// who did not count.
func TestCountReview(t *testing.T) {
	w := keeper(t)
	w.ok(RequestCount{Bin: "A-01", Reason: "cycle"})
	w.count("hw1", "A-01", gtin(1), 2)
	w.count("hw2", "A-01", gtin(1), 2)
	ct := seen(Counts(w.tx))[0]
	if ct.State != CountReview {
		t.Fatalf("count %+v", ct)
	}
	w.wantQty("bin/A-01", "CUP", "", 10, 0)
	w.m.Actor = "w2"
	w.no(DecideCount{Count: ct.ID, Accept: true, Reason: "STOLEN"}, CodeSamePerson)
	w.m.Actor = "lead"
	w.no(DecideCount{Count: ct.ID, Accept: true, Reason: "BORED"}, CodeInvalid)
	w.ok(DecideCount{Count: ct.ID, Reason: "MISCOUNTED"})
	w.no(DecideCount{Count: ct.ID, Accept: true, Reason: "STOLEN"}, CodeWrongStep)
	w.count("hw1", "A-01", gtin(1), 2)
	w.count("hw3", "A-01", gtin(1), 3) // another difference than the first
	w.ok(DecideCount{Count: ct.ID, Accept: true, Reason: "STOLEN"})
	w.no(DecideCount{Count: ct.ID, Accept: true, Reason: "STOLEN"}, CodeUnknownTask)
	w.wantQty("bin/A-01", "CUP", "", 3, 0)
	w.wantQty(PlaceAdjustment, "CUP", "", 7, 0)
	w.invariants()
	w.books()
}

// A bin that moves while it is counted is corrected by the difference.
func TestCountOfAMovingBin(t *testing.T) {
	w := keeper(t)
	w.ok(RequestCount{Bin: "A-01", Reason: "cycle"})
	w.ok(RequestCount{Bin: "A-02", Reason: "cycle"})
	w.ok(release("O1", "CUP*4"))
	stage := func(dev string) {
		w.ok(ClaimFloor{Device: dev, Of: FloorCount})
		w.ok(Scan{Device: dev, Barcode: "A-01"})
		w.ok(Scan{Device: dev, Barcode: gtin(1), Qty: w.bin("A-01") - 1})
	}
	stage("hw1") // 9 of 10
	w.pick("K1", "w3", "O1")
	w.wantQty("bin/A-01", "CUP", "", 6, 0)
	w.ok(Scan{Device: "hw1", Barcode: "A-01"})
	stage("hw2") // 5 of 6
	w.ok(Scan{Device: "hw2", Barcode: "A-01"})
	w.wantQty("bin/A-01", "CUP", "", 5, 0)
	w.invariants()
	w.books()
}

func (w *world) bin(code string) int64 {
	w.t.Helper()
	var n int64
	for _, r := range seen(Contents(w.tx, BinPlace(code))) {
		n += r.Qty
	}
	return n
}

// Pieces that are missing although orders count on them: the tasks of the pool
// go elsewhere, and what no bin has keeps the bin in doubt.
func TestCountFindsReservedGoodsMissing(t *testing.T) {
	w := keeper(t)
	w.ok(release("O1", "CUP*8"))
	w.ok(RequestCount{Bin: "A-01", Reason: "cycle"})
	w.count("hw1", "A-01", "", 0)
	w.count("hw2", "A-01", "", 0)
	w.m.Actor = "lead"
	w.ok(DecideCount{Count: seen(Counts(w.tx))[0].ID, Accept: true, Reason: "MISSING"})
	w.wantQty("bin/A-01", "CUP", "", 0, 0)
	w.wantQty("bin/A-02", "CUP", "", 10, 8)
	w.state("O1", OrderReleased)

	w.ok(release("O2", "CUP*2", "PEN"))
	w.ok(RequestCount{Bin: "A-02", Reason: "cycle"})
	w.count("hw1", "A-02", gtin(2), 100)
	w.count("hw2", "A-02", gtin(2), 100)
	w.ok(DecideCount{Count: seen(Counts(w.tx))[0].ID, Accept: true, Reason: "MISSING"})
	w.wantQty("bin/A-02", "CUP", "", 10, 10) // their pickers will report it
	if e := w.last(EvCountClosed); e.Data.Counted[0].Posted != 0 || e.Data.Counted[0].Book != 10 {
		t.Fatalf("event %+v", e)
	}
	w.invariants()
	w.books()
}

// row 103: an empty bin in the middle of fifty orders: 49 finish, one line is
// parked, and the bin gets a count task.
func TestShortRow103FortyNineFinish(t *testing.T) {
	w := keeper(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-05", SKU: "PEN", Qty: 60}}})
	for i := range 49 {
		w.ok(release(fmt.Sprintf("P%02d", i), "PEN"))
	}
	w.ok(release("BAD", "BAG*5")) // all there are
	finished := 0
	for n := 0; ; n++ {
		pool := seen(Pool(w.tx, 3))
		if len(pool) == 0 {
			break
		}
		ids := make([]string, len(pool))
		for i, o := range pool {
			ids[i] = o.Spec.ID
		}
		w.assign(fmt.Sprintf("K%d", n), "w1", ids...)
		for {
			s := w.step("hw1")
			if s.Do == StepAsk {
				break
			}
			if s.Bin == "B-01" && s.Do == StepScanBin {
				w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout, Task: s.Task})
				continue
			}
			w.act("hw1")
		}
	}
	for _, o := range seen(Orders(w.tx, "", 0)) {
		if o.State == OrderPicked {
			finished++
		}
	}
	if finished != 49 {
		t.Fatalf("%d orders finished", finished)
	}
	w.wantFallouts("STOCKOUT BAD/1")
	if cts := seen(Counts(w.tx)); len(cts) != 1 || cts[0].Bin != "B-01" || cts[0].Reason != CountSuspicion {
		t.Fatalf("counts %+v", cts)
	}
	// The count finds the bags behind the others; the order goes on.
	w.count("hw2", "B-01", "BAG", 5)
	w.ok(RetryOrder{Order: "BAD"})
	w.state("BAD", OrderReleased)
	w.invariants()
	w.books()
}

func TestZeroCheck(t *testing.T) {
	w := keeper(t)
	w.ok(release("O1", "BAG*5", "CUP"))
	w.assign("K1", "w1", "O1")
	for w.step("hw1").Zero == "" {
		w.act("hw1")
	}
	w.no(ZeroCheck{Device: "hw2", Empty: true}, CodeNoWork)
	if s := w.step("hw1"); s.Zero != "B-01" {
		t.Fatalf("step %+v", s)
	}
	w.ok(ZeroCheck{Device: "hw1"})
	if cts := seen(Counts(w.tx)); len(cts) != 1 || cts[0].Bin != "B-01" || cts[0].Reason != CountZero {
		t.Fatalf("counts %+v", cts)
	}
	w.no(ZeroCheck{Device: "hw1"}, CodeWrongStep)
	w.walkTo("hw1", StepAsk)
	// To go on is to say yes.
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-05", SKU: "BAG", Qty: 1}}})
	w.ok(release("O2", "BAG", "CUP"))
	w.assign("K2", "w1", "O2")
	w.walkTo("hw1", StepAsk)
	if len(seen(Counts(w.tx))) != 1 {
		t.Fatal("a count that nobody asked for")
	}
	w.invariants()
}

func TestPickFacesAreFilledUp(t *testing.T) {
	w := keeper(t)
	w.ok(PutPickFaces{Faces: []PickFace{{Bin: "A-01", SKU: "CUP", Min: 5, Max: 14}}})
	if n := len(seen(FloorTasks(w.tx, 0))); n != 0 {
		t.Fatalf("%d tasks with a full face", n)
	}
	w.ok(release("O1", "CUP*7")) // demand alone takes it below
	task := seen(FloorTasks(w.tx, 0))
	want := FloorTask{ID: "K000001", Kind: FloorReplenish, State: TaskOpen, SKU: "CUP", Qty: 10, From: "bin/A-02", To: "bin/A-01", Ref: "A-01", Asked: w.m.Now, Place: 1}
	if d := cmp.Diff([]FloorTask{want}, task); d != "" {
		t.Fatal(d)
	}
	w.ok(release("O2", "CUP"))
	if n := len(seen(FloorTasks(w.tx, 0))); n != 1 {
		t.Fatalf("%d tasks for one face", n)
	}
	w.ok(ClaimFloor{Device: "hw2"})
	w.ok(Scan{Device: "hw2", Barcode: "A-02"})
	w.ok(Scan{Device: "hw2", Barcode: gtin(1), Qty: 10})
	w.ok(Scan{Device: "hw2", Barcode: "A-01"})
	w.wantQty("bin/A-01", "CUP", "", 20, 8)
	if f := seen(PickFaces(w.tx))[0]; f.Task != "" {
		t.Fatalf("face %+v", f)
	}
	w.ok(PutPickFaces{Faces: []PickFace{{Bin: "A-01", SKU: "CUP"}}})
	if f := seen(PickFaces(w.tx)); len(f) != 0 {
		t.Fatalf("faces %+v", f)
	}
	w.invariants()
	w.books()
}

// row 61: the end of a lot is told once, and only of lots that are here.
func TestLotRow61ExpiryHorizon(t *testing.T) {
	w := keeper(t)
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "B-04", SKU: "MILK", Lot: "N1", Expiry: "2026-01-20", Qty: 3},
		{Bin: "B-05", SKU: "MILK", Lot: "N1", Expiry: "2026-01-20", Qty: 2},
		{Bin: "B-05", SKU: "MILK", Lot: "N2", Expiry: "2026-02-20", Qty: 2},
	}})
	at, ok, err := NextDue(w.tx)
	if day := int64(24 * 3600 * 1000); err != nil || !ok || at != start+9*day {
		t.Fatalf("due %d after the start: %v", at-start, err)
	}
	w.m.Now = at - 1
	w.ok(AdvanceTime{})
	count := func() (n int) {
		for _, e := range w.events() {
			if e.Type == EvLotExpires {
				n++
			}
		}
		return n
	}
	if count() != 0 {
		t.Fatal("told too early")
	}
	w.m.Now = at
	for range 3 {
		w.ok(AdvanceTime{})
		w.ok(OpenStock{Rows: []StockRow{{Bin: "B-04", SKU: "MILK", Lot: "N1", Expiry: "2026-01-20", Qty: 1}}})
	}
	if e := w.last(EvLotExpires); count() != 1 || e.Data.SKU != "MILK" || e.Data.Lot != "N1" || e.Data.Qty != 5 || e.Data.Expiry != "2026-01-20" {
		t.Fatalf("%d events, %+v", count(), e)
	}
	w.invariants()
}

// An RFID reading of some bins that differs from the book has them counted.
func TestCountZone(t *testing.T) {
	w := keeper(t)
	items := testItems()
	items[0].Tagged = true
	w.ok(PutItems{Items: items[:1]})
	tags := func(n int) []string {
		var out []string
		for i := range n {
			g := gtin(1)
			out = append(out, fmt.Sprintf("urn:epc:id:sgtin:%s.%s%s.%d", g[1:8], g[:1], g[8:13], i))
		}
		return out
	}
	w.ok(CountZone{Bins: []string{"A-01", "A-02", "B-01"}, EPCs: append(tags(20), "E2801160", tags(1)[0])})
	if n := len(seen(Counts(w.tx))); n != 0 {
		t.Fatalf("%d counts of bins that agree", n)
	}
	w.ok(CountZone{Bins: []string{"A-01", "A-02", "B-01"}, EPCs: tags(19)})
	var bins []string
	for _, ct := range seen(Counts(w.tx)) {
		bins = append(bins, ct.Bin)
	}
	if !slices.Equal(bins, []string{"A-01", "A-02"}) {
		t.Fatalf("bins to count %v", bins)
	}
	w.invariants()
}

func TestCountBadInput(t *testing.T) {
	w := keeper(t)
	w.ok(RequestCount{Bin: "A-01", Reason: "cycle"})
	w.ok(ClaimFloor{Device: "hw1"})
	for i, tt := range []struct {
		c    Command
		want string
	}{
		{RequestCount{Bin: "Z-99", Reason: "x"}, CodeUnknownBin},
		{RequestCount{Bin: "a/b", Reason: "x"}, CodeUnknownBin},
		{RequestCount{Bin: "A-02"}, CodeInvalid},
		{RequestCount{Bin: "A-02", Reason: "x", Priority: 10}, CodeInvalid},
		{Scan{Device: "hw1", Barcode: "A-02"}, CodeWrongBin},
		{Scan{Device: "hw1", Barcode: gtin(1)}, CodeWrongBin},
		{ShortPick{Device: "hw1", Reason: FalloutStockout}, CodeWrongStep},
		{DecideCount{Count: "CT000001", Reason: "MISCOUNTED"}, CodeWrongStep},
		{DecideCount{Count: "CT9", Reason: "MISCOUNTED"}, CodeUnknownTask},
		{DecideCount{Count: "a/b", Reason: "MISCOUNTED"}, CodeUnknownTask},
		{ZeroCheck{Device: "h9"}, CodeNotSignedIn},
		{CountZone{}, CodeInvalid},
		{CountZone{Bins: []string{"A-01", "A-01"}}, CodeDuplicateInFile},
		{CountZone{Bins: []string{"Z-99"}}, CodeUnknownBin},
		{CountZone{Bins: []string{"A-01"}, EPCs: []string{""}}, CodeInvalid},
		{PutPickFaces{}, CodeInvalid},
		{PutPickFaces{Faces: []PickFace{{Bin: "A-01", SKU: "CUP", Min: 3, Max: 2}}}, CodeInvalid},
		{PutPickFaces{Faces: []PickFace{{Bin: "Z-99", SKU: "CUP", Max: 2}}}, CodeUnknownBin},
		{PutPickFaces{Faces: []PickFace{{Bin: "A-01", SKU: "NOPE", Max: 2}}}, CodeUnknownItem},
		{PutPickFaces{Faces: []PickFace{{Bin: "A-01", SKU: "CUP", Max: 2}, {Bin: "A-01", SKU: "CUP", Max: 3}}}, CodeDuplicateInFile},
	} {
		before := w.tx.Digest()
		if res := w.apply(tt.c); res.OK || res.Code != tt.want {
			t.Errorf("%d %#v: %s %s, want %s", i, tt.c, res.Code, res.Text, tt.want)
		}
		if w.tx.Digest() != before {
			t.Errorf("%#v changed the state", tt.c)
		}
	}
}

// counts is a day that uses every command about counts and care.
func counts(t *testing.T) *world {
	w := keeper(t)
	w.ok(PutPickFaces{Faces: []PickFace{{Bin: "A-01", SKU: "CUP", Min: 5, Max: 14}}})
	w.ok(release("O1", "BAG*5", "CUP*7"))
	w.ok(CountZone{Bins: []string{"A-01"}, EPCs: []string{"E2801160"}})
	w.assign("K1", "w1", "O1")
	for w.step("hw1").Zero == "" {
		w.act("hw1")
	}
	w.ok(ZeroCheck{Device: "hw1"})
	w.walkTo("hw1", StepAsk)
	w.ok(RequestCount{Bin: "B-02", Reason: "cycle"})
	milk := "]C101" + gtin(3) + "10L2"
	w.count("hw2", "B-01", "", 0)
	w.count("hw2", "B-02", milk, 1)
	w.count("hw3", "B-02", milk, 2)
	w.m.Actor = "lead"
	w.ok(DecideCount{Count: seen(Counts(w.tx))[0].ID, Accept: true, Reason: "STOLEN"})
	w.m.Now += 40 * 24 * 3600 * 1000
	w.ok(AdvanceTime{})
	w.invariants()
	w.books()
	return w
}
