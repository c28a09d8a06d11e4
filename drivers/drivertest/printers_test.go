package drivertest_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tote/drivers"
	"tote/drivers/label"
	"tote/drivers/printer"
	"tote/drivers/tcpport"
	"tote/firmware-tests/emulate"
	emuprinter "tote/firmware-tests/printer"
	"tote/firmware-tests/record"
)

// Each language against its emulator, which shares no code with it: what comes
// out is what was meant, and what is said of it is what happened.
func TestPrintersOfAllLanguages(t *testing.T) {
	const sscc = "106141412345678908"
	logistic, err := label.Logistic{
		ShipTo:  label.Address{Name: `Zoë "^XZ~JA" \[R]`, Street: "Weg 1", Postcode: "1", City: "Ort", Country: "DE"},
		Carrier: "DHL", Tracking: "T1", Order: "O1", SSCC: sscc, WeightMg: 1_000_000,
	}.Label()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := label.Coded{Title: "BIN", Code: "A-01-161004", Note: "Zone Ä"}.Label()
	if err != nil {
		t.Fatal(err)
	}
	item, err := label.Item{SKU: "CUP", Name: "Tasse", GTIN: "09521234543213", Lot: "L1", Serial: "S1"}.Label()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, language string
		params         emuprinter.Params
		label          label.Label
		text, scan     string
	}{
		{"tspl logistic", "tspl", emuprinter.Params{}, logistic, `Zoë "^XZ~JA" /[R]`, "]C100" + sscc},
		{"tspl bin", "tspl", emuprinter.Params{Basic: true}, bin, "A-01-161004", "]C0A-01-161004"},
		{"tspl item", "tspl", emuprinter.Params{}, item, "Tasse", "]d20109521234543213" + "10L1\x1d21S1"},
		{"epl2 logistic", "epl2", emuprinter.Params{}, logistic, `Zoë "ˆXZ~JA" \[R]`, "]C100" + sscc},
		{"epl2 bin", "epl2", emuprinter.Params{}, bin, "Zone Ä", "]C0A-01-161004"},
		{"escpos bin", "escpos", emuprinter.Params{}, bin, "A-01-161004", "]C0A-01-161004"},
		{"zpl item", "zpl", emuprinter.Params{}, item, "Tasse", "]d20109521234543213" + "10L1\x1d21S1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dev := emulate.Device{Kind: emulate.Printer, Name: "p", Listen: "127.0.0.1:0", Printer: c.params}
			if c.params.Basic {
				dev.Listen, dev.Link = "", filepath.Join(t.TempDir(), "printer")
			}
			dev.Printer.Language, dev.Printer.LabelMs = c.language, 200
			r := emulators(t, dev)["p"]
			knobs := dial(t, r)
			open := drivers.Opener(nil)
			if r.Listen != "" {
				if open, err = tcpport.Opener(tcpport.Config{Address: r.Listen}); err != nil {
					t.Fatal(err)
				}
			} else {
				open = serialOpener(t, r.Path)
			}
			language, ok := printer.LanguageOf(c.language)
			if !ok {
				t.Fatal(c.language)
			}
			d, err := printer.New(printer.Config{
				Name: "printer/test", Open: open, Language: language,
				IdlePoll: 20 * time.Millisecond, JobPoll: 10 * time.Millisecond, Answer: 400 * time.Millisecond, JobTimeout: 20 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			keep(t, d)
			eventually(t, "ready", func() bool { return d.Status().State == drivers.Ready })
			job, err := label.Write(label.Device{Language: label.Language(c.language)}, c.label)
			if err != nil {
				t.Fatal(err)
			}
			out := func() (labels []*record.Label) {
				es, err := knobs.Record(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range es {
					if e.Kind == record.Printed {
						labels = append(labels, e.Label)
					}
				}
				return labels
			}
			fault := func(name string, on bool) {
				t.Helper()
				if err := knobs.Fault(t.Context(), name, on); err != nil {
					t.Fatal(err)
				}
			}
			prints := func(want printer.Outcome, code string) {
				t.Helper()
				outcome, detail, err := d.Print(t.Context(), job, func(context.Context) error { return nil })
				if outcome != want || detail.Code != code || err != nil {
					t.Errorf("%s %+v %v, want %s %s", outcome, detail, err, want, code)
				}
			}
			prints(printer.Printed, "")
			prints(printer.Printed, "")
			got := out()
			if len(got) != 2 {
				t.Fatalf("%d labels came out", len(got))
			}
			l := got[0]
			if !slices.Contains(l.Texts, c.text) || len(l.Barcodes) != 1 || l.Barcodes[0].Scan != c.scan {
				t.Errorf("what came out: %q %+v", l.Texts, l.Barcodes)
			}
			fault(emuprinter.PaperOut, true)
			prints(printer.NotReady, drivers.CodePrinterPaperOut)
			fault(emuprinter.PaperOut, false)
			eventually(t, "ready again", func() bool { return d.Status().State == drivers.Ready })
			prints(printer.Printed, "")
			fault(emuprinter.Wrong, true)
			eventually(t, "unreadable", func() bool { return d.Status().Code == drivers.CodePrinterUnreadable })
			fault(emuprinter.Wrong, false)
			eventually(t, "ready after noise", func() bool { return d.Status().State == drivers.Ready })
			if n := len(out()); n != 3 {
				t.Errorf("%d labels came out in all", n)
			}
		})
	}
}
