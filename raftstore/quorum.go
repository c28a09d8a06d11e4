package raftstore

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

// quorum is who leads, as this gateway sees it.
type quorum struct {
	mu    sync.Mutex
	ok    bool
	since time.Time

	leader    peer.Address // zero when nobody is known
	leaderCtx context.Context
	leave     context.CancelFunc // ends leaderCtx

	changed broadcast
}

// Quorum tells whether work can be recorded: a leader is known and heard of,
// or this gateway leads and a majority hears it; and since when that is so.
func (s *Store) Quorum() (ok bool, since time.Time) {
	s.quorum.mu.Lock()
	defer s.quorum.mu.Unlock()
	return s.quorum.ok, s.quorum.since
}

// Leader returns the id of the gateway that leads, false when none is known.
func (s *Store) Leader() (id string, ok bool) {
	if s.leader.is() {
		return s.cfg.NodeID, true
	}
	p, ok := s.leaderPlace()
	return p.at.ID, ok
}

// watchQuorum follows raft's view of the leader. Raft forgets a follower's
// leader when it was silent for the heartbeat timeout, and steps a leader down
// that no majority hears. An event only says that something is new, so losing
// one to a full channel costs nothing but the poll.
func (s *Store) watchQuorum(events <-chan raft.Observation) {
	poll := time.NewTicker(max(s.cfg.HeartbeatTimeout, 250*time.Millisecond))
	defer poll.Stop()
	for {
		s.seeQuorum()
		select {
		case <-events:
		case <-s.leadChanged:
		case <-poll.C:
		case <-s.done:
			s.loseQuorum()
			return
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Store) seeQuorum() {
	addr, id := s.raft.LeaderWithID()
	now := peer.Address{}
	ok := s.leader.is()
	if string(id) == s.cfg.NodeID {
		now.ID = s.cfg.NodeID
	} else if a, err := peer.ParseAddress(string(addr)); err == nil {
		now, ok = a, true
	}
	s.setQuorum(now, ok)
	if s.raft.State() == raft.Shutdown && s.Err() == nil && s.ctx.Err() == nil {
		s.removed()
	}
}

// loseQuorum: the store has stopped.
func (s *Store) loseQuorum() { s.setQuorum(peer.Address{}, false) }

func (s *Store) setQuorum(leader peer.Address, ok bool) {
	q := &s.quorum
	q.mu.Lock()
	moved := leader != q.leader
	if moved {
		if leave := q.leave; leave != nil {
			// Who still waits for the old leader may get the answer.
			time.AfterFunc(leaderGrace, leave)
		}
		q.leader = leader
		q.leaderCtx, q.leave = context.WithCancel(s.ctx)
	}
	turned := ok != q.ok
	if turned {
		q.ok, q.since = ok, s.cfg.Now()
	}
	q.mu.Unlock()
	if moved || turned {
		q.changed.wake()
	}
	if !turned {
		return
	}
	if ok {
		s.log.Info("there is a quorum", "leader", leader.ID)
	} else {
		s.log.Warn("there is no quorum", "code", CodeNoLeader)
	}
	if s.cfg.OnQuorum != nil {
		s.cfg.OnQuorum(ok)
	}
}

// seen is what a gateway last said of itself.
type seen struct {
	at     time.Time
	mono   time.Duration // of the cluster's clock
	up     bool
	apart  bool // it answers, in another cluster: it does nothing for this one
	status statusAnswer
}

// lookAfter asks the other gateways how they are, every now and then. It is
// how a gateway learns that it was removed while it was away, and how people
// see who is up.
func (s *Store) lookAfter() {
	tick := time.NewTicker(s.cfg.lookEvery)
	defer tick.Stop()
	var wellSince stability
	for {
		now := s.lookNow.wait()
		s.look()
		s.promote(&wellSince)
		s.agreeOnTime()
		select {
		case <-tick.C:
		case <-now:
		case <-s.done:
			return
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Store) look() {
	ctx, cancel := context.WithTimeout(s.ctx, max(time.Second, s.cfg.lookEvery))
	defer cancel()
	var wg sync.WaitGroup
	for _, srv := range s.servers() {
		if string(srv.ID) == s.cfg.NodeID {
			if srv.Address != s.address() {
				s.moved(ctx)
			}
			continue
		}
		to, err := peer.ParseAddress(string(srv.Address))
		if err != nil {
			continue
		}
		wg.Go(func() { s.lookAt(ctx, to) })
	}
	wg.Wait()
}

func (s *Store) lookAt(ctx context.Context, to peer.Address) {
	var a statusAnswer
	member := s.Joined()
	err := s.ask(ctx, to, callStatus, struct{}{}, &a)
	if s.ctx.Err() != nil {
		return
	}
	s.seenMu.Lock()
	if s.seen == nil {
		s.seen = map[string]seen{}
	}
	was := s.seen[to.ID]
	own := s.member.name()
	switch {
	case err != nil:
		was.up, was.apart = false, false
	case own != "" && a.Cluster != "" && a.Cluster != own:
		was.up, was.apart = false, true
	default:
		was = seen{at: s.cfg.Now(), mono: s.clock.mono(), up: a.Fault == "", status: a}
	}
	before, known := s.seen[to.ID]
	s.seen[to.ID] = was
	s.seenMu.Unlock()
	switch {
	case was.apart && !before.apart:
		s.log.Error("a gateway of the site is in another cluster", "other", to.ID, "code", CodeApart, "its", a.Cluster, "this", own)
	case was.apart:
	case was.up && !before.up:
		s.log.Info("a gateway answers", "other", to.ID)
	case !was.up && err == nil && before.status.Fault != a.Fault:
		s.log.Error("a gateway stopped", "other", to.ID, "code", a.Fault)
	case !was.up && err != nil && (before.up || !known):
		s.log.Warn("a gateway does not answer", "other", to.ID, "error", err)
	}
	// What it was when it asked counts: the leader may have looked before it
	// was added. And one that was only welcomed may be unknown because the
	// leader that was about to add it died.
	if err == nil && member && a.Removed && a.Cluster == s.member.name() {
		s.removed()
	}
}

// lookAtLeader is told by a leader that it has removed this gateway. What the
// leader says when it is asked back counts.
func (s *Store) lookAtLeader(to peer.Address) {
	s.background(func() {
		ctx, cancel := context.WithTimeout(s.ctx, max(time.Second, s.cfg.lookEvery))
		defer cancel()
		var a statusAnswer
		// One that waits to be added again hears of its removal, too, and may
		// be added before the answer comes.
		was := s.member.name()
		if err := s.ask(ctx, to, callStatus, struct{}{}, &a); err == nil && was != "" && a.Removed && a.Cluster == was {
			s.removed()
		}
	})
}

// serveStatus tells another gateway how this one is.
func (s *Store) serveStatus(ctx context.Context, from string) statusAnswer {
	a := statusAnswer{
		Cluster: s.member.name(), Term: s.raft.CurrentTerm(),
		Number: s.Applied(), Last: s.raft.LastIndex(), Joined: s.Joined(),
		Level: s.toldLevel(), Clock: s.clock.reading(), Note: s.note(),
		SyncUs: s.logs.syncs.p99(time.Now()).Microseconds(), Low: s.disk.low(), Fault: FaultCode(s.Err()),
	}
	if a.Cluster == "" {
		a.Seal = s.member.seal.String()
	}
	a.Rebuilding = s.building.Load() != nil
	a.Mark, a.Chain, a.Sum = s.digests.told()
	if s.leader.is() {
		a.Leader = string(s.address())
		// Whether somebody was removed must not be told by a leader that
		// was cut off. This index is of no use, the majority's consent is.
		if _, member := s.server(from); !member && from != s.adding.id() {
			_, err := s.readIndexHere(ctx)
			_, member = s.server(from)
			a.Removed = err == nil && !member && !s.member.committedMember(from) && from != s.adding.id()
		}
	} else if p, ok := s.leaderPlace(); ok {
		a.Leader = p.at.String()
	}
	return a
}

// removed stops a gateway that is no member any more.
func (s *Store) removed() {
	if err := s.files.write("REMOVED", []byte("removed from the cluster\n")); err != nil {
		s.log.Warn("the removal was not noted", "error", err)
	}
	s.fail(fault(CodeRemoved, ErrRemoved))
}
