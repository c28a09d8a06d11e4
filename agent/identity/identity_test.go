package identity

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func initSite(t *testing.T, site, gateway string) *Identity {
	t.Helper()
	id, err := Init(filepath.Join(t.TempDir(), "id"), site, gateway, at(day))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// join lets a newcomer in as the network does: request, welcome, accept.
func join(t *testing.T, site *Identity, token Token, gateway string) *Identity {
	t.Helper()
	key, csr, err := Request(gateway)
	if err != nil {
		t.Fatal(err)
	}
	w, err := site.Welcome(csr, gateway)
	if err != nil {
		t.Fatal(err)
	}
	id, err := Accept(filepath.Join(t.TempDir(), "id"), token, w, key, at(day))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// shake runs one TLS handshake over a pipe and returns both sides' errors.
func shake(t *testing.T, server, client *tls.Config) (peer string, serverErr, clientErr error) {
	t.Helper()
	a, b := net.Pipe()
	defer func() { _ = a.Close(); _ = b.Close() }()
	done := make(chan error, 1)
	go func() {
		s := tls.Server(a, server)
		err := s.Handshake()
		if err == nil {
			peer, err = PeerOf(s.ConnectionState())
		}
		if err != nil {
			_ = a.Close()
		} else {
			_, err = s.Write([]byte("hello")) // in TLS 1.3 a client learns of a refusal when it reads
		}
		done <- err
	}()
	c := tls.Client(b, client)
	clientErr = c.Handshake()
	if clientErr == nil {
		_, clientErr = io.ReadFull(c, make([]byte, 5))
	}
	if clientErr != nil {
		_ = b.Close()
	}
	return peer, <-done, clientErr
}

func TestMembersKnowEachOther(t *testing.T) {
	gw1 := initSite(t, "hamburg", "gw1")
	token, err := NewToken(gw1.Authority())
	if err != nil {
		t.Fatal(err)
	}
	gw2 := join(t, gw1, token, "gw2")
	client := gw2.TLS("raft/1")
	client.ServerName = "gw1"
	peer, serr, cerr := shake(t, gw1.TLS("raft/1"), client)
	if serr != nil || cerr != nil || peer != "gw2" {
		t.Fatalf("peer %q, server %v, client %v", peer, serr, cerr)
	}
	client.ServerName = "gw3"
	if _, _, cerr := shake(t, gw1.TLS("raft/1"), client); cerr == nil {
		t.Error("gw1 was taken for gw3")
	}
	if gw2.Authority().Site() != "hamburg" {
		t.Errorf("site %q", gw2.Authority().Site())
	}
	// A joined gateway may let the next one in.
	gw3 := join(t, gw2, token, "gw3")
	client = gw3.TLS("raft/1")
	client.ServerName = "gw1"
	if peer, serr, cerr := shake(t, gw1.TLS("raft/1"), client); serr != nil || cerr != nil || peer != "gw3" {
		t.Errorf("gw3: %q %v %v", peer, serr, cerr)
	}
}

func TestStrangersAreKeptOut(t *testing.T) {
	gw1, foreign := initSite(t, "hamburg", "gw1"), initSite(t, "bremen", "gw1")
	client := foreign.TLS("raft/1")
	client.ServerName = "gw1"
	if _, serr, _ := shake(t, gw1.TLS("raft/1"), client); serr == nil {
		t.Error("a gateway of another site was let in")
	}
	bare := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"raft/1"}}
	if _, serr, _ := shake(t, gw1.TLS("raft/1"), bare); serr == nil {
		t.Error("a client without a certificate was let in")
	}
}

