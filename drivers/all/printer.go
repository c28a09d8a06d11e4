package all

import (
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
		},
	}
}
