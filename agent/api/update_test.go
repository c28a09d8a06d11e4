package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"tote/agent/health"
	"tote/agent/update"
)

// fakeUpdates notes what it is asked.
type fakeUpdates struct {
	answer update.TurnAnswer
	err    error
	asked  string
}

func (f *fakeUpdates) Turn(_ context.Context, a update.TurnAsk) (update.TurnAnswer, error) {
	f.asked = fmt.Sprint(a)
	return f.answer, f.err
}

func (f *fakeUpdates) Offer(_ context.Context, from string) ([]Offered, error) {
	f.asked = from
	return []Offered{{ID: "gw1", OK: true}, {ID: "gw2", Why: "it does not answer"}}, f.err
}

func TestUpdateRoutes(t *testing.T) {
	g, f := newFake(t), &fakeUpdates{}
	g.handler = New(Config{Log: slog.New(slog.DiscardHandler), Updates: f, Faults: health.Faults, Status: func() Gateway { return Gateway{ID: "gw1"} }})
	const turn, site = "/v1/update/turn", "/v1/update/site"
	ask := `{"release":"ab","version":"2.0","site":true}`
	for _, a := range []update.TurnAnswer{{Granted: true}, {HandOver: "gw2", Why: "gw2 is to lead"}, {Stop: true, Why: "gw3 took it back"}} {
		f.answer = a
		if got := decode[update.TurnAnswer](t, g.want(http.StatusOK, g.post(turn, ask))); got != a || f.asked != "{ab 2.0 true}" {
			t.Errorf("%+v for %s", got, f.asked)
		}
	}
	if b := g.want(http.StatusAccepted, g.post(site, `{"from":"https://x/y.update"}`)); f.asked != "https://x/y.update" || !strings.Contains(string(b.body), "it does not answer") {
		t.Errorf("asked %s", f.asked)
	}
	f.asked = ""
	for path, bodies := range map[string][]string{turn: {"{", `{"release":"ab"}`, `{"x":1}`}, site: {"{", `{"url":"x"}`}} {
		for _, body := range bodies {
			g.refused(http.StatusBadRequest, CodeBadRequest, g.post(path, body))
		}
		g.refused(http.StatusUnsupportedMediaType, CodeBadRequest, g.call("POST", path, "text/plain", strings.NewReader(ask)))
	}
	if f.asked != "" {
		t.Errorf("it was asked %s", f.asked)
	}
	f.err = Refuse(http.StatusServiceUnavailable, CodeNotReady, "no gateway leads")
	g.refused(http.StatusServiceUnavailable, CodeNotReady, g.post(turn, ask))
}
