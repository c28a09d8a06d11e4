package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	. "tote/warehouse"
)

// cased is the items of the tests, cups in cases of a size and pens in boxes.
func cased(cups int64) []Item {
	items := testItems()
	items[0].Packs = []PackUnit{{Unit: "CASE", Factor: cups, Barcode: gtin(77)}, {Unit: "PALLET", Factor: 480}}
	items[1].Packs = []PackUnit{{Unit: "BOX", Factor: 10, Barcode: "PENBOX"}}
	return items
}

func TestPackBarcodes(t *testing.T) {
	t.Run("a scan of a pack counts its exact factor", func(t *testing.T) {
		w := stocked(t)
		w.ok(PutItems{Items: cased(6)})
		w.ok(release("O1", "CUP*8"))
		w.assign("K1", "w1", "O1")
		w.act("hw1")
		w.ok(Scan{Device: "hw1", Barcode: gtin(77)})
		if s := w.step("hw1"); s.Held != 6 || s.Qty != 2 {
			t.Errorf("%+v", s)
		}
		w.no(Scan{Device: "hw1", Barcode: "]C101" + gtin(77)}, CodeOverPick)
		w.ok(Scan{Device: "hw1", Barcode: gtin(1), Qty: 2})
		w.walkTo("hw1", StepAsk)
		w.wantQty("lu/T-K1-1", "CUP", "", 8, 0)
		// In by the pack as well.
		w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S", Name: "Supplier"}}})
		w.ok(OpenReceipt{Receipt: "R1", Supplier: "S"})
		w.ok(Receive{Receipt: "R1", Barcode: "PENBOX", Qty: 3})
		w.wantQty(ReceiptPlace("R1"), "PEN", "", 30, 30)
		w.ok(PutItems{Items: []Item{{SKU: "DOT", Name: "Dot", WeightMg: 1, Packs: []PackUnit{{Unit: "SACK", Factor: 100_000, Barcode: "SACK"}}}}})
		w.no(Receive{Receipt: "R1", Barcode: "SACK", Qty: 1e6}, CodeInvalid)
		w.invariants()
		w.books()
	})
	for name, f := range map[string]func(*Item){
		"no unit":         func(it *Item) { it.Packs[0].Unit = "" },
		"factor 1":        func(it *Item) { it.Packs[0].Factor = 1 },
		"factor 0":        func(it *Item) { it.Packs[0].Factor = 0 },
		"negative":        func(it *Item) { it.Packs[0].Factor = -6 },
		"huge":            func(it *Item) { it.Packs[0].Factor = 1e9 },
		"unit twice":      func(it *Item) { it.Packs[1].Unit = "CASE" },
		"barcode of base": func(it *Item) { it.Packs[0].Barcode = gtin(1) },
		"barcode twice":   func(it *Item) { it.Packs[1].Barcode = gtin(77) },
		"no barcode":      func(it *Item) { it.Packs[0].Barcode = "a b" },
		"serials":         func(it *Item) { it.Serials = true },
		"too many":        func(it *Item) { it.Packs = make([]PackUnit, 17) },
	} {
		w := bare(t)
		it := cased(6)[0]
		it.SKU, it.GTIN, it.Barcodes = "X", gtin(1), nil
		f(&it)
		before := w.tx.Digest()
		if res := w.apply(PutItems{Items: []Item{it}}); res.Code != CodeInvalid {
			t.Errorf("%s: %+v", name, res)
		}
		if w.tx.Digest() != before {
			t.Errorf("%s: the refusal changed the state", name)
		}
	}
}

// Whatever the pack and however it is counted, the pieces are exact: none is
// made or lost between a pallet and a single one.
func TestExactUnitsRow99(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := stocked(t)
		factor := rapid.Int64Range(2, 100_000).Draw(t, "factor")
		w.ok(PutItems{Items: cased(factor)})
		w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S", Name: "Supplier"}}})
		w.ok(OpenReceipt{Receipt: "R1", Supplier: "S"})
		var want int64
		for i := range rapid.IntRange(1, 5).Draw(t, "scans") {
			packs := rapid.Int64Range(1, 9).Draw(t, fmt.Sprint("packs ", i))
			loose := rapid.Int64Range(1, 1_000_000).Draw(t, fmt.Sprint("loose ", i))
			w.ok(Receive{Receipt: "R1", Barcode: gtin(77), Qty: packs})
			w.ok(Receive{Receipt: "R1", Barcode: gtin(1), Qty: loose})
			want += packs*factor + loose
		}
		if got, _ := w.qty(ReceiptPlace("R1"), "CUP", ""); got != want {
			t.Fatalf("%d pieces came in, want %d", got, want)
		}
		w.books() // every balance is the sum of its moves, and all of them are nothing
	})
}

func (w *world) pool() (ids []string) {
	for _, o := range seen(Pool(w.tx, 0)) {
		ids = append(ids, o.Spec.ID)
	}
	return ids
}

func (w *world) wantPool(want ...string) {
	w.t.Helper()
	if got := w.pool(); !slices.Equal(got, want) {
		w.t.Fatalf("in the pool: %v, want %v", got, want)
	}
}

