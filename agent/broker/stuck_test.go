package broker

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestAliveSeesALockHeld: each lock that somebody never gives back is seen.
func TestAliveSeesALockHeld(t *testing.T) {
	for name, hold := range map[string]func(b *Broker) (release func()){
		"sessions":   func(b *Broker) func() { b.mu.Lock(); return b.mu.Unlock },
		"retained":   func(b *Broker) func() { b.snapshot.RLock(); return b.snapshot.RUnlock },
		"a listener": func(b *Broker) func() { b.lns[0].mu.Lock(); return b.lns[0].mu.Unlock },
	} {
		t.Run(name, func(t *testing.T) {
			b, err := New(Config{Listen: []Listener{{Address: "127.0.0.1:0"}}, Site: "s1"}, nobody{})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Start(); err != nil {
				t.Fatal(err)
			}
			release := hold(b)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := b.Alive(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it says %v", err)
			}
			release()
			if err := b.Alive(t.Context()); err != nil {
				t.Errorf("released: %v", err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
