//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tote/agent/replica"
	"tote/raftstore"
	"tote/warehouse"
)

// stopped is a gateway that has run and was stopped: its configuration, and its
// data folder.
func stopped(t *testing.T, site, id string, run bool) (cfg, data string) {
	t.Helper()
	data = t.TempDir()
	text := strings.NewReplacer("/var/lib/tote", data, "site: hamburg", "site: "+site, "gateway: gw1", "gateway: "+id).Replace(goodConfig)
	cfg = file(t, "agent.yaml", text)
	if !run {
		return cfg, data
	}
	s, err := replica.Open(raftstore.Config{Dir: filepath.Join(data, "store"), NodeID: id, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Do(t.Context(), replica.By{ID: [16]byte{1}, Actor: "test"}, warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W1", Name: "Mira", Badge: "B1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return cfg, data
}

// TestBackupCommands: made, looked at, restored; what is wrong is refused with
// what to do, and nothing is half done.
func TestBackupCommands(t *testing.T) {
	cfg, data := stopped(t, "hamburg", "gw1", true)
	out := filepath.Join(t.TempDir(), "site.backup")
	tote(t, nil, "backup", "create", "--config", cfg, out).want(t, 0, out+" is whole: site hamburg, epoch 1, up to command 1 of", "")
	tote(t, nil, "backup", "create", "--config", cfg, out).want(t, 1, "", "is there already")
	tote(t, nil, "backup", "verify", out, "--site", "hamburg").want(t, 0, "made by gateway gw1", "")
	tote(t, nil, "backup", "verify", out, "--site", "bremen").want(t, 1, "", "STO-602")

	tote(t, nil, "backup", "restore", "--config", cfg, out).want(t, 1, "", "STO-603")
	foreign, _ := stopped(t, "bremen", "gw1", false)
	tote(t, nil, "backup", "restore", "--config", foreign, out).want(t, 1, "", "what to do: Take a backup of this site")
	next, nextData := stopped(t, "hamburg", "gw2", false)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	bad := file(t, "bad.backup", string(b[:len(b)-1]))
	tote(t, nil, "backup", "verify", bad).want(t, 1, "", bad+": STO-601")
	tote(t, nil, "backup", "restore", "--config", next, bad).want(t, 1, "", "what to do: Take another copy")
	if left, _ := os.ReadDir(filepath.Join(nextData, "store")); len(left) > 0 {
		t.Errorf("a refused restore left %v", left)
	}
	tote(t, nil, "backup", "restore", "--config", next, "--epoch", "7", "--by", "mira", out).want(t, 0, "restored: epoch 7", "")
	again := filepath.Join(t.TempDir(), "again.backup")
	tote(t, nil, "backup", "create", "--config", next, again).want(t, 0, "epoch 7, up to command 1", "")

	// Of a gateway that runs. A broken connection leaves no file.
	for name, tc := range map[string]struct {
		answer func(w http.ResponseWriter)
		status int
		errs   string
	}{
		"whole":   {func(w http.ResponseWriter) { _, _ = w.Write(b) }, 0, ""},
		"cut":     {func(w http.ResponseWriter) { _, _ = w.Write(b[:len(b)/2]) }, 1, "STO-601"},
		"refused": {func(w http.ResponseWriter) { w.WriteHeader(503); _, _ = w.Write([]byte(`{"code":"NOT_READY"}`)) }, 1, "NOT_READY"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v1/backup" {
					t.Errorf("asked %s", r.URL)
				}
				tc.answer(w)
			}))
			defer srv.Close()
			out := filepath.Join(t.TempDir(), "b")
			tote(t, []string{"TOTE_API=" + srv.URL}, "backup", "create", out).want(t, tc.status, "", tc.errs)
			if _, err := os.Stat(out); (err == nil) != (tc.status == 0) {
				t.Errorf("the file: %v", err)
			}
			if _, err := os.Stat(out + ".part"); err == nil {
				t.Error("the part is left behind")
			}
		})
	}
	tote(t, []string{"TOTE_API=" + nobody(t)}, "backup", "create", filepath.Join(data, "x")).want(t, 1, "", "does not answer")
}

// TestRunOnADamagedLog: a person at the machine is told the file, and the command
// with the name of this gateway, each time; nothing is touched.
func TestRunOnADamagedLog(t *testing.T) {
	cfg, data := stopped(t, "hamburg", "gw7", true)
	log := filepath.Join(data, "store", "log", "0000000000000001.seg")
	b := []byte(text(t, log))
	b[60] ^= 1 // of the first of several batches
	if err := os.WriteFile(log, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := tote(t, nil, "run", "--config", cfg)
		r.want(t, 1, "", "STO-102")
		r.want(t, 1, "", log)
		r.want(t, 1, "", "`tote cluster replace gw7` on one of them")
	}
	if text(t, log) != string(b) {
		t.Error("the log was changed")
	}
}

