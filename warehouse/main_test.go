package warehouse_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain: the random models look the whole state through after each command, which
// is garbage at once; a heap of a few megabytes need not be swept that often.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}
