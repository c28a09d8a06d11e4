package warehouse_test

import (
	"slices"
	"testing"

	. "tote/warehouse"
)

// entered is an order that people of the site typed in.
func entered(id string, lines ...string) ReleaseOrder {
	r := release(id, lines...)
	r.Source = SourceSite
	return r
}

// newest is the newest event.
func (w *world) newest() Event {
	w.t.Helper()
	evs := seen(OutboxRange(w.tx, StreamControl, 0, 10_000))
	return evs[len(evs)-1]
}

func TestOMSOrderUnderTheIDOfASiteOrder(t *testing.T) {
	w := stocked(t)
	w.ok(entered("X1", "CUP*2"))
	before := *w.state("X1", OrderReleased)

	higher := release("X1", "PEN*1")
	higher.Order.Revision = 7
	for _, r := range []ReleaseOrder{release("X1", "CUP*2"), release("X1", "PEN*1"), higher} {
		if res := w.no(r, CodeIDTaken); !res.Keep {
			t.Error("the OMS is not told")
		}
		if ev := w.newest(); ev.Type != EvOrderRejected || ev.Order != "X1" || ev.Data.Code != CodeIDTaken ||
			ev.Data.Source != "oms/main" || ev.Data.Born != "" || ev.Data.Revision != r.Order.Revision {
			t.Errorf("%+v", ev)
		}
	}
	told := w.newest().Seq
	w.no(higher, CodeIDTaken)
	if w.newest().Seq != told {
		t.Error("a repeat is told again")
	}
	w.no(CancelOrder{Order: "X1", Source: "oms/main"}, CodeIDTaken)
	if ev := w.newest(); ev.Type != EvOrderCancelRejected || ev.Data.Code != CodeIDTaken || ev.Data.Born != "" || ev.Data.State != "" {
		t.Errorf("%+v", ev)
	}
	after := *w.state("X1", OrderReleased)
	if after.Spec.Revision != before.Spec.Revision || after.Source != SourceSite || after.Lines[0].SKU != "CUP" {
		t.Errorf("the order of the site was changed: %+v", after)
	}
	// What was refused to the OMS is no bar to the site's own revisions.
	again := entered("X1", "CUP*3")
	again.Order.Revision = 2
	w.ok(again)
	w.ok(CancelOrder{Order: "X1", Source: SourceSite})
	for _, ev := range seen(OutboxRange(w.tx, StreamControl, 0, 100)) {
		if own := ev.Data.Source != "oms/main"; own != (ev.Data.Born == SourceSite) {
			t.Errorf("%s: source %q, born %q", ev.Type, ev.Data.Source, ev.Data.Born)
		}
	}
	w.invariants()
}

func TestSiteOrderUnderTheIDOfAnOMSOrder(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2"))
	w.no(release("O2", "NOPE"), CodeUnknownItem)
	other := release("O1", "PEN*1")
	other.Source, other.Order.Revision = "oms/second", 3
	told := w.newest().Seq
	for _, r := range []ReleaseOrder{entered("O1", "CUP*2"), entered("O1", "PEN*1"), entered("O2", "CUP*1")} {
		r.Order.Revision += 5
		if res := w.no(r, CodeIDTaken); res.Keep {
			t.Error("it left something behind")
		}
	}
	if w.newest().Seq != told {
		t.Error("the OMS was told of what it has no part in")
	}
	w.no(other, CodeIDTaken) // a second OMS is another master too
	w.no(CancelOrder{Order: "O1", Source: "oms/second"}, CodeIDTaken)
	w.state("O1", OrderReleased)
	// The people of the site may stop an order of the OMS.
	w.ok(CancelOrder{Order: "O1", Source: SourceSite})
	amend := release("O2", "CUP*1")
	amend.Order.Revision = 2
	w.ok(amend)
	w.invariants()
}

// What is said of the site's own order is marked on every event of its life.
func TestEventsOfASiteOrderSaySo(t *testing.T) {
	w := stocked(t)
	w.ok(entered("X1", "PEN*9999"))
	w.no(entered("BAD", "NOPE"), CodeUnknownItem)
	w.ok(entered("X2", "CUP*2"))
	w.pick("K1", "w1", "X2")
	w.no(CancelOrder{Order: "X2", Source: SourceSite}, CodeSoftPONR)
	w.label("pack2", "X2")
	var types []string
	for _, ev := range seen(OutboxRange(w.tx, StreamControl, 0, 100)) {
		types = append(types, ev.Type)
		if ev.Data.Born != SourceSite {
			t.Errorf("%s of %s: %+v", ev.Type, ev.Order, ev.Data)
		}
	}
	for _, typ := range []string{EvFalloutOpened, EvOrderShort, EvOrderRejected, EvOrderCancelRejected, EvOrderLabelled} {
		if !slices.Contains(types, typ) {
			t.Errorf("no %s among %v", typ, types)
		}
	}
}

// A log of the rules before leads where it led then.
func TestOriginIsARuleOfItsLevel(t *testing.T) {
	w := stocked(t)
	w.m.Level = 1
	w.ok(entered("X1", "CUP*2"))
	r := release("X1", "PEN*1")
	r.Order.Revision = 2
	w.ok(r)
	if o := w.order("X1"); o.Source != "oms/main" || w.newest().Data.Born != "" {
		t.Errorf("%+v, %+v", o, w.newest())
	}
	w.ok(CancelOrder{Order: "X1", Source: "oms/second"})
}
