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
	const rounds = 40
	at := time.Now()
	var sum int64
	for range rounds {
		for _, l := range lists {
			t, err := r.Route(l)
			if err != nil {
				return err
			}
			sum += t.LengthMm
		}
	}
	report("route_with_list_10x45_30picks", float64(time.Since(at).Nanoseconds())/1000/rounds/tours, "us", 5)
	at = time.Now()
	for range 10 * rounds {
		for _, m := range masks {
			sum -= r.Length(m)
		}
	}
	report("route_length_10x45_30picks", float64(time.Since(at).Nanoseconds())/10/rounds/tours, "ns", 400)
	_ = sum // keeps both loops honest
	return nil
}
