// Package portio holds the two halves that serial and TCP ports share: a
// bounded queue for received bytes, filled by the port's one reading
// goroutine, and a writer that notices a line which takes nothing more.
// It starts no goroutine of its own.
package portio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"tote/drivers"
)

// QueueBytes is how much received input a port holds for a driver that does
// not read. When it is full the oldest bytes are dropped and counted: of a
// device the newest word is the one that matters, and framers resynchronise.
const QueueBytes = 64 << 10

// Queue holds received bytes until the driver reads them.
type Queue struct {
	limit int
	wake  chan struct{} // one token: there may be something new
	room  chan struct{} // one token: there may be room again

	mu      sync.Mutex
	buf     []byte
	err     error
	dropped uint64
}

// NewQueue returns a queue of at most limit bytes.
func NewQueue(limit int) *Queue {
	return &Queue{limit: limit, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// Put adds received bytes.
func (q *Queue) Put(p []byte) {
	q.mu.Lock()
	if over := len(q.buf) + len(p) - q.limit; over > 0 {
		q.dropped += uint64(over)
		cut := min(over, len(q.buf))
		q.buf = q.buf[:copy(q.buf, q.buf[cut:])]
		p = p[over-cut:]
	}
	q.buf = append(q.buf, p...)
	q.mu.Unlock()
	q.signal(q.wake)
}

// PutAll adds received bytes and drops none: while there is no room it waits,
// until done is closed. Then what did not fit is lost.
func (q *Queue) PutAll(done <-chan struct{}, p []byte) {
	for {
		q.mu.Lock()
		n := min(len(p), q.limit-len(q.buf))
		q.buf, p = append(q.buf, p[:n]...), p[n:]
		q.mu.Unlock()
		if n > 0 {
			q.signal(q.wake)
		}
		if len(p) == 0 {
			return
		}
		select {
		case <-q.room:
		case <-done:
			return
		}
	}
}

// Fail ends the queue: bytes already here can still be read, then err comes.
// The first error stays.
func (q *Queue) Fail(err error) {
	q.mu.Lock()
	if q.err == nil {
		q.err = err
	}
	q.mu.Unlock()
	q.signal(q.wake)
}

// Clear throws away what is here; used on Close.
func (q *Queue) Clear() {
	q.mu.Lock()
	q.buf = nil
	q.mu.Unlock()
}

// Len is how much is here.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.buf)
}

// Dropped counts bytes lost because nobody read them.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

func (q *Queue) signal(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

// Read implements drivers.Port.
func (q *Queue) Read(ctx context.Context, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		q.mu.Lock()
		n := copy(p, q.buf)
		if n > 0 {
			q.buf = q.buf[:copy(q.buf, q.buf[n:])]
		}
		err := q.err
		q.mu.Unlock()
		if n > 0 {
			q.signal(q.room)
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// DeadlineWriter is the writing side of a file or connection.
type DeadlineWriter interface {
	Write(p []byte) (int, error)
	SetWriteDeadline(t time.Time) error
}

// chunk is written under one deadline: small enough that a slow line (1200
// baud moves 120 bytes a second) makes progress within the stall limit.
const chunk = 512

// WriteAll writes p piece by piece. It returns how many bytes were taken and
// ctx's error when ctx is done first, ErrStalled when nothing was taken for
// the stall limit. Calls must not overlap.
func WriteAll(ctx context.Context, w DeadlineWriter, p []byte, stall time.Duration) (n int, err error) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = w.SetWriteDeadline(time.Unix(1, 0))
	})
	defer func() {
		if !stop() {
			<-interrupted // else a late interrupt would hit the next call
		}
	}()
	for n < len(p) {
		if err := w.SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return n, fmt.Errorf("set write deadline: %w", err)
		}
		// After setting the deadline: an interrupt before it was overwritten.
		if err := ctx.Err(); err != nil {
			return n, err
		}
		m, err := w.Write(p[n:min(n+chunk, len(p))])
		n += m
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return n, ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return n, fmt.Errorf("%w: %d of %d bytes in %v", drivers.ErrStalled, n, len(p), stall)
		default:
			return n, err
		}
	}
	return n, nil
}
