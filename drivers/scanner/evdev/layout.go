package evdev

import "fmt"

// Layout is the keyboard a scanner is set to be.
type Layout string

// The layouts.
const (
	US Layout = "us"
	DE Layout = "de"
)

// Layouts lists them.
func Layouts() []Layout { return []Layout{US, DE} }

// Codes of keys with a meaning of their own.
const (
	keyEnter   = 28
	keyCtrlL   = 29
	keyShiftL  = 42
	keyShiftR  = 54
	keyAltL    = 56
	keySpace   = 57
	keyCaps    = 58
	keyF8      = 66
	keyNumLock = 69
	keyKPEnter = 96
	keyCtrlR   = 97
	keyAltGr   = 100
	keyBracket = 27 // ] of the US layout
)

// key is what a key types: alone, with shift, with AltGr; 0 = nothing.
type key struct{ plain, shift, altgr rune }

// rows are the places of the keys, from their first code on, as both layouts have
// them on the board.
var rows = []struct {
	from uint16
	us   string // plain and shift in turn
	de   string
}{
	{2, `1!2@3#4$5%6^7&8*9(0)-_=+`, `1!2"3§4$5%6&7/8(9)0=ß?`},
	{16, `qQwWeErRtTyYuUiIoOpP[{]}`, `qQwWeErRtTzZuUiIoOpPüÜ+*`},
	{30, "aAsSdDfFgGhHjJkKlL;:'\"`~", `aAsSdDfFgGhHjJkKlLöÖäÄ`},
	{43, `\|zZxXcCvVbBnNmM,<.>/?`, `#'yYxXcCvVbBnNmM,;.:-_`},
	{86, `<>`, `<>`},
}

// keypad are the digits of the keypad, which scanners type codes with.
var keypad = map[uint16]rune{
	71: '7', 72: '8', 73: '9', 75: '4', 76: '5', 77: '6', 79: '1', 80: '2', 81: '3', 82: '0',
	74: '-', 78: '+', 55: '*', 98: '/', 83: '.',
}

// deAltGr and deDead are what else German keys do. A dead key types its character
// when the space bar follows.
var (
	deAltGr = map[uint16]rune{3: '²', 4: '³', 8: '{', 9: '[', 10: ']', 11: '}', 12: '\\', 16: '@', 18: '€', 27: '~', 50: 'µ', 86: '|'}
	deDead  = map[uint16]key{13: {'´', '`', 0}, 41: {'^', 0, 0}}
)

// board is a layout ready for use.
type board struct {
	keys map[uint16]key
	dead map[uint16]key
}

func boardOf(l Layout) (board, error) {
	b := board{keys: map[uint16]key{keySpace: {' ', ' ', 0}}, dead: map[uint16]key{}}
	for _, row := range rows {
		text := row.us
		switch l {
		case US:
		case DE:
			text = row.de
		default:
			return board{}, fmt.Errorf("evdev: layout %q, want one of %v", l, Layouts())
		}
		chars := []rune(text)
		for i := 0; i+1 < len(chars); i += 2 {
			b.keys[row.from+uint16(i/2)] = key{chars[i], chars[i+1], 0}
		}
	}
	if l == DE {
		b.keys[41] = key{0, '°', 0}
		for code, r := range deAltGr {
			k := b.keys[code]
			k.altgr = r
			b.keys[code] = k
		}
		b.dead = deDead
	}
	return b, nil
}
