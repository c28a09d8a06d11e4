package raftstore

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestOverlayModel compares random writes, rollbacks, reads, ranges and commits
// with a map.
func TestOverlayModel(t *testing.T) {
	v, err := openView(t.TempDir(), testLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	defer v.close(0)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		space := fmt.Sprintf("%06d/", run) // each run has keys of its own
		kept, now := map[string]string{}, map[string]string{}
		base := v.db.NewTransaction(false)
		// Room for a few rows: they come, go and are found again.
		lately := &recent{limit: rapid.IntRange(1, 500).Draw(rt, "recent")}
		o := newOverlay(base)
		o.recent = lately
		tx := &commandTx{o: o}
		defer func() { base.Discard() }()
		key := func() []byte {
			// Few, nested, with the extreme bytes.
			return []byte(space + rapid.StringOfN(rapid.SampledFrom([]rune{0, 'a', 'b', 0xff}), 0, 3, -1).Draw(rt, "key"))
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 8).Draw(rt, "op") {
			case 0, 1, 2:
				k, val := key(), rapid.StringN(0, 4, -1).Draw(rt, "value")
				if rapid.IntRange(0, 9).Draw(rt, "long") == 0 {
					val = strings.Repeat("long", recentValue)
				}
				if err := tx.Set(k, []byte(val)); err != nil {
					rt.Fatal(err)
				}
				now[string(k)] = val
			case 3:
				k := key()
				if err := tx.Delete(k); err != nil {
					rt.Fatal(err)
				}
				delete(now, string(k))
			case 4:
				o.keep()
				kept = maps.Clone(now)
			case 5:
				o.rollback()
				now = maps.Clone(kept)
			case 6:
				o.keep()
				kept = maps.Clone(now)
				if err := o.commit(v.db); err != nil {
					rt.Fatal(err)
				}
				base.Discard()
				base = v.db.NewTransaction(false)
				o = newOverlay(base)
				o.recent = lately
				tx = &commandTx{o: o}
				for _, rows := range []map[string][]byte{lately.young, lately.old} {
					for k, val := range rows {
						if newer, known := lately.young[k]; known {
							val = newer
						}
						if had, err := badgerGet(base, []byte(k)); err != nil || !bytes.Equal(had, val) || (had == nil) != (val == nil) {
							rt.Fatalf("row %q is remembered as %q, is %q (%v)", k, val, had, err)
						}
					}
				}
				size := 0
				for k, val := range lately.young {
					size += len(k) + len(val) + recentRow
				}
				if size != lately.size {
					rt.Fatalf("%d bytes are remembered, counted %d", size, lately.size)
				}
			case 7, 8:
				k := key()
				got, err := tx.Get(k)
				want, ok := now[string(k)]
				if err != nil || ok != (got != nil) || string(got) != want {
					rt.Fatalf("get %q: %q, want %q (%v)", k, got, want, ok)
				}
			}
			prefix := key()
			limit := rapid.IntRange(1, 10).Draw(rt, "limit")
			var got, want []string
			err := tx.Range(prefix, func(k, val []byte) (bool, error) {
				got = append(got, string(k)+"="+string(val))
				return len(got) < limit, nil
			})
			for _, k := range slices.Sorted(maps.Keys(now)) {
				if strings.HasPrefix(k, string(prefix)) && len(want) < limit {
					want = append(want, k+"="+now[k])
				}
			}
			if err != nil || !slices.Equal(got, want) {
				rt.Fatalf("range %q: %q, want %q (%v)", prefix, got, want, err)
			}
			after := append(slices.Clone(prefix), key()...)
			got, want = nil, nil
			err = tx.RangeAfter(prefix, after, func(k, val []byte) (bool, error) {
				got = append(got, string(k)+"="+string(val))
				return len(got) < limit, nil
			})
			for _, k := range slices.Sorted(maps.Keys(now)) {
				if strings.HasPrefix(k, string(prefix)) && k > string(after) && len(want) < limit {
					want = append(want, k+"="+now[k])
				}
			}
			if err != nil || !slices.Equal(got, want) {
				rt.Fatalf("range %q behind %q: %q, want %q (%v)", prefix, after, got, want, err)
			}
			size := 0
			for _, r := range o.sorted {
				size += len(r.key) + len(r.val) + rowOverhead
			}
			if o.bytes != size || len(o.rows) != len(o.sorted) {
				rt.Fatalf("the overlay counts %d bytes in %d rows, holds %d in %d", o.bytes, len(o.rows), size, len(o.sorted))
			}
		}
	})
}

func TestRangeWithinRange(t *testing.T) {
	a := newTestApplier(t)
	a.one(t, 1, byID(1, "set a 1"))
	a.one(t, 1, byID(2, "set b 2"))
	if err := a.begin(); err != nil {
		t.Fatal(err)
	}
	defer a.end()
	tx := &commandTx{o: a.o}
	if err := tx.Set([]byte("c"), nil); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	stop := errors.New("stop")
	err := tx.Range(nil, func(k, _ []byte) (bool, error) {
		err := tx.Range(k, func(k2, v []byte) (bool, error) {
			fmt.Fprintf(&got, "%s%s ", k2, v)
			return true, nil
		})
		if string(k) == "c" {
			err = stop
		}
		return true, err
	})
	if !errors.Is(err, stop) || got.String() != "a1 b2 c " {
		t.Fatalf("%q, %v", got.String(), err)
	}
	if err := tx.Set([]byte("d"), nil); err != nil {
		t.Fatal("a write after the Range ended by an error: ", err)
	}
}

func TestTxOfAnotherCommandIsDead(t *testing.T) {
	a := newTestApplier(t)
	keeper := &keepTx{}
	a.machine = keeper
	a.one(t, 1, byID(1, ""))
	_, getErr := keeper.tx.Get(nil)
	for i, err := range []error{
		keeper.tx.Set([]byte("a"), nil), keeper.tx.Delete([]byte("a")), getErr, keeper.tx.Range(nil, nil),
	} {
		if !errors.Is(err, errTxDone) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

type keepTx struct{ tx Tx }

func (k *keepTx) Apply(tx Tx, _ Meta, _ []byte) (Outcome, error) {
	k.tx = tx
	return Outcome{}, nil
}

// TestValuesAreCopied: a machine may use one buffer for everything.
func TestValuesAreCopied(t *testing.T) {
	a := newTestApplier(t)
	a.machine = reuser{}
	r := a.one(t, 1, byID(1, ""))
	if string(r.res.Body) != "k0=v0 k1=v1 k2=v2 " {
		t.Fatalf("%s", r.res.Body)
	}
}

type reuser struct{ testMachine }

func (m reuser) Apply(tx Tx, meta Meta, _ []byte) (Outcome, error) {
	k, v := []byte("k_"), []byte("v_")
	for i := range byte(3) {
		k[1], v[1] = '0'+i, '0'+i
		if err := tx.Set(k, v); err != nil {
			return Outcome{}, err
		}
	}
	return m.testMachine.Apply(tx, meta, []byte("list k"))
}
