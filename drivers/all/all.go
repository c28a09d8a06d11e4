// Package all is the table of drivers: what a configuration may name, with
// documentation and an example each. It does nothing at import.
package all

import (
	"tote/drivers/printer"
	"tote/drivers/rfid/r2000"
	"tote/drivers/scale"
	"tote/drivers/scanner"
)

// Kind is what a device is for.
type Kind string

// The kinds of devices.
const (
	Scale   Kind = "scale"
	Printer Kind = "printer"
	Scanner Kind = "scanner"
	RFID    Kind = "rfid"
)

// Driver is one line of the table.
type Driver struct {
	Name    string // as in the configuration
	Kind    Kind
	Doc     string // what it speaks and to which devices
	Example string // YAML of one device
}

// Drivers returns the table, in order of name. New drivers are added here and
// nowhere else.
func Drivers() []Driver {
	return []Driver{
		{
			Name: scale.DriverName, Kind: Scale,
			Doc: "Scales with MT-SICS level 0 (Mettler Toledo, and A&D, KERN, OHAUS and others in MT emulation). Polls SI; books only what the scale calls stable.",
			Example: `driver: mt-sics
serial: {path: /dev/serial/by-id/usb-scale-port0, baud: 9600}
interval: 100ms
`,
		},
		{
			Name: r2000.DriverName, Kind: RFID,
			Doc: "UHF RFID readers of the Impinj R2000 family (packets that begin with A0) on a serial line. Reads with one antenna or switches between up to 8; settings in flash are only written when they differ.",
			Example: `driver: r2000
serial: {path: /dev/serial/by-id/usb-rfid-port0, baud: 115200}
antennas: [1, 2]
power: 27
`,
		},
		{
			Name: scanner.DriverName, Kind: Scanner,
			Doc: "Barcode scanners on a serial line (RS-232, or USB in COM port mode) that end each scan with CR, LF or CR LF. GS separators are kept.",
			Example: `driver: serial-scanner
serial: {path: /dev/serial/by-id/usb-scanner-port0, baud: 9600}
suffix: any
`,
		},
		{
			Name: printer.DriverName, Kind: Printer,
			Doc: "Label printers with ZPL II (Zebra and emulations), by TCP port 9100 or a serial line. A label counts as printed only when ~HS showed the printer holding it and then done with it.",
			Example: `driver: zpl
tcp: {address: "192.0.2.20:9100"}
# or: serial: {path: /dev/serial/by-id/usb-printer-port0, baud: 9600, xonXoff: true}
`,
		},
	}
}

// Find returns the driver called name.
func Find(name string) (Driver, bool) {
	for _, d := range Drivers() {
		if d.Name == name {
			return d, true
		}
	}
	return Driver{}, false
}
