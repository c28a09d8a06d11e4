// Package drivertest holds what driver tests share: Peer, a device in memory
// for tests of timing; Golden, which decodes captured frames and compares with
// stored answers; and Conformance, the suite every driver passes over real
// pseudo-terminals.
package drivertest

import (
	"context"
	"sync"

	"tote/drivers"
	"tote/drivers/internal/portio"
)

// Peer plays the device at the other end of a port in memory. It starts no
// goroutine and knows no time, so it works within testing/synctest.
type Peer struct {
	// OnWrite is called with each write of the driver, in the driver's
	// goroutine. It answers with Send, and returns what Write returns; set it
	// before the driver runs. nil takes everything and stays silent.
	OnWrite func(p []byte) (int, error)

	mu    sync.Mutex
	port  *peerPort // open port, nil when closed
	gone  bool
	opens int
}

// Open is the drivers.Opener of the peer.
func (p *Peer) Open(ctx context.Context) (drivers.Port, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case p.gone:
		return nil, drivers.ErrUnplugged
	case p.port != nil:
		return nil, drivers.ErrBusy
	}
	p.opens++
	p.port = &peerPort{peer: p, queue: portio.NewQueue(portio.QueueBytes)}
	return p.port, nil
}

// Send gives bytes to the driver. Without an open port they are lost, as on a
// wire.
func (p *Peer) Send(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.port != nil {
		p.port.queue.Put([]byte(s))
	}
}

// Plug sets whether the device is there. Taking it away kills the open port.
func (p *Peer) Plug(in bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = !in
	if p.gone && p.port != nil {
		p.port.queue.Fail(drivers.ErrUnplugged)
	}
}

// Opens counts how often the port was opened.
func (p *Peer) Opens() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opens
}

// IsOpen reports whether a driver holds the port.
func (p *Peer) IsOpen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.port != nil
}

type peerPort struct {
	peer  *Peer
	queue *portio.Queue
}

func (p *peerPort) Read(ctx context.Context, b []byte) (int, error) { return p.queue.Read(ctx, b) }

func (p *peerPort) Write(ctx context.Context, b []byte) (int, error) {
	p.peer.mu.Lock()
	gone := p.peer.gone
	p.peer.mu.Unlock()
	switch {
	case gone:
		return 0, drivers.ErrUnplugged
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case p.peer.OnWrite == nil:
		return len(b), nil
	}
	return p.peer.OnWrite(b)
}

func (p *peerPort) Close() error {
	p.peer.mu.Lock()
	defer p.peer.mu.Unlock()
	p.queue.Fail(drivers.ErrClosed)
	if p.peer.port == p {
		p.peer.port = nil
	}
	return nil
}
