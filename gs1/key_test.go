package gs1

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestCheckDigit(t *testing.T) {
	for digits, want := range map[string]byte{
		"8061414112345": '8', "0061414112345": '2', "10614141234567890": '8', "0234567": '3', "41600033610": '8', "0": '0', "9": '3',
	} {
		if got, err := CheckDigit(digits); err != nil || got != want {
			t.Errorf("CheckDigit(%s) = %c, %v, want %c", digits, got, err, want)
		}
	}
	if _, err := CheckDigit(""); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if _, err := CheckDigit("12A"); !errors.Is(err, ErrCharset) {
		t.Errorf("letter: %v", err)
	}
}

// A check digit finds every single wrong digit.
func TestCheckDigitFindsOneWrongDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[0-9]{1,17}`).Draw(t, "digits")
		c, err := CheckDigit(digits)
		if err != nil {
			t.Fatal(err)
		}
		key := []byte(digits + string(c))
		if !ValidKey(string(key)) {
			t.Fatalf("%s is not valid", key)
		}
		i := rapid.IntRange(0, len(key)-1).Draw(t, "at")
		key[i] = '0' + (key[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		if ValidKey(string(key)) {
			t.Fatalf("%s is valid with digit %d changed", key, i)
		}
	})
}

func TestValidKeys(t *testing.T) {
	for _, tc := range []struct {
		s                string
		key, gtin, sscc1 bool
	}{
		{sscc, true, false, true},
		{"106141412345678907", false, false, false},
		{"02345673", true, true, false},
		{"0614141123452", true, true, false},
		{"416000336108", true, true, false},
		{"80614141123458", true, true, false},
		{"00", true, false, false},
		{"0", false, false, false},
		{"", false, false, false},
		{"0234567A", false, false, false},
		{"A2345673", false, false, false},
	} {
		if got := ValidKey(tc.s); got != tc.key {
			t.Errorf("ValidKey(%q) = %v", tc.s, got)
		}
		if got := ValidGTIN(tc.s); got != tc.gtin {
			t.Errorf("ValidGTIN(%q) = %v", tc.s, got)
		}
		if got := ValidSSCC(tc.s); got != tc.sscc1 {
			t.Errorf("ValidSSCC(%q) = %v", tc.s, got)
		}
	}
}

func TestGTIN14(t *testing.T) {
	if got, err := GTIN14("02345673"); err != nil || got != "00000002345673" {
		t.Errorf("GTIN14 = %q, %v", got, err)
	}
	for in, want := range map[string]error{"123": ErrLength, "0234567A": ErrCharset, "02345674": ErrCheckDigit, "": ErrLength} {
		if _, err := GTIN14(in); !errors.Is(err, want) {
			t.Errorf("GTIN14(%q): %v, want %v", in, err, want)
		}
	}
}

func TestBuildSSCC(t *testing.T) {
	for _, tc := range []struct {
		ext    int
		prefix string
		serial uint64
		want   string
		err    error
	}{
		{1, "0614141", 234567890, sscc, nil},
		{0, "4012345", 0, "040123450000000009", nil},
		{9, "401234567890", 9999, "940123456789099992", nil},
		{0, "9506", 999999999999, "095069999999999992", nil},
		{0, "401234567890", 10000, "", ErrKey},
		{0, "9506", 1000000000000, "", ErrKey},
		{10, "4012345", 1, "", ErrKey},
		{-1, "4012345", 1, "", ErrKey},
		{0, "401", 1, "", ErrKey},
		{0, "4012345678901", 1, "", ErrKey},
		{0, "40123A5", 1, "", ErrKey},
	} {
		got, err := BuildSSCC(tc.ext, tc.prefix, tc.serial)
		if !errors.Is(err, tc.err) {
			t.Errorf("BuildSSCC(%d, %s, %d) error %v, want %v", tc.ext, tc.prefix, tc.serial, err, tc.err)
			continue
		}
		if err == nil && (!ValidSSCC(got) || got != tc.want) {
			t.Errorf("BuildSSCC(%d, %s, %d) = %s, want %s", tc.ext, tc.prefix, tc.serial, got, tc.want)
		}
	}
}

// Different serials never give the same code, and every code scans.
func TestBuildSSCCRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.StringMatching(`[0-9]{4,12}`).Draw(t, "prefix")
		limit := uint64(1)
		for range 16 - len(prefix) {
			limit *= 10
		}
		a, b := rapid.Uint64Range(0, limit-1).Draw(t, "a"), rapid.Uint64Range(0, limit-1).Draw(t, "b")
		ka, err := BuildSSCC(3, prefix, a)
		if err != nil {
			t.Fatal(err)
		}
		kb, err := BuildSSCC(3, prefix, b)
		if err != nil {
			t.Fatal(err)
		}
		if (a == b) != (ka == kb) {
			t.Fatalf("%d -> %s, %d -> %s", a, ka, b, kb)
		}
		s, err := Parse("]C100" + ka)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := s.SSCC(); !ok || got != ka {
			t.Fatalf("scanned %q, want %q", got, ka)
		}
	})
}

func TestExpandDate(t *testing.T) {
	for _, tc := range []struct {
		in   string
		year int
		want string
		err  error
	}{
		{"270131", 2026, "2027-01-31", nil},
		{"270200", 2026, "2027-02-28", nil},
		{"280200", 2026, "2028-02-29", nil},
		{"280229", 2026, "2028-02-29", nil},
		{"271200", 2026, "2027-12-31", nil},
		{"270400", 2026, "2027-04-30", nil},
		{"760101", 2026, "2076-01-01", nil}, // 50 years ahead: this century
		{"770101", 2026, "1977-01-01", nil}, // 51: the previous one
		{"260101", 2075, "2026-01-01", nil}, // 49 behind: this century
		{"250101", 2075, "2125-01-01", nil}, // 50 behind: the next one
		{"991225", 2000, "1999-12-25", nil},
		{"000101", 2099, "2100-01-01", nil},
		{"000229", 2026, "2000-02-29", nil},
		{"000229", 2099, "", ErrDate}, // 2100 has no such day
		{"270229", 2026, "", ErrDate},
		{"270431", 2026, "", ErrDate},
		{"270001", 2026, "", ErrDate},
		{"271301", 2026, "", ErrDate},
		{"27013", 2026, "", ErrDate},
		{"27013A", 2026, "", ErrDate},
		{"270131", 26, "", ErrDate},
		{"270131", 10000, "", ErrDate},
	} {
		got, err := ExpandDate(tc.in, tc.year)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("ExpandDate(%s, %d) = %q, %v, want %q, %v", tc.in, tc.year, got, err, tc.want, tc.err)
		}
	}
}
