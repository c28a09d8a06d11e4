package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/demo/data"
)

// tote is the real binary, built once.
var tote string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "tote-demo-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		tote = filepath.Join(dir, "tote")
		if out, err := exec.Command("go", "build", "-o", tote, "tote/cmd/tote").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// shiftOf runs the demo as a person does and returns its exit status and what
// it printed.
func shiftOf(t *testing.T, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	args = append([]string{"demo", "--exit", "--speed", "max", "--dir", t.TempDir()}, args...)
	cmd := exec.CommandContext(ctx, tote, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// TestShiftWithAPowerCut: forty orders from the OMS to the truck with every part
// a process of its own, the gateway killed in the middle; all accounts agree.
func TestShiftWithAPowerCut(t *testing.T) {
	status, out := shiftOf(t, "--orders", "40", "--kill-gateway-at", "50%")
	for _, want := range []string{"gateway killed once", "ledger, OMS, devices and people agree on every order", "40 placed, 38 shipped", "every item sums to zero"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Fatalf("exit status %d, want 0 and %q:\n%s", status, want, out)
		}
	}
}

// TestShiftWithoutItsLeader: three gateways, each with devices and machines of its
// own. The one that leads stands still for a while as a machine that sleeps, and
// what the robots told it meanwhile comes at once; later the one that leads is
// killed while all are at work.
func TestShiftWithoutItsLeader(t *testing.T) {
	status, out := shiftOf(t, "--orders", "20", "--gateways", "3", "--stop-leader-at", "10%", "--stop-for", "5s", "--kill-leader-at", "40%")
	for _, want := range []string{"gateway killed once", "stood still for 5s while it led", "ledger, OMS, devices and people agree on every order", "20 placed, 20 shipped", "gw3"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Fatalf("exit status %d, want 0 and %q:\n%s", status, want, out)
		}
	}
}

// files writes the shift of the repository, changed by edit: file name and text
// to the new text.
func files(t *testing.T, orders int, edit func(name, text string) string) string {
	t.Helper()
	dir := t.TempDir()
	if err := data.Write(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		if e.Name() == "orders.csv" {
			text = firstOrders(text, orders)
		}
		if err := os.WriteFile(path, []byte(edit(e.Name(), text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// firstOrders keeps the header and the lines of the first n orders that simply
// ship.
func firstOrders(text string, n int) string {
	var b strings.Builder
	seen := map[string]bool{}
	for i, line := range strings.SplitAfter(text, "\n") {
		order, _, _ := strings.Cut(line, ",")
		plain := strings.HasSuffix(line, ",settled,\n")
		switch {
		case i == 0:
		case !plain || !seen[order] && len(seen) == n:
			continue
		default:
			seen[order] = true
		}
		b.WriteString(line)
	}
	return b.String()
}

// TestTheDemoCanFail: the check is worth something only when it notices what is
// wrong. Each shift here has one thing wrong, and must end with exit status 1
// and the name of what it is.
func TestTheDemoCanFail(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(name, text string) string
		want string
	}{
		"an order asks for an item nobody has": {func(name, text string) string {
			if name == "orders.csv" {
				text += "SO-99999,1,SKU-UNKNOWN,1,Eve,Road 1,1000,Town,DE,standard,0,web,settled,\n"
			}
			return text
		}, "order SO-99999 is not at the site; the OMS says REJECTED UNKNOWN_ITEM"},
		"an order asks for more than there is": {func(name, text string) string {
			if name == "orders.csv" {
				text += "SO-99998,1,SKU-001,9000,Eve,Road 1,1000,Town,DE,standard,0,web,settled,\n"
			}
			return text
		}, "order SO-99998 is SHORT_WAITING and not shipped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, out := shiftOf(t, "--csv", files(t, 4, tc.edit))
			if status != 1 || !strings.Contains(out, tc.want) || !strings.Contains(out, "DISAGREEMENTS") {
				t.Errorf("exit status %d, want 1 and %q:\n%s", status, tc.want, out)
			}
		})
	}
}

func TestParseShare(t *testing.T) {
	for in, want := range map[string]float64{"50%": 0.5, "0.5": 0.5, "0": 0, "100%": 1, "1": 1, "12.5%": 0.125} {
		if got, err := ParseShare(in); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "%", "x", "-1%", "101%", "1.01", "NaN", "Inf", "5 0%", "50%%"} {
		if got, err := ParseShare(in); err == nil {
			t.Errorf("%q: %v, want an error", in, got)
		}
	}
}
