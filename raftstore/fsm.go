package raftstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"
)

// fsm is the thin bridge between raft and the applier. Its methods but Persist
// and Release run on raft's apply goroutine.
type fsm struct {
	s *Store
	a *applier
	// replayed is the last entry Open applied itself; raft delivers entries
	// up to it once more. Until then raft and the state disagree about where
	// they are, and no snapshot may be taken.
	replayed, delivered uint64
	deliveredTerm       uint64
	// mu guards the state against being taken into use between two entries.
	// While queuing is true it is being built anew, and nobody but buildState
	// touches a: what raft delivers is only noted, queued is the last of it.
	mu      sync.Mutex
	queuing bool
	queued  uint64
	// covered is raft's label of the newest snapshot taken of this state: the
	// state holds everything up to there, though it may not have seen an entry
	// that late.
	covered atomic.Uint64
	// toldClock is the cluster time OnClock heard last.
	toldClock int64
	// since is when the entries that are being applied came, nil between them.
	since atomic.Pointer[time.Time]
}

// applying is for how long the same entries are being applied, 0 when none are.
func (f *fsm) applying() time.Duration {
	if at := f.since.Load(); at != nil {
		return time.Since(*at)
	}
	return 0
}

var (
	_ raft.FSM         = (*fsm)(nil)
	_ raft.BatchingFSM = (*fsm)(nil)
)

// errNotApplied answers entries that were not applied because the store has
// stopped, or were applied before raft delivered them.
var errNotApplied = errors.New("the entry was not applied here")

// errQueued answers entries that are applied when the state is built. Nobody
// proposes commands before; barriers wait (put).
var errQueued = errors.New("the state is not built yet")

// tellClock passes on the cluster time when it has moved. It runs on the apply
// goroutine, before that starts, and when a state that was built is taken into
// use, before that goroutine goes on.
func (s *Store) tellClock(ms int64) {
	if s.cfg.OnClock != nil && ms > s.fsm.toldClock {
		s.fsm.toldClock = ms
		s.cfg.OnClock(ms)
	}
}

// Apply implements raft.FSM.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM. A response is []reply or an error.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	began := time.Now()
	f.since.Store(&began)
	defer f.since.Store(nil)
	out := make([]any, len(logs))
	if f.queue(logs) {
		for i := range out {
			out[i] = errQueued
		}
		return out
	}
	err := f.s.Err()
	var replies [][]reply
	if err == nil {
		if err = f.s.disk.room(0, true); err == nil {
			replies, err = f.a.apply(logs)
		}
		if err != nil {
			err = diskFault("", err)
			f.s.fail(err)
		}
	}
	for i := range out {
		switch {
		case err != nil:
			out[i] = errors.Join(errNotApplied, err)
		default:
			out[i] = replies[i]
		}
	}
	if err == nil {
		f.deliver(logs)
		f.publish()
	}
	return out
}

// queue notes entries for a state that is being built; false when it is whole.
func (f *fsm) queue(logs []*raft.Log) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.queuing {
		return false
	}
	f.deliver(logs)
	f.queued = f.delivered
	if r := f.s.building.Load(); r != nil {
		r.last.Store(max(r.upTo, f.queued))
	}
	return true
}

// deliver notes how far raft has come, and who the members are: they do not
// depend on the state.
func (f *fsm) deliver(logs []*raft.Log) {
	last := logs[len(logs)-1]
	f.delivered, f.deliveredTerm = last.Index, last.Term
	for _, l := range logs {
		if l.Type == raft.LogConfiguration {
			f.s.configIndex.Store(l.Index)
			f.s.committedConfig(raft.DecodeConfiguration(l.Data).Servers)
		}
	}
}

// publish tells everyone how far the state is.
func (f *fsm) publish() {
	f.s.applied.Store(f.a.m.number)
	f.s.noteFeature(f.a.f)
	f.s.progress.set(position{number: f.a.m.number, index: f.delivered, term: f.deliveredTerm})
	f.s.tellClock(f.a.m.clock)
}

