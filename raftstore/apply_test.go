package raftstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
)

// brittle fails at its n-th command, as a process does that dies there.
type brittle struct {
	testMachine
	n int
}

func (b *brittle) Apply(tx Tx, m Meta, body []byte) (Outcome, error) {
	if b.n--; b.n == 0 {
		return Outcome{}, errors.New("died")
	}
	return b.testMachine.Apply(tx, m, body)
}

// rows returns everything in the applier's Badger folder.
func (a *testApplier) rows(t testing.TB) map[string]string {
	t.Helper()
	txn := a.view.db.NewTransaction(false)
	defer txn.Discard()
	it := newIterator(txn, nil)
	defer it.Close()
	m := map[string]string{}
	for it.Rewind(); it.Valid(); it.Next() {
		v, err := it.Item().ValueCopy(nil)
		if err != nil {
			t.Fatal(err)
		}
		m[fmt.Sprintf("%x", it.Item().Key())] = fmt.Sprintf("%x", v)
	}
	return m
}

// TestHeavyEntryInParts: an entry that does not fit into one transaction is
// committed in parts. Wherever the process dies, applying it again gives the
// state of an undisturbed run.
func TestHeavyEntryInParts(t *testing.T) {
	var commands []*Command
	for i := range uint64(6) {
		c := byDevice("hh", i+1, fmt.Sprintf("flood %d 60 part%d", 3900+i, i))
		if i%2 == 0 {
			c = byID(i, fmt.Sprint("add n ", i))
		}
		commands = append(commands, &c)
	}
	commands = append(commands, commands[1]) // a repeat within the entry
	entry := []*raft.Log{
		{Index: 3, Type: raft.LogCommand, Data: encodeBatch(77, commands)},
		{Index: 4, Type: raft.LogConfiguration},
		{Index: 6, Type: raft.LogCommand, Data: encodeBatch(78, commands[:1])},
	}
	whole := newTestApplier(t)
	if _, err := whole.apply(entry); err != nil {
		t.Fatal(err)
	}
	want := whole.rows(t)
	parts := 0
	for die := 1; die <= 6; die++ {
		a := newTestApplier(t)
		a.machine = &brittle{n: die}
		if _, err := a.apply(entry); err == nil {
			t.Fatal("it did not die")
		}
		v := a.view
		a.applier = &applier{machine: testMachine{}, log: a.log, idWindow: IDWindow}
		if err := a.load(v); err != nil {
			t.Fatal(err)
		}
		if a.m.partDone > 0 {
			parts++
		}
		out, err := a.apply(entry)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, a.rows(t)); d != "" {
			t.Fatalf("died at command %d: %.500s", die, d)
		}
		if len(out[0]) != len(commands) || out[1] != nil || len(out[2]) != 1 || !out[2][0].res.Duplicate {
			t.Fatalf("replies %v", out)
		}
	}
	if parts == 0 {
		t.Fatal("the entry was never split, the test shows nothing")
	}
}

func TestApplySkipsWhatItHas(t *testing.T) {
	a := newTestApplier(t)
	c := byID(1, "add n 1")
	log := &raft.Log{Index: 9, Type: raft.LogCommand, Data: encodeBatch(5, []*Command{&c})}
	for i := range 3 {
		out, err := a.apply([]*raft.Log{log})
		if err != nil || len(out) != 1 || (out[0] == nil) != (i > 0) {
			t.Fatalf("%v %v", out, err)
		}
	}
	if a.m.number != 1 || a.m.index != 9 {
		t.Fatalf("%+v", a.m)
	}
}

func TestApplyRefusesWhatItDoesNotKnow(t *testing.T) {
	a := newTestApplier(t)
	skip, unknown := encodeBarrier(), encodeBarrier()
	skip[1], unknown[1] = 0x90, 0x10
	if _, err := a.apply([]*raft.Log{{Index: 1, Data: skip}}); err != nil {
		t.Fatalf("an entry that may be skipped: %v", err)
	}
	if _, err := a.apply([]*raft.Log{{Index: 2, Data: unknown}}); FaultCode(err) != CodeUnknownEntry {
		t.Fatalf("an entry of a later version: %v", err)
	}
	if a.m.index != 1 {
		t.Fatalf("the state says it holds entry %d", a.m.index)
	}
}

// TestFailedEntryLeavesNothing: the entry before the bad one in the same call
// is not committed either, and comes again.
func TestFailedEntryLeavesNothing(t *testing.T) {
	a := newTestApplier(t)
	good, bad := byID(1, "set a 1"), byID(2, "fail")
	logs := []*raft.Log{
		{Index: 1, Data: encodeBatch(1, []*Command{&good})},
		{Index: 2, Data: encodeBatch(1, []*Command{&good, &bad})},
	}
	if _, err := a.apply(logs); FaultCode(err) != CodeMachine {
		t.Fatal(err)
	}
	if rows := a.rows(t); len(rows) != 0 {
		t.Fatalf("%v", rows)
	}
}
