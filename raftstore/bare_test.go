package raftstore

import (
	"testing"
	"time"
)

// The state without a log holds what the one behind a log does, entry by entry.
func TestBareAppliesLikeTheStore(t *testing.T) {
	b, err := OpenBare(t.TempDir(), testMachine{}, testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	behind := newTestApplier(t)
	for i, text := range []string{"set a 1", "set b 2", "del a", "set b 3"} {
		c := byDevice("hh", uint64(i+1), text)
		res, err := b.Apply(time.UnixMilli(1), []*Command{&c})
		if err != nil || len(res) != 1 || res[0].Index != uint64(i+1) || res[0].Rejected {
			t.Fatalf("%s: %+v %v", text, res, err)
		}
		behind.one(t, 1, c)
	}
	if b.a.m != behind.m {
		t.Errorf("came to %+v, want %+v", b.a.m, behind.m)
	}
	txn := b.a.view.db.NewTransaction(false)
	defer txn.Discard()
	ours, err := digestTxn(t.Context(), txn)
	if err != nil {
		t.Fatal(err)
	}
	other := behind.view.db.NewTransaction(false)
	defer other.Discard()
	theirs, err := digestTxn(t.Context(), other)
	if err != nil || ours != theirs {
		t.Errorf("state %x, want %x (%v)", ours, theirs, err)
	}
	if b.Written() != behind.written || b.Written() == 0 {
		t.Errorf("%d bytes written, want %d", b.Written(), behind.written)
	}
	if _, err := b.Apply(time.UnixMilli(1), nil); err == nil {
		t.Error("an entry without commands was taken")
	}
}
