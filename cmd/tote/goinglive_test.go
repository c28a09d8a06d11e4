//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/agent"
	"tote/agent/config"
)

// block is a shell block of a page of docs and what it shows, line by line.
type block struct{ typed, shown string }

func page(t *testing.T, path string) (out []block) {
	t.Helper()
	kind := ""
	for line := range strings.Lines(text(t, path)) {
		switch {
		case kind == "" && strings.HasPrefix(line, "```"):
			if kind = strings.TrimSpace(line[3:]); kind == "sh" {
				out = append(out, block{})
			}
		case strings.HasPrefix(line, "```"):
			kind = ""
		case kind == "sh":
			out[len(out)-1].typed += line
		case kind == "text":
			out[len(out)-1].shown += line
		}
	}
	return out
}

// aloneGateway starts a gateway that is alone and returns the address of its interface.
func aloneGateway(t *testing.T) string {
	t.Helper()
	cfg, err := config.Parse("agent.yaml", []byte(strings.NewReplacer(
		"/var/lib/tote", t.TempDir(), "127.0.0.1:1883", "127.0.0.1:0", "127.0.0.1:8080", "127.0.0.1:0").Replace(goodConfig)))
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan agent.Addresses, 1)
	a, err := agent.New(*cfg, agent.Options{Version: "test", Log: slog.New(slog.DiscardHandler), Ready: func(at agent.Addresses) { ready <- at }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case at := <-ready:
		return "http://" + at.HTTP
	case err := <-ended:
		ended <- nil
		t.Fatalf("the gateway did not start: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("the gateway does not start")
	}
	return ""
}

// typePage runs the blocks of a page in a folder of its own, as a person types them.
// Each line that a page shows is in what came, whatever its spaces.
func typePage(t *testing.T, path, api string, before string) {
	t.Helper()
	dir := t.TempDir()
	command := "#!/bin/sh\n" + asCommand + "=1 exec " + os.Args[0] + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "tote"), []byte(command), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, b := range append([]block{{before, ""}}, page(t, path)...) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		sh := exec.CommandContext(ctx, "sh", "-eu")
		sh.Dir, sh.Stdin = dir, strings.NewReader(b.typed)
		sh.Env = append(os.Environ(), "TOTE_API="+api, "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := sh.CombinedOutput()
		cancel()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, b.typed, out)
		}
		var came []string
		for line := range strings.Lines(string(out)) {
			came = append(came, strings.Join(strings.Fields(line), " "))
		}
		all := "\n" + strings.Join(came, "\n") + "\n"
		for line := range strings.Lines(b.shown) {
			if want := strings.Join(strings.Fields(line), " "); !strings.Contains(all, want) {
				t.Errorf("typed\n%s\nthere is no %q in\n%s", b.typed, want, out)
			}
		}
	}
}

// TestPageGoingLive: docs/going-live.md as it stands, on a gateway of its own.
func TestPageGoingLive(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in -short: a whole gateway")
	}
	site := `cat >site.json <<'END'
{"id":"hamburg","companyPrefix":"9521234","ssccExtension":3,"totePrefix":"T-","cartonTareMg":350000,"toleranceMg":20000,"tolerancePermil":5,
"leaseMs":600000,"cartSlots":1,"layout":{"aisles":2,"cells":4,"cellMm":1200,"endMm":1500,"pitchMm":4500,"depotAisle":0},
"carriers":[{"code":"P","method":"","prefix":"PA","digits":8,"first":1,"last":99}],"packDrop":"DROP"}
END
tote import site.json
`
	typePage(t, "../../docs/going-live.md", aloneGateway(t), site)
}
