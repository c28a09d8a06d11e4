package raftstore

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPropose1 is the lone caller: its p50 should be near that of the raw
// append and sync printed beside it.
func BenchmarkPropose1(b *testing.B) { benchmarkPropose(b, 1) }

// BenchmarkPropose64 has 64 callers who share entries.
func BenchmarkPropose64(b *testing.B) { benchmarkPropose(b, 64) }

func benchmarkPropose(b *testing.B, callers int) {
	dir := b.TempDir()
	raw := rawSync(b, dir)
	cfg := testConfig(b, filepath.Join(dir, "store"))
	cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	cfg.SegmentSize = 0
	s := openStore(b, cfg)
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

// rawSync returns the median of a 4 KiB write and fdatasync into a file whose
// blocks exist.
func rawSync(b *testing.B, dir string) time.Duration {
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const n = 400
	if _, err := f.Write(make([]byte, n*4096)); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	buf := make([]byte, 4096)
	for i := range n {
		start := time.Now()
		buf[0] = byte(i)
		if _, err := f.WriteAt(buf, int64(i)*4096); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[n/2]
}

// BenchmarkApply is the cost of one lone command behind the log: everything
// that is added to the sync.
func BenchmarkApply(b *testing.B) {
	b.Run("unseen", func(b *testing.B) { benchmarkApply(b, nil) })
	b.Run("watched", func(b *testing.B) { benchmarkApply(b, &history{limit: 4 << 20}) })
}

func benchmarkApply(b *testing.B, h *history) {
	a := newTestApplier(b)
	a.history = h
	body := fmt.Sprintf("set key-%0240d v", 0)
	for i := 0; b.Loop(); i++ {
		a.one(b, 1, byDevice("hh", uint64(i+1), body))
	}
}
