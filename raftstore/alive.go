package raftstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Alive asks each loop of the store to move and is nil when all did before ctx
// ended: raft's main loop, the batcher, the goroutine that applies, and a read of
// the state. The longest honest batch of entries is applied in a fraction of a
// second, so one that takes as long as a disk may hang is stuck. It writes nothing, and needs no quorum: a gateway that is cut off is
// alive. Neither is a state that is being built anew a reason to stop it, nor a
// snapshot that is being installed. A disk that hangs is dealt with by itself
// (watchHang).
//
// One that does not answer leaves its question waiting, so ask anew only after an
// answer.
func (s *Store) Alive(ctx context.Context) error {
	if err := s.stopped(); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		ask  func() error
	}{
		{"raft", s.askRaft},
		{"the batcher", s.batch.ask},
		{"the state", s.askState},
	} {
		answer := make(chan error, 1)
		go func() { answer <- part.ask() }()
		select {
		case err := <-answer:
			if err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		case <-ctx.Done():
			return fmt.Errorf("%s does not move: %w", part.name, ctx.Err())
		case <-s.closing:
			return ErrClosed
		}
	}
	if took := s.fsm.applying(); took > s.cfg.hangStop {
		return fmt.Errorf("the state has been applying the same entries for %v", took.Round(time.Second))
	}
	return nil
}

// askRaft makes raft's main loop answer a question it gets to in every role. That
// it does not lead is an answer too.
func (s *Store) askRaft() error {
	err := s.raft.VerifyLeader().Error()
	if errors.Is(err, raft.ErrRaftShutdown) {
		return err
	}
	return nil
}

func (s *Store) askState() error {
	err := s.View(func(Reader, uint64) error { return nil })
	if errors.Is(err, ErrRebuilding) {
		return nil
	}
	return err
}

// ask makes the batcher's goroutine answer.
func (b *batcher) ask() error {
	answer := make(chan struct{})
	select {
	case b.asked <- answer:
		<-answer
	case <-b.ended:
	}
	return nil
}
