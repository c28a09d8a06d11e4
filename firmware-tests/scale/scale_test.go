package scale

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"tote/firmware-tests/line"
	"tote/firmware-tests/line/linetest"
	"tote/firmware-tests/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a scale on a line in memory, under a fake clock.
type bench struct {
	*testing.T
	*Scale
	line *linetest.Port
	book *record.Book
}

// onBench runs a test with a scale of 2 decimals that settles in 400 ms.
func onBench(t *testing.T, fn func(b bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		two := 2
		book, err := record.Open("s1", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Params{Decimals: &two, CapacityMg: 6_100_000, SettleMs: 400, StableTimeoutMs: 3000}, book, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		port, done := linetest.New(), make(chan error, 1)
		go func() { done <- s.Run(ctx, port) }()
		fn(bench{t, s, port, book})
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// ask sends a command and returns what is answered at once.
func (b bench) ask(cmd string) string {
	b.Helper()
	b.line.Send(cmd + "\r\n")
	synctest.Wait()
	return b.line.Take()
}

func (b bench) want(what, got, want string) {
	b.Helper()
	if got != want {
		b.Errorf("%s: %q, want %q", what, got, want)
	}
}

// later lets time pass and returns what was sent meanwhile.
func (b bench) later(d time.Duration) string {
	time.Sleep(d) // the bubble's clock
	synctest.Wait()
	return b.line.Take()
}

func (b bench) put(mg int64) {
	b.Helper()
	if err := b.Put(mg); err != nil {
		b.Fatal(err)
	}
}

func (b bench) fault(name string, on bool) {
	b.Helper()
	if err := b.SetFault(name, on); err != nil {
		b.Fatal(err)
	}
}

// answered lists the weights in the record.
func (b bench) answered() string {
	var s []string
	for _, e := range b.book.After(0) {
		if e.Kind == record.Answered {
			s = append(s, fmt.Sprintf("%d=%s", e.Weight.Mg, e.Weight.Text))
		}
	}
	return strings.Join(s, " ")
}

func TestSettling(t *testing.T) {
	onBench(t, func(b bench) {
		b.put(100_000)
		b.want("at once", b.ask("SI"), "S D       0.00 g\r\n")
		b.later(200 * time.Millisecond)
		b.want("half way", b.ask("SI"), "S D      75.00 g\r\n")
		b.later(199 * time.Millisecond)
		if got := b.ask("SI"); !strings.HasPrefix(got, "S D ") {
			t.Errorf("just before it settles: %q", got)
		}
		b.later(time.Millisecond)
		b.want("settled", b.ask("SI"), "S S     100.00 g\r\n")
		b.put(50_000)
		b.later(time.Second)
		b.want("a second parcel adds", b.ask("SI"), "S S     150.00 g\r\n")
		if err := b.Remove(); err != nil {
			t.Fatal(err)
		}
		b.later(time.Second)
		b.want("empty", b.ask("SI"), "S S       0.00 g\r\n")
		b.want("record", b.answered(), "100000=100.00 g 150000=150.00 g 0=0.00 g")
	})
}

// S answers when the weight has settled and not before.
func TestStableWaits(t *testing.T) {
	onBench(t, func(b bench) {
		b.put(1_234_560)
		b.want("S at once", b.ask("S"), "")
		b.want("S later", b.later(399*time.Millisecond), "")
		b.want("S at last", b.later(time.Millisecond), "S S    1234.56 g\r\n")
		b.put(10)
		b.ask("S")
		b.want("a second S meanwhile", b.ask("S"), "S I\r\n")
		b.want("SI meanwhile", b.ask("SI"), "S D    1234.56 g\r\n")
		b.want("@ cancels", b.ask("@"), "I4 A \"B021002593\"\r\n")
		b.want("nothing comes after @", b.later(time.Second), "")
	})
}

func TestStabilityTimeout(t *testing.T) {
	for cmd, want := range map[string]string{"S": "S I\r\n", "Z": "Z I\r\n", "T": "T I\r\n"} {
		t.Run(cmd, func(t *testing.T) {
			onBench(t, func(b bench) {
				b.fault(Unstable, true)
				b.put(100_000)
				b.want("at once", b.ask(cmd), "")
				b.want("before the timeout", b.later(2999*time.Millisecond), "")
				b.want("at the timeout", b.later(time.Millisecond), want)
				one, two := b.ask("SI"), b.ask("SI")
				if one == two || !strings.HasPrefix(one, "S D") || !strings.HasPrefix(two, "S D") {
					t.Errorf("an unstable table shows %q then %q", one, two)
				}
				b.fault(Unstable, false)
				b.later(time.Second)
				b.want("quiet again", b.ask("S"), "S S     100.00 g\r\n")
				b.want("record", b.answered(), "100000=100.00 g")
			})
		})
	}
}

func TestRange(t *testing.T) {
	onBench(t, func(b bench) {
		b.put(6_100_090)
		b.later(time.Second)
		b.want("nine increments over", b.ask("S"), "S S    6100.09 g\r\n")
		b.put(10)
		b.later(time.Second)
		for _, cmd := range []string{"S", "Z", "T", "ZI", "TI"} {
			b.want(cmd+" in overload", b.ask(cmd), cmd+" +\r\n")
		}
		b.want("SI in overload", b.ask("SI"), "S +\r\n")
		if st := b.State(); st.Display != "+" || st.Stable {
			t.Errorf("State = %+v", st)
		}
		if err := b.Remove(); err != nil {
			t.Fatal(err)
		}
		b.fault(Underload, true)
		b.want("S in underload", b.ask("S"), "S -\r\n")
		b.fault(Underload, false)
		b.fault(Overload, true)
		b.want("pressed down", b.ask("S"), "S +\r\n")
	})
}

func TestZeroAndTare(t *testing.T) {
	onBench(t, func(b bench) {
		b.put(1000) // dust
		b.later(time.Second)
		b.want("Z", b.ask("Z"), "Z A\r\n")
		b.want("zeroed", b.ask("SI"), "S S       0.00 g\r\n")
		b.put(250_000)
		b.want("TI in motion", b.ask("TI"), "TI D       0.00 g\r\n")
		b.later(time.Second)
		b.want("T", b.ask("T"), "T S     250.00 g\r\n")
		b.want("net", b.ask("SI"), "S S       0.00 g\r\n")
		b.want("TA", b.ask("TA"), "TA A     250.00 g\r\n")
		b.want("Z beyond 2 %", b.ask("Z"), "Z +\r\n")
		b.put(100_000)
		b.later(time.Second)
		b.want("net of the second", b.ask("S"), "S S     100.00 g\r\n")
		b.want("TAC", b.ask("TAC"), "TAC A\r\n")
		b.want("gross", b.ask("S"), "S S     350.00 g\r\n")
		b.want("preset tare", b.ask("TA 50.00 g"), "TA A      50.00 g\r\n")
		b.want("net of preset", b.ask("S"), "S S     300.00 g\r\n")
		b.want("ZI beyond", b.ask("ZI"), "ZI +\r\n")
		if err := b.Remove(); err != nil {
			t.Fatal(err)
		}
		b.later(time.Second)
		b.want("below the zero on dust", b.ask("S"), "S -\r\n")
		b.want("ZI", b.ask("ZI"), "ZI -\r\n")
		b.want("Z", b.ask("Z"), "Z -\r\n")
	})
	onBench(t, func(b bench) {
		b.want("ZI at rest", b.ask("ZI"), "ZI S\r\n")
		b.put(500)
		b.want("ZI in motion", b.ask("ZI"), "ZI D\r\n")
		b.later(time.Second)
		b.ask("TA 10.00 g")
		b.want("negative net", b.ask("S"), "S S      -9.50 g\r\n")
		b.want("T below zero", b.ask("@")+b.ask("TA 1.00 g")+b.ask("T"), "I4 A \"B021002593\"\r\nTA A       1.00 g\r\nT S       0.50 g\r\n")
	})
}

func TestErrors(t *testing.T) {
	onBench(t, func(b bench) {
		for cmd, want := range map[string]string{
			"X": "ES", "s": "ES", "SX": "ES", "Q 1": "ES", strings.Repeat("S", 300): "ES",
			"S 1": "S L", "I4 x": "I4 L", "TA": "TA A       0.00 g", "TA x g": "TA L", "TA 1.0 kg": "TA L",
			"TA 1.": "TA L", "TA -1 g": "TA L", "TA 99999 g": "TA L", "K": "K L", "K 5": "K L", "K 1": "K A",
			"D": "D L", `D "Tote`: "D L", `D "Tote"`: "D A", `D ""`: "D A", `D "more than twenty characters"`: "D R", "DW": "DW A",
		} {
			b.want(cmd, b.ask(cmd), want+"\r\n")
		}
		b.line.Send("\r\n\n\r\n")
		b.want("empty lines", b.later(time.Millisecond), "")
		b.line.Send("S")
		b.want("half a command", b.later(time.Second), "")
		b.line.Send("I\r\nSI\r\n")
		b.want("the rest and another", b.later(time.Millisecond), "S S       0.00 g\r\nS S       0.00 g\r\n")
	})
}

func TestRepeat(t *testing.T) {
	onBench(t, func(b bench) {
		b.want("SIR", b.ask("SIR"), "S S       0.00 g\r\n")
		b.want("10 a second", b.later(300*time.Millisecond), strings.Repeat("S S       0.00 g\r\n", 3))
		b.want("SI ends it", b.ask("SI"), "S S       0.00 g\r\n")
		b.want("silence", b.later(time.Second), "")
		b.want("SR", b.ask("SR"), "S S       0.00 g\r\n")
		b.want("nothing new", b.later(time.Second), "")
		b.put(100_000)
		b.want("change, once each", b.later(time.Second), "S D      43.75 g\r\nS S     100.00 g\r\n")
		b.ask("@")
		b.want("@ ends it", b.later(time.Second), "")
		b.want("record", b.answered(), "0=0.00 g 100000=100.00 g")
	})
}

func TestFaults(t *testing.T) {
	onBench(t, func(b bench) {
		b.put(100_000)
		b.later(time.Second)
		const good = "S S     100.00 g\r\n"

		b.fault(line.Stall, true)
		b.want("stall", b.ask("S")+b.ask("SI")+b.ask("@"), "")
		b.fault(line.Stall, false)
		b.want("after the stall", b.ask("S"), good)

		b.fault(LineErrors, true)
		b.want("line errors", b.ask("S"), "ET\r\n")
		b.fault(LineErrors, false)

		b.fault(line.Noise, true)
		whole := 0
		for range 6 {
			got := b.ask("S")
			if got == good {
				whole++
			}
			if !strings.Contains(strings.Map(ascii, got), good) {
				t.Errorf("noise changed the frame itself: %q", got)
			}
		}
		if whole != 2 {
			t.Errorf("%d of 6 frames came whole under noise, want 2", whole)
		}
		b.fault(line.Noise, false)

		b.fault(line.Split, true)
		b.line.Send("S\r\n")
		synctest.Wait()
		b.want("first byte", b.line.Take(), "S")
		b.want("the rest", b.later(time.Second), good[1:])
		b.fault(line.Split, false)

		b.line.Send("S")
		b.fault(line.Unplug, true)
		synctest.Wait()
		b.fault(line.Unplug, false)
		b.want("the half command is gone", b.ask("I"), "ES\r\n")

		if err := b.SetFault("on fire", true); !errors.Is(err, line.ErrUnknownFault) {
			t.Errorf("unknown fault: %v", err)
		}
	})
}

func ascii(r rune) rune {
	if r >= 0x80 {
		return -1
	}
	return r
}

// What nobody heard was not answered.
func TestRecordOnlyWhatWasHeard(t *testing.T) {
	onBench(t, func(b bench) {
		b.line.Listen(false)
		b.put(1000)
		b.later(time.Second)
		b.ask("S")
		b.want("nobody listens", b.answered(), "")
		b.line.Listen(true)
		b.ask("S")
		b.ask("S")
		b.want("once per load", b.answered(), "1000=1.00 g")
		b.put(1) // too light for the display
		b.later(time.Second)
		b.ask("S")
		b.want("a new load is a new answer", b.answered(), "1000=1.00 g 1000=1.00 g")
	})
}

func TestPutRefuses(t *testing.T) {
	onBench(t, func(b bench) {
		for _, mg := range []int64{0, -1, 61_000_001} {
			if err := b.Put(mg); !errors.Is(err, ErrWeight) {
				t.Errorf("Put(%d) = %v", mg, err)
			}
		}
		if err := b.Remove(); err != nil || len(b.book.After(0)) != 0 {
			t.Errorf("Remove from an empty pan: %v, %v", err, b.book.After(0))
		}
	})
}

func TestParams(t *testing.T) {
	n := func(v int) *int { return &v }
	for _, c := range []struct {
		p    Params
		want string // capacity as I2 shows it, "" = refused
	}{
		{Params{}, "32100.0 g"},
		{Params{Unit: "kg"}, "32.100 kg"},
		{Params{Unit: "kg", Decimals: n(0)}, "32 kg"},
		{Params{Decimals: n(3)}, "32100.000 g"},
		{Params{Decimals: n(4)}, ""},
		{Params{Decimals: n(-1)}, ""},
		{Params{Unit: "lb"}, ""},
		{Params{CapacityMg: -1}, ""},
		{Params{SettleMs: 60_001}, ""},
	} {
		s, err := New(c.p, nil, nil)
		if c.want == "" {
			if !errors.Is(err, ErrParams) {
				t.Errorf("%+v: %v", c.p, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := s.pan.text(s.params.CapacityMg) + " " + s.params.Unit; got != c.want {
			t.Errorf("%+v shows %q, want %q", c.p, got, c.want)
		}
	}
}

// The display is never off by more than half an increment once settled, never
// leaves the interval between old and new load on the way, and its text is the
// value it stands for.
func TestPanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, err := Params{
			Unit: rapid.SampledFrom([]string{"g", "kg"}).Draw(t, "unit"),
			Step: rapid.SampledFrom([]int64{1, 2, 5, 10}).Draw(t, "step"),
		}.fill()
		if err != nil {
			t.Fatal(err)
		}
		n := pan{p: p}
		from := rapid.Int64Range(0, p.CapacityMg).Draw(t, "from")
		to := rapid.Int64Range(0, p.CapacityMg).Draw(t, "to")
		start := time.Unix(0, 0)
		n.change(start, from)
		start = start.Add(time.Hour)
		n.change(start, to)
		after := time.Duration(rapid.Int64Range(0, 2*p.SettleMs).Draw(t, "ms")) * time.Millisecond
		r := n.read(start.Add(after), 0, false)
		d := n.increment()
		if low, high := round(min(from, to), d), round(max(from, to), d); r.mg < low || r.mg > high {
			t.Fatalf("%d is outside %d…%d", r.mg, low, high)
		}
		if settled := after.Milliseconds() >= p.SettleMs; settled != (r.cond == stable) {
			t.Fatalf("%v after the change: %c", after, r.cond)
		}
		if r.cond == stable && 2*abs(r.mg-to) > d {
			t.Fatalf("%d shows as %d, increment %d", to, r.mg, d)
		}
		if mg, ok := n.parse(n.text(r.mg), p.Unit); !ok || mg != r.mg {
			t.Fatalf("%q means %d, want %d", n.text(r.mg), mg, r.mg)
		}
	})
}
