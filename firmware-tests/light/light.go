package light

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
	"tote/mqtt"
)

// Faults of the controller.
const (
	Offline   = "offline"   // network gone; all modules are dark until it is back
	Power     = "power"     // no power; off = a new start that knows no sequence and no press
	Stall     = "stall"     // connected and lit, but a button does nothing
	Double    = "double"    // a button bounces: each press is two
	Duplicate = "duplicate" // every press is published twice, with its one sequence
	Stale     = "stale"     // state/task is not taken: the modules show what they showed
	Eager     = "eager"     // a dark button, or one that is not waited for, sends the last task of its module
	Display   = "display"   // a display shows one piece too many
	Silence   = "silence"   // answers are not taken
	Garbage   = "garbage"   // every second press is no JSON
)

// ErrModule: the bus has no such module.
var ErrModule = errors.New("light: no such module")

// ErrTook: nobody can take that.
var ErrTook = errors.New("light: pieces taken must be 0 or more")

// maxQueue bounds the presses that wait to be acknowledged: more than a person can
// press while a network is gone, as lamps are dark then.
const maxQueue = 100

// State is what the controller knows about itself.
type State struct {
	ID        string        `json:"id"`
	Broker    string        `json:"broker"` // "" = not connected
	Connected bool          `json:"connected"`
	Lamps     []record.Lamp `json:"lamps"`   // of the modules that are lit, by address
	Unknown   int           `json:"unknown"` // lamps of modules that the bus does not have
	Seq       uint64        `json:"seq"`     // of the newest press
	Unsent    int           `json:"unsent"`  // presses not acknowledged yet
	Answers   int           `json:"answers"`
}

// module is one module on the bus.
type module struct {
	lit  *lamp       // what it was told to show, nil = dark
	seen record.Lamp // what a person sees
	last lamp        // what it showed last
	busy time.Time   // until when the button waits for an answer
	seq  uint64      // of the press it waits for
}

// Controller is one emulated controller.
type Controller struct {
	p      Params
	faults *line.Faults
	book   *record.Book
	wake   chan struct{} // there is a press to send

	mu        sync.Mutex
	modules   map[string]*module
	told      []lamp // the newest state/task
	connected bool
	known     bool // the site's sequence is
	seq       uint64
	queue     []press
	start     int // counts power cuts
	sent      int
	unknown   int
	answers   int
	client    *mqtt.Client
	conns     map[*wire]struct{}
}

// New makes a controller.
func New(p Params, book *record.Book) (*Controller, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	c := &Controller{
		p: p, book: book, wake: make(chan struct{}, 1), modules: map[string]*module{}, conns: map[*wire]struct{}{},
		faults: line.NewFaults(Offline, Power, Stall, Double, Duplicate, Stale, Eager, Display, Silence, Garbage),
	}
	for _, m := range p.Modules {
		c.modules[m] = &module{seen: record.Lamp{Module: m}}
	}
	return c, nil
}

// Faults lists the names of all faults.
func (c *Controller) Faults() []string { return c.faults.Names() }

// ActiveFaults lists the faults that are on.
func (c *Controller) ActiveFaults() []string { return c.faults.Active() }

// SetFault switches a fault on or off.
func (c *Controller) SetFault(name string, on bool) error {
	if err := c.faults.Set(name, on); err != nil {
		return err
	}
	c.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	c.mu.Lock()
	defer c.mu.Unlock()
	if name == Power && on {
		c.start++
		c.queue, c.told, c.seq, c.known = nil, nil, 0, false
		for _, m := range c.modules {
			m.busy, m.last = time.Time{}, lamp{}
		}
	}
	if c.gone() {
		c.lost()
		for w := range c.conns {
			w.cut()
		}
	}
	c.show() // another fault may change what is seen
	return nil
}

// gone: there is no network.
func (c *Controller) gone() bool { return c.faults.On(Offline) || c.faults.On(Power) }

// State tells how the controller stands.
func (c *Controller) State() State {
	c.mu.Lock()
	s := State{
		ID: c.p.ID, Connected: c.connected, Lamps: []record.Lamp{}, Unknown: c.unknown, Seq: c.seq, Unsent: len(c.queue), Answers: c.answers,
	}
	for _, name := range c.p.Modules {
		if m := c.modules[name]; m.seen.Lit {
			s.Lamps = append(s.Lamps, m.seen)
		}
	}
	client := c.client
	c.mu.Unlock()
	if client != nil { // asked without the lock: the client may wait for it
		s.Broker = client.Connected()
	}
	return s
}

// look is what a person sees of a module. c.mu is held.
func (c *Controller) look(name string, m *module) record.Lamp {
	if m.lit == nil {
		return record.Lamp{Module: name}
	}
	l := record.Lamp{Module: name, Lit: true, Bin: m.lit.Bin, Task: m.lit.Task, Handheld: m.lit.Handheld, Shows: m.lit.Qty, Button: m.lit.Press}
	if c.faults.On(Display) {
		l.Shows++
	}
	return l
}

