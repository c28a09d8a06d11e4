package epc

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"tote/gs1/ai"
	"tote/gs1/fault"
)

// vector is an EPC in its forms, from the shared data.
type vector struct {
	Kind    string  `json:"kind"`
	Scheme  string  `json:"scheme"`
	Hex     string  `json:"hex"`
	TagURI  *string `json:"tag_uri"`
	PureURI *string `json:"pure_uri"`
	Element *string `json:"element_string"`
}

func vectors(t *testing.T) (all []vector) {
	t.Helper()
	f, err := os.Open("../../../shared/data/gs1_vectors.json")
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no EPC vectors here: %v", err)
	}
	defer f.Close()
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.NewDecoder(f).Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		if strings.HasPrefix(v.Kind, "epc") {
			all = append(all, v)
		}
	}
	return all
}

// sameBits compares hexadecimal digits by the bits both have: software pads them
// to different lengths, with zeros.
func sameBits(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return strings.HasPrefix(b, a) && strings.Trim(b[len(a):], "0") == ""
}

// TestVectors runs every EPC vector through all four forms, in both directions.
func TestVectors(t *testing.T) {
	ran, schemes := 0, map[string]bool{}
	for _, v := range vectors(t) {
		ran++
		if v.Kind == "epc_invalid" {
			e, err := ParseURI(*v.PureURI)
			if err == nil {
				_, err = e.Encode(v.Scheme, 0)
			}
			if !errors.Is(err, fault.EPCFit) {
				t.Errorf("%s on %s: %v", *v.PureURI, v.Scheme, err)
			}
			continue
		}
		e, err := Decode(v.Hex)
		if err != nil {
			t.Errorf("%s: %v", v.Hex, err)
			continue
		}
		if v.TagURI == nil {
			if e.Scheme != "" || e.Hex != v.Hex || e.Key() != v.Hex {
				t.Errorf("%s is decoded: %+v", v.Hex, e)
			}
			continue
		}
		schemes[e.Tag] = true
		if e.TagURI() != *v.TagURI {
			t.Errorf("%s: %s, want %s", v.Hex, e.TagURI(), *v.TagURI)
		}
		back, err := ParseURI(*v.TagURI)
		if err != nil || !sameBits(back.Hex, v.Hex) {
			t.Errorf("%s: %s, want %s, %v", *v.TagURI, back.Hex, v.Hex, err)
		}
		if v.PureURI == nil {
			continue
		}
		if e.URI() != *v.PureURI || e.Key() != *v.PureURI {
			t.Errorf("%s: %s, want %s", v.Hex, e.URI(), *v.PureURI)
		}
		pure, err := ParseURI(*v.PureURI)
		if err != nil {
			t.Errorf("%s: %v", *v.PureURI, err)
			continue
		}
		if digits, err := pure.Encode(e.Tag, e.Filter); err != nil || !sameBits(digits, v.Hex) {
			t.Errorf("%s: %s, want %s, %v", *v.PureURI, digits, v.Hex, err)
		}
		if v.Element == nil {
			continue
		}
		elements, err := e.Elements()
		if got := ai.Bracketed(elements); err != nil || got != *v.Element {
			t.Errorf("%s: %s, want %s, %v", v.Hex, got, *v.Element, err)
		}
		from, err := FromElements(elements, len(e.Prefix))
		if err != nil || from != pure {
			t.Errorf("%s: %+v, want %+v, %v", *v.Element, from, pure, err)
		}
	}
	t.Logf("%d vectors of %d schemes", ran, len(schemes))
	if ran < 23 || len(schemes) < 14 {
		t.Errorf("fewer vectors ran than the file holds: %d of %d schemes", ran, len(schemes))
	}
}
