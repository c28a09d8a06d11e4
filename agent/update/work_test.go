package update

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWork: what root asked for, what was asked for elsewhere, and what of each is taken.
func TestWork(t *testing.T) {
	w := newWorld(t)
	file := w.release(what{Version: "2.0", Level: 5})
	web := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(file))))
	defer web.Close()
	others := filepath.Join(w.TempDir(), "update-request.json")
	if o, err := w.u.Work(t.Context(), others); o != nil || err != nil {
		t.Fatalf("nothing to do: %+v %v", o, err)
	}
	// What another user leaves cannot ask for a downgrade.
	w.must(os.WriteFile(others, []byte(`{"from":"`+web.URL+`/`+filepath.Base(w.oldRelease(file))+`","downgrade":true,"again":true}`), 0o600))
	o, err := w.u.Work(t.Context(), others)
	if err != nil || o == nil || o.Result != NotBegun || !strings.Contains(o.Why, "UPD-105") {
		t.Errorf("a downgrade: %+v %v", o, err)
	}
	gone(t, others)
	w.must(os.WriteFile(others, []byte(`{"from":"`+web.URL+`/`+filepath.Base(file)+`"}`), 0o600))
	if o, err = w.u.Work(t.Context(), others); err != nil || o == nil || o.Result != Committed || !w.asked[len(w.asked)-1].Site {
		t.Errorf("%+v %v", o, err)
	}
	gone(t, others)
	w.holds("a 1.0, b 2.0 (in use)")
	// Root may.
	w.u.Version, w.u.Level = "2.0", 5
	w.must(w.u.Ask(Request{From: w.release(what{Version: "1.5", Level: 5}), Downgrade: true}))
	if o, err = w.u.Work(t.Context(), others); err != nil || o == nil || o.Result != Committed || o.Version != "1.5" {
		t.Errorf("%+v %v", o, err)
	}
	w.holds("a 1.5 (in use), b 2.0")
	gone(t, w.u.Slots.path(requestFile), w.u.Slots.path(fetchedFile), w.u.Slots.path(partFile))
	if m, err := w.u.CheckAt(t.Context(), web.URL+"/"+filepath.Base(file), Request{}, 5); err != nil || m.Version != "2.0" {
		t.Errorf("looked at: %+v %v", m, err)
	}
}

// oldRelease puts an older release beside a file.
func (w *world) oldRelease(beside string) string {
	w.Helper()
	old := w.release(what{Version: "0.9", Level: 4})
	to := filepath.Join(filepath.Dir(beside), filepath.Base(old))
	w.must(os.Rename(old, to))
	return to
}

func gone(t *testing.T, files ...string) {
	t.Helper()
	for _, f := range files {
		if _, err := os.Lstat(f); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", f, err)
		}
	}
}

// TestRequestIsALink: what lies in a folder of somebody else is not followed.
func TestRequestIsALink(t *testing.T) {
	for name, make1 := range map[string]func(path string) error{
		"a link":   func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a folder": func(path string) error { return os.Mkdir(path, 0o755) },
		"rubbish":  func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
	} {
		w := newWorld(t)
		path := filepath.Join(w.TempDir(), "request")
		w.must(make1(path))
		if _, err := w.u.Work(t.Context(), path); err == nil || !strings.Contains(err.Error(), "UPD-1") {
			t.Errorf("%s: %v", name, err)
		}
		gone(t, path)
	}
}

// TestStateOf reads what systemctl prints.
func TestStateOf(t *testing.T) {
	for text, want := range map[string]State{
		"ActiveState=active\nSubState=running\nNRestarts=2\nResult=success\n":                          {Active: true, Restarts: 2},
		"ActiveState=failed\nSubState=failed\nNRestarts=0\nResult=exit-code\nExecMainStatus=78\n":      {Failed: true, Why: "failed (failed), result exit-code, exit status 78 "},
		"ActiveState=activating\nSubState=auto-restart\nNRestarts=4\nResult=signal\nExecMainStatus=11": {Restarts: 4, Why: "activating (auto-restart), result signal, exit status 11 "},
	} {
		if got := stateOf(text); got != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
