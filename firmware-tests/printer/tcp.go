package printer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// idle is how long a connection may say nothing before the printer drops it,
// so that a host that died does not block the others for ever.
const idle = 5 * time.Minute

// Socket is the network plug of a printer: a listener whose address stays the
// same while the cable is out.
type Socket struct {
	addr string

	mu     sync.Mutex
	ln     net.Listener // nil while unplugged
	conn   net.Conn     // the one connection being served
	closed bool
	change chan struct{}
}

// Listen opens the socket. A port of 0 is chosen once and kept.
func Listen(addr string) (*Socket, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("printer: %w", err)
	}
	return &Socket{addr: ln.Addr().String(), ln: ln, change: make(chan struct{})}, nil
}

// Addr is the address, host:port.
func (s *Socket) Addr() string { return s.addr }

// Plugged tells whether the printer is on the network.
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
		return fmt.Errorf("printer: plug in: %w", err)
	}
	s.ln = ln
	s.changedLocked()
	return nil
}

// Unplug cuts the connection being served; new ones are refused.
func (s *Socket) Unplug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unplugLocked()
}

// Close unplugs for good.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.unplugLocked()
}

func (s *Socket) unplugLocked() error {
	var err error
	if s.ln != nil {
		err = s.ln.Close()
		s.ln = nil
	}
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
	s.changedLocked()
	return err
}

func (s *Socket) changedLocked() {
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
		conn, err := ln.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				// Out of descriptors, for one: try again, but not in a hot loop.
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
			_ = conn.Close()
			continue
		}
		s.conn = conn
		s.mu.Unlock()
		return conn
	}
}

// ServeTCP serves one connection after the other until ctx ends, and closes
// the socket. A second host waits in the backlog, as with a real printer.
func (p *Printer) ServeTCP(ctx context.Context, s *Socket) {
	p.addPlug(s)
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer func() {
		stop()
		_ = s.Close()
	}()
	c := p.newChannel()
	for {
		conn := s.accept()
		if conn == nil {
			return
		}
		c.serve(ctx, idleConn{conn})
	}
}

// idleConn drops a connection that says nothing for too long, and a host that
// does not take its answers.
type idleConn struct{ net.Conn }

func (c idleConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c idleConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
