package raftstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// fakeRaft takes entries and answers them when the test says so.
type fakeRaft struct {
	mu   sync.Mutex
	sent []*fakeFuture
}

type fakeFuture struct {
	raft.ApplyFuture
	entry entry
	bytes int
	done  chan struct{}
	err   error
	resp  any
}

func (f *fakeFuture) Error() error  { <-f.done; return f.err }
func (f *fakeFuture) Response() any { <-f.done; return f.resp }

// answer gives each command its body back, or err.
func (f *fakeFuture) answer(err error) {
	var replies []reply
	for _, c := range f.entry.commands {
		replies = append(replies, reply{res: Result{Body: c.Body}})
	}
	f.err, f.resp = err, replies
	close(f.done)
}

func (r *fakeRaft) send(b []byte) raft.ApplyFuture {
	e, err := decodeEntry(b)
	if err != nil {
		panic(err)
	}
	f := &fakeFuture{entry: e, bytes: len(b), done: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, f)
	return f
}

// batchTest is a batcher in a bubble of fake time.
type batchTest struct {
	*testing.T
	raft    fakeRaft
	b       *batcher
	stop    chan struct{}
	stopped chan struct{}
	refused error
}

func withBatcher(t *testing.T, limit int, fn func(t *batchTest)) {
	synctest.Test(t, func(t *testing.T) {
		bt := &batchTest{T: t, stop: make(chan struct{}), stopped: make(chan struct{})}
		bt.b = newBatcher(limit, 2*time.Millisecond, time.Now, bt.raft.send, func() error { return bt.refused })
		go func() {
			defer close(bt.stopped)
			bt.b.run(bt.stop, closeGrace)
		}()
		fn(bt)
		select {
		case <-bt.stop:
		default:
			close(bt.stop)
		}
		for _, f := range bt.raft.sent {
			select {
			case <-f.done:
			default:
				f.answer(nil)
			}
		}
		<-bt.stopped
	})
}

func (t *batchTest) propose(ctx context.Context, body string) <-chan reply {
	c := byID(1, body)
	ch := make(chan reply, 1)
	go func() { ch <- t.b.propose(ctx, &c, t.stopped) }()
	synctest.Wait()
	return ch
}

// entries returns how many commands each sent entry has.
func (t *batchTest) entries(want ...int) {
	t.Helper()
	synctest.Wait()
	var got []int
	for _, f := range t.raft.sent {
		got = append(got, len(f.entry.commands))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("entries of %v commands, want %v", got, want)
	}
}

func TestBatcherSendsALoneCommandAtOnce(t *testing.T) {
	withBatcher(t, 100, func(t *batchTest) {
		start := time.Now()
		ch := t.propose(context.Background(), "a")
		t.entries(1)
		t.raft.sent[0].answer(nil)
		if r := <-ch; string(r.res.Body) != "a" || time.Since(start) != 0 {
			t.Fatalf("%+v after %v", r, time.Since(start))
		}
	})
}

func TestBatcherGathersWhileBusy(t *testing.T) {
	withBatcher(t, 100, func(t *batchTest) {
		first := t.propose(context.Background(), "a")
		var rest []<-chan reply
		for i := range 5 {
			rest = append(rest, t.propose(context.Background(), fmt.Sprint(i)))
		}
		t.entries(1)
		t.raft.sent[0].answer(nil)
		<-first
		t.entries(1, 5)
		t.raft.sent[1].answer(nil)
		for i, ch := range rest {
			if r := <-ch; string(r.res.Body) != fmt.Sprint(i) {
				t.Fatalf("command %d got the answer %q", i, r.res.Body)
			}
		}
	})
}

func TestBatcherWaitsNoLongerThanItsWait(t *testing.T) {
	withBatcher(t, 1000, func(t *batchTest) {
		t.propose(context.Background(), "a")
		for range 7 {
			for range 3 {
				t.propose(context.Background(), "b")
			}
			<-time.After(2 * time.Millisecond) // fake time of the bubble
		}
		// Four on their way at most; the rest waits for one of them.
		t.entries(1, 3, 3, 3)
		t.raft.sent[2].answer(nil)
		<-time.After(2 * time.Millisecond)
		t.entries(1, 3, 3, 3, 12)
	})
}

