package peer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is an authority for tests.
type site struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newSite(t *testing.T) *site {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "site"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, cert, key}
}

func (s *site) tls(id string) *tls.Config {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: id}, DNSNames: []string{id},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, s.cert, key.Public(), s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der, s.cert.Raw}, PrivateKey: key}},
		RootCAs:      pool, ClientCAs: pool,
	}
}

func (s *site) open(id string) *Port {
	s.t.Helper()
	p, err := Listen(Config{ID: id, Listen: "127.0.0.1:0", TLS: s.tls(id), Handshake: 2 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return p
}

// answering serves calls: echo answers, who tells the caller, fail refuses.
func answering(p *Port) *Port {
	p.Handle(ProtoCall, func(ctx context.Context, peer string, conn net.Conn) {
		Serve(ctx, conn, func(ctx context.Context, method string, body []byte) ([]byte, error) {
			switch method {
			case "echo":
				return body, nil
			case "who":
				return []byte(peer), nil
			case "fail":
				return nil, &RemoteError{Code: "CODE", Text: "no"}
			case "hang":
				<-ctx.Done()
				return nil, ctx.Err()
			case "big":
				return make([]byte, 2*maxFrame), nil
			}
			return nil, fmt.Errorf("no method %s", method)
		})
	})
	return p
}

func TestCalls(t *testing.T) {
	s := newSite(t)
	a, b := s.open("gw1"), answering(s.open("gw2"))
	c := NewCaller(a)
	ctx := t.Context()
	if got, err := c.Call(ctx, b.Self(), "who", nil); err != nil || string(got) != "gw1" {
		t.Errorf("who: %q %v", got, err)
	}
	var re *RemoteError
	if _, err := c.Call(ctx, b.Self(), "fail", nil); !errors.As(err, &re) || re.Code != "CODE" {
		t.Errorf("fail: %v", err)
	}
	if _, err := c.Call(ctx, b.Self(), "nonsense", nil); !errors.As(err, &re) {
		t.Errorf("unknown method: %v", err)
	}
	if _, err := c.Call(ctx, b.Self(), "big", nil); !errors.As(err, &re) {
		t.Errorf("an answer too big: %v", err)
	}
	if _, err := c.Call(ctx, b.Self(), "echo", make([]byte, 2*maxFrame)); !errors.Is(err, ErrFrame) {
		t.Errorf("a question too big: %v", err)
	}
	var wg sync.WaitGroup
	for i := range 64 { // in flight together, answers matched by number
		wg.Go(func() {
			body := bytes.Repeat([]byte{byte(i)}, 100*i)
			if got, err := c.Call(ctx, b.Self(), "echo", body); err != nil || !bytes.Equal(got, body) {
				t.Errorf("echo %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	wg.Wait()
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := c.Call(short, b.Self(), "hang", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v", err)
	}
	if _, err := c.Call(ctx, b.Self(), "echo", nil); err != nil {
		t.Errorf("the connection did not survive a timeout: %v", err)
	}
}

func TestAPeerThatDiesAndComesBack(t *testing.T) {
	s := newSite(t)
	a := s.open("gw1")
	c := NewCaller(a)
	cfg := Config{ID: "gw2", Listen: "127.0.0.1:0", TLS: s.tls("gw2")}
	b, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	b.Handle(ProtoCall, func(ctx context.Context, _ string, conn net.Conn) {
		Serve(ctx, conn, func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
			close(asked)
			<-ctx.Done()
			return nil, ctx.Err()
		})
	})
	self := b.Self()
	lost := make(chan error, 1)
	go func() { _, err := c.Call(t.Context(), self, "hang", nil); lost <- err }()
	<-asked
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	var re *RemoteError
	if err := <-lost; !errors.Is(err, ErrLost) && !errors.As(err, &re) {
		t.Errorf("call in flight: %v", err)
	}
	if _, err := c.Call(t.Context(), self, "echo", nil); !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrLost) {
		t.Errorf("while it is away: %v", err)
	}
	cfg.Listen = self.HostPort
	if b, err = Listen(cfg); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	answering(b)
	for deadline := time.Now().Add(5 * time.Second); ; {
		if _, err := c.Call(t.Context(), self, "echo", nil); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestWhoIsLetIn(t *testing.T) {
	s, foreign := newSite(t), newSite(t)
	b := answering(s.open("gw2"))
	joined := make(chan string, 4)
	b.Handle(ProtoJoin, func(_ context.Context, peer string, conn net.Conn) {
		joined <- peer
		_, _ = conn.Write([]byte("hello"))
	})
	other := NewCaller(foreign.open("gw1"))
	if _, err := other.Call(t.Context(), b.Self(), "echo", nil); err == nil {
		t.Error("a gateway of another site was answered")
	}
	// Somebody else answers at the address.
	me := NewCaller(s.open("gw1"))
	wrong := b.Self()
	wrong.ID = "gw3"
	if _, err := me.Call(t.Context(), wrong, "echo", nil); !errors.Is(err, ErrUnreachable) {
		t.Errorf("gw2 was taken for gw3: %v", err)
	}
	bare := &tls.Config{InsecureSkipVerify: true}
	for _, proto := range []string{ProtoRaft, ProtoCall} {
		cfg := bare.Clone()
		cfg.NextProtos = []string{proto}
		if c, err := tls.Dial("tcp", b.Self().HostPort, cfg); err == nil {
			if _, err := io.ReadFull(c, make([]byte, 1)); err == nil {
				t.Errorf("%s without a certificate was answered", proto)
			}
			_ = c.Close()
		}
	}
	c, err := DialJoin(t.Context(), b.Self().HostPort, bare)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil || <-joined != "" {
		t.Errorf("a newcomer: %v", err)
	}
	_ = c.Close()
}

// TestOutgoing: a port that only dials, for a protocol whose certificates are
// chosen and whose questions are bounded.
func TestOutgoing(t *testing.T) {
	s := newSite(t)
	refuse := errors.New("not you")
	port, err := Listen(Config{ID: "gw1", Listen: "127.0.0.1:0", TLS: s.tls("gw1"), Allowed: func(cert *x509.Certificate, proto string) error {
		if (cert.Subject.CommonName == "sat1") != (proto == ProtoSatellite) {
			return refuse
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = port.Close() }()
	hold, running := make(chan struct{}), make(chan struct{}, 8)
	port.Handle(ProtoSatellite, func(ctx context.Context, id string, conn net.Conn) {
		ServeWithin(ctx, conn, Limits{Frame: 1000, Calls: 2}, func(ctx context.Context, method string, body []byte) ([]byte, error) {
			if method == "hold" {
				running <- struct{}{}
				select {
				case <-hold:
				case <-ctx.Done():
				}
			}
			return []byte(id + " " + method), nil
		})
	})
	port.Handle(ProtoCall, func(context.Context, string, net.Conn) {})
	for _, id := range []string{"sat1", "gw2"} {
		out, err := Outgoing(Config{ID: id, TLS: s.tls(id)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		caller := NewCallerOf(out, ProtoSatellite)
		answer, err := caller.Call(ctx, port.Self(), "hello", nil)
		if id != "sat1" {
			if err == nil {
				t.Errorf("%s was let in", id)
			}
		} else {
			if err != nil || string(answer) != "sat1 hello" {
				t.Errorf("answered %q %v", answer, err)
			}
			if _, err := caller.Call(ctx, port.Self(), "long", make([]byte, 1001)); !errors.Is(err, ErrLost) {
				t.Errorf("a long question: %v", err)
			}
			done := make(chan error, 3)
			for range 3 {
				go func() {
					_, err := caller.Call(ctx, port.Self(), "hold", nil)
					done <- err
				}()
			}
			<-running
			<-running
			select {
			case <-running:
				t.Error("three questions at once")
			case <-time.After(50 * time.Millisecond):
			}
			close(hold)
			for range 3 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
		cancel()
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestGarbageHoldsUpNobody(t *testing.T) {
	s := newSite(t)
	b := answering(s.open("gw2"))
	for range 20 { // connect and say nothing, or nonsense
		c, err := net.Dial("tcp", b.Self().HostPort)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	}
	a := s.open("gw1")
	raw, err := a.Dial(t.Context(), b.Self(), ProtoCall)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = raw.Write([]byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3})
	if _, err := raw.Read(make([]byte, 1)); err == nil {
		t.Error("a frame of 4 GB was answered")
	}
	_ = raw.Close()
	if _, err := NewCaller(a).Call(t.Context(), b.Self(), "echo", nil); err != nil {
		t.Error(err)
	}
}

func TestRaftStream(t *testing.T) {
	s := newSite(t)
	a, b := s.open("gw1"), s.open("gw2")
	got := make(chan string, 1)
	go func() {
		c, err := b.Stream().Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		buf := make([]byte, 4)
		_, _ = io.ReadFull(c, buf)
		got <- string(buf)
		_ = c.Close()
	}()
	c, err := a.Stream().Dial(raft.ServerAddress(b.Self().String()), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("vote")); err != nil {
		t.Fatal(err)
	}
	if g := <-got; g != "vote" {
		t.Errorf("got %q", g)
	}
	_ = c.Close()
	if _, err := a.Stream().Dial("nonsense", time.Second); !errors.Is(err, ErrAddress) {
		t.Errorf("err %v", err)
	}
}

func TestParseAddress(t *testing.T) {
	for s, ok := range map[string]bool{
		"gw2@10.0.0.2:7070": true, "gw2@gw2.lan:7070": true, "gw2@[::1]:7070": true,
		"": false, "gw2": false, "@10.0.0.2:7070": false, "gw2@10.0.0.2": false, "gw2@:7070": false, "gw2@host:": false,
	} {
		a, err := ParseAddress(s)
		if (err == nil) != ok || ok && a.String() != s {
			t.Errorf("%q: %v %v", s, a, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	var buf bytes.Buffer
	f.Add([]byte{0, 0, 0, 1, 0xa0})
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = readFrame(bytes.NewReader(b))
	})
}
