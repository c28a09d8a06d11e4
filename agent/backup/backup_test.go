package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// copyText stands in for a copy; check knows it by its end.
var copyText = strings.Repeat("state of the site\n", 200_000) + "end"

func check(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err == nil && !bytes.HasSuffix(b, []byte("end")) {
		err = errors.New("it does not end where it should")
	}
	return err
}

// config is one gateway that leads, with a folder.
func config(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, "usb")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return Config{
		Site: "hamburg", Gateway: "gw1", Folder: folder, Spool: filepath.Join(dir, "spool"), StateFile: filepath.Join(dir, "backup.json"),
		Schedule: Schedule{Every: 24 * time.Hour, At: -1}, Keep: Keep{7, 4},
		Write: func(w io.Writer) error { _, err := io.WriteString(w, copyText); return err }, Check: check,
		Now: time.Now, Turn: func() (time.Duration, bool) { return 0, true }, Tell: func(context.Context, []byte) {},
		Room: func(string) (uint64, uint64, error) { return 1 << 40, 0, nil }, Log: slog.New(slog.DiscardHandler),
	}
}

func ls(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// TestFolder: a copy gets its name when it is whole and was read again; nobody else
// may read it. What goes wrong leaves nothing.
func TestFolder(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(cfg *Config)
		code string
	}{
		"well":           {func(*Config) {}, ""},
		"no stick":       {func(cfg *Config) { cfg.Folder += "/tote" }, CodeNoFolder},
		"a file":         {func(cfg *Config) { cfg.Folder = cfg.StateFile }, CodeNoFolder},
		"no room before": {func(cfg *Config) { cfg.Room = func(string) (uint64, uint64, error) { return 99, 100, nil } }, CodeNoRoom},
		"room runs out": {func(cfg *Config) {
			left := uint64(4 << 20)
			cfg.Room = func(string) (uint64, uint64, error) { left -= 1 << 20; return left, 2 << 20, nil }
		}, CodeNoRoom},
		"no state": {func(cfg *Config) { cfg.Write = func(io.Writer) error { return errors.New("rebuilding") } }, CodeNotMade},
		"cut": {func(cfg *Config) {
			cfg.Write = func(w io.Writer) error { _, err := io.WriteString(w, copyText[:1<<20]); return err }
		}, CodeNotSame},
		"the disk lies": {func(cfg *Config) {
			cfg.Check = func(r io.Reader) error {
				err := check(r)
				f, _ := filepath.Glob(filepath.Join(cfg.Folder, ".*.part"))
				b, _ := os.ReadFile(f[0])
				b[77] ^= 1
				_ = os.WriteFile(f[0], b, 0o600)
				return errors.Join(err, check(bytes.NewReader(b[:9])))
			}
		}, CodeNotSame},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			c.harm(&cfg)
			r := New(cfg)
			made, err := r.Make(t.Context())
			if Code(err) != c.code {
				t.Fatalf("%v, want %q", err, c.code)
			}
			report := r.Report()
			if c.code != "" {
				if left := ls(t, filepath.Dir(cfg.StateFile)+"/usb"); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
				if report.Last.Name != "" || Code(report.Failed) != c.code || report.Next.Before(time.Now()) {
					t.Errorf("reported as %+v", report)
				}
				return
			}
			if d := cmp.Diff([]string{made.Name}, ls(t, cfg.Folder)); d != "" {
				t.Error(d)
			}
			st, err := os.Stat(filepath.Join(cfg.Folder, made.Name))
			if err != nil || st.Mode() != 0o600 || st.Size() != int64(len(copyText)) || made.Bytes != st.Size() || !made.ReadBack {
				t.Errorf("%+v %v %+v", st, err, made)
			}
			if again := New(cfg).Report(); again.Last != made || again.Failed != nil || again.Old {
				t.Errorf("after a restart: %+v", again)
			}
		})
	}
}

