package hid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tote/drivers"
	"tote/drivers/internal/portio"
)

// ID is a USB vendor and product.
type ID struct{ Vendor, Product uint16 }

// String writes an id as lsusb does.
func (i ID) String() string { return fmt.Sprintf("%04x:%04x", i.Vendor, i.Product) }

// Config says which USB scale is meant.
type Config struct {
	Path string // a hidraw node or a link to one, or a named pipe that an emulator writes to; "" = the first scale found
	ID   ID     // its vendor and product; zero = any scale
}

// Where says in words how the scale is found, for lists of devices.
func (c Config) Where() string {
	switch {
	case c.Path != "":
		return c.Path
	case c.ID != ID{}:
		return "usb " + c.ID.String()
	}
	return "the first USB scale"
}

// Where the kernel shows what is plugged in.
const (
	sysfs   = "/sys/class/hidraw"
	devices = "/dev"
)

// Opener returns an opener that looks for the scale anew each time. Its errors:
// ErrUnplugged when there is none, ErrPermission, ErrBusy, ErrNotAPort for a
// path that is none, and one with CodeScaleOther for another device.
func Opener(cfg Config) drivers.Opener {
	return func(ctx context.Context) (drivers.Port, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		path, err := find(cfg, sysfs, devices)
		if err != nil {
			return nil, err
		}
		return open(path)
	}
}

// find gives the node of the configured scale.
func find(cfg Config, sysfs, devices string) (string, error) {
	if cfg.Path != "" {
		real, err := filepath.EvalSymlinks(cfg.Path)
		if err != nil {
			return "", fmt.Errorf("usb scale %s: %w", cfg.Path, drivers.ErrUnplugged)
		}
		if node, err := os.Stat(real); err == nil && node.Mode()&os.ModeNamedPipe != 0 {
			return cfg.Path, nil // the kernel says nothing of it
		}
		id, scale := about(filepath.Join(sysfs, filepath.Base(real), "device"))
		if !scale || cfg.ID != (ID{}) && id != cfg.ID {
			return "", fmt.Errorf("usb scale %s is %s: %w", cfg.Path, id, drivers.Coded(drivers.CodeScaleOther))
		}
		return cfg.Path, nil
	}
	nodes, err := os.ReadDir(sysfs)
	if err != nil {
		return "", fmt.Errorf("usb scale: %w", drivers.ErrUnplugged)
	}
	for _, n := range nodes {
		id, scale := about(filepath.Join(sysfs, n.Name(), "device"))
		if scale && (cfg.ID == (ID{}) || cfg.ID == id) {
			return filepath.Join(devices, n.Name()), nil
		}
	}
	return "", fmt.Errorf("usb scale: %w", drivers.ErrUnplugged)
}

// about reads the id of a HID device and whether its report descriptor begins
// with usage page 8D.
func about(dir string) (ID, bool) {
	var id ID
	text, _ := os.ReadFile(filepath.Join(dir, "uevent")) // no file: no device of ours
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "HID_ID="); ok {
			var bus, vendor, product uint32
			if _, err := fmt.Sscanf(v, "%x:%x:%x", &bus, &vendor, &product); err == nil && vendor <= 0xffff && product <= 0xffff {
				id = ID{uint16(vendor), uint16(product)}
			}
		}
	}
	desc, _ := os.ReadFile(filepath.Join(dir, "report_descriptor"))
	return id, bytes.HasPrefix(desc, []byte{0x05, 0x8d}) || bytes.HasPrefix(desc, []byte{0x06, 0x8d, 0x00})
}

// port is an open hidraw node.
type port struct {
	file  *os.File
	queue *portio.Queue
	ended chan struct{}
}

// open takes the node for this process alone.
func open(path string) (drivers.Port, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("usb scale %s: %w", path, drivers.ErrPermission)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ENODEV):
		return nil, fmt.Errorf("usb scale %s: %w", path, drivers.ErrUnplugged)
	case err != nil:
		return nil, fmt.Errorf("usb scale %s: %w: %w", path, drivers.ErrNotAPort, err)
	}
	raw, err := f.SyscallConn()
	if err == nil {
		var locked error
		err = raw.Control(func(fd uintptr) { locked = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }) //nolint:gosec // a descriptor fits
		err = errors.Join(err, locked)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("usb scale %s: %w", path, drivers.ErrBusy), f.Close())
	}
	p := &port{file: f, queue: portio.NewQueue(portio.QueueBytes), ended: make(chan struct{})}
	go p.read()
	return p, nil
}

// Report is what a port gives of one read of a hidraw node: the data report of a
// scale. The kernel gives one report a read, whole; other reports, and a read that
// is shorter than one, are left out here, where their ends are known.
func Report(read []byte) []byte {
	if len(read) < reportLen || read[0] != reportID {
		return nil
	}
	return read[:reportLen]
}

// read feeds the queue.
func (p *port) read() {
	defer close(p.ended)
	var buf [64]byte
	for {
		n, err := p.file.Read(buf[:])
		p.queue.Put(Report(buf[:n]))
		if err != nil {
			p.queue.Fail(drivers.ErrUnplugged)
			return
		}
	}
}

// Read is drivers.Port's.
func (p *port) Read(ctx context.Context, b []byte) (int, error) { return p.queue.Read(ctx, b) }

// Write is drivers.Port's; nothing can be said to these scales.
func (p *port) Write(context.Context, []byte) (int, error) {
	return 0, fmt.Errorf("usb scale: %w", drivers.Coded(drivers.CodeScaleNoCommand))
}

// Close is drivers.Port's.
func (p *port) Close() error {
	p.queue.Fail(drivers.ErrClosed)
	err := p.file.Close()
	<-p.ended
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return err
}
