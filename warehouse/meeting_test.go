package warehouse_test

import (
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// Where two subjects meet: parcels, upstreams, the archive, profiles, documents,
// figures.

// row 48: of an order in two parcels the frozen one needs a cold dock, and the
// other one does not.
func TestColdParcelAmongOthersRow48(t *testing.T) {
	w := profiled(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-04", SKU: "ICE", Qty: 1}, {Bin: "A-05", SKU: "PLAIN", Qty: 1}}})
	w.toBench("K1", "O1", "ICE*1", "PLAIN*1")
	w.ok(NextCarton{Station: "pack1", Order: "O1", Lines: []ParcelLine{{Line: 1, Qty: 1}}})
	ice, plain := w.closes(), w.closes()
	w.state("O1", OrderLabelled)
	w.no(Load{Dock: "d1", Barcode: ice}, CodeNoReading)
	w.ok(Load{Dock: "d1", Barcode: plain})
	w.ok(GiveReading{Place: "dock/d2", DeciC: 0})
	w.no(Load{Dock: "d2", Barcode: ice}, FalloutColdChain)
	w.wantFallouts("COLD_CHAIN O1/1")
	w.ok(Depart{Dock: "d1"}) // the other one leaves
	w.ok(GiveReading{Place: "dock/d2", DeciC: -200})
	w.ok(RetryOrder{Order: "O1"})
	w.ok(Load{Dock: "d2", Barcode: ice})
	w.ok(Depart{Dock: "d2"})
	w.state("O1", OrderShipped)
	w.invariants()
	w.books()
}

// row 48: the second person looks at the tote once, before the first carton of
// several; a carton that is opened is looked at again.
func TestSecondPersonOfParcelsRow48(t *testing.T) {
	w := profiled(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-04", SKU: "PILL", Qty: 4}}})
	w.toBench("K1", "O1", "PILL*4")
	next := NextCarton{Station: "pack1", Order: "O1", Lines: []ParcelLine{{Line: 1, Qty: 1}}}
	w.no(next, CodeWrongStep)
	w.no(PackItem{Station: "pack1", Barcode: "PILL"}, CodeWrongStep)
	w.no(DoubleCheck{Station: "pack1", Badge: "B1"}, CodeSamePerson)
	w.ok(DoubleCheck{Station: "pack1", Badge: "B2"})
	w.ok(next)
	first := w.closes()
	if st := seen(GetStation(w.tx, "pack1")); st.Step != StepWeigh || st.No != 2 {
		t.Errorf("%+v", st)
	}
	w.closes()
	w.state("O1", OrderLabelled)
	w.ok(Unpack{Order: "O1", Tote: "T-9", Parcel: first, Reason: "leaks", Supervisor: true})
	if n := w.ok(StartPack{Station: "pack1", Barcode: "T-9"}).Next; n.Do != StepSecond {
		t.Errorf("%+v", n)
	}
	w.no(DoubleCheck{Station: "pack1", Badge: "B1"}, CodeSamePerson)
	w.ok(DoubleCheck{Station: "pack1", Badge: "B3"})
	w.closes()
	w.state("O1", OrderLabelled)
	w.invariants()
}

// row 77: a bin is counted once, and right only when the lines of all owners are,
// however many OMSs are told of their lines.
func TestCountOfSeveralOMSsRow77(t *testing.T) {
	for name, tt := range map[string]struct {
		house, acme int64 // counted
		right       int64
		abs         int64
	}{
		"all right":        {3, 2, 1, 0},
		"the house's less": {2, 2, 0, 1},
		"acme's more":      {3, 4, 0, 2},
	} {
		t.Run("row 77: "+name, func(t *testing.T) {
			w := shared(t)
			s := sharedSite()
			s.Figures, s.CountLimit = true, 10
			w.ok(PutSite{Site: s})
			w.ok(OpenStock{Rows: []StockRow{
				{Bin: "B-05", SKU: "CUP", Owner: "ACME", Qty: 2}, {Bin: "B-05", SKU: "PEN", Qty: 3},
			}})
			w.ok(RequestCount{Bin: "B-05", Reason: "look"})
			for i, d := range []string{"h1", "h2"} {
				w.ok(SignIn{Device: d, Badge: []string{"B1", "B2"}[i]})
				if len(seen(FloorTasks(w.tx, 0))) == 0 {
					break
				}
				w.ok(ClaimFloor{Device: d, Of: FloorCount})
				w.ok(Scan{Device: d, Verb: "bin", Barcode: "B-05", Task: w.step(d).Task})
				w.ok(Scan{Device: d, Verb: "item", Barcode: gtin(1), Qty: tt.acme})
				w.ok(Scan{Device: d, Verb: "item", Barcode: "PEN", Qty: tt.house})
				w.ok(Scan{Device: d, Verb: "bin", Barcode: "B-05"})
			}
			k := w.kpis()
			if k.BinAccuracy.Num != tt.right || k.BinAccuracy.Den != 1 || k.QtyAccuracy.Num != 5-tt.abs || k.QtyAccuracy.Den != 5 {
				t.Errorf("bins %+v, quantities %+v", k.BinAccuracy, k.QtyAccuracy)
			}
			var told []Event // to all
			for _, up := range []string{"", "acme"} {
				told = append(told, seen(OutboxRange(w.tx, StreamOf(up), 0, 100))...)
			}
			again, live := Recount(told, nil), seen(LiveFigures(w.tx))
			if n := live["fig|"+today+"|bins.counted|"]; n != 1 {
				t.Errorf("%d bins are counted", n)
			}
			for _, name := range []string{"bins.counted", "bins.right", "count.abs", "count.book"} {
				if row := "fig|" + today + "|" + name + "|"; again[row] != live[row] {
					t.Errorf("%s: %d counted again, %d live", row, again[row], live[row])
				}
			}
			w.invariants()
		})
	}
}

// What comes back after even the tombstone of its order is gone is still the
// goods of its owner, and told to its OMS by that OMS's number.
func TestReturnOfAForgottenOrderOfAnUpstream(t *testing.T) {
	w := shared(t)
	s := sharedSite()
	s.ArchiveDays, s.ForgetDays = 1, 2
	w.ok(PutSite{Site: s})
	w.ok(by("acme", "ACME", "A1", "CUP*2"))
	w.pick("K1", "w1", "acme:A1")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "acme:A1")})
	w.ok(Depart{Dock: "d1"})
	w.ok(AnnounceReturn{Return: "RMA", Order: "A1", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "DAMAGED"}}, Source: "oms/acme"})
	w.later(1)
	if a := seen(GetArchived(w.tx, "acme:A1")); a == nil || a.Upstream != "acme" {
		t.Fatalf("%+v", a)
	}
	w.later(2)
	if a := seen(GetArchived(w.tx, "acme:A1")); a != nil {
		t.Fatalf("%+v", a)
	}
	w.ok(ReceiveReturn{Return: "acme:RMA", Barcode: gtin(1), Qty: 1, Reason: "DAMAGED", Confirm: true})
	if rt := seen(GetReturn(w.tx, "acme:RMA")); rt.Owner != "ACME" {
		t.Errorf("%+v", rt)
	}
	w.ok(InspectReturn{Return: "acme:RMA", SKU: "CUP", Qty: 1, Disposition: DispScrap})
	w.ok(CloseReturn{Return: "acme:RMA"})
	if e := w.latest("acme"); e.Type != EvRefundRequested || e.Order != "A1" || e.Data.Ref != "RMA" {
		t.Errorf("%+v", e)
	}
	if got := w.hears(""); len(got) != 0 {
		t.Errorf("the default OMS hears %v", got)
	}
	w.invariants()
	w.books()
}

