//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tote/agent/replica"
	"tote/raftstore"
	"tote/warehouse"
)

// commands measures real domain commands through the replicated store of one
// gateway: proposed, synced, applied, answered.
func commands(ctx context.Context, dir string) error {
	s, err := replica.Open(raftstore.Config{Dir: dir, NodeID: "bench", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	err = func() error {
		if err := s.WaitLeader(ctx); err != nil {
			return err
		}
		if err := seed(ctx, s); err != nil {
			return err
		}
		if err := lone(ctx, s, dir); err != nil {
			return err
		}
		// How many at once has goals for three gateways only; one gateway is
		// printed for comparison.
		for _, callers := range []int{64, 256} {
			const rounds = 3
			var rate []float64
			var all []time.Duration
			for range rounds {
				n, took, err := load(ctx, s, callers, time.Second)
				if err != nil {
					return err
				}
				rate, all = append(rate, float64(n)), append(all, took...)
			}
			name := fmt.Sprintf("store_%d_callers", callers)
			report(name+"_commands", median(rate), "1/s", 0)
			report(name+"_p50", percentile(all, 0.50), "ms", 0)
			report(name+"_p99", percentile(all, 0.99), "ms", 0)
		}
		return nil
	}()
	return errors.Join(err, s.Close())
}

// lone measures one caller, who waits for one synced write a command, beside
// the raw synced write of the same moments: the disk is another one every few
// seconds, so the two take turns and the ratios are medians over the rounds.
// The goals are those of the replication design for one gateway.
func lone(ctx context.Context, s *replica.Store, dir string) error {
	const rounds = 7
	var all []time.Duration
	var rate, p50, p99 []float64
	for range rounds {
		raw, err := syncs(ctx, dir, 1500)
		if err != nil {
			return err
		}
		n, took, err := load(ctx, s, 1, time.Second)
		if err != nil {
			return err
		}
		rate, all = append(rate, float64(n)), append(all, took...)
		p50 = append(p50, percentile(took, 0.50)/percentile(raw, 0.50))
		p99 = append(p99, percentile(took, 0.99)/percentile(raw, 0.99))
	}
	report("store_1_caller_commands", median(rate), "1/s", 0)
	report("store_1_caller_p50", percentile(all, 0.50), "ms", 0)
	report("store_1_caller_p99", percentile(all, 0.99), "ms", 0)
	report("store_1_caller_p50_over_raw_fdatasync", median(p50), "x", 1.1)
	report("store_1_caller_p99_over_raw_fdatasync", median(p99), "x", 2)
	return nil
}

// seed gives the site the one worker the bench signs in.
func seed(ctx context.Context, s *replica.Store) error {
	for i, c := range []warehouse.Command{
		warehouse.PutSite{Site: warehouse.Site{
			ID: "bench", CompanyPrefix: "4012345", TotePrefix: "T0", CartonTareMg: 1, LeaseMs: 600_000, CartSlots: 6, PackDrop: "DROP",
			Layout: warehouse.Layout{Aisles: 1, Cells: 1, CellMm: 1000, EndMm: 1000, PitchMm: 1000},
		}},
		warehouse.PutWorkers{Workers: workers(256)},
	} {
		res, err := s.Do(ctx, replica.By{ID: [16]byte{1, byte(i)}, Actor: "bench"}, c)
		if err != nil || !res.OK {
			return fmt.Errorf("seed: %+v %w", res, err)
		}
	}
	return nil
}

func workers(n int) []warehouse.Worker {
	var ws []warehouse.Worker
	for i := range n {
		ws = append(ws, warehouse.Worker{ID: fmt.Sprintf("W%d", i), Name: "bench", Badge: fmt.Sprintf("BADGE%d", i)})
	}
	return ws
}

// load signs workers in, over and over, from so many callers at once: an
// accepted command that reads, writes and answers with the next step.
func load(ctx context.Context, s *replica.Store, callers int, d time.Duration) (int, []time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, d+10*time.Second)
	defer cancel()
	end := time.Now().Add(d)
	var mu sync.Mutex
	var all []time.Duration
	var first error
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			dev, badge := fmt.Sprintf("hh%d", i), fmt.Sprintf("BADGE%d", i)
			var took []time.Duration
			last, err := s.LastSeq(dev)
			for seq := last + 1; err == nil && time.Now().Before(end); seq++ {
				at := time.Now()
				var res warehouse.Result
				res, err = s.Do(ctx, replica.By{Device: dev, Seq: seq, Actor: "bench"}, warehouse.SignIn{Device: dev, Badge: badge})
				if err == nil && !res.OK {
					err = fmt.Errorf("sign in: %s %s", res.Code, res.Text)
				}
				took = append(took, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			first = errors.Join(first, err)
		})
	}
	wg.Wait()
	return len(all), all, first
}
