package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"tote/agent/access"
	"tote/agent/config"
	"tote/agent/identity"
)

// httpClients bounds the connections to the pages for the network: each handheld and
// screen holds one or two open.
const httpClients = 1024

// openServer makes the certificate of the listeners, where one is of the site.
func (a *Agent) openServer() error {
	if !a.cfg.SiteCertificate() {
		return nil
	}
	id, err := a.identity()
	if err != nil {
		return err
	}
	a.server, err = id.Server(a.calledBy)
	return err
}

// calledBy are the names and addresses the gateway's certificate is for.
func (a *Agent) calledBy() []string {
	out := []string{a.cfg.Gateway, "localhost", "127.0.0.1", "::1"}
	if h := a.cfg.HTTP.HTTPS; h != nil {
		out = append(out, h.Called()...)
	}
	out = append(out, addressesOf()...)
	slices.Sort(out)
	return slices.Compact(out)
}

// addressesOf are the addresses of this machine that others reach it by.
func addressesOf() (out []string) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the names of the configuration are left
	}
	for _, at := range all {
		if n, ok := at.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			out = append(out, n.IP.String())
		}
	}
	return out
}

// listenerTLS is what a listener for the network speaks.
func (a *Agent) listenerTLS(t *config.TLS) (*tls.Config, error) {
	if t == nil || t.OfSite() {
		return a.server.TLS(), nil
	}
	f := &ownCertificate{cert: t.Cert, key: t.Key}
	if _, err := f.get(nil); err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: f.get}
	if !a.cfg.Identified() {
		return conf, nil
	}
	id, err := a.identity()
	if errors.Is(err, identity.ErrNone) {
		return conf, nil // it has not joined yet, and says so when it starts
	}
	if err != nil {
		return nil, err
	}
	return id.Clients(conf), nil
}

// ownCertificate is a certificate in files of the site's own, read again when they
// have changed: whoever renews it need not start the gateway anew.
type ownCertificate struct {
	cert, key string

	mu   sync.Mutex
	last *tls.Certificate
	read time.Time // modification of the file that was read
}

func (f *ownCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	st, err := os.Stat(f.cert)
	if err == nil && (f.last == nil || !st.ModTime().Equal(f.read)) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(f.cert, f.key); err == nil {
			f.last, f.read = &pair, st.ModTime()
		}
	}
	if f.last == nil {
		return nil, err
	}
	return f.last, nil // the old one, while the new one is half written
}

// startHTTP serves pages and API on http.listen: to this machine, or with
// http.insecure to a network that is trusted.
func (a *Agent) startHTTP(context.Context) error {
	pages, err := a.pages()
	if err != nil {
		return err
	}
	door, err := a.door()
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", a.cfg.HTTP.Listen)
	if err != nil {
		return err
	}
	at, ok := ln.Addr().(*net.TCPAddr)
	home := ok && at.IP.IsLoopback()
	if !home && !a.cfg.HTTP.Insecure { // localhost may be anything
		return errors.Join(fmt.Errorf("http.listen: %s is not on loopback", ln.Addr()), ln.Close())
	}
	handler := onlyHere(access.Guard(door.Tokens, pages))
	if !home {
		handler = door.Guard(a.watched(pages))
	}
	a.http = a.serverOf(ln, handler)
	return a.sup.Go("http", func(ctx context.Context) error { return serve(ctx, a.http, ln) })
}

// startHTTPS serves them to the network.
func (a *Agent) startHTTPS(context.Context) error {
	cfg := a.cfg.HTTP.HTTPS
	if cfg == nil {
		return nil
	}
	conf, err := a.listenerTLS(cfg.TLS)
	if err != nil {
		return fmt.Errorf("http.https: %w", err)
	}
	conf.NextProtos = []string{"h2", "http/1.1"}
	// A browser that is asked for a certificate asks whoever sits before it.
	conf.ClientAuth, conf.GetConfigForClient = tls.NoClientCert, nil
	pages, err := a.pages()
	if err != nil {
		return err
	}
	door, err := a.door()
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return err
	}
	a.https = a.serverOf(ln, door.Guard(a.watched(pages)))
	ln = tls.NewListener(&bounded{Listener: ln, free: make(chan struct{}, httpClients)}, conf)
	if a.server != nil {
		if err := a.sup.Go("certificate/server", a.keepServer); err != nil {
			return errors.Join(err, ln.Close())
		}
	}
	return a.sup.Go("https", func(ctx context.Context) error { return serve(ctx, a.https, ln) })
}

func (a *Agent) keepServer(ctx context.Context) error {
	told := false
	return a.server.Keep(ctx, func(err error) {
		if !told {
			a.log.Error("the certificate of the listeners was not renewed", "code", identity.Code(err), "until", a.server.Expires().Format(time.DateOnly), "err", err)
		}
		told = true
	})
}

// door is who is let in from the network.
func (a *Agent) door() (access.Door, error) {
	d := access.Door{Network: true, Enrolled: a.enrol.Enrolled}
	if a.cfg.HTTP.TokensFile == "" {
		return d, nil
	}
	var err error
	if d.Tokens, err = access.Load(a.cfg.HTTP.TokensFile); err != nil {
		return d, fmt.Errorf("http.tokens_file: %w", err)
	}
	return d, nil
}

func (a *Agent) serverOf(ln net.Listener, h http.Handler) *http.Server {
	return &http.Server{
		Addr: ln.Addr().String(), Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		// What strangers send in place of TLS is noise.
		ErrorLog: log.New(hush{a.log}, "", 0),
	}
}

// hush takes what net/http says of broken connections.
type hush struct{ to *slog.Logger }

func (q hush) Write(line []byte) (int, error) {
	q.to.Debug("http", "text", string(line))
	return len(line), nil
}

func serve(ctx context.Context, s *http.Server, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if s.Shutdown(end) != nil {
			_ = s.Close() // somebody holds a request open: cut it
		}
	})
	defer stop()
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bounded is a listener that takes so many connections at a time and turns away
// whoever is one too many.
type bounded struct {
	net.Listener
	free chan struct{} // its capacity is the bound
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.free <- struct{}{}:
			return &oneOf{Conn: c, free: b.free}, nil
		default:
			_ = c.Close()
		}
	}
}

// oneOf is a connection of a bounded listener.
type oneOf struct {
	net.Conn
	once sync.Once
	free chan struct{}
}

// Close implements net.Conn.
func (c *oneOf) Close() error {
	c.once.Do(func() { <-c.free })
	return c.Conn.Close()
}
