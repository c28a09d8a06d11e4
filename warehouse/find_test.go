package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	. "tote/warehouse"
)

func withPolicy(policy string, minDays int) []Item {
	items := testItems()
	for i := range items {
		items[i].Policy = policy
		if items[i].LotTracked {
			items[i].MinDays = minDays
		}
	}
	return items
}

func (w *world) wantPicks(order string, want ...string) {
	w.t.Helper()
	if got := w.picks(order); !slices.Equal(got, want) {
		w.t.Fatalf("order %s: picks %q, want %q", order, got, want)
	}
}

func TestPolicies(t *testing.T) {
	// A-03 came in first, B-01 second, A-01 third; B-01 is the biggest.
	world := func(t *testing.T, policy string) *world {
		w := bare(t)
		w.ok(PutItems{Items: withPolicy(policy, 0)})
		for _, r := range []StockRow{{Bin: "A-03", Qty: 2}, {Bin: "B-01", Qty: 6}, {Bin: "A-01", Qty: 4}, {Bin: "A-02", Qty: 3}} {
			r.SKU = "CUP"
			w.m.Now += 1000
			w.ok(OpenStock{Rows: []StockRow{r}})
		}
		return w
	}
	for _, tt := range []struct {
		policy string
		qty    int
		want   []string
	}{
		{PolicyFEFO, 9, []string{"A-01  4", "A-02  3", "A-03  2"}},
		{PolicyFIFO, 9, []string{"A-03  2", "B-01  6", "A-01  1"}},
		{PolicyClosest, 8, []string{"A-01  4", "A-02  3", "A-03  1"}},
		{PolicyTouches, 4, []string{"A-01  4"}},
		{PolicyTouches, 5, []string{"B-01  5"}},
		{PolicyTouches, 8, []string{"B-01  6", "A-03  2"}},
		{PolicyTouches, 15, []string{"B-01  6", "A-01  4", "A-02  3", "A-03  2"}},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.policy, tt.qty), func(t *testing.T) {
			w := world(t, tt.policy)
			w.ok(release("O1", fmt.Sprintf("CUP*%d", tt.qty)))
			w.wantPicks("O1", tt.want...)
			w.invariants()
		})
	}
	t.Run("goods keep their date when they are moved, judged and put together", func(t *testing.T) {
		w := world(t, PolicyFIFO)
		w.ok(MoveStock{From: "bin/A-03", To: "bin/B-05", SKU: "CUP", Qty: 2})
		w.ok(SetStatus{Place: "bin/B-01", SKU: "CUP", To: StatusQC, Qty: 6})
		w.ok(PutLU{LU: "P1", Type: LUPallet, At: "bin/A-01"})
		w.ok(MoveStock{From: "bin/A-01", To: "lu/P1", SKU: "CUP", Qty: 4})
		w.m.Now += 1000
		w.ok(SetStatus{Place: "bin/B-01", SKU: "CUP", From: StatusQC, Qty: 6})
		w.ok(MoveStock{From: "lu/P1", To: "bin/B-04", SKU: "CUP", Qty: 4})
		w.ok(release("O1", "CUP*13"))
		w.wantPicks("O1", "B-05  2", "B-01  6", "B-04  4", "A-02  1")
		w.ok(CancelOrder{Order: "O1"})
		// New goods on old ones: the older date holds.
		w.ok(OpenStock{Rows: []StockRow{{Bin: "B-05", SKU: "CUP", Qty: 5}}})
		w.ok(release("O2", "CUP*8"))
		w.wantPicks("O2", "B-05  7", "B-01  1")
		w.ok(CancelOrder{Order: "O2"})
		// And old goods on new ones make them old.
		w.ok(MoveStock{From: "bin/B-01", To: "bin/A-02", SKU: "CUP", Qty: 1})
		w.ok(release("O3", "CUP*13"))
		w.wantPicks("O3", "B-05  7", "A-02  4", "B-01  2")
		w.invariants()
	})
	t.Run("the depot decides what is close", func(t *testing.T) {
		w := world(t, PolicyClosest)
		s := testSite()
		s.Layout.DepotAisle = 1
		w.ok(PutSite{Site: s})
		w.ok(release("O1", "CUP*7"))
		w.wantPicks("O1", "B-01  6", "A-01  1")
	})
	t.Run("expired and suspect stock is nobody's", func(t *testing.T) {
		for _, p := range []string{PolicyFIFO, PolicyClosest, PolicyTouches} {
			w := bare(t)
			w.ok(PutItems{Items: withPolicy(p, 0)})
			w.ok(OpenStock{Rows: []StockRow{
				{Bin: "A-01", SKU: "MILK", Lot: "OLD", Expiry: "2026-01-01", Qty: 9},
				{Bin: "A-02", SKU: "MILK", Lot: "L1", Expiry: "2026-02-01", Qty: 2},
			}})
			w.ok(release("O1", "MILK*2"))
			w.wantPicks("O1", "A-02 L1 2")
			w.ok(release("O2", "MILK"))
			w.state("O2", OrderShortWaiting)
			w.invariants()
		}
	})
}

