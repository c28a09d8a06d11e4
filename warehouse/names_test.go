package warehouse_test

import (
	"strings"
	"testing"

	. "tote/warehouse"
)

// Ids that are relative paths cannot be asked for over HTTP: nothing new gets one.
func TestDotsAreNoIDs(t *testing.T) {
	for _, id := range []string{".", ".."} {
		w := stocked(t)
		item := testItems()[0]
		item.SKU = id
		for _, c := range []Command{
			release(id, "CUP*2"),
			PutItems{Items: []Item{item}},
			PutBins{Bins: []Bin{{Code: id}}},
			PutWorkers{Workers: []Worker{{ID: id, Name: "n", Badge: "b"}}},
		} {
			if res := w.no(c, CodeInvalid); !strings.Contains(res.Text, ". and .. are no ids") {
				t.Errorf("%T: %s", c, res.Text)
			}
		}
		if ev := w.newest(); ev.Type != EvOrderRejected || ev.Order != id {
			t.Errorf("the OMS is not told: %+v", ev)
		}
		// What a log of the rules before let in is still carried out.
		w.m.Level = 1
		old := release(id, "CUP*2")
		old.Order.Revision = 2
		w.ok(old)
		w.m.Level = Level
		w.pick("K1", "w1", id)
		w.ok(Load{Dock: "d1", Barcode: w.label("pack2", id)})
		w.ok(Depart{Dock: "d1"})
		w.state(id, OrderShipped)
		w.invariants()
	}
	w := newWorld(t)
	s := testSite()
	s.ID = ".."
	w.no(PutSite{Site: s}, CodeInvalid)
}

// A bin that looks like a tote, or like the pack drop, could not be scanned.
func TestBinsAreNamedLikeBins(t *testing.T) {
	w := stocked(t)
	s := testSite()
	for _, tc := range []struct{ code, why string }{
		{s.TotePrefix + "17", "bin code: it begins like a tote"},
		{s.PackDrop, "bin code: it is the barcode of the pack drop"},
	} {
		if res := w.no(PutBins{Bins: []Bin{{Code: tc.code}}}, CodeInvalid); !strings.Contains(res.Text, tc.why) {
			t.Errorf("%s: %s", tc.code, res.Text)
		}
	}
	w.ok(PutBins{Bins: []Bin{{Code: s.TotePrefix}}}) // no tote: nothing follows
	// Nor can the rules make totes or a pack drop of bins.
	w.ok(PutBins{Bins: []Bin{{Code: "ZZ-1"}}})
	for _, change := range []func(*Site){func(s *Site) { s.TotePrefix = "ZZ" }, func(s *Site) { s.PackDrop = "ZZ-1" }} {
		s := testSite()
		change(&s)
		if res := w.no(PutSite{Site: s}, CodeConflict); !strings.Contains(res.Text, "bin ZZ-1") {
			t.Error(res.Text)
		}
	}
	// Bins from before this rule stay, and may be changed.
	w.m.Level = 1
	w.ok(PutBins{Bins: []Bin{{Code: s.PackDrop}}})
	w.m.Level = Level
	w.ok(PutBins{Bins: []Bin{{Code: s.PackDrop, Side: "L"}}})
	s.CartSlots++
	w.ok(PutSite{Site: s})
}
