package broker

import (
	"testing"
	"time"
)

func TestGate(t *testing.T) {
	now := time.Unix(1000, 0)
	g := gate{every: 20 * time.Millisecond, most: 50 * time.Millisecond, burst: 2}
	for i, s := range []struct {
		after time.Duration
		wait  time.Duration
		ok    bool
	}{
		{0, 0, true},
		{0, 0, true}, // the burst
		{0, 20 * time.Millisecond, true},
		{0, 40 * time.Millisecond, true},
		{0, 0, false},
		{0, 0, false}, // would wait 60 ms
		{10 * time.Millisecond, 50 * time.Millisecond, true},
		{0, 0, false},
		{time.Hour, 0, true},
		{0, 0, true},
		{0, 20 * time.Millisecond, true}, // never more than the burst was saved up
		{-time.Minute, 0, true},          // a clock set back keeps nobody out for a minute
	} {
		now = now.Add(s.after)
		if wait, ok := g.reserve(now); ok != s.ok || wait != s.wait {
			t.Errorf("step %d: %v %v, want %v %v", i, wait, ok, s.wait, s.ok)
		}
	}
}

// A herd of any size gets in at the pace, each after a bounded wait, and the
// number that wait at a time is bounded.
func TestGateBoundsAHerd(t *testing.T) {
	now := time.Unix(1000, 0)
	g := gate{every: 20 * time.Millisecond, most: 3 * time.Second, burst: 16}
	in := map[time.Duration]int{} // when connections get in, since the beginning
	let := 0
	for at := time.Duration(0); at < 20*time.Second; at += time.Second {
		waiting := 0
		for range 500 { // all that were turned away are back a second later
			wait, ok := g.reserve(now.Add(at))
			if !ok {
				continue
			}
			if wait > g.most {
				t.Fatalf("a wait of %v", wait)
			}
			if wait > 0 {
				waiting++
			}
			in[(at+wait).Truncate(time.Second)]++
			let++
		}
		if most := int(g.most/g.every) + 1; waiting > most {
			t.Errorf("at %v %d wait, want at most %d", at, waiting, most)
		}
	}
	for second, n := range in {
		if n > 50+g.burst {
			t.Errorf("%d get in during second %v", n, second)
		}
	}
	if let < 20*50 {
		t.Errorf("only %d got in", let)
	}
}
