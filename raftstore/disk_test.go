package raftstore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/vfs"
)

// badDisk is a disk per gateway that can be made slow, hang or fail. It is in
// memory: that of the machine of the test may itself be slow, or hang.
type badDisk struct {
	*vfs.Fault
	delay atomic.Int64 // of a sync of the log, ns
	mu    sync.Mutex
	hang  chan struct{} // syncs wait for it
	err   error         // of a write or sync of the log
	op    vfs.Op
}

func newBadDisk() *badDisk {
	d := &badDisk{Fault: vfs.NewFault(vfs.NewMem())}
	d.Hook(d.before)
	return d
}

func (d *badDisk) before(op vfs.Op, name string, _ int) error {
	if !strings.HasSuffix(name, ".seg") {
		return nil
	}
	d.mu.Lock()
	hang, err := d.hang, d.err
	if op != d.op {
		err = nil
	}
	d.mu.Unlock()
	if op == vfs.OpSync {
		if n := time.Duration(d.delay.Load()); n > 0 {
			<-time.After(n) // this is the slow disk
		}
		if hang != nil {
			<-hang
		}
	}
	return err
}

// stall makes every sync hang until the returned func is called.
func (d *badDisk) stall() (goOn func()) {
	hang := make(chan struct{})
	d.mu.Lock()
	d.hang = hang
	d.mu.Unlock()
	return sync.OnceFunc(func() {
		d.mu.Lock()
		d.hang = nil
		d.mu.Unlock()
		close(hang)
	})
}

func (d *badDisk) fail(op vfs.Op, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.op, d.err = op, err
}

// openBadThree is a cluster of three on disks of that kind.
func openBadThree(t *testing.T, tweak func(*Config)) (k *kit, disks map[string]*badDisk, a, b, c *node) {
	disks = map[string]*badDisk{}
	for _, id := range three {
		disks[id] = newBadDisk()
	}
	k, a, b, c = openThree(t, func(c *Config) {
		c.FS = disks[c.NodeID]
		if tweak != nil {
			tweak(c)
		}
	})
	return k, disks, a, b, c
}

// TestRow4FailedWriteInCluster: a write or sync of the leader's log fails once.
// It stops and says so, the others go on, and nothing acknowledged is lost;
// opened again it is as good as before.
func TestRow4FailedWriteInCluster(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		op   vfs.Op
		err  error
		code string
	}{
		{"write", vfs.OpWrite, syscall.EIO, CodeLogFailed},
		{"sync", vfs.OpSync, syscall.EIO, CodeLogFailed},
		{"full", vfs.OpWrite, syscall.ENOSPC, CodeDiskFull},
		{"read-only", vfs.OpSync, syscall.EROFS, CodeDiskReadOnly},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			k, disks, a, b, c := openBadThree(t, nil)
			l := k.load(8, three...)
			l.more(200)
			start := time.Now()
			disks[a.id].fail(tc.op, tc.err)
			<-a.Done()
			disks[a.id].fail(tc.op, nil)
			if got := FaultCode(a.Err()); got != tc.code || !errors.Is(a.Err(), tc.err) || !strings.Contains(a.Err().Error(), a.dir+"/log/0") {
				t.Fatalf("stopped by %v, want %s and the file", a.Err(), tc.code)
			}
			if _, err := a.Propose(testContext(t), byID(1, "set a 1")); !errors.Is(err, ErrLatched) {
				t.Fatalf("the failed one took a command: %v", err)
			}
			next := leaderOf(t, b, c)
			t.Logf("%s leads %v after the failure", next.id, time.Since(start))
			if a.IsLeader() {
				t.Error("it still leads")
			}
			await(t, "the others see it stopped", func() bool { return !next.Members()[0].Up })
			await(t, "raft ended", func() bool {
				// Not its State: that may be overwritten while it ends.
				return errors.Is(a.raft.BootstrapCluster(raft.Configuration{}).Error(), raft.ErrRaftShutdown)
			})
			// Callers at the failed one move on to the next gateway.
			l.more(200)
			if err := a.stop(); err != nil {
				t.Fatal(err)
			}
			a.closeAbandoned(t)
			a = k.open("gw1", false)
			l.more(100)
			t.Logf("%d commands, longest gap %v", l.end(), l.gap)
			sameDigest(t, a, b, c)
			for _, n := range []*node{a, b, c} {
				l.check(n)
			}
		})
	}
}

