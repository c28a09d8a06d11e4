package peer

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// ErrFull: too many questions wait already. Nothing was asked.
var ErrFull = errors.New("peer: too many questions wait")

// Gatherer brings many questions to a gateway in few calls. It asks at once
// while fewer than Calls are on their way; otherwise questions gather until one
// of them is answered. Set the fields, then use it; it needs no closing.
type Gatherer[Q, A any] struct {
	// Calls are on their way at most, each with Questions at most, and with
	// Bytes at most unless one question alone is bigger.
	Calls, Questions, Bytes int
	// Limit of the questions that wait for a call.
	Limit int
	// Size of a question in bytes.
	Size func(Q) int
	// Ask makes the call and returns an answer for each question. It runs on a
	// goroutine of its own and must come to an end by itself.
	Ask func([]Q) ([]A, error)

	mu    sync.Mutex
	queue []*asked[Q, A]
	calls int
}

// asked is one question that waits.
type asked[Q, A any] struct {
	q    Q
	sent bool // guarded by the Gatherer's mu
	a    A
	err  error
	done chan struct{} // closed when a and err are set
}

// Do asks and waits. When ctx ends first, sent tells whether the question was or
// may have been asked; without sent it never will be.
func (g *Gatherer[Q, A]) Do(ctx context.Context, q Q) (a A, sent bool, err error) {
	w := &asked[Q, A]{q: q, done: make(chan struct{})}
	g.mu.Lock()
	if len(g.queue) >= g.Limit {
		g.mu.Unlock()
		return a, false, ErrFull
	}
	g.queue = append(g.queue, w)
	if g.calls < g.Calls {
		g.calls++
		go g.run()
	}
	g.mu.Unlock()
	select {
	case <-w.done:
		return w.a, true, w.err
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !w.sent {
		for i := range g.queue {
			if g.queue[i] == w {
				g.queue = append(g.queue[:i], g.queue[i+1:]...)
				break
			}
		}
	}
	return a, w.sent, context.Cause(ctx)
}

// Waiting is how many questions wait for a call.
func (g *Gatherer[Q, A]) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.queue)
}

// run makes calls while there are questions.
func (g *Gatherer[Q, A]) run() {
	for {
		batch := g.take()
		if batch == nil {
			return
		}
		qs := make([]Q, len(batch))
		for i, w := range batch {
			qs[i] = w.q
		}
		as, err := g.Ask(qs)
		for i, w := range batch {
			if w.err = err; err == nil {
				w.a = as[i]
			}
			close(w.done)
		}
		runtime.Gosched() // those just answered may ask again: one bigger call
	}
}

// take returns what goes into the next call; nil ends run.
func (g *Gatherer[Q, A]) take() []*asked[Q, A] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, bytes := 0, 0
	for n < len(g.queue) && n < g.Questions {
		size := g.Size(g.queue[n].q)
		if n > 0 && bytes+size > g.Bytes {
			break
		}
		bytes += size
		g.queue[n].sent = true
		n++
	}
	if n == 0 {
		g.calls--
		g.queue = nil
		return nil
	}
	batch := append([]*asked[Q, A](nil), g.queue[:n]...)
	g.queue = append(g.queue[:0], g.queue[n:]...)
	clear(g.queue[len(g.queue) : len(g.queue)+n])
	return batch
}
