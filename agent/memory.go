package agent

import (
	"os"
	"runtime/debug"
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
