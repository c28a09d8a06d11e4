//go:build linux

package agent

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNoInternetRow119: the whole journey of an order, in a network that ends at
// the machine: no route, no name server, no cloud.
func TestNoInternetRow119(t *testing.T) {
	const loopback = "ip link set lo up && "
	if out, err := exec.Command("unshare", "-rn", "sh", "-c", loopback+"true").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no network of one's own here: %v %s", err, out)
	}
	cmd := exec.Command("unshare", "-rn", "sh", "-c", loopback+`ip route get 192.0.2.1 2>/dev/null && exit 7; exec "$0" -test.run='^TestJourney$' -test.v`, os.Args[0])
	cmd.Dir = "."
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestJourney ") {
		t.Errorf("%v\n%s", err, out)
	}
}
