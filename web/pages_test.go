package web_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/warehouse"
	"tote/web"
)

// serve makes the handler of cfg.
func serve(t testing.TB, cfg web.Config) http.Handler {
	t.Helper()
	h, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// get asks for a path.
func get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

var assetHash = regexp.MustCompile(`/assets/[0-9a-f]{12}/`)

// golden compares text with testdata/golden/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = assetHash.ReplaceAllString(got, "/assets/HASH/")
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// half is the small site with one order in most states.
func half(t testing.TB) *site {
	s := small(t)
	s.step = 10 * time.Second
	s.must(release("O1", 0, "CUP*3", "MILK*2"), release("O2", 0, "PEN*1"), release("O3", 3, "MILK*9"), release("O4", 0, "CUP*1"), release("O5", 0, "PEN*2"))
	s.assign("web-abc234", "BADGE-1", "W1", "O1", "O2")
	s.walk("web-abc234", 4)
	s.assign("h2", "BADGE-2", "W2", "O4")
	s.walk("h2", 100)
	s.pack("pack1", "O4", warehouse.OrderLabelled)
	return s
}

func TestGolden(t *testing.T) {
	s := half(t)
	cfg := s.config()
	cfg.Gateway = func() web.GatewayStatus { return gateway(s.clock()) }
	cfg.Floor, cfg.Faults = robots, faults
	h := serve(t, cfg)
	for name, path := range map[string]string{
		"console.html": "/", "orders.html": "/orders", "orders-fallout.html": "/orders?state=FALLOUT", "order-picking.html": "/orders/O1",
		"order-short.html": "/orders/O3", "order-labelled.html": "/orders/O4", "handheld.html": "/hh/", "manifest.json": "/hh/manifest.webmanifest",
	} {
		w := get(t, h, path)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		golden(t, name, w.Body.String())
	}
	w := get(t, h, "/orders/NONE")
	if w.Code != http.StatusNotFound {
		t.Errorf("unknown order: %d", w.Code)
	}
	golden(t, "order-unknown.html", w.Body.String())
}

func TestConsoleOfABareSite(t *testing.T) {
	s := newSite(t, epoch)
	body := get(t, serve(t, s.config()), "/").Body.String()
	for _, want := range []string{"Load the site file", "This page runs without a gateway", "No device is connected", "Nothing needs a decision"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in the console of an empty site", want)
		}
	}
}

// stop is an emergency stop.
func stop(code string, now time.Time) web.Device {
	return web.Device{Name: "estop/hall1", Driver: "gpio-estop", State: "degraded", Code: code, Text: "an emergency stop", Since: now.Add(-2 * time.Minute)}
}

func TestStatusLine(t *testing.T) {
	now := epoch
	lost := web.Quorum{Since: now.Add(-3 * time.Minute)}
	broken := gateway(now)
	for _, c := range []struct {
		name   string
		change func(*web.GatewayStatus)
		level  string
		want   string
	}{
		{"well", func(*web.GatewayStatus) {}, "ok", "Nothing waits for a decision"},
		{"no quorum", func(g *web.GatewayStatus) { g.Quorum = lost }, "bad", "NO QUORUM since 13:57:00"},
		{"what to do", func(g *web.GatewayStatus) { g.Quorum = lost }, "bad", "Start the missing gateways or mend their network"},
		{"own advice", func(g *web.GatewayStatus) { g.Quorum = lost; g.Quorum.Action = "Call <b>Eve</b>." }, "bad", "Call &lt;b&gt;Eve&lt;/b&gt;."},
		{"peer down", func(g *web.GatewayStatus) { g.Peers[0].Up = false }, "warn", "1 of 3 gateways are down"},
		{"oms away", func(g *web.GatewayStatus) { g.Sync.Connected = false }, "warn", "The OMS is not connected"},
		{"oms elsewhere", func(g *web.GatewayStatus) { g.Sync = nil }, "ok", "Nothing waits"},
		{"robot", func(g *web.GatewayStatus) { g.Robots = broken.Robots }, "warn", "2 machines and devices need a person: R3 and R4"},
		{"conveyor", func(g *web.GatewayStatus) { g.Conveyors = broken.Conveyors }, "warn", "1 machine or device needs a person: cv2"},
		{"device", func(g *web.GatewayStatus) { g.Devices = broken.Devices }, "warn", "a person: pack1/printer"},
		{"many", func(g *web.GatewayStatus) { *g = broken; g.Devices[0].State = "absent" }, "warn", "5 machines and devices need a person: R3, R4, cv2, pack1/printer and 1 more"},
		{"emergency stop", func(g *web.GatewayStatus) { g.Devices = append(broken.Devices, stop("DEV-603", now)) }, "bad", "EMERGENCY STOP hall1 since 13:58:00"},
		{"not yet reset", func(g *web.GatewayStatus) { g.Devices = append(g.Devices, stop("DEV-604", now)) }, "bad", "EMERGENCY STOP hall1"},
		{"a danger before all", func(g *web.GatewayStatus) { g.Quorum = lost; g.Devices = []web.Device{stop("DEV-603", now)} }, "bad", "EMERGENCY STOP hall1"},
		{"a stop that is over", func(g *web.GatewayStatus) {
			d := stop("", now)
			d.State = "ready"
			g.Devices = append(g.Devices, d)
		}, "ok", "Nothing waits"},
		{"remarks", func(g *web.GatewayStatus) { g.Robots = broken.Robots[4:] }, "ok", "Nothing waits"},
		{"worst first", func(g *web.GatewayStatus) { g.Quorum, g.Peers[0].Up, g.Sync.Connected = lost, false, false }, "bad", "NO QUORUM"},
	} {
		s := small(t)
		s.now = now
		g := gateway(now)
		g.Robots, g.Conveyors, g.Devices = g.Robots[:2], g.Conveyors[:1], g.Devices[:1]
		c.change(&g)
		cfg := s.config()
		cfg.Gateway = func() web.GatewayStatus { return g }
		body := get(t, serve(t, cfg), "/").Body.String()
		if !strings.Contains(body, `<p class="status `+c.level+`"`) || !strings.Contains(body, c.want) {
			t.Errorf("%s: no %s line with %q", c.name, c.level, c.want)
		}
	}
}

