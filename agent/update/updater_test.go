package update

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestUpdate: a release that is as well as the one before stays, and the next one too.
func TestUpdate(t *testing.T) {
	w := newWorld(t)
	w.plays["2.0"] = play{ready: 5 * time.Second}
	o, err := w.u.Apply(t.Context(), w.release(what{Version: "2.0", Level: 5}), Request{})
	if err != nil || o.Result != Committed || o.Version != "2.0" || o.Was != "1.0" {
		t.Fatalf("%+v %v", o, err)
	}
	w.holds("a 1.0, b 2.0 (in use)")
	if w.took < 20*time.Second || w.took > 40*time.Second {
		t.Errorf("it was judged for %v", w.took)
	}
	w.u.Version, w.u.Level = "2.0", 5
	if o, err = w.u.Apply(t.Context(), w.release(what{Version: "3.0", Level: 5}), Request{}); err != nil || o.Result != Committed {
		t.Fatalf("%+v %v", o, err)
	}
	w.holds("a 3.0 (in use), b 2.0")
	if last := w.u.Slots.Last(); last == nil || last.Version != "3.0" || last.Result != Committed {
		t.Errorf("the last outcome is %+v", last)
	}
}

// TestBrokenReleases: each goes back by itself within three minutes, and is not tried
// again by itself.
func TestBrokenReleases(t *testing.T) {
	for name, c := range map[string]struct {
		play play
		code string
		why  string
	}{
		"it ends at once":                {play{ready: -1, crashes: time.Second}, CodeStart, "after 3 starts"},
		"the kernel does not take it":    {play{execFail: true}, CodeStart, ""},
		"it refuses to run":              {play{refuses: true}, CodeStart, ""},
		"it hangs before it is ready":    {play{ready: -1}, CodeReady, "never said"},
		"it is ready after the deadline": {play{ready: 4 * time.Minute}, CodeReady, "never said"},
		"it is ready and ends later":     {play{crashes: 15 * time.Second}, CodeStart, "3"},
		"it has lost a scale":            {play{health: func(h *Health) { h.Devices = nil }}, CodeWorse, "devices are not ready: pack1/scale"},
		"it does not hear a gateway":     {play{health: func(h *Health) { h.Peers = []string{"gw2"} }}, CodeWorse, "gateways are not heard: gw3"},
		"it has lost the quorum":         {play{health: func(h *Health) { h.Quorum = false }}, CodeWorse, "there is no quorum"},
		"it takes no scans":              {play{health: func(h *Health) { h.Ready, h.Why = false, "NO QUORUM" }}, CodeWorse, "it does not accept scans: NO QUORUM"},
		"it cannot keep up":              {play{health: func(h *Health) { h.Behind = 9000 }}, CodeWorse, "9000 commands behind"},
		"its writes are slow":            {play{health: func(h *Health) { h.SyncMs = 900 }}, CodeWorse, "a write takes 900 ms, before 3"},
		"something is broken":            {play{health: func(h *Health) { h.Issues = []string{"HLT-106"} }}, CodeWorse, "new issues: HLT-106"},
		"it is another version":          {play{health: func(h *Health) { h.Version = "0.9" }}, CodeWorse, "it says that it is 0.9, not 2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.plays["2.0"] = c.play
			file := w.release(what{Version: "2.0", Level: 5})
			o, err := w.u.Apply(t.Context(), file, Request{})
			if err != nil || o.Result != RolledBack || o.Code != c.code || !strings.Contains(o.Why, c.why) {
				t.Fatalf("%+v %v", o, err)
			}
			w.holds("a 1.0 (in use), b 2.0")
			if w.running != "1.0" || !w.active() || w.took > 3*time.Minute {
				t.Errorf("%q runs after %v", w.running, w.took)
			}
			if _, err := w.u.Apply(t.Context(), file, Request{}); !errors.Is(err, ErrAgain) {
				t.Errorf("tried again: %v", err)
			}
			w.plays["2.0"] = play{}
			if o, err := w.u.Apply(t.Context(), file, Request{Again: true}); err != nil || o.Result != Committed {
				t.Errorf("tried again on purpose: %+v %v", o, err)
			}
		})
	}
}

// TestDownBefore: what was down before the update is no reason to go back.
func TestDownBefore(t *testing.T) {
	w := newWorld(t)
	w.plays["1.0"] = play{health: func(h *Health) { h.Devices, h.Peers = nil, nil }}
	w.plays["2.0"] = w.plays["1.0"]
	if o, err := w.u.Apply(t.Context(), w.release(what{Version: "2.0", Level: 5}), Request{}); err != nil || o.Result != Committed {
		t.Fatalf("%+v %v", o, err)
	}
}

