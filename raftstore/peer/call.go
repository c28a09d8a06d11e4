package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// maxFrame bounds one message of a call, in bytes.
const maxFrame = 1 << 20

// maxServing bounds the calls of one peer answered at the same time.
const maxServing = 512

// stalled is how long a gateway may take no bytes before it counts as gone.
const stalled = 5 * time.Second

// Errors of calls.
var (
	// ErrLost: the connection ended before the answer; the other gateway may
	// or may not have done what was asked.
	ErrLost = errors.New("peer: connection lost before the answer")
	// ErrUnreachable: no connection; nothing was asked.
	ErrUnreachable = errors.New("peer: not reachable")
	// ErrFrame: the other side sends what is no message.
	ErrFrame = errors.New("peer: malformed frame")
)

// RemoteError is the other gateway's refusal.
type RemoteError struct {
	Code string // chosen by the handler; "" when it has none
	Text string
}

func (e *RemoteError) Error() string { return "peer: " + e.Text }

// message is one frame. Changing a number breaks a mixed cluster.
type message struct {
	ID     uint64 `cbor:"1,keyasint"`
	Method string `cbor:"2,keyasint,omitempty"` // requests
	Body   []byte `cbor:"3,keyasint,omitempty"`
	Failed bool   `cbor:"4,keyasint,omitempty"` // answers: Code and Text instead of Body
	Code   string `cbor:"5,keyasint,omitempty"`
	Text   string `cbor:"6,keyasint,omitempty"`
	Answer bool   `cbor:"7,keyasint,omitempty"`
}

// Limits bound what one connection may ask.
type Limits struct {
	Frame int // bytes of one question
	Calls int // questions answered at the same time; more wait in the connection
}

// Serve answers the calls of one connection with handle until it ends. handle
// runs on a goroutine of its own per call; its ctx ends with the connection.
func Serve(ctx context.Context, conn net.Conn, handle func(ctx context.Context, method string, body []byte) ([]byte, error)) {
	ServeWithin(ctx, conn, Limits{Frame: maxFrame, Calls: maxServing}, handle)
}

// ServeWithin is Serve with limits of its own.
func ServeWithin(ctx context.Context, conn net.Conn, within Limits, handle func(ctx context.Context, method string, body []byte) ([]byte, error)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var out sync.Mutex
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	slots := make(chan struct{}, within.Calls)
	for {
		m, err := readFrameUpTo(conn, within.Frame)
		if err != nil || m.Answer {
			return
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ans := message{ID: m.ID, Answer: true}
			body, err := handle(ctx, m.Method, m.Body)
			if ans.Body = body; err != nil {
				ans.Body, ans.Failed, ans.Text = nil, true, err.Error()
				var re *RemoteError
				if errors.As(err, &re) {
					ans.Code, ans.Text = re.Code, re.Text
				}
			}
			out.Lock()
			defer out.Unlock()
			err = writeFrame(conn, ans)
			if errors.Is(err, ErrFrame) {
				err = writeFrame(conn, message{ID: m.ID, Answer: true, Failed: true, Text: err.Error()})
			}
			if err != nil {
				cancel() // the peer is gone
			}
		})
	}
}

// Caller makes calls to other gateways, over one connection to each that is
// made when needed and made again after it was lost.
type Caller struct {
	port  *Port
	proto string

	mu    sync.Mutex
	conns map[Address]*callConn
}

// NewCaller returns a caller on the port. Its connections end with the port.
func NewCaller(p *Port) *Caller { return NewCallerOf(p, ProtoCall) }

// NewCallerOf is NewCaller for a protocol of its own.
func NewCallerOf(p *Port, proto string) *Caller {
	return &Caller{port: p, proto: proto, conns: map[Address]*callConn{}}
}

