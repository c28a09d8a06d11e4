package scale

import (
	"bytes"
	"errors"
)

// Limits of what is taken for a weight and for a line.
const (
	maxDigits   = 15 // fits an int64 with room for any unit
	maxDecimals = 9
	// MaxLine is the longest line a scale is heard with, in bytes.
	MaxLine = 64
)

var (
	// ErrFrame: the frame is not what this protocol sends.
	ErrFrame = errors.New("scale: not an answer of this protocol")
	// ErrLong: no line end within 64 bytes.
	ErrLong = errors.New("scale: line too long")
)

// Lines is the Framer of protocols in lines. They end with LF; a CR before it
// is taken off, and empty lines are skipped. With CR set a CR ends a line too.
type Lines struct {
	CR bool

	line []byte
	long bool // throwing away until the next end
}

// NewLines makes the Framer of lines that end with LF.
func NewLines() Framer { return &Lines{} }

// Push is Framer's. One ErrLong comes for each overlong line.
func (f *Lines) Push(p []byte, line func([]byte, error)) {
	for _, c := range p {
		switch {
		case c == '\n' || f.CR && c == '\r':
			if !f.long {
				if l := bytes.TrimSuffix(f.line, []byte("\r")); len(l) > 0 {
					line(l, nil)
				}
			}
			f.line, f.long = f.line[:0], false
		case f.long:
		case len(f.line) == MaxLine:
			f.long = true
			line(nil, ErrLong)
		default:
			f.line = append(f.line, c)
		}
	}
}

// Reset is Framer's.
func (f *Lines) Reset() { f.line, f.long = f.line[:0], false }

// Number reads `[sign] digits[.digits]` from the start of s, spaces in front
// and behind the sign allowed, and returns what follows. It fails on more than
// 15 digits or 9 decimals.
func Number(s []byte) (value int64, decimals int, rest []byte, ok bool) {
	s = bytes.TrimLeft(s, " ")
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = bytes.TrimLeft(s[1:], " ")
	}
	digits, point := 0, false
	for len(s) > 0 {
		switch c := s[0]; {
		case c >= '0' && c <= '9':
			value = value*10 + int64(c-'0')
			digits++
			if point {
				decimals++
			}
		case c == '.' && !point:
			point = true
		default:
			goto end
		}
		if digits > maxDigits || decimals > maxDecimals {
			return 0, 0, nil, false
		}
		s = s[1:]
	}
end:
	if digits == 0 {
		return 0, 0, nil, false
	}
	if negative {
		value = -value
	}
	return value, decimals, s, true
}

// UnitOf checks a unit of 1 to 3 letters or %; "" when it is none.
func UnitOf(s []byte) string {
	if len(s) == 0 || len(s) > 3 {
		return ""
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '%' {
			return ""
		}
	}
	return string(s)
}

// Weight reads a number and its unit, which fill s but for spaces, into a.
func (a *Answer) Weight(s []byte) error {
	value, decimals, rest, ok := Number(s)
	if !ok {
		return ErrFrame
	}
	unit := UnitOf(bytes.Trim(rest, " "))
	if unit == "" {
		return ErrFrame
	}
	a.Value, a.Decimals, a.Unit = value, decimals, unit
	return nil
}
