package printer

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// zpl writes ZPL II commands. Positions and sizes are in dots.
type zpl struct{ bytes.Buffer }

// raw writes commands that hold no data of others.
func (z *zpl) raw(format string, args ...any) {
	fmt.Fprintf(&z.Buffer, format, args...)
	z.WriteByte('\n')
}

// text writes one line of scalable font 0.
func (z *zpl) text(x, y, height int, s string) {
	z.raw("^FO%d,%d^A0N,%d,%d^FH_^FD%s^FS", x, y, height, height, escape(s))
}

// line writes a horizontal rule.
func (z *zpl) line(y, thick int) {
	z.raw("^FO%d,%d^GB%d,%d,%d^FS", margin, y, Width-2*margin, thick, thick)
}

// escape makes any text safe as field data under ^FH_ and ^CI28: every byte
// that ZPL may take for a command or an escape, and every byte outside ASCII,
// is written as _XX. Control characters become spaces. Invalid UTF-8 becomes
// the replacement character.
func escape(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, string(unicode.ReplacementChar)) {
		switch {
		case unicode.IsControl(r):
			b.WriteByte(' ')
		case r < 0x80 && !strings.ContainsRune(`^~\_>`, r):
			b.WriteRune(r)
		default:
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, "_%02X", c)
			}
		}
	}
	return b.String()
}

// fit breaks s into at most lines lines of at most width characters, at spaces
// where there are any. What does not fit ends in "...".
func fit(s string, width, lines int) []string {
	var out []string
	rest := []rune(strings.Join(strings.Fields(s), " "))
	for len(rest) > 0 {
		if len(rest) <= width {
			return append(out, string(rest))
		}
		if len(out) == lines-1 {
			return append(out, string(rest[:width-3])+"...")
		}
		cut, skip := width, 0
		for i := width; i > width/2; i-- {
			if rest[i] == ' ' {
				cut, skip = i, 1
				break
			}
		}
		out = append(out, string(rest[:cut]))
		rest = rest[cut+skip:]
	}
	return out
}
