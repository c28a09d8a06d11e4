package warehouse

import (
	"slices"
	"testing"

	"tote/warehouse/detcbor"
)

// SetCounter sets a counter, to get to the end of a range at once.
func SetCounter(t *testing.T, tx Tx, n uint64, parts ...string) {
	t.Helper()
	if err := tx.Set(key(kSeq, parts...), []byte(num(n))); err != nil {
		t.Fatal(err)
	}
}

// Transitions is the work axis as pairs.
func Transitions() (pairs [][2]OrderState) {
	for _, t := range transitions {
		for _, to := range t.to {
			pairs = append(pairs, [2]OrderState{t.from, to})
		}
	}
	return pairs
}

// RequestSteps is the request axis as pairs.
func RequestSteps() (pairs [][2]RequestState) {
	for _, s := range requestSteps {
		for _, to := range s.to {
			pairs = append(pairs, [2]RequestState{s.from, to})
		}
	}
	return pairs
}

// Rest lets an order rest in a state that it only passes through today, as a
// later version may.
func Rest(t *testing.T, tx Tx, id string, s OrderState) {
	t.Helper()
	o, err := GetOrder(tx, id)
	if err != nil || o == nil {
		t.Fatal(o, err)
	}
	c := newChange(tx, Meta{}, "test")
	if _, err := c.withdraw(o, "test"); err != nil {
		t.Fatal(err)
	}
	if err := c.index(poolKey(o), false); err != nil {
		t.Fatal(err)
	}
	c.count(o.State, -1)
	c.count(s, 1)
	o.State = s
	o.Lines = openLines(o.Spec, nil)
	if err := save(c, key(kOrder, id), o); err != nil {
		t.Fatal(err)
	}
	if err := c.finish(tx); err != nil {
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

// FastRecords gives, for each stored record that has a fast codec, the codec and
// a value.
func FastRecords() (sets []detcbor.Set, values []any) {
	values = slices.Clone(fastRecords)
	for range values {
		sets = append(sets, records)
	}
	return sets, values
}

// FastSet is the codec of a command.
func FastSet(c Command) detcbor.Set { return detcbor.Compile(c) }

// Batched is a transaction of many commands: what they write reaches tx when done
// is called, as a store does with a batch of log entries.
func Batched(tx Tx) (batch Tx, done func() error) {
	o := &overlay{base: tx}
	return o, func() error { return o.flush(tx) }
}

// FirstIn is when sellable goods of the house that lie in a place came in first.
func FirstIn(r Reader, place, sku string) (int64, error) {
	row, err := load[stockRow](r, stockRowKey(place, stockKey{sku: sku}))
	if err != nil || row == nil {
		return 0, err
	}
	return row.First, nil
}
