package access

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const secret = "-token-of-24-characters-"

// door is a guarded handler with a token of each scope, named after it.
func door(t *testing.T) http.Handler {
	t.Helper()
	lines := []string{"# people", ""}
	for _, s := range Scopes {
		line, err := Line(s, []string{s}, s+secret)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return Guard(tokens, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(Name(r.Context())))
	}))
}

func ask(h http.Handler, request string, auth func(*http.Request)) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(request, " ")
	req := httptest.NewRequest(method, path, nil)
	auth(req)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

// Rows 57 and 89: a token does what its scope allows and is FORBIDDEN all else;
// customer service reads the exception feed and changes nothing.
func TestScopesRow57Row89(t *testing.T) {
	h := door(t)
	for request, may := range map[string]string{
		"GET /v1/orders":                      "service read lead admin",
		"GET /v1/orders/O1":                   "service read lead admin",
		"GET /v1/orders/O1/why":               "service read lead admin",
		"GET /v1/fallouts":                    "service read lead admin",
		"GET /v1/late":                        "service read lead admin",
		"GET /metrics":                        "service read lead admin",
		"GET /v1/actions":                     "service read lead admin",
		"GET /v1/holds":                       "service read lead admin",
		"GET /v1/backorders":                  "service read lead admin",
		"GET /actions":                        "read lead admin",
		"GET /holds":                          "read lead admin",
		"GET /backorders":                     "read lead admin",
		"GET /figures":                        "read lead admin",
		"GET /v1/site":                        "read lead admin",
		"GET /v1/ledger":                      "read lead admin",
		"GET /v1/stock/A1":                    "read picker lead admin",
		"GET /v1/export/orders":               "read lead admin",
		"GET /v1/export/events":               "read lead admin",
		"GET /v1/awaiting-labels":             "read device lead admin",
		"GET /v1/prints":                      "read lead admin",
		"GET /v1/backup":                      "admin",
		"GET /v1/devices/pack1%2Fscale/trace": "admin",
		"PUT /v1/site":                        "admin",
		"POST /v1/import/orders":              "admin",
		"POST /v1/tokens":                     "admin",
		"POST /v1/cluster/remove":             "admin",
		"POST /v1/orders/O1/cancel":           "lead admin",
		"POST /v1/orders/O1/retry":            "lead admin",
		"POST /v1/do/CancelOrder":             "lead admin",
		"POST /v1/do/AskMove":                 "picker lead admin",
		"POST /v1/do/LabelGiven":              "device lead admin",
		"POST /v1/do/PutItems":                "admin",
		"POST /v1/new-one":                    "admin",
		"GET /":                               "read lead admin",
		"GET /orders/O1":                      "read lead admin",
		"POST /orders/O1/cancel":              "lead admin",
		"POST /orders/O1/hand-over":           "lead admin",
		"POST /fallouts/F1/clear":             "lead admin",
		"GET /hh/":                            "picker lead admin",
		"GET /hh/events":                      "picker lead admin",
		"POST /hh/cmd":                        "picker lead admin",
		"DELETE /v1/orders/O1":                "admin",
		"POST /v1/enrol/handheld/h1":          "lead admin",
		"POST /v1/enrol/robot/R1":             "admin",
		"GET /v1/enrol":                       "read lead admin",
		"GET /enrolled":                       "lead admin",
		"POST /enrolled":                      "lead admin",
		"POST /v1/revoke/handheld:h1":         "admin",
		"POST /v1/cluster/rekey":              "admin",
		"GET /stations/pack1":                 "packer lead admin",
		"POST /stations/pack1/carton":         "packer lead admin",
		"HEAD /v1/orders":                     "service read lead admin",
		"POST /v1/orders/O1/../../site":       "admin",
	} {
		for _, scope := range Scopes {
			want := http.StatusForbidden
			if slices.Contains(strings.Fields(may), scope) {
				want = http.StatusOK
			}
			rec := ask(h, request, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+scope+secret) })
			var no struct{ Code, Text string }
			_ = json.Unmarshal(rec.Body.Bytes(), &no)
			if rec.Code != want || want == http.StatusForbidden && no.Code != CodeForbidden || want == http.StatusOK && rec.Body.String() != scope {
				t.Errorf("%s with %s: %d %s", request, scope, rec.Code, rec.Body)
			}
			// A browser shows it as a password.
			if rec := ask(h, request, func(r *http.Request) { r.SetBasicAuth("whoever", scope+secret) }); rec.Code != want {
				t.Errorf("%s with %s as a password: %d", request, scope, rec.Code)
			}
		}
		for name, auth := range map[string]func(*http.Request){
			"nothing": func(*http.Request) {}, "an empty one": func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") },
			"a wrong one": func(r *http.Request) { r.Header.Set("Authorization", "Bearer admin") }, "no password": func(r *http.Request) { r.SetBasicAuth("admin", "") },
		} {
			rec := ask(h, request, auth)
			if rec.Code != http.StatusUnauthorized || !strings.Contains(rec.Body.String(), CodeToken) || rec.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %s: %d %s", request, name, rec.Code, rec.Body)
			}
		}
	}
	for _, request := range []string{"GET /healthz", "GET /readyz", "GET /assets/x/app.js"} {
		if rec := ask(h, request, func(*http.Request) {}); rec.Code != http.StatusOK {
			t.Errorf("%s: %d", request, rec.Code)
		}
	}
}

func TestLoad(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for name, tt := range map[string]struct{ text, want string }{
		"good":           {"a service,read " + hash + "\n", ""},
		"nothing":        {"# none\n", "no token"},
		"two fields":     {"a read\n", "line 1"},
		"no such scope":  {"\na root " + hash + "\n", "line 2"},
		"a token":        {"a read sup3rs3cret\n", "64 hex digits"},
		"a longer hash":  {"a read " + hash + "00\n", "64 hex digits"},
		"a name twice":   {"a read " + hash + "\na lead " + hash + "\n", "stands twice"},
		"a slash":        {"handheld/1 read " + hash + "\n", "name"},
		"no such letter": {"ä read " + hash + "\n", "name"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			tokens, err := Load(path)
			if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "sup3r")) {
				t.Errorf("%v %v", tokens, err)
			}
		})
	}
	if _, err := Line("a", []string{Read}, "short"); err == nil {
		t.Error("a short token was taken")
	}
	if h := Guard(nil, http.NotFoundHandler()); ask(h, "GET /x", func(*http.Request) {}).Code != http.StatusNotFound {
		t.Error("without tokens somebody is asked for one")
	}
}
