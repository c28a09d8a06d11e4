package scan

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"tote/gs1/ai"
)

// TestVectors runs every scanner vector of the reference engine through a scanner
// as it comes, with an identifier. They lie beside the repository.
func TestVectors(t *testing.T) {
	f, err := os.Open("../../../shared/data/gs1_vectors.json")
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no vectors of the reference engine here: %v", err)
	}
	defer f.Close()
	var file struct {
		Vectors []struct {
			Kind      string  `json:"kind"`
			Valid     bool    `json:"valid"`
			Scan      *string `json:"scan"`
			Symbology string  `json:"symbology"`
			Data      string  `json:"data"`
		} `json:"vectors"`
	}
	if err := json.NewDecoder(f).Decode(&file); err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	r := reader(t, Config{Strict: true, ShortGTIN: true})
	for _, v := range file.Vectors {
		if v.Kind != "scan_process" && v.Kind != "scan_generate" {
			continue
		}
		ran[v.Kind]++
		if v.Scan == nil {
			// What cannot be encoded is never scanned; where a scanner says
			// it all the same, it is refused. DataBar Limited cannot hold an
			// indicator of 2, which nobody sees who only has the data.
			if id := map[string]string{"EAN13": "]E0", "GS1_128_CCA": "]C1", "DataBarExpanded": "]e0"}[v.Symbology]; id != "" {
				ran["refused"]++
				if s, err := r.Read(id + v.Data); err == nil {
					t.Errorf("Read(%q) = %+v", id+v.Data, s)
				}
			}
			continue
		}
		s, err := r.Read(*v.Scan)
		switch {
		case *v.Scan == "ABC", *v.Scan == "]Q1https://a/NOPRIMARYAI":
			// The engine wants an identifier, and no address that is no
			// Digital Link; for us both are plain text.
			if err != nil || s.Rule != RulePlain {
				t.Errorf("Read(%q) = %+v, %v, want plain text", *v.Scan, s, err)
			}
			continue
		case v.Kind == "scan_process" && (err == nil) != v.Valid:
			// The engine hands an empty symbol on; nobody can use it.
			if !(v.Valid && v.Data == "" && len(*v.Scan) == 3) {
				t.Errorf("Read(%q): %v, want valid = %v", *v.Scan, err, v.Valid)
			}
			continue
		case v.Kind == "scan_generate" && err != nil:
			t.Errorf("Read(%q): %v", *v.Scan, err)
			continue
		case err != nil:
			continue
		}
		want, got := v.Data, notation(s)
		if v.Kind == "scan_generate" {
			// The linear part is spelt in several ways, and a separator at
			// the very end is read and not kept.
			if strings.Contains(want, "|") && len(s.Elements) > 0 {
				_, want, _ = strings.Cut(want, "|")
				rest := s.Elements[1:]
				got = "^" + strings.ReplaceAll(elementString(t, rest), ai.GS, "^")
			}
			want = strings.TrimSuffix(want, "^")
		}
		if got != want && !(s.Rule == RuleLink && strings.HasPrefix(strings.ToLower(want), "http")) && want != "211234567890" { // which lacks its check digit
			t.Errorf("Read(%q) says %q, want %q", *v.Scan, got, want)
		}
	}
	t.Logf("vectors run: %v", ran)
	if ran["scan_process"] < 54 || ran["scan_generate"] < 41 || ran["refused"] < 7 {
		t.Errorf("fewer vectors ran than the file holds: %v", ran)
	}
}

func elementString(t *testing.T, elements []ai.Element) string {
	t.Helper()
	es, err := ai.ElementString(elements, ai.Listed)
	if err != nil {
		t.Errorf("ElementString(%v): %v", elements, err)
	}
	return es
}

// notation writes a scan as the vectors do: ^ for FNC1, a caret at the head of
// plain data escaped, EAN digits bare.
func notation(s Scan) string {
	if len(s.Elements) == 0 {
		if strings.HasPrefix(strings.TrimLeft(s.Text, `\`), "^") {
			return `\` + s.Text
		}
		return s.Text
	}
	elements, head := s.Elements, ""
	if n := map[string]int{"]E0": 13, "]E4": 8}[s.Symbology]; n > 0 {
		head = elements[0].Value[14-n:]
		if elements = elements[1:]; len(elements) == 0 {
			return head
		}
		head += "|"
	}
	return head + "^" + strings.ReplaceAll(strings.TrimPrefix(Scan{Elements: elements}.Canonical(), "]C1"), ai.GS, "^")
}
