package mqtt

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// subscribeRefused is the return code of a SUBACK that says no.
const subscribeRefused = 0x80

// goodbye bounds the time a clean disconnect may take.
const goodbye = 250 * time.Millisecond

// session is one connection: one paho client that connects once and is thrown
// away. A token of it can therefore only be completed without an error by a
// PUBACK (or SUBACK) read from this connection.
type session struct {
	cfg    *Config
	broker string
	cl     paho.Client
	conn   atomic.Pointer[abortable]
	slots  chan struct{} // taken while a publish is not settled
	send   chan struct{} // taken while a message is handed to paho

	done chan struct{}   // closed when the connection is of no more use
	gone chan struct{}   // closed when paho has cleaned up after a lost connection
	wg   *sync.WaitGroup // of the client; grows only while not ended

	mu    sync.Mutex
	ended bool
	err   error // why it ended; valid after done is closed
}

// dial connects to one broker. deliver is called from paho's router for each
// message and must not block.
func dial(ctx context.Context, cfg *Config, wg *sync.WaitGroup, broker string, deliver func(Message) error) (*session, error) {
	s := &session{
		cfg: cfg, broker: broker, wg: wg,
		slots: make(chan struct{}, cfg.MaxInflight), send: make(chan struct{}, 1),
		done: make(chan struct{}), gone: make(chan struct{}),
	}
	dctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()

	o := paho.NewClientOptions().
		AddBroker(broker).
		SetClientID(cfg.ClientID).
		SetUsername(cfg.Username).
		SetPassword(cfg.Password).
		SetProtocolVersion(4). // else paho falls back to 3.1
		SetCleanSession(true).
		SetAutoReconnect(false). // see session
		SetConnectRetry(false).
		SetResumeSubs(false).
		SetOrderMatters(true).
		SetKeepAlive(cfg.KeepAlive).
		SetPingTimeout(cfg.PingTimeout).
		SetConnectTimeout(cfg.ConnectTimeout).
		SetWriteTimeout(cfg.WriteTimeout).
		SetAutoAckDisabled(true).
		SetConnectionLostHandler(func(_ paho.Client, err error) {
			s.fail(err)
			close(s.gone)
		}).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			err := deliver(Message{
				Topic: m.Topic(), Payload: bytes.Clone(m.Payload()), QoS: m.Qos(),
				Retained: m.Retained(), Duplicate: m.Duplicate(),
			})
			if err != nil {
				s.fail(err)
				return // no acknowledgement for what was not taken
			}
			m.Ack()
		}).
		SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn, error) {
			c, err := s.open(dctx, u)
			if err != nil {
				return nil, err
			}
			a := &abortable{Conn: c}
			s.conn.Store(a)
			return a, nil
		})
	if cfg.Will != nil {
		o.SetBinaryWill(cfg.Will.Topic, cfg.Will.Payload, cfg.Will.QoS, cfg.Will.Retained)
	}
	s.cl = paho.NewClient(o)

	stop := context.AfterFunc(dctx, func() {
		if a := s.conn.Load(); a != nil {
			a.abort()
		}
	})
	t := s.cl.Connect()
	<-t.Done() // bounded: dctx covers the dial, then aborts the handshake
	if !stop() && t.Error() == nil {
		s.fail(context.Cause(dctx))
		<-s.gone
		return nil, fmt.Errorf("mqtt: connect %s: %w", broker, s.err)
	}
	if err := t.Error(); err != nil {
		if a := s.conn.Load(); a != nil {
			_ = a.Close()
		}
		return nil, fmt.Errorf("mqtt: connect %s: %w", broker, err)
	}
	return s, nil
}

// open makes the TCP or TLS connection.
func (s *session) open(ctx context.Context, u *url.URL) (net.Conn, error) {
	c, err := s.cfg.Dial(ctx, "tcp", u.Host)
	if err != nil || u.Scheme == "tcp" {
		return c, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.cfg.TLS != nil {
		conf = s.cfg.TLS.Clone()
	}
	if conf.ServerName == "" {
		conf.ServerName = u.Hostname()
	}
	tc := tls.Client(c, conf)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("tls: %w", err)
	}
	return tc, nil
}

// fail ends the connection for the given reason. Safe from any goroutine,
// never blocks.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended, s.err = true, err
	close(s.done)
	if a := s.conn.Load(); a != nil {
		a.abort()
	}
}

