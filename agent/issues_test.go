package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"tote/agent/api"
	"tote/agent/health"
	"tote/drivers"
	"tote/drivers/serialport"
)

// TestHubGone: three scanners on one USB hub. With the hub they go as one issue,
// which is on the console, in the status and in the metrics; back again it clears by
// itself and is kept among the past ones.
func TestHubGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var mu sync.Mutex
	var ports []serialport.Info
	more := "docks:\n"
	type scanner struct{ master, slave *os.File }
	var plugged []scanner
	plugIn := func() {
		mu.Lock()
		defer mu.Unlock()
		for n := range 3 {
			master, slave, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			link := filepath.Join(dir, fmt.Sprintf("usb-%d", n))
			if err := os.Symlink(slave.Name(), link); err != nil {
				t.Fatal(err)
			}
			plugged = append(plugged, scanner{master, slave})
			ports = append(ports, serialport.Info{Node: link, USB: &serialport.USB{ID: "0403:6001", Socket: fmt.Sprintf("1-1.4.%d", n+1)}})
		}
	}
	unplug := func() {
		mu.Lock()
		defer mu.Unlock()
		for n, p := range plugged {
			_ = os.Remove(filepath.Join(dir, fmt.Sprintf("usb-%d", n)))
			_ = p.slave.Close()
			_ = p.master.Close()
		}
		plugged, ports = nil, nil
	}
	t.Cleanup(unplug)
	plugIn()
	for n := range 3 {
		more += fmt.Sprintf("  - id: d%d\n    scanner: {serial: {path: %s}}\n", n, filepath.Join(dir, fmt.Sprintf("usb-%d", n)))
	}
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", more: more}
	s.ports = func() []serialport.Info {
		mu.Lock()
		defer mu.Unlock()
		return append([]serialport.Info(nil), ports...)
	}
	s.begin()
	look := func() (h api.Health) {
		code, b := s.call("GET", "/v1/health", "", "")
		if err := json.Unmarshal(b, &h); code != http.StatusOK || err != nil {
			t.Fatalf("%d %s %v", code, b, err)
		}
		return h
	}
	// The machine of the test has troubles of its own, as a clock that nobody keeps.
	devices := func(h api.Health) (out []health.Issue) {
		for _, i := range h.Issues {
			if i.Code == health.CodeHubGone || strings.HasPrefix(i.Code, "DEV-") {
				out = append(out, i)
			}
		}
		return out
	}
	s.eventually("all scanners are ready and their sockets known", func() bool {
		a := s.gw.agent
		a.issues.mu.Lock()
		defer a.issues.mu.Unlock()
		ready := 0
		for _, d := range a.status().Devices {
			if d.State == "ready" {
				ready++
			}
		}
		return ready == 3 && len(a.issues.sockets) == 3
	})
	unplug()
	began := time.Now()
	s.eventually("one issue for the hub", func() bool {
		i := devices(look())
		return len(i) == 1 && i[0].Code == health.CodeHubGone && i[0].About == "usb 1-1.4" && len(i[0].Follows) == 3 && i[0].Action != ""
	})
	// Five seconds on a machine with nothing else to do; a liveness bound is held at three times.
	took := time.Since(began)
	if t.Logf("visible after %v", took); took > 15*time.Second {
		t.Errorf("visible after %v", took)
	}
	if code, b := s.call("GET", "/", "", ""); code != http.StatusOK || strings.Count(string(b), "<b>HLT-133</b>") != 1 || !strings.Contains(string(b), "With it: d0/scanner, d1/scanner, d2/scanner") {
		t.Errorf("%d %s", code, b)
	}
	if _, b := s.call("GET", "/v1/status", "", ""); !strings.Contains(string(b), "HLT-133") {
		t.Errorf("%s", b)
	}
	if _, b := s.call("GET", "/metrics", "", ""); !strings.Contains(string(b), `tote_issues{level="warning"}`) {
		t.Errorf("%s", b)
	}
	plugIn()
	s.eventually("it clears by itself, and is kept", func() bool {
		h := look()
		past := 0
		for _, p := range h.Past {
			if p.Code == health.CodeHubGone {
				past++
			}
		}
		return len(devices(h)) == 0 && past == 1
	})
}

// TestWrongDevice: what a device says of itself, as an issue.
func TestWrongDevice(t *testing.T) {
	for name, tc := range map[string]struct {
		status drivers.Status
		wrong  bool
		kind   string
		still  bool
	}{
		"ready":              {drivers.Status{State: drivers.Ready}, false, "", false},
		"absent":             {drivers.Status{State: drivers.Absent, Code: "DEV-101"}, true, health.CodeDeviceDown, false},
		"tried again":        {drivers.Status{State: drivers.Opening, Code: "DEV-101"}, true, health.CodeDeviceDown, true},
		"jammed":             {drivers.Status{State: drivers.Degraded, Code: "DEV-303"}, true, "DEV-303", false},
		"at another gateway": {drivers.Status{State: drivers.Degraded}, false, "", false},
	} {
		got, wrong := wrongDevice(tc.status)
		if wrong != tc.wrong || wrong && (got.Kind != tc.kind || got.Still != tc.still || got.Text == "") {
			t.Errorf("%s: %+v %v", name, got, wrong)
		}
	}
}

// TestHubOf: devices of one hub, of two, and those that were gone before this
// process knew where they are.
func TestHubOf(t *testing.T) {
	for name, tc := range map[string]struct {
		gone, there map[string]string
		about       string
	}{
		"one hub":            {map[string]string{"a": "1-1.4.1", "b": "1-1.4.2"}, map[string]string{"c": "1-1.2"}, "usb 1-1.4"},
		"one device":         {map[string]string{"a": "1-1.4.1"}, nil, ""},
		"two sockets":        {map[string]string{"a": "1-1", "b": "1-2"}, nil, ""},
		"nobody knows where": {map[string]string{"a": "", "b": ""}, nil, "usb"},
		"one is there":       {map[string]string{"a": "", "b": ""}, map[string]string{"c": "1-1.4.3"}, ""},
	} {
		got := hub(tc.gone, tc.there)
		if tc.about == "" && len(got) != 0 || tc.about != "" && (len(got) != 1 || got[0].About != tc.about || got[0].Text == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
