package ai

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/gs1/ai/dictionary"
)

// TestTableAgreesWithDictionary compares the table with what the generator would
// write now. The dictionary lies beside the repository.
func TestTableAgreesWithDictionary(t *testing.T) {
	f, err := os.Open("../../../shared/data/gs1-syntax-dictionary/gs1-syntax-dictionary.txt")
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no GS1 syntax dictionary here: %v", err)
	}
	defer f.Close()
	rows, err := dictionary.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	var want []row
	for _, r := range rows {
		w := row{from: r.From, to: r.To, spec: r.Spec, rules: r.Attributes, title: r.Title}
		if r.Fixed {
			w.use |= fixed
		}
		if r.Attribute {
			w.use |= attribute
		}
		want = append(want, w)
	}
	if d := cmp.Diff(want, table, cmp.AllowUnexported(row{})); d != "" {
		t.Errorf("run go generate (-dictionary +table):\n%s", d)
	}
	named := map[string]bool{}
	for _, s := range all() {
		for _, c := range s.components {
			for _, l := range c.checks {
				named[l.name] = true
			}
		}
	}
	for name := range checks {
		if !named[name] {
			t.Errorf("check %q is made and never named", name)
		}
	}
}

// The state machine of a site reads with this table, under Frozen: a row that
// comes or changes would make another state out of an old log. A new table needs
// a new level of package warehouse, which reads with it from then on.
func TestTheFrozenTable(t *testing.T) {
	h := sha256.New()
	specs := all()
	for _, ai := range slices.Sorted(maps.Keys(specs)) {
		s := specs[ai]
		fmt.Fprintln(h, ai, s.Fixed)
		for _, c := range s.components {
			fmt.Fprintf(h, "%c %d %d %v", c.class, c.min, c.max, c.optional)
			for _, l := range c.checks {
				if l.depth == Frozen {
					fmt.Fprintf(h, " %s %s", l.name, l.fault.Code)
				}
			}
			fmt.Fprintln(h)
		}
	}
	const want = "9bfbe34b9659237b170b66dae9ee90ef"
	if got := fmt.Sprintf("%x", h.Sum(nil)[:16]); got != want {
		t.Errorf("the table reads otherwise than before: %s, was %s", got, want)
	}
}

func TestTableIsWellFormed(t *testing.T) {
	specs := all()
	if len(specs) != 541 || len(table) != 224 {
		t.Errorf("%d AIs in %d rows, want 541 in 224", len(specs), len(table))
	}
	known := func(pattern string) bool {
		for ai := range specs {
			if matches(pattern, ai) {
				return true
			}
		}
		return false
	}
	for ai, s := range specs {
		for n := 2; n < len(ai); n++ {
			if _, ok := specs[ai[:n]]; ok {
				t.Errorf("AI %s begins with AI %s", ai, ai[:n])
			}
		}
		if found, _, ok := Find(ai + "0123456789"); !ok || found != ai {
			t.Errorf("AI %s is found as %q", ai, found)
		}
		if s.Fixed == NeedsSeparator(ai) {
			t.Errorf("AI %s: the table says fixed = %v, the first two digits say otherwise", ai, s.Fixed)
		}
		if s.Fixed && s.Min != s.Max {
			t.Errorf("AI %s is fixed with %d to %d characters", ai, s.Min, s.Max)
		}
		if s.Title == "" && ai != "8110" && ai != "8112" {
			t.Errorf("AI %s has no title", ai)
		}
		for _, any := range s.needs {
			for _, together := range any {
				for _, p := range together {
					if !known(p) {
						t.Errorf("AI %s needs %s, which does not exist", ai, p)
					}
				}
			}
		}
		for _, p := range append(slices.Concat(s.Chains...), s.excludes...) {
			if !known(p) {
				t.Errorf("AI %s names %s, which does not exist", ai, p)
			}
		}
	}
	for _, data := range []string{"", "0", "05", "1", "1A", "A1", "31", "310", "3106", "31x0", "310x", "2", "236", "9", "\x1d1"} {
		if ai, _, ok := Find(data); ok {
			t.Errorf("Find(%q) = %s", data, ai)
		}
	}
	if Title("05") != "" || Title("010") != "" || Title("3103") != "NET WEIGHT (kg)" {
		t.Errorf("titles: %q, %q, %q", Title("05"), Title("010"), Title("3103"))
	}
	if !NeedsSeparator("9") || NeedsSeparator("04") || !NeedsSeparator("05") {
		t.Error("separators of unknown AIs")
	}
}

func TestParseRowRefuses(t *testing.T) {
	for _, r := range []row{
		{from: "1", spec: "Q1"}, {from: "1", spec: "Nx"}, {from: "1", spec: "N1,nosuch"}, {from: "1", spec: "N1", rules: "must=1"}, {from: "1", spec: "[]"},
	} {
		if _, err := parseRow(r); err == nil {
			t.Errorf("read %+v", r)
		}
	}
}
