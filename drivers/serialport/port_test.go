package serialport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"

	"tote/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line is a pty whose other end is played by the test.
func line(t *testing.T) (master *os.File, path string) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("NO PTYS HERE: %v", err)
	}
	path = slave.Name()
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	return master, path
}

func mustOpen(t *testing.T, cfg Config) drivers.Port {
	t.Helper()
	p, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// readN reads exactly n bytes within five seconds.
func readN(t *testing.T, p drivers.Port, n int) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var got []byte
	buf := make([]byte, 4096)
	for len(got) < n {
		m, err := p.Read(ctx, buf[:min(len(buf), n-len(got))])
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", len(got), n, err)
		}
		got = append(got, buf[:m]...)
	}
	return got
}

// until polls a condition for five seconds.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

func TestBytesPassUntouchedBothWays(t *testing.T) {
	master, path := line(t)
	p := mustOpen(t, Config{Path: path, Baud: 115200})
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	if _, err := master.Write(every); err != nil {
		t.Fatal(err)
	}
	if got := readN(t, p, 256); !bytes.Equal(got, every) {
		t.Errorf("received % x", got)
	}
	if n, err := p.Write(t.Context(), every); n != 256 || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
	got := make([]byte, 256)
	if _, err := io.ReadFull(master, got); err != nil || !bytes.Equal(got, every) {
		t.Errorf("sent % x, %v", got, err)
	}
}

func TestReadHonoursContextAndKeepsTheBytes(t *testing.T) {
	master, path := line(t)
	p := mustOpen(t, Config{Path: path})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Read(ctx, make([]byte, 8)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("read without data: %v", err)
	}
	if _, err := master.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if got := readN(t, p, 4); string(got) != "late" {
		t.Errorf("got %q", got)
	}
}

// A caller with an ended context still gets what has been received: this is
// how drivers.Discard empties a port.
func TestDiscardEmptiesThePort(t *testing.T) {
	master, path := line(t)
	p := mustOpen(t, Config{Path: path})
	if _, err := master.Write([]byte("stale answer")); err != nil {
		t.Fatal(err)
	}
	total := 0
	until(t, "12 bytes thrown away", func() bool {
		n, err := drivers.Discard(p)
		if err != nil {
			t.Fatal(err)
		}
		total += n
		return total == 12
	})
}

func TestUnplugWakesReaderAndWriter(t *testing.T) {
	master, path := line(t)
	p := mustOpen(t, Config{Path: path})
	failed := make(chan error, 1)
	go func() {
		_, err := p.Read(context.Background(), make([]byte, 8))
		failed <- err
	}()
	if err := master.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("read: %v", err)
	}
	if _, err := p.Write(t.Context(), []byte("x")); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("write: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close of an unplugged port: %v", err)
	}
	if _, err := Open(t.Context(), Config{Path: path}); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("open of a gone node: %v", err)
	}
}

func TestReplugAtTheSameLink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "usb-scale")
	opener, err := Opener(Config{Path: link})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		master, path := line(t)
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		p, err := opener(t.Context())
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if _, err := master.Write([]byte("here")); err != nil {
			t.Fatal(err)
		}
		readN(t, p, 4)
		_ = master.Close()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
		if _, err := opener(t.Context()); !errors.Is(err, drivers.ErrUnplugged) {
			t.Fatalf("open of a missing link: %v", err)
		}
	}
}

