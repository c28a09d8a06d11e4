package raftstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"tote/raftstore/peer"
)

// AgeUnknown is the Age of a state whose gateway has heard of no leader since
// it was started.
const AgeUnknown = time.Duration(math.MaxInt64)

// readLimit bounds the wait of a linearizable read for the own state.
const readLimit = time.Second

// Age is how old what View shows can be: the time since this gateway heard of
// the leader, 0 on the leader itself, AgeUnknown before the first time.
func (s *Store) Age() time.Duration {
	if s.leader.is() {
		return 0
	}
	last := s.raft.LastContact()
	if last.IsZero() {
		return AgeUnknown
	}
	return max(0, time.Since(last))
}

// WaitApplied waits until the command of that number is applied here: a View
// that starts afterwards sees it. It is how a device that moved to another
// gateway reads its own writes.
func (s *Store) WaitApplied(ctx context.Context, index uint64) error {
	if _, err := s.waitFor(ctx, func(p position) bool { return p.number >= index }); err != nil {
		return fmt.Errorf("raftstore: wait for command %d: %w", index, err)
	}
	return nil
}

// ReadIndex returns the number of a command so that whoever has applied it
// sees everything acknowledged anywhere before ReadIndex was called. It asks a
// majority, and waits for a leader until ctx ends.
func (s *Store) ReadIndex(ctx context.Context) (index uint64, err error) {
	if err := s.stopped(); err != nil {
		return 0, err
	}
	for {
		err = s.atLeader(ctx, func(ctx context.Context) (err error) {
			index, err = s.readIndexHere(ctx)
			return err
		}, func(ctx context.Context, to peer.Address) error {
			var a readAnswer
			if err := s.ask(ctx, to, callReadIndex, struct{}{}, &a); err != nil {
				return err
			}
			if a.Number > s.progress.get().number {
				s.takeHint(to, a.Hint)
			}
			index = a.Number
			return a.err()
		})
		if !errors.Is(err, ErrUnknownOutcome) || ctx.Err() != nil || s.stopped() != nil {
			break
		}
		// Reading changes nothing, so it may be asked again.
		if perr := s.pause(ctx, nil, retryFirst); perr != nil {
			break
		}
	}
	if err != nil && errors.Is(err, ErrUnknownOutcome) {
		err = fmt.Errorf("%w: %s", ErrNoQuorum, err)
	}
	return index, err
}

// ViewLinearizable is View of a state that holds everything acknowledged
// anywhere before the call.
func (s *Store) ViewLinearizable(ctx context.Context, fn func(r Reader, applied uint64) error) error {
	index, err := s.ReadIndex(ctx)
	if err != nil {
		return err
	}
	if err := s.WaitApplied(ctx, index); err != nil {
		return err
	}
	return s.View(fn)
}

// readIndexHere is ReadIndex of the leader. The order of the steps is what
// makes it right: the barrier of the term is applied, so the commit index is
// not behind what earlier leaders acknowledged; it is read before the majority
// is asked; and the term did not change meanwhile.
func (s *Store) readIndexHere(ctx context.Context) (uint64, error) {
	term := s.leader.termNow()
	if term == 0 || s.raft.CurrentTerm() != term {
		return 0, ErrNotLeader
	}
	commit := s.raft.CommitIndex()
	if !s.cfg.staleReads {
		if err := s.verifier.verify(ctx, s.confirmLead); err != nil {
			return 0, err
		}
		if s.raft.CurrentTerm() != term || s.leader.termNow() != term {
			return 0, ErrNotLeader
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	// Not raft's applied index: that is what was handed to the state, not what
	// the state holds. After the barrier only entries follow that reach it.
	at, err := s.waitFor(ctx, func(p position) bool { return p.index >= commit })
	if err != nil {
		return 0, fmt.Errorf("%w: the state is not at entry %d: %w", ErrNotLeader, commit, err)
	}
	return at.number, nil
}

// confirmLead asks the other voters for their terms. When a majority knows none
// that is newer, nobody else was elected before the question, whatever the
// clocks did. Raft's own VerifyLeader also counts answers to heartbeats it had
// sent before it was asked: a leader that slept finds those when it wakes up.
func (s *Store) confirmLead() error {
	term := s.leader.termNow()
	if term == 0 {
		return ErrNotLeader
	}
	voters, agree := 0, 0
	var others []peer.Address
	for _, srv := range s.servers() {
		if !isVoter(srv) {
			continue
		}
		voters++
		if string(srv.ID) == s.cfg.NodeID {
			agree++
		} else if to, err := peer.ParseAddress(string(srv.Address)); err == nil {
			others = append(others, to)
		}
	}
	need := voters/2 + 1
	answers := make(chan error, len(others))
	for _, to := range others {
		if !s.background(func() { answers <- s.askTerm(to, term) }) {
			return ErrClosed
		}
	}
	var errs []error
	for range others {
		if agree >= need {
			break
		}
		if err := <-answers; err != nil {
			errs = append(errs, err)
		} else {
			agree++
		}
	}
	if agree < need {
		return fmt.Errorf("%w: no majority confirms it: %w", ErrNotLeader, errors.Join(errs...))
	}
	return nil
}

// askTerm is an error when that voter does not confirm the term.
func (s *Store) askTerm(to peer.Address, term uint64) error {
	ctx, cancel := context.WithTimeout(s.ctx, readLimit)
	defer cancel()
	var a statusAnswer
	if err := s.ask(ctx, to, callStatus, statusCall{Short: true}, &a); err != nil {
		return hard(err)
	}
	switch {
	case a.Cluster != s.member.name():
		return fmt.Errorf("%w: %s has an empty disk", ErrNotReachable, to.ID)
	case a.Fault != "":
		return fmt.Errorf("%w: %s stopped with %s", ErrNotReachable, to.ID, a.Fault)
	case a.Term != term:
		return fmt.Errorf("%w: %s knows term %d", ErrNotLeader, to.ID, a.Term)
	}
	return nil
}

// verifier lets concurrent readers share one question to the majority. A reader
// may only share one that starts after the reader came.
type verifier struct {
	mu      sync.Mutex
	next    *verifyRound // not started
	running bool
}

type verifyRound struct {
	done chan struct{}
	err  error
}

func (v *verifier) verify(ctx context.Context, ask func() error) error {
	v.mu.Lock()
	if v.next == nil {
		v.next = &verifyRound{done: make(chan struct{})}
	}
	round := v.next
	if !v.running {
		v.running = true
		go v.run(ask)
	}
	v.mu.Unlock()
	select {
	case <-round.done:
		return round.err
	case <-ctx.Done():
		return fmt.Errorf("%w: the majority does not answer: %w", ErrNotLeader, ctx.Err())
	}
}

// run ends when nobody waits any more.
func (v *verifier) run(ask func() error) {
	for {
		v.mu.Lock()
		round := v.next
		v.next = nil
		if round == nil {
			v.running = false
			v.mu.Unlock()
			return
		}
		v.mu.Unlock()
		round.err = ask()
		close(round.done)
	}
}
