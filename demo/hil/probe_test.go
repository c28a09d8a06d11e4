package hil

import (
	"testing"

	"tote/drivers/all"
	"tote/drivers/inspect"
	"tote/firmware-tests/record"
)

// A probe with all drivers' questions finds the one that a device belongs to, and
// takes it for no other. It changes nothing: no label comes out of a printer, no
// weight is taken, and the device works on afterwards.
func TestRow91ProbeAmongAllDrivers(t *testing.T) {
	for name := range emulators() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig, err := Emulate(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := rig.Close(); err != nil {
					t.Error(err)
				}
			}()
			target := inspect.Target{Name: "emulated", Port: rig.Line}
			if rig.Line.Path == "" {
				target.TCP = rig.Address
			}
			found := inspect.Probe(t.Context(), target, all.Drivers())
			row, _ := all.Find(name)
			switch {
			case found.Driver != "" && found.Driver != name:
				t.Errorf("it is taken for a %s: %+v", found.Driver, found)
			case row.Ask != nil && found.Driver != name:
				t.Errorf("it is not found: %+v", found)
			case found.Driver == "":
				t.Logf("%s cannot be asked: %s", name, found.Verdict)
			}
			entries, err := rig.Control.Record(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Kind != record.Answered { // a weight that was asked for
					t.Errorf("something happened at the device: %+v", e)
				}
			}
		})
	}
}