// TestFolderIsTidied: what dead gateways left half made goes, and copies that need
// not stay, after the new one is there; what is not ours stays.
func TestFolderIsTidied(t *testing.T) {
	cfg := config(t)
	cfg.Keep = Keep{1, 1}
	cfg.Now = func() time.Time { return at("2026-03-10 12:00") }
	long := time.Now().Add(-48 * time.Hour)
	for name, old := range map[string]bool{
		"." + Name("hamburg", at("2026-03-09 12:00")) + ".gw1.part": false,
		"." + Name("hamburg", at("2026-03-09 12:00")) + ".gw2.part": false,
		"." + Name("hamburg", at("2026-03-08 12:00")) + ".gw2.part": true,
		"." + Name("bremen", at("2026-03-08 12:00")) + ".gw1.part":  true,
		Name("hamburg", at("2026-03-01 12:00")):                     true,
		Name("hamburg", at("2026-03-02 12:00")):                     true,
		Name("bremen", at("2020-03-02 12:00")):                      true,
		"site.backup":                                               true,
	} {
		path := filepath.Join(cfg.Folder, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if old {
			if err := os.Chtimes(path, long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := New(cfg).Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"." + Name("bremen", at("2026-03-08 12:00")) + ".gw1.part",
		"." + Name("hamburg", at("2026-03-09 12:00")) + ".gw2.part",
		Name("bremen", at("2020-03-02 12:00")), Name("hamburg", at("2026-03-02 12:00")), Name("hamburg", at("2026-03-10 12:00")), "site.backup",
	}
	if d := cmp.Diff(want, ls(t, cfg.Folder)); d != "" {
		t.Error(d)
	}
}

// site is three gateways with one folder, whose leader and network the test says.
type site struct {
	t      *testing.T
	runs   []*Runner
	leads  int
	broken map[int]bool // cannot write
	off    map[int]bool // hears nothing and makes nothing

	mu sync.Mutex
	by []string // who made the copies
}

func newSite(t *testing.T) *site {
	s := &site{t: t, broken: map[int]bool{}, off: map[int]bool{}}
	base := config(t)
	for i := range 3 {
		cfg := base
		cfg.Gateway = []string{"gw1", "gw2", "gw3"}[i]
		cfg.StateFile = filepath.Join(t.TempDir(), "backup.json")
		cfg.Check = func(io.Reader) error { return nil }
		cfg.Write = func(w io.Writer) error {
			if s.broken[i] {
				return errors.New("broken")
			}
			s.mu.Lock()
			s.by = append(s.by, cfg.Gateway)
			s.mu.Unlock()
			_, err := io.WriteString(w, "small")
			return err
		}
		cfg.Turn = func() (time.Duration, bool) {
			if i == s.leads {
				return 0, !s.off[i]
			}
			return time.Duration(i+1) * 20 * time.Minute, !s.off[i]
		}
		cfg.Tell = func(_ context.Context, b []byte) {
			for j, r := range s.runs {
				if i != j && !s.off[i] && !s.off[j] {
					if err := r.Told(b); err != nil {
						t.Error(err)
					}
				}
			}
		}
		s.runs = append(s.runs, New(cfg))
	}
	return s
}

// TestOneOfTheSite: the leader makes the copies, at their time; whoever leads next
// goes on with the one that is due; when the leader cannot, the next one does.
func TestOneOfTheSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		ctx, cancel := context.WithCancel(t.Context())
		for _, r := range s.runs {
			go func() { _ = r.Run(ctx) }()
		}
		pass := func(d time.Duration, want ...string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if d := cmp.Diff(want, s.by); d != "" {
				t.Fatal(d)
			}
			s.by = nil
		}
		pass(time.Minute, "gw1") // at once: does the target work?
		pass(23 * time.Hour)
		pass(time.Hour, "gw1")
		// gw2 leads from before the next one on: no gap, and none too many.
		pass(23*time.Hour + 50*time.Minute)
		s.leads, s.off[0] = 1, true
		pass(11*time.Minute, "gw2")
		s.off[0] = false
		pass(time.Minute) // gw1 comes back and is told
		s.leads = 0
		pass(23 * time.Hour)
		// The leader cannot: the next one waits for its turn.
		s.broken[0] = true
		pass(time.Hour + 30*time.Minute)
		if f := s.runs[0].Report(); Code(f.Failed) != CodeNotMade {
			t.Errorf("the leader says %+v", f)
		}
		pass(11*time.Minute, "gw2")
		if f := s.runs[0].Report(); f.Failed != nil || f.Last.Gateway != "gw2" {
			t.Errorf("the leader says %+v", f)
		}
		// Nobody can: old after twice the time, at every gateway, with the reason.
		s.broken[1], s.broken[2] = true, true
		pass(47 * time.Hour)
		if s.runs[2].Report().Old {
			t.Error("old too early")
		}
		pass(2 * time.Hour)
		for i, r := range s.runs {
			if f := r.Report(); !f.Old || Code(f.Failed) != CodeNotMade || time.Until(f.Next) > time.Hour {
				t.Errorf("gw%d says %+v", i+1, f)
			}
		}
		s.broken = map[int]bool{}
		time.Sleep(time.Hour + time.Minute)
		synctest.Wait()
		if len(s.by) != 1 || s.runs[1].Report().Old {
			t.Errorf("afterwards %v made one: %+v", s.by, s.runs[1].Report())
		}
		cancel()
		synctest.Wait()
	})
}

// TestTold: nonsense of another gateway is refused, and what is older is no news.
func TestTold(t *testing.T) {
	r := New(config(t))
	for _, bad := range []string{"", "{}", `{"last":{"atMs":-1}}`, "[", strings.Repeat(" ", maxState) + "{}"} {
		if err := r.Told([]byte(bad)); err == nil {
			t.Errorf("took %.20q", bad)
		}
	}
	for _, c := range []struct{ say, want string }{
		{`{"last":{"name":"b","atMs":20}}`, "b"}, {`{"last":{"name":"a","atMs":10}}`, "b"}, {`{"last":{"name":"c","atMs":21},"target":"x","unsure":["y"]}`, "c"},
	} {
		if err := r.Told([]byte(c.say)); err != nil || r.Report().Last.Name != c.want || len(r.state.Unsure) > 0 {
			t.Errorf("%s: %v %+v", c.say, err, r.state)
		}
	}
}

// TestStateFile: one that is damaged is begun anew, and so is that of another target.
func TestStateFile(t *testing.T) {
	cfg := config(t)
	if _, err := New(cfg).Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	moved := cfg
	moved.Folder = t.TempDir()
	if f := New(moved).Report(); f.Last.Name != "" || f.Target != moved.Folder {
		t.Errorf("another target: %+v", f)
	}
	if err := os.WriteFile(cfg.StateFile, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := New(cfg).Report(); f.Last.Name != "" {
		t.Errorf("damaged: %+v", f)
	}
}
