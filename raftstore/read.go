package raftstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/raft"

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
		if err := s.verifier.verify(ctx, s.raft.VerifyLeader); err != nil {
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

func (v *verifier) verify(ctx context.Context, ask func() raft.Future) error {
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

// run ends when nobody waits any more. Raft answers every question, at the
// latest when it loses the lead or shuts down.
func (v *verifier) run(ask func() raft.Future) {
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
		if err := ask().Error(); err != nil {
			round.err = fmt.Errorf("%w: %w", ErrNotLeader, err)
		}
		close(round.done)
	}
}
