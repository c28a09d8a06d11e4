package raftstore

import (
	"sync"

	"github.com/hashicorp/raft"
)

// leadership is a flag that can be waited for.
type leadership struct {
	mu      sync.Mutex
	leading bool
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

func (l *leadership) set(leading bool) (changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
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

// watchLeader follows raft's leadership until Close. Leading counts only when
// a barrier of this term is applied: everything acknowledged under an earlier
// leader is in the state then. The barrier is an entry of our own, because
// raft's own kinds never reach the state machine.
func (s *Store) watchLeader() {
	defer s.wg.Done()
	for {
		select {
		case <-s.closing:
			s.setLeader(false)
			return
		case <-s.done:
			s.setLeader(false)
			s.shutdown() // no vote and no lead any more; Close waits for it
			return
		case leads := <-s.raft.LeaderCh():
			if !leads {
				s.setLeader(false)
				continue
			}
			err := s.raft.Apply(encodeBarrier(), 0).Error()
			if err == nil && s.raft.State() == raft.Leader {
				s.setLeader(true)
			} else if err != nil {
				s.log.Warn("leadership was lost at once", "error", err)
			}
		}
	}
}

func (s *Store) setLeader(leads bool) {
	if !s.leader.set(leads) {
		return
	}
	s.log.Info("leadership changed", "gateway", s.cfg.NodeID, "leads", leads)
	if s.cfg.OnLeader != nil {
		s.cfg.OnLeader(leads)
	}
}