func TestPackSizeChange(t *testing.T) {
	t.Run("row 101: a new case size holds, a confirmation releases, stock is what it was", func(t *testing.T) {
		w := stocked(t)
		w.ok(PutItems{Items: cased(6)})
		w.ok(release("O1", "CUP*6"))
		w.ok(release("O2", "PEN*2"))
		w.ok(release("O3", "PEN", "CUP"))
		before := fmt.Sprint(seen(Balances(w.tx, "CUP")), seen(Balances(w.tx, "PEN")))
		w.ok(PutItems{Items: cased(6)}) // nothing new
		w.wantPool("O1", "O2", "O3")
		w.ok(PutItems{Items: cased(12)})
		w.wantPool("O2")
		if o := w.state("O1", OrderReleased); !slices.Equal(o.Holds, []string{HoldPackSize}) {
			t.Errorf("holds %v", o.Holds)
		}
		if p := seen(PackChanges(w.tx)); len(p) != 1 || p[0].SKU != "CUP" || p[0].Was[0].Factor != 6 {
			t.Errorf("%+v", p)
		}
		w.invariants()
		// New ones are held as they reach the pool, and those that waited.
		w.ok(release("O4", "CUP"))
		w.ok(release("O5", "CUP*20"))
		w.wantPool("O2")
		w.invariants()
		w.no(AssignBatch{Batch: "K0", Worker: "w1", Slots: []BatchSlot{{Slot: 1, Order: "O1"}}, Walk: w.openTasks("O1")}, CodeNotWaiting)
		w.ok(SignIn{Device: "h1", Badge: "B1"})
		w.ok(AskWork{Device: "h1"})
		w.no(AssignBatch{Batch: "K0", Worker: "w1", Slots: []BatchSlot{{Slot: 1, Order: "O1"}}, Walk: w.openTasks("O1")}, CodePoolChanged)
		w.no(ConfirmPack{SKU: "PEN"}, CodeNoPackChange)
		w.no(ConfirmPack{}, CodeUnknownItem)
		w.ok(CancelOrder{Order: "O4", Source: "oms/main"})
		w.ok(ConfirmPack{SKU: "CUP"})
		w.wantPool("O1", "O2", "O3")
		w.no(ConfirmPack{SKU: "CUP"}, CodeNoPackChange)
		if after := fmt.Sprint(seen(Balances(w.tx, "CUP")), seen(Balances(w.tx, "PEN"))); after != before {
			t.Errorf("stock was %s, is %s", before, after)
		}
		w.ok(release("O6", "CUP"))
		w.wantPool("O1", "O2", "O3", "O6")
		w.invariants()
		w.books()
	})
	t.Run("an order of two such items waits for both", func(t *testing.T) {
		w := stocked(t)
		w.ok(PutItems{Items: cased(6)})
		w.ok(release("O1", "CUP", "PEN"))
		items := cased(12)
		items[1].Packs[0].Factor = 20
		w.ok(PutItems{Items: items})
		w.ok(ConfirmPack{SKU: "PEN"})
		w.wantPool()
		w.ok(ConfirmPack{SKU: "CUP"})
		w.wantPool("O1")
		w.invariants()
	})
	t.Run("the barcode moves to another size", func(t *testing.T) {
		w := stocked(t)
		w.ok(PutItems{Items: cased(6)})
		w.ok(release("O1", "CUP"))
		items := cased(6)
		items[0].Packs[0].Unit, items[0].Packs[0].Factor = "CASE12", 12
		w.ok(PutItems{Items: items})
		w.wantPool()
		w.invariants()
	})
	t.Run("work that was handed out is finished", func(t *testing.T) {
		w := stocked(t)
		w.ok(PutItems{Items: cased(6)})
		w.ok(release("O1", "CUP*6"))
		w.assign("K1", "w1", "O1")
		w.ok(PutItems{Items: cased(12)})
		w.walkTo("hw1", StepAsk)
		w.state("O1", OrderPicked)
		w.invariants()
	})
	t.Run("many orders, in parts", func(t *testing.T) {
		w := stocked(t)
		w.ok(PutItems{Items: cased(6)})
		w.ok(OpenStock{Rows: []StockRow{{Bin: "B-05", SKU: "CUP", Qty: 400}}})
		for i := range 250 {
			w.ok(release(fmt.Sprintf("O%03d", i), []string{"CUP", "PEN"}[i%5/4]))
		}
		due := func() {
			for range 50 {
				if at, ok, err := NextDue(w.tx); err != nil || !ok || at > w.m.Now {
					return
				}
				w.ok(AdvanceTime{})
				w.invariants()
			}
			t.Fatal("it never ends")
		}
		w.ok(PutItems{Items: cased(12)})
		if n := len(w.pool()); n >= 250 || n <= 50 {
			t.Errorf("%d in the pool after the first part", n)
		}
		due()
		if n := len(w.pool()); n != 50 {
			t.Errorf("%d in the pool", n)
		}
		w.ok(ConfirmPack{SKU: "CUP"})
		w.ok(PutItems{Items: cased(24)}) // changes again while they are let go
		due()
		if n := len(w.pool()); n != 50 {
			t.Errorf("%d in the pool", n)
		}
		w.ok(ConfirmPack{SKU: "CUP"})
		due()
		if n := len(w.pool()); n != 250 {
			t.Errorf("%d in the pool", n)
		}
		w.invariants()
	})
}
