package warehouse_test

import (
	"fmt"
	"testing"

	. "tote/warehouse"
	"tote/warehouse/memtx"
)

// countingTx counts what a command reads: single keys and rows of ranges.
type countingTx struct {
	*memtx.Tx
	reads int
}

func (c *countingTx) Get(k []byte) ([]byte, error) {
	c.reads++
	return c.Tx.Get(k)
}

func (c *countingTx) Range(p []byte, fn func(k, v []byte) (bool, error)) error {
	return c.RangeAfter(p, nil, fn)
}

func (c *countingTx) RangeAfter(p, after []byte, fn func(k, v []byte) (bool, error)) error {
	return c.Tx.RangeAfter(p, after, func(k, v []byte) (bool, error) {
		c.reads++
		return fn(k, v)
	})
}

// lived takes an order of two lines from in to shipped.
func (w *world) lived(id string) {
	w.t.Helper()
	w.ok(release(id, "CUP*1", "MILK*1"))
	w.assign("K"+id, "w1", id)
	w.walkTo("hw1", StepScanItem)
	w.ok(AdvanceTime{})
	w.walkTo("hw1", StepAsk)
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
	w.ok(Depart{Dock: "d1"})
}

// life takes one order from in to shipped and returns what its commands read
// and wrote.
func (w *world) life(n int) (reads, writes int) {
	w.t.Helper()
	from := len(w.log)
	before := w.tx.Snapshot()
	w.lived(fmt.Sprintf("L%04d", n))
	end := w.tx.Digest()
	w.tx.Rollback(before)
	c := &countingTx{Tx: w.tx}
	writes = w.tx.Writes()
	for _, l := range w.log[from:] {
		cmd, err := Decode(l.kind, l.version, l.body)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := Apply(c, l.meta, cmd); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.tx.Digest() != end {
		w.t.Fatal("the second run ends elsewhere")
	}
	return c.reads, w.tx.Writes() - writes
}

// What a command costs must not depend on how many orders are closed.
func TestCostDoesNotGrowWithClosedOrders(t *testing.T) {
	w := bare(t)
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-01", SKU: "CUP", Qty: 9000},
		{Bin: "A-02", SKU: "MILK", Lot: "L1", Expiry: "2027-01-01", Qty: 9000},
	}})
	w.life(0) // the first one makes rows that stay
	reads, writes := w.life(1)
	for n := range 2000 {
		w.m.Now += 10
		if n > 10 && n < 1990 { // once is enough to make a closed order
			w.lived(fmt.Sprintf("L%04d", n+2))
			continue
		}
		r, wr := w.life(n + 2)
		if r != reads || wr != writes {
			t.Fatalf("order %d: %d reads and %d writes, the first had %d and %d", n+2, r, wr, reads, writes)
		}
	}
	t.Logf("an order of two lines costs %d reads and %d writes", reads, writes)
	// Cancelled and rejected ones do not count either.
	for n := range 50 {
		id := fmt.Sprintf("C%04d", n)
		w.ok(release(id, "CUP"))
		w.ok(CancelOrder{Order: id})
		w.no(release("R"+id, "NOPE"), CodeUnknownItem)
	}
	if r, wr := w.life(9000); r != reads || wr != writes {
		t.Errorf("after cancels: %d reads and %d writes, not %d and %d", r, wr, reads, writes)
	}
	w.invariants()
	w.books()
}

// Waiting orders cost those who bring what they wait for, and nobody else.
func TestWaitingOrdersCostNobodyElse(t *testing.T) {
	w := bare(t)
	row := []StockRow{{Bin: "A-01", SKU: "PEN", Qty: 1}}
	cost := func() int {
		c := &countingTx{Tx: w.tx}
		w.m.Index++
		if res, err := Apply(c, w.m, OpenStock{Rows: row}); err != nil || !res.OK {
			t.Fatalf("%+v %v", res, err)
		}
		return c.reads
	}
	cost()
	alone := cost()
	for n := range 40 {
		w.ok(release(fmt.Sprintf("O%d", n), "BAG*2"))
	}
	if got := cost(); got != alone {
		t.Errorf("%d reads, %d without orders that wait for bags", got, alone)
	}
	w.invariants()
}
