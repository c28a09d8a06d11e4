package raftstore

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
)

// TestOlderSnapshotIsNotTaken: what was replayed at start is newer than a
// snapshot the leader sends; the state must not go back, nor do anything twice.
func TestOlderSnapshotIsNotTaken(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	do(t, s, byID(1, "add n 1"))
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	do(t, s, byID(2, "add n 1"))
	state := dump(t, s)
	list, err := s.snaps.List()
	if err != nil {
		t.Fatal(err)
	}
	_, rc, err := s.snaps.Open(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.fsm.Restore(rc); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(state, dump(t, s)); d != "" || s.Applied() != 2 {
		t.Fatalf("the state went back to %d: %s", s.Applied(), d)
	}
	if res := do(t, s, byID(3, "add n 1")); string(res.Body) != "3@3" {
		t.Fatalf("then: %s", res.Body)
	}
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
}

// TestForeignSnapshotIsNotCovered: the gateway stops after a snapshot of another
// one was stored and before it was taken over. The old state is then not the
// one of that snapshot, however cleanly it was closed.
func TestForeignSnapshotIsNotCovered(t *testing.T) {
	other := openStore(t, testConfig(t, t.TempDir()))
	for i := range uint64(5) {
		do(t, other, byID(i+1, "add n 1"))
	}
	want := dump(t, other)
	snap, err := other.fsm.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var b bytes.Buffer
	if err := writeSnapshot(&b, snap.(*fsmSnapshot).txn, nil); err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	s := openStore(t, testConfig(t, dir))
	do(t, s, byID(1, "add n 1"))
	conf := raft.Configuration{Servers: s.servers()}
	sink, err := s.snaps.Create(raft.SnapshotVersionMax, other.raft.LastIndex()+100, s.raft.CurrentTerm(), conf, 1, s.trans)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s = openStore(t, testConfig(t, dir))
	if d := cmp.Diff(want, dump(t, s)); d != "" {
		t.Fatalf("the snapshot counts as taken over, but was not: %s", d)
	}
}
