// Package pty is the cable of an emulated serial device: a pseudo-terminal
// behind a symlink that keeps its name while the device is unplugged and
// plugged in again.
//
// The emulator holds the master side, the agent opens the link. The package
// hides what a pty does differently from a UART:
//
//   - a real port does not care whether somebody has it open; a pty master
//     reads EIO while the other side is closed. Read waits instead.
//   - a real device talks into the void while nobody listens; a pty would keep
//     the bytes and hand them to the next opener as ghost scans. Write drops
//     them and says so (ErrNotListening).
//   - a real port forgets its exclusive flag and its unread input on the last
//     close; a pty keeps both as long as the master is open, so the successor
//     of a killed agent would be locked out. The port is wiped on last close.
//
// A Port starts no goroutine. Read has one caller at a time; every other
// method may be called from anywhere. Linux only.
package pty

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// Errors of a Port.
var (
	// ErrUnplugged: the device was unplugged during a Read or before a Write.
	ErrUnplugged = errors.New("pty: device is unplugged")
	// ErrNotListening: nobody has the device open; the bytes are lost, as on a real line.
	ErrNotListening = errors.New("pty: nobody has the device open")
	// ErrStuck: somebody has the device open but does not read; the rest is lost.
	ErrStuck = errors.New("pty: the reader has stopped reading")
	// ErrClosed: the port was closed by its owner.
	ErrClosed = errors.New("pty: port is closed")
	// ErrLinkTaken: the link path exists and is not a symlink; it is left alone.
	ErrLinkTaken = errors.New("pty: link path is taken by something that is no symlink")
)

const (
	// WriteTimeout bounds one Write. A pty holds tens of kilobytes, so only a
	// reader that has stopped altogether gets here.
	WriteTimeout = time.Second
	// lookEvery is how soon a new opener is noticed.
	lookEvery = 5 * time.Millisecond
)

// Port is one emulated serial port.
type Port struct {
	link string

	mu     sync.Mutex
	master *os.File      // nil while unplugged
	node   string        // name of the slave, /dev/pts/N
	wiped  bool          // nothing has opened the slave since it was last wiped
	cut    bool          // an unplugging Read has not told of yet
	closed bool          // by Close
	change chan struct{} // closed and replaced at each plug, unplug and close
}

// New plugs in a port. link is the stable path of the device ("" = only the
// pty's own name, which changes at every Plug); its folder is created.
func New(link string) (*Port, error) {
	p := &Port{link: link, change: make(chan struct{})}
	if err := p.Plug(); err != nil {
		return nil, err
	}
	return p, nil
}

// Path is the path an agent opens: the link, or the pty's own name.
func (p *Port) Path() string {
	if p.link != "" {
		return p.link
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.node
}

// Plug makes the device appear at its path. Plugging in twice is no error.
func (p *Port) Plug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	if p.master != nil {
		return nil
	}
	if err := p.openLocked(); err != nil {
		return err
	}
	p.changedLocked()
	return nil
}

// Unplug makes the device vanish: the path is gone and whoever has it open
// gets a hangup. Unplugging twice is no error.
func (p *Port) Unplug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	return p.unplugLocked()
}

// Close unplugs for good and ends Read.
func (p *Port) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	return p.unplugLocked()
}

// Plugged tells whether the device is there.
func (p *Port) Plugged() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.master != nil
}

// Listening tells whether somebody has the device open.
func (p *Port) Listening() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.openedLocked()
}

// openedLocked tells whether somebody has the device open; if so it will need
// wiping, however short the visit.
func (p *Port) openedLocked() bool {
	open := p.master != nil && look(p.master).open
	if open {
		p.wiped = false
	}
	return open
}

