package raftstore

import (
	"sync"

	"github.com/hashicorp/raft"
)

// leadership is a flag that can be waited for.
type leadership struct {
	mu      sync.Mutex
	leading bool
	term    uint64 // of the lead
	changed chan struct{}
}

func (l *leadership) is() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leading
}

func (l *leadership) watch() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.leading, l.changed
}

// termNow returns the term of the lead, 0 when there is none.
func (l *leadership) termNow() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.leading {
		return 0
	}
	return l.term
}

func (l *leadership) set(leading bool, term uint64) (changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term = term
	if l.leading == leading {
		return false
	}
	l.leading = leading
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return true
}

// watchStop ends raft when the store stops by itself. It waits for nothing
// else, because what it ends is what others wait for.
func (s *Store) watchStop() {
	defer s.wg.Done()
	select {
	case <-s.closing:
	case <-s.done:
		// First the transport: the heartbeats of a leader go on while its main
		// loop hangs in a call of the disk.
		_ = s.trans.Close()
		s.shutdown() // no vote and no lead any more; Close waits for it
	}
}

// watchLeader follows raft's leadership until Close. Leading counts only when
// a barrier of this term is applied: everything acknowledged under an earlier
// leader is in the state then. The barrier is an entry of our own, because
// raft's own kinds never reach the state machine.
func (s *Store) watchLeader() {
	defer s.wg.Done()
	var passed chan uint64 // the term whose barrier is applied
	for {
		select {
		case <-s.closing:
			s.setLeader(false, 0)
			return
		case <-s.done:
			s.setLeader(false, 0)
			return
		case leads := <-s.raft.LeaderCh():
			// Raft leaves out a loss that is followed by a gain at once, so
			// every gain is of a new term and needs its own barrier.
			s.setLeader(false, 0)
			passed = nil
			if leads && !s.isHung.Load() {
				passed = s.barrier()
			}
		case <-s.hung:
			s.setLeader(false, 0)
			passed = nil
			if !s.isHung.Load() && s.raft.State() == raft.Leader {
				passed = s.barrier()
			}
		case term := <-passed:
			passed = nil
			if term != 0 && s.raft.State() == raft.Leader && s.raft.CurrentTerm() == term {
				s.setLeader(true, term)
			}
		}
	}
}

// barrier puts one into the log and tells when it is applied; 0 = it was not.
// The disk may hold it up, so nobody waits here.
func (s *Store) barrier() chan uint64 {
	passed := make(chan uint64, 1)
	term := s.raft.CurrentTerm()
	s.wg.Go(func() {
		err := s.put(encodeBarrier())
		if err != nil {
			s.log.Warn("leadership was lost at once", "error", err)
			term = 0
		}
		passed <- term
	})
	return passed
}

// put brings an entry of the store's own into the log and waits until it is
// applied, or the store stops: raft never answers entries that were committed
// but not applied when it was shut down, and Close would wait for them.
func (s *Store) put(entry []byte) error {
	done := make(chan error, 1)
	go func() {
		future := s.raft.Apply(entry, 0)
		err := future.Error()
		if err == nil && future.Response() == error(errQueued) {
			_, err = s.waitFor(s.ctx, func(p position) bool { return p.index >= future.Index() })
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-s.done:
		return s.Err()
	case <-s.ctx.Done():
		return ErrClosed
	}
}

func (s *Store) setLeader(leads bool, term uint64) {
	if !s.leader.set(leads, term) {
		return
	}
	select {
	case s.leadChanged <- struct{}{}:
	default: // it looks again anyway
	}
	s.quorum.changed.wake()
	s.log.Info("leadership changed", "leads", leads)
	if s.cfg.OnLeader != nil {
		s.cfg.OnLeader(leads)
	}
}
