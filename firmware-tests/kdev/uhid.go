package kdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// reportSize is the data report of a HID scale: id, status, unit, exponent, weight.
const reportSize = 6

// Events of uhid (linux/uhid.h, all fields packed and of the machine's order).
const (
	uhidDestroy = 1
	uhidCreate2 = 11
	uhidInput2  = 12

	uhidData = 4096
	busUSB   = 3

	scaleName = "Tote emulated scale"
)

// descriptor is a report descriptor of usage page 8D (scales) with the data report
// 3: status and unit of a byte each, a signed exponent, a weight of two bytes.
// After USB HID Point of Sale Usage Tables 1.02, appendix.
var descriptor = []byte{
	0x05, 0x8d, 0x09, 0x20, 0xa1, 0x01, // usage page scales, weighing device
	0x09, 0x24, 0xa1, 0x02, 0x85, 0x03, // data report, id 3
	0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x02, 0x09, 0x70, 0x09, 0x50, 0x81, 0x02, // status, unit
	0x15, 0x81, 0x25, 0x7f, 0x95, 0x01, 0x09, 0x41, 0x81, 0x02, // exponent
	0x15, 0x00, 0x27, 0xff, 0xff, 0x00, 0x00, 0x75, 0x10, 0x09, 0x40, 0x81, 0x02, // weight
	0xc0, 0xc0,
}

// uhid is a HID device of the kernel's.
type uhid struct {
	f    *os.File
	node string
}

func newUhid() (node, error) {
	f, err := os.OpenFile("/dev/uhid", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("kdev: no uhid (root, modprobe uhid), use a named pipe: %w", err)
	}
	u := &uhid{f: f}
	_, err = f.Write(createScale())
	if err == nil {
		u.node, err = shown("/sys/class/hidraw/hidraw*/device/uevent", scaleName, "/dev")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kdev: uhid: %w", err), f.Close())
	}
	return u, nil
}

// createScale is the event that makes the scale: type; name, phys and uniq of 128,
// 64 and 64 bytes; length of the descriptor and bus; vendor, product, version and
// country; the descriptor.
func createScale() []byte {
	e := binary.NativeEndian.AppendUint32(nil, uhidCreate2)
	text := make([]byte, 128+64+64)
	copy(text, scaleName)
	e = append(e, text...)
	e = binary.NativeEndian.AppendUint16(e, uint16(len(descriptor)))
	e = binary.NativeEndian.AppendUint16(e, busUSB)
	for _, v := range []uint32{0x0922, 0x8003, 0, 0} { // of a Dymo M10
		e = binary.NativeEndian.AppendUint32(e, v)
	}
	return append(append(e, descriptor...), make([]byte, uhidData-len(descriptor))...)
}

func (u *uhid) path() string    { return u.node }
func (u *uhid) listening() bool { return true }

func (u *uhid) write(report []byte) error {
	e := binary.NativeEndian.AppendUint32(nil, uhidInput2)
	e = binary.NativeEndian.AppendUint16(e, uint16(len(report)))
	_, err := u.f.Write(append(e, report...)) // the kernel takes less than a whole event for zeros
	return err
}

func (u *uhid) close() error {
	_, err := u.f.Write(binary.NativeEndian.AppendUint32(nil, uhidDestroy))
	return errors.Join(err, u.f.Close())
}
