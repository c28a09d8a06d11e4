package mqtt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Client is one MQTT client with one client id. Safe for concurrent use.
type Client struct {
	cfg    Config
	ctx    context.Context // ends when the client is closed
	cancel context.CancelFunc
	ended  chan struct{} // closed when Run has returned
	wg     sync.WaitGroup

	connects, dropped, acked, lost atomic.Uint64

	mu      sync.Mutex
	running bool
	subs    []*subscription
	sess    *session      // nil unless connected with all subscriptions made
	changed chan struct{} // closed and replaced whenever sess changes
}

// Stats counts since New.
type Stats struct {
	Connects uint64 // connections that came to stand
	Dropped  uint64 // messages received and dropped because a queue was full
	Acked    uint64 // publishes the broker acknowledged
	Lost     uint64 // publishes that ended without an acknowledgement
}

// New checks cfg. It does not touch the network.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, ended: make(chan struct{}), changed: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Run connects, stays connected, and returns nil when ctx ends or Close is
// called, after it has said goodbye and all goroutines have ended; when the
// connection was lost in the middle of a publish, that may take up to
// Config.WriteTimeout. It may be called once.
func (c *Client) Run(ctx context.Context) error {
	c.mu.Lock()
	if c.running {
		c.mu.Unlock()
		return fmt.Errorf("%w: Run called twice", ErrInvalid)
	}
	c.running = true
	for _, s := range c.subs {
		c.start(s)
	}
	c.mu.Unlock()
	defer close(c.ended)
	defer c.wg.Wait()
	defer c.cancel()
	defer context.AfterFunc(ctx, c.cancel)()
	c.loop()
	return nil
}

// Close ends the client and waits until Run has returned. Publishes that wait
// fail with ErrConnectionLost.
func (c *Client) Close() error {
	c.cancel()
	c.mu.Lock()
	running := c.running
	c.running = true // a Run that comes later is refused
	c.mu.Unlock()
	if running {
		<-c.ended
	} else {
		close(c.ended)
	}
	return nil
}

// start begins the goroutine of a subscription. c.mu is held.
func (c *Client) start(s *subscription) {
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		s.run(c.ctx)
	}()
}

// loop keeps one connection after the other.
func (c *Client) loop() {
	var (
		log   = c.cfg.Logger.With("client", c.cfg.ClientID)
		next  int  // index of the broker to try
		fails int  // attempts in a row without a connection that lasted
		quiet bool // the outage was logged
	)
	for c.ctx.Err() == nil {
		broker := c.cfg.Brokers[next]
		next = (next + 1) % len(c.cfg.Brokers)
		began := time.Now()
		s, err := c.connect(broker)
		switch {
		case err != nil:
			fails++
			if fails >= len(c.cfg.Brokers) && !quiet && c.ctx.Err() == nil {
				quiet = true
				log.Warn("no broker reachable, trying on", "error", err)
			}
		default:
			quiet = false
			log.Info("connected", "broker", broker)
			err = c.stay(s)
			if c.ctx.Err() != nil {
				return
			}
			log.Info("connection lost", "broker", broker, "error", err)
			// A connection that ends at once counts as a failure: two
			// clients with one id would otherwise chase each other.
			if time.Since(began) < c.cfg.MaxReconnect {
				fails++
			} else {
				fails = 0
			}
		}
		c.pause(fails)
	}
}

// pause waits after a failure: not at all while there is a broker not tried
// yet, then longer and longer, with jitter so that a floor full of handhelds
// does not come back in step.
func (c *Client) pause(fails int) {
	round := fails / len(c.cfg.Brokers)
	if fails == 0 || fails%len(c.cfg.Brokers) != 0 {
		return
	}
	d := c.cfg.MaxReconnect
	if shift := round - 1; shift < 16 {
		d = min(d, c.cfg.MinReconnect<<shift)
	}
	d = d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.ctx.Done():
	}
}

// connect dials one broker and makes all subscriptions. When it returns a
// session, the client is connected.
func (c *Client) connect(broker string) (*session, error) {
	s, err := dial(c.ctx, &c.cfg, &c.wg, broker, c.deliver)
	if err != nil {
		return nil, err
	}
	made := 0
	for {
		c.mu.Lock()
		todo := c.subs[made:]
		if len(todo) == 0 {
			c.set(s)
			c.mu.Unlock()
			c.connects.Add(1)
			return s, nil
		}
		c.mu.Unlock()
		if err := s.subscribe(c.ctx, todo); err != nil {
			s.fail(err)
			s.close(false)
			return nil, err
		}
		made += len(todo)
	}
}

