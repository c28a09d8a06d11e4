package presence

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/drivers/rfid"
)

// script plays a portal by milliseconds.
type script struct {
	t      *testing.T
	p      *Portal
	passes []Pass
}

func newScript(t *testing.T, cfg Config) *script {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &script{t: t, p: p}
}

func at(ms int) time.Time { return time.UnixMilli(1_000_000 + int64(ms)) }

func (s *script) read(epc string, rssi int, ms ...int) {
	for _, m := range ms {
		s.passes = append(s.passes, s.p.Read(rfid.Read{EPC: epc, PC: 0x3000, Antenna: 1, RSSI: rssi, At: at(m)})...)
	}
}

// every reads a tag from, to (inclusive), each step milliseconds.
func (s *script) every(epc string, rssi, from, to, step int) {
	for m := from; m <= to; m += step {
		s.read(epc, rssi, m)
	}
}

func (s *script) open(ms int)  { s.passes = append(s.passes, s.p.Open(at(ms))...) }
func (s *script) close(ms int) { s.passes = append(s.passes, s.p.Close(at(ms))...) }
func (s *script) tick(ms int)  { s.passes = append(s.passes, s.p.Tick(at(ms))...) }

// want compares the passes so far, written "from-to: tag tag", with * for a cut
// one and !n for n dropped tags.
func (s *script) want(want ...string) {
	s.t.Helper()
	var got []string
	for _, p := range s.passes {
		text := fmt.Sprintf("%d-%d:", p.From.UnixMilli()-1_000_000, p.To.UnixMilli()-1_000_000)
		for _, e := range epcs(p) {
			text += " " + e
		}
		if p.Cut {
			text += " *"
		}
		if p.Dropped > 0 {
			text += fmt.Sprintf(" !%d", p.Dropped)
		}
		got = append(got, text)
	}
	if d := cmp.Diff(want, got); d != "" {
		s.t.Errorf("passes (-want +got)\n%s", d)
	}
}

var eye = Config{Eye: true}

func TestAPassIsToldOnceAndWhole(t *testing.T) {
	s := newScript(t, eye)
	s.open(1000)
	read := func(epc string, antenna, rssi, ms int) {
		s.passes = append(s.passes, s.p.Read(rfid.Read{EPC: epc, PC: 0x3400, Antenna: antenna, RSSI: rssi, At: at(ms)})...)
	}
	read("B", 2, -50, 1010)
	read("B", 1, -48, 1020)
	read("A", 1, -40, 1030)
	read("B", 2, -60, 1040)
	read("A", 1, -60, 1050)
	read("A", 1, -41, 1060)
	read("C", 1, -41, 1061) // once only
	s.close(1500)
	s.tick(3999)
	s.want()
	s.tick(4000) // 2.5 s after the eye was free
	want := []Pass{{From: at(1000), To: at(1500), Tags: []Seen{
		{Key: "A", EPC: "A", PC: 0x3400, Reads: 3, BestRSSI: -40, Antennas: []int{1}},
		{Key: "B", EPC: "B", PC: 0x3400, Reads: 3, BestRSSI: -48, Antennas: []int{1, 2}},
	}}}
	if d := cmp.Diff(want, s.passes); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	s.tick(100_000)
	if len(s.passes) != 1 || s.p.Stats() != (Stats{Windows: 1, Unknown: 1}) {
		t.Errorf("%d passes, stats %+v", len(s.passes), s.p.Stats())
	}
}

