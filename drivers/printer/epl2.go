package printer

import (
	"fmt"

	"tote/drivers"
)

// EPL2. ^ee is answered with two digits and CR LF. Source: EPL programming guide
// 14245L, ^ee Error Report - Immediate. Emulations may name several codes with
// commas between (ESim for Intermec EasyCoder).
const askEE = "\r\n^ee\r\n" // the first end of line ends whatever noise began

// maxCodes bounds one answer.
const maxCodes = 32

// eeReader reads XX[,YY…] CR LF.
type eeReader struct{ buf []byte }

func (e *eeReader) Reset() { e.buf = e.buf[:0] }

func (e *eeReader) Push(p []byte, answer func(Report, error)) {
	for _, c := range p {
		switch {
		case c == '\n':
			line := e.buf
			e.buf = e.buf[:0]
			if n := len(line); n < 3 || line[n-1] != '\r' {
				continue // XON, XOFF and noise end no answer
			}
			answer(ParseEE(string(line[:len(line)-1])))
		case c == 0x11 || c == 0x13: // XON and XOFF
		case len(e.buf) == maxCodes:
			e.buf = e.buf[:0]
		default:
			e.buf = append(e.buf, c)
		}
	}
}

// codesEE are the answers of ^ee.
var codesEE = map[string]Report{
	"00": {},
	"01": {Refused: drivers.CodePrinterRefused}, // syntax
	"02": {Refused: drivers.CodePrinterRefused}, // over the label's border
	"03": {Refused: drivers.CodePrinterRefused}, // length of barcode data
	"04": {Refused: drivers.CodePrinterRefused}, // memory
	"05": {Refused: drivers.CodePrinterRefused}, // memory configuration
	"06": {Refused: drivers.CodePrinterRefused}, // serial line
	"07": {Fault: drivers.CodePrinterPaperOut},  // paper or ribbon
	"08": {Refused: drivers.CodePrinterRefused}, // a name twice
	"09": {Refused: drivers.CodePrinterRefused}, // no such name
	"10": {Refused: drivers.CodePrinterRefused}, // not in data entry
	"11": {Fault: drivers.CodePrinterHeadOpen},
	"12": {Fault: drivers.CodePrinterPaused},
	"50": {Work: 1},
	"80": {Fault: drivers.CodePrinterBroken},
	"81": {Fault: drivers.CodePrinterBroken}, // cutter
	"82": {Fault: drivers.CodePrinterBroken}, // sensor
	"83": {Fault: drivers.CodePrinterBroken}, // illegal interrupt
	"84": {Fault: drivers.CodePrinterJam},    // feeds without an end
}

// ParseEE decodes the codes of an answer, without its end of line.
func ParseEE(s string) (Report, error) {
	var all Report
	for at := 0; at < len(s); at += 3 {
		if at+2 > len(s) || at+2 < len(s) && s[at+2] != ',' || at+3 == len(s) {
			return Report{}, fmt.Errorf("%w: %.40q", unreadable, s)
		}
		r, known := codesEE[s[at:at+2]]
		if !known {
			return Report{}, fmt.Errorf("%w: %.40q", unreadable, s)
		}
		all.Work += r.Work
		if all.Fault == "" {
			all.Fault = r.Fault
		}
		if all.Refused == "" {
			all.Refused = r.Refused
		}
	}
	return all, nil
}
