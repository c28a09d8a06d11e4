package update

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// status is an answer of GET /v1/status, as the contract has it.
const status = `{"gateway":{"id":"gw1","version":"1.4.0","leader":true,"disk":{"level":"green","syncMs":7},
	"devices":[{"name":"pack1/scale","state":"ready"},{"name":"pack1/printer","state":"absent"}],
	"peers":[{"id":"gw1","up":true,"lag":3},{"id":"gw2","up":true},{"id":"gw3","up":false}],
	"sync":{"connected":true},"upstreams":[{"name":"acme","sync":{"connected":false}}],
	"issues":[{"code":"HLT-132","about":"pack1/printer","level":"warning"},{"code":"HLT-106","level":"broken"}],
	"update":{"level":5,"siteLevel":4}},"quorum":{"ok":true},"outboxAgeMs":900}`

func TestClient(t *testing.T) {
	var asked []string
	ready := http.StatusServiceUnavailable
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/v1/status":
			_, _ = w.Write([]byte(status))
		case "/readyz":
			w.WriteHeader(ready)
			_, _ = w.Write([]byte(`{"code":"NOT_READY","text":"the gateway is starting"}`))
		case "/v1/update/turn":
			_, _ = w.Write([]byte(`{"granted":false,"handOver":"gw2","why":"gw2 is to lead first"}`))
		default:
			_, _ = w.Write([]byte("{}"))
		}
	}))
	defer srv.Close()
	c := Client{URL: srv.URL, Token: "secret"}
	want := Health{
		Version: "1.4.0", Quorum: true, Leader: true, Behind: 3, Devices: []string{"pack1/scale"}, Peers: []string{"gw2"}, OMS: []string{"default"},
		SyncMs: 7, Outbox: 900, Site: 4, Issues: []string{"HLT-106"}, Why: "NOT_READY: the gateway is starting",
	}
	got, err := c.Look(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	ready, want.Ready, want.Why = http.StatusOK, true, ""
	if got, err = c.Look(t.Context()); cmp.Diff(want, got) != "" || err != nil {
		t.Error(got, err)
	}
	if a, err := c.Turn(t.Context(), TurnAsk{Release: "ab", Version: "2.0"}); err != nil || a.HandOver != "gw2" || a.Granted {
		t.Errorf("%+v %v", a, err)
	}
	if err := c.HandOver(t.Context(), "gw2"); err != nil {
		t.Error(err)
	}
	if last := asked[len(asked)-1]; last != "POST /v1/cluster/transfer Bearer secret" {
		t.Errorf("asked %v", asked)
	}
	srv.Close()
	if _, err := c.Look(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an agent that is gone: %v", err)
	}
}
