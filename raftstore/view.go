package raftstore

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// view is the applied state in one Badger folder.
type view struct {
	db  *badger.DB
	dir string

	// use is held for reading by everyone who reads, so that the folder is
	// never closed under a reader: Badger would fault on its mapped files.
	use    sync.RWMutex
	closed bool
}

// badgerOptions are those of a small gateway: little memory, values in the
// tree (no value log to collect), one writer, no sync.
func badgerOptions(dir string, log *slog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithMemTableSize(memTableSize).
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(6).
		WithNumCompactors(2).
		WithBaseTableSize(2 << 20).WithBaseLevelSize(8 << 20).
		WithValueLogFileSize(16 << 20).
		WithValueThreshold(64 << 10).
		WithBlockCacheSize(0).WithCompression(0).
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithSyncWrites(false).
		WithLogger(badgerLog{log})
}

const (
	memTableSize = 8 << 20
	// Badger's limits of one transaction, and the half of them at which a
	// batch is committed early.
	txnBytes  = 15 * memTableSize / 100
	txnWrites = txnBytes / 96
)

func openView(dir string, log *slog.Logger) (*view, error) {
	db, err := badger.Open(badgerOptions(dir, log))
	if err != nil {
		return nil, fmt.Errorf("open the applied state in %s: %w", dir, err)
	}
	return &view{db: db, dir: dir}, nil
}

// acquire pins the view for a reader; release it with use.RUnlock.
func (v *view) acquire() bool {
	v.use.RLock()
	if v.closed {
		v.use.RUnlock()
		return false
	}
	return true
}

// close waits for readers up to wait and closes the folder.
func (v *view) close(wait time.Duration) error {
	if err := v.abandon(wait); err != nil {
		return err
	}
	return v.db.Close()
}

// abandon waits for readers up to wait and leaves the folder as a crash would:
// closing it writes what Badger has in memory.
func (v *view) abandon(wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for !v.use.TryLock() {
		if time.Now().After(deadline) {
			return errors.New("a reader still uses the applied state")
		}
		time.Sleep(time.Millisecond)
	}
	v.closed = true
	v.use.Unlock()
	return nil
}

// syncTree makes every file in dir durable.
func syncTree(dir string) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range names {
		if err := syncPath(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return syncPath(dir)
}

func syncPath(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}

// The key spaces in Badger, by first byte. Changing one breaks snapshots.
const (
	spaceMeta   = 0x00 // the meta row
	spaceDevice = 0x01 // device → last sequence and window
	spaceAnswer = 0x02 // device, sequence mod 64 → answer
	spaceID     = 0x03 // random id → answer
	spaceQueue  = 0x04 // number → random id, in order of arrival
	spaceState  = 0x10 // the machine's keys
)

// reader reads the machine's keys of one Badger snapshot.
type reader struct{ txn *badger.Txn }

var _ Reader = reader{}

func stateKey(key []byte) []byte {
	k := make([]byte, 1+len(key))
	k[0] = spaceState
	copy(k[1:], key)
	return k
}

// Get implements Reader.
func (r reader) Get(key []byte) ([]byte, error) { return badgerGet(r.txn, stateKey(key)) }

// Range implements Reader.
func (r reader) Range(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	return r.RangeAfter(prefix, nil, fn)
}

// RangeAfter is Range of the keys that come after one; nil = from the first. It
// is for those who read a range in parts.
func (r reader) RangeAfter(prefix, after []byte, fn func(key, value []byte) (bool, error)) error {
	it := newIterator(r.txn, stateKey(prefix))
	defer it.Close()
	if it.Rewind(); after != nil {
		it.Seek(append(stateKey(after), 0))
	}
	for ; it.Valid(); it.Next() {
		item := it.Item()
		more := true
		err := item.Value(func(val []byte) (err error) {
			more, err = fn(item.Key()[1:], notNil(val))
			return err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func newIterator(txn *badger.Txn, prefix []byte) *badger.Iterator {
	return txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
}

func badgerGet(txn *badger.Txn, key []byte) ([]byte, error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	val, err := item.ValueCopy(nil)
	return notNil(val), err
}

// notNil keeps "present and empty" apart from "absent".
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
