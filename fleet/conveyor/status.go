package conveyor

import (
	"cmp"
	"slices"
	"time"
)

// Counts are counters since the start of this gateway.
type Counts struct {
	Messages   uint64 `json:"messages"`   // dealt with
	Duplicates uint64 `json:"duplicates"` // that came again
	Withheld   uint64 `json:"withheld"`   // not recorded, to be sent again
	Other      uint64 `json:"other"`      // of no use here
	Scans      uint64 `json:"scans"`
	NoReads    uint64 `json:"noReads"`
	Stale      uint64 `json:"stale"`   // scans of an older start
	Assigns    uint64 `json:"assigns"` // sent, repeats too
	Held       uint64 `json:"held"`    // decided while the state was waited for
	Late       uint64 `json:"late"`    // decided too late or not at all
	Unsent     uint64 `json:"unsent"`
	Rejected   uint64 `json:"rejected"` // by the conveyor
	Syncs      uint64 `json:"syncs"`    // times the state was asked for
	Synced     uint64 `json:"synced"`   // states that came

	Diverted   uint64 `json:"diverted"` // to the lane of their assign
	Default    uint64 `json:"default"`  // to any other lane
	Lost       uint64 `json:"lost"`
	Full       uint64 `json:"full"`
	Missed     uint64 `json:"missed"`
	Jams       uint64 `json:"jams"`
	Unexpected uint64 `json:"unexpected"`
}

// FaultCount is how often something went wrong.
type FaultCount struct {
	Code string    `json:"code"`
	N    uint64    `json:"n"`
	Last time.Time `json:"last"`
	Text string    `json:"text"` // of the last one

	told time.Time
}

// Carton is one that left the conveyor.
type Carton struct {
	Track    string    `json:"track"`
	Barcode  string    `json:"barcode"` // "" = not read
	Lane     string    `json:"lane"`    // decided; "" = not in time
	Reason   string    `json:"reason,omitempty"`
	Intended string    `json:"intended"` // what the conveyor followed
	Actual   string    `json:"actual"`   // "" = lost or stuck
	Result   string    `json:"result"`
	At       time.Time `json:"at"` // when the report came
}

// LaneCount is how many cartons a conveyor reported in a lane.
type LaneCount struct {
	Lane string `json:"lane"`
	N    uint64 `json:"n"`
}

// maxRecent bounds the cartons a Status lists.
const maxRecent = 32

// Status is one conveyor as the console shows it.
type Status struct {
	Device   string       `json:"device"`
	Online   bool         `json:"online"`
	Since    time.Time    `json:"since"` // of Online; zero = it never said
	Heard    time.Time    `json:"heard"`
	BootID   string       `json:"bootId"`
	Waiting  bool         `json:"waiting"` // for its state; nothing is sent meanwhile
	Mode     string       `json:"mode"`    // "" = not told yet
	Sections []Section    `json:"sections"`
	Lanes    []Lane       `json:"lanes"`
	Alarms   []Alarm      `json:"alarms"`
	OnBelt   int          `json:"onBelt"` // scanned in this start and not reported since
	Counts   Counts       `json:"counts"`
	ByLane   []LaneCount  `json:"byLane"` // since the start of this gateway, sorted by lane
	Faults   []FaultCount `json:"faults"` // sorted by code
	Recent   []Carton     `json:"recent"` // newest last
}

// Status lists the conveyors heard by this gateway, sorted by id.
func (c *Controller) Status() []Status {
	c.mu.Lock()
	ds := make([]*device, 0, len(c.devices))
	for _, d := range c.devices {
		ds = append(ds, d)
	}
	c.mu.Unlock()
	slices.SortFunc(ds, func(a, b *device) int { return cmp.Compare(a.id, b.id) })
	out := make([]Status, 0, len(ds))
	for _, d := range ds {
		out = append(out, d.status())
	}
	return out
}

func (d *device) status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{
		Device: d.id, Online: d.online, Since: d.turned, Heard: d.heard, BootID: d.boot, Waiting: !d.synced, Mode: d.main.Mode,
		Sections: list(d.main.Sections), Lanes: list(d.main.Lanes), Alarms: list(d.alarms),
		Counts: d.counts, ByLane: []LaneCount{}, Faults: []FaultCount{}, Recent: list(d.recent),
	}
	for lane, n := range d.lanes {
		s.ByLane = append(s.ByLane, LaneCount{lane, n})
	}
	slices.SortFunc(s.ByLane, func(a, b LaneCount) int { return cmp.Compare(a.Lane, b.Lane) })
	for k, t := range d.tracks {
		if k.boot == d.boot && !t.ended {
			s.OnBelt++
		}
	}
	for _, f := range d.faults {
		s.Faults = append(s.Faults, *f)
	}
	slices.SortFunc(s.Faults, func(a, b FaultCount) int { return cmp.Compare(a.Code, b.Code) })
	return s
}

// outcome counts where a carton went. t may be nil. d.mu is held.
func (d *device) outcome(t *track, out Divert, now time.Time) {
	n := &d.counts
	switch {
	case out.Result == Lost:
		n.Lost++
	case out.Actual == "":
	case out.Intended != "" && out.Actual == out.Intended:
		n.Diverted++
	default:
		n.Default++
	}
	switch out.Result {
	case Full:
		n.Full++
	case Missed:
		n.Missed++
	case Jam:
		n.Jams++
	case Unexpected:
		n.Unexpected++
	}
	// A conveyor has no more lanes than its state can tell of.
	if _, known := d.lanes[out.Actual]; out.Actual != "" && (known || len(d.lanes) < MaxEntries) {
		d.lanes[out.Actual]++
	}
	c := Carton{
		Track: out.Track, Barcode: out.Barcode, Intended: out.Intended, Actual: out.Actual, Result: out.Result, At: now,
	}
	if t != nil {
		c.Lane, c.Reason = t.lane, t.reason
	}
	d.recent = append(d.recent, c)
	d.recent = d.recent[max(0, len(d.recent)-maxRecent):]
}