func TestOneOpenerOnly(t *testing.T) {
	_, path := line(t)
	link := filepath.Join(t.TempDir(), "other-name")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	p := mustOpen(t, Config{Path: path})
	if _, err := Open(t.Context(), Config{Path: link}); !errors.Is(err, drivers.ErrBusy) {
		t.Fatalf("second opener: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, Config{Path: link})
}

// A write to a device that takes nothing ends by itself, and leaves neither a
// stuck goroutine nor a stuck Close behind.
func TestStalledWriteKillsThePort(t *testing.T) {
	master, path := line(t)
	p := mustOpen(t, Config{Path: path, Stall: 50 * time.Millisecond})
	label := bytes.Repeat([]byte("x"), 1<<20)
	n, err := p.Write(t.Context(), label)
	if !errors.Is(err, drivers.ErrStalled) || n == 0 || n == len(label) {
		t.Fatalf("write without a reader: %d, %v", n, err)
	}
	if _, err := p.Write(t.Context(), []byte("more")); !errors.Is(err, drivers.ErrStalled) {
		t.Errorf("write to a dead port: %v", err)
	}
	if _, err := p.Read(t.Context(), make([]byte, 1)); !errors.Is(err, drivers.ErrStalled) {
		t.Errorf("read from a dead port: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	// The count is exact: what was taken is what the device gets, or less
	// where Close threw the rest away; never more.
	if err := master.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Skipf("no deadlines on this pty: %v", err)
	}
	got, _ := io.Copy(io.Discard, master)
	if got > int64(n) {
		t.Errorf("device got %d bytes of %d taken", got, n)
	}
}

func TestWriteEndsWithItsContextAndThePortLives(t *testing.T) {
	master, path := line(t)
	p := mustOpen(t, Config{Path: path})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	n, err := p.Write(ctx, bytes.Repeat([]byte("x"), 1<<20))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("write: %d, %v", n, err)
	}
	if _, err := io.CopyN(io.Discard, master, int64(n)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(t.Context(), []byte("after")); err != nil {
		t.Fatalf("write after a cancelled one: %v", err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(master, got); err != nil || string(got) != "after" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCloseEndsABlockedWriter(t *testing.T) {
	_, path := line(t)
	p := mustOpen(t, Config{Path: path})
	failed := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		close(started)
		_, err := p.Write(context.Background(), bytes.Repeat([]byte("x"), 1<<20))
		failed <- err
	}()
	<-started
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if _, err := p.Read(t.Context(), make([]byte, 1)); !errors.Is(err, drivers.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// The kernel itself stops sending on DC3 and goes on with DC1.
func TestXonXoffHoldsTheWriter(t *testing.T) {
	master, path := line(t)
	p := mustOpen(t, Config{Path: path, XonXoff: true})
	send := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := p.Write(ctx, []byte("x"))
		return err
	}
	if _, err := master.Write([]byte{0x13}); err != nil {
		t.Fatal(err)
	}
	until(t, "the writer is held", func() bool { return errors.Is(send(), context.DeadlineExceeded) })
	if _, err := master.Write([]byte{0x11}); err != nil {
		t.Fatal(err)
	}
	until(t, "the writer goes on", func() bool { return send() == nil })
}

func TestNoFlowControlUnlessAskedFor(t *testing.T) {
	master, path := line(t)
	p := mustOpen(t, Config{Path: path})
	if _, err := master.Write([]byte{0x13}); err != nil {
		t.Fatal(err)
	}
	if got := readN(t, p, 1); got[0] != 0x13 {
		t.Errorf("DC3 arrived as % x", got)
	}
	if _, err := p.Write(t.Context(), []byte("x")); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesWhatIsNoSerialPort(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		file:               drivers.ErrNotAPort,
		t.TempDir():        drivers.ErrNotAPort,
		"/dev/null":        drivers.ErrNotAPort,
		"/dev/no-such-tty": drivers.ErrUnplugged,
	} {
		if _, err := Open(t.Context(), Config{Path: path}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		} else if drivers.CodeOf(err) == "" {
			t.Errorf("%s: no fault code in %v", path, err)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string // part of the error, "" = fine
	}{
		{Config{Path: "/dev/ttyUSB0"}, ""},
		{Config{Path: "/dev/ttyUSB0", Baud: 4800, DataBits: 7, Parity: ParityEven, StopBits: 2}, ""},
		{Config{Path: "ttyUSB0"}, "not absolute"},
		{Config{}, "not absolute"},
		{Config{Path: "/dev/x", Baud: 100}, "baud"},
		{Config{Path: "/dev/x", DataBits: 9}, "data bits"},
		{Config{Path: "/dev/x", StopBits: 3}, "stop bits"},
		{Config{Path: "/dev/x", Parity: "e"}, "parity"},
		{Config{Path: "/dev/x", Stall: -1}, "stall"},
	} {
		_, err := Opener(c.cfg)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
	got, _ := Config{Path: "/dev/x"}.WithDefaults()
	if got.Baud != 9600 || got.DataBits != 8 || got.Parity != ParityNone || got.StopBits != 1 {
		t.Errorf("defaults: %+v", got)
	}
}
