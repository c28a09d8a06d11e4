package web_test

import (
	"net/http/httptest"
	"os"
	"testing"

	"tote/warehouse"
)

// The buttons of the handheld for another lot and for handing over are pressed in
// Chromium; the state says what the screens said.
func TestBrowserPickersButtons(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in -short: browser test")
	}
	chromium := need(t, "chromium")
	if _, err := os.Stat("e2e/node_modules/playwright-core"); err != nil {
		t.Skip("SKIPPED: web/e2e/node_modules is missing; run make deps")
	}
	s := small(t)
	s.dispatch = true
	s.must(
		warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B-03-R", SKU: "MILK", Lot: "L2", Expiry: "2026-08-01", Qty: 4}}},
		release("O1", 0, "MILK*1"), warehouse.SignIn{Device: "h2", Badge: "BADGE-2"},
	)
	srv := httptest.NewServer(serve(t, s.config()))
	defer srv.Close()
	out, err := node(t, "pickers.js", srv.URL, chromium, "BADGE-1", "]C101"+gtin(t, 3)+"10L2", "BADGE-2")
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	if st := s.next("h2"); st.Lot != "L2" || st.Order != "O1" || st.Worker != "W2" {
		t.Errorf("W2 has %+v", st)
	}
	if len(s.commands) != 5 {
		t.Errorf("%d messages came: %q", len(s.commands), s.commands)
	}
}
