package broker_test

import (
	"context"
	"errors"
	"testing"

	"tote/agent/broker"
	"tote/mqtt"
)

// TestAlive: it answers itself, and who listens for devices does not hear it.
func TestAlive(t *testing.T) {
	b := start(t, accept, nil)
	heard := make(chan mqtt.Message, 16)
	l := b.Link()
	if err := l.Subscribe(t.Context(), mqtt.Subscription{Filter: "tote/#", Handler: func(_ context.Context, m mqtt.Message) { heard <- m }}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(ctxFor(t))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = l.Run(ctx)
	}()
	for range 3 {
		if err := b.Alive(ctxFor(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Publish("tote/v1/s1/x/y/state/z", []byte("1"), false, 0); err != nil {
		t.Fatal(err)
	}
	if m := <-heard; m.Topic != "tote/v1/s1/x/y/state/z" {
		t.Errorf("others hear %s", m.Topic)
	}
	stop()
	<-ended
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Alive(ctxFor(t)); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
