// Package scale emulates a bench scale that speaks one of several protocols:
// MT-SICS levels 0 and 1 (Mettler Toledo Standard Interface Command Set) the way
// an AL-IC balance does, or one of those in languages.go.
//
// Sources: the interface chapter of the AL-IC operating instructions and the
// MT-SICS reference manuals for MT-SICS; for the others, and for what each
// answer was checked against, see firmware-tests/cases/scale/README.md for what
// each answer was checked against. The package shares no code with the drivers.
//
// Run owns the line and one reading goroutine; Put, Remove, SetFault and State
// may be called from anywhere. What happens on the pan goes into the Book.
package scale

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// Faults of the scale beside those of the line.
const (
	Unstable   = "unstable"    // the pan never comes to rest
	Overload   = "overload"    // the cell is pressed down
	Underload  = "underload"   // the pan is off
	LineErrors = "line_errors" // every command arrives damaged: ET, or what the protocol has for it
	Drift      = "drift"       // the zero point has moved: an empty pan rests beside zero
	BadCheck   = "bad_check"   // toledo: the checksum of every frame is wrong
)

// ErrWeight: no such weight can be put on the pan.
var ErrWeight = errors.New("scale: weight must be 1 mg to ten times the capacity")

// maxCommand is the longest command line the scale takes; more is ES.
const maxCommand = 256

// Port is the line of the scale.
type Port interface {
	io.ReadWriteCloser
	Plug() error
	Unplug() error
}

// State is what the scale knows about itself.
type State struct {
	OnPanMg int64  `json:"onPanMg"` // what lies on the pan
	Display string `json:"display"` // what the display shows, "100.0 g", or "+" or "-"
	Stable  bool   `json:"stable"`
	TareMg  int64  `json:"tareMg"`
	Text    string `json:"text,omitempty"` // text put on the display by D
}

// Scale is one emulated scale.
type Scale struct {
	params Params
	faults *line.Faults
	book   *record.Book
	now    func() time.Time
	wake   chan struct{} // tells Run that the world has changed

	mu    sync.Mutex
	port  Port // nil before Run
	pan   pan
	load  int64
	text  string
	loads int    // how often the load has changed
	told  answer // last stable answer recorded
	odd   bool   // alternates while the table shakes
}

// answer is a stable weight told about one load. Polling drivers ask ten times
// a second; the same answer about the same load is recorded once.
type answer struct {
	load int
	text string
}

// New makes a scale. now may be nil for the real clock.
func New(p Params, book *record.Book, now func() time.Time) (*Scale, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Scale{
		params: p,
		faults: line.NewFaults(faultsOf(p.Protocol)...),
		book:   book,
		now:    now,
		wake:   make(chan struct{}, 1),
		pan:    pan{p: p},
	}, nil
}

// Put puts a weight of mg milligrams on the pan, beside what is there.
func (s *Scale) Put(mg int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mg < 1 || s.load+mg > 10*s.params.CapacityMg {
		return ErrWeight
	}
	s.setLoad(s.load + mg)
	s.book.Add(record.Entry{Kind: record.Put, Weight: &record.Weight{Mg: mg}})
	return nil
}

// Remove takes everything off the pan. An empty pan stays as it is.
func (s *Scale) Remove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.load == 0 {
		return nil
	}
	was := s.load
	s.setLoad(0)
	s.book.Add(record.Entry{Kind: record.Removed, Weight: &record.Weight{Mg: was}})
	return nil
}

func (s *Scale) setLoad(mg int64) {
	s.pan.change(s.now(), mg)
	s.load = mg
	s.loads++
	s.poke()
}

// Faults lists the names of all faults.
func (s *Scale) Faults() []string { return s.faults.Names() }

// ActiveFaults lists the faults that are on.
func (s *Scale) ActiveFaults() []string { return s.faults.Active() }

// SetFault switches a fault on or off.
func (s *Scale) SetFault(name string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.faults.Set(name, on); err != nil {
		return err
	}
	if name == Unstable && !on {
		// The table comes to rest: the pan settles anew.
		s.pan.change(s.now(), s.load)
	}
	if name == Drift {
		s.pan.drift = 0
		if on {
			s.pan.drift = s.params.DriftMg
		}
	}
	s.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	s.poke()
	if name == line.Unplug && s.port != nil {
		if on {
			return s.port.Unplug()
		}
		return s.port.Plug()
	}
	return nil
}

// State tells what the scale shows.
func (s *Scale) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{OnPanMg: s.load, TareMg: s.pan.tare, Text: s.text}
	r := s.read()
	if r.cond == over || r.cond == under {
		st.Display = string(r.cond)
		return st
	}
	st.Display, st.Stable = s.pan.text(r.mg)+" "+s.params.Unit, r.cond == stable
	return st
}

// read is what the display shows now; the caller holds mu.
func (s *Scale) read() reading {
	switch {
	case s.faults.On(Overload):
		return reading{cond: over}
	case s.faults.On(Underload):
		return reading{cond: under}
	case s.faults.On(Unstable):
		// A table that shakes by a few increments, never the same twice running.
		s.odd = !s.odd
		shake := 3 * s.pan.increment()
		if s.odd {
			shake = -2 * s.pan.increment()
		}
		return s.pan.read(s.now(), shake, true)
	}
	return s.pan.read(s.now(), 0, false)
}

// poke tells Run to look again.
func (s *Scale) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run serves the line until ctx ends or the port is closed, and closes it.
func (s *Scale) Run(ctx context.Context, port Port) error {
	s.mu.Lock()
	s.port = port
	s.mu.Unlock()
	stop := make(chan struct{})
	in := line.Pump(port, stop)
	defer func() {
		close(stop)
		_ = port.Close()
		for range in { // wait for the reader
		}
	}()
	voice := line.NewVoice(port, s.faults, 1)
	c := s.converse(voice)
	var buf []byte
	for {
		timer := time.NewTimer(c.due())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case p, ok := <-in:
			if !ok {
				timer.Stop()
				return nil
			}
			if p.Lost {
				buf, c = nil, s.converse(voice)
				break
			}
			buf = c.feed(append(buf, p.Data...))
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
		c.tick()
	}
}

// conversation is what goes on over the line, in one of the protocols.
type conversation interface {
	feed(buf []byte) []byte // takes whole commands off buf and returns the rest
	due() time.Duration     // how long until tick has something to do
	tick()
}

// converse begins to talk.
func (s *Scale) converse(voice *line.Voice) conversation {
	c := &session{s: s, voice: voice}
	if l, ok := languages[s.params.Protocol]; ok {
		return &talk{session: c, l: l, next: s.now()}
	}
	return c
}

// feed takes whole lines off buf and returns the rest.
func (c *session) feed(buf []byte) []byte {
	for {
		cmd, rest, whole := bytes.Cut(buf, []byte("\n"))
		if !whole {
			if len(buf) > maxCommand {
				c.say("ES")
				return nil
			}
			return buf
		}
		if len(cmd) > maxCommand {
			c.say("ES")
		} else if cmd = bytes.TrimSuffix(cmd, []byte("\r")); len(cmd) > 0 {
			c.command(string(cmd))
		}
		buf = rest
	}
}
