package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tote/warehouse"
)

// post sends a form or message with headers given as pairs.
func post(t testing.TB, h http.Handler, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestActs(t *testing.T) {
	for _, c := range []struct {
		name, path, form string
		status           int
		want             string
	}{
		{"retry that is still short", "/orders/O3/retry", "", http.StatusConflict, "<b>OUT_OF_STOCK</b> order O3 is still short"},
		{"what to do", "/orders/O3/retry", "", http.StatusConflict, "Book stock in"},
		{"retry of nothing", "/orders/O5/retry", "", http.StatusOK, "nothing to retry"},
		{"cancel", "/orders/O5/cancel", "reason=customer+called", http.StatusOK, "<b>OK</b> Cancelled."},
		{"cancel too late", "/orders/O1/cancel", "", http.StatusConflict, "<b>E_SOFT_PONR</b>"},
		{"unknown order", "/orders/NONE/retry", "", http.StatusNotFound, "No order has the id NONE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := half(t)
			w := post(t, serve(t, s.config()), c.path, c.form)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d, want %d with %q:\n%s", w.Code, c.status, c.want, w.Body)
			}
		})
	}
}

// console.js gets the notice alone; without it the page of the order comes back.
func TestActForTheScript(t *testing.T) {
	h := serve(t, half(t).config())
	w := post(t, h, "/orders/O3/retry", "", "X-Requested-With", "console")
	if body := strings.TrimSpace(w.Body.String()); w.Code != http.StatusConflict || !strings.HasPrefix(body, `<div class="notice bad">`) || strings.Contains(body, "<html") {
		t.Errorf("%d %s", w.Code, body)
	}
}

func TestActWithoutQuorum(t *testing.T) {
	s := half(t)
	s.down = errors.New("no leader")
	w := post(t, serve(t, s.config()), "/orders/O3/retry", "")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "could not record it: no leader") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What people do carries who did it.
func TestActor(t *testing.T) {
	s := half(t)
	cfg := s.config()
	var who string
	var what warehouse.Command
	cfg.Do = func(_ context.Context, actor string, c warehouse.Command) (warehouse.Result, error) {
		who, what = actor, c
		return warehouse.Result{OK: true, Code: "OK"}, nil
	}
	h := serve(t, cfg)
	post(t, h, "/orders/O1/cancel", "reason="+strings.Repeat("x", 3))
	if got, ok := what.(warehouse.CancelOrder); !ok || who != "site/console" || got.Order != "O1" || got.Reason != "xxx" || got.Source != "site" {
		t.Errorf("%s did %#v", who, what)
	}
	what = nil
	if w := post(t, h, "/orders/O1/cancel", "reason="+strings.Repeat("x", 8<<10)); w.Code != http.StatusBadRequest || what != nil {
		t.Errorf("a huge form: %d %#v", w.Code, what)
	}
}

