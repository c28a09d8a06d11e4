//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/agent/notify"
)

// systemd is the other end of the notify socket. It takes all that is said to it
// into a channel.
func systemd(t *testing.T, watchdog string) (*notify.Socket, <-chan string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	said, ended := make(chan string, 4096), make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			said <- string(b[:n])
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-ended
	})
	env := map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": watchdog}
	return notify.New(func(k string) string { return env[k] }, 1), said
}

// heard waits for something that systemd is told.
func heard(t *testing.T, said <-chan string, want string) {
	t.Helper()
	limit := time.NewTimer(deadline)
	defer limit.Stop()
	for {
		select {
		case text := <-said:
			if strings.HasPrefix(text, want) {
				return
			}
		case <-limit.C:
			t.Fatalf("systemd was never told %s", want)
		}
	}
}

// TestSystemdIsTold: ready, alive while everything moves, silent when it does not,
// stopping.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	n, said := systemd(t, "90000") // fed every 30 ms
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", notify: n}
	s.begin()
	heard(t, said, "READY=1")
	heard(t, said, "STATUS=scans are accepted; this gateway leads")
	heard(t, said, "WATCHDOG=1")
	heard(t, said, "WATCHDOG=1")
	s.stop()
	heard(t, said, "STOPPING=1")
}

// TestNoQuorumIsNoDeadProcess: without the others a gateway is ready for systemd
// and stays alive; to be restarted would not help it.
func TestNoQuorumIsNoDeadProcess(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	for _, g := range c.gw[1:] {
		g.stop()
	}
	n, said := systemd(t, "90000")
	c.gw[0].stop()
	c.gw[0].notify = n
	c.gw[0].launch()
	heard(t, said, "READY=1")
	heard(t, said, "STATUS=NO QUORUM since")
	heard(t, said, "WATCHDOG=1")
	heard(t, said, "WATCHDOG=1")
}

// TestWatchdogIsNotFed: one part that does not move is enough.
func TestWatchdogIsNotFed(t *testing.T) {
	good := func(context.Context) error { return nil }
	hangs := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	broken := errors.New("broken")
	type part = struct {
		name string
		ask  func(ctx context.Context) error
	}
	for name, c := range map[string]struct {
		w    watchdog
		want string
	}{
		"all move":    {watchdog{part{"store", good}, part{"broker", good}}, ""},
		"one hangs":   {watchdog{part{"store", hangs}, part{"broker", good}}, "store: context deadline exceeded"},
		"one is sick": {watchdog{part{"store", good}, part{"broker", func(context.Context) error { return broken }}}, "broker: broken"},
	} {
		err := c.w.look(t.Context(), 20*time.Millisecond)
		if got := cmpText(err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func cmpText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
