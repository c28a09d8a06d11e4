//go:build !386 && !arm && !mips && !mipsle

package replica

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"tote/raftstore"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// openMember opens a gateway of a site whose authority is ca.
func openMember(t *testing.T, ca *x509.Certificate, caKey *ecdsa.PrivateKey, id string, first bool) (*Store, *peer.Port) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: id}, DNSNames: []string{id},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	port, err := peer.Listen(peer.Config{ID: id, Listen: "127.0.0.1:0", TLS: &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, RootCAs: pool, ClientCAs: pool,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	s, err := Open(raftstore.Config{
		Dir: t.TempDir(), NodeID: id, Logger: slog.New(slog.DiscardHandler), Peer: port, Bootstrap: first,
		HeartbeatTimeout: 250 * time.Millisecond, PromoteAfter: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, port
}

// TestThreeGateways: the domain on three gateways. A verb at one is done once,
// seen where it was done, and known at the others; the lead may move and a
// gateway may go; without a quorum the answer says so.
func TestThreeGateways(t *testing.T) {
	t.Parallel()
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
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := openMember(t, ca, key, "gw1", true)
	if err := a.WaitLeader(within(t)); err != nil {
		t.Fatal(err)
	}
	b, bPort := openMember(t, ca, key, "gw2", false)
	c, cPort := openMember(t, ca, key, "gw3", false)
	for _, p := range []*peer.Port{bPort, cPort} {
		if err := a.Join(within(t), p.Self()); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*Store{b, c} {
		for ctx := within(t); !s.Voter(); {
			if ctx.Err() != nil {
				t.Fatal("the newcomers have no vote")
			}
			<-time.After(10 * time.Millisecond)
		}
	}
	do(t, a, By{ID: [16]byte{1}, Actor: "test"}, warehouse.PutSite{Site: testSite})
	do(t, b, By{ID: [16]byte{2}, Actor: "test"}, warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W1", Name: "Mira", Badge: "B1"}}})
	first := do(t, c, By{Device: "handheld/h1", Seq: 1}, warehouse.SignIn{Device: "h1", Badge: "B1"})
	worker := func(s *Store) (id string) {
		t.Helper()
		if err := s.View(func(r warehouse.Reader) (err error) { id, err = warehouse.WorkerOfDevice(r, "h1"); return err }); err != nil {
			t.Fatal(err)
		}
		return id
	}
	if !first.OK || worker(c) != "W1" {
		t.Fatalf("gw3 answered %+v and shows %q", first, worker(c))
	}
	// The handheld lost the answer and goes to another gateway.
	if again := do(t, b, By{Device: "handheld/h1", Seq: 1}, warehouse.SignIn{Device: "h1", Badge: "B1"}); !again.OK || worker(b) != "W1" {
		t.Errorf("the repeat at gw2: %+v, worker %q", again, worker(b))
	}
	if err := a.ViewLinearizable(within(t), func(r warehouse.Reader) error {
		id, err := warehouse.WorkerOfDevice(r, "h1")
		if id != "W1" {
			t.Errorf("gw1 shows %q", id)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := a.Transfer(within(t), "gw2"); err != nil && a.IsLeader() {
		t.Fatal(err) // a busy machine may have moved the lead before
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if res := do(t, c, By{Device: "handheld/h1", Seq: 2}, warehouse.SignOut{Device: "h1"}); !res.OK {
		t.Errorf("after the lead moved: %+v", res)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, err = c.Do(ctx, By{Device: "handheld/h1", Seq: 3}, warehouse.SignIn{Device: "h1", Badge: "B1"})
	if !errors.Is(err, raftstore.ErrNoQuorum) && !errors.Is(err, raftstore.ErrNotLeader) && !errors.Is(err, raftstore.ErrUnknownOutcome) {
		t.Errorf("without a quorum: %v", err)
	}
	// A gateway learns that it is alone by not hearing anything.
	lost := func() bool { ok, since := c.Quorum(); return !ok && !since.IsZero() }
	for end := time.Now().Add(deadline); !lost(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never learns that the quorum is lost")
		}
	}
	if worker(c) != "" || c.Age() == 0 {
		t.Errorf("the local state shows %q, age %v", worker(c), c.Age())
	}
}
