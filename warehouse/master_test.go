package warehouse_test

import (
	"fmt"
	"strings"
	"testing"

	. "tote/warehouse"
)

func TestPutSiteRules(t *testing.T) {
	for name, change := range map[string]func(*Site){
		"id":               func(s *Site) { s.ID = "a/b" },
		"no id":            func(s *Site) { s.ID = "" },
		"prefix short":     func(s *Site) { s.CompanyPrefix = "123" },
		"prefix letters":   func(s *Site) { s.CompanyPrefix = "12345a7" },
		"extension":        func(s *Site) { s.SSCCExtension = 10 },
		"no tote prefix":   func(s *Site) { s.TotePrefix = "" },
		"tare":             func(s *Site) { s.CartonTareMg = -1 },
		"tolerance":        func(s *Site) { s.ToleranceMg = -1 },
		"permil":           func(s *Site) { s.TolerancePermil = 1001 },
		"no lease":         func(s *Site) { s.LeaseMs = 0 },
		"long lease":       func(s *Site) { s.LeaseMs = 8 * 24 * 3600 * 1000 },
		"slots":            func(s *Site) { s.CartSlots = 0 },
		"aisles":           func(s *Site) { s.Layout.Aisles = 0 },
		"cells":            func(s *Site) { s.Layout.Cells = 65 },
		"lengths":          func(s *Site) { s.Layout.CellMm = -1 },
		"depot":            func(s *Site) { s.Layout.DepotAisle = 2 },
		"pack drop":        func(s *Site) { s.PackDrop = "a b" },
		"carrier code":     func(s *Site) { s.Carriers[0].Code = "" },
		"carrier digits":   func(s *Site) { s.Carriers[0].Digits = 19 },
		"carrier range":    func(s *Site) { s.Carriers[0].Last = 0 },
		"carrier too wide": func(s *Site) { s.Carriers[0].Last = 1_000_000 },
		"carrier prefix":   func(s *Site) { s.Carriers[0].Prefix = "a/b" },
		"carrier method":   func(s *Site) { s.Carriers[0].Method = "a\tb" },
		"carrier twice":    func(s *Site) { s.Carriers[0].Code = "POST" },
		"many carriers": func(s *Site) {
			for i := range 101 {
				s.Carriers = append(s.Carriers, Carrier{Code: fmt.Sprint(i), Digits: 1})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := testSite()
			change(&s)
			w.no(PutSite{Site: s}, CodeInvalid)
		})
	}
	w := bare(t)
	s := testSite()
	s.ID = "W2"
	w.no(PutSite{Site: s}, CodeConflict)
	s = testSite()
	s.Layout.Cells = 4 // bins A-05 and B-05 would hang in the air
	w.no(PutSite{Site: s}, CodeConflict)
	s = testSite()
	s.ToleranceMg = 1
	w.ok(PutSite{Site: s})
}

