package drivertest

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"tote/drivers"
	"tote/drivers/serialport"
)

// Records is the form of the suite for devices of the kernel that give whole
// records, one or more a read, where the frame of a wire is a run of bytes: HID
// reports, input events. Frame and Garbage are whole records. They come through
// a named pipe in packet mode, in which, as from the kernel, one write is one
// read. What each clause of the suite means here:
//
//   - byte at a time: the kernel never does that, so the frame may be lost, never
//     be changed; the same for a record that ends early or goes on too long.
//   - coalesced: as many records in one read as the kernel gives.
//   - garbage before, inside, after: records that mean nothing to the driver.
//   - every single bit: of every record of Frame, as what the port gives for it.
//   - unplug in the middle of a frame: between two records of it, or within the
//     only one.
type Records struct {
	Size   int // bytes of one record
	AtOnce int // records that one read gives at most
	// Open is the driver's own way to a device, on the named pipe at path.
	Open func(path string) (drivers.Opener, error)
	// Read is what the driver's port makes of one read, for the cases in
	// simulated time, which have no pipe; nil = it hands it on as it is.
	Read func(read []byte) []byte
}

// record is the size of a record, of a wire 1.
func (s Suite) record() int {
	if s.Records == nil {
		return 1
	}
	return s.Records.Size
}

// half is where the frame is cut in two: between two records where it has more
// than one.
func (s Suite) half() int {
	half := len(s.Frame) / 2
	if len(s.Frame) > s.record() {
		half -= half % s.record()
	}
	return half
}

// recordCases are the ways in which records come that bytes do not have.
func (s Suite) recordCases() []wireCase {
	size := s.Records.Size
	first, rest := s.Frame[:size], s.Frame[size:]
	return []wireCase{
		{"a record at a time", func(w func(string)) {
			for p := s.Frame; p != ""; p = p[size:] {
				w(p[:size])
			}
		}, false},
		{"a record that ends early", func(w func(string)) { w(first[:size-1]); w(rest) }, true},
		{"a record that goes on too long", func(w func(string)) { w(first + "\x00"); w(rest) }, true},
		{"half a record by itself", func(w func(string)) { w(first[:size/2]) }, true},
	}
}

// opener is the way to the device at path.
func (s Suite) opener(path string) (drivers.Opener, error) {
	if s.Records != nil {
		return s.Records.Open(path)
	}
	return serialport.Opener(serialport.Config{Path: path})
}

// read is what a read of text gives the driver.
func (s Suite) read(text string) string {
	if s.Records == nil || s.Records.Read == nil || text == "" {
		return text
	}
	var out strings.Builder
	most := s.Records.AtOnce * s.Records.Size
	for ; text != ""; text = text[min(most, len(text)):] {
		out.Write(s.Records.Read([]byte(text[:min(most, len(text))])))
	}
	return out.String()
}

// write is what the device says, in lumps that a read can give whole.
func (s Suite) write(to *os.File, text string) error {
	most := len(text)
	if s.Records != nil {
		most = s.Records.AtOnce * s.Records.Size
	}
	for text != "" {
		n := min(most, len(text))
		if _, err := to.WriteString(text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// warmUp lets the runtime open the files it keeps, before they are counted.
func (s Suite) warmUp(t *testing.T) {
	t.Helper()
	if s.Records != nil {
		_ = newFIFO(t, t.TempDir()+"/first").Close()
	}
}

// newFIFO makes the named pipe of a device and opens its end of it.
func newFIFO(t *testing.T, path string) *os.File {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// For both directions, so that it opens before a driver is there; in packet
	// mode (O_DIRECT, pipe(2)).
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFL, syscall.O_DIRECT|syscall.O_NONBLOCK|syscall.O_RDWR); errno != 0 {
		t.Fatal(errno)
	}
	return os.NewFile(uintptr(fd), path)
}
