// Package logstoretest is the suite every log store of raftstore must pass.
// hashicorp/raft has none, and its own stores differ in just the corners where
// a cluster gets lost: what is there after a restart, what a deleted range
// leaves behind, what a gap does.
//
// It holds no state and starts no goroutine that outlives Run.
package logstoretest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// Store is a log store with its stable store.
type Store interface {
	raft.LogStore
	raft.StableStore
	Close() error
}

// Opener opens the store kept under name; opening the same name again after
// Close gives the same contents. Names are unique in one Run.
type Opener func(t *testing.T, name string) Store

// Skip leaves out one part of the suite and says why: a known difference of a
// store that is measured but not used.
type Skip struct{ Part, Why string }

// parts of the suite, by the name a Skip uses.
var parts = []struct {
	name string
	run  func(t *testing.T, h *harness)
}{
	{"empty", testEmpty},
	{"fields", testFields},
	{"batches", testBatches},
	{"large entries", testLarge},
	{"caller keeps its memory", testOwnMemory},
	{"gap refused", testGap},
	{"gap after a cut refused", testGapAfterCut},
	{"order in a batch", testOrder},
	{"delete head", testDeleteHead},
	{"delete tail", testDeleteTail},
	{"delete inside one batch", testDeleteInBatch},
	{"delete all", testDeleteAll},
	{"delete nothing", testDeleteNothing},
	{"delete middle refused", testDeleteMiddle},
	{"delete more than there is", testDeleteMore},
	{"delete to the largest number", testDeleteMost},
	{"moves on", testMovesOn},
	{"readers beside the writer", testReaders},
	{"stable values", testStable},
	{"stable value never set", testStableMissing},
	{"stable values apart", testStableApart},
	{"stable values beside the log", testStableBeside},
	{"model", testModel},
}

// Run checks that the stores open gives behave as raft needs.
func Run(t *testing.T, open Opener, skips ...Skip) {
	why := map[string]string{}
	for _, s := range skips {
		why[s.Part] = s.Why
	}
	for _, c := range parts {
		reason, skip := why[c.name]
		delete(why, c.name)
		t.Run(c.name, func(t *testing.T) {
			if skip {
				t.Skip(reason)
			}
			h := &harness{t: t, open: open, name: c.name}
			h.Store = open(t, c.name)
			t.Cleanup(func() { _ = h.Close() })
			c.run(t, h)
		})
	}
	for part := range why {
		t.Errorf("the suite has no part %q to skip", part)
	}
}

// harness is one store and helpers that fail the test.
type harness struct {
	Store
	t    *testing.T
	open Opener
	name string
}

func (h *harness) reopen() {
	h.t.Helper()
	if err := h.Close(); err != nil {
		h.t.Fatalf("close: %v", err)
	}
	h.Store = h.open(h.t, h.name)
}

// Entry makes the entry of an index: its data follows from index and term, so
// that a check needs no memory of what was stored.
func Entry(index, term uint64, size int) *raft.Log {
	data := bytes.Repeat(fmt.Appendf(nil, "%d.%d ", index, term), size/4+1)[:size]
	return &raft.Log{Index: index, Term: term, Data: data, AppendedAt: time.Unix(int64(index), 7).UTC()}
}

func (h *harness) store(from, to, term uint64) {
	h.t.Helper()
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, Entry(i, term, int(i%50)))
	}
	if err := h.StoreLogs(logs); err != nil {
		h.t.Fatalf("store %d to %d: %v", from, to, err)
	}
}

func (h *harness) del(from, to uint64) {
	h.t.Helper()
	if err := h.DeleteRange(from, to); err != nil {
		h.t.Fatalf("delete %d to %d: %v", from, to, err)
	}
}

// bounds checks first and last index and that nothing lies outside.
func (h *harness) bounds(first, last uint64) {
	h.t.Helper()
	f, err1 := h.FirstIndex()
	l, err2 := h.LastIndex()
	if err := errors.Join(err1, err2); err != nil || f != first || l != last {
		h.t.Fatalf("the log holds %d to %d (%v), want %d to %d", f, l, err, first, last)
	}
	for _, i := range []uint64{0, first - 1, last + 1, last + 1000} {
		if first > 0 && i >= first && i <= last {
			continue
		}
		if err := h.GetLog(i, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
			h.t.Fatalf("entry %d of %d to %d: %v, want ErrLogNotFound", i, first, last, err)
		}
	}
}

