// Package key makes and checks what GS1 numbers are made of: check digits, check
// characters, SSCC, GTIN and GLN, dates, and the character sets of values.
//
// It is a pure library: no state, no clock, no I/O. Reference: GS1 General
// Specifications, sections 3 and 7.
package key

import (
	"fmt"
	"strconv"
	"strings"

	"tote/gs1/fault"
)

// CheckDigit returns the mod-10 check digit (as '0'..'9') that belongs behind
// digits: weights 3, 1, 3 … from the right. fault.Charset when digits holds
// anything else, fault.Empty when there is nothing.
func CheckDigit(digits string) (byte, error) {
	if digits == "" {
		return 0, fault.Empty
	}
	sum := 0
	for i := range len(digits) {
		c := digits[len(digits)-1-i]
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%q: %w", digits, fault.Charset)
		}
		weight := 3
		if i%2 == 1 {
			weight = 1
		}
		sum += weight * int(c-'0')
	}
	return byte('0' + (10-sum%10)%10), nil
}

// ValidKey reports whether key is all digits and its last digit is the right
// check digit. It says nothing of the length.
func ValidKey(key string) bool {
	if len(key) < 2 || !Digits(key) {
		return false
	}
	c, err := CheckDigit(key[:len(key)-1])
	return err == nil && c == key[len(key)-1]
}

// ValidSSCC reports whether s is a serial shipping container code: 18 digits,
// the last a right check digit.
func ValidSSCC(s string) bool { return len(s) == 18 && ValidKey(s) }

// ValidGTIN reports whether s is a GTIN of 8, 12, 13 or 14 digits with a right
// check digit.
func ValidGTIN(s string) bool {
	switch len(s) {
	case 8, 12, 13, 14:
		return ValidKey(s)
	}
	return false
}

// GTIN14 pads a GTIN of 8, 12, 13 or 14 digits to the 14 digits of AI 01.
// Errors: fault.Length, fault.Charset, fault.CheckDigit.
func GTIN14(s string) (string, error) {
	switch len(s) {
	case 8, 12, 13, 14:
	default:
		return "", fmt.Errorf("GTIN %q: %w", s, fault.Length)
	}
	if !Digits(s) {
		return "", fmt.Errorf("GTIN %q: %w", s, fault.Charset)
	}
	if !ValidKey(s) {
		return "", fmt.Errorf("GTIN %q: %w", s, fault.CheckDigit)
	}
	return strings.Repeat("0", 14-len(s)) + s, nil
}

// BuildSSCC makes a serial shipping container code: extension digit 0..9,
// company prefix of 4..12 digits, serial number filling up to 17 digits, check
// digit. fault.Key when a part is out of range or the serial does not fit.
func BuildSSCC(ext int, companyPrefix string, serial uint64) (string, error) {
	if ext < 0 || ext > 9 {
		return "", fmt.Errorf("extension digit %d: %w", ext, fault.Key)
	}
	if len(companyPrefix) < 4 || len(companyPrefix) > 12 || !Digits(companyPrefix) {
		return "", fmt.Errorf("company prefix %q: %w", companyPrefix, fault.Key)
	}
	width := 16 - len(companyPrefix)
	return build(strconv.Itoa(ext), companyPrefix, serial, width)
}

// BuildGTIN makes a GTIN of 14 digits: indicator 0..9 (0 for the unit itself),
// company prefix of 4..12 digits, item reference filling up to 13 digits, check
// digit. fault.Key when a part is out of range or the item does not fit.
func BuildGTIN(indicator int, companyPrefix string, item uint64) (string, error) {
	if indicator < 0 || indicator > 9 {
		return "", fmt.Errorf("indicator digit %d: %w", indicator, fault.Key)
	}
	if len(companyPrefix) < 4 || len(companyPrefix) > 12 || !Digits(companyPrefix) {
		return "", fmt.Errorf("company prefix %q: %w", companyPrefix, fault.Key)
	}
	return build(strconv.Itoa(indicator), companyPrefix, item, 12-len(companyPrefix))
}

// BuildGLN makes a global location number of 13 digits: company prefix of 4..12
// digits, location filling up to 12 digits, check digit. fault.Key when a part is
// out of range or the location does not fit.
func BuildGLN(companyPrefix string, location uint64) (string, error) {
	if len(companyPrefix) < 4 || len(companyPrefix) > 12 || !Digits(companyPrefix) {
		return "", fmt.Errorf("company prefix %q: %w", companyPrefix, fault.Key)
	}
	return build("", companyPrefix, location, 12-len(companyPrefix))
}

// build puts a key together; a serial of no digits must be 0.
func build(first, companyPrefix string, serial uint64, width int) (string, error) {
	number := strconv.FormatUint(serial, 10)
	if width == 0 && serial == 0 {
		number = ""
	}
	if len(number) > width {
		return "", fmt.Errorf("serial %d needs more than %d digits: %w", serial, width, fault.Key)
	}
	key := first + companyPrefix + strings.Repeat("0", width-len(number)) + number
	check, err := CheckDigit(key)
	if err != nil {
		return "", err
	}
	return key + string(check), nil
}

// Digits reports whether s holds digits only.
func Digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
