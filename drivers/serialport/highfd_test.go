package serialport

import (
	"context"
	"errors"
	"os"
	"testing"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"tote/drivers"
	"tote/drivers/internal/portio"
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

// With more than 1024 open files the library's Read panics unless its
// descriptors are low ones.
func TestManyOpenFiles(t *testing.T) {
	crowd(t, 1100)
	for round := range 3 { // the reserve must be refilled after each Close
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
	low.mu.Lock()
	kept := len(low.fds)
	low.mu.Unlock()
	if kept != reserveSize {
		t.Errorf("the reserve shrank to %d", kept)
	}
}

// When the reserve cannot help, the port dies; the process does not.
func TestReaderPanicKillsThePortOnly(t *testing.T) {
	_, path := line(t)
	p := mustOpen(t, Config{Path: path}).(*port)
	hurt := &port{lib: panicking{p.lib}, queue: portio.NewQueue(64), readerDone: make(chan struct{})}
	hurt.alive, hurt.kill = context.WithCancelCause(t.Context())
	hurt.state.Store(stateLive)
	hurt.readLoop()
	if _, err := hurt.Read(t.Context(), make([]byte, 1)); !errors.Is(err, drivers.ErrReader) {
		t.Errorf("read: %v", err)
	}
	if hurt.state.Load() != stateDead {
		t.Errorf("state %d", hurt.state.Load())
	}
}

// panicking is a library port whose Read behaves as with a descriptor that is
// too high.
type panicking struct{ serial.Port }

func (panicking) Read([]byte) (int, error) {
	var set [16]int64
	high := len(set) + 1
	return int(set[high%100]), nil
}
