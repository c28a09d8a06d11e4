package scale_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/scale"
	"tote/drivers/scale/scaletest"
	"tote/drivers/scale/sics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// MT-SICS believes the first word of the scale, so a flipped bit can be another
// weight (drivers/DESIGN.md); all other protocols allow for none.
func TestConformance(t *testing.T) {
	scaletest.Conformance(t, scaletest.Suite{
		Protocol: sics.Protocol(), Frame: "S S     100.00 g\r\n", Want: "100.00 g",
		Policy: func(int, string) bool { return true },
	})
}

// bench is a running scale in a synctest bubble. Each question gets what
// answer says, after delay.
type bench struct {
	peer     drivertest.Peer
	dev      *scale.Driver
	mu       sync.Mutex
	answer   string // changed by say
	delay    time.Duration
	interval time.Duration
	stalled  bool
	asked    []time.Time
	readings []scale.Reading
	states   []string
	end      chan error
	cancel   context.CancelFunc
}

func start(t *testing.T, answer string) *bench { return startWith(t, &bench{answer: answer}) }

func startWith(t *testing.T, b *bench) *bench {
	t.Helper()
	b.end = make(chan error, 1)
	b.peer.OnWrite = func(p []byte) (int, error) {
		if string(p) != sics.Ask {
			t.Errorf("asked %q", p)
		}
		b.asked = append(b.asked, time.Now())
		if b.stalled {
			return 0, drivers.ErrStalled
		}
		b.mu.Lock()
		answer := b.answer
		b.mu.Unlock()
		time.AfterFunc(b.delay, func() { b.peer.Send(answer) })
		return len(p), nil
	}
	dev, err := scale.New(scale.Config{
		Protocol: sics.Protocol(), Name: "scale/test", Open: b.peer.Open, Interval: b.interval,
		Sink: func(r scale.Reading) { b.readings = append(b.readings, r) },
		OnStatus: func(s drivers.Status) {
			b.states = append(b.states, strings.TrimSpace(string(s.State)+" "+s.Code))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.dev = dev
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() { b.end <- dev.Run(ctx) }()
	return b
}

func (b *bench) say(answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *bench) pass(d time.Duration) {
	time.Sleep(d) // the bubble's clock
	synctest.Wait()
}

func (b *bench) stop(t *testing.T) {
	t.Helper()
	b.cancel()
	if err := <-b.end; err != nil {
		t.Errorf("Run: %v", err)
	}
	if b.peer.IsOpen() {
		t.Error("the port is still held")
	}
}

func TestPollsTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "S S     100.00 g\r\n")
		b.pass(time.Second + time.Millisecond)
		b.stop(t)
		if len(b.asked) != 11 || len(b.readings) != 11 {
			t.Errorf("asked %d times, %d readings", len(b.asked), len(b.readings))
		}
		want := scale.Reading{Value: 10000, Decimals: 2, Unit: "g", Stable: true, Milligrams: 100_000, At: b.asked[0]}
		if d := cmp.Diff(want, b.readings[0]); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if d := cmp.Diff([]string{"opening", "ready", "absent"}, b.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
	})
}

func TestWhatEachAnswerBecomes(t *testing.T) {
	for _, c := range []struct {
		answer string
		want   scale.Reading // zero = none
		state  string        // after three of them
	}{
		{"S D     100.00 g\r\n", scale.Reading{Value: 10000, Decimals: 2, Unit: "g", Milligrams: 100_000}, "ready"},
		{"S S       0.00 g\r\n", scale.Reading{Decimals: 2, Unit: "g", Stable: true, Zero: true}, "ready"},
		{"S +\r\n", scale.Reading{Overload: true}, "ready"},
		{"S -\r\n", scale.Reading{Underload: true}, "ready"},
		{"S I\r\n", scale.Reading{}, "degraded DEV-202"},
		{"ES\r\n", scale.Reading{}, "degraded DEV-203"},
		{"ET\r\n", scale.Reading{}, "degraded DEV-203"},
		{"EL\r\n", scale.Reading{}, "degraded DEV-203"},
		{"S S         12 PCS\r\n", scale.Reading{}, "degraded DEV-204"},
		{"\xd3\xa0\xd3\r\n", scale.Reading{}, "degraded DEV-205"},
		{"", scale.Reading{}, "degraded DEV-201"},
		{"I4 A \"1\"\r\n", scale.Reading{}, "degraded DEV-201"},   // not an answer to SI
		{"\xd3\xa0\xd3", scale.Reading{}, "degraded DEV-201"},     // noise on the line
		{"S S     100.00 g", scale.Reading{}, "degraded DEV-205"}, // something speaks, and never ends its line
		{"noise\r\nS S         12 g\r\n", scale.Reading{Value: 12, Unit: "g", Stable: true, Milligrams: 12_000}, "ready"},
		{"S S 1 g\r\nS S 2 g\r\n", scale.Reading{Value: 1, Unit: "g", Stable: true, Milligrams: 1_000}, "ready"},
	} {
		t.Run(fmt.Sprintf("%q", c.answer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, c.answer)
				b.pass(2 * time.Second)
				last := b.states[len(b.states)-1]
				b.stop(t)
				if last != c.state {
					t.Errorf("state %q, want %q", last, c.state)
				}
				if c.want == (scale.Reading{}) {
					if len(b.readings) > 0 {
						t.Errorf("readings %+v", b.readings[0])
					}
					return
				}
				if len(b.readings) == 0 {
					t.Fatal("no reading")
				}
				got := b.readings[0]
				got.At = time.Time{}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("(-want +got)\n%s", d)
				}
				if got.Weighs() != (got.Code() == "") || got.Weighs() == (got.Overload || got.Underload) {
					t.Errorf("Weighs %v, code %q", got.Weighs(), got.Code())
				}
			})
		})
	}
}

func TestThreeMissesDegradeNotTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "S S     100.00 g\r\n")
		b.pass(50 * time.Millisecond)
		b.say("")
		b.pass(2*scale.DefaultTimeout + 100*time.Millisecond)
		if s := b.dev.Status().State; s != drivers.Ready {
			t.Errorf("after two: %s", s)
		}
		b.pass(scale.DefaultTimeout)
		if s := b.dev.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeScaleSilent {
			t.Errorf("after three: %+v", s)
		}
		b.say("S S     100.00 g\r\n")
		b.pass(time.Second)
		if s := b.dev.Status(); s.State != drivers.Ready || s.Code != "" {
			t.Errorf("healed: %+v", s)
		}
		b.stop(t)
	})
}

// An answer that comes after its question's time must not answer the next.
func TestLateAnswersAreNotReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startWith(t, &bench{
			answer: "S S     100.00 g\r\n",
			// Due between the end of one question and the start of the next.
			delay:    scale.DefaultTimeout + 50*time.Millisecond,
			interval: scale.DefaultTimeout + 100*time.Millisecond,
		})
		b.pass(5 * time.Second)
		b.stop(t)
		if len(b.readings) != 0 {
			t.Errorf("%d readings", len(b.readings))
		}
		if st := b.dev.Stats(); st.Late == 0 || st.Timeouts == 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestLongSilenceOpensThePortAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "")
		if err := <-b.end; err == nil || drivers.CodeOf(err) != drivers.CodeScaleSilent {
			t.Errorf("Run: %v", err)
		}
		if s := b.dev.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeScaleSilent {
			t.Errorf("status %+v", s)
		}
		// Opening again is no news as long as it stays silent.
		n := len(b.states)
		go func() { b.end <- b.dev.Run(t.Context()) }()
		<-b.end
		if len(b.states) != n {
			t.Errorf("states %q", b.states[n:])
		}
		if b.peer.Opens() != 2 || b.peer.IsOpen() {
			t.Errorf("opened %d times, held %v", b.peer.Opens(), b.peer.IsOpen())
		}
		b.cancel()
	})
}

// Retries while the scale is away make one transition, not one each.
func TestAbsentIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "S S     100.00 g\r\n")
		b.pass(time.Second)
		b.peer.Plug(false)
		if err := <-b.end; !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Run: %v", err)
		}
		for range 5 {
			if err := b.dev.Run(t.Context()); !errors.Is(err, drivers.ErrUnplugged) {
				t.Errorf("Run: %v", err)
			}
		}
		if d := cmp.Diff([]string{"opening", "ready", "absent DEV-101"}, b.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
		b.cancel()
	})
}

// The scale is there but takes nothing: degraded, not absent.
func TestAStalledLineEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startWith(t, &bench{stalled: true})
		if err := <-b.end; !errors.Is(err, drivers.ErrStalled) {
			t.Errorf("Run: %v", err)
		}
		if s := b.dev.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeStalled {
			t.Errorf("status %+v", s)
		}
		b.cancel()
	})
}

func TestNewChecksItsConfiguration(t *testing.T) {
	open := (&drivertest.Peer{}).Open
	sink := func(scale.Reading) {}
	for _, c := range []scale.Config{
		{},
		{Name: "x"},
		{Name: "x", Open: open},
		{Name: "x", Sink: sink},
		{Name: "x", Open: open, Sink: sink},
		{Name: "x", Protocol: sics.Protocol(), Open: open, Sink: sink, Interval: time.Millisecond},
		{Name: "x", Protocol: sics.Protocol(), Open: open, Sink: sink, Timeout: -1},
		{Name: "x", Protocol: sics.Protocol(), Open: open, Sink: sink, Window: 51},
		{Name: "x", Protocol: sics.Protocol(), Open: open, Sink: sink, DriftMg: 50_000},
		{Name: "x", Protocol: sics.Protocol(), Open: open, Sink: sink, EmptyMg: -1},
	} {
		if _, err := scale.New(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
}
