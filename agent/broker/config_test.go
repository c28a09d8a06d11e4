package broker_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/agent/broker"
	"tote/mqtt"
)

// certificate writes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gw1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	c, _ := x509.ParseCertificate(der)
	pool.AddCert(c)
	return write("crt", "CERTIFICATE", der), write("key", "PRIVATE KEY", kder), pool
}

func TestTLSListener(t *testing.T) {
	cert, key, pool := certificate(t)
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Listen = []broker.Listener{{Address: "127.0.0.1:0"}, {Address: "0.0.0.0:0", CertFile: cert, KeyFile: key}}
		cfg.Tokens = map[string]string{"handheld:h1": "secret-of-h1", "watch:w": "secret-of-w"}
	})
	_, port, _ := net.SplitHostPort(b.Addrs()[1])
	open := "tls://127.0.0.1:" + port
	c := client(t, b.Addr(), "handheld:h1", func(cfg *mqtt.Config) {
		cfg.Brokers = []string{open}
		cfg.TLS = &tls.Config{RootCAs: pool}
		cfg.Username, cfg.Password = "handheld:h1", "secret-of-h1"
	})
	if err := c.WaitConnected(ctxFor(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.Publish(ctxFor(t), h1Cmd, []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	// The class watch stays on loopback, token or not.
	dial := func() *raw {
		tc, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: pool})
		if err != nil {
			t.Fatal(err)
		}
		r := dialRaw(t, b.Addr())
		_ = r.Close()
		r.Conn = tc
		r.r.Reset(tc)
		t.Cleanup(func() { _ = tc.Close() })
		return r
	}
	w := dial()
	if code := w.connect(connectOpts{id: "watch:w", user: "watch:w", pass: "secret-of-w"}); code != 5 {
		t.Errorf("watch from the network: CONNACK %d", code)
	}
	w.wantClosed()
	connectRaw(t, b.Addr(), connectOpts{id: "watch:w", user: "watch:w", pass: "secret-of-w"})
	// Somebody who speaks no TLS there is got rid of.
	p := dialRaw(t, "127.0.0.1:"+port)
	p.send(encodeConnect(connectOpts{id: "handheld:h1"}))
	if _, err := p.next(deadline); err == nil {
		// the alert, which is no MQTT packet; then the end
		p.wantClosed()
	}
	// A client that does not trust the certificate does not connect.
	d := client(t, b.Addr(), "handheld:h1", func(cfg *mqtt.Config) { cfg.Brokers = []string{open} })
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := d.WaitConnected(short); err == nil {
		t.Error("connected without trust")
	}
}

func TestConfigRules(t *testing.T) {
	cert, key, _ := certificate(t)
	for name, tc := range map[string]struct {
		change func(*broker.Config)
		want   error
		text   string
	}{
		"no site":           {func(c *broker.Config) { c.Site = "" }, broker.ErrConfig, "site"},
		"wildcard site":     {func(c *broker.Config) { c.Site = "+" }, broker.ErrConfig, "site"},
		"no listener":       {func(c *broker.Config) { c.Listen = nil }, broker.ErrConfig, "listener"},
		"no port":           {func(c *broker.Config) { c.Listen[0].Address = "127.0.0.1" }, broker.ErrConfig, "host:port"},
		"plain everywhere":  {func(c *broker.Config) { c.Listen[0].Address = ":1883" }, broker.ErrPlainListener, ":1883"},
		"plain on 0.0.0.0":  {func(c *broker.Config) { c.Listen[0].Address = "0.0.0.0:0" }, broker.ErrPlainListener, ""},
		"plain on the LAN":  {func(c *broker.Config) { c.Listen[0].Address = "192.168.1.1:1883" }, broker.ErrPlainListener, ""},
		"plain on a name":   {func(c *broker.Config) { c.Listen[0].Address = "gw1.local:1883" }, broker.ErrPlainListener, ""},
		"key without cert":  {func(c *broker.Config) { c.Listen[0].KeyFile = key }, broker.ErrConfig, "both or neither"},
		"cert without key":  {func(c *broker.Config) { c.Listen[0].CertFile = cert }, broker.ErrConfig, "both or neither"},
		"cert is no cert":   {func(c *broker.Config) { c.Listen[0].CertFile, c.Listen[0].KeyFile = key, key }, broker.ErrConfig, "certificate"},
		"cert is not there": {func(c *broker.Config) { c.Listen[0].CertFile, c.Listen[0].KeyFile = "/none", key }, broker.ErrConfig, "none"},
		"token of nobody":   {func(c *broker.Config) { c.Tokens = map[string]string{"h1": "12345678"} }, broker.ErrConfig, "token"},
		"short token":       {func(c *broker.Config) { c.Tokens = map[string]string{"handheld:h1": "1234567"} }, broker.ErrConfig, "8 characters"},
		"negative clients":  {func(c *broker.Config) { c.Limits.MaxClients = -1 }, broker.ErrConfig, "clients"},
		"window too large":  {func(c *broker.Config) { c.Limits.Inflight = 65_000 }, broker.ErrConfig, "in flight"},
		"packet too large":  {func(c *broker.Config) { c.Limits.PacketSize = 1 << 30 }, broker.ErrConfig, "packet size"},
		"negative time":     {func(c *broker.Config) { c.Limits.CommandTimeout = -1 }, broker.ErrConfig, "command"},
	} {
		cfg := broker.Config{Site: "s1", Listen: []broker.Listener{{Address: "127.0.0.1:0"}}}
		tc.change(&cfg)
		_, err := broker.New(cfg, accept)
		if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "1234567") {
			t.Errorf("%s: the message shows a token", name)
		}
	}
	if _, err := broker.New(broker.Config{Site: "s1", Listen: []broker.Listener{{Address: "[::1]:0"}}}, nil); !errors.Is(err, broker.ErrConfig) {
		t.Errorf("no handler: %v", err)
	}
}

func TestIsLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.9.1:1": true, "[::1]:1": true, "localhost:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "example.com:1": false, "127.0.0.1": false,
	} {
		if got := broker.IsLoopback(addr); got != want {
			t.Errorf("IsLoopback(%q) = %v", addr, got)
		}
	}
}
