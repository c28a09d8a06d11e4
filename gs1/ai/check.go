package ai

import (
	"fmt"

	"tote/gs1/fault"
	"tote/gs1/key"
)

// Depth says how deep values are checked.
type Depth uint8

const (
	// Frozen checks formats, check digits and dates: what the state machine of
	// a site has checked from its first day. Logs of any age are read with it,
	// so it never grows.
	Frozen Depth = iota
	// Sound checks all that a value decides by itself, so check characters,
	// account numbers and coupons too. Scans are read with it.
	Sound
	// Listed checks also the lists that others keep: countries, currencies,
	// media and package types. What we print is checked with it; a scan is
	// not, since a new country must not stop a pallet.
	Listed
)

// Element is one application identifier with its value, without brackets and
// separators.
type Element struct{ AI, Value string }

// Check tests one element. Errors: UnknownAI, EmptyValue, Length, Charset,
// CheckDigit, Date, Content, Code of package fault.
func Check(e Element, depth Depth) error {
	s, err := lookup(e.AI)
	if err != nil {
		return err
	}
	if e.Value == "" {
		return fmt.Errorf("(%s): %w", e.AI, fault.EmptyValue)
	}
	return s.check(e.AI, e.Value, depth)
}

// shown is a value as it stands in the text of an error: never longer than a
// line, however long the value is.
func shown(value string, depth Depth) string {
	if depth == Frozen || len(value) <= maxShown {
		return value
	}
	return value[:maxShown] + "…"
}

const maxShown = 100

// check tests value against the components of its AI.
func (s *Spec) check(ai, value string, depth Depth) error {
	rest := value
	for i := range s.components {
		c := &s.components[i]
		if rest == "" && c.optional {
			break
		}
		n := min(len(rest), c.max)
		if n < c.min {
			return fmt.Errorf("(%s)%s: %w", ai, shown(value, depth), fault.Length)
		}
		part := rest[:n]
		rest = rest[n:]
		for i := range len(part) {
			if !key.InSet(c.class, part[i]) {
				return fmt.Errorf("(%s)%s: character %q: %w", ai, shown(value, depth), part[i], fault.Charset)
			}
		}
		for _, l := range c.checks {
			if l.depth <= depth && !l.ok(part) {
				return fmt.Errorf("(%s)%s: %s: %w", ai, shown(value, depth), l.name, l.fault)
			}
		}
	}
	if rest != "" {
		return fmt.Errorf("(%s)%s: %w", ai, shown(value, depth), fault.Length)
	}
	return nil
}
