package evdev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"tote/drivers"
	"tote/drivers/internal/portio"
)

// eviocgrab is EVIOCGRAB, _IOW('E', 0x90, int): with 1 the device's events go to
// nobody else.
const eviocgrab = 0x40044590

// ErrNotInput: the path is no input device.
var ErrNotInput = drivers.Coded(drivers.CodeNotKeyboard)

// Opener opens the input device at path, an absolute one; use a link below
// /dev/input/by-id or by-path, which stays the same. The bytes of its port are
// input_events; what is written to it goes nowhere. A named pipe in the device's
// place is read the same way: an emulator is at its other end.
func Opener(path string) (drivers.Opener, error) { return opener(path, grab) }

func opener(path string, grab func(fd int) error) (drivers.Opener, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("evdev: %q is not an absolute path", path)
	}
	return func(ctx context.Context) (drivers.Port, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// Non-blocking, so that Go's poller wakes a read at Close.
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("evdev: %w: %w", drivers.ErrPermission, err)
		case err != nil:
			return nil, fmt.Errorf("evdev: %w: %w", drivers.ErrUnplugged, err)
		}
		raw, err := f.SyscallConn()
		if err == nil {
			err = errors.Join(raw.Control(func(fd uintptr) { err = grab(int(fd)) }), err)
		}
		switch {
		case errors.Is(err, unix.EBUSY):
			return nil, errors.Join(fmt.Errorf("evdev: %s: %w", path, drivers.ErrBusy), f.Close())
		case errors.Is(err, unix.ENODEV):
			return nil, errors.Join(fmt.Errorf("evdev: %s: %w", path, drivers.ErrUnplugged), f.Close())
		case err != nil:
			return nil, errors.Join(fmt.Errorf("evdev: %s: %w: %w", path, ErrNotInput, err), f.Close())
		}
		p := &port{f: f, queue: portio.NewQueue(portio.QueueBytes / EventSize * EventSize), closed: make(chan struct{}), ended: make(chan struct{})}
		go p.read()
		return p, nil
	}, nil
}

func grab(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return unix.IoctlSetInt(fd, eviocgrab, 1)
	}
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = unix.EBUSY
	}
	return err
}

// port is an open input device. The kernel lets go of the grab with the file.
type port struct {
	f     *os.File
	queue *portio.Queue

	close  sync.Once
	closed chan struct{}
	ended  chan struct{} // the reading goroutine has
}

func (p *port) read() {
	defer close(p.ended)
	buf := make([]byte, 64*EventSize)
	for {
		n, err := p.f.Read(buf)
		if n > 0 {
			// Of a driver that does not read, the kernel drops the events and says
			// so; a queue would drop keys out of a scan.
			p.queue.PutAll(p.closed, Whole(buf[:n]))
		}
		if err != nil {
			p.queue.Fail(drivers.ErrUnplugged) // of a port that was closed, ErrClosed came first
			return
		}
	}
}

func (p *port) Read(ctx context.Context, b []byte) (int, error) { return p.queue.Read(ctx, b) }

func (p *port) Write(_ context.Context, b []byte) (int, error) { return len(b), nil }

func (p *port) Close() error {
	p.queue.Fail(drivers.ErrClosed)
	p.close.Do(func() { close(p.closed) })
	err := p.f.Close()
	<-p.ended
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
