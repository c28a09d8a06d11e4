package all

import (
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestTable(t *testing.T) {
	var names []string
	for _, d := range Drivers() {
		names = append(names, d.Name)
		if got, ok := Find(d.Name); !ok || got.Name != d.Name {
			t.Errorf("Find(%q)", d.Name)
		}
		if d.Doc == "" || !strings.HasSuffix(d.Doc, ".") {
			t.Errorf("%s: no documentation", d.Name)
		}
		var example map[string]any
		if err := yaml.Unmarshal([]byte(d.Example), &example); err != nil || example["driver"] != d.Name {
			t.Errorf("%s: example %v, %v", d.Name, example, err)
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(names)) != len(Drivers()) {
		t.Errorf("not in order or twice: %q", names)
	}
	for _, d := range Drivers() {
		if (d.Kind == RFID) != (d.Reader != nil) {
			t.Errorf("%s: only readers have a Reader", d.Name)
		}
		if (d.Kind == Scanner) != (d.Scanner != nil) {
			t.Errorf("%s: only scanners have a Scanner", d.Name)
		}
	}
	if _, ok := Find("none"); ok {
		t.Error("found what is not there")
	}
}
