package drivertest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/label"
	"tote/drivers/printer"
	"tote/drivers/scale"
	"tote/drivers/scale/sics"
	"tote/drivers/scanner"
	"tote/drivers/serialport"
	"tote/drivers/tcpport"
	"tote/firmware-tests/control"
	"tote/firmware-tests/emulate"
	emuprinter "tote/firmware-tests/printer"
	"tote/firmware-tests/record"
	emuscanner "tote/firmware-tests/scanner"
	"tote/gs1/scan"
)

func TestMain(m *testing.M) {
	drivertest.Waiting()
	goleak.VerifyTestMain(m)
}

// emulators starts devices that share no code with the drivers.
func emulators(t *testing.T, devices ...emulate.Device) map[string]emulate.Ready {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := emulate.Main(ctx, emulate.Options{Devices: devices, JSON: true}, in)
		_ = in.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("emulators: %v", err)
		}
	})
	ready := map[string]emulate.Ready{}
	lines := bufio.NewScanner(out)
	for range devices {
		if !lines.Scan() {
			t.Fatalf("no ready line: %v", lines.Err())
		}
		var r emulate.Ready
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		ready[r.Name] = r
	}
	return ready
}

func dial(t *testing.T, r emulate.Ready) *control.Client {
	t.Helper()
	c, err := control.Dial(t.Context(), r.Control)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// keep runs a device as the supervisor does.
func keep(t *testing.T, d drivertest.Device) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = d.Run(ctx)
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

func serialOpener(t *testing.T, path string) drivers.Opener {
	t.Helper()
	open, err := serialport.Opener(serialport.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return open
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func TestScaleAgainstItsEmulator(t *testing.T) {
	two := 2
	dev := emulate.Device{Kind: emulate.Scale, Name: "s", Link: filepath.Join(t.TempDir(), "scale")}
	dev.Scale.Decimals, dev.Scale.SettleMs = &two, 60
	r := emulators(t, dev)["s"]
	pan := dial(t, r)
	readings := make(chan scale.Reading, 1000)
	d, err := scale.New(scale.Config{
		Name: "scale/test", Protocol: sics.Protocol(), Open: serialOpener(t, r.Path), Interval: 10 * time.Millisecond,
		Sink: func(r scale.Reading) { readings <- r },
	})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, d)
	eventually(t, "a stable zero", func() bool { r := <-readings; return r.Stable && r.Zero })
	if err := pan.Put(t.Context(), 1_234_560); err != nil {
		t.Fatal(err)
	}
	moving := false
	eventually(t, "the stable weight", func() bool {
		r := <-readings
		moving = moving || !r.Stable
		if r.Stable && !r.Zero && r.Milligrams != 1_234_560 {
			t.Fatalf("stable at %s", r.Text())
		}
		return r.Stable && !r.Zero
	})
	if !moving {
		t.Error("the weight never moved on its way")
	}
}

func TestScannerAgainstItsEmulator(t *testing.T) {
	r := emulators(t, emulate.Device{Kind: emulate.Scanner, Name: "b", Link: filepath.Join(t.TempDir(), "scanner")})["b"]
	gun := dial(t, r)
	scans := make(chan scanner.Scan, 10)
	d, err := scanner.New(scanner.Config{Name: "scanner/test", Open: serialOpener(t, r.Path), Sink: func(s scanner.Scan) { scans <- s }})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, d)
	eventually(t, "ready", func() bool {
		st, err := gun.State(t.Context())
		return err == nil && st.Listening && d.Status().State == drivers.Ready
	})
	const code = "]C10104006381333931\x1d10L1"
	if _, err := gun.Scan(t.Context(), code); err != nil {
		t.Fatal(err)
	}
	if s := <-scans; s.Data != code {
		t.Errorf("scanned %q", s.Data)
	}
}

// A handheld that sends no identifiers and tildes for GS: with its configuration
// its scans are what they should have been.
func TestScannerOfGS1AgainstItsEmulator(t *testing.T) {
	r := emulators(t, emulate.Device{Kind: emulate.Scanner, Name: "b", Link: filepath.Join(t.TempDir(), "scanner")})["b"]
	gun := dial(t, r)
	scans, rejects := make(chan scanner.Scan, 10), make(chan scanner.Reject, 10)
	d, err := scanner.New(scanner.Config{
		Name: "scanner/test", Open: serialOpener(t, r.Path), GS1: &scan.Config{Substitutes: []string{"~"}},
		Sink: func(s scanner.Scan) { scans <- s }, OnReject: func(r scanner.Reject) { rejects <- r },
	})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, d)
	eventually(t, "ready", func() bool {
		st, err := gun.State(t.Context())
		return err == nil && st.Listening && d.Status().State == drivers.Ready
	})
	for _, fault := range []string{emuscanner.TildeGS, emuscanner.NoAIM} {
		if err := gun.Fault(t.Context(), fault, true); err != nil {
			t.Fatal(err)
		}
	}
	const code = "0104006381333931" + "10L1\x1d17270131"
	if _, err := gun.Scan(t.Context(), "]d2"+code); err != nil {
		t.Fatal(err)
	}
	if s := <-scans; s.Data != "]C1"+code || s.Raw != "0104006381333931"+"10L1~17270131" || s.Rule != scan.RuleGTIN {
		t.Errorf("scanned %+v", s)
	}
	if _, err := gun.Scan(t.Context(), "]d20104006381333931"+"17271331"); err != nil {
		t.Fatal(err)
	}
	if r := <-rejects; r.Code != "GS1_DATE" {
		t.Errorf("refused with %+v", r)
	}
}

