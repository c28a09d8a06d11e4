package gs1

import (
	"fmt"
	"strconv"
	"strings"
)

// CheckDigit returns the mod-10 check digit (as '0'..'9') that belongs behind
// digits: weights 3, 1, 3 … from the right. ErrCharset when digits holds
// anything else, ErrEmpty when there is nothing.
func CheckDigit(digits string) (byte, error) {
	if digits == "" {
		return 0, ErrEmpty
	}
	sum := 0
	for i := range len(digits) {
		c := digits[len(digits)-1-i]
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%q: %w", digits, ErrCharset)
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
	if len(key) < 2 {
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
// Errors: ErrLength, ErrCharset, ErrCheckDigit.
func GTIN14(s string) (string, error) {
	switch len(s) {
	case 8, 12, 13, 14:
	default:
		return "", fmt.Errorf("GTIN %q: %w", s, ErrLength)
	}
	if !digitsOnly(s) {
		return "", fmt.Errorf("GTIN %q: %w", s, ErrCharset)
	}
	if !ValidKey(s) {
		return "", fmt.Errorf("GTIN %q: %w", s, ErrCheckDigit)
	}
	return strings.Repeat("0", 14-len(s)) + s, nil
}

// BuildSSCC makes a serial shipping container code: extension digit 0..9,
// company prefix of 4..12 digits, serial number filling up to 17 digits, check
// digit. ErrKey when a part is out of range or the serial does not fit.
func BuildSSCC(ext int, companyPrefix string, serial uint64) (string, error) {
	if ext < 0 || ext > 9 {
		return "", fmt.Errorf("extension digit %d: %w", ext, ErrKey)
	}
	if len(companyPrefix) < 4 || len(companyPrefix) > 12 || !digitsOnly(companyPrefix) {
		return "", fmt.Errorf("company prefix %q: %w", companyPrefix, ErrKey)
	}
	width := 16 - len(companyPrefix)
	number := strconv.FormatUint(serial, 10)
	if len(number) > width {
		return "", fmt.Errorf("serial %d needs more than %d digits: %w", serial, width, ErrKey)
	}
	key := strconv.Itoa(ext) + companyPrefix + strings.Repeat("0", width-len(number)) + number
	check, err := CheckDigit(key)
	if err != nil {
		return "", err
	}
	return key + string(check), nil
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
