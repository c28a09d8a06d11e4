package serialport

import (
	"errors"
	"fmt"
	"os"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"tote/drivers"
)

// control runs fn on the file's descriptor. os.File.Fd is not used because it
// may switch the file to blocking mode.
func control(f *os.File, fn func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := conn.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// setXonXoff lets the device stop and start us with DC3 and DC1, and the
// kernel stop the device. The library has no setting for it and clears it on
// open, so it is set afterwards.
func setXonXoff(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag |= unix.IXON | unix.IXOFF
	t.Iflag &^= unix.IXANY
	t.Cc[unix.VSTART], t.Cc[unix.VSTOP] = 0x11, 0x13
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// classify turns errors of the library and the kernel into ours.
// A port that the library calls closed although we did not close it is one
// whose device has gone; readLoop never sees the other case as die only acts
// on a live port.
func classify(err error) error {
	var known *drivers.Error
	if errors.As(err, &known) {
		return err
	}
	for _, gone := range []error{unix.ENOENT, unix.EIO, unix.ENXIO, unix.ENODEV} {
		if errors.Is(err, gone) {
			return fmt.Errorf("%w: %w", drivers.ErrUnplugged, err)
		}
	}
	switch {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EWOULDBLOCK):
		return fmt.Errorf("%w: %w", drivers.ErrBusy, err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: %w", drivers.ErrPermission, err)
	}
	var pe *serial.PortError
	if errors.As(err, &pe) {
		switch pe.Code() {
		case serial.PortClosed, serial.PortNotFound:
			return fmt.Errorf("%w: %w", drivers.ErrUnplugged, err)
		case serial.PortBusy:
			return fmt.Errorf("%w: %w", drivers.ErrBusy, err)
		case serial.PermissionDenied:
			return fmt.Errorf("%w: %w", drivers.ErrPermission, err)
		default:
			return fmt.Errorf("%w: %w", drivers.ErrNotAPort, err)
		}
	}
	return err
}
