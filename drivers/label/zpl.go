package label

import (
	"bytes"
	"fmt"
	"strings"
)

// ZPL II, by the ZPL II programming guide (^FO ^A ^FH ^FD ^GB ^BY ^BC ^BX ^BQ
// ^PQ). All data is hex-escaped under ^FH_ and ^CI28: nothing people type can
// end a field.

// zpl writes commands.
type zpl struct{ bytes.Buffer }

// raw writes commands that hold no data of others.
func (z *zpl) raw(format string, args ...any) {
	fmt.Fprintf(&z.Buffer, format, args...)
	z.WriteByte('\n')
}

func writeZPL(l Label, dot func(int) int) ([]byte, error) {
	var z zpl
	z.raw("^XA")
	z.raw("^CI28^PW%d^LL%d^LH0,0^LS0^PON^FWN", dot(l.Width), dot(l.Height))
	for _, e := range l.Elements {
		if err := z.element(e, dot); err != nil {
			return nil, err
		}
	}
	z.raw("^PQ1,0,1,Y")
	z.raw("^XZ")
	return z.Bytes(), nil
}

func (z *zpl) element(e Element, dot func(int) int) error {
	at := fmt.Sprintf("^FO%d,%d", dot(e.X), dot(e.Y))
	switch e.Kind {
	case Text:
		block := ""
		if e.Right {
			block = fmt.Sprintf("^FB%d,1,0,R", dot(e.W))
		}
		z.raw("%s^A0N,%d,%d%s^FH_^FD%s^FS", at, dot(e.H), dot(e.H), block, escape(e.Data))
	case Rule:
		z.raw("%s^GB%d,%d,%d^FS", at, dot(e.W), dot(e.H), dot(min(e.W, e.H)))
	case DataMatrix:
		data, err := e.plain()
		if err != nil {
			return err
		}
		// @ is no character of GS1 data, so it can be the escape: @1 is FNC1.
		z.raw("%s^BXN,%d,200,,,,@^FH_^FD@1%s^FS", at, dot(e.Module), escape(strings.ReplaceAll(data, string(gs), "@1")))
	case QR:
		// A QR Code stands lower by the bar height of ^BY, 10 dots from the start.
		z.raw("^FO%d,%d^BY2,3,1^BQN,2,%d^FH_^FDMA,%s^FS", dot(e.X), dot(e.Y)-1, min(dot(e.Module), 10), escape(e.Data))
	case GS1128, Code128:
		return z.bars(e, at, dot)
	}
	return nil
}

// bars writes a linear symbol. An SSCC goes in mode D, in which the printer sets
// FNC1 itself and writes the AI in brackets; others as they were encoded, so
// that their width is the one that was checked.
func (z *zpl) bars(e Element, at string, dot func(int) int) error {
	hri := "N"
	if e.HRI {
		hri = "Y"
	}
	if e.Kind == GS1128 && strings.HasPrefix(e.Data, "(00)") && len(e.Data) == 22 {
		z.raw("%s^BY%d^BCN,%d,%s,N,N,D^FD%s^FS", at, dot(e.Module), dot(e.H), hri, e.Data)
		return nil
	}
	codes, err := e.codes()
	if err != nil {
		return err
	}
	z.raw("%s^BY%d^BCN,%d,N,N,N,N^FH_^FD%s^FS", at, dot(e.Module), dot(e.H), invoked(codes))
	if e.HRI {
		return z.element(Element{Kind: Text, X: e.X, Y: e.Y + e.H + 6, H: hriHigh, Data: e.hri()}, dot)
	}
	return nil
}

// invoked writes Code 128 characters as field data of ^BC mode N: > and a
// letter for the start, a change of set and FNC1.
func invoked(codes []int) string {
	var b strings.Builder
	inC := false
	for _, c := range codes {
		switch {
		case c == startC:
			inC = true
			b.WriteString(">;")
		case c == startB:
			b.WriteString(">:")
		case inC && c == toB:
			inC = false
			b.WriteString(">6")
		case c == fnc1:
			b.WriteString(">8")
		case inC:
			fmt.Fprintf(&b, "%02d", c)
		case c == '>'-' ':
			b.WriteString(">0")
		default:
			if r := byte(c) + ' '; strings.IndexByte(`^~\_`, r) >= 0 {
				fmt.Fprintf(&b, "_%02X", r)
			} else {
				b.WriteByte(r)
			}
		}
	}
	return b.String()
}

// escape makes any text safe as field data under ^FH_ and ^CI28: every byte
// that ZPL may take for a command or an escape, and every byte outside ASCII,
// is written as _XX. Control characters become spaces. Invalid UTF-8 becomes
// the replacement character.
func escape(s string) string {
	var b strings.Builder
	for _, r := range printable(s) {
		if r < 0x80 && !strings.ContainsRune(`^~\_>`, r) {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(string(r)) {
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	return b.String()
}
