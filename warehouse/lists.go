package warehouse

import "slices"

// Lists: what people look at all day is open, so no list of it reads what is
// closed. Its rules, from level 4 on:
//
//   - An order that is not closed has a row by its id, a closed one a row by its
//     state and when it closed, the newest first. The row follows the state
//     (enter) and goes with the order when that leaves for the archive.
//   - How many closed today is a sum of quarters of an hour, of which two days are
//     kept: the day of a site begins at its own midnight, and every clock of the
//     world differs from UTC by whole quarters.
//   - A fallout has a row under its order for as long as it is on record.
//   - What was there before level 4 is listed by rounds of AdvanceTime, once. Until
//     that is done, the lists read everything and find the same.

const (
	quarterMs   = 15 * 60_000
	endedKeptMs = 2 * dayMs
	// listDone ends the listing of what was there before. In its place stands
	// which kind of record is listed, and the key listed last.
	listDone = 0xff
)

// listed are the kinds of record, in the order in which they are listed.
var listed = []string{kOrder, kFallout}

// closed tells whether nothing more happens to the order at this site.
func (o *Order) closed() bool { return o.State == OrderShipped || o.State == OrderCancelled }

// endedKey has the newest first.
func endedKey(state OrderState, at int64, order string) []byte {
	return key(kEnded, string(state), num(^uint64(at)), order)
}

func endedInKey(state OrderState, at int64) []byte {
	return key(kEndedIn, string(state), num(uint64(at/quarterMs)))
}

// list gives an order that has just entered a state its row.
func (c *change) list(o *Order, from OrderState) error {
	switch {
	case !c.since(level4):
		return nil
	case from == "":
		return c.index(key(kActive, o.Spec.ID), true)
	case !o.closed():
		return nil
	}
	if err := c.index(key(kActive, o.Spec.ID), false); err != nil {
		return err
	}
	if err := c.startListing(0); err != nil {
		return err
	}
	return c.listEnded(o)
}

// listEnded writes the row of a closed order and counts it, once.
func (c *change) listEnded(o *Order) error {
	k := endedKey(o.State, o.Since, o.Spec.ID)
	if b, err := c.Get(k); err != nil || b != nil {
		return err
	}
	if err := c.Set(k, set); err != nil || o.Since <= c.meta.Now-endedKeptMs {
		return err
	}
	k = endedInKey(o.State, o.Since)
	n, err := counter(c, k)
	if err != nil {
		return err
	}
	if n == 0 {
		if err := c.dropQuarters(o.State); err != nil {
			return err
		}
	}
	return c.setCounter(k, n+1)
}

// dropQuarters deletes the sums that are older than what is kept.
func (c *change) dropQuarters(state OrderState) error {
	var old [][]byte
	end := string(endedInKey(state, c.meta.Now-endedKeptMs))
	err := c.Range(under(kEndedIn, string(state)), func(k, _ []byte) (bool, error) {
		if string(k) >= end {
			return false, nil
		}
		old = append(old, slices.Clone(k))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, k := range old {
		if err := c.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// startListing notes where the listing of what was there before stands, unless
// that is known: at a new site there is nothing.
func (c *change) startListing(mark byte) error {
	if !c.since(level4) {
		return nil
	}
	b, err := c.Get(key(kListed))
	if err != nil || b != nil {
		return err
	}
	return c.Set(key(kListed), []byte{mark})
}

// listOld lists the next records that were there before.
func (c *change) listOld() error {
	if !c.since(level4) {
		return nil
	}
	mark, err := c.Get(key(kListed))
	if err != nil || len(mark) > 0 && mark[0] == listDone {
		return err
	}
	if len(mark) == 0 {
		mark = []byte{0}
	}
	at, after, read := int(mark[0]), slices.Clone(mark[1:]), 0
	var orders []*Order
	var fallouts []*Fallout
	err = rangeAfter(c, under(listed[at]), after, func(k, v []byte) (bool, error) {
		read++
		after = append(after[:0], k...)
		if listed[at] == kOrder {
			o, err := decodeRecord[Order](k, v)
			orders = append(orders, o)
			return read < sweepRecords, err
		}
		f, err := decodeRecord[Fallout](k, v)
		fallouts = append(fallouts, f)
		return read < sweepRecords, err
	})
	if err != nil {
		return err
	}
	for _, o := range orders {
		if o.closed() {
			err = c.listEnded(o)
		} else {
			err = c.index(key(kActive, o.Spec.ID), true)
		}
		if err != nil {
			return err
		}
	}
	for _, f := range fallouts {
		if err := c.listFallout(f); err != nil {
			return err
		}
	}
	switch {
	case read == sweepRecords:
		mark = append([]byte{byte(at)}, after...)
	case at+1 < len(listed):
		mark = []byte{byte(at + 1)}
	default:
		mark = []byte{listDone}
	}
	return c.Set(key(kListed), mark)
}

// listFallout gives a fallout its row under its order.
func (c *change) listFallout(f *Fallout) error {
	if f.Order == "" || !c.since(level4) {
		return nil
	}
	return c.index(key(kFallOf, f.Order, f.ID), true)
}

// allListed tells whether the lists are whole; begun, whether they are being made.
func allListed(r Reader) (done, begun bool, err error) {
	b, err := r.Get(key(kListed))
	return len(b) > 0 && b[0] == listDone, len(b) > 0, err
}
