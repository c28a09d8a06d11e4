// Package gpio emulates a board of GPIO lines behind a unix socket: the world
// moves its inputs (a photo-eye), whoever connects drives its outputs (a lamp),
// and both are kept in the record.
//
// Wire, both ways, one JSON object a line:
//
//	{"line":"GPIO17","level":true}
//
// The board tells every connection the level of each input at the start and at
// each change; a connection tells each level it puts on an output. Lines behind
// the same socket may be driven over different connections. The package shares
// no code with the drivers.
//
// Run owns the listener and, per connection, one reading goroutine; SetLevel
// and SetFault may be called from anywhere.
package gpio

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"tote/firmware-tests/record"
)

// Faults of the board.
const (
	Unplug  = "unplug"  // no board: the socket is gone, the lamps are dark
	Chatter = "chatter" // an input bounces before it rests
)

var (
	// ErrParams: the description of the board makes no sense.
	ErrParams = errors.New("gpio: bad parameters")
	// ErrUnknownFault: the board has no fault of that name.
	ErrUnknownFault = errors.New("gpio: no such fault")
	// ErrLine: the board has no such input.
	ErrLine = errors.New("gpio: no such input")
	// ErrSocket: the socket cannot be served.
	ErrSocket = errors.New("gpio: socket")
)

const (
	maxLine   = 4096 // bytes of one message
	maxLines  = 256  // outputs of a board
	writeTime = time.Second
	bounce    = time.Millisecond // between two edges of a bouncing input
)

// Params describe a board.
type Params struct {
	Socket    string   `json:"socket" help:"Path of the unix socket."`
	Inputs    []string `json:"inputs,omitempty" help:"Inputs, low at the start."`
	High      []string `json:"high,omitempty" help:"Inputs, high at the start."`
	ChatterMs int64    `json:"chatterMs,omitempty" default:"5" help:"How long an input bounces under the fault chatter, ms."`
}

func (p Params) check() (Params, error) {
	if p.ChatterMs == 0 {
		p.ChatterMs = 5
	}
	all := append(slices.Clone(p.Inputs), p.High...)
	slices.Sort(all)
	switch {
	case p.Socket == "":
		return p, fmt.Errorf("%w: no socket", ErrParams)
	case len(slices.Compact(slices.Clone(all))) != len(all) || slices.Contains(all, ""):
		return p, fmt.Errorf("%w: an input has no name or stands twice", ErrParams)
	case p.ChatterMs < 0 || p.ChatterMs > 1000:
		return p, fmt.Errorf("%w: bounces for %d ms", ErrParams, p.ChatterMs)
	}
	return p, nil
}

// State is what the board knows about itself.
type State struct {
	Socket  string          `json:"socket"`
	Inputs  map[string]bool `json:"inputs"`
	Outputs map[string]bool `json:"outputs"` // that somebody drove
	Clients int             `json:"clients"` // connections that are open
}

// Board is one emulated board.
type Board struct {
	p    Params
	book *record.Book

	moving sync.Mutex // one change of an input at a time

	mu      sync.Mutex
	on      map[string]bool
	inputs  map[string]bool
	outputs map[string]bool
	conns   map[net.Conn]struct{}
	ln      net.Listener  // nil = unplugged, or not running
	plugged chan struct{} // closed and replaced when the plug is moved
}

// New makes a board; the socket is made by Listen or Run.
func New(p Params, book *record.Book) (*Board, error) {
	p, err := p.check()
	if err != nil {
		return nil, err
	}
	b := &Board{
		p: p, book: book, on: map[string]bool{Unplug: false, Chatter: false}, inputs: map[string]bool{},
		outputs: map[string]bool{}, conns: map[net.Conn]struct{}{}, plugged: make(chan struct{}),
	}
	for _, l := range p.Inputs {
		b.inputs[l] = false
	}
	for _, l := range p.High {
		b.inputs[l] = true
	}
	return b, nil
}

