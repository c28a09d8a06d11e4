package satellite

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &Store{ctx: ctx}
		s.turned()
		time.Sleep(turnLimit)
		if err := s.Alive(ctx); err != nil {
			t.Errorf("after %v: %v", turnLimit, err)
		}
		time.Sleep(time.Second)
		if err := s.Alive(ctx); !errors.Is(err, errStuck) {
			t.Errorf("the loop is stuck: %v", err)
		}
		s.turned()
		if err := s.Alive(ctx); err != nil {
			t.Errorf("it goes on: %v", err)
		}
		s.moved.Store(nil) // taken out of the site: nothing moves any more
		time.Sleep(time.Hour)
		if err := s.Alive(ctx); err != nil {
			t.Errorf("taken out: %v", err)
		}
		cancel()
		if err := s.Alive(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// TestAliveSeesALockHeld: somebody never gives it back.
func TestAliveSeesALockHeld(t *testing.T) {
	s := &Store{ctx: t.Context()}
	s.mu.Lock()
	soon, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := s.Alive(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("its state is locked: %v", err)
	}
	s.mu.Unlock()
}
