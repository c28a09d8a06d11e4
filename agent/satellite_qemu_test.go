//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tote/agent/api"
	"tote/warehouse"
)

// armRunner runs programs of 32-bit ARM machines on this one.
func armRunner(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("TOTE_QEMU_ARM"), "qemu-arm-static", "qemu-arm"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: no qemu-arm-static (Debian package qemu-user-static): the 32-bit binary was built, not run")
	return ""
}

// armBinary builds the program for ARMv7, as `make cross` does.
func armBinary(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tote-armv7")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", bin, "./cmd/tote")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=7")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the 32-bit program does not build: %v\n%s", err, out)
	}
	return bin
}

// TestSatelliteOnARM: the program of a 32-bit ARM machine, as it is shipped, runs
// as a satellite of three 64-bit gateways: it refuses a store, joins with a token,
// serves the scans of a handheld at its own broker, goes on when the gateway it
// asks is gone, and stops as systemd stops it.
func TestSatelliteOnARM(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in -short: it builds the program for another machine")
	}
	t.Parallel()
	qemu, bin := armRunner(t), armBinary(t)
	c := newTrio(t, false)
	s := c.newcomer("arm1")
	file := filepath.Join(s.dir, "agent.yaml")
	configure := func(text string) { s.must(os.WriteFile(file, []byte(text), 0o600)) }
	tote := func(args ...string) (string, error) {
		cmd := exec.CommandContext(s.ctx(), qemu, append([]string{bin}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	configure(strings.Replace(s.config(), "store: none", "store: disk", 1))
	if out, err := tote("validate", file); err == nil || !strings.Contains(out, "CFG_NO_STORE") || !strings.Contains(out, "store: none") {
		t.Errorf("a store on 32 bits: %v\n%s", err, out)
	}
	configure(s.config())
	if out, err := tote("cluster", "join", "--config", file, "--to", c.gw[0].port, "--token", c.gw[0].token(time.Hour)); err != nil {
		t.Fatalf("join: %v\n%s", err, out)
	}

	var log bytes.Buffer
	run := exec.Command(qemu, bin, "run", "--json", "--config", file)
	run.Stderr = &log
	stdout, err := run.StdoutPipe()
	s.must(err)
	s.must(run.Start())
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = run.Process.Kill()
			_ = run.Wait()
		}
		if t.Failed() {
			t.Logf("the satellite said:\n%s", log.String())
		}
	})
	var ready struct {
		Addr string   `json:"addr"`
		MQTT []string `json:"mqtt"`
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &ready) != nil {
		t.Fatalf("the satellite said %q", lines.Text())
	}
	s.web, s.mqtt = ready.Addr, ready.MQTT[0]

	p := s.pickerOf(1, "O1", "A1", 3).until("scan_item")
	p.goOn()
	var at string
	for _, m := range s.cluster().Members {
		if m.Role == api.RoleSatellite {
			at = m.Address
		}
	}
	gone := slices.IndexFunc(c.gw[:], func(g *site) bool { return g.id == at })
	if gone < 0 {
		t.Fatalf("it says it is attached to %q", at)
	}
	c.gw[gone].stop()
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	for _, g := range c.gw {
		if !g.runs() {
			continue
		}
		g.wantState("O1", warehouse.OrderPicked)
		if o := g.get("O1"); o.Lines[0].Picked != 3 {
			t.Errorf("%s: %d picked", g.id, o.Lines[0].Picked)
		}
	}
	s.checkLedger()
	s.must(run.Process.Signal(os.Interrupt))
	ended = true
	if err := run.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
