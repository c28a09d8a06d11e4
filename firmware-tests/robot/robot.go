package robot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"tote/firmware-tests/record"
	"tote/mqtt"
)

// Faults of the robot.
const (
	WrongVersion    = "wrong_version"    // headers carry a version nobody asked for
	Vanish          = "vanish"           // power gone, no goodbye; off = it boots where it stands and has forgotten its order
	Offline         = "offline"          // network gone, it drives on to the end of its base
	Silent          = "silent"           // connected, but sends no states
	ImpossiblePlace = "impossible_place" // a pose far outside, a last node nobody knows
	RejectOrders    = "reject_orders"
	FatalError      = "fatal_error" // a FATAL error; it stops
	Twin            = "twin"        // a second device with the same serial appears
	Manual          = "manual"      // a person drives it: the order is cleared
	FailActions     = "fail_actions"
	DropOrders      = "drop_orders" // every second message of the master is lost
	LowBattery      = "low_battery"
	Garbage         = "garbage" // every second message is no JSON
)

var (
	// ErrUnknownFault: the robot has no fault of that name.
	ErrUnknownFault = errors.New("robot: no such fault")
	// ErrNoAction: no action with that id waits for the world.
	ErrNoAction = errors.New("robot: no such action waits")
	// ErrResult: an action ends FINISHED or FAILED.
	ErrResult = errors.New("robot: result must be FINISHED or FAILED")
)

// State is what the robot knows about itself.
type State struct {
	Serial        string   `json:"serial"`
	Broker        string   `json:"broker"` // "" = not connected
	OrderID       string   `json:"orderId"`
	OrderUpdateID uint32   `json:"orderUpdateId"`
	Node          string   `json:"node"` // last one it stood on, "" = unknown
	X             int64    `json:"x"`    // mm
	Y             int64    `json:"y"`    // mm
	Theta         int64    `json:"theta"`
	Driving       bool     `json:"driving"`
	Loads         []string `json:"loads"`
	Metres        float64  `json:"metres"` // driven since the start
}

// message is something the master sent.
type message struct {
	topic string
	raw   []byte
}

// Robot is one emulated robot.
type Robot struct {
	p    Params
	book *record.Book
	wake chan struct{} // tells Run that something changed
	in   chan message

	mu       sync.Mutex
	m        *model
	on       map[string]bool
	client   *mqtt.Client // nil while the network is gone
	headers  map[string]uint32
	due      bool // a state is to be sent
	sheet    bool // a factsheet is to be sent
	dropped  int
	stranded bool // it lost power between two nodes
	garbled  int
	changed  chan struct{} // closed and replaced whenever actions change
	twin     context.CancelFunc
	conn     *cable // the last one dialled
	dialer   func(ctx context.Context, network, address string) (net.Conn, error)
}

// New makes a robot.
func New(p Params, book *record.Book) (*Robot, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	r := &Robot{
		p: p, book: book, m: newModel(p, book),
		wake: make(chan struct{}, 1), in: make(chan message, 64), changed: make(chan struct{}),
		on: map[string]bool{}, headers: map[string]uint32{},
		dialer: (&net.Dialer{}).DialContext,
	}
	for _, f := range []string{WrongVersion, Vanish, Offline, Silent, ImpossiblePlace, RejectOrders, FatalError, Twin, Manual, FailActions, DropOrders, LowBattery, Garbage} {
		r.on[f] = false
	}
	return r, nil
}

// Faults lists the names of all faults.
func (r *Robot) Faults() []string { return slices.Sorted(maps.Keys(r.on)) }

// ActiveFaults lists the faults that are on.
func (r *Robot) ActiveFaults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []string{}
	for _, f := range r.Faults() {
		if r.on[f] {
			out = append(out, f)
		}
	}
	return out
}

// SetFault switches a fault on or off.
func (r *Robot) SetFault(name string, on bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, ok := r.on[name]
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknownFault, name)
	}
	if was == on {
		return nil
	}
	r.on[name] = on
	r.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	now := time.Now()
	if !r.on[Vanish] || name == Vanish && on {
		r.m.advance(now)
	}
	switch name {
	case Vanish:
		if on {
			r.stranded = r.m.drive != nil
			r.m.at, r.m.drive = r.m.where(now), nil
			r.cut()
		} else {
			r.m.reboot(!r.stranded)
			clear(r.headers)
		}
	case Offline:
		if on {
			r.cut()
		}
	case RejectOrders:
		r.m.reject = on
	case FailActions:
		r.m.fail = on
	case Manual:
		r.m.at = r.m.where(now)
		r.m.enterManual(on)
		if on {
			r.m.drive = nil
		}
	case FatalError:
		r.m.paused = on
		r.m.errors = slices.DeleteFunc(r.m.errors, func(e errorMsg) bool { return e.Type == FatalError })
		if on {
			r.m.complain(errorMsg{Type: FatalError, References: []refMsg{}, Description: "drive fault", Level: "FATAL"})
		}
	case LowBattery:
		r.m.battery = r.p.Battery
		if on {
			r.m.battery = 7
		}
	}
	r.due = true
	r.poke()
	return nil
}

