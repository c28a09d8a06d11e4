package update

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Note is what a gateway tells the others of its program.
type Note struct {
	Version string   `cbor:"1,keyasint"`
	Trial   bool     `cbor:"2,keyasint,omitempty"` // it is not known yet whether it stays
	Refused []string `cbor:"3,keyasint,omitempty"` // releases it took back: the first bytes of their ids
}

// noteRefused and noteID bound a note.
const (
	noteRefused = 8
	noteID      = 16 // hex digits
)

// Note is that of the gateway with these slots, which runs version.
func (s Slots) Note(version string) Note {
	n := Note{Version: version}
	if j, err := s.Pending(); err == nil && j != nil {
		n.Trial = true
	}
	for _, r := range s.Refused() {
		n.Refused = append(n.Refused, shortID(r.Release))
	}
	n.Refused = n.Refused[max(0, len(n.Refused)-noteRefused):]
	return n
}

func shortID(id string) string { return id[:min(noteID, len(id))] }

// Held is the feature level above which the site must not go while version may be taken
// back; 0 = any.
func (s Slots) Held(version string) uint16 {
	j, err := s.Pending()
	if err != nil || j == nil || j.Version != version {
		return 0
	}
	return max(j.Level, 1)
}

// Member is a gateway of the site, as the one that leads sees it.
type Member struct {
	ID     string
	Voter  bool
	Leader bool
	Well   bool   // it answers and its state is whole
	Behind uint64 // commands
	Note   Note
}

// grace is how long a turn that was granted is kept for a gateway that is not seen to use
// it, and how long one that has just begun to lead grants none: the one that led before
// may have.
const grace = 10 * time.Second

// Turns decides, at the gateway that leads, whose turn it is to be updated. It remembers
// nothing that matters for longer than grace: who is down or on trial is told by all
// gateways all the time, so any other one can go on with it.
type Turns struct {
	mu    sync.Mutex
	term  uint64
	since time.Time // when it was first asked in this term
	who   string
	until time.Time
}

// Decide answers a gateway that asks for its turn. members is all of them; now is a
// clock of this process that does not jump.
func (t *Turns) Decide(now time.Time, term uint64, from string, ask TurnAsk, members []Member) TurnAnswer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.term != term {
		t.term, t.since = term, now
	}
	var others []Member
	leads := false
	for _, m := range members {
		switch {
		case m.ID != from:
			others = append(others, m)
		case m.Leader:
			leads = true
		}
	}
	if a := judgeOthers(ask, others); a.Why != "" {
		return a
	}
	voters := slices.DeleteFunc(slices.Clone(others), func(m Member) bool { return !m.Voter })
	if leads && len(voters) > 0 {
		return lead(ask, voters)
	}
	switch {
	case len(voters) > 0 && now.Sub(t.since) < grace:
		return TurnAnswer{Why: "the gateway that leads has just begun to"}
	case t.who != "" && t.who != from && now.Before(t.until):
		return TurnAnswer{Why: "it is the turn of " + t.who}
	}
	t.who, t.until = from, now.Add(grace)
	return TurnAnswer{Granted: true}
}

// judgeOthers is why nobody may be restarted now; an answer without a Why when one may.
func judgeOthers(ask TurnAsk, others []Member) TurnAnswer {
	var waits []string
	for _, m := range others {
		switch {
		case slices.Contains(m.Note.Refused, shortID(ask.Release)):
			return TurnAnswer{Stop: true, Why: fmt.Sprintf("%s has taken %s back; `tote update status` there says why", m.ID, ask.Version)}
		case !m.Voter:
		case !m.Well:
			waits = append(waits, m.ID+" is not well")
		case m.Behind > mostBehind:
			waits = append(waits, fmt.Sprintf("%s is %d commands behind", m.ID, m.Behind))
		case m.Note.Trial:
			waits = append(waits, m.ID+" is on trial")
		}
	}
	return TurnAnswer{Why: strings.Join(waits, ", ")}
}

// lead answers the one that leads: it is last when the release goes to all, and somebody
// else leads before it is restarted; best one that has the release.
func lead(ask TurnAsk, voters []Member) TurnAnswer {
	to := voters[0]
	for _, m := range voters {
		switch has := m.Note.Version == ask.Version; {
		case has:
			to = m
		case ask.Site:
			return TurnAnswer{Why: fmt.Sprintf("this gateway leads and is last; %s still runs %s", m.ID, m.Note.Version)}
		}
	}
	return TurnAnswer{HandOver: to.ID, Why: to.ID + " is to lead first"}
}