// has checks that the entries are those that store(…, term) stored.
func (h *harness) has(from, to, term uint64) {
	h.t.Helper()
	for i := from; i <= to; i++ {
		h.same(Entry(i, term, int(i%50)))
	}
}

func (h *harness) same(want *raft.Log) {
	h.t.Helper()
	var got raft.Log
	if err := h.GetLog(want.Index, &got); err != nil {
		h.t.Fatalf("entry %d: %v", want.Index, err)
	}
	if err := Same(want, &got); err != nil {
		h.t.Fatal(err)
	}
}

// Same tells how two entries differ, nil when they do not.
func Same(want, got *raft.Log) error {
	if got.Index != want.Index || got.Term != want.Term || got.Type != want.Type ||
		!bytes.Equal(got.Data, want.Data) || !bytes.Equal(got.Extensions, want.Extensions) ||
		!got.AppendedAt.Equal(want.AppendedAt) {
		return fmt.Errorf("entry %d is {%d %v %v %.40q %.40q}, want {%d %v %v %.40q %.40q}", want.Index,
			got.Term, got.Type, got.AppendedAt, got.Data, got.Extensions,
			want.Term, want.Type, want.AppendedAt, want.Data, want.Extensions)
	}
	return nil
}

func testEmpty(_ *testing.T, h *harness) {
	h.bounds(0, 0)
	if err := h.StoreLogs(nil); err != nil {
		h.t.Fatal(err)
	}
	h.reopen()
	h.bounds(0, 0)
	h.store(7, 9, 1) // after a snapshot the first index is any
	h.bounds(7, 9)
	h.reopen()
	h.bounds(7, 9)
	h.has(7, 9, 1)
}

func testFields(_ *testing.T, h *harness) {
	logs := []*raft.Log{
		{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: []byte("conf")},
		{Index: 2, Term: 1, Type: raft.LogNoop},
		{Index: 3, Term: 2, Type: raft.LogCommand, Data: []byte{0}, Extensions: []byte("ext")},
		{Index: 4, Term: 9, Type: raft.LogBarrier, Extensions: []byte{0}, AppendedAt: time.Unix(1764000000, 123).UTC()},
		{Index: 5, Term: 9, Type: raft.LogCommand, Data: bytes.Repeat([]byte{0xff}, 5000)},
	}
	if err := h.StoreLogs(logs); err != nil {
		h.t.Fatal(err)
	}
	for range 2 {
		for _, l := range logs {
			h.same(l)
		}
		h.reopen()
	}
}

func testBatches(_ *testing.T, h *harness) {
	for i := uint64(1); i < 500; i += 1 + i%7 {
		h.store(i, i+i%7, 1+i/100)
	}
	last, _ := h.LastIndex()
	if err := h.StoreLog(Entry(last+1, 9, 3)); err != nil {
		h.t.Fatal(err)
	}
	for range 2 {
		h.bounds(1, last+1)
		for i := uint64(1); i < 500; i += 1 + i%7 {
			h.has(i, i+i%7, 1+i/100)
		}
		h.same(Entry(last+1, 9, 3))
		h.reopen()
	}
}

func testLarge(_ *testing.T, h *harness) {
	sizes := []int{0, 1, 4000, 4096, 70_000, 1 << 20, 5}
	for i, n := range sizes {
		if err := h.StoreLog(Entry(uint64(i+1), 1, n)); err != nil {
			h.t.Fatal(err)
		}
	}
	for range 2 {
		for i, n := range sizes {
			h.same(Entry(uint64(i+1), 1, n))
		}
		h.reopen()
	}
}

func testGap(_ *testing.T, h *harness) {
	if m, ok := h.Store.(raft.MonotonicLogStore); !ok || !m.IsMonotonic() {
		h.t.Skip("the store allows gaps")
	}
	h.store(1, 3, 1)
	if err := h.StoreLog(Entry(5, 1, 1)); err == nil {
		h.t.Fatal("an entry behind a gap was stored")
	}
	h.reopen()
	h.bounds(1, 3)
	if err := h.StoreLogs([]*raft.Log{Entry(4, 1, 1), Entry(6, 1, 1)}); err == nil {
		h.t.Fatal("a batch with a gap was stored")
	}
	h.reopen()
	h.bounds(1, 3)
	if err := h.StoreLog(Entry(3, 1, 1)); err == nil {
		h.t.Fatal("an entry was stored twice")
	}
	h.reopen()
	h.bounds(1, 3)
	h.store(4, 5, 1)
}

