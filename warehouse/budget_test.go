package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// meter counts what a command writes. The store takes 4096 keys, 512 KiB and
// values of 60 KiB; what the domain makes must stay well below.
type meter struct {
	countingTx
	keys, bytes, value int
}

func (m *meter) note(k, v []byte) {
	m.keys++
	m.bytes += len(k) + len(v)
	m.value = max(m.value, len(v))
}

func (m *meter) Set(k, v []byte) error { m.note(k, v); return m.Tx.Set(k, v) }
func (m *meter) Delete(k []byte) error { m.note(k, nil); return m.Tx.Delete(k) }

func (m *meter) check(t fataler, c Command) {
	t.Helper()
	if m.keys > 3500 || m.bytes > 450<<10 || m.value > 56<<10 {
		t.Fatalf("%T writes %d keys, %d KiB, a value of %d KiB", c, m.keys, m.bytes>>10, m.value>>10)
	}
}

// wide is a world with n items "S000…" and room for bins.
func wide(t fataler, n int, pad string) (*world, []string) {
	w := bare(t)
	var skus []string
	for at := 0; at < n; at += 100 {
		var items []Item
		for i := at; i < min(n, at+100); i++ {
			skus = append(skus, fmt.Sprintf("S%03d%s", i, pad))
			items = append(items, Item{SKU: skus[i], Name: "n", WeightMg: 1000})
		}
		w.ok(PutItems{Items: items})
	}
	return w, skus
}

// fill puts qty of each item into each of the bins "<sku>.b<n>".
func (w *world) fill(skus []string, bins int, qty int64) {
	w.t.Helper()
	var rows []StockRow
	for _, s := range skus {
		for b := range bins {
			rows = append(rows, StockRow{Bin: fmt.Sprintf("b%d-%s", b, s[:4]), SKU: s, Qty: qty})
		}
	}
	for part := range slices.Chunk(rows, 100) {
		var bs []Bin
		for _, r := range part {
			bs = append(bs, Bin{Code: r.Bin})
		}
		w.ok(PutBins{Bins: bs})
		w.ok(OpenStock{Rows: part})
	}
}

func bigOrder(id string, skus []string, qty int64) ReleaseOrder {
	r := release(id)
	for i, s := range skus {
		r.Order.Lines = append(r.Order.Lines, OrderLine{Line: i + 1, SKU: s, Qty: qty})
	}
	return r
}

// ship takes an order that is in the pool from there to the dock.
func (w *world) toDock(n int, id string) {
	w.t.Helper()
	w.assign(fmt.Sprintf("K%d", n), "w1", id)
	for w.step("hw1").Do != StepAsk {
		w.act("hw1")
	}
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
}

func TestAFullTruckDepartsInParts(t *testing.T) {
	w := bare(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 1000}}})
	const n = 450
	for i := range n {
		id := fmt.Sprintf("O%03d", i)
		w.ok(release(id, "CUP"))
		w.toDock(i, id)
	}
	parts, first := 0, ""
	for {
		res := w.ok(Depart{Dock: "d1"})
		parts++
		if parts == 1 {
			first = res.Text
			w.state("O000", OrderShipped)
			w.state(fmt.Sprintf("O%03d", n-1), OrderStaged)
		}
		if res.Ref != RefMore {
			break
		}
	}
	if parts < 2 || parts > 6 {
		t.Errorf("%d parts, the first %s", parts, first)
	}
	if left := seen(LoadedAt(w.tx, "d1")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	w.no(Depart{Dock: "d1"}, CodeNothingLoaded)
	w.invariants()
}

