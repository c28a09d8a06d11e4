package satellite

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// turnLimit is how long one step of the loop that asks the gateways may take. Each
// question has a limit of its own, well below it.
const turnLimit = 20 * time.Second

var errStuck = errors.New("satellite: the loop that asks the gateways does not move")

// turned notes that the loop moves.
func (s *Store) turned() {
	now := time.Now()
	s.moved.Store(&now)
}

// Alive is nil while the loop that asks the gateways moves, whether one answers or
// not, and the state of the Store can be read.
func (s *Store) Alive(ctx context.Context) error {
	if s.ctx.Err() != nil {
		return ErrClosed
	}
	if at := s.moved.Load(); at != nil && time.Since(*at) > turnLimit {
		return fmt.Errorf("%w for %v", errStuck, time.Since(*at).Round(time.Second))
	}
	answer := make(chan struct{})
	go func() {
		defer close(answer)
		s.State()
	}()
	select {
	case <-answer:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("satellite: its state cannot be read: %w", ctx.Err())
	}
}
