package hil

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/drivers/accept"
	"tote/drivers/all"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRow71EveryDriver: readers, scales, printers, scanners and sensors pass the
// suite that real ones are handed over with. A driver without an emulator fails
// here unless it is listed with a reason.
func TestRow71EveryDriver(t *testing.T) {
	known := emulators()
	for _, d := range all.Drivers() {
		why, excused := without()[d.Name]
		_, has := known[d.Name]
		delete(known, d.Name)
		switch {
		case has == excused:
			t.Errorf("%s: has it an emulator or not? Say so in emulators.go", d.Name)
			continue
		case excused && len(why) < 20:
			t.Errorf("%s: %q is no reason", d.Name, why)
			continue
		case excused:
			t.Logf("%s IS TRIED ON NOTHING: %s", d.Name, why)
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			rig, err := Emulate(t.Context(), d.Name)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := rig.Close(); err != nil {
					t.Error(err)
				}
			}()
			report := accept.Run(t.Context(), rig.Subject, accept.Options{Person: rig.Person, Soak: 500 * time.Millisecond, Limit: 40 * time.Second})
			if !report.Accepted() {
				t.Errorf("%s", report.Markdown())
			}
			// What needs a person was really done: at least one step of its kind.
			done := 0
			for _, c := range report.Checks {
				if c.Result == accept.Passed {
					done++
				}
			}
			if done < 5 || !slices.ContainsFunc(report.Checks, func(c accept.Check) bool {
				return strings.HasPrefix(c.Name, "plugged in again") && c.Result == accept.Passed
			}) {
				t.Errorf("too little was tried:\n%s", report.Markdown())
			}
		})
	}
	for name := range known {
		t.Errorf("%s is no driver", name)
	}
}

func TestEmulateWhatIsNot(t *testing.T) {
	if _, err := Emulate(t.Context(), "none"); err == nil {
		t.Error("a rig of no driver")
	}
}
