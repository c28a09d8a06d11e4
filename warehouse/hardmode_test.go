package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// hardLane is a site whose station pack1 is in hard mode, with two picked orders.
func hardLane(t fataler) *world {
	w := changing(t)
	s := *seen(GetSite(w.tx))
	s.HardMode = []string{"pack1"}
	w.ok(PutSite{Site: s})
	w.ok(release("O1", "CUP*2"))
	w.ok(release("O2", "PEN*1"))
	w.pick("K1", "w1", "O1", "O2")
	return w
}

// One order past its hard point keeps the lane, whatever becomes of the leader:
// the mark is in the state.
func TestHardModeRow104(t *testing.T) {
	next := StartPack{Station: "pack1", Barcode: "T-K1-2"}
	t.Run("row 104: two orders on one lane", func(t *testing.T) {
		w := hardLane(t)
		w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
		refused := func(at string) {
			t.Helper()
			w.no(next, CodeHardPONR)
			// Another gateway that has the log answers the same.
			other, _ := replay(t, w.log[:len(w.log)-1])
			if res, err := Apply(other, w.m, next); err != nil || res.OK || res.Code != CodeHardPONR {
				t.Fatalf("%s, on another gateway: %+v %v", at, res, err)
			}
		}
		refused("started")
		sscc := w.weigh("pack1")
		refused("closed")
		w.ok(LabelSent{Job: sscc})
		refused("sent")
		w.ok(LabelOutcome{Job: sscc, Outcome: JobUnknown})
		refused("unknown")
		w.ok(Reprint{Job: sscc})
		w.ok(LabelSent{Job: sscc})
		refused("sent again")
		w.ok(StartPack{Station: "pack2", Barcode: "T-K1-2"}) // another lane is free
		w.weigh("pack2")
		w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
		w.ok(release("O3", "PEN"))
		w.pick("K2", "w1", "O3")
		w.ok(StartPack{Station: "pack1", Barcode: w.order("O3").Tote})
		w.invariants()
	})
	t.Run("row 104: no change of the order on the lane", func(t *testing.T) {
		w := hardLane(t)
		w.ok(revised("O1", 2, "CUP*1"))
		w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
		w.wantRequest("O1", RequestAmendRejected, CodeHardPONR) // the open quote
		w.told("O1", EvOrderAmendRejected)
		for range 2 {
			w.no(revised("O1", 3, "CUP*1"), CodeHardPONR)
			w.no(CancelOrder{Order: "O1", Source: "oms/main"}, CodeHardPONR)
			w.wantRequest("O1", RequestCancelRejected, CodeHardPONR)
			w.weighOnce("pack1")
		}
		w.invariants()
	})
	t.Run("a wrong weight parks the order and frees the lane", func(t *testing.T) {
		w := hardLane(t)
		w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
		w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 1}, CodeWeightMismatch)
		w.ok(next)
		w.ok(revised("O1", 2, "CUP*1"))
		w.wantRequest("O1", RequestAmendQuoted, "")
		w.invariants()
	})
	t.Run("other stations say that they are busy", func(t *testing.T) {
		w := hardLane(t)
		w.ok(StartPack{Station: "pack2", Barcode: "T-K1-1"})
		w.no(StartPack{Station: "pack2", Barcode: "T-K1-2"}, CodeStationBusy)
	})
	t.Run("the list is checked", func(t *testing.T) {
		w := hardLane(t)
		for _, list := range [][]string{{""}, {"pack1", "pack1"}, {"a/b"}, make([]string, 101)} {
			s := *seen(GetSite(w.tx))
			s.HardMode = list
			w.no(PutSite{Site: s}, CodeInvalid)
		}
	})
}

// weighOnce weighs when the station waits for it.
func (w *world) weighOnce(station string) {
	w.t.Helper()
	if seen(GetStation(w.tx, station)).Step == StepWeigh {
		w.weigh(station)
	}
}