// Faults lists the names of all faults.
func (b *Board) Faults() []string { return []string{Chatter, Unplug} }

// ActiveFaults lists the faults that are on.
func (b *Board) ActiveFaults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(b.Faults(), func(f string) bool { return !b.on[f] })
}

// SetFault switches a fault on or off.
func (b *Board) SetFault(name string, on bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, ok := b.on[name]
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknownFault, name)
	}
	if was == on {
		return nil
	}
	b.on[name] = on
	b.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	if name != Unplug {
		return nil
	}
	close(b.plugged)
	b.plugged = make(chan struct{})
	if !on {
		return b.listen()
	}
	b.shut()
	for _, l := range slices.Sorted(maps.Keys(b.outputs)) {
		b.drive(l, false)
	}
	return nil
}

// Listen makes the socket, so that it is there before Run. Run does it as well.
func (b *Board) Listen() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.listen()
}

// listen: an old socket file is replaced. b.mu is held.
func (b *Board) listen() error {
	if b.ln != nil || b.on[Unplug] {
		return nil
	}
	if fi, err := os.Lstat(b.p.Socket); err == nil && fi.Mode().Type() == os.ModeSocket {
		_ = os.Remove(b.p.Socket)
	}
	ln, err := net.Listen("unix", b.p.Socket)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSocket, err)
	}
	b.ln = ln
	return nil
}

// shut takes the socket and all connections away. b.mu is held.
func (b *Board) shut() {
	if b.ln != nil {
		_ = b.ln.Close() // it removes the file
		b.ln = nil
	}
	for c := range b.conns {
		_ = c.Close()
	}
}

// State tells the levels.
func (b *Board) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return State{Socket: b.p.Socket, Inputs: maps.Clone(b.inputs), Outputs: maps.Clone(b.outputs), Clients: len(b.conns)}
}

// SetLevel moves an input. It returns when the line is at rest.
func (b *Board) SetLevel(line string, high bool) error {
	b.moving.Lock()
	defer b.moving.Unlock()
	b.mu.Lock()
	was, ok := b.inputs[line]
	bounces := time.Duration(0)
	if b.on[Chatter] {
		bounces = time.Duration(b.p.ChatterMs) * time.Millisecond
	}
	b.mu.Unlock()
	if !ok {
		return fmt.Errorf("%w: %q; there are %s", ErrLine, line, strings.Join(slices.Sorted(maps.Keys(b.inputs)), ", "))
	}
	if was == high {
		return nil
	}
	b.book.Add(record.Entry{Kind: record.Input, Level: &record.Level{Line: line, High: high}})
	level := high
	for rest := bounces; rest > 0; rest -= bounce {
		b.put(line, level)
		level = !level
		<-time.After(bounce)
	}
	b.put(line, high)
	return nil
}

// put sets an input and tells it.
func (b *Board) put(line string, high bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inputs[line] = high
	for c := range b.conns {
		b.tell(c, line, high)
	}
}

type message struct {
	Line  string `json:"line"`
	Level bool   `json:"level"`
}

// tell writes one level. A connection that takes nothing is closed: it would
// miss changes. b.mu is held.
func (b *Board) tell(c net.Conn, line string, high bool) {
	raw, err := json.Marshal(message{line, high})
	if err == nil {
		_ = c.SetWriteDeadline(time.Now().Add(writeTime))
		_, err = c.Write(append(raw, '\n'))
	}
	if err != nil {
		_ = c.Close()
	}
}

// drive sets an output; only changes are kept. b.mu is held.
func (b *Board) drive(line string, high bool) {
	was, known := b.outputs[line]
	if known && was == high || !known && len(b.outputs) >= maxLines {
		return
	}
	b.outputs[line] = high
	b.book.Add(record.Entry{Kind: record.Output, Level: &record.Level{Line: line, High: high}})
}
