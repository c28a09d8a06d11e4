package raftstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tote/raftstore/peer"
)

const (
	// A leader that does not answer is asked again after retryFirst, then
	// twice that, up to retryMost.
	retryFirst = 10 * time.Millisecond
	retryMost  = 200 * time.Millisecond
	// leaderGrace is how long an answer of the leader before is awaited when
	// there is another one.
	leaderGrace = 300 * time.Millisecond
)

// errLeaderChanged ends the wait for a leader that leads no more.
var errLeaderChanged = errors.New("another gateway leads now")

// errLowDisk: the lead goes to a gateway that has space.
var errLowDisk = errors.New("its disk is nearly full")

// errUnreachable: a gateway could not be asked at all.
var errUnreachable = errors.New("raftstore: the gateway cannot be reached")

// place is who leads, as far as this gateway knows.
type place struct {
	here bool
	at   peer.Address
	// ctx ends some time after that one has lost the lead.
	ctx context.Context
}

// leaderPlace returns false while nobody is known to lead.
func (s *Store) leaderPlace() (place, bool) {
	if s.leader.is() {
		return place{here: true}, true
	}
	s.quorum.mu.Lock()
	defer s.quorum.mu.Unlock()
	at := s.quorum.leader
	if at.ID == "" || at.ID == s.cfg.NodeID {
		return place{}, false
	}
	return place{at: at, ctx: s.quorum.leaderCtx}, true
}

// atLeader runs here when this gateway leads, or there with the leader's
// address. Both promise with ErrNotLeader and errUnreachable that nothing was
// done; it is then tried again until ctx ends.
func (s *Store) atLeader(ctx context.Context, here func(context.Context) error, there func(context.Context, peer.Address) error) error {
	wait := retryFirst
	for {
		changed := s.quorum.changed.wait()
		p, ok := s.leaderPlace()
		last := ErrNoQuorum
		limit := time.Duration(0)
		if ok {
			err := s.askPlace(ctx, p, here, there)
			if !errors.Is(err, ErrNotLeader) && !errors.Is(err, errUnreachable) || errors.Is(err, ErrUnknownOutcome) {
				return err
			}
			if s.stopped() != nil {
				return s.stopped()
			}
			last, limit = ErrNotLeader, wait
			wait = min(2*wait, retryMost)
		}
		if err := s.pause(ctx, changed, limit); err != nil {
			if s.stopped() != nil {
				return err
			}
			return fmt.Errorf("%w: %w", last, err)
		}
	}
}

func (s *Store) askPlace(ctx context.Context, p place, here func(context.Context) error, there func(context.Context, peer.Address) error) error {
	if p.here {
		return here(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(p.ctx, func() { cancel(errLeaderChanged) })
	defer stop()
	return there(ctx, p.at)
}

// proposeAnywhere brings the command to the leader and waits until the answer
// is true here, too.
func (s *Store) proposeAnywhere(ctx context.Context, cmd Command) (res Result, err error) {
	err = s.atLeader(ctx, func(ctx context.Context) (err error) {
		res, err = s.proposeHere(ctx, &cmd)
		return err
	}, func(ctx context.Context, to peer.Address) (err error) {
		res, err = s.forward(ctx, to, &cmd)
		return err
	})
	return res, err
}

// proposeHere puts the command into this gateway's own raft.
func (s *Store) proposeHere(ctx context.Context, cmd *Command) (Result, error) {
	if err := s.takes(cmd); err != nil {
		return Result{}, err
	}
	r := s.batch.propose(ctx, cmd, s.batchDone)
	return r.res, r.err
}

// takes tells whether the command may go into this gateway's own raft.
func (s *Store) takes(cmd *Command) error {
	if err := s.spoken(cmd); err != nil {
		return err
	}
	if s.disk.low() && (s.cfg.FreesSpace == nil || !s.cfg.FreesSpace(cmd.Kind)) {
		if s.yields() {
			return fmt.Errorf("%w for long: %w", ErrNotLeader, errLowDisk)
		}
		return ErrDiskFull
	}
	return nil
}

// forward asks the leader, then waits for the own state: whoever is answered
// here sees here what was done.
func (s *Store) forward(ctx context.Context, to peer.Address, cmd *Command) (Result, error) {
	bring := s.bringOne
	if s.feature.Load().level >= levelProposals {
		bring = s.bringWithOthers
	}
	a, err := bring(ctx, to, cmd)
	if err != nil {
		return Result{}, err
	}
	res := Result{Index: a.Index, Body: a.Body, Rejected: a.Rejected, Duplicate: a.Duplicate}
	if res.Index > s.progress.get().number {
		s.takeHint(to, a.Hint)
		if _, err := s.waitFor(ctx, func(p position) bool { return p.number >= res.Index }); err != nil {
			return Result{}, fmt.Errorf("%w: it is not applied here yet: %w", ErrUnknownOutcome, err)
		}
	}
	return res, a.err()
}

// bringOne asks the leader for one command in a call of its own.
func (s *Store) bringOne(ctx context.Context, to peer.Address, cmd *Command) (a proposeAnswer, err error) {
	q := proposeCall{Entry: encodeBatch(0, []*Command{cmd})}
	if until, ok := ctx.Deadline(); ok {
		q.WaitMs = max(1, time.Until(until).Milliseconds())
	}
	err = s.ask(ctx, to, callPropose, q, &a)
	return a, err
}

// servePropose answers a command another gateway brought. It is never brought
// on: when this one does not lead, the other one must look again.
func (s *Store) servePropose(ctx context.Context, q proposeCall) proposeAnswer {
	res, err := s.proposeFor(ctx, q)
	return proposeAnswer{
		answerCode: toCode(err), Hint: s.hintNow(),
		Index: res.Index, Body: res.Body, Rejected: res.Rejected, Duplicate: res.Duplicate,
	}
}

func (s *Store) proposeFor(ctx context.Context, q proposeCall) (Result, error) {
	e, err := decodeEntry(q.Entry)
	if err != nil || e.kind != entryBatch || len(e.commands) != 1 {
		return Result{}, fmt.Errorf("%w: %w", ErrBadCommand, errors.Join(err, errBadEntry))
	}
	cmd := &e.commands[0]
	if err := checkCommand(cmd); err != nil {
		return Result{}, err
	}
	if err := s.stopped(); err != nil {
		return Result{}, err
	}
	if s.building.Load() != nil {
		return Result{}, ErrRebuilding // another one may lead before it is done
	}
	if q.WaitMs > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(q.WaitMs)*time.Millisecond)
		defer cancel()
	}
	return s.proposeHere(ctx, cmd)
}
