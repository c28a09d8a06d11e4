package warehouse_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

const (
	minute = int64(60_000)
	today  = "2026-01-01"
	after  = "2026-01-02"
)

// counted is a stocked world that keeps figures from the first move on.
func counted(t fataler) *world {
	w := newWorld(t)
	s := testSite()
	s.Figures, s.AutoCount = true, true
	w.ok(PutSite{Site: s})
	w.ok(PutItems{Items: testItems()})
	w.ok(PutBins{Bins: testBins()})
	w.ok(PutWorkers{Workers: testWorkers()})
	w.ok(OpenStock{Rows: testStock()})
	return w
}

func (w *world) kpis() *KPI { return seen(KPIs(w.tx, today, after)) }

// shipAfter takes a released order to the customer so many minutes after its
// release.
func (w *world) shipAfter(id string, minutes int64) {
	w.t.Helper()
	released := w.order(id).ReleasedAt
	w.pick("K"+id, "w1", id)
	sscc := w.label("pack1", id)
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.m.Now = released + minutes*minute
	w.ok(Depart{Dock: "d1"})
}

func permil(r Ratio) int64 {
	if r.Permil == nil {
		return -1
	}
	return *r.Permil
}

// row 73: the reference's fixture: lead times of 10, 20, 30 and 40 minutes.
func TestKPIRow73LeadTime(t *testing.T) {
	w := counted(t)
	for i, m := range []int64{30, 10, 40, 20} {
		id := []string{"A", "B", "C", "D"}[i]
		r := release(id, "PEN")
		r.Order.PlacedAt = w.m.Now - 5*minute
		w.ok(r)
		w.shipAfter(id, m)
	}
	k := w.kpis()
	if want := (Spread{N: 4, P50: 20 * minute, P95: 40 * minute}); k.EdgeLeadMs != want {
		t.Errorf("edge part %+v, want %+v", k.EdgeLeadMs, want)
	}
	if want := (Spread{N: 4, P50: 25 * minute, P95: 45 * minute}); k.LeadMs != want {
		t.Errorf("lead time %+v, want %+v", k.LeadMs, want)
	}
}

// row 74, row 4, row 80: orders by channel and hour, on time, perfect orders,
// backorders.
func TestKPIRow74Row4Row80(t *testing.T) {
	w := counted(t)
	put := func(id, channel string, due int64, lines ...string) {
		r := release(id, lines...)
		r.Order.Channel, r.Order.ShipBy = channel, due
		w.ok(r)
	}
	put("A", "web", w.m.Now+20*minute, "PEN")
	put("B", "web", w.m.Now+5*minute, "PEN")
	put("C", "shop", 0, "PEN")
	put("D", "shop", 0, "BAG*6", "PEN") // 5 are here
	for _, id := range []string{"A", "B", "C"} {
		w.pick("K"+id, "w1", id)
		w.ok(StartPack{Station: "pack1", Barcode: w.order(id).Tote})
		sscc := w.weigh("pack1")
		w.ok(LabelSent{Job: sscc})
		if id == "C" { // documents not right at once
			w.ok(LabelOutcome{Job: sscc, Outcome: JobFailed})
			w.ok(Reprint{Job: sscc})
			w.ok(LabelSent{Job: sscc})
		}
		w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
		w.ok(Load{Dock: "d1", Barcode: sscc})
	}
	w.m.Now += 10 * minute
	w.ok(Depart{Dock: "d1"})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 1}}})
	w.state("D", OrderReleased)
	k := w.kpis()
	if d := cmp.Diff(map[string]int64{"web": 2, "shop": 2}, k.Released); d != "" || k.Hours != 24 {
		t.Errorf("released in %d hours: %s", k.Hours, d)
	}
	if d := cmp.Diff(map[string]int64{"web": 2, "shop": 1}, k.Shipped); d != "" {
		t.Error(d)
	}
	for name, got := range map[string]struct {
		r        Ratio
		num, den int64
	}{
		"on time":    {k.OnTime, 2, 3}, // B was too late
		"perfect":    {k.Perfect, 1, 3},
		"backorders": {k.Backorders, 1, 5},
		"order fill": {k.OrderFill, 3, 4},
	} {
		if got.r.Num != got.num || got.r.Den != got.den {
			t.Errorf("%s: %d of %d, want %d of %d", name, got.r.Num, got.r.Den, got.num, got.den)
		}
	}
	if k.Labels != 4 {
		t.Errorf("%d labels, want 4: one was printed twice", k.Labels)
	}
	// An amended order is not released twice.
	r := release("D", "PEN*2")
	r.Order.Revision = 2
	w.ok(r)
	if n := w.kpis().Released[""] + w.kpis().Released["shop"]; n != 2 {
		t.Errorf("%d orders of the shop", n)
	}
}

