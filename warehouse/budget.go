package warehouse

import (
	"fmt"
	"slices"
)

// Budgets: what one command may write. The store takes 4096 keys and 512 KiB of
// a command and no value over 60 KiB; one that wants more can never be done, so
// nothing here may grow with the size of the floor. Work that has no natural
// end (departure, leases that ended, orders that wait for stock) is done in
// parts; an order that could not be carried out later is refused at the door.

const (
	// MaxBatchTasks is the most tasks AssignBatch takes.
	MaxBatchTasks = 1200
	// MaxBatchWalk is the most bytes of task ids in a walk: the batch is
	// one record, and short picks make it longer.
	MaxBatchWalk = 44 << 10

	// Beyond these a command is refused as a whole, whatever it is.
	mostKeys  = 3900
	mostBytes = 490 << 10
	mostValue = 58 << 10

	// An order is let in only if each step of its life stays below these.
	orderTasks  = 600
	orderKeys   = 3000
	orderBytes  = 380 << 10
	orderRecord = 46 << 10 // of the record, with all lots picked
	// grownRecord is how far short picks may let the record grow.
	grownRecord = 52 << 10
	// shortFallouts bounds the fallouts of one order for lines that are
	// short; the event names all of the lines.
	shortFallouts = 100

	// One departure, one round of AdvanceTime and one retry of waiting
	// orders go on until they have written this much.
	departKeys   = 2000
	departBytes  = 200 << 10
	leaseKeys    = 500
	leaseBytes   = 64 << 10
	receiveKeys  = 1500 // of one scanned unit
	receiveBytes = 150 << 10
	putawayTries = 50  // bins with the item that are looked at
	claimTries   = 20  // tasks a worker may not do that are passed over
	ringMost     = 200 // alarms of one round
	retryOrders  = 25
	retryKeys    = 2500
	retryBytes   = 300 << 10
	freshKeys    = 100 // a command that wrote less has done nothing yet
	rescueKeys   = 1500
	rescueBytes  = 150 << 10
	displaceKeys = 1000 // of tasks a move closes; planning them anew costs more
	elsewhereMax = 100  // other bins one short pick is sent to
)

// tooBigError: the command would write more than a command may.
type tooBigError struct{ why string }

func (e *tooBigError) Error() string { return e.why }

// tooMuch says what is over the limit of one command, "" when all is well.
func (c *change) tooMuch() string {
	keys, bytes := c.spent()
	if c.releasing && (keys > orderKeys || bytes > orderBytes) || keys > mostKeys || bytes > mostBytes {
		return fmt.Sprintf("it needs %d records of %d KiB together", keys, bytes>>10)
	}
	if c.biggest() > mostValue {
		return fmt.Sprintf("it needs a record of %d KiB", c.biggest()>>10)
	}
	return ""
}

// over tells whether a command that works in parts has done its part.
func (c *change) over(keys, bytes int) bool {
	k, b := c.spent()
	return k-c.aside.keys > keys || b-c.aside.bytes > bytes
}

// weigh is the cost of an allocation before anything is written: keys and
// bytes, and the reason why it is more than an order may cost, if it is.
func weigh(o *Order, plans [][]take) (keys, bytes int, why string) {
	tasks, record := 0, len(o.Spec.ID)+1024
	for i, l := range o.Lines {
		// A line stands in the record twice: as asked for and as it is.
		record += 2*len(l.SKU) + 48
		for _, t := range l.Tasks {
			record += len(t) + 2
		}
		for _, q := range l.Lots {
			record += len(q.Lot) + len(q.Expiry) + 10
		}
		for _, tk := range plans[i] {
			tasks++
			id := len(o.Spec.ID) + 10
			record += id + 2 + len(tk.lot) + len(tk.expiry) + 10
			// Packing costs most: two balances with two rows each, and
			// the journal.
			bytes += 5*(len(l.SKU)+len(tk.lot)) + 320
		}
	}
	bytes += 2 * record
	keys = 4*tasks + len(o.Lines) + 3*min(len(o.Fallout), len(o.Lines)) + 10
	switch {
	case tasks > orderTasks:
		why = fmt.Sprintf("it needs %d picks, the most is %d", tasks, orderTasks)
	case record > orderRecord:
		why = fmt.Sprintf("its record would have %d KiB, the most is %d", record>>10, orderRecord>>10)
	case bytes > orderBytes:
		why = fmt.Sprintf("packing it would write %d KiB, the most is %d", bytes>>10, orderBytes>>10)
	}
	if why != "" {
		why = "the order is too big for the stock as it lies: " + why
	}
	return keys, bytes, why
}

