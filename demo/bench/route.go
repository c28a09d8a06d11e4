//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"math/rand/v2"
	"time"

	"tote/picking/route"
)

// routes measures the exact single-block router: 10 aisles of 45 cells, 30
// picks, as the reference figures do.
func routes(_ context.Context, _ string) error {
	const aisles, cells, picks, tours = 10, 45, 30, 256
	r, err := route.New(route.Layout{Aisles: aisles, Cells: cells, CellMm: 1000, EndMm: 1000, PitchMm: 5000})
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	lists := make([][]route.Cell, tours)
	masks := make([][]uint64, tours)
	for i := range lists {
		for range picks {
			lists[i] = append(lists[i], route.Cell{Aisle: rnd.IntN(aisles), Cell: rnd.IntN(cells)})
		}
		if masks[i], err = r.Masks(lists[i]); err != nil {
			return err
		}
	}
	const rounds, laps = 15, 10
	var sum int64
	var route, length []float64
	for range rounds {
		at := time.Now()
		for range laps {
			for _, l := range lists {
				t, err := r.Route(l)
				if err != nil {
					return err
				}
				sum += t.LengthMm
			}
		}
		route = append(route, float64(time.Since(at).Nanoseconds())/1000/laps/tours)
		at = time.Now()
		for range 10 * laps {
			for _, m := range masks {
				sum -= r.Length(m)
			}
		}
		length = append(length, float64(time.Since(at).Nanoseconds())/10/laps/tours)
	}
	report("route_with_list_10x45_30picks", median(route), "us", 5)
	report("route_length_10x45_30picks", median(length), "ns", 400)
	_ = sum // keeps both loops honest
	return nil
}
