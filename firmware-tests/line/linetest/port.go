// Package linetest is a serial line in memory, for testing the models of
// emulated devices under a fake clock. It behaves like a pty.Port: unplugged
// reads fail once, writes nobody listens to are lost.
//
// A Port starts no goroutine and may be used from any.
package linetest

import (
	"sync"

	"tote/firmware-tests/pty"
)

// Port is both ends of a line: the device's as methods of an io.ReadWriteCloser,
// the host's as Send and Take.
type Port struct {
	mu      sync.Mutex
	in, out []byte
	deaf    bool // nobody listens
	unplug  bool // unplugged
	lost    bool // an unplugging has not been told to the reader yet
	closed  bool
	change  chan struct{}
}

// New is a line that is plugged in and listened to.
func New() *Port { return &Port{change: make(chan struct{})} }

// Send gives bytes to the device.
func (p *Port) Send(s string) {
	p.set(func() { p.in = append(p.in, s...) })
}

// Take returns what the device has sent since the last Take.
func (p *Port) Take() string {
	var s string
	p.set(func() { s, p.out = string(p.out), nil })
	return s
}

// Listen says whether the host has the device open.
func (p *Port) Listen(on bool) { p.set(func() { p.deaf = !on }) }

// Plug plugs the device in.
func (p *Port) Plug() error {
	p.set(func() { p.unplug = false })
	return nil
}

// Unplug pulls the cable.
func (p *Port) Unplug() error {
	p.set(func() { p.lost = p.lost || !p.unplug; p.unplug, p.in = true, nil })
	return nil
}

// Close ends the line.
func (p *Port) Close() error {
	p.set(func() { p.closed = true })
	return nil
}

// Read is the device's side.
func (p *Port) Read(b []byte) (int, error) {
	for {
		p.mu.Lock()
		change := p.change
		switch {
		case p.closed:
			p.mu.Unlock()
			return 0, pty.ErrClosed
		case p.lost:
			p.lost = false
			p.mu.Unlock()
			return 0, pty.ErrUnplugged
		case len(p.in) > 0 && !p.unplug:
			n := copy(b, p.in)
			p.in = p.in[n:]
			p.mu.Unlock()
			return n, nil
		}
		p.mu.Unlock()
		<-change
	}
}

// Write is the device's side.
func (p *Port) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return 0, pty.ErrClosed
	case p.unplug:
		return 0, pty.ErrUnplugged
	case p.deaf:
		return 0, pty.ErrNotListening
	}
	p.out = append(p.out, b...)
	return len(b), nil
}

func (p *Port) set(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
	close(p.change)
	p.change = make(chan struct{})
}
