package gs1

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The shared data lies beside the repository. Where it is absent the tests are
// skipped loudly: they prove agreement with the reference engine.
const sharedData = "../../shared/data/"

func openShared(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(sharedData + name)
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no vectors of the reference engine here: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestVectors runs the check digit and scanner vectors of the reference engine.
func TestVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Kind          string `json:"kind"`
			Valid         bool   `json:"valid"`
			Value         string `json:"value"`
			Scan          *string
			Data          string `json:"data"`
			Symbology     string `json:"symbology"`
			ElementString string `json:"element_string"`
		} `json:"vectors"`
	}
	if err := json.NewDecoder(openShared(t, "gs1_vectors.json")).Decode(&file); err != nil {
		t.Fatal(err)
	}
	// The engine wants an identifier and rejects URIs that are no Digital
	// Link; for us both are plain text.
	deviations := map[string]bool{"ABC": true, "]Q1https://a/NOPRIMARYAI": true}
	ran := map[string]int{}
	for _, v := range file.Vectors {
		switch {
		case v.Kind == "check_digit":
			ran[v.Kind]++
			if got := ValidKey(v.Value); got != v.Valid {
				t.Errorf("ValidKey(%s) = %v, want %v", v.Value, got, v.Valid)
			}
		case v.Kind == "scan_process":
			ran[v.Kind]++
			s, err := Parse(*v.Scan)
			if deviations[*v.Scan] {
				if err != nil || s.Text == "" {
					t.Errorf("Parse(%q) = %+v, %v, want plain text", *v.Scan, s, err)
				}
				continue
			}
			if (err == nil) != v.Valid {
				t.Errorf("Parse(%q): %v, want valid = %v", *v.Scan, err, v.Valid)
				continue
			}
			if err == nil {
				compare(t, *v.Scan, v.Data, s)
			}
		case v.Kind == "scan_generate" && v.Scan != nil:
			ran[v.Kind]++
			s, err := Parse(*v.Scan)
			if err != nil {
				t.Errorf("Parse(%q): %v", *v.Scan, err)
				continue
			}
			// The data of these vectors spells the linear part in
			// several ways; the composite part and the rest agree.
			if !strings.HasPrefix(*v.Scan, "]E") && !strings.Contains(v.Data, "|") {
				// A separator at the very end is read and not kept.
				compare(t, *v.Scan, strings.TrimSuffix(v.Data, "^"), s)
			}
		case v.ElementString != "":
			ran["element_string"]++
			s, err := Parse(v.ElementString)
			if err != nil {
				t.Errorf("Parse(%q): %v", v.ElementString, err)
			} else if got := Bracketed(s.Elements); got != v.ElementString {
				t.Errorf("%q came back as %q", v.ElementString, got)
			}
		}
	}
	t.Logf("vectors run: %v", ran)
	if ran["check_digit"] < 10 || ran["scan_process"] < 54 || ran["scan_generate"] < 31 || ran["element_string"] < 15 {
		t.Errorf("fewer vectors ran than the file holds: %v", ran)
	}
}

// compare writes the scan in the notation of the vectors: ^ for FNC1, plain
// data with its leading carets and backslashes escaped, EAN digits bare.
func compare(t *testing.T, in, want string, s Scan) {
	t.Helper()
	got := s.Text
	if len(s.Elements) == 0 {
		if plain := strings.TrimLeft(got, `\`); strings.HasPrefix(plain, "^") {
			got = `\` + got
		}
	} else {
		elements := s.Elements
		got = ""
		if strings.HasPrefix(s.Symbology, "]E") {
			n := map[string]int{"]E0": 13, "]E4": 8}[s.Symbology]
			got = elements[0].Value[14-n:]
			if elements = elements[1:]; len(elements) > 0 {
				got += "|"
			}
		}
		if len(elements) > 0 {
			es, err := ElementString(elements)
			if err != nil {
				t.Errorf("ElementString(%v): %v", elements, err)
			}
			got += "^" + strings.ReplaceAll(es, "\x1d", "^")
		}
	}
	if got != want {
		t.Errorf("Parse(%q) says %q, want %q", in, got, want)
	}
}

func ExampleParse() {
	s, _ := Parse("]C10109506000134352" + "10ABC\x1d17270131")
	gtin, _ := s.GTIN()
	expiry, _ := s.Value("17")
	day, _ := ExpandDate(expiry, 2026)
	fmt.Println(gtin, day)
	// Output: 09506000134352 2027-01-31
}
