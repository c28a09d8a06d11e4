package warehouse_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

func TestOrdersByPage(t *testing.T) {
	w := stocked(t)
	for i := range 7 {
		w.ok(release(fmt.Sprintf("O%d", 6-i), "PEN"))
	}
	var pages []string
	for from := ""; ; {
		page := seen(Orders(w.tx, from, 3))
		if len(page) == 0 {
			break
		}
		ids := ""
		for _, o := range page {
			ids += o.Spec.ID + " "
			from = o.Spec.ID
		}
		pages = append(pages, ids)
	}
	if d := cmp.Diff([]string{"O0 O1 O2 ", "O3 O4 O5 ", "O6 "}, pages); d != "" {
		t.Error(d)
	}
	if n := len(seen(Orders(w.tx, "O3", 0))); n != 3 {
		t.Errorf("%d orders behind O3", n)
	}
}

func TestViewsOfNothing(t *testing.T) {
	w := newWorld(t)
	for name, found := range map[string]bool{
		"site": seen(GetSite(w.tx)) != nil, "item": seen(GetItem(w.tx, "X")) != nil, "bin": seen(GetBin(w.tx, "X")) != nil,
		"order": seen(GetOrder(w.tx, "X")) != nil, "task": seen(GetTask(w.tx, "X")) != nil, "batch": seen(GetBatch(w.tx, "X")) != nil,
		"worker": seen(GetWorker(w.tx, "X")) != nil, "state": seen(GetWorkerState(w.tx, "X")) != nil,
		"job": seen(GetJob(w.tx, "X")) != nil, "lu": seen(GetLU(w.tx, "X")) != nil, "device": seen(WorkerOfDevice(w.tx, "X")) != "",
		"items": len(seen(Items(w.tx))) > 0, "bins": len(seen(Bins(w.tx))) > 0, "workers": len(seen(Workers(w.tx))) > 0,
		"pool": len(seen(Pool(w.tx, 9))) > 0, "waiting": len(seen(WaitingWorkers(w.tx))) > 0,
		"jobs": len(seen(PendingJobs(w.tx, "X"))) > 0, "loaded": len(seen(LoadedAt(w.tx, "X"))) > 0,
		"fallouts": len(seen(Fallouts(w.tx, false))) > 0, "balances": len(seen(Balances(w.tx, "X"))) > 0,
		"contents": len(seen(Contents(w.tx, "X"))) > 0, "events": len(w.events()) > 0, "counts": len(seen(CountOrders(w.tx))) > 0,
	} {
		if found {
			t.Errorf("%s: found something", name)
		}
	}
	if s := seen(NextStep(w.tx, "X")); s.Do != StepSignIn {
		t.Errorf("%+v", s)
	}
	if s := seen(StationStep(w.tx, "p")); s.Do != StepScanTote || s.Station != "p" {
		t.Errorf("%+v", s)
	}
	if rep := seen(LedgerCheck(w.tx)); !rep.OK {
		t.Errorf("%+v", rep)
	}
}

func TestMasterDataLists(t *testing.T) {
	w := bare(t)
	if d := cmp.Diff([]string{"BAG", "CUP", "MILK", "PEN"}, func() (skus []string) {
		for _, it := range seen(Items(w.tx)) {
			skus = append(skus, it.SKU)
		}
		return skus
	}()); d != "" {
		t.Error(d)
	}
	if bins := seen(Bins(w.tx)); len(bins) != 10 || bins[9].Code != "B-05" {
		t.Errorf("%+v", bins)
	}
}

