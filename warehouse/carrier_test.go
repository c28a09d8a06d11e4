package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

const hour = int64(3_600_000)

// shipSite has three carriers: POST is cheap and leaves at 16:00, FAST is dear
// and leaves at 18:00, BULK takes only what is heavy.
func shipSite() Site {
	s := testSite()
	s.Carriers = []Carrier{
		{Code: "FAST", Prefix: "FX", Digits: 6, First: 1, Last: 99_999},
		{Code: "POST", Prefix: "PO", Digits: 8, First: 100, Last: 99_999_999, MaxLine: 30},
		{Code: "BULK", Prefix: "BU", Digits: 4, First: 1, Last: 9_999},
	}
	s.Services = []Service{
		{
			Carrier: "POST", Code: "parcel", Methods: []string{"standard"}, Countries: []string{"DE", "AT"}, MaxMg: 10_000_000,
			CutOff: 16 * 60, Costs: []CostStep{{UpToMg: 2_000_000, Cost: 490}, {UpToMg: 10_000_000, Cost: 790}},
		},
		{
			Carrier: "FAST", Code: "next", Methods: []string{"standard", "express"}, CutOff: 18 * 60,
			Costs: []CostStep{{UpToMg: 5_000_000, Cost: 1290}},
		},
		{Carrier: "BULK", Code: "pallet", Methods: []string{"standard"}, Postcodes: []string{"1", "20"}, MinMg: 10_000_001, Costs: []CostStep{{Cost: 9900}}},
		{Carrier: "BULK", Code: "desk", Methods: []string{"pickup"}, Priority: 1},
		{Carrier: "FAST", Code: "desk", Methods: []string{"pickup"}, Priority: 5},
	}
	return s
}

// shipping is a stocked world with the table of services.
func shipping(t fataler) *world {
	w := stocked(t)
	w.ok(PutSite{Site: shipSite()})
	return w
}

// to changes an order before it is released.
func to(id string, change func(*OrderSpec), lines ...string) ReleaseOrder {
	r := release(id, lines...)
	change(&r.Order)
	return r
}

// onScale takes an order to the scale of a station.
func (w *world) onScale(station, id string) *StationState {
	w.t.Helper()
	w.pick("K"+id, "w1", id)
	w.ok(StartPack{Station: station, Barcode: w.order(id).Tote})
	st := seen(GetStation(w.tx, station))
	return &st
}

// row 12: carrier and service by the table of destination, weight, service,
// cut-off and cost; when a carrier is down another takes the parcel.
func TestCarrierRow12ByTheTable(t *testing.T) {
	at := func(h int64) int64 { return start + h*hour }
	for _, tt := range []struct {
		name   string
		line   string
		hour   int64
		change func(*OrderSpec)
		site   func(*Site)
		want   string // carrier, service and cost, or the code of the fallout
	}{
		{"the cheapest", "BAG", 9, nil, nil, "POST parcel 490"},
		{"the next step of the price", "MILK*3", 9, nil, nil, "POST parcel 790"},
		{"a method of one service", "BAG", 9, func(s *OrderSpec) { s.Method = "express" }, nil, "FAST next 1290"},
		{"another country", "BAG", 9, func(s *OrderSpec) { s.ShipTo.Country = "FR" }, nil, "FAST next 1290"},
		{"promised for today, the cheap one has left", "BAG", 17, func(s *OrderSpec) { s.ShipBy = at(20) }, nil, "FAST next 1290"},
		{"promised for today, at the minute of the cut-off", "BAG", 16, func(s *OrderSpec) { s.ShipBy = at(20) }, nil, "POST parcel 490"},
		{"promised for tomorrow", "BAG", 17, func(s *OrderSpec) { s.ShipBy = at(44) }, nil, "POST parcel 490"},
		{"too late for all: the first that leaves", "BAG", 17, func(s *OrderSpec) { s.ShipBy = at(3) }, nil, "FAST next 1290"},
		{"a name the carrier's label has no room for", "BAG", 9, func(s *OrderSpec) { s.ShipTo.Name = strings.Repeat("é", 31) }, nil, "FAST next 1290"},
		{"the same price: the priority", "BAG", 9, func(s *OrderSpec) { s.Method = "pickup" }, nil, "FAST desk 0"},
		{"the same price and priority: the first", "BAG", 9, func(s *OrderSpec) { s.Method = "pickup" }, func(s *Site) { s.Services[4].Priority = 1 }, "BULK desk 0"},
		{"more than a carrier takes", "MILK*3", 9, nil, func(s *Site) { s.Carriers[1].MaxMg = 3_000_000 }, "FAST next 1290"},
		{"heavy", "CUP*20", 9, nil, func(s *Site) { s.Services[2].MinMg = 4_000_000; s.Services[2].Costs[0].Cost = 1 }, "BULK pallet 1"},
		{"heavy, to the wrong postcode", "CUP*20", 9, func(s *OrderSpec) { s.ShipTo.Postcode = "30001" }, func(s *Site) { s.Services[2].MinMg = 4_000_000; s.Services[2].Costs[0].Cost = 1 }, "POST parcel 790"},
		{"nobody takes the weight", "CUP*20", 9, func(s *OrderSpec) { s.Method = "express" }, func(s *Site) { s.Services[1].Costs[0].UpToMg = 3_000_000 }, FalloutCarrierRefused},
		{"nobody has room for the name", "BAG", 9, func(s *OrderSpec) { s.Method = "express" }, func(s *Site) { s.Carriers[0].MaxLine = 2 }, FalloutAddress},
	} {
		t.Run("row 12: "+tt.name, func(t *testing.T) {
			w := shipping(t)
			w.m.Now = at(tt.hour)
			cmd := release("O1", tt.line)
			if tt.change != nil {
				tt.change(&cmd.Order)
			}
			w.ok(cmd)
			st := w.onScale("pack1", "O1")
			if tt.site != nil {
				s := shipSite()
				tt.site(&s)
				w.ok(PutSite{Site: s})
			}
			pack := Pack{Station: "pack1", Order: "O1", WeightMg: st.ExpectedMg}
			if carrier, rest, ok := strings.Cut(tt.want, " "); ok {
				w.ok(pack)
				p := w.order("O1").Parcels[0]
				service, cost, _ := strings.Cut(rest, " ")
				if p.Carrier != carrier || p.Service != service || fmt.Sprint(p.Cost) != cost || p.Tracking == "" {
					t.Errorf("%+v, want %s", p, tt.want)
				}
				if j := seen(GetJob(w.tx, p.Job)); j.Carrier != carrier || j.Service != service || j.Tracking != p.Tracking {
					t.Errorf("%+v", j)
				}
			} else {
				if res := w.no(pack, tt.want); !res.Keep || res.Next.Do != StepScanTote || res.Next.Code != tt.want {
					t.Errorf("%+v", res)
				}
				w.state("O1", OrderPicked)
				w.wantFallouts(tt.want + " O1/0")
				w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderPicked, EvFalloutOpened)
				// What was changed holds at the next weighing.
				w.ok(PutSite{Site: shipSite()})
				w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
				w.weigh("pack1")
				w.wantFallouts()
			}
			w.invariants()
			w.books()
		})
	}
}

