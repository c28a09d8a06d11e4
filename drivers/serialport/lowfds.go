package serialport

import (
	"sync"

	"golang.org/x/sys/unix"
)

// go.bug.st/serial waits with select(2), whose sets hold descriptors below
// 1024 only: with a higher one its Read panics. A gateway with a database and
// sockets gets there, so low descriptors are kept aside from the start and
// three (the tty and the two ends of a pipe) are freed right before each open.
const (
	reserveSize   = 64
	perPort       = 3
	highestUseful = 1000 // a margin below 1024
)

// reserve is the one piece of package state, as descriptors belong to the
// process and not to a port.
type reserve struct {
	mu  sync.Mutex
	fds []int
}

var low reserve

func init() { low.refill() }

// refill takes descriptors until the reserve is full or only high ones are
// left to take.
func (r *reserve) refill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fill()
}

func (r *reserve) fill() {
	for len(r.fds) < reserveSize {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		if fd > highestUseful {
			_ = unix.Close(fd)
			return
		}
		r.fds = append(r.fds, fd)
	}
}

// with frees the descriptors of one port and calls open at once, alone.
func (r *reserve) with(open func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range min(perPort, len(r.fds)) {
		last := len(r.fds) - 1
		_ = unix.Close(r.fds[last])
		r.fds = r.fds[:last]
	}
	err := open()
	if err != nil {
		r.fill()
	}
	return err
}