// stay holds the connection until it fails or the client is closed.
func (c *Client) stay(s *session) error {
	ctx, cancel := context.WithCancel(c.ctx)
	hello := make(chan struct{})
	go func() {
		defer close(hello)
		if c.cfg.OnConnect != nil {
			c.cfg.OnConnect(ctx, s.broker)
		}
	}()
	select {
	case <-s.done:
	case <-c.ctx.Done():
	}
	cancel()
	<-hello
	c.mu.Lock()
	c.set(nil)
	c.mu.Unlock()
	select {
	case <-s.done:
		s.close(false)
	default: // Close was called: a goodbye
		if w := c.cfg.Will; w != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 4*goodbye)
			_ = s.publish(ctx, *w) // else the broker tells it, by the will
			cancel()
		}
		s.close(true)
	}
	if c.cfg.OnDisconnect != nil {
		c.cfg.OnDisconnect(s.err)
	}
	return s.err
}

// set makes s the current connection. c.mu is held.
func (c *Client) set(s *session) {
	c.sess = s
	close(c.changed)
	c.changed = make(chan struct{})
}

// deliver hands a message to all subscriptions that select it. Called from
// paho's router.
func (c *Client) deliver(m Message) error {
	c.mu.Lock()
	subs := c.subs
	c.mu.Unlock()
	var err error
	for _, s := range subs {
		if !Match(s.Filter, m.Topic) {
			continue
		}
		mm := m
		mm.Payload = append([]byte(nil), m.Payload...)
		if !s.push(mm) {
			err = fmt.Errorf("%w: %s", ErrQueueFull, s.Filter)
		}
	}
	return err
}

// Subscribe adds a subscription for the life of the client. While connected it
// returns when the broker has granted it; otherwise it will be made at the next
// connect. Where filters overlap, each selecting subscription gets the message.
// A subscription refused later, at a reconnect, ends that connection.
func (c *Client) Subscribe(ctx context.Context, sub Subscription) error {
	switch {
	case !ValidFilter(sub.Filter):
		return fmt.Errorf("%w: filter %q", ErrInvalid, sub.Filter)
	case sub.QoS > 1:
		return fmt.Errorf("%w: QoS %d: only 0 and 1 are used", ErrInvalid, sub.QoS)
	case sub.Handler == nil:
		return fmt.Errorf("%w: filter %q has no handler", ErrInvalid, sub.Filter)
	case sub.Queue < 0:
		return fmt.Errorf("%w: queue of %d", ErrInvalid, sub.Queue)
	case c.ctx.Err() != nil:
		return ErrClosed
	}
	s := newSubscription(sub, &c.dropped)
	c.mu.Lock()
	c.subs = append(c.subs[:len(c.subs):len(c.subs)], s) // deliver reads the old slice without the lock
	if c.running {
		c.start(s)
	}
	sess := c.sess
	c.mu.Unlock()
	if sess == nil {
		return nil
	}
	err := sess.subscribe(ctx, []*subscription{s})
	if errors.Is(err, ErrConnectionLost) {
		return nil // made at the next connect
	}
	if err != nil {
		c.mu.Lock()
		subs := make([]*subscription, 0, len(c.subs))
		for _, o := range c.subs {
			if o != s {
				subs = append(subs, o)
			}
		}
		c.subs = subs
		c.mu.Unlock()
	}
	return err
}

// Publish sends a message at QoS 1 and returns nil only when the broker has
// acknowledged it on the current connection. With [ErrConnectionLost] and
// [ErrNoAck] the broker may have it all the same: send again what must not be
// lost, and let the receiver tell the copies apart. It blocks at most until ctx
// ends and may be called from handlers.
func (c *Client) Publish(ctx context.Context, topic string, payload []byte, retained bool) error {
	err := c.publish(ctx, Message{Topic: topic, Payload: payload, QoS: 1, Retained: retained})
	if err == nil {
		c.acked.Add(1)
	} else {
		c.lost.Add(1)
	}
	return err
}

// PublishQoS0 sends telemetry and returns when it was written to the
// connection. Nobody says whether it arrived.
func (c *Client) PublishQoS0(ctx context.Context, topic string, payload []byte, retained bool) error {
	return c.publish(ctx, Message{Topic: topic, Payload: payload, Retained: retained})
}

func (c *Client) publish(ctx context.Context, m Message) error {
	if err := checkMessage(m); err != nil {
		return err
	}
	c.mu.Lock()
	s := c.sess
	c.mu.Unlock()
	if s == nil {
		return ErrNotConnected
	}
	return s.publish(ctx, m)
}

// Connected reports the broker the client is connected to, "" when to none.
func (c *Client) Connected() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.sess.alive() {
		return ""
	}
	return c.sess.broker
}

// WaitConnected returns nil as soon as the client is connected.
func (c *Client) WaitConnected(ctx context.Context) error {
	for {
		c.mu.Lock()
		s, changed := c.sess, c.changed
		c.mu.Unlock()
		if s.alive() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrNotConnected, ctx.Err())
		case <-c.ctx.Done():
			return ErrClosed
		}
	}
}

// Stats returns the counters.
func (c *Client) Stats() Stats {
	return Stats{c.connects.Load(), c.dropped.Load(), c.acked.Load(), c.lost.Load()}
}
