package broker

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Errors of this package.
var (
	// ErrConfig: the configuration breaks a rule; the text says which.
	ErrConfig = errors.New("broker: configuration")
	// ErrPlainListener: a listener without TLS must be on a loopback address.
	ErrPlainListener = errors.New("broker: a listener without TLS must be on loopback")
	// ErrClosed: the broker is not running.
	ErrClosed = errors.New("broker: not running")
	// ErrSlowClient: the client did not read fast enough; it must come back
	// and read the retained state again.
	ErrSlowClient = errors.New("broker: client too slow")
	// ErrRefused: the client broke a rule of the protocol.
	ErrRefused = errors.New("broker: refused")
	// ErrTakenOver: another connection with the same client id came.
	ErrTakenOver = errors.New("broker: taken over by a newer connection")
)

// Handler takes the commands of devices.
type Handler interface {
	// Command must return nil only when the command is recorded for good,
	// also when it was recorded as refused: nil lets the PUBACK out. With an
	// error the device is disconnected and sends again. Calls for one device
	// come one after the other, for different devices at the same time. ctx
	// ends with the connection, with the broker and after
	// Limits.CommandTimeout; Command must then return soon.
	Command(ctx context.Context, dev Device, name string, payload []byte) error
}

// Listener is one address to listen on.
type Listener struct {
	Address string // host:port; port 0 picks a free one
	// CertFile and KeyFile (PEM) switch TLS on, and so does TLS, which then holds
	// the certificate. Without them Address must be a loopback address.
	CertFile, KeyFile string
	TLS               *tls.Config
	// Insecure lets Address be one of the network without TLS.
	Insecure bool
}

// Hashed stands before the SHA-256 of a token, in hex, where that is kept instead of
// the token.
const Hashed = "sha256:"

// Limits bound what clients may use. Zero values mean the defaults.
type Limits struct {
	MaxClients     int           // connections at a time; default 256
	PacketSize     int           // bytes of one packet from a client; default 64 KiB
	Inflight       int           // QoS 1 messages sent and not acknowledged by a client; default 256
	WriteBuffer    int           // bytes waiting to be sent to a client; default 4 MiB
	Pending        int           // messages waiting to be encoded for a client; default 8192
	ConnectTimeout time.Duration // from accept to CONNECT; default 10 s
	WriteTimeout   time.Duration // a client that takes no bytes for this long is disconnected; default 10 s
	// CommandTimeout bounds Handler.Command. Default 4 s: below the 5 s a
	// client waits for a ping, which is not answered meanwhile.
	CommandTimeout  time.Duration
	TakeoverTimeout time.Duration // an older connection must have ended by then; default 5 s

	// New connections without a quorum, and for SettleTime (default 5 s)
	// after it came: ConnectBurst (default 16) at once, then one per
	// ConnectEvery (default 20 ms). Who would wait longer than ConnectWait is
	// turned away; its default of 3 s is below the 5 s a client waits.
	ConnectBurst                          int
	ConnectEvery, ConnectWait, SettleTime time.Duration
}

// Reader is an RFID reader that speaks MQTT in its maker's way: with a client id
// and topics that stand in its own configuration.
type Reader struct {
	ClientID string   // as the reader sends it: 1 to 64 of A-Z a-z 0-9 _ . -
	Says     []string // topics it may publish on, its last will too; not below tote/
	Hears    string   // the one topic it may subscribe to
}

// Config of a Broker.
type Config struct {
	Listen []Listener
	Site   string // the {site} of the topics
	Limits Limits
	// Tokens, when not empty, holds the password of every client by client
	// id ("handheld:h1"), or [Hashed] and the SHA-256 of it. The user name must
	// then equal the client id.
	Tokens map[string]string
	// Admit says whether a client that Tokens does not know is who it says: by its
	// password, or by the certificate it showed, which TLS has verified (nil without
	// TLS). It runs on the connection's goroutine. nil = nobody is.
	Admit func(clientID string, password []byte, shown *tls.ConnectionState) error
	// Readers are the RFID readers that may connect. Each speaks only on its own
	// topics, and nothing of it is kept.
	Readers []Reader
	// Connected is told of each client whose session stands, before anything
	// it sends is read. It runs on the connection's goroutine and must not
	// block. nil = nobody wants to know.
	Connected func(dev Device)
	// Asked is told of each station or dock whose state somebody subscribes
	// to, before the subscription stands: what is published because of it
	// reaches the subscriber. It runs on the connection's goroutine and must
	// not block. nil = nobody wants to know.
	Asked func(class, id string)
	// State is told what a device writes to its own state/conn and state/main,
	// its last will too, in the order it wrote. It runs on the connection's
	// goroutine before anybody else gets the message, and must return soon.
	// The PUBACK follows whatever State does. nil = nobody wants to know.
	State func(dev Device, name string, payload []byte)
	// Quorum says whether commands can be recorded, and since when that is
	// so; without one new connections are paced. nil = always.
	Quorum func() (ok bool, since time.Time)

	Log *slog.Logger     // nil = none
	Now func() time.Time // nil = time.Now; used for log pacing and Clients
}

