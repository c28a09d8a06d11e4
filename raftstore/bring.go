package raftstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tote/raftstore/peer"
)

const (
	// bringCalls are on their way to the leader at most. More would only make
	// smaller ones.
	bringCalls = 4
	// answersRoom bounds the answers of one call, in bytes: they must fit into
	// a frame of the port.
	answersRoom = 512 << 10
)

// brought is a command on its way to the leader.
type brought struct {
	cmd   *Command
	until time.Time // zero = its maker waits without a limit
}

// bringing is the way to the leader of this lead. Each has its own, so that
// calls to a leader that is gone hold up nobody.
type bringing struct {
	mu  sync.Mutex
	ctx context.Context // of the lead
	way *peer.Gatherer[brought, proposeAnswer]
}

// wayTo returns nil when that one leads no more.
func (s *Store) wayTo(to peer.Address) *peer.Gatherer[brought, proposeAnswer] {
	p, ok := s.leaderPlace()
	if !ok || p.here || p.at != to {
		return nil
	}
	b := &s.bringing
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx != p.ctx {
		b.ctx = p.ctx
		b.way = &peer.Gatherer[brought, proposeAnswer]{
			Calls: bringCalls, Questions: maxBatchCommands, Bytes: maxBatchBytes, Limit: s.cfg.QueueLimit,
			Size: func(q brought) int { return commandSize(q.cmd) },
			Ask:  func(qs []brought) ([]proposeAnswer, error) { return s.bring(p.ctx, to, qs) },
		}
	}
	return b.way
}

// bringWithOthers asks the leader together with whoever else brings a command
// now.
func (s *Store) bringWithOthers(ctx context.Context, to peer.Address, cmd *Command) (proposeAnswer, error) {
	way := s.wayTo(to)
	if way == nil {
		return proposeAnswer{}, fmt.Errorf("%w: %w", ErrNotLeader, errLeaderChanged)
	}
	q := brought{cmd: cmd}
	q.until, _ = ctx.Deadline()
	a, sent, err := way.Do(ctx, q)
	switch {
	case errors.Is(err, peer.ErrFull):
		return a, ErrFull
	case err != nil && !sent:
		return a, fmt.Errorf("%w: given up before it was sent: %w", errUnreachable, err)
	case err != nil && ctx.Err() != nil:
		return a, fmt.Errorf("%w: %s asked %s: %w", ErrUnknownOutcome, to.ID, callProposals, err)
	case err == nil && a.Alone:
		duplicate := a.Duplicate
		a, err = s.bringOne(ctx, to, cmd)
		a.Duplicate = duplicate
	}
	return a, err
}

// bring makes one call for many commands.
func (s *Store) bring(ctx context.Context, to peer.Address, list []brought) ([]proposeAnswer, error) {
	commands := make([]*Command, len(list))
	var until time.Time
	patient := false
	for i, b := range list {
		commands[i] = b.cmd
		patient = patient || b.until.IsZero()
		if b.until.After(until) {
			until = b.until
		}
	}
	q := proposalsCall{Entry: encodeBatch(0, commands)}
	if !patient {
		q.WaitMs = max(1, time.Until(until).Milliseconds())
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until) // nobody waits any longer
		defer cancel()
	}
	var a proposalsAnswer
	if err := s.ask(ctx, to, callProposals, q, &a); err != nil {
		return nil, err
	}
	if err := a.err(); err != nil {
		return nil, err
	}
	if len(a.Answers) != len(list) {
		return nil, fmt.Errorf("%w: %s gave %d answers to %d commands", ErrUnknownOutcome, to.ID, len(a.Answers), len(list))
	}
	for i := range a.Answers {
		a.Answers[i].Hint = a.Hint
	}
	return a.Answers, nil
}

// serveProposals answers the commands another gateway brought together. Each
// has its own answer: a bad one hurts none of the others.
func (s *Store) serveProposals(ctx context.Context, q proposalsCall) proposalsAnswer {
	e, err := decodeEntry(q.Entry)
	if err != nil || e.kind != entryBatch || len(e.commands) > maxBatchCommands {
		return proposalsAnswer{answerCode: toCode(fmt.Errorf("%w: %w", ErrBadCommand, errors.Join(err, errBadEntry)))}
	}
	if err := s.stopped(); err != nil {
		return proposalsAnswer{answerCode: toCode(err)}
	}
	if s.building.Load() != nil {
		// As in proposeFor; and what the cluster speaks is not known before.
		return proposalsAnswer{answerCode: toCode(ErrRebuilding)}
	}
	if q.WaitMs > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(q.WaitMs)*time.Millisecond)
		defer cancel()
	}
	waiting := make([]*request, len(e.commands))
	answers := make([]proposeAnswer, len(e.commands))
	for i := range e.commands {
		cmd := &e.commands[i]
		err := checkCommand(cmd)
		if err == nil {
			err = s.takes(cmd)
		}
		if err == nil {
			waiting[i], err = s.batch.submit(cmd)
		}
		answers[i].answerCode = toCode(err)
	}
	room := answersRoom
	for i, r := range waiting {
		if r == nil {
			continue
		}
		got := s.batch.await(ctx, r, s.batchDone)
		a := proposeAnswer{
			answerCode: toCode(got.err),
			Index:      got.res.Index, Body: got.res.Body, Rejected: got.res.Rejected, Duplicate: got.res.Duplicate,
		}
		if room -= len(a.Body); room < 0 {
			a = proposeAnswer{Alone: true, Duplicate: a.Duplicate}
		}
		answers[i] = a
	}
	return proposalsAnswer{Hint: s.hintNow(), Answers: answers}
}
