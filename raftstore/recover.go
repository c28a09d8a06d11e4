package raftstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"

	"tote/raftstore/seglog"
)

// A cluster is formed anew by one gateway alone, while it does not run: from
// what is on its own disk (Recover), or from a backup (Restore). Both build a
// folder of their own and put it in the place of the old one at the very end;
// what was there before is kept beside it, and nothing in it is changed but what
// any start changes too. The new cluster has a new id, so that no gateway of the
// old one speaks with it, and the next epoch.
//
// Raft's own RecoverCluster is not used: it rewrites the folder in place, and a
// power cut in the middle of that leaves neither.

const (
	buildingSuffix = ".building" // not whole yet
	readySuffix    = ".new"      // whole, and about to take the place
)

// ErrNothingToRecover: the gateway needs nobody else to lead, or has no data.
var ErrNothingToRecover = errors.New("raftstore: there is nothing to recover")

// Holding is what the data folder of a gateway that does not run holds.
type Holding struct {
	Gateway string
	Cluster string // id, "" when there is none
	Members []Member
	Term    uint64 // of the last entry
	Last    uint64 // last log entry
	// Unsure is how many of the entries are not known to be committed.
	Unsure uint64
}

// Voter tells whether the gateway itself has a vote.
func (h *Holding) Voter() bool {
	return slices.ContainsFunc(h.Members, func(m Member) bool { return m.ID == h.Gateway && m.Voter })
}

// Others are the other gateways with a vote.
func (h *Holding) Others() (list []Member) {
	for _, m := range h.Members {
		if m.Voter && m.ID != h.Gateway {
			list = append(list, m)
		}
	}
	return list
}

// Look tells what the data folder holds. The gateway must not run.
func Look(cfg Config, m Machine) (Holding, error) {
	s, err := openFolder(cfg, m)
	if err != nil {
		return Holding{}, err
	}
	h, err := s.holding()
	return h, errors.Join(err, s.closeFolder())
}

// Recover forms a cluster of this gateway alone out of what its data folder
// holds: its newest snapshot and every entry of its log, those included of which
// it does not know that they were committed. What only the others had is lost.
// It is for a cluster whose majority is gone for good; the caller has made sure
// that nobody else runs. The old folder is returned; it is whole.
func Recover(cfg Config, m Machine, address, by string) (f Formation, old string, err error) {
	s, err := openFolder(cfg, m)
	if err != nil {
		return f, "", err
	}
	defer func() { err = errors.Join(err, s.closeFolder()) }()
	h, err := s.holding()
	if err != nil {
		return f, "", err
	}
	if h.Voter() && len(h.Others()) == 0 {
		return f, "", fault(CodeNothingLost, fmt.Errorf("%w: %s is the only gateway with a vote and leads by itself", ErrNothingToRecover, h.Gateway))
	}
	v, err := s.stateOf(h.Last)
	if err != nil {
		return f, "", err
	}
	f = Formation{How: HowRecovered, By: by, Was: h.Cluster, Unsure: h.Unsure}
	old, err = s.form(v, &f, address, h.Last, h.Term)
	return f, old, err
}

// openFolder opens the log and the snapshots of a gateway that does not run.
// What a start would refuse, this refuses too.
func openFolder(cfg Config, m Machine) (*Store, error) {
	if err := cfg.normalise(); err != nil {
		return nil, err
	}
	if err := finishSwap(cfg.Dir); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, "NODE")); err != nil {
		return nil, fault(CodeNothingLost, fmt.Errorf("%w: %s holds no data of a gateway", ErrNothingToRecover, cfg.Dir))
	}
	s := newOffline(cfg, m)
	if err := s.openFiles(); err != nil {
		return nil, fmt.Errorf("raftstore: open %s: %w", cfg.Dir, errors.Join(diskFault("", err), s.closeFolder()))
	}
	return s, nil
}

