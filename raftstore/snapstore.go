package raftstore

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/vfs"
)

// snapStore keeps raft's snapshots in a folder, in the format of raft's own
// FileSnapshotStore: <term>-<index>-<milliseconds>/{meta.json, state.bin}. Our
// own, because raft's goes past vfs, so that no test can cut the power in it;
// never syncs the folder of a snapshot, only the one above; and leaves for ever
// what it was writing, or removing, when the power went.
type snapStore struct {
	fs     vfs.FS
	dir    string
	retain int
	now    func() time.Time
	log    *slog.Logger
}

var (
	_ raft.SnapshotStore = (*snapStore)(nil)
	_ raft.SnapshotSink  = (*snapSink)(nil)
)

// The names are raft's; changing one breaks compatibility.
const (
	snapMetaFile  = "meta.json"
	snapStateFile = "state.bin"
	snapTorn      = ".tmp" // being written, or being removed
)

// snapMeta is meta.json.
type snapMeta struct {
	raft.SnapshotMeta
	CRC []byte // CRC64-ECMA of state.bin, big-endian
}

func snapSum() hash.Hash64 { return crc64.New(crc64.MakeTable(crc64.ECMA)) }

// openSnapshots makes the folder and removes what a power cut left half
// written or half removed.
func openSnapshots(fsys vfs.FS, dir string, retain int, now func() time.Time, log *slog.Logger) (*snapStore, error) {
	if err := vfs.MakeDir(fsys, dir, 0o700); err != nil {
		return nil, err
	}
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, snapTorn) {
			if err := vfs.RemoveAll(fsys, path.Join(dir, name)); err != nil {
				return nil, err
			}
		}
	}
	return &snapStore{fs: fsys, dir: dir, retain: retain, now: now, log: log}, nil
}

// all returns the snapshots whose meta.json can be read, newest first.
func (s *snapStore) all() ([]*snapMeta, error) {
	names, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var list []*snapMeta
	for _, name := range names {
		var term, index, ms uint64
		if n, _ := fmt.Sscanf(name, "%d-%d-%d", &term, &index, &ms); n != 3 || strings.HasSuffix(name, snapTorn) {
			continue
		}
		m, err := s.meta(name)
		if err != nil {
			s.log.Warn("a snapshot cannot be read", "code", CodeNoSnapshot, "snapshot", name, "error", err)
			continue
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *snapMeta) int { return newerSnap(&b.SnapshotMeta, &a.SnapshotMeta) })
	return list, nil
}

// newerSnap orders as raft does: term, index, name. Wall clocks do not decide.
func newerSnap(a, b *raft.SnapshotMeta) int {
	return cmp.Or(cmp.Compare(a.Term, b.Term), cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID))
}

func (s *snapStore) meta(id string) (*snapMeta, error) {
	b, err := vfs.ReadFile(s.fs, path.Join(s.dir, id, snapMetaFile))
	if err != nil {
		return nil, err
	}
	m := new(snapMeta)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	if m.Version != raft.SnapshotVersionMax || m.ID != id {
		return nil, fmt.Errorf("it says it is %q, version %d", m.ID, m.Version)
	}
	return m, nil
}

// List implements raft.SnapshotStore.
func (s *snapStore) List() ([]*raft.SnapshotMeta, error) {
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	var list []*raft.SnapshotMeta
	for _, m := range all[:min(len(all), s.retain)] {
		list = append(list, &m.SnapshotMeta)
	}
	return list, nil
}

// Open implements raft.SnapshotStore: the checksum of the whole file holds.
func (s *snapStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	r, err := s.open(id)
	if err != nil {
		return nil, nil, err
	}
	return r.meta, r, nil
}