// Press presses the button of a module and takes pieces out of its bin: took of
// them, 0 = as many as the display shows. That the controller sends nothing, or
// that nobody answers, is no error: the entry says so, and the person sees no more.
func (c *Controller) Press(name string, took int64) (record.Entry, error) {
	if took < 0 {
		return record.Entry{}, ErrTook
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.modules[name]
	if !ok {
		return record.Entry{}, fmt.Errorf("%w: %q; there are %v", ErrModule, name, c.p.Modules)
	}
	shown := m.seen
	if took == 0 {
		took = shown.Shows
	}
	e := record.Press{Module: name, Bin: shown.Bin, Task: shown.Task, Shows: shown.Shows, Took: took}
	of, send := m.lit, m.lit != nil && m.lit.Press
	if !send && c.faults.On(Eager) && m.last.Task != "" {
		of, send = &m.last, true
	}
	waits := time.Now().Before(m.busy)
	if send && (!waits || c.faults.On(Double)) && c.connected && c.known && !c.faults.On(Stall) && len(c.queue) < maxQueue {
		e.Task = of.Task
		times := 1
		if c.faults.On(Double) {
			times = 2
		}
		for range times {
			c.seq++
			e.Seqs = append(e.Seqs, c.seq)
			c.queue = append(c.queue, press{
				CmdID: fmt.Sprintf("%s-%d", c.p.ID, c.seq), Seq: c.seq, Module: name, Task: of.Task, Handheld: of.Handheld, At: time.Now().UnixMilli(),
			})
		}
		m.busy, m.seq = time.Now().Add(time.Duration(c.p.AnswerMs)*time.Millisecond), c.seq
		c.poke()
	}
	return c.book.Add(record.Entry{Kind: record.Pressed, Press: &e}), nil
}

// hear takes a message of the gateway.
func (c *Controller) hear(name string, raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone() {
		return
	}
	switch name {
	case "task":
		if lamps, err := readLamps(raw); err == nil && !c.faults.On(Stale) {
			c.told = lamps
			c.show()
		}
	case "seq":
		// Presses that are under way have numbers the site does not know yet.
		if last, err := readSeq(raw); err == nil {
			c.seq, c.known = max(c.seq, last), true
		}
	case "result":
		c.answered(raw)
	}
}

// answered frees the button whose press an answer is for. c.mu is held.
func (c *Controller) answered(raw []byte) {
	var r result
	if json.Unmarshal(raw, &r) != nil || c.faults.On(Silence) {
		return
	}
	c.answers++
	a := record.Answer{CmdID: r.CmdID, OK: r.OK, Code: r.Code}
	for _, name := range c.p.Modules {
		if m := c.modules[name]; r.CmdID == fmt.Sprintf("%s-%d", c.p.ID, m.seq) {
			a.Module, m.busy = name, time.Time{}
		}
	}
	c.book.Add(record.Entry{Kind: record.Confirmed, Answer: &a})
}

// show makes the modules show what was told. c.mu is held.
func (c *Controller) show() {
	lit := map[string]lamp{}
	c.unknown = 0
	if c.connected {
		for _, l := range c.told {
			if _, ok := c.modules[l.Module]; !ok {
				c.unknown++
				continue
			}
			lit[l.Module] = l
		}
	}
	for _, name := range c.p.Modules {
		m := c.modules[name]
		m.lit = nil
		if l, ok := lit[name]; ok {
			m.lit, m.last = &l, l
		}
		if now := c.look(name, m); now != m.seen {
			m.seen = now
			c.book.Add(record.Entry{Kind: record.Lit, Lamp: &now})
		}
	}
}

// found and lost: the connection came, or went, and with it what is lit. What was
// told before is told again behind the next connection. c.mu is held.
func (c *Controller) found() {
	c.connected = true
	c.poke()
}

func (c *Controller) lost() {
	c.connected = false
	if !c.faults.On(Stale) {
		c.told = nil
	}
	c.show()
}

// poke tells the sender to look again.
func (c *Controller) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// next is the oldest press that is not acknowledged, and its wire form; start tells
// which power-on it is of.
func (c *Controller) next() (p press, payload []byte, start int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.connected || len(c.queue) == 0 {
		return press{}, nil, 0, false
	}
	p = c.queue[0]
	payload, _ = json.Marshal(p) // texts and numbers always encode
	if c.sent++; c.faults.On(Garbage) && c.sent%2 == 0 {
		payload = payload[:len(payload)/2]
	}
	return p, payload, c.start, true
}

// acknowledged takes a press out of the queue.
func (c *Controller) acknowledged(p press, start int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.start == start {
		c.queue = slices.DeleteFunc(c.queue, func(q press) bool { return q.Seq == p.Seq })
	}
}
