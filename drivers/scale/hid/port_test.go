package hid

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"tote/drivers"
	"tote/drivers/scale"
)

// fakeSys makes a folder as the kernel's: HID devices with their ids and the
// beginning of their report descriptors.
func fakeSys(t *testing.T, nodes map[string][2]string) string {
	t.Helper()
	sys := t.TempDir()
	for name, n := range nodes {
		dir := filepath.Join(sys, name, "device")
		err := errors.Join(os.MkdirAll(dir, 0o700),
			os.WriteFile(filepath.Join(dir, "uevent"), []byte("DRIVER=hid-generic\nHID_ID="+n[0]+"\nHID_NAME=x\n"), 0o600),
			os.WriteFile(filepath.Join(dir, "report_descriptor"), []byte(n[1]), 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	return sys
}

func TestFind(t *testing.T) {
	dev := t.TempDir()
	for _, n := range []string{"hidraw0", "hidraw1", "hidraw2"} {
		if err := os.WriteFile(filepath.Join(dev, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dev, "scale")
	if err := os.Symlink("hidraw2", link); err != nil {
		t.Fatal(err)
	}
	sys := fakeSys(t, map[string][2]string{
		"hidraw0": {"0003:0000046D:0000C31C", "\x05\x01\x09\x06"}, // a keyboard
		"hidraw1": {"0003:00000922:00008003", "\x06\x8d\x00\x09\x20"},
		"hidraw2": {"0003:00000EB8:0000F000", "\x05\x8d\x09\x20"},
	})
	for _, c := range []struct {
		cfg  Config
		want string
		code string
	}{
		{Config{}, filepath.Join(dev, "hidraw1"), ""},
		{Config{ID: ID{0x0eb8, 0xf000}}, filepath.Join(dev, "hidraw2"), ""},
		{Config{ID: ID{0x0922, 0x8004}}, "", drivers.CodeUnplugged},
		{Config{Path: link}, link, ""},
		{Config{Path: link, ID: ID{0x0eb8, 0xf000}}, link, ""},
		{Config{Path: link, ID: ID{0x0922, 0x8003}}, "", drivers.CodeScaleOther},
		{Config{Path: filepath.Join(dev, "hidraw0")}, "", drivers.CodeScaleOther}, // keyboards are not read
		{Config{Path: filepath.Join(dev, "gone")}, "", drivers.CodeUnplugged},
	} {
		got, err := find(c.cfg, sys, dev)
		if got != c.want || drivers.CodeOf(err) != c.code {
			t.Errorf("%+v: %q, %v", c.cfg, got, err)
		}
	}
	if _, err := find(Config{}, filepath.Join(sys, "none"), dev); drivers.CodeOf(err) != drivers.CodeUnplugged {
		t.Error(err)
	}
}

// pipe is a hidraw node made of a FIFO in packet mode: one read, one report.
type pipe struct {
	path string
	w    *os.File
}

func newPipe(t *testing.T) *pipe {
	t.Helper()
	t.Log("NOT AGAINST /dev/uhid: the port is tested with recorded reports through a FIFO, not with a HID device of the kernel")
	p := &pipe{path: filepath.Join(t.TempDir(), "hidraw")}
	if err := syscall.Mkfifo(p.path, 0o600); err != nil {
		t.Fatal(err)
	}
	p.plug(t)
	return p
}

func (p *pipe) plug(t *testing.T) {
	t.Helper()
	// For both directions, so that it opens before a reader is there.
	fd, err := syscall.Open(p.path, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFL, syscall.O_DIRECT|syscall.O_NONBLOCK|syscall.O_RDWR); errno != 0 {
		t.Fatal(errno)
	}
	p.w = os.NewFile(uintptr(fd), p.path)
}

func (p *pipe) report(t *testing.T, b string) {
	t.Helper()
	if _, err := p.w.WriteString(b); err != nil {
		t.Fatal(err)
	}
}

// A scale is opened, its old report skipped, other reports passed over, and a
// pulled plug ends the session; plugged in again it goes on.
func TestDriverOnAPort(t *testing.T) {
	p := newPipe(t)
	var mu sync.Mutex
	var got []string
	d, err := scale.New(scale.Config{
		Name: "scale/test", Protocol: Protocol(), Open: func(context.Context) (drivers.Port, error) { return open(p.path) },
		Sink: func(r scale.Reading) { mu.Lock(); defer mu.Unlock(); got = append(got, r.Text()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		ended := make(chan error, 1)
		p.report(t, "\x03\x04\x02\x00\x63\x00") // 99 g, of an earlier weighing
		go func() { ended <- d.Run(ctx) }()
		for _, r := range []string{"\x04\x01\x02", "\x03\x04", "\x05\x04\x02\x00\x63\x00", "\x03\x04\x02\x00\x14\x00\x00"} {
			p.report(t, r)
		}
		for wait := true; wait; {
			mu.Lock()
			wait = len(got) <= round
			mu.Unlock()
			select {
			case err := <-ended:
				t.Fatal(err)
			case <-ctx.Done():
				t.Fatal("no reading")
			case <-time.After(time.Millisecond):
			}
		}
		if st := d.Status(); st.State != drivers.Ready {
			t.Errorf("%+v", st)
		}
		if err := p.w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; drivers.CodeOf(err) != drivers.CodeUnplugged {
			t.Errorf("Run: %v", err)
		}
		p.plug(t)
		cancel()
	}
	_ = p.w.Close()
	for _, g := range got {
		if g != "20 g" {
			t.Errorf("read %q", got)
		}
	}
}

func TestPortIsHeldAlone(t *testing.T) {
	p := newPipe(t)
	defer func() { _ = p.w.Close() }()
	port, err := open(p.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(p.path); drivers.CodeOf(err) != drivers.CodeBusy {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := port.Write(t.Context(), []byte("x")); drivers.CodeOf(err) != drivers.CodeScaleNoCommand {
		t.Error(err)
	}
	if err := errors.Join(port.Close(), port.Close()); err != nil {
		t.Error(err)
	}
	if _, err := port.Read(t.Context(), make([]byte, 6)); drivers.CodeOf(err) != drivers.CodeClosed {
		t.Errorf("after Close: %v", err)
	}
	if _, err := open(filepath.Join(t.TempDir(), "none")); drivers.CodeOf(err) != drivers.CodeUnplugged {
		t.Error(err)
	}
}