// row 12: while a carrier is down another one takes the parcels, told
// once; one that only it could take is parked with the reason.
func TestCarrierRow12Down(t *testing.T) {
	w := shipping(t)
	for _, id := range []string{"O1", "O2", "O3", "O4"} {
		w.ok(to(id, func(s *OrderSpec) {
			if id == "O3" {
				s.Method = "express"
			}
		}, "PEN"))
	}
	took := func(id, want string) {
		t.Helper()
		if p := w.order(id).Parcels[0]; p.Carrier != want {
			t.Errorf("%s went with %+v, want %s", id, p, want)
		}
	}
	packed := func(id string) {
		t.Helper()
		w.onScale("pack1", id)
		w.label1("pack1")
	}
	packed("O1")
	took("O1", "POST")
	w.ok(CarrierDown{Carrier: "POST", Reason: "strike"})
	w.ok(CarrierDown{Carrier: "POST", Reason: "still"})
	packed("O2")
	took("O2", "FAST")
	w.ok(CarrierDown{Carrier: "FAST", Reason: "snow"})
	st := w.onScale("pack1", "O3")
	res := w.no(Pack{Station: "pack1", Order: "O3", WeightMg: st.ExpectedMg}, FalloutCarrierRefused)
	if res.Text != "FAST next: is down: snow" {
		t.Errorf("%s", res.Text)
	}
	w.wantFallouts("CARRIER_REFUSED O3/0")
	if out := seen(CarriersOut(w.tx)); len(out) != 2 || out[0].Carrier != "FAST" || out[1].Reason != "strike" || out[1].By != "test" {
		t.Errorf("%+v", out)
	}
	w.ok(CarrierUp{Carrier: "POST"})
	w.ok(CarrierUp{Carrier: "POST"})
	packed("O4")
	took("O4", "POST")
	w.ok(CarrierUp{Carrier: "FAST"})
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O3").Tote})
	w.label1("pack1")
	took("O3", "FAST")
	var told []string
	for _, e := range w.events() {
		if e.Order == "" {
			told = append(told, e.Type+" "+e.Data.Carrier+" "+e.Data.Text)
		}
	}
	if want := []string{"carrier.down POST strike", "carrier.down FAST snow", "carrier.up POST ", "carrier.up FAST "}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	w.invariants()
}

