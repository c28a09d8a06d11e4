package blocks

import "testing"

// TestStates: the number of states is that of the literature: 7 of Ratliff and
// Rosenthal, 25 of Roodbergen and de Koster, and on.
func TestStates(t *testing.T) {
	for blocks, want := range map[int]int{1: 7, 2: 25, 3: 113, 4: 569, 5: 3033} {
		if got := len(tableOf(blocks+1, false).hops); got != want {
			t.Errorf("%d blocks: %d states, want %d", blocks, got, want)
		}
		if blocks < 5 {
			t.Logf("%d blocks: %d states of open walks", blocks, len(tableOf(blocks+1, true).hops))
		}
	}
}
