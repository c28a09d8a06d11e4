//go:build linux

package lintest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// cgroup is a control group of one gateway, below that of the test itself.
type cgroup struct{ dir string }

// newFreezer makes a group whose processes can be frozen, as a container is
// that is paused or a machine that is suspended: unlike SIGSTOP it cannot be
// seen, nor ended by a SIGCONT from elsewhere.
func newFreezer(name string) (*cgroup, error) {
	g, err := newCgroup("cgroup2", "", name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(g.file("cgroup.freeze")); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// newMemory makes a group that may use that many bytes, page cache included.
func newMemory(name string, limit int64) (*cgroup, error) {
	g, err := newCgroup("cgroup2", "", name)
	file := "memory.max"
	if err == nil {
		if _, err = os.Stat(g.file(file)); err != nil {
			err = errors.Join(err, g.remove())
		}
	}
	if err != nil { // the older hierarchies
		var old error
		if g, old = newCgroup("cgroup", "memory", name); old != nil {
			return nil, errors.Join(err, old)
		}
		file = "memory.limit_in_bytes"
	}
	if err := g.write(file, fmt.Sprint(limit)); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// newCgroup makes a group where that kind of file system is mounted with that
// controller.
func newCgroup(kind, controller, name string) (*cgroup, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	has := func(list string) bool { return strings.Contains(","+list+",", ","+controller+",") }
	for line := range strings.Lines(string(mounts)) {
		m := strings.Fields(line)
		if len(m) < 4 || m[2] != kind || controller != "" && !has(m[3]) {
			continue
		}
		for line := range strings.Lines(string(own)) { // number:controllers:path
			o := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if len(o) != 3 || controller == "" && o[1] != "" || controller != "" && !has(o[1]) {
				continue
			}
			dir := filepath.Join(m[1], o[2], fmt.Sprintf("totelin-%d-%s", os.Getpid(), name))
			if err := os.Mkdir(dir, 0o755); err != nil {
				return nil, err
			}
			return &cgroup{dir}, nil
		}
	}
	return nil, fmt.Errorf("no %s %s is mounted", kind, controller)
}

func (g *cgroup) file(name string) string { return filepath.Join(g.dir, name) }

func (g *cgroup) write(name, text string) error {
	return os.WriteFile(g.file(name), []byte(text), 0o644)
}

func (g *cgroup) add(pid int) error { return g.write("cgroup.procs", fmt.Sprint(pid)) }

// freeze stops every process of the group, and returns when they stand still.
func (g *cgroup) freeze() error {
	if err := g.write("cgroup.freeze", "1"); err != nil {
		return err
	}
	for end := time.Now().Add(5 * time.Second); ; <-time.After(time.Millisecond) {
		b, err := os.ReadFile(g.file("cgroup.events"))
		if err != nil || strings.Contains(string(b), "frozen 1") {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s does not freeze", g.dir)
		}
	}
}

func (g *cgroup) thaw() error { return g.write("cgroup.freeze", "0") }

// told is what the kernel says of the memory of the group.
func (g *cgroup) told() (text string) {
	for _, name := range []string{"memory.events", "memory.peak", "memory.oom_control", "memory.max_usage_in_bytes"} {
		if b, err := os.ReadFile(g.file(name)); err == nil {
			text += name + " " + strings.Join(strings.Fields(string(b)), " ") + "; "
		}
	}
	return text
}

// remove removes the group; its processes have ended, the kernel may need a
// moment to notice.
func (g *cgroup) remove() error {
	for end := time.Now().Add(5 * time.Second); ; <-time.After(time.Millisecond) {
		err := syscall.Rmdir(g.dir)
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(end) {
			return err
		}
	}
}
