package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	. "tote/warehouse"
)

// shipWork is what the random run of packing and shipping chooses from.
var shipWork = []int{0, 1, 2, 5, 6, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23, 24, 25, 26, 27, 28, 29, 31, 48, 48, 48, 48, 48, 48, 48, 48}

// shipping does something with carriers, labels, documents or manifests.
func (m *model) shipping() {
	var parcels []Parcel
	for _, o := range seen(Orders(m.tx, "", 0)) {
		if o.State != OrderShipped || m.odds(8, "also shipped") {
			parcels = append(parcels, o.Parcels...)
		}
	}
	parcel := Parcel{SSCC: "395212340000000014", Carrier: "POST"}
	if len(parcels) > 0 {
		parcel = pickOne(m, parcels, "parcel")
	}
	carrier := pickOne(m, []string{"POST", "FAST", "BULK"}, "carrier")
	switch m.num(0, 15, "do") {
	case 0:
		m.run(CarrierDown{Carrier: carrier, Reason: "strike"})
	case 1, 2:
		m.run(CarrierUp{Carrier: carrier})
	case 3, 4, 5:
		m.run(ChangeCarrier{SSCC: parcel.SSCC, Carrier: "POST", Service: "parcel", Reason: "r"})
		for _, c := range []string{"POST", "FAST"} {
			for _, j := range seen(AwaitingLabel(m.tx, c, 2)) {
				if m.odds(3, "refused") {
					m.run(LabelRefused{Job: j.ID, Carrier: c, Reason: "no"})
					continue
				}
				number := fmt.Sprintf("RR%d", m.m.Index)
				if m.odds(3, "given before") {
					number = "GO1"
				}
				m.run(LabelGiven{Job: j.ID, Carrier: c, Tracking: number, Body: "^XA^XZ"})
			}
		}
	case 6, 7:
		to := pickOne(m, []ChangeCarrier{{}, {Carrier: "POST", Service: "parcel"}, {Carrier: "FAST", Service: "next"}, {Carrier: "BULK", Service: "desk"}}, "to")
		to.SSCC, to.Reason = parcel.SSCC, "r"
		m.run(to)
	case 8, 9:
		if j := seen(GetJob(m.tx, parcel.SSCC)); j != nil && j.State == JobRequested {
			m.run(LabelSent{Job: j.ID, Tracking: j.Tracking})
			m.run(LabelOutcome{Job: j.ID, Outcome: JobPrinted})
		}
	case 10:
		id := pickOne(m, orderIDs, "order")
		m.run(FileDocument{What: DocSlip, Type: DocText, Ref: id, Body: pickOne(m, []string{"a", "b"}, "body")})
		for _, d := range seen(DocumentsOf(m.tx, id)) {
			m.run(ReprintDocument{Document: d.ID, Reason: "lost"})
		}
	case 11, 12:
		m.run(CloseManifest{Carrier: carrier, Dock: pickOne(m, docks, "dock")})
	case 13, 14:
		for _, dock := range docks {
			for _, mf := range seen(ManifestsAt(m.tx, dock)) {
				for _, sscc := range mf.Parcels {
					if !m.odds(3, "leave it") {
						m.run(Load{Dock: dock, Barcode: sscc})
					}
				}
			}
			if m.odds(2, "depart") {
				m.run(Depart{Dock: dock})
			}
		}
	case 15:
		m.run(MeasureItem{SKU: pickOne(m, skus, "sku"), LengthMm: int64(m.num(1, 3, "mm")), WidthMm: 1, HeightMm: 1})
		s := m.shipSite()
		s.Carriers[0].Last = int64(m.num(4, 40, "last"))
		was := seen(GetSite(m.tx))
		s.ArchiveDays, s.PurgeDays = was.ArchiveDays, was.PurgeDays
		m.run(PutSite{Site: s})
	}
	m.numbers()
}

// numbers: no tracking number belongs to two parcels, and none is made up: those
// of a range lie in it.
func (m *model) numbers() {
	var all []string
	for _, o := range seen(Orders(m.tx, "", 0)) {
		for _, p := range o.Parcels {
			if p.Tracking == "" {
				if j := seen(GetJob(m.tx, p.Job)); j.State != JobAwaiting || o.State != OrderPacked && o.State != OrderLabelled {
					m.t.Fatalf("parcel %+v of a %s order has no number, its job is %s", p, o.State, j.State)
				}
				continue
			}
			all = append(all, p.Carrier+p.Tracking)
		}
	}
	slices.Sort(all)
	if n := len(all); len(slices.Compact(all)) != n {
		m.t.Fatalf("a tracking number is there twice: %v", all)
	}
}

func (m *model) shipSite() Site {
	s := onlineSite()
	s.Manifests, s.Weights = true, WeightsUse
	s.Cartons = []Carton{{Code: "S", LengthMm: 100, WidthMm: 100, HeightMm: 100, TareMg: 50_000}, {Code: "L", LengthMm: 300, WidthMm: 300, HeightMm: 300, TareMg: 90_000}}
	return s
}

// Carriers that fail, labels that come late, and trucks that leave parcels.
func TestRandomShippingKeepsEveryInvariant(t *testing.T) {
	start := func(m *model) {
		m.ok(PutSite{Site: m.shipSite()})
		m.keeps()
		items := testItems()
		for i := range items[:3] {
			items[i].LengthMm, items[i].WidthMm, items[i].HeightMm = 90, 80, int64(30*(i+1))
		}
		m.ok(PutItems{Items: items})
		for i, lines := range [][]string{{"PEN"}, {"PEN*2"}, {"CUP"}, {"PEN", "CUP"}, {"BAG*2"}, {"CUP*3"}} {
			id := orderIDs[i]
			m.ok(to(id, func(s *OrderSpec) { s.Method = []string{"standard", "express"}[i%2] }, lines...))
			m.pick("K"+id, "w1", id)
			if i < 5 {
				m.ok(StartPack{Station: "pack1", Barcode: m.order(id).Tote})
				j := seen(GetJob(m.tx, m.weigh("pack1")))
				if j.State == JobAwaiting {
					m.ok(LabelGiven{Job: j.ID, Carrier: j.Carrier, Tracking: "G" + id})
				}
				if i < 3 {
					m.printed(j.ID)
				} else {
					m.ok(LabelSent{Job: j.ID})
					m.ok(LabelOutcome{Job: j.ID, Outcome: JobPrinted})
				}
			}
			m.states[id] = m.order(id).State
		}
		for i := range 2 {
			m.run(SignIn{Device: devices[i], Badge: badges[i]})
		}
	}
	randomRuns(t, start, shipWork, []string{
		"CarrierDown OK", "CarrierUp OK", "LabelGiven OK", "LabelGiven " + CodeConflict, "LabelRefused OK", "ChangeCarrier OK",
		"ChangeCarrier " + CodeAlreadyLoaded, "LabelSent " + CodeLabelState, "FileDocument OK", "ReprintDocument OK",
		"CloseManifest OK", "CloseManifest " + CodeNothingLoaded, "Load OK", "Load " + CodeNotOnManifest, "Depart OK",
		"MeasureItem OK", "Pack OK", "StartPack OK", "archived",
	})
}
