package broker

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
)

// flushTime bounds how long a closed connection may still send what was
// written before, such as a CONNACK that refuses.
const flushTime = time.Second

// conn is one client's connection. Write never blocks: the bytes go into a
// bounded buffer that the goroutine of flush empties. The library writes while
// it holds a lock that every publisher to this client needs, so a blocking
// Write would let one stalled client hold up the gateway.
type conn struct {
	net.Conn
	ln     *listener
	limits *Limits
	ctx    context.Context // ends when the connection is closed
	cancel context.CancelFunc
	done   chan struct{} // closed when the library has finished with it

	// Set once by claim, under Broker.mu.
	dev   Device
	cl    *mochi.Client
	since time.Time

	superseded atomic.Bool
	subscribe  bool // the reader holds Broker.snapshot for a SUBSCRIBE
	retain     bool // the reader holds Broker.snapshot for a retained PUBLISH

	mu      sync.Mutex
	buf     []byte
	closed  bool
	cause   error
	wake    chan struct{}
	flushed chan struct{} // closed when flush has ended
}

func newConn(parent context.Context, nc net.Conn, ln *listener, limits *Limits) *conn {
	c := &conn{
		Conn: nc, ln: ln, limits: limits,
		done: make(chan struct{}), wake: make(chan struct{}, 1), flushed: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(parent)
	go c.flush()
	return c
}

// Write queues p, or closes the connection when the client has left too much
// unread.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	if len(c.buf)+len(p) > c.limits.WriteBuffer {
		c.mu.Unlock()
		c.ln.b.tooSlow(c, "write buffer full")
		return 0, ErrSlowClient
	}
	c.buf = append(c.buf, p...)
	c.mu.Unlock()
	c.signal()
	return len(p), nil
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// flush sends what Write queued, and closes the socket after Close.
func (c *conn) flush() {
	defer close(c.flushed)
	defer func() { _ = c.Conn.Close() }()
	for range c.wake {
		c.mu.Lock()
		out, closed := c.buf, c.closed
		c.buf = nil
		wait := c.limits.WriteTimeout
		if closed {
			wait = flushTime
		}
		_ = c.Conn.SetWriteDeadline(time.Now().Add(wait))
		c.mu.Unlock()
		if len(out) > 0 {
			if _, err := c.Conn.Write(out); err != nil {
				c.closeFor(err)
				return
			}
		}
		if closed {
			return
		}
	}
}

// Close makes Read fail at once; what was written before still goes out.
func (c *conn) Close() error {
	c.closeFor(net.ErrClosed)
	return nil
}

// closeFor is Close with the reason that the log shows.
func (c *conn) closeFor(cause error) {
	c.mu.Lock()
	if !c.closed {
		c.closed, c.cause = true, cause
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
		_ = c.Conn.SetWriteDeadline(time.Now().Add(flushTime))
	}
	c.mu.Unlock()
	c.cancel()
	c.signal()
}

// why returns the reason given to closeFor.
func (c *conn) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// SetDeadline sets the read deadline only: the library means the keep-alive.
func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil // Close's deadline stands
	}
	return c.Conn.SetReadDeadline(t)
}

// SetReadDeadline is SetDeadline.
func (c *conn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// SetWriteDeadline does nothing: flush has its own.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