// The papers of a carton that is opened are void with its label; those of the
// other carton are not.
func TestPapersOfAnOpenedCarton(t *testing.T) {
	w, first, second := twoParcels(t)
	filed := make(map[string][]string)
	for _, sscc := range []string{first, second} {
		for _, d := range []FileDocument{
			{What: DocLabel, Type: DocZPL, Ref: sscc, Body: "^XA" + sscc},
			{What: DocSlip, Type: DocText, Ref: sscc, Body: "in " + sscc},
		} {
			filed[sscc] = append(filed[sscc], w.ok(d).Ref)
		}
	}
	w.ok(Unpack{Order: "O1", Tote: "T-9", Parcel: first, Reason: "leaks", Supervisor: true})
	for sscc, docs := range filed {
		for _, id := range docs {
			if d := seen(GetDocument(w.tx, id)); (d.VoidAt != 0) != (sscc == first) || d.Order != "O1" {
				t.Errorf("%+v", d)
			}
		}
	}
	w.no(ReprintDocument{Document: filed[first][1], Reason: "lost"}, CodeLabelState)
	w.ok(ReprintDocument{Document: filed[second][1], Reason: "lost"})
	w.invariants()
}

// row 52: of an order in several parcels the person goes from all labels and
// papers, and so does what people wrote about it; then it leaves with all of them.
func TestPersonOfParcelsIsPurgedRow52(t *testing.T) {
	w, first, second := twoParcels(t)
	s := *seen(GetSite(w.tx))
	s.PurgeDays, s.ArchiveDays = 7, 30
	w.ok(PutSite{Site: s})
	var slips []string
	for _, sscc := range []string{first, second} {
		d := w.ok(FileDocument{What: DocSlip, Type: DocText, Ref: sscc, Body: "to Zoe Quittenbaum"}).Ref
		w.ok(ReprintDocument{Document: d, Reason: "Quittenbaum asked"})
		slips = append(slips, d)
	}
	w.ok(ChangeCarrier{SSCC: first, Carrier: "FAST", Reason: "Quittenbaum pays"})
	w.printed(first)
	for _, sscc := range []string{first, second} {
		w.ok(Load{Dock: "d1", Barcode: sscc})
	}
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	w.drain(w.events()[len(w.events())-1].Seq)
	if len(w.left("Quittenbaum")) < 5 {
		t.Fatalf("only in %q", w.left("Quittenbaum"))
	}
	w.later(7)
	if keys := w.left("Quittenbaum"); len(keys) > 0 {
		t.Errorf("it is still in %q", keys)
	}
	for _, id := range slips {
		if d := seen(GetDocument(w.tx, id)); d == nil || d.Hash == "" || d.Copies != 1 {
			t.Errorf("%+v", d)
		}
	}
	w.invariants()
	w.later(23)
	w.drain(w.events()[len(w.events())-1].Seq)
	for _, sscc := range []string{first, second} {
		if id := seen(OrderOfParcel(w.tx, sscc)); id != "O1" {
			t.Errorf("%s is of %q", sscc, id)
		}
		w.no(Load{Dock: "d1", Barcode: sscc}, CodeArchived)
		w.no(ReportLost{Parcel: sscc, Reason: "r"}, CodeArchived)
		for _, k := range w.left(sscc) {
			if !slices.Contains([]string{"gonep", "move"}, strings.Fields(k)[0]) {
				t.Errorf("%s is still in %q", sscc, k)
			}
		}
	}
	w.invariants()
	w.books()
}

