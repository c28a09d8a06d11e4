package update

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

// cutter lets the power go before the nth change. What was written and not synced by
// then is lost: the file is there and empty, as ext4 leaves it.
type cutter struct {
	w    *world
	left int
	soft map[string]bool // written, not synced
	at   string          // where it went
}

func (c *cutter) step(what, path string) error {
	if c.w.broken {
		return errCut
	}
	c.w.runnable()
	if c.left--; c.left < 0 {
		c.w.broken, c.at = true, what+" "+strings.TrimPrefix(path, c.w.u.Slots.Dir)
		for file := range c.soft {
			if err := os.Truncate(file, 0); err != nil && !os.IsNotExist(err) {
				c.w.Error(err)
			}
		}
		return errCut
	}
	switch what {
	case "create":
		c.soft[path] = true
	case "sync":
		delete(c.soft, path)
	case "rename":
		if from := path + ".new"; c.soft[from] {
			delete(c.soft, from)
			c.soft[path] = true
		}
	}
	return nil
}

// runnable: at every moment what is in use can be started. A program that is whole can,
// which takes less than to start it.
func (w *world) runnable() {
	w.Helper()
	slot := w.u.Slots.InUse()
	base, err := shim()
	w.must(err)
	b, err := os.ReadFile(w.u.Slots.Program(slot))
	if err != nil || !bytes.HasPrefix(b, base) || !bytes.HasSuffix(b, []byte("}")) {
		w.Errorf("slot %q in use cannot be started: %d bytes, %v", slot, len(b), err)
	}
}

// restarted is the gateway after the power came back: the agent is started, and the
// updater that the launcher picks, which may be cut again.
func (w *world) restarted() (*Outcome, error) {
	w.Helper()
	w.broken = false
	w.boot()
	w.u.Version = w.script("updater", "version", "--json")
	w.u.Version, _, _ = strings.Cut(strings.TrimPrefix(w.u.Version, `{"version":"`), `"`)
	if j, err := w.u.Slots.Pending(); err == nil && j != nil && w.u.Version != j.Was {
		w.Errorf("%s would judge %s", w.u.Version, j.Version)
	}
	return w.u.Resume(w.Context())
}

// TestPowerCutAtEveryStep cuts the power before each change an update makes, of a good
// release and of broken ones, and once more before each change of what ends it. What is
// in use can be started all the time; in the end there is no journal, and one of the two
// versions is in use for a reason.
func TestPowerCutAtEveryStep(t *testing.T) {
	for name, c := range map[string]struct {
		play  play
		again int // cut the end of it too, before that change; -1 = not
	}{
		"a good release":           {play{}, -1},
		"a broken one":             {play{health: func(h *Health) { h.Devices = nil }}, -1},
		"good, cut twice":          {play{}, 1},
		"one that ends, cut twice": {play{ready: -1, crashes: time.Second}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := map[string]int{}
			for n := 0; ; n++ {
				w := newWorld(t)
				w.plays["2.0"] = c.play
				file := w.release(what{Version: "2.0", Level: 5})
				cut := &cutter{w: w, left: n, soft: map[string]bool{}}
				w.u.Slots.step = cut.step
				o, err := w.u.Apply(t.Context(), file, Request{})
				if !w.broken { // all steps were cut before
					if err != nil || n < 15 {
						t.Errorf("after %d cuts: %+v %v", n, o, err)
					}
					t.Logf("%d steps: %v", n, seen)
					return
				}
				cut.left = 1 << 30
				if c.again >= 0 {
					cut.left = c.again
				}
				o, err = w.restarted()
				if w.broken {
					cut.left = 1 << 30
					o, err = w.restarted()
				}
				if err != nil {
					t.Fatalf("cut before %s: %v", cut.at, err)
				}
				w.after(cut.at, c.play.health == nil && c.play.crashes == 0, o)
				if o != nil {
					seen[o.Result]++
				} else {
					seen["nothing"]++
				}
			}
		})
	}
}

