package presence

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tote/drivers/rfid"
)

// best is where an object is heard best of the locations that have read it often
// and strongly enough in the window; n is 0 when there is none. The first of the
// configuration wins among equals.
func (e *Engine) best(o *object) (place int32, n, sum int) {
	for i := range o.cells {
		c := &o.cells[i]
		cn, csum := c.heard(e.slot)
		if cn < e.cfg.MinReads || csum < e.cfg.MinRSSI*cn {
			continue
		}
		// Means are compared without dividing.
		if d := csum*n - sum*cn; n == 0 || d > 0 || d == 0 && c.place < place {
			place, n, sum = c.place, cn, csum
		}
	}
	return place, n, sum
}

// judge decides about an object at the end of a slot in which it was read.
func (e *Engine) judge(o *object) (Fact, bool) {
	end := (e.slot + 1) * e.width
	place, n, sum := e.best(o)
	hereN, hereSum := 0, 0
	for i := range o.cells {
		if o.cells[i].place == o.at {
			hereN, hereSum = o.cells[i].heard(e.slot)
		}
	}
	var ev Fact
	told := false
	switch nearer := n > 0 && place != o.at && (o.at < 0 || e.nearer(o, end, n, sum, hereN, hereSum)); {
	case !nearer:
		o.seems = -1
	case o.seems != place:
		o.seems, o.since = place, end-e.width
	}
	switch {
	case o.seems < 0 || end-o.since < int64(e.cfg.Linger):
	case o.at < 0:
		ev, told = e.fact(Arrived, o, end), true
		e.stats.Arrived++
	default:
		ev, told = e.fact(Moved, o, end), true
		ev.From = e.cfg.Locations[o.at].Name
		e.stats.Moved++
	}
	if told {
		o.at, o.seems, hereN, hereSum = place, -1, n, sum
		ev.To, ev.RSSI = e.cfg.Locations[place].Name, sum/n
	}
	if hereN > 0 {
		o.heard, o.strength = end, int32(hereSum/hereN) //nolint:gosec // dBm
	}
	return ev, told
}

// nearer tells whether an object that is heard well at a new place has left its
// old one.
func (e *Engine) nearer(o *object, end int64, n, sum, hereN, hereSum int) bool {
	if hereN > 0 {
		return sum*hereN >= (hereSum+e.cfg.Margin*hereN)*n
	}
	silent, hold := end-o.heard, int64(e.cfg.Hold)
	if silent >= hold {
		return true
	}
	// In hundredths of a dB.
	margin := int64(100*e.cfg.Margin) - int64(100*(e.cfg.Margin-e.cfg.Floor))*(silent/1e6)/max(hold/1e6, 1)
	return 100*int64(sum) >= (100*int64(o.strength)+margin)*int64(n)
}

func (e *Engine) fact(what string, o *object, at int64) Fact {
	return Fact{What: what, Key: o.key, EPC: o.epc, At: time.Unix(0, at)}
}

// keep is how long an object is remembered without a read.
func (e *Engine) keep(o *object) time.Duration {
	if o.at < 0 {
		return e.cfg.Window + e.cfg.Linger // what never arrived cannot depart
	}
	return e.cfg.Gone
}

// silent departs what was not read for long. An object that has not arrived may
// stand behind one that has: it goes when that one goes, or is read.
func (e *Engine) silent() []Fact {
	var gone []*object
	for o := e.oldest; o != nil; {
		next := o.next
		age := e.now - o.last
		if age < int64(e.cfg.Window) {
			break
		}
		if age >= int64(e.keep(o)) && (o.at < 0 || !e.blind[o.at]) {
			gone = append(gone, o)
		}
		o = next
	}
	// All at once, in an order that does not hang on that of their reads.
	slices.SortFunc(gone, func(a, b *object) int { return cmp.Compare(a.key, b.key) })
	var events []Fact
	for _, o := range gone {
		events = append(events, e.forget(o, false)...)
	}
	return events
}

// Reader tells that a reader is up or down, as its driver knows by the keepalive.
// All are up in the beginning. When one comes back, what stands at its locations has
// Gone from then on to be read.
func (e *Engine) Reader(reader string, up bool, now time.Time) []Fact {
	events := e.Tick(now)
	if e.down[reader] = !up; up {
		delete(e.down, reader)
	}
	for i, l := range e.cfg.Locations {
		blind := len(l.Sources) > 0
		for _, s := range l.Sources {
			blind = blind && e.down[s.Reader]
		}
		was := e.blind[i]
		if e.blind[i] = blind; !was || blind {
			continue
		}
		var here []*object
		for o := e.oldest; o != nil; o = o.next {
			if o.at == int32(i) { //nolint:gosec // checked in NewEngine
				here = append(here, o)
			}
		}
		for _, o := range here {
			believed := o.believed
			e.alive(o, e.now)
			o.believed = believed
		}
	}
	return events
}

// Believe tells that a tag was at a location before the engine began: by its identity
// or its bits in hexadecimal, and when it was seen there. It has Gone from now on to be
// read, and no fact is told of it until it moves or departs. It is false when the
// engine does not follow it: it is not wanted, there is no such location, or no room.
func (e *Engine) Believe(tag, location string, seen, now time.Time) bool {
	at := slices.IndexFunc(e.cfg.Locations, func(l Location) bool { return l.Name == location })
	key := tag
	if !strings.HasPrefix(tag, "urn:") {
		n := e.names.of(&rfid.Read{EPC: tag})
		if !n.wanted {
			return false
		}
		key = n.key
	}
	o := e.objects[key]
	switch {
	case at < 0 || o == nil && len(e.objects) >= e.cfg.MaxTags:
		return false
	case o != nil && o.at >= 0:
		return true // it is known better
	case o == nil:
		o = &object{key: key, epc: tag, at: -1, last: max(now.UnixNano(), e.now), believed: max(seen.UnixNano(), 1), known: true}
		e.objects[key] = o
		e.behind(o)
	}
	o.at, o.seems, o.heard, o.strength = int32(at), -1, o.last, int32(e.cfg.MinRSSI) //nolint:gosec // checked in NewEngine
	e.stats.Arrived++
	return true
}

// makeRoom forgets the object that was not read for longest.
func (e *Engine) makeRoom() []Fact {
	e.stats.Dropped++
	return e.forget(e.oldest, true)
}

func (e *Engine) forget(o *object, forced bool) []Fact {
	e.unlink(o)
	delete(e.objects, o.key)
	o.known = false
	if o.at < 0 {
		return nil
	}
	e.stats.Departed++
	ev := e.fact(Departed, o, cmp.Or(o.believed, o.last))
	ev.From, ev.RSSI, ev.Forced = e.cfg.Locations[o.at].Name, int(o.strength), forced
	return []Fact{ev}
}

// alive notes that an object was read.
func (e *Engine) alive(o *object, now int64) {
	o.last, o.believed = max(o.last, now), 0
	if e.newest != o {
		e.unlink(o)
		e.behind(o)
	}
}

// behind puts an object at the end of the list.
func (e *Engine) behind(o *object) {
	o.prev, o.next = e.newest, nil
	if e.newest != nil {
		e.newest.next = o
	} else {
		e.oldest = o
	}
	e.newest = o
}

func (e *Engine) unlink(o *object) {
	if o.prev != nil {
		o.prev.next = o.next
	} else {
		e.oldest = o.next
	}
	if o.next != nil {
		o.next.prev = o.prev
	} else {
		e.newest = o.prev
	}
	o.prev, o.next = nil, nil
}
