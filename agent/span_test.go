package agent

import (
	"testing"
	"time"

	"tote/agent/portal"
)

// TestSpanOfAPass: no clock makes a pass that the state machine refuses for its times.
func TestSpanOfAPass(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_000)
	for _, c := range []struct {
		name     string
		from, to time.Time
		wantFrom int64
		wantTo   int64
	}{
		{"as it was", at.Add(-2 * time.Second), at, 1_799_999_998_000, 1_800_000_000_000},
		{"the clock was set back meanwhile", at.Add(time.Hour), at, 1_800_000_000_000, 1_800_000_000_000},
		{"a clock that begins at 1970", time.UnixMilli(-500), time.UnixMilli(1500), 0, 1500},
		{"one before it", time.UnixMilli(-9000), time.UnixMilli(-8000), 0, 0},
	} {
		if from, to := span(portal.Pass{From: c.from, To: c.to}); from != c.wantFrom || to != c.wantTo {
			t.Errorf("%s: %d to %d, want %d to %d", c.name, from, to, c.wantFrom, c.wantTo)
		}
	}
}