// alive reports whether there is a connection that can still be used.
func (s *session) alive() bool {
	if s == nil {
		return false
	}
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// close ends the connection and returns when paho is through with it. With
// clean set, a DISCONNECT goes out, which makes the broker forget the will.
func (s *session) close(clean bool) {
	if clean {
		s.cl.Disconnect(uint(goodbye / time.Millisecond))
	}
	s.fail(ErrClosed)
	if !clean {
		<-s.gone
	}
}

// subscribe makes subscriptions in one packet, so that no delivery can come
// between two of them, and fails unless all are granted.
func (s *session) subscribe(ctx context.Context, subs []*subscription) error {
	if len(subs) == 0 {
		return nil
	}
	filters := make(map[string]byte, len(subs))
	for _, sub := range subs {
		filters[sub.Filter] = max(filters[sub.Filter], sub.QoS)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
	defer cancel()
	t, ok := s.cl.SubscribeMultiple(filters, nil).(*paho.SubscribeToken)
	if !ok {
		return errors.New("mqtt: subscribe: unexpected token")
	}
	select {
	case <-t.Done():
	case <-s.done:
		return fmt.Errorf("mqtt: subscribe: %w", ErrConnectionLost)
	case <-ctx.Done():
		return fmt.Errorf("mqtt: subscribe: %w: %w", ErrNoAck, ctx.Err())
	}
	if err := t.Error(); err != nil {
		return fmt.Errorf("mqtt: subscribe: %w: %w", ErrConnectionLost, err)
	}
	granted := t.Result()
	for _, sub := range subs {
		if q, ok := granted[sub.Filter]; !ok || q == subscribeRefused {
			return fmt.Errorf("%w: %s", ErrSubscribeRefused, sub.Filter)
		}
	}
	return nil
}

// publish sends one message and waits: at QoS 1 for its PUBACK, at QoS 0 until
// it was written.
func (s *session) publish(ctx context.Context, m Message) error {
	if !s.alive() {
		return ErrNotConnected
	}
	for _, turn := range []chan struct{}{s.slots, s.send} {
		select {
		case turn <- struct{}{}:
			continue
		case <-s.done:
		case <-ctx.Done():
		}
		if turn == s.send {
			<-s.slots
		}
		if !s.alive() {
			return ErrNotConnected
		}
		return fmt.Errorf("%w: %w", ErrNoAck, ctx.Err())
	}
	payload := append([]byte{}, m.Payload...) // the caller may be gone before the bytes are
	settled := make(chan error, 1)
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		<-s.send
		<-s.slots
		return ErrNotConnected
	}
	s.wg.Go(func() {
		defer func() { <-s.slots }()
		// When the connection dies just now, nobody takes the message from
		// paho and this call lasts for the whole WriteTimeout; therefore
		// one at a time, and nobody waits for it but Run at its end.
		t := s.cl.Publish(m.Topic, m.QoS, m.Retained, payload)
		<-s.send
		select {
		case <-t.Done():
		case <-s.done: // paho completes no token that came in behind its clean-up
			settled <- ErrConnectionLost
			return
		}
		err := t.Error()
		if err != nil {
			s.fail(err) // a broker that takes no bytes is of no use
			err = fmt.Errorf("%w: %w", ErrConnectionLost, err)
		}
		settled <- err
	})
	s.mu.Unlock()
	select {
	case err := <-settled:
		return err
	case <-s.done:
		select {
		case err := <-settled:
			return err
		default:
			return ErrConnectionLost
		}
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNoAck, ctx.Err())
	}
}

// abortable is a connection that can be made to fail. paho takes a closed
// connection for its own doing and would never report it; a timeout it reports.
type abortable struct {
	net.Conn
	mu      sync.Mutex
	aborted bool
}

func (a *abortable) abort() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.aborted = true
	_ = a.Conn.SetDeadline(time.Unix(1, 0))
}

func (a *abortable) deadline(set func(time.Time) error, t time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.aborted {
		return nil // the deadline of abort stands
	}
	return set(t)
}

func (a *abortable) SetDeadline(t time.Time) error     { return a.deadline(a.Conn.SetDeadline, t) }
func (a *abortable) SetReadDeadline(t time.Time) error { return a.deadline(a.Conn.SetReadDeadline, t) }

func (a *abortable) SetWriteDeadline(t time.Time) error {
	return a.deadline(a.Conn.SetWriteDeadline, t)
}
