package release

import "strings"

// Compare compares two versions as dpkg does: -1 when a is older, 1 when it is newer.
// The package and the slots are compared so too, and the two must agree. There are no
// epochs and no Debian revisions in ours.
//
// Rule: deb-version(7): parts without digits and parts of digits in turn; "~" sorts
// before everything, also the end, letters before other characters.
func Compare(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a = cut(a, false)
		y, b = cut(b, false)
		if c := words(x, y); c != 0 {
			return c
		}
		x, a = cut(a, true)
		y, b = cut(b, true)
		if c := numbers(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// cut takes the longest part of digits, or of none, off the front.
func cut(s string, digits bool) (part, rest string) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9') == digits {
		i++
	}
	return s[:i], s[i:]
}

func words(x, y string) int {
	for i := 0; i < len(x) || i < len(y); i++ {
		if d := order(x, i) - order(y, i); d != 0 {
			return sign(d)
		}
	}
	return 0
}

func order(s string, i int) int {
	switch {
	case i >= len(s):
		return 0
	case s[i] == '~':
		return -1
	case s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z':
		return int(s[i])
	}
	return int(s[i]) + 256
}

func numbers(x, y string) int {
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	if len(x) != len(y) {
		return sign(len(x) - len(y))
	}
	return strings.Compare(x, y)
}

func sign(d int) int {
	switch {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}
