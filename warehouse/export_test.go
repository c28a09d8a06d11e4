package warehouse

import "testing"

// SetCounter sets a counter, to get to the end of a range at once.
func SetCounter(t *testing.T, tx Tx, n uint64, parts ...string) {
	t.Helper()
	if err := tx.Set(key(kSeq, parts...), []byte(num(n))); err != nil {
		t.Fatal(err)
	}
}

// ScorTagsOf lists the tags of an event type.
func ScorTagsOf(event string) (tags []string) {
	for _, t := range scorTags {
		if t.event == event {
			tags = append(tags, t.tag)
		}
	}
	return tags
}

// Moves lists the journal.
func Moves(r Reader) ([]Move, error) { return list[Move](r, under(kMove), 0) }

// Rules lists the rules of all fallout codes.
func Rules() []Rule { return rules }

// LotArrival is when a lot came, where figures are kept.
func LotArrival(r Reader, sku, lot string) int64 {
	l, err := load[lotRecord](r, key(kLot, sku, lot))
	if err != nil || l == nil {
		return 0
	}
	return l.First
}
