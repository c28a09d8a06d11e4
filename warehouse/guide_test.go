package warehouse_test

import (
	"strings"
	"testing"

	. "tote/warehouse"
)

// row 113: each customer's routing guide: its carriers, its heaviest parcel, its
// label format; nobody else's orders change.
func TestGuideRow113PerCustomer(t *testing.T) {
	guided := func(s Site) Site {
		s.Guides = []Guide{
			{Name: "ACME", Channels: []string{"acme"}, Carriers: []string{"FAST"}, Format: "acme-3", Pallet: "no mixed lots"},
			{Name: "LIGHT", ShipTo: []string{"Light Ltd"}, MaxMg: 200_000, Format: FormatGS1},
		}
		return s
	}
	for _, tt := range []struct {
		name, channel, shipTo, line, carrier, format string // carrier or the code of the fallout
	}{
		{"nobody's", "web", "Eve", "PEN", "POST", ""},
		{"no channel", "", "Eve", "PEN", "POST", ""},
		{"carriers and format by channel", "acme", "Eve", "PEN", "FAST", "acme-3"},
		{"by the name it ships to", "", "Light Ltd", "PEN", "POST", ""},
		{"heavier than it takes", "", "Light Ltd", "CUP", FalloutCarrierRefused, ""},
		{"the first guide holds", "acme", "Light Ltd", "CUP", "FAST", "acme-3"},
	} {
		t.Run("row 113: "+tt.name, func(t *testing.T) {
			w := shipping(t)
			w.ok(PutSite{Site: guided(shipSite())})
			w.ok(to("O1", func(s *OrderSpec) { s.Channel, s.ShipTo.Name = tt.channel, tt.shipTo }, tt.line))
			st := w.onScale("pack1", "O1")
			pack := Pack{Station: "pack1", Order: "O1", WeightMg: st.ExpectedMg}
			if tt.carrier == FalloutCarrierRefused {
				if res := w.no(pack, tt.carrier); !strings.Contains(res.Text, "too heavy for LIGHT") {
					t.Errorf("%s", res.Text)
				}
				w.invariants()
				return
			}
			j := seen(GetJob(w.tx, w.ok(pack).Ref))
			if j.Carrier != tt.carrier || j.Format != tt.format {
				t.Errorf("%+v", j)
			}
			if tt.carrier == "FAST" {
				w.no(ChangeCarrier{SSCC: j.ID, Carrier: "POST", Service: "parcel", Reason: "cheaper"}, CodeCarrierRefused)
			}
			w.invariants()
		})
	}
}

func TestGuidesRefused(t *testing.T) {
	w := shipping(t)
	before := w.tx.Digest()
	for why, change := range map[string]func(*Site){
		"more than 100 guides": func(s *Site) { s.Guides = make([]Guide, 101) },
		"guides need services": func(s *Site) { s.Services = nil },
		"a name":               func(s *Site) { s.Guides[0].Name = "" },
		"each once":            func(s *Site) { s.Guides = append(s.Guides, s.Guides[0]) },
		"channels or shipTo":   func(s *Site) { s.Guides[0].Channels = nil },
		": channels":           func(s *Site) { s.Guides[0].Channels = []string{""} },
		": shipTo":             func(s *Site) { s.Guides[0].ShipTo = []string{"a\x01"} },
		"carriers of the site": func(s *Site) { s.Guides[0].Carriers = []string{"NOPE"} },
		": maxMg":              func(s *Site) { s.Guides[0].MaxMg = -1 },
		": format":             func(s *Site) { s.Guides[0].Format = "a/b" },
		": pallet":             func(s *Site) { s.Guides[0].Pallet = "a\x01" },
	} {
		s := shipSite()
		s.Guides = []Guide{{Name: "ACME", Channels: []string{"acme"}}}
		change(&s)
		if res := w.no(PutSite{Site: s}, CodeInvalid); !strings.Contains(res.Text, why) {
			t.Errorf("%s, want %s", res.Text, why)
		}
	}
	if w.tx.Digest() != before {
		t.Error("a refused command changed something")
	}
}

// row 10: scripted scans, discrete and several orders on one cart; a weight that
// is wrong blocks the close of the carton.
func TestPackRow10WeightBlocksTheClose(t *testing.T) {
	for name, batches := range map[string][][]string{
		"discrete": {{"O1"}, {"O2"}, {"O3"}}, "cluster": {{"O1", "O2", "O3"}},
	} {
		t.Run("row 10: "+name, func(t *testing.T) {
			w := shipping(t)
			for _, id := range []string{"O1", "O2", "O3"} {
				w.ok(release(id, "CUP*2", "PEN"))
			}
			for i, orders := range batches {
				w.pick("K"+string(rune('1'+i)), "w1", orders...)
			}
			for _, id := range []string{"O1", "O2", "O3"} {
				w.ok(StartPack{Station: "pack1", Barcode: w.order(id).Tote})
				w.no(Pack{Station: "pack1", Order: id, WeightMg: 310_000}, CodeWeightMismatch) // a cup is missing
				if o := w.state(id, OrderPicked); len(o.Parcels) != 0 {
					t.Errorf("%+v", o.Parcels)
				}
				w.ok(StartPack{Station: "pack1", Barcode: w.order(id).Tote})
				w.ok(Load{Dock: "d1", Barcode: w.label1("pack1")})
			}
			w.ok(Depart{Dock: "d1"})
			w.invariants()
			w.books()
		})
	}
}

// row 106: from the release to the truck nobody chooses a carrier, types a label
// or checks an address.
func TestShipRow106Automated(t *testing.T) {
	w := stocked(t)
	s := onlineSite()
	s.Manifests = true
	w.ok(PutSite{Site: s})
	w.ok(to("BAD", func(s *OrderSpec) {
		s.ShipTo.Street, s.ShipTo.Country, s.Method = strings.Repeat("x", 31), "DE", "post"
	}, "PEN"))
	w.wantFallouts("UNKNOWN_SHIP_METHOD BAD/0")
	w.ok(release("O1", "PEN"))
	w.ok(to("O2", func(s *OrderSpec) { s.Method = "express" }, "PEN"))
	for _, id := range []string{"O1", "O2"} {
		w.onScale("pack1", id)
		j := seen(GetJob(w.tx, w.weigh("pack1")))
		if j.State == JobAwaiting {
			w.ok(LabelGiven{Job: j.ID, Carrier: j.Carrier, Tracking: "RR" + id, Body: "^XA^XZ"})
		}
		w.printed(j.ID)
		w.ok(CloseManifest{Carrier: j.Carrier, Dock: "d1"})
		w.ok(Load{Dock: "d1", Barcode: j.ID})
	}
	w.ok(Depart{Dock: "d1"})
	for id, want := range map[string]string{"O1": "POST RRO1", "O2": "FAST FX000001"} {
		if p := w.state(id, OrderShipped).Parcels[0]; p.Carrier+" "+p.Tracking != want {
			t.Errorf("%+v, want %s", p, want)
		}
	}
	w.invariants()
	w.books()
}
