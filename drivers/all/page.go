package all

import (
	"fmt"
	"strings"

	"tote/drivers/serialport"
)

// Proof says by whose bytes the driver was judged, or "unproven".
func (d Driver) Proof() string {
	if d.Evidence == "" {
		return "unproven"
	}
	return d.Evidence
}

// LineKeys are the settings of a line as the configuration has them, those of
// its defaults left out.
func LineKeys(line serialport.Config) (keys []string) {
	if line.Baud != 0 && line.Baud != serialport.DefaultBaud {
		keys = append(keys, fmt.Sprintf("baud: %d", line.Baud))
	}
	if line.DataBits != 0 && line.DataBits != 8 {
		keys = append(keys, fmt.Sprintf("data_bits: %d", line.DataBits))
	}
	if line.Parity != "" && line.Parity != serialport.ParityNone {
		keys = append(keys, "parity: "+string(line.Parity))
	}
	if line.StopBits > 1 {
		keys = append(keys, fmt.Sprintf("stop_bits: %d", line.StopBits))
	}
	if line.XonXoff {
		keys = append(keys, "xon_xoff: true")
	}
	return keys
}

// Page is the table of drivers for people, docs/devices.md.
func Page() string {
	var b strings.Builder
	b.WriteString("# Devices\n\nThe drivers a configuration may name. This page is made from the table in the code by\n`go test ./drivers/all -update`.\n\n" +
		"A driver is judged by bytes that nobody here wrote: a manual, a capture, an independent peer. One without such\nevidence is **unproven**: try it at your own device before you rely on it.\n")
	b.WriteString("\n## Bringing a device up\n\n" +
		"1. Plug it in and look for its port: `tote devices list`. Its stable name is what belongs into the configuration.\n" +
		"2. Ask what it is: `tote devices probe --port PORT`. Nothing is printed or moved by it; it prints the lines for the configuration.\n" +
		"3. Put them under its station, dock or list, check with `tote validate`, and start the gateway anew. `tote devices list` shows its state. For names of your own, and where ModemManager or brltty write into ports: `tote devices udev` prints rules for udev, its first lines say where they go.\n" +
		"4. When it does not get ready: `tote devices trace NAME` shows what it says, in bytes and in words, while the agent works.\n" +
		"5. Hand it over: stop the gateway, `tote devices test NAME` asks for a weight, a scan, an open head …, and writes a report.\n")
	for _, k := range []struct {
		kind  Kind
		title string
		under string // key of its examples
	}{
		{Scale, "Scales", "scale:\n  "},
		{Printer, "Printers", "printer:\n  "},
		{Scanner, "Scanners", "scanner:\n  "},
		{RFID, "RFID readers", "rfid:\n  "},
		{Sensor, "Sensors", "- id: cold1\n  "},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| driver | what it speaks | judged by |\n|---|---|---|\n", k.title)
		for _, d := range Drivers() {
			if d.Kind == k.kind {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.Name, d.Doc, d.Proof())
			}
		}
		b.WriteString("\n```yaml\n")
		for _, d := range Drivers() {
			if d.Kind == k.kind {
				b.WriteString(k.under + strings.ReplaceAll(strings.TrimSpace(d.Example), "\n", "\n  ") + "\n")
			}
		}
		b.WriteString("```\n")
	}
	return b.String()
}
