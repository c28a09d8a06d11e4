package key

import (
	"fmt"
	"strings"

	"tote/gs1/fault"
)

// MaxChecked is how many characters check characters are made for: the longest
// value of any application identifier is shorter.
const MaxChecked = 97

// set32 is the alphabet of check characters.
const set32 = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// CheckCharacters returns the pair that belongs behind a key with letters (GMN,
// MUDI): each character's place in the set of 82 times a prime, from the right,
// modulo 1021. Errors: fault.Charset, fault.Length.
func CheckCharacters(body string) (string, error) {
	if len(body) > MaxChecked {
		return "", fmt.Errorf("%d characters: %w", len(body), fault.Length)
	}
	sum, prime := 0, 1
	for i := len(body) - 1; i >= 0; i-- {
		at := strings.IndexByte(Set82, body[i])
		if at < 0 {
			return "", fmt.Errorf("%q: %w", body, fault.Charset)
		}
		prime = primeAfter(prime)
		sum = (sum + at*prime) % 1021
	}
	return set32[sum>>5:sum>>5+1] + set32[sum&31:sum&31+1], nil
}

// ValidCheckCharacters reports whether the last two characters of s are the
// right check characters.
func ValidCheckCharacters(s string) bool {
	if len(s) < 2 {
		return false
	}
	pair, err := CheckCharacters(s[:len(s)-2])
	return err == nil && pair == s[len(s)-2:]
}

// primeAfter gives the next prime. The weights are the first 97; they are few
// and small, so they are found rather than listed.
func primeAfter(n int) int {
next:
	for {
		n++
		for d := 2; d*d <= n; d++ {
			if n%d == 0 {
				continue next
			}
		}
		return n
	}
}

// ValidIBAN reports whether s has the form of an international bank account
// number and its check digits are right (ISO 7064, modulo 97). Whether there is
// such a country is not looked at.
func ValidIBAN(s string) bool {
	if len(s) <= 10 || len(s) > 34 {
		return false
	}
	sum := 0
	for _, c := range []byte(s[4:] + s[:4]) {
		switch {
		case c >= '0' && c <= '9':
			sum = (10*sum + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			sum = (100*sum + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return sum == 1
}