// Read waits for bytes from whoever has the device open, however often it is
// closed and opened again. It fails with ErrUnplugged once per unplugging (the
// next Read waits for the device to be plugged in) and with ErrClosed.
func (p *Port) Read(b []byte) (int, error) {
	for {
		f, change, err := p.wait()
		if err != nil {
			return 0, err
		}
		if s := look(f); !s.open && !s.data {
			p.wipe(f)
			select {
			case <-change:
			case <-time.After(lookEvery):
			}
			continue
		}
		p.touched(f)
		n, err := f.Read(b)
		switch {
		case n > 0:
			return n, nil
		case err == nil, errors.Is(err, syscall.EIO), errors.Is(err, os.ErrClosed):
			// The last opener has left, or the cable is out: look again.
		default:
			return 0, fmt.Errorf("pty: read %s: %w", p.Path(), err)
		}
	}
}

// Write sends bytes to whoever has the device open. It never blocks longer
// than WriteTimeout. Errors: ErrUnplugged, ErrNotListening, ErrStuck, ErrClosed.
func (p *Port) Write(b []byte) (int, error) {
	p.mu.Lock()
	f, closed := p.master, p.closed
	open := p.openedLocked()
	p.mu.Unlock()
	switch {
	case closed:
		return 0, ErrClosed
	case f == nil:
		return 0, ErrUnplugged
	case !open:
		return 0, ErrNotListening
	}
	if err := f.SetWriteDeadline(time.Now().Add(WriteTimeout)); err != nil {
		return 0, p.goneError(f)
	}
	n, err := f.Write(b)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, ErrStuck
	case errors.Is(err, os.ErrClosed), errors.Is(err, syscall.EIO):
		return n, p.goneError(f)
	}
	return n, fmt.Errorf("pty: write %s: %w", p.Path(), err)
}

// wait returns the master once the device is plugged in, and ErrUnplugged once
// for every time it was pulled out.
func (p *Port) wait() (*os.File, <-chan struct{}, error) {
	for {
		p.mu.Lock()
		f, change, closed, cut := p.master, p.change, p.closed, p.cut
		p.cut = false
		p.mu.Unlock()
		switch {
		case closed:
			return nil, nil, ErrClosed
		case cut:
			return nil, nil, ErrUnplugged
		}
		if f != nil {
			return f, change, nil
		}
		<-change
	}
}

// goneError says why the master f can no longer be used.
func (p *Port) goneError(f *os.File) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case p.master == f:
		return ErrNotListening
	}
	return ErrUnplugged
}

func (p *Port) touched(f *os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.master == f {
		p.wiped = false
	}
}

// wipe does what the kernel does to a real port on its last close, once per
// opener. A port that cannot be opened any more, because its last opener died
// holding it exclusively, is replaced by a fresh one under the same path.
func (p *Port) wipe(f *os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.master != f || p.wiped {
		return
	}
	p.wiped = true
	err := wipeSlave(p.node)
	if !errors.Is(err, syscall.EBUSY) {
		return
	}
	old := p.master
	if p.openLocked() == nil {
		_ = old.Close()
		p.changedLocked()
	}
}

func (p *Port) openLocked() error {
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("pty: open: %w", err)
	}
	node := slave.Name()
	err = errors.Join(makeRaw(slave), slave.Close())
	if err == nil {
		master, err = unblock(master)
	}
	if err == nil && p.link != "" {
		err = relink(node, p.link)
	}
	if err != nil {
		_ = master.Close()
		return fmt.Errorf("pty: plug in %s: %w", p.link, err)
	}
	p.master, p.node, p.wiped = master, node, true
	return nil
}

func (p *Port) unplugLocked() error {
	if p.master == nil {
		p.changedLocked()
		return nil
	}
	err := p.master.Close()
	p.master, p.cut = nil, true
	if p.link != "" {
		// Only our own link: another emulator may have taken the path over.
		if to, lerr := os.Readlink(p.link); lerr == nil && to == p.node {
			err = errors.Join(err, os.Remove(p.link))
		}
	}
	p.changedLocked()
	return err
}

func (p *Port) changedLocked() {
	close(p.change)
	p.change = make(chan struct{})
}
