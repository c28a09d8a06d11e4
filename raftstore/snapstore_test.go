package raftstore

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"

	"tote/raftstore/vfs"
)

func testSnaps(t *testing.T, fsys vfs.FS, dir string) *snapStore {
	t.Helper()
	now := func() time.Time { return time.UnixMilli(1_764_000_000_000) } // it stands still
	s, err := openSnapshots(fsys, dir, 2, now, slog.New(slog.NewTextHandler(testWriter{t}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var snapConf = raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: "gw1", Address: "gw1"}}}

func putSnap(t *testing.T, s raft.SnapshotStore, index uint64, body string) string {
	t.Helper()
	_, trans := raft.NewInmemTransport("gw1")
	k, err := s.Create(raft.SnapshotVersionMax, index, 3, snapConf, 2, trans)
	if err == nil {
		_, err = io.WriteString(k, body)
	}
	if err := errors.Join(err, k.Close(), k.Close(), k.Cancel()); err != nil {
		t.Fatal(err)
	}
	return k.ID()
}

func getSnap(t *testing.T, s raft.SnapshotStore, id string) (*raft.SnapshotMeta, string) {
	t.Helper()
	m, rc, err := s.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(rc)
	if err := errors.Join(err, rc.Close()); err != nil {
		t.Fatal(err)
	}
	return m, string(b)
}

// TestSnapshotFormat: what raft's own store wrote is read here, and the other
// way round: a gateway may be updated, and go back.
func TestSnapshotFormat(t *testing.T) {
	base := t.TempDir()
	ours := testSnaps(t, vfs.OS{}, base+"/snapshots")
	rafts, err := raft.NewFileSnapshotStoreWithLogger(base, 2, newRaftLog(testLogger(t)))
	if err != nil {
		t.Fatal(err)
	}
	for i, writer := range []raft.SnapshotStore{ours, rafts} {
		id := putSnap(t, writer, uint64(10+i), "the state")
		for _, reader := range []raft.SnapshotStore{ours, rafts} {
			list, err := reader.List()
			if err != nil || len(list) != i+1 || list[0].ID != id {
				t.Fatalf("written by %T, %T lists %+v, %v", writer, reader, list, err)
			}
			m, body := getSnap(t, reader, id)
			want := &raft.SnapshotMeta{
				Version: 1, ID: id, Index: uint64(10 + i), Term: 3, Configuration: snapConf, ConfigurationIndex: 2, Size: 9,
				Peers: m.Peers, // raft of before 1.0
			}
			if d := cmp.Diff(want, m); d != "" || body != "the state" {
				t.Errorf("written by %T, read by %T: %q, %s", writer, reader, body, d)
			}
		}
	}
}

func TestSnapshotsKeepTheNewest(t *testing.T) {
	s := testSnaps(t, vfs.NewMem(), "d/snapshots")
	_ = putSnap(t, s, 10, "a")
	first := putSnap(t, s, 10, "b") // the same moment by the clock
	second := putSnap(t, s, 9, "c") // older, though written later
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].ID != first {
		t.Fatalf("%+v %v", list, err)
	}
	if names, _ := s.fs.ReadDir(s.dir); len(names) != 2 || slices.Contains(names, second) {
		t.Fatalf("left: %v", names)
	}
	if _, body := getSnap(t, s, first); body != "b" {
		t.Fatalf("%q", body)
	}
	if _, err := s.Create(2, 1, 1, snapConf, 1, nil); err == nil {
		t.Error("a version nobody knows")
	}
	if _, _, err := s.Open("none"); err == nil {
		t.Error("one that is not there")
	}
}

// TestRow1SnapshotIsDurable (row 1): once Close has said so it is there, whole,
// whatever the power cut takes; a cut before leaves all of it or nothing.
func TestRow1SnapshotIsDurable(t *testing.T) {
	for seed := range uint64(100) {
		mem := vfs.NewMem()
		s := testSnaps(t, mem, "d/snapshots")
		id := putSnap(t, s, 10, "first")
		if seed%2 == 0 {
			mem.CutAfter(1 + int(seed/2%12))
			k, err := s.Create(raft.SnapshotVersionMax, 11, 3, snapConf, 2, nil)
			if err == nil {
				_, err = io.WriteString(k, "second")
				err = errors.Join(err, k.Close())
			}
			if (err != nil) != mem.Off() {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		mem.Crash(seed)
		s = testSnaps(t, mem, "d/snapshots")
		list, err := s.List()
		if err != nil || len(list) == 0 || list[len(list)-1].ID != id {
			t.Fatalf("seed %d: %+v, %v", seed, list, err)
		}
		for i, m := range list {
			if _, body := getSnap(t, s, m.ID); body != []string{"first", "second"}[len(list)-1-i] {
				t.Fatalf("seed %d: %s holds %q", seed, m.ID, body)
			}
		}
		if names, _ := mem.ReadDir(s.dir); len(names) != len(list) {
			t.Fatalf("seed %d: left: %v", seed, names)
		}
	}
}

func TestSnapshotIsCancelled(t *testing.T) {
	fsys := vfs.NewFault(vfs.NewMem())
	s := testSnaps(t, fsys, "d/snapshots")
	k, err := s.Create(raft.SnapshotVersionMax, 1, 1, snapConf, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(k.Cancel(), k.Cancel(), k.Close()); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	for _, op := range []vfs.Op{vfs.OpMkdir, vfs.OpOpen, vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpSyncDir} {
		fsys.FailNth(op, 1, boom)
		k, err := s.Create(raft.SnapshotVersionMax, 1, 1, snapConf, 1, nil)
		if err == nil {
			_, err = io.WriteString(k, "x")
			err = errors.Join(err, k.Close())
		}
		if !errors.Is(err, boom) {
			t.Errorf("%s failed: %v", op, err)
		}
		fsys.Hook(nil)
		if list, err := s.List(); err != nil || len(list) != 0 {
			t.Errorf("%s failed, listed: %v, %v", op, list, err)
		}
		if names, _ := s.fs.ReadDir(s.dir); len(names) != 0 {
			t.Errorf("%s failed, left: %v", op, names)
		}
	}
}

func TestSnapshotIsDamaged(t *testing.T) {
	dir := t.TempDir() + "/snapshots"
	s := testSnaps(t, vfs.OS{}, dir)
	a, b := putSnap(t, s, 1, "the state"), putSnap(t, s, 2, "the state")
	flipByte(t, filepath.Join(dir, a, snapStateFile), 3)
	if _, _, err := s.Open(a); !errors.Is(err, errSnapshot) {
		t.Errorf("opened with %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, b, snapMetaFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(); err != nil || len(list) != 1 || list[0].ID != a {
		t.Errorf("listed: %v, %v", list, err)
	}
	if _, _, err := s.Open(b); err == nil {
		t.Error("opened without its description")
	}
}
