package agent

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"tote/oms"
	"tote/warehouse"
)

// TestOrderIDOfTwoMastersRow38: while the OMS is away people enter an order under an
// id the OMS has given too, to an order that is not paid. Nothing that is done to
// the one touches the other, and both sides are told.
func TestOrderIDOfTwoMastersRow38(t *testing.T) {
	t.Parallel()
	central, err := oms.New(oms.Config{DB: filepath.Join(t.TempDir(), "oms.db"), Sites: []oms.Site{{ID: "s1"}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(central.Handler())
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", oms: server.URL}
	t.Cleanup(func() {
		server.Close()
		if err := central.Close(); err != nil {
			t.Error(err)
		}
	})
	s.begin()
	s.eventually("the newest rules hold", func() bool {
		level, _ := s.gw.agent.bare().(interface{ Level() (cluster, own uint16) }).Level()
		return level >= warehouse.Level
	})
	client := server.Client()
	defer client.CloseIdleConnections()
	ask := func(method, path, body string) (int, []byte) {
		req, err := http.NewRequestWithContext(s.ctx(), method, server.URL+path, strings.NewReader(body))
		s.must(err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		s.must(err)
		defer func() { _ = resp.Body.Close() }()
		raw, err := io.ReadAll(resp.Body)
		s.must(err)
		return resp.StatusCode, raw
	}
	central1 := func() (v oms.OrderView) {
		_, raw := ask("GET", "/v1/orders/O1", "")
		s.must(json.Unmarshal(raw, &v))
		return v
	}
	const theirs = `{"id":"O1","shipTo":{"name":"Ada","street":"1 Way","postcode":"10115","city":"Berlin","country":"DE"},"lines":[{"line":1,"sku":"A2","qty":1}]}`
	if code, raw := ask("POST", "/v1/orders", theirs); code != http.StatusCreated {
		t.Fatalf("%d %s", code, raw)
	}
	s.order("O1", "A1", 1) // at the site
	s.eventually("the OMS lists the conflict", func() bool { return len(central1().Conflicts) == 1 })
	if v := central1(); v.State != oms.StateNew || v.Origin != "oms" || v.Payment != oms.PaymentPending {
		t.Errorf("the OMS took the site's order for its own: %+v", v)
	}
	if code, raw := ask("POST", "/v1/orders/O1/payment", `{"state":"settled"}`); code != http.StatusOK {
		t.Fatalf("%d %s", code, raw)
	}
	s.eventually("the OMS is told that its order was refused", func() bool {
		v := central1()
		return v.State == oms.StateRejected && v.Code == warehouse.CodeIDTaken
	})
	if o := s.get("O1"); o.State != warehouse.OrderReleased || o.Source != warehouse.SourceSite || o.Spec.Lines[0].SKU != "A1" {
		t.Errorf("the site took the OMS's order for a change of its own: %+v", o)
	}
	p := s.picker(1)
	p.ask()
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	if v := central1(); v.State != oms.StateRejected || len(v.Parcels) > 0 {
		t.Errorf("%+v", v)
	}
}
