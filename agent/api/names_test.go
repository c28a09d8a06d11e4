package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tote/warehouse"
)

// A path that is no text names nothing: that is the caller's fault, not ours.
func TestPathsThatAreNoText(t *testing.T) {
	g := site(t)
	for _, r := range []response{
		g.get("/v1/orders/%ff"), g.get("/v1/stock/%ff"), g.post("/v1/orders/O%ff1/cancel", "{}"), g.post("/v1/orders/%C3/retry", "{}"),
		g.post("/v1/robots/%ff/gone", "{}"), g.csv("%ff", "x\n"),
	} {
		g.refused(http.StatusBadRequest, CodeBadRequest, r)
	}
	if len(g.done) > 0 {
		t.Errorf("%v was proposed", g.done)
	}
	// Whatever else cannot be written into the log is no fault of the site.
	g.doErr = fmt.Errorf("propose: %w", warehouse.ErrMalformed)
	g.refused(http.StatusBadRequest, warehouse.CodeMalformed, g.post("/v1/orders/O1/retry", "{}"))
}

// Rules no floor can work with are refused with the field's name.
func TestSiteRulesNobodyCanWorkWith(t *testing.T) {
	g := newFake(t)
	g.node = func(n string) bool { return n == "pack1" }
	robots := func(stations string) string {
		return strings.Replace(siteJSON, `"cartSlots"`, `"transport":"robot","packStations":[`+stations+`],"cartSlots"`, 1)
	}
	for _, tc := range []struct{ name, json, field string }{
		{"a lease of a moment", strings.Replace(siteJSON, `"leaseMs":600000`, `"leaseMs":1`, 1), "leaseMs"},
		{"a lease just too short", strings.Replace(siteJSON, `"leaseMs":600000`, `"leaseMs":9999`, 1), "leaseMs"},
		{"cells of no length", strings.Replace(siteJSON, `"cellMm":1200`, `"cellMm":0`, 1), "layout.cellMm"},
		{"a station nobody knows", robots(`"pack1","pack9"`), "packStations: the map of the robots has no node pack9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if r := g.refused(http.StatusConflict, warehouse.CodeInvalid, g.put("/v1/site", tc.json)); !strings.HasPrefix(r.Text, tc.field) {
				t.Error(r.Text)
			}
		})
	}
	if len(g.done) > 0 {
		t.Errorf("%v was proposed", g.done)
	}
	g.want(http.StatusOK, g.put("/v1/site", strings.Replace(robots(`"pack1"`), `"leaseMs":600000`, `"leaseMs":10000`, 1)))
}
