package enrol

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// world is a site in memory whose clock is that of the bubble, or off by skew.
type world struct {
	t    *testing.T
	tx   *memtx.Tx
	id   *identity.Identity
	desk *Desk
	skew time.Duration
	down bool // nothing can be recorded
	done int  // commands
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, tx: memtx.New()}
	now := func() time.Time { return time.Now().Add(w.skew) }
	var err error
	if w.id, err = identity.Init(filepath.Join(t.TempDir(), "id"), "hamburg", "gw1", now); err != nil {
		t.Fatal(err)
	}
	w.desk = New(Config{
		Log: slog.New(slog.DiscardHandler), Site: "hamburg", Sign: w.id.IssueDevice, Base: func() string { return "https://gw1:8443" },
		CA:   func() ([]byte, string) { return w.id.CA(), w.id.Fingerprint() },
		Now:  time.Now, // of the site, which no clock of a gateway changes
		View: func(fn func(r warehouse.Reader) error) error { return fn(w.tx) },
		Do: func(_ context.Context, actor string, c members.Command) (warehouse.Result, error) {
			if w.down {
				return warehouse.Result{}, errors.New("no quorum")
			}
			w.done++
			kind, version, body, err := members.Encode(c)
			if err != nil {
				return warehouse.Result{}, err
			}
			return members.Apply(w.tx, warehouse.Meta{Now: time.Now().UnixMilli(), Actor: actor}, kind, version, body)
		},
	})
	return w
}

func (w *world) code(role, name string, life time.Duration) string {
	w.t.Helper()
	o, err := w.desk.Invite(w.t.Context(), "token/mira", role, name, 15*time.Minute, life)
	if err != nil {
		w.t.Fatal(err)
	}
	return o.Code
}

// claimBy sends the form of a browser and returns its cookie.
func (w *world) claimBy(code string) (*http.Cookie, *httptest.ResponseRecorder) {
	req := httptest.NewRequest("POST", "/enrol", strings.NewReader("c="+url.QueryEscape(code)))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.desk.Public().ServeHTTP(rec, req)
	for _, c := range rec.Result().Cookies() {
		return c, rec
	}
	return nil, rec
}

// visit opens the page of a handheld and returns the cookie it has then; nil when it
// is not let in.
func (w *world) visit(c *http.Cookie) *http.Cookie {
	req, rec := httptest.NewRequest("GET", "/hh/", nil), httptest.NewRecorder()
	req.AddCookie(c)
	if w.desk.Enrolled(rec, req) == nil {
		return nil
	}
	for _, newer := range rec.Result().Cookies() {
		return newer
	}
	return c
}

// TestCookieForYears: a handheld that is used every week is let in for years, by a
// new cookie at two thirds of each; one that lies in a drawer is not.
func TestCookieForYears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		used, _ := w.claimBy(w.code("handheld", "h1", 90*24*time.Hour))
		drawer, _ := w.claimBy(w.code("handheld", "h2", 90*24*time.Hour))
		if used == nil || drawer == nil || !used.Secure || !used.HttpOnly || used.SameSite != http.SameSiteLaxMode || used.Path != "/" || used.Domain != "" {
			t.Fatalf("%+v", used)
		}
		seen := map[string]bool{}
		for week := range 104 {
			time.Sleep(7 * 24 * time.Hour)
			w.down = week%10 == 9 // a bad week now and then
			if used = w.visit(used); used == nil {
				t.Fatalf("out in week %d", week)
			}
			seen[used.Value] = true
		}
		if n := len(seen); n < 9 || n > 13 {
			t.Errorf("%d cookies in two years", n)
		}
		if w.visit(drawer) != nil {
			t.Error("the one in the drawer is let in after two years")
		}
	})
}

// TestTheAnswerWithTheNewCookieIsLost: the old one goes on to be good.
func TestTheAnswerWithTheNewCookieIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old, _ := w.claimBy(w.code("handheld", "h1", 90*24*time.Hour))
		time.Sleep(70 * 24 * time.Hour)
		lost := w.visit(old)
		if lost.Value == old.Value {
			t.Fatal("no new cookie")
		}
		if w.visit(old) == nil {
			t.Error("the old one is not good any more")
		}
	})
}

