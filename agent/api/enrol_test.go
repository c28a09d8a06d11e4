package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"tote/agent/enrol"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/warehouse"
)

// siteNow is the time of the fake's site.
var siteNow = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// enrolment is a desk on the fake's memory.
func (g *fake) enrolment() *enrol.Desk {
	return enrol.New(enrol.Config{
		Log: slog.New(slog.DiscardHandler), Site: "s1", Base: func() string { return "https://gw1:8443" }, Now: func() time.Time { return siteNow },
		View: func(fn func(r warehouse.Reader) error) error {
			if g.viewErr != nil {
				return g.viewErr
			}
			return fn(g.tx)
		},
		Do: func(_ context.Context, actor string, c members.Command) (warehouse.Result, error) {
			if g.doErr != nil {
				return warehouse.Result{}, g.doErr
			}
			kind, version, body, err := members.Encode(c)
			if err != nil {
				return warehouse.Result{}, err
			}
			return members.Apply(g.tx, warehouse.Meta{Index: 1, Now: siteNow.UnixMilli(), Actor: actor}, kind, version, body)
		},
	})
}

func TestEnrol(t *testing.T) {
	g := newFake(t)
	const js = "application/json"
	r := g.call(http.MethodPost, "/v1/enrol/handheld/h7", js, strings.NewReader(`{"ttlSeconds": 60, "lifeDays": 10}`))
	var o enrol.Offer
	if err := json.Unmarshal(r.body, &o); err != nil || r.status != http.StatusOK || !strings.HasPrefix(o.Link, "https://gw1:8443/enrol?c=") || o.Expires != "2026-03-01T08:01:00Z" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	r = g.call(http.MethodGet, "/v1/enrol", "", nil)
	if r.status != http.StatusOK || strings.Contains(string(r.body), o.Code) || !strings.Contains(string(r.body), `"h7"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if _, err := g.enrolment().Claim(t.Context(), o.Code, nil); err != nil {
		t.Fatal(err)
	}
	r = g.call(http.MethodGet, "/v1/enrol", "", nil)
	var list struct {
		Devices []enrol.Row
		Codes   []enrol.Waiting
	}
	if err := json.Unmarshal(r.body, &list); err != nil || len(list.Devices) != 1 || len(list.Codes) != 0 || list.Devices[0].By != "password" || list.Devices[0].From != "site/api" || list.Devices[0].Until != "2026-03-11T08:00:00Z" {
		t.Errorf("%s", r.body)
	}
	if r = g.call(http.MethodPost, "/v1/revoke/handheld:h7", js, nil); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	for path, body := range map[string]string{
		"/v1/enrol/boss/x": "", "/v1/enrol/handheld/Tall%20Name": "", "/v1/enrol/robot/a%2Fb": "", "/v1/enrol/robot/R1": `{"ttlSeconds": 999999}`, "/v1/enrol/robot/R2": `{"lifeDays": 9999}`,
		"/v1/revoke/handheld:h7": "",
	} {
		r := g.call(http.MethodPost, path, js, strings.NewReader(body))
		no := r.refusal(t)
		if r.status != http.StatusConflict || no.Code != identity.CodeEnrol && no.Code != members.CodeNoDevice {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := g.call(http.MethodPost, "/v1/enrol/robot/R1", js, strings.NewReader(`{"ttlSeconds": "x"}`)); r.status != http.StatusBadRequest {
		t.Errorf("%d %s", r.status, r.body)
	}
}
