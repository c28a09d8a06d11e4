package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
)

// inflightMargin keeps the library's silent limit above the one that
// disconnects: that many publishers may be in between at once.
const inflightMargin = 1024

// Broker is one gateway's MQTT broker. Safe for concurrent use.
type Broker struct {
	cfg     Config
	handler Handler
	server  *mochi.Server
	lns     []*listener
	ctx     context.Context
	cancel  context.CancelFunc
	pace    pacer
	gate    gate
	tokens  atomic.Pointer[map[string]string] // of Config, or those they were exchanged for

	// snapshot is held for writing while a new subscription gets its retained
	// messages, for reading while a retained message is replaced and sent.
	snapshot sync.RWMutex

	open                                           atomic.Int64
	connects, refused, takenOver, denied, commands atomic.Uint64
	withheld, slow, panics, paced, turnedAway      atomic.Uint64
	subscriptions                                  atomic.Int64 // of links, so far

	mu       sync.Mutex
	state    int              // idle, running, closed
	sessions map[string]*conn // by client id; at most one connection each
	chases   map[string]*chase
	aparts   map[string]apart // by client id: connected to another gateway too
	links    []*Link
	kept     map[string]struct{} // topics of robots with a retained message
}

// States of a Broker.
const (
	idle = iota
	running
	closed
)

// Stats are counters since New, except Connected and Twice.
type Stats struct {
	Connected int    `json:"connected"` // clients now
	Connects  uint64 `json:"connects"`  // clients that came
	Refused   uint64 `json:"refused"`   // connections refused: who they said they are, or too many
	TakenOver uint64 `json:"takenOver"` // connections that ended because a newer one had the same client id
	Denied    uint64 `json:"denied"`    // publishes and subscriptions outside a client's rights or of a wrong QoS
	Commands  uint64 `json:"commands"`  // commands recorded and acknowledged
	Withheld  uint64 `json:"withheld"`  // commands not recorded: no acknowledgement, client disconnected
	Dropped   uint64 `json:"dropped"`   // clients disconnected because they read too slowly
	Panics    uint64 `json:"panics"`    // connections that failed inside the broker
	Paced     uint64 `json:"paced"`     // connections that had to wait because there was no quorum, or not for long
	// TurnedAway counts the connections that would have had to wait too long.
	TurnedAway uint64 `json:"turnedAway"`
	Unheard    uint64 `json:"unheard"` // messages the gateway itself was too slow to take

	Twice []Twice `json:"twice,omitempty"` // client ids that more than one device uses now
}

// Client is a connected client.
type Client struct {
	Device Device
	Remote string
	Since  time.Time
}

// New checks cfg and loads the certificates. It does not touch the network.
func New(cfg Config, h Handler) (*Broker, error) {
	cfg, tlsConfs, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, fmt.Errorf("%w: no handler", ErrConfig)
	}
	b := &Broker{cfg: cfg, handler: h, sessions: map[string]*conn{}, chases: map[string]*chase{}, aparts: map[string]apart{}, kept: map[string]struct{}{}, pace: pacer{now: cfg.Now}}
	b.tokens.Store(&cfg.Tokens)
	b.gate = gate{every: cfg.Limits.ConnectEvery, most: cfg.Limits.ConnectWait, burst: cfg.Limits.ConnectBurst}
	b.ctx, b.cancel = context.WithCancel(context.Background())

	caps := mochi.NewDefaultServerCapabilities()
	caps.MaximumClients = int64(cfg.Limits.MaxClients)
	caps.MaximumPacketSize = uint32(cfg.Limits.PacketSize)
	caps.MaximumClientWritesPending = int32(cfg.Limits.Pending)
	caps.MaximumInflight = uint16(cfg.Limits.Inflight + inflightMargin)
	caps.MaximumMessageExpiryInterval = 0 // else retained messages are gone after this many seconds
	caps.MaximumQos = 1
	caps.MinimumProtocolVersion = 4
	caps.SharedSubAvailable = 0
	caps.TopicAliasMaximum = 0 // an alias would be resolved behind the check of the rights
	b.server = mochi.New(&mochi.Options{
		Capabilities:           caps,
		Logger:                 slog.New(slog.DiscardHandler), // it logs whole packets; what matters is logged here
		SysTopicResendInterval: 3600,                          // nobody may read $SYS
		InlineClient:           true,
	})
	if err := b.server.AddHook(&hook{b: b}, nil); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	for i, l := range cfg.Listen {
		b.lns = append(b.lns, &listener{
			b: b, id: strconv.Itoa(i), address: l.Address, tls: tlsConfs[i], insecure: l.Insecure, conns: map[*conn]struct{}{},
		})
	}
	return b, nil
}

