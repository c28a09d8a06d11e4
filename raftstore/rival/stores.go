package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"

	"tote/raftstore/logstoretest"
	"tote/raftstore/seglog"
	"tote/raftstore/vfs"
)

// segmentSize is the same for both: what reference and rival agree on for a
// small disk.
const segmentSize = 16 << 20

// contender is one of the two logs.
type contender struct {
	name string
	open func(dir string) (logstoretest.Store, error)
}

// contenders, ours first.
var contenders = [2]contender{
	{"seglog", func(dir string) (logstoretest.Store, error) { return openOurs(dir, segmentSize) }},
	{"raftwal", func(dir string) (logstoretest.Store, error) { return openWAL(dir, segmentSize) }},
}

func openOurs(dir string, size int64) (logstoretest.Store, error) {
	l, err := seglog.Open(vfs.OS{}, filepath.ToSlash(dir), seglog.Options{SegmentSize: size})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func openWAL(dir string, size int) (logstoretest.Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	w, err := wal.Open(dir, wal.WithSegmentSize(size), wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		return nil, err
	}
	return w, nil
}

// cured is raft-wal without the differences raft can live with, so that the
// suite can look behind them.
type cured struct{ logstoretest.Store }

var errNotFound = errors.New("not found") // raft compares the text

// IsMonotonic implements raft.MonotonicLogStore.
func (c cured) IsMonotonic() bool { return true }

// GetLog hides what was deleted at the head but lies in the segment still.
func (c cured) GetLog(index uint64, out *raft.Log) error {
	if first, err := c.FirstIndex(); err != nil || index < first {
		return errors.Join(err, raft.ErrLogNotFound)
	}
	*out = raft.Log{}
	return c.Store.GetLog(index, out)
}

// Get tells a value that was never set from an empty one.
func (c cured) Get(key []byte) ([]byte, error) {
	v, err := c.Store.Get(key)
	if err == nil && v == nil {
		err = errNotFound
	}
	return v, err
}

// Close waits for the rotation under way: a log closed in it takes no append
// after it is opened again.
func (c cured) Close() error {
	return errors.Join(c.DeleteRange(0, 0), c.Store.Close())
}
