package conveyor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tote/firmware-tests/record"
	"tote/mqtt"
)

// Faults of the conveyor.
const (
	NoRead    = "noread"    // the scanner reads nothing
	Jam       = "jam"       // a carton is stuck, the belt stands; off = it is free and the belt runs
	Missed    = "missed"    // diverts do not work: all cartons end in the default lane
	Late      = "late"      // confirms are sent late
	Silence   = "silence"   // what the gateway sends is not taken
	Duplicate = "duplicate" // every message is sent twice
	SeqGap    = "seq_gap"   // every fifth message skips a number
	Offline   = "offline"   // network gone, the belt runs on
	Power     = "power"     // no power; off = a new start that knows nothing of the cartons behind the scanner
	Garbage   = "garbage"   // every second message is no JSON
)

var (
	// ErrUnknownFault: the conveyor has no fault of that name.
	ErrUnknownFault = errors.New("conveyor: no such fault")
	// ErrCarton: nobody could put such a carton on.
	ErrCarton = errors.New("conveyor: impossible carton")
	// ErrFull: the infeed takes no more.
	ErrFull = errors.New("conveyor: infeed is full")
	// ErrLane: the conveyor has no such lane.
	ErrLane = errors.New("conveyor: no such lane")

	errGone = errors.New("conveyor: no network")
)

// maxInfeed bounds the cartons that wait before the belt.
const maxInfeed = 1000

// State is what the conveyor knows about itself.
type State struct {
	ID      string         `json:"id"`
	Broker  string         `json:"broker"` // "" = not connected
	BootID  string         `json:"bootId"`
	Mode    string         `json:"mode"`
	Infeed  int            `json:"infeed"` // cartons that wait to be put on
	OnBelt  int            `json:"onBelt"`
	Lanes   map[string]int `json:"lanes"`   // cartons that wait to be taken
	Unsent  int            `json:"unsent"`  // messages not acknowledged yet
	Assigns map[string]int `json:"assigns"` // what became of them: accepted, or the code
}

// Conveyor is one emulated conveyor.
type Conveyor struct {
	p    Params
	book *record.Book
	wake chan struct{} // tells Run that something changed

	mu          sync.Mutex
	m           *model
	out         *outbox
	client      *mqtt.Client
	conns       map[*wire]struct{}
	answers     map[string]string // what was said to a down message: "" = accepted
	answered    []string
	assigns     map[string]int
	lastSeqDown uint32
	garbled     int
}

// New makes a conveyor.
func New(p Params, book *record.Book) (*Conveyor, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	c := &Conveyor{
		p: p, book: book, wake: make(chan struct{}, 1), m: newModel(p, book, now), out: newOutbox(p.ID, now, make(chan struct{}, 1)),
		conns: map[*wire]struct{}{}, answers: map[string]string{}, assigns: map[string]int{},
	}
	c.m.emit = func(now time.Time, name string, fields map[string]any) string {
		return c.out.add(now, name, false, fields)
	}
	for _, f := range []string{NoRead, Jam, Missed, Late, Silence, Duplicate, SeqGap, Offline, Power, Garbage} {
		c.m.on[f] = false
	}
	return c, nil
}

// Induct puts a carton before the belt. quality is what the scanner will make
// of it: GOOD (also ""), NOREAD, MULTI or CONFLICT.
func (c *Conveyor) Induct(barcode, quality string) error {
	if quality == "" {
		quality = qualityGood
	}
	if !slices.Contains([]string{qualityGood, qualityNoRead, "MULTI", "CONFLICT"}, quality) {
		return fmt.Errorf("%w: quality %q", ErrCarton, quality)
	}
	bad := strings.IndexFunc(barcode, func(r rune) bool { return r != 0x1d && (r < 0x20 || r > 0x7e) })
	if bad >= 0 || len(barcode) > 256 || barcode == "" && quality != qualityNoRead {
		return fmt.Errorf("%w: barcode %.80q", ErrCarton, barcode)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m.infeed) >= maxInfeed {
		return ErrFull
	}
	c.m.advance(time.Now())
	c.m.induct(barcode, quality)
	c.book.Add(record.Entry{Kind: record.Inducted, Carton: &record.Carton{Barcode: barcode, SSCC: ssccOf(barcode), Quality: quality}})
	c.poke()
	return nil
}

