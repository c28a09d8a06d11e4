package raftstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

const (
	// catchUp is how many entries a newcomer may be behind when it becomes a
	// voter: few enough to be had in a moment.
	catchUp = 250
	// MaxVoters is how many gateways have a vote at most: more make every
	// write slower and help little.
	MaxVoters = 5
	// promoteAfter is how long a newcomer must be well before it gets a vote:
	// one whose power supply or network comes and goes would only cost the
	// others their majority.
	promoteAfter = 10 * time.Second
)

// newcomer is the gateway that is being added; only one is at a time.
type newcomer struct {
	mu   sync.Mutex
	name string
}

func (n *newcomer) id() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.name
}

func (n *newcomer) set(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.name = id
}

// lockChanges: one change of the membership at a time.
func (s *Store) lockChanges(ctx context.Context) (unlock func(), err error) {
	select {
	case s.changing <- struct{}{}:
		return func() { <-s.changing }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: another change of the members is under way: %w", ErrNotLeader, ctx.Err())
	}
}

// errOtherStart: the welcome was meant for an earlier start of the gateway.
var errOtherStart = errors.New("raftstore: the welcome is too late, the gateway was started anew meanwhile")

func (s *Store) joinHere(ctx context.Context, to peer.Address) error {
	if !s.leader.is() {
		return ErrNotLeader
	}
	unlock, err := s.lockChanges(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	var st statusAnswer
	if err := s.ask(ctx, to, callStatus, struct{}{}, &st); err != nil {
		return fmt.Errorf("raftstore: the newcomer does not answer: %w", hard(err))
	}
	// A leader that was cut off may not know that the newcomer had a vote
	// before its disk was wiped. Who agrees after it was asked knows.
	if _, err := s.readIndexHere(ctx); err != nil {
		return err
	}
	id, addr := raft.ServerID(to.ID), raft.ServerAddress(to.String())
	srv, ok := s.server(to.ID)
	switch {
	case ok && srv.Suffrage == raft.Voter && st.Cluster != s.member.name():
		return fmt.Errorf("%w: %s", ErrStillMember, to.ID)
	case st.Cluster != "" && st.Cluster != s.member.name():
		return fmt.Errorf("%w: %s is of %s", ErrOtherCluster, to.ID, st.Cluster)
	case ok && st.Cluster != "" && (srv.Address == addr || srv.Suffrage == raft.Voter):
		return nil // it was added already; the answer was lost
	}
	if level := s.feature.Load().level; st.Level < level {
		return fmt.Errorf("%w: %s speaks up to level %d, the cluster is at %d", ErrTooOld, to.ID, st.Level, level)
	}
	s.adding.set(to.ID)
	defer s.adding.set("")
	if st.Cluster == "" {
		var a answerCode
		if err := s.ask(ctx, to, callWelcome, memberCall{Cluster: s.member.name(), Seal: st.Seal}, &a); err != nil {
			return fmt.Errorf("raftstore: the newcomer does not answer: %w", hard(err))
		}
		if err := a.err(); err != nil {
			return err
		}
	}
	err = s.configure(ctx, func(prev uint64) raft.Future { return s.raft.AddNonvoter(id, addr, prev, 0) })
	if err != nil {
		return err
	}
	s.log.Info("a gateway was added; it gets a vote when it has caught up", "added", to.String())
	s.lookNow.wake()
	return nil
}

// hard makes an error of a call to a third gateway one of its own: the leader
// was asked, so it must not look as if it was not.
func hard(err error) error {
	if errors.Is(err, errUnreachable) {
		return &remoteError{ErrNotReachable, err.Error()}
	}
	return err
}

// configure makes one change. The index of the configuration it is based on
// goes with it, so a change that came between is noticed.
func (s *Store) configure(ctx context.Context, change func(prev uint64) raft.Future) error {
	done := make(chan error, 1)
	future := change(s.configIndex.Load())
	go func() { done <- future.Error() }()
	select {
	case err := <-done:
		if err != nil {
			return outcomeError(err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	}
}

// welcomed hears from the leader that this gateway is about to be added.
func (s *Store) welcomed(from string, q memberCall) error {
	id, err := parseClusterID(q.Cluster)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadCommand, err)
	}
	if q.Seal != s.member.seal.String() && s.Waiting() {
		return errOtherStart
	}
	s.log.Info("this gateway is being added to a cluster", "by", from, "cluster", q.Cluster)
	return s.enter(id, roleWelcomed)
}

func (s *Store) removeHere(ctx context.Context, id string) error {
	if !s.leader.is() {
		return ErrNotLeader
	}
	unlock, err := s.lockChanges(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	srv, ok := s.server(id)
	if !ok {
		return nil
	}
	if srv.Suffrage == raft.Voter {
		if err := s.checkRest(ctx, id); err != nil {
			return err
		}
	}
	if id == s.cfg.NodeID {
		// The next leader does it: one that removes itself leaves the
		// others to find out.
		if err := s.transferTo(ctx, ""); err != nil && s.leader.is() {
			return err
		}
		return ErrNotLeader
	}
	err = s.configure(ctx, func(prev uint64) raft.Future { return s.raft.RemoveServer(raft.ServerID(id), prev, 0) })
	if err != nil {
		return err
	}
	s.log.Info("a gateway was removed", "removed", id)
	if to, err := peer.ParseAddress(string(srv.Address)); err == nil {
		s.background(func() { // it may be off for good
			ctx, cancel := context.WithTimeout(s.ctx, time.Second)
			defer cancel()
			var a answerCode
			_ = s.ask(ctx, to, callLook, memberCall{Address: string(s.address())}, &a)
		})
	}
	return nil
}

// checkRest refuses to remove a voter when those left have no majority that
// answers: the change would never be committed and the lead would be lost.
func (s *Store) checkRest(ctx context.Context, without string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var rest []raft.Server
	for _, srv := range s.servers() {
		if srv.Suffrage == raft.Voter && string(srv.ID) != without {
			rest = append(rest, srv)
		}
	}
	if len(rest) == 0 {
		return fmt.Errorf("%w: %s is the only one", ErrKeepsQuorum, without)
	}
	var wg sync.WaitGroup
	up := make([]bool, len(rest))
	for i, srv := range rest {
		wg.Go(func() { up[i] = s.answers(ctx, srv) })
	}
	wg.Wait()
	var down []string
	for i, srv := range rest {
		if !up[i] {
			down = append(down, string(srv.ID))
		}
	}
	if len(rest)-len(down) < len(rest)/2+1 {
		return fmt.Errorf("%w: without %s, %s would be missing", ErrKeepsQuorum, without, strings.Join(down, ", "))
	}
	return nil
}

// answers tells whether a member is there, works, and is not one with an empty
// disk.
func (s *Store) answers(ctx context.Context, srv raft.Server) bool {
	if string(srv.ID) == s.cfg.NodeID {
		return true
	}
	to, err := peer.ParseAddress(string(srv.Address))
	if err != nil {
		return false
	}
	var st statusAnswer
	err = s.ask(ctx, to, callStatus, struct{}{}, &st)
	return err == nil && st.Cluster == s.member.name() && st.Fault == ""
}

func (s *Store) transferHere(ctx context.Context, id string) error {
	if !s.leader.is() {
		return ErrNotLeader
	}
	if id == s.cfg.NodeID {
		return nil
	}
	srv, ok := s.server(id)
	if !ok || srv.Suffrage != raft.Voter {
		return fmt.Errorf("%w: %s", ErrNoMember, id)
	}
	return s.transferTo(ctx, id)
}

// transferTries: raft gives up after one election timeout, which a busy machine
// can need for more.
const transferTries = 5

// transferTo hands the lead to a gateway, or to the best one when id is empty.
func (s *Store) transferTo(ctx context.Context, id string) error {
	var err error
	for range transferTries {
		if err = s.transferOnce(ctx, id); err == nil || !s.leader.is() || !errors.Is(err, ErrNotHandedOver) {
			return err
		}
		if perr := s.pause(ctx, nil, retryMost); perr != nil {
			return errors.Join(err, perr)
		}
	}
	return err
}

func (s *Store) transferOnce(ctx context.Context, id string) error {
	srv, _ := s.server(id)
	if id != "" && !s.answers(ctx, srv) {
		return fmt.Errorf("%w: %s does not answer", ErrNotHandedOver, id)
	}
	done := make(chan error, 1)
	go func() {
		if id == "" {
			done <- s.raft.LeadershipTransfer().Error()
		} else {
			done <- s.raft.LeadershipTransferToServer(srv.ID, srv.Address).Error()
		}
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotHandedOver, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	}
}

// moved tells the leader that this gateway listens somewhere else now.
func (s *Store) moved(ctx context.Context) {
	here := func(ctx context.Context) error {
		return s.movedHere(ctx, s.cfg.NodeID, s.cfg.Peer.Self())
	}
	var err error
	if s.leader.is() {
		err = here(ctx)
	} else {
		err = s.tellMoved(ctx)
	}
	if err != nil {
		s.log.Debug("the new address is not known to the others yet", "error", err)
	}
}

// tellMoved looks for the leader by way of the others: raft itself may not
// reach this gateway at its old address.
func (s *Store) tellMoved(ctx context.Context) error {
	err := ErrNoQuorum
	for _, srv := range s.servers() {
		to, perr := peer.ParseAddress(string(srv.Address))
		if perr != nil || to.ID == s.cfg.NodeID {
			continue
		}
		var a answerCode
		if err = s.ask(ctx, to, callMoved, memberCall{Address: string(s.address())}, &a); err == nil {
			err = a.err()
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// movedHere notes the new address of a member; only the member itself may ask.
func (s *Store) movedHere(ctx context.Context, from string, to peer.Address) error {
	if !s.leader.is() {
		return ErrNotLeader
	}
	srv, ok := s.server(to.ID)
	if !ok || from != to.ID {
		return fmt.Errorf("%w: %s", ErrNoMember, from)
	}
	addr := raft.ServerAddress(to.String())
	if srv.Address == addr {
		return nil
	}
	unlock, err := s.lockChanges(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s.log.Info("a gateway has a new address", "member", from, "address", to.String())
	return s.configure(ctx, func(prev uint64) raft.Future {
		if srv.Suffrage == raft.Voter {
			return s.raft.AddVoter(srv.ID, addr, prev, 0)
		}
		return s.raft.AddNonvoter(srv.ID, addr, prev, 0)
	})
}
