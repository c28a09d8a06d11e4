package raftstore

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

// stability is since when each gateway without a vote has been well in the eyes
// of this leader.
type stability struct {
	term  uint64 // of the lead; a new one begins anew
	since map[string]time.Time
}

// ripe notes how the gateways without a vote are and returns the one that has
// been well for long enough, "" when there is none. One that was unwell once, or
// is not in well at all, begins anew.
func (w *stability) ripe(term uint64, now time.Time, well map[string]bool, long time.Duration) (id string) {
	if term != w.term || w.since == nil {
		w.term, w.since = term, map[string]time.Time{}
	}
	for name := range w.since {
		if !well[name] {
			delete(w.since, name)
		}
	}
	for name, ok := range well {
		if !ok {
			continue
		}
		since, known := w.since[name]
		if !known || now.Before(since) { // the clock was put back
			w.since[name], since = now, now
		}
		if now.Sub(since) >= long && (id == "" || name < id) {
			id = name
		}
	}
	return id
}

// promote gives a vote to a gateway that was added and has been well long
// enough, one at a time. The leader alone does it, after each look at the others.
func (s *Store) promote(w *stability) {
	term := s.leader.termNow()
	if term == 0 {
		w.since = nil
		return
	}
	commit := s.raft.CommitIndex()
	well := map[string]bool{}
	at := map[string]raft.Server{}
	s.seenMu.Lock()
	for _, srv := range s.servers() {
		if id := string(srv.ID); srv.Suffrage == raft.Nonvoter {
			was := s.seen[id]
			at[id] = srv
			// It must know itself that it is a member: one that does not may
			// take its membership for lost and ask for it anew.
			well[id] = was.up && was.status.Joined && was.status.Cluster == s.member.name() &&
				was.status.Last > 0 && was.status.Last+catchUp >= commit
		}
	}
	s.seenMu.Unlock()
	id := w.ripe(term, s.cfg.Now(), well, s.cfg.PromoteAfter)
	if id == "" || s.voters() >= MaxVoters {
		return
	}
	if err := s.giveVote(at[id]); err != nil {
		s.log.Info("a gateway did not get its vote yet", "added", id, "error", err)
		return
	}
	s.lookNow.wake() // the next one may be waiting
	n := s.voters()
	s.log.Info("a gateway got its vote", "added", id, "voters", n)
	if n%2 == 0 {
		s.log.Warn("an even number of gateways survives no more failures than one less", "code", CodeEvenVoters, "voters", n)
	}
}

// giveVote makes a member a voter, unless the members change just now.
func (s *Store) giveVote(srv raft.Server) error {
	ctx, cancel := context.WithTimeout(s.ctx, max(time.Second, s.cfg.lookEvery))
	defer cancel()
	unlock, err := s.lockChanges(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	to, err := peer.ParseAddress(string(srv.Address))
	if err != nil {
		return err
	}
	// Its disk may have been emptied since it was last looked at.
	var st statusAnswer
	if err := s.ask(ctx, to, callStatus, struct{}{}, &st); err != nil {
		return hard(err)
	}
	if !st.Joined || st.Cluster != s.member.name() {
		return fmt.Errorf("%w: %s, as it says itself", ErrNoMember, srv.ID)
	}
	if now, ok := s.server(string(srv.ID)); !ok || now != srv {
		return fmt.Errorf("%w: %s, as it was", ErrNoMember, srv.ID) // the next look sees how it is
	}
	return s.configure(ctx, func(prev uint64) raft.Future { return s.raft.AddVoter(srv.ID, srv.Address, prev, 0) })
}
