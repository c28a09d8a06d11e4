//go:build linux

package lintest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if Child(registerSubject) {
		return
	}
	goleak.VerifyTestMain(m)
}

// TestLinearizable: all faults mixed (rows 2, 6, 7, 8, 9, 10 and 13 of the
// failure matrix).
func TestLinearizable(t *testing.T) {
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

// TestRow2KillMinute: a random gateway is killed with SIGKILL every 5 s and
// started after 1 s. Nothing acknowledged is gone, and writes go on within 3 s;
// the limit is three times that, for machines that have other work as well.
func TestRow2KillMinute(t *testing.T) {
	d := Lasts(10 * time.Second)
	r := Run(t, Options{Subject: registerSubject, D: d, Faults: KillMinute})
	r.Must(t)
	r.Enough(t, d)
	if r.Gap > 9*time.Second {
		t.Errorf("no write was acknowledged for %v", r.Gap)
	}
	if want := int(d/(5*time.Second)) - 1; r.Kills < want {
		t.Errorf("%d kills, want %d", r.Kills, want)
	}
}

// TestRows plays one row of the failure matrix each.
func TestRows(t *testing.T) {
	row := func(faults ...func(*Faults)) func(*Faults) {
		return func(f *Faults) {
			for n := 0; n < len(faults) || !f.Over(); n++ {
				f.Acknowledged(50)
				faults[n%len(faults)](f)
			}
		}
	}
	for _, tc := range []struct {
		name   string
		faults func(*Faults)
	}{
		{"Row6Partitions", row(Partition, OneWay, Flapping)},
		{"Row6PartitionsByProxy", row(Partition, OneWay, Flapping)},
		{"Row9MembershipKillPartition", row(Replacing)},
		{"Row10LaggingSnapshotCut", row(Lagging)},
		{"Row13StoppedLeader", row(func(f *Faults) {
			id := f.LeaderOrAny()
			f.Stop(id)
			<-time.After(min(Lasts(2*time.Second), 10*time.Second)) // to its end, also when the time is over
			f.Continue(id)
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			Run(t, Options{Subject: registerSubject, D: Lasts(2*time.Second) / 2, Faults: tc.faults, NoNamespaces: tc.name == "Row6PartitionsByProxy"}).Must(t)
		})
	}
}

// TestRow6LateAnswers: what a follower answered before it elected another leader
// reaches the old one only afterwards. It proves nothing about now.
func TestRow6LateAnswers(t *testing.T) {
	for range max(1, int(Lasts(0)/(30*time.Second))) {
		Run(t, Options{
			Subject: registerSubject, D: 1500 * time.Millisecond, LongLease: 1500 * time.Millisecond, NoNamespaces: true,
			Faults: func(f *Faults) {
				f.Cut(f.Others("gw1"), []string{"gw1"})
				<-time.After(170 * time.Millisecond) // a heartbeat is answered, the answer waits
				f.Cut([]string{"gw1"}, f.Others("gw1"))
				<-time.After(900 * time.Millisecond) // another one leads
				f.Heal()
			},
		}).Must(t)
	}
}

// cutOff cuts the first gateway off, which believes for long that it leads,
// while the others go on.
func cutOff(f *Faults) {
	f.Isolate("gw1")
	<-time.After(1200 * time.Millisecond)
	f.Heal()
}

// TestStaleReadsAreNoticed proves that the check can fail: the same cluster and
// the same fault, once as it is and then with the question to the majority left
// out of reads. It proves the cuts as well, of both kinds.
func TestStaleReadsAreNoticed(t *testing.T) {
	t.Setenv("TOTE_LINEARIZE_DIR", t.TempDir())
	opt := Options{Subject: registerSubject, D: 1500 * time.Millisecond, Faults: cutOff, LongLease: 1500 * time.Millisecond}
	Run(t, opt).Must(t)
	opt.StaleReads = true
	for _, opt.NoNamespaces = range []bool{false, true} {
		r := Run(t, opt)
		if r.OK {
			t.Fatalf("stale reads were not noticed (by proxy: %v): the check proves nothing", opt.NoNamespaces)
		}
		for _, name := range []string{r.Page, filepath.Join(filepath.Dir(r.Page), "history.json")} {
			if st, err := os.Stat(name); err != nil || st.Size() == 0 {
				t.Errorf("the failing history is not in %s: %v", name, err)
			}
		}
	}
}
