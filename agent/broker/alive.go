package broker

import (
	"context"
	"errors"
	"fmt"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// alive is where the broker speaks to itself. No client may publish or read there.
const alive = "$tote/alive"

// Alive takes each lock that a connection needs and sends a message through the
// library to itself; nil when that was done before ctx ended. When it was not, the
// question still waits, so ask anew only after an answer.
func (b *Broker) Alive(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() { answer <- b.move() }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("broker does not move: %w", ctx.Err())
	}
}

func (b *Broker) move() error {
	for _, l := range b.lns {
		l.Address() // the lock of those who come and go
	}
	b.mu.Lock()
	state := b.state
	b.mu.Unlock()
	if state != running {
		return ErrClosed
	}
	b.snapshot.Lock() // as a subscription does
	came := false
	sub := mochi.InlineSubscription{
		Subscription: packets.Subscription{Filter: alive, Identifier: int(b.subscriptions.Add(1))},
		Handler:      func(*mochi.Client, packets.Subscription, packets.Packet) { came = true },
	}
	b.server.Topics.InlineSubscribe(sub)
	b.snapshot.Unlock()
	defer b.server.Topics.InlineUnsubscribe(sub.Identifier, alive)
	if err := b.Publish(alive, []byte("1"), false, 0); err != nil {
		return err
	}
	if !came { // it is handed on before Publish returns
		return errors.New("broker: a message to itself was lost")
	}
	return nil
}
