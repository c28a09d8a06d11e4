package update

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tote/agent/update/release"
)

// server serves a file and breaks off after so many bytes, as often as said.
type server struct {
	body   []byte
	tag    string
	breaks int // answers that end early
	after  int
	ranges []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.ranges = append(s.ranges, r.Header.Get("Range"))
	w.Header().Set("ETag", s.tag)
	if s.breaks > 0 {
		s.breaks--
		w = &breaking{w, s.after}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.body))
}

type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) >= b.left {
		_, _ = b.ResponseWriter.Write(p[:b.left])
		panic(http.ErrAbortHandler)
	}
	b.left -= len(p)
	return b.ResponseWriter.Write(p)
}

func TestFetch(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789"), 30_000)
	for name, c := range map[string]struct {
		s    *server
		want string // ranges asked for
	}{
		"at once":                 {&server{body: body, tag: `"1"`}, ""},
		"it goes on":              {&server{body: body, tag: `"1"`, breaks: 2, after: 100_000}, `bytes=[1-9]\d*-\|bytes=[1-9]\d*-\|`},
		"nothing names its bytes": {&server{body: body, breaks: 1, after: 100_000}, `\|`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			srv := httptest.NewServer(c.s)
			defer srv.Close()
			file, err := w.u.Fetch(t.Context(), srv.URL+"/../../etc/x.update")
			w.must(err)
			got, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(got, body) || filepath.Dir(file) != w.u.Slots.Dir {
				t.Errorf("%d bytes in %s, %v", len(got), file, err)
			}
			if asked := strings.Join(c.s.ranges, "|") + "|"; !regexp.MustCompile(`^\|` + c.want + `$`).MatchString(asked) {
				t.Errorf("asked for %q, want %q", asked, c.want)
			}
		})
	}
}

// TestFetchAnother: the file at the address was replaced meanwhile; no byte of the old
// one is kept.
func TestFetchAnother(t *testing.T) {
	w := newWorld(t)
	s := &server{body: bytes.Repeat([]byte("a"), 100_000), tag: `"1"`, breaks: 1 << 30, after: 50_000}
	s.breaks = tries
	s.after = 0
	srv := httptest.NewServer(s)
	defer srv.Close()
	if _, err := w.u.Fetch(t.Context(), srv.URL); !errors.Is(err, ErrFetch) {
		t.Fatalf("%v", err)
	}
	s.breaks, s.after = 1, 50_000
	other := bytes.Repeat([]byte("b"), 100_000)
	w.u.Clock = &replacing{w, func() { s.body, s.tag = other, `"2"` }}
	file, err := w.u.Fetch(t.Context(), srv.URL)
	w.must(err)
	if got, _ := os.ReadFile(file); !bytes.Equal(got, other) {
		t.Errorf("%d bytes, %d of the old file", len(got), bytes.Count(got, []byte("a")))
	}
}

type replacing struct {
	*world
	do func()
}

func (r *replacing) Sleep(ctx context.Context, d time.Duration) error {
	r.do()
	return r.world.Sleep(ctx, d)
}

func TestFetchRefused(t *testing.T) {
	huge := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(release.MaxFile+1))
		_, _ = w.Write([]byte("x"))
	})
	for name, c := range map[string]struct {
		from    string
		handler http.Handler
		harm    func(w *world)
		want    error
	}{
		"not there":   {handler: http.NotFoundHandler(), want: ErrFetch},
		"oversized":   {handler: huge, want: release.ErrMalformed},
		"no file":     {from: "/nowhere/x.update", want: ErrFetch},
		"a folder":    {from: "/", want: ErrFetch},
		"another way": {from: "ftp://192.0.2.1/x", want: ErrFetch},
		"a link to write into": {handler: &server{body: []byte("x")}, harm: func(w *world) {
			w.must(os.Symlink(filepath.Join(w.TempDir(), "victim"), w.u.Slots.path(partFile)))
		}, want: ErrUnsafe},
		"a folder for others": {handler: &server{body: []byte("x")}, harm: func(w *world) { w.must(os.Chmod(w.u.Slots.Dir, 0o777)) }, want: ErrUnsafe},
		"a folder that is a link": {handler: &server{body: []byte("x")}, harm: func(w *world) {
			w.must(os.Rename(w.u.Slots.Dir, w.u.Slots.Dir+".real"))
			w.must(os.Symlink(w.u.Slots.Dir+".real", w.u.Slots.Dir))
		}, want: ErrUnsafe},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.harm != nil {
				c.harm(w)
			}
			if c.handler != nil {
				srv := httptest.NewServer(c.handler)
				defer srv.Close()
				c.from = srv.URL
			}
			if file, err := w.u.Fetch(t.Context(), c.from); !errors.Is(err, c.want) {
				t.Errorf("%s %v, want %v", file, err, c.want)
			}
		})
	}
}

