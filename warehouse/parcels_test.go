package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// parts is a boxed world in which an order may be planned into several parcels.
func parts(t fataler) *world {
	w := boxed(t)
	s := *seen(GetSite(w.tx))
	s.MaxParcels = 5
	w.ok(PutSite{Site: s})
	return w
}

// toBench picks an order and puts its tote on the bench.
func (w *world) toBench(batch, id string, lines ...string) Result {
	w.t.Helper()
	w.ok(release(id, lines...))
	w.pick(batch, "w1", id)
	return w.ok(StartPack{Station: "pack1", Barcode: w.order(id).Tote})
}

// closes weighs the carton in hand and prints its label.
func (w *world) closes() string {
	w.t.Helper()
	sscc := w.weighs()
	w.printed(sscc)
	return sscc
}

// weighs closes the carton in hand.
func (w *world) weighs() string {
	w.t.Helper()
	st := seen(GetStation(w.tx, "pack1"))
	return w.ok(Pack{Station: "pack1", Order: st.Order, WeightMg: st.ExpectedMg}).Ref
}

// contents lists what is in the parcels of an order.
func (w *world) contents(id string) (out []string) {
	w.t.Helper()
	o := w.order(id)
	for _, p := range o.Parcels {
		var in []string
		for _, l := range o.InParcel(p.SSCC) {
			in = append(in, fmt.Sprintf("%d %s%s", l.Qty, l.SKU, l.Lot))
		}
		out = append(out, fmt.Sprintf("%d: %s", p.No, strings.Join(in, " ")))
	}
	return out
}

func (w *world) wantContents(id string, want ...string) {
	w.t.Helper()
	if got := w.contents(id); !slices.Equal(got, want) {
		w.t.Fatalf("order %s is in %q, want %q", id, got, want)
	}
}

// An order that goes into no carton is planned into several: each is told with
// what goes in, weighed, labelled and loaded by itself, and the order ships with
// the last.
func TestPlannedIntoParcels(t *testing.T) {
	w := parts(t)
	// A carton L is filled with 50 of the cups: of many, part stays empty.
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-03", SKU: "CUP", Qty: 200}}})
	res := w.toBench("K1", "O1", "CUP*110", "PEN*4")
	if n := res.Next; n.No != 1 || n.Of != 3 || n.Carton != "L" || !n.More || len(n.Contents) != 2 || n.Contents[0].Qty != 50 {
		t.Fatalf("%+v", n)
	}
	w.invariants()
	first := w.closes()
	w.state("O1", OrderPacking)
	st := seen(GetStation(w.tx, "pack1"))
	if st.Step != StepWeigh || st.No != 2 || st.Of != 3 || !st.More {
		t.Fatalf("%+v", st)
	}
	w.invariants()
	w.no(Load{Dock: "d1", Barcode: first}, CodeNotLabelled)
	second := w.closes()
	st = seen(GetStation(w.tx, "pack1"))
	if st.No != 3 || st.Of != 3 || st.More {
		t.Fatalf("%+v", st)
	}
	third := w.closes()
	o := w.state("O1", OrderLabelled)
	if o.Tote != "" || len(o.Parcels) != 3 || seen(GetStation(w.tx, "pack1")).Step != StepScanTote {
		t.Fatalf("%+v", o)
	}
	var cups, pens int64
	tracks := map[string]bool{}
	for _, p := range o.Parcels {
		tracks[p.Tracking] = true
		if p.WeightMg != p.ExpectedMg {
			t.Errorf("%+v", p)
		}
		for _, l := range p.Lines {
			if l.SKU == "CUP" {
				cups += l.Qty
			} else {
				pens += l.Qty
			}
		}
	}
	if cups != 110 || pens != 4 || len(tracks) != 3 {
		t.Errorf("%d cups, %d pens in %v", cups, pens, w.contents("O1"))
	}
	if e := w.last(EvOrderPacked); len(e.Data.Parcels) != 3 || e.Data.Parcels[1].SSCC != second || len(e.Data.Parcels[1].Lines) == 0 {
		t.Errorf("%+v", e.Data.Parcels)
	}
	w.ok(Load{Dock: "d1", Barcode: first})
	w.state("O1", OrderLabelled)
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderLabelled)
	w.invariants()
	if e := w.last(EvParcelDeparted); e.Order != "O1" || len(e.Data.Parcels) != 1 || e.Data.Parcels[0].SSCC != first || e.Data.Ref != "d1" || e.Data.Parcels[0].DepartedAt != w.m.Now {
		t.Errorf("%+v", e)
	}
	w.no(Unload{Parcel: first, Reason: "r"}, CodeNotLoaded)
	w.no(Depart{Dock: "d1"}, CodeNothingLoaded)
	w.ok(Load{Dock: "d1", Barcode: second})
	w.ok(Load{Dock: "d2", Barcode: third})
	w.state("O1", OrderStaged)
	w.ok(Depart{Dock: "d2"})
	w.state("O1", OrderStaged)
	w.invariants()
	if res := w.ok(Depart{Dock: "d1"}); res.Text != "1 parcels of 1 orders" {
		t.Errorf("%+v", res)
	}
	w.state("O1", OrderShipped)
	if e := w.last(EvOrderShipped); len(e.Data.Parcels) != 3 {
		t.Errorf("%+v", e.Data)
	}
	w.invariants()
	w.books()
}

