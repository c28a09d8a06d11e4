package raftstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
	"tote/raftstore/seglog"
)

// transport is raft's way to the other gateways.
type transport interface {
	raft.Transport
	Close() error
}

// Store is an open store. Create it with Open.
type Store struct {
	cfg   Config
	log   *slog.Logger
	files *files

	seglog *seglog.Log
	logs   *boundedLog
	snaps  *snapStore
	trans  transport
	raft   *raft.Raft
	// shutdown stops raft. Only raft's first answer to Shutdown can be waited
	// for, so everyone shares that one.
	shutdown func() raft.Future
	fsm      *fsm
	batch    *batcher
	disk     disk

	isHung   atomic.Bool   // a call of the log takes too long
	hung     chan struct{} // holds one: isHung changed
	snapNow  chan struct{} // holds one: take a snapshot
	spaceNow chan struct{} // holds one: look at the space
	speedNow chan struct{} // holds one: look who should lead
	snapSize atomic.Uint64 // of the newest snapshot, bytes
	slow     atomic.Bool
	stuck    atomic.Bool // the last try to hand over failed
	passedOn time.Time   // when the last one was; of watchSpeed

	view atomic.Pointer[view]
	// building is there until the state is whole; view is nil until then.
	building atomic.Pointer[rebuild]
	applied  atomic.Uint64
	history  *history // of Watch
	leader   leadership
	clock    *clusterClock

	// Versions and digests.
	versions Versioned // nil when the machine does not tell
	feature  atomic.Pointer[feature]
	digests  digests

	// The cluster.
	net      network // nil for a gateway that stays alone
	wire     *wire   // likewise
	member   membership
	aliens   map[clusterID]bool // warned of; guarded by member.mu
	progress progress
	quorum   quorum
	verifier verifier
	hints    hints
	bringing bringing
	adding   newcomer
	changing chan struct{} // holds one: a change of the members is under way
	// configIndex is the log entry of the newest configuration applied.
	configIndex atomic.Uint64
	leadChanged chan struct{}
	lookNow     broadcast
	seenMu      sync.Mutex
	seen        map[string]seen
	ctx         context.Context // ends with Close, for background
	cancel      context.CancelFunc
	bgMu        sync.Mutex

	closing   chan struct{} // closed by Close
	closeOnce sync.Once
	closeErr  error
	batchDone chan struct{} // closed when the batcher has ended
	wg        sync.WaitGroup

	failOnce sync.Once
	failed   atomic.Pointer[error]
	done     chan struct{} // closed by fail
}

// Propose puts the command into the log and returns the Machine's answer when
// a majority has it on disk and it is applied here, wherever the leader is. It
// waits for a leader until ctx ends. Proposing the same command again is safe
// and gives the first answer. Errors that are not ErrUnknownOutcome or
// ErrSeqTooOld mean that nothing was or will be done.
func (s *Store) Propose(ctx context.Context, cmd Command) (Result, error) {
	if err := checkCommand(&cmd); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if err := s.stopped(); err != nil {
		return Result{}, err
	}
	// Not even for the leader to do: the answer is given when it is true here.
	if err := s.WaitRebuilt(ctx); err != nil {
		return Result{}, err
	}
	if s.cfg.Peer == nil {
		return s.proposeHere(ctx, &cmd)
	}
	return s.proposeAnywhere(ctx, cmd)
}

func checkCommand(c *Command) error {
	switch {
	case len(c.Body) > MaxBody:
		return fmt.Errorf("%w: body of %d bytes, at most %d", ErrTooBig, len(c.Body), MaxBody)
	case len(c.Device) > MaxName || len(c.Actor) > MaxName:
		return fmt.Errorf("%w: a name is longer than %d bytes", ErrBadCommand, MaxName)
	case c.Device != "" && c.Seq == 0:
		return fmt.Errorf("%w: device %s without a sequence", ErrBadCommand, c.Device)
	case c.Device == "" && c.Seq != 0:
		return fmt.Errorf("%w: sequence %d without a device", ErrBadCommand, c.Seq)
	case c.Device == "" && c.ID == [16]byte{}:
		return fmt.Errorf("%w: neither an id nor a device", ErrBadCommand)
	case c.Kind <= ReservedKinds:
		return fmt.Errorf("%w: kind %#04x is reserved", ErrBadCommand, c.Kind)
	}
	return nil
}

// stopped returns why nothing can be done any more.
func (s *Store) stopped() error {
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrLatched, err)
	}
	return nil
}

// View calls fn with a consistent snapshot of the state and the number of the
// last command in it. fn must not keep the Reader.
func (s *Store) View(fn func(r Reader, applied uint64) error) error {
	return s.read(func(txn *badger.Txn) error {
		b, err := badgerGet(txn, metaKey)
		if err != nil {
			return err
		}
		m, err := decodeMetaRow(b)
		if err != nil {
			return err
		}
		return fn(reader{txn}, m.number)
	})
}

func (s *Store) read(fn func(txn *badger.Txn) error) error {
	for {
		v := s.view.Load()
		if v == nil {
			if err := s.notBuilt(); err != nil {
				return err
			}
			continue
		}
		if !v.acquire() {
			if s.view.Load() == v {
				return ErrClosed
			}
			continue // it was swapped meanwhile
		}
		return func() error {
			defer v.use.RUnlock()
			txn := v.db.NewTransaction(false)
			defer txn.Discard()
			return fn(txn)
		}()
	}
}

