//go:build !386 && !arm && !mips && !mipsle

package agent

import "testing"

// TestTheLeadIsLeft: what only the gateway that leads may do ends with the lead, and
// begins where it goes.
func TestTheLeadIsLeft(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false, `oms: {url: "http://127.0.0.1:1"}`) // nobody answers there
	speaks := func(s *site) bool { return s.gw.agent.links[0].runner.Load() != nil }
	old := c.leader(c.gw[:])
	next := old.others[0]
	old.eventually("who leads speaks with the OMS", func() bool { return speaks(old) })
	old.eventually("the lead goes to another one", func() bool {
		_ = old.gw.agent.members.Transfer(old.ctx(), next.id) // it may not have caught up yet
		return next.gw.agent.store.IsLeader()
	})
	old.eventually("only who leads now speaks with it", func() bool { return speaks(next) && !speaks(old) })
}
