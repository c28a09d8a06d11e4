package all

import (
	"context"
	"strings"

	"tote/drivers"
	"tote/drivers/label"
	"tote/drivers/printer"
	"tote/drivers/serialport"
)

func printers() []Driver {
	serial := []serialport.Config{{Baud: 9600, XonXoff: true}}
	row := func(l printer.Language, doc, evidence string, ask drivers.Identifier) Driver {
		return Driver{
			Name: l.Name, Kind: Printer, Doc: doc,
			Example: "driver: " + l.Name + `
tcp: "192.0.2.20:9100"
# or: serial: {path: /dev/serial/by-id/usb-printer-port0, baud: 9600, xon_xoff: true}
`,
			Evidence: evidence, Lines: serial, TCPPort: 9100, Ask: ask, Decode: l.Decode, Trial: tryPrinter(l),
		}
	}
	return []Driver{
		row(printer.ZPL, "Label printers with ZPL II (Zebra and emulations), by TCP port 9100 or a serial line. A label counts as printed only when ~HS showed the printer holding it and then done with it, one with an RFID tag when the tag was read back too.",
			"status fields of the ZPL II programming guide, answers that three programs hold; labels drawn by zpl-renderer-js and scanned by zbar and zxing", printer.AskZPL),
		row(printer.TSPL, "Label printers with TSPL or TSPL2 (TSC and others). A label counts as printed only when ESC !S, or ESC !? where that is not answered, showed the printer at work and then idle without a fault.",
			"status tables of the TSC programming manual", printer.AskStatus(printer.TSPL)),
		row(printer.EPL2, "Label printers with EPL2 (Eltron, Zebra and emulations) of 203 dpi. A label counts as printed only when ^ee told 50, at work, and then 00. No Data Matrix and no QR Code.",
			"error table of the EPL programming guide", printer.AskStatus(printer.EPL2)),
		row(printer.ESCPOS, "Receipt printers with ESC/POS on 80 mm paper, for packing slips, totes and bins. A slip counts as printed only when the printer sent the process ID behind it back (GS ( H); models without that always end in unknown. No logistic label: its bars reach 31.9 mm.",
			"status tables and GS ( H of the ESC/POS command reference", printer.AskESCPOS),
	}
}

// trialPrinter prints a label that a person can look at and scan.
type trialPrinter struct{ *printer.Driver }

var _ drivers.Sampler = trialPrinter{}

func tryPrinter(l printer.Language) drivers.Trial {
	return func(name string, open drivers.Opener, _ func(drivers.Told)) (drivers.Device, error) {
		d, err := printer.New(printer.Config{Name: name, Open: open, Language: l})
		if err != nil {
			return nil, err
		}
		return trialPrinter{d}, nil
	}
}

// Sample prints a label that is no bin's, tote's or carton's.
func (p trialPrinter) Sample(ctx context.Context) (string, bool, error) {
	made, err := label.Coded{Title: "TEST LABEL", Code: "TEST-0123", Note: "throw away"}.Label()
	if err != nil {
		return "", false, err
	}
	job, err := label.Write(label.Device{Language: label.Language(p.Language().Name)}, made)
	if err != nil {
		return "", false, err
	}
	outcome, detail, err := p.Print(ctx, job, func(context.Context) error { return nil })
	return strings.TrimSpace(string(outcome) + " " + detail.Code + " " + detail.Text), outcome == printer.Printed, err
}
