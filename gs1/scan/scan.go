// Package scan reads what barcode scanners send: AIM symbology identifiers, GS1
// data behind them with its separators, Digital Links, and, where a scanner
// leaves identifier or separators out, what can still be told without guessing.
// How a scanner is set up is its [Config].
//
// It is a pure library: no state, no clock, no I/O; a Reader may be used by any
// number of goroutines. References: ISO/IEC 15424 for the AIM identifiers; GS1
// General Specifications, sections 5 and 7.
package scan

import (
	"fmt"
	"strings"

	"tote/gs1/ai"
	"tote/gs1/fault"
	"tote/gs1/key"
	"tote/gs1/link"
)

// Rule says how the data came to be read as it was; for the log.
type Rule string

// The rules, in the order they are tried.
const (
	RuleIdentifier Rule = "identifier" // the AIM identifier said so
	RuleBracketed  Rule = "bracketed"  // "(01)…"
	RuleFNC1       Rule = "fnc1"       // no identifier, but the first FNC1 sent as GS
	RuleSSCC       Rule = "00+18"      // no identifier: 00 and 18 digits with good check digit
	RuleGTIN       Rule = "01+14"      // no identifier: 01 and 14 digits with good check digit
	RuleDigits     Rule = "digits"     // no identifier: a bare GTIN
	RuleLink       Rule = "link"       // a GS1 Digital Link
	RulePlain      Rule = "plain"      // nothing of the above: text
)

// Scan is what a barcode says: either Elements or, when it is not GS1 data,
// Text.
type Scan struct {
	Symbology string // AIM identifier with the bracket ("]C1"), "" when none was sent
	Text      string // data when not GS1
	Elements  []ai.Element
	Rule      Rule
}

// Value returns the value of the first element with this AI.
func (s Scan) Value(name string) (string, bool) { return ai.Value(s.Elements, name) }

// GTIN returns the 14 digits of AI 01.
func (s Scan) GTIN() (string, bool) { return s.Value("01") }

// SSCC returns the 18 digits of AI 00.
func (s Scan) SSCC() (string, bool) { return s.Value("00") }

// Canonical spells the scan in the one form every reader of GS1 data
// understands, whatever the scanner made of it: behind "]C1" with the separators
// where they belong. Text comes as it was scanned.
func (s Scan) Canonical() string {
	if len(s.Elements) == 0 {
		return s.Symbology + s.Text
	}
	var b strings.Builder
	b.WriteString("]C1")
	for i, e := range s.Elements {
		b.WriteString(e.AI + e.Value)
		if i < len(s.Elements)-1 && ai.NeedsSeparator(e.AI) {
			b.WriteString(ai.GS)
		}
	}
	return b.String()
}

// made is a scan from what was read.
func made(symbology string, rule Rule, elements []ai.Element, err error) (Scan, error) {
	if err != nil {
		return Scan{Symbology: symbology}, err
	}
	return Scan{Symbology: symbology, Elements: elements, Rule: rule}, nil
}

// Read reads what a scanner sent. Data that is not GS1 is returned as Text and no
// error. Errors are for GS1 data that is broken, for what a scanner must not
// send, and for an empty barcode; those of [ai.Parse] and [link.Parse], and
// Identifier, NoIdentifier, Control and TooLong of package fault. Missing
// associations between AIs are no error: the rest of the data may stand on
// another symbol.
//
// Bare digits may be taken for a GTIN by chance (one number in ten has a good
// check digit), so a caller with codes of its own compares the raw barcode with
// those first, or takes RuleDigits out of the rules.
func (r *Reader) Read(barcode string) (Scan, error) {
	if len(barcode) > r.maxLength {
		return Scan{}, fmt.Errorf("%d characters: %w", len(barcode), fault.TooLong)
	}
	barcode = strings.TrimPrefix(barcode, r.prefix)
	if barcode == "" {
		return Scan{}, fault.Empty
	}
	if err := clean(r.separated(barcode)); err != nil {
		return Scan{}, err
	}
	if barcode[0] != ']' {
		if r.identifier == Require {
			return Scan{}, fault.NoIdentifier
		}
		return r.guess(barcode)
	}
	id, data, err := cutIdentifier(barcode)
	if err != nil {
		return Scan{}, err
	}
	if r.identifier == Ignore {
		if data == "" {
			return Scan{}, fault.Empty
		}
		return r.guess(data) // what is not believed is not told
	}
	return r.identified(id, data)
}