// TestFromStick: the file is copied; a link in the place of the copy is not followed.
func TestFromStick(t *testing.T) {
	w := newWorld(t)
	stick := w.release(what{Version: "2.0", Level: 5})
	victim := filepath.Join(w.TempDir(), "victim")
	w.must(os.WriteFile(victim, []byte("mine"), 0o600))
	w.must(os.Symlink(victim, w.u.Slots.path(partFile)))
	file, err := w.u.Fetch(t.Context(), stick)
	w.must(err)
	if b, _ := os.ReadFile(victim); string(b) != "mine" {
		t.Error("the link was followed")
	}
	w.must(os.Remove(stick))
	m, err := w.u.Check(file, Request{}, 4)
	if err != nil || m.Version != "2.0" {
		t.Errorf("%+v %v", m, err)
	}
	o, err := w.u.Apply(t.Context(), file, Request{})
	if err != nil || o.Result != Committed {
		t.Errorf("%+v %v", o, err)
	}
	w.must(w.u.forget())
	w.holds("a 1.0, b 2.0 (in use)")
}

// TestReleasesRefused: nothing of the gateway is changed by a release that is none.
func TestReleasesRefused(t *testing.T) {
	for name, c := range map[string]struct {
		file func(w *world) string
		req  Request
		want error
	}{
		"downgrade": {func(w *world) string { return w.release(what{Version: "0.9", Level: 4}) }, Request{}, release.ErrOlder},
		"replayed":  {func(w *world) string { return w.release(what{Version: "1.0", Level: 4}) }, Request{}, release.ErrOlder},
		"behind the level": {func(w *world) string {
			w.plays["1.0"] = play{health: func(h *Health) { h.Site = 4 }}
			return w.release(what{Version: "0.9", Level: 3})
		}, Request{Downgrade: true}, release.ErrLevel},
		"no key": {func(w *world) string {
			w.must(os.WriteFile(w.u.KeysFile, []byte("# none yet\n"), 0o644))
			return w.release(what{Version: "2.0", Level: 5})
		}, Request{}, release.ErrNoKeys},
		"truncated": {func(w *world) string {
			file := w.release(what{Version: "2.0", Level: 5})
			w.must(os.Truncate(file, 500_000))
			return file
		}, Request{}, release.ErrDamaged},
		"no release": {func(w *world) string {
			file := filepath.Join(w.TempDir(), "x.update")
			w.must(os.WriteFile(file, program(w.T, what{Version: "2.0"}), 0o755))
			return file
		}, Request{}, release.ErrMalformed},
		"wrong machine": {func(w *world) string {
			file := w.release(what{Version: "2.0", Level: 5})
			w.u.Arch = "riscv64"
			return file
		}, Request{}, release.ErrArch},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			file := c.file(w)
			before := fingerprint(t, w.u.Slots.Dir)
			if _, err := w.u.Apply(t.Context(), file, c.req); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if now := fingerprint(t, w.u.Slots.Dir); now != before {
				t.Errorf("the slots were\n%s\nand are\n%s", before, now)
			}
		})
	}
}

// fingerprint is what is in a folder, but for the lock and empty folders.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.Walk(dir, func(path string, st os.FileInfo, err error) error {
		if err == nil && !st.IsDir() && st.Name() != "lock" {
			fmt.Fprintln(&out, strings.TrimPrefix(path, dir), st.Mode(), st.Size(), st.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
