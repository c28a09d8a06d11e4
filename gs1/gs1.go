package gs1

import (
	"tote/gs1/ai"
	"tote/gs1/key"
	"tote/gs1/scan"
)

// Element is one application identifier with its value, without brackets and
// separators.
type Element = ai.Element

// Scan is what a barcode says: either Elements or, when it is not GS1 data,
// Text.
type Scan = scan.Scan

// Rule says how Parse came to read the data as it did; for the log.
type Rule = scan.Rule

// The rules of Parse, in the order they are tried.
const (
	RuleIdentifier = scan.RuleIdentifier
	RuleBracketed  = scan.RuleBracketed
	RuleSSCC       = scan.RuleSSCC
	RuleGTIN       = scan.RuleGTIN
	RuleDigits     = scan.RuleDigits
	RulePlain      = scan.RulePlain
)

// Parse reads what a scanner sent. The AIM identifier decides how; without one
// the rules are tried in the order of the Rule constants. Bare digits may be
// taken for a GTIN by chance (one number in ten has a good check digit), so a
// caller with codes of its own compares the raw barcode with those first.
//
// Data that is not GS1 is returned as Text and no error. Errors are for GS1
// data that is broken, for an identifier that does not exist and for an empty
// barcode. Missing associations between AIs are no error: the rest of the data
// may stand on another symbol.
func Parse(barcode string) (Scan, error) { return scan.Frozen(barcode) }

// ElementString writes elements in the order given as a scanner sends them
// behind a GS1 identifier: a GS after each value that needs one, none at the
// end. Every value is checked; the errors are those of Parse.
func ElementString(elements []Element) (string, error) {
	return ai.ElementString(elements, ai.Frozen)
}

// Bracketed writes elements for people, as "(00)106141412345678908". A bracket
// inside a value gets a backslash before it, so that Parse can read the result.
// Nothing is checked.
func Bracketed(elements []Element) string { return ai.Bracketed(elements) }

// CheckDigit returns the mod-10 check digit (as '0'..'9') that belongs behind
// digits: weights 3, 1, 3 … from the right. ErrCharset when digits holds
// anything else, ErrEmpty when there is nothing.
func CheckDigit(digits string) (byte, error) { return key.CheckDigit(digits) }

// ValidKey reports whether k is all digits and its last digit is the right check
// digit. It says nothing of the length.
func ValidKey(k string) bool { return key.ValidKey(k) }

// ValidSSCC reports whether s is a serial shipping container code: 18 digits,
// the last a right check digit.
func ValidSSCC(s string) bool { return key.ValidSSCC(s) }

// ValidGTIN reports whether s is a GTIN of 8, 12, 13 or 14 digits with a right
// check digit.
func ValidGTIN(s string) bool { return key.ValidGTIN(s) }

// GTIN14 pads a GTIN of 8, 12, 13 or 14 digits to the 14 digits of AI 01.
// Errors: ErrLength, ErrCharset, ErrCheckDigit.
func GTIN14(s string) (string, error) { return key.GTIN14(s) }

// BuildSSCC makes a serial shipping container code: extension digit 0..9,
// company prefix of 4..12 digits, serial number filling up to 17 digits, check
// digit. ErrKey when a part is out of range or the serial does not fit.
func BuildSSCC(ext int, companyPrefix string, serial uint64) (string, error) {
	return key.BuildSSCC(ext, companyPrefix, serial)
}

// ExpandDate turns the six digits of a date AI into "YYYY-MM-DD". year is the
// current year (1000..9899): it decides the century, so that the result lies
// between 50 years ahead of it and 49 years behind. DD 00 means the last day of
// the month. ErrDate when there is no such day.
func ExpandDate(yymmdd string, year int) (string, error) { return key.ExpandDate(yymmdd, year) }
