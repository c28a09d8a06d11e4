package warehouse_test

import (
	"strings"
	"testing"

	. "tote/warehouse"
)

// boxed is a stocked world with three cartons and measured items.
func boxed(t fataler) *world {
	w := stocked(t)
	s := testSite()
	s.Cartons = []Carton{
		{Code: "L", LengthMm: 600, WidthMm: 400, HeightMm: 300, TareMg: 500_000},
		{Code: "S", LengthMm: 100, WidthMm: 100, HeightMm: 200, TareMg: 40_000, MaxMg: 800_000},
		{Code: "M", LengthMm: 300, WidthMm: 200, HeightMm: 200, TareMg: 150_000},
	}
	w.ok(PutSite{Site: s})
	items := testItems()
	for i, d := range [][3]int64{{100, 100, 100}, {150, 10, 10}, {300, 200, 50}, {100, 100, 200}} {
		items[i].LengthMm, items[i].WidthMm, items[i].HeightMm = d[0], d[1], d[2]
	}
	w.ok(PutItems{Items: items})
	return w
}

// The smallest carton that fits is shown at the
// scan of the tote, and its tare is part of what the parcel must weigh.
func TestCartonSmallest(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		lines      []string
	}{
		{"one piece", "S", []string{"CUP"}},
		{"two that fill it", "S", []string{"CUP*2"}},
		{"one more than it holds", "M", []string{"CUP*3"}},
		{"too heavy for the small one", "M", []string{"MILK"}},
		{"a side that is too long", "M", []string{"BAG"}},
		{"lying on its side", "S", []string{"PEN"}},
		{"volume would do, the sides do not", "L", []string{"BAG*3", "MILK"}},
		{"flat ones stacked", "M", []string{"BAG*4"}},
		{"a mixed one", "M", []string{"CUP*4", "PEN*20"}},
		{"so many that volume decides", "L", []string{"PEN*90", "CUP*15"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := boxed(t)
			w.ok(release("O1", tt.lines...))
			w.pick("K1", "w1", "O1")
			res := w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
			st := seen(GetStation(w.tx, "pack1"))
			if st.Carton != tt.want || res.Next.Carton != tt.want {
				t.Fatalf("%+v, want %s", st, tt.want)
			}
			var net int64
			for _, l := range w.order("O1").Lines {
				net += l.Picked * seen(GetItem(w.tx, l.SKU)).WeightMg
			}
			tare := map[string]int64{"S": 40_000, "M": 150_000, "L": 500_000}[tt.want]
			if st.ExpectedMg != net+tare {
				t.Errorf("expected %d, want %d", st.ExpectedMg, net+tare)
			}
			w.label1("pack1")
			if p := w.order("O1").Parcels[0]; p.Carton != tt.want {
				t.Errorf("%+v", p)
			}
			w.invariants()
		})
	}
}

// The packer takes another carton: its tare counts.
func TestCartonTakenInstead(t *testing.T) {
	w := boxed(t)
	w.ok(release("O1", "CUP"))
	w.pick("K1", "w1", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	pack := Pack{Station: "pack1", Order: "O1", WeightMg: 700_000, Carton: "L"}
	bad := pack
	bad.Carton = "XXL"
	w.no(bad, CodeInvalid)
	w.ok(pack)
	if p := w.order("O1").Parcels[0]; p.Carton != "L" {
		t.Errorf("%+v", p)
	}
	w.invariants()
}

// What fits into no carton waits for a person; an item nobody measured only
// means that none is suggested.
func TestCartonNoneFits(t *testing.T) {
	w := boxed(t)
	items := testItems()
	items[2].LengthMm, items[2].WidthMm, items[2].HeightMm = 700, 10, 10
	w.ok(PutItems{Items: items[2:3]})
	w.ok(release("O1", "BAG"))
	w.pick("K1", "w1", "O1")
	res := w.no(StartPack{Station: "pack1", Barcode: "T-K1-1"}, CodeNoCarton)
	if !res.Keep || res.Next.Do != StepScanTote || res.Next.Code != CodeNoCarton {
		t.Errorf("%+v", res)
	}
	w.state("O1", OrderPicked)
	w.wantFallouts("NO_CARTON O1/0")
	w.no(StartPack{Station: "pack1", Barcode: "T-K1-1"}, CodeInFallout)
	w.invariants()
	w.ok(RetryOrder{Order: "O1"})
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	if st := seen(GetStation(w.tx, "pack1")); st.Carton != "" || st.ExpectedMg != 150_000 {
		t.Errorf("%+v", st)
	}
	w.label1("pack1")
	w.invariants()
	w.ok(PutItems{Items: testItems()[1:2]})
	w.ok(release("O2", "CUP", "PEN"))
	if st := w.onScale("pack1", "O2"); st.Carton != "" || st.ExpectedMg != 310_000 {
		t.Errorf("%+v", st)
	}
}

func TestCartonsRefused(t *testing.T) {
	w := boxed(t)
	before := w.tx.Digest()
	for why, change := range map[string]func(*Site){
		"carton id":             func(s *Site) { s.Cartons[0].Code = "" },
		"is listed twice":       func(s *Site) { s.Cartons[0].Code = "S" },
		"sides":                 func(s *Site) { s.Cartons[0].HeightMm = 0 },
		"carton L: sides":       func(s *Site) { s.Cartons[0].HeightMm = 10_001 },
		"carton S: weights":     func(s *Site) { s.Cartons[1].MaxMg = -1 },
		"carton M: weights":     func(s *Site) { s.Cartons[2].TareMg = -1 },
		"more than 20 cartons":  func(s *Site) { s.Cartons = make([]Carton, 21) },
		"company prefix: 4 to ": func(s *Site) { s.CompanyPrefix = "" },
	} {
		s := *seen(GetSite(w.tx))
		change(&s)
		if res := w.no(PutSite{Site: s}, CodeInvalid); !strings.Contains(res.Text, why) {
			t.Errorf("%s, want %s", res.Text, why)
		}
	}
	for _, mm := range [][3]int64{{1, 0, 0}, {1, 1, 0}, {-1, 1, 1}, {1, 1, 10_001}} {
		it := testItems()[0]
		it.LengthMm, it.WidthMm, it.HeightMm = mm[0], mm[1], mm[2]
		w.no(PutItems{Items: []Item{it}}, CodeInvalid)
	}
	if w.tx.Digest() != before {
		t.Error("a refused command changed something")
	}
}
