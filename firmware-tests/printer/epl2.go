package printer

import (
	"strings"
)

// epl2 takes EPL2: one command a line. N begins a label, P prints it. An error
// is told by the next ^ee and then forgotten.
type epl2 struct {
	c     *channel
	line  []byte
	skip  bool
	begun bool
	image image
	err   string // two digits, "" = none
}

func newEPL2(c *channel) *epl2 { return &epl2{c: c} }

func (e *epl2) partial() bool { return e.begun }

func (e *epl2) write(b []byte) {
	for _, c := range b {
		switch {
		case c == '\n':
			if !e.skip {
				e.run(strings.TrimRight(string(e.line), "\r"))
			}
			e.line, e.skip = e.line[:0], false
		case len(e.line) == maxLine:
			e.skip, e.err = true, "04"
		default:
			e.line = append(e.line, c)
		}
	}
}

func (e *epl2) run(l string) {
	if l == "^ee" {
		if s, ok := e.c.status(); ok {
			e.c.say([]byte(s.eplCode(e.err) + "\r\n"))
			e.err = ""
		}
		return
	}
	if l == "" {
		return
	}
	name, rest := l[:1], l[1:]
	if strings.HasPrefix(l, "LO") {
		name, rest = "LO", l[2:]
	}
	args, data, ok := arguments(rest, unquoteEPL)
	switch {
	case !ok:
		e.err = "01"
	case name == "N" && rest == "":
		e.image, e.begun = image{length: e.image.length}, true
	case name == "A" && len(args) == 8 && data != nil:
		e.image.texts = append(e.image.texts, fromLatin(*data))
	case name == "LO" && len(args) == 4:
		r := rectOf(args)
		if r.x+r.w > 900 {
			e.err = "02"
		}
		e.image.rects = append(e.image.rects, r)
	case name == "Q" && len(args) >= 1:
		e.image.length = number(args[0], 1, 9999, 0)
	case name == "P":
		e.begun = false
		e.c.p.receive(e.image.format(number(arg(args, 0, "1"), 1, 9999, 1)))
	case name == "q", name == "I":
	default:
		e.err = "01"
	}
}

// eplCode is the answer to ^ee.
func (s status) eplCode(err string) string {
	switch {
	case s.headOpen:
		return "11"
	case s.paperOut, s.ribbonOut:
		return "07"
	case s.jam:
		return "84"
	case s.paused, s.waiting:
		return "12"
	case err != "":
		return err
	case s.busy:
		return "50"
	}
	return "00"
}

// unquoteEPL reads up to the closing quote; a backslash escapes a quote and
// itself.
func unquoteEPL(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// fromLatin reads code page 1252 as far as it is Latin 1; the rest is told as
// the raised caret and question marks.
func fromLatin(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == 0x88:
			b.WriteRune('ˆ')
		case c == 0x80:
			b.WriteRune('€')
		case c < 0x80 || c >= 0xa0:
			b.WriteRune(rune(c))
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}
