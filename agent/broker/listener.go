package broker

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// acceptPause is the wait after a failed accept, as when the process is out of
// file descriptors. The library's own listener would stop for ever.
const acceptPause = 100 * time.Millisecond

// unnamed is how many connections beyond MaxClients may be waiting to say who
// they are.
const unnamed = 32

// listener accepts connections for the library. It knows when the library is
// through with a connection, which a take-over needs.
type listener struct {
	b        *Broker
	id       string
	address  string
	tls      *tls.Config
	insecure bool
	loopback bool
	ln       net.Listener

	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[*conn]struct{}
	ended bool
}

var _ listeners.Listener = (*listener)(nil)

func (l *listener) ID() string { return l.id }

func (l *listener) Protocol() string { return "tcp" }

// Address is the bound address, the configured one before that.
func (l *listener) Address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ln == nil {
		return l.address
	}
	return l.ln.Addr().String()
}

// Init binds the address.
func (l *listener) Init(*slog.Logger) error {
	ln, err := net.Listen("tcp", l.address)
	if err != nil {
		return fmt.Errorf("broker: listen: %w", err)
	}
	tcp, ok := ln.Addr().(*net.TCPAddr)
	l.loopback = ok && tcp.IP.IsLoopback()
	if l.tls == nil && !l.loopback && !l.insecure { // localhost may be anything
		_ = ln.Close()
		return fmt.Errorf("%w: %s", ErrPlainListener, ln.Addr())
	}
	l.mu.Lock()
	l.ln = ln
	l.mu.Unlock()
	return nil
}

// Serve accepts until Close.
func (l *listener) Serve(establish listeners.EstablishFn) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.wg.Add(1)
	l.mu.Unlock()
	defer l.wg.Done()
	for {
		nc, err := l.ln.Accept()
		if err != nil {
			if l.b.ctx.Err() != nil {
				return
			}
			l.b.say("accept", slog.LevelError, "cannot accept connections", "address", l.address, "error", err)
			if !pause(l.b.ctx, acceptPause) {
				return
			}
			continue
		}
		l.serve(nc, establish)
	}
}

// pause waits, and reports false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// serve hands one connection to the library, unless there are too many.
func (l *listener) serve(nc net.Conn, establish listeners.EstablishFn) {
	if n := l.b.open.Add(1); n > int64(l.b.cfg.Limits.MaxClients+unnamed) {
		l.b.open.Add(-1)
		l.b.refused.Add(1)
		l.b.say("full", slog.LevelWarn, "too many connections", "remote", nc.RemoteAddr(), "open", n-1)
		_ = nc.Close()
		return
	}
	if l.tls != nil {
		nc = tls.Server(nc, l.tls)
	}
	c := newConn(l.b.ctx, nc, l, &l.b.cfg.Limits)
	_ = c.SetDeadline(time.Now().Add(l.b.cfg.Limits.ConnectTimeout)) // the library sets none before CONNECT
	l.mu.Lock()
	ended := l.ended
	if !ended {
		l.conns[c] = struct{}{}
		l.wg.Add(1)
	}
	l.mu.Unlock()
	if ended {
		c.closeFor(ErrClosed)
		<-c.flushed
		l.b.open.Add(-1)
		return
	}
	go func() {
		defer l.wg.Done()
		l.attend(c, establish)
		l.b.release(c)
		<-c.flushed
		l.b.open.Add(-1)
		l.mu.Lock()
		delete(l.conns, c)
		l.mu.Unlock()
	}()
}

// attend runs the library's side of a connection. It decodes what strangers
// send, in this goroutine: a fault in there ends the connection, not the
// gateway.
func (l *listener) attend(c *conn, establish listeners.EstablishFn) {
	defer c.closeFor(net.ErrClosed)
	defer func() {
		if p := recover(); p != nil {
			l.b.panics.Add(1)
			l.b.unlock(c)
			l.b.cfg.Log.Error("connection failed inside the broker", "remote", c.RemoteAddr(),
				"device", c.dev.String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	if err := establish(l.id, c); err != nil && c.cl == nil {
		// It never became a client: refused in authenticate (and counted
		// there), or not MQTT at all.
		l.b.strange(c, err)
	}
}

// Close stops accepting, ends all connections and waits for them.
func (l *listener) Close(closeClients listeners.CloseFn) {
	if l.ln == nil {
		return
	}
	_ = l.ln.Close()
	closeClients(l.id)
	l.mu.Lock()
	l.ended = true
	for c := range l.conns {
		c.closeFor(ErrClosed)
	}
	l.mu.Unlock()
	l.wg.Wait()
}
