package logstoretest

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// testOwnMemory: what was stored is the caller's to write over, and an entry is
// read into memory that held another one.
func testOwnMemory(t *testing.T, h *harness) {
	logs := []*raft.Log{
		{Index: 1, Term: 3, Type: raft.LogCommand, Data: []byte("data 1"), Extensions: []byte("ext 1"), AppendedAt: time.Unix(9, 9).UTC()},
		{Index: 2, Term: 3, Type: raft.LogNoop},
	}
	h.must(h.StoreLogs(logs))
	copy(logs[0].Data, "XXXXXX")
	copy(logs[0].Extensions, "XXXXX")
	want := []*raft.Log{
		{Index: 1, Term: 3, Type: raft.LogCommand, Data: []byte("data 1"), Extensions: []byte("ext 1"), AppendedAt: time.Unix(9, 9).UTC()},
		{Index: 2, Term: 3, Type: raft.LogNoop},
	}
	for range 2 {
		var got raft.Log
		for _, l := range want {
			if err := h.GetLog(l.Index, &got); err != nil {
				t.Fatal(err)
			}
			if err := Same(l, &got); err != nil {
				t.Fatal(err)
			}
		}
		h.reopen()
	}
}

// monotonic tells whether the store promises a log without gaps.
func (h *harness) monotonic() bool {
	m, ok := h.Store.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// refused checks that a batch is not stored, and opens the store again: a
// caller that breaks the rule may find it latched.
func (h *harness) refused(first, last uint64, logs ...*raft.Log) {
	h.t.Helper()
	if err := h.StoreLogs(logs); err == nil {
		h.t.Fatalf("a log of %d to %d took a batch of %d to %d", first, last, logs[0].Index, logs[len(logs)-1].Index)
	}
	h.reopen()
	h.bounds(first, last)
}

// testGapAfterCut: the next index follows from what is left, not from what was
// there, also across a restart.
func testGapAfterCut(_ *testing.T, h *harness) {
	if !h.monotonic() {
		h.t.Skip("the store allows gaps")
	}
	h.store(1, 20, 1)
	h.del(15, 20)
	h.refused(1, 14, Entry(21, 2, 1))
	h.refused(1, 14, Entry(16, 2, 1))
	h.store(15, 16, 2)
	h.del(1, 10)
	h.refused(11, 16, Entry(10, 2, 1))
	h.refused(11, 16, Entry(18, 2, 1))
	h.refused(11, 16, Entry(1, 2, 1))
	h.store(17, 18, 3)
	h.has(11, 14, 1)
	h.has(15, 16, 2)
	h.has(17, 18, 3)
	if !h.monotonic() {
		h.t.Fatal("after a restart the store promises no log without gaps")
	}
}

// testOrder: a batch that is no run of indexes leaves nothing behind.
func testOrder(_ *testing.T, h *harness) {
	if !h.monotonic() {
		h.t.Skip("the store allows gaps")
	}
	h.store(5, 9, 1)
	for _, batch := range [][]uint64{{10, 10}, {11, 10}, {10, 9}, {10, 11, 13}, {9, 10}, {0}} {
		var logs []*raft.Log
		for _, i := range batch {
			logs = append(logs, Entry(i, 1, 3))
		}
		h.refused(5, 9, logs...)
	}
	h.has(5, 9, 1)
	h.store(10, 12, 1)
	h.has(10, 12, 1)
}

// testDeleteInBatch cuts both ends of one batch.
func testDeleteInBatch(_ *testing.T, h *harness) {
	h.store(1, 40, 1)
	h.del(1, 10)
	h.del(31, 40)
	for range 2 {
		h.bounds(11, 30)
		h.has(11, 30, 1)
		h.reopen()
	}
	h.store(31, 33, 2)
	h.del(11, 30)
	h.reopen()
	h.bounds(31, 33)
	h.has(31, 33, 2)
	h.del(31, 32)
	h.del(33, 33) // the last one, alone
	h.bounds(0, 0)
	h.reopen()
	h.bounds(0, 0)
}

// testDeleteMore: the range may reach over either end and over both.
func testDeleteMore(_ *testing.T, h *harness) {
	h.store(100, 160, 1)
	h.del(0, 109)
	h.bounds(110, 160)
	h.del(1, 119)
	h.bounds(120, 160)
	h.del(150, 1<<62)
	h.bounds(120, 149)
	h.reopen()
	h.bounds(120, 149)
	h.has(120, 149, 1)
	h.del(1, 1<<62)
	h.bounds(0, 0)
	h.reopen()
	h.bounds(0, 0)
	h.store(50, 51, 4)
	h.reopen()
	h.bounds(50, 51)
	h.has(50, 51, 4)
}

// testDeleteMost: the largest number there is has no successor.
func testDeleteMost(_ *testing.T, h *harness) {
	h.store(1, 20, 1)
	h.del(11, math.MaxUint64)
	h.bounds(1, 10)
	h.del(0, math.MaxUint64)
	h.bounds(0, 0)
	h.reopen()
	h.bounds(0, 0)
	h.store(7, 9, 2)
	h.bounds(7, 9)
}

// testMovesOn is the life of a log on a gateway: appended at the end, cut at
// the head, for many times its own length, with restarts.
func testMovesOn(t *testing.T, h *harness) {
	const kept = 40
	pad := bytes.Repeat([]byte("pad "), 300)
	entry := func(i uint64) *raft.Log {
		l := Entry(i, 1+i/500, 20)
		l.Data = append(l.Data, pad...)
		return l
	}
	last := uint64(0)
	for round := range 30 {
		for range 10 {
			var logs []*raft.Log
			for range 1 + last%5 {
				last++
				logs = append(logs, entry(last))
			}
			if err := h.StoreLogs(logs); err != nil {
				t.Fatalf("store up to %d: %v", last, err)
			}
		}
		first := uint64(1)
		if last > kept {
			first = last - kept + 1
			h.del(1, first-1)
		}
		if round%7 == 6 {
			h.reopen()
		}
		h.bounds(first, last)
		for i := first; i <= last; i++ {
			h.same(entry(i))
		}
	}
}
