package llrp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"tote/firmware-tests/line"
)

// Socket is the network plug of the reader: a listener whose address stays the
// same while the cable is out.
type Socket struct {
	addr string

	mu     sync.Mutex
	ln     net.Listener // nil while unplugged
	conns  map[net.Conn]bool
	closed bool
	change chan struct{}
}

// Listen opens the socket. A port of 0 is chosen once and kept.
func Listen(addr string) (*Socket, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("llrp: %w", err)
	}
	return &Socket{addr: ln.Addr().String(), ln: ln, conns: map[net.Conn]bool{}, change: make(chan struct{})}, nil
}

// Addr is the address, host:port.
func (s *Socket) Addr() string { return s.addr }

// Plugged tells whether the reader is on the network.
func (s *Socket) Plugged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ln != nil
}

// Plug listens again. Plugging in twice is no error.
func (s *Socket) Plug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ln != nil {
		return nil
	}
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("llrp: plug in: %w", err)
	}
	s.ln = ln
	s.changed()
	return nil
}

// Unplug cuts all connections; new ones are refused.
func (s *Socket) Unplug() error { return s.unplug(false) }

// Close unplugs for good.
func (s *Socket) Close() error { return s.unplug(true) }

func (s *Socket) unplug(forGood bool) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = s.closed || forGood
	if s.ln != nil {
		err = s.ln.Close()
		s.ln = nil
	}
	for c := range s.conns {
		_ = c.Close()
	}
	clear(s.conns)
	s.changed()
	return err
}

// changed wakes accept; the caller holds mu.
func (s *Socket) changed() {
	close(s.change)
	s.change = make(chan struct{})
}

// accept waits for the next connection; nil when the socket is closed.
func (s *Socket) accept() net.Conn {
	for {
		s.mu.Lock()
		ln, closed, change := s.ln, s.closed, s.change
		s.mu.Unlock()
		if closed {
			return nil
		}
		if ln == nil {
			<-change
			continue
		}
		c, err := ln.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) { // out of descriptors, for one
				select {
				case <-change:
				case <-time.After(100 * time.Millisecond):
				}
			}
			continue
		}
		s.mu.Lock()
		if s.ln != ln { // unplugged in between
			s.mu.Unlock()
			_ = c.Close()
			continue
		}
		s.conns[c] = true
		s.mu.Unlock()
		return c
	}
}

func (s *Socket) drop(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	_ = c.Close()
}

// Run serves clients until ctx ends, and closes the socket. One client has the
// reader; another is told so and sent away.
func (r *Reader) Run(ctx context.Context, s *Socket) {
	r.mu.Lock()
	r.socket = s
	r.mu.Unlock()
	r.Begin()
	defer r.End()
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	var all sync.WaitGroup
	defer func() {
		stop()
		_ = s.Close()
		all.Wait()
	}()
	if r.faults.On(line.Unplug) {
		_ = s.Unplug()
	}
	for {
		c := s.accept()
		if c == nil {
			return
		}
		all.Go(func() {
			defer s.drop(c)
			r.serve(ctx, c)
		})
	}
}
