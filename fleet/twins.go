package fleet

import (
	"time"

	"tote/fleet/vda5050"
)

const (
	// headerGap is how many states may be lost between two of one device.
	headerGap = 100
	// heldUp: while newer states came so lately, what is older is an old one.
	heldUp = 3 * time.Second
	// twinWindow is how long two devices are remembered, twinSwitches how
	// often the word must pass from one to the other in that time. A robot
	// that restarts takes the word once; one that restarts and was heard
	// late, twice.
	twinWindow   = time.Minute
	twinSwitches = 3
)

// stream is one run of headerIds, that of one device since it started.
type stream struct {
	last uint32
	at   time.Time // the robot's clock
}

// twins tells old messages from new ones, and one device from two with the same
// serial: headerIds count up by one, so two devices show two interleaved runs. A
// headerId that restarts or a clock that jumps is, alone, nothing.
type twins struct {
	cur, other *stream
	heard      time.Time   // when the newest of cur came, our clock
	switches   []time.Time // our clock
}

// news says whether a state is neither a repeat nor older than the newest.
func (t *twins) news(h vda5050.Header, now time.Time) bool {
	at := h.Time()
	if t.cur == nil {
		t.cur, t.heard = &stream{h.HeaderID, at}, now
		return true
	}
	switch c := t.cur; {
	case h.HeaderID == c.last && at.Equal(c.at):
		return false
	case h.HeaderID-c.last-1 < headerGap: // also over the end of uint32
		*c, t.heard = stream{h.HeaderID, at}, now
		return true
	case c.last-h.HeaderID < 1<<31 && at.Before(c.at) && now.Sub(t.heard) < heldUp:
		// Behind in both while newer ones still come: it was held up, as in a
		// gateway that slept. A second device would have today's date, and one
		// that restarts with no date is silent before.
		return false
	case c.last-h.HeaderID < headerGap && !at.After(c.at):
		return false
	}
	if o := t.other; o != nil && h.HeaderID == o.last && at.Equal(o.at) {
		return false
	} else if o != nil && h.HeaderID-o.last-1 < headerGap {
		*o = stream{h.HeaderID, at}
		t.cur, t.other = t.other, t.cur
	} else {
		t.other, t.cur = t.cur, &stream{h.HeaderID, at}
	}
	t.heard = now
	t.switches = append(t.switches, now)
	if len(t.switches) > twinSwitches {
		t.switches = t.switches[1:]
	}
	return true
}

// two says whether two devices were at it within the window.
func (t *twins) two(now time.Time) bool {
	return len(t.switches) == twinSwitches && now.Sub(t.switches[0]) < twinWindow
}
