package all

import (
	"strconv"

	"tote/drivers"
	"tote/drivers/scanner"
	"tote/drivers/serialport"
)

func scanners() []Driver {
	return []Driver{
		{
			Name: scanner.DriverName, Kind: Scanner,
			Doc: "Barcode scanners on a serial line (RS-232, or USB in COM port mode) that end each scan with CR, LF or CR LF. GS separators are kept.",
			Example: `driver: serial-scanner
serial: {path: /dev/serial/by-id/usb-scanner-port0, baud: 9600}
suffix: any
`,
			Evidence: "scan vectors of the GS1 syntax engine",
			Lines:    []serialport.Config{{Baud: 9600}, {Baud: 115200}},
			Trial:    tryScanner,
		},
	}
}

func tryScanner(name string, open drivers.Opener, tell func(drivers.Told)) (drivers.Device, error) {
	return scanner.New(scanner.Config{
		Name: name, Open: open,
		Sink: func(s scanner.Scan) { tell(drivers.Told{Text: strconv.Quote(s.Data)}) },
	})
}
