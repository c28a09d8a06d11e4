package conveyor

import (
	"slices"
	"strconv"
	"time"

	"tote/firmware-tests/record"
)

// Results of a divert.
const (
	resultOK         = "OK"
	resultFull       = "FULL"
	resultMissed     = "MISSED"
	resultJam        = "JAM"
	resultUnexpected = "UNEXPECTED"
)

// carton is one on the belt. Places are belt times: the time that the belt ran.
type carton struct {
	barcode, quality string

	scanAt, knowAt, divertAt time.Duration
	track, scanID            string // "" before the scanner, or after a loss of power behind it
	codes                    []string
	read                     string    // quality told
	scanned                  time.Time // real
	assign                   *assign
	latched                  bool // the lane is chosen
	lane, intended, result   string
}

// assign is a decision that was accepted.
type assign struct {
	lane       string
	alternates []string
	until      time.Time // real; the earlier of expiresAt and validForMs
}

// model is the belt and its controller without the network. emit sends an up
// message.
type model struct {
	p    Params
	on   map[string]bool
	book *record.Book
	emit func(now time.Time, name string, fields map[string]any) (msgID string)

	now     time.Time     // real time of the last step
	belt    time.Duration // belt time then
	stopped bool

	infeed  []*carton // waits to be put on
	cartons []*carton // on the belt, in order
	lastIn  time.Duration
	first   bool // something was put on before
	tracks  int
	lanes   map[string][]record.Carton
	gone    []string // scan ids of the last cartons that left
	late    []lateConfirm
}

type lateConfirm struct {
	at     time.Time
	fields map[string]any
}

// trackIDs is how many track ids there are before they are used again.
const trackIDs = 999

