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
	for path, want := range map[string]int{"orders?columns=nope": http.StatusBadRequest, "receipts": http.StatusNotFound} {
		if code, b := s.call("GET", "/v1/export/"+path, "", ""); code != want {
			t.Errorf("%s: %d %s", path, code, b)
		}
	}
}
