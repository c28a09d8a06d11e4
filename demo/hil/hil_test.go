package hil

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/drivers/accept"
	"tote/drivers/all"
	"tote/drivers/drivertest"
)

func TestMain(m *testing.M) {
	drivertest.Waiting()
	goleak.VerifyTestMain(m)
}

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
			// A machine that stands still for a second makes a device look silent:
			// such a run is repeated, as a person would.
			for try := 1; ; try++ {
				report := tryOut(t, d.Name)
				if why := wrong(report); why == "" {
					break
				} else if try == 3 {
					t.Errorf("%s:\n%s", why, report.Markdown())
					break
				}
			}
		})
	}
	for name := range known {
		t.Errorf("%s is no driver", name)
	}
}

func tryOut(t *testing.T, driver string) accept.Report {
	rig, err := Emulate(t.Context(), driver)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := rig.Close(); err != nil {
			t.Error(err)
		}
	}()
	return accept.Run(t.Context(), rig.Subject, accept.Options{Person: rig.Person, Soak: 500 * time.Millisecond, Limit: 40 * time.Second})
}

// wrong says why a report will not do. What needs a person must really have been
// done, up to the plug.
func wrong(r accept.Report) string {
	passed, _, _ := r.Count()
	switch {
	case !r.Accepted():
		return "not accepted"
	case passed < 5 || !slices.ContainsFunc(r.Checks, func(c accept.Check) bool {
		return strings.HasPrefix(c.Name, "plugged in again") && c.Result == accept.Passed
	}):
		return "too little was tried"
	}
	return ""
}

func TestEmulateWhatIsNot(t *testing.T) {
	if _, err := Emulate(t.Context(), "none"); err == nil {
		t.Error("a rig of no driver")
	}
}