// checkTokens tells what is wrong with tokens; none is shown.
func (cfg Config) checkTokens(tokens map[string]string) error {
	for id, token := range tokens {
		if _, err := parseClientID(id); err != nil && !slices.ContainsFunc(cfg.Readers, func(r Reader) bool { return r.ClientID == id }) {
			return fmt.Errorf("%w: token: %w", ErrConfig, err)
		}
		if sum, is := strings.CutPrefix(token, Hashed); is {
			if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size {
				return fmt.Errorf("%w: token of %s: want 64 hex digits after %s", ErrConfig, id, Hashed)
			}
		}
		if len(token) < 8 {
			return fmt.Errorf("%w: token of %s: want at least 8 characters", ErrConfig, id)
		}
	}
	return nil
}

// withDefaults validates cfg, loads the certificates and fills in the defaults.
func (cfg Config) withDefaults() (Config, []*tls.Config, error) {
	if !validID(cfg.Site) {
		return cfg, nil, fmt.Errorf("%w: site %q: want 1 to 64 of A-Z a-z 0-9 _ . -", ErrConfig, cfg.Site)
	}
	if len(cfg.Listen) == 0 {
		return cfg, nil, fmt.Errorf("%w: no listener", ErrConfig)
	}
	tlsConfs := make([]*tls.Config, len(cfg.Listen))
	for i, l := range cfg.Listen {
		conf, err := l.check()
		if err != nil {
			return cfg, nil, err
		}
		tlsConfs[i] = conf
	}
	if err := cfg.checkTokens(cfg.Tokens); err != nil {
		return cfg, nil, err
	}
	if err := checkReaders(cfg.Readers); err != nil {
		return cfg, nil, err
	}
	if err := cfg.Limits.fill(); err != nil {
		return cfg, nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg, tlsConfs, nil
}

// check validates a listener and loads its certificate.
func (l Listener) check() (*tls.Config, error) {
	if _, _, err := net.SplitHostPort(l.Address); err != nil {
		return nil, fmt.Errorf("%w: listener %q: want host:port", ErrConfig, l.Address)
	}
	if (l.CertFile == "") != (l.KeyFile == "") {
		return nil, fmt.Errorf("%w: listener %s: both or neither of certificate and key", ErrConfig, l.Address)
	}
	if l.TLS != nil {
		return l.TLS, nil
	}
	if l.CertFile == "" {
		if !IsLoopback(l.Address) && !l.Insecure {
			return nil, fmt.Errorf("%w: %s", ErrPlainListener, l.Address)
		}
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(l.CertFile, l.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("%w: listener %s: %w", ErrConfig, l.Address, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}, nil
}

// IsLoopback reports whether address (host:port) can be reached from this
// machine only. Names other than localhost are not.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// fill sets the defaults and refuses what cannot work.
func (l *Limits) fill() error {
	for _, v := range []struct {
		name     string
		p        *int
		def, max int
	}{
		{"clients", &l.MaxClients, 256, 100_000},
		{"packet size", &l.PacketSize, 64 << 10, 1 << 20},
		{"in flight", &l.Inflight, 256, 32_000},
		{"write buffer", &l.WriteBuffer, 4 << 20, 1 << 30},
		{"pending", &l.Pending, 8192, 1 << 20},
		{"connect burst", &l.ConnectBurst, 16, 100_000},
	} {
		if *v.p == 0 {
			*v.p = v.def
		}
		if *v.p < 1 || *v.p > v.max {
			return fmt.Errorf("%w: limit of %s %d: want 1..%d", ErrConfig, v.name, *v.p, v.max)
		}
	}
	for _, v := range []struct {
		name string
		p    *time.Duration
		def  time.Duration
	}{
		{"connect", &l.ConnectTimeout, 10 * time.Second},
		{"write", &l.WriteTimeout, 10 * time.Second},
		{"command", &l.CommandTimeout, 4 * time.Second},
		{"take-over", &l.TakeoverTimeout, 5 * time.Second},
		{"connect pace", &l.ConnectEvery, 20 * time.Millisecond},
		{"connect wait", &l.ConnectWait, 3 * time.Second},
		{"settle", &l.SettleTime, 5 * time.Second},
	} {
		if *v.p == 0 {
			*v.p = v.def
		}
		if *v.p < 0 {
			return fmt.Errorf("%w: negative %s time %v", ErrConfig, v.name, *v.p)
		}
	}
	return nil
}
