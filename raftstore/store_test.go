package raftstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"

	"tote/raftstore/vfs"
)

func TestRestartKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, testConfig(t, dir))
	first := do(t, s, byID(1, "add a 5"))
	dev := do(t, s, byDevice("hh1", 1, "add a 2"))
	if string(first.Body) != "5@1" || string(dev.Body) != "7@2" || first.Index != 1 || dev.Index != 2 {
		t.Fatalf("answers %+v and %+v", first, dev)
	}
	state := dump(t, s)
	_, digest, _ := s.Digest()
	closeStore(t, s)
	for _, clean := range []bool{true, false} {
		if !clean {
			makeUnclean(t, s)
		}
		s = openStore(t, testConfig(t, dir))
		if d := cmp.Diff(state, dump(t, s)); d != "" {
			t.Fatal(d)
		}
		again := do(t, s, byID(1, "add a 5"))
		if !again.Duplicate || string(again.Body) != "5@1" || again.Index != first.Index {
			t.Fatalf("the repeat got %+v", again)
		}
		if again = do(t, s, byDevice("hh1", 1, "add a 2")); !again.Duplicate || string(again.Body) != "7@2" {
			t.Fatalf("the repeat got %+v", again)
		}
		if n, got, _ := s.Digest(); got != digest || n != 2 || s.Applied() != 2 {
			t.Fatalf("digest at %d differs", n)
		}
		if last, err := s.LastSeq("hh1"); last != 1 || err != nil {
			t.Fatalf("last sequence %d, %v", last, err)
		}
		closeStore(t, s)
	}
}

func makeUnclean(t *testing.T, s *Store) {
	t.Helper()
	g := s.files.readGeneration()
	g.Clean = false
	if err := s.files.writeGeneration(g); err != nil {
		t.Fatal(err)
	}
}

func TestCleanStopOpensInPlace(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, testConfig(t, dir))
	do(t, s, byID(1, "set a 1"))
	closeStore(t, s)
	in := s.files.readGeneration()
	if !in.Clean || in.BootID == "" {
		t.Fatalf("the marker after Close is %+v", in)
	}
	s = openStore(t, testConfig(t, dir))
	if got := s.files.readGeneration(); got.Dir != in.Dir || got.Clean {
		t.Fatalf("the marker of an open store is %+v, was %+v", got, in)
	}
	closeStore(t, s)
	makeUnclean(t, s)
	s = openStore(t, testConfig(t, dir))
	if got := s.files.readGeneration(); got.Dir == in.Dir {
		t.Fatal("an unclean state was trusted")
	}
	if _, err := os.Stat(filepath.Join(dir, in.Dir)); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("the old state was not removed")
	}
}

func TestRejectDropsWrites(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	do(t, s, byID(1, "set a 1"))
	for i := range 2 {
		res := do(t, s, byID(2, "setreject a 2"))
		if !res.Rejected || string(res.Body) != "no" || res.Duplicate != (i == 1) {
			t.Fatalf("call %d: %+v", i, res)
		}
		res = do(t, s, byDevice("hh", 1, "setreject b 2"))
		if !res.Rejected || string(res.Body) != "no" || res.Duplicate != (i == 1) {
			t.Fatalf("call %d: %+v", i, res)
		}
	}
	if d := cmp.Diff(map[string]string{"a": "1"}, dump(t, s)); d != "" {
		t.Fatal(d)
	}
}