// TestRow8HungLeader: the leader's disk hangs. Its heartbeats would go on; the
// others must lead all the same, and after the hang it follows.
func TestRow8HungLeader(t *testing.T) {
	t.Parallel()
	k, disks, a, b, c := openBadThree(t, func(c *Config) {
		c.hangMute, c.hangStop = 300*time.Millisecond, time.Minute
		c.SnapshotBytes, c.diskPoll = 16<<10, 20*time.Millisecond // a snapshot is always wanted
	})
	l := k.load(8, "gw2", "gw3")
	l.more(200)
	start := time.Now()
	goOn := disks[a.id].stall()
	defer goOn()
	next := leaderOf(t, b, c)
	t.Logf("%s leads %v after the hang began", next.id, time.Since(start))
	l.more(200)
	if a.IsLeader() {
		t.Error("the hung one believes that it leads")
	}
	goOn()
	await(t, "the hung one follows", func() bool { id, ok := a.Leader(); return ok && id != a.id })
	if err := a.Err(); err != nil {
		t.Fatalf("a hang that ended stopped it: %v", err)
	}
	l.more(100)
	t.Logf("%d commands, longest gap %v", l.end(), l.gap)
	sameDigest(t, a, b, c)
	l.check(a)
}

// TestRow8HungLeaderStops: it hangs for longer than hangStop.
func TestRow8HungLeaderStops(t *testing.T) {
	t.Parallel()
	k, disks, a, b, c := openBadThree(t, func(c *Config) {
		c.hangMute, c.hangStop, c.stopLimit = 200*time.Millisecond, 500*time.Millisecond, 50*time.Millisecond
		if c.NodeID != "gw1" {
			c.hangStop = time.Minute // the machine of the test is slow, too
		}
		c.SnapshotBytes, c.diskPoll = 16<<10, 20*time.Millisecond
	})
	l := k.load(4, "gw2", "gw3")
	l.more(100)
	goOn := disks[a.id].stall()
	defer goOn()
	<-a.Done()
	if FaultCode(a.Err()) != CodeDiskHangs {
		t.Fatal(a.Err())
	}
	if err := a.Store.Close(); err == nil {
		t.Error("closed while a sync runs")
	}
	leaderOf(t, b, c)
	l.more(100)
	l.end()
	sameDigest(t, b, c)
	l.check(b)
	goOn() // the process would have exited; the test tidies up
	a.cfg.stopLimit = stopLimit
	if !a.stopRaft() {
		t.Fatal("raft does not stop")
	}
	a.release()
}

// TestRow8HungAlone: with nobody to take over, the lead comes back after it.
func TestRow8HungAlone(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	d := newBadDisk()
	cfg.FS, cfg.hangMute = d, 50*time.Millisecond
	s := openStore(t, cfg)
	goOn := d.stall()
	answer := make(chan error, 1)
	go func() {
		_, err := s.Propose(testContext(t), byID(1, "set a 1"))
		answer <- err
	}()
	await(t, "it does not lead", func() bool { return !s.IsLeader() })
	goOn()
	if err := <-answer; err != nil {
		t.Fatalf("the one on its way: %v", err)
	}
	if err := s.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	do(t, s, byID(2, "set a 2"))
}

