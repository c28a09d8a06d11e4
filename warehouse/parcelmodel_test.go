package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// parcelWork is what the random run of orders in several parcels chooses from.
var parcelWork = []int{
	0, 1, 6, 7, 8, 11, 12, 15, 16, 17, 22, 22, 22, 22, 23, 23, 24, 25, 26, 26, 26, 27, 27, 28, 29, 29, 29, 30, 30, 31,
	35, 36, 39, 54, 57, 58, 58, 60, 64, 65, 66, 67,
}

// nextCarton says what goes into the carton in hand, one way or another.
func (m *model) nextCarton(st StationState) {
	o := m.order(st.Order)
	l := pickOne(m, o.Lines, "line")
	named := ParcelLine{Line: l.Line, Qty: int64(m.num(1, 3, "qty"))}
	if len(l.Lots) > 0 && m.odds(2, "lot") {
		named.Lot = pickOne(m, l.Lots, "which").Lot
	}
	m.run(pickOne(m, []Command{
		NextCarton{Station: st.ID, Order: st.Order, Lines: []ParcelLine{named}},
		NextCarton{Station: st.ID, Order: st.Order, Lines: []ParcelLine{named}},
		NextCarton{Station: st.ID, Order: st.Order},
		NextCarton{Station: st.ID, Order: st.Order, Scan: true},
		PackItem{Station: st.ID, Barcode: l.SKU, Qty: int64(m.num(0, 2, "pieces"))},
	}, "how"))
}

// mislay loses a parcel, and finds or replaces it.
func (m *model) mislay() {
	for _, o := range seen(Orders(m.tx, "", 0)) {
		for _, p := range o.Parcels {
			if !m.odds(4, "this") {
				continue
			}
			m.run(ReportLost{Parcel: p.SSCC, Reason: "r"})
			if m.odds(2, "replaced") {
				m.run(ReplaceParcel{Parcel: p.SSCC, Reason: "r"})
			}
			return
		}
	}
}

// Orders in several parcels: whatever happens, each parcel holds what it says and
// each piece is in one of them, in the tote, or gone.
func TestRandomParcelsKeepEveryInvariant(t *testing.T) {
	start := func(m *model) {
		m.parts, m.portal, m.holds = true, true, true
		s := *seen(GetSite(m.tx))
		s.Changes = &ChangeRules{Cancel: pickOne(m, []string{CancelAccept, CancelQuote}, "cancel")}
		s.HardMode = benches[:m.num(0, 1, "hard mode")]
		s.MaxParcels = 3
		m.ok(PutSite{Site: s})
		for i, lines := range [][]string{{"CUP*3", "BAG"}, {"PEN*4", "MILK*2"}, {"BAG*2", "PEN*2"}, {"CUP*2", "PEN*3"}, {"MILK*2"}} {
			id := orderIDs[i]
			m.ok(release(id, lines...))
			m.pick("K"+id, "w1", id)
			m.states[id] = m.order(id).State
		}
		for i := range 2 {
			m.run(SignIn{Device: devices[i], Badge: badges[i]})
		}
	}
	randomRuns(t, start, parcelWork, []string{
		"NextCarton OK", "NextCarton " + CodeNotEnough, "PackItem OK", "Pack OK", "Pack " + CodeWeightMismatch,
		"Unpack OK", "ReportLost OK", "ReplaceParcel OK", "Load OK", "Depart OK", "CancelOrder OK", "CancelOrder " + CodeHardPONR,
	})
}