// The outbox keeps its numbers when rows go away.
func TestOutbox(t *testing.T) {
	w := stocked(t)
	for i := range 5 {
		w.m.Now = start + int64(i)
		w.ok(release(fmt.Sprintf("O%d", i), "PEN"))
	}
	seqs := func(after uint64, limit int) []uint64 {
		var out []uint64
		for _, e := range seen(OutboxRange(w.tx, StreamControl, after, limit)) {
			out = append(out, e.Seq)
		}
		return out
	}
	depth := func(n int, at int64) {
		t.Helper()
		gotN, gotAt, err := OutboxDepth(w.tx, StreamControl)
		if err != nil || gotN != n || gotAt != at {
			t.Errorf("depth %d since %d (%v), want %d since %d", gotN, gotAt, err, n, at)
		}
	}
	depth(10, start)
	if got := seqs(3, 4); !cmp.Equal(got, []uint64{4, 5, 6, 7}) {
		t.Errorf("%v", got)
	}
	for _, upto := range []uint64{0, 5, 3} {
		if err := OutboxDelete(w.tx, StreamControl, upto); err != nil {
			t.Fatal(err)
		}
	}
	depth(5, start+2)
	if got := seqs(0, 2); !cmp.Equal(got, []uint64{6, 7}) {
		t.Errorf("%v", got)
	}
	w.invariants()
	if err := OutboxDelete(w.tx, StreamControl, 1<<60); err != nil {
		t.Fatal(err)
	}
	depth(0, 0)
	w.ok(CancelOrder{Order: "O1"})
	if got := seqs(0, 9); !cmp.Equal(got, []uint64{11}) {
		t.Errorf("%v", got)
	}
	if got := seqs(11, 9); got != nil {
		t.Errorf("%v", got)
	}
	if got := seen(OutboxRange(w.tx, "other", 0, 9)); got != nil {
		t.Errorf("%v", got)
	}
	if err := OutboxDelete(w.tx, "other", 9); err != nil {
		t.Fatal(err)
	}
	e := w.events()[0]
	if e.Type != EvOrderCancelled || e.Order != "O1" || e.At != w.m.Now || e.Cause != w.m.Cause || e.Data.Revision != 1 {
		t.Errorf("%+v", e)
	}
	w.invariants()
}

// Several commands of one log entry (an inbox page) must not get in each
// other's way.
func TestManyCommandsAtOneIndex(t *testing.T) {
	w := stocked(t)
	for _, c := range []Command{release("O1", "BAG*9"), release("O2", "BAG*9"), release("O3", "CUP"), CancelOrder{Order: "O3"}, release("O4", "NOPE")} {
		res, err := Apply(w.tx, Meta{Index: 99, Now: start, Cause: "inbox", Level: Level}, c)
		if err != nil || !res.OK && !res.Keep {
			t.Fatalf("%+v %v", res, err)
		}
	}
	w.wantFallouts("OUT_OF_STOCK O1/1", "OUT_OF_STOCK O2/1")
	w.invariants()
	w.books()
}

// Touched lists what a display of the state has to draw again, each once.
func TestTouchedNamesTheProjections(t *testing.T) {
	w := stocked(t)
	res := w.ok(release("O1", "CUP"))
	if d := cmp.Diff([]string{"outbox/control", "stock/CUP", "order/O1", "pool"}, res.Touched); d != "" {
		t.Error(d)
	}
	w.ok(release("O2", "BAG*9"))
	res = w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "BAG", Qty: 9}}})
	for _, want := range []string{"order/O2", "fallout", "pool", "stock/BAG"} {
		found := false
		for _, got := range res.Touched {
			found = found || got == want
		}
		if !found {
			t.Errorf("touched %v, not %s", res.Touched, want)
		}
	}
}

// Asking what is in one place reads nothing of the other places of the item.
func TestHeldReadsOnePlace(t *testing.T) {
	w := stocked(t)
	var bins []Bin
	var rows []StockRow
	for i := range 300 {
		b := fmt.Sprintf("H-%03d", i)
		bins, rows = append(bins, Bin{Code: b, Cell: 1}), append(rows, StockRow{Bin: b, SKU: "PEN", Qty: 2})
	}
	w.ok(PutBins{Bins: bins})
	w.ok(OpenStock{Rows: rows})
	c := &countingTx{Tx: w.tx}
	if n, err := Held(c, BinPlace("H-007"), "PEN", ""); n != 2 || err != nil || c.reads > 2 {
		t.Errorf("%d %v with %d reads", n, err, c.reads)
	}
	if n, err := Held(w.tx, BinPlace("H-007"), "PEN", "L"); n != 0 || err != nil {
		t.Errorf("another lot: %d %v", n, err)
	}
}