func TestAnOrderThatIsTooBigIsRejected(t *testing.T) {
	long := strings.Repeat("x", 60)
	for _, tc := range []struct {
		name      string
		lines     int
		pad, id   string
		bins      int
		qty, each int64
		ok        bool
	}{
		{"500 lines of one bin", 500, "", "O1", 1, 1, 1, true},
		{"600 picks", 300, "", "O1", 2, 2, 1, true},
		{"601 picks", 301, "", "O1", 2, 2, 1, false},
		{"3000 picks", 500, "", "O1", 6, 30, 5, false},
		{"long names", 500, long, strings.Repeat("o", 59), 1, 1, 1, false},
		{"long names, fewer lines", 120, long, strings.Repeat("o", 59), 1, 1, 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, skus := wide(t, tc.lines, tc.pad)
			w.fill(skus, tc.bins, tc.each)
			cmd := bigOrder(tc.id, skus, tc.qty)
			if !tc.ok {
				res := w.no(cmd, CodeInvalid)
				if !res.Keep || !strings.Contains(res.Text, "too big") {
					t.Errorf("%+v", res)
				}
				w.wantEvents(tc.id, EvOrderRejected)
				if again := w.no(cmd, CodeInvalid); again.Keep || again.Text != res.Text {
					t.Errorf("again: %+v", again)
				}
				w.ok(release("SMALL", skus[0]))
				w.state("SMALL", OrderReleased)
				w.invariants()
				return
			}
			// Every step of its life must fit, and a cancel as well.
			w.ok(cmd)
			w.ok(CancelOrder{Order: tc.id})
			cmd.Order.ID = tc.id[:len(tc.id)-1] + "2"
			w.ok(cmd)
			cmd.Order.Revision = 2
			if res := w.apply(cmd); !res.OK && (res.Code != CodeInvalid || !res.Keep) {
				t.Errorf("amended: %+v", res)
			}
			w.assign("K1", "w1", cmd.Order.ID)
			w.m.Now += 60_001
			w.ok(AdvanceTime{}) // the lease ends, the batch is returned
			w.assign("K2", "w1", cmd.Order.ID)
			for w.step("hw1").Do != StepAsk {
				w.act("hw1")
			}
			w.ok(Load{Dock: "d1", Barcode: w.label("pack1", cmd.Order.ID)})
			w.ok(Depart{Dock: "d1"})
			w.state(cmd.Order.ID, OrderShipped)
			w.invariants()
		})
	}
}

func TestABatchThatIsTooBigIsRefused(t *testing.T) {
	w := bare(t)
	cmd := AssignBatch{Batch: "K", Worker: "w1", Slots: []BatchSlot{{Slot: 1, Order: "O1"}}}
	for i := range MaxBatchTasks + 1 {
		cmd.Walk = append(cmd.Walk, fmt.Sprintf("O1/1/%d", i))
	}
	if res := w.no(cmd, CodeInvalid); !strings.Contains(res.Text, "1201 tasks") {
		t.Errorf("%+v", res)
	}
	for i := range cmd.Walk {
		cmd.Walk[i] = strings.Repeat("o", 60) + cmd.Walk[i]
	}
	cmd.Walk = cmd.Walk[:MaxBatchTasks]
	if res := w.no(cmd, CodeInvalid); !strings.Contains(res.Text, "KiB") {
		t.Errorf("%+v", res)
	}
}

// advance runs AdvanceTime while something is due now.
func (w *world) advance() (rounds int) {
	w.t.Helper()
	for {
		at, ok, err := NextDue(w.tx)
		if err != nil {
			w.t.Fatal(err)
		}
		if !ok || at > w.m.Now {
			return rounds
		}
		w.ok(AdvanceTime{})
		rounds++
		if rounds > 1000 {
			w.t.Fatal("it never ends")
		}
	}
}

func TestManyWaitingOrdersAreRetriedInParts(t *testing.T) {
	w, skus := wide(t, 20, "")
	const n = 300
	for i := range n {
		w.ok(bigOrder(fmt.Sprintf("O%03d", i), skus, 1))
	}
	var rows []StockRow
	for _, s := range skus {
		rows = append(rows, StockRow{Bin: "A-01", SKU: s, Qty: n - 10})
	}
	w.ok(OpenStock{Rows: rows})
	w.state("O000", OrderReleased) // at once, as far as it fits
	w.state("O299", OrderShortWaiting)
	w.invariants()
	if rounds := w.advance(); rounds < 3 || rounds > 40 {
		t.Errorf("%d rounds", rounds)
	}
	for i := range n { // the oldest have it
		want := OrderReleased
		if i >= n-10 {
			want = OrderShortWaiting
		}
		w.state(fmt.Sprintf("O%03d", i), want)
	}
	// Nothing is left over, and nothing goes on for ever.
	if _, ok, err := NextDue(w.tx); ok || err != nil {
		t.Errorf("still due, %v", err)
	}
	w.ok(CancelOrder{Order: "O000"})
	w.advance()
	w.state("O290", OrderReleased)
	w.invariants()
	w.books()
}

