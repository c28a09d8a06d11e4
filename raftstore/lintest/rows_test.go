//go:build linux

package lintest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The rows of the failure matrix that need real processes. Of each the history
// must have an explanation, nothing acknowledged may be gone, and all gateways
// must end with the same state.

// playRow plays faults in turn until each was played and the time is over.
func playRow(t *testing.T, opt Options, faults ...func(*Faults)) Report {
	t.Helper()
	Beside(t)
	opt.Subject, opt.D = registerSubject, Lasts(2*time.Second)/2
	opt.Faults = func(f *Faults) {
		for n := 0; n < len(faults) || !f.Over(); n++ {
			f.Acknowledged(50)
			faults[n%len(faults)](f)
		}
	}
	r := Run(t, opt)
	r.Must(t)
	return r
}

// TestRow2KillMinute: a random gateway is killed with SIGKILL every 5 s and
// started after 1 s (the short run: 2 s). Nothing acknowledged is gone, and
// writes go on within 3 s; the limit is three times that, for machines that
// have other work as well.
func TestRow2KillMinute(t *testing.T) {
	Beside(t)
	d, every := Lasts(6*time.Second), 5*time.Second
	if d < time.Minute {
		every = 2 * time.Second
	}
	r := Run(t, Options{Subject: registerSubject, D: d, Faults: func(f *Faults) { KillEvery(f, every) }})
	r.Must(t)
	r.Enough(t, d)
	if r.Gap > 9*time.Second {
		t.Errorf("no write was acknowledged for %v", r.Gap)
	}
	if want := int(d/every) - 1; r.Kills < want {
		t.Errorf("%d kills, want %d", r.Kills, want)
	}
}

func TestRow6Partitions(t *testing.T) { playRow(t, Options{}, Partition, OneWay, Flapping) }

func TestRow6PartitionsByProxy(t *testing.T) {
	playRow(t, Options{NoNamespaces: true}, Partition, OneWay, Flapping)
}

// TestRow6TermStays: a follower that is cut off, both ways or one, for many
// election timeouts deposes nobody when it comes back: it asks before it stands
// for election. Nor does a leader that was cut off.
func TestRow6TermStays(t *testing.T) {
	calm := Options{Lanes: 4, Beat: 400 * time.Millisecond} // a busy machine holds no election
	type cut = func(f *Faults, id string)
	for name, cut := range map[string]cut{
		"both ways":  func(f *Faults, id string) { f.Isolate(id) },
		"not heard":  func(f *Faults, id string) { f.Cut([]string{id}, f.Others(id)) },
		"not spoken": func(f *Faults, id string) { f.Cut(f.Others(id), []string{id}) },
	} {
		t.Run(name, func(t *testing.T) {
			playRow(t, calm, func(f *Faults) {
				f.steady(t, func() (string, string, uint64) {
					lead, term := f.settled()
					away := f.Others(lead)[f.Rand.IntN(2)]
					cut(f, away)
					<-time.After(5 * calm.Beat)
					f.Heal()
					return away + " came back", lead, term
				})
			})
		})
	}
	t.Run("the leader", func(t *testing.T) {
		playRow(t, calm, func(f *Faults) {
			f.steady(t, func() (string, string, uint64) {
				old, _ := f.settled()
				f.Isolate(old)
				lead, term := f.othersGoOn(old, 50)
				<-time.After(5 * calm.Beat)
				f.Heal()
				return old + ", which led, came back", lead, term
			})
		})
	})
}

// TestRow6LateAnswers: what a follower answered before it elected another leader
// reaches the old one only afterwards. It proves nothing about now.
func TestRow6LateAnswers(t *testing.T) {
	Beside(t)
	for range max(1, int(Lasts(0)/(30*time.Second))) {
		Run(t, Options{
			Subject: registerSubject, D: 500 * time.Millisecond, LongLease: 3 * time.Second, NoNamespaces: true,
			Faults: func(f *Faults) {
				f.Cut(f.Others("gw1"), []string{"gw1"})
				<-time.After(170 * time.Millisecond) // a heartbeat is answered, the answer waits
				f.Cut([]string{"gw1"}, f.Others("gw1"))
				f.othersGoOn("gw1", 50)
				f.Heal()
			},
		}).Must(t)
	}
}

func TestRow9MembershipKillPartition(t *testing.T) { playRow(t, Options{}, Replacing) }

// TestRow10LaggingSnapshotCut: a follower is away until no log reaches back to
// it; it is killed while it is given the whole state, and the next time it takes
// it. No log grows without end. TestRow10SnapshotCutHalfWay in raftstore cuts the
// transfer itself.
func TestRow10LaggingSnapshotCut(t *testing.T) {
	playRow(t, Options{SnapshotEntries: snapshotEntries / 4}, Lagging, func(f *Faults) {
		lead, _ := f.settled()
		id := f.Others(lead)[f.Rand.IntN(2)]
		f.Kill(id)
		f.outrun(id)
		f.Start(id)
		await(t, 30*time.Second, "a snapshot is installed", func() bool { return f.look(id).installed > 0 })
		f.awaitVoter(id)
		for _, id := range ids {
			if n := f.logBytes(id); n > logBound {
				t.Errorf("the log of %s takes %d bytes", id, n)
			}
		}
	})
}

