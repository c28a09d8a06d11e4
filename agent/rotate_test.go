package agent

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tote/agent/access"
)

// TestTokenExchanged: a token that is put into the file lets in without a restart,
// the old one does not any more; a file that is damaged leaves the tokens as they
// are and is an issue, until it is mended.
func TestTokenExchanged(t *testing.T) {
	t.Parallel()
	const old, fresh = "the-old-token-0123456789", "the-new-token-0123456789"
	file := filepath.Join(t.TempDir(), "http-tokens")
	write := func(text string) {
		// As people do it: another file in its place.
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	line := func(token string) string {
		l, err := access.Line("ann", []string{access.Admin}, token)
		if err != nil {
			t.Fatal(err)
		}
		return l + "\n"
	}
	write(line(old))
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	cfg := s.parsed()
	cfg.HTTP.TokensFile = file
	cfg.Stations, cfg.Docks, cfg.OMS, cfg.Fleet, cfg.Conveyors = nil, nil, nil, nil, nil
	a, err := New(*cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	door, err := a.door()
	if err != nil {
		t.Fatal(err)
	}
	h := door.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	in := func(token string) bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		w := &answered{header: http.Header{}}
		h.ServeHTTP(w, r)
		return w.code == http.StatusNoContent
	}
	look := func() {
		for _, f := range a.secretFiles() {
			a.takeSecret(f)
		}
	}
	look()
	if !in(old) || in(fresh) {
		t.Fatal("the first token")
	}
	write("# ann's new one comes later\n" + line(fresh))
	look()
	if in(old) || !in(fresh) {
		t.Error("the token was not exchanged")
	}
	write("ann admin " + fresh + "\n") // the token where its hash belongs
	look()
	bad := a.wrongSecrets()
	if !in(fresh) || len(bad) != 1 || bad[0].About != "http.tokens_file" || strings.Contains(bad[0].Text, fresh) {
		t.Errorf("a damaged file: %+v", bad)
	}
	write(line(old))
	look()
	if !in(old) || in(fresh) || len(a.wrongSecrets()) != 0 {
		t.Errorf("mended: %+v", a.wrongSecrets())
	}
}

// answered keeps the status of an answer.
type answered struct {
	header http.Header
	code   int
}

func (s *answered) Header() http.Header         { return s.header }
func (s *answered) WriteHeader(code int)        { s.code = code }
func (s *answered) Write(p []byte) (int, error) { return len(p), nil }
