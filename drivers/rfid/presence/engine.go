package presence

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tote/drivers/rfid"
)

// Defaults of an Engine.
const (
	DefaultWindow  = 2 * time.Second
	DefaultGate    = -70
	DefaultLinger  = 3 * time.Second
	DefaultMargin  = 6
	DefaultFloor   = 3
	DefaultHold    = 10 * time.Second
	DefaultGone    = time.Minute
	DefaultObjects = 50_000
)

// slots is how many parts a window has. Reads are counted by slot and judged
// when the slot is over, so their order within one means nothing: two readers
// whose reports overtake each other lead to the same facts.
const slots = 4

// Source is one antenna of one reader. Antenna 0 stands for all of the reader
// that are not listed, and for reads that do not tell their antenna.
type Source struct {
	Reader  string
	Antenna int
}

// Location is a place that readers watch.
type Location struct {
	Name    string
	Sources []Source
}

// EngineConfig says what is where. Zero fields take the default.
type EngineConfig struct {
	Locations []Location
	Filter    *Filter // nil = all tags

	Window   time.Duration // only reads so young count; 200 ms to 1 min
	MinReads int           // in one window, to have arrived or moved
	MinRSSI  int           // dBm, of their mean
	Linger   time.Duration // so long a new place must be the best one; less than Gone
	Margin   int           // dB a new place must be stronger than the old one that is still heard
	Floor    int           // what is left of Margin while the old one is silent for less than Hold
	Hold     time.Duration // so long a silent place is remembered by how strong it was
	Gone     time.Duration // silent everywhere for so long: departed
	MaxTags  int           // that are followed
}

// What became of a tag.
const (
	Arrived  = "arrived"
	Moved    = "moved"
	Departed = "departed"
)

// Fact is one fact about one object.
type Fact struct {
	What     string    // Arrived, Moved or Departed
	Key      string    // pure identity, or the bits of what is no EPC
	EPC      string    // hexadecimal, as read; of several tags of one object the first by digits
	From, To string    // locations; "" = none
	At       time.Time // end of the slot that decided; Departed: of the last read
	RSSI     int       // mean at To in the window, dBm; of Departed the last one at From
	Forced   bool      // Departed for lack of room, not by silence
}

// EngineStats counts since NewEngine; Tags and Present are now.
type EngineStats struct {
	Tags     int    // followed, arrived or not
	Present  int    // arrived and not departed: Arrived - Departed
	Reads    uint64 // that counted
	Arrived  uint64
	Moved    uint64
	Departed uint64
	Dropped  uint64 // tags forgotten for lack of room
	Filtered uint64 // reads of tags that are not wanted
	Unplaced uint64 // reads of antennas that are at no location
	Late     uint64 // reads older than the window
}

// Engine follows tags between locations: which are there, where, and which have
// gone. Like a Portal it is pure: no goroutine, clock or I/O; one goroutine owns
// it.
//
//   - Arrived: MinReads reads at one location within Window, their mean at least
//     MinRSSI, and so for Linger. One stray read is nothing, and what drives by has
//     not arrived.
//   - Moved: the same at another location, and stronger there by Margin than at the
//     old one. While the old one is silent it is taken for as strong as it was, and
//     Margin falls to Floor within Hold, never below. A place silent for Hold is left.
//   - Departed: not read anywhere for Gone.
//
// A read that does not tell its antenna counts for the location that has antenna 0
// of its reader; without one it is counted as unplaced and keeps a known tag
// present. One that does not tell its strength counts as MinRSSI: it makes a tag
// arrive, and never wins against a place that is heard well. One without a time is
// of now.
//
// A reader that is down sees nothing go: what stands where only such readers look
// does not depart (Reader).
type Engine struct {
	cfg     EngineConfig
	places  map[string][]int32 // by reader: location by antenna, [0] for the others; -1 = none
	width   int64              // of a slot, ns
	slot    int64              // that reads come in now
	now     int64              // ns, the newest time that was told
	names   names
	objects map[string]*object
	oldest  *object // list by last read
	newest  *object
	dirty   []*object // read in this slot
	down    map[string]bool
	blind   []bool // by location: all of its readers are down
	stats   EngineStats
}

// object is what is remembered of one thing with a tag, or several alike.
type object struct {
	key, epc     string
	next, prev   *object
	last         int64 // ns, of the newest read
	heard        int64 // ns, end of the last slot with a mean at its place
	believed     int64 // ns, when it was seen before the engine began; 0 = it was read since
	at           int32 // location, -1 = not arrived
	seems        int32 // where it seems to be, -1 = nowhere else
	since        int64 // ns, beginning of the slot from which on
	strength     int32 // mean there when it was heard last, dBm
	cells        []cell
	dirty, known bool
}

