package key

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"tote/gs1/fault"
)

const sscc = "106141412345678908"

func TestCheckDigit(t *testing.T) {
	for digits, want := range map[string]byte{
		"8061414112345": '8', "0061414112345": '2', "10614141234567890": '8', "0234567": '3', "41600033610": '8', "0": '0', "9": '3',
	} {
		if got, err := CheckDigit(digits); err != nil || got != want {
			t.Errorf("CheckDigit(%s) = %c, %v, want %c", digits, got, err, want)
		}
	}
	if _, err := CheckDigit(""); !errors.Is(err, fault.Empty) {
		t.Errorf("empty: %v", err)
	}
	if _, err := CheckDigit("12A"); !errors.Is(err, fault.Charset) {
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
	for in, want := range map[string]error{"123": fault.Length, "0234567A": fault.Charset, "02345674": fault.CheckDigit, "": fault.Length} {
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
		{0, "401234567890", 10000, "", fault.Key},
		{0, "9506", 1000000000000, "", fault.Key},
		{10, "4012345", 1, "", fault.Key},
		{-1, "4012345", 1, "", fault.Key},
		{0, "401", 1, "", fault.Key},
		{0, "4012345678901", 1, "", fault.Key},
		{0, "40123A5", 1, "", fault.Key},
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
		if !ValidSSCC(ka) {
			t.Fatalf("%s is no SSCC", ka)
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
		{"000229", 2099, "", fault.Date}, // 2100 has no such day
		{"270229", 2026, "", fault.Date},
		{"270431", 2026, "", fault.Date},
		{"270001", 2026, "", fault.Date},
		{"271301", 2026, "", fault.Date},
		{"27013", 2026, "", fault.Date},
		{"27013A", 2026, "", fault.Date},
		{"270131", 26, "", fault.Date},
		{"270131", 10000, "", fault.Date},
	} {
		got, err := ExpandDate(tc.in, tc.year)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("ExpandDate(%s, %d) = %q, %v, want %q, %v", tc.in, tc.year, got, err, tc.want, tc.err)
		}
	}
}

func TestBuildGTINAndGLN(t *testing.T) {
	for _, tc := range []struct {
		name string
		got  func() (string, error)
		want string
		err  error
	}{
		{"case", func() (string, error) { return BuildGTIN(8, "0614141", 12345) }, "80614141123458", nil},
		{"unit, small item", func() (string, error) { return BuildGTIN(0, "000001", 1) }, "00000010000014", nil},
		{"prefix of 12", func() (string, error) { return BuildGTIN(0, "952012345678", 0) }, "09520123456788", nil},
		{"prefix of 12 and an item", func() (string, error) { return BuildGTIN(0, "952012345678", 1) }, "", fault.Key},
		{"item too long", func() (string, error) { return BuildGTIN(8, "0614141", 100000) }, "", fault.Key},
		{"indicator", func() (string, error) { return BuildGTIN(10, "0614141", 1) }, "", fault.Key},
		{"prefix of letters", func() (string, error) { return BuildGTIN(1, "06141A1", 1) }, "", fault.Key},
		{"location", func() (string, error) { return BuildGLN("0614141", 12345) }, "0614141123452", nil},
		{"location without digits", func() (string, error) { return BuildGLN("952012345678", 0) }, "9520123456788", nil},
		{"location too long", func() (string, error) { return BuildGLN("0614141", 100000) }, "", fault.Key},
		{"location prefix", func() (string, error) { return BuildGLN("061", 1) }, "", fault.Key},
	} {
		got, err := tc.got()
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %v, want %q, %v", tc.name, got, err, tc.want, tc.err)
		}
		if err == nil && !ValidKey(got) {
			t.Errorf("%s: %s has a wrong check digit", tc.name, got)
		}
	}
}

// The examples of the General Specifications and of the syntax dictionary.
func TestCheckCharacters(t *testing.T) {
	for _, whole := range []string{
		"1987654Ad4X4bL5ttr2310c2K", "12345678901234567890123NT", "12345_ABCDEFGHIJKLMCP", "12345_nopqrstuvwxyzP2",
		`12345_!"%&'()*+,-./LC`, "12345_0123456789:;<=>?62", "99999zzzzzzzzzzzzzzzzzzT2", "22", "!22",
	} {
		body, want := whole[:len(whole)-2], whole[len(whole)-2:]
		if got, err := CheckCharacters(body); err != nil || got != want {
			t.Errorf("CheckCharacters(%q) = %q, %v, want %q", body, got, err, want)
		}
		if !ValidCheckCharacters(whole) {
			t.Errorf("%q is not valid", whole)
		}
	}
	for _, bad := range []string{"", "2", "33", "1987654Ad4X4bL5ttr2310cXK", "1987654Ad4X4bL5ttr2310c2X", " 2345678901234567890123NT"} {
		if ValidCheckCharacters(bad) {
			t.Errorf("%q is valid", bad)
		}
	}
	if _, err := CheckCharacters("a b"); !errors.Is(err, fault.Charset) {
		t.Errorf("space: %v", err)
	}
	long := make([]byte, MaxChecked+1)
	for i := range long {
		long[i] = 'A'
	}
	if _, err := CheckCharacters(string(long)); !errors.Is(err, fault.Length) {
		t.Errorf("too long: %v", err)
	}
}

func TestIBAN(t *testing.T) {
	for s, want := range map[string]bool{
		"FR7630006000011234567890189": true, "DE91100000000123456789": true, "MT90MALT011000012345MTLCAST001SABC": true, "BE71096123456769": true,
		"BE71096123456760": false, "": false, "BE71": false, "BE7109612": false, "be71096123456769": false, "BE710961234567690BE710961234567690X": false,
	} {
		if got := ValidIBAN(s); got != want {
			t.Errorf("ValidIBAN(%s) = %v", s, got)
		}
	}
}

func TestCharacterSets(t *testing.T) {
	for class, want := range map[byte]int{'N': 10, 'X': 82, 'Y': 39, 'Z': 65} {
		n := 0
		for c := range 256 {
			if InSet(class, byte(c)) {
				n++
			}
		}
		if n != want {
			t.Errorf("set %c has %d characters, want %d", class, n, want)
		}
	}
	if InSet('Q', 'A') {
		t.Error("there is a set Q")
	}
}
