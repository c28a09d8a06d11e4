package raftstore

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// openState opens the applied state of a clean stop and replays what is known
// to be committed. After any other stop the state must be built anew: then it
// only makes sure that it can be, and returns how (buildState does it).
func (s *Store) openState() (*rebuild, error) {
	list, err := s.snaps.List()
	if err != nil {
		return nil, err
	}
	newest := uint64(0)
	if len(list) > 0 {
		newest = list[0].Index
	}
	died, err := s.files.opening()
	if err != nil {
		return nil, err
	}
	if died > 0 {
		s.log.Warn("the program died while it opened the state", "times", died, "code", CodeRebuilt)
	}
	gen := s.files.readGeneration()
	if gen.Clean && died == 0 && gen.Covered >= newest && gen.Dir != "" {
		if err := s.openInPlace(gen); FaultCode(err) == CodeUnknownEntry {
			return nil, err // it is sound, but not ours to touch
		} else if err != nil {
			s.log.Warn("the applied state is damaged", "error", err)
			if err := s.files.setAside(s.files.path(gen.Dir), "state"); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, err
			}
		}
	}
	var r *rebuild
	has := s.fsm.a.m.index
	if s.view.Load() == nil {
		if r, err = s.planRebuild(list, gen); err != nil {
			return nil, err
		}
		s.building.Store(r)
		has = r.base
	}
	if err := s.dropOldLog(r, newest, has); err != nil {
		return r, err
	}
	upTo, err := s.committed(newest)
	if err != nil {
		return r, err
	}
	if list, err = s.snaps.List(); err != nil {
		return r, err
	}
	if err := s.checkReach(s.nextBase(list, math.MaxUint64)); err != nil {
		return r, err
	}
	if r != nil {
		r.upTo = upTo
		r.last.Store(upTo)
		return r, nil
	}
	s.history.begin(s.fsm.a.m.number)
	if err := s.replay(upTo, nil); err != nil {
		return nil, err
	}
	s.fsm.live()
	return nil, s.files.opened()
}

func generationOf(v *view, clean bool, covered uint64) generation {
	return generation{BootID: bootID(), Dir: filepath.Base(v.dir), Clean: clean, Covered: covered}
}

// openInPlace uses the state of a clean stop. From here on the stop is unclean
// until Close says otherwise.
func (s *Store) openInPlace(gen generation) error {
	dir := s.files.path(gen.Dir)
	now, err := fingerprints(dir)
	if err != nil {
		return err
	}
	if !slices.Equal(now, gen.Files) {
		return fmt.Errorf("the files in %s are not those of the last stop", dir)
	}
	unclean := gen
	unclean.Clean, unclean.Files = false, nil
	if err := s.files.writeGeneration(unclean); err != nil {
		return err
	}
	v, err := openView(dir, s.log)
	if err != nil {
		return err
	}
	a := s.fsm.a
	if err := a.load(v); err != nil {
		return errors.Join(err, v.close(0))
	}
	if a.m.index > gen.Covered {
		return errors.Join(fmt.Errorf("the state is at entry %d, the marker at %d", a.m.index, gen.Covered), v.close(0))
	}
	a.m.index = gen.Covered
	s.view.Store(v)
	return nil
}

// nextBase is the entry the next older snapshot reaches, 0 without one.
func (s *Store) nextBase(list []*raft.SnapshotMeta, index uint64) uint64 {
	for _, m := range list {
		if m.Index < index {
			return m.Index
		}
	}
	return 0
}

// checkReach makes sure that nothing is missing between the snapshot that ends
// at base and the log: raft would panic later.
func (s *Store) checkReach(base uint64) error {
	first, _ := s.seglog.FirstIndex()
	last, _ := s.seglog.LastIndex()
	floor, err := s.files.readFloor()
	switch {
	case err != nil:
		return err
	case last > base && first > base+1:
		return fault(CodeLogGap, fmt.Errorf("the snapshot ends at entry %d, the log begins at %d", base, first))
	case last <= base && base < floor:
		return fault(CodeNoSnapshot, fmt.Errorf("the last good snapshot ends at entry %d, but there was entry %d", base, floor))
	}
	return nil
}