// TakeLane takes the cartons that wait in a lane, in their order.
func (c *Conveyor) TakeLane(lane string) ([]record.Carton, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.m.lanes[lane]; !ok {
		return nil, fmt.Errorf("%w: %q; there are %v", ErrLane, lane, slices.Sorted(maps.Keys(c.m.lanes)))
	}
	now := time.Now()
	c.m.advance(now)
	out := c.m.take(lane)
	if c.p.LaneCapacity > 0 && len(out) > 0 {
		c.tellState(now)
	}
	c.poke()
	return out, nil
}

// State tells what the conveyor knows.
func (c *Conveyor) State() State {
	s, client := c.state()
	if client != nil { // asked without the lock: the client may wait for it
		s.Broker = client.Connected()
	}
	return s
}

func (c *Conveyor) state() (State, *mqtt.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m.advance(time.Now())
	s := State{
		ID: c.p.ID, BootID: c.out.boot, Mode: c.mode(), Infeed: len(c.m.infeed), OnBelt: len(c.m.cartons),
		Lanes: map[string]int{}, Unsent: len(c.out.queue), Assigns: maps.Clone(c.assigns),
	}
	for l, cs := range c.m.lanes {
		s.Lanes[l] = len(cs)
	}
	return s, c.client
}

// mode is what state/main says. c.mu is held.
func (c *Conveyor) mode() string {
	switch {
	case c.m.on[Power]:
		return "STOPPED"
	case c.m.on[Jam]:
		return "FAULT"
	}
	return "AUTO"
}

// tellState puts a state/main into the outbox. c.mu is held.
func (c *Conveyor) tellState(now time.Time) {
	type obj = map[string]any
	section, lanes, alarms := "RUNNING", []obj{}, []obj{}
	if c.m.stopped {
		section = "STOPPED"
	}
	if c.m.on[Jam] {
		alarms = append(alarms, obj{"alarmId": "jam-1", "code": "JAM", "section": "belt"})
	}
	for _, l := range slices.Sorted(maps.Keys(c.m.lanes)) {
		n, full := len(c.m.lanes[l]), 0
		if c.p.LaneCapacity > 0 && l != c.p.DefaultLane {
			full = min(100, 100*n/c.p.LaneCapacity)
		}
		lanes = append(lanes, obj{"lane": l, "enabled": true, "full": full, "count": n})
	}
	c.out.add(now, "main", true, obj{
		"mode": c.mode(), "sections": []obj{{"section": "belt", "state": section}}, "lanes": lanes, "alarms": alarms,
		"lastSeqDown": c.lastSeqDown,
	})
}

// down takes a message of the gateway.
func (c *Conveyor) down(name string, raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone() || c.m.on[Silence] {
		return
	}
	a, err := readDown(c.p.ID, raw)
	if err != nil {
		return // nothing that could be answered
	}
	now := time.Now()
	c.m.advance(now)
	c.lastSeqDown = a.Seq
	code, known := c.answers[a.MsgID]
	if !known {
		switch name {
		case "assign":
			code = c.m.decide(a)
		case "sync":
			c.tellState(now)
		default:
			code = "UNKNOWN"
		}
		c.answers[a.MsgID] = code
		if c.answered = append(c.answered, a.MsgID); len(c.answered) > 10_000 {
			delete(c.answers, c.answered[0])
			c.answered = c.answered[1:]
		}
	}
	ack := map[string]any{"forMsgId": a.MsgID, "status": "accepted"}
	what := "accepted"
	if code != "" {
		ack["status"], ack["code"], what = "rejected", code, code
	}
	if name == "assign" && !known {
		c.assigns[what]++
	}
	c.out.add(now, "ack", false, ack)
	c.poke()
}

// poke tells Run to look again.
func (c *Conveyor) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run moves the belt and talks to the gateway until ctx ends.
func (c *Conveyor) Run(ctx context.Context) error {
	client, err := c.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	s := sender{mu: &c.mu, box: func() *outbox { return c.out }, wake: c.out.wake, publish: c.publish}
	wg.Go(func() { _ = client.Run(ctx) })
	wg.Go(func() { s.run(ctx) })
	for {
		c.mu.Lock()
		c.m.advance(time.Now())
		at, more := c.m.next()
		c.mu.Unlock()
		var tick <-chan time.Time
		if more {
			tick = time.After(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-tick:
		}
	}
}
