package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"tote/warehouse"
)

func TestWhatWaits(t *testing.T) {
	type page struct {
		Orders []warehouse.Order
		Next   string
	}
	type actions struct {
		Actions []warehouse.Action
		Total   int
	}
	g := site(t)
	ids := func(path string) string {
		t.Helper()
		p := decode[page](t, g.want(http.StatusOK, g.get(path)))
		out := p.Next + ":"
		for _, o := range p.Orders {
			out += " " + o.Spec.ID
		}
		return out
	}
	for _, path := range []string{"/v1/holds", "/v1/backorders"} {
		if got := ids(path); got != ":" {
			t.Errorf("%s of a quiet site: %s", path, got)
		}
	}
	if a := decode[actions](t, g.want(http.StatusOK, g.get("/v1/actions"))); a.Actions == nil || a.Total != 0 {
		t.Errorf("%+v", a)
	}
	g.want(http.StatusOK, g.csv("orders", strings.Replace(orderFile("BIG", "TEA"), "TEA,1", "TEA,99", 1)))
	g.want(http.StatusOK, g.csv("orders", strings.Replace(orderFile("HUGE", "TEA"), "TEA,1", "TEA,99", 1)))
	for _, id := range []string{"O1", "O2", "O4"} {
		if res, err := g.do(t.Context(), "test", warehouse.HoldOrder{Order: id, Code: warehouse.HoldRecall, Source: warehouse.SourceSite}); err != nil || !res.OK {
			t.Fatalf("%+v %v", res, err)
		}
	}
	g.want(http.StatusOK, g.post("/v1/orders/O2/cancel", `{}`))
	for path, want := range map[string]string{
		"/v1/holds": ": O1 O4", "/v1/holds?limit=1": "O1: O1", "/v1/holds?limit=1&after=O1": "O4: O4", "/v1/holds?after=O4": ":",
		"/v1/backorders": ":", "/v1/orders?state=SHORT_WAITING": ": BIG HUGE", "/v1/orders?state=NOPE": ":",
	} {
		if got := ids(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	a := decode[actions](t, g.want(http.StatusOK, g.get("/v1/actions?role="+warehouse.RoleService+"&limit=1")))
	if len(a.Actions) != 1 || a.Total != 2 || a.Actions[0].Order != "BIG" || a.Actions[0].Next == "" {
		t.Errorf("%+v", a)
	}
	if a := decode[actions](t, g.want(http.StatusOK, g.get("/v1/actions?role=dock"))); a.Total != 0 {
		t.Errorf("%+v", a)
	}
	all := decode[[]warehouse.Fallout](t, g.want(http.StatusOK, g.get("/v1/fallouts?all=1&limit=1")))
	if len(all) != 1 || all[0].Order != "BIG" {
		t.Fatalf("%+v", all)
	}
	if all = decode[[]warehouse.Fallout](t, g.want(http.StatusOK, g.get("/v1/fallouts?all=1&after="+all[0].ID))); len(all) != 1 || all[0].Order != "HUGE" {
		t.Errorf("%+v", all)
	}
	g.done = nil
	for _, path := range []string{"/v1/actions", "/v1/holds", "/v1/backorders", "/v1/fallouts"} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.get(path+"?limit=0"))
	}
	g.viewErr = errors.New("the state is damaged")
	for _, path := range []string{"/v1/actions", "/v1/holds", "/v1/backorders", "/v1/fallouts"} {
		g.refused(http.StatusInternalServerError, CodeInternal, g.get(path))
	}
}
