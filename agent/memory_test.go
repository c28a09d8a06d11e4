package agent

import (
	"runtime/debug"
	"testing"
)

// TestFrugal is not parallel: there is one collector in the process.
func TestFrugal(t *testing.T) {
	was := debug.SetGCPercent(100)
	defer debug.SetGCPercent(was)
	for env, want := range map[string]int{"": gcPercent, "80": 100} {
		t.Setenv("GOGC", env)
		debug.SetGCPercent(100) // what Go made of the environment is not at issue
		Frugal()
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("GOGC=%q: %d, want %d", env, got, want)
		}
	}
}
