package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// server is a plain HTTP server that keeps what is PUT, also half of it: the worst
// there is.
type server struct {
	mu    sync.Mutex
	files map[string][]byte
	asked []string
	// odd answers instead, when it says so.
	odd func(s *server, w http.ResponseWriter, r *http.Request, n int) bool
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method)
	name := strings.TrimPrefix(r.URL.Path, "/site/")
	if s.odd != nil && s.odd(s, w, r, len(s.asked)) {
		return
	}
	switch r.Method {
	case http.MethodPut:
		b, _ := io.ReadAll(r.Body)
		s.files[name] = b
		sum := sha256.Sum256(b)
		if r.Header.Get("Content-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" || r.ContentLength != int64(len(b)) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
	case http.MethodGet:
		b, ok := s.files[name]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(b)
	case http.MethodDelete:
		delete(s.files, name)
		w.WriteHeader(http.StatusNoContent)
	}
}

// status answers with a status to one method, n times.
func status(method string, code, n int) func(*server, http.ResponseWriter, *http.Request, int) bool {
	return func(_ *server, w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method != method || n == 0 {
			return false
		}
		n--
		http.Error(w, "so it is", code)
		return true
	}
}

// TestServer: a copy that was taken is read back; what fails leaves nothing at the
// server, and what passes is tried again.
func TestServer(t *testing.T) {
	const secret = "s3cret-of-the-site"
	half := func(s *server, w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method != http.MethodPut || n > 1 {
			return false
		}
		b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		s.files[strings.TrimPrefix(r.URL.Path, "/site/")] = b
		panic(http.ErrAbortHandler) // the connection is cut
	}
	keepsHalf := func(s *server, w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method != http.MethodPut {
			return false
		}
		b, _ := io.ReadAll(r.Body)
		s.files[strings.TrimPrefix(r.URL.Path, "/site/")] = b[:len(b)-1]
		return true
	}
	for name, c := range map[string]struct {
		odd   func(*server, http.ResponseWriter, *http.Request, int) bool
		code  string
		asked string
		back  bool
	}{
		"well":               {nil, "", "PUT GET", true},
		"gives nothing back": {status("GET", 403, 9), "", "PUT GET", false},
		"fails twice":        {status("PUT", 503, 2), "", "PUT DELETE PUT DELETE PUT GET", true},
		"is cut":             {half, "", "PUT DELETE PUT GET", true},
		"fails":              {status("PUT", 500, 9), CodeSilent, "PUT DELETE PUT DELETE PUT DELETE", false},
		"refuses":            {status("PUT", 401, 9), CodeRefused, "PUT DELETE", false},
		"sends us elsewhere": {status("PUT", 307, 9), CodeRefused, "PUT DELETE", false},
		"wants nobody":       {func(_ *server, w http.ResponseWriter, _ *http.Request, _ int) bool { w.WriteHeader(401); return true }, CodeRefused, "PUT DELETE", false},
		"is full":            {status("PUT", 507, 9), CodeNoRoom, "PUT DELETE", false},
		"loses it":           {status("GET", 404, 9), CodeNotSame, "PUT GET DELETE", false},
		"keeps half":         {keepsHalf, CodeNotSame, "PUT GET DELETE", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{files: map[string][]byte{}, odd: c.odd}
			srv := httptest.NewServer(s)
			defer srv.Close()
			var log bytes.Buffer
			cfg := config(t)
			cfg.Folder, cfg.URL, cfg.SecretFile = "", srv.URL+"/site", filepath.Join(t.TempDir(), "secret")
			cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
			if err := os.WriteFile(cfg.SecretFile, []byte(secret+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := New(cfg)
			r.pauses = []time.Duration{0, 0}
			made, err := r.Make(t.Context())
			if Code(err) != c.code || made.ReadBack != c.back {
				t.Fatalf("%v, %+v", err, made)
			}
			if got := strings.Join(s.asked, " "); got != c.asked {
				t.Errorf("asked %s, want %s", got, c.asked)
			}
			want := map[string][]byte{}
			if c.code == "" {
				want[made.Name] = []byte(copyText)
			}
			if len(want) != len(s.files) || !bytes.Equal(want[made.Name], s.files[made.Name]) {
				t.Errorf("the server has %d files", len(s.files))
			}
			if left := ls(t, cfg.Spool); len(left) > 0 || len(r.state.Unsure) > 0 {
				t.Errorf("left behind: %v, %v", left, r.state.Unsure)
			}
			if strings.Contains(log.String()+fmt.Sprint(err), secret) {
				t.Errorf("the secret is told: %s %v", log.String(), err)
			}
		})
	}
}

// TestServerIsTidied: what is too old is deleted there, and what was perhaps half
// sent by an agent that died.
func TestServerIsTidied(t *testing.T) {
	s := &server{files: map[string][]byte{}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	cfg := config(t)
	cfg.Folder, cfg.URL, cfg.Keep = "", srv.URL+"/site/", Keep{2, 1}
	now := at("2026-03-02 02:00")
	cfg.Now = func() time.Time { return now }
	r := New(cfg)
	r.note(func(st *State) { st.Unsure = []string{"half"} })
	s.files["half"] = nil
	var names []string
	for range 4 {
		made, err := r.Make(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		names, now = append(names, made.Name), now.AddDate(0, 0, 1)
	}
	if d := cmp.Diff(names[2:], r.state.There); d != "" || len(s.files) != 2 || s.files[names[3]] == nil {
		t.Errorf("%s the server has %d", d, len(s.files))
	}
	// One that forbids it keeps them, and they are not asked for again and again.
	s.odd = status(http.MethodDelete, 405, 99)
	for range 2 {
		if _, err := r.Make(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.AddDate(0, 0, 1)
	}
	if s.odd = nil; len(s.files) != 4 || len(r.state.There) != 2 {
		t.Errorf("the server has %d, %v are known", len(s.files), r.state.There)
	}
	s.files = map[string][]byte{r.state.There[0]: nil, r.state.There[1]: nil}
	// Another gateway goes on with what it was told.
	next := cfg
	next.Gateway, next.StateFile = "gw2", filepath.Join(t.TempDir(), "b")
	other := New(next)
	if err := other.Told(r.state.told()); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Make(t.Context()); err != nil || len(s.files) != 2 {
		t.Errorf("%v, the server has %d", err, len(s.files))
	}
}

// TestSecret: shown as it is meant, and one that cannot be read is no secret at all.
func TestSecret(t *testing.T) {
	for text, want := range map[string]string{
		"token\n": "Bearer token", "user:pass:word": "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass:word")), "": "refused", "a\nb": "refused",
	} {
		cfg := config(t)
		cfg.URL, cfg.SecretFile = "http://127.0.0.1:1", filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(cfg.SecretFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		req, err := newRemote(cfg).ask(t.Context(), http.MethodPut, "x", nil)
		if want == "refused" {
			if Code(err) != CodeRefused {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err != nil || req.Header.Get("Authorization") != want || req.URL.String() != "http://127.0.0.1:1/x" {
			t.Errorf("%q: %v %v", text, req, err)
		}
	}
}