// A is whole; B of two lines goes out a bag short; C is short at its bin and found
// in the next; D is released and still here; E waits for goods and is not released.
func TestKPIRow78Fill(t *testing.T) {
	w := counted(t)
	w.ok(release("A", "PEN*3"))
	w.ok(partial(release("B", "CUP*2", "BAG*6"))) // 5 bags are here
	w.shipped("KA", "A")
	w.shipped("KB", "B")
	w.ok(partial(release("C", "CUP*4")))
	w.ok(release("D", "PEN"))
	w.ok(release("E", "BAG*6"))
	w.assign("KC", "w1", "C")
	w.act("hw1")
	w.ok(Scan{Device: "hw1", Verb: "item", Barcode: gtin(1), Qty: 3})
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	w.walkTo("hw1", StepAsk)
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "C")})
	w.ok(Depart{Dock: "d1"})
	k := w.kpis()
	for name, got := range map[string]struct {
		r        Ratio
		num, den int64
	}{
		"lines":  {k.LineFill, 3, 5},
		"units":  {k.UnitFill, 3 + 2 + 5 + 4, 3 + 2 + 6 + 4},
		"orders": {k.OrderFill, 2, 4},
	} {
		if got.r.Num != got.num || got.r.Den != got.den {
			t.Errorf("%s: %d of %d, want %d of %d", name, got.r.Num, got.r.Den, got.num, got.den)
		}
	}
	w.invariants()
}

// row 77: the reference's fixture: bins of 10, 20, 30 and 40 counted as 10, 19,
// 30 and 42.
func TestKPIRow77Accuracy(t *testing.T) {
	w := counted(t)
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-03", SKU: "CUP", Qty: 10}, {Bin: "A-04", SKU: "CUP", Qty: 20}, {Bin: "A-05", SKU: "CUP", Qty: 30}, {Bin: "B-05", SKU: "CUP", Qty: 40},
	}})
	s := testSite()
	s.Figures, s.CountLimit = true, 10
	w.ok(PutSite{Site: s})
	w.ok(SignIn{Device: "hw1", Badge: "B1"})
	w.ok(SignIn{Device: "hw2", Badge: "B2"})
	for bin, n := range map[string]int64{"A-03": 10, "A-04": 19, "A-05": 30, "B-05": 42} {
		w.ok(RequestCount{Bin: bin, Reason: "cycle"})
		w.count("hw1", bin, gtin(1), n)
		if len(seen(Counts(w.tx))) > 0 {
			w.count("hw2", bin, gtin(1), n)
		}
	}
	k := w.kpis()
	if k.BinAccuracy.Num != 2 || k.BinAccuracy.Den != 4 || permil(k.BinAccuracy) != 500 {
		t.Errorf("by bin %+v", k.BinAccuracy)
	}
	if k.QtyAccuracy.Num != 97 || k.QtyAccuracy.Den != 100 || permil(k.QtyAccuracy) != 970 {
		t.Errorf("by quantity %+v", k.QtyAccuracy)
	}
}