// cell is what one location heard of an object within the window.
type cell struct {
	place int32
	slot  int64 // newest in the ring
	n     [slots]uint16
	sum   [slots]int32 // dBm
}

// NewEngine checks the configuration.
func NewEngine(cfg EngineConfig) (*Engine, error) {
	fill(&cfg.Window, DefaultWindow)
	fill(&cfg.MinReads, DefaultMinReads)
	fill(&cfg.MinRSSI, DefaultGate)
	fill(&cfg.Linger, DefaultLinger)
	fill(&cfg.Margin, DefaultMargin)
	fill(&cfg.Floor, DefaultFloor)
	fill(&cfg.Hold, DefaultHold)
	fill(&cfg.Gone, DefaultGone)
	fill(&cfg.MaxTags, DefaultObjects)
	switch {
	case len(cfg.Locations) == 0 || len(cfg.Locations) > math.MaxInt16:
		return nil, fmt.Errorf("%w: %d locations", ErrConfig, len(cfg.Locations))
	case cfg.Window < 200*time.Millisecond || cfg.Window > time.Minute || cfg.Hold < cfg.Window || cfg.Gone < cfg.Window || cfg.Linger < 0 || cfg.Linger >= cfg.Gone:
		return nil, fmt.Errorf("%w: window %v, hold %v, gone %v, linger %v", ErrConfig, cfg.Window, cfg.Hold, cfg.Gone, cfg.Linger)
	case cfg.MinReads < 1 || cfg.MinRSSI > 0 || cfg.Floor < 1 || cfg.Margin < cfg.Floor || cfg.MaxTags < 1:
		return nil, fmt.Errorf("%w: at least %d reads, %d dBm, margin %d, floor %d, %d tags",
			ErrConfig, cfg.MinReads, cfg.MinRSSI, cfg.Margin, cfg.Floor, cfg.MaxTags)
	}
	places, err := placesOf(cfg.Locations)
	if err != nil {
		return nil, err
	}
	width := int64(cfg.Window) / slots
	return &Engine{
		// Time begins a window after zero, so that no slot has a number below it.
		cfg: cfg, places: places, width: width, slot: slots, now: slots * width,
		names: newNames(cfg.Filter, cfg.MaxTags), objects: map[string]*object{},
		down: map[string]bool{}, blind: make([]bool, len(cfg.Locations)),
	}, nil
}

// maxAntenna bounds the tables; the protocols have 16 bits, no reader so many.
const maxAntenna = 1024

func placesOf(locations []Location) (map[string][]int32, error) {
	names, places := map[string]bool{}, map[string][]int32{}
	for i, l := range locations {
		if l.Name == "" || names[l.Name] {
			return nil, fmt.Errorf("%w: location %d is named %q", ErrConfig, i+1, l.Name)
		}
		names[l.Name] = true
		for _, s := range l.Sources {
			if s.Antenna < 0 || s.Antenna > maxAntenna {
				return nil, fmt.Errorf("%w: location %s: antenna %d", ErrConfig, l.Name, s.Antenna)
			}
			t := places[s.Reader]
			for len(t) <= s.Antenna {
				t = append(t, -1)
			}
			if t[s.Antenna] >= 0 {
				return nil, fmt.Errorf("%w: antenna %d of %s is at %s and %s", ErrConfig, s.Antenna, s.Reader, locations[t[s.Antenna]].Name, l.Name)
			}
			t[s.Antenna] = int32(i)
			places[s.Reader] = t
		}
	}
	return places, nil
}

// Stats gives the counters.
func (e *Engine) Stats() EngineStats {
	s := e.stats
	s.Tags, s.Present = len(e.objects), int(s.Arrived-s.Departed)
	return s
}

// Present lists the tags that are at a location now, by key.
func (e *Engine) Present(location string) []string {
	var out []string
	for _, o := range e.objects {
		if o.at >= 0 && e.cfg.Locations[o.at].Name == location {
			out = append(out, o.key)
		}
	}
	slices.Sort(out)
	return out
}

