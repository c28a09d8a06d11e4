package warehouse

import "testing"

// SetCounter sets a counter, to get to the end of a range at once.
func SetCounter(t *testing.T, tx Tx, n uint64, parts ...string) {
	t.Helper()
	if err := tx.Set(key(kSeq, parts...), []byte(num(n))); err != nil {
		t.Fatal(err)
	}
}