// One rule of when goods are good enough, at the allocation and at the pick.
func TestMinimumOfDays(t *testing.T) {
	w := bare(t)
	w.ok(PutItems{Items: withPolicy("", 10)})
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-01", SKU: "MILK", Lot: "TEN", Expiry: "2026-01-11", Qty: 5},
		{Bin: "A-02", SKU: "MILK", Lot: "MORE", Expiry: "2026-01-12", Qty: 2},
	}})
	w.ok(release("O1", "MILK*2"))
	w.wantPicks("O1", "A-02 MORE 2")
	w.ok(release("O2", "MILK"))
	w.state("O2", OrderShortWaiting)
	w.assign("K1", "w1", "O1")
	w.walkTo("hw1", StepScanItem)
	w.m.Now += 24 * 3600 * 1000 // the next day it has nine days left
	w.no(Scan{Device: "hw1", Barcode: "]C101" + gtin(3) + "10MORE"}, FalloutExpired)
	w.invariants()
}

func TestPolicyFields(t *testing.T) {
	w := bare(t)
	for name, f := range map[string]func(*Item){
		"policy":            func(it *Item) { it.Policy = "lifo" },
		"negative days":     func(it *Item) { it.LotTracked, it.MinDays = true, -1 },
		"too many days":     func(it *Item) { it.LotTracked, it.MinDays = true, 3651 },
		"days without lots": func(it *Item) { it.MinDays = 1 },
	} {
		it := Item{SKU: "X", Name: "X", WeightMg: 1}
		f(&it)
		before := w.tx.Digest()
		w.no(PutItems{Items: []Item{it}}, CodeInvalid)
		if w.tx.Digest() != before {
			t.Error(name)
		}
	}
	site := testSite()
	site.AdjustLimit = -1
	w.no(PutSite{Site: site}, CodeInvalid)
}

// Serials: one for each unit from receipt to pick, and the picker may take
// another unit than the one that was kept.
func TestSerials(t *testing.T) {
	w := bare(t)
	w.ok(PutItems{Items: []Item{phone()}})
	row := func(bin, serial string) StockRow { return StockRow{Bin: bin, SKU: "TEL", Serial: serial, Qty: 1} }
	w.ok(OpenStock{Rows: []StockRow{row("A-01", "s1"), row("A-01", "s2"), row("A-01", "s/3"), row("A-02", "s4")}})
	two := row("A-02", "s9")
	two.Qty = 2
	w.rejected(t, map[string]struct {
		c    Command
		code string
	}{
		"no serial":       {OpenStock{Rows: []StockRow{row("A-01", "")}}, CodeInvalid},
		"two of one":      {OpenStock{Rows: []StockRow{two}}, CodeInvalid},
		"here already":    {OpenStock{Rows: []StockRow{row("B-01", "s1")}}, CodeConflict},
		"here, same bin":  {OpenStock{Rows: []StockRow{row("A-01", "s1")}}, CodeConflict},
		"twice in a file": {OpenStock{Rows: []StockRow{row("B-01", "s9"), row("B-01", "s9")}}, CodeDuplicateInFile},
		"two bins":        {OpenStock{Rows: []StockRow{row("B-01", "s9"), row("B-02", "s9")}}, CodeConflict},
		"on plain goods":  {OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Serial: "s1", Qty: 1}}}, CodeInvalid},
		"change of mind":  {PutItems{Items: []Item{{SKU: "TEL", Name: "Phone", WeightMg: 1}}}, CodeConflict},
	})
	w.ok(release("O1", "TEL*2"))
	w.ok(release("O2", "TEL"))
	code := func(serial string) string { return "]C101" + gtin(9) + "21" + serial }
	s := w.assign("K1", "w1", "O1")
	if s.Bin != "A-01" || s.Serial == "" || s.Qty != 1 {
		t.Fatalf("%+v", s)
	}
	w.act("hw1")
	first := s.Serial // "s/3": it sorts before the others
	w.no(Scan{Device: "hw1", Barcode: "TEL"}, CodeWrongSerial)
	w.no(Scan{Device: "hw1", Barcode: code("s4")}, CodeWrongSerial) // in another bin
	w.no(Scan{Device: "hw1", Barcode: code("s8")}, CodeWrongSerial) // nowhere
	// The other one of the same batch is kept for the next task.
	next := seen(GetTask(w.tx, w.order("O1").Lines[0].Tasks[1])).Serial
	w.no(Scan{Device: "hw1", Barcode: code(next)}, CodeReserved)
	// That of an order in the pool changes places with mine.
	theirs := seen(GetTask(w.tx, w.openTasks("O2")[0])).Serial
	w.ok(Scan{Device: "hw1", Barcode: code(theirs)})
	if got := seen(GetTask(w.tx, w.openTasks("O2")[0])).Serial; got != first {
		t.Errorf("order O2 now keeps %s, not %s", got, first)
	}
	w.invariants()
	w.walkTo("hw1", StepAsk)
	l := w.order("O1").Lines[0]
	if len(l.Lots) != 2 || l.Lots[0].Serial != theirs || l.Lots[1].Serial != next {
		t.Errorf("picked %+v", l.Lots)
	}
	// A free unit: unreserve and reserve in one step.
	w.ok(MoveStock{From: "bin/A-02", To: "bin/A-01", SKU: "TEL", Serial: "s4", Qty: 1})
	w.assign("K2", "w1", "O2")
	w.act("hw1")
	w.ok(Scan{Device: "hw1", Barcode: code("s4")})
	w.walkTo("hw1", StepAsk)
	w.invariants()
	for _, id := range []string{"O1", "O2"} {
		w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
	}
	w.ok(Depart{Dock: "d1"})
	// What left may come in again.
	w.ok(OpenStock{Rows: []StockRow{row("B-01", "s4")}})
	w.invariants()
	w.books()
}

