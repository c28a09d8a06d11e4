package link

import (
	"slices"
	"strings"

	"tote/gs1/ai"
	"tote/gs1/key"
)

// chained reports whether the elements of a path are a primary key and, in their
// order, qualifiers of one of its chains.
func chained(path []ai.Element) bool {
	names := make([]string, len(path))
	for i, e := range path {
		names[i] = e.AI
	}
	return fits(names)
}

func fits(names []string) bool {
	s, ok := ai.Lookup(names[0])
	if !ok || !s.Primary {
		return false
	}
	if len(names) == 1 {
		return true
	}
	return slices.ContainsFunc(s.Chains, func(chain []string) bool { return within(names[1:], chain) })
}

// within reports whether names is chain with some left out.
func within(names, chain []string) bool {
	for _, c := range chain {
		if len(names) > 0 && names[0] == c {
			names = names[1:]
		}
	}
	return len(names) == 0
}

// belongs reports whether an AI of the query would fit in the path as it is.
func (l *Link) belongs(name string) bool {
	names := make([]string, l.Path)
	for i, e := range l.Elements[:l.Path] {
		names[i] = e.AI
	}
	for i := 1; i <= len(names); i++ {
		if fits(slices.Insert(slices.Clone(names), i, name)) {
			return true
		}
	}
	return false
}

// unescape undoes percent escapes; in a query a plus is a space.
func unescape(text string, query bool) (string, bool) {
	if !strings.ContainsAny(text, "%+") {
		return text, true
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '+' && query:
			c = ' '
		case c == '%':
			if i+2 >= len(text) || !key.HexDigit(text[i+1]) || !key.HexDigit(text[i+2]) {
				return "", false
			}
			c = key.Unhex(text[i+1])<<4 | key.Unhex(text[i+2])
			i += 2
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// escape leaves alone what RFC 3986 calls unreserved.
func escape(b *strings.Builder, text string) {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
}
