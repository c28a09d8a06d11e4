// Package memtx is a transaction in memory for tests of the state machine and
// of whoever runs it: an ordered map with snapshots and a digest.
//
// It has the methods of warehouse.Tx and of raftstore.Tx and imports neither.
// It owns no goroutine and is not safe for use by more than one.
package memtx

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// Tx is the state. The zero value is not ready; use [New].
type Tx struct {
	vals   map[string][]byte
	blocks [][]string // the keys, sorted; no block is empty or longer than blockKeys
	writes int
}

// blockKeys bounds what one new key has to push aside.
const blockKeys = 512

// find is where a key is or belongs: the block and the place in it.
func (t *Tx) find(s string) (block, at int, found bool) {
	block, found = slices.BinarySearchFunc(t.blocks, s, func(b []string, s string) int { return strings.Compare(b[0], s) })
	if !found {
		block = max(block-1, 0) // the last one that begins before it
	}
	if len(t.blocks) == 0 {
		return 0, 0, false
	}
	at, found = slices.BinarySearch(t.blocks[block], s)
	return block, at, found
}

// add puts a new key in its place.
func (t *Tx) add(s string) {
	if len(t.blocks) == 0 {
		t.blocks = [][]string{{s}}
		return
	}
	i, at, _ := t.find(s)
	b := slices.Insert(t.blocks[i], at, s)
	if len(b) > blockKeys {
		half := slices.Clone(b[blockKeys/2:])
		t.blocks = slices.Insert(t.blocks, i+1, half)
		clear(b[blockKeys/2:])
		b = b[:blockKeys/2]
	}
	t.blocks[i] = b
}

// all lists the keys.
func (t *Tx) all() []string { return slices.Concat(t.blocks...) }

// New returns an empty state.
func New() *Tx { return &Tx{vals: make(map[string][]byte)} }

// Get returns the value of key, nil when absent.
func (t *Tx) Get(key []byte) ([]byte, error) { return t.vals[string(key)], nil }

// Set stores copies of key and value.
func (t *Tx) Set(key, value []byte) error {
	t.writes++
	s := string(key)
	if _, ok := t.vals[s]; !ok {
		t.add(s)
	}
	v := make([]byte, len(value))
	copy(v, value)
	t.vals[s] = v
	return nil
}

// Delete removes key; an absent key is no error.
func (t *Tx) Delete(key []byte) error {
	t.writes++
	s := string(key)
	if _, ok := t.vals[s]; ok {
		i, at, _ := t.find(s)
		if t.blocks[i] = slices.Delete(t.blocks[i], at, at+1); len(t.blocks[i]) == 0 {
			t.blocks = slices.Delete(t.blocks, i, i+1)
		}
		delete(t.vals, s)
	}
	return nil
}

// Range calls fn for the keys with the prefix, ascending. fn must not write.
func (t *Tx) Range(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	return t.RangeAfter(prefix, nil, fn)
}

// RangeAfter is Range of the keys behind one; nil = from the first.
func (t *Tx) RangeAfter(prefix, after []byte, fn func(key, value []byte) (bool, error)) error {
	i, at, found := t.find(max(string(prefix), string(after)))
	if found && after != nil {
		at++
	}
	for ; i < len(t.blocks); i, at = i+1, 0 {
		for _, k := range t.blocks[i][at:] {
			if !strings.HasPrefix(k, string(prefix)) {
				return nil
			}
			more, err := fn([]byte(k), bytes.Clone(t.vals[k]))
			if err != nil || !more {
				return err
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
		s.vals = append(s.vals, t.vals[k])
	}
	return s
}

// Rollback takes the state back to s.
func (t *Tx) Rollback(s Snapshot) {
	t.blocks = nil
	for b := range slices.Chunk(s.keys, blockKeys/2) {
		t.blocks = append(t.blocks, slices.Clone(b))
	}
	t.vals = make(map[string][]byte, len(s.keys))
	for i, k := range s.keys {
		t.vals[k] = s.vals[i]
	}
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
	for _, b := range t.blocks {
		for _, k := range b {
			add([]byte(k))
			add(t.vals[k])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
