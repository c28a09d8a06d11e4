package logstoretest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
)

// value checks that a key holds val.
func (h *harness) value(key, val string) {
	h.t.Helper()
	if got, err := h.Get([]byte(key)); err != nil || string(got) != val {
		h.t.Fatalf("%q holds %.40q (%v), want %.40q", key, got, err, val)
	}
}

// number checks that a key holds n.
func (h *harness) number(key string, n uint64) {
	h.t.Helper()
	if got, err := h.GetUint64([]byte(key)); err != nil || got != n {
		h.t.Fatalf("%q holds %d (%v), want %d", key, got, err, n)
	}
}

func (h *harness) must(errs ...error) {
	h.t.Helper()
	if err := errors.Join(errs...); err != nil {
		h.t.Fatal(err)
	}
}

func testStable(_ *testing.T, h *harness) {
	for i := range uint64(9) {
		h.must(h.SetUint64([]byte("term"), i), h.Set([]byte("vote"), fmt.Append(nil, "gw", i)))
		if i%2 == 0 {
			h.reopen()
		}
		h.number("term", i)
		h.value("vote", fmt.Sprint("gw", i))
	}
}

// testStableMissing: raft takes no value for the start of a new server, so an
// error must not look like one and one must not look like an error.
func testStableMissing(_ *testing.T, h *harness) {
	for range 2 {
		// Raft compares this very text.
		if _, err := h.Get([]byte("none")); err == nil || err.Error() != "not found" {
			h.t.Fatalf("a key never set: %v, want \"not found\"", err)
		}
		if n, err := h.GetUint64([]byte("none")); n != 0 || (err != nil && err.Error() != "not found") {
			h.t.Fatalf("a number never set: %d, %v", n, err)
		}
		h.must(h.Set([]byte("other"), []byte("x")))
		h.reopen()
	}
}

// testStableApart: each key has a value of its own, of any bytes, whatever
// happens to the log.
func testStableApart(_ *testing.T, h *harness) {
	long := string(bytes.Repeat([]byte{0, 0xff, '\n'}, 300))
	values := map[string]string{"a": "1", "ab": "12", "b": "", "\x00": "nul", "long": long}
	for k, v := range values {
		h.must(h.Set([]byte(k), []byte(v)))
	}
	numbers := map[string]uint64{"zero": 0, "one": 1, "most": math.MaxUint64}
	for k, n := range numbers {
		h.must(h.SetUint64([]byte(k), n))
	}
	buf := []byte("mine")
	h.must(h.Set([]byte("buf"), buf))
	copy(buf, "xxxx") // the caller's memory is the caller's
	values["buf"] = "mine"
	if got, err := h.Get([]byte("buf")); err == nil && len(got) > 0 {
		got[0] = '!'
	}
	h.must(h.Set([]byte("a"), []byte("longer than before")), h.Set([]byte("long"), []byte("short")))
	values["a"], values["long"] = "longer than before", "short"
	h.store(1, 20, 1)
	for range 2 {
		for k, v := range values {
			h.value(k, v)
		}
		for k, n := range numbers {
			h.number(k, n)
		}
		h.del(0, 1<<62)
		h.reopen()
	}
}

// testStableBeside: a vote may be stored while the log is written and read.
func testStableBeside(t *testing.T, h *harness) {
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range uint64(60) {
			if err := h.SetUint64([]byte("term"), i); err != nil {
				t.Error(err)
				return
			}
			if n, err := h.GetUint64([]byte("term")); n != i || err != nil {
				t.Errorf("term %d, %v, want %d", n, err, i)
				return
			}
		}
	})
	var err error
	for i := uint64(1); i <= 60 && err == nil; i++ {
		err = h.StoreLog(Entry(i, 1, int(i%50)))
	}
	wg.Wait()
	h.must(err)
	h.reopen()
	h.bounds(1, 60)
	h.has(1, 60, 1)
	h.number("term", 59)
}