// live takes the state into use: from here on what raft delivers is applied as
// it comes. Nobody hears of what was applied before.
func (f *fsm) live() {
	s := f.s
	f.queuing, f.replayed = false, f.a.m.index
	f.a.onApply, f.a.onMark, f.a.onSums = s.cfg.OnApply, s.markReached, s.sumsCame
	s.clock.observe(f.a.m.clock)
	f.publish()
}

// Snapshot implements raft.FSM: it only opens a read transaction.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if err := f.s.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	queuing := f.queuing
	f.mu.Unlock()
	if queuing {
		return nil, ErrRebuilding
	}
	if f.delivered < f.replayed {
		return nil, fmt.Errorf("raft has delivered %d of the %d entries applied at start", f.delivered, f.replayed)
	}
	if !f.a.view.acquire() {
		return nil, ErrClosed
	}
	return &fsmSnapshot{s: f.s, view: f.a.view, txn: f.a.view.db.NewTransaction(false), index: f.a.m.index}, nil
}

// Restore implements raft.FSM: build a new folder, then swap. A failed restore
// leaves the old state in place. One that is being built is finished first: it
// may hold more than the snapshot, and the state never goes back.
func (f *fsm) Restore(rc io.ReadCloser) error {
	if err := f.s.WaitRebuilt(f.s.ctx); err != nil {
		return fmt.Errorf("restore a snapshot: %w", err)
	}
	list, err := f.s.snaps.List()
	if err != nil || len(list) == 0 {
		return fmt.Errorf("restore a snapshot: it is not listed: %w", err)
	}
	label := list[0] // raft has just stored it, and no own one can be newer
	err = f.s.disk.room(uint64(label.Size)+stateRoom, true)
	var next *view
	if err == nil {
		next, err = f.s.buildView(rc)
	}
	if err != nil {
		return fmt.Errorf("restore a snapshot: %w", err)
	}
	old, was, feat := f.a.view, f.a.m, f.a.f
	if err := f.a.load(next); err != nil {
		if FaultCode(err) != "" {
			f.s.fail(err) // no other try would end better
		}
		return errors.Join(fmt.Errorf("restore a snapshot: %w", err), next.close(0), os.RemoveAll(next.dir))
	}
	f.s.configIndex.Store(label.ConfigurationIndex)
	f.s.committedConfig(label.Configuration.Servers)
	if f.a.m.index < was.index {
		// What was replayed at start is newer. Never go back: raft delivers
		// what follows the snapshot, and the state leaves out what it has.
		f.a.view, f.a.m, f.a.f = old, was, feat // load has forgotten its rows
		f.replayed, f.delivered = was.index, label.Index
		return errors.Join(next.close(0), os.RemoveAll(next.dir))
	}
	f.a.m.index = max(f.a.m.index, label.Index)
	f.s.view.Store(next)
	f.s.history.begin(f.a.m.number) // after the view: see watchCursor.reset
	f.s.applied.Store(f.a.m.number)
	f.s.noteFeature(f.a.f)
	f.s.clock.observe(f.a.m.clock)
	f.replayed, f.delivered, f.deliveredTerm = 0, f.a.m.index, label.Term
	f.s.progress.set(position{number: f.a.m.number, index: label.Index, term: label.Term})
	f.s.tellClock(f.a.m.clock)
	f.s.discardView(old)
	if f.s.cfg.OnRestore != nil {
		f.s.cfg.OnRestore(f.a.m.number)
	}
	return nil
}

// fsmSnapshot writes one consistent look at the state beside Apply.
type fsmSnapshot struct {
	s     *Store
	view  *view
	txn   *badger.Txn
	index uint64
}

// Persist implements raft.FSMSnapshot.
func (p *fsmSnapshot) Persist(sink raft.SnapshotSink) error {
	if err := writeSnapshot(sink, p.txn, p.s.closing); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return err
	}
	var term, index uint64 // raft's name for it: term-index-milliseconds
	if n, _ := fmt.Sscanf(sink.ID(), "%d-%d-", &term, &index); n == 2 {
		f := p.s.fsm
		f.covered.Store(max(f.covered.Load(), index)) // one at a time
	}
	// From now on the log may end as early as here, never earlier.
	return p.s.files.writeFloor(p.index)
}

// Release implements raft.FSMSnapshot.
func (p *fsmSnapshot) Release() {
	p.txn.Discard()
	p.view.use.RUnlock()
}
