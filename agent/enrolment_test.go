//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/agent/access"
	"tote/agent/enrol"
	"tote/mqtt"
	"tote/warehouse"
)

// guarded is a gateway that serves the network over TLS, and whose broker asks
// everybody who he is.
func guarded(t *testing.T) *site {
	dir := t.TempDir()
	s := &site{
		t: t, dir: dir, id: "gw1", mqtt: "127.0.0.1:0", web: "127.0.0.1:0", tokens: filepath.Join(dir, "tokens"), shows: "the-administrators-token-1",
		lan: `{listen: [{address: "127.0.0.1:0", tls: {}}, {address: "127.0.0.1:0"}], tokens_file: "` + filepath.Join(dir, "mqtt") + `"}`, https: `{listen: "127.0.0.1:0"}`,
	}
	line, err := access.Line("root", []string{access.Admin}, s.shows)
	s.must(err)
	s.must(os.WriteFile(s.tokens, []byte(line), 0o600))
	s.must(os.WriteFile(filepath.Join(dir, "mqtt"), []byte("watch:w secret-of-w\n"), 0o600))
	s.found()
	s.load()
	s.eventually("the newest rules hold", func() bool {
		level, _ := s.gw.agent.bare().(interface{ Level() (cluster, own uint16) }).Level()
		return level >= warehouse.Level
	})
	return s
}

// code makes one.
func (s *site) code(role, name string) enrol.Offer {
	s.t.Helper()
	status, b := s.call("POST", "/v1/enrol/"+role+"/"+name, "application/json", "{}")
	var o enrol.Offer
	s.must(json.Unmarshal(b, &o))
	if status != http.StatusOK {
		s.t.Fatalf("%d %s", status, b)
	}
	return o
}

// browser is one that trusts the site's authority and keeps cookies.
func (s *site) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	s.must(err)
	c := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: s.trust()}}
	s.t.Cleanup(c.CloseIdleConnections)
	return c
}

// open makes a request of the network's pages.
func (s *site) open(c *http.Client, method, path, kind, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.ctx(), method, "https://"+s.gw.agent.https.Addr+path, strings.NewReader(body))
	s.must(err)
	req.Header.Set("Content-Type", kind)
	resp, err := c.Do(req)
	s.must(err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	s.must(err)
	return resp.StatusCode, string(b)
}

const form = "application/x-www-form-urlencoded"

// TestEnrolHandheld: the browser of a handheld follows the link of its code, works as
// that handheld and as no other, and is out when it is revoked, with the page it
// holds open.
func TestEnrolHandheld(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	o := s.code("handheld", "h7")
	link, err := url.Parse(o.Link)
	if err != nil || !strings.HasPrefix(o.Link, "https://127.0.0.1:") || link.Path != "/enrol" {
		t.Fatalf("%q %v", o.Link, err)
	}
	h7 := s.browser()
	if code, _ := s.open(h7, "GET", "/hh/", "", ""); code != http.StatusUnauthorized {
		t.Fatalf("before: %d", code)
	}
	// Looking at the link uses nothing up, as often as it is looked at.
	for range 3 {
		if code, body := s.open(h7, "GET", link.RequestURI(), "", ""); code != http.StatusOK || !strings.Contains(body, o.Fingerprint) {
			t.Fatalf("%d %s", code, body)
		}
	}
	claim := "c=" + url.QueryEscape(o.Code)
	code, body := s.open(h7, "POST", "/enrol", form, claim)
	if code != http.StatusOK || !strings.Contains(body, "web-0000h7") {
		t.Fatalf("%d %s", code, body)
	}
	at, _ := url.Parse("https://" + s.gw.agent.https.Addr)
	if kept := h7.Jar.Cookies(at); len(kept) != 1 || !strings.HasPrefix(kept[0].Name, "__Host-") {
		t.Errorf("cookies: %v", kept)
	}
	if code, body := s.open(s.browser(), "POST", "/enrol", form, claim); code != http.StatusForbidden || !strings.Contains(body, "IDN-133") {
		t.Errorf("a second time: %d %s", code, body)
	}
	if code, body := s.open(h7, "GET", "/hh/", "", ""); code != http.StatusOK || !strings.Contains(body, "Tote handheld") {
		t.Errorf("its page: %d %.200s", code, body)
	}
	const ask = `{"cmdId":"web-0000h7-1","seq":1,"verb":"signIn","badge":"BADGE-1"}`
	for path, want := range map[string]int{
		"POST /hh/cmd?device=web-0000h7": http.StatusOK, "POST /hh/cmd?device=web-0000h8": http.StatusForbidden, "GET /hh/events?device=web-abc234": http.StatusForbidden,
		"GET /v1/orders": http.StatusForbidden, "GET /": http.StatusForbidden, "POST /v1/enrol/handheld/h9": http.StatusForbidden, "GET /enrolled": http.StatusForbidden,
	} {
		method, path, _ := strings.Cut(path, " ")
		if code, body := s.open(h7, method, path, "application/json", ask); code != want {
			t.Errorf("%s %s: %d %s", method, path, code, body)
		}
	}
	req, err := http.NewRequestWithContext(s.ctx(), "GET", at.String()+"/hh/events?device=web-0000h7", nil)
	s.must(err)
	stream, err := h7.Do(req)
	s.must(err)
	defer func() { _ = stream.Body.Close() }()
	if n, err := stream.Body.Read(make([]byte, 16)); n == 0 || stream.StatusCode != http.StatusOK {
		t.Fatalf("its stream: %d %v", stream.StatusCode, err)
	}
	if status, b := s.call("POST", "/v1/revoke/handheld:h7", "", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, b)
	}
	if _, err := io.Copy(io.Discard, stream.Body); errors.Is(err, context.DeadlineExceeded) {
		t.Error("the page it holds open goes on")
	}
	if code, _ := s.open(h7, "GET", "/hh/", "", ""); code != http.StatusUnauthorized {
		t.Errorf("after it was revoked: %d", code)
	}
	// The rules survive a restart, and so does who is in.
	h8, code8 := s.browser(), s.code("handheld", "h8")
	if code, body := s.open(h8, "POST", "/enrol", form, "c="+url.QueryEscape(code8.Code)); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	s.https = `{listen: "` + at.Host + `"}`
	s.stop()
	s.start()
	for who, want := range map[*http.Client]int{h7: http.StatusUnauthorized, h8: http.StatusOK} {
		who.CloseIdleConnections()
		who.Transport.(*http.Transport).TLSClientConfig = s.trust()
		if code, body := s.open(who, "GET", "/hh/", "", ""); code != want {
			t.Errorf("after a restart: %d %.100s, want %d", code, body, want)
		}
	}
}

