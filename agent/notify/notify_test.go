package notify

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

// listen is systemd's end.
func listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func read(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestSocket(t *testing.T) {
	for name, path := range map[string]string{
		"a file":   filepath.Join(t.TempDir(), "notify"),
		"abstract": "@tote-notify-test-" + filepath.Base(t.TempDir()),
	} {
		t.Run(name, func(t *testing.T) {
			systemd := listen(t, path)
			s := New(env(map[string]string{"NOTIFY_SOCKET": path}), 1)
			for _, c := range []struct {
				say  func() error
				want string
			}{
				{s.Ready, "READY=1"},
				{s.Alive, "WATCHDOG=1"},
				{func() error { return s.Status("no quorum\nsince 9") }, "STATUS=no quorum since 9"},
				{s.Stopping, "STOPPING=1"},
			} {
				if err := c.say(); err != nil {
					t.Fatal(err)
				}
				if got := read(t, systemd); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestWatchdog(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want time.Duration
	}{
		"not under systemd":  {nil, 0},
		"no watchdog":        {map[string]string{"NOTIFY_SOCKET": "/n"}, 0},
		"of everybody":       {map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000"}, 30 * time.Second},
		"of this process":    {map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30 * time.Second},
		"of another process": {map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, 0},
		"nonsense":           {map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"}, 0},
		"negative":           {map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "-1"}, 0},
	} {
		if got := New(env(c.env), 7).Watchdog(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestWithoutSystemd: by hand, nobody listens, and nothing fails.
func TestWithoutSystemd(t *testing.T) {
	s := New(env(nil), 1)
	if err := errors.Join(s.Ready(), s.Alive(), s.Status("x"), s.Stopping()); err != nil || s.Watchdog() != 0 {
		t.Error(err, s.Watchdog())
	}
	gone := New(env(map[string]string{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone")}), 1)
	if err := gone.Ready(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket that is gone: %v", err)
	}
}
