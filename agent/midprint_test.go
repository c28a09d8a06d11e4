//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tote/firmware-tests/record"
	"tote/warehouse"
)

// tellPrints are the prints of pack1 as a gateway tells them, by what they are of.
func (s *site) tellPrints() map[string]warehouse.PrintJob {
	s.t.Helper()
	code, b := s.call("GET", "/v1/prints?printer=pack1", "", "")
	if code != http.StatusOK {
		s.t.Fatalf("prints: %d %s", code, b)
	}
	var list []warehouse.PrintJob
	s.must(json.Unmarshal(b, &list))
	byRef := map[string]warehouse.PrintJob{}
	for _, p := range list {
		byRef[p.Label.Ref] = p
	}
	return byRef
}

// cameOut counts the labels of pack1 with a text on them.
func (s *site) cameOut(text string) (n int) {
	s.t.Helper()
	entries, err := s.dev["pack1/printer"].Record(s.ctx(), 0)
	s.must(err)
	for _, e := range entries {
		if e.Kind == record.Printed && slices.Contains(e.Label.Texts, text) {
			n++
		}
	}
	return n
}

// TestLeaderLostInMidPrint: the printer is at work when the leader stops: another
// gateway first, then the one the printer is plugged into. Each print has one outcome,
// nothing comes out twice by itself, and what nobody knows is UNKNOWN until a person
// has it printed again, which is kept with who and why.
func TestLeaderLostInMidPrint(t *testing.T) {
	t.Parallel()
	c := newTrioWith(t, true, func(s *site) { s.labelMs = 700 })
	s := c.gw[2]
	is := func(at *site, ref, state string) func() bool {
		return func() bool { return at.tellPrints()[ref].State == state }
	}
	over := func(at *site, refs ...string) {
		t.Helper()
		at.eventually("every print has its outcome", func() bool {
			all := at.tellPrints()
			return !slices.ContainsFunc(refs, func(ref string) bool {
				p := all[ref].State
				return p != warehouse.JobPrinted && p != warehouse.JobUnknown && p != warehouse.JobFailed
			})
		})
	}

	leader := c.leader(c.gw[:])
	s.do(http.StatusOK, "lead", "PrintLabels", `{"printer":"pack1","what":"tote","labels":[{"ref":"T-101"},{"ref":"T-102"}]}`)
	s.eventually("the first is on its way", is(s, "T-101", warehouse.JobSent))
	leader.stop()
	if leader == s { // the election went so: then its turn comes first
		s.start()
	}
	over(s, "T-101", "T-102")
	for _, ref := range []string{"T-101", "T-102"} {
		p, n := s.tellPrints()[ref], s.cameOut(ref)
		if n > 1 || p.State == warehouse.JobPrinted && n != 1 || p.State == warehouse.JobFailed || leader != s && p.State != warehouse.JobPrinted {
			t.Errorf("%s is %s, %s came out %d times", p.ID, p.State, ref, n)
		}
	}
	if leader != s {
		leader.start()
	}

	s.do(http.StatusOK, "lead", "PrintLabels", `{"printer":"pack1","what":"tote","labels":[{"ref":"T-201"},{"ref":"T-202"}]}`)
	s.eventually("the third is on its way", is(s, "T-201", warehouse.JobSent))
	s.stop()
	other := c.gw[0]
	other.quorum(true)
	other.eventually("another gateway knows that it was sent", func() bool {
		p := other.tellPrints()["T-201"].State
		return p == warehouse.JobSent || p == warehouse.JobPrinted
	})
	s.start()
	over(s, "T-201", "T-202")
	p := s.tellPrints()["T-201"]
	before := s.cameOut("T-201")
	if before > 1 || s.cameOut("T-202") != 1 || p.State == warehouse.JobUnknown && !strings.Contains(p.Detail, "restarted") {
		t.Errorf("T-201 is %s %q and came out %d times, T-202 %d", p.State, p.Detail, before, s.cameOut("T-202"))
	}
	other.do(http.StatusOK, "mira", "ReprintLabel", `{"job":"`+p.ID+`","reason":"nobody found it"}`)
	s.eventually("the copy is printed", is(s, "T-201", warehouse.JobPrinted))
	if p := s.tellPrints()["T-201"]; p.Copies != 2 || !strings.HasSuffix(p.CopyBy, "mira") || p.CopyWhy != "nobody found it" || s.cameOut("T-201") != before+1 {
		t.Errorf("%+v, it came out %d times", p, s.cameOut("T-201"))
	}
	other.eventually("every gateway tells the same", func() bool {
		return other.tellPrints()["T-201"] == s.tellPrints()["T-201"]
	})
}
