package raftstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"
	"pgregory.net/rapid"
)

// testApplier runs entries without raft, on a Badger folder of its own.
type testApplier struct {
	*applier
	index uint64
}

func newTestApplier(t testing.TB) *testApplier {
	t.Helper()
	v, err := openView(t.TempDir(), testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.close(0) })
	a := &applier{machine: testMachine{}, log: testLogger(t), idWindow: IDWindow}
	if err := a.load(v); err != nil {
		t.Fatal(err)
	}
	return &testApplier{applier: a}
}

// run applies one entry made of the commands.
func (a *testApplier) run(t testing.TB, ts int64, commands ...Command) []reply {
	t.Helper()
	ptrs := make([]*Command, len(commands))
	for i := range commands {
		ptrs[i] = &commands[i]
	}
	a.index++
	out, err := a.apply([]*raft.Log{{Index: a.index, Type: raft.LogCommand, Data: encodeBatch(ts, ptrs)}})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func (a *testApplier) one(t testing.TB, ts int64, c Command) reply {
	t.Helper()
	return a.run(t, ts, c)[0]
}

func TestSequenceWindow(t *testing.T) {
	a := newTestApplier(t)
	send := func(seq uint64) reply { return a.one(t, 1, byDevice("hh", seq, fmt.Sprint("add n ", seq))) }
	fresh := func(seq uint64) {
		t.Helper()
		if r := send(seq); r.err != nil || r.res.Duplicate {
			t.Fatalf("%d: %+v", seq, r)
		}
	}
	repeat := func(seq uint64) {
		t.Helper()
		if r := send(seq); r.err != nil || !r.res.Duplicate {
			t.Fatalf("%d: %+v", seq, r)
		}
	}
	old := func(seq uint64) {
		t.Helper()
		r := send(seq)
		if !errors.Is(r.err, ErrSeqTooOld) || !r.res.Rejected || !r.res.Duplicate || r.res.Body != nil {
			t.Fatalf("%d: %+v", seq, r)
		}
	}
	fresh(5) // the first one need not be 1
	fresh(3) // overtaken
	repeat(5)
	repeat(3)
	fresh(100)
	old(36)
	old(5)
	fresh(37) // the last one the window holds
	repeat(37)
	repeat(100)
	fresh(101) // 37 leaves the window, and its slot is taken by 101
	old(37)
	fresh(1_000_000)
	old(101)
	repeat(1_000_000)
	fresh(999_999)
}

// TestRow12SequenceModel: against a model that remembers everything, each answer of
// the window is the first one, and nothing is applied twice.
func TestRow12SequenceModel(t *testing.T) {
	a := newTestApplier(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		device := fmt.Sprint("hh", run)
		type first struct {
			body   string
			reject bool
		}
		answers := map[uint64]first{}
		var last uint64
		for range rapid.IntRange(1, 12).Draw(rt, "entries") {
			var batch []Command
			for range rapid.IntRange(1, 5).Draw(rt, "commands") {
				lo := uint64(1)
				if last > 70 {
					lo = last - 70
				}
				seq := rapid.Uint64Range(lo, last+70).Draw(rt, "seq")
				body := rapid.SampledFrom([]string{"add " + device + " 1", "setreject x y"}).Draw(rt, "body")
				batch = append(batch, byDevice(device, seq, body))
			}
			for i, r := range a.run(t, 1, batch...) {
				seq := batch[i].Seq
				got := first{string(r.res.Body), r.res.Rejected}
				was, seen := answers[seq]
				switch {
				case last >= Window && seq <= last-Window:
					if !errors.Is(r.err, ErrSeqTooOld) {
						rt.Fatalf("%d after %d: %+v", seq, last, r)
					}
				case seen != r.res.Duplicate || seen && got != was || r.err != nil:
					rt.Fatalf("%d after %d: %+v, first answer %+v (%v)", seq, last, r, was, seen)
				default:
					answers[seq] = got
				}
				last = max(last, seq)
			}
		}
	})
}

