package printer

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"tote/firmware-tests/record"
)

const (
	// maxFormat bounds one format in bytes; a longer one is dropped, as a
	// printer out of memory does.
	maxFormat = 256 << 10
	// maxCopies is the largest quantity ^PQ takes.
	maxCopies = 99_999_999
)

// format is one complete ^XA…^XZ.
type format struct {
	texts    []string
	barcodes []record.Barcode
	copies   int
	length   int // label length in dots, 0 = not set
	source   []byte
	tag      string         // what is to be written to the RFID tag, hexadecimal
	tries    int            // labels that may be spoilt for it
	read     bool           // the tag is read into a field
	verify   func(s string) // sends what was read to the host
}

// parser takes ZPL byte by byte, as it comes over one channel. It is not safe
// for several goroutines.
type parser struct {
	host func(cmd string) // a control command (~HS…) is complete
	say  func(b []byte)   // to the host on this channel
	done func(format)     // a format is complete

	prefix byte // '^' or '~' of the command being read, 0 = between commands
	name   []byte
	args   []byte

	in    bool // between ^XA and ^XZ
	f     format
	utf8  bool // ^CI28 stays on until changed
	field field
}

// field collects what belongs together up to ^FS.
type field struct {
	code    string // "BC" and so on, "" = text
	args    []string
	hex     byte // indicator of ^FH, 0 = off
	data    []byte
	hasData bool
}

// partial tells whether the parser is in the middle of a format.
func (p *parser) partial() bool { return p.in }

// write feeds bytes to the parser.
func (p *parser) write(b []byte) {
	for _, c := range b {
		p.feed(c)
	}
}

func (p *parser) feed(c byte) {
	if p.in {
		p.f.source = append(p.f.source, c)
		if len(p.f.source) > maxFormat {
			p.drop()
			return
		}
	}
	switch {
	case c == '^' || c == '~':
		p.end()
		p.prefix, p.name, p.args = c, p.name[:0], p.args[:0]
	case p.prefix == 0, c < ' ', c == 0x7f:
		// Text between commands and control characters mean nothing to ZPL.
	case !p.named():
		p.name = append(p.name, bytes.ToUpper([]byte{c})...)
		p.atOnce()
	default:
		if len(p.args) < maxFormat {
			p.args = append(p.args, c)
		}
		p.atOnce()
	}
}

// named tells whether the name is complete: two characters, except ^A, whose
// font follows directly.
func (p *parser) named() bool {
	return len(p.name) == 2 || p.prefix == '^' && len(p.name) == 1 && p.name[0] == 'A'
}

// atOnce runs the commands that take effect with their last character, because
// nothing need follow them.
func (p *parser) atOnce() {
	if !p.named() {
		return
	}
	switch name := string(p.prefix) + string(p.name); name {
	case "^XA", "^XZ", "~HS", "~HI", "~JA", "~PS", "~PP", "^FS":
		p.end()
	case "~HQ":
		if len(p.args) == 2 {
			p.end()
		}
	}
}

// end runs the command read so far.
func (p *parser) end() {
	prefix, name := p.prefix, string(p.name)
	p.prefix = 0
	switch {
	case prefix == 0 || name == "":
	case prefix == '~':
		p.host("~" + name + strings.ToUpper(string(p.args)))
	case name == "XA":
		if !p.in {
			p.f = format{copies: 1, source: []byte("^XA")}
		}
		p.in, p.field = true, field{}
	case !p.in:
		// Commands outside a format set up the printer; none of them prints.
	case name == "XZ":
		p.endField()
		p.in = false
		f := p.f
		p.f = format{}
		p.done(f)
	default:
		p.set(name)
	}
}

// set takes one command inside a format.
func (p *parser) set(name string) {
	args := strings.Split(string(p.args), ",")
	switch name {
	case "FS":
		p.endField()
	case "FO", "FT":
		p.field = field{}
	case "FH":
		p.field.hex = '_'
		if len(p.args) > 0 {
			p.field.hex = p.args[0]
		}
	case "FD", "FV", "SN":
		p.field.data, p.field.hasData = bytes.Clone(p.args), true
		if name == "SN" {
			p.field.data = []byte(args[0])
		}
	case "PQ":
		p.f.copies = number(args[0], 1, maxCopies, 1)
	case "LL":
		p.f.length = number(args[0], 1, 32000, 0)
	case "CI":
		p.utf8 = args[0] == "28"
	case "RS":
		p.f.tries = number(arg(args, 3, "3"), 1, 10, 3)
	case "RF":
		p.field.code, p.field.args = name, args
		p.f.read = p.f.read || strings.EqualFold(arg(args, 0, ""), "R")
	case "HV":
		if p.f.read && p.say != nil {
			say, head, end := p.say, unescape([]byte(arg(args, 2, "")), '_'), unescape([]byte(arg(args, 3, "")), '_')
			p.f.verify = func(s string) { say(append(append(append([]byte(nil), head...), s...), end...)) }
		}
	default:
		// ^BY sets bar widths; every other ^B is a symbol.
		if name[0] == 'B' && name != "BY" {
			p.field.code, p.field.args = name, args
		}
	}
}

func (p *parser) endField() {
	fd := p.field
	p.field = field{}
	if !fd.hasData {
		return
	}
	if fd.hex != 0 {
		fd.data = unescape(fd.data, fd.hex)
	}
	text := p.text(fd.data)
	if fd.code == "RF" {
		if strings.EqualFold(arg(fd.args, 0, ""), "W") && strings.EqualFold(arg(fd.args, 1, ""), "H") {
			p.f.tag, p.f.tries = strings.ToUpper(text), max(p.f.tries, 1)
		}
		return
	}
	if fd.code == "" {
		p.f.texts = append(p.f.texts, text)
		return
	}
	p.f.barcodes = append(p.f.barcodes, symbol(fd.code, fd.args, text))
}

// text is field data as it comes out on paper: without ^CI28, and with bytes
// that are no UTF-8, the printer prints rubbish.
func (p *parser) text(b []byte) string {
	if p.utf8 {
		return strings.ToValidUTF8(string(b), string(utf8.RuneError))
	}
	var t strings.Builder
	for _, c := range b {
		if c < utf8.RuneSelf {
			t.WriteByte(c)
		} else {
			t.WriteRune(utf8.RuneError)
		}
	}
	return t.String()
}

// drop forgets a format that is too long; the rest of it is read over.
func (p *parser) drop() {
	p.in, p.f, p.field, p.prefix = false, format{}, field{}, 0
}

// unescape replaces indicator + two hex digits (^FH). An indicator without
// them stays as it is.
func unescape(b []byte, indicator byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == indicator && i+2 < len(b) {
			if v, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(v))
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// number reads a decimal parameter; what is no number, or out of range, is def.
func number(s string, low, high, def int) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < low || n > high {
		return def
	}
	return n
}
