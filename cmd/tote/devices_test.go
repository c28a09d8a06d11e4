package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tote/drivers/accept"
	"tote/firmware-tests/emulate"
)

// emulated starts an emulated scale and gives its path.
func emulated(t *testing.T, kind string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "device")
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := emulate.Main(ctx, emulate.Options{Devices: []emulate.Device{{Kind: kind, Link: link}}, JSON: true}, in)
		_ = in.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var ready emulate.Ready
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		t.Fatal(err)
	}
	return link
}

func TestDevicesList(t *testing.T) {
	cfg := file(t, "agent.yaml", goodConfig+"stations: [{id: pack1, printer: {driver: zpl, tcp: \"192.0.2.1:9100\"}, scale: {driver: mt-sics, serial: {usb: \"0403:6001\"}}}]\n")
	env := []string{"TOTE_API=" + nobody(t)}
	r := tote(t, env, "devices", "list", "--config", cfg)
	r.want(t, 0, "192.0.2.1:9100", "")
	r.want(t, 0, "usb:0403:6001", "")
	r.want(t, 0, "pack1/scale", "")
	r = tote(t, env, "devices", "list", "--json", "--config", cfg)
	var rows []map[string]any
	if err := json.Unmarshal([]byte(r.out), &rows); err != nil || len(rows) < 2 {
		t.Errorf("%v\n%s", err, r.out)
	}
	tote(t, env, "devices", "list", "--config", "/nonexistent").want(t, 0, "PORT", "")
	tote(t, env, "devices", "list", "--config", file(t, "bad.yaml", "x: 1")).want(t, 1, "", "CFG_UNKNOWN_KEY")

	// A port that no list has, and one that is not there.
	link := emulated(t, emulate.Scale)
	cfg = file(t, "agent.yaml", goodConfig+"stations: [{id: pack1, scale: {driver: mt-sics, serial: {path: "+link+"}}, scanner: {serial: {path: "+link+"x}}}]\n")
	r = tote(t, env, "devices", "list", "--config", cfg)
	r.want(t, 0, "/dev/pts/", "")
	if n := strings.Count(r.out, "not plugged in"); n != 1 {
		t.Errorf("%d not plugged in\n%s", n, r.out)
	}

	// A running agent knows more: the state, and who a device says it is.
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"gateway": {"devices": [
			{"name": "pack1/scale", "driver": "mt-sics", "state": "degraded", "code": "DEV-201", "text": "The scale does not answer.", "port": "/dev/gone", "identity": {"model": "ICS425"}},
			{"name": "/dev/x", "driver": "none", "state": "unknown", "code": "DEV-111"}]}}`)
	}))
	defer agent.Close()
	r = tote(t, []string{"TOTE_API=" + agent.URL, "TOTE_TOKEN=secret"}, "devices", "list", "--config", "/nonexistent")
	r.want(t, 0, "degraded DEV-201", "")
	r.want(t, 0, "ICS425", "")
	if strings.Contains(r.out, "/dev/x") {
		t.Errorf("a port that is not there:\n%s", r.out)
	}
	tote(t, []string{"TOTE_API=" + agent.URL}, "devices", "list", "--config", "/nonexistent").want(t, 0, "PORT", "--http-token")
}

func TestDevicesDrivers(t *testing.T) {
	tote(t, nil, "devices", "drivers").want(t, 0, "mt-sics", "")
}

// traced looks for longer and longer, until what is wanted was seen: a machine may
// be busy.
func traced(t *testing.T, env []string, want string, args ...string) (r ran) {
	t.Helper()
	for _, long := range []string{"1s", "5s", "20s"} {
		r = tote(t, env, append([]string{"devices", "trace", "--for", long}, args...)...)
		if strings.Contains(r.out, want) {
			break
		}
	}
	return r
}

func TestDevicesTrace(t *testing.T) {
	path := emulated(t, emulate.Scale)
	r := traced(t, nil, "<- 53 20 53 20", "--port", path, "--driver", "mt-sics")
	r.want(t, 0, "-- opened", "")
	r.want(t, 0, "-> 53 49 0d 0a", "")
	r.want(t, 0, "<- 53 20 53 20", "")
	// Without a driver it only listens, and the scale says nothing by itself.
	r = tote(t, nil, "devices", "trace", "--port", path, "--for", "300ms")
	r.want(t, 0, "-- opened", "")
	if strings.Contains(r.out, "->") {
		t.Errorf("it was spoken to:\n%s", r.out)
	}
	tote(t, nil, "devices", "trace", "--port", path+"-gone", "--for", "5s").want(t, 1, "", "DEV-101")
	tote(t, nil, "devices", "trace", "--for", "5s").want(t, 1, "", "say which device")
}

func TestDevicesTraceOfTheAgent(t *testing.T) {
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/status":
			_, _ = io.WriteString(w, `{}`)
		case r.URL.EscapedPath() != "/v1/devices/pack1%2Fscale/trace":
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code": "NOT_FOUND", "text": "no such device"}`)
		case r.URL.Query().Get("after") == "0":
			_, _ = io.WriteString(w, `{"device": "pack1/scale", "driver": "mt-sics", "next": 7, "lost": true, "chunks": [{"seq": 7, "at": "2026-01-02T03:04:05.000006Z", "dir": "to", "hex": "53490d0a"}]}`)
		default:
			<-r.Context().Done()
		}
	}))
	defer agent.Close()
	env := []string{"TOTE_API=" + agent.URL}
	r := traced(t, env, "-> 53 49 0d 0a", "pack1/scale")
	r.want(t, 0, "-> 53 49 0d 0a", "driver mt-sics")
	r.want(t, 0, "", "some is missing")
	tote(t, env, "devices", "trace", "pack9/scale", "--for", "5s").want(t, 1, "", "NOT_FOUND")
}