// row 76, row 75: returned units by reason and item; cost of the activities.
func TestKPIRow76Row75(t *testing.T) {
	w := counted(t)
	w.ok(release("O1", "CUP*4", "PEN*4"))
	w.m.Now += minute
	w.shipAfter("O1", 10)
	w.ok(ReceiveReturn{Return: "R1", Order: "O1", Barcode: "CUP", Qty: 2, Reason: "DAMAGED"})
	w.ok(InspectReturn{Return: "R1", SKU: "CUP", Qty: 2, Disposition: DispScrap})
	w.ok(CloseReturn{Return: "R1"})
	k := w.kpis()
	if k.ReturnRate.Num != 2 || k.ReturnRate.Den != 8 || k.Returned["DAMAGED"] != 2 || k.ReturnedSKU["CUP"] != 2 {
		t.Errorf("returns %+v %v %v", k.ReturnRate, k.Returned, k.ReturnedSKU)
	}
	if k.Touches != 2 || k.RouteMm != 1000 || k.Labels != 1 || k.LinesShipped != 2 {
		t.Errorf("activities %+v", k)
	}
	if c := k.Cost(Rates{Touch: 100, Metre: 50, Label: 7}); c.Num != 257 || c.Den != 1 {
		t.Errorf("cost %+v", c)
	}
}

// row 79, row 62: issues against the average on hand, dwell of a lot, pick
// velocity.
func TestKPIRow79Row62Turnaround(t *testing.T) {
	w := counted(t)
	hour := 60 * minute
	// 133 pieces from midnight, 8 milk of two lots among them.
	w.ok(release("O1", "MILK*8"))
	w.shipAfter("O1", 12*60)
	k := w.kpis()
	if k.Issued != 8 || k.AverageQty != 129 { // 133 for half a day, 125 for the other
		t.Errorf("issued %d of %d on average", k.Issued, k.AverageQty)
	}
	if want := (Spread{N: 2, P50: 12 * hour, P95: 12 * hour}); k.DwellMs != want {
		t.Errorf("dwell %+v", k.DwellMs)
	}
	if k.Picked["MILK"] != 8 {
		t.Errorf("picked %v", k.Picked)
	}
	if k := seen(KPIs(w.tx, after, "2026-01-03")); k.AverageQty != 125 || k.Turnaround.Num != 0 || k.OnTime.Permil != nil {
		t.Errorf("the next day: %d on average, %+v", k.AverageQty, k.Turnaround)
	}
	if _, err := KPIs(w.tx, after, today); err == nil {
		t.Error("a window that ends before it begins")
	}
}

// row 56: the live figures are those counted again from the logs, over a random
// life of the site.
func TestFiguresRow56Recount(t *testing.T) {
	w := counted(t)
	w.ok(PutSuppliers{Suppliers: testSuppliers()})
	for i := range 3 {
		w.ok(SignIn{Device: "hw" + strconv.Itoa(i+1), Badge: "B" + strconv.Itoa(i+1)})
	}
	w.ok(OpenReceipt{Receipt: "R1", Supplier: "OLD"})
	w.ok(Receive{Receipt: "R1", Barcode: "CUP", Qty: 7, Damaged: true})
	w.putAway("B-05")
	w.ok(CloseReceipt{Receipt: "R1"})
	for i := range 12 {
		id := "O" + strconv.Itoa(i)
		w.ok(release(id, "CUP", "MILK"))
		w.m.Now += 7 * 60 * minute
		if w.order(id).State == OrderReleased {
			w.shipAfter(id, 3)
		}
	}
	w.ok(RequestCount{Bin: "A-01", Reason: "cycle"})
	w.count("hw2", "A-01", gtin(1), 1)
	w.count("hw3", "A-01", gtin(1), 2)
	live, again := seen(LiveFigures(w.tx)), Recount(w.events(), seen(Moves(w.tx)))
	if d := cmp.Diff(again, live); d != "" {
		t.Fatalf("counted again (-) and live (+):\n%s", d)
	}
	if len(live) < 25 {
		t.Fatalf("only %d figures", len(live))
	}
	w.invariants()
}

// row 81: each event type has exactly one tag of the reference model.
func TestScorRow81(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "results.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Ev") {
			v, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			types[v] = spec.Names[0].Name
		}
		return true
	})
	if len(types) < 20 {
		t.Fatalf("only %d event types", len(types))
	}
	tags := []string{ScorPlan, ScorSource, ScorMake, ScorDeliver, ScorReturn, ScorEnable}
	for typ, name := range types {
		if n := ScorTagsOf(typ); len(n) != 1 {
			t.Errorf("%s has the tags %v", name, n)
		} else if !slices.Contains(tags, n[0]) {
			t.Errorf("%s has the tag %q", name, n[0])
		}
	}
}
