package scan

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/gs1/ai"
	"tote/gs1/fault"
)

const (
	gtin = "0109506000134352"
	sscc = "106141412345678908"
)

func reader(t testing.TB, c Config) *Reader {
	t.Helper()
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What each way of setting up a scanner makes of what it sends.
func TestRead(t *testing.T) {
	for _, tc := range []struct {
		name string
		c    Config
		in   string
		want string // "rule: elements in brackets, or the text"
		err  error
	}{
		{"GS1-128", Config{}, "]C1" + gtin + "10ABC\x1d17270131", "identifier: (01)09506000134352(10)ABC(17)270131", nil},
		{"DataMatrix of text", Config{}, "]d1" + gtin, "plain: " + gtin, nil},
		{"EAN with composite", Config{}, "]E02112345678900|]e099COMPOSITE\x1d98XYZ", "identifier: (01)02112345678900(99)COMPOSITE(98)XYZ", nil},
		{"EAN with composite, bar for GS", Config{Substitutes: []string{"|"}}, "]E02112345678900|]e099COMPOSITE|98XYZ", "identifier: (01)02112345678900(99)COMPOSITE(98)XYZ", nil},
		{"ITF-14", Config{}, "]I124012345678905", "digits: (01)24012345678905", nil},
		{"a Digital Link", Config{}, "]Q1https://id.gs1.org/01/09520123456788/10/ABC?17=270131", "link: (01)09520123456788(10)ABC(17)270131", nil},
		{"a Digital Link in a DataMatrix", Config{}, "]d1https://id.gs1.org/01/09520123456788", "link: (01)09520123456788", nil},
		{"a Digital Link without identifier", Config{}, "https://id.gs1.org/01/09520123456788", "link: (01)09520123456788", nil},
		{"a short GTIN in a link", Config{ShortGTIN: true}, "https://id.gs1.org/01/9520123456788", "link: (01)09520123456788", nil},
		{"a short GTIN in a link, not allowed", Config{}, "https://id.gs1.org/01/9520123456788", "", fault.Length},
		{"another address", Config{}, "]Q1https://a/NOPRIMARYAI", "plain: https://a/NOPRIMARYAI", nil},
		{"another address without identifier", Config{}, "http://a/b?c=d", "plain: http://a/b?c=d", nil},
		{"a broken Digital Link", Config{}, "]Q1https://id.gs1.org/01/09520123456789", "", fault.CheckDigit},
		{"a bin", Config{}, "A-01-02", "plain: A-01-02", nil},
		{"a bin behind its identifier", Config{}, "]C0A-01-02", "plain: A-01-02", nil},

		{"identifier wanted and there", Config{Identifier: Require}, "]C110ABC", "identifier: (10)ABC", nil},
		{"identifier wanted and not there", Config{Identifier: Require}, gtin, "", fault.NoIdentifier},
		{"wrong identifier", Config{Identifier: Ignore}, "]C0" + gtin + "10ABC", "01+14: (01)09506000134352(10)ABC", nil},
		{"wrong identifier before text", Config{Identifier: Ignore}, "]C1A-01-02", "plain: A-01-02", nil},
		{"wrong identifier before nothing", Config{Identifier: Ignore}, "]C1", "", fault.Empty},
		{"no identifier, GS in front", Config{}, "\x1d10ABC\x1d17270131", "fnc1: (10)ABC(17)270131", nil},
		{"no identifier, substitute in front", Config{Substitutes: []string{"~"}}, "~10ABC~17270131", "fnc1: (10)ABC(17)270131", nil},
		{"no identifier, SSCC", Config{}, "00" + sscc, "00+18: (00)" + sscc, nil},
		{"no identifier, GTIN", Config{}, gtin + "10ABC\x1d17270131", "01+14: (01)09506000134352(10)ABC(17)270131", nil},
		{"no identifier, GTIN by chance", Config{}, gtin + "-XYZ", "plain: " + gtin + "-XYZ", nil},
		{"no identifier, EAN-13", Config{}, "2112345678900", "digits: (01)02112345678900", nil},
		{"no identifier, own numbers of 13 digits", Config{Rules: []Rule{RuleGTIN, RuleSSCC}}, "2112345678900", "plain: 2112345678900", nil},
		{"no identifier, no rules", Config{Rules: []Rule{}}, gtin, "plain: " + gtin, nil},
		{"typed", Config{}, "(01)09506000134352(10)ABC", "bracketed: (01)09506000134352(10)ABC", nil},
		{"rules keep their order", Config{Rules: []Rule{RuleLink, RuleDigits, RuleBracketed}}, "(10)ABC", "bracketed: (10)ABC", nil},

		{"substitutes", Config{Substitutes: []string{"~", "<GS>"}}, "]C110ABC<GS>21X~17270131", "identifier: (10)ABC(21)X(17)270131", nil},
		{"a control character for GS", Config{Substitutes: []string{"\x1e"}}, "]C110ABC\x1e17270131", "identifier: (10)ABC(17)270131", nil},
		{"a control character for GS in text", Config{Substitutes: []string{"\x1e"}}, "]C0A\x1eB", "", fault.Control},
		{"substitutes stay in text", Config{Substitutes: []string{"~"}}, "]C0A~B", "plain: A~B", nil},
		{"a substitute nobody told of", Config{}, "]C110ABC~17270131", "", fault.Charset},
		{"separators dropped, one way", Config{Separator: Dropped}, "]C1" + gtin + "1727013110ABC", "identifier: (01)09506000134352(17)270131(10)ABC", nil},
		{"separators dropped, several ways", Config{Separator: Dropped}, "]C1" + gtin + "10ABC17270131", "", fault.SeparatorLost},
		{"separators dropped, no identifier", Config{Separator: Dropped}, gtin + "10ABC17270131", "", fault.SeparatorLost},
		{"separator lost", Config{}, "]C110ABCDEFGHIJKLMNOPQRST17270131", "", fault.SeparatorLost},
		{"prefix of the scanner", Config{Prefix: "S1:"}, "S1:]C110ABC", "identifier: (10)ABC", nil},
		{"prefix not sent", Config{Prefix: "S1:"}, "]C110ABC", "identifier: (10)ABC", nil},
		{"prefix and nothing", Config{Prefix: "S1:"}, "S1:", "", fault.Empty},

		{"account number", Config{}, "]C18007BE71096123456760", "", fault.CheckDigit},
		{"unknown country is read", Config{}, "]C1422999", "identifier: (422)999", nil},
		{"unknown country is refused when verifying", Config{Strict: true}, "]C1422999", "", fault.Code},

		{"nothing", Config{}, "", "", fault.Empty},
		{"identifier and nothing", Config{}, "]C1", "", fault.Empty},
		{"no such identifier", Config{}, "]XX", "", fault.Identifier},
		{"a long one", Config{}, "]" + strings.Repeat("%", 7000), "", fault.Identifier},
		{"a zero byte", Config{}, "A\x00B", "", fault.Control},
		{"a carriage return", Config{}, "]C110A\rB", "", fault.Control},
		{"delete", Config{}, "A\x7fB", "", fault.Control},
		{"GS in text", Config{}, "]C0A\x1dB", "plain: A\x1dB", nil},
		{"letters beyond ASCII", Config{}, "Größe", "plain: Größe", nil},
		{"oversize", Config{}, strings.Repeat("9", DefaultMaxLength+1), "", fault.TooLong},
		{"oversize for this scanner", Config{MaxLength: 10}, strings.Repeat("9", 11), "", fault.TooLong},
		{"as long as can be", Config{}, strings.Repeat("A", DefaultMaxLength), "plain: " + strings.Repeat("A", DefaultMaxLength), nil},
	} {
		s, err := reader(t, tc.c).Read(tc.in)
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
			continue
		}
		if err != nil {
			if s.Elements != nil || s.Text != "" || s.Rule != "" {
				t.Errorf("%s: data beside %v: %+v", tc.name, err, s)
			}
			if len(err.Error()) > 400 {
				t.Errorf("%s: the error is %d characters long", tc.name, len(err.Error()))
			}
			continue
		}
		got := string(s.Rule) + ": " + s.Text + ai.Bracketed(s.Elements)
		if got != tc.want {
			t.Errorf("%s: %.200s, want %.200s", tc.name, got, tc.want)
		}
		// The state machine understands what was made of it.
		old, err := Frozen(s.Canonical())
		if d := cmp.Diff(s.Elements, old.Elements); err != nil || len(s.Elements) > 0 && d != "" {
			t.Errorf("%s: %q is not understood: %v\n%s", tc.name, s.Canonical(), err, d)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"identifier":               {Identifier: "maybe"},
		"separator":                {Separator: "lost"},
		"empty substitute":         {Substitutes: []string{""}},
		"a digit for GS":           {Substitutes: []string{"5"}},
		"a slash for GS":           {Substitutes: []string{"/"}},
		"a word for GS":            {Substitutes: []string{"F8"}},
		"a long substitute":        {Substitutes: []string{"<SEPARATOR>"}},
		"an identifier for prefix": {Prefix: "]C1"},
		"a long prefix":            {Prefix: strings.Repeat("x", 17)},
		"no such rule":             {Rules: []Rule{"guess"}},
		"plain is no rule":         {Rules: []Rule{RulePlain}},
		"a negative length":        {MaxLength: -1},
		"more than a symbol holds": {MaxLength: DefaultMaxLength + 1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestSymbology(t *testing.T) {
	for id, want := range map[string]string{
		"]C1": "GS1-128", "]C0": "Code 128", "]A0": "Code 39", "]E0": "EAN-13 or UPC", "]E4": "EAN-8", "]E3": "EAN or UPC with add-on", "]d2": "GS1 DataMatrix", "]d1": "Data Matrix",
		"]Q3": "GS1 QR Code", "]Q1": "QR Code", "]e0": "GS1 DataBar or composite", "]J1": "GS1 DotCode", "]z0": "Aztec Code", "]y0": "", "": "", "C1": "", "]C": "",
	} {
		if got := Symbology(id); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if !GS1("]C1") || !GS1("]E4") || GS1("]C0") || GS1("]I1") || GS1("") {
		t.Error("identifiers of GS1 data")
	}
}

func TestAccessors(t *testing.T) {
	s, err := reader(t, Config{}).Read("]C1" + gtin + "10ABC")
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := s.GTIN(); !ok || g != "09506000134352" {
		t.Errorf("GTIN() = %q, %v", g, ok)
	}
	if v, ok := s.SSCC(); ok {
		t.Errorf("SSCC() = %q, want none", v)
	}
	if v, ok := s.Value("10"); !ok || v != "ABC" {
		t.Errorf("Value(10) = %q, %v", v, ok)
	}
}

func TestBare(t *testing.T) {
	for _, tc := range []struct {
		c        Config
		in, want string
	}{
		{Config{}, "]I124012345678905", "]I124012345678905"},
		{Config{Prefix: "S:"}, "S:02345673", "02345673"},
		{Config{Prefix: "S:"}, "02345673", "02345673"},
		{Config{Identifier: Ignore}, "]C002345673", "02345673"},
		{Config{Identifier: Ignore, Prefix: "S:"}, "S:]C002345673", "02345673"},
		{Config{Identifier: Ignore}, "02345673", "02345673"},
		{Config{Identifier: Ignore}, "]%", "]%"},
	} {
		if got := reader(t, tc.c).Bare(tc.in); got != tc.want {
			t.Errorf("%+v: Bare(%q) = %q, want %q", tc.c, tc.in, got, tc.want)
		}
	}
}

// FuzzRead: an error has a code and no data, data has no error; what was read is
// spelt so that the state machine reads the same.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"", "]", "]C1", "]C1" + gtin + "10ABC\x1d17270131", "]E02112345678900|]e099COMPOSITE\x1d98XYZ", "]E402345673", "(01)09506000134352(10)A\\(B", "00" + sscc, "02345673", "A-01-02",
		"~10ABC~17270131", "]Q1https://id.gs1.org/01/09520123456788/10/ABC?17=270131", "]d1<GS>", "]C18013ABC", gtin + "10ABC<GS>21X",
	} {
		f.Add(s)
	}
	readers := []*Reader{
		reader(f, Config{}), reader(f, Config{Substitutes: []string{"~", "|", "<GS>"}, Strict: true}),
		reader(f, Config{Separator: Dropped, Identifier: Ignore, MaxLength: 200}), reader(f, Config{Identifier: Require, Prefix: "x", ShortGTIN: true}),
	}
	f.Fuzz(func(t *testing.T, in string) {
		for i, r := range readers {
			s, err := r.Read(in)
			if err != nil {
				var e *fault.Error
				if !errors.As(err, &e) || s.Elements != nil || s.Text != "" {
					t.Fatalf("%d: Read(%q) = %+v, %v", i, in, s, err)
				}
				continue
			}
			if (len(s.Elements) > 0) == (s.Rule == RulePlain) || len(s.Elements) > 0 && s.Text != "" {
				t.Fatalf("%d: Read(%q) = %+v: rule and content disagree", i, in, s)
			}
			if len(s.Elements) == 0 {
				continue
			}
			old, err := Frozen(s.Canonical())
			if d := cmp.Diff(s.Elements, old.Elements); d != "" || err != nil {
				t.Fatalf("%d: Read(%q), then %q: %v\n%s", i, in, s.Canonical(), err, d)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	r := reader(b, Config{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Read("]C1" + gtin + "10ABC\x1d17270131"); err != nil {
			b.Fatal(err)
		}
	}
}
