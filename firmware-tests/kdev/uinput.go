package kdev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// EventSize is the length of an input_event, bytes: two words of time, type, code
// and value.
const EventSize = 2*wordSize + 8

const wordSize = 4 << (^uintptr(0) >> 63)

// Requests of uinput, and the event types that a keyboard has.
const (
	uiDevCreate  = 0x5501
	uiDevDestroy = 0x5502
	uiSetEvBit   = 0x40045564
	uiSetKeyBit  = 0x40045565
	uiSetMscBit  = 0x40045568

	evKey, evMsc, mscScan = 1, 4, 4

	keyboardName = "Tote emulated scanner"
	userDevSize  = 1116 // struct uinput_user_dev: a name of 80, an id, ranges
)

// appears is how long the kernel and udev may take to show a device.
const appears = 5 * time.Second

// uinput is a keyboard of the kernel's.
type uinput struct {
	f    *os.File
	node string
}

func newUinput() (node, error) {
	f, err := os.OpenFile("/dev/uinput", os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("kdev: no uinput (root, modprobe uinput), use a named pipe: %w", err)
	}
	u := &uinput{f: f}
	fd := int(f.Fd())
	for _, bit := range []struct {
		req  uint
		code int
	}{{uiSetEvBit, evKey}, {uiSetEvBit, evMsc}, {uiSetMscBit, mscScan}} {
		err = errors.Join(err, unix.IoctlSetInt(fd, bit.req, bit.code))
	}
	for code := 1; code < 128; code++ {
		err = errors.Join(err, unix.IoctlSetInt(fd, uiSetKeyBit, code))
	}
	dev := make([]byte, userDevSize)
	copy(dev, keyboardName)
	if err == nil {
		_, err = f.Write(dev)
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, uiDevCreate, 0)
	}
	if err == nil {
		u.node, err = shown("/sys/class/input/event*/device/name", keyboardName, "/dev/input")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kdev: uinput: %w", err), f.Close())
	}
	return u, nil
}

// shown waits until the kernel shows a device whose file of the pattern holds the
// name, and udev its node in dir.
func shown(pattern, name, dir string) (string, error) {
	for end := time.Now().Add(appears); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		for _, f := range files {
			text, _ := os.ReadFile(f) // gone meanwhile: none of ours
			node := filepath.Join(dir, filepath.Base(filepath.Dir(filepath.Dir(f))))
			if _, err := os.Stat(node); err == nil && strings.Contains(string(text), name) {
				return node, nil
			}
		}
	}
	return "", fmt.Errorf("no node of %q in %s", name, dir)
}

func (u *uinput) path() string    { return u.node }
func (u *uinput) listening() bool { return true }

func (u *uinput) write(records []byte) error {
	_, err := u.f.Write(records)
	return err
}

func (u *uinput) close() error {
	return errors.Join(unix.IoctlSetInt(int(u.f.Fd()), uiDevDestroy, 0), u.f.Close())
}
