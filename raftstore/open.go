package raftstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft"

	"tote/raftstore/seglog"
)

var (
	keyTerm     = []byte("CurrentTerm")
	keyVoteTerm = []byte("LastVoteTerm")
)

// retainSnapshots: the newest, and one in case it is damaged.
const retainSnapshots = 2

// Open opens the store in cfg.Dir, or makes a new one with this gateway as its
// only member. When it returns, the state holds everything that is known to be
// committed; a lone gateway then leads within a moment (WaitLeader). After an
// unclean stop the state is built anew; with Config.Early it returns before that
// is done, as soon as the gateway can vote and store what others record. The
// error carries a fault code when a person must act.
func Open(cfg Config, m Machine) (*Store, error) {
	if err := cfg.normalise(); err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, log: cfg.Logger,
		closing: make(chan struct{}), done: make(chan struct{}), batchDone: make(chan struct{}),
		changing: make(chan struct{}, 1), leadChanged: make(chan struct{}, 1),
		hung: make(chan struct{}, 1), snapNow: make(chan struct{}, 1), spaceNow: make(chan struct{}, 1), speedNow: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.clock = newClusterClock(cfg.Now, cfg.mono, cfg.Logger)
	s.versions, _ = m.(Versioned)
	s.history = &history{limit: cfg.WatchHistory}
	s.fsm = &fsm{s: s, a: &applier{
		machine: m, log: cfg.Logger, idWindow: IDWindow, speaks: s.ownLevel(),
		onStamp: s.clock.observe, onDiverged: s.noteDiverged, history: s.history,
	}}
	if err := s.open(); err != nil {
		s.release()
		return nil, fmt.Errorf("raftstore: open %s: %w", cfg.Dir, diskFault("", err))
	}
	s.wg.Add(5)
	go s.watchLeader()
	go s.watchStop()
	go s.watchHang()
	go s.watchSpace()
	go s.watchSize()
	go func() {
		defer close(s.batchDone)
		s.batch.run(s.closing, closeGrace)
	}()
	s.startCluster()
	if r := s.building.Load(); r != nil {
		s.wg.Go(func() { s.buildState(r) })
		if !cfg.Early {
			if err := s.WaitRebuilt(s.ctx); err != nil {
				if cause := s.Err(); cause != nil {
					err = cause
				}
				return nil, fmt.Errorf("raftstore: open %s: %w", cfg.Dir, errors.Join(err, s.Close()))
			}
		}
	}
	return s, nil
}

// release gives back what a failed open holds.
func (s *Store) release() {
	s.cancel()
	if s.trans != nil {
		_ = s.trans.Close()
	}
	if v := s.view.Load(); v != nil {
		_, _ = s.closeView(v, 0)
	}
	if r := s.building.Load(); r != nil && r.source != nil {
		_ = r.source.Close()
	}
	if s.seglog != nil {
		_ = s.seglog.Close()
	}
	if s.files != nil {
		_ = s.files.unlock()
	}
}

func (s *Store) open() (err error) {
	cfg := s.cfg
	if s.files, err = lockDir(cfg.FS, cfg.Dir, cfg.NodeID, s.log); err != nil {
		return err
	}
	if err := s.openSpace(); err != nil {
		return err
	}
	if s.snaps, err = openSnapshots(cfg.FS, filepath.ToSlash(filepath.Join(cfg.Dir, "snapshots")), retainSnapshots, cfg.Now, s.log); err != nil {
		return err
	}
	begun, err := s.files.worked()
	if err != nil {
		return err
	}
	s.seglog, err = seglog.Open(cfg.FS, filepath.ToSlash(filepath.Join(cfg.Dir, "log")), seglog.Options{
		SegmentSize: cfg.SegmentSize, NoSync: cfg.noSync, Begun: begun,
		OnLatch: func(err error) { s.fail(diskFault(CodeLogFailed, err)) },
		Room:    func(n int64) error { return s.disk.room(uint64(n), true) },
	})
	if errors.Is(err, seglog.ErrCorrupt) {
		return fault(CodeLogCorrupt, err)
	}
	if err != nil {
		return err
	}
	if list, err := s.snaps.List(); err == nil && len(list) > 0 {
		s.snapSize.Store(uint64(list[0].Size))
	}
	s.logs = &boundedLog{Log: s.seglog, snaps: s.snaps}
	if err := s.checkFloor(); err != nil {
		return err
	}
	if err := s.openCluster(); err != nil {
		return err
	}
	if err := s.checkDiverged(); err != nil {
		return err
	}
	s.feature.Store(new(feature))
	r, err := s.openState()
	if err != nil {
		return err
	}
	if r != nil {
		s.fsm.queuing = true
		s.clock.observe(r.clock)
		s.tellClock(r.clock)
	}
	return s.startRaft()
}