// Orders that stay short must not keep the ones behind them from their turn.
func TestTheRetryGoesOnBehindOrdersThatStayShort(t *testing.T) {
	w := bare(t)
	for i := range 60 {
		w.ok(release(fmt.Sprintf("B%02d", i), "CUP*5", "BAG"))
	}
	w.ok(release("LAST", "CUP"))
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 7}}})
	w.state("LAST", OrderShortWaiting)
	// New stock in between begins at the front again.
	w.ok(AdvanceTime{})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-02", SKU: "BAG", Qty: 1}}})
	w.state("B00", OrderReleased)
	w.advance()
	w.state("LAST", OrderReleased)
	w.invariants()
}

// An order that waited and then lies in too many bins waits for a person.
func TestAWaitingOrderThatBecameTooBig(t *testing.T) {
	w, skus := wide(t, 500, "")
	w.ok(bigOrder("BIG", skus, 2))
	if n := len(w.order("BIG").Fallout); n != 100 {
		t.Errorf("%d fallouts", n)
	}
	w.ok(release("SMALL", skus[499]))
	w.fill(skus, 2, 1)
	w.advance()
	o := w.state("BIG", OrderShortWaiting)
	if fs := w.openFallouts(); len(o.Fallout) != 1 || !slices.Contains(fs, FalloutTooBig+" BIG/0") {
		t.Errorf("%v, open %v", o.Fallout, fs)
	}
	w.state("SMALL", OrderReleased)
	w.invariants()
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: skus[499], Qty: 1}}})
	w.fill(skus, 1, 1) // twice in the first bin now: one pick each
	w.ok(RetryOrder{Order: "BIG"})
	if o := w.state("BIG", OrderReleased); len(o.Fallout) != 0 {
		t.Errorf("%v", o.Fallout)
	}
	w.invariants()
}

func TestManyLeasesEndInParts(t *testing.T) {
	w, skus := wide(t, 100, "")
	w.fill(skus, 1, 30)
	var workers []Worker
	for i := range 12 {
		id := fmt.Sprintf("p%d", i)
		workers = append(workers, Worker{ID: id, Name: "n", Badge: "PB" + id})
	}
	w.ok(PutWorkers{Workers: workers})
	for i, p := range workers {
		id := fmt.Sprintf("O%d", i)
		w.ok(bigOrder(id, skus, 1))
		w.assign("K"+id, p.ID, id)
	}
	w.m.Now += 60_001
	if rounds := w.advance(); rounds < 3 || rounds > 12 {
		t.Errorf("%d rounds", rounds)
	}
	if pool := seen(Pool(w.tx, 0)); len(pool) != 12 {
		t.Errorf("%d orders came back", len(pool))
	}
	w.invariants()
}

func TestAShortPickIsSentToSoManyBinsOnly(t *testing.T) {
	w, skus := wide(t, 1, "")
	w.fill(skus, 1, 300)
	w.ok(bigOrder("O1", skus, 300))
	for i := range 400 { // they count on other bins, or on the rest of this one
		w.ok(PutBins{Bins: []Bin{{Code: fmt.Sprintf("c%03d", i)}}})
		w.ok(OpenStock{Rows: []StockRow{{Bin: fmt.Sprintf("c%03d", i), SKU: skus[0], Qty: 1}}})
	}
	w.assign("K1", "w1", "O1")
	res := w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	if !strings.Contains(res.Text, "100 elsewhere, 200 nowhere") {
		t.Errorf("%+v", res)
	}
	w.invariants()
}

// S1: the tote on the slot stays one when the site changes its prefix.
func TestTheBoundToteOutlivesThePrefix(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP", "PEN"))
	w.assign("K1", "w1", "O1")
	tote := ""
	for w.order("O1").Tote == "" {
		w.act("hw1")
	}
	tote = w.order("O1").Tote
	site := testSite()
	site.TotePrefix = "BOX"
	w.ok(PutSite{Site: site})
	w.walkTo("hw1", StepScanSlot)
	w.no(Scan{Device: "hw1", Verb: "slot", Barcode: "T-OTHER"}, CodeUnknownTote)
	w.no(Scan{Device: "hw1", Verb: "slot", Barcode: "BOX1"}, CodeWrongSlot)
	w.ok(Scan{Device: "hw1", Verb: "slot", Barcode: tote})
	w.walkTo("hw1", StepAsk)
	w.state("O1", OrderPicked)
	w.invariants()
}
