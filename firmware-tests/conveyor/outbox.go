package conveyor

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// maxOutbox bounds the messages that wait for the network.
const maxOutbox = 1000

// outgoing is one up or state message.
type outgoing struct {
	name    string
	payload []byte
	retain  bool
}

// outbox numbers the messages of one start of the conveyor and keeps them until
// they are acknowledged. Its owner's lock guards it.
type outbox struct {
	device string
	boot   string
	seq    uint32
	queue  []outgoing
	gaps   bool // every fifth message skips a number
	wake   chan struct{}
}

func newOutbox(device string, now time.Time, wake chan struct{}) *outbox {
	return &outbox{device: device, boot: ulid(now), wake: wake}
}

// add puts a message at the end. When there is no room the oldest scan goes:
// nobody waits for its answer any more. Confirms stay.
func (o *outbox) add(now time.Time, name string, retain bool, fields map[string]any) string {
	o.seq++
	if o.gaps && o.seq%5 == 0 {
		o.seq++
	}
	id := ulid(now)
	m := map[string]any{
		"v": 1, "msgId": id, "seq": o.seq, "bootId": o.boot, "ts": now.UTC().Format(stamp), "deviceId": o.device,
	}
	for k, v := range fields {
		m[k] = v
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return id // texts and numbers always encode
	}
	if len(o.queue) >= maxOutbox {
		i := max(0, slices.IndexFunc(o.queue, func(q outgoing) bool { return q.name == "scan" }))
		o.queue = slices.Delete(o.queue, i, i+1)
	}
	o.queue = append(o.queue, outgoing{name, raw, retain})
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return id
}

// sender empties an outbox.
type sender struct {
	mu      *sync.Mutex
	box     func() *outbox // the one of this start; mu is held
	wake    <-chan struct{}
	publish func(ctx context.Context, m outgoing) error
}

// retryPause is the time between two tries when there is no network.
const retryPause = 20 * time.Millisecond

// run sends one message after the other until ctx ends, each again until it is
// acknowledged.
func (s *sender) run(ctx context.Context) {
	for {
		s.mu.Lock()
		box := s.box()
		var m outgoing
		if len(box.queue) > 0 {
			m = box.queue[0]
		}
		s.mu.Unlock()
		if m.name == "" {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
			}
			continue
		}
		if err := s.publish(ctx, m); err != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(retryPause):
			}
			continue
		}
		s.mu.Lock()
		if len(box.queue) > 0 && &box.queue[0].payload[0] == &m.payload[0] { // not dropped meanwhile
			box.queue = box.queue[1:]
		}
		s.mu.Unlock()
	}
}