// Whatever comes from outside is text on the page, never markup.
func TestHostileInput(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`
	s := small(t)
	s.must(
		warehouse.PutItems{Items: []warehouse.Item{{SKU: "EVIL", Name: evil, WeightMg: 1}}},
		warehouse.PutBins{Bins: []warehouse.Bin{{Code: `E<i>`, Aisle: 1, Cell: 4, Side: "R"}}},
		warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: `W<b>`, Name: evil, Badge: "EVE"}}},
		warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: `E<i>`, SKU: "EVIL", Qty: 9}}},
	)
	ids := []string{`<script>x`, `a/../b?c=1#d`, `50%`, `"'onclick=`, `{{.}}`, ` `}
	for _, id := range ids {
		o := release(id, 0, "EVIL*1", "CUP*9999")
		o.Order.ShipTo.Name, o.Order.ShipTo.Street, o.Order.Channel = evil, "javascript:alert(1)", evil
		if res, err := s.do(t.Context(), "test", o); err != nil || !res.OK {
			t.Logf("the domain refuses the id %q: %s", id, res.Code)
		}
	}
	s.must(release("E2", 0, "EVIL*1"), warehouse.AskMove{SKU: "EVIL", Qty: 1, From: `E<i>`, Reason: evil})
	s.assign("h1", "EVE", "W<b>", "E2")
	cfg := s.config()
	cfg.Site = evil
	cfg.Gateway = func() web.GatewayStatus {
		g := gateway(epoch)
		g.ID, g.Version, g.Sync.LastError, g.Peers[0].ID, g.Peers[0].Address = evil, evil, evil, evil, evil
		g.Devices[1].Name, g.Devices[1].Text, g.Devices[1].Reading, g.Devices[1].Code = evil, evil, evil, evil
		return g
	}
	cfg.Floor = func() []web.Marker { return []web.Marker{{Kind: evil, ID: evil, State: evil, Text: evil, Bin: evil}} }
	cfg.Faults = func(string) (string, string, bool) { return evil, evil, true }
	h := serve(t, cfg)
	pages := []string{"/", "/figures", "/figures?from=" + url.QueryEscape(evil), "/actions", "/holds", "/backorders", "/floor-tasks", "/orders", "/orders?state=FALLOUT", "/orders/E2", "/hh/", "/orders/" + url.PathEscape(evil)}
	for _, id := range ids {
		pages = append(pages, "/orders/"+url.PathEscape(id))
	}
	ours := regexp.MustCompile(`<script type="module" src="/assets/[0-9a-f]{12}/(console|app)\.js"></script>`)
	tags := regexp.MustCompile(`<[a-zA-Z][^<>]*>`)
	values := regexp.MustCompile(`"[^"]*"`) // of attributes: what they hold cannot leave them
	bad := regexp.MustCompile(`(?i)^<(script|img|i|iframe)\b|\son\w+\s*=|alert`)
	for _, p := range pages {
		body := ours.ReplaceAllString(get(t, h, p).Body.String(), "")
		body = strings.ReplaceAll(body, `<img src="/assets/`, "")
		body = strings.Replace(body, `<img id="pic" alt="" hidden>`, "", 1)
		for _, tag := range tags.FindAllString(body, -1) {
			if bad.MatchString(values.ReplaceAllString(tag, "")) {
				t.Errorf("%s holds %s", p, tag)
			}
		}
	}
	// Links of strange ids lead to the order and nowhere else.
	list := get(t, h, "/orders").Body.String()
	for _, m := range regexp.MustCompile(`href="(/orders/[^"]+)"`).FindAllStringSubmatch(list, -1) {
		if w := get(t, h, strings.ReplaceAll(m[1], "&amp;", "&")); w.Code != http.StatusOK {
			t.Errorf("link %s: %d", m[1], w.Code)
		}
	}
}

