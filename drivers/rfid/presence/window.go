package presence

import (
	"cmp"
	"slices"
	"time"
)

// window is a time in which something went through, or seems to go.
type window struct {
	from    time.Time
	to      time.Time // closed: its end; open and without an eye: the last activity
	edge    time.Time // reads behind it belong to the next window; zero = no next one
	open    bool
	cut     bool
	dropped int
	first   Side // the eye that was covered first
	last    Side // and that was free last
}

// tail is up to when reads after the end count.
func (w *window) tail(trail time.Duration) time.Time {
	end := w.to.Add(trail)
	if !w.edge.IsZero() && w.edge.Before(end) {
		return w.edge
	}
	return end
}

// Eye tells that the photo-eye of one side is covered or free. The window is open
// while any of them is covered; their order tells the direction.
func (p *Portal) Eye(side Side, covered bool, at time.Time) []Pass {
	before := p.eyes
	p.eyes[side] = covered
	switch free := p.eyes == [3]bool{}; {
	case !p.cfg.Eye:
		return p.Tick(at)
	case covered && before == [3]bool{}:
		passes := p.Open(at)
		if w := p.open(); w.first == Middle {
			w.first = side
		}
		return passes
	case !covered && free && before != [3]bool{}:
		passes := p.Tick(at)
		if w := p.open(); w != nil {
			w.last = side
		}
		return append(passes, p.Close(at)...)
	}
	return p.Tick(at)
}

// Open tells that the photo-eye is covered. Without an eye in the configuration
// it does nothing.
func (p *Portal) Open(at time.Time) []Pass {
	passes := p.Tick(at)
	if !p.cfg.Eye || p.open() != nil {
		return passes
	}
	if n := len(p.wins); n > 0 {
		last := p.wins[n-1]
		if gap := p.now.Sub(last.to); gap < p.cfg.Merge {
			// A gap between two cartons of one pallet, or a foil that let
			// light through.
			p.credit(last)
			last.open = true
			return passes
		}
		last.edge = last.to.Add(p.now.Sub(last.to) / 2)
		p.begin(later(p.now.Add(-p.cfg.Lead), last.edge))
		return passes
	}
	p.begin(p.now.Add(-p.cfg.Lead))
	return passes
}

// Close tells that the photo-eye is free.
func (p *Portal) Close(at time.Time) []Pass {
	passes := p.Tick(at)
	if w := p.open(); w != nil && p.cfg.Eye {
		w.to, w.open = p.now, false
	}
	return passes
}

// begin opens a window now. Reads since start count already; what was seen
// before start tells where each tag stood.
func (p *Portal) begin(start time.Time) {
	w := &window{from: p.now, to: p.now, open: true}
	p.wins = append(p.wins, w)
	far := p.now.Add(-p.cfg.Look)
	for _, t := range p.tags {
		if before := t.strongest(far, start); before != never {
			c := t.in(w)
			c.before, c.stood = before, t.strongest(far, far.Add(p.cfg.Look/2))
			for _, s := range t.recent {
				if !s.at.Before(far) && s.at.Before(start) {
					c.way.before(s)
				}
			}
		}
		for _, s := range t.recent {
			if !s.at.Before(start) && p.counts(s) {
				t.in(w).add(s)
			}
		}
	}
}

// credit counts what was read behind the end of a closed window as far as its
// tail.
func (p *Portal) credit(w *window) {
	tail := w.tail(p.cfg.Trail)
	for _, t := range p.tags {
		for _, s := range t.recent {
			if s.at.After(w.to) && s.at.Before(tail) && p.counts(s) {
				t.in(w).add(s)
			}
		}
	}
}

// cut ends a window that is too long and goes on in the next.
func (p *Portal) cut(w *window) {
	w.to, w.edge, w.open, w.cut = p.now, p.now, false, true
	p.begin(p.now)
	p.open().first = w.first
}

// decide makes the pass of a window that is over; false when there is nothing
// to tell.
func (p *Portal) decide(w *window) (Pass, bool) {
	p.stats.Windows++
	if p.cfg.Eye {
		p.credit(w)
	}
	pass := Pass{From: w.from, To: w.to, Cut: w.cut, Dropped: w.dropped}
	var tracks []*track
	p.hears = p.sidesOf(w)
	for _, t := range p.tags {
		i := slices.IndexFunc(t.counts, func(c *count) bool { return c.w == w })
		if i < 0 {
			continue
		}
		c := t.counts[i]
		if p.cfg.Eye {
			c.way.after(t.recent, w.to.Add(-min(early/2, w.to.Sub(w.from)/3)))
		}
		passed := p.passed(t, c)
		if passed {
			tracks = append(tracks, p.track(t, c))
			pass.Tags = append(pass.Tags, Seen{Key: t.key, EPC: t.epc, PC: t.pc, Reads: c.reads, BestRSSI: c.best, Antennas: c.antennas})
		}
		t.counts = slices.Delete(t.counts, i, i+1)
		// Who has passed here is not to pass next door as well.
		if next := p.after(w); next != nil && (passed || c.rival != never) {
			n := t.in(next)
			n.rival = max(n.rival, c.rival)
			if passed {
				n.rival = max(n.rival, c.best)
			}
		}
	}
	slices.SortFunc(pass.Tags, func(a, b Seen) int { return cmp.Compare(a.Key, b.Key) })
	if pass.Way = way(byEyes(w), byAntennas(tracks)); pass.Way == "" && len(tracks) > 0 {
		p.stats.Unknown++
	}
	return pass, p.cfg.Eye || len(pass.Tags) > 0
}

