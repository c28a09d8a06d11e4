package update

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// three are the gateways of a site; gw1 leads.
func three(change func(m []Member)) []Member {
	m := []Member{
		{ID: "gw1", Voter: true, Leader: true, Well: true, Note: Note{Version: "1.0"}},
		{ID: "gw2", Voter: true, Well: true, Note: Note{Version: "1.0"}},
		{ID: "gw3", Voter: true, Well: true, Note: Note{Version: "1.0"}},
	}
	if change != nil {
		change(m)
	}
	return m
}

func TestDecide(t *testing.T) {
	ask := TurnAsk{Release: "0123456789abcdef0123", Version: "2.0"}
	all := ask
	all.Site = true
	for name, c := range map[string]struct {
		from    string
		ask     TurnAsk
		members []Member
		want    TurnAnswer
	}{
		"a follower":              {"gw2", ask, three(nil), TurnAnswer{Granted: true}},
		"another one is down":     {"gw2", ask, three(func(m []Member) { m[2].Well = false }), TurnAnswer{Why: "gw3 is not well"}},
		"another one is behind":   {"gw2", ask, three(func(m []Member) { m[2].Behind = 9000 }), TurnAnswer{Why: "9000 commands behind"}},
		"another one is on trial": {"gw2", ask, three(func(m []Member) { m[2].Note.Trial = true }), TurnAnswer{Why: "gw3 is on trial"}},
		"taken back elsewhere": {
			"gw2", ask, three(func(m []Member) { m[2].Note.Refused = []string{"0123456789abcdef"} }),
			TurnAnswer{Stop: true, Why: "gw3 has taken 2.0 back"},
		},
		"another release was":       {"gw2", ask, three(func(m []Member) { m[2].Note.Refused = []string{"ffff456789abcdef"} }), TurnAnswer{Granted: true}},
		"one without a vote is off": {"gw2", ask, append(three(nil), Member{ID: "gw4"}), TurnAnswer{Granted: true}},
		"the one that leads":        {"gw1", ask, three(nil), TurnAnswer{HandOver: "gw2", Why: "gw2 is to lead"}},
		"it is last":                {"gw1", all, three(func(m []Member) { m[1].Note.Version = "2.0" }), TurnAnswer{Why: "is last; gw3 still runs 1.0"}},
		"it is last, and is due":    {"gw1", all, three(func(m []Member) { m[1].Note.Version, m[2].Note.Version = "2.0", "2.0" }), TurnAnswer{HandOver: "gw3", Why: "gw3 is to lead"}},
		"to one that has it":        {"gw1", ask, three(func(m []Member) { m[2].Note.Version = "2.0" }), TurnAnswer{HandOver: "gw3", Why: "gw3 is to lead"}},
		"alone":                     {"gw1", all, three(nil)[:1], TurnAnswer{Granted: true}},
	} {
		now := time.Unix(1000, 0)
		turns := &Turns{term: 7, since: now.Add(-time.Hour)}
		got := turns.Decide(now, 7, c.from, c.ask, c.members)
		fits := strings.Contains(got.Why, c.want.Why) && (got.Why == "") == (c.want.Why == "")
		if got.Granted != c.want.Granted || got.HandOver != c.want.HandOver || got.Stop != c.want.Stop || !fits {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestTurnsOverlap: two that ask at the same moment, and a lead that moves in between.
func TestTurnsOverlap(t *testing.T) {
	now := time.Unix(1000, 0)
	ask := TurnAsk{Release: "ab", Version: "2.0"}
	old := &Turns{}
	at := func(turns *Turns, from string, later time.Duration, term uint64) TurnAnswer {
		return turns.Decide(now.Add(later), term, from, ask, three(nil))
	}
	if a := at(old, "gw2", 0, 3); a.Granted {
		t.Error("granted by one that may have just begun to lead")
	}
	if a := at(old, "gw2", grace, 3); !a.Granted {
		t.Errorf("%+v", a)
	}
	if a := at(old, "gw3", grace+time.Second, 3); a.Granted || !strings.Contains(a.Why, "gw2") {
		t.Errorf("two at a time: %+v", a)
	}
	if a := at(old, "gw2", grace+time.Second, 3); !a.Granted {
		t.Errorf("its own turn is refused: %+v", a)
	}
	next := &Turns{} // another gateway leads, and knows nothing
	if a := at(next, "gw3", grace+time.Second, 4); a.Granted {
		t.Error("the next leader grants at once")
	}
	if a := at(old, "gw3", 3*grace, 3); !a.Granted {
		t.Errorf("a turn nobody uses is kept: %+v", a)
	}
}

// TestNote: what the others and the store are told while a version is on trial, and
// after it.
func TestNote(t *testing.T) {
	w := newWorld(t)
	s := w.u.Slots
	if n := s.Note("1.0"); n.Trial || n.Version != "1.0" || s.Held("1.0") != 0 {
		t.Errorf("nothing is on trial: %+v, held at %d", n, s.Held("1.0"))
	}
	j := Journal{State: Trial, Release: "0123456789abcdef0123", New: "b", Old: "a", Version: "2.0", Was: "1.0", Level: 4, Since: w.now}
	w.must(s.keep(j))
	if n := s.Note("2.0"); !n.Trial || s.Held("2.0") != 4 {
		t.Errorf("on trial: %+v, held at %d", n, s.Held("2.0"))
	}
	if s.Held("1.0") != 0 {
		t.Error("the version before holds itself back")
	}
	w.must(s.refuse(Refusal{j.Release, j.Version, CodeStart}))
	w.must(s.end(Outcome{Result: RolledBack}))
	if n := s.Note("1.0"); n.Trial || len(n.Refused) != 1 || n.Refused[0] != "0123456789abcdef" || s.Held("2.0") != 0 {
		t.Errorf("after it: %+v", n)
	}
	for i := range 2 * maxRefused {
		w.must(s.refuse(Refusal{Release: fmt.Sprintf("%020d", i)}))
	}
	if n := s.Note("1.0"); len(n.Refused) != noteRefused || n.Refused[noteRefused-1] != fmt.Sprintf("%020d", 2*maxRefused-1)[:noteID] || len(s.Refused()) != maxRefused {
		t.Errorf("the list grows: %d, %v", len(s.Refused()), n.Refused)
	}
}
