//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"tote/gs1/epc"
	"tote/gs1/scan"
)

// codes measures how fast tags and barcodes are read, on one core: tags of 96
// bits from their hexadecimal digits to their pure identities, and GS1-128 labels
// with three elements. A busy portal sees 200,000 reads a second, and reading a
// tag is but a part of what is done with it: it may take a fifth of the time.
func codes(_ context.Context, _ string) error {
	const rounds, laps, many = 15, 20, 1000
	tags, labels := make([]string, many), make([]string, many)
	for i := range many {
		e, err := epc.EPC{Scheme: epc.SGTIN, Prefix: "0614141", Reference: "812345", Serial: fmt.Sprint(i * 7919)}.On("sgtin-96", epc.FilterItem)
		if err != nil {
			return err
		}
		tags[i] = e.Hex
		labels[i] = fmt.Sprintf("]C1010950600013435210LOT%d\x1d17270131", i)
	}
	reader, err := scan.New(scan.Config{})
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		goal float64
		read func(i int) error
	}{
		{"epc96_decode", -1_000_000, func(i int) error { _, err := epc.Decode(tags[i]); return err }},
		{"epc96_identity", -1_000_000, func(i int) error {
			e, err := epc.Decode(tags[i])
			if err == nil && e.Key() == "" {
				err = fmt.Errorf("%s has no identity", tags[i])
			}
			return err
		}},
		{"gs1_scan", -200_000, func(i int) error { _, err := reader.Read(labels[i]); return err }},
	} {
		var perSecond []float64
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range rounds {
			at := time.Now()
			for range laps {
				for i := range many {
					if err := m.read(i); err != nil {
						return err
					}
				}
			}
			perSecond = append(perSecond, laps*many/time.Since(at).Seconds())
		}
		runtime.ReadMemStats(&after)
		report(m.name, median(perSecond), "1/s", m.goal)
		report(m.name+"_allocations", float64(after.Mallocs-before.Mallocs)/(rounds*laps*many), "1/op", 2.1)
	}
	return nil
}
