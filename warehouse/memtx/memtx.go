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
	keys   []string // sorted
	writes int
}

// New returns an empty state.
func New() *Tx { return &Tx{vals: make(map[string][]byte)} }

// Get returns the value of key, nil when absent.
func (t *Tx) Get(key []byte) ([]byte, error) { return t.vals[string(key)], nil }

// Set stores copies of key and value.
func (t *Tx) Set(key, value []byte) error {
	t.writes++
	s := string(key)
	if _, ok := t.vals[s]; !ok {
		i, _ := slices.BinarySearch(t.keys, s)
		t.keys = slices.Insert(t.keys, i, s)
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
		i, _ := slices.BinarySearch(t.keys, s)
		t.keys = slices.Delete(t.keys, i, i+1)
		delete(t.vals, s)
	}
	return nil
}

// Range calls fn for the keys with the prefix, ascending. fn must not write.
func (t *Tx) Range(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	i, _ := slices.BinarySearch(t.keys, string(prefix))
	for ; i < len(t.keys) && strings.HasPrefix(t.keys[i], string(prefix)); i++ {
		more, err := fn([]byte(t.keys[i]), bytes.Clone(t.vals[t.keys[i]]))
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// Writes counts the calls of Set and Delete, also those that changed nothing.
func (t *Tx) Writes() int { return t.writes }

// Len is the number of keys.
func (t *Tx) Len() int { return len(t.keys) }

// Snapshot is a copy of the state at one moment.
type Snapshot struct {
	keys []string
	vals [][]byte
}

// Snapshot copies the state. Values are shared: Tx never changes one in place.
func (t *Tx) Snapshot() Snapshot {
	s := Snapshot{keys: slices.Clone(t.keys), vals: make([][]byte, 0, len(t.keys))}
	for _, k := range t.keys {
		s.vals = append(s.vals, t.vals[k])
	}
	return s
}

// Rollback takes the state back to s.
func (t *Tx) Rollback(s Snapshot) {
	t.keys = slices.Clone(s.keys)
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
	for _, k := range t.keys {
		add([]byte(k))
		add(t.vals[k])
	}
	return hex.EncodeToString(h.Sum(nil))
}