// A robot reads the serial with the pick.
func TestRobotPicksSerials(t *testing.T) {
	w := floor(t)
	w.ok(PutItems{Items: []Item{phone()}})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "TEL", Serial: "s1", Qty: 1}, {Bin: "A-01", SKU: "TEL", Serial: "s2", Qty: 1}}})
	w.ok(release("O1", "TEL"))
	w.assign("K1", "r1", "O1")
	c := w.robotPick("r1", PickPicked, 1, "")
	w.no(c, CodeWrongSerial)
	c.Serial = "s7"
	w.no(c, CodeWrongSerial)
	c.Serial = "s2"
	w.ok(c)
	if l := w.order("O1").Lines[0]; len(l.Lots) != 1 || l.Lots[0].Serial != "s2" {
		t.Errorf("%+v", l)
	}
	w.invariants()
	w.books()
}

// Serials come in with a delivery, each unit by its own, and are put away by it.
func TestSerialsAtTheReceipt(t *testing.T) {
	w := bare(t)
	w.ok(PutItems{Items: []Item{phone()}})
	w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S", Name: "Supplier"}}})
	w.ok(OpenReceipt{Receipt: "R1", Supplier: "S", Owner: "ACME"})
	in := func(serial string) Receive {
		return Receive{Receipt: "R1", Barcode: "]C101" + gtin(9) + "21" + serial, Qty: 1}
	}
	two := in("s1")
	two.Qty = 2
	w.rejected(t, map[string]struct {
		c    Command
		code string
	}{
		"no serial": {Receive{Receipt: "R1", Barcode: "TEL", Qty: 1}, CodeWrongSerial},
		"two":       {two, CodeWrongSerial},
		"bytes":     {Receive{Receipt: "R1", Barcode: "TEL", Serial: "a\x00", Qty: 1}, CodeInvalid},
	})
	w.ok(in("s1"))
	w.no(in("s1"), CodeConflict)
	w.ok(Receive{Receipt: "R1", Barcode: "TEL", Serial: "s2", Qty: 1})
	r := release("O1", "TEL")
	r.Order.Owner = "ACME"
	w.ok(r)
	w.state("O1", OrderShortWaiting)
	w.ok(SignIn{Device: "hw1", Badge: "B1"})
	task := w.ok(ClaimFloor{Device: "hw1"}).Ref
	s := w.step("hw1")
	for s.Do == StepScanUnit {
		w.ok(Scan{Device: "hw1", Barcode: s.Tote, Task: task})
		s = w.step("hw1")
	}
	other := map[string]string{"s1": "s2", "s2": "s1"}[s.Serial]
	w.no(Scan{Device: "hw1", Barcode: "]C101" + gtin(9) + "21" + other}, CodeWrongSerial)
	w.ok(Scan{Device: "hw1", Barcode: itemCode(s)})
	w.ok(Scan{Device: "hw1", Barcode: "A-03"})
	w.state("O1", OrderReleased)
	if at := seen(Locate(w.tx, Query{Serial: s.Serial}, "", 0)); len(at) != 1 || at[0].Place != "bin/A-03" || at[0].Owner != "ACME" {
		t.Errorf("%+v", at)
	}
	w.invariants()
	w.books()
}

