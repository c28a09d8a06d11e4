package dictionary

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	got, err := Read(strings.NewReader(`# a comment

01         *?  N14,csum,gcppos2                  ex=255,37 dlpkey=22,10,21|235                      # GTIN
253         ?  N13,csum,gcppos1 [X..17]          dlpkey                                             # GDTI
3100-3105  *?  N6                                req=01,02 ex=310n                                  # NET WEIGHT (kg)
8043           N18 [N..2]                        req=01+21+8040
`))
	want := []Row{
		{"01", "01", true, true, "N14,csum,gcppos2", "ex=255,37 dlpkey=22,10,21|235", "GTIN"},
		{"253", "253", false, true, "N13,csum,gcppos1 [X..17]", "dlpkey", "GDTI"},
		{"3100", "3105", true, true, "N6", "req=01,02 ex=310n", "NET WEIGHT (kg)"},
		{"8043", "8043", false, false, "N18 [N..2]", "req=01+21+8040", ""},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	if s := string(Source(got)); !strings.Contains(s, `{"8043", "8043", 0, "N18 [N..2]", "req=01+21+8040", ""},`) || !strings.Contains(s, "GS1 AISBL") {
		t.Errorf("source:\n%s", s)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"nothing":               "",
		"no AI":                 "1 N2",
		"a range backwards":     "3105-3100 N6",
		"a range of two widths": "91-999 N6",
		"no components":         "01 *? req=01",
		"an unknown class":      "01 Q14",
		"an unknown flag":       "01 ! N14",
		"an unknown attribute":  "01 N14 must=02",
		"a component too late":  "01 N14 req=02 N3",
		"a check without name":  "01 N14,",
	} {
		if rows, err := Read(strings.NewReader(line + "\n")); err == nil {
			t.Errorf("%s: read as %+v", name, rows)
		}
	}
}