// The packer says what goes into the carton in hand, by line or by scanning.
func TestNextCarton(t *testing.T) {
	w := stocked(t)
	w.toBench("K1", "O1", "CUP*3", "PEN*2", "MILK*5")
	next := func(lines ...ParcelLine) NextCarton {
		return NextCarton{Station: "pack1", Order: "O1", Lines: lines}
	}
	before := w.tx.Digest()
	w.no(next(ParcelLine{Line: 1, Qty: 4}), CodeNotEnough)
	w.no(next(ParcelLine{Line: 9, Qty: 1}), CodeNotEnough)
	w.no(next(ParcelLine{Line: 1, Qty: 2}, ParcelLine{Line: 1, Qty: 2}), CodeNotEnough)
	w.no(next(ParcelLine{Line: 1}), CodeNotEnough)
	w.no(next(ParcelLine{Line: 3, Qty: 1}), CodeWrongLot)
	w.no(next(make([]ParcelLine, 501)...), CodeInvalid)
	w.no(NextCarton{Station: "pack1"}, CodeInvalid)
	w.no(NextCarton{Station: "pack1", Order: "O2"}, CodeWrongStep)
	w.no(NextCarton{Station: "pack2", Order: "O1"}, CodeWrongStep)
	w.no(NextCarton{Station: "pack1", Order: "O1", Carton: "XXL"}, CodeInvalid)
	w.no(NextCarton{Station: "pack1", Order: "O1", Scan: true, Lines: []ParcelLine{{Line: 1, Qty: 1}}}, CodeInvalid)
	w.no(PackItem{Station: "pack2", Barcode: "CUP"}, CodeWrongStep)
	w.no(PackItem{Station: "pack1", Barcode: "BAG"}, CodeNotEnough)
	w.no(PackItem{Station: "pack1", Barcode: "CUP", Qty: 4}, CodeNotEnough)
	w.no(PackItem{Station: "pack1", Barcode: "NONE"}, CodeUnknownBarcode)
	w.no(PackItem{Station: "pack1", Barcode: "CUP", Qty: -1}, CodeInvalid)
	w.no(PackItem{Station: "pack1", Barcode: "MILK"}, CodeWrongLot)
	if w.tx.Digest() != before {
		t.Error("a refused command changed something")
	}
	n := w.ok(next(ParcelLine{Line: 1, Qty: 2}, ParcelLine{Line: 3, Lot: "L1", Qty: 4})).Next
	if n.No != 1 || !n.More || n.ExpectedMg != 100_000+2*200_000+4*1_000_000 || len(n.Contents) != 2 || n.Contents[1].Lot != "L1" {
		t.Fatalf("%+v", n)
	}
	// All of it after all: it is one parcel as ever.
	if n := w.ok(next()).Next; n.No != 0 || n.More || n.Contents != nil {
		t.Fatalf("%+v", n)
	}
	w.ok(next(ParcelLine{Line: 1, Qty: 2}, ParcelLine{Line: 3, Lot: "L1", Qty: 4}))
	w.closes()
	w.invariants()
	// The rest is asked for; now the packer scans.
	if n := w.ok(NextCarton{Station: "pack1", Order: "O1", Scan: true}).Next; !n.Scanned || n.No != 2 || len(n.Contents) != 0 {
		t.Fatalf("%+v", n)
	}
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 100_000}, CodeWrongStep)
	w.ok(PackItem{Station: "pack1", Barcode: "PEN", Qty: 2})
	if n := w.ok(PackItem{Station: "pack1", Barcode: gtin(1)}).Next; len(n.Contents) != 2 || n.ExpectedMg != 100_000+20_000+200_000 || !n.More {
		t.Fatalf("%+v", n)
	}
	w.no(PackItem{Station: "pack1", Barcode: "CUP"}, CodeNotEnough)
	w.closes()
	w.invariants()
	if st := seen(GetStation(w.tx, "pack1")); st.No != 3 || st.More || len(st.Contents) != 1 || st.Of != 0 {
		t.Fatalf("%+v", st)
	}
	w.closes()
	w.state("O1", OrderLabelled)
	w.wantContents("O1", "1: 2 CUP 4 MILKL1", "2: 2 PEN 1 CUP", "3: 1 MILKL2")
	w.invariants()
}

