//go:build linux

package lintest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// Options of a run.
type Options struct {
	Subject Subject
	Seed    uint64        // of the faults and the operations; 0 = made up and printed
	Lanes   int           // clients (16)
	D       time.Duration // how long the load goes on at least
	// Faults plays the faults; it returns when it is through with them, or
	// soon after over is closed.
	Faults func(f *Faults)
	// StaleReads leaves the question to the majority out of reads, to show
	// that the check notices.
	StaleReads bool
	// Beat is the heartbeat and election timeout of the gateways (beat).
	Beat time.Duration
	// LongLease makes the first gateway believe for that long that it leads.
	LongLease time.Duration
	// NoNamespaces makes partitions by proxies, as where root is missing.
	NoNamespaces bool
	// SnapshotEntries is after how many log entries gateways take a snapshot
	// (snapshotEntries); two fifths of that stay behind it.
	SnapshotEntries uint64
	// Freezer puts each gateway into a control group that can be frozen,
	// Memory into one with that many bytes.
	Freezer bool
	Memory  int64
	// Older is the test binary of an older version; all gateways begin as it.
	Older string
	// Dir is where a history is kept that has no explanation.
	Dir string
}

// Report tells what a run was.
type Report struct {
	OK        bool
	Page      string // of the failing history
	Ops, Lost int    // checked; of them with an unknown outcome
	Repeats   int
	Kills     int
	Gap       time.Duration // longest time between two acknowledged writes
	Took      time.Duration // of the check
	Faults    []string
	Kinds     map[string]int // answered operations by kind, refused ones as "kind refused"
}

// Faults is the hand that plays the faults.
type Faults struct {
	*Cluster
	Rand *rand.Rand
	over chan struct{}
	load *load
}

// Wait waits; it is false when the time of the run is over.
func (f *Faults) Wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-f.over:
		return false
	}
}

// Over tells whether the time of the run is over.
func (f *Faults) Over() bool {
	select {
	case <-f.over:
		return true
	default:
		return false
	}
}

// Acknowledged waits until n more operations were answered, so that a fault
// is met by a working cluster on a slow machine as well.
func (f *Faults) Acknowledged(n int) {
	count := func() int {
		f.load.mu.Lock()
		defer f.load.mu.Unlock()
		return len(f.load.history) - f.load.lost
	}
	want := count() + n
	for end := time.Now().Add(30 * time.Second); count() < want; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Errorf("after %v: %d operations were not answered in 30 s", f.done, n)
			return
		}
	}
}

// Any is a random gateway.
func (f *Faults) Any() string { return ids[f.Rand.IntN(len(ids))] }

// LeaderOrAny is the leader, or a random gateway when nobody leads.
func (f *Faults) LeaderOrAny() string { return cmp.Or(f.Leader(), f.Any()) }

// Run plays the faults to a cluster under load and checks what the clients saw.
// It fails the test when something acknowledged is gone or gateways differ, but
// leaves it to the caller to judge the history.
func Run(t testing.TB, opt Options) Report {
	t.Helper()
	opt.Seed = cmp.Or(opt.Seed, rand.Uint64()|1)
	opt.Beat = cmp.Or(opt.Beat, beat)
	opt.SnapshotEntries = cmp.Or(opt.SnapshotEntries, snapshotEntries)
	opt.Lanes = cmp.Or(opt.Lanes, 16)
	c := startCluster(t, opt)
	f := &Faults{Cluster: c, Rand: rand.New(rand.NewPCG(opt.Seed, 1<<32)), over: make(chan struct{})}
	if opt.Subject.Setup != nil {
		before := &load{t: t, c: c, begin: time.Now()}
		a := before.newAsker(1 << 20)
		if err := opt.Subject.Setup(func(op Op) (Answer, error) {
			seen, err := a.op(op, 20*time.Second)
			return seen.Answer, err
		}); err != nil {
			t.Fatal(err)
		}
		a.close()
	}
	f.load = startLoad(c, opt.Lanes)
	end := time.AfterFunc(opt.D, func() { close(f.over) })
	defer end.Stop()
	if opt.Faults != nil {
		opt.Faults(f)
	}
	<-f.over
	c.settle()
	f.Acknowledged(20)
	f.load.end()
	f.load.readAll()
	c.sameState()
	return f.report(opt)
}

func (f *Faults) report(opt Options) Report {
	l := f.load
	began := time.Now()
	res, info, m := check(opt.Subject.Model, l.history)
	r := Report{
		OK: res == porcupine.Ok, Ops: len(l.history), Lost: l.lost, Repeats: l.repeats,
		Kills: f.kills, Gap: l.gap, Took: time.Since(began), Faults: f.done, Kinds: map[string]int{},
	}
	for _, e := range l.history {
		switch {
		case e.Seen.OK:
			r.Kinds[e.Op.Kind]++
		case e.Seen.Known:
			r.Kinds[e.Op.Kind+" refused"]++
		}
	}
	if !r.OK {
		dir := cmp.Or(opt.Dir, os.Getenv("TOTE_LINEARIZE_DIR"), filepath.Join(os.TempDir(), "tote-linearize"))
		page, err := save(dir, m, info, l.history)
		if err != nil {
			f.t.Errorf("the history cannot be saved: %v", err)
		}
		r.Page = page
	}
	f.t.Logf("%s: %d operations checked (%s) in %v, %d with an unknown outcome, %d refused, %d asked again; "+
		"load %v, %d faults, %d kills, longest gap between acknowledged writes %v, seed %d",
		opt.Subject.Name, r.Ops, res, r.Took.Round(time.Millisecond), r.Lost, l.refused, r.Repeats,
		l.last.Round(time.Millisecond), len(r.Faults), r.Kills, r.Gap.Round(time.Millisecond), opt.Seed)
	if testing.Verbose() {
		f.t.Log(fmt.Sprint(r.Kinds, r.Faults))
	}
	return r
}

// Must fails the test when the history has no explanation.
func (r Report) Must(t testing.TB) {
	t.Helper()
	if !r.OK {
		t.Errorf("NOT LINEARIZABLE; the history is in %s\nfaults: %v", r.Page, r.Faults)
	}
}

// Enough fails the test when a run of d, if it was a long one, was too easy.
func (r Report) Enough(t testing.TB, d time.Duration) {
	t.Helper()
	if d < time.Minute {
		return
	}
	if want := 20_000; r.Ops < want {
		t.Errorf("%d operations are too few, want %d", r.Ops, want)
	}
}

// Beside lets the short runs of make test run beside each other: they mostly
// wait. The long ones have the machine for themselves, so that each has enough
// operations.
func Beside(t *testing.T) {
	if Lasts(0) == 0 {
		t.Parallel()
	}
}

// Lasts is how long a run lasts: short in make test, else what make linearize
// asks for (TOTE_LINEARIZE).
func Lasts(short time.Duration) time.Duration {
	long, _ := time.ParseDuration(os.Getenv("TOTE_LINEARIZE")) // empty: 0
	return max(short, long)
}
