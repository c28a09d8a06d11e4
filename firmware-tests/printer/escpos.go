package printer

import (
	"slices"
	"strings"

	"tote/firmware-tests/record"
)

// escpos takes ESC/POS. A receipt begins with what is printed and ends with GS V.
// DLE EOT is carried out wherever it stands, also within data.
type escpos struct {
	c    *channel
	in   []byte // of a command that is not whole
	text []byte // of the line being set
	last [3]byte
	f    format
	qr   string
}

func newESCPOS(c *channel) *escpos { return &escpos{c: c, f: format{copies: 1}} }

func (e *escpos) partial() bool {
	return len(e.text) > 0 || len(e.f.texts) > 0 || len(e.f.barcodes) > 0
}

func (e *escpos) write(b []byte) {
	for _, c := range b {
		e.last = [3]byte{e.last[1], e.last[2], c}
		if e.last[0] == 0x10 && e.last[1] == 0x04 && c >= 1 && c <= 4 {
			e.realTime(c)
			if n := len(e.in); n >= 2 && e.in[0] == 0x10 {
				e.in = e.in[:0]
				continue
			}
		}
		e.in = append(e.in, c)
		for len(e.in) > 0 {
			n := e.command(e.in)
			if n == 0 { // not whole
				if len(e.in) > maxFormat {
					e.in = e.in[:0]
				}
				break
			}
			e.in = e.in[n:]
		}
	}
}

// realTime answers DLE EOT n.
func (e *escpos) realTime(n byte) {
	s, ok := e.c.status()
	if !ok {
		return
	}
	failed := s.jam
	offline := s.headOpen || s.paperOut || s.paused || failed
	answer := 0x12
	switch n {
	case 1:
		answer |= bit(offline) << 3
	case 2:
		answer |= bit(s.headOpen)<<2 | bit(s.paused)<<3 | bit(s.paperOut)<<5 | bit(failed)<<6
	case 3:
		answer |= bit(s.jam) << 2
	case 4:
		answer |= bit(s.paperOut) * 0x6c
	}
	e.c.say([]byte{byte(answer)})
}

// fixed are commands by their first two bytes, with how long they are in all.
var fixed = map[string]int{
	"\x1b@": 2, "\x1bt": 3, "\x1b!": 3, "\x1ba": 3, "\x1d!": 3, "\x1dh": 3, "\x1dw": 3, "\x1dH": 3, "\x1dI": 3, "\x1dV": 4,
}

// command carries out the command that in begins with and tells how long it
// was; 0 = it is not whole yet.
func (e *escpos) command(in []byte) int {
	switch c := in[0]; {
	case c == '\n':
		if len(e.text) > 0 {
			e.f.texts = append(e.f.texts, strings.TrimRight(fromLatin(string(e.text)), " "))
		}
		e.text = e.text[:0]
		return 1
	case c != 0x1b && c != 0x1d && c != 0x10:
		if len(e.text) < 4096 {
			e.text = append(e.text, c)
		}
		return 1
	case len(in) < 2:
		return 0
	case c == 0x10:
		return e.skip(in, 3)
	}
	if n := fixed[string(in[:2])]; n > 0 {
		if len(in) < n {
			return 0
		}
		e.short(string(in[:2]), in[n-1])
		return n
	}
	switch string(in[:2]) {
	case "\x1dk":
		return e.barcode(in)
	case "\x1d(":
		return e.block(in)
	}
	return 2 // unknown
}

func (e *escpos) skip(in []byte, n int) int {
	if len(in) < n {
		return 0
	}
	return n
}

func (e *escpos) short(name string, n byte) {
	switch name {
	case "\x1dI":
		if s := map[byte]string{65: "1.00 ESC/POS", 66: "TOTE", 67: e.c.p.params.Model}[n]; s != "" {
			e.c.say([]byte("\x5f" + s + "\x00"))
		}
	case "\x1dV":
		f := e.f
		e.f = format{copies: 1}
		e.c.p.receive(f)
	}
}

// barcode is GS k 73 n data, Code 128.
func (e *escpos) barcode(in []byte) int {
	if len(in) < 4 {
		return 0
	}
	n := 4 + int(in[3])
	if len(in) < n {
		return 0
	}
	if in[2] == 73 {
		scan := receipt128(string(in[4:n]))
		e.f.barcodes = append(e.f.barcodes, record.Barcode{Type: "GSk", Data: scan[3:], Scan: scan})
	}
	return n
}

// receipt128 is what a scanner reads of the data of GS k 73.
func receipt128(data string) string {
	var t strings.Builder
	prefix, inC := "]C0", false
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '{' && i+1 < len(data):
			i++
			switch data[i] {
			case 'A', 'B':
				inC = false
			case 'C':
				inC = true
			case '1':
				if t.Len() == 0 {
					prefix = "]C1"
				} else {
					t.WriteString(gs)
				}
			case '{':
				t.WriteByte('{')
			}
		case inC:
			t.WriteByte('0' + data[i]/10)
			t.WriteByte('0' + data[i]%10)
		default:
			t.WriteByte(data[i])
		}
	}
	return prefix + t.String()
}

// block is GS ( and a letter, with its length.
func (e *escpos) block(in []byte) int {
	if len(in) < 5 {
		return 0
	}
	n := 5 + int(in[3]) + int(in[4])<<8
	if len(in) < n {
		return 0
	}
	body := in[5:n]
	switch {
	case in[2] == 'k' && len(body) > 3 && string(body[:3]) == "1P0":
		e.qr = string(body[3:])
	case in[2] == 'k' && string(body) == "1Q0":
		e.f.barcodes = append(e.f.barcodes, record.Barcode{Type: "QR", Data: e.qr, Scan: "]Q1" + e.qr})
	case in[2] == 'H' && len(body) == 6 && string(body[:2]) == "00" && !e.c.p.params.Basic:
		id := slices.Clone(body[2:])
		c := e.c
		c.p.whenPrinted(func() { c.say(append(append([]byte{0x37, 0x22}, id...), 0)) })
	}
	return n
}
