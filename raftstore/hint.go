package raftstore

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

// hint is how far a leader had committed when it answered a call. Raft itself
// tells its followers 50 to 100 ms later when nothing follows; a device would
// wait that long at every scan for its gateway to see its own write.
//
// The follower gives the hint to its raft as the empty AppendEntries that the
// leader is about to send. That is safe at any time later, too: the leader was
// the leader of Term, entry Index is committed for ever, and raft takes it only
// when its own log has the same entry there.
type hint struct {
	Term      uint64 `cbor:"1,keyasint,omitempty"` // 0 = none
	Index     uint64 `cbor:"2,keyasint,omitempty"`
	IndexTerm uint64 `cbor:"3,keyasint,omitempty"`
}

// hintNow is what this gateway may tell as the leader, none when it is not.
func (s *Store) hintNow() hint {
	term := s.leader.termNow()
	at := s.progress.get()
	if term == 0 || at.index == 0 {
		return hint{}
	}
	return hint{Term: term, Index: at.index, IndexTerm: at.term}
}

// hints gives the newest hint to raft as soon as the log has its entry.
type hints struct {
	mu      sync.Mutex
	newest  hint
	from    peer.Address
	running bool
}

const (
	hintPoll = 250 * time.Microsecond
	// hintLimit: by then raft has told us itself.
	hintLimit = 100 * time.Millisecond
)

func (s *Store) takeHint(from peer.Address, h hint) {
	if h.Term == 0 || s.raft.CommitIndex() >= h.Index {
		return
	}
	s.hints.mu.Lock()
	defer s.hints.mu.Unlock()
	if h.Term < s.hints.newest.Term || h.Index <= s.hints.newest.Index && h.Term == s.hints.newest.Term {
		return
	}
	s.hints.newest, s.hints.from = h, from
	if !s.hints.running && s.ctx.Err() == nil {
		s.hints.running = true
		s.background(s.followHints)
	}
}

// followHints works until raft has committed what the newest hint says.
func (s *Store) followHints() {
	tick := time.NewTicker(hintPoll)
	defer tick.Stop()
	start := time.Now()
	var seen hint
	for {
		s.hints.mu.Lock()
		h, from := s.hints.newest, s.hints.from
		if h != seen {
			seen, start = h, time.Now()
		}
		if s.raft.CommitIndex() >= h.Index || time.Since(start) > hintLimit || s.ctx.Err() != nil {
			s.hints.running = false
			s.hints.mu.Unlock()
			return
		}
		s.hints.mu.Unlock()
		if s.raft.LastIndex() >= h.Index {
			s.giveHint(from, h)
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
		}
	}
}

func (s *Store) giveHint(from peer.Address, h hint) {
	answer := make(chan raft.RPCResponse, 1)
	rpc := raft.RPC{RespChan: answer, Command: &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{
			ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(from.ID), Addr: []byte(from.String()),
		},
		Term: h.Term, PrevLogEntry: h.Index, PrevLogTerm: h.IndexTerm, LeaderCommitIndex: h.Index,
	}}
	select {
	case s.wire.rpcs <- rpc:
	case <-s.ctx.Done():
		return
	}
	select {
	case <-answer:
	case <-s.ctx.Done():
	}
}