// What counts as evidence, at its edges.
func TestEvidence(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  Config
		do   func(s *script)
		want string
	}{
		{"nothing was read", eye, func(*script) {}, ""},
		{"two reads are too few", eye, func(s *script) { s.read("A", -50, 1100, 1200) }, ""},
		{"three are enough", eye, func(s *script) { s.read("A", -50, 1100, 1200, 1300) }, " A"},
		{"one is enough when so set", Config{Eye: true, MinReads: 1}, func(s *script) { s.read("A", -50, 1100) }, " A"},
		{"at the gate", eye, func(s *script) { s.read("A", -65, 1100, 1200, 1300) }, " A"},
		{"below the gate", eye, func(s *script) { s.read("A", -66, 1100, 1200, 1300, 1400, 1450) }, ""},
		{"weak reads do not count beside strong ones", eye, func(s *script) { s.read("A", -66, 1100, 1200); s.read("A", -60, 1300, 1400) }, ""},
		{"another portal's antenna", Config{Eye: true, Antennas: []int{2, 3}}, func(s *script) { s.read("A", -50, 1100, 1200, 1300) }, ""},
		{"this portal's antenna", Config{Eye: true, Antennas: []int{2, 1}}, func(s *script) { s.read("A", -50, 1100, 1200, 1300) }, " A"},
		{"no EPC", eye, func(s *script) { s.read("", -50, 1100, 1200, 1300) }, ""},
		{"within the trail", eye, func(s *script) { s.read("A", -50, 1500); s.close(1500); s.read("A", -50, 1501, 1999) }, " A"},
		{"behind the trail", eye, func(s *script) { s.read("A", -50, 1500); s.close(1500); s.read("A", -50, 1501, 2000) }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t, tc.cfg)
			s.open(1000)
			tc.do(s)
			s.close(1500)
			s.tick(9000)
			s.want("1000-1500:" + tc.want)
		})
	}
	s := newScript(t, eye)
	s.read("B", -50, 498, 499)
	s.read("A", -50, 500, 600, 700) // within the lead
	s.read("B", -50, 700, 701)
	s.open(1000)
	s.close(1100)
	s.tick(9000)
	s.want("1000-1100: A") // B has two within it
}

// A tag that stood there before and after as strongly has not passed; one that
// came, or went, or was clearly nearer inside, has.
func TestParked(t *testing.T) {
	for _, tc := range []struct {
		name                  string
		before, inside, after int // dBm, 0 = not read
		passes                bool
	}{
		{"before and after", -60, -58, -60, false},
		{"5 dB stronger inside is fading", -60, -55, -60, false},
		{"7 dB is a move", -60, -53, -60, true},
		{"only before", -60, -58, 0, true},
		{"only after", 0, -58, -60, true},
		{"not at all", 0, -58, 0, true},
		{"weak before", -70, -58, -60, true},
		{"weak after", -60, -58, -70, true},
		{"below the gate before and after, 3 dB stronger inside", -67, -64, -67, false},
		{"nearer before: it went away from the door", -50, -58, 0, false},
		{"nearer after: it came nearer later", 0, -58, -50, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t, eye)
			read := func(rssi, from, to int) {
				if rssi != 0 {
					s.every("A", rssi, from, to, 100)
				}
			}
			read(tc.before, 0, 4400)
			s.open(5000)
			read(tc.inside, 5000, 6000)
			s.close(6000)
			read(tc.after, 6600, 9000)
			s.tick(9000)
			want := "5000-6000:"
			if tc.passes {
				want += " A"
			}
			s.want(want)
		})
	}
}

// A tag that is seldom read: that it was not read on one side is no proof when
// it stood on the other.
func TestSeldomRead(t *testing.T) {
	for _, tc := range []struct {
		name           string
		before, after  int // dBm, one read each; 0 = none
		passes         bool
		inside, inStep int
	}{
		{"stood before, not read after", -60, 0, false, -58, 400},
		{"stood after, not read before", 0, -60, false, -58, 400},
		{"neither", 0, 0, true, -58, 400},
		{"stood before, weak after", -60, -75, true, -58, 400},
		{"often read, so that silence is proof", -60, 0, true, -58, 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t, eye)
			if tc.before != 0 {
				s.read("A", tc.before, 3000)
			}
			s.open(5000)
			s.every("A", tc.inside, 5000, 6000, tc.inStep)
			s.close(6000)
			if tc.after != 0 {
				s.read("A", tc.after, 8000)
			}
			s.tick(9000)
			want := "5000-6000:"
			if tc.passes {
				want += " A"
			}
			s.want(want)
		})
	}
}

// Two windows in a row: every tag passes in the one it was nearest in, also
// when it was read enough in the other.
func TestTwoInARow(t *testing.T) {
	s := newScript(t, eye)
	s.open(1000)
	s.every("A", -45, 1000, 1500, 50)
	s.every("B", -62, 1200, 1500, 50) // approaching
	s.close(1500)
	s.every("A", -55, 1550, 1900, 50)
	s.every("B", -55, 1550, 1900, 50)
	s.open(1900)
	s.every("A", -62, 1950, 2200, 50) // leaving
	s.every("B", -45, 1950, 2400, 50)
	s.close(2400)
	s.tick(9000)
	s.want("1000-1500: A", "1900-2400: B")
	if st := s.p.Stats(); st.Moved != 2 {
		t.Errorf("stats %+v", st)
	}
}

