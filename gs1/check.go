package gs1

import (
	"fmt"
	"strings"
)

// checkValue tests value against the components of its AI.
func checkValue(ai string, s *spec, value string) error {
	rest := value
	for _, c := range s.components {
		if rest == "" && c.optional {
			break
		}
		n := min(len(rest), c.max)
		if n < c.min {
			return fmt.Errorf("(%s)%s: %w", ai, value, ErrLength)
		}
		part := rest[:n]
		rest = rest[n:]
		for i := range len(part) {
			if !inClass(c.class, part[i]) {
				return fmt.Errorf("(%s)%s: character %q: %w", ai, value, part[i], ErrCharset)
			}
		}
		for _, name := range c.checks {
			if err := lint(name, part); err != nil {
				return fmt.Errorf("(%s)%s: %w", ai, value, err)
			}
		}
	}
	if rest != "" {
		return fmt.Errorf("(%s)%s: %w", ai, value, ErrLength)
	}
	return nil
}

// lint runs one named content check of the dictionary. Checks that need lists
// which change (countries, currencies, media and package types, coupons) are
// not made: a new country must not stop a pallet.
func lint(name, v string) error {
	ok, fault := true, ErrContent
	switch name {
	case "csum":
		ok, fault = ValidKey(v), ErrCheckDigit
	case "gcppos1":
		ok = len(v) >= 4 && digitsOnly(v[:4])
	case "gcppos2":
		ok = len(v) >= 5 && digitsOnly(v[1:5])
	case "yymmd0":
		ok, fault = possibleDate(v, true), ErrDate
	case "yymmdd":
		ok, fault = possibleDate(v, false), ErrDate
	case "yyyymmdd":
		year, month, day := two(v)*100+two(v[2:]), two(v[4:]), two(v[6:])
		ok, fault = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(month, year), ErrDate
	case "hh":
		ok = two(v) < 24
	case "mi", "ss":
		ok = two(v) < 60
	case "hhmi":
		ok = two(v) < 24 && two(v[2:]) < 60
	case "zero":
		ok = strings.Trim(v, "0") == ""
	case "nonzero":
		ok = strings.Trim(v, "0") != ""
	case "nozeroprefix":
		ok = v == "0" || v[0] != '0'
	case "hasnondigit":
		ok = !digitsOnly(v)
	case "hyphen":
		ok = strings.Trim(v, "-") == ""
	case "yesno":
		ok = v == "0" || v == "1"
	case "winding":
		ok = v == "0" || v == "1" || v == "9"
	case "iso5218":
		ok = strings.Contains("0129", v)
	case "pieceoftotal":
		piece, total := two(v), two(v[2:])
		ok = piece >= 1 && piece <= total
	case "posinseqslash":
		ok = v[1] == '/' && v[0] >= '1' && v[0] <= v[2] && v[2] <= '9'
	case "latitude":
		ok = v <= "1800000000"
	case "longitude":
		ok = v <= "3600000000"
	case "pcenc":
		ok = percentEncoded(v)
	}
	if !ok {
		return fmt.Errorf("%s: %w", name, fault)
	}
	return nil
}

func percentEncoded(v string) bool {
	for i := 0; i < len(v); i++ {
		if v[i] != '%' {
			continue
		}
		if i+2 >= len(v) || !hexDigit(v[i+1]) || !hexDigit(v[i+2]) {
			return false
		}
		i += 2
	}
	return true
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

// set82 and set39 are the character sets of the GS1 General Specifications,
// letters and digits left out.
const (
	set82 = `!"%&'()*+,-./:;<=>?_`
	set39 = `#-/`
)

func inClass(class, c byte) bool {
	digit, upper, lower := c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z'
	switch class {
	case 'N':
		return digit
	case 'X':
		return digit || upper || lower || strings.IndexByte(set82, c) >= 0
	case 'Y':
		return digit || upper || strings.IndexByte(set39, c) >= 0
	}
	return digit || upper || lower || c == '-' || c == '_' || c == '=' // base64url
}
