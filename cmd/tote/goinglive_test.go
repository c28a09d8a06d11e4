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
// typed is what they type when a command asks. Each line that a page shows is in what came, whatever its spaces.
func typePage(t *testing.T, path, api, before, typed string) {
	t.Helper()
	dir := t.TempDir()
	command := "#!/bin/sh\n" + asCommand + "=1 exec " + os.Args[0] + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "tote"), []byte(command), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, b := range append([]block{{before, ""}}, page(t, path)...) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		if err := os.WriteFile(filepath.Join(dir, "typed.sh"), []byte(b.typed), 0o600); err != nil {
			t.Fatal(err)
		}
		sh := exec.CommandContext(ctx, "sh", "-eu", "typed.sh")
		sh.Dir, sh.Stdin = dir, strings.NewReader(typed)
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
	typePage(t, "../../docs/going-live.md", aloneGateway(t), siteFile, "")
}

// TestPagePeople: the same with docs/people.md.
func TestPagePeople(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in -short: a whole gateway")
	}
	api := aloneGateway(t)
	typePage(t, "../../docs/people.md", api, siteFile, "80315742\n")
	env := []string{"TOTE_API=" + api}
	tote(t, env, "worker", "pin", "W1", "--remove").want(t, 0, "W1 has no PIN any more", "")
	for typed, errs := range map[string]string{"1234\n": "one of the first anybody tries", "12\n": "4 to 8 digits", "": "no PIN was given"} {
		toteWith(t, strings.NewReader(typed), env, "worker", "pin", "W1").want(t, 1, "", errs)
	}
	toteWith(t, strings.NewReader("80315742\n"), env, "worker", "pin", "W9").want(t, 1, "", "no worker W9")
}

// TestImportStockOutput: bad rows by file, line and column; the difference as JSON and
// as CSV that no spreadsheet takes for a formula.
func TestImportStockOutput(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in -short: a whole gateway")
	}
	env := []string{"TOTE_API=" + aloneGateway(t)}
	for _, f := range []struct{ name, text string }{
		{"site.json", strings.TrimSuffix(strings.TrimPrefix(siteFile, "cat >site.json <<'END'\n"), "END\ntote import site.json\n")},
		{"items.csv", "sku,name,weight_g\n'=A1,Formula,5\nTEA,Tea,5\n"},
		{"bins.csv", "bin,aisle,cell\nB-1,0,0\nB-2,0,1\n"},
	} {
		tote(t, env, "import", file(t, f.name, f.text)).want(t, 0, "", "")
	}
	bad := file(t, "bad.csv", "bin;sku;qty\nB-1;TEA;5\nB-2;TEA;1.000\n")
	for _, how := range []string{"--dry", "--json"} {
		tote(t, env, "site", "import-stock", how, bad).want(t, 1, "", bad+`:3:9: CSV_VALUE: qty: "1.000" is not a whole number`)
	}
	tote(t, env, "site", "import-stock", bad).want(t, 1, "", "CSV_VALUE: what to do: Mend the named line and column.")
	unknown := file(t, "unknown.csv", "bin,sku,qty\nB-1,TEA,5\nB-9,TEA,1\n")
	tote(t, env, "site", "import-stock", unknown).want(t, 1, "", unknown+":3:1: UNKNOWN_BIN: bin: no bin B-9")
	good := file(t, "good.csv", "bin,sku,qty\nB-1,'=A1,5\nB-2,TEA,1\n")
	tote(t, env, "site", "import-stock", "--dry", "--csv", good).want(t, 0, "2,,B-1,'=A1,,,,,,5,0,new,,\n", "")
	tote(t, env, "site", "import-stock", "--json", good).want(t, 0, `"booked": 2`, "2 of 2 positions")
	tote(t, env, "site", "import-stock", "--csv", good).want(t, 0, "3,,B-2,TEA,,,,,,1,1,done,,\n", "")
	tote(t, env, "site", "import-stock", good).want(t, 0, "nothing to book: the site has all of it", "")
	tote(t, env, "site", "import-stock", "--recount", "--reason", "STOLEN", good).want(t, 1, "", "REASON_WANTED")
	tote(t, []string{"TOTE_API=" + nobody(t)}, "site", "import-stock", good).want(t, 1, "", "does not answer")
}

// siteFile are the rules of a site that has nothing else yet.
const siteFile = `cat >site.json <<'END'
{"id":"hamburg","companyPrefix":"9521234","ssccExtension":3,"totePrefix":"T-","cartonTareMg":350000,"toleranceMg":20000,"tolerancePermil":5,
"leaseMs":600000,"cartSlots":1,"layout":{"aisles":2,"cells":4,"cellMm":1200,"endMm":1500,"pitchMm":4500,"depotAisle":0},
"carriers":[{"code":"P","method":"","prefix":"PA","digits":8,"first":1,"last":99}],"packDrop":"DROP"}
END
tote import site.json
`