// logBound is what a log may take here: the entries behind two snapshots and
// those of the time it takes to make one, a page each, in segments of 256 KiB.
const logBound = 24 << 20

// outrun waits until the logs of the others begin behind all that id has: the
// older one of the two snapshots they keep, where a log is cut, is new as well.
func (f *Faults) outrun(id string) {
	for _, o := range f.Others(id) {
		last := f.snapshots(o)
		newer := func(than uint64, at int) func() bool {
			return func() bool { s := f.snapshots(o); return len(s) > at && s[at] > than }
		}
		await(f.t, 30*time.Second, "a snapshot", newer(last[0], 0))
		await(f.t, 30*time.Second, "two snapshots", newer(f.snapshots(o)[0]+snapshotEntries/4, 1))
	}
}

// snapshots are the log indexes of the snapshots a gateway has, newest first.
func (f *Faults) snapshots(id string) (at []uint64) {
	names, err := filepath.Glob(filepath.Join(f.base, id, "snapshots", "*-*-*"))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, n := range names {
		var term, index, ms uint64
		if k, _ := fmt.Sscanf(filepath.Base(n), "%d-%d-%d", &term, &index, &ms); k == 3 && !strings.HasSuffix(n, ".tmp") {
			at = append(at, index)
		}
	}
	slices.Sort(at)
	slices.Reverse(at)
	return append(at, 0)
}

// TestRow13StoppedLeader: the leader stands still for 10 s (the short run: 2 s)
// and then goes on, believing that it leads.
func TestRow13StoppedLeader(t *testing.T) {
	playRow(t, Options{}, func(f *Faults) { f.standStill(t, f.Stop, f.Continue) })
}

// TestRow13FrozenLeader: as a container that is paused.
func TestRow13FrozenLeader(t *testing.T) {
	playRow(t, Options{Freezer: true}, func(f *Faults) { f.standStill(t, f.Freeze, f.Thaw) })
}

// standStill stops the leader and lets it go on, when another one has led for
// some time. It must follow, and depose nobody.
func (f *Faults) standStill(t *testing.T, stop, goOn func(id string)) {
	f.steady(t, func() (string, string, uint64) {
		old, _ := f.settled()
		stop(old)
		lead, term := f.othersGoOn(old, 50)
		<-time.After(min(Lasts(2*time.Second), 10*time.Second) - time.Second) // to its end, also when the time is over
		goOn(old)
		return old + " woke up", lead, term
	})
}

// steady fails the test when the lead or the term moved after what fault did,
// which tells who led before it ended. On a busy machine they may move by
// themselves; what a fault moves it moves each time.
func (f *Faults) steady(t *testing.T, fault func() (what, lead string, term uint64)) {
	t.Helper()
	moved := ""
	for range 3 {
		what, lead, term := fault()
		f.Acknowledged(50)
		now, at := f.settled()
		if now == lead && at == term {
			return
		}
		moved = fmt.Sprintf("%s: %s led in term %d, now %s in %d", what, lead, term, now, at)
	}
	t.Errorf("three times: %s", moved)
}

// TestRow13Stutter: whoever leads stands still for moments again and again, as
// a program does whose garbage collector, or whose neighbours, take the machine.
func TestRow13Stutter(t *testing.T) {
	playRow(t, Options{}, func(f *Faults) {
		id := f.LeaderOrAny()
		for range 10 {
			f.Stop(id)
			f.for1(10*time.Millisecond, 400*time.Millisecond)
			f.Continue(id)
			f.for1(5*time.Millisecond, 60*time.Millisecond)
		}
	})
}

// TestRow13MemorySqueeze: gateways with 256 MiB each, page cache included, of
// which half may be garbage of somebody else. They work on, and none is killed.
func TestRow13MemorySqueeze(t *testing.T) {
	Beside(t)
	Run(t, Options{Subject: registerSubject, D: Lasts(2*time.Second) / 2, Memory: 256 << 20, Faults: func(f *Faults) {
		for _, id := range ids {
			f.Hold(id, 24<<20)
		}
		defer func() {
			for _, id := range ids {
				t.Logf("%s: %s", id, f.groups[id].told())
			}
		}()
		for first := true; first || !f.Over(); first = false {
			f.Acknowledged(500)
			for _, id := range ids {
				await(f.t, 30*time.Second, id+" answers", func() bool { return f.look(id).ok })
			}
		}
	}}).Must(t)
}

// settled waits until one gateway leads and all are in its term.
func (f *Faults) settled() (lead string, term uint64) {
	await(f.t, 30*time.Second, "one term", func() bool {
		lead, term = "", 0
		for _, id := range ids {
			l := f.look(id)
			if !l.ok || term != 0 && l.term != term {
				return false
			}
			if term = l.term; l.leads {
				lead = id
			}
		}
		return lead != ""
	})
	return lead, term
}

// othersGoOn waits until another gateway than old leads and n operations were
// answered after that.
func (f *Faults) othersGoOn(old string, n int) (lead string, term uint64) {
	await(f.t, 30*time.Second, "another one leads", func() bool {
		for _, id := range f.Others(old) {
			if l := f.look(id); l.ok && l.leads {
				lead, term = id, l.term
				return true
			}
		}
		return false
	})
	f.Acknowledged(n)
	return lead, term
}
