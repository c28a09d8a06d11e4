package ai

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tote/gs1/fault"
)

// Associate tells which AIs lack another that must stand on the same item, and
// which may not stand together: all of it, joined, or nil. It is for labels we
// print. The rules hold over all barcodes of an item, so data from one scan
// breaks them with good reason. Errors: Missing and Excluded of package fault.
func Associate(elements []Element) error {
	var all []error
	for i, e := range elements {
		s, ok := Lookup(e.AI)
		if !ok || slices.ContainsFunc(elements[:i], func(f Element) bool { return f.AI == e.AI }) {
			continue
		}
		for _, any := range s.needs {
			if !slices.ContainsFunc(any, func(together []string) bool { return hasAll(elements, together) }) {
				all = append(all, fmt.Errorf("(%s) needs %s: %w", e.AI, spell(any), fault.Missing))
			}
		}
		for _, pattern := range s.excludes {
			for j, f := range elements {
				// Of two that exclude each other the pair is told once.
				if f.AI != e.AI && matches(pattern, f.AI) && (j > i || !excludes(f.AI, e.AI)) {
					all = append(all, fmt.Errorf("(%s) and (%s): %w", e.AI, f.AI, fault.Excluded))
				}
			}
		}
	}
	return errors.Join(all...)
}

func hasAll(elements []Element, together []string) bool {
	for _, pattern := range together {
		if !slices.ContainsFunc(elements, func(e Element) bool { return matches(pattern, e.AI) }) {
			return false
		}
	}
	return true
}

// excludes reports whether the row of ai excludes other.
func excludes(ai, other string) bool {
	s, ok := Lookup(ai)
	return ok && slices.ContainsFunc(s.excludes, func(pattern string) bool { return matches(pattern, other) })
}

// matches reports whether ai fits a pattern: n stands for any digit.
func matches(pattern, ai string) bool {
	if len(pattern) != len(ai) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != 'n' && pattern[i] != ai[i] {
			return false
		}
	}
	return true
}

// spell writes alternatives for people: "(01) with (21), or (02)".
func spell(any [][]string) string {
	words := make([]string, len(any))
	for i, together := range any {
		words[i] = "(" + strings.Join(together, ") with (") + ")"
	}
	return strings.Join(words, ", or ")
}
