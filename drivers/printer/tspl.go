package printer

import (
	"fmt"

	"tote/drivers"
)

// TSPL. TSC printers since firmware V6.29 answer ESC !S with four status bytes
// between STX and ETX, all others ESC !? with one byte that stands alone. Both
// are answered at once, also in an error. Source: TSC bar code printer
// programming manual, status polling commands.
const (
	askTSC  = "\x1b!S"
	askByte = "\x1b!?\x1b!?" // twice: a lone byte has no frame, so it must come two times alike
)

// tscReader reads STX b1 b2 b3 b4 ETX: message, warning and two of errors.
type tscReader struct {
	buf    []byte
	inside bool
}

func (t *tscReader) Reset() { t.inside, t.buf = false, t.buf[:0] }

func (t *tscReader) Push(p []byte, answer func(Report, error)) {
	for _, c := range p {
		switch {
		case c == stx:
			t.inside, t.buf = true, t.buf[:0]
		case !t.inside:
		case len(t.buf) < 4:
			t.buf = append(t.buf, c)
		default:
			t.inside = false
			if c != etx {
				answer(Report{}, fmt.Errorf("%w: % X and no end", unreadable, t.buf))
				continue
			}
			answer(ParseTSC([4]byte(t.buf)))
		}
	}
}

// messages are the values of the first byte: what the printer is doing.
var messages = map[byte]Report{
	'@': {},
	'`': {Fault: drivers.CodePrinterPaused},
	'B': {Work: 1}, // feeds the backing
	'C': {Work: 1}, // cuts
	'E': {Fault: drivers.CodePrinterBroken},
	'F': {Work: 1},                          // feeds
	'K': {Fault: drivers.CodePrinterPaused}, // waits for its print key
	'L': {Waiting: true},
	'P': {Work: 1}, // prints a batch
	'W': {Work: 1}, // draws
}

// ParseTSC decodes the four status bytes. All have bit 6 set and bit 7 clear.
func ParseTSC(b [4]byte) (Report, error) {
	r, known := messages[b[0]]
	for _, c := range b[1:] {
		known = known && c&0xc0 == 0x40
	}
	if !known {
		return Report{}, fmt.Errorf("%w: % X", unreadable, b)
	}
	code := first(
		cond{b[3]&0x20 != 0, drivers.CodePrinterHeadOpen},
		cond{b[3]&0x01 != 0, drivers.CodePrinterPaperOut},
		cond{b[3]&0x02 != 0, drivers.CodePrinterJam},
		cond{b[3]&0x0c != 0, drivers.CodePrinterRibbonOut}, // empty or jammed
		cond{b[2]&0x03 != 0, drivers.CodePrinterHot},       // head or motor
		cond{b[2]&0x08 != 0, drivers.CodePrinterBroken},    // cutter
		cond{b[2]&0x10 != 0, drivers.CodePrinterMemory},
		cond{b[2]&0x24 != 0 || b[3]&0x10 != 0, drivers.CodePrinterBroken}, // reserved: something is wrong
		cond{b[1]&0x08 != 0, drivers.CodePrinterBufferFull},
	)
	if code != "" {
		r.Fault = code
	}
	return r, nil
}

// byteReader reads the byte that ESC !? is answered with, twice alike. A late
// answer to ESC !S is read over.
type byteReader struct {
	last   byte
	begun  bool
	framed bool
}

func (b *byteReader) Reset() { b.begun, b.framed = false, false }

func (b *byteReader) Push(p []byte, answer func(Report, error)) {
	for _, c := range p {
		switch {
		case b.framed:
			b.framed = c != etx
		case !b.begun:
			b.last, b.begun = c, true
		case c != b.last && b.last == stx:
			b.begun, b.framed = false, true
		case c != b.last:
			b.last = c
			answer(Report{}, fmt.Errorf("%w: %02X", unreadable, c))
		default:
			b.begun = false
			answer(ParseByte(c), nil)
		}
	}
}

// ParseByte decodes the status byte of ESC !?.
func ParseByte(c byte) Report {
	r := Report{Fault: first(
		cond{c&0x41 != 0, drivers.CodePrinterHeadOpen}, // head or cover
		cond{c&0x04 != 0, drivers.CodePrinterPaperOut},
		cond{c&0x02 != 0, drivers.CodePrinterJam},
		cond{c&0x08 != 0, drivers.CodePrinterRibbonOut},
		cond{c&0x80 != 0, drivers.CodePrinterHot}, // temperature out of range
		cond{c&0x10 != 0, drivers.CodePrinterPaused},
	)}
	if c&0x20 != 0 {
		r.Work = 1
	}
	return r
}