func TestTouchedAfterCommit(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, dir)
	type event struct {
		Index   uint64
		Touched []string
		State   map[string]string
	}
	var s *Store
	var mu sync.Mutex
	var got []event
	cfg.OnApply = func(index uint64, touched []string) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, event{index, touched, dump(t, s)}) // sees what it is told of
	}
	s = openStore(t, cfg)
	do(t, s, byID(1, "set a 1"))
	do(t, s, byID(2, "setreject b 1")) // touches nothing
	do(t, s, byID(1, "set a 1"))       // neither does a repeat
	do(t, s, byID(3, "del a"))
	want := []event{{1, []string{"a"}, map[string]string{"a": "1"}}, {3, []string{"a"}, map[string]string{}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	closeStore(t, s)
	makeUnclean(t, s)
	got = nil
	s = openStore(t, cfg)
	do(t, s, byID(4, "set b 1"))
	if len(got) != 1 || got[0].Index != 4 {
		t.Fatalf("the replay at start was told: %+v", got)
	}
}

func TestManyCallers(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	const callers, each = 32, 40
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[uint64]bool{}
	for c := range callers {
		wg.Go(func() {
			for seq := uint64(1); seq <= each; seq++ {
				res, err := s.Propose(context.Background(), byDevice(fmt.Sprint("hh", c), seq, "add n 1"))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if want := fmt.Sprintf("%d@%d", res.Index, res.Index); string(res.Body) != want || seen[res.Index] {
					t.Errorf("command %d got the answer %s", res.Index, res.Body)
				}
				seen[res.Index] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != callers*each || s.Applied() != callers*each {
		t.Fatalf("%d commands, applied %d", len(seen), s.Applied())
	}
	last, _ := s.seglog.LastIndex()
	t.Logf("%d commands in %d entries", callers*each, last)
	if last >= callers*each {
		t.Error("nothing was coalesced")
	}
}

func TestCommandIsChecked(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	long := strings.Repeat("x", MaxName+1)
	for name, c := range map[string]struct {
		cmd  Command
		want error
	}{
		"no id":           {Command{Kind: testKind}, ErrBadCommand},
		"no sequence":     {Command{Device: "hh", Kind: testKind}, ErrBadCommand},
		"no device":       {Command{Seq: 1, ID: id(1), Kind: testKind}, ErrBadCommand},
		"reserved kind":   {Command{ID: id(1), Kind: ReservedKinds}, ErrBadCommand},
		"long device":     {Command{Device: long, Seq: 1, Kind: testKind}, ErrBadCommand},
		"long actor":      {Command{ID: id(1), Actor: long, Kind: testKind}, ErrBadCommand},
		"body":            {Command{ID: id(1), Kind: testKind, Body: make([]byte, MaxBody+1)}, ErrTooBig},
		"writes too many": {byID(2, fmt.Sprint("flood ", MaxWrites+1, " 1")), ErrTooBig},
		"writes too much": {byID(3, fmt.Sprint("flood 20 ", MaxValue)), ErrTooBig},
		"value too long":  {byID(4, fmt.Sprint("flood 1 ", MaxValue+1)), ErrTooBig},
		"result too long": {byID(5, fmt.Sprint("big ", MaxValue+1)), ErrTooBig},
	} {
		for range 2 { // a refusal is kept like any answer
			if _, err := s.Propose(testContext(t), c.cmd); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	}
	if m := dump(t, s); len(m) != 0 {
		t.Errorf("refused commands wrote %d keys", len(m))
	}
	// The largest ones pass, many of them in one entry.
	var wg sync.WaitGroup
	for i := range uint64(10) {
		wg.Go(func() { do(t, s, byID(100+i, fmt.Sprint("flood ", MaxWrites, " 100"))) })
	}
	wg.Go(func() { do(t, s, byID(200, fmt.Sprint("big ", MaxValue))) })
	wg.Go(func() { do(t, s, byID(201, "unknown "+strings.Repeat("x", MaxBody-8))) })
	wg.Wait()
	if m := dump(t, s); len(m) != MaxWrites {
		t.Errorf("%d keys", len(m))
	}
}

func TestMachineFailureStops(t *testing.T) {
	for _, body := range []string{"fail", "panic", "writeinrange"} {
		t.Run(body, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, testConfig(t, dir))
			do(t, s, byID(1, "set a 1"))
			if _, err := s.Propose(testContext(t), byID(2, body)); !errors.Is(err, ErrUnknownOutcome) {
				t.Fatalf("the bad command: %v", err)
			}
			<-s.Done()
			if FaultCode(s.Err()) != CodeMachine {
				t.Fatalf("stopped by %v", s.Err())
			}
			if _, err := s.Propose(testContext(t), byID(3, "set a 2")); !errors.Is(err, ErrLatched) {
				t.Fatalf("after it: %v", err)
			}
			if m := dump(t, s); m["a"] != "1" { // reads go on
				t.Fatalf("%v", m)
			}
			closeStore(t, s)
			if s.files.readGeneration().Clean {
				t.Error("a failed store was marked clean")
			}
			// It is in the log, so a restart meets it again and says so.
			if _, err := Open(testConfig(t, dir), testMachine{}); FaultCode(err) != CodeMachine {
				t.Fatalf("opened again: %v", err)
			}
		})
	}
}

func TestDiskFailureLatches(t *testing.T) {
	boom := errors.New("boom")
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpSync} {
		t.Run(string(op), func(t *testing.T) {
			cfg := testConfig(t, t.TempDir())
			fs := vfs.NewFault(vfs.OS{})
			cfg.FS = fs
			s := openStore(t, cfg)
			do(t, s, byID(1, "set a 1"))
			// Or the entry of the level fails first, and the command is
			// refused: nothing was done.
			await(t, "the level", func() bool { level, _ := s.Level(); return level == storeLevel })
			fs.Hook(func(o vfs.Op, name string, _ int) error {
				if o == op && strings.HasSuffix(name, ".seg") {
					return boom
				}
				return nil
			})
			if _, err := s.Propose(testContext(t), byID(2, "set a 2")); !errors.Is(err, ErrUnknownOutcome) {
				t.Fatalf("the failing one: %v", err)
			}
			<-s.Done()
			fs.Hook(nil)
			if FaultCode(s.Err()) != CodeLogFailed || !errors.Is(s.Err(), boom) {
				t.Fatalf("stopped by %v", s.Err())
			}
			if _, err := s.Propose(testContext(t), byID(2, "set a 2")); !errors.Is(err, ErrLatched) {
				t.Fatalf("after it: %v", err)
			}
			closeStore(t, s)
			s = openStore(t, cfg)
			do(t, s, byID(2, "set a 2"))
			if m := dump(t, s); m["a"] != "2" {
				t.Fatalf("%v", m)
			}
		})
	}
}

func TestLowDisk(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	mem := vfs.NewMem()
	cfg.FS = mem
	cfg.MinFree = 100 << 20
	cfg.FreesSpace = func(kind uint16) bool { return kind == testKind+1 }
	s := openStore(t, cfg)
	do(t, s, byID(1, "set a 1"))
	mem.SetFree(99 << 20)
	s.lookAtSpace()
	if _, err := s.Propose(testContext(t), byID(2, "set a 2")); !errors.Is(err, ErrDiskFull) || FaultCode(err) != CodeDiskLow {
		t.Fatalf("below the watermark: %v", err)
	}
	frees := byID(3, "set a 3")
	frees.Kind++
	do(t, s, frees)
	mem.SetFree(101 << 20)
	s.lookAtSpace()
	if _, err := s.Propose(testContext(t), byID(2, "set a 2")); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("just above the watermark: %v", err)
	}
	mem.SetFree(120 << 20)
	s.lookAtSpace()
	do(t, s, byID(2, "set a 2"))
	mem.SetFree(24 << 20)
	s.lookAtSpace()
	<-s.Done()
	if FaultCode(s.Err()) != CodeDiskFull {
		t.Fatal(s.Err())
	}
	closeStore(t, s)
	if _, err := Open(cfg, testMachine{}); FaultCode(err) != CodeDiskFull || !errors.Is(err, ErrDiskFull) {
		t.Fatalf("opened on a full disk: %v", err)
	}
	mem.SetFree(1 << 30)
	s.closeAbandoned(t)
	s = openStore(t, cfg)
	if m := dump(t, s); m["a"] != "2" {
		t.Fatalf("%v", m)
	}
}

func TestFolderIsTaken(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, testConfig(t, dir))
	if _, err := Open(testConfig(t, dir), testMachine{}); FaultCode(err) != CodeDirInUse {
		t.Fatalf("opened twice: %v", err)
	}
	closeStore(t, s)
	other := testConfig(t, dir)
	other.NodeID = "gw2"
	if _, err := Open(other, testMachine{}); FaultCode(err) != CodeWrongNode {
		t.Fatalf("opened by another gateway: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{{}, {Dir: t.TempDir()}, {NodeID: "gw1"}} {
		if _, err := Open(cfg, testMachine{}); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

func TestClosedStore(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	start := time.Now()
	closeStore(t, s)
	t.Logf("closed in %v", time.Since(start))
	closeStore(t, s)
	_, propose := s.Propose(testContext(t), byID(1, "set a 1"))
	_, lastSeq := s.LastSeq("hh")
	for i, err := range []error{
		propose, lastSeq, s.View(func(Reader, uint64) error { return nil }), s.WaitLeader(testContext(t)),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d after Close: %v", i, err)
		}
	}
	if s.IsLeader() {
		t.Error("a closed store leads")
	}
}

func TestCloseUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, testConfig(t, dir))
	var wg sync.WaitGroup
	var mu sync.Mutex
	acked := map[string]bool{}
	for c := range 16 {
		wg.Go(func() {
			for seq := uint64(1); ; seq++ {
				key := fmt.Sprintf("k/%d/%d", c, seq)
				_, err := s.Propose(context.Background(), byDevice(fmt.Sprint("hh", c), seq, "set "+key+" 1"))
				if err != nil {
					if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrUnknownOutcome) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				acked[key] = true
				mu.Unlock()
			}
		})
	}
	enough := func() bool { mu.Lock(); defer mu.Unlock(); return len(acked) > 200 }
	for !enough() {
		_ = s.View(func(r Reader, _ uint64) error { _, err := r.Get([]byte("k")); return err })
	}
	closeStore(t, s)
	wg.Wait()
	s = openStore(t, testConfig(t, dir))
	state := dump(t, s)
	for key := range acked {
		if state[key] == "" {
			t.Fatalf("%s was acknowledged and is gone", key)
		}
	}
}

func TestProposeGivesUp(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Propose(ctx, byID(1, "set a 1")); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnknownOutcome) {
		t.Fatalf("a context that has ended: %v", err)
	}
	if s.Applied() != 0 {
		t.Fatal("it was applied")
	}
}

