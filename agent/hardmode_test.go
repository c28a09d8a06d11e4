//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"net/http"
	"testing"

	"tote/warehouse"
)

// TestHardModeOutlivesTheLeaderRow104: one order past its hard point keeps a
// lane in hard mode, also when the gateway that heard of it was killed.
func TestHardModeOutlivesTheLeaderRow104(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	leader, others := c.gw[0], c.gw[1:]
	leader.settings(func(site map[string]any) { site["hardMode"] = []string{"pack1"} })
	leader.stop()
	plug := leader.spawn()
	leader.eventually("the gateway of a process of its own leads", func() bool {
		s := others[0].gw.agent.bare().(clusterStore)
		if id, ok := s.Leader(); !ok || id == "gw1" {
			return ok
		}
		_ = s.Transfer(leader.ctx(), "gw1") // it may not have caught up yet
		return false
	})
	one, two := leader.picked(1, "O1", "A1", 2), leader.picked(2, "O2", "A2", 1)
	if res, err := others[0].gw.agent.do(leader.ctx(), "test", warehouse.StartPack{Station: "pack1", Barcode: one}); err != nil || !res.OK {
		t.Fatalf("%+v %v", res, err)
	}
	plug.kill()
	next := c.leader(others)
	next.quorum(true)
	start := warehouse.StartPack{Station: "pack1", Barcode: two}
	for _, s := range others {
		if res, err := s.gw.agent.do(s.ctx(), "test", start); err != nil || res.Code != warehouse.CodeHardPONR {
			t.Errorf("%s: the next start is answered %+v %v", s.id, res, err)
		}
		s.cancelled("O1", http.StatusConflict, warehouse.CodeHardPONR)
	}
	next.wantState("O2", warehouse.OrderPicked)
	// Finished: the lane takes the next one.
	var sscc string
	for _, cmd := range []func() warehouse.Command{
		func() warehouse.Command {
			return warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: next.weight("pack1")}
		},
		func() warehouse.Command { return warehouse.LabelSent{Job: sscc} },
		func() warehouse.Command { return warehouse.LabelOutcome{Job: sscc, Outcome: warehouse.JobPrinted} },
		func() warehouse.Command { return start },
	} {
		res, err := next.gw.agent.do(next.ctx(), "test", cmd())
		if err != nil || !res.OK {
			t.Fatalf("%+v %v", res, err)
		}
		if sscc == "" {
			sscc = res.Ref
		}
	}
}

// weight is what a pack station expects.
func (s *site) weight(station string) (mg int64) {
	s.t.Helper()
	s.must(s.gw.agent.store.View(func(r warehouse.Reader) error {
		st, err := warehouse.GetStation(r, station)
		mg = st.ExpectedMg
		return err
	}))
	return mg
}
