package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deadline bounds each step; nothing takes that long when all is well.
const deadline = 2 * time.Minute

// loopbackEnv makes the test binary bring up the loopback of the network it is in: a
// minimal Debian has no tool for it.
const loopbackEnv = "TOTE_TEST_LOOPBACK"

func TestMain(m *testing.M) {
	var err error
	switch {
	case os.Getenv(loopbackEnv) != "":
		err = loopback()
	case os.Getenv(handheldEnv) != "":
		err = scans(os.Getenv(handheldEnv))
	case os.Getenv(postEnv) != "":
		err = post(os.Getenv(postEnv))
	default:
		os.Exit(tests(m))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func tests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tote-deb-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	packages.dir = dir
	// These tests wait for machines to start and votes to be given more than they work.
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return m.Run()
}

func loopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return errors.Join(unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo), unix.Close(s))
}

// machine is a Debian with processes, a network and mounts of its own, made of a root
// that stays as it is. All of it is gone with the process that holds it.
type machine struct {
	*testing.T
	mnt string // folder of this machine that is /mnt there
	pid string
	// disk is its root folder as the processes of its mounts see it from without.
	disk string
	end  func() // takes it away
}

// halt takes the machine away before the test ends.
func (m *machine) halt() { m.end() }

// hold makes the machine: $1 is the root, $2 a folder for what it changes, $3 what is
// /mnt there. The last line starts the machine's first process: with $4 = boot it is
// systemd, otherwise a shell, which buries the dead and ends with its input.
const hold = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$2"
mkdir "$2/up" "$2/work" "$2/root"
cd "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/up,workdir=$2/work" .
cd "$2/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for d in null zero full random urandom tty; do touch "dev/$d"; mount --bind "/dev/$d" "dev/$d"; done
mount --bind "$3" mnt
mount -t tmpfs tmpfs run
[ "$4" = boot ] || { echo up; exec chroot . sh -c "cat >/dev/null; :"; }
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
	mount -t cgroup2 cgroup2 sys/fs/cgroup
else
	mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
	mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified sys/fs/cgroup/devices
	mount -t cgroup -o none,name=systemd,xattr systemd sys/fs/cgroup/systemd
	mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
	mount -t cgroup -o devices devices sys/fs/cgroup/devices
fi
echo up
exec chroot . env -i container=tote PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target
`

// newMachine makes one that was not booted: nothing runs there by itself.
func newMachine(t *testing.T) *machine { return hatch(t, "chroot") }

// newBooted makes one in which systemd runs.
func newBooted(t *testing.T) *machine {
	m := hatch(t, "boot")
	end := time.Now().Add(deadline)
	for {
		out, err := m.try("systemctl is-system-running")
		if err == nil {
			return m
		}
		if time.Now().After(end) {
			t.Skipf("SKIPPED: systemd does not start here: %v %s: the service was started without it", err, out)
		}
	}
}

// enter moves the shell into groups of its own, made below those it is in, and makes
// the machine there. $0 is their name.
const enter = `set -e
for h in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup/devices; do
	[ -e $h/cgroup.procs ] || continue
	mkdir $h/$0
	echo $$ >$h/$0/cgroup.procs
done
exec unshare --mount --pid --net --cgroup --uts --ipc --fork --kill-child sh -c "$@"
`

// leave takes the groups away when the machine is gone; false while some of its
// processes end.
func leave(name string) (gone bool) {
	gone = true
	roots, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	for _, root := range append(roots, "/sys/fs/cgroup/"+name) {
		var dirs []string
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			gone = os.Remove(dir) == nil && gone
		}
	}
	return gone
}

// booted counts the machines that got groups.
var booted atomic.Int32

func hatch(t *testing.T, how string) *machine {
	t.Helper()
	root := debian(t)
	changes := t.TempDir()
	m := &machine{T: t, mnt: t.TempDir(), disk: filepath.Join(changes, "root")}
	if err := os.Chmod(m.mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{hold, "sh", root, changes, m.mnt, how}
	holder := exec.Command("unshare", append([]string{"--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c"}, args...)...)
	if how == "boot" {
		name := fmt.Sprintf("tote-test-%d-%d", os.Getpid(), booted.Add(1))
		holder = exec.Command("sh", append([]string{"-c", enter, name}, args...)...)
		t.Cleanup(func() {
			for end := time.Now().Add(time.Minute); !leave(name) && time.Now().Before(end); {
			}
		})
	}
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	holder.Stderr = &errs
	if err := holder.Start(); err != nil {
		t.Skipf("SKIPPED: no namespaces here: %v: the package was built, not installed", err)
	}
	m.end = sync.OnceFunc(func() {
		_ = in.Close()
		if pid, err := strconv.Atoi(m.pid); err == nil { // all others there die with the first process
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = holder.Wait()
	})
	t.Cleanup(m.end)
	up := make([]byte, 3)
	if _, err := io.ReadFull(out, up); err != nil {
		t.Skipf("SKIPPED: no namespaces or overlays here: %v %s: the package was built, not installed", err, errs.String())
	}
	// unshare forks: the machine's first process is its child.
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", holder.Process.Pid))
	if err != nil || len(strings.Fields(string(children))) != 1 {
		t.Fatalf("the processes of the machine: %q %v", children, err)
	}
	m.pid = strings.Fields(string(children))[0]
	if _, err := strconv.Atoi(m.pid); err != nil {
		t.Fatal(err)
	}
	lo := exec.Command("nsenter", "--target", m.pid, "--net", os.Args[0])
	lo.Env = append(os.Environ(), loopbackEnv+"=1")
	if out, err := lo.CombinedOutput(); err != nil {
		t.Fatalf("loopback: %v %s", err, out)
	}
	return m
}

// command is one to run on the machine, as root, with nobody at the terminal.
func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--target", m.pid, "--mount", "--pid", "--net", "--root", "--wd"}, args...)...)
	cmd.WaitDelay = 5 * time.Second // nsenter dies alone
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "HOME=/root"}
	return cmd
}

// try runs a shell script on the machine.
func (m *machine) try(script string) (string, error) {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.Context(), deadline)
	defer cancel()
	out, err := m.command(ctx, "sh", "-ec", script).CombinedOutput()
	return string(out), err
}

// run is try for a script that must end well.
func (m *machine) run(script string) string {
	m.Helper()
	out, err := m.try(script)
	if err != nil {
		m.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return out
}

// says requires parts of an output.
func (m *machine) says(out string, parts ...string) {
	m.Helper()
	for _, p := range parts {
		if !strings.Contains(out, p) {
			m.Errorf("it does not say %q:\n%s", p, out)
		}
	}
}

// gets puts a file below /mnt and returns its name.
func (m *machine) gets(file string) string {
	m.Helper()
	name := filepath.Base(file)
	if err := os.Link(file, filepath.Join(m.mnt, name)); err != nil {
		m.Fatal(err)
	}
	return name
}
