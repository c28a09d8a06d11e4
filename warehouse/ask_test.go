package warehouse_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"tote/gs1"
	. "tote/warehouse"
)

// find asks and names what was found.
func (w *world) find(code string) *Found {
	w.t.Helper()
	f, err := Find(w.tx, code, "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func TestFind(t *testing.T) {
	w := stocked(t)
	items := testItems()
	w.ok(PutItems{Items: append(items, Item{SKU: "PHONE", Name: "p", WeightMg: 1000, Serials: true, GTIN: gtin(77)})})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-02", SKU: "PHONE", Serial: "S9", Qty: 1}}})
	w.ok(release("O1", "CUP*1"))
	w.assign("K1", "w1", "O1")
	w.walkTo("hw1", StepAsk)
	sscc := w.label("pack1", "O1")
	epc, err := gs1.EncodeSSCC96(7, sscc, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, code, kind, id, where string }{
		{"an SSCC", sscc, FoundUnit, sscc, "station/pack1"},
		{"an SSCC as a barcode", "]C100" + sscc, FoundUnit, sscc, "station/pack1"},
		{"the tag of a carton", epc, FoundUnit, sscc, "station/pack1"},
		{"an order", "O1", FoundOrder, "O1", "station/pack1"},
		{"a bin", "A-02", FoundBin, "A-02", "bin/A-02"},
		{"an item", "PHONE", FoundItem, "PHONE", "bin/A-02"},
		{"a GTIN with a serial", "(01)" + gtin(77) + "(21)S9", FoundItem, "PHONE", "bin/A-02"},
		{"a serial", "S9", FoundSerial, "S9", "bin/A-02"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := w.find(tc.code)
			if f == nil || f.Kind != tc.kind || f.ID != tc.id {
				t.Fatalf("%+v", f)
			}
			if len(f.Goods) == 0 || f.Goods[0].Holder != tc.where {
				t.Errorf("goods %+v", f.Goods)
			}
			if (f.Kind == FoundUnit || f.Kind == FoundOrder) && f.Path[0] != tc.where {
				t.Errorf("path %v", f.Path)
			}
		})
	}
	for _, code := range []string{"", "NOTHING", "]C100", "\x00", "urn:epc:id:sscc:1", sscc[:17] + "x"} {
		if f := w.find(code); f != nil {
			t.Errorf("%q is %+v", code, f)
		}
	}
}