func (s *snapStore) open(id string) (*snapReader, error) {
	m, err := s.meta(id)
	if err != nil {
		return nil, err
	}
	name := path.Join(s.dir, id, snapStateFile)
	f, err := vfs.Open(s.fs, name)
	if err != nil {
		return nil, err
	}
	sum := snapSum()
	size, err := f.Size()
	if err == nil {
		_, err = io.Copy(sum, io.NewSectionReader(f, 0, size))
	}
	if err == nil && !bytes.Equal(sum.Sum(nil), m.CRC) {
		err = fmt.Errorf("%w: %s does not match its checksum", errSnapshot, name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r := &snapReader{meta: &m.SnapshotMeta, f: f, size: size}
	r.rewind()
	return r, nil
}

// snapReader reads the file of a snapshot.
type snapReader struct {
	*bufio.Reader
	meta *raft.SnapshotMeta
	f    vfs.File
	size int64
}

// Close implements io.Closer.
func (r *snapReader) Close() error { return r.f.Close() }

// rewind goes back to the beginning.
func (r *snapReader) rewind() {
	r.Reader = bufio.NewReaderSize(io.NewSectionReader(r.f, 0, r.size), snapBlock)
}

// Create implements raft.SnapshotStore.
func (s *snapStore) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration,
	confIndex uint64, _ raft.Transport,
) (raft.SnapshotSink, error) {
	if version != raft.SnapshotVersionMax {
		return nil, fmt.Errorf("raftstore: snapshot version %d is not known", version)
	}
	id, err := s.freeName(index, term)
	if err != nil {
		return nil, err
	}
	k := &snapSink{s: s, dir: path.Join(s.dir, id+snapTorn), sum: snapSum(), meta: snapMeta{SnapshotMeta: raft.SnapshotMeta{
		Version: version, ID: id, Index: index, Term: term, Configuration: conf, ConfigurationIndex: confIndex,
	}}}
	if err := s.fs.MkdirAll(k.dir, 0o700); err != nil {
		return nil, err
	}
	if k.file, err = vfs.Create(s.fs, path.Join(k.dir, snapStateFile)); err != nil {
		return nil, errors.Join(err, vfs.RemoveAll(s.fs, k.dir))
	}
	k.w = bufio.NewWriterSize(io.MultiWriter(io.NewOffsetWriter(k.file, 0), k.sum), snapBlock)
	return k, nil
}

// freeName is the name of a new snapshot: a clock that stands still must not
// make two of one name.
func (s *snapStore) freeName(index, term uint64) (string, error) {
	names, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return "", err
	}
	for ms := s.now().UnixMilli(); ; ms++ {
		id := fmt.Sprintf("%d-%d-%d", term, index, ms)
		if !slices.Contains(names, id) && !slices.Contains(names, id+snapTorn) {
			return id, nil
		}
	}
}

// reap removes all but the newest. One that goes loses its name first, durably:
// half of it under its old name would be found neither here nor at a start.
func (s *snapStore) reap() error {
	all, err := s.all()
	if err != nil || len(all) <= s.retain {
		return err
	}
	var gone []string
	for _, m := range all[s.retain:] {
		name := path.Join(s.dir, m.ID)
		if err := s.fs.Rename(name, name+snapTorn); err != nil {
			return err
		}
		gone = append(gone, name+snapTorn)
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	for _, name := range gone {
		if err := vfs.RemoveAll(s.fs, name); err != nil {
			return err
		}
	}
	return nil
}

// snapSink is a snapshot being written. It has its name only when everything in
// it is on the disk.
type snapSink struct {
	s      *snapStore
	dir    string
	meta   snapMeta
	file   vfs.File
	sum    hash.Hash64
	w      *bufio.Writer
	closed bool
}

// ID implements raft.SnapshotSink.
func (k *snapSink) ID() string { return k.meta.ID }

// Write implements raft.SnapshotSink.
func (k *snapSink) Write(p []byte) (int, error) { return k.w.Write(p) }

// Close implements raft.SnapshotSink: the snapshot is durable when it is nil.
func (k *snapSink) Close() error {
	if k.closed {
		return nil
	}
	k.closed = true
	if err := k.finish(); err != nil {
		return errors.Join(fmt.Errorf("write snapshot %s: %w", k.meta.ID, err), vfs.RemoveAll(k.s.fs, k.dir))
	}
	if err := k.s.fs.Rename(k.dir, strings.TrimSuffix(k.dir, snapTorn)); err != nil {
		return err
	}
	if err := k.s.fs.SyncDir(k.s.dir); err != nil {
		return err
	}
	return k.s.reap()
}

func (k *snapSink) finish() error {
	err := k.w.Flush()
	if err == nil {
		err = k.file.Sync()
	}
	if err == nil {
		k.meta.Size, err = k.file.Size()
	}
	if err := errors.Join(err, k.file.Close()); err != nil {
		return err
	}
	k.meta.CRC = k.sum.Sum(nil)
	b, err := json.Marshal(&k.meta)
	if err != nil {
		return err
	}
	// This syncs the folder too, with both names in it.
	return vfs.WriteFile(k.s.fs, path.Join(k.dir, snapMetaFile), append(b, '\n'))
}

// Cancel implements raft.SnapshotSink.
func (k *snapSink) Cancel() error {
	if k.closed {
		return nil
	}
	k.closed = true
	return errors.Join(k.file.Close(), vfs.RemoveAll(k.s.fs, k.dir))
}
