package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// Protocols of the port.
const (
	ProtoRaft = "raft/1"
	ProtoCall = "rpc/1"
	// ProtoJoin is the only one that takes a peer without a certificate.
	ProtoJoin = "join/1"
	// ProtoSatellite carries the calls of a gateway that keeps no store.
	ProtoSatellite = "satellite/1"
)

// Errors of this package.
var (
	// ErrAddress: not of the form id@host:port.
	ErrAddress = errors.New("peer: address must be id@host:port")
	// ErrClosed: the port is closed.
	ErrClosed = errors.New("peer: closed")
	// ErrIdentity: the other side is not who it should be.
	ErrIdentity = errors.New("peer: the gateway at this address is another one")
)

// Address names a gateway and where it listens.
type Address struct{ ID, HostPort string }

func (a Address) String() string { return a.ID + "@" + a.HostPort }

// ParseAddress reads id@host:port.
func ParseAddress(s string) (Address, error) {
	id, hp, ok := strings.Cut(s, "@")
	if !ok || id == "" {
		return Address{}, fmt.Errorf("%w: %q", ErrAddress, s)
	}
	if host, port, err := net.SplitHostPort(hp); err != nil || host == "" || port == "" {
		return Address{}, fmt.Errorf("%w: %q", ErrAddress, s)
	}
	return Address{id, hp}, nil
}

// probes find a gateway that lost its power: it says no goodbye.
var probes = net.KeepAliveConfig{Enable: true, Idle: 3 * time.Second, Interval: time.Second, Count: 3}

// Config of a Port.
type Config struct {
	ID     string // of this gateway
	Listen string // host:port; port 0 picks a free one
	// Advertise is the host:port others reach this gateway at; "" = Listen.
	Advertise string
	// TLS has the certificates of both sides of a member: RootCAs,
	// ClientCAs, Certificates, Time. Protocols and checks are set here.
	TLS *tls.Config
	// Fresh is asked for TLS anew at each handshake, when whom to trust may change;
	// nil = TLS is all there is.
	Fresh     func() *tls.Config
	Log       *slog.Logger
	Handshake time.Duration // 0 = 5 s
	// Allowed says what a certificate of the site may be used for, on the side
	// that is called; nil = every protocol.
	Allowed func(cert *x509.Certificate, proto string) error
	// Barred says why a gateway is kept out whatever it shows, on both sides; nil =
	// nobody is. See Cut for connections that stand.
	Barred func(id string) error
	// Refused is told of handshakes that failed, on both sides: with is the
	// address that called here, or the id that was called. Optional.
	Refused func(with string, err error)
}

// Port listens for the other gateways and dials them.
type Port struct {
	cfg    Config
	ln     net.Listener
	raft   chan net.Conn
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	handlers map[string]func(ctx context.Context, peer string, conn net.Conn)
	conns    map[net.Conn]string // who is at the other end, "" = not known yet
}

// Listen opens the port. Connections are accepted at once; those of a protocol
// nobody handles yet are closed.
func Listen(cfg Config) (*Port, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{KeepAliveConfig: probes}).Listen(context.Background(), "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	if cfg.Advertise == "" {
		cfg.Advertise = ln.Addr().String()
	}
	p := newPort(cfg)
	p.ln = ln
	p.wg.Go(p.accept)
	return p, nil
}

// Outgoing is the port of a gateway that is not called: it only dials. Of cfg it
// takes ID, TLS, Log, Handshake and Refused.
func Outgoing(cfg Config) (*Port, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	return newPort(cfg), nil
}