// Start binds all listeners and serves. After an error nothing is bound.
func (b *Broker) Start() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != idle {
		return fmt.Errorf("%w: Start called twice", ErrConfig)
	}
	for _, l := range b.lns {
		if err := b.server.AddListener(l); err != nil {
			b.state = closed
			b.cancel()
			for _, l := range b.lns {
				l.Close(func(string) {})
			}
			return err
		}
	}
	b.state = running
	if err := b.server.Serve(); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return nil
}

// Run is Start, then Close when ctx ends.
func (b *Broker) Run(ctx context.Context) error {
	if err := b.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	return b.Close()
}

// Close disconnects everybody and returns when all goroutines have ended.
// Commands that are being handled see their context end and get no PUBACK.
func (b *Broker) Close() error {
	b.mu.Lock()
	was := b.state
	b.state = closed
	b.mu.Unlock()
	b.cancel()
	if was != running {
		return nil
	}
	if err := b.server.Close(); err != nil {
		return fmt.Errorf("broker: close: %w", err)
	}
	return nil
}

// Addr returns the address of the first listener; valid after Start.
func (b *Broker) Addr() string { return b.lns[0].Address() }

// Addrs returns the addresses of all listeners; valid after Start.
func (b *Broker) Addrs() []string {
	out := make([]string, len(b.lns))
	for i, l := range b.lns {
		out[i] = l.Address()
	}
	return out
}

// Publish sends a message from the gateway to all subscribers. It never waits
// for a client. With retain set the message is kept for later subscribers; an
// empty payload then removes it. The messages of one caller keep their order.
func (b *Broker) Publish(topic string, payload []byte, retain bool, qos byte) error {
	if qos > 1 {
		return fmt.Errorf("%w: publish with QoS %d", ErrRefused, qos)
	}
	b.mu.Lock()
	state := b.state
	b.mu.Unlock()
	if state == closed {
		return ErrClosed
	}
	if retain {
		b.snapshot.RLock()
		defer b.snapshot.RUnlock()
	}
	if err := b.server.Publish(topic, bytes.Clone(payload), retain, qos); err != nil {
		return fmt.Errorf("broker: publish %s: %w", topic, err)
	}
	return nil
}

// Clients lists the connected clients by client id.
func (b *Broker) Clients() []Client {
	b.mu.Lock()
	out := make([]Client, 0, len(b.sessions))
	for _, c := range b.sessions {
		out = append(out, Client{Device: c.dev, Remote: c.RemoteAddr().String(), Since: c.since})
	}
	b.mu.Unlock()
	sort.Slice(out, func(i, j int) bool { return out[i].Device.String() < out[j].Device.String() })
	return out
}

// Cut ends the connections of all clients that out picks: what they may do has
// changed. Their last wills are told.
func (b *Broker) Cut(out func(dev Device) bool) {
	b.mu.Lock()
	var cut []*conn
	for _, c := range b.sessions {
		if out(c.dev) {
			cut = append(cut, c)
		}
	}
	b.mu.Unlock()
	for _, c := range cut {
		c.closeFor(fmt.Errorf("%w: it does not belong to the site any more", ErrRefused))
	}
}

// SetTokens exchanges the tokens. Clients whose token is another one now, or gone,
// are cut off and show who they are anew. An empty set is refused: on a loopback
// listener it would let everybody in.
func (b *Broker) SetTokens(tokens map[string]string) error {
	if len(tokens) == 0 && len(*b.tokens.Load()) > 0 {
		return fmt.Errorf("%w: no token", ErrConfig)
	}
	if err := b.cfg.checkTokens(tokens); err != nil {
		return err
	}
	old := *b.tokens.Swap(&tokens)
	b.Cut(func(dev Device) bool {
		id := dev.String()
		if dev.Class == ClassReader {
			id = dev.ID
		}
		was, had := old[id]
		return had && tokens[id] != was
	})
	return nil
}

