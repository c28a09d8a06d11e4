package ai

import (
	"fmt"
	"strings"

	"tote/gs1/fault"
)

// GS is how every FNC1 but the first arrives from a scanner.
const GS = "\x1d"

// Parse splits an element string. A separator after a value of pre-defined
// length and one at the end are allowed; missing associations between AIs are no
// error, since the rest of the data may stand on another symbol ([Associate]).
// Errors: those of [Check], Empty, Separator, SeparatorLost and Repeated of
// package fault.
func Parse(data string, depth Depth) ([]Element, error) {
	if data == "" {
		return nil, fault.Empty
	}
	elements := make([]Element, 0, 4)
	for rest := data; rest != ""; {
		if rest[0] == GS[0] {
			return nil, fmt.Errorf("at %d: %w", len(data)-len(rest), fault.Separator)
		}
		ai, s, ok := Find(rest)
		if !ok {
			return nil, fmt.Errorf("at %d, %q: %w", len(data)-len(rest), rest[:min(4, len(rest))], fault.UnknownAI)
		}
		rest = rest[len(ai):]
		value, after := rest, ""
		if s.Fixed && len(rest) > s.Max && strings.IndexByte(rest[:s.Max], GS[0]) < 0 && rest[s.Max] != GS[0] {
			value, after = rest[:s.Max], rest[s.Max:]
		} else if end := strings.IndexByte(rest, GS[0]); end >= 0 {
			value, after = rest[:end], rest[end+1:]
		}
		switch {
		case value == "":
			return nil, fmt.Errorf("(%s): %w", ai, fault.EmptyValue)
		case len(value) > s.Max:
			return nil, fmt.Errorf("(%s)%s: %w", ai, shown(value, depth), fault.SeparatorLost)
		}
		if err := s.check(ai, value, depth); err != nil {
			return nil, err
		}
		elements = append(elements, Element{ai, value})
		rest = after
	}
	return Distinct(elements, depth)
}

// Distinct allows the same AI twice only with the same value.
func Distinct(elements []Element, depth Depth) ([]Element, error) {
	for i, e := range elements {
		for _, f := range elements[:i] {
			if e.AI == f.AI && e.Value != f.Value {
				return nil, fmt.Errorf("(%s)%s and %s: %w", e.AI, shown(f.Value, depth), shown(e.Value, depth), fault.Repeated)
			}
		}
	}
	return elements, nil
}

// Value returns the value of the first element with this AI.
func Value(elements []Element, ai string) (string, bool) {
	for _, e := range elements {
		if e.AI == ai {
			return e.Value, true
		}
	}
	return "", false
}

// MaxUnseparated is how long data from a scanner that drops separators may be;
// each place in it is tried.
const MaxUnseparated = 512

// ParseUnseparated splits an element string whose separators were lost. Only
// data that can be split in a single way is accepted: (10)ABC17 may be a lot
// ABC17, or a lot ABC and the beginning of a date, and nobody can tell which.
// Errors: SeparatorLost when there are several ways, else those of [Parse].
func ParseUnseparated(data string, depth Depth) ([]Element, error) {
	if data == "" {
		return nil, fault.Empty
	}
	if len(data) > MaxUnseparated {
		return nil, fmt.Errorf("%d characters: %w", len(data), fault.TooLong)
	}
	// ways counts how data from a place on can be split, to two; next is the
	// length of the value that leads on.
	ways, next := make([]uint8, len(data)+1), make([]int, len(data))
	ways[len(data)] = 1
	for at := len(data) - 1; at >= 0; at-- {
		ai, s, ok := Find(data[at:])
		if !ok {
			continue
		}
		from := at + len(ai)
		for n := s.Min; n <= min(s.Max, len(data)-from) && ways[at] < 2; n++ {
			end := from + n
			if end < len(data) && data[end] == GS[0] {
				end++
			}
			if ways[end] > 0 && s.check(ai, data[from:from+n], depth) == nil {
				ways[at] = min(2, ways[at]+ways[end])
				next[at] = n
			}
		}
	}
	switch ways[0] {
	case 0:
		return Parse(data, depth) // which says what is wrong with it, whatever the separators are
	case 2:
		return nil, fmt.Errorf("%s: it can be split in several ways: %w", shown(data, depth), fault.SeparatorLost)
	}
	var elements []Element
	for at := 0; at < len(data); {
		ai, _, _ := Find(data[at:])
		from := at + len(ai)
		elements = append(elements, Element{ai, data[from : from+next[at]]})
		if at = from + next[at]; at < len(data) && data[at] == GS[0] {
			at++
		}
	}
	return Distinct(elements, depth)
}