// sizeOf is the size of an order's record with the lots still to be picked.
func sizeOf(o *Order) int {
	plans := make([][]take, len(o.Lines))
	_, bytes, _ := weigh(o, plans)
	return bytes / 2
}

// roomFor cuts what a short pick is sent to elsewhere to what the record of the
// order can still hold. missing is what is cut off, on top of what was missing.
func roomFor(o *Order, takes []take, missing int64) ([]take, int64) {
	left := grownRecord - sizeOf(o)
	for i, tk := range takes {
		left -= len(o.Spec.ID) + len(tk.lot) + len(tk.expiry) + 32
		if left < 0 || i == elsewhereMax {
			for _, cut := range takes[i:] {
				missing += cut.qty
			}
			return takes[:i], missing
		}
	}
	return takes, missing
}

// Orders that wait for an item and were not tried yet are marked:
//
//	again sku → 1 and the last row under wait/sku that was tried
//
// AdvanceTime goes on behind the mark.

func againKey(sku string) []byte { return key(kAgain, sku) }

// retryWaiting tries the orders that wait for any of these demands (see
// [demand.row]), oldest first, as many as fit this command; the others are
// marked.
func (c *change) retryWaiting(skus []string) error {
	skus = slices.Clone(skus)
	slices.Sort(skus)
	skus = slices.Compact(skus)
	from := make([]string, len(skus))
	return c.retryFrom(skus, from)
}

// retryMarked goes on with the orders an earlier command left.
func (c *change) retryMarked() error {
	var skus, from []string
	prefix := under(kAgain)
	err := c.Range(prefix, func(k, v []byte) (bool, error) {
		if len(v) == 0 {
			return false, fmt.Errorf("%w: mark %q", ErrCorrupt, k)
		}
		skus, from = append(skus, string(k[len(prefix):])), append(from, string(v[1:]))
		return true, nil
	})
	if err != nil || len(skus) == 0 {
		return err
	}
	return c.retryFrom(skus, from)
}

// retryFrom tries the orders that wait for any of these items, oldest first,
// each item's behind the row from. What does not fit this command is marked.
func (c *change) retryFrom(skus, from []string) error {
	var rows []string // age and id, as in the key
	waits := make([]bool, len(skus))
	for i, sku := range skus {
		_, missing, err := c.plan(demandOf(sku), 1, nil)
		if err != nil {
			return err
		}
		if missing > 0 {
			continue
		}
		prefix := under(kWait, sku)
		err = c.Range(prefix, func(k, _ []byte) (bool, error) {
			if row := string(k[len(prefix):]); row > from[i] {
				rows, waits[i] = append(rows, row), true
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	tried := 0
	for ; tried < len(rows); tried++ {
		done, err := c.retryOne(tail([]byte(rows[tried])), tried)
		if err != nil {
			return err
		}
		if !done {
			break
		}
	}
	for i, sku := range skus {
		mark := from[i]
		if tried > 0 {
			mark = max(mark, rows[tried-1])
		}
		left := waits[i] && tried < len(rows)
		if left {
			if err := c.Set(againKey(sku), append([]byte{1}, mark...)); err != nil {
				return err
			}
		} else if err := c.index(againKey(sku), false); err != nil {
			return err
		}
	}
	return nil
}

// retryOne tries one waiting order; false when it has to wait for the next
// command.
func (c *change) retryOne(id string, tried int) (bool, error) {
	o, err := c.order(id)
	if _, err := must(o, err, "waiting order", id); err != nil {
		return false, err
	}
	if o.State != OrderShortWaiting || o.held() {
		return true, nil
	}
	p, err := c.planOrder(o)
	if err != nil {
		return false, err
	}
	keys, bytes := c.spent()
	fresh := tried == 0 && keys < freshKeys
	if !fresh && (tried == retryOrders || keys+p.keys > retryKeys || bytes+p.bytes > retryBytes) {
		return false, nil
	}
	_, err = c.allocate(o, p)
	return true, err
}