func TestViewIsASnapshot(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	do(t, s, byID(1, "set a 1"))
	err := s.View(func(r Reader, applied uint64) error {
		do(t, s, byID(2, "set a 2"))
		got, err := r.Get([]byte("a"))
		none, err2 := r.Get([]byte("none"))
		if string(got) != "1" || applied != 1 || none != nil {
			t.Errorf("a=%s at %d, none=%v", got, applied, none)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEmptyValueIsNotAbsent(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	do(t, s, byID(1, "set empty"))
	err := s.View(func(r Reader, _ uint64) error {
		v, err := r.Get([]byte("empty"))
		if v == nil || len(v) != 0 {
			t.Errorf("got %v", v)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOnLeader(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	var mu sync.Mutex
	var got []bool
	cfg.OnLeader = func(leads bool) { mu.Lock(); defer mu.Unlock(); got = append(got, leads) }
	s := openStore(t, cfg)
	closeStore(t, s)
	if !slices.Equal(got, []bool{true, false}) {
		t.Fatalf("told %v", got)
	}
}

// TestIdleWritesNothing: a card wears out by writing.
func TestIdleWritesNothing(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	fs := vfs.NewFault(vfs.OS{})
	cfg.FS = fs
	s := openStore(t, cfg)
	do(t, s, byID(1, "set a 1"))
	await(t, "the feature level", func() bool { level, _ := s.Level(); return level > 0 })
	before, last := fs.Count(vfs.OpWrite), s.raft.LastIndex()
	idle := time.NewTimer(10 * cfg.HeartbeatTimeout)
	<-idle.C
	if n := fs.Count(vfs.OpWrite); s.raft.LastIndex() != last || n-before > 1 { // one: a segment prepared at start
		t.Fatalf("%d writes, entry %d after %d", n-before, s.raft.LastIndex(), last)
	}
}

func TestFaultTable(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults {
		if seen[f.Code] || !strings.HasPrefix(f.Code, "STO-") || f.Cause == "" || f.Action == "" {
			t.Errorf("bad row %+v", f)
		}
		seen[f.Code] = true
	}
	for _, err := range []error{ErrSeqTooOld, ErrFull, ErrDiskFull, ErrNotLeader, fault(CodeLogGap, errors.New("x"))} {
		if !seen[FaultCode(fmt.Errorf("wrapped: %w", err))] {
			t.Errorf("%v has no row", err)
		}
	}
	if FaultCode(errors.New("x")) != "" {
		t.Error("an unknown error has a code")
	}
}

// slowMachine stands still in Apply for as long as it is held.
type slowMachine struct {
	testMachine
	hold sync.RWMutex
}

func (m *slowMachine) Apply(tx Tx, meta Meta, body []byte) (Outcome, error) {
	m.hold.RLock()
	defer m.hold.RUnlock()
	return m.testMachine.Apply(tx, meta, body)
}

// TestCloseBeforeApplied: raft never answers entries that were committed but
// not applied when it ended. Close must not wait for those of the store itself.
func TestCloseBeforeApplied(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.stopLimit = 2 * time.Second
	m := &slowMachine{}
	s, err := Open(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	await(t, "the level", func() bool { level, _ := s.Level(); return level == storeLevel })
	m.hold.Lock()
	go func() { _, _ = s.Propose(t.Context(), byID(1, "set a 1")) }()
	base := s.raft.CommitIndex()
	await(t, "a command is committed", func() bool { return s.raft.CommitIndex() > base })
	const many = 32 // raft may still apply some after it was told to end
	base = s.raft.CommitIndex()
	for range many {
		s.background(func() { _ = s.put(encodeMark()) })
	}
	await(t, "entries are committed", func() bool { return s.raft.CommitIndex() >= base+many })
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	await(t, "raft is told to stop", func() bool { return s.raft.State() == raft.Shutdown })
	m.hold.Unlock()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
}

// TestHungDisk: a sync that never ends must not keep the lead, nor Close.
func TestHungDisk(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	fs := vfs.NewFault(vfs.NewMem()) // the machine's own disk may hang for a moment
	cfg.FS = fs
	cfg.hangMute, cfg.hangStop, cfg.stopLimit = 50*time.Millisecond, 200*time.Millisecond, 50*time.Millisecond
	s := openStore(t, cfg)
	release := make(chan struct{})
	fs.Hook(func(op vfs.Op, name string, _ int) error {
		if op == vfs.OpSync && strings.HasSuffix(name, ".seg") {
			<-release
		}
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	answer := make(chan error, 1)
	go func() {
		_, err := s.Propose(ctx, byID(1, "set a 1"))
		answer <- err
	}()
	<-s.Done()
	if FaultCode(s.Err()) != CodeDiskHangs {
		t.Fatal(s.Err())
	}
	cancel()
	if err := <-answer; !errors.Is(err, ErrUnknownOutcome) {
		t.Fatalf("the one on its way: %v", err)
	}
	if err := s.Close(); err == nil {
		t.Fatal("closed while a sync runs")
	}
	close(release) // the process would exit here; the test tidies up
	s.cfg.stopLimit = stopLimit
	if !s.stopRaft() {
		t.Fatal("raft does not stop")
	}
	s.release()
	cfg.hangMute, cfg.hangStop, cfg.stopLimit = 0, 0, 0
	s = openStore(t, cfg)
	do(t, s, byID(1, "set a 1"))
}
