package pty

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// seen is what one look at the master tells.
type seen struct {
	open bool // somebody has the slave open
	data bool // bytes wait to be read
}

// look asks the kernel about a master without blocking. A closed master looks
// like a device nobody has open.
func look(f *os.File) seen {
	var s seen
	rc, err := f.SyscallConn()
	if err != nil {
		return s
	}
	_ = rc.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			_, err := unix.Poll(fds, 0)
			if err == unix.EINTR {
				continue
			}
			if err == nil {
				s.open = fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) == 0
				s.data = fds[0].Revents&unix.POLLIN != 0
			}
			return
		}
	})
	return s
}

// unblock gives a master back to the runtime's poller, so that deadlines work
// and Close ends a Read: creack/pty leaves it in blocking mode. The old file
// is closed.
func unblock(f *os.File) (*os.File, error) {
	var g *os.File
	err := control(f, func(fd int) error {
		nfd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("duplicate master: %w", err)
		}
		if err := unix.SetNonblock(nfd, true); err != nil {
			_ = unix.Close(nfd)
			return fmt.Errorf("set non-blocking: %w", err)
		}
		g = os.NewFile(uintptr(nfd), f.Name())
		return nil
	})
	if err != nil {
		return f, err
	}
	return g, f.Close()
}

// makeRaw switches off everything a line discipline does, at 9600 8N1.
func makeRaw(tty *os.File) error {
	return control(tty, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return fmt.Errorf("get line settings: %w", err)
		}
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP |
			unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON | unix.IXOFF
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		t.Cflag &^= unix.CSIZE | unix.PARENB | unix.CBAUD
		t.Cflag |= unix.CS8 | unix.B9600
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
			return fmt.Errorf("set raw mode: %w", err)
		}
		return nil
	})
}

// wipeSlave clears what the last opener left behind: the exclusive flag,
// unread input and line settings. EBUSY means it left the flag and we may not
// open the node any more.
func wipeSlave(node string) error {
	tty, err := os.OpenFile(node, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { _ = tty.Close() }()
	err = control(tty, func(fd int) error {
		if err := unix.IoctlSetInt(fd, unix.TIOCNXCL, 0); err != nil {
			return err
		}
		return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	})
	if err != nil {
		return err
	}
	return makeRaw(tty)
}

// control runs fn on the descriptor without taking it out of the runtime's poller.
func control(f *os.File, fn func(fd int) error) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := rc.Control(func(fd uintptr) { ferr = fn(int(fd)) }); err != nil {
		return err
	}
	return ferr
}
