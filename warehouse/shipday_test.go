package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// carriersDay is a day on which carriers are chosen by the table and go down.
func carriersDay(t *testing.T) *world {
	w := shipping(t)
	w.m.Now += 9 * hour
	w.ok(to("O1", func(s *OrderSpec) { s.ShipBy = start + 20*hour }, "BAG"))
	w.ok(to("O2", func(s *OrderSpec) { s.Method = "drone" }, "BAG"))
	w.no(RetryOrder{Order: "O2"}, FalloutUnknownMethod)
	w.ok(to("O3", func(s *OrderSpec) { s.Method = "express" }, "PEN"))
	w.ok(CarrierDown{Carrier: "FAST", Reason: "snow"})
	w.onScale("pack1", "O1")
	w.ok(Load{Dock: "d1", Barcode: w.label1("pack1")})
	st := w.onScale("pack1", "O3")
	w.no(Pack{Station: "pack1", Order: "O3", WeightMg: st.ExpectedMg}, FalloutCarrierRefused)
	w.ok(CarrierUp{Carrier: "FAST"})
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O3").Tote})
	w.ok(Load{Dock: "d1", Barcode: w.label1("pack1")})
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	w.books()
	return w
}
