//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"tote/picking/batch"
	"tote/picking/instance"
	"tote/picking/route"
	"tote/picking/route/blocks"
	"tote/picking/study"
)

// severalBlocks measures the exact router of fields with cross aisles: 20 aisles, 45
// cells in all, 30 picks, with the ordered list and the walk.
func severalBlocks(_ context.Context, _ string) error {
	const aisles, cells, picks, tours, rounds = 20, 45, 30, 32, 9
	for n, goal := range map[int]float64{2: 50, 3: 300, 4: 2000} {
		l := blocks.Layout{Aisles: aisles, PitchMm: 5000}
		for range n {
			l.Blocks = append(l.Blocks, blocks.Block{Cells: cells / n, CellMm: 1000, FrontMm: 1000, BackMm: 1000})
		}
		r, err := blocks.New(l)
		if err != nil {
			return err
		}
		rnd := rand.New(rand.NewPCG(3, uint64(n)))
		lists := make([][]blocks.Cell, tours)
		for i := range lists {
			for range picks {
				lists[i] = append(lists[i], blocks.Cell{Aisle: rnd.IntN(aisles), Block: rnd.IntN(n), Cell: rnd.IntN(cells / n)})
			}
		}
		depot := blocks.AtCross(0, 0)
		var us []float64
		for range rounds {
			at := time.Now()
			for _, c := range lists {
				if _, err := r.Route(c, depot, depot); err != nil {
					return err
				}
			}
			us = append(us, float64(time.Since(at).Nanoseconds())/1000/tours)
		}
		report(fmt.Sprintf("route_with_list_20_aisles_%d_blocks", n), median(us), "us", goal)
	}
	return nil
}

// largePool measures how fast a plan of 1,000 orders by demand becomes good, beside a
// search of a minute on two threads in the same run, and what it saves against orders
// as they come on S-shape walks.
func largePool(_ context.Context, _ string) error {
	f, err := instance.Pool(1000, 75, 1).Generate().Field()
	if err != nil {
		return err
	}
	p := f.Problem()
	cost := map[time.Duration]int64{}
	for _, d := range []time.Duration{500 * time.Millisecond, 5 * time.Second, time.Minute} {
		o := batch.Options{Rounds: 1 << 30, Seed: 1, Stop: study.Until(d)}
		if d > 5*time.Second {
			o.Threads = 2
		}
		plan, err := batch.Solve(p, o)
		if err != nil {
			return err
		}
		if err := p.Check(plan); err != nil {
			return err
		}
		cost[d] = plan.Cost
	}
	best := float64(min(cost[500*time.Millisecond], cost[5*time.Second], cost[time.Minute]))
	report("pool_1000_orders_500ms_over_best", 100*(float64(cost[500*time.Millisecond])/best-1), "%", 5)
	report("pool_1000_orders_5s_over_best", 100*(float64(cost[5*time.Second])/best-1), "%", 1)
	var people int64
	masks := make([]uint64, p.Aisles)
	for _, b := range batch.FirstCome(p) {
		clear(masks)
		for _, j := range b {
			for _, s := range p.Jobs[j].Stops {
				masks[s.Aisle] |= s.Mask
			}
		}
		people += f.Single().PolicyLength(route.SShape, masks)
	}
	report("pool_1000_orders_less_walking", 100*(1-float64(cost[5*time.Second])/float64(people)), "%", -40)
	return nil
}
