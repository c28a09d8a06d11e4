package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

var errDisk = errors.New("disk is gone")

// brittle fails from the n-th call on.
type brittle struct {
	*memtx.Tx
	left int
}

func (b *brittle) step() error {
	if b.left--; b.left < 0 {
		return errDisk
	}
	return nil
}

func (b *brittle) Get(k []byte) ([]byte, error) {
	if err := b.step(); err != nil {
		return nil, err
	}
	return b.Tx.Get(k)
}

func (b *brittle) Set(k, v []byte) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.Tx.Set(k, v)
}

func (b *brittle) Delete(k []byte) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.Tx.Delete(k)
}

func (b *brittle) Range(p []byte, fn func(k, v []byte) (bool, error)) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.Tx.Range(p, fn)
}

// A transaction that fails at any point makes Apply fail: it never answers OK
// for half a command.
func TestEveryFailureOfTheTransactionIsAnError(t *testing.T) {
	// ready is a state in which each command has the most to do.
	ready := func() *world {
		w := newWorld(t)
		w.inbox("c0", release("1", "P", 1, 1), release("2", "G", 1, 1))
		w.do(HoldSubject{Epoch: 1, Stream: "control", Subject: "P", Seqs: []uint64{1}, From: 2})
		w.do(AckOutbox{Epoch: 1, Stream: "control", Upto: 2})
		w.do(ReleaseSubject{Subject: "P"})
		w.do(HoldSubject{Epoch: 1, Stream: StreamResend, Subject: "P", Seqs: []uint64{1}, From: 2})
		w.inbox("c0", Item{MsgID: "3", OrderID: "P", Cancel: &Cancel{}})
		return w
	}
	for name, c := range map[string]Command{
		"inbox": InboxStore{Source: "oms/main", Cursor: "c1", Items: []Item{
			release("10", "N", 1, 1), {MsgID: "11", OrderID: "X", Bad: "x"}, {MsgID: "12", OrderID: "G", Cancel: &Cancel{}},
		}},
		"ack control": AckOutbox{Epoch: 1, Stream: "control", Upto: 5},
		"ack resend":  AckOutbox{Epoch: 1, Stream: StreamResend, Upto: 2},
		"hold":        HoldSubject{Epoch: 1, Stream: "control", Subject: "G", Seqs: []uint64{3, 4}, From: 5},
		"release":     ReleaseSubject{Subject: "P"},
		"drop":        ReleaseSubject{Subject: "P", Drop: true, Reason: "r"},
	} {
		kind, version, body, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		for ; ; calls++ {
			w := ready()
			w.meta.Index++
			res, err := Apply(&brittle{Tx: w.tx, left: calls}, w.meta, kind, version, body)
			if err == nil {
				if !res.OK {
					t.Errorf("%s: %+v", name, res)
				}
				break
			}
			if !errors.Is(err, errDisk) {
				t.Fatalf("%s, failure at call %d: %v", name, calls, err)
			}
		}
		if calls < 5 {
			t.Errorf("%s touched the transaction %d times: the test proves nothing", name, calls)
		}
	}
}

