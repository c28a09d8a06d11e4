package warehouse

import (
	"bytes"
	"slices"
	"strings"
)

// overlay holds the writes of one command back until the command is accepted.
// A refused command so changes nothing by construction, whoever runs Apply and
// however late a handler finds its reason to refuse. Writes reach the
// transaction in key order, each key once.
type overlay struct {
	base   Reader
	vals   map[string][]byte // nil = deleted; looked up, never ranged over
	keys   []string          // of vals
	bytes  int               // of keys and values
	sorted bool
}

func newOverlay(base Reader) *overlay {
	return &overlay{base: base, vals: make(map[string][]byte), sorted: true}
}

func (o *overlay) Get(k []byte) ([]byte, error) {
	if v, ok := o.vals[string(k)]; ok {
		return v, nil
	}
	return o.base.Get(k)
}

func (o *overlay) put(k, v []byte) {
	s := string(k)
	if _, ok := o.vals[s]; !ok {
		if n := len(o.keys); n > 0 && o.keys[n-1] > s {
			o.sorted = false
		}
		o.keys = append(o.keys, s)
		o.bytes += len(s)
	}
	o.bytes += len(v) - len(o.vals[s])
	o.vals[s] = v
}

func (o *overlay) Set(k, v []byte) error {
	if v == nil {
		v = []byte{}
	}
	o.put(k, v)
	return nil
}

func (o *overlay) Delete(k []byte) error {
	o.put(k, nil)
	return nil
}

func (o *overlay) order() []string {
	if !o.sorted {
		slices.Sort(o.keys)
		o.sorted = true
	}
	return o.keys
}

// Range merges the held writes with the transaction below.
func (o *overlay) Range(prefix []byte, fn func(k, v []byte) (bool, error)) error {
	return o.RangeAfter(prefix, nil, fn)
}

// RangeAfter is Range of the keys behind one; nil = from the first.
func (o *overlay) RangeAfter(prefix, after []byte, fn func(k, v []byte) (bool, error)) error {
	keys := o.order()
	i, found := slices.BinarySearch(keys, string(max(string(prefix), string(after))))
	if found && after != nil {
		i++
	}
	var mine []string
	for ; i < len(keys) && strings.HasPrefix(keys[i], string(prefix)); i++ {
		mine = append(mine, keys[i])
	}
	more := true
	emit := func(s string) error {
		v := o.vals[s]
		if v == nil {
			return nil
		}
		var err error
		more, err = fn([]byte(s), v)
		return err
	}
	err := rangeAfter(o.base, prefix, after, func(k, v []byte) (bool, error) {
		for more && len(mine) > 0 && strings.Compare(mine[0], string(k)) < 0 {
			if err := emit(mine[0]); err != nil {
				return false, err
			}
			mine = mine[1:]
		}
		if !more {
			return false, nil
		}
		if len(mine) > 0 && bytes.Equal([]byte(mine[0]), k) {
			err := emit(mine[0])
			mine = mine[1:]
			return more, err
		}
		var err error
		more, err = fn(k, v)
		return more, err
	})
	for err == nil && more && len(mine) > 0 {
		err = emit(mine[0])
		mine = mine[1:]
	}
	return err
}

// spent is what the command has written so far: keys, and bytes of keys and
// values.
func (o *overlay) spent() (keys, bytes int) { return len(o.keys), o.bytes }

// biggest is the longest value.
func (o *overlay) biggest() int {
	n := 0
	for _, k := range o.keys {
		n = max(n, len(o.vals[k]))
	}
	return n
}

// flush writes everything to tx.
func (o *overlay) flush(tx Tx) error {
	for _, k := range o.order() {
		var err error
		if v := o.vals[k]; v == nil {
			err = tx.Delete([]byte(k))
		} else {
			err = tx.Set([]byte(k), v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
