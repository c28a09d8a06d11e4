package raftstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tote/raftstore/vfs"
)

// smallDisk mounts a file system of that size and returns its folder.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("NOT RUN: a small disk needs root on Linux (mount)")
	}
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprint("size=", mib, "M"), "tote-test", dir).CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: this machine mounts nothing: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// fill takes space until only leave bytes are free.
func fill(t *testing.T, dir string, leave uint64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "filler"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for { // the store takes and gives space meanwhile
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		free, err := vfs.OS{}.Free(dir)
		if err != nil {
			t.Fatal(err)
		}
		if free <= leave {
			return
		}
		err = syscall.Fallocate(int(f.Fd()), 0, st.Size(), int64(free-leave))
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

func unfill(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
}

// tight makes c small enough for a small disk: red below 16 MiB, black below
// 4, a ballast of 6.
func tight(c *Config) {
	c.MinFree, c.ballast, c.SegmentSize = 16<<20, 6<<20, 256<<10
	c.diskPoll = 20 * time.Millisecond
}

func (s *Store) awaitLevel(t *testing.T, want level) {
	t.Helper()
	await(t, fmt.Sprint("the disk is ", want), func() bool { return s.disk.now() == want })
}

// closeAbandoned ends what Badger runs; a gateway would have exited.
func (s *Store) closeAbandoned(t *testing.T) {
	t.Helper()
	v := s.view.Load()
	if !v.closed {
		t.Error("the state is still open")
	}
	if v.db.IsClosed() {
		return
	}
	// The folder may be gone; Badger would look for it for ever.
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_ = v.db.Close() // it misses its files
	if err := os.RemoveAll(v.dir); err != nil {
		t.Fatal(err)
	}
}

func ballastOf(s *Store) int64 {
	st, err := os.Stat(s.disk.ballast.path)
	if err != nil {
		return 0
	}
	return st.Size()
}

func TestJudge(t *testing.T) {
	const minFree, reserve = 800, 200
	for _, tc := range []struct {
		free, missing uint64
		was, want     level
	}{
		{5000, 0, green, green},
		{1000, 0, green, green},
		{999, 0, green, amber},
		{1100, 0, amber, amber},
		{1125, 0, amber, green},
		{800, 0, green, amber},
		{799, 0, green, red},
		{850, 0, red, red},
		{900, 0, red, amber},
		{1124, 0, red, amber},
		{1125, 0, red, green},
		{200, 0, green, red},
		{199, 0, green, black},
		// What is missing of the ballast is not free, but it is there to be used.
		{1050, 100, green, amber},
		{890, 100, amber, red},
		{990, 100, red, red},
		{1000, 100, red, amber},
		{250, 400, red, red},
		{100, 400, red, black},
	} {
		if got := judge(tc.free, tc.missing, minFree, reserve, tc.was); got != tc.want {
			t.Errorf("%d free, %d missing, after %v: %v, want %v", tc.free, tc.missing, tc.was, got, tc.want)
		}
	}
}

func TestBallast(t *testing.T) {
	b := &ballast{path: filepath.Join(t.TempDir(), "BALLAST"), size: 3*ballastChunk + 5}
	yes := func() bool { return true }
	if b.there() || b.missing() != uint64(b.size) {
		t.Fatal("it is there before it was written")
	}
	n := 0
	if err := b.fill(func() bool { n++; return n < 3 }); !errors.Is(err, errReleased) {
		t.Fatal(err)
	}
	b = &ballast{path: b.path, size: b.size} // the next start goes on
	b.open()
	if !b.there() || b.missing() != ballastChunk+5 {
		t.Fatalf("%d missing", b.missing())
	}
	if err := b.fill(yes); err != nil || b.missing() != 0 {
		t.Fatalf("%d missing: %v", b.missing(), err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(b.path, &st); err != nil || st.Size != b.size || st.Blocks*512 < b.size {
		t.Fatalf("a file of %d bytes in %d blocks: %v", st.Size, st.Blocks, err)
	}
	if err := b.release(); err != nil || b.there() {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	// Given back while it is being written.
	n = 0
	err := b.fill(func() bool {
		if n++; n == 2 {
			if err := b.release(); err != nil {
				t.Error(err)
			}
		}
		return true
	})
	if !errors.Is(err, errReleased) || b.there() {
		t.Fatal(err)
	}
	if err := b.release(); err != nil {
		t.Fatalf("given back twice: %v", err)
	}
}

// TestBallastComesFirst: the level stays red until the ballast is back.
func TestBallastComesFirst(t *testing.T) {
	mem := vfs.NewMem()
	d := &disk{fs: mem, dir: t.TempDir(), minFree: 800, reserve: func() uint64 { return 0 }, tight: func() {}}
	d.ballast.path, d.ballast.size = filepath.Join(d.dir, "BALLAST"), 100
	yes := func() bool { return true }
	step := func(free uint64, want level, wantRefill bool) {
		t.Helper()
		mem.SetFree(free)
		l, _, refill, err := d.look()
		if err != nil || l != want || d.now() != want || refill != wantRefill {
			t.Fatalf("%d free: %v, refill %v: %v", free, l, refill, err)
		}
	}
	step(2000, green, true)
	if err := d.ballast.fill(yes); err != nil {
		t.Fatal(err)
	}
	step(2000, green, false)
	step(700, red, false)
	if d.ballast.there() {
		t.Fatal("it was not given back")
	}
	step(2000, red, true)
	if err := d.ballast.fill(yes); err != nil {
		t.Fatal(err)
	}
	step(2000, green, false)
	// A writer that must write gets it, too, and says so.
	told := 0
	d.tight = func() { told++ }
	mem.SetFree(210)
	if err := d.room(20, false); !errors.Is(err, ErrDiskFull) || !d.ballast.there() || told != 1 {
		t.Fatalf("%v, told %d", err, told)
	}
	if err := d.room(20, true); !errors.Is(err, ErrDiskFull) || d.ballast.there() {
		t.Fatal(err) // this disk does not grow by it
	}
}

// TestRow3DiskFull: the disk of the leader fills up while callers write. The
// lead goes to a gateway with space, the full one follows and reads go on; then
// it stops before it is harmed, refuses to start, and heals when there is space.
func TestRow3DiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, 96)
	k, a, b, c := openThree(t, func(c *Config) {
		if tight(c); c.NodeID == "gw1" {
			c.Dir = filepath.Join(dir, "store")
		}
	})
	await(t, "the ballast is written", func() bool { return ballastOf(a.Store) == 6<<20 })
	a.awaitLevel(t, green)
	l := k.load(8, three...)
	l.more(200)

	fill(t, dir, 20<<20)
	a.awaitLevel(t, amber)
	if !a.IsLeader() {
		t.Error("it does not lead any more while there is space")
	}
	fill(t, dir, 10<<20)
	a.awaitLevel(t, red)
	next := leaderOf(t, b, c)
	if ballastOf(a.Store) != 0 {
		t.Error("the ballast was not given back")
	}
	l.more(300) // also brought to the full one, which stores what it is sent
	if err := a.Err(); err != nil {
		t.Fatal(err)
	}

	unfill(t, dir)
	await(t, "it is well again", func() bool { return a.disk.now() == green && ballastOf(a.Store) == 6<<20 })
	l.more(100)

	fill(t, dir, 0)
	<-a.Done()
	if FaultCode(a.Err()) != CodeDiskFull || !errors.Is(a.Err(), ErrDiskFull) || !strings.Contains(a.Err().Error(), a.cfg.Dir) {
		t.Fatalf("stopped by %v", a.Err())
	}
	if err := a.View(func(Reader, uint64) error { return nil }); err != nil {
		t.Errorf("reads do not go on: %v", err)
	}
	l.more(200)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	fill(t, dir, 0)
	for range 3 {
		if _, err := k.tryOpen("gw1", false); FaultCode(err) != CodeDiskFull {
			t.Fatalf("opened on a full disk: %v", err)
		}
	}
	unfill(t, dir)
	a.closeAbandoned(t)
	a = k.open("gw1", false)
	l.more(100)
	await(t, "the ballast is back", func() bool { return ballastOf(a.Store) == 6<<20 })
	t.Logf("%s led, %d commands, longest gap %v", next.id, l.end(), l.gap)
	sameDigest(t, a, b, c)
	for _, n := range []*node{a, b, c} {
		l.check(n)
	}
}

// TestRow3DiskFullAlone: a gateway that is alone fills its own disk with log,
// state and snapshots. Work is refused with a clear code, what frees space
// passes, and it goes on by itself when there is space.
func TestRow3DiskFullAlone(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, 96)
	cfg := testConfig(t, filepath.Join(dir, "store"))
	tight(&cfg)
	cfg.SnapshotBytes, cfg.SnapshotEntries, cfg.TrailingLogs = 2<<20, 64, 16
	cfg.FreesSpace = func(kind uint16) bool { return kind == testKind+1 }
	s := openStore(t, cfg)
	await(t, "the ballast is written", func() bool { return ballastOf(s) == 6<<20 })
	body := strings.Repeat("x", 50<<10)
	next := uint64(0)
	var refused error
	for refused == nil {
		next++
		_, refused = s.Propose(testContext(t), byID(next, fmt.Sprintf("set k%06d %s", next, body)))
		if next > 10_000 {
			t.Fatal("the disk does not fill up")
		}
	}
	if !errors.Is(refused, ErrDiskFull) || FaultCode(refused) != CodeDiskLow {
		t.Fatalf("refused with %v", refused)
	}
	t.Logf("refused after %d commands: %v", next, refused)
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	frees := byID(1<<40, "set freed yes")
	frees.Kind++
	do(t, s, frees)
	if got := len(dump(t, s)); got != int(next) { // next-1 and the freeing one
		t.Fatalf("%d keys after %d commands", got, next-1)
	}
	if out, err := exec.Command("mount", "-o", "remount,size=192M", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	await(t, "it is well again", func() bool { return !s.disk.low() && ballastOf(s) == 6<<20 })
	do(t, s, byID(next, fmt.Sprintf("set k%06d %s", next, body)))
	closeStore(t, s)
	s = openStore(t, cfg)
	if got := len(dump(t, s)); got != int(next)+1 {
		t.Fatalf("%d keys after %d commands", got, next+1)
	}
}

// TestRow3RebuildDoesNotFit: after an unclean stop there is no room for a new
// state beside the old one. The old one goes; when that is not enough, nothing
// is opened and no snapshot is blamed.
func TestRow3RebuildDoesNotFit(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, 96)
	cfg := testConfig(t, filepath.Join(dir, "store"))
	tight(&cfg)
	s := openStore(t, cfg)
	for i := range uint64(200) {
		do(t, s, byID(i+1, fmt.Sprintf("set k%d %s", i, strings.Repeat("x", 50<<10))))
	}
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	makeUnclean(t, s)
	fill(t, dir, 6<<20)
	if _, err := Open(cfg, testMachine{}); FaultCode(err) != CodeDiskFull {
		t.Fatalf("opened: %v", err)
	}
	if bad, _ := filepath.Glob(filepath.Join(cfg.Dir, "snapshot.bad-*")); len(bad) > 0 {
		t.Errorf("a good snapshot was set aside: %v", bad)
	}
	unfill(t, dir)
	s = openStore(t, cfg)
	if got := len(dump(t, s)); got != 200 {
		t.Fatalf("%d keys", got)
	}
}

// TestRow3SnapshotDoesNotFit: a snapshot that would fill the disk is not begun,
// leaves nothing behind when it does not fit after all, and stops nothing.
func TestRow3SnapshotDoesNotFit(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	mem := vfs.NewMem()
	cfg.FS, cfg.MinFree, cfg.diskPoll = mem, 8<<20, time.Hour
	mem.SetFree(1 << 30)
	s := openStore(t, cfg)
	for i := range uint64(60) {
		do(t, s, byID(i+1, fmt.Sprintf("set k%d %s", i, strings.Repeat("x", 50<<10))))
	}
	s.snapSize.Store(64 << 20)
	mem.SetFree(40 << 20)
	if err := s.Snapshot(); err == nil || !strings.Contains(err.Error(), ErrDiskFull.Error()) {
		t.Fatalf("begun: %v", err)
	}
	s.snapSize.Store(0)
	mem.SetFree(2<<20 + roomStep + 10) // it is found out on the way
	writes := 0
	s.disk.tight = func() {
		if writes++; writes == 2 {
			mem.SetFree(2 << 20)
		}
	}
	if err := s.Snapshot(); err == nil || !strings.Contains(err.Error(), ErrDiskFull.Error()) {
		t.Fatalf("finished: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(cfg.Dir, "snapshots", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	mem.SetFree(1 << 30)
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
}

// TestRow3NoRoomForSegment: the log does not write a new segment into the last
// of the space; it stops with a clear fault when it has none left.
func TestRow3NoRoomForSegment(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	mem := vfs.NewMem()
	cfg.FS, cfg.MinFree, cfg.diskPoll, cfg.SegmentSize = mem, 4<<20, time.Hour, 64<<10
	cfg.FreesSpace = func(uint16) bool { return true }
	mem.SetFree(1 << 30)
	s := openStore(t, cfg)
	mem.SetFree(1<<20 + 64<<10 - 1) // above black, too little for a segment
	var err error
	n := uint64(0)
	for ; err == nil; n++ {
		_, err = s.Propose(testContext(t), byID(n+1, "set a "+strings.Repeat("x", 10<<10)))
	}
	<-s.Done()
	if FaultCode(s.Err()) != CodeDiskFull || n < 4 {
		t.Fatalf("after %d commands stopped by %v", n, s.Err())
	}
	closeStore(t, s)
	mem.SetFree(1 << 30)
	s.closeAbandoned(t)
	s = openStore(t, cfg)
	do(t, s, byID(n, "set a y"))
	// And when the space comes back in time, nobody notices.
	mem.SetFree(1<<20 + 64<<10 - 1)
	do(t, s, byID(n+1, "set a "+strings.Repeat("x", 10<<10)))
	mem.SetFree(1 << 30)
	for i := range uint64(30) {
		do(t, s, byID(n+2+i, "set a "+strings.Repeat("x", 10<<10)))
	}
}

// TestRow3ReadOnly: nothing can be written. The fault names the file and says
// what to do; nothing panics.
func TestRow3ReadOnly(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, 96)
	cfg := testConfig(t, filepath.Join(dir, "store"))
	s := openStore(t, cfg)
	do(t, s, byID(1, "set a 1"))
	closeStore(t, s)
	remount := func(how string) {
		if out, err := exec.Command("mount", "-o", "remount,"+how, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	remount("ro")
	_, err := Open(cfg, testMachine{})
	if FaultCode(err) != CodeDiskReadOnly || !strings.Contains(err.Error(), filepath.Join(cfg.Dir, "LOCK")) {
		t.Fatalf("opened: %v", err)
	}
	remount("rw")
	if m := dump(t, openStore(t, cfg)); m["a"] != "1" {
		t.Fatal(m)
	}
}

const readOnlyChild = "TOTE_RAFTSTORE_TEST_READ_ONLY"

// runReadOnlyChild is a gateway on a disk that turns read-only when its parent
// has said so.
func runReadOnlyChild() bool {
	dir := os.Getenv(readOnlyChild)
	if dir == "" {
		return false
	}
	s, err := Open(Config{
		Dir: dir, NodeID: "gw1", Logger: slog.New(slog.DiscardHandler),
		HeartbeatTimeout: 10 * time.Millisecond, SegmentSize: 64 << 10, MinFree: 1, ballast: -1, stopLimit: time.Second,
	}, testMachine{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err == nil {
		err = s.WaitLeader(ctx)
	}
	if err == nil {
		_, err = s.Propose(ctx, byID(1, "set a 1"))
	}
	fmt.Println("begun", err)
	fmt.Scanln()
	// Newer kernels do not show it in statfs, so the next write finds out.
	_, err = s.Propose(ctx, byID(2, "set a 2"))
	fmt.Println("refused", errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrLatched))
	<-s.Done()
	fmt.Println(FaultCode(s.Err()), s.Err())
	err = s.View(func(r Reader, _ uint64) error {
		b, err := r.Get([]byte("a"))
		fmt.Printf("a is %s\n", b)
		return err
	})
	fmt.Println("read", err)
	fmt.Println("closed", s.Close())
	return true
}

// TestRow3TurnsReadOnly: the kernel makes a file system with an error read-only
// under a running gateway. It says so, reads go on, and its process ends.
func TestRow3TurnsReadOnly(t *testing.T) {
	t.Parallel()
	dir, fail := brokenExt4(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), readOnlyChild+"="+filepath.Join(dir, "store"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = testWriter{t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"begun <nil>", "refused true", CodeDiskReadOnly + " ", "a is 1", "read <nil>", "closed <nil>"} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Errorf("the gateway says %q, want %q", lines.Text(), want)
		}
		switch want {
		case "begun <nil>":
			fail()
			if _, err := fmt.Fprintln(in); err != nil {
				t.Error(err)
			}
		case CodeDiskReadOnly + " ":
			if !strings.Contains(lines.Text(), filepath.Join(dir, "store", "log")) {
				t.Errorf("no file is named: %s", lines.Text())
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the gateway ended with %v", err)
	}
}

// brokenExt4 mounts an ext4 that turns read-only when fail is called.
func brokenExt4(t *testing.T) (dir string, fail func()) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("NOT RUN: an ext4 with an error needs root on Linux (losetup, mount)")
	}
	base := t.TempDir()
	img := filepath.Join(base, "image")
	dir = filepath.Join(base, "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Skipf("NOT RUN: this machine does not do %s %v: %v %s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("truncate", "-s", "64M", img)
	run("mkfs.ext4", "-q", img)
	loop := run("losetup", "--find", "--show", img)
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", loop).Run() })
	run("mount", "-o", "errors=remount-ro", loop, dir)
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(loop), "trigger_fs_error")
	if _, err := os.Stat(trigger); err != nil {
		t.Skipf("NOT RUN: %v", err)
	}
	return dir, func() {
		if err := os.WriteFile(trigger, []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDiskCode: what a person is told of the disk.
func TestDiskCode(t *testing.T) {
	for _, tc := range []struct {
		disk Disk
		want string
	}{
		{Disk{Level: "green"}, ""},
		{Disk{Level: "amber"}, CodeDiskShort},
		{Disk{Level: "amber", Slow: true}, CodeDiskSlow},
		{Disk{Level: "red", Slow: true}, CodeDiskLow},
		{Disk{Level: "black"}, CodeDiskFull},
	} {
		if got := tc.disk.Code(); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.disk, got, tc.want)
		}
	}
}
