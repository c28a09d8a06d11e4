//go:build linux

package lintest

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if Child(registerSubject) {
		return
	}
	// Short runs mostly wait: more of them at a time than there are cores,
	// unless the caller says how many.
	flag.Parse()
	if p := flag.Lookup("test.parallel"); p.Value.String() == p.DefValue {
		_ = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	}
	goleak.VerifyTestMain(m)
}

// TestLinearizable: all faults mixed (rows 2, 6, 7, 8, 9, 10 and 13 of the
// failure matrix).
func TestLinearizable(t *testing.T) {
	Beside(t)
	d := Lasts(5 * time.Second)
	r := Run(t, Options{Subject: registerSubject, D: d, Faults: Mixed})
	r.Must(t)
	r.Enough(t, d)
	for _, kind := range []string{"get", "put", "cas", "cas refused"} {
		if r.Kinds[kind] == 0 {
			t.Errorf("there was no %s: %v", kind, r.Kinds)
		}
	}
	if d >= time.Minute && r.Lost == 0 {
		t.Error("no operation had an unknown outcome: the faults did not hit")
	}
}

// TestStaleReadsAreNoticed proves that the check can fail: the same cluster and
// the same fault, once as it is and then with the question to the majority left
// out of reads. It proves the cuts as well, of both kinds, and the stops.
func TestStaleReadsAreNoticed(t *testing.T) {
	Beside(t)
	// gw1 is cut off and believes for long that it leads, while the others go
	// on. Nobody who was asked before another one led proves anything.
	cutOff := func(f *Faults) {
		f.Isolate("gw1")
		f.othersGoOn("gw1", 100)
		f.Heal()
	}
	for _, tc := range []struct {
		name         string
		stale, proxy bool
	}{
		{"as it is", false, false},
		{"stale", true, false},
		{"stale, by proxy", true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			Beside(t)
			r := Run(t, Options{
				Subject: registerSubject, D: 500 * time.Millisecond, LongLease: 3 * time.Second, Dir: t.TempDir(),
				Faults: cutOff, StaleReads: tc.stale, NoNamespaces: tc.proxy,
			})
			if !tc.stale {
				r.Must(t)
				return
			}
			if r.OK {
				t.Fatal("stale reads were not noticed: the check proves nothing")
			}
			for _, name := range []string{r.Page, filepath.Join(filepath.Dir(r.Page), "history.json")} {
				if st, err := os.Stat(name); err != nil || st.Size() == 0 {
					t.Errorf("the failing history is not in %s: %v", name, err)
				}
			}
		})
	}
}