// The views say so as well, and never return half an answer as whole.
func TestViewsFailWithTheTransaction(t *testing.T) {
	w := newWorld(t)
	w.inbox("c0", release("1", "P", 1, 1), Item{MsgID: "2", Bad: "x"})
	w.do(HoldSubject{Epoch: 1, Stream: "control", Subject: "P", Seqs: []uint64{1}, From: 2})
	for name, view := range map[string]func(r warehouse.Reader) error{
		"Cursor":   func(r warehouse.Reader) error { _, err := Cursor(r, "oms/main"); return err },
		"Acked":    func(r warehouse.Reader) error { _, err := Acked(r, "control"); return err },
		"Pending":  func(r warehouse.Reader) error { _, err := Pending(r, "control", 0, 10); return err },
		"Resend":   func(r warehouse.Reader) error { _, err := Pending(r, StreamResend, 0, 10); return err },
		"Depth":    func(r warehouse.Reader) error { _, _, err := Depth(r, StreamResend); return err },
		"Newest":   func(r warehouse.Reader) error { _, err := Newest(r, "control"); return err },
		"Holds":    func(r warehouse.Reader) error { _, err := Holds(r, "", 10); return err },
		"Refusals": func(r warehouse.Reader) error { _, err := Refusals(r, "", 10); return err },
	} {
		fails := 0
		for view(&brittle{Tx: w.tx, left: fails}) != nil {
			fails++
		}
		if fails == 0 {
			t.Errorf("%s never looked", name)
		}
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		id := fmt.Sprint("O-", i)
		w.inbox("", release(id, id, 1, 1))
		w.do(HoldSubject{Epoch: 1, Stream: "control", Subject: id, Seqs: []uint64{uint64(2*i + 1)}, From: uint64(2*i + 2)})
	}
	if hs, err := Holds(w.tx, "", 2); err != nil || len(hs) != 2 || hs[0].Subject != "O-0" {
		t.Errorf("%+v %v", hs, err)
	}
	if rows, err := Pending(w.tx, "control", 1, 2); err != nil || len(rows) != 2 || rows[0].Event.Seq != 2 {
		t.Errorf("%+v %v", rows, err)
	}
	// A domain text longer than a refusal keeps is cut between characters.
	long := Item{MsgID: "l", Bad: strings.Repeat("ä", 500)}
	w.inbox("", long)
	refs, err := Refusals(w.tx, "", 1)
	if err != nil || len(refs) != 1 || refs[0].Text != long.Bad {
		t.Errorf("%+v %v", refs, err)
	}
	if got := clip("x" + strings.Repeat("ä", 600)); len(got) > maxText || !strings.HasSuffix(got, "ä") {
		t.Errorf("%d bytes, ends in %q", len(got), got[len(got)-2:])
	}
}

func TestSubject(t *testing.T) {
	got := []string{Subject(warehouse.Event{Order: "O-1"}), Subject(warehouse.Event{}), Subject(warehouse.Event{Order: "a\x00b"})}
	if diff := cmp.Diff([]string{"O-1", "site", "a\uFFFDb"}, got); diff != "" {
		t.Error(diff)
	}
}

// Replicas that got there by different snapshots answer alike: the state after
// a log does not depend on where the log was cut.
func TestCutAnywhere(t *testing.T) {
	type cmd struct {
		kind, version uint16
		body          []byte
	}
	var log []cmd
	add := func(c Command) {
		kind, version, body, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, cmd{kind, version, body})
	}
	add(InboxStore{Source: "oms/main", Cursor: "c1", Items: []Item{release("1", "P", 1, 1), release("2", "G", 1, 1), {MsgID: "3", OrderID: "Z", Bad: "x"}}})
	add(HoldSubject{Epoch: 1, Stream: "control", Subject: "P", Seqs: []uint64{1, 2}, From: 3})
	add(AckOutbox{Epoch: 1, Stream: "control", Upto: 4})
	add(ReleaseSubject{Subject: "P"})
	add(AckOutbox{Epoch: 1, Stream: StreamResend, Upto: 2})
	add(AckOutbox{Epoch: 1, Stream: "control", Upto: 5})
	var want string
	for at := range len(log) + 1 {
		w := newWorld(t)
		for i, c := range log {
			if i == at { // carry on from a copy, as a replica with a snapshot does
				other := memtx.New()
				_ = w.tx.Range(nil, func(k, v []byte) (bool, error) { return true, other.Set(k, v) })
				w.tx = other
			}
			w.raw(c.kind, c.version, c.body)
		}
		if want == "" {
			want = w.tx.Digest()
		}
		if got := w.tx.Digest(); got != want {
			t.Errorf("cut at %d: another state", at)
		}
	}
}