// TestSupervisorPage: it shows the code of a handheld as a picture, and takes nothing
// from the page of another site.
func TestSupervisorPage(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	s.tokensOf(access.Lead, "the-supervisors-token-1")
	ask := func(origin string) (int, string) {
		req, err := http.NewRequestWithContext(s.ctx(), "POST", "https://"+s.gw.agent.https.Addr+"/enrolled", strings.NewReader("name=h7"))
		s.must(err)
		req.Header.Set("Content-Type", form)
		req.Header.Set("Origin", origin)
		req.SetBasicAuth("", s.shows)
		resp, err := s.browser().Do(req)
		s.must(err)
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		s.must(err)
		return resp.StatusCode, string(b)
	}
	if code, body := ask("https://evil.example"); code != http.StatusForbidden {
		t.Errorf("%d %s", code, body)
	}
	code, body := ask("https://" + s.gw.agent.https.Addr)
	if code != http.StatusOK || !strings.Contains(body, "<svg") || !strings.Contains(body, "handheld h7") {
		t.Errorf("%d %s", code, body)
	}
}

// tokensOf starts the gateway anew with a token of one scope, which requests show.
func (s *site) tokensOf(scope, token string) {
	s.t.Helper()
	line, err := access.Line(scope, []string{scope, access.Read}, token)
	s.must(err)
	s.must(os.WriteFile(s.tokens, []byte(line), 0o600))
	s.stop()
	s.start()
	s.shows = token
}

// robotKey is a robot that made its own key.
type robotKey struct {
	key *ecdsa.PrivateKey
	csr []byte
}

func newRobotKey(t *testing.T, name string) robotKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "robot:" + name}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return robotKey{key, csr}
}

// post asks the way in.
func (s *site) post(path string, v any) (int, enrol.Let, string) {
	s.t.Helper()
	body, err := json.Marshal(v)
	s.must(err)
	code, answer := s.open(s.browser(), "POST", path, "application/json", string(body))
	var let enrol.Let
	s.must(json.Unmarshal([]byte(answer), &let))
	return code, let, answer
}

