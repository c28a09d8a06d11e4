// Package presence makes facts of reads: which tags passed a portal and which way
// (Portal), and which are at which of several locations (Engine). Antennas read
// everything near: the carton that goes through, the pallet parked beside the door,
// the shelf behind the wall by way of a reflection. One read is therefore no
// evidence.
//
// At a portal a tag counts as passed in a window when it was read at least MinReads times
// within it, by the portal's antennas and no weaker than MinRSSI, and when it
// did not stand there before and after just as strongly. A photo-eye opens and
// closes the windows; where there is none, the tags' own activity does.
//
// Tags are known by what they identify: two tags of one object, which differ in
// filter value or size, are one object, and one that says it is not of GS1 (toggle
// bit) is never taken for an EPC.
//
// Portal and Engine are pure: they start no no goroutine, hold no clock and do no I/O. All
// times come with their calls and must be of one clock; one goroutine owns each.
// DESIGN.md of drivers explains the rules and what they cannot tell.
package presence

import (
	"container/list"
	"errors"
	"fmt"
	"slices"
	"time"

	"tote/drivers/rfid"
)

// ErrConfig: the configuration makes no sense.
var ErrConfig = errors.New("presence: impossible configuration")

// Defaults.
const (
	DefaultMinReads  = 3
	DefaultMinRSSI   = -65
	DefaultLead      = 500 * time.Millisecond
	DefaultTrail     = 500 * time.Millisecond
	DefaultLook      = 2500 * time.Millisecond
	DefaultMerge     = 200 * time.Millisecond
	DefaultRise      = 6
	DefaultQuiet     = time.Second
	DefaultDwell     = 10 * time.Second
	DefaultMaxWindow = 30 * time.Second
	DefaultMaxTags   = 4096
)

// Config of one portal. Zero fields take the default.
type Config struct {
	Eye      bool  // a photo-eye opens and closes the windows; else tag activity does
	Antennas []int // that look at this portal; empty = all. 0 = reads that do not tell theirs
	MinReads int   // in one window
	MinRSSI  int   // dBm; weaker reads do not count, but tell where a tag stood. Reads that do not tell have just this
	Filter   *Filter
	Inner    []int // antennas on the side of the warehouse; with Outer they tell the direction
	Outer    []int // on the side of the yard
	Rank     int   // of this portal among those side by side: of two that hear a tag alike the lower has it

	// With an eye:
	Lead  time.Duration // reads so long before it was covered count
	Trail time.Duration // and so long after it was free again
	Look  time.Duration // a parked tag is looked for Look to Look/2 before the window, and Look/2 to Look after it; up to 10 s, at least twice Lead and Trail
	Merge time.Duration // free for less than this is the same window; up to 2 s
	Rise  int           // dB a passing tag is stronger inside than before, or than after

	// Without one:
	Quiet time.Duration // without activity: the window is over; up to 10 s
	Dwell time.Duration // a tag that stays for longer is parked; more than Quiet

	MaxWindow time.Duration // a longer window is cut and goes on as the next
	MaxTags   int           // that are remembered
}

// Seen is one tag that passed.
type Seen struct {
	Key      string // pure identity, or the bits of what is no EPC
	EPC      string // hexadecimal, as read
	PC       uint16 // as in rfid.Read
	Reads    int    // that counted
	BestRSSI int    // dBm
	Antennas []int  // that read it, in order
}

// Pass is what one window saw.
type Pass struct {
	From, To time.Time // when the eye was covered and free; without an eye, first and last activity
	Tags     []Seen    // by Key; with an eye it may be empty: something without tags went through
	Way      Way       // in or out, "" when it cannot be told
	Cut      bool      // the window reached MaxWindow and goes on in the next
	Dropped  int       // tags forgotten for lack of room meanwhile: the pass may not be whole
}

