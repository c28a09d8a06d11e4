package gs1

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestElementString(t *testing.T) {
	for _, tc := range []struct {
		in   []Element
		want string
		err  error
	}{
		{[]Element{{"01", "09506000134352"}, {"10", "ABC"}, {"17", "270131"}}, "010950600013435210ABC\x1d17270131", nil},
		{[]Element{{"10", "ABC"}}, "10ABC", nil},
		{[]Element{{"00", sscc}, {"400", "PO1"}}, "00" + sscc + "400PO1", nil},
		{nil, "", ErrEmpty},
		{[]Element{{"05", "1"}}, "", ErrUnknownAI},
		{[]Element{{"10", ""}}, "", ErrEmptyValue},
		{[]Element{{"10", "A\x1dB"}}, "", ErrCharset},
		{[]Element{{"01", "09506000134353"}}, "", ErrCheckDigit},
		{[]Element{{"10", strings.Repeat("A", 21)}}, "", ErrLength},
		{[]Element{{"10", "A"}, {"10", "B"}}, "", ErrRepeated},
	} {
		got, err := ElementString(tc.in)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("ElementString(%v) = %q, %v, want %q, %v", tc.in, got, err, tc.want, tc.err)
		}
	}
}

func TestBracketed(t *testing.T) {
	got := Bracketed([]Element{{"00", sscc}, {"10", "A(1)"}})
	if want := "(00)" + sscc + `(10)A\(1)`; got != want {
		t.Errorf("Bracketed = %q, want %q", got, want)
	}
}

// element draws one element that the table allows. The AIs with content rules
// of their own are left to the tables of examples.
func element(t *rapid.T, ais []string) Element {
	ai := rapid.SampledFrom(ais).Draw(t, "ai")
	var v strings.Builder
	for _, c := range specs()[ai].components {
		if c.optional && rapid.Bool().Draw(t, "end") {
			break
		}
		set := "0123456789"
		if c.class == 'X' {
			set += set82 + "ABCXYZabcxyz"
		}
		n := rapid.IntRange(c.min, c.max).Draw(t, "n")
		part := make([]byte, n)
		for i := range part {
			part[i] = set[rapid.IntRange(0, len(set)-1).Draw(t, "c")]
		}
		for _, check := range c.checks {
			switch check {
			case "csum":
				part[n-1], _ = CheckDigit(string(part[:n-1]))
			case "yymmd0":
				part = []byte(rapid.StringMatching(`[0-9]{2}(0[1-9]|1[0-2])([01][0-9]|2[0-8])`).Draw(t, "date"))
			}
		}
		v.Write(part)
	}
	return Element{ai, v.String()}
}

func TestElementStringRoundTrip(t *testing.T) {
	drawable := []string{"csum", "yymmd0", "gcppos1", "gcppos2", "iso4217", "iso3166"}
	var ais []string
	for ai, s := range specs() {
		ok := true
		for _, c := range s.components {
			letters := c.class != 'N' && slices.Contains(c.checks, "gcppos1")
			ok = ok && (c.class == 'N' || c.class == 'X') && !letters
			for _, check := range c.checks {
				ok = ok && slices.Contains(drawable, check)
			}
		}
		if ok {
			ais = append(ais, ai)
		}
	}
	slices.Sort(ais)
	t.Logf("%d of %d application identifiers drawn from", len(ais), len(specs()))
	rapid.Check(t, func(t *rapid.T) {
		byAI := map[string]Element{}
		for range rapid.IntRange(1, 6).Draw(t, "elements") {
			e := element(t, ais)
			byAI[e.AI] = e
		}
		var in []Element
		for _, ai := range slices.Sorted(maps.Keys(byAI)) {
			in = append(in, byAI[ai])
		}
		in = rapid.Permutation(in).Draw(t, "order")
		es, err := ElementString(in)
		if err != nil {
			t.Fatalf("ElementString(%v): %v", in, err)
		}
		for _, text := range []string{"]C1" + es, "]Q3" + es + "\x1d", Bracketed(in)} {
			s, err := Parse(text)
			if err != nil {
				t.Fatalf("Parse(%q): %v", text, err)
			}
			if d := cmp.Diff(in, s.Elements); d != "" {
				t.Fatalf("%q (-want +got):\n%s", text, d)
			}
		}
	})
}
