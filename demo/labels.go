package demo

import (
	"strings"

	"tote/firmware-tests/record"
)

// printedLabel is what is readable on a label that came out of a printer.
type printedLabel struct {
	order, sscc, scan string
	texts             []string
}

// readLabel reads a printer's record entry with the eyes of a person and the
// beam of a scanner: false for anything but a printed label with an SSCC.
func readLabel(e record.Entry) (printedLabel, bool) {
	if e.Kind != record.Printed || e.Label == nil {
		return printedLabel{}, false
	}
	out := printedLabel{texts: e.Label.Texts}
	for _, b := range e.Label.Barcodes {
		if digits, ok := strings.CutPrefix(b.Scan, "]C100"); ok && len(digits) == 18 {
			out.sscc, out.scan = digits, b.Scan
		}
	}
	for i, t := range e.Label.Texts {
		if o, ok := strings.CutPrefix(t, "ORDER "); ok {
			out.order = strings.TrimSpace(o)
		} else if t == "ORDER" && i+1 < len(e.Label.Texts) {
			out.order = e.Label.Texts[i+1]
		}
	}
	return out, out.sscc != ""
}
