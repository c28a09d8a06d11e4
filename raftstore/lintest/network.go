//go:build linux

package lintest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// network is what lies between the gateways.
type network interface {
	listen(id string) string // where the gateway listens
	reach(id string) string  // where the others reach it
	command(id, exe string) *exec.Cmd
	started(id string, pid int)
	// cut drops what from sends to to; the other direction goes on.
	cut(from, to string) error
	heal() error // ends all cuts
	close()
}

var (
	_ network = (*space)(nil)
	_ network = (*gates)(nil)
)

// space is a set of network namespaces, one for each gateway and one for the
// bridge between them. Nothing of it touches the network of the machine.
type space struct {
	prefix string
	ids    []string
}

var spaces atomic.Int64

// newSpace fails where the process may not make namespaces.
func newSpace(ids []string) (*space, error) {
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("only root may make network namespaces")
	}
	sweep()
	s := &space{fmt.Sprintf("totelin-%d-%d-", os.Getpid(), spaces.Add(1)), ids}
	hub := s.prefix + "hub"
	lines := []string{"netns add " + hub, "-n " + hub + " link add br0 type bridge", "-n " + hub + " link set br0 up"}
	for i, id := range ids {
		ns, port := s.prefix+id, fmt.Sprint("p", i)
		lines = append(lines, "netns add "+ns,
			fmt.Sprintf("-n %s link add %s type veth peer name eth0 netns %s", hub, port, ns),
			fmt.Sprintf("-n %s link set %s master br0", hub, port),
			fmt.Sprintf("-n %s link set %s up", hub, port),
			fmt.Sprintf("-n %s link set lo up", ns),
			fmt.Sprintf("-n %s addr add %s/24 dev eth0", ns, s.ip(id)),
			fmt.Sprintf("-n %s link set eth0 up", ns))
	}
	for _, l := range lines {
		if err := ip(l); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func ip(line string) error {
	if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", line, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// sweep removes what a run left that was killed.
func sweep() {
	out, _ := exec.Command("ip", "netns", "list").Output()
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, ours := strings.CutPrefix(name, "totelin-")
		pid, _, _ := strings.Cut(rest, "-")
		if n, err := strconv.Atoi(pid); ours && err == nil && syscall.Kill(n, 0) == syscall.ESRCH {
			_ = ip("netns del " + name)
		}
	}
}

func (s *space) close() {
	for _, id := range append([]string{"hub"}, s.ids...) {
		_ = ip("netns del " + s.prefix + id)
	}
}

func (s *space) ip(id string) string { return "10.77.0." + strings.TrimPrefix(id, "gw") }

func (s *space) listen(id string) string { return s.ip(id) + ":7100" }

func (s *space) reach(id string) string { return s.listen(id) }

func (s *space) started(string, int) {}

// command runs a program in the namespace of a gateway, as its own process.
func (s *space) command(id, exe string) *exec.Cmd {
	return exec.Command("ip", "netns", "exec", s.prefix+id, exe)
}

func (s *space) cut(from, to string) error {
	return ip(fmt.Sprintf("-n %s%s route replace blackhole %s/32", s.prefix, from, s.ip(to)))
}

func (s *space) heal() error {
	for _, id := range s.ids {
		if err := ip(fmt.Sprintf("-n %s%s route flush type blackhole", s.prefix, id)); err != nil {
			return err
		}
	}
	return nil
}
