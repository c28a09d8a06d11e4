package presence

import (
	"math"
	"time"
)

// Way is which way a pass went.
type Way string

// Ways. The zero value says that it cannot be told.
const (
	In  Way = "in"  // from the yard into the warehouse
	Out Way = "out" // from the warehouse into the yard
)

// Side of a portal that an antenna or a photo-eye is on.
type Side int

// Sides. Middle is that of what tells no direction, as the only eye of a door.
const (
	Middle Side = iota
	Inner       // of the warehouse
	Outer       // of the yard
)

// byEyes is the way by the order of two eyes: who comes from the inside covers the
// inner one first and leaves the outer one last. Who covers and leaves the same
// one first and last has turned back, or there is only one.
func byEyes(w *window) Way {
	switch {
	case w.first == Inner && w.last == Outer:
		return Out
	case w.first == Outer && w.last == Inner:
		return In
	}
	return ""
}

const (
	// early is how long the reads after the first one tell where a tag came from.
	early = 400 * time.Millisecond
	// fades is in what time a read loses half of what it tells of where a tag went.
	fades = 150 * time.Millisecond
	// How much of the weight must shift: to say which way (leans), to have crossed
	// whatever else speaks against it, and at most to have stayed.
	leans   = 0.3
	crosses = 0.6
	stays   = 0.2
	// endReads is how many reads an end must have.
	endReads = 2
	// least is how far the mean times of the sides must lie apart to mean something
	// when the ends do not tell.
	least = 100 * time.Millisecond
)

// track is where a tag was heard in the course of a window. Strong reads count
// more: 3 dB are twice as much.
type track struct {
	first, last  time.Time
	start, end   [2]float64 // weight by side, inner and outer, at the beginning and at the end
	sum          [2]float64 // weight in all
	mean         [2]float64 // sum of weight × seconds since first
	starts, ends int
}

// weight is how much a sight tells, and of which side; false when of none.
func (s sight) weight() (i int, w float64, ok bool) {
	if s.side == Middle || s.elsewhere {
		return 0, 0, false
	}
	return int(s.side - Inner), math.Exp2(float64(s.rssi+60) / 3), true
}

// before counts a sight of before the window: it tells where the tag came from.
func (t *track) before(s sight) {
	if i, w, ok := s.weight(); ok {
		t.start[i] += w
		t.starts++
	}
}

// after takes what is known from the end of the window on for where the tag went.
func (t *track) after(recent []sight, from time.Time) {
	var end [2]float64
	n := 0
	for _, s := range recent {
		if i, w, ok := s.weight(); ok && !s.at.Before(from) {
			end[i] += w
			n++
		}
	}
	if n >= endReads {
		t.end, t.ends = end, n
	}
}

func (t *track) add(s sight) {
	i, weight, ok := s.weight()
	if !ok {
		return
	}
	if t.first.IsZero() {
		t.first, t.last = s.at, s.at
	}
	since := s.at.Sub(t.first)
	if since <= early {
		t.start[i] += weight
		t.starts++
	}
	if pause := s.at.Sub(t.last); pause > 0 {
		fade := math.Exp2(-float64(pause) / float64(fades))
		t.end[0], t.end[1] = t.end[0]*fade, t.end[1]*fade
		t.last = s.at
	}
	t.end[i] += weight
	t.sum[i] += weight
	t.mean[i] += weight * since.Seconds()
	t.ends++
}

// shift is how much of the weight went from one side to the other between the
// beginning and the end: 1 all of it out, -1 in; false when an end has too few reads
// to tell. What stands still has none, whichever side hears it better.
func (t *track) shift() (float64, bool) {
	start, end := t.start[0]+t.start[1], t.end[0]+t.end[1]
	if t.starts < endReads || t.ends < endReads || start == 0 || end == 0 {
		return 0, false
	}
	return t.end[1]/end - t.start[1]/start, true
}

// crossed tells that it clearly came from one side and went to the other.
func (t *track) crossed() bool {
	shift, ok := t.shift()
	return ok && math.Abs(shift) >= crosses
}

// stayed tells that it was where it had been: it stands there, or came and turned
// back.
func (t *track) stayed() bool {
	shift, ok := t.shift()
	return ok && math.Abs(shift) <= stays
}

// way is what one tag says: 1 out, -1 in, 0 nothing.
func (t *track) way() int {
	if shift, ok := t.shift(); ok {
		switch {
		case shift >= leans:
			return 1
		case shift <= -leans:
			return -1
		}
	}
	if t.sum[0] == 0 || t.sum[1] == 0 {
		return 0 // one side alone may be all that hears it
	}
	switch apart := t.mean[1]/t.sum[1] - t.mean[0]/t.sum[0]; {
	case t.stayed():
	case apart >= least.Seconds():
		return 1
	case apart <= -least.Seconds():
		return -1
	}
	return 0
}

// byAntennas is the way that the tags of a pass agree on: of those that say
// anything three in four, and at least a quarter of all must say something.
func byAntennas(tracks []*track) Way {
	out, in := 0, 0
	for _, t := range tracks {
		switch t.way() {
		case 1:
			out++
		case -1:
			in++
		}
	}
	switch said := out + in; {
	case said == 0 || 4*said < len(tracks):
		return ""
	case 4*out >= 3*said:
		return Out
	case 4*in >= 3*said:
		return In
	}
	return ""
}

// way joins what eyes and antennas say. When they contradict each other, as with
// traffic both ways at once, it cannot be told.
func way(eyes, antennas Way) Way {
	switch {
	case eyes == "" || eyes == antennas:
		return antennas
	case antennas == "":
		return eyes
	}
	return ""
}