// identified reads data behind an AIM identifier.
func (r *Reader) identified(id, data string) (Scan, error) {
	switch kind := kindOf(id); {
	case kind == kindGS1:
		elements, err := r.elements(data)
		return made(id, RuleIdentifier, elements, err)
	case kind == kindEAN13:
		elements, err := ean(data, 13, r.depth, r.elements)
		return made(id, RuleIdentifier, elements, err)
	case kind == kindEAN8:
		elements, err := ean(data, 8, r.depth, r.elements)
		return made(id, RuleIdentifier, elements, err)
	case kind == kindITF && len(data) == 14 && key.ValidKey(data):
		// ITF-14 has no identifier of its own. Interleaved 2 of 5 with
		// something else in it stays text.
		return made(id, RuleDigits, []ai.Element{{AI: "01", Value: data}}, nil)
	}
	if s, ok, err := r.web(id, data); ok {
		return s, err
	}
	return plain(id, data)
}

// guess reads data without an identifier.
func (r *Reader) guess(data string) (Scan, error) {
	for _, rule := range r.rules {
		var elements []ai.Element
		var err error
		ok := false
		switch rule {
		case RuleBracketed:
			elements, ok, err = ai.ParseBracketed(data, r.depth)
		case RuleFNC1:
			var rest string
			if rest, ok = strings.CutPrefix(r.separated(data), ai.GS); ok {
				elements, err = r.elements(rest)
			}
		case RuleSSCC:
			elements, ok, err = r.leading(data, "00", 18)
		case RuleGTIN:
			elements, ok, err = r.leading(data, "01", 14)
		case RuleDigits:
			if ok = key.ValidGTIN(data); ok {
				elements = []ai.Element{{AI: "01", Value: strings.Repeat("0", 14-len(data)) + data}}
			}
		case RuleLink:
			var s Scan
			if s, ok, err = r.web("", data); ok && err == nil {
				return s, nil
			}
		}
		if ok {
			return made("", rule, elements, err)
		}
	}
	return plain("", data)
}

// plain is text. A substitute for GS may be a control character, in text it is
// one too many.
func plain(id, data string) (Scan, error) {
	if err := clean(data); err != nil {
		return Scan{Symbology: id}, err
	}
	return Scan{Symbology: id, Text: data, Rule: RulePlain}, nil
}

// clean refuses control characters; GS may stand in text too.
func clean(data string) error {
	for i := range len(data) {
		if c := data[i]; (c < ' ' || c == 0x7f) && c != ai.GS[0] {
			return fmt.Errorf("at %d: %#02x: %w", i, c, fault.Control)
		}
	}
	return nil
}

// leading reads data that begins like GS1 data: an AI and n digits with a good
// check digit. Where what follows is none, that was by chance.
func (r *Reader) leading(data, name string, n int) ([]ai.Element, bool, error) {
	if !leads(data, name, n) {
		return nil, false, nil
	}
	elements, err := r.elements(data)
	if byChance(err) && !strings.Contains(r.separated(data), ai.GS) {
		return nil, false, nil
	}
	return elements, true, err
}

// web reads a Digital Link; ok is false for any other text, other addresses too.
func (r *Reader) web(id, data string) (Scan, bool, error) {
	if !link.IsWeb(data) {
		return Scan{}, false, nil
	}
	l, err := link.Parse(data, r.link)
	if notGS1(err) {
		return Scan{}, false, nil
	}
	s, err := made(id, RuleLink, l.Elements, err)
	return s, true, err
}
