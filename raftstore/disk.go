package raftstore

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/seglog"
	"tote/raftstore/vfs"
)

const (
	diskPoll = time.Second
	// A log call that takes this long is a hung disk. Raft would keep the
	// lead all the while, because its heartbeats go on.
	hangWarn = 3 * time.Second
	hangStop = 10 * time.Second
)

// disk watches free space. Badger writes through mapped sparse files: on a
// full disk it dies of SIGBUS, at every start again.
type disk struct {
	fs      vfs.FS
	dir     string
	minFree uint64
	isLow   atomic.Bool
}

func (d *disk) low() bool { return d.isLow.Load() }

// check reads the free space and returns whether it is below the watermark,
// and whether so far below that the store must stop.
func (d *disk) check() (low, stop bool, free uint64, err error) {
	free, err = d.fs.Free(d.dir)
	if err != nil {
		return d.low(), false, 0, err
	}
	low = free < d.minFree
	d.isLow.Store(low)
	return low, free < d.minFree/4, free, nil
}

// watchDisk polls free space, a hung log call and the size of the log.
func (s *Store) watchDisk() {
	defer s.wg.Done()
	tick := time.NewTicker(s.cfg.diskPoll)
	defer tick.Stop()
	warned, base := false, s.seglog.Bytes()
	for {
		select {
		case <-s.closing:
			return
		case <-s.done:
			return
		case <-tick.C:
		}
		s.watchSpace()
		switch hang := s.logs.busyFor(); {
		case hang >= s.cfg.hangStop:
			s.fail(fault(CodeDiskHangs, fmt.Errorf("a write of the log takes %v already", hang.Round(time.Second))))
		case hang >= hangWarn && !warned:
			warned = true
			s.log.Warn("the disk is slow: a write of the log is not finished", "since", hang, "code", CodeDiskHangs)
		case hang == 0:
			warned = false
		}
		size := s.seglog.Bytes()
		base = min(base, size)
		if size-base >= s.cfg.SnapshotBytes {
			base = size
			if err := s.Snapshot(); err != nil {
				s.log.Warn("no snapshot now", "error", err)
			}
		}
	}
}

func (s *Store) watchSpace() {
	was := s.disk.low()
	low, stop, free, err := s.disk.check()
	switch {
	case err != nil:
		s.log.Warn("free space is not known", "error", err)
	case stop:
		s.fail(fault(CodeDiskFull, fmt.Errorf("%w: %d bytes left", ErrDiskFull, free)))
	case low != was && low:
		s.log.Error("free disk space is low, new work is refused", "code", CodeDiskLow, "free", free, "needed", s.disk.minFree)
	case low != was:
		s.log.Info("free disk space is back", "free", free)
	}
}

// boundedLog is the log as raft sees it. Raft keeps two snapshots but cuts the
// log behind the newest; then the older one would be useless. So the log is cut
// no further than the older snapshot: a damaged newest snapshot costs nothing.
type boundedLog struct {
	*seglog.Log
	snaps raft.SnapshotStore
	since atomic.Int64 // start of the running write, ns; 0 when none
}

var (
	_ raft.LogStore          = (*boundedLog)(nil)
	_ raft.MonotonicLogStore = (*boundedLog)(nil)
)

func (l *boundedLog) busyFor() time.Duration {
	since := l.since.Load()
	if since == 0 {
		return 0
	}
	return time.Since(time.Unix(0, since))
}

// StoreLogs implements raft.LogStore.
func (l *boundedLog) StoreLogs(logs []*raft.Log) error {
	l.since.Store(time.Now().UnixNano())
	defer l.since.Store(0)
	return l.Log.StoreLogs(logs)
}

// StoreLog implements raft.LogStore.
func (l *boundedLog) StoreLog(log *raft.Log) error { return l.StoreLogs([]*raft.Log{log}) }

// DeleteRange implements raft.LogStore.
func (l *boundedLog) DeleteRange(from, to uint64) error {
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
	fail func(error)
}

var _ raft.StableStore = guardedStable{}

// SetUint64 implements raft.StableStore.
func (g guardedStable) SetUint64(key []byte, val uint64) error {
	err := g.Log.SetUint64(key, val)
	if err != nil && string(key) == string(keyTerm) {
		g.fail(fault(CodeLogFailed, err))
		return nil
	}
	return err
}
