package scale

import (
	"bytes"
	"errors"
	"fmt"
)

// The answers an SI question can get (MT-SICS level 0).
const (
	AnswerWeight     AnswerKind = iota // S S / S D with a weight
	AnswerNotReady                     // S I: not executable now
	AnswerOverload                     // S +
	AnswerUnderload                    // S -
	AnswerSyntax                       // ES: the scale does not know the question
	AnswerTransmit                     // ET: it came damaged (parity, baud rate)
	AnswerLogic                        // EL: it cannot be carried out as asked
	AnswerIrrelevant                   // a well-formed answer to something else (I4, Z, TA, K …)
)

// AnswerKind says what a line of the scale means.
type AnswerKind int

// Answer is one decoded line. The last three fields are set for AnswerWeight.
type Answer struct {
	Kind     AnswerKind
	Stable   bool
	Value    int64 // without the decimal point
	Decimals int   // 0..9
	Unit     string
}

// Limits of what is taken for a weight and for a line.
const (
	maxDigits   = 15 // fits an int64 with room for any unit
	maxDecimals = 9
	maxLine     = 64
)

var (
	// ErrLine: the line is no MT-SICS answer.
	ErrLine = errors.New("scale: not an MT-SICS answer")
	// ErrLong: no line end within 64 bytes.
	ErrLong = errors.New("scale: line too long")
)

// Ask is the question for the weight as it is now, settled or not.
const Ask = "SI\r\n"

// Parse decodes one line without its CR LF. It takes the spacing of all known
// makers (the weight stands right-justified in 10 characters, but not
// everybody keeps to it), a sign, and weights without a decimal point. It
// refuses anything else: a damaged line must not become another weight.
func Parse(line []byte) (Answer, error) {
	switch string(bytes.TrimRight(line, " ")) {
	case "ES":
		return Answer{Kind: AnswerSyntax}, nil
	case "ET":
		return Answer{Kind: AnswerTransmit}, nil
	case "EL":
		return Answer{Kind: AnswerLogic}, nil
	case "S I":
		return Answer{Kind: AnswerNotReady}, nil
	case "S +":
		return Answer{Kind: AnswerOverload}, nil
	case "S -":
		return Answer{Kind: AnswerUnderload}, nil
	}
	if len(line) > 4 && (bytes.HasPrefix(line, []byte("S S ")) || bytes.HasPrefix(line, []byte("S D "))) {
		a := Answer{Kind: AnswerWeight, Stable: line[2] == 'S'}
		if err := a.parseWeight(line[4:]); err != nil {
			return Answer{}, fmt.Errorf("%w: %q", err, line)
		}
		return a, nil
	}
	if irrelevant(line) {
		return Answer{Kind: AnswerIrrelevant}, nil
	}
	return Answer{}, fmt.Errorf("%w: %q", ErrLine, line)
}

// parseWeight reads `[sign] digits[.digits] unit` with any spaces between.
func (a *Answer) parseWeight(s []byte) error {
	s = bytes.Trim(s, " ")
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = bytes.TrimLeft(s[1:], " ")
	}
	digits, point, i := 0, false, 0
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			a.Value = a.Value*10 + int64(c-'0')
			digits++
			if point {
				a.Decimals++
			}
		case c == '.' && !point:
			point = true
		default:
			goto number
		}
		if digits > maxDigits || a.Decimals > maxDecimals {
			return ErrLine
		}
	}
number:
	unit := bytes.TrimLeft(s[i:], " ")
	if digits == 0 || len(unit) == 0 || len(unit) > 3 {
		return ErrLine
	}
	for _, c := range unit {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '%' {
			return ErrLine
		}
	}
	if negative {
		a.Value = -a.Value
	}
	a.Unit = string(unit)
	return nil
}

// irrelevant reports whether a line is an answer to another command of levels
// 0 and 1. "S" is not among them: a strange weight is damage, not other news.
func irrelevant(line []byte) bool {
	word, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(rest) == 0 || len(rest) > 1 && rest[1] != ' ' {
		return false
	}
	switch string(word) {
	case "I0", "I1", "I2", "I3", "I4", "D", "DW", "K", "T", "TA", "TAC", "TI", "Z", "ZI":
		return true
	}
	return false
}

// Framer cuts the byte stream into lines ended by LF; a CR before it is taken
// off. It is fed byte by byte or in lumps alike.
type Framer struct {
	line []byte
	long bool // throwing away until the next LF
}

// Push takes received bytes and calls line for each whole line, or with
// ErrLong once for each overlong one. Empty lines are skipped. The slice is
// valid during the call only.
func (f *Framer) Push(p []byte, line func([]byte, error)) {
	for _, c := range p {
		switch {
		case c == '\n':
			if !f.long {
				if l := bytes.TrimSuffix(f.line, []byte("\r")); len(l) > 0 {
					line(l, nil)
				}
			}
			f.line, f.long = f.line[:0], false
		case f.long:
		case len(f.line) == maxLine:
			f.long = true
			line(nil, ErrLong)
		default:
			f.line = append(f.line, c)
		}
	}
}

// Reset forgets a begun line.
func (f *Framer) Reset() { f.line, f.long = f.line[:0], false }