// A unit of what was in a second parcel is unpicked: it is in its bin again and is
// picked once more, the first parcel stays, and its papers too.
func TestUnpickedFromASecondParcel(t *testing.T) {
	w, first, second := twoParcels(t)
	pens, _ := w.qty("bin/A-02", "PEN", "")
	w.ok(Unpack{Order: "O1", Tote: "T-9", Parcel: second, Reason: "broken", Supervisor: true})
	w.no(Unpick{Order: "O1", Line: 1, Bin: "A-01", Qty: 1, Reason: "in the other carton"}, CodeNotEnough)
	w.ok(Unpick{Order: "O1", Line: 2, Bin: "A-02", Qty: 1, Reason: "broken"})
	w.wantContents("O1", "1: 2 CUP")
	w.state("O1", OrderPicking)
	if now, kept := w.qty("bin/A-02", "PEN", ""); now != pens+1 || kept != 1 {
		t.Errorf("%d pens of which %d are kept, %d before", now, kept, pens)
	}
	w.no(CancelOrder{Order: "O1", Source: "oms/main"}, CodeHardPONR)
	if len(w.backs()) != 0 {
		t.Errorf("to be put back: %+v", w.backs())
	}
	w.invariants()
	w.pick("K2", "w1", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	third := w.closes()
	w.wantContents("O1", "1: 2 CUP", "2: 2 PEN")
	w.ok(Load{Dock: "d1", Barcode: first})
	w.ok(Load{Dock: "d1", Barcode: third})
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	w.invariants()
	w.books()
}

// What a truck left behind of another OMS is not told to the default one.
func TestManifestTellsItsOwnParcels(t *testing.T) {
	w := shared(t)
	s := sharedSite()
	s.Manifests = true
	w.ok(PutSite{Site: s})
	w.ok(by("main", "", "M1", "CUP"))
	w.ok(by("acme", "ACME", "A1", "CUP"))
	w.pick("K1", "w1", "M1", "acme:A1")
	own, other := w.label("pack1", "M1"), w.label("pack1", "acme:A1")
	w.ok(CloseManifest{Carrier: "POST", Dock: "d1"})
	w.ok(Load{Dock: "d1", Barcode: own})
	w.ok(Depart{Dock: "d1"})
	if m := seen(GetManifest(w.tx, "MF000001")); !slices.Equal(m.Left, []string{other}) {
		t.Errorf("%+v", m)
	}
	for _, e := range seen(OutboxRange(w.tx, StreamOf(""), 0, 100)) {
		if strings.Contains(e.Data.Text, other) {
			t.Errorf("%+v", e)
		}
	}
	w.invariants()
}
