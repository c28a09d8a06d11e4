package agent

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tote/agent/access"
	"tote/agent/api"
	"tote/warehouse"
)

// TestTokensRow57Row89: a gateway that asks for tokens. The one of customer
// service reads orders and the exception feed, is FORBIDDEN all else, and nothing
// of that is done; the lead's name stands in the record.
func TestTokensRow57Row89(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &site{t: t, dir: dir, mqtt: "127.0.0.1:0", web: "127.0.0.1:0", tokens: filepath.Join(dir, "tokens")}
	var lines []string
	for _, scope := range []string{access.Service, access.Lead, access.Admin} {
		line, err := access.Line("ann-"+scope, []string{scope}, scope+"-with-20-characters-and-more")
		s.must(err)
		lines = append(lines, line)
	}
	s.must(os.WriteFile(s.tokens, []byte(strings.Join(lines, "\n")), 0o600))
	as := func(scope string) { s.shows = scope + "-with-20-characters-and-more" }
	as(access.Admin)
	s.begin()
	s.order("O1", "A1", 2)
	s.order("SHORT", "A1", 99_999)
	s.wantState("SHORT", warehouse.OrderShortWaiting)

	as(access.Service)
	code, b := s.call("GET", "/v1/fallouts", "", "")
	var feed []warehouse.Fallout
	s.must(json.Unmarshal(b, &feed))
	if code != http.StatusOK || len(feed) != 1 || feed[0].Order != "SHORT" || feed[0].Code != warehouse.FalloutOutOfStock {
		t.Errorf("the exception feed: %d %s", code, b)
	}
	if o := s.get("O1"); o.State != warehouse.OrderReleased {
		t.Errorf("%+v", o)
	}
	s.unchanged(func() {
		for request, body := range map[string]string{
			"POST /v1/orders/O1/cancel": `{"reason":"x"}`, "POST /v1/do/CancelOrder": `{"order":"O1"}`, "POST /v1/do/PutItems": `{"items":[]}`, "PUT /v1/site": "{}",
			"GET /v1/backup": "", "POST /v1/import/orders": "", "GET /v1/export/orders": "", "POST /orders/O1/cancel": "", "GET /": "", "POST /hh/cmd": "{}",
		} {
			method, path, _ := strings.Cut(request, " ")
			code, b := s.call(method, path, "application/json", body)
			var no api.Refusal
			if err := json.Unmarshal(b, &no); err != nil || code != http.StatusForbidden || no.Code != access.CodeForbidden {
				t.Errorf("%s: %d %s", request, code, b)
			}
		}
		s.shows = ""
		if code, b := s.call("GET", "/v1/fallouts", "", ""); code != http.StatusUnauthorized || !strings.Contains(string(b), access.CodeToken) {
			t.Errorf("without a token: %d %s", code, b)
		}
	})
	as(access.Lead)
	if code, b := s.call("POST", "/v1/do/AckFallout", "application/json", `{"fallout":"`+feed[0].ID+`"}`); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	if f := s.get("SHORT").Fallouts[0]; f.AckBy != "token/ann-lead" {
		t.Errorf("done by %q", f.AckBy)
	}
}
