package epc

import (
	"fmt"
	"strconv"

	"tote/gs1/fault"
	"tote/gs1/key"
)

// check holds the parts of a pure identity to the rules of its scheme.
func (e EPC) check() error {
	l := layoutOf(e.Scheme)
	why := ""
	switch {
	case l.name == "":
		return fmt.Errorf("EPC scheme %.20q: %w", e.Scheme, fault.EPC)
	case e.Scheme == GID:
		if !number(e.Prefix, gidManager) || !number(e.Reference, gidClass) {
			why = "manager and class are numbers without leading zeros, below 2^28 and 2^24"
		}
	case e.Scheme == USDOD, e.Scheme == ADI:
		if !validCAGE(e.Prefix) {
			why = "a CAGE or DoDAAC has five or six capitals and digits, without I and O"
		} else if e.Scheme == ADI && !isWord(partWords, e.Reference, 0, partMax) {
			why = "a part has up to 32 capitals, digits, - and /"
		}
	case len(e.Prefix) < 6 || len(e.Prefix) > 12 || !key.Digits(e.Prefix):
		why = "a company prefix has 6 to 12 digits"
	default:
		why = l.checkReference(e.Prefix, e.Reference)
	}
	if why == "" && l.parts&hasPieces != 0 && !(len(e.Piece) == 2 && len(e.Total) == 2 && key.Digits(e.Piece+e.Total)) {
		why = "piece and total have two digits each"
	}
	if why == "" {
		why = l.last.check(e.Serial)
	}
	if why != "" {
		return fmt.Errorf("%s: %s: %w", e.Scheme, why, fault.EPC)
	}
	return nil
}

func (l *identity) checkReference(prefix, ref string) string {
	switch {
	case l.sum > 0:
		if len(prefix)+len(ref) != l.sum || !key.Digits(ref) {
			return fmt.Sprintf("company prefix and reference have %d digits together", l.sum)
		}
	case l.ref == text:
		return field{text, 0, l.most - len(prefix)}.check(ref)
	case !isWord(l.ref, ref, 1, l.most-len(prefix)):
		return fmt.Sprintf("a part has 1 to %d capitals, digits, #, - and /", l.most-len(prefix))
	}
	return ""
}

// check holds a serial number, or a reference that is free text, to its kind.
func (f field) check(s string) string {
	switch f.kind {
	case none:
		if s != "" {
			return "there is no serial number"
		}
	case text:
		for i := range len(s) {
			if !key.InSet('X', s[i]) {
				return fmt.Sprintf("character %q is not allowed", s[i])
			}
		}
		if s == "" || len(s) > f.max {
			return fmt.Sprintf("want 1 to %d characters, not %d", f.max, len(s))
		}
	case integer:
		if !number(s, f.bits) || len(s) > f.max {
			return fmt.Sprintf("want a number without leading zeros of up to %d digits, below 2^%d", f.max, f.bits)
		}
	case numerals:
		if s == "" || len(s) > f.max || !key.Digits(s) {
			return fmt.Sprintf("want 1 to %d digits", f.max)
		}
	default:
		if !isWord(f.kind, s, 1, f.max) {
			return fmt.Sprintf("want 1 to %d capitals, digits, - and /, # only in front", f.max)
		}
	}
	return ""
}

// number reports whether s is decimal without leading zeros and below 2^bits.
func number(s string, bits int) bool {
	if s == "" || len(s) > 19 || !key.Digits(s) || s[0] == '0' && s != "0" {
		return false
	}
	v, err := strconv.ParseUint(s, 10, 64)
	return err == nil && v>>bits == 0
}

func isWord(k kind, s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !wordCharacter(k, s[i], i) {
			return false
		}
	}
	return true
}
