package raftstore

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func runChild() bool { return false }

func TestRestartKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, testConfig(t, dir))
	first := do(t, s, byID(1, "add a 5"))
	dev := do(t, s, byDevice("hh1", 1, "add a 2"))
	if string(first.Body) != "5@1" || string(dev.Body) != "7@2" {
		t.Fatalf("answers %q and %q", first.Body, dev.Body)
	}
	state := dump(t, s)
	closeStore(t, s)
	for _, clean := range []bool{true, false} {
		if !clean {
			g := s.files.readGeneration()
			g.Clean = false
			if err := s.files.writeGeneration(g); err != nil {
				t.Fatal(err)
			}
		}
		s = openStore(t, testConfig(t, dir))
		if d := cmp.Diff(state, dump(t, s)); d != "" {
			t.Fatal(d)
		}
		again := do(t, s, byID(1, "add a 5"))
		if !again.Duplicate || string(again.Body) != "5@1" || again.Index != first.Index {
			t.Fatalf("the repeat got %+v", again)
		}
		if again = do(t, s, byDevice("hh1", 1, "add a 2")); !again.Duplicate || string(again.Body) != "7@2" {
			t.Fatalf("the repeat got %+v", again)
		}
		closeStore(t, s)
	}
}