// Stats returns the counters.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	n, twice, unheard := len(b.sessions), b.twice(), uint64(0)
	for _, l := range b.links {
		unheard += l.dropped.Load()
	}
	b.mu.Unlock()
	return Stats{
		Connected: n, Connects: b.connects.Load(), Refused: b.refused.Load(), TakenOver: b.takenOver.Load(),
		Denied: b.denied.Load(), Commands: b.commands.Load(), Withheld: b.withheld.Load(),
		Dropped: b.slow.Load(), Panics: b.panics.Load(), Unheard: unheard, Twice: twice,
		Paced: b.paced.Load(), TurnedAway: b.turnedAway.Load(),
	}
}

// claim makes c the connection of dev. An older one is ended first, completely:
// the library would otherwise let its end remove the newer one.
func (b *Broker) claim(c *conn, cl *mochi.Client, dev Device) error {
	limit := time.NewTimer(b.cfg.Limits.TakeoverTimeout)
	defer limit.Stop()
	id := dev.String()
	for {
		b.mu.Lock()
		old := b.sessions[id]
		if old == nil {
			c.dev, c.cl, c.since = dev, cl, b.cfg.Now()
			b.sessions[id] = c
			b.mu.Unlock()
			return nil
		}
		b.mu.Unlock()
		if !old.superseded.Swap(true) {
			b.takenOver.Add(1)
			b.say("takeover "+id, slog.LevelWarn, "a newer connection took over",
				"device", id, "old", old.RemoteAddr(), "new", c.RemoteAddr())
			b.chased(id, old, c)
		}
		old.closeFor(ErrTakenOver)
		select {
		case <-old.done:
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-limit.C:
			return fmt.Errorf("%w: the older connection does not end", ErrRefused)
		}
	}
}

// release forgets a connection the library is through with.
func (b *Broker) release(c *conn) {
	if c.cl != nil {
		// Left behind when the connection broke between CONNECT and CONNACK.
		if cl, ok := b.server.Clients.Get(c.cl.ID); ok && cl == c.cl {
			b.server.UnsubscribeClient(cl)
			b.server.Clients.Delete(cl.ID)
		}
		b.mu.Lock()
		delete(b.sessions, c.dev.String())
		b.mu.Unlock()
	}
	close(c.done)
}

// unlock gives the snapshot lock back if c's reader holds it.
func (b *Broker) unlock(c *conn) {
	if c.subscribe {
		c.subscribe = false
		b.snapshot.Unlock()
	}
	if c.retain {
		c.retain = false
		b.snapshot.RUnlock()
	}
}

// tooSlow disconnects a client that leaves messages unread. Called from any
// goroutine, also under locks of the library: it must not block.
func (b *Broker) tooSlow(c *conn, why string) {
	if c.ctx.Err() != nil {
		return
	}
	b.slow.Add(1)
	b.say("slow "+c.dev.String(), slog.LevelWarn, "device reads too slowly, disconnected", "device", c.dev.String(), "cause", why)
	c.closeFor(ErrSlowClient)
}

// strange tells of a connection that never became a client.
func (b *Broker) strange(c *conn, err error) {
	if b.ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return
	}
	b.say("strange "+host(c), slog.LevelInfo, "connection without a client", "remote", c.RemoteAddr(), "error", err)
}

// host is the remote address without the port.
func host(c *conn) string {
	h, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return c.RemoteAddr().String()
	}
	return h
}

// say logs at most one line per key and minute, with the number left out.
func (b *Broker) say(key string, level slog.Level, msg string, args ...any) {
	more, ok := b.pace.allow(key)
	if !ok {
		return
	}
	if more > 0 {
		args = append(args, "repeated", more)
	}
	b.cfg.Log.Log(context.Background(), level, msg, args...)
}
