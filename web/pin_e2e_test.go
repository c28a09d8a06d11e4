package web_test

import (
	"net/http/httptest"
	"os"
	"testing"

	"tote/warehouse"
)

// The pad for the PIN is pressed in Chromium; the state says who is signed in.
func TestBrowserPin(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in -short: browser test")
	}
	chromium := need(t, "chromium")
	if _, err := os.Stat("e2e/node_modules/playwright-core"); err != nil {
		t.Skip("SKIPPED: web/e2e/node_modules is missing; run make deps")
	}
	s := small(t)
	rules, err := warehouse.GetSite(s.tx)
	if err != nil {
		t.Fatal(err)
	}
	rules.Pin, rules.PinFirst = warehouse.PinOn, true
	s.must(warehouse.PutSite{Site: *rules}, warehouse.SetPin{Worker: "W1", Hash: "$argon2id$test$4711"})
	srv := httptest.NewServer(serve(t, s.config()))
	defer srv.Close()
	out, err := node(t, "pin.js", srv.URL, chromium, "BADGE-1", "4711", "BADGE-2")
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	ws, err := warehouse.GetWorkerState(s.tx, "W1")
	if err != nil || ws.Device == "" {
		t.Errorf("W1: %+v, %v", ws, err)
	}
	if p, err := warehouse.GetPin(s.tx, "W2"); err != nil || p == nil || p.Hash != "$argon2id$test$2580" {
		t.Errorf("the PIN of W2: %+v, %v", p, err)
	}
}
