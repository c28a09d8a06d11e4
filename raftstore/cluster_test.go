package raftstore

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestThreeForward(t *testing.T) {
	_, a, b, c := openThree(t, nil)
	for i, n := range []*node{a, b, c} {
		start := time.Now()
		res := do(t, n.Store, byDevice("hh", uint64(i+1), "add n 1"))
		if !strings.HasPrefix(string(res.Body), fmt.Sprint(i+1, "@")) {
			t.Fatalf("%s answered %q", n.id, res.Body)
		}
		if n.Applied() < res.Index {
			t.Fatalf("%s does not see its own write", n.id)
		}
		t.Log(n.id, time.Since(start))
		again := do(t, c.Store, byDevice("hh", uint64(i+1), "add n 1"))
		if !again.Duplicate || string(again.Body) != string(res.Body) {
			t.Fatalf("the repeat got %+v", again)
		}
	}
	sameDigest(t, a, b, c)
}