// checkFloor refuses a log that is shorter than it is known to have been.
func (s *Store) checkFloor() error {
	last, _ := s.seglog.LastIndex()
	list, err := s.snaps.List()
	if err != nil {
		return err
	}
	if len(list) > 0 {
		last = max(last, list[0].Index)
	}
	floor, err := s.files.readFloor()
	if err != nil {
		return err
	}
	if gen := s.files.readGeneration(); gen.Covered > floor {
		floor = gen.Covered
	}
	if last < floor {
		return fault(CodeLogShort, fmt.Errorf("log and snapshots end at entry %d, but there was entry %d", last, floor))
	}
	return s.checkTerm()
}

// checkTerm: a term is stored before any entry of it.
func (s *Store) checkTerm() error {
	last, _ := s.seglog.LastIndex()
	if last == 0 {
		return nil
	}
	var l raft.Log
	if err := s.seglog.GetLog(last, &l); err != nil {
		return fault(CodeLogCorrupt, err)
	}
	term, err := s.seglog.GetUint64(keyTerm)
	if err != nil && !errors.Is(err, seglog.ErrNotFound) {
		return err
	}
	if term < l.Term {
		return fault(CodeLogCorrupt, fmt.Errorf("%s: the stored term is %d, but the log has entries of term %d",
			filepath.Join(s.cfg.Dir, "log", "stable"), term, l.Term))
	}
	return nil
}

// bootstrap makes a new cluster of this gateway alone when there is nothing.
func (s *Store) bootstrap() error {
	last, _ := s.seglog.LastIndex()
	list, err := s.snaps.List()
	if err != nil || last > 0 || len(list) > 0 {
		return err
	}
	alone := raft.Configuration{Servers: []raft.Server{{
		Suffrage: raft.Voter, ID: raft.ServerID(s.cfg.NodeID), Address: s.address(),
	}}}
	term, err := s.seglog.GetUint64(keyTerm)
	if errors.Is(err, seglog.ErrNotFound) {
		return raft.BootstrapCluster(s.raftConfig(), s.seglog, s.seglog, s.snaps, s.trans, alone)
	}
	if err != nil {
		return err
	}
	if _, err := s.seglog.GetUint64(keyVoteTerm); term != 1 || !errors.Is(err, seglog.ErrNotFound) {
		return fault(CodeLogShort, fmt.Errorf("the log is empty, but the gateway has voted in term %d", term))
	}
	// The power went between the two writes of raft's own bootstrap, which
	// would refuse to run again: do its second half.
	return s.seglog.StoreLog(&raft.Log{
		Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(alone),
	})
}

func (s *Store) raftConfig() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(s.cfg.NodeID)
	c.HeartbeatTimeout = s.cfg.HeartbeatTimeout
	c.ElectionTimeout = s.cfg.ElectionTimeout
	c.LeaderLeaseTimeout = s.cfg.LeaderLeaseTimeout
	c.CommitTimeout = s.cfg.commitTimeout
	c.MaxAppendEntries = 64
	// Not BatchApplyCh: what lies in its buffer when raft shuts down or stops
	// leading is never answered, and whoever waits for it waits for ever.
	c.BatchApplyCh = false
	c.TrailingLogs = s.cfg.TrailingLogs
	c.SnapshotThreshold = s.cfg.SnapshotEntries
	c.SnapshotInterval = s.cfg.SnapshotInterval
	c.NoSnapshotRestoreOnStart = true
	c.NoLegacyTelemetry = true
	c.Logger = newRaftLog(s.log)
	return c
}

func (s *Store) startRaft() error {
	list, err := s.snaps.List()
	if err != nil {
		return err
	}
	if len(list) > 0 { // later ones come by the log
		s.configIndex.Store(list[0].ConfigurationIndex)
	}
	r, err := raft.NewRaft(s.raftConfig(), s.fsm, s.logs, guardedStable{s.seglog, &s.logs.calls, s.fail}, roomySnaps{s.snaps, s}, s.trans)
	if err != nil {
		return err
	}
	if err := s.Err(); err != nil {
		return errors.Join(err, r.Shutdown().Error())
	}
	s.raft, s.shutdown = r, sync.OnceValue(r.Shutdown)
	if n := len(s.servers()); s.cfg.Peer == nil && n > 1 {
		err := fmt.Errorf("%w, but its folder is of a cluster of %d", ErrAlone, n)
		return errors.Join(err, r.Shutdown().Error())
	}
	s.seglog.SetCommitIndex(r.CommitIndex)
	s.batch = newBatcher(s.cfg.QueueLimit, s.cfg.BatchWait, s.stamp,
		func(e []byte) raft.ApplyFuture { return r.Apply(e, 0) }, s.stopped)
	return nil
}
