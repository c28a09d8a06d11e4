package raftstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// rebuild is a state that is being built anew after an unclean stop, beside
// raft: the gateway votes and stores entries meanwhile, so that there can be a
// quorum. It says nothing of a state that is not whole: reads are refused and
// commands wait. What raft commits meanwhile is not given to the state but only
// noted (fsm.queued); it is in the log, and read from there when its turn comes.
// A raft that waited for the state would neither vote nor store: its main loop
// hands over entries itself, and its queue is short.
type rebuild struct {
	was    generation
	base   uint64      // the last entry in the snapshot, 0 without one
	source *snapReader // of the snapshot; nil without one
	name   string      // of the snapshot
	upTo   uint64      // what is in the log up to here is committed
	clock  int64       // cluster time in the snapshot
	since  time.Time
	done   chan struct{} // closed when the state is whole

	bytes, ofBytes atomic.Uint64 // of the snapshot
	at, last       atomic.Uint64 // entries: applied, and known to be committed
}

// Rebuild is how far a state is that is being built anew.
type Rebuild struct {
	Since              time.Time
	Bytes, OfBytes     uint64 // of the snapshot
	Entries, OfEntries uint64 // of the log behind it
}

// Rebuilding tells how far the state is, false when it is whole. It begins with
// Open and ends before the first read and the first command.
func (s *Store) Rebuilding() (Rebuild, bool) {
	r := s.building.Load()
	if r == nil {
		return Rebuild{}, false
	}
	return Rebuild{
		Since: r.since, Bytes: r.bytes.Load(), OfBytes: r.ofBytes.Load(),
		Entries: r.behind(r.at.Load()), OfEntries: r.behind(r.last.Load()),
	}, true
}

// WaitRebuilt waits until the state is whole. A store that stops before, because
// it cannot be built, says why.
func (s *Store) WaitRebuilt(ctx context.Context) error {
	r := s.building.Load()
	if r == nil {
		return nil
	}
	select {
	case <-r.done:
		return nil
	default:
	}
	if err := s.pause(ctx, r.done, 0); err != nil {
		if stopped := s.stopped(); stopped != nil {
			return stopped
		}
		return fmt.Errorf("%w: %w", ErrRebuilding, err)
	}
	return nil
}

// planRebuild finds the newest good snapshot. A damaged one is set aside, so
// that raft does not count on it either: raft is started before the state is
// there and must not find out later that it was wrong. Of each the checksum of
// the whole file is verified here; it takes a fraction of the time.
func (s *Store) planRebuild(list []*raft.SnapshotMeta, gen generation) (*rebuild, error) {
	r := &rebuild{was: gen, since: time.Now(), done: make(chan struct{})}
	for _, meta := range list {
		if err := s.roomForState(uint64(meta.Size)); err != nil {
			return nil, err
		}
		rc, err := s.snaps.open(meta.ID)
		if err == nil {
			if r.clock, err = snapshotClock(rc); err == nil {
				r.base, r.source, r.name = meta.Index, rc, meta.ID
				r.ofBytes.Store(uint64(meta.Size))
				break
			}
			err = errors.Join(err, rc.Close())
		}
		if code := FaultCode(diskFault("", err)); code != "" {
			return nil, err // the disk is to blame, not the snapshot
		}
		s.log.Error("a snapshot is damaged", "code", CodeNoSnapshot, "snapshot", s.snapshotPath(meta.ID), "error", err)
		if err := s.checkReach(s.nextBase(list, meta.Index)); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", s.snapshotPath(meta.ID), err)
		}
		if err := s.files.setAside(s.snapshotPath(meta.ID), "snapshot"); err != nil {
			return nil, err
		}
	}
	err := s.checkReach(r.base)
	if err == nil && r.source == nil {
		err = s.roomForState(0)
	}
	if err != nil && r.source != nil {
		err = errors.Join(err, r.source.Close())
	}
	return r, err
}

func (s *Store) snapshotPath(id string) string {
	return s.files.path(filepath.Join("snapshots", id))
}

// errEnough ends the reading of a snapshot.
var errEnough = errors.New("enough")

