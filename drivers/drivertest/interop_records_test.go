package drivertest_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tote/drivers"
	"tote/drivers/scale"
	"tote/drivers/scale/hid"
	"tote/drivers/scanner"
	"tote/drivers/scanner/evdev"
	"tote/firmware-tests/emulate"
	"tote/firmware-tests/kdev"
	emuscale "tote/firmware-tests/scale"
	emuscanner "tote/firmware-tests/scanner"
	"tote/gs1/scan"
)

// onRecords runs the same case over a named pipe and, where the machine has it, over
// a device of the kernel's own.
func onRecords(t *testing.T, module string, f func(t *testing.T, at string)) {
	t.Run("named pipe", func(t *testing.T) { f(t, filepath.Join(t.TempDir(), "dev", "node")) })
	t.Run("kernel", func(t *testing.T) {
		file, err := os.OpenFile("/dev/"+module, os.O_WRONLY, 0)
		if err != nil {
			t.Skipf("NO %s HERE: %v. The same cases ran over a named pipe; the kernel's own device is not tried on this machine (root, modprobe %s)", module, err, module)
		}
		_ = file.Close()
		f(t, kdev.Kernel)
	})
}

// A keyboard scanner that was written from the kernel's key codes, not from the
// driver: every character that has a key, GS in both ways, keys that get lost, and a
// pulled plug.
func TestWedgeAgainstItsEmulator(t *testing.T) {
	onRecords(t, "uinput", func(t *testing.T, at string) {
		for _, gs := range []string{emuscanner.GSCtrl, emuscanner.GSF8} {
			t.Run(gs, func(t *testing.T) { wedge(t, at, gs) })
		}
	})
}

func wedge(t *testing.T, at, gs string) {
	dev := emulate.Device{Kind: emulate.Wedge, Name: "w" + gs, At: at}
	if at != kdev.Kernel {
		dev.At += gs
	}
	dev.Scanner.GS = gs
	r := emulators(t, dev)[dev.Name]
	gun := dial(t, r)
	open, err := evdev.Opener(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	scans, rejects := make(chan scanner.Scan, 10), make(chan string, 10)
	d, err := scanner.NewWedge(scanner.Config{
		Name: "scanner/test", Open: open, RepeatWindow: -1, GS1: &scan.Config{},
		Sink: func(s scanner.Scan) { scans <- s }, OnReject: func(r scanner.Reject) { rejects <- r.Code },
	})
	if err != nil {
		t.Fatal(err)
	}
	// Nobody listens: the keys are lost, not kept for who comes.
	if e, err := gun.Scan(t.Context(), "LOST"); err != nil || at != kdev.Kernel && e.Scan.Written {
		t.Errorf("scanned without a listener: %+v, %v", e.Scan, err)
	}
	keep(t, d)
	ready := func() {
		t.Helper()
		eventually(t, "ready", func() bool { return d.Status().State == drivers.Ready })
	}
	pull := func(code, want, reject string) {
		t.Helper()
		if _, err := gun.Scan(t.Context(), code); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-scans:
			if s.Raw != want || reject != "" {
				t.Errorf("scanned %q: %q, want %q %s", code, s.Raw, want, reject)
			}
		case got := <-rejects:
			if got != reject {
				t.Errorf("scanned %q: refused with %s, want %q %s", code, got, want, reject)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q never came", code)
		}
	}
	fault := func(name string, on bool) {
		t.Helper()
		if err := gun.Fault(t.Context(), name, on); err != nil {
			t.Fatal(err)
		}
	}
	ready()
	all := ""
	for c := byte(' '); c <= '~'; c++ {
		all += string([]byte{c})
	}
	same := func(code string) { t.Helper(); pull(code, code, "") }
	same("A" + all)
	same("]C1010400638133393110L1\x1d21S")
	same("4006381333931")
	fault(emuscanner.Swallow, true)
	pull("TOTE-17", "", drivers.CodeScannerLost)
	fault(emuscanner.Swallow, false)
	same("TOTE-17")
	fault(emuscanner.NoSuffix, true)
	pull("TOTE-17", "", drivers.CodeScannerIncomplete)
	fault(emuscanner.NoSuffix, false)
	fault(emuscanner.NoAIM, true)
	pull("]E04006381333931", "4006381333931", "")
	fault(emuscanner.NoAIM, false)
	fault("unplug", true)
	eventually(t, "absent", func() bool { return d.Status().State == drivers.Absent && d.Status().Code == drivers.CodeUnplugged })
	fault("unplug", false)
	ready()
	same("]C0TOTE-18")
	if _, err := open(t.Context()); !errors.Is(err, drivers.ErrBusy) {
		t.Errorf("opened twice: %v", err)
	}
}

// A HID scale by its reports: a weight comes and goes, it moves, and its plug is
// pulled.
func TestHIDScaleAgainstItsEmulator(t *testing.T) {
	onRecords(t, "uhid", func(t *testing.T, at string) {
		dev := emulate.Device{Kind: emulate.Scale, Name: "h", At: at}
		dev.Scale = emuscale.Params{Protocol: "hid", SettleMs: 100, UpdateMs: 20}
		r := emulators(t, dev)["h"]
		pan := dial(t, r)
		var path string
		if at != kdev.Kernel {
			path = r.Path
		}
		readings := make(chan scale.Reading, 100_000)
		d, err := scale.New(scale.Config{
			Name: "scale/test", Protocol: hid.Protocol(), Open: hid.Opener(hid.Config{Path: path}),
			Sink: func(r scale.Reading) { readings <- r },
		})
		if err != nil {
			t.Fatal(err)
		}
		keep(t, d)
		rests := func(mg int64) {
			t.Helper()
			for {
				select {
				case r := <-readings:
					if r.Stable && r.Milligrams == mg {
						return
					}
				case <-time.After(10 * time.Second):
					t.Fatalf("never rests at %d mg; %+v", mg, d.Status())
				}
			}
		}
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		rests(0)
		do(pan.Put(t.Context(), 645_000))
		rests(645_000)
		do(pan.Fault(t.Context(), "unplug", true))
		eventually(t, "absent", func() bool { return d.Status().State == drivers.Absent && d.Status().Code == drivers.CodeUnplugged })
		do(pan.Remove(t.Context()))
		do(pan.Fault(t.Context(), "unplug", false))
		rests(0)
		eventually(t, "ready", func() bool { return d.Status().State == drivers.Ready })
	})
}
