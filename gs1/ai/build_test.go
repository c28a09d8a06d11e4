package ai

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/gs1/fault"
	"tote/gs1/key"
)

const sscc = "106141412345678908"

func TestElementString(t *testing.T) {
	for _, tc := range []struct {
		in   []Element
		want string
		err  error
	}{
		{[]Element{{"01", "09506000134352"}, {"10", "ABC"}, {"17", "270131"}}, "010950600013435210ABC\x1d17270131", nil},
		{[]Element{{"10", "ABC"}}, "10ABC", nil},
		{[]Element{{"00", sscc}, {"400", "PO1"}}, "00" + sscc + "400PO1", nil},
		{nil, "", fault.Empty},
		{[]Element{{"05", "1"}}, "", fault.UnknownAI},
		{[]Element{{"10", ""}}, "", fault.EmptyValue},
		{[]Element{{"10", "A\x1dB"}}, "", fault.Charset},
		{[]Element{{"01", "09506000134353"}}, "", fault.CheckDigit},
		{[]Element{{"10", strings.Repeat("A", 21)}}, "", fault.Length},
		{[]Element{{"10", "A"}, {"10", "B"}}, "", fault.Repeated},
	} {
		got, err := ElementString(tc.in, Listed)
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

// all is every AI with its row.
func all() map[string]*Spec {
	found := make(map[string]*Spec)
	for first, b := range branches() {
		for n, s := range b.specs {
			if s != nil {
				found[fmt.Sprintf("%02d%0*d", first, b.digits-2, n)[:b.digits]] = s
			}
		}
	}
	return found
}

// element draws one element that the table allows. The AIs with content rules
// of their own are left to the tables of examples.
func element(t *rapid.T, ais []string) Element {
	ai := rapid.SampledFrom(ais).Draw(t, "ai")
	spec, _ := Lookup(ai)
	var v strings.Builder
	for _, c := range spec.components {
		if c.optional && rapid.Bool().Draw(t, "end") {
			break
		}
		set := "0123456789"
		if c.class == 'X' {
			set = key.Set82
		}
		n := rapid.IntRange(c.min, c.max).Draw(t, "n")
		part := make([]byte, n)
		for i := range part {
			part[i] = set[rapid.IntRange(0, len(set)-1).Draw(t, "c")]
		}
		for _, check := range c.checks {
			switch check.name {
			case "csum":
				part[n-1], _ = key.CheckDigit(string(part[:n-1]))
			case "yymmd0":
				part = []byte(rapid.StringMatching(`[0-9]{2}(0[1-9]|1[0-2])([01][0-9]|2[0-8])`).Draw(t, "date"))
			}
		}
		v.Write(part)
	}
	return Element{ai, v.String()}
}

// drawable lists the AIs that element can draw.
func drawable() []string {
	known := []string{"csum", "yymmd0", "gcppos1", "gcppos2", "iso4217", "iso3166"}
	var ais []string
	for ai, s := range all() {
		ok := true
		for _, c := range s.components {
			ok = ok && (c.class == 'N' || c.class == 'X')
			for _, check := range c.checks {
				ok = ok && slices.Contains(known, check.name) && (check.name != "gcppos1" || c.class == 'N')
			}
		}
		if ok {
			ais = append(ais, ai)
		}
	}
	slices.Sort(ais)
	return ais
}

func TestElementStringRoundTrip(t *testing.T) {
	ais := drawable()
	t.Logf("%d of %d application identifiers drawn from", len(ais), len(all()))
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
		es, err := ElementString(in, Sound)
		if err != nil {
			t.Fatalf("ElementString(%v): %v", in, err)
		}
		for _, text := range []string{es, es + GS} {
			got, err := Parse(text, Sound)
			if d := cmp.Diff(in, got); d != "" || err != nil {
				t.Fatalf("%q: %v (-want +got):\n%s", text, err, d)
			}
		}
		got, ok, err := ParseBracketed(Bracketed(in), Sound)
		if d := cmp.Diff(in, got); d != "" || !ok || err != nil {
			t.Fatalf("%q: %v, %v (-want +got):\n%s", Bracketed(in), ok, err, d)
		}
		// What lost its separators is read rightly or not at all.
		lost := strings.ReplaceAll(es, GS, "")
		if len(lost) > MaxUnseparated {
			return
		}
		got, err = ParseUnseparated(lost, Sound)
		if d := cmp.Diff(in, got); d != "" && err == nil {
			t.Fatalf("%q without separators is read as something else:\n%s", es, d)
		}
	})
}
