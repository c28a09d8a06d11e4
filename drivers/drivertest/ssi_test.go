package drivertest_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"tote/drivers"
	"tote/drivers/scanner"
	"tote/firmware-tests/emulate"
	emuscanner "tote/firmware-tests/scanner"
)

// A scanner with SSI that was written from the guide, not from the driver: it
// damages packets, loses its settings, is pulled and asked what it is.
func TestSSIScannerAgainstItsEmulator(t *testing.T) {
	dev := emulate.Device{Kind: emulate.Scanner, Name: "b", Link: filepath.Join(t.TempDir(), "scanner")}
	dev.Scanner.Protocol = emuscanner.SSI
	r := emulators(t, dev)["b"]
	gun := dial(t, r)
	scans := make(chan scanner.Scan, 10)
	d, err := scanner.NewSSI(scanner.Config{
		Name: "scanner/test", Open: serialOpener(t, r.Path), RepeatWindow: -1, Answer: 100 * time.Millisecond,
		Sink: func(s scanner.Scan) { scans <- s },
	})
	if err != nil {
		t.Fatal(err)
	}

	// Who is it? As a probe asks, before the driver has the port.
	port, err := serialOpener(t, r.Path)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	id, err := scanner.AskSSI(ctx, port)
	cancel()
	if err != nil || id.Firmware != "NBRFWAAS" || id.Model != "engine 4c" {
		t.Errorf("it is %+v, %v", id, err)
	}
	if err := port.Close(); err != nil {
		t.Fatal(err)
	}

	keep(t, d)
	ready := func() {
		t.Helper()
		eventually(t, "ready", func() bool { return d.Status().State == drivers.Ready })
	}
	pull := func(code string) {
		t.Helper()
		if _, err := gun.Scan(t.Context(), code); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-scans:
			if s.Data != code {
				t.Errorf("scanned %q, want %q", s.Data, code)
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
	pull("]C1010400638133393110L1\x1d21S")
	pull("]E04006381333931")
	pull("]C0TOTE-17")
	fault(emuscanner.BadCheck, true)
	pull("]E04006381333931")
	pull("]E04006381333931") // the same again: no repeat of the one before
	fault(emuscanner.BadCheck, false)
	fault("unplug", true)
	eventually(t, "absent", func() bool { return d.Status().State == drivers.Absent })
	fault("unplug", false)
	ready()
	pull("]d20104006381333931")
	if st := d.Stats(); st.Scans != 6 || st.Rejects != 0 {
		t.Errorf("stats %+v", st)
	}
}