// Pages hold each place once, whole, however many lots it has.
func TestFindByPage(t *testing.T) {
	w := stocked(t)
	var rows []StockRow
	for i := range 9 {
		rows = append(rows, StockRow{Bin: "A-0" + fmt.Sprint(1+i/4), SKU: "MILK", Lot: fmt.Sprintf("X%d", i), Expiry: "2030-01-01", Qty: 1})
	}
	w.ok(OpenStock{Rows: rows})
	all := w.find("MILK").Goods
	for limit := 1; limit < 12; limit++ {
		var got []Location
		for from, pages := "", 0; ; pages++ {
			f, err := Find(w.tx, "MILK", from, limit)
			if err != nil || pages > 20 {
				t.Fatal(pages, err)
			}
			got = append(got, f.Goods...)
			if from = f.Next; from == "" {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("limit %d: %d of %d", limit, len(got), len(all))
		}
	}
}

func TestTrace(t *testing.T) {
	w := stocked(t)
	for _, id := range []string{"O1", "O2"} {
		w.m.Now += 1000
		w.ok(release(id, "CUP*2", "MILK*1"))
		w.assign("K"+id, "w1", id)
		w.walkTo("hw1", StepAsk)
		w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
		w.ok(Depart{Dock: "d1"})
	}
	trace := func(q TraceQuery, limit int) (all []Traced) {
		t.Helper()
		for from, pages := "", 0; ; pages++ {
			moves, next, err := Trace(w.tx, q, from, limit)
			if err != nil || pages > 1000 {
				t.Fatal(pages, err)
			}
			all = append(all, moves...)
			if from = next; from == "" {
				return all
			}
		}
	}
	everything := trace(TraceQuery{}, 0)
	for i, m := range everything {
		if m.N != uint64(len(everything)-i) {
			t.Fatalf("number %d at %d of %d", m.N, i, len(everything))
		}
	}
	sku := TraceQuery{SKU: "CUP"}
	want := trace(sku, 0)
	if len(want) < 7 || want[0].To != PlaceCustomer || want[len(want)-1].From != PlaceOpening {
		t.Errorf("%+v", want)
	}
	for limit := 1; limit < 5; limit++ {
		if got := trace(sku, limit); !slices.Equal(got, want) {
			t.Errorf("limit %d: %d of %d", limit, len(got), len(want))
		}
	}
	o := w.order("O1")
	one := trace(TraceQuery{Order: "O1"}, 0)
	if len(one) != 6 { // two items into the tote, the carton and away
		t.Errorf("%+v", one)
	}
	for _, m := range one {
		if m.At > o.ShippedAt || m.At < o.ReleasedAt {
			t.Errorf("of another order: %+v", m)
		}
	}
	for limit := 1; limit < 4; limit++ {
		if got := trace(TraceQuery{Order: "O1"}, limit); !slices.Equal(got, one) {
			t.Errorf("limit %d: %+v", limit, got)
		}
	}
	for _, after := range []string{"x", "0", "-1", "/T-1"} {
		if _, _, err := Trace(w.tx, sku, after, 1); !errors.Is(err, ErrCursor) {
			t.Errorf("after %q: %v", after, err)
		}
	}
	if got := trace(TraceQuery{Unit: o.Parcels[0].SSCC}, 0); len(got) != 4 {
		t.Errorf("%+v", got)
	}
	if got := trace(TraceQuery{Order: "NONE"}, 0); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	for _, lot := range o.Lines[1].Lots {
		if got := trace(TraceQuery{SKU: "MILK", Lot: lot.Lot}, 0); len(got) < 4 {
			t.Errorf("lot %s: %+v", lot.Lot, got)
		}
	}
}

// A page of a trace reads a bounded part of the journal, and says how to go on.
func TestTraceIsBounded(t *testing.T) {
	w := stocked(t)
	for i := range 2500 {
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-02", SKU: "PEN", Qty: 1 + int64(i)}}})
	}
	pages := 0
	for from := ""; ; pages++ {
		c := &countingTx{Tx: w.tx}
		moves, next, err := Trace(c, TraceQuery{SKU: "NONE"}, from, 10)
		if err != nil || len(moves) != 0 || c.reads > 2001 {
			t.Fatalf("%d moves, next %s, %d reads, %v", len(moves), next, c.reads, err)
		}
		if from = next; from == "" {
			break
		}
	}
	if pages != 1 {
		t.Errorf("%d pages before the last", pages)
	}
}

func TestLate(t *testing.T) {
	w := stocked(t)
	s := testSite()
	s.Promises = true
	w.ok(PutSite{Site: s})
	hour := int64(3600_000)
	by := func(id string, at int64) ReleaseOrder {
		r := release(id, "CUP*1")
		r.Order.ShipBy = at
		return r
	}
	w.ok(by("SOON", w.m.Now+hour))
	w.ok(by("LATE", w.m.Now+60_000))
	w.ok(by("FAR", w.m.Now+100*hour))
	w.ok(release("NEVER", "CUP*1"))
	w.m.Now += 2 * 60_000
	late := func(within int64) (ids []string) {
		t.Helper()
		for after := ""; ; {
			page, err := Late(w.tx, w.m.Now, w.m.Now+within, after, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				return ids
			}
			p := page[0]
			ids = append(ids, fmt.Sprintf("%s %v", p.Order, p.Late))
			after = p.Next
		}
	}
	w.invariants()
	if got := late(0); !slices.Equal(got, []string{"LATE true"}) {
		t.Error(got)
	}
	if got := late(2 * hour); !slices.Equal(got, []string{"LATE true", "SOON false"}) {
		t.Error(got)
	}
	w.ok(CancelOrder{Order: "LATE", Source: SourceSite, Reason: "r"})
	w.assign("K1", "w1", "SOON")
	w.walkTo("hw1", StepAsk)
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "SOON")})
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	if got := late(1000 * hour); !slices.Equal(got, []string{"FAR false"}) {
		t.Error(got)
	}
	// A site that does not watch keeps no row.
	w.ok(PutSite{Site: testSite()})
	w.ok(by("OFF", w.m.Now+hour))
	if got := late(1000 * hour); !slices.Equal(got, []string{"FAR false"}) {
		t.Error(got)
	}
}

// The page of an order shows these reasons, and its test each state of it; here
// is what the page leaves to the domain.
func TestWhy(t *testing.T) {
	w := stocked(t)
	why := func(id string) []Reason {
		t.Helper()
		all, err := Why(w.tx, w.order(id))
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		for _, re := range all {
			if re.What == "" || re.Since == 0 || re.Level == "" || re.Level == ReasonDecide && re.Action == "" {
				t.Errorf("%s: %+v", id, re)
			}
		}
		return all
	}
	w.ok(release("O1", "CUP*1"))
	w.ok(release("SHORT", "BAG*999"))
	if got := why("SHORT"); len(got) != 1 || got[0].Code != FalloutOutOfStock || got[0].Fallout == "" {
		t.Errorf("%+v", got)
	}
	w.ok(HoldOrder{Order: "SHORT", Code: HoldPayment, Source: "oms/main"})
	w.ok(HoldOrder{Order: "O1", Code: HoldPayment, Source: "oms/main"})
	if got := why("O1"); len(got) != 1 || got[0].Code != CodeHeld || got[0].What != "It is held: PAYMENT." {
		t.Errorf("%+v", got)
	}
	w.ok(ReleaseHold{Order: "O1", Code: HoldPayment, Source: "oms/main"})
	w.assign("K1", "w1", "O1")
	if got := why("O1"); got[0].Who == "" || got[0].Batch != "K1" || got[0].Until <= w.m.Now {
		t.Errorf("%+v", got)
	}
	w.walkTo("hw1", StepAsk)
	why("O1")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
	why("O1")
	w.ok(Depart{Dock: "d1"})
	if got := why("O1"); len(got) != 1 || got[0].Level != ReasonMoves {
		t.Errorf("%+v", got)
	}
}