func TestNewcomerTrustsThePinAlone(t *testing.T) {
	gw1, foreign := initSite(t, "hamburg", "gw1"), initSite(t, "hamburg", "gw1")
	token, err := NewToken(gw1.Authority())
	if err != nil {
		t.Fatal(err)
	}
	server := func(id *Identity) *tls.Config {
		c := id.TLS("join/1")
		c.ClientAuth = tls.NoClientCert
		return c
	}
	a, b := net.Pipe()
	go func() { _ = tls.Server(a, server(gw1)).Handshake() }()
	if err := tls.Client(b, JoinTLS(token, "hamburg", "join/1")).Handshake(); err != nil {
		t.Errorf("the right site: %v", err)
	}
	a, b = net.Pipe()
	go func() { _ = tls.Server(a, server(foreign)).Handshake(); _ = a.Close() }()
	if err := tls.Client(b, JoinTLS(token, "hamburg", "join/1")).Handshake(); !errors.Is(err, ErrWrongSite) {
		t.Errorf("another site of the same name: %v", err)
	}
	c, d := net.Pipe()
	go func() { _ = tls.Server(c, server(gw1)).Handshake(); _ = c.Close() }()
	if err := tls.Client(d, JoinTLS(token, "bremen", "join/1")).Handshake(); !errors.Is(err, ErrOtherConfig) {
		t.Errorf("a newcomer whose configuration names another site: %v", err)
	}
	w, err := foreign.Welcome(mustCSR(t, "gw2"), "gw2")
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := Request("gw2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Accept(t.TempDir(), token, w, key, at(day)); !errors.Is(err, ErrWrongSite) {
		t.Errorf("a foreign welcome: %v", err)
	}
}