func testDeleteHead(_ *testing.T, h *harness) {
	h.store(1, 10, 1)
	h.store(11, 300, 1)
	for _, to := range []uint64{1, 5, 10, 11, 200, 299} {
		h.del(0, to)
		h.bounds(to+1, 300)
		h.has(to+1, 300, 1)
		h.reopen()
		h.bounds(to+1, 300)
		h.has(to+1, 300, 1)
	}
	h.store(301, 310, 2)
	h.bounds(300, 310)
}

func testDeleteTail(_ *testing.T, h *harness) {
	h.store(1, 50, 1)
	h.store(51, 100, 1)
	for _, from := range []uint64{100, 80, 51, 30, 2} {
		h.del(from, 1000)
		h.bounds(1, from-1)
		h.reopen()
		h.bounds(1, from-1)
		h.has(1, from-1, 1)
	}
	h.store(2, 40, 2) // other entries take their place
	h.del(30, 40)
	h.store(30, 60, 3)
	for range 2 {
		h.bounds(1, 60)
		h.has(1, 1, 1)
		h.has(2, 29, 2)
		h.has(30, 60, 3)
		h.reopen()
	}
}

func testDeleteAll(_ *testing.T, h *harness) {
	h.store(1, 20, 1)
	h.del(1, 20)
	h.bounds(0, 0)
	h.reopen()
	h.bounds(0, 0)
	h.store(1000, 1010, 2)
	h.bounds(1000, 1010)
	h.reopen()
	h.bounds(1000, 1010)
	h.has(1000, 1010, 2)
	h.del(0, 1<<62)
	h.store(1, 2, 5)
	h.reopen()
	h.bounds(1, 2)
	h.has(1, 2, 5)
}

func testDeleteNothing(_ *testing.T, h *harness) {
	h.del(1, 10)
	h.store(10, 20, 1)
	h.del(1, 9)
	h.del(21, 30)
	h.del(15, 14)
	h.bounds(10, 20)
	h.reopen()
	h.bounds(10, 20)
}

func testDeleteMiddle(_ *testing.T, h *harness) {
	h.store(1, 20, 1)
	if err := h.DeleteRange(5, 10); err == nil {
		h.t.Fatal("a hole was made in the log")
	}
	h.reopen()
	h.bounds(1, 20)
	h.has(1, 20, 1)
}

func testReaders(_ *testing.T, h *harness) {
	h.store(1, 1, 1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for range 4 {
		wg.Go(func() {
			for n := uint64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				first, _ := h.FirstIndex()
				last, _ := h.LastIndex()
				if last < first {
					continue
				}
				i := first + n%(last-first+1)
				var got raft.Log
				err := h.GetLog(i, &got)
				if errors.Is(err, raft.ErrLogNotFound) {
					continue // deleted meanwhile
				}
				if err == nil {
					err = Same(Entry(i, 1, int(i%50)), &got)
				}
				if err != nil {
					h.t.Error(err)
					return
				}
			}
		})
	}
	for i := uint64(2); i < 400; i += 2 {
		h.store(i, i+1, 1)
		if i > 40 && i%10 == 0 {
			h.del(1, i-40)
		}
	}
}

// testModel compares random calls with a map.
func testModel(t *testing.T, h *harness) {
	for seed := range uint64(8) {
		h.del(0, 1<<62)
		testModelSeed(t, h, seed)
	}
}

func testModelSeed(t *testing.T, h *harness, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	var first, last uint64 // model; terms by index
	terms := map[uint64]uint64{}
	term := uint64(1)
	for step := range 150 {
		switch k := rng.IntN(20); {
		case k < 14:
			from := last + 1
			if last == 0 {
				from = 1 + rng.Uint64N(100)
				first = from
			}
			last = from + rng.Uint64N(12)
			for i := from; i <= last; i++ {
				terms[i] = term
			}
			h.store(from, last, term)
		case k < 16 && last > 0:
			to := first + rng.Uint64N(last-first+1)
			h.del(first, to)
			first = to + 1
		case k < 18 && last > 0:
			from := first + rng.Uint64N(last-first+1)
			h.del(from, last)
			last = from - 1
			term++
		case k == 18:
			h.reopen()
		}
		if last < first || last == 0 {
			first, last = 0, 0
		}
		f, _ := h.FirstIndex()
		l, _ := h.LastIndex()
		if f != first || l != last {
			t.Fatalf("seed %d, step %d: the log holds %d to %d, want %d to %d", seed, step, f, l, first, last)
		}
		for range 5 {
			if last > 0 {
				i := first + rng.Uint64N(last-first+1)
				h.has(i, i, terms[i])
			}
		}
	}
}
