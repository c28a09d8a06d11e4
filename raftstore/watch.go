package raftstore

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// Change is one key that a command wrote, as the command left it.
type Change struct {
	Key []byte
	// Value must not be changed: others hear of the same bytes. It is nil when
	// the key was deleted.
	Value   []byte
	Deleted bool
}

// Watcher hears what Watch tells. An error ends the Watch. What it does may take
// any time: nobody waits for it.
type Watcher interface {
	// Changed tells what the command of that number did under the prefix, keys
	// in ascending order and each once. Commands that did nothing there are left
	// out. Setting a key to what it was, and deleting one that was not there,
	// are changes like any other. The slice may be kept.
	Changed(at uint64, changes []Change) error
	// Reset tells that what came between is not known any more: forget
	// everything under the prefix and read it anew. The state in r is that after
	// the command of number at, and Changed goes on with what follows. r must
	// not be kept. It ends with ErrClosed when the store closes.
	Reset(r Reader, at uint64) error
}

// Watch tells w of the changes under the prefix by the commands after number
// from, in their order, without gap or repetition, until ctx ends, w returns an
// error, or the store stops. Its error says which; it is never nil. It runs w on
// the goroutine of the caller.
//
// To go on after a restart, on this or another gateway, give the number w heard
// last; one that this gateway has not applied yet is waited for. The changes are
// kept in memory (Config.WatchHistory). Where they do not reach back to what w
// has heard, because it is slow or starts late, or the state was taken over from
// another gateway, it gets a Reset; with from 0 so does one that starts anew on a
// state that is old. When the store closes, what was applied until then is still
// told: who kept up with it goes on after the restart without a Reset.
func (s *Store) Watch(ctx context.Context, prefix []byte, from uint64, w Watcher) error {
	if err := s.WaitRebuilt(ctx); err != nil {
		if ctx.Err() != nil {
			return watchEnded(ctx)
		}
		return err
	}
	c := &watchCursor{s: s, prefix: string(prefix), at: from, w: w, most: watchStep}
	for {
		// Both are taken before looking at the history, so that nothing that
		// comes later is missed.
		changed := s.history.changed.wait()
		over := s.watchOver()
		more, err := c.step(ctx)
		switch {
		case err != nil:
			return err
		case more:
			continue
		case over != nil:
			return over
		}
		select {
		case <-changed:
		case <-s.done:
		case <-ctx.Done():
			return watchEnded(ctx)
		}
	}
}

// watchOver returns why nothing more will be applied. Close alone is not enough:
// raft may still apply what it has.
func (s *Store) watchOver() error {
	if s.history.isClosed() {
		return ErrClosed
	}
	if s.Err() != nil {
		return s.stopped()
	}
	return nil
}

func watchEnded(ctx context.Context) error {
	return fmt.Errorf("raftstore: watch: %w", ctx.Err())
}

// watchStep is how many commands a watcher takes from the history at once: the
// lock is held for no longer than it takes to copy that many.
const watchStep = 256

// watchCursor is how far one watcher has come.
type watchCursor struct {
	s      *Store
	prefix string
	at     uint64 // everything up to this command was told
	w      Watcher
	most   int // commands taken at once
}

// step tells what the history holds next; more is false when nothing was there.
func (c *watchCursor) step(ctx context.Context) (more bool, err error) {
	if ctx.Err() != nil {
		return false, watchEnded(ctx)
	}
	records, to, ok := c.s.history.after(c.at, c.most)
	if !ok {
		return true, c.reset()
	}
	for _, r := range records {
		if ctx.Err() != nil {
			return false, watchEnded(ctx)
		}
		if changes := r.under(c.prefix); len(changes) > 0 {
			if err := c.w.Changed(r.number, changes); err != nil {
				return false, err
			}
		}
		c.at = r.number
	}
	c.at = to
	return len(records) > 0, nil
}

// reset gives the whole state. A view is swapped before the history begins
// anew, and committed before the history hears of it, so it is never older than
// where the history begins.
func (c *watchCursor) reset() error {
	return c.s.read(func(txn *badger.Txn) error {
		b, err := badgerGet(txn, metaKey)
		if err != nil {
			return err
		}
		m, err := decodeMetaRow(b)
		if err != nil {
			return err
		}
		if err := c.w.Reset(openReader{reader{txn}, c.s.closing}, m.number); err != nil {
			return err
		}
		c.at = m.number
		return nil
	})
}

