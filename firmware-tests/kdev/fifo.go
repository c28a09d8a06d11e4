package kdev

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"tote/firmware-tests/pty"
)

// fifo is a named pipe in packet mode. It is open for both directions, so that it
// is there before anybody reads; who reads it locks it, as the drivers do, and by
// that lock is known to be there.
type fifo struct {
	name string
	f    *os.File
	lock []byte // how /proc/locks names it: " inode "
}

func newFIFO(name string) (node, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("kdev: %w", err)
	}
	if fi, err := os.Lstat(name); err == nil && fi.Mode().Type() == os.ModeNamedPipe {
		_ = os.Remove(name) // of an emulator that was killed
	}
	if err := unix.Mkfifo(name, 0o660); err != nil {
		return nil, fmt.Errorf("kdev: named pipe %s: %w", name, err)
	}
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kdev: open %s: %w", name, err), os.Remove(name))
	}
	var st unix.Stat_t
	if _, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_RDWR|unix.O_NONBLOCK|unix.O_DIRECT); err == nil {
		err = unix.Fstat(fd, &st)
	}
	p := &fifo{name: name, f: os.NewFile(uintptr(fd), name), lock: fmt.Appendf(nil, ":%d ", st.Ino)}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kdev: packet mode of %s: %w", name, err), p.close())
	}
	return p, nil
}

func (p *fifo) path() string { return p.name }

// listening looks for the lock without taking it, which would be in the way of
// who opens the pipe just then. Nobody there: what is still in the pipe is lost, as
// it is with a device of the kernel.
func (p *fifo) listening() bool {
	locks, err := os.ReadFile("/proc/locks")
	for l := range bytes.Lines(locks) {
		if err == nil && bytes.Contains(l, []byte("FLOCK")) && bytes.Contains(l, p.lock) {
			return true
		}
	}
	if raw, err := p.f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // the descriptor waits for nothing
			var rest [4096]byte
			for n := 1; n > 0; {
				n, _ = unix.Read(int(fd), rest[:])
			}
		})
	}
	return false
}

func (p *fifo) write(records []byte) error {
	if err := p.f.SetWriteDeadline(time.Now().Add(pty.WriteTimeout)); err != nil {
		return fmt.Errorf("kdev: %w", err)
	}
	_, err := p.f.Write(records)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return pty.ErrStuck
	}
	return err
}

func (p *fifo) close() error { return errors.Join(os.Remove(p.name), p.f.Close()) }
