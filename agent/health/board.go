package health

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Levels of an issue.
const (
	LevelWarning = "warning"
	LevelBroken  = "broken"
)

// Seen is one thing that is wrong at this moment.
type Seen struct {
	Node
	Code  string // what people look up; "" = Kind
	Level string
	Text  string    // the facts of this case
	Since time.Time // zero = since it is seen
	// Still: it may be mended just now. It keeps an issue and begins none.
	Still bool
}

func (s Seen) key() string { return s.Kind + " " + s.About }

// Issue is one thing that is wrong, and what follows from it.
type Issue struct {
	Code   string    `json:"code"`
	About  string    `json:"about,omitempty"` // the device or gateway
	Level  string    `json:"level"`           // the worst of it and of what follows
	Text   string    `json:"text"`
	Cause  string    `json:"cause,omitempty"`
	Action string    `json:"action,omitempty"`
	Since  time.Time `json:"since"`
	// Times is how often it came while it was not settled; more than once is a loose
	// contact or a bad network.
	Times   int     `json:"times"`
	Follows []Issue `json:"follows,omitempty"` // goes away with it
}

// Past is an issue that is over.
type Past struct {
	Code  string    `json:"code"`
	About string    `json:"about,omitempty"`
	Text  string    `json:"text"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Times int       `json:"times"`
}

// How long things are watched.
const (
	settle = 3 * time.Second // gone for less, it is shown on
	// restless is the same for one that came back settled times within recall.
	restless  = time.Minute
	often     = 3
	recall    = 5 * time.Minute
	maxPast   = 200 // kept
	maxIssues = 500 // looked at; a site has fewer devices
)

// Board keeps what is wrong: an issue is there at once, goes by itself when it is
// over for a moment, and one that comes and goes stays, counted, instead of filling
// screens and records. It is safe for concurrent use and holds no clock.
type Board struct {
	mu   sync.Mutex
	open []entry // in order of coming
	past []pastOf
}

type entry struct {
	Seen
	gone  time.Time // zero while it is seen
	times int
}

type pastOf struct {
	key string
	Past
}

// Look takes what is wrong now. came and went are those that were not there before
// and those that are over; one that only comes and goes is in neither.
func (b *Board) Look(now time.Time, seen []Seen) (came []Seen, went []Past) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range seen[:min(len(seen), maxIssues)] {
		if s.Since.IsZero() || s.Since.After(now) {
			s.Since = now
		}
		at := slices.IndexFunc(b.open, func(e entry) bool { return e.key() == s.key() })
		if at < 0 && !s.Still {
			e, again := b.recalled(now, s)
			if !again {
				came = append(came, s)
			}
			b.open = append(b.open, e)
		}
		if at < 0 {
			continue
		}
		e := &b.open[at]
		if s.Still {
			if e.gone.IsZero() {
				continue
			}
			s = e.Seen
		}
		if !e.gone.IsZero() {
			e.times++
		}
		s.Since = e.Since
		e.Seen, e.gone = s, time.Time{}
	}
	b.open = slices.DeleteFunc(b.open, func(e entry) bool {
		at := slices.IndexFunc(seen, func(s Seen) bool { return s.key() == e.key() })
		if at >= 0 || e.gone.IsZero() || now.Sub(e.gone) < e.rest() {
			return false
		}
		p := Past{cmp.Or(e.Code, e.Kind), e.About, e.Text, e.Since.UTC(), e.gone.UTC(), e.times}
		b.past = append(b.past, pastOf{e.key(), p})
		went = append(went, p)
		return true
	})
	for i := range b.open {
		e := &b.open[i]
		if e.gone.IsZero() && !slices.ContainsFunc(seen, func(s Seen) bool { return s.key() == e.key() }) {
			e.gone = now
		}
	}
	b.past = b.past[max(0, len(b.past)-maxPast):]
	return came, went
}

// rest is how long the issue must be away to be over.
func (e *entry) rest() time.Duration {
	if e.times >= often {
		return restless
	}
	return settle
}

// recalled goes on with an issue that was over just now.
func (b *Board) recalled(now time.Time, s Seen) (e entry, again bool) {
	at := slices.IndexFunc(b.past, func(p pastOf) bool { return p.key == s.key() && now.Sub(p.To) < recall })
	if at < 0 {
		return entry{Seen: s, times: 1}, false
	}
	p := b.past[at]
	b.past = slices.Delete(b.past, at, at+1)
	s.Since = p.From
	return entry{Seen: s, times: p.Times + 1}, true
}

// Issues are the causes that are there, the worst and oldest first, each with what
// follows from it.
func (b *Board) Issues() []Issue {
	b.mu.Lock()
	defer b.mu.Unlock()
	nodes := make([]Node, len(b.open))
	for i, e := range b.open {
		nodes[i] = e.Node
	}
	of := Roots(nodes)
	roots := map[int]*Issue{}
	for i, e := range b.open {
		if of[i] < 0 {
			one := e.issue()
			roots[i] = &one
		}
	}
	for i, e := range b.open {
		if of[i] < 0 {
			continue
		}
		cause := of[i]
		for n := 0; of[cause] >= 0 && n < len(of); n++ {
			cause = of[cause]
		}
		if r := roots[cause]; r != nil {
			one := e.issue()
			r.Follows = append(r.Follows, one)
			if one.Level == LevelBroken {
				r.Level = LevelBroken
			}
		}
	}
	out := make([]Issue, 0, len(roots))
	for _, r := range roots {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Issue) int {
		if a.Level != b.Level {
			return cmp.Compare(a.Level, b.Level) // broken before warning
		}
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Code, b.Code), cmp.Compare(a.About, b.About))
	})
	return out
}

// issue is the entry for people.
func (e entry) issue() Issue {
	i := Issue{Code: cmp.Or(e.Code, e.Kind), About: e.About, Level: e.Level, Text: e.Text, Since: e.Since.UTC(), Times: e.times}
	if e.times > 1 {
		i.Text += fmt.Sprintf(" (it came %d times)", e.times)
	}
	f, ok := Find(i.Code)
	if !ok {
		f, _ = Find(e.Kind)
	}
	i.Cause, i.Action = f.Cause, f.Action
	return i
}

// Past is what is over, the newest last.
func (b *Board) Past() []Past {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Past, len(b.past))
	for i, p := range b.past {
		out[i] = p.Past
	}
	return out
}
