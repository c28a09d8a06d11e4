package raftstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

// Member is one gateway of the cluster as this one sees it.
type Member struct {
	ID      string
	Address string // id@host:port
	Voter   bool
	Leader  bool
	// Up: it answered this gateway lately.
	Up bool
	// Empty: it answers, but its disk is empty and it waits to be added. If it
	// has a vote it must be removed first.
	Empty bool
	// Apart: it answers, but is in another cluster. It is not Up.
	Apart bool
	// Rebuilding: it is up and has its vote, but builds its state anew.
	Rebuilding  bool
	Note        []byte    // Config.Note of that gateway, as it was then
	LastContact time.Time // zero when it never answered this gateway
	Applied     uint64    // number of the last command it had applied then
	Lag         uint64    // commands behind the most advanced one known
}

// Members lists the gateways of the cluster, by id. It asks nobody.
func (s *Store) Members() []Member {
	leader, _ := s.Leader()
	var list []Member
	var top uint64
	s.seenMu.Lock()
	for _, srv := range s.servers() {
		m := Member{
			ID: string(srv.ID), Address: string(srv.Address),
			Voter: srv.Suffrage == raft.Voter, Leader: string(srv.ID) == leader,
		}
		if m.ID == s.cfg.NodeID {
			m.Up, m.LastContact, m.Applied = s.stopped() == nil, s.cfg.Now(), s.Applied()
			m.Rebuilding, m.Note = s.building.Load() != nil, s.note()
		} else if was, ok := s.seen[m.ID]; ok {
			m.Up, m.LastContact, m.Applied = was.up, was.at, was.status.Number
			m.Apart, m.Note = was.apart, was.status.Note
			m.Empty = was.up && was.status.Cluster == ""
			m.Rebuilding = was.up && was.status.Rebuilding
		}
		top = max(top, m.Applied)
		list = append(list, m)
	}
	s.seenMu.Unlock()
	for i := range list {
		list[i].Lag = top - list[i].Applied
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Join adds a gateway that waits to be added, without a vote. The leader gives
// it one by itself when it has been well and nearly up to date for
// Config.PromoteAfter, unless there are five voters. It may be called on any
// gateway, and again after an error: it goes on where it was.
func (s *Store) Join(ctx context.Context, newcomer peer.Address) error {
	return s.change(ctx, func(ctx context.Context) error { return s.joinHere(ctx, newcomer) },
		callJoin, memberCall{Address: newcomer.String()})
}

// JoinThrough asks a gateway of the cluster to add this one, which waits.
func (s *Store) JoinThrough(ctx context.Context, via peer.Address) error {
	if s.cfg.Peer == nil {
		return ErrAlone
	}
	var st statusAnswer
	if err := s.ask(ctx, via, callStatus, struct{}{}, &st); err != nil {
		return hard(err)
	}
	to, err := peer.ParseAddress(st.Leader)
	if err != nil {
		return fmt.Errorf("%w: %s knows no leader", ErrNoQuorum, via.ID)
	}
	var a answerCode
	if err := s.ask(ctx, to, callJoin, memberCall{Address: string(s.address())}, &a); err != nil {
		return hard(err)
	}
	return a.err()
}

// Remove takes a gateway out of the cluster. What it had not passed on is kept
// by the others; it stops with ErrRemoved, and must not come back with the
// same data folder. Removing one that is no member is no error.
func (s *Store) Remove(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context) error { return s.removeHere(ctx, id) }, callRemove, memberCall{ID: id})
}

// Transfer makes another gateway lead.
func (s *Store) Transfer(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context) error { return s.transferHere(ctx, id) }, callTransfer, memberCall{ID: id})
}

// change runs a change of the membership on the leader.
func (s *Store) change(ctx context.Context, here func(context.Context) error, method string, q memberCall) error {
	if s.cfg.Peer == nil {
		return ErrAlone
	}
	if err := s.stopped(); err != nil {
		return err
	}
	return s.atLeader(ctx, here, func(ctx context.Context, to peer.Address) error {
		var a answerCode
		if err := s.ask(ctx, to, method, q, &a); err != nil {
			return err
		}
		return a.err()
	})
}

// servers is raft's newest configuration.
func (s *Store) servers() []raft.Server {
	f := s.raft.GetConfiguration()
	if f.Error() != nil {
		return nil
	}
	return f.Configuration().Servers
}

func (s *Store) server(id string) (raft.Server, bool) {
	for _, srv := range s.servers() {
		if string(srv.ID) == id {
			return srv, true
		}
	}
	return raft.Server{}, false
}

func (s *Store) voters() (n int) {
	for _, srv := range s.servers() {
		if srv.Suffrage == raft.Voter {
			n++
		}
	}
	return n
}