func TestPutItemsRules(t *testing.T) {
	good := Item{SKU: "X", Name: "X", WeightMg: 1}
	long := strings.Repeat("x", 201)
	for name, tt := range map[string]struct {
		change func(*Item)
		code   string
	}{
		"sku":            {func(i *Item) { i.SKU = "a/b" }, CodeInvalid},
		"sku long":       {func(i *Item) { i.SKU = long[:65] }, CodeInvalid},
		"sku spaces":     {func(i *Item) { i.SKU = " a" }, CodeInvalid},
		"sku umlaut":     {func(i *Item) { i.SKU = "ä" }, CodeInvalid},
		"name":           {func(i *Item) { i.Name = "" }, CodeInvalid},
		"name long":      {func(i *Item) { i.Name = long }, CodeInvalid},
		"name control":   {func(i *Item) { i.Name = "a\nb" }, CodeInvalid},
		"gtin digits":    {func(i *Item) { i.GTIN = "123" }, CodeInvalid},
		"gtin check":     {func(i *Item) { i.GTIN = gtin(1)[:13] + "9" }, CodeInvalid},
		"weight":         {func(i *Item) { i.WeightMg = 0 }, CodeInvalid},
		"barcode":        {func(i *Item) { i.Barcodes = []string{"a b"} }, CodeInvalid},
		"many barcodes":  {func(i *Item) { i.Barcodes = make([]string, 17) }, CodeInvalid},
		"gtin taken":     {func(i *Item) { i.GTIN = gtin(1) }, CodeConflict},
		"alias taken":    {func(i *Item) { i.Barcodes = []string{"CUP-OLD"} }, CodeConflict},
		"alias is a sku": {func(i *Item) { i.Barcodes = []string{"PEN"} }, CodeConflict},
		"alias is a gtin in its short form": {func(i *Item) {
			i.Barcodes = []string{gtin(1)[1:]}
		}, CodeConflict},
	} {
		t.Run(name, func(t *testing.T) {
			w := bare(t)
			it := good
			tt.change(&it)
			// All or nothing: the good item before must not stay either.
			w.no(PutItems{Items: []Item{{SKU: "FIRST", Name: "F", WeightMg: 1}, it}}, tt.code)
			if it, err := GetItem(w.tx, "FIRST"); err != nil || it != nil {
				t.Errorf("half of the list was taken: %v %v", it, err)
			}
		})
	}
	w := bare(t)
	w.no(PutItems{}, CodeInvalid)
	w.no(PutItems{Items: []Item{good, good}}, CodeDuplicateInFile)
	w.no(PutItems{Items: make([]Item, MaxRows+1)}, CodeInvalid)
}

// Replacing an item gives its old barcodes free, also within one list.
// What a catalogue sends is put in its own order, whatever the network does to
// it: older is no news, the same is the same, and two contents of one revision
// are a conflict.
func TestCatalogueRow40(t *testing.T) {
	w := stocked(t)
	cup := func(revision int64, name string, barcodes ...string) Item {
		it := testItems()[0]
		it.Revision, it.Name, it.Barcodes = revision, name, barcodes
		return it
	}
	want := func(revision int64, name string) {
		t.Helper()
		it := seen(GetItem(w.tx, "CUP"))
		if it.Revision != revision || it.Name != name {
			t.Fatalf("revision %d %q, want %d %q", it.Revision, it.Name, revision, name)
		}
		w.invariants()
	}
	w.ok(PutItems{Items: []Item{cup(5, "Cup 5", "CUP-5")}})
	want(5, "Cup 5")
	before := w.tx.Digest()
	for name, items := range map[string][]Item{
		"older":    {cup(4, "Cup 4", "CUP-4")},
		"the same": {cup(5, "Cup 5", "CUP-5")},
	} {
		if res := w.ok(PutItems{Items: items}); w.tx.Digest() != before || res.Text != "0 items, 1 are here already in that revision or a newer one" {
			t.Errorf("%s: %q, or the state changed", name, res.Text)
		}
	}
	w.no(PutItems{Items: []Item{cup(5, "Cup five", "CUP-5")}}, CodeConflict)
	w.no(PutItems{Items: []Item{cup(-1, "Cup")}}, CodeInvalid)
	if w.tx.Digest() != before {
		t.Error("a refusal changed the state")
	}
	// An older row stops no other of its command.
	pen := testItems()[1]
	pen.Name = "Pencil"
	w.ok(PutItems{Items: []Item{cup(3, "Cup 3"), pen}})
	want(5, "Cup 5")
	if it := seen(GetItem(w.tx, "PEN")); it.Name != "Pencil" {
		t.Errorf("%+v", it)
	}
	w.ok(PutItems{Items: []Item{cup(0, "Cup by hand", "CUP-5")}}) // a person
	want(5, "Cup by hand")
	w.ok(PutItems{Items: []Item{cup(7, "Cup 7", "CUP-7")}})
	want(7, "Cup 7")
	w.ok(PutItems{Items: []Item{cup(6, "Cup 6", "CUP-6")}}) // overtaken
	want(7, "Cup 7")
}