func mustCSR(t *testing.T, gateway string) []byte {
	t.Helper()
	_, csr, err := Request(gateway)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

func TestRequestMustNameTheGateway(t *testing.T) {
	gw1 := initSite(t, "hamburg", "gw1")
	if _, err := gw1.Welcome(mustCSR(t, "gw2"), "gw3"); !errors.Is(err, ErrRequest) {
		t.Errorf("another name: %v", err)
	}
	bad := mustCSR(t, "gw2")
	bad[len(bad)-1] ^= 1
	if _, err := gw1.Welcome(bad, "gw2"); !errors.Is(err, ErrRequest) {
		t.Errorf("a broken signature: %v", err)
	}
	if _, err := gw1.Welcome([]byte("nonsense"), "gw2"); !errors.Is(err, ErrRequest) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestTokens(t *testing.T) {
	gw1 := initSite(t, "hamburg", "gw1")
	token, err := NewToken(gw1.Authority())
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseToken("  " + token.String() + "\n")
	if err != nil || back.String() != token.String() || !back.Matches(token.Hash()) {
		t.Fatalf("%v %v", back, err)
	}
	other, err := NewToken(gw1.Authority())
	if err != nil {
		t.Fatal(err)
	}
	if other.Matches(token.Hash()) {
		t.Error("two tokens share a secret")
	}
	good := strings.Split(token.String(), ".")
	for name, s := range map[string]string{
		"empty": "", "words": "let me in", "version": "tote2." + strings.Join(good[1:], "."),
		"short pin": "tote1.abcd." + good[2] + "." + good[3], "bad id": "tote1." + good[1] + ".zz." + good[3],
		"cut secret": token.String()[:len(token.String())-4], "five parts": token.String() + ".x",
	} {
		if _, err := ParseToken(s); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnIdentityIsNeverOverwritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "id")
	if _, err := Init(dir, "hamburg", "gw1", at(day)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, fileKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(dir, "bremen", "gw2", at(day)); !errors.Is(err, ErrExists) {
		t.Errorf("err %v", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, fileKey))
	if err != nil || string(before) != string(after) {
		t.Errorf("the key changed: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, fileCAKey))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
}

func TestDamagedAndMissingFiles(t *testing.T) {
	if _, err := Load(t.TempDir(), at(day)); !errors.Is(err, ErrNone) {
		t.Errorf("empty folder: %v", err)
	}
	for _, name := range []string{fileCA, fileCAKey, fileCert, fileKey} {
		dir := filepath.Join(t.TempDir(), "id")
		if _, err := Init(dir, "hamburg", "gw1", at(day)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir, at(day)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A key of another gateway.
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for _, dir := range []string{a, b} {
		if _, err := Init(dir, "hamburg", "gw1", at(day)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{fileKey, fileCAKey, fileCA} {
		foreign, err := os.ReadFile(filepath.Join(b, name))
		if err != nil {
			t.Fatal(err)
		}
		own, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(a, name), foreign, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(a, at(day)); !errors.Is(err, ErrDamaged) {
			t.Errorf("foreign %s: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(a, name), own, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRow7AWrongClockKeepsNobodyOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "id")
	gw1, err := Init(dir, "hamburg", "gw1", at(day))
	if err != nil {
		t.Fatal(err)
	}
	token, err := NewToken(gw1.Authority())
	if err != nil {
		t.Fatal(err)
	}
	gw2 := join(t, gw1, token, "gw2")
	// gw1 comes back from a power cut in 1970.
	gw1, err = Load(dir, at(time.Unix(0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	client := gw2.TLS("raft/1")
	client.ServerName = "gw1"
	if _, serr, cerr := shake(t, gw1.TLS("raft/1"), client); serr != nil || cerr != nil {
		t.Errorf("in 1970: %v %v", serr, cerr)
	}
	// What the site has seen is the least that is believed, and an expired
	// certificate stays expired.
	gw1.Saw(day.Add(2 * gatewayLife).UnixMilli())
	gw1.Saw(day.UnixMilli()) // never back
	if _, serr, _ := shake(t, gw1.TLS("raft/1"), client); serr == nil {
		t.Error("an expired certificate was taken because the clock is wrong")
	}
	if want := day.Add(gatewayLife * 2 / 3); !gw1.RenewAt().Equal(want) {
		t.Errorf("renew at %v, want %v", gw1.RenewAt(), want)
	}
}

// TestRow7TimeOfTheSite: a gateway whose clock is a year off goes on talking.
// Failure matrix row 7, TLS.
func TestRow7TimeOfTheSite(t *testing.T) {
	const year = 365 * 24 * time.Hour
	day := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		wall, site, want time.Time
	}{
		"a year forward":      {day.Add(year), day.Add(time.Hour), day.Add(time.Hour)},
		"a year back":         {day.Add(-year), day.Add(time.Hour), day.Add(time.Hour)},
		"it expires":          {day.Add(-year), day.Add(2 * gatewayLife), day.Add(2 * gatewayLife)},
		"no time of the site": {day.Add(time.Hour), time.UnixMilli(0), day.Add(time.Hour)},
	} {
		now := day
		clock := func() time.Time { return now }
		dir := t.TempDir()
		gw1, err := Init(filepath.Join(dir, "gw1"), "s1", "gw1", clock)
		if err != nil {
			t.Fatal(err)
		}
		gw2, err := Store(filepath.Join(dir, "gw2"), gw1.Authority(), "gw2", clock)
		if err != nil {
			t.Fatal(err)
		}
		now = tc.wall
		for _, id := range []*Identity{gw1, gw2} {
			id.Saw(tc.site.UnixMilli())
			if got := id.Time(); !got.Equal(tc.want) {
				t.Errorf("%s: %s goes by %v, want %v", name, id.Gateway, got, tc.want)
			}
		}
		client := gw2.TLS("raft/1")
		client.ServerName = "gw1"
		_, serr, cerr := shake(t, gw1.TLS("raft/1"), client)
		if ok := serr == nil && cerr == nil; ok != tc.want.Before(day.Add(gatewayLife)) {
			t.Errorf("%s: %v, %v", name, serr, cerr)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("tote1.00112233445566778899aabbccddeeff.0123456789ab.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		token, err := ParseToken(s)
		if err != nil {
			return
		}
		if back, err := ParseToken(token.String()); err != nil || back.String() != token.String() {
			t.Errorf("%q: %v %v", s, back, err)
		}
	})
}