// TestCertificateForYears: a robot renews when it should and is let in for years; a
// certificate that ended is refused, and its robot renews it for a month yet.
func TestCertificateForYears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "robot:R1"}}, key)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := identity.KeyOfRequest(csr, "robot:R1")
		if err != nil {
			t.Fatal(err)
		}
		const life = 90 * 24 * time.Hour
		let, err := w.desk.Claim(t.Context(), w.code("robot", "R1", life), csr)
		if err != nil {
			t.Fatal(err)
		}
		// good is what the broker asks: TLS by the certificate, then the record.
		good := func() bool {
			block, _ := pem.Decode([]byte(let.Certificate))
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			ca, err := x509.ParseCertificate(w.id.CA())
			if err != nil {
				t.Fatal(err)
			}
			pool := x509.NewCertPool()
			pool.AddCert(ca)
			_, err = cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: w.id.Time(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			rec, kerr := w.desk.Known("robot:R1", members.ByKey, hash[:])
			return err == nil && kerr == nil && rec != nil
		}
		renew := func() error {
			again, err := w.desk.Renew(t.Context(), "robot:R1", csr)
			if err == nil {
				let = again
			}
			return err
		}
		for month := range 30 {
			time.Sleep(30 * 24 * time.Hour)
			w.id.Saw(time.Now().UnixMilli())
			// The gateway's own clock is anywhere; the site's time counts.
			w.skew = []time.Duration{0, -50 * 365 * 24 * time.Hour, 365 * 24 * time.Hour, -time.Hour}[month%4]
			if err := renew(); err != nil || !good() {
				t.Fatalf("month %d: %v", month, err)
			}
		}
		w.skew = 0
		before := w.done
		for range 100 {
			if err := renew(); err != nil {
				t.Fatal(err)
			}
		}
		if w.done > before+1 {
			t.Errorf("%d commands for a robot that renews all the time", w.done-before)
		}
		rows, _, err := w.desk.List()
		if err != nil || len(rows) != 1 || rows[0].Code != "" {
			t.Errorf("%+v %v", rows, err)
		}
		time.Sleep(life - 10*24*time.Hour)
		w.id.Saw(time.Now().UnixMilli())
		if rows, _, _ := w.desk.List(); rows[0].Code != identity.CodeDeviceEnds && rows[0].Code != members.CodeNoDevice {
			t.Errorf("nobody is warned: %+v", rows)
		}
		time.Sleep(15 * 24 * time.Hour)
		w.id.Saw(time.Now().UnixMilli())
		if good() {
			t.Error("an ended certificate is good")
		}
		if rows, _, _ := w.desk.List(); rows[0].Code != members.CodeNoDevice {
			t.Errorf("%+v", rows)
		}
		if err := renew(); err != nil || !good() {
			t.Errorf("a week late: %v", err)
		}
		time.Sleep(life + 31*24*time.Hour)
		w.id.Saw(time.Now().UnixMilli())
		if err := renew(); err == nil {
			t.Error("renewed a month and a day after its end")
		}
	})
}

// TestCodes: a code serves once, before it expires, and what is not one never becomes
// a command.
func TestCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		late := w.code("handheld", "h1", 0)
		time.Sleep(15*time.Minute + time.Second)
		wantCode(t, w, late, members.CodeCodeExpired)
		once := w.code("robot", "R1", 0)
		if _, err := w.desk.Claim(t.Context(), once, nil); err != nil {
			t.Fatal(err)
		}
		wantCode(t, w, once, members.CodeCodeUsed)
		before := w.done
		id, _, _ := strings.Cut(once, ".")
		for _, code := range []string{"", "x", id, "000000000000.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", strings.Repeat("a", 5000) + "." + strings.Repeat("A", 32)} {
			wantCode(t, w, code, members.CodeCodeUnknown)
		}
		if w.done != before {
			t.Errorf("%d commands of strangers", w.done-before)
		}
		// A browser does not become a robot.
		if c, rec := w.claimBy(w.code("robot", "R2", 0)); c != nil || rec.Code == http.StatusOK {
			t.Errorf("%v %d", c, rec.Code)
		}
	})
}

func wantCode(t *testing.T, w *world, code, want string) {
	t.Helper()
	_, err := w.desk.Claim(t.Context(), code, nil)
	if no, ok := errors.AsType[*Refusal](err); !ok || no.Code != want {
		t.Errorf("%.40q: %v, want %s", code, err, want)
	}
}

// TestTries: one address gets ten tries a minute, and so many addresses are
// remembered.
func TestTries(t *testing.T) {
	g := gate{last: map[string]tries{}}
	now := time.Unix(1e9, 0)
	for i := range 12 {
		if got := g.pass("a", now); got != (i < mostTries) {
			t.Errorf("try %d: %v", i, got)
		}
	}
	if !g.pass("b", now) || !g.pass("a", now.Add(61*time.Second)) {
		t.Error("another address, or a minute later: refused")
	}
	for i := range 3 * mostHosts {
		g.pass(string(rune(1000+i)), now.Add(61*time.Second))
	}
	if len(g.last) > mostHosts {
		t.Errorf("%d addresses", len(g.last))
	}
}

// TestForeignCookies: nothing that only looks like one lets anybody in.
func TestForeignCookies(t *testing.T) {
	w := newWorld(t)
	c, _ := w.claimBy(w.code("handheld", "h1", 0))
	let, err := w.desk.Claim(t.Context(), w.code("robot", "R1", 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"", "x", "handheld:h1", "handheld:h1.", "handheld:h2" + strings.TrimPrefix(c.Value, "handheld:h1"), c.Value + "x", strings.Repeat("a", 300) + "." + let.Secret} {
		if w.visit(&http.Cookie{Name: cookie, Value: value}) != nil {
			t.Errorf("%.40q is let in", value)
		}
	}
	// A robot's password is one of the site, and opens no page.
	req := httptest.NewRequest("GET", "/hh/", nil)
	req.AddCookie(&http.Cookie{Name: cookie, Value: "robot:R1." + let.Secret})
	if who := w.desk.Enrolled(httptest.NewRecorder(), req); who != nil && len(who.Scopes) > 0 {
		t.Errorf("%+v", who)
	}
	sum := sha256.Sum256(nil)
	if rec, err := w.desk.Known("handheld:h1", members.BySecret, sum[:]); rec != nil || err != nil {
		t.Errorf("no password at all: %+v %v", rec, err)
	}
}
