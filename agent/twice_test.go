//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"strings"
	"testing"

	"tote/agent/broker"
	"tote/agent/replica"
)

// TestTwoHandheldsAtTwoGateways: two handhelds of one id, each at a gateway of its
// own, use up each other's sequences. Both gateways say so and name the other.
func TestTwoHandheldsAtTwoGateways(t *testing.T) {
	c := newTrio(t, false)
	one, two := c.gw[0].wire("h1"), c.gw[1].wire("h1")
	moved := c.gw[2].wire("h2")
	if r := one.send(verb(1, "sign_in", `,"barcode":"BADGE-1"`)); !r.OK {
		t.Fatalf("%+v", r)
	}
	moved.send(verb(1, "sign_in", `,"barcode":"BADGE-2"`))
	if r := moved.send(verb(1, "ask", "")); r.Code != replica.CodeSeqReused {
		t.Fatalf("%+v", r)
	}
	if r := two.send(verb(1, "ask", "")); r.Code != replica.CodeSeqReused {
		t.Fatalf("%+v", r)
	}
	twice := func(s *site) string {
		var out []string
		for _, x := range s.gw.agent.broker.Stats().Twice {
			out = append(out, x.Code+" "+x.Device+" "+x.Text)
		}
		return strings.Join(out, "; ")
	}
	const said = broker.CodeTwice + " handheld:h1 connected here and at gateway "
	c.gw[0].eventually("both gateways name the other", func() bool {
		return twice(c.gw[0]) == said+"gw2" && twice(c.gw[1]) == said+"gw1"
	})
	if got := twice(c.gw[2]); got != "" {
		t.Errorf("a handheld that was reset is accused: %s", got)
	}
}