// Read takes a sighting by a reader. Like Tick it returns the facts that are
// decided by now.
func (e *Engine) Read(reader string, r rfid.Read) []Fact {
	now := e.now
	if !r.At.IsZero() {
		now = max(r.At.UnixNano(), 0)
	}
	var events []Fact
	if now > e.now {
		events = e.tick(now)
	}
	n := e.names.of(&r)
	if !n.wanted {
		e.stats.Filtered++
		return events
	}
	place := e.placeOf(reader, r.Antenna)
	o := n.object
	if o == nil || !o.known {
		o = e.objects[n.key]
	}
	slot := now / e.width
	switch {
	case slot <= e.slot-slots:
		e.stats.Late++
		return events
	case place < 0:
		e.stats.Unplaced++
		if o != nil {
			e.alive(o, now)
		}
		return events
	case o == nil:
		if len(e.objects) >= e.cfg.MaxTags {
			events = append(events, e.makeRoom()...)
		}
		o = &object{key: n.key, epc: strings.Clone(r.EPC), at: -1, seems: -1, last: now, known: true}
		e.objects[n.key] = o
		e.behind(o)
	default:
		e.alive(o, now)
	}
	n.object = o
	e.stats.Reads++
	rssi := r.RSSI
	if rssi == 0 {
		rssi = e.cfg.MinRSSI
	}
	o.cell(place, slot).add(slot, rssi)
	if r.EPC < o.epc { // another tag of the same thing; which one is told hangs on no order
		o.epc = strings.Clone(r.EPC)
	}
	if !o.dirty {
		o.dirty = true
		e.dirty = append(e.dirty, o)
	}
	return events
}

// placeOf is the location of an antenna, -1 when there is none.
func (e *Engine) placeOf(reader string, antenna int) int32 {
	t := e.places[reader]
	switch {
	case antenna >= 0 && antenna < len(t) && t[antenna] >= 0:
		return t[antenna]
	case len(t) > 0:
		return t[0]
	}
	return -1
}

// cell is what a location heard of the object; one that fell silent is used anew.
func (o *object) cell(place int32, slot int64) *cell {
	free := -1
	for i := range o.cells {
		switch c := &o.cells[i]; {
		case c.place == place:
			return c
		case c.slot <= slot-slots && free < 0:
			free = i
		}
	}
	if free < 0 {
		o.cells = append(o.cells, cell{})
		free = len(o.cells) - 1
	}
	o.cells[free] = cell{place: place, slot: slot}
	return &o.cells[free]
}

// add counts a read in its slot.
func (c *cell) add(slot int64, rssi int) {
	if ahead := slot - c.slot; ahead > 0 {
		for i := range min(ahead, slots) {
			at := (slot - i) % slots
			c.n[at], c.sum[at] = 0, 0
		}
		c.slot = slot
	} else if ahead <= -slots {
		return
	}
	if at := slot % slots; c.n[at] < math.MaxUint16 {
		c.n[at]++
		c.sum[at] += int32(max(rssi, math.MinInt16)) //nolint:gosec // dBm
	}
}

// heard is the reads and the sum of their strengths in the window that ends with
// slot.
func (c *cell) heard(slot int64) (n, sum int) {
	if c.slot > slot || c.slot <= slot-slots {
		return 0, 0
	}
	for s := max(slot-slots+1, c.slot-slots+1); s <= c.slot; s++ {
		n += int(c.n[s%slots])
		sum += int(c.sum[s%slots])
	}
	return n, sum
}

// Tick moves time on and returns what is decided by it. A time that lies behind
// does nothing.
func (e *Engine) Tick(now time.Time) []Fact { return e.tick(now.UnixNano()) }

func (e *Engine) tick(now int64) []Fact {
	if now <= e.now {
		return nil
	}
	e.now = now
	slot := now / e.width
	if slot <= e.slot {
		return nil
	}
	var events []Fact
	for _, o := range e.dirty {
		o.dirty = false
		if !o.known {
			continue
		}
		if ev, ok := e.judge(o); ok {
			events = append(events, ev)
		}
	}
	e.dirty = e.dirty[:0]
	e.slot = slot
	slices.SortFunc(events, func(a, b Fact) int { return cmp.Compare(a.Key, b.Key) })
	return append(events, e.silent()...)
}

// Next tells when Tick has something to do; false when only reads can change
// anything.
func (e *Engine) Next() (time.Time, bool) {
	switch {
	case len(e.dirty) > 0:
		return time.Unix(0, (e.slot+1)*e.width), true
	case e.oldest != nil:
		// Departures are told at the end of a slot, too.
		due := e.oldest.last + int64(e.keep(e.oldest))
		return time.Unix(0, max(due/e.width+1, e.slot+1)*e.width), true
	}
	return time.Time{}, false
}
