package warehouse_test

import (
	"fmt"
	"testing"

	. "tote/warehouse"
)

// learning is a world with many pens that learns weights.
func learning(t fataler, how string) *world {
	w := stocked(t)
	s := testSite()
	s.Weights = how
	w.ok(PutSite{Site: s})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-03", SKU: "PEN", Qty: 5000}}})
	return w
}

// parcelOf sends one order whose pieces together weigh netMg.
func (w *world) parcelOf(netMg int64, lines ...string) {
	w.t.Helper()

	id := fmt.Sprintf("W%d", len(w.log))
	w.ok(release(id, lines...))
	w.pick("K"+id, "w1", id)
	w.ok(StartPack{Station: "pack1", Barcode: w.order(id).Tote})
	w.printed(w.ok(Pack{Station: "pack1", Order: id, WeightMg: 100_000 + netMg}).Ref)
}

// row 112: what the scale learns of a weight is proposed once it is stable, and
// the item is never written; measured sides too.
func TestWeightRow112IsProposed(t *testing.T) {
	w := learning(t, WeightsPropose)
	before := *seen(GetItem(w.tx, "PEN"))
	// The master data say 10 g; they weigh 12 g, give or take half.
	for i := range 19 {
		w.parcelOf(12_000+int64(i%3-1)*500, "PEN")
		if n := len(w.all(EvWeightProposed)); n != 0 {
			t.Fatalf("proposed after %d parcels", i+1)
		}
	}
	w.parcelOf(200_000+10_000, "CUP", "PEN") // says nothing of one item
	w.parcelOf(24_500, "PEN*2")
	ev := w.all(EvWeightProposed)
	if len(ev) != 1 || ev[0].Data.SKU != "PEN" || ev[0].Data.WasMg != 10_000 || ev[0].Data.Qty != 20 {
		t.Fatalf("%+v", ev)
	}
	l := seen(GetLearned(w.tx, "PEN"))
	// 19 parcels: 6 of 11.5 g less one, … the sum is counted by hand:
	// 7×11,500 + 6×12,000 + 6×12,500 + 24,500 = 252,000 of 21 pieces.
	if l.Parcels != 20 || l.Units != 21 || l.SumMg != 252_000 || l.MeanMg() != 12_000 || !l.Stable || ev[0].Data.WeightMg != 12_000 {
		t.Errorf("%+v, %+v", l, ev[0].Data)
	}
	for range 40 {
		w.parcelOf(12_000, "PEN")
	}
	if n := len(w.all(EvWeightProposed)); n != 1 {
		t.Errorf("proposed %d times", n)
	}
	if it := *seen(GetItem(w.tx, "PEN")); fmt.Sprint(it) != fmt.Sprint(before) {
		t.Errorf("the item was written: %+v", it)
	}
	if seen(GetLearned(w.tx, "CUP")) != nil {
		t.Error("learned of a mixed parcel")
	}
	m := MeasureItem{SKU: "PEN", LengthMm: 150, WidthMm: 9, HeightMm: 9}
	w.ok(m)
	w.ok(m)
	if ev := w.all(EvSidesProposed); len(ev) != 1 || *ev[0].Data.Sides != (Sides{150, 9, 9}) || seen(GetItem(w.tx, "PEN")).LengthMm != 0 {
		t.Errorf("%+v", ev)
	}
	w.invariants()
}

// The site may expect what it learned; the OMS's own answer ends the matter.
func TestWeightLearnedIsExpected(t *testing.T) {
	for how, want := range map[string]int64{"": 110_000, WeightsPropose: 110_000, WeightsUse: 113_000} {
		w := learning(t, how)
		for range 20 {
			w.parcelOf(13_000, "PEN")
		}
		w.ok(release("O1", "PEN"))
		if st := w.onScale("pack1", "O1"); st.ExpectedMg != want {
			t.Errorf("%q: expected %d, want %d", how, st.ExpectedMg, want)
		}
		if (len(w.all(EvWeightProposed)) == 1) != (how != "") {
			t.Errorf("%q: %d proposals", how, len(w.all(EvWeightProposed)))
		}
		w.invariants()
	}
}

// An item whose weight wanders is never proposed, and old parcels fade.
func TestWeightIsNotStable(t *testing.T) {
	w := learning(t, WeightsPropose)
	for i := range 30 {
		w.parcelOf(11_000+int64(i/10)*1_500, "PEN")
	}
	if l := seen(GetLearned(w.tx, "PEN")); l.Stable || len(w.all(EvWeightProposed)) != 0 {
		t.Errorf("%+v", l)
	}
}

func TestMeasureItemRefused(t *testing.T) {
	w := learning(t, "")
	before := w.tx.Digest()
	for _, tt := range []struct {
		cmd  MeasureItem
		code string
	}{
		{MeasureItem{SKU: "NOPE", LengthMm: 1, WidthMm: 1, HeightMm: 1}, CodeUnknownItem},
		{MeasureItem{SKU: "", LengthMm: 1, WidthMm: 1, HeightMm: 1}, CodeInvalid},
		{MeasureItem{SKU: "PEN"}, CodeInvalid},
		{MeasureItem{SKU: "PEN", LengthMm: 1, WidthMm: 1}, CodeInvalid},
		{MeasureItem{SKU: "PEN", LengthMm: 1, WidthMm: 1, HeightMm: 10_001}, CodeInvalid},
	} {
		w.no(tt.cmd, tt.code)
	}
	s := testSite()
	s.Weights = "guess"
	w.no(PutSite{Site: s}, CodeInvalid)
	if w.tx.Digest() != before {
		t.Error("a refused command changed something")
	}
}
