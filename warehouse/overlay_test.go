package warehouse

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tote/warehouse/memtx"
)

// The overlay must look like a transaction that was written to directly.
func TestOverlayIsLikeTheTransaction(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base, plain := memtx.New(), memtx.New()
		keys := rapid.StringMatching("[ab]{1,3}")
		for range rapid.IntRange(0, 8).Draw(rt, "rows") {
			k := []byte(keys.Draw(rt, "key"))
			for _, tx := range []Tx{base, plain} {
				if err := tx.Set(k, []byte("old")); err != nil {
					rt.Fatal(err)
				}
			}
		}
		o := &overlay{base: base}
		for i := range rapid.IntRange(0, 12).Draw(rt, "writes") {
			k := []byte(keys.Draw(rt, "key"))
			gone := rapid.Bool().Draw(rt, "delete")
			for _, tx := range []Tx{o, plain} {
				var err error
				if gone {
					err = tx.Delete(k)
				} else {
					err = tx.Set(k, fmt.Append(nil, i))
				}
				if err != nil {
					rt.Fatal(err)
				}
			}
			if i%3 != 0 {
				continue // ranges between writes: keys come unsorted again
			}
			compare(rt, o, plain, keys.Draw(rt, "prefix"), rapid.IntRange(1, 5).Draw(rt, "stop"))
		}
		compare(rt, o, plain, "", 100)
		compare(rt, o, plain, "a", 2)
		if err := o.flush(base); err != nil {
			rt.Fatal(err)
		}
		if base.Digest() != plain.Digest() {
			rt.Fatal("flushed to another state")
		}
	})
}

func compare(rt *rapid.T, a, b Reader, prefix string, stop int) {
	list := func(r Reader) []string {
		var out []string
		err := r.Range([]byte(prefix), func(k, v []byte) (bool, error) {
			got, err := r.Get(k)
			out = append(out, string(k)+"="+string(v)+"="+string(got))
			return len(out) < stop, err
		})
		if err != nil {
			rt.Fatal(err)
		}
		return out
	}
	if x, y := list(a), list(b); !slices.Equal(x, y) {
		rt.Fatalf("range %q: %v, want %v", prefix, x, y)
	}
	for _, more := range []string{"", "a", "b"} { // behind a key that is there or not
		after := []byte(prefix + more)
		pages := func(r Reader) (out []string) {
			err := rangeAfter(r, []byte(prefix), after, func(k, v []byte) (bool, error) {
				out = append(out, string(k)+"="+string(v))
				return len(out) < stop, nil
			})
			if err != nil {
				rt.Fatal(err)
			}
			return out
		}
		// The same without RangeAfter.
		if x, y := pages(a), pages(struct{ Reader }{b}); !slices.Equal(x, y) {
			rt.Fatalf("range %q behind %q: %v, want %v", prefix, after, x, y)
		}
	}
}

func TestOverlayPassesErrorsOn(t *testing.T) {
	stop := errors.New("stop")
	base := memtx.New()
	_ = base.Set([]byte("b"), []byte("1"))
	for _, held := range []string{"a", "b", "c"} {
		o := &overlay{base: base}
		_ = o.Set([]byte(held), nil)
		if v, err := o.Get([]byte(held)); err != nil || v == nil {
			t.Errorf("an empty value is %v %v", v, err)
		}
		n := 0
		err := o.Range(nil, func(k, _ []byte) (bool, error) {
			n++
			if string(k) == held {
				return true, stop
			}
			return true, nil
		})
		if !errors.Is(err, stop) {
			t.Errorf("%s: %v after %d", held, err, n)
		}
	}
}

// brokenTx fails at the nth call.
type brokenTx struct {
	*memtx.Tx
	left int
}

var errDisk = errors.New("disk")

func (b *brokenTx) fail() error {
	if b.left--; b.left < 0 {
		return errDisk
	}
	return nil
}

func (b *brokenTx) Get(k []byte) ([]byte, error) {
	if err := b.fail(); err != nil {
		return nil, err
	}
	return b.Tx.Get(k)
}

func (b *brokenTx) Set(k, v []byte) error {
	if err := b.fail(); err != nil {
		return err
	}
	return b.Tx.Set(k, v)
}

func (b *brokenTx) Delete(k []byte) error {
	if err := b.fail(); err != nil {
		return err
	}
	return b.Tx.Delete(k)
}

func (b *brokenTx) RangeAfter(p, after []byte, fn func(k, v []byte) (bool, error)) error {
	if err := b.fail(); err != nil {
		return err
	}
	return b.Tx.RangeAfter(p, after, fn)
}

func (b *brokenTx) Range(p []byte, fn func(k, v []byte) (bool, error)) error {
	if err := b.fail(); err != nil {
		return err
	}
	return b.Tx.Range(p, fn)
}

// EveryFailure runs a command on a copy of tx with a transaction that fails at
// its first, second, … call until the command gets through, and reports where
// the failure was swallowed.
func EveryFailure(tx *memtx.Tx, m Meta, c Command) error {
	before := tx.Snapshot()
	defer tx.Rollback(before)
	for n := 0; ; n++ {
		tx.Rollback(before)
		b := &brokenTx{Tx: tx, left: n}
		_, err := Apply(b, m, c)
		switch {
		case b.left >= 0 && err == nil:
			return nil
		case b.left >= 0:
			return fmt.Errorf("call %d did not fail, yet: %w", n, err)
		case !errors.Is(err, errDisk):
			return fmt.Errorf("call %d failed, and the answer was %w", n, cmpErr(err))
		}
	}
}

func cmpErr(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

// EveryCorruption destroys each record of tx in turn, runs every command and
// checks that none panics. Those that stumble over the record must say that the
// state is corrupt.
func EveryCorruption(tx *memtx.Tx, m Meta, cmds []Command) error {
	before := tx.Snapshot()
	defer tx.Rollback(before)
	var keys []string
	err := tx.Range(nil, func(k, _ []byte) (bool, error) {
		keys = append(keys, string(k))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		for _, bad := range [][]byte{nil, {0xff}} {
			for _, c := range cmds {
				tx.Rollback(before)
				if bad == nil {
					_ = tx.Delete([]byte(k))
				} else {
					_ = tx.Set([]byte(k), bad)
				}
				if _, err := Apply(tx, m, c); err != nil && !errors.Is(err, ErrCorrupt) {
					return fmt.Errorf("%q is %x, %T: %w", k, bad, c, err)
				}
			}
		}
	}
	return nil
}
