package key

import (
	"fmt"

	"tote/gs1/fault"
)

// ExpandDate turns the six digits of a date AI into "YYYY-MM-DD". year is the
// current year (1000..9899): it decides the century, so that the result lies
// between 50 years ahead of it and 49 years behind. DD 00 means the last day of
// the month. fault.Date when there is no such day.
func ExpandDate(yymmdd string, year int) (string, error) {
	if len(yymmdd) != 6 || !Digits(yymmdd) {
		return "", fmt.Errorf("%q: %w", yymmdd, fault.Date)
	}
	if year < 1000 || year > 9899 {
		return "", fmt.Errorf("current year %d: %w", year, fault.Date)
	}
	yy, month, day := Two(yymmdd), Two(yymmdd[2:]), Two(yymmdd[4:])
	full := year - year%100 + yy
	switch diff := yy - year%100; {
	case diff >= 51:
		full -= 100
	case diff <= -50:
		full += 100
	}
	if month < 1 || month > 12 || day > DaysIn(month, full) {
		return "", fmt.Errorf("%q: %w", yymmdd, fault.Date)
	}
	if day == 0 {
		day = DaysIn(month, full)
	}
	return fmt.Sprintf("%04d-%02d-%02d", full, month, day), nil
}

// PossibleDate reports whether some century has the day YYMMDD. The century is
// not known while parsing, so 29 February of year 00 passes (2000 had it).
func PossibleDate(yymmdd string, zeroDay bool) bool {
	month, day := Two(yymmdd[2:]), Two(yymmdd[4:])
	if month < 1 || month > 12 {
		return false
	}
	if day == 0 {
		return zeroDay
	}
	return day <= DaysIn(month, 2000+Two(yymmdd))
}

// DaysIn returns the number of days of a month (1..12) of the Gregorian
// calendar.
func DaysIn(month, year int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// Two reads the first two characters of s, known to be digits.
func Two(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }
