package memtx

import (
	"slices"
	"strings"
)

// keys are those of one kind of record, in order. Nobody asks for the order of
// most kinds while work goes on, so new keys are only noted and are put in their
// places when they are ranged over.
type keys struct {
	blocks [][]string // sorted; no block is empty or longer than blockKeys
	fresh  [][]string // not in a block yet; may hold a key twice, or one that is gone
	stale  int        // of fresh that are gone
}

// blockKeys bounds what one new key has to push aside.
const blockKeys = 256

// find is where a key is or belongs: the block and the place in it.
func (k *keys) find(s string) (block, at int, found bool) {
	if len(k.blocks) == 0 {
		return 0, 0, false
	}
	if last := len(k.blocks) - 1; k.blocks[last][0] <= s {
		block = last // new ones are often the greatest
	} else {
		block, found = slices.BinarySearchFunc(k.blocks, s, func(b []string, s string) int { return strings.Compare(b[0], s) })
		if !found {
			block = max(block-1, 0) // the last one that begins before it
		}
	}
	at, found = slices.BinarySearch(k.blocks[block], s)
	return block, at, found
}

// list puts the new keys in their places.
func (k *keys) list(vals map[string]*row) {
	if len(k.fresh) == 0 {
		return
	}
	fresh := k.fresh[0]
	if len(k.fresh) > 1 {
		fresh = slices.Concat(k.fresh...)
	}
	slices.Sort(fresh)
	for _, s := range fresh {
		if r := vals[s]; r != nil && !r.listed {
			r.listed = true
			k.add(s)
		}
	}
	k.fresh, k.stale = nil, 0
}

// note takes a new key. Nothing is moved for it, however many there are.
func (k *keys) note(s string) {
	last := len(k.fresh) - 1
	switch {
	case last < 0:
		k.fresh = [][]string{{s}}
	case len(k.fresh[last]) == blockKeys:
		k.fresh = append(k.fresh, append(make([]string, 0, blockKeys), s))
	default:
		k.fresh[last] = append(k.fresh[last], s)
	}
}

// gone notes that a key that may be a new one was deleted.
func (k *keys) gone(vals map[string]*row) {
	if k.stale++; k.stale > 2*blockKeys && k.stale > len(k.fresh)*blockKeys/2 {
		k.list(vals)
	}
}

// add puts a new key in its place.
func (k *keys) add(s string) {
	if len(k.blocks) == 0 {
		k.blocks = [][]string{{s}}
		return
	}
	i, at, _ := k.find(s)
	b := slices.Insert(k.blocks[i], at, s)
	if len(b) > blockKeys {
		half := slices.Clone(b[blockKeys/2:])
		k.blocks = slices.Insert(k.blocks, i+1, half)
		clear(b[blockKeys/2:])
		b = b[:blockKeys/2]
	}
	k.blocks[i] = b
}

// remove takes a key out of its block.
func (k *keys) remove(s string) {
	i, at, _ := k.find(s)
	if k.blocks[i] = slices.Delete(k.blocks[i], at, at+1); len(k.blocks[i]) == 0 {
		k.blocks = slices.Delete(k.blocks, i, i+1)
	}
}
