package agent

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/agent/intake"
)

// TestExportRow22: row 22: the files of a site over HTTP, with chosen columns,
// make another site that exports the same.
func TestExportRow22(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.order("=O1", "A1", 2)
	fetch := func(s *site, path string) string {
		t.Helper()
		code, b := s.call("GET", "/v1/export/"+path, "", "")
		if code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, code, b)
		}
		return string(b)
	}
	two := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	two.start()
	if code, b := two.call("PUT", "/v1/site", "application/json", s.file("site.json")); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	for _, kind := range intake.Exports {
		file := fetch(s, kind)
		if strings.Count(file, "\n") < 2 {
			t.Errorf("%s is empty:\n%s", kind, file)
		}
		if code, b := two.importCSV(kind, fetch(s, kind+"?bom=1")); code != http.StatusOK {
			t.Fatalf("%s: %d %s", kind, code, b)
		}
		if d := cmp.Diff(file, fetch(two, kind)); d != "" {
			t.Errorf("%s:\n%s", kind, d)
		}
	}
	if got := fetch(s, "orders?columns=qty,order"); got != "qty,order\n2,'=O1\n" {
		t.Errorf("%q", got)
	}
	t.Run("row 43: what happened, over HTTP", func(t *testing.T) {
		for query, begins := range map[string]string{
			"format=epcis": `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"`, "format=ndjson": `{"specversion":"1.0","id":"s1/journal/1"`,
		} {
			if got := fetch(s, "events?"+query); !strings.HasPrefix(got, begins) || !strings.HasSuffix(got, "}\n") {
				t.Errorf("%s: %.200s", query, got)
			}
		}
		if got := fetch(s, "events?format=ndjson&since=2999-01-01T00:00:00Z"); got != "" {
			t.Errorf("%s", got)
		}
	})
	for path, want := range map[string]int{
		"events": http.StatusBadRequest, "events?format=epcis&since=now": http.StatusBadRequest, "orders?columns=nope": http.StatusBadRequest, "receipts": http.StatusNotFound,
	} {
		if code, b := s.call("GET", "/v1/export/"+path, "", ""); code != want {
			t.Errorf("%s: %d %s", path, code, b)
		}
	}
}