// after is the window next to w, nil when there is none yet.
func (p *Portal) after(w *window) *window {
	if i := slices.Index(p.wins, w); i >= 0 && i+1 < len(p.wins) {
		return p.wins[i+1]
	}
	return nil
}

// passed is the rule.
func (p *Portal) passed(t *tag, c *count) bool {
	if c.reads < p.cfg.MinReads {
		return false
	}
	if c.other != never && (c.other > c.best || c.other == c.best && p.cfg.Rank > 0) {
		p.stats.Beside++
		return false
	}
	if c.rival != never && c.best < c.rival+p.cfg.Rise {
		p.stats.Moved++
		return false
	}
	if p.hears && p.track(t, c).stayed() {
		p.stats.Stayed++
		return false
	}
	if !p.cfg.Eye {
		if t.parked {
			p.stats.Parked++
		}
		return !t.parked
	}
	end := c.w.to.Add(p.cfg.Look)
	if !c.way.crossed() && p.parked(c, t.strongest(end.Add(-p.cfg.Look/2), end)) {
		p.stats.Parked++
		return false
	}
	// Whoever passes is nearest while it passes. Half the rise is left to noise.
	if next := p.after(c.w); next != nil && c.best < t.in(next).best {
		p.stats.Moved++
		return false
	}
	elsewhere := func(rssi int) bool { return rssi != never && rssi >= c.best+(p.cfg.Rise+1)/2 }
	if elsewhere(c.before) || elsewhere(t.strongest(c.w.tail(p.cfg.Trail), end)) {
		p.stats.Moved++
		return false
	}
	return true
}

// sidesOf tells whether both sides heard anything in a window. When one is deaf, its
// cable cut, what was heard on the other alone has not stayed there for that.
func (p *Portal) sidesOf(w *window) bool {
	var heard [2]bool
	for _, t := range p.tags {
		for _, c := range t.counts {
			if c.w == w {
				tr := p.track(t, c)
				for i := range heard {
					heard[i] = heard[i] || tr.sum[i]+tr.start[i] > 0
				}
			}
		}
	}
	return heard[0] && heard[1]
}

// track is where a tag was heard: with an eye in the window, without one in all of
// its stay, for the window opens late when it came slowly.
func (p *Portal) track(t *tag, c *count) *track {
	if p.cfg.Eye {
		return &c.way
	}
	return &t.stay
}

// parked tells whether a tag stood there well before and well after the window
// as strongly as within. Right beside the window this says nothing: a slow
// carton is near for a while.
//
// In a crowd every tag is read seldom, and not being read is then no proof of
// absence: when fewer than three reads were to be expected, the other side
// alone decides.
func (p *Portal) parked(c *count, after int) bool {
	stood := func(rssi int) bool { return rssi != never && rssi >= c.best-p.cfg.Rise }
	if stood(c.stood) && stood(after) {
		return true
	}
	span := c.w.to.Sub(c.w.from) + p.cfg.Lead + p.cfg.Trail
	if expected := time.Duration(c.reads) * (p.cfg.Look / 2); expected >= 3*span {
		return false
	}
	return stood(c.stood) && after == never || c.stood == never && stood(after)
}

// activity keeps a tag's stay, and opens a window or holds it open.
func (p *Portal) activity(t *tag, s sight) {
	switch {
	case t.last.IsZero() || s.at.Sub(t.last) > p.cfg.Quiet:
		t.since, t.parked, t.stay = s.at, false, track{}
	case t.parked && t.stay.crossed():
		t.parked = false // it took its time, and went through
	case t.parked:
		// What stood there and is now much nearer has begun to move.
		if was := t.strongest(s.at.Add(-p.horizon()), s.at); was != never && s.rssi >= was+p.cfg.Rise {
			t.since, t.parked, t.stay = s.at, false, track{}
		}
	default:
		t.parked = s.at.Sub(t.since) > p.cfg.Dwell && !t.stay.crossed()
	}
	t.stay.add(s)
	if t.parked || !p.counts(s) {
		return
	}
	if p.open() == nil {
		p.begin(p.now)
	}
	p.open().to = s.at
}

// settle closes a window without an eye after its quiet time.
func (p *Portal) settle() {
	if w := p.open(); w != nil && p.now.Sub(w.to) >= p.cfg.Quiet {
		w.open = false
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