// A small difference decides, too: the tag is told once.
func TestTwoInARowAlmostAlike(t *testing.T) {
	for _, tc := range []struct {
		first, second int
		want          []string
	}{
		{-46, -45, []string{"1000-1500:", "1900-2400: A"}},
		{-45, -45, []string{"1000-1500: A", "1900-2400:"}},
	} {
		s := newScript(t, eye)
		s.open(1000)
		s.every("A", tc.first, 1300, 1500, 50)
		s.close(1500)
		s.open(1900)
		s.every("A", tc.second, 1950, 2100, 50)
		s.close(2400)
		s.tick(9000)
		s.want(tc.want...)
	}
}

// The reads between two windows belong to the nearer one.
func TestTheGapIsShared(t *testing.T) {
	s := newScript(t, eye)
	s.open(1000)
	s.close(1500)
	s.read("A", -50, 1600, 1610, 1620) // 1700 is the middle
	s.read("B", -50, 1780, 1790, 1800)
	s.open(1900)
	s.close(2400)
	s.tick(9000)
	s.want("1000-1500: A", "1900-2400: B")
}

// A short gap of light is no gap: one pallet, one window.
func TestMerge(t *testing.T) {
	for _, tc := range []struct {
		gap  int
		want []string
	}{
		{199, []string{"1000-2500: A"}},
		{200, []string{"1000-1500:", "1700-2500:"}},
	} {
		s := newScript(t, eye)
		s.open(1000)
		s.read("A", -50, 1400)
		s.close(1500)
		s.read("A", -50, 1510) // in the gap
		s.open(1500 + tc.gap)
		s.read("A", -50, 2400)
		s.close(2500)
		s.tick(9000)
		s.want(tc.want...)
	}
}

// An eye that stays covered must not swallow the day: windows are cut, what
// stands in them passes once, and what comes later passes later.
func TestMaxWindow(t *testing.T) {
	s := newScript(t, Config{Eye: true, MaxWindow: 10 * time.Second})
	s.open(1000)
	s.open(1100) // covered already
	s.every("A", -50, 1100, 30_000, 100)
	s.every("B", -50, 30_100, 30_600, 100)
	s.every("A", -50, 30_700, 33_000, 100)
	s.close(34_000)
	s.close(34_100) // free already
	s.tick(50_000)
	s.want("1000-11000: A *", "11000-21000: *", "21000-31000: B *", "31000-34000:")
	if _, ok := s.p.Next(); ok {
		t.Error("something is left to do")
	}
}

// Next tells exactly when a Tick makes a difference.
func TestNext(t *testing.T) {
	next := func(s *script, want int) {
		t.Helper()
		got, ok := s.p.Next()
		if ok != (want > 0) || ok && !got.Equal(at(want)) {
			t.Errorf("Next = %v %v, want %v", got, ok, at(want))
		}
	}
	s := newScript(t, eye)
	next(s, 0)
	s.open(1000)
	next(s, 31_000)
	s.close(1500)
	next(s, 4000)
	s.open(2000)
	next(s, 4000)
	s.tick(4000)
	next(s, 32_000)
	s.close(5000)
	next(s, 7500)
	s.tick(7500)
	next(s, 0)
	s.want("1000-1500:", "2000-5000:")

	s = newScript(t, Config{})
	s.read("A", -50, 1000, 1100, 1200)
	next(s, 2200)
	s.tick(2199)
	s.want()
	s.tick(2200)
	s.want("1000-1200: A")
	next(s, 0)
}