// Stats counts since New; Tags is now.
type Stats struct {
	Tags    int    // remembered now
	Dropped uint64 // forgotten for lack of room
	Windows uint64 // decided, also those without an eye that nothing passed
	Parked  uint64 // times a tag was left out of a window because it stood there before and after
	Moved   uint64 // times a tag was left out because it was stronger in the window next to it
	Stayed  uint64 // times a tag was left out because it was on the same side before and after
	Beside  uint64 // times a tag was left out because it was stronger at another portal
	Unknown uint64 // passes with tags whose direction could not be told
}

// Portal follows the tags of one portal.
type Portal struct {
	cfg   Config
	now   time.Time // the newest time that was told
	swept time.Time // when old tags were looked for last
	tags  map[string]*tag
	names names
	order list.List // of tags, least recently read first
	eyes  [3]bool   // covered, by Side
	hears bool      // both sides heard something in the window that is decided
	wins  []*window // not decided yet, in order of time; only the last may be open
	stats Stats
}

// New checks the configuration.
func New(cfg Config) (*Portal, error) {
	fill(&cfg.MinReads, DefaultMinReads)
	fill(&cfg.MinRSSI, DefaultMinRSSI)
	fill(&cfg.Lead, DefaultLead)
	fill(&cfg.Trail, DefaultTrail)
	fill(&cfg.Look, DefaultLook)
	fill(&cfg.Merge, DefaultMerge)
	fill(&cfg.Rise, DefaultRise)
	fill(&cfg.Quiet, DefaultQuiet)
	fill(&cfg.Dwell, DefaultDwell)
	fill(&cfg.MaxWindow, DefaultMaxWindow)
	fill(&cfg.MaxTags, DefaultMaxTags)
	cfg.Antennas = slices.Clone(cfg.Antennas)
	within := func(d, most time.Duration) bool { return d >= 0 && d <= most }
	switch {
	case cfg.MinReads < 1 || cfg.MinRSSI > 0 || cfg.Rise < 1 || cfg.MaxTags < 1:
		return nil, fmt.Errorf("%w: at least %d reads, %d dBm, rise %d dB, %d tags", ErrConfig, cfg.MinReads, cfg.MinRSSI, cfg.Rise, cfg.MaxTags)
	case !within(cfg.Lead, cfg.Look/2) || !within(cfg.Trail, cfg.Look/2) || !within(cfg.Look, 10*time.Second) || !within(cfg.Merge, 2*time.Second):
		return nil, fmt.Errorf("%w: lead %v, trail %v, look %v, merge %v", ErrConfig, cfg.Lead, cfg.Trail, cfg.Look, cfg.Merge)
	case !within(cfg.Quiet, 10*time.Second) || cfg.Dwell <= cfg.Quiet || cfg.MaxWindow < 2*time.Second:
		return nil, fmt.Errorf("%w: quiet %v, dwell %v, longest window %v", ErrConfig, cfg.Quiet, cfg.Dwell, cfg.MaxWindow)
	}
	if err := checkAntennas(&cfg); err != nil {
		return nil, err
	}
	return &Portal{cfg: cfg, tags: map[string]*tag{}, names: newNames(cfg.Filter, cfg.MaxTags)}, nil
}

// checkAntennas looks at the lists of antennas.
func checkAntennas(cfg *Config) error {
	mine := cfg.Antennas
	for _, a := range mine {
		if a < 0 {
			return fmt.Errorf("%w: antenna %d", ErrConfig, a)
		}
	}
	if (len(cfg.Inner) == 0) != (len(cfg.Outer) == 0) {
		return fmt.Errorf("%w: inner antennas %v, outer %v: both or none", ErrConfig, cfg.Inner, cfg.Outer)
	}
	both := slices.Concat(cfg.Inner, cfg.Outer)
	for i, a := range both {
		switch {
		case a < 1 || slices.Contains(both[:i], a):
			return fmt.Errorf("%w: antenna %d among inner %v, outer %v", ErrConfig, a, cfg.Inner, cfg.Outer)
		case len(mine) > 0 && !slices.Contains(mine, a):
			return fmt.Errorf("%w: antenna %d is none of %v", ErrConfig, a, mine)
		}
	}
	return nil
}

