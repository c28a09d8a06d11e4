package raftstore

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// TestHeldLevel: while one gateway may have to go back to an older version, the cluster
// rises to nothing that one does not know, whoever leads. The others hear its note.
func TestHeldLevel(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.machine = versioned{level: 1}
	a := k.open("gw1", true)
	b := k.open("gw2", false)
	join(t, a, b)
	atLevel(t, 1, a, b)

	var held atomic.Uint32
	held.Store(1)
	k.machine = versioned{level: storeLevel + 1}
	k.tweak = func(c *Config) {
		id := c.NodeID
		c.Note = func() []byte { return []byte("note of " + id) }
		if id == "gw2" {
			c.Hold = func() uint16 { return uint16(held.Load()) }
		}
	}
	for _, n := range []**node{&a, &b} {
		if err := (*n).stop(); err != nil {
			t.Fatal(err)
		}
		*n = k.open((*n).id, false)
	}
	a.awaitQuorum(t, true)
	await(t, "the notes are told", func() bool {
		heard := ""
		for _, n := range []*node{a, b} {
			for _, m := range n.Members() {
				heard += fmt.Sprintf("%s, ", m.Note)
			}
		}
		return heard == "note of gw1, note of gw2, note of gw1, note of gw2, "
	})
	if lead := leaderOf(t, a, b); lead.commonLevel() > 1 {
		t.Errorf("%s would take the cluster to level %d", lead.id, lead.commonLevel())
	}
	atLevel(t, 1, a, b)

	// It goes back, and can.
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	newer, tweak := k.machine, k.tweak
	k.machine, k.tweak = versioned{level: 1}, nil
	b = k.open("gw2", false)
	b.awaitQuorum(t, true)
	b.must(t, byID(1, "add n 1"))
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	// And forward again, for good.
	k.machine, k.tweak = newer, tweak
	b = k.open("gw2", false)
	b.awaitQuorum(t, true)
	held.Store(0)
	atLevel(t, storeLevel+1, a, b)
	held.Store(1) // a level is never taken back
	b.must(t, byID(2, "add n 1"))
	if got := b.toldLevel(); got != storeLevel+1 {
		t.Errorf("it says it speaks %d", got)
	}
}