func newModel(p Params, book *record.Book, now time.Time) *model {
	m := &model{p: p, on: map[string]bool{}, book: book, now: now, lanes: map[string][]record.Carton{}}
	for _, l := range append([]string{p.DefaultLane}, p.Lanes...) {
		m.lanes[l] = nil
	}
	return m
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// induct puts a carton to the infeed.
func (m *model) induct(barcode, quality string) {
	m.infeed = append(m.infeed, &carton{barcode: barcode, quality: quality})
}

// advance moves the belt up to now, event by event.
func (m *model) advance(now time.Time) {
	for {
		at, do := m.event()
		if do == nil || at.After(now) {
			break
		}
		m.step(at)
		do()
	}
	m.step(now)
}

// next is when something happens.
func (m *model) next() (time.Time, bool) {
	at, do := m.event()
	return at, do != nil
}

// step lets real time go by. A time before the last one is the last one.
func (m *model) step(now time.Time) {
	if !now.After(m.now) {
		return
	}
	if !m.stopped {
		m.belt += time.Duration(float64(now.Sub(m.now)) * m.p.Factor)
	}
	m.now = now
}

// event is the next thing to happen and when. The earliest wins, and of two at
// one time the one further down the belt.
func (m *model) event() (at time.Time, do func()) {
	consider := func(t time.Time, f func()) {
		if do == nil || t.Before(at) {
			at, do = t, f
		}
	}
	if len(m.late) > 0 {
		consider(m.late[0].at, func() {
			c := m.late[0]
			m.late = m.late[1:]
			m.emit(m.now, "divert", c.fields)
		})
	}
	if m.stopped {
		return at, do
	}
	place := func(belt time.Duration, f func()) {
		consider(m.now.Add(max(0, m.p.real(belt-m.belt))), func() {
			m.belt = max(m.belt, belt) // rounding
			f()
		})
	}
	for _, c := range m.cartons {
		switch {
		case c.latched:
			place(c.divertAt, func() { m.divert(c) })
		case m.belt >= c.scanAt && c.read != "":
			place(c.knowAt, func() { m.latch(c) })
		default:
			place(c.scanAt, func() { m.scan(c) })
		}
	}
	if len(m.infeed) > 0 {
		free := m.belt
		if m.first {
			free = m.lastIn + ms(m.p.GapMs)
		}
		place(max(free, m.belt), m.enter)
	}
	return at, do
}

// enter puts the next carton on the belt.
func (m *model) enter() {
	c := m.infeed[0]
	m.infeed = m.infeed[1:]
	m.first, m.lastIn = true, m.belt
	c.scanAt = m.belt + ms(m.p.ScanMs)
	c.divertAt = c.scanAt + ms(m.p.DivertMs)
	c.knowAt = c.divertAt - ms(m.p.ReactMs)
	m.cartons = append(m.cartons, c)
}

// scan reads a carton and asks where it goes.
func (m *model) scan(c *carton) {
	c.read, c.codes, c.scanned = c.quality, []string{}, m.now
	if m.on[NoRead] {
		c.read = qualityNoRead
	}
	if c.read != qualityNoRead {
		c.codes = append(c.codes, c.barcode)
	}
	m.tracks = m.tracks%trackIDs + 1
	c.track = strconv.Itoa(m.tracks)
	c.scanID = m.emit(m.now, "scan", map[string]any{
		"scanPoint": m.p.Point, "trackId": c.track, "barcodes": c.codes, "quality": c.read,
		"lengthMm": 400, "gapMm": 0, "deadlineMs": m.p.deadlineMs(),
	})
}

// latch chooses the lane: behind this point nothing changes it.
func (m *model) latch(c *carton) {
	c.latched, c.lane, c.result = true, m.p.DefaultLane, resultOK
	if c.track == "" {
		c.result = resultUnexpected
		return
	}
	if c.assign == nil || m.now.After(c.assign.until) {
		return
	}
	c.intended = c.assign.lane
	switch {
	case m.full(c.intended):
		c.result = resultFull
		for _, alt := range c.assign.alternates {
			if _, known := m.lanes[alt]; known && !m.full(alt) {
				c.lane = alt
				return
			}
		}
	case m.on[Missed] && c.intended != m.p.DefaultLane:
		c.result = resultMissed
	default:
		c.lane = c.intended
	}
}

// full: the lane takes no more, counting those that are on their way.
func (m *model) full(lane string) bool {
	if m.p.LaneCapacity == 0 || lane == m.p.DefaultLane {
		return false
	}
	n := len(m.lanes[lane])
	for _, c := range m.cartons {
		if c.latched && c.lane == lane {
			n++
		}
	}
	return n >= m.p.LaneCapacity
}

// divert moves a carton into its lane, and reports it.
func (m *model) divert(c *carton) {
	m.cartons = slices.DeleteFunc(m.cartons, func(o *carton) bool { return o == c })
	done := record.Carton{
		Barcode: c.barcode, SSCC: ssccOf(c.barcode), Track: c.track, Quality: c.read,
		Lane: c.lane, Intended: c.intended, Result: c.result,
	}
	m.lanes[c.lane] = append(m.lanes[c.lane], done)
	m.book.Add(record.Entry{Kind: record.Diverted, Carton: &done})
	if m.gone = append(m.gone, c.scanID); len(m.gone) > trackIDs {
		m.gone = m.gone[1:]
	}
	f := m.report(c, c.result, c.lane)
	if m.on[Late] {
		m.late = append(m.late, lateConfirm{m.now.Add(m.p.real(ms(m.p.ConfirmLateMs))), f})
		return
	}
	m.emit(m.now, "divert", f)
}

// report is a divert message. A carton that was lost sight of has no track, so
// it gets the next one.
func (m *model) report(c *carton, result, actual string) map[string]any {
	track := c.track
	if track == "" {
		m.tracks = m.tracks%trackIDs + 1
		track = strconv.Itoa(m.tracks)
	}
	f := map[string]any{"trackId": track, "intended": c.intended, "actual": actual, "result": result}
	if c.scanID != "" {
		f["scanMsgId"] = c.scanID
	}
	if c.read == qualityGood && len(c.codes) > 0 { // else they name no carton for sure
		f["barcodes"] = c.codes
	}
	return f
}

// decide takes an assign. code is "" when it was accepted.
func (m *model) decide(a assignMsg) (code string) {
	if _, known := m.lanes[a.Lane]; !known {
		return "UNKNOWN_LANE"
	}
	i := slices.IndexFunc(m.cartons, func(c *carton) bool { return c.scanID != "" && c.scanID == a.ScanID && c.track == a.Track })
	if i < 0 {
		if slices.Contains(m.gone, a.ScanID) {
			return "DIVERTED"
		}
		return "UNKNOWN_TRACK"
	}
	c := m.cartons[i]
	until := c.scanned.Add(ms(a.ValidForMs))
	if a.Expires.Before(until) {
		until = a.Expires
	}
	if c.latched || m.now.After(until) {
		return "EXPIRED"
	}
	c.assign = &assign{a.Lane, a.Alternates, until}
	return ""
}

// forget is a loss of power: what is behind the scanner is not known any more.
func (m *model) forget() {
	for _, c := range m.cartons {
		if c.read != "" {
			c.track, c.scanID, c.codes, c.assign, c.intended = "", "", nil, nil, ""
			if c.latched {
				c.lane, c.result = m.p.DefaultLane, resultUnexpected
			}
		}
	}
	m.tracks, m.gone, m.late = 0, nil, nil
}

// take empties a lane.
func (m *model) take(lane string) []record.Carton {
	out := m.lanes[lane]
	m.lanes[lane] = nil
	for _, c := range out {
		m.book.Add(record.Entry{Kind: record.Collected, Carton: &c})
	}
	return append([]record.Carton{}, out...)
}