// notBuilt is why there is no state to read; nil when there is one meanwhile.
func (s *Store) notBuilt() error {
	if err := s.stopped(); err != nil {
		return err
	}
	if s.building.Load() != nil {
		return ErrRebuilding
	}
	if s.view.Load() == nil {
		return ErrClosed
	}
	return nil
}

// Applied returns the number of the last command applied here. A View that
// starts later sees it.
func (s *Store) Applied() uint64 { return s.applied.Load() }

// LastSeq returns the newest sequence known of a device, 0 when there is none.
func (s *Store) LastSeq(device string) (uint64, error) {
	var last uint64
	err := s.read(func(txn *badger.Txn) error {
		b, err := badgerGet(txn, deviceKey(device))
		if err != nil {
			return err
		}
		d, err := decodeDevice(b)
		last = d.last
		return err
	})
	return last, err
}

// Digest returns the SHA-256 of the whole state, answers of commands included,
// and the number of the last command in it. Gateways with the same log have
// the same digest. It reads everything.
func (s *Store) Digest() (applied uint64, sum [sha256.Size]byte, err error) {
	err = s.read(func(txn *badger.Txn) error {
		b, err := badgerGet(txn, metaKey)
		if err != nil {
			return err
		}
		m, err := decodeMetaRow(b)
		if err != nil {
			return err
		}
		applied = m.number
		sum, err = digestTxn(s.ctx, txn)
		return err
	})
	return applied, sum, err
}

// IsLeader tells whether this gateway leads and has applied everything that
// was acknowledged before it did.
func (s *Store) IsLeader() bool { return s.leader.is() }

// Leadership is IsLeader with a channel that is closed at the next change, also one
// that is over before anybody looks again.
func (s *Store) Leadership() (leads bool, changed <-chan struct{}) { return s.leader.watch() }

// WaitLeader waits until IsLeader is true.
func (s *Store) WaitLeader(ctx context.Context) error {
	for {
		ok, changed := s.leader.watch()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("raftstore: wait for leadership: %w", ctx.Err())
		case <-s.closing:
			return ErrClosed
		case <-s.done:
			return s.stopped()
		}
	}
}

// Done is closed when the store stopped by itself; Err says why.
func (s *Store) Done() <-chan struct{} { return s.done }

// Err returns why the store stopped by itself, nil while it works. The error
// carries a fault code.
func (s *Store) Err() error {
	if e := s.failed.Load(); e != nil {
		return *e
	}
	return nil
}

// fail stops the store: no acknowledgement, no vote, no leadership after it.
// It may be called from any goroutine and does not wait.
func (s *Store) fail(err error) {
	s.failOnce.Do(func() {
		s.failed.Store(&err)
		close(s.done) // the program's log may lie on a disk that hangs
		s.log.Error("the store stopped", "code", FaultCode(err), "error", err)
	})
}

// Snapshot takes a snapshot now. It is an error while one is not possible yet.
func (s *Store) Snapshot() error {
	err := s.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return err
}

// Close stops the store and marks the state as cleanly closed. Commands under
// way get ErrUnknownOutcome or their answer.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

const (
	closeGrace  = 200 * time.Millisecond // for commands under way
	readerGrace = 300 * time.Millisecond // for readers
	stopLimit   = 5 * time.Second        // for raft, which a hung disk can hold
)

func (s *Store) close() error {
	s.handOver()
	if s.cfg.Peer != nil {
		s.cfg.Peer.Handle(peer.ProtoCall, nil)
	}
	s.stopBackground()
	close(s.closing)
	<-s.batchDone
	errs := []error{s.trans.Close()}
	stopped := s.stopRaft()
	s.history.close()
	if !stopped {
		// Raft still uses everything. The process must exit; what it leaves
		// is an unclean stop.
		return errors.New("raftstore: close: raft does not stop, a call of the disk is not finished")
	}
	failed := s.Err()
	errs = append(errs, s.seglog.Close())
	v := s.view.Load()
	whole := false
	if v != nil { // nil: it was not built, and is at the next start
		var err error
		whole, err = s.closeView(v, readerGrace)
		errs = append(errs, err)
	}
	if errors.Join(errs...) == nil && failed == nil && whole {
		errs = append(errs, s.markClean(v))
	}
	errs = append(errs, s.files.unlock())
	return errors.Join(errs...)
}

// stopRaft shuts raft down and tells whether it came to an end.
func (s *Store) stopRaft() bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.shutdown().Error() // it has none; it waits
		s.wg.Wait()
	}()
	limit := time.NewTimer(s.cfg.stopLimit)
	defer limit.Stop()
	select {
	case <-done:
		return true
	case <-limit.C:
		return false
	}
}

// markClean says that the closed folder may be opened in place next time.
func (s *Store) markClean(v *view) error {
	if err := syncTree(v.dir); err != nil {
		return err
	}
	// Raft labels a snapshot with its own last entry, which may be one the
	// state never sees. Only snapshots of this state count: one that was being
	// installed may lie there, and is not in the state.
	covered := max(s.fsm.a.m.index, s.fsm.covered.Load())
	if err := s.files.writeFloor(covered); err != nil {
		return err
	}
	g := generationOf(v, true, covered)
	var err error
	if g.Files, err = fingerprints(v.dir); err != nil {
		return err
	}
	return s.files.writeGeneration(g)
}