func newPort(cfg Config) *Port {
	p := &Port{
		cfg: cfg, raft: make(chan net.Conn),
		handlers: map[string]func(context.Context, string, net.Conn){}, conns: map[net.Conn]string{},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

func (c *Config) complete() error {
	if c.ID == "" || c.TLS == nil {
		return errors.New("peer: Config.ID and Config.TLS are needed")
	}
	if c.Handshake == 0 {
		c.Handshake = 5 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Self is the address of this gateway.
func (p *Port) Self() Address { return Address{p.cfg.ID, p.cfg.Advertise} }

// Handle serves the connections of a protocol. fn runs on the connection's
// goroutine and owns conn until it returns; peer is the id of the other
// gateway, "" for a newcomer (ProtoJoin).
func (p *Port) Handle(proto string, fn func(ctx context.Context, peer string, conn net.Conn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers[proto] = fn
}

// Close ends the port, all its connections and goroutines.
func (p *Port) Close() error {
	p.cancel()
	var err error
	if p.ln != nil {
		err = p.ln.Close()
	}
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close() // its goroutine ends with it
	}
	p.mu.Unlock()
	p.wg.Wait()
	return err
}

func (p *Port) accept() {
	for {
		conn, err := p.ln.Accept()
		if err != nil {
			if p.ctx.Err() != nil {
				return
			}
			p.cfg.Log.Warn("peer connection not accepted", "err", err)
			select { // out of descriptors, most likely: do not spin
			case <-time.After(100 * time.Millisecond):
			case <-p.ctx.Done():
			}
			continue
		}
		if !p.track(conn) {
			_ = conn.Close()
			return
		}
		p.wg.Go(func() {
			defer p.untrack(conn)
			p.serve(conn)
		})
	}
}

func (p *Port) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.conns[c] = ""
	return true
}

func (p *Port) untrack(c net.Conn) {
	_ = c.Close() // closed twice at worst
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// serve shakes hands and hands the connection to its protocol.
func (p *Port) serve(raw net.Conn) {
	cfg := p.tls()
	cfg.MinVersion = tls.VersionTLS13
	cfg.NextProtos = []string{ProtoRaft, ProtoCall, ProtoJoin, ProtoSatellite}
	cfg.ClientAuth = tls.VerifyClientCertIfGiven
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		if s.NegotiatedProtocol != ProtoJoin && len(s.VerifiedChains) == 0 {
			return fmt.Errorf("%w: no certificate of this site", ErrIdentity)
		}
		if len(s.VerifiedChains) == 0 {
			return nil
		}
		if err := p.barred(s.PeerCertificates[0].Subject.CommonName); err != nil {
			return err
		}
		if p.cfg.Allowed != nil {
			return p.cfg.Allowed(s.PeerCertificates[0], s.NegotiatedProtocol)
		}
		return nil
	}
	conn := tls.Server(raw, cfg)
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.Handshake)
	err := conn.HandshakeContext(ctx)
	cancel()
	if err != nil {
		p.cfg.Log.Debug("peer refused", "remote", raw.RemoteAddr().String(), "err", err)
		p.refused(raw.RemoteAddr().String(), err)
		return
	}
	state := conn.ConnectionState()
	peer := ""
	if len(state.VerifiedChains) > 0 {
		peer = state.PeerCertificates[0].Subject.CommonName
		p.name(raw, peer)
		if p.barred(peer) != nil {
			return // meanwhile, and Cut did not see it
		}
	}
	if state.NegotiatedProtocol == ProtoRaft {
		done := &handed{Conn: conn, closed: make(chan struct{})}
		select {
		case p.raft <- done:
			<-done.closed // raft owns it now
		case <-p.ctx.Done():
		}
		return
	}
	p.mu.Lock()
	fn := p.handlers[state.NegotiatedProtocol]
	p.mu.Unlock()
	if fn != nil {
		fn(p.ctx, peer, conn)
	}
}

func (p *Port) barred(id string) error {
	if p.cfg.Barred == nil {
		return nil
	}
	return p.cfg.Barred(id)
}

func (p *Port) name(c net.Conn, peer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.conns[c]; open {
		p.conns[c] = peer
	}
}

func (p *Port) tls() *tls.Config {
	if p.cfg.Fresh != nil {
		return p.cfg.Fresh().Clone()
	}
	return p.cfg.TLS.Clone()
}

// CutAll ends the connections that were opened here, and those of callers: what let
// them in is trusted no more. Those that belong here open them anew.
func (p *Port) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close() // its goroutine ends with it
	}
}

// Cut ends the connections with gateways that are barred now.
func (p *Port) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c, peer := range p.conns {
		if peer != "" && p.barred(peer) != nil {
			_ = c.Close() // its goroutine ends with it
		}
	}
}

// handed is a connection given away; closed tells when its new owner is done.
type handed struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (h *handed) Close() error {
	err := h.Conn.Close()
	h.once.Do(func() { close(h.closed) })
	return err
}

// Dial connects to a gateway for a protocol and checks that it is that one.
func (p *Port) Dial(ctx context.Context, to Address, proto string) (net.Conn, error) {
	cfg := p.tls()
	cfg.MinVersion = tls.VersionTLS13
	cfg.NextProtos = []string{proto}
	cfg.ServerName = to.ID
	if err := p.barred(to.ID); err != nil {
		return nil, err
	}
	conn, err := dial(ctx, to.HostPort, cfg, p.cfg.Handshake)
	if err != nil {
		p.refused(to.ID, err)
	}
	return conn, err
}

func (p *Port) refused(with string, err error) {
	if p.cfg.Refused != nil && p.ctx.Err() == nil {
		p.cfg.Refused(with, err)
	}
}

// DialJoin is the first contact of a newcomer; cfg comes from its token.
func DialJoin(ctx context.Context, hostPort string, cfg *tls.Config) (net.Conn, error) {
	cfg = cfg.Clone()
	cfg.NextProtos = []string{ProtoJoin}
	return dial(ctx, hostPort, cfg, 10*time.Second)
}

func dial(ctx context.Context, hostPort string, cfg *tls.Config, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{KeepAliveConfig: probes}, Config: cfg}).DialContext(ctx, "tcp", hostPort)
	if err != nil {
		return nil, fmt.Errorf("peer: %s: %w", hostPort, err)
	}
	if got := conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != cfg.NextProtos[0] {
		return nil, errors.Join(fmt.Errorf("peer: %s speaks %q, not %q", hostPort, got, cfg.NextProtos[0]), conn.Close())
	}
	return conn, nil
}