func TestItemsExchangeBarcodes(t *testing.T) {
	w := bare(t)
	items := testItems()
	cup, pen := items[0], items[1]
	cup.Barcodes, pen.Barcodes = nil, []string{"CUP-OLD"}
	cup.GTIN, pen.GTIN = pen.GTIN, cup.GTIN
	w.ok(PutItems{Items: []Item{cup, pen}})
	w.invariants()
	for code, want := range map[string]string{"CUP-OLD": "PEN", gtin(1): "PEN", gtin(2)[1:]: "CUP", "CUP": "CUP"} {
		if it, _, err := FindItem(w.tx, code); err != nil || it == nil || it.SKU != want {
			t.Errorf("%s: %v %v, want %s", code, it, err, want)
		}
	}
	for _, code := range []string{"nonsense", "", "\x00", strings.Repeat("x", 129)} {
		if it, _, err := FindItem(w.tx, code); err != nil || it != nil {
			t.Errorf("%q: %v %v", code, it, err)
		}
	}
}

func TestLotTrackingCannotChangeUnderStock(t *testing.T) {
	w := bare(t)
	bag := testItems()[2]
	bag.LotTracked = true
	w.ok(PutItems{Items: []Item{bag}})
	bag.LotTracked = false
	w.ok(PutItems{Items: []Item{bag}})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "BAG", Qty: 1}}})
	bag.LotTracked = true
	w.no(PutItems{Items: []Item{bag}}, CodeConflict)
}

func TestPutBinsAndWorkersRules(t *testing.T) {
	w := newWorld(t)
	w.no(PutBins{Bins: testBins()}, CodeSiteNotSet)
	w = bare(t)
	for _, tt := range []struct {
		c    Command
		code string
	}{
		{PutBins{}, CodeInvalid},
		{PutBins{Bins: []Bin{{Code: "a/b"}}}, CodeInvalid},
		{PutBins{Bins: []Bin{{Code: "C", Aisle: 2}}}, CodeInvalid},
		{PutBins{Bins: []Bin{{Code: "C", Aisle: -1}}}, CodeInvalid},
		{PutBins{Bins: []Bin{{Code: "C", Cell: 5}}}, CodeInvalid},
		{PutBins{Bins: []Bin{{Code: "C", Side: "/"}}}, CodeInvalid},
		{PutBins{Bins: []Bin{{Code: "C"}, {Code: "C"}}}, CodeDuplicateInFile},
		{PutWorkers{}, CodeInvalid},
		{PutWorkers{Workers: []Worker{{ID: "", Name: "N", Badge: "B"}}}, CodeInvalid},
		{PutWorkers{Workers: []Worker{{ID: "w9", Name: "", Badge: "B"}}}, CodeInvalid},
		{PutWorkers{Workers: []Worker{{ID: "w9", Name: "N", Badge: ""}}}, CodeInvalid},
		{PutWorkers{Workers: []Worker{{ID: "w9", Name: "N", Badge: "B1"}}}, CodeConflict},
		{PutWorkers{Workers: []Worker{{ID: "w9", Name: "N", Badge: "X"}, {ID: "w8", Name: "N", Badge: "X"}}}, CodeConflict},
		{PutWorkers{Workers: []Worker{{ID: "w9", Name: "N", Badge: "X"}, {ID: "w9", Name: "N", Badge: "Y"}}}, CodeDuplicateInFile},
	} {
		w.no(tt.c, tt.code)
	}
	// Two workers exchange their badges.
	w.ok(PutWorkers{Workers: []Worker{{ID: "w1", Name: "Ada", Badge: "B2"}, {ID: "w2", Name: "Ben", Badge: "B1"}}})
	if res := w.ok(SignIn{Device: "h1", Badge: "B2"}); res.Ref != "w1" {
		t.Errorf("badge B2 is %s", res.Ref)
	}
	if n := len(seen(Workers(w.tx))); n != 3 {
		t.Errorf("%d workers", n)
	}
}
