package memtx_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

var _ warehouse.Tx = (*memtx.Tx)(nil)

func list(tx *memtx.Tx, prefix string) []string {
	var out []string
	_ = tx.Range([]byte(prefix), func(k, v []byte) (bool, error) {
		out = append(out, fmt.Sprintf("%s=%s", k, v))
		return true, nil
	})
	return out
}

func TestOrderAndPrefix(t *testing.T) {
	tx := memtx.New()
	for _, k := range []string{"b2", "a", "b1", "c", "b"} {
		if err := tx.Set([]byte(k), []byte("v"+k)); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(tx, "b"); !slices.Equal(got, []string{"b=vb", "b1=vb1", "b2=vb2"}) {
		t.Errorf("%v", got)
	}
	if err := tx.Delete([]byte("b1")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Delete([]byte("nothing")); err != nil {
		t.Fatal(err)
	}
	if got := list(tx, ""); !slices.Equal(got, []string{"a=va", "b=vb", "b2=vb2", "c=vc"}) {
		t.Errorf("%v", got)
	}
	if tx.Len() != 4 || tx.Writes() != 7 {
		t.Errorf("len %d, writes %d", tx.Len(), tx.Writes())
	}
	if v, _ := tx.Get([]byte("b1")); v != nil {
		t.Errorf("deleted: %q", v)
	}
}

func TestRangeStops(t *testing.T) {
	tx := memtx.New()
	for _, k := range []string{"1", "2", "3"} {
		_ = tx.Set([]byte(k), nil)
	}
	n, stop := 0, errors.New("stop")
	_ = tx.Range(nil, func(_, _ []byte) (bool, error) { n++; return n < 2, nil })
	if n != 2 {
		t.Errorf("went on to %d", n)
	}
	if err := tx.Range(nil, func(_, _ []byte) (bool, error) { return true, stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

// What is stored is a copy, and an empty value is not an absent one.
func TestValuesAreCopies(t *testing.T) {
	tx := memtx.New()
	k, v := []byte("k"), []byte("v")
	_ = tx.Set(k, v)
	k[0], v[0] = 'x', 'x'
	if got, _ := tx.Get([]byte("k")); string(got) != "v" {
		t.Errorf("%q", got)
	}
	_ = tx.Set([]byte("empty"), nil)
	if got, _ := tx.Get([]byte("empty")); got == nil {
		t.Error("an empty value is absent")
	}
}

func TestSnapshotAndDigest(t *testing.T) {
	tx := memtx.New()
	empty := tx.Digest()
	_ = tx.Set([]byte("a"), []byte("1"))
	_ = tx.Set([]byte("b"), []byte("2"))
	one, snap := tx.Digest(), tx.Snapshot()
	_ = tx.Set([]byte("a"), []byte("3"))
	_ = tx.Delete([]byte("b"))
	_ = tx.Set([]byte("c"), []byte("4"))
	if tx.Digest() == one {
		t.Error("the digest does not see changes")
	}
	tx.Rollback(snap)
	if tx.Digest() != one || !slices.Equal(list(tx, ""), []string{"a=1", "b=2"}) {
		t.Errorf("rolled back to %v", list(tx, ""))
	}
	_ = tx.Set([]byte("d"), []byte("5"))
	tx.Rollback(snap) // a snapshot may be used twice
	if tx.Digest() != one {
		t.Error("the snapshot was changed")
	}
	other := memtx.New()
	_ = other.Set([]byte("b"), []byte("2"))
	_ = other.Set([]byte("a"), []byte("1"))
	if other.Digest() != one {
		t.Error("the digest depends on the order of writes")
	}
	_ = other.Delete([]byte("a"))
	_ = other.Delete([]byte("b"))
	if other.Digest() != empty {
		t.Error("the digest remembers what is gone")
	}
	// Lengths are part of it: "ab"+"c" is not "a"+"bc".
	x, y := memtx.New(), memtx.New()
	_ = x.Set([]byte("ab"), []byte("c"))
	_ = y.Set([]byte("a"), []byte("bc"))
	if x.Digest() == y.Digest() {
		t.Error("keys and values run into each other")
	}
}

// Enough keys for many blocks, in and out in an order of their own, beside a
// plain map.
func TestManyKeys(t *testing.T) {
	tx, want := memtx.New(), make(map[string]string)
	check := func() {
		t.Helper()
		var keys []string
		for k := range want {
			keys = append(keys, k+"="+want[k])
		}
		slices.Sort(keys)
		if got := list(tx, ""); !slices.Equal(got, keys) || tx.Len() != len(keys) {
			t.Fatalf("%d keys, want %d", len(got), len(keys))
		}
	}
	name := func(i int) string { return fmt.Sprintf("k%05d", i*7919%10007) }
	for i := range 10007 {
		want[name(i)] = "v"
		_ = tx.Set([]byte(name(i)), []byte("v"))
	}
	check()
	snap, one := tx.Snapshot(), tx.Digest()
	for i := range 10007 {
		if i%11 != 3 {
			delete(want, name(i))
			_ = tx.Delete([]byte(name(i)))
		}
	}
	check()
	if got, n := list(tx, "k001"), 0; true {
		for k := range want {
			if k[:4] == "k001" {
				n++
			}
		}
		if len(got) != n {
			t.Errorf("%d keys with the prefix, want %d", len(got), n)
		}
	}
	tx.Rollback(snap)
	if tx.Digest() != one {
		t.Error("rolled back to something else")
	}
	for i := range 10007 {
		_ = tx.Delete([]byte(name(i)))
	}
	if tx.Len() != 0 || len(list(tx, "")) != 0 {
		t.Error("something is left")
	}
}

// Several kinds, keys that come again before anybody asked for their order, and
// ranges of each length in between.
func TestKindsAndRangesBetweenWrites(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tx, want := memtx.New(), make(map[string]string)
		key := rapid.StringMatching("(a|ab|b)(\x00[xy]{0,2})?")
		prefix := rapid.StringMatching("(a|ab|b)?(\x00[xy]?)?")
		for i := range rapid.IntRange(1, 300).Draw(rt, "steps") {
			k := key.Draw(rt, "key")
			switch rapid.IntRange(0, 6).Draw(rt, "do") {
			case 0:
				var keys []string
				p := prefix.Draw(rt, "prefix")
				for k := range want {
					if strings.HasPrefix(k, p) {
						keys = append(keys, k)
					}
				}
				slices.Sort(keys)
				for i, k := range keys {
					keys[i] = k + "=" + want[k]
				}
				if got := list(tx, p); !slices.Equal(got, keys) {
					rt.Fatalf("range %q: %q, want %q", p, got, keys)
				}
			case 1, 2, 3:
				delete(want, k)
				_ = tx.Delete([]byte(k))
			default:
				want[k] = fmt.Sprint(i)
				_ = tx.Set([]byte(k), []byte(want[k]))
			}
		}
		if tx.Len() != len(want) {
			rt.Fatalf("%d keys, want %d", tx.Len(), len(want))
		}
	})
}