// Call asks a gateway and waits for the answer. ErrUnreachable: not asked.
// ErrLost and ctx's error: perhaps done. *RemoteError: refused by the other.
func (c *Caller) Call(ctx context.Context, to Address, method string, body []byte) ([]byte, error) {
	conn, err := c.conn(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return conn.call(ctx, method, body)
}

// conn returns the live connection to a gateway. Dialling happens outside the
// lock: a gateway that does not answer must not hold up calls to the others.
func (c *Caller) conn(ctx context.Context, to Address) (*callConn, error) {
	c.mu.Lock()
	cc := c.conns[to]
	c.mu.Unlock()
	if cc != nil && cc.alive() {
		return cc, nil
	}
	raw, err := c.port.Dial(ctx, to, c.proto)
	if err != nil {
		return nil, err
	}
	cc = &callConn{conn: raw, wait: map[uint64]chan message{}, dead: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.conns[to]; old != nil && old.alive() {
		_ = raw.Close() // another call was faster
		return old, nil
	}
	if !c.port.track(raw) {
		_ = raw.Close()
		return nil, ErrClosed
	}
	c.port.name(raw, to.ID)
	c.conns[to] = cc
	c.port.wg.Go(func() {
		defer c.port.untrack(raw)
		cc.read()
	})
	return cc, nil
}

// Ask makes one call on a connection that was dialled for it, and closes it: the
// first contact of a newcomer.
func Ask(ctx context.Context, conn net.Conn, method string, body []byte) ([]byte, error) {
	cc := &callConn{conn: conn, wait: map[uint64]chan message{}, dead: make(chan struct{})}
	go cc.read()
	answer, err := cc.call(ctx, method, body)
	_ = conn.Close() // ends read
	<-cc.dead
	return answer, err
}

// callConn is one connection with calls in flight.
type callConn struct {
	conn net.Conn
	out  sync.Mutex

	mu   sync.Mutex
	next uint64
	wait map[uint64]chan message
	dead chan struct{}
}

func (c *callConn) alive() bool {
	select {
	case <-c.dead:
		return false
	default:
		return true
	}
}

func (c *callConn) read() {
	defer close(c.dead)
	for {
		m, err := readFrame(c.conn)
		if err != nil {
			return
		}
		c.mu.Lock()
		ch := c.wait[m.ID]
		delete(c.wait, m.ID)
		c.mu.Unlock()
		if ch != nil {
			ch <- m // holds one
		}
	}
}

func (c *callConn) call(ctx context.Context, method string, body []byte) ([]byte, error) {
	ch := make(chan message, 1)
	c.mu.Lock()
	c.next++
	id := c.next
	c.wait[id] = ch
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.wait, id)
		c.mu.Unlock()
	}()
	c.out.Lock()
	err := writeFrame(c.conn, message{ID: id, Method: method, Body: body})
	c.out.Unlock()
	if errors.Is(err, ErrFrame) {
		return nil, err // too big: nothing was sent
	}
	if err != nil {
		_ = c.conn.Close() // half a frame may be out: nothing more can be said on it
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	select {
	case m := <-ch:
		if m.Failed {
			return nil, &RemoteError{Code: m.Code, Text: m.Text}
		}
		return m.Body, nil
	case <-c.dead:
		return nil, ErrLost
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func readFrame(r io.Reader) (message, error) { return readFrameUpTo(r, maxFrame) }

func readFrameUpTo(r io.Reader, most int) (message, error) {
	var head [4]byte
	var m message
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return m, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || int64(n) > int64(most) {
		return m, fmt.Errorf("%w: %d bytes", ErrFrame, n)
	}
	buf := make([]byte, n)
	if _, err := io.ReadFull(r, buf); err != nil {
		return m, err
	}
	if err := cbor.Unmarshal(buf, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return m, nil
}

func writeFrame(w net.Conn, m message) error {
	b, err := cbor.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) > maxFrame {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrFrame, len(b), maxFrame)
	}
	buf := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	if err := w.SetWriteDeadline(time.Now().Add(stalled)); err != nil {
		return err
	}
	_, err = w.Write(append(buf, b...))
	return err
}