// A unit of a consignor that a customer sends back is still that unit and his.
func TestConsignedSerialComesBack(t *testing.T) {
	w := bare(t)
	w.ok(PutItems{Items: []Item{phone()}})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "TEL", Serial: "s1", Qty: 1, Owner: "ACME"}, {Bin: "A-01", SKU: "TEL", Serial: "s2", Qty: 1, Owner: "ACME"}}})
	r := release("O1", "TEL*2")
	r.Order.Owner = "ACME"
	w.ok(r)
	w.pick("K1", "w1", "O1")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
	w.ok(Depart{Dock: "d1"})
	code := "]C101" + gtin(9) + "21s1"
	w.no(ReceiveReturn{Return: "X1", Order: "O1", Barcode: "TEL", Qty: 1, Reason: "WRONG_ITEM"}, CodeWrongSerial)
	w.ok(ReceiveReturn{Return: "X1", Order: "O1", Barcode: code, Qty: 1, Reason: "WRONG_ITEM"})
	w.no(ReceiveReturn{Return: "X1", Order: "O1", Barcode: code, Qty: 1, Reason: "WRONG_ITEM"}, CodeConflict)
	if at := seen(Locate(w.tx, Query{Serial: "s1"}, "", 0)); len(at) != 1 || at[0].Owner != "ACME" || at[0].Status != StatusQC {
		t.Fatalf("%+v", at)
	}
	back := InspectReturn{Return: "X1", SKU: "TEL", Qty: 1, Disposition: DispRestock}
	w.no(back, CodeWrongSerial)
	back.Serial = "s2"
	w.no(back, CodeWrongSerial)
	back.Serial = "s1"
	w.ok(back)
	if at := seen(Locate(w.tx, Query{Serial: "s1"}, "", 0)); len(at) != 1 || at[0].Owner != "ACME" || at[0].Status != StatusSellable || at[0].Reserved != 1 {
		t.Fatalf("%+v", at)
	}
	for _, b := range seen(Balances(w.tx, "TEL")) {
		if b.Owner != "ACME" {
			t.Errorf("%+v", b)
		}
	}
	w.invariants()
	w.books()
}

// A count of serials finds units that stand elsewhere by the book: they are here.
func TestCountOfSerials(t *testing.T) {
	w := bare(t)
	w.ok(PutItems{Items: []Item{phone()}})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "TEL", Serial: "s1", Qty: 1}, {Bin: "A-02", SKU: "TEL", Serial: "s2", Qty: 1}}})
	s := testSite()
	s.CountLimit = 10
	w.ok(PutSite{Site: s})
	w.ok(RequestCount{Bin: "A-01", Reason: "cycle"})
	for _, worker := range []string{"w1", "w2"} {
		dev := "h" + worker
		w.ok(SignIn{Device: dev, Badge: map[string]string{"w1": "B1", "w2": "B2"}[worker]})
		w.ok(ClaimFloor{Device: dev, Of: FloorCount})
		w.ok(Scan{Device: dev, Barcode: "A-01"})
		w.no(Scan{Device: dev, Barcode: "TEL"}, CodeWrongSerial)
		for _, serial := range []string{"s1", "s2", "s3"} {
			w.ok(Scan{Device: dev, Barcode: "]C101" + gtin(9) + "21" + serial})
			w.no(Scan{Device: dev, Barcode: "]C101" + gtin(9) + "21" + serial}, CodeConflict)
		}
		w.ok(Scan{Device: dev, Barcode: "A-01"})
	}
	for _, serial := range []string{"s1", "s2", "s3"} {
		if at := seen(Locate(w.tx, Query{Serial: serial}, "", 0)); len(at) != 1 || at[0].Place != "bin/A-01" {
			t.Errorf("%s: %+v", serial, at)
		}
	}
	w.invariants()
	w.books()
}
