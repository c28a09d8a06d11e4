package printer

import (
	"strconv"
	"strings"

	"tote/firmware-tests/record"
)

// maxLine bounds one line of TSPL or EPL2; a longer one is dropped.
const maxLine = 8 << 10

// image is what TSPL and EPL2 collect until they print.
type image struct {
	texts    []string
	rects    []rect
	barcodes []record.Barcode
	length   int
}

func (i *image) format(copies int) format {
	return format{texts: i.texts, barcodes: append(findBars(i.rects), i.barcodes...), copies: copies, length: i.length}
}

// tspl takes TSPL: commands that begin with ESC are carried out at once, others
// at the end of their line. CLS begins a label and PRINT ends it.
type tspl struct {
	c       *channel
	escape  []byte // ESC and what follows, at most two bytes
	line    []byte
	skip    bool // the rest of a line that is too long
	begun   bool // between CLS and PRINT
	image   image
	dots    int
	unknown int // lines that were no command
}

func newTSPL(c *channel) *tspl { return &tspl{c: c, dots: 8} }

func (t *tspl) partial() bool { return t.begun }

func (t *tspl) write(b []byte) {
	for _, c := range b {
		switch {
		case len(t.escape) > 0:
			if t.escape = append(t.escape, c); len(t.escape) == 3 {
				cmd := string(t.escape[1:])
				t.escape = t.escape[:0]
				t.atOnce(cmd)
			}
		case c == 0x1b:
			t.escape = append(t.escape, c)
		case c == '\n':
			if !t.skip {
				t.run(strings.TrimRight(string(t.line), "\r"))
			}
			t.line, t.skip = t.line[:0], false
		case len(t.line) == maxLine:
			t.skip = true
		default:
			t.line = append(t.line, c)
		}
	}
}

func (t *tspl) atOnce(cmd string) {
	s, ok := t.c.status()
	if !ok {
		return
	}
	switch cmd {
	case "!?":
		t.c.say([]byte{s.tsplByte()})
	case "!S":
		if !t.c.p.params.Basic {
			t.c.say(s.tsplBytes())
		}
	}
}

// tsplByte is the answer to ESC !?.
func (s status) tsplByte() byte {
	return byte(bit(s.headOpen) | bit(s.jam)<<1 | bit(s.paperOut)<<2 | bit(s.ribbonOut)<<3 | bit(s.paused)<<4 | bit(s.busy)<<5)
}

// tsplBytes is the answer to ESC !S: message, warning, two of errors.
func (s status) tsplBytes() []byte {
	message, errs := byte('@'), bit(s.paperOut)|bit(s.jam)<<1|bit(s.ribbonOut)<<2|bit(s.headOpen)<<5
	switch {
	case errs != 0:
		message = 'E'
	case s.paused:
		message = '`'
	case s.waiting:
		message = 'L'
	case s.busy:
		message = 'P'
	}
	return []byte{2, message, byte('@' | bit(s.bufferFull)<<3), '@', byte('@' | errs), 3, '\r', '\n'}
}

// run carries out one line.
func (t *tspl) run(l string) {
	name, rest, _ := strings.Cut(strings.TrimLeft(l, " "), " ")
	args, data, ok := arguments(rest, unquoteTSPL)
	switch {
	case !ok:
		t.unknown++
	case name == "SIZE":
		if mm, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(arg(args, 1, "")), " mm"), 64); err == nil {
			t.image.length = int(mm * float64(t.dots))
		}
	case name == "CLS":
		t.image, t.begun = image{length: t.image.length}, true
	case name == "TEXT" && len(args) >= 6 && data != nil:
		t.image.texts = append(t.image.texts, *data)
	case name == "BAR" && len(args) == 4:
		t.image.rects = append(t.image.rects, rectOf(args))
	case name == "DMATRIX" && data != nil:
		scan := dataMatrix(strings.ReplaceAll(*data, "~1", "_1"), "_")
		t.image.barcodes = append(t.image.barcodes, record.Barcode{Type: name, Data: *data, Scan: scan})
	case name == "QRCODE" && data != nil:
		t.image.barcodes = append(t.image.barcodes, record.Barcode{Type: name, Data: *data, Scan: "]Q1" + *data})
	case name == "PRINT" && t.begun:
		t.begun = false
		t.c.p.receive(t.image.format(number(arg(args, 0, "1"), 1, maxCopies, 1)))
	}
}

// rectOf reads x, y, width and height.
func rectOf(args []string) rect {
	return rect{number(args[0], 0, 9999, 0), number(args[1], 0, 9999, 0), number(args[2], 0, 9999, 0), number(args[3], 0, 9999, 0)}
}

// arguments splits at commas outside quotes. data is the last quoted string,
// ok is false when a quote is open.
func arguments(s string, unquote func(string) (text, rest string, ok bool)) (args []string, data *string, ok bool) {
	for s != "" {
		s = strings.TrimLeft(s, " ")
		if strings.HasPrefix(s, `"`) {
			text, rest, ok := unquote(s[1:])
			if !ok {
				return nil, nil, false
			}
			data = &text
			args = append(args, text)
			s = strings.TrimPrefix(rest, ",")
			continue
		}
		var a string
		a, s, _ = strings.Cut(s, ",")
		args = append(args, strings.TrimSpace(a))
	}
	return args, data, true
}

// unquoteTSPL reads up to the closing quote; \["] is a quote.
func unquoteTSPL(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], `\["]`):
			b.WriteByte('"')
			i += 3
		case s[i] == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
