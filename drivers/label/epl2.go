package label

import (
	"bytes"
	"fmt"
	"strings"
)

// EPL2, by the EPL programming guide 14245L (q, Q, I, N, A, LO, P). Text is in
// Windows code page 1252 (I8,A) and in the resident fonts, whose letters have a
// fixed size in dots at 203 dpi. Linear symbols are drawn bar by bar. Data
// Matrix and QR Code differ from model to model and are refused.

// fonts are the resident fonts 1 to 4 with their multipliers: width and height
// of a letter, ascending. Font 5 has no small letters.
var fonts = []struct{ id, wide, high int }{{1, 8, 12}, {2, 10, 16}, {3, 12, 20}, {4, 14, 24}}

// font chooses the largest letters that are no higher than high, and how wide
// they are.
func font(high int) (id, times, wide int) {
	id, times, wide = 1, 1, 8
	best := 12
	for _, f := range fonts {
		for _, m := range []int{1, 2, 3, 4, 5, 6} {
			if h := f.high * m; h <= high && h >= best {
				best, id, times, wide = h, f.id, m, f.wide*m
			}
		}
	}
	return id, times, wide
}

// eplText escapes what ends a string. A caret begins commands that are carried
// out at once (^@ resets the printer) and is printed as the raised one of the
// code page.
var eplText = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "^", "\x88")

func writeEPL2(l Label, dot func(int) int) ([]byte, error) {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	text := func(e Element) error {
		s, err := latin(e.Data)
		if err != nil {
			return err
		}
		id, times, wide := font(e.H)
		room := max(min(e.W, l.Width-e.X)/wide, 1)
		if e.W == 0 {
			room = max((l.Width-e.X)/wide, 1)
		}
		s = cut(s, room)
		x := e.X
		if e.Right {
			x = e.X + e.W - len(s)*wide
		}
		line(`A%d,%d,0,%d,%d,%d,N,"%s"`, x, e.Y, id, times, times, eplText.Replace(s))
		return nil
	}
	line("") // ends whatever noise began
	line("N")
	line("I8,A,001")
	line("q%d", dot(l.Width))
	line("Q%d,24", dot(l.Height))
	for _, e := range l.Elements {
		switch e.Kind {
		case Text:
			if err := text(e); err != nil {
				return nil, err
			}
		case Rule:
			line("LO%d,%d,%d,%d", e.X, e.Y, e.W, e.H)
		case GS1128, Code128:
			if err := e.bars(dot, func(x, w int) { line("LO%d,%d,%d,%d", x, e.Y, w, e.H) }); err != nil {
				return nil, err
			}
			if e.HRI {
				if err := text(Element{X: e.X, Y: e.Y + e.H + 6, H: hriHigh, Data: e.hri()}); err != nil {
					return nil, err
				}
			}
		default:
			return nil, noSymbol(EPL2, e)
		}
	}
	line("P1")
	return b.Bytes(), nil
}
