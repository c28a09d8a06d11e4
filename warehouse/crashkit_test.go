package warehouse_test

import (
	"strings"
	"testing"

	. "tote/warehouse"
)

// slip is an order written down at the site.
func slip(lines ...string) OrderSpec {
	s := spec("", lines...)
	s.Revision = 0
	return s
}

// brought is the same order as the OMS sends it.
func brought(kit int64, id string, lines ...string) ReleaseOrder {
	cmd := release(id, lines...)
	cmd.Order.Kit = kit
	return cmd
}

func (w *world) orderCount(want int) {
	w.t.Helper()
	if all := seen(Orders(w.tx, "", 0)); len(all) != want {
		w.t.Fatalf("%d orders, want %d", len(all), want)
	}
}

func TestCrashKitRow31(t *testing.T) {
	const local = "W1-K000007"
	t.Run("row 31: entered here, bound later, no duplicate", func(t *testing.T) {
		w := stocked(t)
		enter := EnterOrder{Kit: 7, Order: slip("CUP*2")}
		if res := w.ok(enter); res.Ref != local {
			t.Errorf("%+v", res)
		}
		w.ok(enter) // typed in twice
		w.no(EnterOrder{Kit: 7, Order: slip("CUP*3")}, CodeConflict)
		w.orderCount(1)
		if o := w.state(local, OrderReleased); o.Source != SourceSite || o.Spec.Kit != 7 {
			t.Errorf("%+v", o)
		}
		w.pick("K1", "w1", local)
		w.invariants()
		bind := BindOrder{Kit: 7, Order: "O7", Source: "oms/main"}
		w.ok(bind)
		w.ok(bind)
		if ev := w.lastEvent(); ev.Type != EvOrderBound || ev.Order != "O7" || ev.Data.Kit != 7 || !strings.Contains(ev.Data.Text, local) {
			t.Errorf("%+v", ev)
		}
		if o := w.order("O7"); o.Spec.ID != local || o.Source != "oms/main" {
			t.Errorf("%+v", o)
		}
		// What the OMS says by its own id is said of it.
		w.ok(brought(7, "O7", "CUP*2"))
		w.ok(brought(7, "O7", "CUP*2"))
		w.orderCount(1)
		if o := w.order("O7"); o.Spec.Revision != 1 {
			t.Errorf("%+v", o)
		}
		w.no(revised("O7", 2, "CUP*9"), CodeSoftPONR)
		w.no(CancelOrder{Order: "O7", Source: "oms/main"}, CodeSoftPONR)
		w.ok(hold("O7", HoldPayment))
		w.ok(free("O7", HoldPayment))
		w.ok(Load{Dock: "d1", Barcode: w.label("pack1", local)})
		w.ok(Depart{Dock: "d1"})
		if ev := w.told("O7", EvOrderShipped); len(ev.Data.Parcels) != 1 {
			t.Errorf("%+v", ev)
		}
		w.invariants()
		w.books()
	})
	t.Run("row 31: the OMS brings the number", func(t *testing.T) {
		w := changing(t)
		w.ok(EnterOrder{Kit: 7, Order: slip("CUP*2")})
		w.pick("K1", "w1", local)
		w.ok(brought(7, "O7", "CUP*2"))
		w.orderCount(1)
		w.told("O7", EvOrderBound)
		w.wantRequest("O7", RequestAccepted, "")
		w.ok(EnterOrder{Kit: 7, Order: slip("CUP*2")})
		w.orderCount(1)
		w.invariants()
		// Other content is a change like any other.
		w.ok(EnterOrder{Kit: 8, Order: slip("CUP*2", "PEN")})
		w.pick("K2", "w1", "W1-K000008")
		w.ok(brought(8, "O8", "CUP*1", "PEN"))
		w.wantRequest("O8", RequestAmendQuoted, "")
		w.ok(accept("O8", 1))
		w.wantFallouts("PUT_BACK W1-K000008/0")
		w.ok(PutBack{Order: "O8", Line: 1, Bin: "A-01", Qty: 1})
		w.orderCount(2)
		w.invariants()
	})
	t.Run("row 31: the OMS was faster than the typist", func(t *testing.T) {
		w := stocked(t)
		w.ok(brought(7, "O7", "CUP*2"))
		if res := w.ok(EnterOrder{Kit: 7, Order: slip("CUP*2")}); res.Ref != "O7" {
			t.Errorf("%+v", res)
		}
		w.ok(BindOrder{Kit: 7, Order: "O7", Source: "oms/main"})
		w.orderCount(1)
		w.invariants()
	})
	t.Run("row 31: never deleted", func(t *testing.T) {
		w := stocked(t)
		w.ok(EnterOrder{Kit: 7, Order: slip("CUP*2")})
		w.ok(release("O7", "CUP*2"))
		w.no(BindOrder{Kit: 7, Order: "O7", Source: "oms/main"}, CodeConflict)
		// The OMS says that an order that is here is the slip: for people.
		late := revised("O7", 2, "CUP*2")
		late.Order.Kit = 7
		if res := w.no(late, CodeConflict); !res.Keep {
			t.Error("not told")
		}
		w.ok(BindOrder{Kit: 7, Order: "O8", Source: "oms/main"})
		w.no(BindOrder{Kit: 7, Order: "O9", Source: "oms/main"}, CodeConflict)
		w.no(brought(7, "O9", "CUP*2"), CodeConflict)
		w.ok(brought(6, "O6", "PEN"))
		w.no(BindOrder{Kit: 6, Order: "O66", Source: "oms/main"}, CodeConflict)
		w.orderCount(3)
		w.invariants()
	})
	t.Run("the same rules as for any order", func(t *testing.T) {
		w := stocked(t)
		w.no(EnterOrder{Kit: 1, Order: slip("NOPE")}, CodeUnknownItem)
		w.no(EnterOrder{Kit: 2, Order: slip("CUP*0")}, CodeInvalid)
		for _, c := range []Command{
			EnterOrder{Order: slip("CUP")},
			EnterOrder{Kit: -1, Order: slip("CUP")},
			EnterOrder{Kit: 1_000_000, Order: slip("CUP")},
			EnterOrder{Kit: 3, Order: spec("O1", "CUP")},
			BindOrder{Kit: 0, Order: "O1", Source: "oms/main"},
			BindOrder{Kit: 3, Order: "a/b", Source: "oms/main"},
			BindOrder{Kit: 3, Order: "O1", Source: SourceSite},
			BindOrder{Kit: 3, Order: "O1"},
		} {
			if res := w.no(c, CodeInvalid); res.Keep {
				t.Errorf("%+v", c)
			}
		}
		w.no(BindOrder{Kit: 3, Order: "O1", Source: "oms/main"}, CodeUnknownOrder)
		w.no(brought(-1, "O1", "CUP"), CodeInvalid)
		w.ok(EnterOrder{Kit: 3, Order: slip("PEN*200")})
		w.state("W1-K000003", OrderShortWaiting)
		w.invariants()
	})
}