func TestDevicesTest(t *testing.T) {
	dir := t.TempDir()
	cfg := file(t, "agent.yaml", goodConfig+"stations: [{id: pack1, scale: {driver: mt-sics, serial: {path: "+emulated(t, emulate.Scale)+"}}}]\n")
	var r ran
	for range 3 { // a machine that stands still makes a device look silent
		r = tote(t, nil, "devices", "test", "pack1/scale", "--config", cfg, "--unattended", "--soak", "300ms", "--report", dir)
		if r.status == 0 {
			break
		}
	}
	r.want(t, 0, "accepted: ", "")
	files, err := filepath.Glob(filepath.Join(dir, "pack1-scale-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v\n%s", files, err, r.out)
	}
	raw, err := os.ReadFile(files[len(files)-1]) // the newest
	if err != nil {
		t.Fatal(err)
	}
	var report accept.Report
	if err := json.Unmarshal(raw, &report); err != nil || report.Site != "hamburg" || report.Device != "pack1/scale" || report.Attended || !report.Accepted() {
		t.Errorf("%v %+v", err, report)
	}
	// Where no report can be written no test is begun.
	for _, at := range []string{cfg, filepath.Join(cfg, "reports"), "/proc/reports"} {
		r = tote(t, nil, "devices", "test", "pack1/scale", "--config", cfg, "--unattended", "--soak", "300ms", "--report", at)
		r.want(t, 1, "", "DEV-682")
		if r.out != "" {
			t.Errorf("%s: %s", at, r.out)
		}
	}
	// A person at a terminal leaves everything out.
	r = toteWith(t, strings.NewReader("s\ns\ns\n"), nil, "devices", "test", "pack1/scale", "--config", cfg, "--soak", "300ms", "--report", dir)
	r.want(t, 0, "put a known weight on the scale", "")
	r.want(t, 0, "left out by the person", "")
	// Nothing there: not accepted.
	r = tote(t, nil, "devices", "test", "--port", "/dev/nothing-here", "--driver", "mt-sics", "--limit", "1s", "--report", dir)
	r.want(t, 1, "NOT accepted", "")
	for args, want := range map[string]string{
		"pack9/scale --config " + cfg: `no device "pack9/scale"`, "--port /dev/x": "by which driver", "--port /dev/x --driver none": `no driver "none"`,
		"pack1/scale --config /nonexistent": "no configuration", "--port emulated --driver none": `no driver "none"`, "": "say which device",
	} {
		tote(t, nil, append([]string{"devices", "test", "--report", dir}, strings.Fields(args)...)...).want(t, 1, "", want)
	}
}

func TestDevicesProbe(t *testing.T) {
	// Nothing is known to ask a device that says nothing by itself and is of no family.
	r := tote(t, nil, "devices", "probe", "--json", "--driver", "r2000", "--port", emulated(t, emulate.Scanner))
	r.want(t, 1, `"verdict": "silent"`, "asking at")
	tote(t, nil, "devices", "probe", "--port", "/dev/nothing-here").want(t, 1, "the device is not there", "")
	tote(t, nil, "devices", "probe", "--driver", "none").want(t, 1, "", `no driver "none"`)
}
