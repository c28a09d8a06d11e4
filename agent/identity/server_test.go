package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// visit lets a client that trusts the authority call a server by a name, and returns
// the certificate it saw. A pipe has no addresses that could be looked up.
func visit(s *Server, pool *x509.CertPool, name string, now func() time.Time) (*x509.Certificate, error) {
	a, b := net.Pipe()
	defer func() { _ = a.Close(); _ = b.Close() }()
	go func() { _ = tls.Server(a, s.TLS()).Handshake() }()
	c := tls.Client(b, &tls.Config{RootCAs: pool, ServerName: name, Time: now})
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0], nil
}

// TestServerCertificate: for over a year a browser comes every day, and the gateway
// is not started anew; an address that is new is in the certificate within an hour.
func TestServerCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, _ := pair(t)
		names := []string{"gw1", "192.0.2.1", "gw1.example.com"}
		s, err := id.Server(func() []string { return names })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Keep(ctx, func(err error) { t.Error(err) }) }()
		pool, seen := id.trust(), map[string]bool{}
		for d := range 400 {
			for _, name := range names {
				c, err := visit(s, pool, name, time.Now)
				if err != nil {
					t.Fatalf("day %d as %s: %v", d, name, err)
				}
				// Apple's devices refuse a server's certificate of more than 825 days.
				if life := c.NotAfter.Sub(c.NotBefore); life > 825*24*time.Hour {
					t.Fatalf("it is good for %v", life)
				}
				seen[c.SerialNumber.String()] = true
			}
			time.Sleep(24 * time.Hour)
		}
		if n := len(seen); n < 6 || n > 8 {
			t.Errorf("%d certificates in 400 days", n)
		}
		if _, err := visit(s, pool, "192.0.2.7", time.Now); err == nil {
			t.Error("it is taken for an address it has not")
		}
		names = append(slices.Clone(names), "192.0.2.7")
		time.Sleep(renewEvery + time.Minute)
		synctest.Wait()
		if _, err := visit(s, pool, "192.0.2.7", time.Now); err != nil {
			t.Errorf("an hour after it got the address: %v", err)
		}
		// A browser a week behind sees it good, one a hundred days ahead does not.
		if _, err := visit(s, pool, "gw1", func() time.Time { return time.Now().Add(-7 * 24 * time.Hour) }); err != nil {
			t.Error(err)
		}
		if _, err := visit(s, pool, "gw1", func() time.Time { return time.Now().Add(100 * 24 * time.Hour) }); err == nil {
			t.Error("an expired one was taken")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestServerWithAWrongClock: a gateway that wakes up in 1970 or a year ahead makes
// certificates by the time of the site as soon as it is told it.
func TestServerWithAWrongClock(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"1970": -time.Duration(day.Unix()) * time.Second, "a year ahead": 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			site := initSite(t, "hamburg", "gw1")
			id, err := Load(site.dir, at(day.Add(wrong)))
			if err != nil {
				t.Fatal(err)
			}
			id.Saw(day.UnixMilli())
			s, err := id.Server(func() []string { return []string{"gw1"} })
			if err != nil {
				t.Fatal(err)
			}
			_, err = visit(s, id.trust(), "gw1", at(day))
			if ahead := wrong > 0; (err == nil) == ahead {
				// One that is ahead believes its own clock when it makes a
				// certificate, as it may have been off for long; once the clock is
				// right it makes another.
				t.Fatalf("%v", err)
			}
			id.now = at(day)
			if err := s.renew(); err != nil {
				t.Fatal(err)
			}
			if _, err := visit(s, id.trust(), "gw1", at(day)); err != nil {
				t.Errorf("when the clock is right again: %v", err)
			}
		})
	}
}

// TestDeviceCertificates: one lets in whom it names until its end, and never passes
// for a gateway.
func TestDeviceCertificates(t *testing.T) {
	site := initSite(t, "hamburg", "gw1")
	key, csr, err := Request("robot:R1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := site.IssueDevice(csr, "robot:R2", time.Hour); !errors.Is(err, ErrRequest) {
		t.Errorf("under another name: %v", err)
	}
	der, err := site.IssueDevice(csr, "robot:R1", 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if OfGateway(cert) || OfSatellite(cert) || !OfGateway(site.cert.Load()) {
		t.Error("a device's certificate is taken for a gateway's")
	}
	s, err := site.Server(func() []string { return []string{"gw1"} })
	if err != nil {
		t.Fatal(err)
	}
	show := func(after time.Duration) (state tls.ConnectionState, err error) {
		site.now = at(day.Add(after))
		site.floor.Store(day.Add(after).UnixMilli())
		a, b := net.Pipe()
		defer func() { _ = a.Close(); _ = b.Close() }()
		go func() {
			c := tls.Client(b, &tls.Config{
				InsecureSkipVerify: true, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
			})
			_, _ = c.Read(make([]byte, 1)) // what it is told of a refusal must be read
		}()
		c := tls.Server(a, s.TLS())
		err = c.Handshake()
		return c.ConnectionState(), err
	}
	state, err := show(0)
	role, name, hash, ok := DeviceOf(state)
	if want, _ := KeyOf(cert); err != nil || !ok || role != "robot" || name != "R1" || !slices.Equal(hash, want) {
		t.Errorf("%s %s %v %v", role, name, ok, err)
	}
	if _, err := show(366 * 24 * time.Hour); err == nil {
		t.Error("it was taken after its end")
	}
}
