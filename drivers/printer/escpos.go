package printer

import (
	"fmt"

	"tote/drivers"
)

// ESC/POS. DLE EOT 1 to 4 are answered at once with a byte each, also in an
// error; b & 93 = 12 (hex) tells such a byte from others. GS ( H function 48
// behind a job is answered with 37 22 d1 d2 d3 d4 00 when the printing before it
// is done: the one proof of printing this language has. Source: ESC/POS command
// reference of Seiko Epson, DLE EOT and GS ( H.
const askDLE = "\x10\x04\x01\x10\x04\x02\x10\x04\x03\x10\x04\x04"

// processID asks the printer to tell when it has printed what came before.
// The id is of letters that are no status bytes.
func processID(n int) (wire, id string) {
	b := []byte("AAAA")
	for i := range b {
		b[3-i] += byte(n % 15)
		n /= 15
	}
	return "\x1d(H\x06\x0000" + string(b), string(b)
}

// dleReader reads four status bytes, and marks.
type dleReader struct {
	status []byte
	mark   []byte // from its first byte on
}

// Reset forgets begun status bytes. A begun mark answers no question and stays.
func (d *dleReader) Reset() { d.status = d.status[:0] }

func (d *dleReader) Push(p []byte, answer func(Report, error)) {
	for _, c := range p {
		switch {
		case len(d.mark) > 0:
			d.more(c, answer)
		case c == 0x37:
			d.mark = append(d.mark, c)
		case c&0x93 != 0x12: // no status byte: what was begun is none either
			d.status = d.status[:0]
		default:
			if d.status = append(d.status, c); len(d.status) == 4 {
				b := [4]byte(d.status)
				d.status = d.status[:0]
				answer(ParseDLE(b))
			}
		}
	}
}

// more takes one byte of a mark.
func (d *dleReader) more(c byte, answer func(Report, error)) {
	d.mark = append(d.mark, c)
	n := len(d.mark)
	switch {
	case n == 2 && c != 0x22, n > 2 && n < 7 && (c < 0x20 || c > 0x7e), n == 7 && c != 0:
		d.mark, d.status = d.mark[:0], d.status[:0]
		answer(Report{}, fmt.Errorf("%w: %02X in a mark", unreadable, c))
		d.Push([]byte{c}, answer) // it may begin something else
	case n == 7:
		id := string(d.mark[2:6])
		d.mark = d.mark[:0]
		answer(Report{Done: id}, nil)
	}
}

// ParseDLE decodes the answers to DLE EOT 1, 2, 3 and 4. It refuses what cannot
// be: a byte lost in between shifts the others.
func ParseDLE(b [4]byte) (Report, error) {
	offline, cause, fault, paper := b[0]&0x08 != 0, b[1]&0x64 != 0, b[2]&0x6c != 0, b[3]&0x60
	for _, c := range b {
		if c&0x93 != 0x12 {
			return Report{}, fmt.Errorf("%w: % X", unreadable, b)
		}
	}
	if cause && !offline || fault != (b[1]&0x40 != 0) || b[1]&0x20 != 0 && paper == 0 || paper != 0 && paper != 0x60 {
		return Report{}, fmt.Errorf("%w: % X", unreadable, b)
	}
	return Report{Fault: first(
		cond{b[1]&0x04 != 0, drivers.CodePrinterHeadOpen}, // its cover
		cond{paper != 0, drivers.CodePrinterPaperOut},
		cond{b[2]&0x28 != 0, drivers.CodePrinterBroken}, // knife, or beyond help
		cond{b[2]&0x04 != 0, drivers.CodePrinterJam},
		cond{b[2]&0x40 != 0, drivers.CodePrinterHot}, // mends itself
		cond{offline, drivers.CodePrinterPaused},     // feed key held, for one
	)}, nil
}
