package ai

import (
	"fmt"
	"strings"

	"tote/gs1/fault"
	"tote/gs1/key"
)

// ElementString writes elements in the order given as a scanner sends them
// behind a GS1 identifier: a GS after each value that needs one, none at the
// end. Every value is checked; the errors are those of [Parse].
func ElementString(elements []Element, depth Depth) (string, error) {
	if len(elements) == 0 {
		return "", fault.Empty
	}
	if _, err := Distinct(elements, depth); err != nil {
		return "", err
	}
	var b strings.Builder
	for i, e := range elements {
		if err := Check(e, depth); err != nil {
			return "", err
		}
		b.WriteString(e.AI)
		b.WriteString(e.Value)
		if i < len(elements)-1 && NeedsSeparator(e.AI) {
			b.WriteString(GS)
		}
	}
	return b.String(), nil
}

// Bracketed writes elements for people, as "(00)106141412345678908". A bracket
// inside a value gets a backslash before it, so that ParseBracketed can read the result.
// Nothing is checked.
func Bracketed(elements []Element) string {
	var b strings.Builder
	for _, e := range elements {
		b.WriteString("(" + e.AI + ")" + strings.ReplaceAll(e.Value, "(", `\(`))
	}
	return b.String()
}

// ParseBracketed reads the form written by Bracketed. ok is false when the text
// does not begin like it: "(", two to four digits, ")".
func ParseBracketed(text string, depth Depth) (elements []Element, ok bool, err error) {
	if _, _, ok := leadingAI(text); !ok {
		return nil, false, nil
	}
	for rest := text; rest != ""; {
		ai, after, ok := leadingAI(rest)
		if !ok {
			return nil, true, fmt.Errorf("at %d: %w", len(text)-len(rest), fault.Brackets)
		}
		var value string
		value, rest = untilBracket(after)
		s, known := Lookup(ai)
		switch {
		case !known:
			return nil, true, fmt.Errorf("(%s): %w", ai, fault.UnknownAI)
		case value == "":
			return nil, true, fmt.Errorf("(%s): %w", ai, fault.EmptyValue)
		}
		if err := s.check(ai, value, depth); err != nil {
			return nil, true, err
		}
		elements = append(elements, Element{ai, value})
	}
	elements, err = Distinct(elements, depth)
	return elements, true, err
}

// leadingAI splits "(nn)rest".
func leadingAI(text string) (ai, rest string, ok bool) {
	if !strings.HasPrefix(text, "(") {
		return "", "", false
	}
	ai, rest, ok = strings.Cut(text[1:], ")")
	if !ok || len(ai) < 2 || len(ai) > 4 || !key.Digits(ai) {
		return "", "", false
	}
	return ai, rest, true
}

// untilBracket returns the value up to the next bracket without a backslash
// before it, and the rest from that bracket on. The backslash itself is in no
// GS1 character set, so nothing else needs one.
func untilBracket(text string) (value, rest string) {
	for i := 0; i < len(text); i++ {
		if text[i] == '(' && (i == 0 || text[i-1] != '\\') {
			return strings.ReplaceAll(text[:i], `\(`, "("), text[i:]
		}
	}
	return strings.ReplaceAll(text, `\(`, "("), ""
}
