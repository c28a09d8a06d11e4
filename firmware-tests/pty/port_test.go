package pty

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newPort(t *testing.T) *Port {
	t.Helper()
	p, err := New(filepath.Join(t.TempDir(), "dev", "tty0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// open opens the device as an agent does.
func open(t *testing.T, p *Port) *os.File {
	t.Helper()
	f, err := os.OpenFile(p.Path(), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	_ = f.SetDeadline(time.Now().Add(5 * time.Second))
	return f
}

type result struct {
	data string
	err  error
}

// reader reads the port until it is closed.
func reader(t *testing.T, p *Port) <-chan result {
	t.Helper()
	out := make(chan result, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			buf := make([]byte, 256)
			n, err := p.Read(buf)
			out <- result{string(buf[:n]), err}
			if errors.Is(err, ErrClosed) {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = p.Close(); <-done })
	return out
}

func next(t *testing.T, in <-chan result) result {
	t.Helper()
	select {
	case r := <-in:
		return r
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was read")
		return result{}
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited too long for: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// Every byte value passes both ways: no echo, no CR or LF tricks, no XON/XOFF.
func TestRaw(t *testing.T) {
	p := newPort(t)
	in := reader(t, p)
	f := open(t, p)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if _, err := f.Write(all); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for len(got) < len(all) {
		got = append(got, next(t, in).data...)
	}
	if !bytes.Equal(got, all) {
		t.Errorf("to the device: % x", got)
	}
	if n, err := p.Write(all); n != len(all) || err != nil {
		t.Fatal(n, err)
	}
	back := make([]byte, len(all))
	if _, err := io.ReadFull(f, back); err != nil || !bytes.Equal(back, all) {
		t.Errorf("from the device: % x, %v", back, err)
	}
}

// The agent may come and go as often as it likes; the device does not notice
// more than silence.
func TestReopen(t *testing.T) {
	p := newPort(t)
	in := reader(t, p)
	for range 20 {
		f := open(t, p)
		if _, err := f.WriteString("hello"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if r := next(t, in); r.data != "hello" || r.err != nil {
			t.Fatalf("read %+v", r)
		}
	}
}

// Bytes for nobody are lost and do not turn up at the next opener.
func TestNobodyListens(t *testing.T) {
	p := newPort(t)
	reader(t, p)
	if p.Listening() {
		t.Error("Listening before anybody opened it")
	}
	if n, err := p.Write([]byte("lost")); n != 0 || !errors.Is(err, ErrNotListening) {
		t.Errorf("Write = %d, %v", n, err)
	}
	f := open(t, p)
	if !p.Listening() {
		t.Error("not Listening although it is open")
	}
	if _, err := p.Write([]byte("unread")); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	waitFor(t, "the close", func() bool { return !p.Listening() })
	waitFor(t, "the wipe", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.wiped })

	f = open(t, p)
	if _, err := p.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if n, err := f.Read(buf); string(buf[:n]) != "new" || err != nil {
		t.Errorf("the next opener reads %q, %v", buf[:n], err)
	}
}

// A killed agent leaves its exclusive claim behind; a real port forgets it on
// the last close, and so does ours.
func TestExclusiveFlagIsForgotten(t *testing.T) {
	p := newPort(t)
	reader(t, p)
	f := open(t, p)
	if err := control(f, func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0) }); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the opener to be noticed", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return !p.wiped })
	_ = f.Close()
	waitFor(t, "the wipe", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.wiped })
	g := open(t, p)
	var excl int
	if err := control(g, func(fd int) (err error) {
		excl, err = unix.IoctlGetInt(fd, unix.TIOCGEXCL)
		return err
	}); err != nil || excl != 0 {
		t.Errorf("exclusive flag = %d, %v", excl, err)
	}
}

func TestUnplug(t *testing.T) {
	p := newPort(t)
	in := reader(t, p)
	f := open(t, p)
	for range 3 {
		if err := p.Unplug(); err != nil {
			t.Fatal(err)
		}
		if p.Plugged() || p.Listening() {
			t.Error("still plugged in")
		}
		if _, err := os.Lstat(p.Path()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("path after unplug: %v", err)
		}
		if r := next(t, in); !errors.Is(r.err, ErrUnplugged) {
			t.Fatalf("device read %+v, want ErrUnplugged", r)
		}
		if n, err := f.Read(make([]byte, 8)); n != 0 || err == nil {
			t.Errorf("host read %d, %v: want a hangup", n, err)
		}
		if _, err := p.Write([]byte("x")); !errors.Is(err, ErrUnplugged) {
			t.Errorf("Write = %v", err)
		}
		if err := p.Unplug(); err != nil {
			t.Errorf("second Unplug: %v", err)
		}
		if err := p.Plug(); err != nil {
			t.Fatal(err)
		}
		if err := p.Plug(); err != nil {
			t.Errorf("second Plug: %v", err)
		}
		f = open(t, p)
		if _, err := f.WriteString("again"); err != nil {
			t.Fatal(err)
		}
		if r := next(t, in); r.data != "again" {
			t.Fatalf("after replug: %+v", r)
		}
	}
}

// A host that has the device open but does not read blocks nobody for long.
func TestStuckReader(t *testing.T) {
	p := newPort(t)
	open(t, p)
	big := make([]byte, 1<<20)
	begin := time.Now()
	n, err := p.Write(big)
	if !errors.Is(err, ErrStuck) || n == 0 || n == len(big) {
		t.Errorf("Write = %d, %v", n, err)
	}
	if took := time.Since(begin); took > 10*WriteTimeout {
		t.Errorf("Write took %v", took)
	}
}

func TestClose(t *testing.T) {
	p := newPort(t)
	in := reader(t, p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if r := next(t, in); !errors.Is(r.err, ErrClosed) {
		t.Errorf("Read = %+v", r)
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Write = %v", err)
	}
	if err := p.Plug(); !errors.Is(err, ErrClosed) {
		t.Errorf("Plug = %v", err)
	}
	if err := p.Unplug(); !errors.Is(err, ErrClosed) {
		t.Errorf("Unplug = %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
}

// The link is ours alone: files are left in peace, a successor's link too.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(file); !errors.Is(err, ErrLinkTaken) {
		t.Errorf("New over a file = %v", err)
	}
	link := filepath.Join(dir, "tty")
	if err := os.Symlink("/nowhere", link); err != nil { // left by a killed emulator
		t.Fatal(err)
	}
	a, err := New(link)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(link)
	if err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	if to, _ := os.Readlink(link); to != b.node {
		t.Errorf("after the old owner closed, the link points to %q", to)
	}
	_ = b.Close()
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("link after close: %v", err)
	}
	c, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	if c.Path() != c.node {
		t.Errorf("Path without a link = %q", c.Path())
	}
	_ = c.Close()
}