// openReader ends with Close: reading everything may take longer than Close
// waits for readers.
type openReader struct {
	reader
	closing <-chan struct{}
}

func (r openReader) open() error {
	select {
	case <-r.closing:
		return ErrClosed
	default:
		return nil
	}
}

// Get implements Reader.
func (r openReader) Get(key []byte) ([]byte, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	return r.reader.Get(key)
}

// Range implements Reader.
func (r openReader) Range(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	return r.RangeAfter(prefix, nil, fn)
}

// RangeAfter is Range of the keys that come after one; nil = from the first.
func (r openReader) RangeAfter(prefix, after []byte, fn func(key, value []byte) (bool, error)) error {
	return r.reader.RangeAfter(prefix, after, func(key, value []byte) (bool, error) {
		if err := r.open(); err != nil {
			return false, err
		}
		return fn(key, value)
	})
}

// written is what one command wrote. It does not change.
type written struct {
	number uint64
	rows   []row // by key, with the byte of the space
}

// The memory one row and one command take besides their keys and values, rounded
// up.
const (
	historyRow     = 64
	historyCommand = 64
)

func (r written) size() int {
	n := historyCommand
	for _, row := range r.rows {
		n += historyRow + len(row.key) + len(row.val)
	}
	return n
}

// under returns the changes of keys with the prefix.
func (r written) under(prefix string) []Change {
	key := func(i int) string { return r.rows[i].key[1:] }
	i := sort.Search(len(r.rows), func(i int) bool { return key(i) >= prefix })
	var list []Change
	for ; i < len(r.rows) && strings.HasPrefix(key(i), prefix); i++ {
		list = append(list, Change{Key: []byte(key(i)), Value: r.rows[i].val, Deleted: r.rows[i].del})
	}
	return list
}

// history is what the newest commands wrote: everything after base up to end.
// The apply goroutine adds to it and never waits for who reads; who reads copies
// a few records at a time.
//
// It is in memory and not in rows of its own: every change would be written
// twice, on cards that wear out, and a queue is what Badger is worst at. What a
// rebuild replays fills it again.
type history struct {
	limit   int // bytes
	changed broadcast

	mu      sync.Mutex
	base    uint64
	end     uint64
	records []written
	bytes   int
	closed  bool
}

// begin forgets everything: the state is that after command at.
func (h *history) begin(at uint64) {
	h.mu.Lock()
	h.base, h.end, h.bytes, h.records = at, at, 0, nil
	h.mu.Unlock()
	h.changed.wake()
}

// add appends what was committed with the state of command end.
func (h *history) add(end uint64, records []written) {
	h.mu.Lock()
	if end == h.end { // an entry without a new command
		h.mu.Unlock()
		return
	}
	h.end = end
	h.records = append(h.records, records...)
	for _, r := range records {
		h.bytes += r.size()
	}
	drop := 0
	for drop < len(h.records) && h.bytes > h.limit {
		h.base = h.records[drop].number
		h.bytes -= h.records[drop].size()
		drop++
	}
	clear(h.records[:drop]) // the array stays for a while
	h.records = h.records[drop:]
	h.mu.Unlock()
	h.changed.wake()
}

// after returns at most n of the records after command at, and the number up to
// which there is nothing but them. It is false when not all are there any more.
func (h *history) after(at uint64, n int) (list []written, to uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at < h.base {
		return nil, 0, false
	}
	i := sort.Search(len(h.records), func(i int) bool { return h.records[i].number > at })
	rest := h.records[i:]
	if len(rest) > n {
		return slices.Clone(rest[:n]), rest[n-1].number, true
	}
	return slices.Clone(rest), max(at, h.end), true
}

// close tells that nothing more will come.
func (h *history) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.changed.wake()
}

func (h *history) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// note keeps what the running command wrote, before that is made final. It is
// told when the transaction is committed: never a part of a command, because a
// transaction ends between two of them.
func (a *applier) note() {
	if a.history == nil || len(a.o.undo) == 0 {
		return
	}
	rows := make([]row, len(a.o.undo))
	for i, u := range a.o.undo {
		rows[i] = *u.row
	}
	// A key written twice is here twice with the same row.
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.key, b.key) })
	rows = slices.CompactFunc(rows, func(a, b row) bool { return a.key == b.key })
	a.noted = append(a.noted, written{number: a.m.number, rows: rows})
}

// tell passes on what was noted.
func (a *applier) tell() {
	if a.history != nil {
		a.history.add(a.m.number, a.noted)
	}
	a.noted = nil
}
