// Package memtx is a transaction in memory for tests of the state machine and
// of whoever runs it: an ordered map with snapshots and a digest.
//
// It has the methods of warehouse.Tx and of raftstore.Tx and imports neither.
// It owns no goroutine and is not safe for use by more than one.
package memtx

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// Tx is the state. The zero value is not ready; use [New].
type Tx struct {
	vals   map[string]*row
	kinds  map[string]*keys // by what stands before the first zero byte of a key
	names  []string         // of kinds, sorted: so are then all keys
	writes int
}

// row is the value of a key.
type row struct {
	val    []byte
	listed bool // its key stands in a block
}

// New returns an empty state.
func New() *Tx { return &Tx{vals: make(map[string]*row), kinds: make(map[string]*keys)} }

// Get returns the value of key, nil when absent.
func (t *Tx) Get(key []byte) ([]byte, error) {
	if r := t.vals[string(key)]; r != nil {
		return r.val, nil
	}
	return nil, nil
}

// Set stores copies of key and value.
func (t *Tx) Set(key, value []byte) error {
	t.writes++
	r := t.vals[string(key)]
	if r == nil {
		s := string(key)
		r = &row{}
		t.vals[s] = r
		t.of(s).note(s)
	}
	r.val = append(make([]byte, 0, len(value)), value...)
	return nil
}

// Delete removes key; an absent key is no error.
func (t *Tx) Delete(key []byte) error {
	t.writes++
	s := string(key)
	r := t.vals[s]
	if r == nil {
		return nil
	}
	delete(t.vals, s)
	k := t.of(s)
	if r.listed {
		k.remove(s)
	} else {
		k.gone(t.vals)
	}
	return nil
}

// of is the kind of a key.
func (t *Tx) of(s string) *keys {
	name, _, _ := strings.Cut(s, "\x00")
	k := t.kinds[name]
	if k == nil {
		k = &keys{}
		t.kinds[name] = k
		at, _ := slices.BinarySearch(t.names, name)
		t.names = slices.Insert(t.names, at, name)
	}
	return k
}

// Range calls fn for the keys with the prefix, ascending. fn must not write.
func (t *Tx) Range(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	return t.RangeAfter(prefix, nil, fn)
}

// RangeAfter is Range of the keys behind one; nil = from the first.
func (t *Tx) RangeAfter(prefix, after []byte, fn func(key, value []byte) (bool, error)) error {
	p := string(prefix)
	kind, _, whole := strings.Cut(p, "\x00")
	start := max(p, string(after))
	first, _, _ := strings.Cut(start, "\x00")
	from, _ := slices.BinarySearch(t.names, max(kind, first))
	var buf []byte
	for _, name := range t.names[from:] {
		if !strings.HasPrefix(name, kind) || whole && name != kind {
			return nil
		}
		k := t.kinds[name]
		k.list(t.vals)
		i, at, found := k.find(start)
		if found && after != nil && start == string(after) {
			at++
		}
		for ; i < len(k.blocks); i, at = i+1, 0 {
			for _, s := range k.blocks[i][at:] {
				if !strings.HasPrefix(s, p) {
					i = len(k.blocks)
					break
				}
				// A reader that keeps what it is given sees it change.
				buf = append(buf[:0], s...)
				n := len(buf)
				buf = append(buf, t.vals[s].val...)
				more, err := fn(buf[:n:n], buf[n:])
				if err != nil || !more {
					return err
				}
			}
		}
	}
	return nil
}

// Writes counts the calls of Set and Delete, also those that changed nothing.
func (t *Tx) Writes() int { return t.writes }

// Len is the number of keys.
func (t *Tx) Len() int { return len(t.vals) }

// Snapshot is a copy of the state at one moment.
type Snapshot struct {
	keys []string
	vals [][]byte
}

// Snapshot copies the state. Values are shared: Tx never changes one in place.
func (t *Tx) Snapshot() Snapshot {
	s := Snapshot{keys: t.all(), vals: make([][]byte, 0, len(t.vals))}
	for _, k := range s.keys {
		s.vals = append(s.vals, t.vals[k].val)
	}
	return s
}

// Rollback takes the state back to s.
func (t *Tx) Rollback(s Snapshot) {
	writes := t.writes
	*t = *New()
	t.writes = writes
	for i, key := range s.keys {
		t.vals[key] = &row{val: s.vals[i]}
		t.of(key).note(key)
	}
}

// all lists the keys.
func (t *Tx) all() []string {
	all := make([]string, 0, len(t.vals))
	for _, name := range t.names {
		k := t.kinds[name]
		k.list(t.vals)
		for _, b := range k.blocks {
			all = append(all, b...)
		}
	}
	return all
}

// Digest is the SHA-256 of all keys and values in order, each with its length,
// in hex.
func (t *Tx) Digest() string {
	h := sha256.New()
	var n [8]byte
	add := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for _, k := range t.all() {
		add([]byte(k))
		add(t.vals[k].val)
	}
	return hex.EncodeToString(h.Sum(nil))
}
