package gs1

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sscc = "106141412345678908"

// els makes elements of AI, value, AI, value …
func els(pairs ...string) (all []Element) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, Element{AI: pairs[i], Value: pairs[i+1]})
	}
	return all
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     Scan
		err      error
	}{
		{
			name: "GS1-128 with lot and expiry", in: "]C10109506000134352" + "10ABC\x1d17270131",
			want: Scan{Symbology: "]C1", Rule: RuleIdentifier, Elements: els("01", "09506000134352", "10", "ABC", "17", "270131")},
		},
		{
			name: "GS behind a fixed AI and at the end", in: "]d20109506000134352\x1d10ABC\x1d",
			want: Scan{Symbology: "]d2", Rule: RuleIdentifier, Elements: els("01", "09506000134352", "10", "ABC")},
		},
		{
			name: "weight", in: "]e001095060001343523103000195",
			want: Scan{Symbology: "]e0", Rule: RuleIdentifier, Elements: els("01", "09506000134352", "3103", "000195")},
		},
		{name: "lone lot is no error", in: "]Q310ABC", want: Scan{Symbology: "]Q3", Rule: RuleIdentifier, Elements: els("10", "ABC")}},
		{name: "DotCode", in: "]J100" + sscc, want: Scan{Symbology: "]J1", Rule: RuleIdentifier, Elements: els("00", sscc)}},
		{name: "EAN-13", in: "]E02112345678900", want: Scan{Symbology: "]E0", Rule: RuleIdentifier, Elements: els("01", "02112345678900")}},
		{name: "EAN-8", in: "]E402345673", want: Scan{Symbology: "]E4", Rule: RuleIdentifier, Elements: els("01", "00000002345673")}},
		{
			name: "EAN with composite", in: "]E02112345678900|]e099COMPOSITE\x1d98XYZ",
			want: Scan{Symbology: "]E0", Rule: RuleIdentifier, Elements: els("01", "02112345678900", "99", "COMPOSITE", "98", "XYZ")},
		},
		{name: "ITF-14", in: "]I124012345678905", want: Scan{Symbology: "]I1", Rule: RuleDigits, Elements: els("01", "24012345678905")}},
		{name: "ITF with other digits", in: "]I124012345678906", want: Scan{Symbology: "]I1", Rule: RulePlain, Text: "24012345678906"}},
		{name: "plain Code 128", in: "]C0A-01-02", want: Scan{Symbology: "]C0", Rule: RulePlain, Text: "A-01-02"}},
		{name: "plain QR keeps digits as text", in: "]Q12112345678900", want: Scan{Symbology: "]Q1", Rule: RulePlain, Text: "2112345678900"}},
		{name: "URI that is no Digital Link", in: "]Q1https://a/NOPRIMARYAI", want: Scan{Symbology: "]Q1", Rule: RulePlain, Text: "https://a/NOPRIMARYAI"}},

		{
			name: "bracketed", in: "(01)09506000134352(10)ABC",
			want: Scan{Rule: RuleBracketed, Elements: els("01", "09506000134352", "10", "ABC")},
		},
		{name: "bracket in a value", in: `(10)A\(1)B(21)7`, want: Scan{Rule: RuleBracketed, Elements: els("10", "A(1)B", "21", "7")}},
		{name: "brackets around words", in: "(spare) T1", want: Scan{Rule: RulePlain, Text: "(spare) T1"}},

		{name: "prefix-less SSCC", in: "00" + sscc, want: Scan{Rule: RuleSSCC, Elements: els("00", sscc)}},
		{
			name: "prefix-less GTIN with lot", in: "010950600013435210ABC\x1d17270131",
			want: Scan{Rule: RuleGTIN, Elements: els("01", "09506000134352", "10", "ABC", "17", "270131")},
		},
		{name: "bare GTIN-14", in: "24012345678905", want: Scan{Rule: RuleDigits, Elements: els("01", "24012345678905")}},
		{name: "bare GTIN-13", in: "2112345678900", want: Scan{Rule: RuleDigits, Elements: els("01", "02112345678900")}},
		{name: "bare GTIN-12", in: "416000336108", want: Scan{Rule: RuleDigits, Elements: els("01", "00416000336108")}},
		{name: "bare GTIN-8", in: "02345673", want: Scan{Rule: RuleDigits, Elements: els("01", "00000002345673")}},
		{name: "bare SSCC is plain: the caller knows where one is expected", in: sscc, want: Scan{Rule: RulePlain, Text: sscc}},
		{name: "13 digits with a bad check digit", in: "2112345678901", want: Scan{Rule: RulePlain, Text: "2112345678901"}},
		{name: "bin code", in: "A-01-02", want: Scan{Rule: RulePlain, Text: "A-01-02"}},
		{name: "lot-like text", in: "10ABC", want: Scan{Rule: RulePlain, Text: "10ABC"}},
		{name: "GTIN by chance, no GS1 behind it", in: "0109506000134352-XYZ", want: Scan{Rule: RulePlain, Text: "0109506000134352-XYZ"}},
		{name: "bad check digit behind 00", in: "00106141412345678907", want: Scan{Rule: RulePlain, Text: "00106141412345678907"}},

		{name: "nothing", in: "", err: ErrEmpty},
		{name: "identifier and nothing", in: "]C1", err: ErrEmpty},
		{name: "half an identifier", in: "]C", err: ErrIdentifier},
		{name: "no such identifier", in: "]XX", err: ErrIdentifier},
		{name: "leading GS", in: "]C1\x1d10ABC", err: ErrSeparator},
		{name: "doubled GS", in: "]C110ABC\x1d\x1d17270131", err: ErrSeparator},
		{name: "doubled GS at the end", in: "]C110ABC\x1d\x1d", err: ErrSeparator},
		{name: "unknown AI", in: "]C105123", err: ErrUnknownAI},
		{name: "half an AI", in: "]C10109506000134352" + "3", err: ErrUnknownAI},
		{name: "empty value", in: "]C110\x1d17270131", err: ErrEmptyValue},
		{name: "AI at the end", in: "]C10109506000134352" + "10", err: ErrEmptyValue},
		{name: "wrong check digit", in: "]C10109506000134353", err: ErrCheckDigit},
		{name: "key that does not begin with four digits", in: "]C1401AB12345", err: ErrContent},
		{name: "impossible month", in: "]C117271301", err: ErrDate},
		{name: "impossible day", in: "]C117270230", err: ErrDate},
		{name: "fixed value too short", in: "]C1010950600013435", err: ErrLength},
		{name: "fixed value cut by GS", in: "]C1172701\x1d10A", err: ErrLength},
		{name: "lost separator", in: "]C110ABCDEFGHIJKLMNOPQRST17270131", err: ErrSeparatorLost},
		{name: "lost separator without identifier", in: "010950600013435210ABCDEFGHIJKLMNOPQRST17270131", err: ErrSeparatorLost},
		{name: "unknown AI without identifier, but with GS", in: "010950600013435210A\x1d05X", err: ErrUnknownAI},
		{name: "letter in a count", in: "]C1371A", err: ErrCharset},
		{name: "space in a lot", in: "]C110A B", err: ErrCharset},
		{name: "byte above ASCII in a lot", in: "]C110Ä", err: ErrCharset},
		{name: "same AI, other value", in: "]C110A\x1d10B", err: ErrRepeated},
		{name: "composite against the EAN", in: "]E02112345678900|]e00109506000134352", err: ErrRepeated},
		{name: "EAN-13 too short", in: "]E0211234567890", err: ErrLength},
		{name: "EAN-13 with letters", in: "]E01234ABC890123", err: ErrCharset},
		{name: "EAN-8 wrong check digit", in: "]E402345674", err: ErrCheckDigit},
		{name: "broken composite", in: "]E02112345678900|]e0", err: ErrEmpty},
		{name: "bracketed: unknown AI", in: "(05)1", err: ErrUnknownAI},
		{name: "bracketed: no value", in: "(10)(21)7", err: ErrEmptyValue},
		{name: "bracketed: bracket without AI", in: "(10)A(B", err: ErrBrackets},
		{name: "bracketed: repeated", in: "(10)A(10)B", err: ErrRepeated},
		{name: "bracketed: too long", in: "(20)123", err: ErrLength},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Parse(tc.in)
			if !errors.Is(err, tc.err) {
				t.Fatalf("Parse(%q) error %v, want %v", tc.in, err, tc.err)
			}
			if err != nil {
				if got.Elements != nil || got.Text != "" {
					t.Errorf("Parse(%q) gave data with its error: %+v", tc.in, got)
				}
				return
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", tc.in, d)
			}
		})
	}
}

