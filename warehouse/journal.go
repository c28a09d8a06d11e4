package warehouse

import "fmt"

// The journal of the ledger, read from the front: for whoever copies it to
// another place. Its rows are never changed.

// Journal lists the moves behind number after, oldest first, at most limit.
func Journal(r Reader, after, limit uint64) ([]Traced, error) {
	n, err := counter(r, key(kSeq, kMove))
	if err != nil {
		return nil, err
	}
	var out []Traced
	for at := after + 1; at <= n && uint64(len(out)) < limit; at++ {
		m, err := must2(load[Move](r, key(kMove, num(at))))("row of the journal", fmt.Sprint(at))
		if err != nil {
			return nil, err
		}
		out = append(out, Traced{at, *m})
	}
	return out, nil
}

// JournalSince finds where the moves at or after a time begin: behind number
// after. last is the newest. The time of the log never goes back, so few rows
// are looked at.
func JournalSince(r Reader, ms int64) (after, last uint64, err error) {
	if last, err = counter(r, key(kSeq, kMove)); err != nil {
		return 0, 0, err
	}
	for to := last; after < to; { // all up to after are older, all behind to are not
		at := after + (to-after+1)/2
		m, err := must2(load[Move](r, key(kMove, num(at))))("row of the journal", fmt.Sprint(at))
		if err != nil {
			return 0, 0, err
		}
		if m.At < ms {
			after = at
		} else {
			to = at - 1
		}
	}
	return after, last, nil
}
