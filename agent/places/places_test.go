package places

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/gs1"
	"tote/gs1/epc"
)

// rig is a watch of two readers, s1 with antennas at and s2 at B-01, and
// what it has recorded. It works in a bubble of synctest.
type rig struct {
	t     *testing.T
	watch *Watch
	logs  codes

	mu    sync.Mutex
	down  bool
	told  []string
	tries map[[16]byte]string
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, tries: map[[16]byte]string{}}
	cfg := Config{
		Log: slog.New(&r.logs), Seen: r.seen,
		Engine: presence.EngineConfig{Locations: []presence.Location{
			{Name: "A-01", Sources: []presence.Source{{Reader: "s1", Antenna: 1}}},
			{Name: "A-02", Sources: []presence.Source{{Reader: "s1", Antenna: 2}}},
			{Name: "B-01", Sources: []presence.Source{{Reader: "s2"}}},
		}},
	}
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.watch = w
	return r
}

func (r *rig) seen(_ context.Context, f Fact) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("%s %s %v", f.Tag, f.Place, f.Gone)
	if was, again := r.tries[f.ID]; again && was != text {
		r.t.Errorf("%s and %s have one id", was, text)
	}
	r.tries[f.ID] = text
	if r.down {
		return errors.New("no quorum")
	}
	r.told = append(r.told, text)
	return nil
}

func (r *rig) start() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.watch.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

func (r *rig) setDown(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// all is what was recorded so far.
func (r *rig) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

func wait(d time.Duration) { <-time.After(d); synctest.Wait() }

// stay lets a tag be read for so long.
func (r *rig) stay(reader string, antenna int, tag string, d time.Duration) {
	for range d / (100 * time.Millisecond) {
		r.watch.Read(reader, rfid.Read{EPC: tag, Antenna: antenna, RSSI: -50, At: time.Now()})
		wait(100 * time.Millisecond)
	}
}

const tag = "E28011606000020412345678"

// TestFactsNotReads: a tag that is read for minutes is told when it arrives, when it
// moves and when it goes, by the identity of what it stands on.
func TestFactsNotReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.start()()
		sscc, err := gs1.EncodeSSCC96(7, "395212340000000014", gs1.FilterCase)
		if err != nil {
			t.Fatal(err)
		}
		crate, err := epc.EPC{Scheme: epc.GRAI, Prefix: "9521234", Reference: "00001", Serial: "5"}.Encode("", 0)
		if err != nil {
			t.Fatal(err)
		}
		wait(5 * time.Second)
		r.stay("s1", 1, sscc, 3*time.Minute)
		r.stay("s1", 2, sscc, 30*time.Second)
		r.stay("s1", 1, tag, 200*time.Millisecond) // drives by
		r.stay("s2", 1, crate, 10*time.Second)
		wait(3 * time.Minute)
		const unit = "urn:epc:id:sscc:9521234.3000000001"
		want := []string{unit + " A-01 false", unit + " A-02 false", crate + " B-01 false", unit + " A-02 true", crate + " B-01 true"}
		if got := r.all(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		if s := r.watch.Stats(); s != (Stats{}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestReaderDown: what only a reader watches that is down does not go; when it is
// back the tag has its time to be read, and only then has gone.
func TestReaderDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.start()()
		wait(5 * time.Second)
		r.watch.Reader("s1", true)
		r.stay("s1", 1, tag, 10*time.Second)
		r.watch.Reader("s1", false)
		wait(time.Hour)
		want := []string{tag + " A-01 false"}
		if got := r.all(); !slices.Equal(got, want) {
			t.Fatalf("with the reader down: %q, want %q", got, want)
		}
		r.watch.Reader("s1", true)
		wait(50 * time.Second)
		if got := r.all(); !slices.Equal(got, want) {
			t.Fatalf("back: %q, want %q", got, want)
		}
		wait(20 * time.Second)
		if got := r.all(); !slices.Equal(got, append(want, tag+" A-01 true")) {
			t.Errorf("gone: %q", got)
		}
	})
}

// TestFactsWaitForAQuorum: nothing can be recorded for an hour. Of each tag the newest
// waits, beside the one that may be on the log already; they are told in their order
// and as the same ones when it can, also by a watch that was started anew.
func TestFactsWaitForAQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		stop := r.start()
		wait(5 * time.Second)
		r.setDown(true)
		other := "E28011606000020412345679"
		for range 5 {
			r.stay("s1", 1, tag, 20*time.Second)
			r.stay("s1", 2, tag, 20*time.Second)
			r.stay("s2", 1, other, 20*time.Second)
		}
		stop()
		stop = r.start()
		wait(time.Hour)
		if s := r.watch.Stats(); s.Waiting != 3 || s.Lost != 0 {
			t.Errorf("%+v", s)
		}
		r.setDown(false)
		wait(10 * time.Second)
		stop()
		got := r.all()
		want := []string{tag + " A-01 false", tag + " A-02 true", other + " B-01 true"}
		slices.Sort(got[1:])
		if !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		if s := r.watch.Stats(); s != (Stats{}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestTooManyFactsWait: the oldest that nobody is telling goes, is counted and said
// once.
func TestTooManyFactsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.down = true
		defer r.start()()
		synctest.Wait()
		for i := range MaxWaiting + 10 {
			r.watch.put(presence.Fact{What: presence.Arrived, EPC: fmt.Sprintf("FF%06X", i), To: "A-01"})
			synctest.Wait()
		}
		if s := r.watch.Stats(); s != (Stats{Waiting: MaxWaiting, Lost: 10}) {
			t.Errorf("%+v", s)
		}
		if !slices.Equal(r.logs, codes{"", drivers.CodePlacesLost}) {
			t.Errorf("logs %q", r.logs)
		}
		r.setDown(false)
		wait(10 * time.Second)
		if got := r.all(); len(got) != MaxWaiting || got[0] != "FF000000 A-01 false" || got[1] != "FF00000B A-01 false" {
			t.Errorf("%d told: %q …", len(got), got[:min(2, len(got))])
		}
	})
}