// row 110: the method of the OMS is mapped to services; an unknown one parks the
// order when it comes in, before anybody picks.
func TestCarrierRow110UnknownMethodIsFallout(t *testing.T) {
	w := shipping(t)
	w.ok(to("O1", func(s *OrderSpec) { s.Method = "drone" }, "BAG"))
	w.ok(to("O2", func(s *OrderSpec) { s.Method = "" }, "BAG"))
	w.ok(to("O3", func(s *OrderSpec) { s.ShipTo.Country = "FR"; s.Method = "standard" }, "BAG"))
	w.wantFallouts("UNKNOWN_SHIP_METHOD O1/0", "UNKNOWN_SHIP_METHOD O2/0")
	w.wantEvents("O1", EvOrderAccepted, EvFalloutOpened, EvOrderReleased)
	w.state("O1", OrderReleased)
	if pool := seen(Pool(w.tx, 0)); len(pool) != 1 || pool[0].Spec.ID != "O3" {
		t.Fatalf("%+v", pool)
	}
	w.no(RetryOrder{Order: "O1"}, FalloutUnknownMethod)
	w.invariants()
	// A map that knows it lets the order go on; so does another method.
	s := shipSite()
	s.Services[1].Methods = append(s.Services[1].Methods, "drone")
	w.ok(PutSite{Site: s})
	w.ok(RetryOrder{Order: "O1"})
	w.ok(to("O2", func(s *OrderSpec) { s.Method, s.Revision = "standard", 2 }, "BAG"))
	w.wantFallouts()
	w.onScale("pack1", "O1")
	w.label1("pack1")
	if p := w.order("O1").Parcels[0]; p.Carrier != "FAST" || p.Service != "next" {
		t.Errorf("%+v", p)
	}
	// One that only ever goes elsewhere is parked at once too.
	s.Services[1].Countries = []string{"DE"}
	w.ok(PutSite{Site: s})
	w.ok(to("O4", func(s *OrderSpec) { s.ShipTo.Country, s.ShipTo.Postcode = "FR", "30001" }, "BAG"))
	w.wantFallouts("CARRIER_REFUSED O4/0")
	w.invariants()
}

// row 95 (carrier limits): an address no label has room for stops the order
// before it is picked, long before its hard point of no return.
func TestCarrierRow95Limits(t *testing.T) {
	w := shipping(t)
	s := shipSite()
	s.Carriers[0].MaxLine, s.Carriers[2].MaxLine = 40, 40
	w.ok(PutSite{Site: s})
	w.ok(to("O1", func(s *OrderSpec) { s.ShipTo.Street = strings.Repeat("x", 41) }, "BAG"))
	w.wantFallouts("ADDRESS O1/0")
	if f := seen(Fallouts(w.tx, true))[0]; !strings.Contains(f.Detail, "FAST next: the street has 41 letters, the most is 40") {
		t.Errorf("%+v", f)
	}
	if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
		t.Fatalf("%+v", pool)
	}
	w.no(RetryOrder{Order: "O1"}, FalloutAddress)
	w.ok(to("O1", func(s *OrderSpec) { s.Revision = 2 }, "BAG"))
	w.wantFallouts()
	w.onScale("pack1", "O1")
	w.label1("pack1")
	w.invariants()
}

func TestCarrierCommandsRefused(t *testing.T) {
	w := shipping(t)
	before := w.tx.Digest()
	for _, c := range []Command{
		CarrierDown{Carrier: "NOPE", Reason: "x"},
		CarrierDown{Carrier: "", Reason: "x"},
		CarrierDown{Carrier: "POST"},
		CarrierDown{Carrier: "POST", Reason: "a\x01"},
		CarrierDown{Carrier: "POST", Reason: strings.Repeat("x", 201)},
		CarrierUp{Carrier: ""},
		CarrierUp{Carrier: "a/b"},
	} {
		w.no(c, CodeInvalid)
	}
	for why, change := range map[string]func(*Site){
		"no such carrier":        func(s *Site) { s.Services[0].Carrier = "NOPE" },
		": code":                 func(s *Site) { s.Services[0].Code = "" },
		"is listed twice":        func(s *Site) { s.Services[1] = s.Services[0] },
		"methods":                func(s *Site) { s.Services[0].Methods = []string{""} },
		"countries":              func(s *Site) { s.Services[0].Countries = []string{"de"} },
		"postcodes":              func(s *Site) { s.Services[0].Postcodes = []string{strings.Repeat("1", 17)} },
		"weights":                func(s *Site) { s.Services[0].MinMg = 10_000_001 },
		"cutOff":                 func(s *Site) { s.Services[0].CutOff = 1440 },
		"priority":               func(s *Site) { s.Services[0].Priority = 10 },
		"more than 40 costs":     func(s *Site) { s.Services[0].Costs = make([]CostStep, 41) },
		"costs: by rising":       func(s *Site) { s.Services[0].Costs = []CostStep{{Cost: 1}, {UpToMg: 5}} },
		"costs: by rising weigh": func(s *Site) { s.Services[0].Costs = []CostStep{{UpToMg: 5}, {UpToMg: 5}} },
		"more than 200 services": func(s *Site) { s.Services = make([]Service, 201) },
		"maxMg":                  func(s *Site) { s.Carriers[0].MaxMg = -1 },
		"maxLine":                func(s *Site) { s.Carriers[0].MaxLine = 201 },
	} {
		s := shipSite()
		change(&s)
		if res := w.no(PutSite{Site: s}, CodeInvalid); !strings.Contains(res.Text, why) {
			t.Errorf("%s, want %s", res.Text, why)
		}
	}
	if w.tx.Digest() != before {
		t.Error("a refused command changed something")
	}
}
