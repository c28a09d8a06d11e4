package conveyor

import (
	"slices"
	"sync"
	"time"
)

// device is what is known of one conveyor.
type device struct {
	id   string
	turn sync.Mutex // held while one of its messages is dealt with

	mu     sync.Mutex // guards the rest; held shortly
	heard  time.Time
	online bool
	turned time.Time // when online became what it is

	boot    string   // the start it is in; "" = not heard yet
	older   []string // starts before, newest last
	seq     uint32   // newest of this start
	counted bool     // seq is known
	synced  bool     // its state is known behind the newest gap
	gapMsg  string   // msgId behind the newest gap, told once
	asked   time.Time
	asks    int // without an answer

	downSeq uint32 // of the newest message sent
	seen    memory
	sent    memory // msgIds of assigns
	tracks  map[trackKey]*track
	order   []trackKey
	failed  memory // scans that could not be recorded, with when they first came

	main   MainMessage
	alarms []Alarm
	counts Counts
	lanes  map[string]uint64 // cartons reported in each
	faults map[string]*FaultCount
	recent []Carton
}

type trackKey struct{ boot, track string }

// track is one carton, in one generation of its track id.
type track struct {
	key        trackKey
	generation uint64
	scan       *ScanMessage
	barcode    string // "" = no clean reading of one carton
	quality    string
	arrived    time.Time // first time it came; our clock
	deadline   time.Time
	lane       string // decided; "" = not, or too late
	reason     string
	validFor   time.Duration
	assign     []byte // as sent; nil = not sent
	answered   bool   // the conveyor acknowledged the assign
	ended      bool
	result     string
	actual     string
}

func newDevice(id string) *device {
	return &device{id: id, tracks: map[trackKey]*track{}, lanes: map[string]uint64{}, faults: map[string]*FaultCount{}}
}

func (d *device) count(add func(*Counts)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	add(&d.counts)
}

// advance takes the seq of a message that was dealt with. d.mu is held.
func (d *device) advance(seq uint32) {
	if !d.counted || newer(seq, d.seq) {
		d.seq, d.counted = seq, true
	}
}

// newer compares numbers that start again at 0 behind the last one.
func newer(a, b uint32) bool { return int32(a-b) > 0 }

// adopt begins another start of the conveyor. d.mu is held.
func (d *device) adopt(boot string) {
	if d.boot != "" {
		d.older = append(slices.DeleteFunc(d.older, func(b string) bool { return b == boot || b == d.boot }), d.boot)
		d.older = d.older[max(0, len(d.older)-8):]
	}
	d.boot, d.counted, d.synced, d.asks, d.asked = boot, false, false, 0, time.Time{}
}

// track makes a carton of a scan.
func (d *device) track(m *ScanMessage, now time.Time) *track {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &track{key: trackKey{m.BootID, m.Track}, generation: 1, scan: m, arrived: now, validFor: m.Deadline}
	if before, again := d.failed.get(m.MsgID, now); again {
		t.arrived = before.arrived // its time has been running
	}
	t.deadline = t.arrived.Add(m.Deadline)
	t.barcode, t.quality = reading(m.Barcodes, m.Quality)
	if before := d.tracks[t.key]; before != nil {
		t.generation = before.generation
		if before.ended || before.scan.Point == m.Point {
			t.generation++
		}
	}
	return t
}

// decided takes the decision over. The device's mu is held.
func (t *track) decided(dec Decision) {
	t.lane, t.reason = dec.Lane, dec.Reason
	if t.reason == "" {
		t.reason = OK
	}
	if v := dec.ExpiresIn.Truncate(time.Millisecond); v > 0 && v < t.validFor {
		t.validFor, t.deadline = v, t.arrived.Add(v)
	}
}

// keep remembers a carton as the newest of its track.
func (d *device) keep(t *track) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts.Scans++
	if t.barcode == "" {
		d.counts.NoReads++
	}
	if _, known := d.tracks[t.key]; !known {
		d.order = append(d.order, t.key)
		if len(d.order) > maxTracks {
			delete(d.tracks, d.order[0])
			d.order = d.order[1:]
		}
	}
	d.tracks[t.key] = t
}

// memory remembers msgIds with what they led to, for a time and up to a number.
type memory struct {
	tracks map[string]*track
	queue  []remembered
}

type remembered struct {
	msgID string
	at    time.Time
}

func (m *memory) add(msgID string, t *track, now time.Time) {
	if m.tracks == nil {
		m.tracks = map[string]*track{}
	}
	if _, known := m.tracks[msgID]; !known {
		m.queue = append(m.queue, remembered{msgID, now})
	}
	m.tracks[msgID] = t
	m.forget(now)
}

func (m *memory) get(msgID string, now time.Time) (*track, bool) {
	m.forget(now)
	t, ok := m.tracks[msgID]
	return t, ok
}

func (m *memory) forget(now time.Time) {
	for len(m.queue) > 0 && (len(m.queue) > maxMessages || now.Sub(m.queue[0].at) >= remember) {
		delete(m.tracks, m.queue[0].msgID)
		m.queue = m.queue[1:]
	}
}
