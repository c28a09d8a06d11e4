package presence

import (
	"container/list"
	"math"
	"slices"
	"time"

	"tote/drivers/rfid"
)

// maxSights bounds the single sightings kept of one tag. A reader makes a few
// hundred reads a second of all tags together; when one tag has more than this
// within the horizon its oldest half goes, which only shortens the look back.
const maxSights = 512

// never is weaker than any read.
const never = math.MinInt

// sight is one read.
type sight struct {
	at      time.Time
	rssi    int
	antenna int
	side    Side

	elsewhere bool // by an antenna of another portal
}

// tag is what is remembered of one tag.
type tag struct {
	key    string
	epc    string // as read last
	pc     uint16
	recent []sight  // at least those within the horizon, oldest first
	counts []*count // of the windows that are not decided
	last   time.Time
	place  *list.Element

	// Without an eye:
	since  time.Time // when its present stay began
	parked bool      // its stay is longer than Dwell and it did not cross
	stay   track     // of its present stay
}

// count is what one window has seen of a tag.
type count struct {
	w        *window
	reads    int
	best     int // never when reads is 0
	antennas []int
	before   int // strongest read before the window; never when there was none
	stood    int // the same in the far half of that time
	other    int // best at another portal meanwhile; never when it was not heard there
	way      track
	rival    int // its strength where it has passed just before; never when it has not
}

func (c *count) add(s sight) {
	if s.elsewhere {
		c.other = max(c.other, s.rssi)
		return
	}
	c.way.add(s)
	c.reads++
	c.best = max(c.best, s.rssi)
	if i, found := slices.BinarySearch(c.antennas, s.antenna); !found {
		c.antennas = slices.Insert(c.antennas, i, s.antenna)
	}
}

// add keeps a sighting and forgets those before old.
func (t *tag) add(s sight, old time.Time) {
	t.last = s.at
	// By halves: cutting one off for each that comes would move them all.
	if n := len(t.recent); n >= maxSights || n >= 16 && t.recent[n/2].at.Before(old) {
		t.recent = slices.Delete(t.recent, 0, n/2)
	}
	t.recent = append(t.recent, s)
}

// in is the tag's count of a window.
func (t *tag) in(w *window) *count {
	for _, c := range t.counts {
		if c.w == w {
			return c
		}
	}
	c := &count{w: w, best: never, before: never, stood: never, other: never, rival: never}
	t.counts = append(t.counts, c)
	return c
}

// strongest is the best read from (inclusive) to (exclusive), never when there
// was none.
func (t *tag) strongest(from, to time.Time) int {
	best := never
	for _, s := range slices.Backward(t.recent) {
		if s.at.Before(from) {
			break
		}
		if s.at.Before(to) && !s.elsewhere {
			best = max(best, s.rssi)
		}
	}
	return best
}

// remember finds or makes the tag of a read. When there is no room the tag that
// was not read for longest goes, and every window it may have been in is told.
func (p *Portal) remember(key string, r rfid.Read) *tag {
	t := p.tags[key]
	if t != nil {
		p.order.MoveToBack(t.place)
		t.epc, t.pc = r.EPC, r.PC
		return t
	}
	if len(p.tags) >= p.cfg.MaxTags {
		p.drop(p.order.Front().Value.(*tag))
		p.stats.Dropped++
		for _, w := range p.wins {
			w.dropped++
		}
	}
	t = &tag{key: key, epc: r.EPC, pc: r.PC}
	t.place = p.order.PushBack(t)
	p.tags[key] = t
	return t
}

// sweepEvery is how often tags are looked through for old ones.
const sweepEvery = 500 * time.Millisecond

// forget drops the tags that nothing needs any more.
func (p *Portal) forget() {
	if p.now.Sub(p.swept) < sweepEvery {
		return
	}
	p.swept = p.now
	keep := p.horizon()
	if !p.cfg.Eye {
		keep = p.cfg.Quiet
	}
	for e := p.order.Front(); e != nil; {
		t := e.Value.(*tag)
		if p.now.Sub(t.last) <= keep {
			return // all behind it are newer
		}
		e = e.Next()
		if len(t.counts) == 0 {
			p.drop(t)
		}
	}
}

func (p *Portal) drop(t *tag) {
	p.order.Remove(t.place)
	delete(p.tags, t.key)
}
