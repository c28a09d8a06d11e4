package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tote/warehouse"
)

// Held orders, the rest of a partial shipment, what waits for a person.
func TestSitePages(t *testing.T) {
	s := half(t)
	s.must(
		warehouse.HoldOrder{Order: "O5", Code: warehouse.HoldPayment, Source: "oms/main"},
		warehouse.ProposeAlias{Barcode: "NEW-1", SKU: "CUP"},
	)
	h := serve(t, s.config())
	for path, want := range map[string][]string{
		"/holds":              {"Held orders", ">O5</a>", "PAYMENT by oms/main", "2 × PEN, allocated", "1 order."},
		"/backorders":         {"Nothing is backordered."},
		"/actions":            {"OUT_OF_STOCK", ">O3</a>", "ALIAS", "things wait"},
		"/actions?role=lead":  {"ALIAS", "1 thing waits", `href="/actions?role=lead" aria-current="page"`},
		"/actions?role=dock":  {"Nothing waits for a decision."},
		"/figures":            {"The site keeps no figures"},
		"/figures?to=garbage": {"The window must be two days"},
	} {
		body := get(t, h, path).Body.String()
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s has no %q:\n%s", path, w, body)
			}
		}
	}
	for path, code := range map[string]int{"/actions?role=cook": http.StatusNotFound, "/figures?from=2026-02-02&to=2026-02-01": http.StatusBadRequest} {
		if w := get(t, h, path); w.Code != code {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Each figure of the API stands on the page, with its name.
func TestFiguresPageHasThemAll(t *testing.T) {
	s := half(t)
	s.must(warehouse.PutSite{Site: func() warehouse.Site {
		site, err := warehouse.GetSite(s.tx)
		if err != nil {
			t.Fatal(err)
		}
		site.Figures = true
		return *site
	}()}, release("O9", 0, "CUP*1"))
	body := get(t, serve(t, s.config()), "/figures").Body.String()
	raw, err := json.Marshal(warehouse.KPI{Released: map[string]int64{"web": 1}, Shipped: map[string]int64{"web": 1}})
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	maps := map[string]bool{"shipped": true, "returned": true, "returnedSku": true, "picked": true, "supplierLines": true} // empty today
	for name := range all {
		if name == "from" || name == "to" || maps[name] {
			continue
		}
		if !strings.Contains(body, `value="`+name) {
			t.Errorf("%s is not on the page", name)
		}
	}
}
