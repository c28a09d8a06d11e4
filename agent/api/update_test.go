package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

func (f *fakeUpdates) Keep(body io.Reader) error {
	b, err := io.ReadAll(body)
	f.asked = string(b)
	return errors.Join(err, f.err)
}

func (f *fakeUpdates) File(_ context.Context, from string) (io.Reader, int64, error) {
	f.asked = from
	return strings.NewReader("a release"), 9, f.err
}

func TestUpdateRoutes(t *testing.T) {
	g, f := newFake(t), &fakeUpdates{}
	g.handler = New(Config{Log: slog.New(slog.DiscardHandler), Updates: f, Faults: health.Faults, Status: func() Gateway { return Gateway{ID: "gw1"} }})
	const turn, site, file = "/v1/update/turn", "/v1/update/site", "/v1/update/file"
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
	if r := g.want(http.StatusOK, g.call("PUT", file, "application/octet-stream", strings.NewReader("bytes"))); f.asked != "bytes" {
		t.Errorf("kept %q: %s", f.asked, r.body)
	}
	rec := httptest.NewRecorder() // no JSON
	g.handler.ServeHTTP(rec, httptest.NewRequest("GET", file+"?from=gw2", nil))
	if f.asked != "gw2" || rec.Code != http.StatusOK || rec.Body.String() != "a release" || rec.Header().Get("Content-Length") != "9" {
		t.Errorf("from %q: %s %v", f.asked, rec.Body, rec.Header())
	}
	f.err = Refuse(http.StatusNotFound, CodeNotFound, "none is on offer")
	g.refused(http.StatusNotFound, CodeNotFound, g.call("GET", file+"?from=gw9", "", nil))
	f.err, f.asked = nil, ""
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