// newOffline is a store without raft.
func newOffline(cfg Config, m Machine) *Store {
	s := &Store{cfg: cfg, log: cfg.Logger, closing: make(chan struct{}), spaceNow: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.fsm = &fsm{s: s, a: &applier{machine: m, log: cfg.Logger, idWindow: IDWindow}}
	s.versions, _ = m.(Versioned)
	s.fsm.a.speaks = s.ownLevel()
	return s
}

func (s *Store) openFiles() (err error) {
	if s.files, err = lockDir(s.cfg.FS, s.cfg.Dir, s.cfg.NodeID, s.log); err != nil {
		return err
	}
	if _, err := os.Stat(s.files.path("REMOVED")); err == nil {
		return fault(CodeRemoved, ErrRemoved)
	}
	if err := s.checkDiverged(); err != nil {
		return err
	}
	s.newDisk()
	if s.snaps, err = openSnapshots(s.cfg.FS, filepath.ToSlash(filepath.Join(s.cfg.Dir, "snapshots")), retainSnapshots, s.cfg.Now, s.log); err != nil {
		return err
	}
	begun, err := s.files.worked()
	if err != nil {
		return err
	}
	s.seglog, err = seglog.Open(s.cfg.FS, filepath.ToSlash(filepath.Join(s.cfg.Dir, "log")), seglog.Options{SegmentSize: s.cfg.SegmentSize, Begun: begun})
	if errors.Is(err, seglog.ErrCorrupt) {
		return fault(CodeLogCorrupt, err)
	}
	if err != nil {
		return err
	}
	if err := s.checkFloor(); err != nil {
		return err
	}
	return s.readCluster()
}

func (s *Store) closeFolder() error {
	s.cancel()
	var errs []error
	if v := s.view.Load(); v != nil {
		errs = append(errs, v.close(0))
	}
	if s.seglog != nil {
		errs = append(errs, s.seglog.Close())
	}
	if s.files != nil {
		errs = append(errs, s.files.unlock())
	}
	return errors.Join(append(errs, os.RemoveAll(s.cfg.Dir+buildingSuffix))...)
}

func (s *Store) holding() (Holding, error) {
	h := Holding{Gateway: s.cfg.NodeID, Cluster: s.member.name()}
	var servers []raft.Server
	list, err := s.snaps.List()
	if err != nil {
		return h, err
	}
	newest := uint64(0)
	if len(list) > 0 {
		newest = list[0].Index
		servers, h.Last, h.Term = list[0].Configuration.Servers, list[0].Index, list[0].Term
	}
	first, _ := s.seglog.FirstIndex()
	last, _ := s.seglog.LastIndex()
	for i := max(first, newest+1); i <= last && i > 0; i++ {
		var l raft.Log
		if err := s.seglog.GetLog(i, &l); err != nil {
			return h, fault(CodeLogCorrupt, fmt.Errorf("entry %d: %w", i, err))
		}
		if l.Type == raft.LogConfiguration {
			servers = raft.DecodeConfiguration(l.Data).Servers
		}
		h.Last, h.Term = i, l.Term
	}
	if h.Last == 0 {
		return h, fault(CodeNothingLost, fmt.Errorf("%w: %s is empty", ErrNothingToRecover, s.cfg.Dir))
	}
	committed, err := s.committed(newest)
	if err != nil {
		return h, err
	}
	h.Unsure = h.Last - min(h.Last, max(committed, newest))
	for _, srv := range servers {
		h.Members = append(h.Members, Member{ID: string(srv.ID), Address: string(srv.Address), Voter: srv.Suffrage == raft.Voter})
	}
	return h, nil
}

// stateOf builds the state as of the log entry upTo in the folder that is being
// built. The state folder of the gateway is not touched.
func (s *Store) stateOf(upTo uint64) (*view, error) {
	list, err := s.snaps.List()
	if err != nil {
		return nil, err
	}
	size := uint64(stateRoom)
	if len(list) > 0 {
		size += 2 * uint64(list[0].Size)
	}
	if err := s.disk.room(size+uint64(s.seglog.Bytes()), false); err != nil {
		return nil, err
	}
	var v *view
	base := uint64(0)
	for _, meta := range list {
		_, rc, err := s.snaps.Open(meta.ID)
		if err == nil {
			v, err = s.fill(func(db *badger.DB) error { return loadSnapshot(db, &roomyReader{Reader: rc, d: &s.disk}) })
			err = errors.Join(err, rc.Close())
		}
		if err == nil {
			base = meta.Index
			break
		}
		if FaultCode(diskFault("", err)) != "" {
			return nil, err
		}
		where := filepath.Join(s.cfg.Dir, "snapshots", meta.ID)
		s.log.Error("a snapshot is damaged", "code", CodeNoSnapshot, "snapshot", where, "error", err)
		if err := s.checkReach(s.nextBase(list, meta.Index)); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", where, err)
		}
	}
	if err := s.checkReach(base); err != nil {
		return nil, err
	}
	if v == nil {
		if v, err = s.fill(nil); err != nil {
			return nil, err
		}
	}
	a := s.fsm.a
	if err := a.load(v); err != nil {
		return nil, err
	}
	a.m.index = max(a.m.index, base)
	return v, s.applyUpTo(upTo)
}

// applyUpTo applies the entries of the log that the state does not have.
func (s *Store) applyUpTo(upTo uint64) error {
	for i := s.fsm.a.m.index + 1; i <= upTo; i++ {
		l := new(raft.Log)
		if err := s.seglog.GetLog(i, l); err != nil {
			return fault(CodeLogCorrupt, fmt.Errorf("entry %d: %w", i, err))
		}
		if l.Type != raft.LogCommand {
			continue
		}
		if _, err := s.fsm.a.apply([]*raft.Log{l}); err != nil {
			return err
		}
	}
	return nil
}

// fill makes the throwaway state; load may be nil.
func (s *Store) fill(load func(db *badger.DB) error) (*view, error) {
	dir := s.cfg.Dir + buildingSuffix
	if v := s.view.Swap(nil); v != nil {
		if err := v.close(0); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, throwaway), 0o700)); err != nil {
		return nil, err
	}
	v, err := openView(filepath.Join(dir, throwaway), s.log)
	if err != nil {
		return nil, err
	}
	s.view.Store(v)
	if load == nil {
		return v, nil
	}
	return v, load(v.db)
}