// Without an eye activity makes the windows; the eye's calls do nothing.
func TestActivity(t *testing.T) {
	s := newScript(t, Config{})
	s.open(0)
	s.every("A", -50, 1000, 1500, 100)
	s.close(1200)
	s.every("W", -70, 1600, 3000, 100) // too weak to hold it open
	s.tick(3000)
	s.want("1000-1500: A")
	s.every("B", -50, 4000, 4100, 100) // two reads: a ghost opens a window, and nothing passes
	s.tick(9000)
	s.want("1000-1500: A")
	if st := s.p.Stats(); st.Windows != 2 || st.Tags != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestActivityBesideAParkedTag(t *testing.T) {
	s := newScript(t, Config{})
	s.every("P", -60, 0, 20_000, 200) // parked after 10 s, its window passes nothing
	s.want()
	for m := 20_200; m <= 25_000; m += 200 {
		s.read("P", -60, m)
		if m >= 22_000 && m < 23_000 {
			s.read("A", -50, m)
		}
	}
	s.want("22000-22800: A")
	// The parked one is moved: much stronger at once, then gone.
	s.every("P", -50, 25_200, 26_000, 200)
	s.tick(30_000)
	s.want("22000-22800: A", "25200-26000: P")
	// Back and parked again, then away for longer than Quiet: it may pass anew.
	s.every("P", -60, 40_000, 52_000, 200)
	s.every("P", -60, 60_000, 60_800, 200)
	s.tick(70_000)
	s.want("22000-22800: A", "25200-26000: P", "60000-60800: P")
}

func TestActivityIsCut(t *testing.T) {
	s := newScript(t, Config{MaxWindow: 5 * time.Second})
	for m := 0; m < 12_000; m += 500 { // a stream of tags without a pause
		epc := fmt.Sprintf("T%02d", m/500)
		s.read(epc, -50, m, m+100, m+200)
	}
	s.tick(20_000)
	n := 0
	for i, p := range s.passes {
		n += len(p.Tags)
		if p.Cut != (i < 2) {
			t.Errorf("pass %d: cut %v", i, p.Cut)
		}
	}
	if len(s.passes) != 3 || n != 24 {
		t.Errorf("%d passes with %d tags", len(s.passes), n)
	}
}

// Memory is bounded: the tag not read for longest goes, and the pass says that
// it may not be whole.
func TestMaxTags(t *testing.T) {
	s := newScript(t, Config{Eye: true, MaxTags: 3})
	s.open(1000)
	for i, epc := range []string{"A", "B", "C", "A", "D", "A", "D", "A", "D", "E"} { // B goes, then C
		s.read(epc, -50, 1010+i)
	}
	if st := s.p.Stats(); st.Tags != 3 || st.Dropped != 2 {
		t.Errorf("stats %+v", st)
	}
	s.close(1500)
	s.tick(9000)
	s.want("1000-1500: A D !2")
	if st := s.p.Stats(); st.Tags != 0 || len(s.p.tags) != s.p.order.Len() {
		t.Errorf("not forgotten: %+v, %d in order", st, s.p.order.Len())
	}
}

// A single tag read thousands of times is kept short.
func TestMaxSights(t *testing.T) {
	s := newScript(t, eye)
	for range 5000 {
		s.read("A", -50, 1000)
	}
	if n := len(s.p.tags["A"].recent); n > maxSights {
		t.Errorf("%d sightings are kept", n)
	}
}

// A clock set back neither panics nor brings a window back.
func TestClockSetBack(t *testing.T) {
	s := newScript(t, eye)
	s.open(5000)
	s.read("A", -50, 5100, 10, 20) // read at 5100 as far as the portal knows
	s.close(100)
	s.tick(0)
	s.tick(9000)
	s.want("5000-5100: A")
}

func TestNewChecksItsConfiguration(t *testing.T) {
	for _, c := range []Config{
		{MinReads: -1},
		{MinRSSI: 1},
		{Rise: -1},
		{MaxTags: -1},
		{Lead: -1},
		{Lead: 2 * time.Second},
		{Trail: 2 * time.Second},
		{Look: 11 * time.Second},
		{Merge: 3 * time.Second},
		{Quiet: 11 * time.Second, Dwell: time.Minute},
		{Quiet: 2 * time.Second, Dwell: 2 * time.Second},
		{MaxWindow: time.Second},
		{Antennas: []int{-1}},
		{Inner: []int{1}},
		{Inner: []int{1}, Outer: []int{1}},
		{Inner: []int{0}, Outer: []int{1}},
		{Inner: []int{1}, Outer: []int{2}, Antennas: []int{1}},
	} {
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Whatever happens: windows come in order and do not overlap, no tag passes
// twice without a gap, every tag named has its evidence, memory is bounded, and
// Tick at Next always leads somewhere.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := Config{Eye: rapid.Bool().Draw(rt, "eye"), MaxTags: rapid.IntRange(2, 8).Draw(rt, "tags"), MaxWindow: 3 * time.Second}
		p, err := New(cfg)
		if err != nil {
			rt.Fatal(err)
		}
		now, ms, opens, covered := at(0), 0, 0, false
		var passes []Pass
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			ms += rapid.SampledFrom([]int{0, 1, 20, 50, 50, 50, 300, 1500}).Draw(rt, "ms")
			now = at(ms)
			var got []Pass
			switch rapid.SampledFrom([]string{"read", "read", "read", "read", "read", "open", "close", "tick"}).Draw(rt, "do") {
			case "read":
				got = p.Read(rfid.Read{
					EPC: rapid.SampledFrom([]string{"A", "B", "C", "D", "E"}).Draw(rt, "epc"), Antenna: 1,
					RSSI: rapid.IntRange(-75, -45).Draw(rt, "rssi"), At: now,
				})
			case "open":
				if got = p.Open(now); !covered {
					opens++
				}
				covered = true
			case "close":
				got = p.Close(now)
				covered = false
			default:
				got = p.Tick(now)
			}
			passes = append(passes, got...)
			if st := p.Stats(); st.Tags > cfg.MaxTags || len(p.tags) != p.order.Len() || len(p.wins) > 20 {
				rt.Fatalf("%d tags, %d in order, %d windows", st.Tags, p.order.Len(), len(p.wins))
			}
		}
		passes = append(passes, p.Close(now)...)
		for n := 0; ; n++ {
			next, ok := p.Next()
			if !ok {
				break
			}
			if n > 100 {
				rt.Fatalf("no end: next %v, windows %d", next, len(p.wins))
			}
			passes = append(passes, p.Tick(next)...)
		}
		if !cfg.Eye && opens > 0 && len(passes) > int(p.Stats().Windows) {
			rt.Fatalf("%d passes of %d windows", len(passes), p.Stats().Windows)
		}
		for i, pass := range passes {
			if pass.To.Before(pass.From) || i > 0 && pass.From.Before(passes[i-1].To) {
				rt.Fatalf("pass %d: %v to %v after %v", i, pass.From, pass.To, passes[max(0, i-1)].To)
			}
			if !slices.IsSortedFunc(pass.Tags, func(a, b Seen) int { return len(a.EPC) - len(b.EPC) }) {
				rt.Fatalf("order: %+v", pass.Tags)
			}
			for _, s := range pass.Tags {
				if s.Reads < DefaultMinReads || s.BestRSSI < DefaultMinRSSI || len(s.Antennas) != 1 {
					rt.Fatalf("%+v passed", s)
				}
			}
		}
		p.Tick(now.Add(time.Minute))
		if st := p.Stats(); st.Tags != 0 {
			rt.Fatalf("%d tags are remembered for ever", st.Tags)
		}
	})
}