func fill[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}

// Stats gives the counters.
func (p *Portal) Stats() Stats {
	s := p.stats
	s.Tags = len(p.tags)
	return s
}

// Read takes one sighting. Like every call it returns the passes that are
// decided by now.
func (p *Portal) Read(r rfid.Read) []Pass {
	if len(p.cfg.Antennas) > 0 && !slices.Contains(p.cfg.Antennas, r.Antenna) {
		return p.Tick(r.At)
	}
	return p.sighted(r, false)
}

// Elsewhere takes one sighting by an antenna of another portal of this gateway. A
// tag that is heard better there does not pass here.
func (p *Portal) Elsewhere(r rfid.Read) []Pass { return p.sighted(r, true) }

func (p *Portal) sighted(r rfid.Read, elsewhere bool) []Pass {
	passes := p.Tick(r.At)
	n := p.names.of(&r)
	if !n.wanted {
		return passes
	}
	if r.RSSI == 0 {
		r.RSSI = p.cfg.MinRSSI
	}
	s := sight{at: p.now, rssi: r.RSSI, antenna: r.Antenna, side: p.side(r.Antenna), elsewhere: elsewhere}
	t := p.remember(n.key, r)
	if !p.cfg.Eye && !elsewhere {
		p.activity(t, s)
	}
	t.add(s, p.now.Add(-p.horizon()))
	if w := p.open(); w != nil && p.counts(s) {
		t.in(w).add(s)
	}
	return passes
}

// side is where an antenna hangs.
func (p *Portal) side(antenna int) Side {
	switch {
	case slices.Contains(p.cfg.Inner, antenna):
		return Inner
	case slices.Contains(p.cfg.Outer, antenna):
		return Outer
	}
	return Middle
}

// counts tells whether a sighting is strong enough to be evidence.
func (p *Portal) counts(s sight) bool { return s.rssi >= p.cfg.MinRSSI }

// open is the window that is open now.
func (p *Portal) open() *window {
	if n := len(p.wins); n > 0 && p.wins[n-1].open {
		return p.wins[n-1]
	}
	return nil
}

// Tick moves time on.
func (p *Portal) Tick(now time.Time) []Pass {
	if now.After(p.now) { // a clock set back must not undo what was seen
		p.now = now
	}
	if !p.cfg.Eye {
		p.settle()
	}
	if w := p.open(); w != nil && p.now.Sub(w.from) >= p.cfg.MaxWindow {
		p.cut(w)
	}
	var passes []Pass
	for len(p.wins) > 0 && !p.wins[0].open && !p.now.Before(p.due(p.wins[0])) {
		if pass, ok := p.decide(p.wins[0]); ok {
			passes = append(passes, pass)
		}
		p.wins = slices.Delete(p.wins, 0, 1)
	}
	p.forget()
	return passes
}

// Next tells when Tick has something to do; false when only a call of another
// kind can change anything.
func (p *Portal) Next() (time.Time, bool) {
	if len(p.wins) == 0 {
		return time.Time{}, false
	}
	next := p.due(p.wins[0])
	if w := p.open(); w != nil {
		end := w.from.Add(p.cfg.MaxWindow)
		if quiet := w.to.Add(p.cfg.Quiet); !p.cfg.Eye && quiet.Before(end) {
			end = quiet
		}
		if w == p.wins[0] || end.Before(next) {
			next = end
		}
	}
	return next, true
}

// due is when a closed window can be decided.
func (p *Portal) due(w *window) time.Time {
	if !p.cfg.Eye {
		return w.to
	}
	return w.to.Add(p.cfg.Look)
}

// horizon is how far back single sightings are needed.
func (p *Portal) horizon() time.Duration {
	return p.cfg.Look + max(p.cfg.Merge, early)
}