func TestRepeatedEqualValues(t *testing.T) {
	s, err := Parse("]C110A\x1d10A")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := s.Value("10"); !ok || v != "A" {
		t.Errorf("Value(10) = %q, %v", v, ok)
	}
}

func TestScanAccessors(t *testing.T) {
	s, err := Parse("]C10109506000134352" + "10ABC")
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := s.GTIN(); !ok || g != "09506000134352" {
		t.Errorf("GTIN() = %q, %v", g, ok)
	}
	if v, ok := s.SSCC(); ok {
		t.Errorf("SSCC() = %q, want none", v)
	}
	if s, _ = Parse("00" + sscc); s.Text != "" {
		t.Errorf("Text = %q beside elements", s.Text)
	}
	if v, ok := s.SSCC(); !ok || v != sscc {
		t.Errorf("SSCC() = %q, %v", v, ok)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "]", "]C1", "]C10109506000134352" + "10ABC\x1d17270131", "]E02112345678900|]e099COMPOSITE\x1d98XYZ",
		"]E402345673", "(01)09506000134352(10)A\\(B", "00" + sscc, "02345673", "A-01-02", "]d27003991231", "]C180011234123451231",
		"]C18013ABC", "]C17258" + "1/2", "]C1423276276", "]I124012345678905", "]C143330001230-",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := Parse(in)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v has no code", err)
			}
			return
		}
		if (len(s.Elements) > 0) == (s.Rule == RulePlain) {
			t.Fatalf("Parse(%q) = %+v: rule and content disagree", in, s)
		}
		if len(s.Elements) == 0 {
			return
		}
		// What was accepted can be written and read again, both ways.
		es, err := ElementString(s.Elements)
		if err != nil {
			t.Fatalf("ElementString(%v): %v", s.Elements, err)
		}
		for _, again := range []string{"]C1" + es, Bracketed(s.Elements)} {
			s2, err := Parse(again)
			if err != nil {
				t.Fatalf("Parse(%q): %v", again, err)
			}
			if d := cmp.Diff(s.Elements, s2.Elements); d != "" {
				t.Fatalf("%q came back changed:\n%s", again, d)
			}
		}
	})
}
