package ai

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/gs1/fault"
)

// A scanner that drops separators: what can be split in one way only is split.
func TestParseUnseparated(t *testing.T) {
	const gtin = "0109506000134352"
	for _, tc := range []struct {
		name, in string
		want     string // bracketed
		err      error
	}{
		{"nothing was lost", gtin + "17270131", "(01)09506000134352(17)270131", nil},
		{"a lot at the end", gtin + "10ABC", "(01)09506000134352(10)ABC", nil},
		{"fixed lengths around the lot", gtin + "1727013110ABC", "(01)09506000134352(17)270131(10)ABC", nil},
		{"a lot that may hide a date", gtin + "10ABC17270131", "", fault.SeparatorLost},
		{"a lot with digits that hide nothing", gtin + "10L0506", "(01)09506000134352(10)L0506", nil},
		{"a serial number that may hide a lot", gtin + "21A10B", "", fault.SeparatorLost},
		{"too long for a lot, and one cut that fits", gtin + "10ABCDEFGHIJKLMNOPQRST17270131", "(01)09506000134352(10)ABCDEFGHIJKLMNOPQRST(17)270131", nil},
		{"a separator that came through", gtin + "10ABC\x1d17270131", "(01)09506000134352(10)ABC(17)270131", nil},
		{"wrong check digit", "010950600013435310ABC", "", fault.CheckDigit},
		{"unknown AI", "05123", "", fault.UnknownAI},
		{"nothing", "", "", fault.Empty},
		{"oversize", strings.Repeat("99A", 1000), "", fault.TooLong},
		{"repeated", "10A10A" + "10A", "", fault.SeparatorLost},
	} {
		got, err := ParseUnseparated(tc.in, Sound)
		if !errors.Is(err, tc.err) || err == nil && Bracketed(got) != tc.want {
			t.Errorf("%s: %q, %v, want %q, %v", tc.name, Bracketed(got), err, tc.want, tc.err)
		}
	}
}

// FuzzParse: what was accepted can be written and read again, both ways, at
// every depth; and a deeper check accepts nothing more.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "010950600013435210ABC\x1d17270131", "00106141412345678908", "7003991231", "8011\x1d", "7258" + "1/2", "423276276", "4330001230-", "8110012345612345611110123",
		"80131987654Ad4X4bL5ttr2310c2K", "99" + strings.Repeat("A", 91), "(01)09506000134352(10)A\\(B", "3922" + "0299\x1d",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		accepted := true
		for _, depth := range []Depth{Frozen, Sound, Listed} {
			elements, err := Parse(in, depth)
			if err != nil {
				var e *fault.Error
				if !errors.As(err, &e) || elements != nil {
					t.Fatalf("Parse(%q) = %v, %v", in, elements, err)
				}
				accepted = false
				continue
			}
			if !accepted {
				t.Fatalf("Parse(%q) accepts at depth %d what it refused before", in, depth)
			}
			es, err := ElementString(elements, depth)
			if err != nil {
				t.Fatalf("ElementString(%v): %v", elements, err)
			}
			again, err := Parse(es, depth)
			if d := cmp.Diff(elements, again); d != "" || err != nil {
				t.Fatalf("%q came back changed: %v\n%s", es, err, d)
			}
			again, ok, err := ParseBracketed(Bracketed(elements), depth)
			if d := cmp.Diff(elements, again); d != "" || !ok || err != nil {
				t.Fatalf("%q came back changed: %v\n%s", Bracketed(elements), err, d)
			}
			for _, e := range elements {
				if n, ok := Number(e); ok && n.String() == "" {
					t.Fatalf("%v has an empty number", e)
				}
				Date(e, 2026)
			}
			_ = Associate(elements)
		}
		if elements, err := ParseUnseparated(in, Sound); err == nil {
			if es, err := ElementString(elements, Sound); err != nil || strings.ReplaceAll(es, GS, "") != strings.ReplaceAll(in, GS, "") {
				t.Fatalf("ParseUnseparated(%q) = %v, %v", in, elements, err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("010950600013435210ABC\x1d17270131", Sound); err != nil {
			b.Fatal(err)
		}
	}
}
