package scan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tote/gs1/ai"
	"tote/gs1/fault"
	"tote/gs1/key"
	"tote/gs1/link"
)

// Identifier says what to make of AIM identifiers.
type Identifier string

// Auto takes the identifier where one is sent and goes by rules where none is;
// it is the default. Require refuses data without one. Ignore cuts it off and
// goes by rules, for scanners that send wrong ones.
const (
	Auto    Identifier = "auto"
	Require Identifier = "require"
	Ignore  Identifier = "ignore"
)

// Separator says what a scanner makes of GS.
type Separator string

// Sent: GS or one of the substitutes stands where it must; the default. Dropped:
// the scanner leaves GS out, and what could be split in several ways is refused.
const (
	Sent    Separator = "sent"
	Dropped Separator = "dropped"
)

// DefaultMaxLength is more than any symbol holds: 7,089 digits in a QR Code.
const DefaultMaxLength = 8000

// Config is how a scanner is set up. The zero value is a scanner that does as
// ISO/IEC 15424 says, or sends nothing but data.
type Config struct {
	Identifier  Identifier
	Separator   Separator
	Substitutes []string // what the scanner sends for GS: "~", "<GS>"; GS itself always counts
	Prefix      string   // what it sends in front of everything, the identifier too
	Rules       []Rule   // tried on data without identifier; nil = all of them
	ShortGTIN   bool     // Digital Links may have GTINs of 8, 12 and 13 digits
	Strict      bool     // check also what is in lists that others keep; for verifying labels
	MaxLength   int      // characters; 0 = DefaultMaxLength
}

// Rules are the rules for data without identifier, in their order.
func Rules() []Rule {
	return []Rule{RuleBracketed, RuleFNC1, RuleSSCC, RuleGTIN, RuleDigits, RuleLink}
}

// Reader reads what one scanner sends.
type Reader struct {
	identifier Identifier
	dropped    bool
	replace    *strings.Replacer // nil = nothing to replace
	prefix     string
	rules      []Rule
	link       link.Options
	depth      ai.Depth
	maxLength  int
}

// New checks a configuration. Errors say what is wrong with it.
func New(c Config) (*Reader, error) {
	r := &Reader{identifier: c.Identifier, prefix: c.Prefix, rules: Rules(), depth: ai.Sound, maxLength: c.MaxLength}
	if r.identifier == "" {
		r.identifier = Auto
	}
	if !slices.Contains([]Identifier{Auto, Require, Ignore}, r.identifier) {
		return nil, fmt.Errorf("identifier %q: want auto, require or ignore", c.Identifier)
	}
	switch c.Separator {
	case "", Sent:
	case Dropped:
		r.dropped = true
	default:
		return nil, fmt.Errorf("separator %q: want sent or dropped", c.Separator)
	}
	var pairs []string
	for _, s := range c.Substitutes {
		// What values can hold would cut them apart. Brackets and the like
		// around a name are rare enough in them.
		if s == "" || len(s) > 8 || len(s) == 1 && strings.Contains(key.Set82+"#", s) || words.MatchString(s) {
			return nil, fmt.Errorf("substitute %q for GS: want up to 8 characters that no value can hold", s)
		}
		pairs = append(pairs, s, ai.GS)
	}
	if pairs != nil {
		r.replace = strings.NewReplacer(pairs...)
	}
	if strings.HasPrefix(c.Prefix, "]") || len(c.Prefix) > 16 {
		return nil, fmt.Errorf("prefix %q: want up to 16 characters; identifiers are understood without it", c.Prefix)
	}
	if c.Rules != nil {
		for _, rule := range c.Rules {
			if !slices.Contains(Rules(), rule) {
				return nil, fmt.Errorf("rule %q: want some of %q", rule, Rules())
			}
		}
		r.rules = slices.DeleteFunc(Rules(), func(rule Rule) bool { return !slices.Contains(c.Rules, rule) })
	}
	if c.Strict {
		r.depth = ai.Listed
	}
	if r.maxLength == 0 {
		r.maxLength = DefaultMaxLength
	}
	if r.maxLength < 0 || r.maxLength > DefaultMaxLength {
		return nil, fmt.Errorf("a longest scan of %d characters: want 1 to %d", r.maxLength, DefaultMaxLength)
	}
	r.link = link.Options{ShortGTIN: c.ShortGTIN, Depth: r.depth}
	return r, nil
}

// words matches what may well stand in a lot or serial number.
var words = regexp.MustCompile(`^[0-9A-Za-z]+$`)

// separated puts GS where the scanner sends something else for it.
func (r *Reader) separated(data string) string {
	if r.replace == nil {
		return data
	}
	return r.replace.Replace(data)
}

// elements reads an element string as this scanner sends it.
func (r *Reader) elements(data string) ([]ai.Element, error) {
	if data == "" {
		return nil, fault.Empty
	}
	data = r.separated(data)
	if r.dropped {
		return ai.ParseUnseparated(data, r.depth)
	}
	return ai.Parse(data, r.depth)
}

// Bare takes off a barcode what this scanner puts in front: its prefix, and an
// identifier that is not believed.
func (r *Reader) Bare(barcode string) string {
	barcode = strings.TrimPrefix(barcode, r.prefix)
	if r.identifier != Ignore || !strings.HasPrefix(barcode, "]") {
		return barcode
	}
	if _, data, err := cutIdentifier(barcode); err == nil {
		return data
	}
	return barcode
}
