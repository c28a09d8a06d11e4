//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"errors"
	"runtime"
	"time"

	"tote/agent/pins"
)

// Goals: a worker at the handheld notices nothing below a second, and ARM gateways
// compute some ten times slower than this machine; one hash leaves room for the rest
// of a gateway that has 64 MB.
const (
	pinGoal       = 100 // ms
	pinMemoryGoal = 12  // MiB
)

// comparePins measures what a PIN costs at a sign-in.
func comparePins(ctx context.Context, _ string) error {
	hash, err := pins.Hash(ctx, "80315742", pins.Salt("W1"))
	if err != nil {
		return err
	}
	var took []float64
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 15
	for range rounds {
		began := time.Now()
		right, err := pins.Right(ctx, "80315742", hash)
		if err != nil || !right {
			return errors.Join(err, errors.New("pin: the right one is wrong"))
		}
		took = append(took, float64(time.Since(began))/float64(time.Millisecond))
	}
	runtime.ReadMemStats(&after)
	report("pin_compared", median(took), "ms", pinGoal)
	report("pin_memory", float64(after.TotalAlloc-before.TotalAlloc)/rounds/(1<<20), "MiB", pinMemoryGoal)
	return nil
}
