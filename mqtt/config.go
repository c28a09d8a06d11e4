package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"
)

// Errors of this package.
var (
	// ErrNotConnected: there is no connection to any broker now; nothing was sent.
	ErrNotConnected = errors.New("mqtt: not connected")
	// ErrConnectionLost: the connection ended before the broker acknowledged;
	// the broker may or may not have the message.
	ErrConnectionLost = errors.New("mqtt: connection lost before the acknowledgement")
	// ErrNoAck: the context ended before the broker acknowledged; the broker
	// may or may not have the message. It wraps the context's error.
	ErrNoAck = errors.New("mqtt: no acknowledgement in time")
	// ErrQueueFull: a handler was too slow and a message had to be refused;
	// the connection is dropped so that retained state comes again.
	ErrQueueFull = errors.New("mqtt: subscription queue full")
	// ErrSubscribeRefused: the broker does not allow the subscription.
	ErrSubscribeRefused = errors.New("mqtt: subscription refused")
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("mqtt: client closed")
	// ErrInvalid: a configuration, topic or filter breaks the rules.
	ErrInvalid = errors.New("mqtt: invalid")
)

// Defaults and bounds of [Config].
const (
	DefaultKeepAlive      = 15 * time.Second
	DefaultPingTimeout    = 5 * time.Second
	DefaultConnectTimeout = 5 * time.Second
	DefaultWriteTimeout   = 3 * time.Second
	DefaultMinReconnect   = 100 * time.Millisecond
	DefaultMaxReconnect   = 2 * time.Second
	DefaultMaxInflight    = 64
	DefaultQueue          = 256
	// MaxPayload is the largest payload published, in bytes. The embedded
	// broker takes packets of 64 KiB.
	MaxPayload = 60 << 10
)

// Config says where to connect and as whom. The zero values of the times mean
// the defaults above.
type Config struct {
	// Brokers are tried in turn: "tcp://host:port" or "tls://host:port".
	Brokers []string
	// ClientID must be unique on the broker: a second client with the same
	// id takes the connection over.
	ClientID string
	Username string
	Password string
	// TLS is used for tls:// brokers; nil means the system's roots.
	TLS *tls.Config
	// Will is what the broker publishes when the connection ends without a
	// goodbye. The client itself publishes it when it is closed in order,
	// so that watchers see the same either way. nil = none.
	Will *Message

	KeepAlive      time.Duration // whole seconds, at least 1 s
	PingTimeout    time.Duration // a broker that does not answer a ping for this long is left
	ConnectTimeout time.Duration // TCP, TLS and CONNECT together, per broker
	WriteTimeout   time.Duration // a broker that takes no bytes for this long is left
	MinReconnect   time.Duration // first pause after all brokers failed
	MaxReconnect   time.Duration // longest pause
	MaxInflight    int           // publishes without an acknowledgement; more wait

	// OnConnect is called after each connect, when the subscriptions stand.
	// Its context ends with the connection. It may publish. It must return
	// when its context ends.
	OnConnect func(ctx context.Context, broker string)
	// OnDisconnect is called after each end of a connection that OnConnect
	// was called for; never at the same time as OnConnect.
	OnDisconnect func(err error)

	Logger *slog.Logger // nil = none
	// Dial opens the TCP connection; nil = net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Message is one application message.
type Message struct {
	Topic    string
	Payload  []byte
	QoS      byte // 0 or 1
	Retained bool // on receipt: sent from the broker's store because of a new subscription
	// Duplicate is set on receipt when the broker sent the message before.
	Duplicate bool
}

// Subscription is one topic filter with its handler.
type Subscription struct {
	Filter string
	QoS    byte // 0 or 1
	// Queue bounds the messages waiting for the handler; 0 = DefaultQueue.
	// When it is full, a QoS 0 subscription drops the oldest message; a
	// QoS 1 subscription refuses the message and drops the connection, so
	// that the retained state comes again.
	Queue int
	// Handler gets the messages one by one in order of arrival. The context
	// ends when the client closes. The handler owns the message.
	Handler func(ctx context.Context, m Message)
}

// withDefaults validates cfg and fills in the defaults.
func (cfg Config) withDefaults() (Config, error) {
	if len(cfg.Brokers) == 0 {
		return cfg, fmt.Errorf("%w: no brokers", ErrInvalid)
	}
	for _, b := range cfg.Brokers {
		u, err := url.Parse(b)
		if err != nil {
			return cfg, fmt.Errorf("%w: broker %q: %w", ErrInvalid, b, err)
		}
		if u.Scheme != "tcp" && u.Scheme != "tls" {
			return cfg, fmt.Errorf("%w: broker %q: want tcp://host:port or tls://host:port", ErrInvalid, b)
		}
		if u.Hostname() == "" || u.Port() == "" || u.Path != "" || u.User != nil {
			return cfg, fmt.Errorf("%w: broker %q: want %s://host:port", ErrInvalid, b, u.Scheme)
		}
	}
	if cfg.ClientID == "" {
		return cfg, fmt.Errorf("%w: no client id", ErrInvalid)
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&cfg.KeepAlive, DefaultKeepAlive)
	def(&cfg.PingTimeout, DefaultPingTimeout)
	def(&cfg.ConnectTimeout, DefaultConnectTimeout)
	def(&cfg.WriteTimeout, DefaultWriteTimeout)
	def(&cfg.MinReconnect, DefaultMinReconnect)
	def(&cfg.MaxReconnect, DefaultMaxReconnect)
	if cfg.MaxInflight == 0 {
		cfg.MaxInflight = DefaultMaxInflight
	}
	if cfg.KeepAlive < time.Second || cfg.KeepAlive%time.Second != 0 || cfg.KeepAlive > 18*time.Hour {
		return cfg, fmt.Errorf("%w: keep-alive %v: want whole seconds, at least 1 s", ErrInvalid, cfg.KeepAlive)
	}
	for _, d := range []time.Duration{cfg.PingTimeout, cfg.ConnectTimeout, cfg.WriteTimeout, cfg.MinReconnect, cfg.MaxReconnect} {
		if d < 0 {
			return cfg, fmt.Errorf("%w: negative time %v", ErrInvalid, d)
		}
	}
	if cfg.MaxReconnect < cfg.MinReconnect {
		return cfg, fmt.Errorf("%w: longest pause %v is shorter than the first %v", ErrInvalid, cfg.MaxReconnect, cfg.MinReconnect)
	}
	if cfg.MaxInflight < 1 || cfg.MaxInflight > 1000 {
		return cfg, fmt.Errorf("%w: max inflight %d: want 1..1000", ErrInvalid, cfg.MaxInflight)
	}
	if cfg.Will != nil {
		if err := checkMessage(*cfg.Will); err != nil {
			return cfg, fmt.Errorf("will: %w", err)
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	return cfg, nil
}

// checkMessage refuses what must not go on the wire.
func checkMessage(m Message) error {
	if !ValidTopic(m.Topic) {
		return fmt.Errorf("%w: topic %q", ErrInvalid, m.Topic)
	}
	if m.QoS > 1 {
		return fmt.Errorf("%w: QoS %d: only 0 and 1 are used", ErrInvalid, m.QoS)
	}
	if len(m.Payload) > MaxPayload {
		return fmt.Errorf("%w: payload of %d bytes, at most %d", ErrInvalid, len(m.Payload), MaxPayload)
	}
	return nil
}
