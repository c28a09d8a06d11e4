package all

import (
	"context"
	"strings"

	"tote/drivers"
	"tote/drivers/printer"
	"tote/drivers/serialport"
)

func printers() []Driver {
	return []Driver{
		{
			Name: printer.DriverName, Kind: Printer,
			Doc: "Label printers with ZPL II (Zebra and emulations), by TCP port 9100 or a serial line. A label counts as printed only when ~HS showed the printer holding it and then done with it.",
			Example: `driver: zpl
tcp: {address: "192.0.2.20:9100"}
# or: serial: {path: /dev/serial/by-id/usb-printer-port0, baud: 9600, xonXoff: true}
`,
			Evidence: "status answers of the ZPL II programming guide",
			Lines:    []serialport.Config{{Baud: 9600, XonXoff: true}},
			TCPPort:  9100,
			Trial:    tryPrinter,
		},
	}
}

// trialPrinter prints a label that a person can look at and scan.
type trialPrinter struct{ *printer.Driver }

var _ drivers.Sampler = trialPrinter{}

func tryPrinter(name string, open drivers.Opener, _ func(drivers.Told)) (drivers.Device, error) {
	d, err := printer.New(printer.Config{Name: name, Open: open})
	if err != nil {
		return nil, err
	}
	return trialPrinter{d}, nil
}

// trialSSCC has no company's prefix: the number of the example of GS1.
const trialSSCC = "006141411234567890"

func (p trialPrinter) Sample(ctx context.Context) (string, bool, error) {
	zpl, err := printer.Label{
		ShipTo:  printer.Address{Name: "TEST LABEL", Street: "no goods, throw away", City: "Test", Country: "XX"},
		Carrier: "TEST", Tracking: "TEST", Order: "TEST", SSCC: trialSSCC,
	}.ZPL()
	if err != nil {
		return "", false, err
	}
	outcome, detail, err := p.Print(ctx, zpl, func(context.Context) error { return nil })
	return strings.TrimSpace(string(outcome) + " " + detail.Code + " " + detail.Text), outcome == printer.Printed, err
}
