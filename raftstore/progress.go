package raftstore

import (
	"context"
	"sync"
	"time"
)

// broadcast wakes everyone who waits for a change of something.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{} // nil while nobody waits
}

// wait returns a channel that is closed at the next change. Take it before
// looking at the thing itself.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

// position tells how far the state is: in commands, as everyone outside counts,
// and in log entries, as raft does.
type position struct {
	number      uint64 // commands
	index, term uint64 // the last log entry delivered to the state
}

// progress is a position that can be waited for.
type progress struct {
	mu      sync.Mutex
	at      position
	changed broadcast
}

func (p *progress) get() position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *progress) set(at position) {
	p.mu.Lock()
	p.at = at
	p.mu.Unlock()
	p.changed.wake()
}

// waitFor blocks until ok says yes of the position.
func (s *Store) waitFor(ctx context.Context, ok func(position) bool) (position, error) {
	for {
		changed := s.progress.changed.wait()
		if at := s.progress.get(); ok(at) {
			return at, nil
		}
		if err := s.pause(ctx, changed, 0); err != nil {
			return position{}, err
		}
	}
}

// pause waits for changed, at most for limit (0 = no limit). The error is
// ctx's, or why the store has stopped.
func (s *Store) pause(ctx context.Context, changed <-chan struct{}, limit time.Duration) error {
	var over <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-changed:
		return nil
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
	case <-s.done:
	}
	return s.stopped()
}