// dropOldLog removes a log that ends before the newest snapshot: the process
// died between installing a snapshot and removing the log it replaces.
// The state holds entry has, or will when it is built; the snapshot is read to
// its end before anything goes that could be needed in its place.
func (s *Store) dropOldLog(r *rebuild, newest, has uint64) error {
	first, _ := s.seglog.FirstIndex()
	last, _ := s.seglog.LastIndex()
	if last == 0 || last >= newest || has < newest {
		return nil
	}
	if r != nil && r.source != nil {
		err := readSnapshot(r.source, func(_, _ []byte) error { return nil })
		if r.source.rewind(); err != nil {
			return fault(CodeNoSnapshot, err)
		}
	}
	return s.seglog.DeleteRange(first, last)
}

// buildView makes a new state folder, filled from r when it is not nil.
func (s *Store) buildView(r io.Reader) (*view, error) {
	name, err := s.files.newStateDir()
	if err != nil {
		return nil, err
	}
	dir := s.files.path(name)
	v, err := openView(dir, s.log)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return v, nil
	}
	if err := loadSnapshot(v.db, &roomyReader{Reader: r, d: &s.disk}); err != nil {
		return nil, errors.Join(err, v.close(0), os.RemoveAll(dir))
	}
	return v, nil
}

// discardView closes and removes a state folder that was replaced.
func (s *Store) discardView(old *view) {
	if err := s.files.writeGeneration(generationOf(s.view.Load(), false, 0)); err != nil {
		s.log.Warn("the state marker was not written", "error", err)
	}
	s.wg.Go(func() {
		if err := old.close(time.Minute); err != nil {
			s.log.Warn("the replaced state was not closed", "error", err)
			return
		}
		if err := os.RemoveAll(old.dir); err != nil {
			s.log.Warn("the replaced state was not removed", "error", err)
		}
	})
}

// replayStep is how many entries share a transaction in a replay, unless they
// fill it before.
const replayStep = 256

// replay applies the entries up to one that are committed for certain, so that
// reads work before there is a leader. Raft's own way of doing it is broken for
// us. r is nil after a clean stop.
func (s *Store) replay(upTo uint64, r *rebuild) error {
	a := s.fsm.a
	batch := make([]*raft.Log, 0, replayStep)
	for i := a.m.index + 1; i <= upTo; i++ {
		l := new(raft.Log)
		if err := s.seglog.GetLog(i, l); err != nil {
			return fault(CodeLogCorrupt, fmt.Errorf("entry %d: %w", i, err))
		}
		if l.Type == raft.LogCommand || l.Type == raft.LogConfiguration {
			batch = append(batch, l)
		}
		if len(batch) == replayStep || i == upTo && len(batch) > 0 {
			if err := s.stopped(); err != nil {
				return err
			}
			if err := s.disk.room(0, true); err != nil {
				return err
			}
			if _, err := a.apply(batch); err != nil {
				return err
			}
			batch = batch[:0]
			r.atEntry(i)
		}
	}
	return nil
}

// committed returns the entry up to which everything in the log is committed.
func (s *Store) committed(newest uint64) (uint64, error) {
	last, _ := s.seglog.LastIndex()
	upTo := max(s.seglog.CommitIndex(), newest)
	list, err := s.snaps.List()
	if err != nil {
		return 0, err
	}
	alone, from := true, uint64(1)
	if len(list) > 0 {
		alone, from = s.alone(list[0].Configuration), list[0].Index+1
	}
	first, _ := s.seglog.FirstIndex()
	for i := max(from, first); i <= last && i > 0; i++ {
		var l raft.Log
		if err := s.seglog.GetLog(i, &l); err != nil {
			return 0, fault(CodeLogCorrupt, fmt.Errorf("entry %d: %w", i, err))
		}
		if l.Type == raft.LogConfiguration {
			alone = alone && s.alone(raft.DecodeConfiguration(l.Data))
		}
	}
	if alone { // its own disk is the majority
		upTo = last
	}
	return min(upTo, last), nil
}

func (s *Store) alone(c raft.Configuration) bool {
	return len(c.Servers) == 1 && c.Servers[0].Suffrage == raft.Voter && string(c.Servers[0].ID) == s.cfg.NodeID
}