// after judges what is left when all is over.
func (w *world) after(at string, good bool, o *Outcome) {
	w.Helper()
	w.runnable()
	inUse := w.u.Slots.InUse()
	if j, err := w.u.Slots.Pending(); j != nil || err != nil {
		w.Errorf("cut before %s: a journal is left: %+v %v", at, j, err)
	}
	if _, err := os.Stat(w.u.Slots.path(startsFile)); !os.IsNotExist(err) && o != nil {
		w.Errorf("cut before %s: the count of starts is left: %v", at, err)
	}
	switch {
	case inUse == "b" && !good:
		w.Errorf("cut before %s: a broken release is in use", at)
	case inUse == "b" && (o == nil || o.Result != Committed) && w.u.Slots.Last() == nil:
		w.Errorf("cut before %s: the new version is in use and nobody kept it", at)
	case inUse == "a" && o != nil && o.Result == Committed:
		w.Errorf("cut before %s: kept, and not in use", at)
	}
	if w.running != w.u.Slots.Version(inUse) {
		w.Errorf("cut before %s: %s runs, slot %s is in use", at, w.running, inUse)
	}
	if name := w.u.Slots.path("b"); inUse == "a" && good {
		// It can be asked for again, whatever was left.
		w.u.Slots.step = nil
		if o, err := w.u.Apply(w.Context(), w.release(what{Version: "2.0", Level: 5}), Request{Again: true}); err != nil || o.Result != Committed {
			w.Errorf("cut before %s: again: %+v %v (%s)", at, o, err, list(name))
		}
	}
}

func list(dir string) string {
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		info, _ := e.Info()
		names = append(names, fmt.Sprint(e.Name(), " ", fs.FormatFileInfo(info)))
	}
	return fmt.Sprint(names, err)
}

// TestNobodyJudges: the new version takes the machine down each time before the updater
// is heard. The launcher alone goes back.
func TestNobodyJudges(t *testing.T) {
	w := newWorld(t)
	cut := &cutter{w: w, left: 1 << 30, soft: map[string]bool{}}
	w.u.Slots.step = func(what, path string) error {
		if what == "remove" && strings.HasSuffix(path, journalFile) {
			cut.left = 0 // before it is kept
		}
		return cut.step(what, path)
	}
	if _, err := w.u.Apply(t.Context(), w.release(what{Version: "2.0", Level: 5}), Request{}); err == nil || !w.broken {
		t.Fatal(err)
	}
	w.u.Slots.step = nil
	for n := range MaxStarts - 1 {
		if w.boot(); w.running != "2.0" {
			t.Fatalf("start %d: %s runs", n+2, w.running)
		}
	}
	if w.boot(); w.running != "1.0" {
		t.Fatalf("start %d: %s still runs", MaxStarts+1, w.running)
	}
	o, err := w.restarted()
	if err != nil || o.Result != RolledBack || o.Code != CodeCut {
		t.Errorf("%+v %v", o, err)
	}
	w.holds("a 1.0 (in use), b 2.0")
	if len(w.u.Slots.Refused()) != 1 {
		t.Errorf("refused %+v", w.u.Slots.Refused())
	}
}

// TestJournal: what cannot be read is said, and the launcher leaves everything as it is.
func TestJournal(t *testing.T) {
	w := newWorld(t)
	j := Journal{State: Trial, Release: "ab", New: "b", Old: "a", Version: "2.0", Was: "1.0", Level: 4, Since: w.now, Why: "two\nlines = here", Baseline: Health{Devices: []string{"x"}}}
	w.must(w.u.Slots.keep(j))
	got, err := w.u.Slots.Pending()
	if err != nil || got.Why != "two lines = here" || got.Level != 4 || !got.Since.Equal(w.now) || got.Baseline.Devices[0] != "x" {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "x", "state=trial\n", "state=odd\nnew=b\nold=a\nlevel=1\nsince=2026-01-01T00:00:00Z\nbaseline={}\n", "\x00\x00"} {
		w.must(os.WriteFile(w.u.Slots.path(journalFile), []byte(bad), 0o644))
		if j, err := w.u.Slots.Pending(); err == nil {
			t.Errorf("%q: %+v", bad, j)
		}
		if _, err := w.u.Resume(t.Context()); err == nil {
			t.Errorf("%q: resumed", bad)
		}
		w.boot()
		if w.running != "1.0" {
			t.Errorf("%q: %s runs", bad, w.running)
		}
	}
}
