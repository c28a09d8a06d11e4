package label

import (
	"strings"
	"unicode/utf8"
)

// A letter of a scalable printer font is on average 0.52 of its height wide.
const letterPercent = 52

// textWidth is how wide a line of text is, on average.
func textWidth(s string, high int) int { return utf8.RuneCountInString(s) * high * letterPercent / 100 }

// letters is how many letters of a height fit into a width.
func letters(width, high int) int { return max(width*100/(high*letterPercent), 4) }

// fit breaks s into at most lines lines of at most width characters, at spaces
// where there are any. What does not fit ends in "...".
func fit(s string, width, lines int) []string {
	var out []string
	rest := []rune(strings.Join(strings.Fields(s), " "))
	for len(rest) > 0 {
		if len(rest) <= width {
			return append(out, string(rest))
		}
		if len(out) == lines-1 {
			return append(out, string(rest[:width-3])+"...")
		}
		cut, skip := width, 0
		for i := width; i > width/2; i-- {
			if rest[i] == ' ' {
				cut, skip = i, 1
				break
			}
		}
		out = append(out, string(rest[:cut]))
		rest = rest[cut+skip:]
	}
	return out
}

// one is s on one line, "" when it is empty.
func one(s string, width int) string {
	if lines := fit(s, width, 1); len(lines) > 0 {
		return lines[0]
	}
	return ""
}

// largest gives the first of some heights at which s fits into a width, else
// the last with s cut.
func largest(s string, width int, heights ...int) (string, int) {
	s = strings.Join(strings.Fields(s), " ")
	for _, h := range heights {
		if utf8.RuneCountInString(s) <= letters(width, h) {
			return s, h
		}
	}
	last := heights[len(heights)-1]
	return one(s, letters(width, last)), last
}
