package all

import (
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
`,
			Evidence: "scan vectors of the GS1 syntax engine",
			Lines:    []serialport.Config{{Baud: 9600}, {Baud: 115200}},
			Scanner:  scanner.New,
		},
		{
			Name: scanner.SSIName, Kind: Scanner,
			Doc: "Barcode scanners of Zebra, Symbol and Motorola with the Simple Serial Interface (SSI). Each scan has a checksum and is acknowledged; a damaged one is asked for again; the code type becomes the AIM identifier. The scanner is set to packets by the driver, until its power goes.",
			Example: `driver: ssi
serial: {path: /dev/serial/by-id/usb-scanner-port0, baud: 9600}
`,
			Evidence: "packets in tests of enioka_scan and a log of a terminal of Keymantek; code types of the Symbol CS3000 guide",
			Lines:    []serialport.Config{{Baud: 9600}, {Baud: 115200}},
			Ask:      scanner.AskSSI,
			Decode:   scanner.DecodeSSI,
			Scanner:  scanner.NewSSI,
		},
		{
			Name: scanner.WedgeName, Kind: Scanner, Input: true,
			Doc: "Barcode scanners that act as a keyboard, as an input device of the kernel, grabbed for the gateway alone. Layouts us and de; Enter or a pause ends a scan; GS as Ctrl ], F8 or Alt 029.",
			Example: `driver: wedge
input: {path: /dev/input/by-id/usb-scanner-event-kbd, layout: us}
`,
			Evidence: "keys logged from a Zebra and a Datalogic scanner; not tried against a kernel's input device",
			Scanner:  scanner.NewWedge,
		},
	}
}
