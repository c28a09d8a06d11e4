package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tote/web"
)

// TestIssues: the console tells causes with what follows from them; the status line
// names the hub and not the five devices on it; without issues there is no card.
func TestIssues(t *testing.T) {
	s := half(t)
	cfg := s.config()
	g := web.GatewayStatus{ID: "gw1", Quorum: web.Quorum{OK: true}}
	cfg.Gateway = func() web.GatewayStatus { return g }
	h := serve(t, cfg)
	if body := get(t, h, "/").Body.String(); strings.Contains(body, "h-issues") {
		t.Error("a card without issues")
	}
	devices := []string{"d1/scanner", "d2/scanner", "d3/scanner", "d4/scanner", "d5/scanner"}
	for _, d := range devices {
		g.Devices = append(g.Devices, web.Device{Name: d, State: "absent", Code: "DEV-101", Since: s.clock()})
	}
	g.Issues = []web.Issue{
		{Code: "HLT-135", Text: "it <b>hangs</b>", Cause: "The broker.", Action: "Restart it.", Broken: true, Since: s.clock().Add(-time.Minute)},
		{Code: "HLT-133", About: "usb 1-1.4", Text: "the hub is gone", Cause: "A hub.", Action: "Check its power.", Since: s.clock(), Follows: devices},
	}
	w := get(t, h, "/")
	body := w.Body.String()
	if w.Code != http.StatusOK {
		t.Fatal(body)
	}
	for _, want := range []string{
		`<h2 id="h-issues">Issues <span class="count">2</span>`, "<b>HLT-133</b> usb 1-1.4", "Check its power.", "With it: d1/scanner, d2/scanner",
		"it &lt;b&gt;hangs", "needs a person: usb 1-1.4<",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if strings.Index(body, "HLT-135") > strings.Index(body, "HLT-133") {
		t.Error("the order of the issues is not kept")
	}
}
