package serialport

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// held are the ports that this process has open, by node. Like the reserve of
// descriptors it belongs to the process: the lock on a port keeps its second
// user out, and this says who the first one is.
var held struct {
	mu sync.Mutex
	by map[string]string
}

func hold(node, owner string) {
	held.mu.Lock()
	defer held.mu.Unlock()
	if held.by == nil {
		held.by = map[string]string{}
	}
	held.by[node] = owner
}

func release(node string) {
	held.mu.Lock()
	defer held.mu.Unlock()
	delete(held.by, node)
}

// Holder says who holds the port at a path: the name of a device of this
// process, or "tote (process 4711)" of another one. "" = nobody, as far as can
// be seen. It does not open the port.
func Holder(file string) string {
	node, err := filepath.EvalSymlinks(file)
	if err != nil {
		return ""
	}
	held.mu.Lock()
	owner, ok := held.by[node]
	held.mu.Unlock()
	if ok {
		return owner
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return ""
	}
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil {
		return ""
	}
	dev := uint64(st.Dev) //nolint:unconvert // it has other widths elsewhere
	pid := lockedBy(string(locks), unix.Major(dev), unix.Minor(dev), st.Ino)
	if pid == 0 {
		return ""
	}
	comm, err := fs.ReadFile(os.DirFS("/proc"), strconv.Itoa(pid)+"/comm")
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("%s (process %d)", strings.TrimSpace(string(comm)), pid)
}

// lockedBy finds the process with a flock on a file in the text of /proc/locks,
// 0 when there is none: "1: FLOCK  ADVISORY  WRITE 4711 00:05:1234 0 EOF".
func lockedBy(locks string, major, minor uint32, inode uint64) int {
	want := fmt.Sprintf("%02x:%02x:%d", major, minor, inode)
	for line := range strings.Lines(locks) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != want {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}
