package raftstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// maxInFlight bounds the entries on their way to the disk. Two let the sync of
// one overlap with the apply of another; more only make smaller batches.
const maxInFlight = 4

// request is one waiting Propose.
type request struct {
	cmd   *Command
	size  int
	state atomic.Int32
	done  chan reply // capacity 1
}

const (
	requestQueued int32 = iota
	requestTaken
	requestGivenUp
)

// batcher gathers commands into log entries. It sends at once while nothing is
// on its way; otherwise commands gather until the entry before is done, the
// batch is full, or wait is over. Its goroutine owns everything but in.
type batcher struct {
	in     chan *request
	wait   time.Duration
	now    func() time.Time
	send   func(entry []byte) raft.ApplyFuture
	refuse func() error // why nothing may be sent, nil normally

	pending  []*request
	bytes    int
	inFlight int
	finished chan struct{}
	asked    chan chan struct{} // whether run moves; closed in answer
	ended    chan struct{}      // closed when run ends
}

func newBatcher(limit int, wait time.Duration, now func() time.Time, send func([]byte) raft.ApplyFuture, refuse func() error) *batcher {
	return &batcher{
		in: make(chan *request, limit), wait: wait, now: now, send: send, refuse: refuse,
		finished: make(chan struct{}, maxInFlight),
		asked:    make(chan chan struct{}), ended: make(chan struct{}),
	}
}

// propose queues the command and waits for its answer. stopped ends the wait
// when the store is gone.
func (b *batcher) propose(ctx context.Context, cmd *Command, stopped <-chan struct{}) reply {
	r, err := b.submit(cmd)
	if err != nil {
		return reply{err: err}
	}
	return b.await(ctx, r, stopped)
}

// submit queues the command; its answer must be awaited.
func (b *batcher) submit(cmd *Command) (*request, error) {
	r := &request{cmd: cmd, size: commandSize(cmd), done: make(chan reply, 1)}
	select {
	case b.in <- r:
		return r, nil
	default:
		return nil, ErrFull
	}
}

func (b *batcher) await(ctx context.Context, r *request, stopped <-chan struct{}) reply {
	select {
	case a := <-r.done:
		return a
	case <-ctx.Done():
		if r.state.CompareAndSwap(requestQueued, requestGivenUp) {
			return reply{err: fmt.Errorf("raftstore: given up before it was sent: %w", ctx.Err())}
		}
		return reply{err: fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())}
	case <-stopped:
		// The batcher is gone; what it did with the request is settled.
		select {
		case a := <-r.done:
			return a
		default:
		}
		if r.state.CompareAndSwap(requestQueued, requestGivenUp) {
			return reply{err: ErrClosed}
		}
		return reply{err: fmt.Errorf("%w: the store was closed", ErrUnknownOutcome)}
	}
}

// run works until stop, then waits for what is in flight, up to grace.
func (b *batcher) run(stop <-chan struct{}, grace time.Duration) {
	defer close(b.ended)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	armed := false
	for {
		in := b.in
		if b.full() {
			in = nil // the channel fills up and Propose answers ErrFull
		}
		select {
		case r := <-in:
			b.add(r)
			b.drain()
		case <-b.finished:
			b.inFlight--
			runtime.Gosched() // those just answered may ask again: one bigger entry
			b.drain()
		case <-timer.C:
			armed = false
			if b.inFlight < maxInFlight {
				b.flush()
			}
		case answer := <-b.asked:
			close(answer)
		case <-stop:
			b.end(grace)
			return
		}
		for len(b.pending) > 0 && (b.inFlight == 0 || b.full() && b.inFlight < maxInFlight) {
			b.flush()
		}
		if len(b.pending) > 0 && !armed {
			timer.Reset(b.wait)
			armed = true
		}
	}
}

func (b *batcher) add(r *request) {
	b.pending = append(b.pending, r)
	b.bytes += r.size
}

func (b *batcher) full() bool {
	return len(b.pending) >= maxBatchCommands || b.bytes >= maxBatchBytes
}

func (b *batcher) drain() {
	for !b.full() {
		select {
		case r := <-b.in:
			b.add(r)
		default:
			return
		}
	}
}

// flush sends one entry.
func (b *batcher) flush() {
	batch := make([]*request, 0, len(b.pending))
	commands := make([]*Command, 0, len(b.pending))
	size := 0
	n := 0
	for _, r := range b.pending {
		if len(commands) > 0 && (len(commands) == maxBatchCommands || size+r.size > maxBatchBytes) {
			break
		}
		n++
		b.bytes -= r.size
		if !r.state.CompareAndSwap(requestQueued, requestTaken) {
			continue
		}
		size += r.size
		batch = append(batch, r)
		commands = append(commands, r.cmd)
	}
	b.pending = append(b.pending[:0], b.pending[n:]...)
	if len(batch) == 0 {
		return
	}
	if err := b.refuse(); err != nil {
		answerAll(batch, nil, err)
		return
	}
	data := encodeBatch(b.now().UnixMilli(), commands)
	b.inFlight++
	go func() { // raft takes an entry only between two syncs
		future := b.send(data)
		err := future.Error()
		var replies []reply
		if err == nil {
			switch r := future.Response().(type) {
			case []reply:
				replies = r
			case error:
				err = r
			}
		}
		answerAll(batch, replies, outcomeError(err))
		b.finished <- struct{}{}
	}()
}

func answerAll(batch []*request, replies []reply, err error) {
	for i, r := range batch {
		if err == nil && i < len(replies) {
			r.done <- replies[i]
			continue
		}
		if err == nil { // applied before raft delivered it: the answer is stored
			err = ErrUnknownOutcome
		}
		r.done <- reply{err: err}
	}
}

// outcomeError says what an error of raft means for the commands.
func outcomeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress),
		errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	case errors.Is(err, raft.ErrAbortedByRestore):
		return fmt.Errorf("raftstore: undone by a restore: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
}

// end refuses what waits and gives what is in flight a little time.
func (b *batcher) end(grace time.Duration) {
	for {
		for _, r := range b.pending {
			if r.state.CompareAndSwap(requestQueued, requestTaken) {
				r.done <- reply{err: ErrClosed}
			}
		}
		b.pending, b.bytes = nil, 0
		b.drain()
		if len(b.pending) == 0 {
			break
		}
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for b.inFlight > 0 {
		select {
		case <-b.finished:
			b.inFlight--
		case <-timer.C:
			return
		}
	}
}