func TestRandomIDWindow(t *testing.T) {
	a := newTestApplier(t)
	a.idWindow = 10
	ts := int64(1_000_000)
	for n := range uint64(30) {
		if r := a.one(t, ts, byID(n, "add n 1")); r.res.Duplicate {
			t.Fatalf("%d is new", n)
		}
	}
	for n := uint64(20); n < 30; n++ {
		if r := a.one(t, ts, byID(n, "add n 1")); !r.res.Duplicate || string(r.res.Body) != fmt.Sprintf("%d@%d", n+1, n+1) {
			t.Fatalf("%d of the last 10: %+v", n, r)
		}
	}
	if r := a.one(t, ts, byID(19, "add n 1")); r.res.Duplicate {
		t.Fatal("an id before the window is remembered")
	}
	// By age: a day later two go with each new one, whoever it is.
	day := ts + IDWindowAge
	for n := range uint64(8) {
		a.one(t, day, byID(100+n, "add n 1"))
	}
	if r := a.one(t, day, byID(29, "add n 1")); r.res.Duplicate {
		t.Fatal("an id of yesterday is remembered")
	}
	ids, queue := countRows(t, a.view.db, spaceID), countRows(t, a.view.db, spaceQueue)
	if want := a.m.queueTail - a.m.queueHead; uint64(ids) != want || uint64(queue) != want || want > 10 {
		t.Fatalf("%d ids and %d queue rows, want %d", ids, queue, want)
	}
}

func countRows(t testing.TB, db *badger.DB, space byte) (n int) {
	t.Helper()
	txn := db.NewTransaction(false)
	defer txn.Discard()
	it := newIterator(txn, []byte{space})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		n++
	}
	return n
}

// TestDevicesDoNotMix: one name is the beginning of another.
func TestDevicesDoNotMix(t *testing.T) {
	a := newTestApplier(t)
	for i, d := range []string{"a", "a\x00", "ab", "a\x00\x00"} {
		if r := a.one(t, 1, byDevice(d, 1, "add n 1")); r.res.Duplicate || string(r.res.Body) != fmt.Sprintf("%d@%d", i+1, i+1) {
			t.Fatalf("%q: %+v", d, r)
		}
	}
}

func TestStoredRowsDecode(t *testing.T) {
	for _, a := range []answer{{}, {number: 1, seq: 2, rejected: true, body: []byte("x")}, {tooBig: true}} {
		got, err := decodeAnswer(a.encode())
		if err != nil || got.number != a.number || got.seq != a.seq || got.rejected != a.rejected ||
			got.tooBig != a.tooBig || string(got.body) != string(a.body) {
			t.Errorf("%+v became %+v: %v", a, got, err)
		}
	}
	for _, b := range [][]byte{nil, {1}, make([]byte, 18), append([]byte{1, 0xff}, make([]byte, 20)...)} {
		if _, err := decodeAnswer(b); err == nil {
			t.Errorf("%x decoded", b)
		}
	}
	m := meta{1, 2, 3, 4, 5, 6, 7}
	if got, err := decodeMetaRow(m.encode()); got != m || err != nil {
		t.Errorf("%+v became %+v: %v", m, got, err)
	}
	if _, err := decodeMetaRow([]byte{1, 2}); err == nil {
		t.Error("a short meta row decoded")
	}
	if _, err := decodeDevice([]byte{1}); err == nil {
		t.Error("a short device row decoded")
	}
}

// TestManyDevices: the windows kept in memory are those in the state, also when
// there are more devices than are kept.
func TestManyDevices(t *testing.T) {
	a := newTestApplier(t)
	one := func(i int, seq uint64) reply {
		return a.one(t, 1, byDevice(fmt.Sprint("hh", i), seq, "add n 1"))
	}
	for i := range maxDevices + 10 {
		one(i, 1)
	}
	if len(a.devices) > maxDevices {
		t.Errorf("%d windows are kept", len(a.devices))
	}
	for _, i := range []int{0, maxDevices - 1, maxDevices + 9} {
		if r := one(i, 1); !r.res.Duplicate {
			t.Errorf("device %d: done twice", i)
		}
		if r := one(i, 2); r.res.Duplicate || r.err != nil {
			t.Errorf("device %d: %+v", i, r)
		}
	}
}
