package serialport

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// crowd lets the test open more than 1024 files and opens that many.
func crowd(t *testing.T, n int) {
	t.Helper()
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Fatal(err)
	}
	if lim.Max < uint64(n+200) {
		t.Skipf("ONLY %d DESCRIPTORS ALLOWED HERE", lim.Max)
	}
	old := lim
	lim.Cur = uint64(n + 200)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
	for range n {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
	}
}

// With more than 1024 open files the library's Read panics: its select knows no
// higher descriptors. Ours reads on.
func TestManyOpenFiles(t *testing.T) {
	crowd(t, 1100)
	for round := range 3 {
		master, path := line(t)
		p := mustOpen(t, Config{Path: path})
		if fd := int(master.Fd()); fd < 1024 {
			t.Fatalf("test is void: a new file got descriptor %d", fd)
		}
		if _, err := master.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if got := readN(t, p, 5); string(got) != "hello" {
			t.Errorf("round %d: %q", round, got)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