// connects lets a device come over TLS and says whether it was let in.
func (s *site) connects(id, user, password string, cert *tls.Certificate) (*mqtt.Client, bool) {
	s.t.Helper()
	conf := s.trust()
	conf.ServerName = "gw1"
	if cert != nil {
		conf.Certificates = []tls.Certificate{*cert}
	}
	c := s.mqttClient(id, func(cfg *mqtt.Config) {
		cfg.Brokers, cfg.TLS = []string{"tls://" + s.gw.agent.broker.Addrs()[0]}, conf
		cfg.Username, cfg.Password = user, password
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	s.t.Cleanup(func() { cancel(); <-ended })
	refused := s.gw.agent.broker.Stats().Refused
	for end := time.Now().Add(deadline); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		switch {
		case c.Connected() != "":
			return c, true
		case s.gw.agent.broker.Stats().Refused > refused:
			return c, false
		}
	}
	s.t.Fatalf("%s: neither let in nor refused", id)
	return nil, false
}

// TestEnrolRobot: a robot gets a certificate for a key of its own, speaks for itself
// alone, renews it, and is cut off when it is revoked.
func TestEnrolRobot(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	r1 := newRobotKey(t, "R1")
	o := s.code("robot", "R1")
	if code, _, answer := s.post("/enrol", map[string]any{"code": o.Code, "csr": newRobotKey(t, "R2").csr}); code != http.StatusBadRequest || !strings.Contains(answer, "IDN-109") {
		t.Errorf("a request for another name: %d %s", code, answer)
	}
	code, let, answer := s.post("/enrol", map[string]any{"code": o.Code, "csr": r1.csr})
	if code != http.StatusOK || let.ID != "robot:R1" || let.Secret != "" {
		t.Fatalf("%d %s", code, answer)
	}
	cert := certificate(t, let, r1)
	c, in := s.connects("robot:R1", "", "", cert)
	if !in {
		t.Fatal("it was not let in")
	}
	s.must(c.Publish(s.ctx(), "uagv/v2/KIT/R1/state", []byte("{}"), false))
	for name, try := range map[string]func() bool{
		"as another robot":   func() bool { _, in := s.connects("robot:R2", "", "", cert); return in },
		"as a handheld":      func() bool { _, in := s.connects("handheld:R1", "", "", cert); return in },
		"without":            func() bool { _, in := s.connects("robot:R1", "", "", nil); return in },
		"with a password":    func() bool { _, in := s.connects("robot:R1", "robot:R1", "guess-guess", nil); return in },
		"with a foreign key": func() bool { _, in := s.connects("robot:R1", "robot:R1", let.Certificate, nil); return in },
	} {
		if try() {
			t.Errorf("%s it was let in", name)
		}
	}
	// It renews for as long as it has the key, and nobody else can.
	if code, again, answer := s.post("/enrol/renew", map[string]any{"device": "robot:R1", "csr": r1.csr}); code != http.StatusOK || again.Certificate == let.Certificate {
		t.Errorf("%d %s", code, answer)
	}
	if code, _, answer := s.post("/enrol/renew", map[string]any{"device": "robot:R1", "csr": newRobotKey(t, "R1").csr}); code != http.StatusForbidden || !strings.Contains(answer, "IDN-130") {
		t.Errorf("with another key: %d %s", code, answer)
	}
	if status, b := s.call("POST", "/v1/revoke/robot:R1", "", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, b)
	}
	s.eventually("it is cut off", func() bool {
		for _, cl := range s.gw.agent.broker.Clients() {
			if cl.Device.String() == "robot:R1" {
				return false
			}
		}
		return true
	})
	if code, _, answer := s.post("/enrol/renew", map[string]any{"device": "robot:R1", "csr": r1.csr}); code != http.StatusForbidden {
		t.Errorf("revoked, and renewed: %d %s", code, answer)
	}
}

// TestEnrolByPassword: a controller that knows no certificates.
func TestEnrolByPassword(t *testing.T) {
	t.Parallel()
	s := guarded(t)
	o := s.code("conveyor", "C1")
	code, let, answer := s.post("/enrol", map[string]any{"code": o.Code})
	if code != http.StatusOK || let.ID != "conveyor:C1" || let.Secret == "" {
		t.Fatalf("%d %s", code, answer)
	}
	c, in := s.connects("conveyor:C1", "conveyor:C1", let.Secret, nil)
	if !in {
		t.Fatal("it was not let in")
	}
	s.must(c.Publish(s.ctx(), "tote/v1/s1/conveyor/C1/state/main", []byte(`{}`), true))
	if _, in := s.connects("conveyor:C2", "conveyor:C2", let.Secret, nil); in {
		t.Error("as another one it was let in")
	}
	if _, in := s.connects("conveyor:C1", "conveyor:C2", let.Secret, nil); in {
		t.Error("under another user name it was let in")
	}
	// Nothing of the secret is anywhere but with the device.
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		return r.Range(nil, func(k, v []byte) (bool, error) {
			if bytes.Contains(v, []byte(let.Secret)) {
				t.Errorf("%s holds the password", k)
			}
			return true, nil
		})
	}))
}

// certificate is what a robot shows.
func certificate(t *testing.T, let enrol.Let, k robotKey) *tls.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(let.Certificate))
	if block == nil {
		t.Fatalf("no certificate: %+v", let)
	}
	return &tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: k.key}
}