// A page of another site cannot act through the browser of somebody here.
func TestForeignPosts(t *testing.T) {
	msg := `{"cmdId":"c","seq":1,"verb":"ask"}`
	for _, c := range []struct {
		name    string
		headers []string
		allowed bool
	}{
		{"a program", nil, true},
		{"our page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, true},
		{"typed by the user", []string{"Sec-Fetch-Site", "none"}, true},
		{"our page, old browser", []string{"Origin", "http://example.com"}, true},
		{"foreign page", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, false},
		{"foreign page, old browser", []string{"Origin", "https://evil.example"}, false},
		{"other port", []string{"Origin", "http://example.com:8080"}, false},
		{"sibling host", []string{"Sec-Fetch-Site", "same-site"}, false},
		{"sandboxed frame", []string{"Origin", "null"}, false},
	} {
		s := half(t)
		h := serve(t, s.config())
		before := s.index
		w1 := post(t, h, "/orders/O5/cancel", "", c.headers...)
		w2 := post(t, h, "/hh/cmd?device=web-zzz999", msg, append([]string{"Content-Type", "application/json"}, c.headers...)...)
		if did := s.index - before; c.allowed != (did == 2) || !c.allowed && (w1.Code != http.StatusForbidden || w2.Code != http.StatusForbidden || did != 0) {
			t.Errorf("%s: %d and %d, %d commands", c.name, w1.Code, w2.Code, did)
		}
	}
}

func TestOnlyPostActs(t *testing.T) {
	s := half(t)
	h := serve(t, s.config())
	before := s.index
	for _, p := range []string{"/orders/O5/cancel", "/orders/O5/retry", "/hh/cmd?device=web-abc234"} {
		if w := get(t, h, p); w.Code == http.StatusOK {
			t.Errorf("GET %s: %d", p, w.Code)
		}
	}
	if s.index != before {
		t.Error("a GET changed something")
	}
}

func TestCommand(t *testing.T) {
	s := half(t)
	h := serve(t, s.config())
	cmd := func(device, body, contentType string) *httptest.ResponseRecorder {
		return post(t, h, "/hh/cmd?device="+device, body, "Content-Type", contentType)
	}
	const js = "application/json; charset=utf-8"
	in := `{"cmdId":"c1","seq":1,"verb":"sign_in","barcode":"BADGE-1"}`
	w := cmd("web-new123", in, js)
	var res struct {
		OK   bool
		Code string
		Seq  uint64
		Next *warehouse.Step
	}
	if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil || w.Code != http.StatusOK || !res.OK || res.Seq != 1 || res.Next == nil || res.Next.Worker != "W1" {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	if again := cmd("web-new123", in, js); again.Body.String() != w.Body.String() {
		t.Errorf("a repeat is answered %s, first %s", again.Body, w.Body)
	}
	sent := len(s.commands)
	for _, bad := range []struct {
		name, device, body, mime string
		status                   int
	}{
		{"an MQTT handheld's id", "h1", in, js, http.StatusBadRequest},
		{"no id", "", in, js, http.StatusBadRequest},
		{"too short", "web-abc", in, js, http.StatusBadRequest},
		{"capitals", "web-ABCDEF", in, js, http.StatusBadRequest},
		{"more behind it", "web-abcdef/../h1", in, js, http.StatusBadRequest},
		{"a form", "web-new123", in, "text/plain", http.StatusUnsupportedMediaType},
		{"no type", "web-new123", in, "", http.StatusUnsupportedMediaType},
		{"too long", "web-new123", `{"cmdId":"` + strings.Repeat("x", 5000) + `"}`, js, http.StatusRequestEntityTooLarge},
	} {
		w := cmd(bad.device, bad.body, bad.mime)
		var body struct{ Code, Text string }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != bad.status || body.Code == "" || body.Text == "" {
			t.Errorf("%s: %d %s", bad.name, w.Code, w.Body)
		}
	}
	if len(s.commands) != sent {
		t.Error("a refused message reached the site")
	}
	s.down = errors.New("no leader")
	if w := cmd("web-new123", `{"cmdId":"c2","seq":2,"verb":"ask"}`, js); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a quorum: %d; only an error makes the page send it again", w.Code)
	}
}

// The page's own id and the pattern of the server must agree, and so must the
// reasons on its buttons and the codes of the domain.
func TestHandheldPage(t *testing.T) {
	body := get(t, serve(t, half(t).config()), "/hh/").Body.String()
	for _, reason := range []string{
		warehouse.FalloutStockout, warehouse.FalloutDamaged, warehouse.FalloutNotLocated,
		warehouse.FalloutInsufficient, warehouse.FalloutExpired, warehouse.FalloutOther,
	} {
		if strings.Count(body, `data-reason="`+reason+`"`) != 1 {
			t.Errorf("no button for %s", reason)
		}
	}
	if w := get(t, serve(t, half(t).config()), "/hh"); w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != "/hh/" {
		t.Errorf("/hh: %d", w.Code)
	}
}

// The page of an order that left says so.
func TestOrderInTheArchive(t *testing.T) {
	s := half(t)
	site, err := warehouse.GetSite(s.tx)
	if err != nil {
		t.Fatal(err)
	}
	site.ArchiveDays = 10
	s.must(warehouse.PutSite{Site: *site}, warehouse.CancelOrder{Order: "O5", Source: warehouse.SourceSite})
	s.now = s.now.Add(11 * 24 * time.Hour)
	s.must(warehouse.AdvanceTime{})
	w := post(t, serve(t, s.config()), "/orders/O5/retry", "")
	if w.Code != http.StatusConflict && !strings.Contains(w.Body.String(), "left for the archive") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r := httptest.NewRequest(http.MethodGet, "/orders/O5", nil)
	w = httptest.NewRecorder()
	serve(t, s.config()).ServeHTTP(w, r)
	if w.Code != http.StatusGone || !strings.Contains(w.Body.String(), "Order O5 was CANCELLED on ") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
