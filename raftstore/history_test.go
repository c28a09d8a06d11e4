package raftstore

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestHistory writes and reads one counter on three gateways while the leader
// is cut off again and again. Every linearizable read must show at least what
// was answered, or read, before it began, and no more than was asked for when
// it ended.
func TestHistory(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	nodes := []*node{a, b, c}
	var asked, answered, newest atomic.Uint64
	var reads, refused atomic.Int64
	raise := func(v *atomic.Uint64, to uint64) {
		for {
			old := v.Load()
			if old >= to || v.CompareAndSwap(old, to) {
				return
			}
		}
	}
	stop := make(chan struct{})
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for seq := uint64(1); !stopped(); seq++ {
				asked.Add(1)
				for try := w; ; try++ {
					ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
					_, err := nodes[try%3].Propose(ctx, byDevice("writer"+nodes[w].id, seq, "add n 1"))
					cancel()
					if err == nil {
						break
					}
				}
				answered.Add(1)
			}
		})
		wg.Go(func() {
			for try := w; !stopped(); try++ {
				low := max(answered.Load(), newest.Load())
				var got uint64
				ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
				err := nodes[try%3].ViewLinearizable(ctx, func(r Reader, _ uint64) error {
					v, err := r.Get([]byte("n"))
					if v != nil {
						got = binary.BigEndian.Uint64(v)
					}
					return err
				})
				cancel()
				if err != nil {
					refused.Add(1)
					continue
				}
				reads.Add(1)
				if high := asked.Load(); got < low || got > high {
					t.Errorf("%s read %d, it must be %d to %d", nodes[try%3].id, got, low, high)
				}
				raise(&newest, got)
			}
		})
	}
	for range 3 {
		lead := leaderOf(t, nodes...)
		want := answered.Load() + 100
		await(t, "writes", func() bool { return answered.Load() > want })
		k.board.cut(lead.id)
		lead.awaitQuorum(t, false)
		want = answered.Load() + 50
		await(t, "writes of the others", func() bool { return answered.Load() > want })
		k.board.heal()
		lead.awaitQuorum(t, true)
	}
	close(stop)
	wg.Wait()
	sameDigest(t, nodes...)
	t.Logf("%d writes, %d reads, %d refused", answered.Load(), reads.Load(), refused.Load())
	if reads.Load() < 50 {
		t.Error("hardly anything was read")
	}
}
