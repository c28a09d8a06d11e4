package label

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"tote/drivers"
)

// Language is a printer language, by the name of its driver.
type Language string

// The languages labels are written in.
const (
	ZPL    Language = "zpl"
	TSPL   Language = "tspl"
	EPL2   Language = "epl2"
	ESCPOS Language = "escpos"
)

// Languages lists them.
func Languages() []Language { return []Language{EPL2, ESCPOS, TSPL, ZPL} }

// Device is what a label is written for.
type Device struct {
	Language Language
	Dots     int // dots per millimetre: 8 (203 dpi, the default), 12 (300 dpi), 24 (600 dpi)
}

// writers hold one language each. dot turns eighths of a millimetre into dots.
var writers = map[Language]func(l Label, dot func(int) int) ([]byte, error){
	ZPL: writeZPL, TSPL: writeTSPL, EPL2: writeEPL2, ESCPOS: writeESCPOS,
}

// Write checks labels and writes them as one job, in the order given. Errors:
// ErrLabel, with a fault code when a symbol does not fit, the language has no
// such symbol or cannot print the text.
func Write(d Device, labels ...Label) ([]byte, error) {
	write := writers[d.Language]
	if d.Dots == 0 {
		d.Dots = Unit
	}
	switch {
	case write == nil:
		return nil, fmt.Errorf("%w: language %q", ErrLabel, d.Language)
	case d.Dots != 8 && d.Dots != 12 && d.Dots != 24:
		return nil, fmt.Errorf("%w: %d dots a millimetre", ErrLabel, d.Dots)
	case d.Dots != 8 && (d.Language == EPL2 || d.Language == ESCPOS):
		// Their fonts have a fixed number of dots.
		return nil, unfit("%s is written for 8 dots a millimetre only", d.Language)
	}
	var job bytes.Buffer
	for _, l := range labels {
		if err := l.Check(); err != nil {
			return nil, err
		}
		b, err := write(l, func(n int) int { return n * d.Dots / Unit })
		if err != nil {
			return nil, err
		}
		job.Write(b)
	}
	return job.Bytes(), nil
}

// printable is a text with control characters as spaces and what is no UTF-8 as
// the replacement character.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// symbols in front, texts in the order of reading.
func (l Label) reading() []Element {
	list := slices.Clone(l.Elements)
	slices.SortStableFunc(list, func(a, b Element) int {
		if a.Y != b.Y {
			return a.Y - b.Y
		}
		return a.X - b.X
	})
	return list
}

// noSymbol refuses a symbol that a language does not have.
func noSymbol(lang Language, e Element) error {
	name := map[Kind]string{GS1128: "GS1-128", Code128: "Code 128", DataMatrix: "GS1 DataMatrix", QR: "QR Code"}[e.Kind]
	return unfit("%s has no %s", lang, name)
}

// latin1252 are the characters of Windows code page 1252 that are not at their
// Unicode place.
var latin1252 = map[rune]byte{
	'€': 0x80, '‚': 0x82, 'ƒ': 0x83, '„': 0x84, '…': 0x85, '†': 0x86, '‡': 0x87, 'ˆ': 0x88, '‰': 0x89, 'Š': 0x8a, '‹': 0x8b, 'Œ': 0x8c,
	'Ž': 0x8e, '‘': 0x91, '’': 0x92, '“': 0x93, '”': 0x94, '•': 0x95, '–': 0x96, '—': 0x97, '˜': 0x98, '™': 0x99, 'š': 0x9a, '›': 0x9b,
	'œ': 0x9c, 'ž': 0x9e, 'Ÿ': 0x9f,
}

// plainLetters are Latin letters that the code page has only without their mark.
var plainLetters = map[rune]byte{
	'ą': 'a', 'ć': 'c', 'č': 'c', 'ď': 'd', 'đ': 'd', 'ę': 'e', 'ě': 'e', 'ğ': 'g', 'ı': 'i', 'ľ': 'l', 'ł': 'l', 'ń': 'n', 'ň': 'n',
	'ő': 'o', 'ř': 'r', 'ś': 's', 'ş': 's', 'ș': 's', 'ť': 't', 'ț': 't', 'ů': 'u', 'ű': 'u', 'ź': 'z', 'ż': 'z', 'ā': 'a', 'ē': 'e',
	'ī': 'i', 'ū': 'u', 'ă': 'a', 'ŕ': 'r', 'ĺ': 'l', 'ų': 'u', 'ė': 'e', 'į': 'i', 'ņ': 'n', 'ķ': 'k', 'ģ': 'g', 'ļ': 'l',
}

// latin writes a text in Windows code page 1252. A Latin letter it does not have
// loses its mark, anything else becomes a question mark. A text of which more
// than half of the letters would be question marks is refused: nobody could
// deliver it.
func latin(s string) (string, error) {
	var b strings.Builder
	lost, all := 0, 0
	for _, r := range printable(s) {
		if r != ' ' {
			all++
		}
		c, known := latin1252[r]
		switch {
		case r < 0x80 || r >= 0xa0 && r <= 0xff:
			b.WriteByte(byte(r))
		case known:
			b.WriteByte(c)
		case plainLetters[r] != 0:
			b.WriteByte(plainLetters[r])
		case plainLetters[unicode.ToLower(r)] != 0:
			b.WriteByte(plainLetters[unicode.ToLower(r)] - 'a' + 'A')
		default:
			b.WriteByte('?')
			lost++
		}
	}
	if lost*2 > all {
		return "", fmt.Errorf("%w: %.60q (%w)", ErrLabel, s, drivers.Coded(drivers.CodeLabelCharacter))
	}
	return b.String(), nil
}

// bars calls draw with the place and width of each bar of a linear symbol, in
// dots: what is drawn bar by bar does not hang on how a printer encodes.
func (e Element) bars(dot func(int) int, draw func(x, w int)) error {
	codes, err := e.codes()
	if err != nil {
		return err
	}
	x, m := dot(e.X), dot(e.Module)
	for i, w := range widths(codes) {
		if i%2 == 0 {
			draw(x, int(w)*m)
		}
		x += int(w) * m
	}
	return nil
}
