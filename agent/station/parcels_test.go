package station

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tote/warehouse"
)

// An order in two parcels by the scanner alone: the control code, the piece, the
// scale, and then the rest. Each answer says what comes next, and each carton has
// its own label.
func TestNextCartonByScanner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		f.must(warehouse.ReleaseOrder{Source: "site", Order: warehouse.OrderSpec{
			ID: "O1", Revision: 1, ShipTo: warehouse.Address{Name: "Eve", Street: "Road 1", Postcode: "1000", City: "Town", Country: "DE"},
			Lines: []warehouse.OrderLine{{Line: 1, SKU: "A", Qty: 3}},
		}})
		f.must(warehouse.AskWork{Device: "hh1"})
		f.must(warehouse.AssignBatch{Batch: "b1", Worker: "W1", Slots: []warehouse.BatchSlot{{Slot: 1, Order: "O1"}}, Walk: []string{"O1/1/1"}})
		f.must(warehouse.Scan{Device: "hh1", Barcode: "B1"})
		f.must(warehouse.Scan{Device: "hh1", Barcode: "A", Qty: 3})
		f.must(warehouse.Scan{Device: "hh1", Barcode: "T1"})
		f.must(warehouse.FinishBatch{Device: "hh1", Barcode: "DROP"})
		var printed []string
		b := newBench(f, func(ctx context.Context, j warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
			if err := before(ctx); err != nil {
				return NotReady, "", err
			}
			printed = append(printed, j.ID)
			return warehouse.JobPrinted, "", nil
		})
		defer b.stop()
		if a := b.scan(CodeNextCarton); a.Code != warehouse.CodeWrongStep || a.OK {
			t.Fatalf("%+v", a)
		}
		b.weigh(0, true)
		whole := b.scan("T1").Next.ExpectedMg
		next := b.scan(CodeNextCarton).Next
		if next == nil || !next.Scanned || !next.More || next.No != 1 || len(next.Contents) != 0 {
			t.Fatalf("%+v", next)
		}
		if next = b.scan("A").Next; next == nil || len(next.Contents) != 1 || next.Contents[0].Qty != 1 {
			t.Fatalf("%+v", next)
		}
		first := next.ExpectedMg
		if first != whole-2*itemMg {
			t.Errorf("the first carton weighs %d of %d", first, whole)
		}
		b.weigh(first, true)
		pass(time.Second)
		if s := b.state("O1"); s != warehouse.OrderPacking || len(printed) != 1 {
			t.Fatalf("O1 is %s, %d labels", s, len(printed))
		}
		b.weigh(0, true)
		b.weigh(whole-itemMg, true)
		pass(time.Second)
		if s := b.state("O1"); s != warehouse.OrderLabelled || len(printed) != 2 || printed[0] == printed[1] {
			t.Errorf("O1 is %s, labels %v", s, printed)
		}
	})
}
