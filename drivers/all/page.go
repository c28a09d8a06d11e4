package all

import (
	"fmt"
	"strings"
)

// Proof says by whose bytes the driver was judged, or "unproven".
func (d Driver) Proof() string {
	if d.Evidence == "" {
		return "unproven"
	}
	return d.Evidence
}

// Page is the table of drivers for people, docs/devices.md.
func Page() string {
	var b strings.Builder
	b.WriteString("# Devices\n\nThe drivers a configuration may name. This page is made from the table in the code by\n`go test ./drivers/all -update`.\n\n" +
		"A driver is judged by bytes that nobody here wrote: a manual, a capture, an independent peer. One without such\nevidence is **unproven**: try it at your own device before you rely on it.\n")
	b.WriteString("\n## Bringing a device up\n\n" +
		"1. Plug it in and look for its port: `tote devices list`. Its stable name is what belongs into the configuration.\n" +
		"2. Ask what it is: `tote devices probe --port PORT`. Nothing is printed or moved by it; it prints the lines for the configuration.\n" +
		"3. Put them under its station, dock or list, check with `tote validate`, and start the gateway anew. `tote devices list` shows its state.\n" +
		"4. When it does not get ready: `tote devices trace NAME` shows what it says, in bytes and in words, while the agent works.\n" +
		"5. Hand it over: stop the gateway, `tote devices test NAME` asks for a weight, a scan, an open head …, and writes a report.\n")
	for _, k := range []struct {
		kind  Kind
		title string
	}{{Scale, "Scales"}, {Printer, "Printers"}, {Scanner, "Scanners"}, {RFID, "RFID readers"}, {Sensor, "Sensors"}} {
		fmt.Fprintf(&b, "\n## %s\n\n| driver | what it speaks | judged by |\n|---|---|---|\n", k.title)
		for _, d := range Drivers() {
			if d.Kind == k.kind {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.Name, d.Doc, d.Proof())
			}
		}
	}
	return b.String()
}
