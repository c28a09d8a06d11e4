package gs1

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// gs is how every FNC1 but the first arrives from a scanner.
const gs = "\x1d"

// Element is one application identifier with its value, without brackets and
// separators.
type Element struct{ AI, Value string }

// Rule says how Parse came to read the data as it did; for the log.
type Rule string

// The rules, in the order they are tried.
const (
	RuleIdentifier Rule = "identifier" // the AIM identifier said so
	RuleBracketed  Rule = "bracketed"  // "(01)…"
	RuleSSCC       Rule = "00+18"      // no identifier: 00 and 18 digits with good check digit
	RuleGTIN       Rule = "01+14"      // no identifier: 01 and 14 digits with good check digit
	RuleDigits     Rule = "digits"     // no identifier: a bare GTIN
	RulePlain      Rule = "plain"      // nothing of the above: text
)

// Scan is what a barcode says: either Elements or, when it is not GS1 data,
// Text.
type Scan struct {
	Symbology string // AIM identifier with the bracket ("]C1"), "" when none was sent
	Text      string // data when not GS1
	Elements  []Element
	Rule      Rule
}

// Value returns the value of the first element with this AI.
func (s Scan) Value(ai string) (string, bool) {
	for _, e := range s.Elements {
		if e.AI == ai {
			return e.Value, true
		}
	}
	return "", false
}

// GTIN returns the 14 digits of AI 01.
func (s Scan) GTIN() (string, bool) { return s.Value("01") }

// SSCC returns the 18 digits of AI 00.
func (s Scan) SSCC() (string, bool) { return s.Value("00") }

// Parse reads what a scanner sent. The AIM identifier decides how; without one
// the rules are tried in the order of the Rule constants. Bare digits may be
// taken for a GTIN by chance (one number in ten has a good check digit), so a
// caller with codes of its own compares the raw barcode with those first.
//
// Data that is not GS1 is returned as Text and no error. Errors are for GS1
// data that is broken, for an identifier that does not exist and for an empty
// barcode. Missing associations between AIs are no error: the rest of the data
// may stand on another symbol.
func Parse(barcode string) (Scan, error) {
	if barcode == "" {
		return Scan{}, ErrEmpty
	}
	if barcode[0] == ']' {
		return parseIdentified(barcode)
	}
	if elements, ok, err := parseBracketed(barcode); ok {
		return scan("", RuleBracketed, elements, err)
	}
	for _, lead := range []struct {
		ai   string
		n    int
		rule Rule
	}{{"00", 18, RuleSSCC}, {"01", 14, RuleGTIN}} {
		if !strings.HasPrefix(barcode, lead.ai) || len(barcode) < 2+lead.n || !ValidKey(barcode[2:2+lead.n]) {
			continue
		}
		elements, err := parseElements(barcode)
		if errors.Is(err, ErrUnknownAI) && !strings.Contains(barcode, gs) {
			break // a good check digit by chance: what follows is no GS1 data
		}
		return scan("", lead.rule, elements, err)
	}
	if ValidGTIN(barcode) {
		gtin, err := GTIN14(barcode)
		return scan("", RuleDigits, []Element{{"01", gtin}}, err)
	}
	return Scan{Text: barcode, Rule: RulePlain}, nil
}

func scan(symbology string, rule Rule, elements []Element, err error) (Scan, error) {
	if err != nil {
		return Scan{Symbology: symbology}, err
	}
	return Scan{Symbology: symbology, Elements: elements, Rule: rule}, nil
}

// parseIdentified reads data behind an AIM identifier: bracket, code letter,
// modifier.
func parseIdentified(barcode string) (Scan, error) {
	if len(barcode) < 3 || !asciiLetter(barcode[1]) || !hexDigit(barcode[2]) {
		return Scan{}, fmt.Errorf("%q: %w", barcode, ErrIdentifier)
	}
	id, data := barcode[:3], barcode[3:]
	switch id {
	case "]C1", "]e0", "]d2", "]Q3", "]J1":
		elements, err := parseElements(data)
		return scan(id, RuleIdentifier, elements, err)
	case "]E0":
		elements, err := parseEAN(data, 13)
		return scan(id, RuleIdentifier, elements, err)
	case "]E4":
		elements, err := parseEAN(data, 8)
		return scan(id, RuleIdentifier, elements, err)
	case "]I0", "]I1", "]I3":
		// ITF-14 has no identifier of its own. Interleaved 2 of 5 with
		// something else in it stays text.
		if len(data) == 14 && ValidKey(data) {
			return scan(id, RuleDigits, []Element{{"01", data}}, nil)
		}
	}
	return Scan{Symbology: id, Text: data, Rule: RulePlain}, nil
}

// parseEAN reads the n digits of an EAN/UPC symbol and the composite component
// that may follow as "|]e0…".
func parseEAN(data string, n int) ([]Element, error) {
	digits, composite, more := strings.Cut(data, "|]e0")
	if len(digits) != n {
		return nil, fmt.Errorf("EAN %q: %w", digits, ErrLength)
	}
	gtin, err := GTIN14(digits)
	if err != nil {
		return nil, err
	}
	elements := []Element{{"01", gtin}}
	if !more {
		return elements, nil
	}
	rest, err := parseElements(composite)
	if err != nil {
		return nil, err
	}
	return checkRepeats(slices.Concat(elements, rest))
}

// parseElements splits an element string. A separator after a value of
// pre-defined length and one at the end are allowed.
func parseElements(data string) ([]Element, error) {
	if data == "" {
		return nil, ErrEmpty
	}
	var elements []Element
	for rest := data; rest != ""; {
		if rest[0] == gs[0] {
			return nil, fmt.Errorf("at %d: %w", len(data)-len(rest), ErrSeparator)
		}
		ai, s, ok := findAI(rest)
		if !ok {
			return nil, fmt.Errorf("at %d, %q: %w", len(data)-len(rest), rest[:min(4, len(rest))], ErrUnknownAI)
		}
		rest = rest[len(ai):]
		value, after, _ := strings.Cut(rest, gs)
		if s.fixed && len(value) > s.max {
			value, after = rest[:s.max], rest[s.max:]
		}
		switch {
		case value == "":
			return nil, fmt.Errorf("(%s): %w", ai, ErrEmptyValue)
		case len(value) > s.max:
			return nil, fmt.Errorf("(%s)%s: %w", ai, value, ErrSeparatorLost)
		}
		if err := checkValue(ai, s, value); err != nil {
			return nil, err
		}
		elements = append(elements, Element{ai, value})
		rest = after
	}
	return checkRepeats(elements)
}

// checkRepeats allows the same AI twice only with the same value.
func checkRepeats(elements []Element) ([]Element, error) {
	for i, e := range elements {
		for _, f := range elements[:i] {
			if e.AI == f.AI && e.Value != f.Value {
				return nil, fmt.Errorf("(%s)%s and %s: %w", e.AI, f.Value, e.Value, ErrRepeated)
			}
		}
	}
	return elements, nil
}

func asciiLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }
