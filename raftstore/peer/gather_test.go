package peer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// gatherTest is a Gatherer in a bubble, whose calls are answered by the test.
type gatherTest struct {
	*testing.T
	Gatherer[string, string]
	asked chan []string // each call
	reply chan error    // answers the oldest one
}

func gather(t *testing.T, fn func(t *gatherTest)) {
	synctest.Test(t, func(t *testing.T) {
		g := &gatherTest{T: t, asked: make(chan []string, 16), reply: make(chan error)}
		g.Calls, g.Questions, g.Bytes, g.Limit = 1, 3, 10, 5
		g.Size = func(q string) int { return len(q) }
		g.Ask = func(qs []string) ([]string, error) {
			g.asked <- qs
			if err := <-g.reply; err != nil {
				return nil, err
			}
			var as []string
			for _, q := range qs {
				as = append(as, "re "+q)
			}
			return as, nil
		}
		fn(g)
	})
}

type gathered struct {
	a    string
	sent bool
	err  error
}

// do asks and comes back when the question waits or is on its way.
func (g *gatherTest) do(ctx context.Context, q string) chan gathered {
	ch := make(chan gathered, 1)
	go func() {
		a, sent, err := g.Do(ctx, q)
		ch <- gathered{a, sent, err}
	}()
	synctest.Wait()
	return ch
}

func (g *gatherTest) wantCall(want ...string) {
	g.Helper()
	synctest.Wait()
	select {
	case got := <-g.asked:
		if !slices.Equal(got, want) {
			g.Errorf("asked %q, want %q", got, want)
		}
	default:
		g.Errorf("asked nothing, want %q", want)
	}
}

func TestGathererSharesCalls(t *testing.T) {
	gather(t, func(t *gatherTest) {
		ctx := t.Context()
		first := t.do(ctx, "a")
		t.wantCall("a") // at once
		var rest []chan gathered
		for _, q := range []string{"b", "c", "d", "long question", "e"} {
			rest = append(rest, t.do(ctx, q))
		}
		if len(t.asked) != 0 {
			t.Error("more calls than may be on their way")
		}
		if got := <-t.do(ctx, "f"); !errors.Is(got.err, ErrFull) || got.sent {
			t.Errorf("over the limit: %+v", got)
		}
		t.reply <- nil
		if got := <-first; got.a != "re a" || got.err != nil {
			t.Errorf("%+v", got)
		}
		t.wantCall("b", "c", "d") // no more questions than that
		broken := errors.New("broken")
		t.reply <- broken
		t.wantCall("long question") // alone: it is too long for any company
		t.reply <- nil
		t.wantCall("e")
		t.reply <- nil
		for i, q := range []string{"b", "c", "d", "long question", "e"} {
			got := <-rest[i]
			if i < 3 && (!errors.Is(got.err, broken) || !got.sent) || i >= 3 && (got.err != nil || got.a != "re "+q) {
				t.Errorf("%s: %+v", q, got)
			}
		}
		last := t.do(ctx, "g")
		t.wantCall("g") // at once again
		t.reply <- nil
		<-last
	})
}

func TestGathererGivenUp(t *testing.T) {
	gather(t, func(t *gatherTest) {
		mine, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		asked := t.do(mine, "a")
		t.wantCall("a")
		waits := t.do(mine, "b")
		other := t.do(t.Context(), "c")
		cancel(gone)
		if got := <-asked; !got.sent || !errors.Is(got.err, gone) {
			t.Errorf("on its way: %+v", got)
		}
		if got := <-waits; got.sent || !errors.Is(got.err, gone) {
			t.Errorf("waiting: %+v", got)
		}
		t.reply <- nil
		t.wantCall("c") // without b
		t.reply <- nil
		if got := <-other; got.err != nil {
			t.Errorf("%+v", got)
		}
	})
}

// TestGathererTogether: many at once, each with its own answer. Made for the
// race detector.
func TestGathererTogether(t *testing.T) {
	g := Gatherer[int, int]{
		Calls: 3, Questions: 7, Bytes: 100, Limit: 1000,
		Size: func(int) int { return 1 },
		Ask: func(qs []int) ([]int, error) {
			as := make([]int, len(qs))
			for i, q := range qs {
				as[i] = -q
			}
			return as, nil
		},
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 100 {
				if a, _, err := g.Do(t.Context(), i*100+j); err != nil || a != -(i*100+j) {
					t.Errorf("%d: %d %v", i*100+j, a, err)
				}
			}
		})
	}
	wg.Wait()
}