// TestRow8HangWhileSnapshotIsWanted: the watchdog once took the snapshot
// itself, waited for raft, and saw nothing.
func TestRow8HangWhileSnapshotIsWanted(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	d := newBadDisk()
	cfg.FS = d
	cfg.SnapshotBytes, cfg.diskPoll = 16<<10, time.Millisecond
	cfg.hangMute, cfg.hangStop = 100*time.Millisecond, 300*time.Millisecond
	s := openStore(t, cfg)
	goOn := d.stall()
	defer goOn()
	for i := uint64(1); i < 10; i++ {
		go func() { _, _ = s.Propose(t.Context(), byID(i, "set a "+strings.Repeat("x", 8<<10))) }()
	}
	select {
	case <-s.Done():
	case <-testContext(t).Done():
		t.Fatal("the watchdog did not fire")
	}
	if FaultCode(s.Err()) != CodeDiskHangs {
		t.Fatal(s.Err())
	}
	goOn()
	closeStore(t, s)
}

// TestRow8HangDuringBarrier: the disk hangs while the leader's first entry is
// written. Whoever follows raft must not wait for it.
func TestRow8HangDuringBarrier(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	d := newBadDisk()
	cfg.FS = d
	cfg.hangMute, cfg.hangStop = 50*time.Millisecond, 200*time.Millisecond
	closeStore(t, openStore(t, cfg))
	goOn := d.stall()
	defer goOn()
	s, err := Open(cfg, testMachine{})
	if err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	await(t, "raft is told to stop", func() bool { return s.raft.State() == raft.Shutdown })
	if FaultCode(s.Err()) != CodeDiskHangs || s.IsLeader() {
		t.Fatal(s.Err())
	}
	goOn()
	closeStore(t, s)
}

// calmBeat is for tests in which a busy machine must hold no election of its own.
const calmBeat = time.Second

// TestRow8SlowLeader: a leader with a slow disk hands over while it can, once,
// and the lead stays where it went.
func TestRow8SlowLeader(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			k, disks, a, b, c := openBadThree(t, func(c *Config) {
				c.handOverPause, c.HeartbeatTimeout = 200*time.Millisecond, calmBeat
			})
			l := k.load(4, three...)
			l.more(200)
			term := a.raft.CurrentTerm()
			start := time.Now()
			disks[a.id].delay.Store(int64(delay))
			next := leaderOf(t, b, c)
			t.Logf("%s leads after %v", next.id, time.Since(start))
			if now := next.raft.CurrentTerm(); now != term+1 {
				t.Errorf("term %d after term %d", now, term)
			}
			l.more(500)
			if !next.IsLeader() || next.raft.CurrentTerm() != term+1 {
				t.Errorf("the lead wandered on, term %d", next.raft.CurrentTerm())
			}
			await(t, "its elections are patient if and only if it is slow", func() bool {
				slow := a.raft.ReloadableConfig().HeartbeatTimeout == patience*calmBeat
				return slow == (delay > slowSync)
			})
			disks[a.id].delay.Store(0)
			t.Logf("%d commands, longest gap %v", l.end(), l.gap)
			sameDigest(t, a, b, c)
			l.check(a)
		})
	}
}

// TestRow8SlowFollower: it harms nobody and the lead stays.
func TestRow8SlowFollower(t *testing.T) {
	t.Parallel()
	k, disks, a, b, c := openBadThree(t, func(c *Config) {
		c.handOverPause, c.HeartbeatTimeout = 100*time.Millisecond, calmBeat
	})
	l := k.load(4, "gw1", "gw2")
	l.more(100)
	term := a.raft.CurrentTerm()
	disks[c.id].delay.Store(int64(300 * time.Millisecond))
	await(t, "the slow one is patient", func() bool {
		return c.raft.ReloadableConfig().HeartbeatTimeout == patience*calmBeat
	})
	l.more(300)
	if !a.IsLeader() || a.raft.CurrentTerm() != term {
		t.Errorf("the lead moved: term %d after %d", a.raft.CurrentTerm(), term)
	}
	disks[c.id].delay.Store(0)
	t.Logf("%d commands, longest gap %v", l.end(), l.gap)
	sameDigest(t, a, b, c)
}

