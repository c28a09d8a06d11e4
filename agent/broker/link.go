package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"tote/mqtt"
)

// linkQueue bounds the messages that wait for the handlers of a Link: minutes of
// a hundred robots.
const linkQueue = 4096

// Link is the gateway's own place at its broker: it hears and says what a client
// would, without a connection. Tokens, TLS and limits are for those who come over
// a network, and no stranger can claim to be the gateway.
//
// Messages wait in one queue, so that those of one sender keep their order across
// all subscriptions; publishers, which hold locks of the broker, never wait. Run
// owns the one goroutine that calls the handlers. Safe for concurrent use.
type Link struct {
	b       *Broker
	wake    chan struct{}
	dropped atomic.Uint64

	mu    sync.Mutex
	items []linked // oldest first, at most linkQueue
}

// linked is a message and who wants it.
type linked struct {
	handle func(ctx context.Context, m mqtt.Message)
	m      mqtt.Message
}

// Link makes a place at the broker; each has its own queue and Run.
func (b *Broker) Link() *Link {
	l := &Link{b: b, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	b.links = append(b.links, l)
	b.mu.Unlock()
	return l
}

// Subscribe hands every message the filter selects to s.Handler, the kept ones
// first. It holds for the life of the broker. QoS and Queue of s mean nothing
// here: nothing is lost on the way, and the queue is the link's.
func (l *Link) Subscribe(_ context.Context, s mqtt.Subscription) error {
	if s.Handler == nil || !mochi.IsValidFilter(s.Filter, false) {
		return fmt.Errorf("%w: subscription %.120q of the gateway itself", ErrConfig, s.Filter)
	}
	push := func(pk packets.Packet, retained bool) {
		l.push(linked{s.Handler, mqtt.Message{
			Topic: pk.TopicName, Payload: slices.Clone(pk.Payload), QoS: pk.FixedHeader.Qos, Retained: retained,
		}})
	}
	// As for a client (OnSubscribe): no newer message of a topic between the
	// new subscription and what was kept.
	l.b.snapshot.Lock()
	defer l.b.snapshot.Unlock()
	l.b.server.Topics.InlineSubscribe(mochi.InlineSubscription{
		// The library hands a message on once for each number.
		Subscription: packets.Subscription{Filter: s.Filter, Identifier: int(l.b.subscriptions.Add(1))},
		Handler:      func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) { push(pk, false) },
	})
	for _, pk := range l.b.server.Topics.Messages(s.Filter) {
		push(pk, true)
	}
	return nil
}

// push runs on the publisher's goroutine. When the queue is full the oldest
// message goes, and one that tells of a connection last: a newer state says all
// that an older one did, a last will is said once.
func (l *Link) push(m linked) {
	l.mu.Lock()
	if len(l.items) >= linkQueue {
		l.dropped.Add(1)
		at := slices.IndexFunc(l.items, func(old linked) bool { return !strings.HasSuffix(old.m.Topic, "/"+robotConnection) })
		l.items = slices.Delete(l.items, max(at, 0), max(at, 0)+1)
	}
	l.items = append(l.items, m)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// PublishQoS0 sends a message to all subscribers; it waits for nobody.
func (l *Link) PublishQoS0(_ context.Context, topic string, payload []byte, retained bool) error {
	return l.b.Publish(topic, payload, retained, 0)
}

// Run calls the handlers until ctx ends. What waits then waits for the next Run.
func (l *Link) Run(ctx context.Context) error {
	for {
		for ctx.Err() == nil {
			l.mu.Lock()
			if len(l.items) == 0 {
				l.items = nil // give the memory of a burst back
				l.mu.Unlock()
				break
			}
			it := l.items[0]
			l.items = l.items[1:]
			l.mu.Unlock()
			it.handle(ctx, it.m)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		}
	}
}
