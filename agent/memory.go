package agent

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// gcPercent is how much garbage there may be, in percent of what is in use,
// before it is collected. Go's own 100 lets a gateway take half as much again of
// a small machine as it needs; what it saves is time that a warehouse has.
const gcPercent = 50

// Frugal sets the garbage collector of the process for a small machine, unless
// the environment (GOGC) says how it should be. It is for programs whose main
// business is one gateway.
func Frugal() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

const (
	memoryLook  = 10 * time.Second
	memoryLeast = 4 << 20 // bytes that are worth the work
)

// memorySample is what the collector did and holds.
type memorySample struct {
	cycles uint32
	held   uint64 // bytes of the heap that the machine cannot use for others
}

func takeSample() memorySample {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memorySample{m.NumGC, m.HeapSys - m.HeapReleased}
}

// worthIt tells whether memory should be given back: nothing was collected since
// the look before, so there is little work, and much more is held than after it
// was given back last.
func (now memorySample) worthIt(before, last memorySample) bool {
	return now.cycles == before.cycles && now.held > last.held+memoryLeast
}

// giveBack returns to the machine what work has left behind. Without work the
// collector would not run, and keep it for as long.
func giveBack(ctx context.Context) error {
	tick := time.NewTicker(memoryLook)
	defer tick.Stop()
	var last memorySample
	for before := takeSample(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := takeSample()
		if now.worthIt(before, last) {
			debug.FreeOSMemory()
			now = takeSample()
			last = now
		}
		before = now
	}
}