func TestBatcherLimitsOfAnEntry(t *testing.T) {
	withBatcher(t, 1000, func(t *batchTest) {
		t.propose(context.Background(), "a")
		for range 300 {
			t.propose(context.Background(), "b")
		}
		t.entries(1, 128, 128)
		t.raft.sent[0].answer(nil)
		t.raft.sent[1].answer(nil)
		t.raft.sent[2].answer(nil)
		t.entries(1, 128, 128, 44)
	})
	withBatcher(t, 1000, func(t *batchTest) {
		t.propose(context.Background(), "a")
		for range 9 {
			t.propose(context.Background(), strings.Repeat("x", 20_000))
		}
		t.propose(context.Background(), strings.Repeat("x", 100_000)) // goes alone
		for _, f := range t.raft.sent {
			if len(f.entry.commands) > 1 && f.bytes > maxBatchBytes+entryHeader+batchHeader {
				t.Fatalf("an entry of %d bytes", f.bytes)
			}
		}
		t.entries(1, 3, 3, 3)
		t.raft.sent[0].answer(nil)
		t.entries(1, 3, 3, 3, 1)
	})
}

func TestBatcherIsBounded(t *testing.T) {
	withBatcher(t, 10, func(t *batchTest) {
		full := 0
		for range 700 {
			ch := t.propose(context.Background(), "a")
			select {
			case r := <-ch:
				if !errors.Is(r.err, ErrFull) {
					t.Fatal(r.err)
				}
				full++
			default:
			}
		}
		// One alone, three full entries on their way, one full one pending,
		// ten in the queue.
		if want := 700 - 1 - 3*128 - 128 - 10; full != want {
			t.Fatalf("%d refused, want %d", full, want)
		}
	})
}

func TestBatcherGivesUp(t *testing.T) {
	withBatcher(t, 10, func(t *batchTest) {
		sent, cancelSent := context.WithCancel(context.Background())
		waits, cancelWaits := context.WithCancel(context.Background())
		a, b := t.propose(sent, "a"), t.propose(waits, "b")
		c := t.propose(context.Background(), "c")
		cancelSent()
		cancelWaits()
		if r := <-a; !errors.Is(r.err, ErrUnknownOutcome) || !errors.Is(r.err, context.Canceled) {
			t.Fatalf("sent already: %v", r.err)
		}
		if r := <-b; errors.Is(r.err, ErrUnknownOutcome) || !errors.Is(r.err, context.Canceled) {
			t.Fatalf("not sent yet: %v", r.err)
		}
		t.raft.sent[0].answer(nil)
		t.entries(1, 1)
		t.raft.sent[1].answer(nil)
		if r := <-c; string(r.res.Body) != "c" {
			t.Fatalf("%+v", r)
		}
	})
}

func TestBatcherErrors(t *testing.T) {
	for _, c := range []struct{ from, want error }{
		{raft.ErrNotLeader, ErrNotLeader},
		{raft.ErrLeadershipTransferInProgress, ErrNotLeader},
		{raft.ErrEnqueueTimeout, ErrNotLeader},
		{raft.ErrLeadershipLost, ErrUnknownOutcome},
		{raft.ErrRaftShutdown, ErrUnknownOutcome},
		{errors.New("disk"), ErrUnknownOutcome},
		{raft.ErrAbortedByRestore, raft.ErrAbortedByRestore},
	} {
		withBatcher(t, 10, func(t *batchTest) {
			ch := t.propose(context.Background(), "a")
			t.raft.sent[0].answer(c.from)
			if r := <-ch; !errors.Is(r.err, c.want) {
				t.Fatalf("%v became %v", c.from, r.err)
			}
		})
	}
}

func TestBatcherRefuses(t *testing.T) {
	withBatcher(t, 10, func(t *batchTest) {
		t.refused = ErrLatched
		if r := <-t.propose(context.Background(), "a"); !errors.Is(r.err, ErrLatched) {
			t.Fatal(r.err)
		}
		t.entries()
	})
}

func TestBatcherEnd(t *testing.T) {
	withBatcher(t, 10, func(t *batchTest) {
		a, b := t.propose(context.Background(), "a"), t.propose(context.Background(), "b")
		start := time.Now()
		close(t.stop)
		if r := <-b; !errors.Is(r.err, ErrClosed) {
			t.Fatalf("waiting: %v", r.err)
		}
		// The one on its way never comes back.
		if r := <-a; !errors.Is(r.err, ErrUnknownOutcome) {
			t.Fatalf("on its way: %v", r.err)
		}
		if took := time.Since(start); took != closeGrace {
			t.Fatalf("ended after %v", took)
		}
	})
}
