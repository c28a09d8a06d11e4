package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"tote/raftstore/logstoretest"
	"tote/raftstore/vfs"
)

const faultDir = "log"

// TestRaftWALOnABadDisk puts raft-wal on the disk that fails call by call, as
// it is and with a latch around it. The first broken promise is told.
func TestRaftWALOnABadDisk(t *testing.T) {
	for _, c := range []struct {
		name string
		wrap func(logstoretest.Store) logstoretest.Store
	}{
		{"bare", func(s logstoretest.Store) logstoretest.Store { return s }},
		{"latched", func(s logstoretest.Store) logstoretest.Store { return &latched{Store: s} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := logstoretest.CheckFaults(func(fsys vfs.FS) (logstoretest.Store, error) {
				if err := vfs.MakeDir(fsys, faultDir, 0o700); err != nil {
					return nil, err
				}
				w, err := wal.Open(faultDir, wal.WithSegmentSize(16<<10), wal.WithLogger(hclog.NewNullLogger()),
					wal.WithSegmentFiler(segment.NewFiler(faultDir, walDisk{fsys})), wal.WithMetaStore(&walMeta{fs: fsys}))
				if err != nil {
					return nil, err
				}
				return c.wrap(cured{w}), nil
			})
			if err == nil {
				t.Fatalf("%d failed calls, %d power cuts and no broken promise: it may be trusted more than it is", report.Faults, report.Cuts)
			}
			t.Logf("after %d failed calls and %d power cuts: %v", report.Faults, report.Cuts, err)
		})
	}
}

// latched refuses all work after a call that failed.
type latched struct {
	logstoretest.Store
	err error
}

func (l *latched) do(call func() error) error {
	if l.err == nil {
		l.err = call()
	}
	return l.err
}

func (l *latched) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

func (l *latched) StoreLogs(es []*raft.Log) error {
	return l.do(func() error { return l.Store.StoreLogs(es) })
}

func (l *latched) DeleteRange(from, to uint64) error {
	return l.do(func() error { return l.Store.DeleteRange(from, to) })
}

func (l *latched) Set(k, v []byte) error {
	return l.do(func() error { return l.Store.Set(k, v) })
}

func (l *latched) SetUint64(k []byte, n uint64) error {
	return l.do(func() error { return l.Store.SetUint64(k, n) })
}

// walDisk is our file system in the form raft-wal asks for.
type walDisk struct{ fs vfs.FS }

func (d walDisk) ListDir(dir string) ([]string, error) { return d.fs.ReadDir(dir) }

func (d walDisk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	f, err := d.fs.OpenFile(dir+"/"+name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(int64(size)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &walFile{File: f, fs: d.fs, dir: dir, fresh: true}, nil
}

func (d walDisk) Delete(dir, name string) error {
	return errors.Join(d.fs.Remove(dir+"/"+name), d.fs.SyncDir(dir))
}

func (d walDisk) OpenReader(dir, name string) (types.ReadableFile, error) {
	return vfs.Open(d.fs, dir+"/"+name)
}

func (d walDisk) OpenWriter(dir, name string) (types.WritableFile, error) {
	return d.fs.OpenFile(dir+"/"+name, os.O_RDWR, 0)
}

// walFile syncs its folder at the first sync, as raft-wal's own does.
type walFile struct {
	vfs.File
	fs    vfs.FS
	dir   string
	fresh bool
}

func (f *walFile) Sync() error {
	if err := f.File.Sync(); err != nil || !f.fresh {
		return err
	}
	f.fresh = false
	return f.fs.SyncDir(f.dir)
}

// walMeta stands in for bbolt, which cannot be put on our file system: one
// file, replaced whole, and latched, so that what is found is raft-wal's.
type walMeta struct {
	fs  vfs.FS
	mu  sync.Mutex
	err error
	v   struct {
		State  types.PersistentState
		Values map[string][]byte
	}
}

func (m *walMeta) Load(string) (types.PersistentState, error) {
	data, err := vfs.ReadFile(m.fs, faultDir+"/meta")
	if err == nil {
		err = json.Unmarshal(data, &m.v)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if m.v.Values == nil {
		m.v.Values = map[string][]byte{}
	}
	return m.v.State, err
}

// save writes v; the caller takes its change back when it fails.
func (m *walMeta) save() error {
	if m.err != nil {
		return m.err
	}
	data, err := json.Marshal(m.v)
	if err == nil {
		err = vfs.WriteFile(m.fs, faultDir+"/meta", data)
	}
	m.err = err
	return err
}

func (m *walMeta) CommitState(s types.PersistentState) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.v.State
	m.v.State = s
	err := m.save()
	if err != nil {
		m.v.State = old
	}
	return err
}

func (m *walMeta) GetStable(key []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.v.Values[string(key)], nil
}

func (m *walMeta) SetStable(key, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.v.Values
	m.v.Values = maps.Clone(old)
	m.v.Values[string(key)] = value
	err := m.save()
	if err != nil {
		m.v.Values = old
	}
	return err
}

func (m *walMeta) Close() error { return nil }
