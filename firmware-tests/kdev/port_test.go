package kdev

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"tote/firmware-tests/pty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host opens the pipe as a driver does.
func host(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err == nil {
		var raw interface{ Control(func(uintptr)) error }
		if raw, err = f.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { err = unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB) })
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// One write is one read, what nobody listens to is lost, and a pulled plug ends the
// reading on both sides.
func TestNamedPipe(t *testing.T) {
	at := filepath.Join(t.TempDir(), "dev", "scale")
	p, err := Scale(at)
	if err != nil {
		t.Fatal(err)
	}
	if p.Path() != at || !p.Plugged() || p.Listening() {
		t.Errorf("%s plugged %v listening %v", p.Path(), p.Plugged(), p.Listening())
	}
	report := []byte{3, 4, 2, 0, 20, 0}
	if _, err := p.Write(report); !errors.Is(err, pty.ErrNotListening) {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := p.Write(report[:3]); err == nil {
		t.Error("half a report went")
	}
	if err := p.Plug(); err != nil { // twice is none
		t.Error(err)
	}
	h := host(t, at)
	if n, err := p.Write(append(report, report...)); n != 12 || err != nil || !p.Listening() {
		t.Errorf("%d bytes, %v", n, err)
	}
	buf := make([]byte, 64)
	for range 2 {
		if n, err := h.Read(buf); n != 6 || err != nil {
			t.Errorf("a read of %d, %v", n, err)
		}
	}
	if _, err := p.Write(report); err != nil {
		t.Error(err)
	}
	_ = h.Close() // with a report unread
	if _, err := p.Write(report); !errors.Is(err, pty.ErrNotListening) {
		t.Errorf("who listened has gone: %v", err)
	}
	h = host(t, at)
	told := make(chan error, 1)
	go func() { _, err := p.Read(buf); told <- err }()
	if err := errors.Join(p.Unplug(), p.Unplug()); err != nil {
		t.Error(err)
	}
	if err := <-told; !errors.Is(err, pty.ErrUnplugged) {
		t.Errorf("the device's side: %v", err)
	}
	if n, err := h.Read(make([]byte, 64)); n != 0 || err == nil {
		t.Errorf("the host's side: %d, %v: a report of before", n, err)
	}
	_ = h.Close()
	if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) || p.Plugged() || p.Path() != at {
		t.Errorf("unplugged: %v", err)
	}
	if _, err := p.Write(report); !errors.Is(err, pty.ErrUnplugged) {
		t.Error(err)
	}
	if err := errors.Join(p.Plug(), p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	if _, err := p.Read(buf); !errors.Is(err, pty.ErrClosed) {
		t.Error(err)
	}
	if err := p.Plug(); !errors.Is(err, pty.ErrClosed) {
		t.Error(err)
	}
}

// A pipe that a killed emulator left is replaced, anything else is left alone.
func TestPathTaken(t *testing.T) {
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := errors.Join(unix.Mkfifo(pipe, 0o600), os.WriteFile(file, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	p, err := Keyboard(pipe)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Keyboard(file); err == nil {
		t.Error("took the place of a file")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
}

// The event that makes a HID scale has the length and the places that uhid.h says:
// the driver looks for its descriptor's first bytes.
func TestCreateScale(t *testing.T) {
	e := createScale()
	if len(e) != 4+128+64+64+2+2+4*4+4096 || string(e[4:4+len(scaleName)]) != scaleName || string(e[280:282]) != "\x05\x8d" {
		t.Errorf("%d bytes, % x", len(e), e[260:290])
	}
}
