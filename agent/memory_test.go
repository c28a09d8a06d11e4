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

func TestMemoryIsGivenBackAtRest(t *testing.T) {
	last := memorySample{cycles: 3, held: 20 << 20}
	for name, tc := range map[string]struct {
		now  memorySample
		want bool
	}{
		"much, at rest":   {memorySample{9, 40 << 20}, true},
		"much, at work":   {memorySample{10, 40 << 20}, false},
		"little, at rest": {memorySample{9, 22 << 20}, false},
		"less than then":  {memorySample{9, 10 << 20}, false},
	} {
		if got := tc.now.worthIt(memorySample{9, 40 << 20}, last); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