// TestNotBegun: nothing is changed, and what runs is not even restarted.
func TestNotBegun(t *testing.T) {
	for name, c := range map[string]struct {
		with func(w *world) (file string, req Request)
		want error
	}{
		"this gateway is not well": {func(w *world) (string, Request) {
			w.plays["1.0"] = play{health: func(h *Health) { h.Ready = false }}
			return w.release(what{Version: "2.0", Level: 5}), Request{}
		}, ErrUnwell},
		"it says another version": {func(w *world) (string, Request) {
			p := what{Version: "2.0", Level: 5}
			file := w.release(p)
			w.swap(file, what{Version: "2.1", Level: 5})
			return file, Request{}
		}, ErrRuns},
		"it refuses the configuration": {func(w *world) (string, Request) {
			return w.release(what{Version: "2.0", Level: 5, Validate: "agent.yaml:1:1: CFG_MISSING"}), Request{}
		}, ErrConfig},
		"another gateway took it back": {func(w *world) (string, Request) {
			w.answers = []TurnAnswer{{Stop: true, Why: "gw2: UPD-121"}}
			return w.release(what{Version: "2.0", Level: 5}), Request{}
		}, ErrFailed},
		"its turn never comes": {func(w *world) (string, Request) {
			w.answers = []TurnAnswer{{Why: "gw3 is down"}}
			return w.release(what{Version: "2.0", Level: 5}), Request{}
		}, ErrTurn},
		"the folder of the slot is a link": {func(w *world) (string, Request) {
			elsewhere := w.TempDir()
			w.must(os.Symlink(elsewhere, filepath.Join(w.u.Slots.Dir, "b")))
			return w.release(what{Version: "2.0", Level: 5}), Request{}
		}, ErrUnsafe},
		"everybody may write there": {func(w *world) (string, Request) {
			w.must(os.Chmod(w.u.Slots.Dir, 0o777))
			return w.release(what{Version: "2.0", Level: 5}), Request{}
		}, ErrUnsafe},
		"the release is a link": {func(w *world) (string, Request) {
			file := w.release(what{Version: "2.0", Level: 5})
			link := filepath.Join(w.TempDir(), "x.update")
			w.must(os.Symlink(file, link))
			return link, Request{}
		}, os.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			file, req := c.with(w)
			since := w.since
			_, err := w.u.Apply(t.Context(), file, req)
			if err == nil || c.want != os.ErrInvalid && !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if w.u.Slots.InUse() != "a" || w.since != since || w.running != "1.0" {
				t.Errorf("slot %q, %q runs since %v", w.u.Slots.InUse(), w.running, w.since)
			}
			if j, err := w.u.Slots.Pending(); j != nil || err != nil {
				t.Errorf("a journal is left: %+v %v", j, err)
			}
		})
	}
}

// TestTurn: it waits, hands the lead over, and goes on when it may.
func TestTurn(t *testing.T) {
	w := newWorld(t)
	w.answers = []TurnAnswer{{Why: "gw2 is on trial"}, {HandOver: "gw3", Why: "gw3 is to lead"}, {Granted: true}}
	o, err := w.u.Apply(t.Context(), w.release(what{Version: "2.0", Level: 5}), Request{Site: true})
	if err != nil || o.Result != Committed || len(w.asked) != 3 || !w.asked[2].Site || w.asked[2].Version != "2.0" {
		t.Errorf("%+v %v, asked %+v", o, err, w.asked)
	}
}

// TestTwoUpdaters: the second one is kept out.
func TestTwoUpdaters(t *testing.T) {
	w := newWorld(t)
	unlock, err := w.u.lock()
	w.must(err)
	if _, err := w.u.Apply(t.Context(), w.release(what{Version: "2.0", Level: 5}), Request{}); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	unlock()
}

// TestRollback: by hand, and not behind a level.
func TestRollback(t *testing.T) {
	w := newWorld(t)
	if _, err := w.u.Rollback(t.Context(), Ask); !errors.Is(err, ErrNoBack) {
		t.Errorf("to an empty slot: %v", err)
	}
	if o, err := w.u.Apply(t.Context(), w.release(what{Version: "2.0", Level: 5}), Request{}); err != nil || o.Result != Committed {
		t.Fatalf("%+v %v", o, err)
	}
	w.plays["2.0"] = play{health: func(h *Health) { h.Site = 5 }}
	if _, err := w.u.Rollback(t.Context(), Ask); !errors.Is(err, ErrNoBack) || !strings.Contains(err.Error(), "level 5, 1.0 knows 4") {
		t.Errorf("behind a level: %v", err)
	}
	w.holds("a 1.0, b 2.0 (in use)")
	w.plays["2.0"] = play{}
	if _, err := w.u.Rollback(t.Context(), Ask); err != nil {
		t.Error(err)
	}
	w.holds("a 1.0 (in use), b 2.0")
}
