package fleet

import (
	"context"
	"testing"

	"tote/fleet/intent"
)

// TestStore is the store of the tests, for those outside the package.
type TestStore struct{ s *store }

func NewTestStore(t *testing.T) *TestStore { return &TestStore{newStore(t)} }

func (s *TestStore) View(fn func(intent.Reader) error) error { return s.s.view(fn) }

func (s *TestStore) Propose(ctx context.Context, c intent.Command) (intent.Result, error) {
	return s.s.propose(ctx, c)
}

// Holds counts the nodes that are held.
func (s *TestStore) Holds() (n int) {
	_ = s.s.view(func(r intent.Reader) error {
		hs, err := intent.Holds(r)
		n = len(hs)
		return err
	})
	return n
}
