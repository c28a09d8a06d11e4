package mqtt

import (
	"context"
	"sync"
	"sync/atomic"
)

// subscription is a Subscription with its queue. The goroutine of run owns the
// calls of the handler; push is called from paho's router.
type subscription struct {
	Subscription
	wake    chan struct{} // 1: something is in the queue
	dropped *atomic.Uint64

	mu    sync.Mutex
	items []Message // oldest first, at most Queue
}

func newSubscription(s Subscription, dropped *atomic.Uint64) *subscription {
	if s.Queue == 0 {
		s.Queue = DefaultQueue
	}
	return &subscription{Subscription: s, wake: make(chan struct{}, 1), dropped: dropped}
}

// push queues a message without ever blocking. It reports false when the
// message was refused; QoS 0 makes room by dropping the oldest instead.
func (s *subscription) push(m Message) bool {
	s.mu.Lock()
	if len(s.items) >= s.Queue {
		s.dropped.Add(1)
		if s.QoS > 0 {
			s.mu.Unlock()
			return false
		}
		copy(s.items, s.items[1:])
		s.items = s.items[:len(s.items)-1]
	}
	s.items = append(s.items, m)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return true
}

// run calls the handler until ctx ends. What is still queued then is dropped:
// nobody is there to answer for it.
func (s *subscription) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		for ctx.Err() == nil {
			s.mu.Lock()
			if len(s.items) == 0 {
				s.items = nil // give the memory of a burst back
				s.mu.Unlock()
				break
			}
			m := s.items[0]
			s.items = s.items[1:]
			s.mu.Unlock()
			s.Handler(ctx, m)
		}
	}
}
