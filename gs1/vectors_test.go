package gs1

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
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
			got += "^" + strings.ReplaceAll(es, gs, "^")
		}
	}
	if got != want {
		t.Errorf("Parse(%q) says %q, want %q", in, got, want)
	}
}

// TestTableAgreesWithDictionary reads the GS1 syntax dictionary and compares
// every row with the table.
func TestTableAgreesWithDictionary(t *testing.T) {
	f := openShared(t, "gs1-syntax-dictionary/gs1-syntax-dictionary.txt")
	flags := regexp.MustCompile(`^[*?]+$`)
	want := map[string]row{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line, title, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		from, to, isRange := strings.Cut(fields[0], "-")
		if !isRange {
			to = from
		}
		r := row{from: from, to: to, title: strings.TrimSpace(title)}
		if fields = fields[1:]; flags.MatchString(fields[0]) {
			r.fixed = strings.Contains(fields[0], "*")
			fields = fields[1:]
		}
		var parts []string
		for _, p := range fields {
			if !strings.Contains(p, "=") && p != "dlpkey" {
				parts = append(parts, p)
			}
		}
		r.spec = strings.Join(parts, " ")
		want[from] = r
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for _, r := range table {
		if want[r.from] != r {
			t.Errorf("table has %+v, the dictionary %+v", r, want[r.from])
		}
		delete(want, r.from)
	}
	for _, r := range want {
		t.Errorf("the table lacks %+v", r)
	}
}

func TestTableIsWellFormed(t *testing.T) {
	known := map[string]bool{}
	for _, name := range []string{ // made in check.go
		"csum", "gcppos1", "gcppos2", "yymmd0", "yymmdd", "yyyymmdd", "hh", "mi", "ss", "hhmi", "zero", "nonzero",
		"nozeroprefix", "hasnondigit", "hyphen", "yesno", "winding", "iso5218", "pieceoftotal", "posinseqslash",
		"latitude", "longitude", "pcenc",
	} {
		known[name] = true
	}
	for _, name := range []string{ // left out on purpose, see lint
		"iso3166", "iso3166999", "iso3166alpha2", "iso4217", "importeridx", "packagetype", "mediatype", "iban",
		"csumalpha", "couponcode", "couponposoffer",
	} {
		known[name] = true
	}
	for ai, s := range specs() {
		for n := 2; n < len(ai); n++ {
			if _, ok := specs()[ai[:n]]; ok {
				t.Errorf("AI %s begins with AI %s", ai, ai[:n])
			}
		}
		if s.fixed == NeedsSeparator(ai) {
			t.Errorf("AI %s: the table says fixed = %v, the first two digits say otherwise", ai, s.fixed)
		}
		if s.fixed && s.min != s.max {
			t.Errorf("AI %s is fixed with %d to %d characters", ai, s.min, s.max)
		}
		for _, c := range s.components {
			for _, name := range c.checks {
				if !known[name] {
					t.Errorf("AI %s: check %q is neither made nor left out on purpose", ai, name)
				}
			}
		}
		if Title(ai) == "" && ai != "8110" && ai != "8112" {
			t.Errorf("AI %s has no title", ai)
		}
	}
	if len(specs()) != 541 {
		t.Errorf("%d AIs, want 541", len(specs()))
	}
	if Title("05") != "" {
		t.Error("AI 05 has a title")
	}
}

func TestContentChecks(t *testing.T) {
	for _, tc := range []struct {
		ai, value string
		ok        bool
	}{
		{"7003", "2612312359", true},
		{"7003", "2612312460", false},
		{"7003", "2612002359", false},
		{"7250", "20240229", true},
		{"7250", "20230229", false},
		{"7250", "20230010", false},
		{"8001", "00010000100120", false},
		{"8001", "00010000100112", true},
		{"8001", "00000000100112", false},
		{"8003", "00614141123452", true},
		{"8003", "10614141123452", false},
		{"8003", "00614141123452ABC", true},
		{"8006", "806141411234580102", true},
		{"8006", "806141411234580201", false},
		{"8006", "806141411234580002", false},
		{"8008", "26123123", true},
		{"8008", "2612312359", true},
		{"8008", "261231235959", true},
		{"8008", "2612312360", false},
		{"8008", "2612312", false},
		{"8008", "26123124", false},
		{"8011", "0", true},
		{"8011", "01", false},
		{"8011", "10", true},
		{"4321", "1", true},
		{"4321", "2", false},
		{"4300", "A%2FB", true},
		{"4300", "A%2", false},
		{"4300", "A%ZZ", false},
		{"4309", "02790858483015297971", true},
		{"4309", "99999999993015297971", false},
		{"4309", "02790858489999999999", false},
		{"4330", "001234", true},
		{"4330", "001234-", true},
		{"4330", "001234+", false},
		{"7252", "9", true},
		{"7252", "3", false},
		{"7258", "1/2", true},
		{"7258", "2/1", false},
		{"7258", "112", false},
		{"8014", "12345AB", true},
		{"8014", "1234567", false},
		{"423", "276", true},
		{"423", "276040", true},
		{"423", "27604", false},
		{"8010", "1234-/#A", true},
		{"8010", "1234a", false},
		{"8030", "ab-_=", true},
		{"8030", "ab+", false},
		{"255", "0614141123452", true},
		{"255", "06141411234521234567890123", false},
	} {
		err := checkValue(tc.ai, specs()[tc.ai], tc.value)
		if (err == nil) != tc.ok {
			t.Errorf("(%s)%s: %v, want ok = %v", tc.ai, tc.value, err, tc.ok)
		}
	}
	if _, err := parseSpec(row{from: "1", spec: "Q1"}); err == nil {
		t.Error("a row with an unknown class was read")
	}
	if _, err := parseSpec(row{from: "1", spec: "Nx"}); err == nil {
		t.Error("a row with an unreadable length was read")
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
