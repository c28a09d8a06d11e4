package ai

import (
	"errors"
	"strings"
	"testing"

	"tote/gs1/fault"
)

func TestAssociate(t *testing.T) {
	const gtin = "(01)09506000134352"
	for _, tc := range []struct {
		name, in string
		want     []string // "code: part of the text"
	}{
		{"a pallet", "(00)106141412345678908(02)09506000134352(37)12(400)PO1", nil},
		{"an item", gtin + "(10)ABC(17)270131(21)7", nil},
		{"a lone lot", "(10)ABC", []string{"GS1_MISSING_AI: (10) needs (01), or (02), or (03), or (8006), or (8026)"}},
		{"content without count", "(00)106141412345678908(02)09506000134352", []string{"GS1_MISSING_AI: (02) needs (37)"}},
		{"count without content", "(00)106141412345678908(37)12", []string{"GS1_MISSING_AI: (37) needs (00) with (02), or (00) with (8026)"}},
		{"item and content", gtin + "(02)09506000134352(37)1", []string{
			"GS1_EXCLUDED_AI: (02) and (01)", "GS1_EXCLUDED_AI: (01) and (37)", "GS1_MISSING_AI: (37) needs",
		}},
		{"two net weights", gtin + "(3103)000195(3102)000020", []string{"GS1_EXCLUDED_AI: (3103) and (3102)"}},
		{"a net weight alone", "(3103)000195", []string{"GS1_MISSING_AI: (3103) needs (01), or (02)"}},
		{"a price of a variable measure", gtin + "(3103)000195(3922)0299", nil},
		{"a price of nothing", gtin + "(3922)0299", []string{"GS1_MISSING_AI: (3922) needs (01) with (30), or (01) with (31nn)"}},
		{"serial and third party", gtin + "(21)7(235)X", []string{"GS1_EXCLUDED_AI: (21) and (235)"}},
		{"both relations", "(8017)123456789012345675(8018)123456789012345675", []string{"GS1_EXCLUDED_AI: (8017) and (8018)"}},
		{"the same twice", gtin + gtin, nil},
		{"extension without location", "(254)5", []string{"GS1_MISSING_AI: (254) needs (414)"}},
		{"address without unit", "(4300)ACME", []string{"GS1_MISSING_AI: (4300) needs (00)"}},
	} {
		elements, ok, err := ParseBracketed(tc.in, Listed)
		if !ok || err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		err = Associate(elements)
		var got []error
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			got = many.Unwrap()
		}
		if len(got) != len(tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
			continue
		}
		for _, want := range tc.want {
			code, text, _ := strings.Cut(want, ": ")
			found := false
			for _, e := range got {
				var f *fault.Error
				found = found || errors.As(e, &f) && f.Code == code && strings.Contains(e.Error(), text)
			}
			if !found {
				t.Errorf("%s: %v, want %q", tc.name, err, want)
			}
		}
	}
	if err := Associate([]Element{{"05", "1"}}); err != nil {
		t.Errorf("an unknown AI has rules: %v", err)
	}
}
