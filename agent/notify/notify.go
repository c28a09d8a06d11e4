// Package notify tells systemd how the process is: ready, alive, stopping. It is
// the protocol of sd_notify(3): one datagram of VARIABLE=value lines to the socket
// that NOTIFY_SOCKET names. A program that was not started by systemd has a nil
// *Socket, and all methods of that do nothing.
//
// It owns no goroutine. All methods may be called from any goroutine.
package notify

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Socket is where systemd listens.
type Socket struct {
	addr  *net.UnixAddr
	every time.Duration
}

// New finds the socket in the environment (os.Getenv); nil when there is none. pid
// is that of this process: a watchdog that waits for another one is none of ours.
func New(env func(string) string, pid int) *Socket {
	name := env("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	// A name with @ in front lies in no folder (unix(7), abstract); package net
	// writes it the same way.
	s := &Socket{addr: &net.UnixAddr{Name: name, Net: "unixgram"}}
	if of := env("WATCHDOG_PID"); of == "" || of == strconv.Itoa(pid) {
		if us, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 {
			s.every = time.Duration(us) * time.Microsecond
		}
	}
	return s
}

// Watchdog is after how long without Alive systemd kills the process; 0 when it
// does not watch.
func (s *Socket) Watchdog() time.Duration {
	if s == nil {
		return 0
	}
	return s.every
}

// Ready says that the start is over. Before it systemctl start waits.
func (s *Socket) Ready() error { return s.send("READY=1") }

// Alive feeds the watchdog.
func (s *Socket) Alive() error { return s.send("WATCHDOG=1") }

// Stopping says that the process ends by its own will or was asked to.
func (s *Socket) Stopping() error { return s.send("STOPPING=1") }

// Status is the line that systemctl status shows.
func (s *Socket) Status(text string) error {
	return s.send("STATUS=" + strings.ReplaceAll(text, "\n", " "))
}

func (s *Socket) send(text string) error {
	if s == nil {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, s.addr)
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte(text)); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}