func TestHeaders(t *testing.T) {
	h := serve(t, half(t).config())
	for _, p := range []string{"/", "/orders/O1", "/orders/NONE", "/hh/", "/hh/manifest.webmanifest", "/nowhere", "/hh/events", "/assets/x/y"} {
		w := get(t, h, p)
		csp := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", p, csp)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", p, w.Header())
		}
		body := w.Body.String()
		if regexp.MustCompile(`<script(>| [^>]*>)[^<]`).MatchString(body) || regexp.MustCompile(`(?i)\sstyle="|<style|\son[a-z]+="`).MatchString(body) {
			t.Errorf("%s holds inline script or style, which its own policy forbids", p)
		}
	}
}

func TestAssetsAreForEver(t *testing.T) {
	h := serve(t, half(t).config())
	found := assetHash.FindAllString(get(t, h, "/").Body.String(), -1)
	if len(found) < 3 {
		t.Fatal("the console names no assets")
	}
	for name, mime := range map[string]string{
		"console.css": "text/css", "console.js": "text/javascript", "age.js": "text/javascript", "app.js": "text/javascript",
		"scan.js": "text/javascript", "outbox.js": "text/javascript", "icon.svg": "image/svg+xml", "codes.json": "application/json",
	} {
		w := get(t, h, found[0]+name)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), mime) || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
	for _, p := range []string{"/assets/000000000000/app.js", found[0] + "none.js", found[0] + "..%2fserver.go"} {
		if w := get(t, h, p); w.Code != http.StatusNotFound || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", p, w.Code, w.Header())
		}
	}
}

func TestFindOrder(t *testing.T) {
	w := get(t, serve(t, half(t).config()), "/orders?id="+url.QueryEscape("a b/c"))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/orders/a%20b%2Fc" {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
	if w := get(t, serve(t, half(t).config()), "/orders?state=NOPE"); w.Code != http.StatusNotFound {
		t.Errorf("unknown state: %d", w.Code)
	}
}

// The default scope is what is open and what ended today.
func TestScope(t *testing.T) {
	s := half(t)
	s.must(warehouse.Load{Dock: "dock1", Barcode: s.order("O4").Parcels[0].SSCC}, warehouse.Depart{Dock: "dock1"}, warehouse.CancelOrder{Order: "O5", Source: "site"})
	h := serve(t, s.config())
	ids := func(path string) string {
		var out []string
		for _, m := range regexp.MustCompile(`<a href="/orders/(O\d)">`).FindAllStringSubmatch(get(t, h, path).Body.String(), -1) {
			out = append(out, m[1])
		}
		return strings.Join(out, " ")
	}
	if got := ids("/orders"); got != "O2 O3 O1 O5 O4" {
		t.Errorf("today: %s", got)
	}
	s.mu.Lock()
	s.now = s.now.Add(24 * time.Hour)
	s.mu.Unlock()
	for path, want := range map[string]string{
		"/orders": "O2 O3 O1", "/orders?state=ALL": "O1 O2 O3 O4 O5", "/orders?state=SHIPPED": "O4", "/orders?state=CANCELLED": "O5",
		"/orders?state=FALLOUT": "O3", "/orders?state=PICKING": "O1",
	} {
		if got := ids(path); got != want {
			t.Errorf("%s the day after: %s, want %s", path, got, want)
		}
	}
}

func TestLongLists(t *testing.T) {
	s := small(t)
	for i := range 260 {
		s.must(release(fmt.Sprintf("N%03d", i), 0, "CUP*9999"))
	}
	h := serve(t, s.config())
	if body := get(t, h, "/orders").Body.String(); strings.Count(body, `<tr data-key=`) != 200 || !strings.Contains(body, "The 200 oldest of 260 orders") {
		t.Error("the list of orders is not cut, or does not say so")
	}
	if body := get(t, h, "/").Body.String(); strings.Count(body, `<li data-key="F`) != 50 || !strings.Contains(body, "50 of 260 open") {
		t.Error("the list of fallouts is not cut, or does not say so")
	}
}

// A state that cannot be read is an answer, not a blank page.
func TestViewFails(t *testing.T) {
	s := half(t)
	cfg := s.config()
	cfg.View = func(func(warehouse.Reader) error) error { return errors.New("disk gone") }
	h := serve(t, cfg)
	for _, p := range []string{"/", "/orders", "/orders/O1", "/floor-tasks", "/figures", "/actions", "/holds", "/backorders"} {
		w := get(t, h, p)
		body, _ := io.ReadAll(w.Body)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(string(body), "cannot read its state") || strings.Contains(string(body), "disk gone") {
			t.Errorf("%s: %d %s", p, w.Code, body)
		}
	}
}

func TestConfig(t *testing.T) {
	cfg := small(t).config()
	for i, cut := range []func(*web.Config){
		func(c *web.Config) { c.View = nil }, func(c *web.Config) { c.Command = nil },
		func(c *web.Config) { c.LastSeq = nil }, func(c *web.Config) { c.Do = nil },
	} {
		c := cfg
		cut(&c)
		if _, err := web.New(c); !errors.Is(err, web.ErrConfig) {
			t.Errorf("%d: %v", i, err)
		}
	}
}