func TestSyncP99(t *testing.T) {
	now := time.Unix(0, 0)
	var s syncTimes
	for range slowLeast - 1 {
		s.add(now, time.Second)
	}
	if p := s.p99(now); p != 0 {
		t.Errorf("%v of too few", p)
	}
	s.add(now, 3*time.Second)
	if p := s.p99(now); p != time.Second {
		t.Errorf("%v, one of eight may be worse", p)
	}
	if p := s.p99(now.Add(slowWindow + 1)); p != 0 {
		t.Errorf("%v of what is long over", p)
	}
	for range 253 {
		s.add(now, time.Millisecond)
	}
	for _, want := range []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond, time.Hour} {
		s.add(now, time.Hour)
		if p := s.p99(now); p != want {
			t.Errorf("%v, want %v", p, want)
		}
	}
}

// TestHeir: who leads in place of a gateway with a bad disk.
func TestHeir(t *testing.T) {
	servers := []raft.Server{{ID: "gw1"}, {ID: "gw2"}, {ID: "gw3"}, {ID: "gw4", Suffrage: raft.Nonvoter}}
	best := seen{up: true, status: statusAnswer{SyncUs: 1, Last: 99}} // but it leads, or has no vote
	ms := func(n int64) int64 { return n * 1000 }
	for _, tc := range []struct {
		name string
		p99  time.Duration
		b, c seen
		want string
	}{
		{"nobody is known", 0, seen{}, seen{}, ""},
		{"full: any with space", 0, seen{up: true, status: statusAnswer{Low: true}}, seen{up: true}, "gw3"},
		{"full: all are", 0, seen{up: true, status: statusAnswer{Low: true}}, seen{up: true, status: statusAnswer{Low: true}}, ""},
		{"full: the fuller log", 0, seen{up: true, status: statusAnswer{Last: 9}}, seen{up: true, status: statusAnswer{Last: 7}}, "gw2"},
		{"slow: the faster", 100 * time.Millisecond, seen{up: true, status: statusAnswer{SyncUs: ms(20)}}, seen{up: true, status: statusAnswer{SyncUs: ms(5)}}, "gw3"},
		{"slow: so are all", 100 * time.Millisecond, seen{up: true, status: statusAnswer{SyncUs: ms(90)}}, seen{up: true, status: statusAnswer{SyncUs: ms(30)}}, ""},
		{"slow: one other, too", 100 * time.Millisecond, seen{up: true, status: statusAnswer{SyncUs: ms(90)}}, seen{up: true, status: statusAnswer{SyncUs: ms(3)}}, "gw3"},
		{"slow: the fast one is off", 100 * time.Millisecond, seen{up: true, status: statusAnswer{SyncUs: ms(90)}}, seen{status: statusAnswer{SyncUs: ms(3)}}, ""},
		{"slow: nothing is known of them", 100 * time.Millisecond, seen{up: true}, seen{up: true}, ""},
	} {
		known := map[string]seen{"gw1": best, "gw2": tc.b, "gw3": tc.c, "gw4": best}
		if got := chooseHeir(servers, known, "gw1", tc.p99); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestRow7ClockJumpIsNoHang: the watchdog must not read the wall clock.
func TestRow7ClockJumpIsNoHang(t *testing.T) {
	var c calls
	k := c.begin("a call")
	if !strings.Contains(fmt.Sprint(k.since), "m=") {
		t.Error("the beginning of a call has no monotonic time")
	}
	if what, took := c.longest(); what != "a call" || took > time.Minute {
		t.Errorf("%s takes %v", what, took)
	}
	k.end()
	if what, took := c.longest(); what != "" || took != 0 {
		t.Errorf("%s takes %v after its end", what, took)
	}
}
