package supervise

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at returns a supervisor whose chance is fixed, and its log.
func at(chance float64) (*Supervisor, *bytes.Buffer) {
	var log bytes.Buffer
	text := slog.NewTextHandler(&log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "stack" {
				return slog.Attr{}
			}
			return a
		},
	})
	return New(Config{Log: slog.New(text), Rand: func() float64 { return chance }}), &log
}

// calls records when a part was called.
type calls struct {
	start time.Time
	at    []time.Duration
}

func (c *calls) part(run func(ctx context.Context) error) func(context.Context) error {
	c.start = time.Now()
	return func(ctx context.Context) error {
		c.at = append(c.at, time.Since(c.start))
		return run(ctx)
	}
}

func until(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPausesGrowAndStayBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := at(0) // half of each pause
		defer s.Close()
		var c calls
		must(t, s.Go("part", c.part(func(context.Context) error { return errors.New("no") }),
			WithBackoff(Backoff{First: 2 * time.Second, Most: 8 * time.Second, Healthy: time.Minute})))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		sec := time.Second
		if d := cmp.Diff([]time.Duration{0, 1 * sec, 3 * sec, 7 * sec, 11 * sec, 15 * sec, 19 * sec}, c.at); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d log lines for one fault:\n%s", n, log)
		}
		st := s.Status()[0]
		if st.State != Waiting || st.Restarts != 6 || st.Err == nil || !st.RetryAt.Equal(st.Since.Add(4*sec)) {
			t.Errorf("%+v", st)
		}
	})
}

func TestAPartThatRanWellStartsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := at(0)
		defer s.Close()
		var c calls
		run := time.Second
		must(t, s.Go("part", c.part(func(ctx context.Context) error {
			time.Sleep(run)
			if len(c.at) == 3 {
				run = time.Hour
			}
			return errors.New("no")
		}), WithBackoff(Backoff{First: 2 * time.Second, Most: 60 * time.Second, Healthy: time.Minute})))
		time.Sleep(time.Hour + 20*time.Second)
		synctest.Wait()
		sec := time.Second
		// pauses 1 s, 2 s, 4 s, and after the good hour 1 s again
		want := []time.Duration{0, 2 * sec, 5 * sec, 10 * sec, time.Hour + 11*sec}
		if d := cmp.Diff(want, c.at); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("%d log lines for two rows of faults:\n%s", n, log)
		}
	})
}

func TestPauseIsJitteredWithinItsHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Backoff{
			First: time.Duration(rapid.Int64Range(1, 1e10).Draw(t, "first")),
			Most:  time.Duration(rapid.Int64Range(1, 1e12).Draw(t, "most")),
		}
		n := rapid.IntRange(0, 1000).Draw(t, "n")
		chance := rapid.Float64Range(0, 0.999).Draw(t, "chance")
		got, least, most := b.pause(n, chance), b.pause(n, 0), b.pause(n, 1)
		if got < least || got > most || most > b.Most || least < most/2 || most < min(b.First, b.Most) {
			t.Fatalf("pause %v of %v..%v", got, least, most)
		}
		if b.pause(n+1, chance) < got {
			t.Fatal("shrinks")
		}
	})
}

func TestAPanicIsThePartsFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := at(0)
		defer s.Close()
		var c calls
		must(t, s.Go("other", until))
		must(t, s.Go("bad", c.part(func(ctx context.Context) error {
			if len(c.at) < 3 {
				panic("bug")
			}
			return until(ctx)
		}), Device()))
		time.Sleep(time.Minute)
		synctest.Wait()
		table := s.Status()
		if len(c.at) != 3 || table[0].State != Running || table[1].State != Running || table[1].Restarts != 2 {
			t.Errorf("%v %+v", c.at, table)
		}
		if !errors.Is(table[1].Err, ErrPanic) || !strings.Contains(table[1].Err.Error(), "bug") {
			t.Errorf("error %v", table[1].Err)
		}
		// A programming error is told of, once, even for a quiet device.
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s", log)
		}
	})
}

func TestDevicesComeBackQuicklyAndQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := at(0.999)
		defer s.Close()
		var c calls
		must(t, s.Go("scale/pack1", c.part(func(context.Context) error { return errors.New("unplugged") }), Device()))
		time.Sleep(time.Hour)
		synctest.Wait()
		for i := 1; i < len(c.at); i++ {
			if gap := c.at[i] - c.at[i-1]; gap > 2*time.Second {
				t.Fatalf("retry %d after %v", i, gap)
			}
		}
		if log.Len() > 0 {
			t.Errorf("log:\n%s", log)
		}
	})
}

func TestReturningNilEndsAPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := at(0)
		defer s.Close()
		var c calls
		must(t, s.Go("once", c.part(func(context.Context) error { return nil })))
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(c.at) != 1 || s.Status()[0].State != Ended {
			t.Errorf("%v %+v", c.at, s.Status())
		}
		must(t, s.Go("once", until)) // the name is free again
		if table := s.Status(); len(table) != 1 || table[0].State != Running {
			t.Errorf("%+v", table)
		}
	})
}

func TestCloseEndsTheLastStartedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := at(0)
		var ended []string
		for _, name := range []string{"store", "broker", "scale"} {
			must(t, s.Go(name, func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second) // others must wait for it
				ended = append(ended, name)
				return nil
			}))
		}
		must(t, s.Go("failing", func(context.Context) error { return errors.New("no") }))
		synctest.Wait()
		s.Close()
		if d := cmp.Diff([]string{"scale", "broker", "store"}, ended); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		for _, st := range s.Status() {
			if st.State != Stopped {
				t.Errorf("%+v", st)
			}
		}
		if err := s.Go("late", until); !errors.Is(err, ErrClosed) {
			t.Errorf("Go after Close: %v", err)
		}
		s.Close()
	})
}

func TestStopOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := at(0)
		defer s.Close()
		must(t, s.Go("a", until))
		must(t, s.Go("b", until))
		s.Stop("a")
		s.Stop("nobody")
		table := s.Status()
		if table[0].State != Stopped || table[1].State != Running {
			t.Errorf("%+v", table)
		}
		must(t, s.Go("a", until))
	})
}

func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		defer s.Close()
		must(t, s.Go("a", until))
		for _, name := range []string{"a", ""} {
			if err := s.Go(name, until); !errors.Is(err, ErrName) {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
