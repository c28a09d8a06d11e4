package hil

import (
	"sync"
	"testing"

	"tote/drivers/all"
	"tote/drivers/inspect"
	"tote/firmware-tests/record"
)

// A probe with all drivers' questions finds the one that a device belongs to, and
// takes it for no other. It changes nothing: no label comes out of a printer, and
// nothing is set. All at once, as they mostly wait.
func TestRow91ProbeAmongAllDrivers(t *testing.T) {
	var probes sync.WaitGroup
	for name := range emulators() {
		probes.Go(func() { probe(t, name) })
	}
	probes.Wait()
}

func probe(t *testing.T, name string) {
	rig, err := Emulate(t.Context(), name)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer func() {
		if err := rig.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}()
	target := inspect.Target{Name: "emulated", Port: rig.Line}
	if rig.Line.Path == "" {
		target.TCP = rig.Address
	}
	row, _ := all.Find(name)
	for try := 1; ; try++ {
		found := inspect.Probe(t.Context(), target, all.Drivers())
		switch {
		case found.Driver == name:
		case found.Driver != "":
			t.Errorf("%s is taken for a %s: %+v", name, found.Driver, found)
		case row.Ask == nil:
			t.Logf("%s cannot be asked: %s", name, found.Verdict)
		case try < 3:
			continue // on a busy machine an answer may come too late, never a wrong one
		default:
			t.Errorf("%s is not found: %+v", name, found)
		}
		break
	}
	entries, err := rig.Control.Record(t.Context(), 0)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	for _, e := range entries {
		if e.Kind != record.Answered { // a weight that was asked for
			t.Errorf("something happened at %s: %+v", name, e)
		}
	}
}
