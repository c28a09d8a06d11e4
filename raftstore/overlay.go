package raftstore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/dgraph-io/badger/v4"
)

// Errors a Tx gives to a Machine.
var (
	errWriteInRange = errors.New("raftstore: write during a Range of the same transaction")
	errTxDone       = errors.New("raftstore: the transaction is over")
)

// overlay is what a batch of commands has written and Badger does not know
// yet, over one Badger snapshot. The writes of the running command can be
// taken back alone. It belongs to the apply goroutine.
//
// It is our own and not a Badger transaction, because that one sorts all its
// writes for each Range, allows one Range at a time, and cannot take back the
// writes of one command.
type overlay struct {
	base   *badger.Txn
	rows   map[string]*row
	sorted []*row // by key
	bytes  int    // estimate of what the Badger transaction will hold
	undo   []undo // of the running command
	ranges int    // running Range calls
}

// row is a written key; val nil and del true when it was deleted.
type row struct {
	key string
	val []byte
	del bool
}

// undo is the former value of a row; fresh when the row was not there.
type undo struct {
	row   *row
	val   []byte
	del   bool
	fresh bool
}

// rowOverhead is what Badger adds to each write, rounded up.
const rowOverhead = 16

func newOverlay(base *badger.Txn) *overlay {
	return &overlay{base: base, rows: map[string]*row{}}
}

func (o *overlay) get(key []byte) ([]byte, error) {
	if r := o.rows[string(key)]; r != nil {
		if r.del {
			return nil, nil
		}
		return r.val, nil
	}
	return badgerGet(o.base, key)
}

// put writes key; del deletes it. Key and value are kept, not copied.
func (o *overlay) put(key string, val []byte, del bool) {
	r := o.rows[key]
	if r == nil {
		r = &row{key: key}
		i := o.search(key)
		o.sorted = slices.Insert(o.sorted, i, r)
		o.rows[key] = r
		o.undo = append(o.undo, undo{row: r, fresh: true})
		o.bytes += len(key) + rowOverhead
	} else {
		o.undo = append(o.undo, undo{row: r, val: r.val, del: r.del})
	}
	o.bytes += len(val) - len(r.val)
	r.val, r.del = val, del
}

func (o *overlay) search(key string) int {
	return sort.Search(len(o.sorted), func(i int) bool { return o.sorted[i].key >= key })
}

// keep makes the writes since the last keep or rollback final.
func (o *overlay) keep() { o.undo = o.undo[:0] }

// rollback takes back the writes since the last keep or rollback.
func (o *overlay) rollback() {
	for i := len(o.undo) - 1; i >= 0; i-- {
		u := o.undo[i]
		o.bytes += len(u.val) - len(u.row.val)
		u.row.val, u.row.del = u.val, u.del
		if u.fresh {
			j := o.search(u.row.key)
			o.sorted = slices.Delete(o.sorted, j, j+1)
			delete(o.rows, u.row.key)
			o.bytes -= len(u.row.key) + rowOverhead
		}
	}
	o.undo = o.undo[:0]
}

// scan walks Badger and the overlay together in key order, behind a key unless
// that is nil. The overlay must not change meanwhile.
func (o *overlay) scan(prefix, after []byte, fn func(key, val []byte) (bool, error)) error {
	o.ranges++
	defer func() { o.ranges-- }()
	it := newIterator(o.base, prefix)
	defer it.Close()
	from := prefix
	if it.Rewind(); after != nil {
		from = append(slices.Clone(after), 0)
		it.Seek(from)
	}
	i := o.search(string(from))
	for {
		var mine *row
		if i < len(o.sorted) && len(o.sorted[i].key) >= len(prefix) && o.sorted[i].key[:len(prefix)] == string(prefix) {
			mine = o.sorted[i]
		}
		if mine == nil && !it.Valid() {
			return nil
		}
		order := -1
		switch {
		case mine == nil:
			order = 1
		case it.Valid():
			order = bytes.Compare([]byte(mine.key), it.Item().Key())
		}
		more, err := true, error(nil)
		if order <= 0 {
			i++
			if order == 0 {
				it.Next() // hidden by the overlay
			}
			if !mine.del {
				more, err = fn([]byte(mine.key), mine.val)
			}
		} else {
			item := it.Item()
			err = item.Value(func(val []byte) (err error) {
				more, err = fn(item.Key(), notNil(val))
				return err
			})
			it.Next()
		}
		if err != nil || !more {
			return err
		}
	}
}

// commit writes everything in one Badger transaction.
func (o *overlay) commit(db *badger.DB) error {
	txn := db.NewTransaction(true)
	defer txn.Discard()
	for _, r := range o.sorted {
		var err error
		if r.del {
			err = txn.Delete([]byte(r.key))
		} else {
			err = txn.Set([]byte(r.key), r.val)
		}
		if err != nil {
			return fmt.Errorf("write %d rows: %w", len(o.sorted), err)
		}
	}
	return txn.Commit()
}

// half tells that the next command could take the transaction over Badger's
// limit.
func (o *overlay) half() bool {
	return o.bytes >= txnBytes/2 || len(o.sorted) >= txnWrites/2
}

// commandTx is the Tx of one command.
type commandTx struct {
	o      *overlay
	writes int
	bytes  int
	over   bool  // a limit was passed: the command is refused
	broken error // the machine broke a rule: the store stops
	done   bool
}

var _ Tx = (*commandTx)(nil)

// Get implements Reader.
func (t *commandTx) Get(key []byte) ([]byte, error) {
	if t.done {
		return nil, errTxDone
	}
	return t.o.get(stateKey(key))
}

// Range implements Reader.
func (t *commandTx) Range(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	return t.RangeAfter(prefix, nil, fn)
}

// RangeAfter is Range of the keys that come after one; nil = from the first.
func (t *commandTx) RangeAfter(prefix, after []byte, fn func(key, value []byte) (bool, error)) error {
	if t.done {
		return errTxDone
	}
	if after != nil {
		after = stateKey(after)
	}
	return t.o.scan(stateKey(prefix), after, func(key, val []byte) (bool, error) { return fn(key[1:], val) })
}

// Set implements Tx.
func (t *commandTx) Set(key, value []byte) error {
	return t.write(key, append(make([]byte, 0, len(value)), value...), false)
}

// Delete implements Tx.
func (t *commandTx) Delete(key []byte) error { return t.write(key, nil, true) }

func (t *commandTx) write(key, value []byte, del bool) error {
	switch {
	case t.done:
		return errTxDone
	case t.o.ranges > 0:
		t.broken = errWriteInRange
		return errWriteInRange
	}
	t.writes++
	t.bytes += len(key) + len(value)
	if t.over || len(key) > MaxKey || len(value) > MaxValue || t.writes > MaxWrites || t.bytes > MaxWritten {
		t.over = true
		return ErrTooBig
	}
	t.o.put(string(stateKey(key)), value, del)
	return nil
}