// snapshotClock is the cluster time in a snapshot: its first row has it.
func snapshotClock(rc *snapReader) (ms int64, err error) {
	err = readSnapshot(rc, func(key, val []byte) error {
		if string(key) == string(metaKey) {
			m, err := decodeMetaRow(val)
			if err != nil {
				return err
			}
			ms = m.clock
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	rc.rewind()
	return ms, err
}

// buildState builds the state and lets the store go on with it. When it cannot
// be built the store stops: nothing but a new start would help.
func (s *Store) buildState(r *rebuild) {
	v, err := s.build(r)
	if err == nil {
		err = s.files.opened()
	}
	if err == nil {
		err = s.goLive(v, r)
	}
	if err == nil {
		if r.was.Dir != "" {
			s.log.Warn("the last stop was not clean, the state was built anew", "code", CodeRebuilt,
				"reboot", r.was.BootID != bootID(), "snapshot", r.base, "entries", r.behind(r.at.Load()),
				"took", time.Since(r.since))
		}
		kick(s.speedNow)
		return
	}
	switch stopped := s.stopped(); {
	case stopped == nil:
		s.fail(diskFault("", err))
	case errors.Is(stopped, ErrClosed):
		if err := s.files.opened(); err != nil { // it was told to end, it did not die
			s.log.Warn("the next start takes this end for a crash", "error", err)
		}
	}
	if v != nil {
		_, err = s.closeView(v, 0)
		if err != nil {
			s.log.Warn("the state that was not finished was not closed", "error", err)
		}
	}
}

// build makes the state of the snapshot and of everything in the log that was
// known to be committed when the store was opened. It may return a view with an
// error.
func (s *Store) build(r *rebuild) (*view, error) {
	var from io.Reader
	if r.source != nil {
		from = &rebuildReader{s, r}
	}
	v, err := s.buildView(from)
	if r.source != nil {
		err = errors.Join(err, r.source.Close())
	}
	if errors.Is(err, errSnapshot) && s.stopped() == nil && FaultCode(diskFault("", err)) == "" {
		// Neither the end of the store nor the disk: its checksum was right, so
		// it was written like that. The next start takes the one before.
		err = errors.Join(fault(CodeStateFailed, fmt.Errorf("%s: %w", s.snapshotPath(r.name), err)),
			s.files.setAside(s.snapshotPath(r.name), "snapshot"))
	}
	if err != nil {
		return nil, err
	}
	a := s.fsm.a
	if err := a.load(v); err != nil {
		return v, err
	}
	a.m.index = max(a.m.index, r.base)
	if err := s.files.writeGeneration(generationOf(v, false, 0)); err != nil {
		return v, err
	}
	if err := s.files.removeMatching("state-", filepath.Base(v.dir)); err != nil {
		return v, err
	}
	s.history.begin(a.m.number)
	return v, s.replay(r.upTo, r)
}

// rebuildReader counts what was read of the snapshot and ends with the store.
type rebuildReader struct {
	s *Store
	r *rebuild
}

// Read implements io.Reader.
func (b *rebuildReader) Read(p []byte) (int, error) {
	if err := b.s.stopped(); err != nil {
		return 0, err
	}
	n, err := b.r.source.Read(p)
	b.r.bytes.Add(uint64(n))
	return n, err
}

// behind is how many entries there are from the snapshot to one.
func (r *rebuild) behind(index uint64) uint64 { return index - min(index, r.base) }

// atEntry notes that the log is applied up to an entry.
func (r *rebuild) atEntry(index uint64) {
	if r != nil {
		r.at.Store(index)
	}
}

// queueSmall and queueRounds end the chase of what raft commits meanwhile: the
// last few entries are applied while raft waits.
const (
	queueSmall  = 256
	queueRounds = 8
)

// goLive applies what raft has committed since Open and takes the state into
// use.
func (s *Store) goLive(v *view, r *rebuild) error {
	f := s.fsm
	for round := 1; ; round++ {
		f.mu.Lock()
		upTo := f.queued
		if upTo <= f.a.m.index+queueSmall || round == queueRounds {
			break
		}
		f.mu.Unlock()
		if err := s.replay(upTo, r); err != nil {
			return err
		}
	}
	defer f.mu.Unlock()
	if err := s.replay(f.queued, r); err != nil {
		return err
	}
	if err := s.stopped(); err != nil {
		return err
	}
	s.view.Store(v)
	f.live()
	s.building.Store(nil)
	close(r.done)
	return nil
}