// cut ends the connection without a goodbye. r.mu is held.
func (r *Robot) cut() {
	if r.conn != nil {
		r.conn.cut()
	}
}

// gone: there is no network. r.mu is held.
func (r *Robot) gone() bool { return r.on[Vanish] || r.on[Offline] }

// State tells what the robot knows.
func (r *Robot) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.m.where(time.Now())
	s := State{
		Serial: r.p.Serial, OrderID: r.m.orderID, OrderUpdateID: r.m.updateID, Node: r.m.lastNode,
		X: int64(math.Round(at.x)), Y: int64(math.Round(at.y)), Theta: int64(math.Round(r.m.theta * 1000)),
		Driving: r.m.drive != nil, Loads: append([]string{}, r.m.loads...), Metres: r.m.metres,
	}
	if r.client != nil {
		s.Broker = r.client.Connected()
	}
	return s
}

// Actions lists the actions that wait for the world; it waits for the first one
// until ctx ends.
func (r *Robot) Actions(ctx context.Context) []record.Action {
	for {
		r.mu.Lock()
		as, changed := r.pending(), r.changed
		r.mu.Unlock()
		if len(as) > 0 {
			return as
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// pending: only one action runs at a time. r.mu is held.
func (r *Robot) pending() []record.Action {
	if len(r.m.todo) == 0 || !r.p.ExternalActions || r.on[Vanish] {
		return nil
	}
	d := r.m.todo[0]
	if !d.begun || d.result != "" {
		return nil
	}
	return []record.Action{{ID: d.msg.ActionID, Type: d.msg.ActionType, Node: d.node, Order: r.m.orderID, Params: d.params(), Loads: slices.Clone(r.m.loads)}}
}

// FinishAction ends an action that waits.
func (r *Robot) FinishAction(id, result, description string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if result != finished && result != failed {
		return fmt.Errorf("%w: %q", ErrResult, result)
	}
	for _, a := range r.pending() {
		if a.ID == id {
			r.m.todo[0].result, r.m.todo[0].text = result, description
			r.poke()
			return nil
		}
	}
	return fmt.Errorf("%w: %q", ErrNoAction, id)
}

// poke tells Run to look again.
func (r *Robot) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run moves the robot and talks to the master until ctx ends.
func (r *Robot) Run(ctx context.Context) error {
	client, err := r.connect()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	// The connection outlives ctx by the goodbye.
	link, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	wg.Go(func() { _ = client.Run(link) })
	defer hangUp()
	every := time.Duration(r.p.StateMs) * time.Millisecond
	sent := time.Now()
	for {
		r.mu.Lock()
		now := time.Now()
		if !r.on[Vanish] && r.m.advance(now) {
			r.due = true
			r.tell()
		}
		r.twins(ctx, &wg)
		due := r.due || now.Sub(sent) >= every
		at := sent.Add(every)
		if next, ok := r.m.next(); ok && !r.on[Vanish] && next.Before(at) {
			at = next
		}
		r.mu.Unlock()
		if due {
			r.sendState(ctx)
			sent = now
			continue
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-ctx.Done():
			timer.Stop()
			r.goodbye()
			return nil
		case msg := <-r.in:
			r.take(msg)
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tell wakes those who wait for an action. r.mu is held.
func (r *Robot) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// take reads one message of the master.
func (r *Robot) take(msg message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone() {
		return
	}
	if r.on[DropOrders] {
		if r.dropped++; r.dropped%2 == 1 {
			return
		}
	}
	now := time.Now()
	r.m.advance(now)
	r.due = true
	// An order that begins with an action where the robot stands begins it now.
	defer r.tell()
	if msg.topic == r.p.topic("order") {
		r.m.takeOrder(now, msg.raw)
	} else if r.m.takeInstant(msg.raw) {
		r.sheet = true
	}
}

// twins keeps the second device with the same serial. r.mu is held.
func (r *Robot) twins(ctx context.Context, wg *sync.WaitGroup) {
	if !r.on[Twin] && r.twin != nil {
		r.twin()
		r.twin = nil
	}
	if !r.on[Twin] || r.twin != nil {
		return
	}
	p := r.p
	p.X += 3000
	other, err := New(p, r.book)
	if err != nil {
		return // the same parameters were good enough for this one
	}
	for topic, n := range r.headers { // it has been running for a while, too
		other.headers[topic] = n + 1000 + rand.Uint32N(1000)
	}
	ctx, r.twin = context.WithCancel(ctx)
	wg.Go(func() { _ = other.Run(ctx) })
}