// One scanned in the middle: what is scanned makes the carton, and the control
// code with nothing scanned goes back to all of it.
func TestScanningAPiece(t *testing.T) {
	w := stocked(t)
	w.toBench("K1", "O1", "CUP*2")
	cmd := seen(StationScan(w.tx, "pack1", "CUP"))
	if cmd != (PackItem{Station: "pack1", Barcode: "CUP"}) {
		t.Fatalf("%#v", cmd)
	}
	for _, code := range []string{"T-K1-1", "NONE", "\x00"} {
		if cmd := seen(StationScan(w.tx, "pack1", code)); cmd != (StartPack{Station: "pack1", Barcode: code}) {
			t.Errorf("%#v", cmd)
		}
	}
	if cmd := seen(StationScan(w.tx, "pack2", "CUP")); cmd != (StartPack{Station: "pack2", Barcode: "CUP"}) {
		t.Errorf("%#v", cmd)
	}
	if n := w.ok(cmd).Next; !n.More || !n.Scanned || n.No != 1 {
		t.Fatalf("%+v", n)
	}
	if n := w.ok(cmd).Next; n.More || n.Scanned || n.No != 0 { // both of them: one parcel
		t.Fatalf("%+v", n)
	}
	scan := NextCarton{Station: "pack1", Order: "O1", Scan: true}
	if n := w.ok(scan).Next; !n.Scanned || n.No != 1 {
		t.Fatalf("%+v", n)
	}
	if n := w.ok(scan).Next; n.Scanned || n.No != 0 {
		t.Fatalf("%+v", n)
	}
	w.closes()
	if o := w.state("O1", OrderLabelled); len(o.Parcels) != 1 || o.Parcels[0].Lines != nil {
		t.Errorf("%+v", o.Parcels)
	}
	w.invariants()
}

// More parcels than there may be are refused, and nothing of it is written.
func TestTooManyParcels(t *testing.T) {
	w := stocked(t)
	w.toBench("K1", "O1", "PEN*30")
	one := NextCarton{Station: "pack1", Order: "O1", Lines: []ParcelLine{{Line: 1, Qty: 1}}}
	for range 19 {
		w.ok(one)
		w.closes()
	}
	w.no(one, CodeTooBig)
	w.no(PackItem{Station: "pack1", Barcode: "PEN"}, CodeTooBig)
	w.closes()
	if o := w.state("O1", OrderLabelled); len(o.Parcels) != 20 {
		t.Errorf("%d parcels", len(o.Parcels))
	}
	for _, p := range w.order("O1").Parcels {
		w.ok(Load{Dock: "d1", Barcode: p.SSCC})
	}
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	w.invariants()
}

// A site that plans no parcels parks an order that goes into no carton, and so
// does one whose limit is too low or with a piece that goes nowhere.
func TestNoPlan(t *testing.T) {
	for name, tt := range map[string]struct {
		most  int
		lines []string
	}{
		"no rule":     {0, []string{"CUP*80"}},
		"one parcel":  {1, []string{"CUP*80"}},
		"more needed": {2, []string{"CUP*170"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := parts(t)
			s := *seen(GetSite(w.tx))
			s.MaxParcels = tt.most
			w.ok(PutSite{Site: s})
			w.ok(OpenStock{Rows: []StockRow{{Bin: "A-03", SKU: "CUP", Qty: 200}}})
			w.ok(release("O1", tt.lines...))
			w.pick("K1", "w1", "O1")
			w.no(StartPack{Station: "pack1", Barcode: "T-K1-1"}, CodeNoCarton)
			w.invariants()
		})
	}
	w := parts(t)
	for _, n := range []int{-1, 21} {
		s := *seen(GetSite(w.tx))
		s.MaxParcels = n
		w.no(PutSite{Site: s}, CodeInvalid)
	}
}
