package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	. "tote/warehouse"
)

// A slip whose order was given another slip's number, left and was forgotten is
// free: it must not stop the gateways.
func TestSlipOfAForgottenOrder(t *testing.T) {
	w := stocked(t)
	s := testSite()
	s.ArchiveDays, s.ForgetDays = 1, 2
	w.ok(PutSite{Site: s})
	first := release("O1", "CUP")
	first.Order.Kit = 5
	w.ok(first)
	second := release("O1", "CUP*2")
	second.Order.Kit, second.Order.Revision = 6, 2
	w.ok(second)
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	w.m.Now += 3 * day
	for range 3 {
		w.m.Now += day
		w.ok(AdvanceTime{})
	}
	if seen(GetArchived(w.tx, "O1")) != nil {
		t.Fatal("it is remembered still")
	}
	w.ok(EnterOrder{Kit: 5, Order: slip("CUP")})
	w.ok(EnterOrder{Kit: 6, Order: slip("CUP")})
	w.invariants()
}

// A return of an order that left and was forgotten is told to who announced it,
// by the id he gave it.
func TestReturnOfAForgottenOrder(t *testing.T) {
	w := shared(t)
	s := sharedSite()
	s.ArchiveDays, s.ForgetDays = 1, 2
	w.ok(PutSite{Site: s})
	w.ok(by("acme", "", "A1", "CUP"))
	w.pick("K1", "w1", "acme:A1")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "acme:A1")})
	w.ok(Depart{Dock: "d1"})
	w.ok(AnnounceReturn{Return: "RMA", Order: "A1", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "DAMAGED"}}, Source: "oms/acme"})
	for range 4 {
		w.m.Now += day
		w.ok(AdvanceTime{})
	}
	if seen(GetArchived(w.tx, "acme:A1")) != nil {
		t.Fatal("it is remembered still")
	}
	before := len(w.hears(""))
	w.ok(ReceiveReturn{Return: "acme:RMA", Barcode: gtin(1), Qty: 1, Reason: "DAMAGED", Confirm: true})
	w.ok(InspectReturn{Return: "acme:RMA", SKU: "CUP", Qty: 1, Disposition: DispScrap})
	w.ok(CloseReturn{Return: "acme:RMA"})
	if got := w.hears(""); len(got) != before {
		t.Errorf("the default OMS hears %v", got[before:])
	}
	if got := w.hears("acme"); !slices.Equal(got[len(got)-2:], []string{EvReturnClosed + " A1", EvRefundRequested + " A1"}) {
		t.Errorf("acme hears %v", got)
	}
	if e := w.latest("acme"); e.Data.Ref != "RMA" {
		t.Errorf("%+v", e)
	}
	w.books()
}

// The tombstone of an order is forgotten in one round and the rows of its parcels
// in a later one. A scan between them is an unknown parcel, and the row goes.
func TestParcelOfAnOrderForgottenJustNow(t *testing.T) {
	for name, forget := range map[string][2]int64{"at once": {2, 2}, "by a new rule": {0, 2}} {
		t.Run(name, func(t *testing.T) {
			w := stocked(t)
			s := testSite()
			s.ArchiveDays, s.ForgetDays = 1, forget[0]
			w.ok(PutSite{Site: s})
			w.ok(release("A-0", "CUP"))
			w.pick("K1", "w1", "A-0")
			sscc := w.label("pack1", "A-0")
			w.ok(Load{Dock: "d1", Barcode: sscc})
			for i := range 400 {
				id := fmt.Sprintf("O%03d", i)
				w.ok(release(id, "PEN"))
				w.ok(CancelOrder{Order: id, Source: "oms/main"})
			}
			w.ok(Depart{Dock: "d1"})
			w.m.Now += day
			for seen(GetArchived(w.tx, "A-0")) == nil || seen(GetArchived(w.tx, "O399")) == nil {
				w.ok(AdvanceTime{})
			}
			s.ForgetDays = forget[1]
			w.ok(PutSite{Site: s})
			w.m.Now += 2 * day
			scan := func() string { return w.apply(Load{Dock: "d1", Barcode: sscc}).Code }
			for range 30 {
				w.ok(AdvanceTime{})
				if got := scan(); got != CodeArchived && got != CodeUnknownSSCC {
					t.Fatalf("%s", got)
				}
			}
			if got := scan(); got != CodeUnknownSSCC || seen(OrderOfParcel(w.tx, sscc)) != "" {
				t.Errorf("%s, of order %q", got, seen(OrderOfParcel(w.tx, sscc)))
			}
			w.invariants()
		})
	}
}
