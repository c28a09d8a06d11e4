package raftstore

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/seglog"
)

const (
	// A log call that takes hangMute is a disk that hangs: a leader then says
	// nothing more, so that another one is elected. After hangStop the store
	// stops. Raft itself would keep the lead all the while, because its
	// heartbeats go on beside the call.
	hangMute = 3 * time.Second
	hangStop = 10 * time.Second
	hangPoll = 250 * time.Millisecond
)

// calls times what is under way in the log. The times are monotonic: a clock
// that jumps is no hung disk.
type calls struct {
	mu      sync.Mutex
	next    uint64
	running map[uint64]call
}

// call is one call that is under way.
type call struct {
	set   *calls
	id    uint64
	what  string
	since time.Time
}

func (c *calls) begin(what string) call {
	k := call{set: c, what: what, since: time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running = map[uint64]call{}
	}
	c.next++
	k.id = c.next
	c.running[k.id] = k
	return k
}

// end returns how long the call took.
func (k call) end() time.Duration {
	k.set.mu.Lock()
	delete(k.set.running, k.id)
	k.set.mu.Unlock()
	return time.Since(k.since)
}

// longest returns the call that is under way the longest, and for how long; ""
// when there is none.
func (c *calls) longest() (what string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.running {
		if t := time.Since(k.since); t > took || what == "" {
			what, took = k.what, t
		}
	}
	return what, took
}

// watchHang looks at the calls of the log and does nothing else: whatever also
// waits for raft or the disk would wait with them and see nothing.
func (s *Store) watchHang() {
	defer s.wg.Done()
	tick := time.NewTicker(max(time.Millisecond, min(hangPoll, s.cfg.hangMute/4, s.cfg.hangStop/4)))
	defer tick.Stop()
	hung := false
	for {
		select {
		case <-s.closing:
			return
		case <-s.done:
			return
		case <-tick.C:
		}
		what, took := s.logs.calls.longest()
		if took >= s.cfg.hangStop {
			s.fail(fault(CodeDiskHangs, fmt.Errorf("the log in %s: %s takes %v already", s.cfg.Dir, what, took.Round(time.Millisecond))))
			return
		}
		if now := took >= s.cfg.hangMute; now != hung {
			hung = now
			s.diskHung(hung, what, took)
		}
	}
}

// diskHung stops or resumes speaking as the leader. The others elect another
// one meanwhile; when they cannot, this one goes on after the hang.
func (s *Store) diskHung(hung bool, what string, took time.Duration) {
	if s.wire != nil {
		s.wire.muted.Store(hung)
	}
	s.isHung.Store(hung)
	kick(s.hung)
	s.wg.Go(func() { // the log of the program may lie on the same disk
		if hung {
			s.log.Warn("the disk hangs, this gateway does not lead meanwhile", "code", CodeDiskHangs,
				"call", what, "since", took)
		} else {
			s.log.Info("the disk goes on")
		}
	})
}

// watchSize takes a snapshot when the log has grown by SnapshotBytes, or when
// it is asked to. It waits for raft and the disk, so it watches nothing else.
func (s *Store) watchSize() {
	defer s.wg.Done()
	tick := time.NewTicker(s.cfg.diskPoll)
	defer tick.Stop()
	base := s.seglog.Bytes()
	for {
		early := false
		select {
		case <-s.closing:
			return
		case <-s.done:
			return
		case <-s.snapNow:
			early = true
		case <-tick.C:
		}
		size := s.seglog.Bytes()
		base = min(base, size)
		if !early && size-base < s.cfg.SnapshotBytes {
			continue
		}
		base = size
		if err := s.Snapshot(); err != nil {
			s.log.Warn("no snapshot now", "error", err)
		}
	}
}

// boundedLog is the log as raft sees it. Raft keeps two snapshots but cuts the
// log behind the newest; then the older one would be useless. So the log is cut
// no further than the older snapshot: a damaged newest snapshot costs nothing.
// Every call that may touch the disk is timed.
type boundedLog struct {
	*seglog.Log
	snaps raft.SnapshotStore
	calls calls
	syncs syncTimes
}

var (
	_ raft.LogStore          = (*boundedLog)(nil)
	_ raft.MonotonicLogStore = (*boundedLog)(nil)
)

// StoreLogs implements raft.LogStore.
func (l *boundedLog) StoreLogs(logs []*raft.Log) error {
	k := l.calls.begin("storing entries")
	err := l.Log.StoreLogs(logs)
	l.syncs.add(time.Now(), k.end())
	return err
}

// StoreLog implements raft.LogStore.
func (l *boundedLog) StoreLog(log *raft.Log) error { return l.StoreLogs([]*raft.Log{log}) }

// GetLog implements raft.LogStore.
func (l *boundedLog) GetLog(index uint64, out *raft.Log) error {
	defer l.calls.begin("reading an entry").end()
	return l.Log.GetLog(index, out)
}

// DeleteRange implements raft.LogStore.
func (l *boundedLog) DeleteRange(from, to uint64) error {
	defer l.calls.begin("cutting the log").end()
	first, _ := l.FirstIndex()
	last, _ := l.LastIndex()
	if from <= first && to < last { // raft compacts
		list, err := l.snaps.List()
		if err != nil {
			return err
		}
		if len(list) < 2 {
			return nil
		}
		to = min(to, list[len(list)-1].Index)
	}
	return l.Log.DeleteRange(from, to)
}

// guardedStable is the stable store as raft sees it. Raft panics when the
// current term cannot be stored, and takes the whole agent with it. Here the
// store stops instead and raft hears nothing of it: it can do no harm with a
// term it only believes to be stored, because the log is latched (no vote and
// no entry is stored after it) and the store shuts raft down.
type guardedStable struct {
	*seglog.Log
	calls *calls
	fail  func(error)
}

var _ raft.StableStore = guardedStable{}

// Set implements raft.StableStore.
func (g guardedStable) Set(key, val []byte) error {
	defer g.calls.begin("storing a vote").end()
	return g.Log.Set(key, val)
}

// SetUint64 implements raft.StableStore.
func (g guardedStable) SetUint64(key []byte, val uint64) error {
	defer g.calls.begin("storing the term").end()
	err := g.Log.SetUint64(key, val)
	if err != nil && string(key) == string(keyTerm) {
		g.fail(diskFault(CodeLogFailed, err))
		return nil
	}
	return err
}
