package all

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"tote/drivers"
	"tote/drivers/scale"
	"tote/drivers/scale/nci"
	regex "tote/drivers/scale/pattern"
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
		if (d.Kind == Scale) != (d.Scale != nil) {
			t.Errorf("%s: only scales have a protocol", d.Name)
		}
	}
	for _, d := range Drivers() {
		try := d.Try()
		if try == nil {
			t.Errorf("%s: nobody can try it out (Trial)", d.Name)
			continue
		}
		opens := 0
		open := func(context.Context) (drivers.Port, error) { opens++; return nil, drivers.ErrUnplugged }
		dev, err := try("x", open, func(drivers.Told) {})
		if err != nil || dev.Status().State != drivers.Absent || opens != 0 {
			t.Errorf("%s: a trial %v, %v", d.Name, dev, err)
		}
		if s, ok := dev.(drivers.Sampler); ok != (d.Kind == Printer) {
			t.Errorf("%s: only printers make samples", d.Name)
		} else if ok {
			if text, ok, _ := s.Sample(t.Context()); ok {
				t.Errorf("%s: a sample out of nothing: %s", d.Name, text)
			}
		}
	}
	if _, ok := Find("none"); ok {
		t.Error("found what is not there")
	}
}

// What a scale's driver cannot use is an error, not forgotten.
func TestSettingsOfScales(t *testing.T) {
	pattern := scale.Settings{Pattern: `(?P<stable>S)?(?P<value>\d+)(?P<unit>g)`}
	for _, name := range Names(Scale) {
		d, _ := Find(name)
		unit := scale.Settings{Unit: "kg"}
		for _, c := range []struct {
			s    scale.Settings
			good bool
		}{
			{scale.Settings{}, name != regex.Name && name != nci.Name8213},
			{pattern, name == regex.Name},
			{unit, name == nci.Name8213},
			{scale.Settings{Unit: "stone"}, false},
			{scale.Settings{Ask: "W"}, false},
			{scale.Settings{Zero: "Z"}, false},
		} {
			p, err := d.Scale(c.s)
			if c.good != (err == nil) || err == nil && p.Name != name {
				t.Errorf("%s with %+v: %q, %v", name, c.s, p.Name, err)
			}
		}
	}
}
