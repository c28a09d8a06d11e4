// Package kdev is the cable of an emulated device whose records the kernel hands
// on: a keyboard, whose events are read from /dev/input, and a HID scale, whose
// reports are read from hidraw. Where the machine allows it (root, the modules
// uinput and uhid), it makes such a device of the kernel's; anywhere else the same
// records go through a named pipe in packet mode, in which one write is one read.
// The drivers read either.
//
// As with package pty a record that nobody listens to is lost. A Port starts no
// goroutine; Read has one caller at a time, every other method may be called from
// anywhere. Linux only. Sources: uinput and uhid of the kernel's documentation,
// pipe(2), proc_locks(5).
package kdev

import (
	"fmt"
	"sync"

	"tote/firmware-tests/pty"
)

// Kernel is the path that asks for a device of the kernel's own.
const Kernel = "kernel"

// node is a device that is plugged in.
type node interface {
	path() string
	listening() bool
	write(records []byte) error
	close() error
}

// Port is one device.
type Port struct {
	size, atOnce int // bytes of a record, records of one read
	open         func() (node, error)
	name         string // its path while it is unplugged

	mu     sync.Mutex
	node   node // nil = unplugged
	cut    bool // an unplugging Read has not told of yet
	closed bool
	change chan struct{} // closed and replaced at each plug, unplug and close
}

// Keyboard plugs in a keyboard: at is the path of the named pipe, or Kernel.
func Keyboard(at string) (*Port, error) {
	if at == Kernel {
		return plugged(&Port{size: EventSize, atOnce: 64, open: newUinput})
	}
	return plugged(&Port{size: EventSize, atOnce: 64, name: at, open: func() (node, error) { return newFIFO(at) }})
}

// Scale plugs in a HID scale: at is the path of the named pipe, or Kernel.
func Scale(at string) (*Port, error) {
	if at == Kernel {
		return plugged(&Port{size: reportSize, atOnce: 1, open: newUhid})
	}
	return plugged(&Port{size: reportSize, atOnce: 1, name: at, open: func() (node, error) { return newFIFO(at) }})
}

func plugged(p *Port) (*Port, error) {
	p.change = make(chan struct{})
	if err := p.Plug(); err != nil {
		return nil, err
	}
	return p, nil
}

// Path is the path an agent opens.
func (p *Port) Path() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.node != nil {
		return p.node.path()
	}
	return p.name
}

// Plugged tells whether the device is there.
func (p *Port) Plugged() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.node != nil
}

// Listening tells whether somebody has the device open; of a device of the kernel's
// own that is not known, and taken for granted.
func (p *Port) Listening() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.node != nil && p.node.listening()
}

// Plug makes the device appear. Plugging in twice is no error.
func (p *Port) Plug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return pty.ErrClosed
	case p.node != nil:
		return nil
	}
	n, err := p.open()
	if err != nil {
		return err
	}
	p.node = n
	p.changed()
	return nil
}

// Unplug makes the device vanish. Unplugging twice is no error.
func (p *Port) Unplug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return pty.ErrClosed
	}
	return p.unplug()
}

// Close unplugs for good and ends Read.
func (p *Port) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	return p.unplug()
}

// unplug and changed need p.mu.
func (p *Port) unplug() error {
	var err error
	if p.node != nil {
		err = p.node.close()
		p.node, p.cut = nil, true
	}
	p.changed()
	return err
}

func (p *Port) changed() {
	close(p.change)
	p.change = make(chan struct{})
}

// Read waits until the device is unplugged or closed: nobody says anything to it.
func (p *Port) Read([]byte) (int, error) {
	for {
		p.mu.Lock()
		change, closed, cut := p.change, p.closed, p.cut
		p.cut = false
		p.mu.Unlock()
		switch {
		case closed:
			return 0, pty.ErrClosed
		case cut:
			return 0, pty.ErrUnplugged
		}
		<-change
	}
}

// Write gives whole records to who has the device open.
func (p *Port) Write(b []byte) (int, error) {
	if len(b)%p.size != 0 {
		return 0, fmt.Errorf("kdev: %d bytes are no whole records of %d", len(b), p.size)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	done := 0
	for done < len(b) {
		switch {
		case p.closed:
			return done, pty.ErrClosed
		case p.node == nil:
			return done, pty.ErrUnplugged
		case !p.node.listening():
			return done, pty.ErrNotListening
		}
		n := min(p.size*p.atOnce, len(b)-done)
		if err := p.node.write(b[done : done+n]); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}