// Two eyes tell the way by their order, and the window is open while one of them
// is covered.
func TestTwoEyes(t *testing.T) {
	type e struct {
		side    Side
		covered bool
		ms      int
	}
	out := []e{{Inner, true, 1000}, {Outer, true, 1200}, {Inner, false, 2000}, {Outer, false, 2200}}
	for _, tc := range []struct {
		name string
		eyes []e
		want string
		way  Way
	}{
		{"out", out, "1000-2200: A", Out},
		{"in", []e{{Outer, true, 1000}, {Inner, true, 1200}, {Outer, false, 2000}, {Inner, false, 2200}}, "1000-2200: A", In},
		{"told twice", slices.Concat(out[:1], out[:1], out[1:2], out[1:]), "1000-2200: A", Out},
		{"turned back", []e{{Inner, true, 1000}, {Outer, true, 1200}, {Outer, false, 2000}, {Inner, false, 2200}}, "1000-2200: A", ""},
		{"one eye is blind", []e{{Inner, true, 1000}, {Inner, false, 2200}}, "1000-2200: A", ""},
		{"a gap between the eyes is merged", []e{{Inner, true, 1000}, {Inner, false, 1900}, {Outer, true, 2000}, {Outer, false, 2200}}, "1000-2200: A", Out},
		{"a door with one eye", []e{{Middle, true, 1000}, {Middle, false, 2200}}, "1000-2200: A", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t, eye)
			ms := 0
			for _, x := range tc.eyes {
				for ; ms < x.ms; ms += 100 {
					if ms >= 1000 {
						s.read("A", -50, ms)
					}
				}
				s.passes = append(s.passes, s.p.Eye(x.side, x.covered, at(x.ms))...)
			}
			s.tick(9000)
			s.want(tc.want)
			if len(s.passes) > 0 && s.passes[0].Way != tc.way {
				t.Errorf("way %q, want %q", s.passes[0].Way, tc.way)
			}
		})
	}
	// Without an eye in the configuration they mean nothing.
	s := newScript(t, Config{})
	s.passes = append(s.passes, s.p.Eye(Inner, true, at(10))...)
	s.passes = append(s.passes, s.p.Eye(Inner, false, at(20))...)
	s.tick(9000)
	s.want()
}

