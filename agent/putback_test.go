//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"net/http"
	"testing"

	"tote/demo/handheld"
	"tote/warehouse"
)

// TestPutBackLeaderKilled: a cancelled order's goods are put back with a
// handheld. The leader is killed while a part of them is in hand: the worker
// finds the same step at another gateway and everything is in its bin at the
// end.
func TestPutBackLeaderKilled(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	leader, others := c.gw[0], c.gw[1:]
	leader.settings(func(site map[string]any) { site["changes"] = map[string]any{} })
	plug := c.leaderProcess()
	was := others[0].qty("A1", "B-1")
	leader.order("O1", "A1", 4)
	p := leader.picker(1)
	p.ask()
	p.until("ask")
	tote := p.totes["O1"]
	if code, b := leader.call(http.MethodPost, "/v1/do/CancelOrder", "application/json", `{"order":"O1"}`); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	p.ok(handheld.Verb{Verb: "claim", Kind: warehouse.FloorPutBack})
	task := p.step.Task
	if st := p.step; st.Do != "scan_unit" || st.Tote != tote || st.Bin != "packdrop" || st.Qty != 4 || st.Order != "O1" {
		t.Fatalf("the handheld shows %+v", st)
	}
	p.ok(handheld.Verb{Verb: "scan", Expect: "slot", Barcode: tote, Task: task})
	p.ok(handheld.Verb{Verb: "scan", Expect: "item", Barcode: "A1", Qty: 3, Task: task})
	plug.kill()

	next := c.leader(others)
	next.quorum(true)
	p.s = next
	if _, err := p.hh.WaitTask(next.ctx(), func(st handheld.Step) bool { return st == p.step }); err != nil {
		t.Fatalf("the handheld shows %+v, want %+v", p.hh.Task(), p.step)
	}
	p.ok(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-1", Task: task}) // before the fourth piece
	if st := p.step; st.Do != "scan_item" || st.Qty != 1 || st.Held != 0 {
		t.Fatalf("the handheld shows %+v", st)
	}
	p.goOn()
	if st := p.step; st.Do != "put_down" || st.Bin != "B-1" {
		t.Fatalf("the handheld shows %+v", st)
	}
	p.ok(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-1", Task: task})
	if p.step.Do != "ask" {
		t.Fatalf("the handheld shows %+v", p.step)
	}
	if got := next.qty("A1", "B-1"); got != was {
		t.Errorf("B-1 holds %d, it had %d", got, was)
	}
	if o := next.get("O1"); o.State != warehouse.OrderCancelled || len(o.Fallout) != 0 || o.Tote != "" || o.Lines[0].Returned != 4 {
		t.Errorf("order %+v", o)
	}
	next.checkLedger()
	leader.start()
	leader.eventually("it has the same state", func() bool { return leader.digest() == next.digest() })
}
