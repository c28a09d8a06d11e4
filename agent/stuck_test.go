package agent

import (
	"net/http"
	"testing"
	"time"

	"tote/demo/handheld"
	"tote/warehouse"
)

// TestStuckOrderRow2: whoever asks why an order does not move is told in less
// than two seconds, in fields a program can read: what, since when, where, how
// many, and what to do next.
func TestStuckOrderRow2(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	before := time.Now().Add(-time.Minute)
	reason := func(id, code string) {
		t.Helper()
		at := time.Now()
		s.eventually(id+" says why it stands", func() bool { return len(s.get(id).Fallouts) == 1 })
		if d := time.Since(at); d > 2*time.Second {
			t.Errorf("%s: only after %v", id, d)
		}
		f := s.get(id).Fallouts[0]
		since := time.UnixMilli(f.Since)
		if f.Code != code || since.Before(before) || since.After(time.Now().Add(time.Minute)) || f.Next == "" || f.Role == "" || f.Severity == 0 || f.Qty == 0 || f.SKU == "" {
			t.Errorf("%s: %+v", id, f)
		}
	}
	// More than there is.
	if code, b := s.importCSV("orders", orderColumns+orderRow("O1", 1, "L1", 11)); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	reason("O1", warehouse.FalloutOutOfStock)
	if f := s.get("O1").Fallouts[0]; f.SKU != "L1" || f.Line != 1 || f.Qty != 1 {
		t.Errorf("%+v", f)
	}
	// The bin is empty, and no other has the item.
	p := s.pickerOf(1, "O2", "A2", 3).until("scan_item")
	p.ok(handheld.Verb{Verb: "short", Task: p.step.Task, Reason: warehouse.FalloutStockout})
	reason("O2", warehouse.FalloutStockout)
	if f := s.get("O2").Fallouts[0]; f.Bin != "B-2" || f.SKU != "A2" || f.Qty != 3 || f.Line != 1 {
		t.Errorf("%+v", f)
	}
	s.order("O3", "A1", 1) // the others go on
	s.wantState("O3", warehouse.OrderReleased)
}
