package raftstore

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkThree1 is a lone caller at the leader of three gateways (in one
// process, on one disk), BenchmarkThreeForward1 one at a follower.
func BenchmarkThree1(b *testing.B)         { benchmarkThree(b, 1, 0) }
func BenchmarkThree64(b *testing.B)        { benchmarkThree(b, 64, 0) }
func BenchmarkThreeForward1(b *testing.B)  { benchmarkThree(b, 1, 1) }
func BenchmarkThreeForward64(b *testing.B) { benchmarkThree(b, 64, 1) }

func benchmarkThree(b *testing.B, callers, at int) {
	raw := rawSync(b, b.TempDir())
	_, n0, n1, n2 := openThree(b, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
		c.SegmentSize, c.HeartbeatTimeout = 0, 0
	})
	s := []*node{n0, n1, n2}[at]
	body := fmt.Appendf(nil, "set key-%0240d v", 0)
	var mu sync.Mutex
	var took []time.Duration
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for c := range callers {
		wg.Go(func() {
			var mine []time.Duration
			device := fmt.Sprintf("hh%d", c)
			for seq := uint64(1); next.Add(1) <= int64(b.N); seq++ {
				start := time.Now()
				cmd := Command{Device: device, Seq: seq, Kind: testKind, Body: body}
				if _, err := s.Propose(context.Background(), cmd); err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	p50 := took[len(took)/2]
	b.ReportMetric(float64(p50.Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(raw.Microseconds()), "rawsync-p50-µs")
	b.ReportMetric(float64(p50)/float64(raw), "p50/raw")
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "cmd/s")
	b.ReportMetric(float64(len(took))/float64(s.raft.LastIndex()), "cmd/entry")
}

// BenchmarkReadIndex is a linearizable read at a follower.
func BenchmarkReadIndex(b *testing.B) {
	_, n0, n1, _ := openThree(b, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil)) })
	for name, n := range map[string]*node{"leader": n0, "follower": n1} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := n.ReadIndex(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