// TestCrowd: more tags than can be followed are said once.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Engine.MaxTags = 3 })
		defer r.start()()
		wait(5 * time.Second)
		for i := range 9 {
			r.watch.Read("s1", rfid.Read{EPC: fmt.Sprintf("FF%06X", i), Antenna: 1, RSSI: -50, At: time.Now()})
		}
		wait(time.Second)
		if s := r.watch.Stats(); s.Crowd != 6 || !slices.Equal(r.logs, codes{drivers.CodePlacesCrowd}) {
			t.Errorf("%+v, logs %q", s, r.logs)
		}
	})
}

// TestQueueIsBounded: reads beyond the queue are counted, never waited for.
func TestQueueIsBounded(t *testing.T) {
	r := newRig(t, nil)
	for range queue + 10 { // Run is not running
		r.watch.Read("s1", rfid.Read{EPC: "00"})
	}
	if s := r.watch.Stats(); s != (Stats{Dropped: 10}) {
		t.Errorf("%+v, want 10 dropped", s)
	}
}

// codes are those of the log lines of warnings.
type codes []string

func (*codes) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (c *codes) WithAttrs([]slog.Attr) slog.Handler         { return c }
func (c *codes) WithGroup(string) slog.Handler              { return c }
func (c *codes) Handle(_ context.Context, r slog.Record) error {
	code := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "code" {
			code = a.Value.String()
		}
		return true
	})
	*c = append(*c, code)
	return nil
}

// TestBelievedAtARestart: what was told to be here before a restart and is not read any
// more has gone, since it was seen last; what is read stays without another word, also
// weakly; what a reader watches that is down waits; a place that is watched no more has
// nothing.
func TestBelievedAtARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const left, weak, blind, unwatched = "E28011606000020412340001", "E28011606000020412340002", "E28011606000020412340003", "E28011606000020412340004"
		sscc := "urn:epc:id:sscc:9521234.3000000001"
		hex, err := gs1.EncodeSSCC96(7, "395212340000000014", gs1.FilterCase)
		if err != nil {
			t.Fatal(err)
		}
		asked, was := 0, time.Now().Add(-time.Hour)
		ats := map[string]time.Time{}
		r := newRig(t, func(c *Config) {
			told := c.Seen
			c.Seen = func(ctx context.Context, f Fact) error {
				ats[f.Tag] = f.At
				return told(ctx, f)
			}
			c.Believed = func() ([]Fact, error) {
				if asked++; asked < 3 {
					return nil, errors.New("the state is being built anew")
				}
				return []Fact{
					{Tag: sscc, Place: "A-01", At: was},
					{Tag: left, Place: "A-01", At: was},
					{Tag: weak, Place: "A-02", At: was},
					{Tag: blind, Place: "B-01", At: was},
					{Tag: unwatched, Place: "C-01", At: was},
				}, nil
			}
		})
		r.watch.Reader("s1", true)
		r.watch.Reader("s2", false)
		defer r.start()()
		for range 1800 { // three minutes
			r.watch.Read("s1", rfid.Read{EPC: hex, Antenna: 1, RSSI: -50, At: time.Now()})
			r.watch.Read("s1", rfid.Read{EPC: weak, Antenna: 2, RSSI: -90, At: time.Now()})
			wait(100 * time.Millisecond)
		}
		want := []string{unwatched + " C-01 true", left + " A-01 true"}
		if got := r.all(); !slices.Equal(got, want) || asked != 3 {
			t.Fatalf("told %q, want %q; asked %d times", got, want, asked)
		}
		if !ats[left].Equal(was) {
			t.Errorf("gone since %v, it was seen at %v", ats[left], was)
		}
		r.watch.Reader("s2", true)
		wait(2 * time.Minute)
		for _, f := range []string{blind + " B-01 true", sscc + " A-01 true", weak + " A-02 true"} {
			if !slices.Contains(r.all(), f) {
				t.Errorf("told %q, not %q", r.all(), f)
			}
		}
		if time.Since(ats[sscc]) > 3*time.Minute || !ats[blind].Equal(was) {
			t.Errorf("gone since %v", ats)
		}
	})
}