func TestPrinterAgainstItsEmulator(t *testing.T) {
	for _, way := range []string{"tcp", "serial"} {
		t.Run(way, func(t *testing.T) {
			dev := emulate.Device{Kind: emulate.Printer, Name: "p"}
			if way == "tcp" {
				dev.Listen = "127.0.0.1:0"
			} else {
				dev.Link = filepath.Join(t.TempDir(), "printer")
			}
			dev.Printer.LabelMs = 50
			r := emulators(t, dev)["p"]
			knobs := dial(t, r)
			var open drivers.Opener
			if way == "tcp" {
				var err error
				if open, err = tcpport.Opener(tcpport.Config{Address: r.Listen}); err != nil {
					t.Fatal(err)
				}
			} else {
				open = serialOpener(t, r.Path)
			}
			d, err := printer.New(printer.Config{Name: "printer/test", Open: open, JobPoll: 10 * time.Millisecond, JobTimeout: 400 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			keep(t, d)
			eventually(t, "ready", func() bool { return d.Status().State == drivers.Ready })

			const sscc = "106141412345678908"
			made, err := label.Logistic{
				ShipTo:  label.Address{Name: "Zoë ^XZ~JA", Street: "Weg 1", Postcode: "1", City: "Ort", Country: "DE"},
				Carrier: "DHL", Tracking: "T1", Order: "O1", SSCC: sscc, WeightMg: 1_000_000,
			}.Label()
			if err != nil {
				t.Fatal(err)
			}
			zpl, err := label.Write(label.Device{Language: label.ZPL}, made)
			if err != nil {
				t.Fatal(err)
			}
			out := func() (n int, scan string) {
				es, err := knobs.Record(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range es {
					if e.Kind == record.Printed {
						n++
						scan = e.Label.Barcodes[0].Scan
					}
				}
				return n, scan
			}
			print := func(want printer.Outcome, code string, labels int) {
				t.Helper()
				outcome, detail, err := d.Print(t.Context(), zpl, func(context.Context) error { return nil })
				if outcome != want || detail.Code != code || err != nil {
					t.Errorf("%s %+v %v, want %s %s", outcome, detail, err, want, code)
				}
				if n, scan := out(); n != labels || labels > 0 && scan != "]C100"+sscc {
					t.Errorf("%d labels came out, want %d; it scans as %q", n, labels, scan)
				}
			}
			print(printer.Printed, "", 1)
			print(printer.Printed, "", 2)
			fault := func(name string, on bool) {
				t.Helper()
				if err := knobs.Fault(t.Context(), name, on); err != nil {
					t.Fatal(err)
				}
			}
			fault(emuprinter.PaperOut, true)
			print(printer.NotReady, drivers.CodePrinterPaperOut, 2)
			fault(emuprinter.PaperOut, false)
			print(printer.Printed, "", 3)
		})
	}
}