// TestRecoverCommand: nothing to recover.
func TestRecoverCommand(t *testing.T) {
	cfg, _ := stopped(t, "hamburg", "gw1", true)
	tote(t, nil, "cluster", "recover", "--config", cfg).want(t, 1, "gateway gw1 of site hamburg holds entry", "STO-606")
	empty, _ := stopped(t, "hamburg", "gw1", false)
	tote(t, nil, "cluster", "recover", "--config", empty).want(t, 1, "", "STO-606")
}

// running is a gateway in a process of its own.
type running struct {
	cfg, data, api string
	cmd            *exec.Cmd
}

// newRunning writes the configuration of a gateway with others.
func newRunning(t *testing.T, id string) *running {
	data := t.TempDir()
	return &running{data: data, cfg: file(t, "agent.yaml", fmt.Sprintf(`config_version: 1
site: hamburg
gateway: %s
data_dir: %s
mqtt: {listen: [{address: "127.0.0.1:0"}]}
http: {listen: "127.0.0.1:0"}
docks: [{id: dock1}]
cluster: {listen: %q}
raft: {heartbeat_ms: 300, election_ms: 300, promote_ms: 1}
`, id, data, strings.TrimPrefix(nobody(t), "http://")))}
}

// start runs it until it says where it is.
func (g *running) start(t *testing.T) {
	t.Helper()
	g.cmd = exec.Command(os.Args[0], "run", "--json", "--config", g.cfg)
	g.cmd.Env = append(os.Environ(), asCommand+"=1")
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.end(os.Kill) })
	var ready struct {
		Addr string `json:"addr"`
	}
	late := time.AfterFunc(30*time.Second, func() { _ = g.cmd.Process.Kill() })
	defer late.Stop()
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		t.Fatalf("it did not start: %v", err)
	}
	g.api = "TOTE_API=http://" + ready.Addr
}

func (g *running) end(how os.Signal) {
	if g.cmd.ProcessState == nil {
		_ = g.cmd.Process.Signal(how)
		_ = g.cmd.Wait()
	}
}

// TestPageLostQuorum: docs/cluster.md by the commands it names, with processes of
// their own: one of two gateways dies for good, the other goes on.
func TestPageLostQuorum(t *testing.T) {
	a, b := newRunning(t, "gw1"), newRunning(t, "gw2")
	cfg, data := a.cfg, a.data
	tote(t, nil, "site", "init", "--config", a.cfg).want(t, 0, "first gateway gw1", "")
	a.start(t)
	join := func() {
		t.Helper()
		token := tote(t, []string{a.api}, "token", "create")
		token.want(t, 0, "tote1.", "")
		at := regexp.MustCompile(`listen: "(.*)"\}\nraft`).FindStringSubmatch(text(t, a.cfg))[1]
		tote(t, nil, "cluster", "join", "--set-aside", "--config", b.cfg, "--to", at, "--token", strings.TrimSpace(token.out)).want(t, 0, "belongs to site hamburg", "")
		b.start(t)
		for end := time.Now().Add(30 * time.Second); !strings.Contains(tote(t, []string{a.api}, "cluster", "status").out, "2 gateways have a vote"); {
			if time.Now().After(end) {
				t.Fatal("gw2 gets no vote")
			}
		}
	}
	join()
	a.end(os.Interrupt)
	tote(t, nil, "cluster", "recover", "--config", cfg, "--site-name", "hamburg").want(t, 1, "answering now: gw2", "what to do: Start this gateway and look")
	b.end(os.Kill)

	r := tote(t, nil, "cluster", "recover", "--config", cfg, "--look")
	r.want(t, 0, "with a vote: gw2@127.0.0.1:", "")
	for _, typed := range []string{"", "no\n", "Hamburg\n"} {
		typing(t, typed, "cluster", "recover", "--config", cfg).want(t, 1, "LOST FOR GOOD", "STO-605")
	}
	tote(t, nil, "cluster", "recover", "--config", cfg, "--site-name", "bremen").want(t, 1, "", "what to do: Type the name")
	r = typing(t, "hamburg\n", "cluster", "recover", "--config", cfg)
	r.want(t, 0, "recovered: epoch 2", "")
	r.want(t, 0, "the old store is kept in "+filepath.Join(data, "store.old-"), "")
	tote(t, nil, "cluster", "recover", "--config", cfg, "--site-name", "hamburg").want(t, 1, "", "STO-606")
	a.start(t)
	out := filepath.Join(t.TempDir(), "b")
	tote(t, []string{a.api}, "backup", "create", out).want(t, 0, "site hamburg, epoch 2", "")
	// The old gw2 is kept out; joined anew it is one of the site.
	join()
	tote(t, []string{b.api}, "cluster", "status").want(t, 0, "epoch 2: recovered by", "")
}

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
