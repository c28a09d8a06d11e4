package raftstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"

	"tote/raftstore/vfs"
)

// held opens a store whose rebuild stands still at the first command of the log
// until the machine is let go.
func held(t *testing.T, cfg Config) (*Store, *slowMachine) {
	t.Helper()
	m := &slowMachine{}
	m.hold.Lock()
	cfg.Early = true
	s, err := Open(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, ok := s.Rebuilding(); !ok {
		t.Fatal("nothing is rebuilt")
	}
	return s, m
}

func rebuilt(t *testing.T, s *Store) {
	t.Helper()
	if err := s.WaitRebuilt(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Rebuilding(); ok {
		t.Fatal("it is rebuilt and rebuilding")
	}
}

// TestRebuildServes: a gateway that builds its state anew stores what the leader
// sends, so that there is a quorum, and says of its state only that there is
// none yet.
func TestRebuildServes(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, func(c *Config) { c.Early = true })
	for i := range 20 { // it knows of most of them that they are committed
		a.must(t, byDevice("hh", uint64(i+1), fmt.Sprintf("set k%d %d", i, i)))
	}
	if err := c.WaitApplied(testContext(t), 20); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{c, b} {
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
	}
	makeUnclean(t, c.Store)
	m := &slowMachine{}
	m.hold.Lock()
	k.machine = m
	c = k.open("gw3", false)
	// gw2 is off: every answer of gw1 needs gw3's disk and gw3's vote.
	for i := range 20 {
		a.must(t, byDevice("hh", uint64(i+21), fmt.Sprintf("set late%d %d", i, i)))
	}
	if got, ok := c.Rebuilding(); !ok || got.OfEntries < 1 || got.Entries != 0 {
		t.Fatalf("%+v, %v", got, ok)
	}
	await(t, "gw1 sees how gw3 is", func() bool {
		for _, m := range a.Members() {
			if m.ID == "gw3" {
				return m.Up && m.Rebuilding
			}
		}
		return false
	})
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, proposed := c.Propose(short, byID(1, "set a 1"))
	_, last := c.LastSeq("hh")
	for what, err := range map[string]error{
		"propose": proposed, "last": last,
		"view": c.View(func(Reader, uint64) error { return nil }),
		"wait": c.WaitRebuilt(short),
	} {
		if !errors.Is(err, ErrRebuilding) || FaultCode(err) != CodeRebuilding {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := c.Snapshot(); err == nil || !strings.Contains(err.Error(), ErrRebuilding.Error()) {
		t.Errorf("a snapshot of half a state: %v", err)
	}
	m.hold.Unlock()
	rebuilt(t, c.Store)
	if err := c.WaitApplied(testContext(t), 40); err != nil {
		t.Fatal(err)
	}
	c.must(t, byID(1, "set a 1"))
	sameDigest(t, a, c)
	if err := c.Snapshot(); err != nil {
		t.Fatal(err)
	}
}

// TestRebuildDoesNotHoldUpRaft: what raft commits meanwhile is more than its
// queue to the state holds. It must not wait for the state: then it would
// neither vote nor store.
func TestRebuildDoesNotHoldUpRaft(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	cfg.noSync = true
	s := openStore(t, cfg)
	var futures []raft.ApplyFuture
	const many = 128*64 + 2000
	for i := range many {
		futures = append(futures, s.raft.Apply(encodeBatch(1, []*Command{new(byID(uint64(i+1), "add n 1"))}), 0))
	}
	for _, f := range futures {
		if err := f.Error(); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	makeUnclean(t, s)
	s, m := held(t, cfg)
	await(t, "raft has handed over everything", func() bool { return s.raft.AppliedIndex() == s.raft.LastIndex() && s.raft.State() == raft.Leader })
	if err := s.raft.VerifyLeader().Error(); err != nil {
		t.Fatal(err)
	}
	if s.IsLeader() || s.Applied() != 0 {
		t.Error("it leads with half a state")
	}
	m.hold.Unlock()
	rebuilt(t, s)
	if err := s.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := do(t, s, byID(many+1, "add n 1")); string(got.Body) != fmt.Sprintf("%d@%d", many+1, many+1) {
		t.Errorf("%s", got.Body)
	}
	if err := s.Snapshot(); err != nil {
		t.Error(err)
	}
}

// TestRebuildEnds: a store is closed while it builds its state, and opened again.
func TestRebuildEnds(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	s, want := busyStore(t, cfg, 2)
	closeStore(t, s)
	makeUnclean(t, s)
	s, m := held(t, cfg)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	await(t, "it closes", func() bool { return s.ending() })
	m.hold.Unlock()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := s.WaitRebuilt(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if g := s.files.readGeneration(); g.Clean {
		t.Error("half a state was marked clean")
	}
	s = openStore(t, cfg)
	if d := cmp.Diff(want, dump(t, s)); d != "" {
		t.Error(d)
	}
	if dirs, _ := filepath.Glob(filepath.Join(cfg.Dir, "state-*")); len(dirs) != 1 {
		t.Errorf("left behind: %v", dirs)
	}
}

// TestRebuildEndsInSnapshot: a store is closed while it reads its snapshot. That
// is not the fault of the snapshot.
func TestRebuildEndsInSnapshot(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	s := openStore(t, cfg)
	for i := range 40 {
		do(t, s, byID(uint64(i+1), fmt.Sprintf("set k%02d %s", i, strings.Repeat("x", 8000))))
	}
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	want := dump(t, s)
	closeStore(t, s)
	makeUnclean(t, s)
	// How many reads it is to the end of the snapshot.
	count := newGate(vfs.OpRead, snapStateFile, 0)
	cfg.FS, cfg.Early = count, false
	s = openStore(t, cfg)
	closeStore(t, s)
	makeUnclean(t, s)
	gate := newGate(vfs.OpRead, snapStateFile, count.calls.Load()-2)
	cfg.FS, cfg.Early = gate, true
	s, err := Open(cfg, testMachine{})
	if err != nil {
		t.Fatal(err)
	}
	<-gate.reached
	if got, ok := s.Rebuilding(); !ok || got.Bytes == 0 || got.Bytes >= got.OfBytes {
		t.Errorf("%+v, %v", got, ok)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	await(t, "it closes", func() bool { return s.ending() })
	close(gate.open)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if died, err := s.files.opening(); died != 0 || err != nil {
		t.Errorf("%d starts died, %v", died, err)
	}
	if bad, _ := filepath.Glob(filepath.Join(cfg.Dir, "*.bad-*")); len(bad) > 0 {
		t.Errorf("set aside: %v", bad)
	}
	cfg.FS, cfg.Early = nil, false
	if d := cmp.Diff(want, dump(t, openStore(t, cfg))); d != "" {
		t.Error(d)
	}
}

// TestRebuildFails: a state that cannot be built stops the store, or Open where
// it waits.
func TestRebuildFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		harm func(t *testing.T, s *Store)
		code string
		then bool // the next start finds its way
	}{
		"the machine cannot": {func(t *testing.T, s *Store) {
			last, _ := s.seglog.LastIndex()
			term, err := s.seglog.GetUint64(keyTerm)
			if err == nil {
				err = s.seglog.StoreLog(&raft.Log{
					Index: last + 1, Term: term, Type: raft.LogCommand, Data: encodeBatch(1, []*Command{new(byID(1<<40, "fail"))}),
				})
			}
			if err != nil {
				t.Fatal(err)
			}
		}, CodeMachine, false},
		"a snapshot of nonsense": {func(t *testing.T, s *Store) {
			nonsense(t, s)
		}, CodeStateFailed, true},
	} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprint(name, early), func(t *testing.T) {
				t.Parallel()
				cfg := testConfig(t, t.TempDir())
				s, want := busyStore(t, cfg, 2)
				closeStore(t, s)
				makeUnclean(t, s)
				re := openOffline(t, cfg)
				tc.harm(t, re)
				if err := re.closeFolder(); err != nil {
					t.Fatal(err)
				}
				cfg.Early = early
				s, err := Open(cfg, testMachine{})
				if early {
					if err != nil {
						t.Fatal(err)
					}
					<-s.Done()
					err = s.Err()
					if werr := s.WaitRebuilt(t.Context()); FaultCode(werr) != tc.code {
						t.Errorf("%v", werr)
					}
					if _, verr := s.LastSeq("hh"); !errors.Is(verr, ErrLatched) {
						t.Errorf("%v", verr)
					}
					closeStore(t, s)
				}
				if FaultCode(err) != tc.code {
					t.Fatalf("%v", err)
				}
				if !tc.then {
					return
				}
				cfg.Early = false
				if d := cmp.Diff(want, dump(t, openStore(t, cfg))); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// openOffline opens the folder without raft; raft's last entry is its own.
func openOffline(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := openFolder(cfg, testMachine{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nonsense makes a snapshot whose file is as it was written, but whose last
// block never was right.
func nonsense(t *testing.T, s *Store) {
	t.Helper()
	list, err := s.snaps.all()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.files.path(filepath.Join("snapshots", list[0].ID, snapStateFile)))
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Clone(b[:len(b)-1])
	sink, err := s.snaps.Create(1, list[0].Index, list[0].Term, list[0].Configuration, list[0].ConfigurationIndex, nil)
	if err == nil {
		_, err = sink.Write(b)
	}
	if err == nil {
		err = sink.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRebuildRefusesAtOnce: what can be known before raft runs is an error of
// Open, whoever waits.
func TestRebuildRefusesAtOnce(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	cfg.TrailingLogs = 1
	s, _ := busyStore(t, cfg, 3)
	closeStore(t, s)
	makeUnclean(t, s)
	for _, name := range snapshots(t, cfg.Dir) {
		flipByte(t, name, 100)
	}
	cfg.Early = true
	if _, err := Open(cfg, testMachine{}); FaultCode(err) != CodeNoSnapshot && FaultCode(err) != CodeLogGap {
		t.Fatalf("%v", err)
	}
}

// TestRebuildingLeader: raft may elect a gateway whose state is not there yet.
// It hands the lead to one that can answer.
func TestRebuildingLeader(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, func(c *Config) { c.Early = true })
	for i := range 10 {
		a.must(t, byID(uint64(i+1), "add n 1"))
	}
	for _, n := range []*node{a, b} {
		if err := n.WaitApplied(testContext(t), 10); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []*node{c, b, a} {
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
		makeUnclean(t, n.Store)
	}
	machines := map[string]*slowMachine{}
	nodes := map[string]*node{}
	for _, id := range []string{"gw1", "gw2"} {
		m := &slowMachine{}
		m.hold.Lock()
		machines[id], k.machine = m, m
		nodes[id] = k.open(id, false)
	}
	defer func() {
		for _, m := range machines {
			m.hold.Unlock()
		}
	}()
	leads := ""
	await(t, "raft elects one", func() bool {
		for id, n := range nodes {
			if n.raft.State() == raft.Leader {
				leads = id
			}
		}
		return leads != ""
	})
	other := map[string]string{"gw1": "gw2", "gw2": "gw1"}[leads]
	// Who brings it a command hears that it does not lead, and looks again.
	bring := proposeCall{Entry: encodeBatch(0, []*Command{new(byID(99, "add n 1"))}), WaitMs: 1000}
	if got := nodes[leads].servePropose(testContext(t), bring); !errors.Is(got.err(), ErrNotLeader) {
		t.Errorf("it answers %+v", got)
	}
	many := proposalsCall{Entry: encodeBatch(0, []*Command{new(byID(98, "add n 1")), new(byID(97, "add n 1"))}), WaitMs: 1000}
	if got := nodes[leads].serveProposals(testContext(t), many); !errors.Is(got.err(), ErrNotLeader) {
		t.Errorf("it answers many with %+v", got)
	}
	if nodes[leads].IsLeader() {
		t.Error("it leads without a state")
	}
	machines[other].hold.Unlock()
	delete(machines, other)
	if err := nodes[other].WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if res := nodes[other].must(t, byID(11, "add n 1")); string(res.Body) != "11@11" {
		t.Errorf("%s", res.Body)
	}
	if _, ok := nodes[leads].Rebuilding(); !ok {
		t.Error("the other one was not held")
	}
}

// TestRebuildMeetsSnapshot: the leader's log does not reach back any more, so a
// snapshot comes while the state is being built.
func TestRebuildMeetsSnapshot(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, func(c *Config) {
		c.SnapshotEntries, c.TrailingLogs, c.SnapshotInterval, c.Early = 1<<20, 1, time.Hour, true
	})
	for i := range 10 { // it knows of most of them that they are committed
		a.must(t, byID(uint64(1+i), "add n 1"))
	}
	if err := c.WaitApplied(testContext(t), 10); err != nil {
		t.Fatal(err)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	makeUnclean(t, c.Store)
	for round := range 3 {
		for i := range 10 {
			b.must(t, byID(uint64(11+10*round+i), fmt.Sprintf("set key%d-%d x", round, i)))
		}
		for _, n := range []*node{a, b} {
			if err := n.WaitApplied(testContext(t), uint64(10+10*round+10)); err != nil {
				t.Fatal(err)
			}
			if err := n.Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
	}
	m := &slowMachine{}
	m.hold.Lock()
	k.machine = m
	c = k.open("gw3", false)
	await(t, "a snapshot came", func() bool {
		list, err := c.snaps.List()
		return err == nil && len(list) > 0
	})
	if _, ok := c.Rebuilding(); !ok {
		t.Error("it did not wait")
	}
	m.hold.Unlock()
	if err := c.WaitApplied(testContext(t), 40); err != nil {
		t.Fatal(err)
	}
	sameDigest(t, a, b, c)
}

// TestRebuildKeepsTime: the time of the cluster is in the state. Until that is
// there, the own clock, which may be a year ahead, says nothing.
func TestRebuildKeepsTime(t *testing.T) {
	t.Parallel()
	for _, rounds := range []int{0, 1} { // without and with a snapshot
		cfg := testConfig(t, t.TempDir())
		s, _ := busyStore(t, cfg, rounds)
		closeStore(t, s)
		makeUnclean(t, s)
		cfg.Now = func() time.Time { return time.Now().AddDate(1, 0, 0) }
		told := make(chan int64, 1000)
		cfg.OnClock = func(ms int64) { told <- ms }
		s, m := held(t, cfg)
		limit := time.Now().AddDate(0, 1, 0)
		if at := s.ClusterTime(); at.After(limit) || rounds > 0 && at.Before(time.Now().AddDate(0, -1, 0)) {
			t.Errorf("the time is %v", at)
		}
		if rounds > 0 && len(told) == 0 {
			t.Error("nobody was told the time in the snapshot")
		}
		m.hold.Unlock()
		rebuilt(t, s)
		if at := s.ClusterTime(); at.After(limit) || at.Before(time.Now().AddDate(0, -1, 0)) {
			t.Errorf("then the time is %v", at)
		}
	}
}

// TestRebuildWatch: who kept up before goes on without a Reset.
func TestRebuildWatch(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	s, _ := busyStore(t, cfg, 0)
	from := s.Applied()
	closeStore(t, s)
	makeUnclean(t, s)
	s, m := held(t, cfg)
	heard := make(chan uint64, 1)
	go func() { _ = s.Watch(t.Context(), nil, from, onlyChanges{t, heard}) }()
	m.hold.Unlock()
	rebuilt(t, s)
	if err := s.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	do(t, s, byID(1<<40, "set a 1"))
	if at := <-heard; at != from+1 {
		t.Errorf("it heard of %d after %d", at, from)
	}
}

type onlyChanges struct {
	t     *testing.T
	heard chan<- uint64
}

func (w onlyChanges) Changed(at uint64, _ []Change) error {
	w.heard <- at
	return errEnough
}

func (w onlyChanges) Reset(Reader, uint64) error {
	w.t.Error("a Reset")
	return errEnough
}

// TestSnapshotBlocksNothing: a snapshot whose writer stands still in the middle
// holds up no command, and what it then holds is the state as of its entry.
func TestSnapshotBlocksNothing(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	gate := newGate(vfs.OpWrite, "/snapshots/", 2)
	cfg.FS = gate
	s := openStore(t, cfg)
	for i := range 40 {
		do(t, s, byID(uint64(i+1), fmt.Sprintf("set k%02d %s", i, strings.Repeat("x", 5000))))
	}
	want, at := dump(t, s), s.Applied()
	index := s.progress.get().index
	snap := make(chan error, 1)
	go func() { snap <- s.Snapshot() }()
	<-gate.reached
	for i := range 100 { // done one after the other: each is on the disk and applied
		if res := do(t, s, byID(uint64(1000+i), fmt.Sprintf("set k%02d new", i%50))); res.Index != at+uint64(i)+1 {
			t.Fatalf("%+v", res)
		}
	}
	if got := dump(t, s); got["k00"] != "new" || s.Applied() != at+100 {
		t.Fatalf("%d applied", s.Applied())
	}
	select {
	case err := <-snap:
		t.Fatalf("the snapshot is done: %v", err)
	default:
	}
	close(gate.open)
	if err := <-snap; err != nil {
		t.Fatal(err)
	}
	list, err := s.snaps.List()
	if err != nil || len(list) != 1 || list[0].Index != index {
		t.Fatalf("%v %v, want entry %d", list, err, index)
	}
	rc, err := s.snaps.open(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rc.Close() }()
	got := map[string]string{}
	err = readSnapshot(rc, func(key, val []byte) error {
		switch key[0] {
		case spaceState:
			got[string(key[1:])] = string(val)
		case spaceMeta:
			if m, err := decodeMetaRow(val); string(key) == string(metaKey) && (err != nil || m.number != at || m.index > index) {
				t.Errorf("%+v, %v", m, err)
			}
		}
		return nil
	})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	newest := dump(t, s)
	closeStore(t, s)
	makeUnclean(t, s)
	if d := cmp.Diff(newest, dump(t, openStore(t, cfg))); d != "" {
		t.Error(d)
	}
}