// Antennas on both sides tell the way, and who was on the same side before and
// after has not passed.
func TestAntennaOrder(t *testing.T) {
	sides := Config{Eye: true, Inner: []int{1}, Outer: []int{2}}
	for _, tc := range []struct {
		name string
		eyes [2]Side // covered first, free last
		from [2]int  // dBm at antenna 1 and 2 in the beginning
		to   [2]int
		want string
		way  Way
	}{
		{"out", [2]Side{}, [2]int{-48, -60}, [2]int{-60, -48}, " A", Out},
		{"in", [2]Side{}, [2]int{-60, -48}, [2]int{-48, -60}, " A", In},
		{"it stands on the inside", [2]Side{}, [2]int{-48, -60}, [2]int{-48, -60}, "", ""},
		{"it stands in the middle", [2]Side{}, [2]int{-50, -50}, [2]int{-51, -50}, "", ""},
		{"the eyes say so too", [2]Side{Inner, Outer}, [2]int{-48, -60}, [2]int{-60, -48}, " A", Out},
		{"the eyes say the contrary", [2]Side{Outer, Inner}, [2]int{-48, -60}, [2]int{-60, -48}, " A", ""},
		{"one side is deaf: the eyes", [2]Side{Outer, Inner}, [2]int{-48, 0}, [2]int{0, 0}, " A", In},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t, sides)
			read := func(ms int, rssi [2]int) {
				for i, v := range rssi {
					if v != 0 {
						s.passes = append(s.passes, s.p.Read(rfid.Read{EPC: "A", Antenna: i + 1, RSSI: v, At: at(ms)})...)
					}
				}
			}
			s.passes = append(s.passes, s.p.Eye(tc.eyes[0], true, at(1000))...)
			for ms := 1010; ms < 1300; ms += 50 {
				read(ms, tc.from)
			}
			for ms := 1700; ms < 2000; ms += 50 {
				read(ms, tc.to)
			}
			if tc.eyes[0] != tc.eyes[1] {
				s.passes = append(s.passes, s.p.Eye(tc.eyes[1], true, at(1900))...)
				s.passes = append(s.passes, s.p.Eye(tc.eyes[0], false, at(1950))...)
			}
			s.passes = append(s.passes, s.p.Eye(tc.eyes[1], false, at(2000))...)
			s.tick(9000)
			s.want("1000-2000:" + tc.want)
			if s.passes[0].Way != tc.way {
				t.Errorf("way %q, want %q", s.passes[0].Way, tc.way)
			}
		})
	}
}

// Of two doors side by side one has the tag, the one that hears it better; alike,
// the first.
func TestSideBySide(t *testing.T) {
	for _, tc := range []struct {
		here, there int
		rank        int
		want        string
	}{
		{-50, -60, 1, " A"}, {-60, -50, 0, ""}, {-50, -50, 0, " A"}, {-50, -50, 1, ""}, {-50, -70, 1, " A"},
	} {
		s := newScript(t, Config{Eye: true, Rank: tc.rank})
		s.open(1000)
		for ms := 1100; ms < 1500; ms += 100 {
			s.read("A", tc.here, ms)
			s.passes = append(s.passes, s.p.Elsewhere(rfid.Read{EPC: "A", RSSI: tc.there, At: at(ms)})...)
		}
		s.close(1500)
		s.tick(9000)
		s.want("1000-1500:" + tc.want)
	}
}
