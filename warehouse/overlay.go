package warehouse

import (
	"bytes"
	"slices"
)

// overlay holds the writes of one command back until the command is accepted.
// A refused command so changes nothing by construction, whoever runs Apply and
// however late a handler finds its reason to refuse. Writes reach the
// transaction in key order, each key once.
//
// A command writes some ten rows, few write thousands: a sorted list is found
// in faster than a map is built, and is in order whenever it is asked to be.
type overlay struct {
	base  Reader
	rows  []*held // by key
	bytes int     // of keys and values
	spare []held  // rows not used yet
	first [12]held
}

// held is one write; val nil = deleted.
type held struct {
	key, val []byte
}

func (o *overlay) find(k []byte) (at int, found bool) {
	return slices.BinarySearchFunc(o.rows, k, func(h *held, k []byte) int { return bytes.Compare(h.key, k) })
}

func (o *overlay) Get(k []byte) ([]byte, error) {
	if at, found := o.find(k); found {
		return o.rows[at].val, nil
	}
	return o.base.Get(k)
}

// put keeps key and value: they must not be changed any more.
func (o *overlay) put(k, v []byte) {
	at, found := o.find(k)
	if !found {
		o.rows = slices.Insert(o.rows, at, o.row())
		o.rows[at].key = k
		o.bytes += len(k)
	}
	h := o.rows[at]
	o.bytes += len(v) - len(h.val)
	h.val = v
}

// row is an empty one.
func (o *overlay) row() *held {
	switch {
	case o.rows == nil:
		o.rows, o.spare = make([]*held, 0, len(o.first)), o.first[:]
	case len(o.spare) == 0:
		o.spare = make([]held, len(o.rows))
	}
	h := &o.spare[0]
	o.spare = o.spare[1:]
	return h
}

func (o *overlay) Set(k, v []byte) error {
	if v == nil {
		v = []byte{}
	}
	o.put(k, v)
	return nil
}

func (o *overlay) Delete(k []byte) error {
	o.put(k, nil)
	return nil
}

// Range merges the held writes with the transaction below.
func (o *overlay) Range(prefix []byte, fn func(k, v []byte) (bool, error)) error {
	return o.RangeAfter(prefix, nil, fn)
}

// RangeAfter is Range of the keys behind one; nil = from the first.
func (o *overlay) RangeAfter(prefix, after []byte, fn func(k, v []byte) (bool, error)) error {
	start := prefix
	if bytes.Compare(after, prefix) > 0 {
		start = after
	}
	from, found := o.find(start)
	if found && after != nil && bytes.Equal(start, after) {
		from++
	}
	to := from
	for to < len(o.rows) && bytes.HasPrefix(o.rows[to].key, prefix) {
		to++
	}
	mine, more := o.rows[from:to], true
	emit := func() (err error) {
		if h := mine[0]; h.val != nil {
			more, err = fn(h.key, h.val)
		}
		mine = mine[1:]
		return err
	}
	err := rangeAfter(o.base, prefix, after, func(k, v []byte) (bool, error) {
		for len(mine) > 0 {
			order := bytes.Compare(mine[0].key, k)
			if order > 0 {
				break
			}
			if err := emit(); err != nil || !more || order == 0 {
				return more, err
			}
		}
		var err error
		more, err = fn(k, v)
		return more, err
	})
	for err == nil && more && len(mine) > 0 {
		err = emit()
	}
	return err
}

// spent is what the command has written so far: keys, and bytes of keys and
// values.
func (o *overlay) spent() (keys, bytes int) { return len(o.rows), o.bytes }

// biggest is the longest value.
func (o *overlay) biggest() int {
	n := 0
	for _, h := range o.rows {
		n = max(n, len(h.val))
	}
	return n
}

// flush writes everything to tx.
func (o *overlay) flush(tx Tx) error {
	for _, h := range o.rows {
		var err error
		if h.val == nil {
			err = tx.Delete(h.key)
		} else {
			err = tx.Set(h.key, h.val)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