// throwaway is the state a cluster is formed of, until its snapshot is written.
const throwaway = "state"

// form writes a data folder of a new cluster that has the state v at an entry of
// the log, and puts it in the place of the old one.
func (s *Store) form(v *view, f *Formation, address string, index, term uint64) (old string, err error) {
	id := newClusterID()
	list, err := formationsOf(v)
	if err != nil {
		return "", err
	}
	a := s.fsm.a
	f.Epoch = max(f.Epoch, epochOf(list)+1)
	f.AtMs, f.Gateway, f.Is = s.cfg.Now().UnixMilli(), s.cfg.NodeID, id.String()
	f.Number, f.LastMs = a.m.number, a.m.clock
	m, err := a.reform(*f)
	if err != nil {
		return "", err
	}
	index, term = max(index, m.index, 1), max(term, 1)
	if t, err := s.ownTerm(); err != nil {
		return "", err
	} else if t > term {
		term = t
	}
	building := s.cfg.Dir + buildingSuffix
	if err := s.writeFolder(building, v, id, address, index, term); err != nil {
		return "", err
	}
	s.view.Store(nil)
	if err := errors.Join(v.close(0), os.RemoveAll(v.dir)); err != nil {
		return "", err
	}
	if err := syncAll(building); err != nil {
		return "", err
	}
	old, err = swapIn(s.cfg.Dir, s.cfg.Now().UTC().Format("20060102-150405"))
	if err == nil {
		s.log.Warn("the cluster was formed anew", "how", f.How, "by", f.By, "epoch", f.Epoch, "cluster", f.Is, "was", f.Was,
			"command", f.Number, "unsure", f.Unsure, "old", old)
	}
	return old, err
}

func formationsOf(v *view) ([]Formation, error) {
	txn := v.db.NewTransaction(false)
	defer txn.Discard()
	return formationsIn(txn)
}

// ownTerm is the term the gateway was in, 0 when it has no log.
func (s *Store) ownTerm() (uint64, error) {
	if s.seglog == nil {
		return 0, nil
	}
	term, err := s.seglog.GetUint64(keyTerm)
	if errors.Is(err, seglog.ErrNotFound) {
		return 0, nil
	}
	return term, err
}

// writeFolder writes all files of a gateway that has just formed a cluster.
func (s *Store) writeFolder(dir string, v *view, id clusterID, address string, index, term uint64) error {
	f := &files{fs: s.cfg.FS, dir: dir, log: s.log}
	snaps, err := openSnapshots(s.cfg.FS, filepath.ToSlash(filepath.Join(dir, "snapshots")), retainSnapshots, s.cfg.Now, s.log)
	if err != nil {
		return err
	}
	alone := raft.Configuration{Servers: []raft.Server{{
		Suffrage: raft.Voter, ID: raft.ServerID(s.cfg.NodeID), Address: raft.ServerAddress(address),
	}}}
	_, trans := raft.NewInmemTransport(raft.ServerAddress(address)) // only encodes the address
	sink, err := snaps.Create(raft.SnapshotVersionMax, index, term, alone, index, trans)
	if err != nil {
		return err
	}
	txn := v.db.NewTransaction(false)
	defer txn.Discard()
	if err := writeSnapshot(sink, txn, s.closing); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return err
	}
	log, err := seglog.Open(s.cfg.FS, filepath.ToSlash(filepath.Join(dir, "log")), seglog.Options{SegmentSize: s.cfg.SegmentSize})
	if err != nil {
		return err
	}
	if err := errors.Join(log.SetUint64(keyTerm, term), log.Close()); err != nil {
		return err
	}
	return errors.Join(
		f.write("NODE", []byte(s.cfg.NodeID+"\n")),
		f.write("CLUSTER", fmt.Appendf(nil, "%s %s\n", id, roleFirst)),
		f.writeFloor(index),
	)
}

// syncAll syncs a folder and everything in it.
func syncAll(dir string) error {
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	for _, p := range slices.Backward(all) {
		err = errors.Join(err, syncPath(p))
	}
	return err
}

// swapIn puts the folder that was built in the place of dir, whose old content
// is kept under the name that is returned, "" when there was none. A power cut
// leaves the old one, or finishSwap goes on.
func swapIn(dir, stamp string) (old string, err error) {
	parent := filepath.Dir(dir)
	if err := errors.Join(os.RemoveAll(dir+readySuffix), os.Rename(dir+buildingSuffix, dir+readySuffix), syncPath(parent)); err != nil {
		return "", err
	}
	switch left, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", err
	case len(left) == 0:
		if err := os.Remove(dir); err != nil {
			return "", err
		}
	default:
		old = dir + ".old-" + stamp
		if err := errors.Join(os.Rename(dir, old), syncPath(parent)); err != nil {
			return "", err
		}
	}
	return old, finishSwap(dir)
}

// finishSwap does the last step of swapIn where it was not done.
func finishSwap(dir string) error {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err // there is a folder, or it cannot be told
	}
	err := os.Rename(dir+readySuffix, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncPath(filepath.Dir(dir)))
}
