package presence

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tote/drivers/rfid"
	"tote/gs1"
	"tote/gs1/epc"
)

// two is an engine of two places, a and b, on one reader of four antennas, and a
// third, c, that is all of another reader.
func two(t fatal, cfg EngineConfig) *Engine {
	t.Helper()
	cfg.Locations = []Location{
		{"a", []Source{{"r", 1}, {"r", 2}}},
		{"b", []Source{{"r", 3}}},
		{"c", []Source{{"s", 0}}},
	}
	e, err := NewEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

type fatal interface {
	Helper()
	Fatal(args ...any)
}

// places plays an engine by milliseconds and keeps what it told.
type places struct {
	*Engine
	told []string
}

func (p *places) note(events []Fact) {
	for _, e := range events {
		text := fmt.Sprintf("%d %s %s", e.At.UnixMilli()-1_000_000, e.Key, e.What)
		if e.From != "" {
			text += " from " + e.From
		}
		if e.To != "" {
			text += fmt.Sprintf(" at %s %d", e.To, e.RSSI)
		}
		if e.Forced {
			text += " forced"
		}
		p.told = append(p.told, text)
	}
}

func (p *places) reads(epc, reader string, antenna, rssi, from, to, step int) {
	for ms := from; ms < to; ms += step {
		p.note(p.Read(reader, rfid.Read{EPC: epc, Antenna: antenna, RSSI: rssi, At: at(ms)}))
	}
}

func (p *places) tick(ms int) { p.note(p.Tick(at(ms))) }

// What the rule makes of reads, at its edges. Slots are 500 ms, Linger 3 s.
func TestEngine(t *testing.T) {
	quick := EngineConfig{Linger: time.Millisecond}
	for _, tc := range []struct {
		name string
		cfg  EngineConfig
		do   func(p *places)
		want []string
	}{
		{"one stray read is nothing", quick, func(p *places) { p.reads("A", "r", 1, -40, 0, 100, 100) }, nil},
		{"two reads are too few", quick, func(p *places) { p.reads("A", "r", 1, -40, 0, 1400, 700) }, nil},
		{"reads too far apart", quick, func(p *places) { p.reads("A", "r", 1, -40, 0, 20_000, 1001) }, nil},
		{"too weak", quick, func(p *places) { p.reads("A", "r", 1, -71, 0, 5000, 100) }, nil},
		{"at the gate", quick, func(p *places) { p.reads("A", "r", 1, -70, 0, 1000, 100) }, []string{"500 A arrived at a -70"}},
		{"it must linger", EngineConfig{}, func(p *places) { p.reads("A", "r", 1, -50, 0, 2400, 100) }, nil},
		{"and then has arrived", EngineConfig{}, func(p *places) { p.reads("A", "r", 1, -50, 0, 2600, 100) }, []string{"3000 A arrived at a -50"}},
		{"two antennas are one place", quick, func(p *places) {
			p.reads("A", "r", 1, -50, 0, 400, 400)
			p.reads("A", "r", 2, -50, 450, 700, 200)
			p.reads("A", "r", 1, -50, 1100, 1200, 100)
		}, []string{"1000 A arrived at a -50"}},
		{"the better place", quick, func(p *places) {
			for ms := 0; ms < 1000; ms += 100 {
				p.reads("A", "r", 1, -60, ms, ms+1, 1)
				p.reads("A", "r", 3, -55, ms, ms+1, 1)
			}
		}, []string{"500 A arrived at b -55"}},
		{"both are heard, 5 dB are no move", quick, func(p *places) {
			p.reads("A", "r", 1, -60, 0, 500, 100)
			for ms := 500; ms < 9000; ms += 100 {
				p.reads("A", "r", 1, -60, ms, ms+1, 1)
				p.reads("A", "r", 3, -55, ms, ms+1, 1)
			}
		}, []string{"500 A arrived at a -60"}},
		{"6 dB are", quick, func(p *places) {
			p.reads("A", "r", 1, -60, 0, 500, 100)
			for ms := 500; ms < 9000; ms += 100 {
				p.reads("A", "r", 1, -60, ms, ms+1, 1)
				p.reads("A", "r", 3, -54, ms, ms+1, 1)
			}
		}, []string{"500 A arrived at a -60", "1000 A moved from a at b -54"}},
		{"a silent place keeps what is not clearly stronger elsewhere", quick, func(p *places) {
			p.reads("A", "r", 1, -50, 0, 500, 100)
			p.reads("A", "r", 3, -50, 3000, 9900, 200)
		}, []string{"500 A arrived at a -50"}},
		{"but not for ever", quick, func(p *places) {
			p.reads("A", "r", 1, -50, 0, 500, 100)
			p.reads("A", "r", 3, -50, 3000, 14_000, 200)
		}, []string{"500 A arrived at a -50", "10500 A moved from a at b -50"}},
		{"the floor", quick, func(p *places) {
			p.reads("A", "r", 1, -50, 0, 500, 100)
			p.reads("A", "r", 3, -46, 3000, 14_000, 200)
		}, []string{"500 A arrived at a -50", "7500 A moved from a at b -46"}},
		{"silence departs", quick, func(p *places) {
			p.reads("A", "r", 1, -50, 0, 500, 100)
			p.tick(60_300)
			p.tick(60_600)
			p.tick(90_000)
		}, []string{"500 A arrived at a -50", "400 A departed from a"}},
		{"no antenna: the place of the whole reader", quick, func(p *places) { p.reads("A", "s", 0, -50, 0, 1000, 100) }, []string{"500 A arrived at c -50"}},
		{"an antenna that is not listed too", quick, func(p *places) { p.reads("A", "s", 7, -50, 0, 1000, 100) }, []string{"500 A arrived at c -50"}},
		{"no antenna at a reader of several places: present, nowhere new", quick, func(p *places) {
			p.reads("A", "r", 0, -50, 0, 1000, 100)
			p.reads("A", "r", 1, -50, 1000, 1500, 100)
			p.reads("A", "r", 0, -50, 2000, 100_000, 1000)
		}, []string{"1500 A arrived at a -50"}},
		{"no strength: it arrives", quick, func(p *places) { p.reads("A", "r", 1, 0, 0, 1000, 100) }, []string{"500 A arrived at a -70"}},
		{"and never outdoes a place that is heard well", quick, func(p *places) {
			p.reads("A", "r", 1, -60, 0, 500, 100)
			for ms := 500; ms < 9000; ms += 100 {
				p.reads("A", "r", 1, -60, ms, ms+1, 1)
				p.reads("A", "r", 3, 0, ms, ms+1, 1)
			}
		}, []string{"500 A arrived at a -60"}},
		{"no time: now", quick, func(p *places) {
			p.tick(5000)
			for range 3 {
				p.note(p.Read("r", rfid.Read{EPC: "A", Antenna: 1, RSSI: -50}))
			}
			p.tick(5500)
		}, []string{"5500 A arrived at a -50"}},
		{"an unknown reader", quick, func(p *places) { p.reads("A", "x", 1, -50, 0, 1000, 100) }, nil},
		{"a late report counts in its time", quick, func(p *places) {
			p.tick(1900)
			p.reads("A", "r", 1, -50, 500, 800, 100)
		}, []string{"2000 A arrived at a -50"}},
		{"a report of before the window does not", quick, func(p *places) {
			p.tick(9000)
			p.reads("A", "r", 1, -50, 500, 800, 100)
		}, nil},
		{"no room: the one not read for longest goes, and has departed", EngineConfig{Linger: 1, MaxTags: 2}, func(p *places) {
			p.reads("A", "r", 1, -50, 0, 500, 100)
			p.reads("B", "r", 1, -50, 500, 1000, 100)
			p.reads("C", "r", 3, -50, 1000, 1500, 100)
		}, []string{"500 A arrived at a -50", "1000 B arrived at a -50", "400 A departed from a forced", "1500 C arrived at b -50"}},
		{"a reader that is down sees nothing go", quick, func(p *places) {
			p.reads("A", "s", 1, -50, 0, 500, 100)
			p.reads("B", "r", 1, -50, 0, 500, 100)
			p.note(p.Reader("s", false, at(1000)))
			p.tick(200_000)
			p.note(p.Reader("s", true, at(200_000)))
			p.tick(259_000)
			p.reads("A", "s", 1, -50, 259_000, 259_100, 100)
			p.tick(300_000)
		}, []string{"500 A arrived at c -50", "500 B arrived at a -50", "400 B departed from a"}},
		{"what went meanwhile departs then", quick, func(p *places) {
			p.reads("A", "s", 1, -50, 0, 500, 100)
			p.note(p.Reader("s", false, at(1000)))
			p.note(p.Reader("s", true, at(200_000)))
			p.tick(261_000)
		}, []string{"500 A arrived at c -50", "200000 A departed from c"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &places{Engine: two(t, tc.cfg)}
			p.tick(0)
			tc.do(p)
			p.note(p.Tick(time.Unix(0, (p.slot+1)*p.width)))
			if !slices.Equal(p.told, tc.want) {
				t.Errorf("told\n%s\nwant\n%s", strings.Join(p.told, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

// Two tags of one thing are one thing; the same bits on a tag that is not of GS1
// are another; and the filter leaves out what is no goods.
func TestIdentity(t *testing.T) {
	item, err := gs1.EncodeSGTIN96(7, "09521234000013", "7", gs1.FilterItem)
	if err != nil {
		t.Fatal(err)
	}
	twin, err := gs1.EncodeSGTIN96(7, "09521234000013", "7", gs1.FilterCase)
	if err != nil {
		t.Fatal(err)
	}
	other, err := epc.EPC{Scheme: epc.SGTIN, Prefix: "9529999", Reference: "000001", Serial: "7"}.Encode("sgtin-96", epc.FilterItem)
	if err != nil {
		t.Fatal(err)
	}
	crate, err := gs1.EncodeSSCC96(7, "395212340000000014", gs1.FilterCase)
	if err != nil {
		t.Fatal(err)
	}
	const laundry, tid = "80B50012AA01", "E2801160600002054A3C1B2D"
	all := []rfid.Read{
		{EPC: item, PC: 0x3000},
		{EPC: twin, PC: 0x3000},
		{EPC: item, PC: 0x31A1},
		{EPC: other, PC: 0x3000},
		{EPC: crate},
		{EPC: laundry, PC: 0x1800},
		{EPC: tid, PC: 0x3000},
		{EPC: "no hex"},
	}
	const it, ot, sscc = "urn:epc:id:sgtin:9521234.000001.7", "urn:epc:id:sgtin:9529999.000001.7", "urn:epc:id:sscc:9521234.3000000001"
	afi := "urn:epc:raw:96.xA1.x" + item
	for _, tc := range []struct {
		only, except []string
		want         []string
	}{
		{nil, nil, []string{it, it, afi, ot, sscc, laundry, tid, "NO HEX"}},
		{nil, []string{"hex:e2"}, []string{it, it, afi, ot, sscc, laundry, "NO HEX"}},
		{nil, []string{"raw"}, []string{it, it, afi, ot, sscc}},
		{nil, []string{"afi", "raw", "sscc"}, []string{it, it, ot}},
		{[]string{"gs1"}, nil, []string{it, it, ot, sscc}},
		{[]string{"gs1:9521234"}, nil, []string{it, it, sscc}},
		{[]string{"sgtin:9521234", "hex:80"}, nil, []string{it, it, laundry}},
		{[]string{"sgtin"}, []string{"sgtin:9521234"}, []string{ot}},
	} {
		f, err := NewFilter(tc.only, tc.except)
		if err != nil {
			t.Fatal(err)
		}
		n := newNames(f, 10)
		var got []string
		for range 2 {
			got = nil
			for _, r := range all {
				if one := n.of(&r); one.wanted {
					got = append(got, one.key)
				}
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("only %v, except %v:\n%q\nwant\n%q", tc.only, tc.except, got, tc.want)
		}
	}
	for _, bad := range []string{"", "hex:", "hex:XY", "nope", "sgtin:", "sgtin:95x", "raw:1", "afi:A1", "urn:epc:id:sgtin"} {
		if _, err := NewFilter([]string{bad}, nil); !errors.Is(err, ErrConfig) || CheckPattern(bad) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// A portal tells them as one thing, too.
	s := newScript(t, eye)
	s.open(1000)
	s.read(item, -50, 1100)
	s.read(twin, -50, 1200, 1300)
	s.close(1500)
	s.tick(9000)
	if len(s.passes) != 1 || len(s.passes[0].Tags) != 1 || s.passes[0].Tags[0].Key != it || s.passes[0].Tags[0].Reads != 3 {
		t.Errorf("%+v", s.passes)
	}
	// Names are bounded, whatever is read.
	n := newNames(nil, 10)
	for i := range 5000 {
		n.of(&rfid.Read{EPC: fmt.Sprintf("%08X", i), PC: uint16(i % 2 * 0x1100)}) //nolint:gosec // a test
		if len(n.known)+len(n.afi) > n.max {
			t.Fatalf("%d names", len(n.known)+len(n.afi))
		}
	}
}

func TestEngineChecksItsConfiguration(t *testing.T) {
	one := []Location{{"a", []Source{{"r", 1}}}}
	for _, c := range []EngineConfig{
		{},
		{Locations: []Location{{"", nil}}},
		{Locations: []Location{{"a", nil}, {"a", nil}}},
		{Locations: []Location{{"a", []Source{{"r", 1}}}, {"b", []Source{{"r", 1}}}}},
		{Locations: []Location{{"a", []Source{{"r", -1}}}}},
		{Locations: []Location{{"a", []Source{{"r", 1025}}}}},
		{Locations: one, Window: time.Millisecond},
		{Locations: one, Window: time.Hour},
		{Locations: one, Hold: time.Second},
		{Locations: one, Gone: time.Second},
		{Locations: one, Linger: time.Hour},
		{Locations: one, MinReads: -1},
		{Locations: one, MinRSSI: 1},
		{Locations: one, Margin: 2},
		{Locations: one, Floor: -1},
		{Locations: one, MaxTags: -1},
	} {
		if _, err := NewEngine(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// check looks at what must hold of an engine whatever it was told.
func (e *Engine) check(events []Fact) string {
	at, arrived, departed := map[string]string{}, 0, 0
	for _, ev := range events {
		switch was := at[ev.Key]; {
		case ev.What == Arrived && was == "" && ev.From == "" && ev.To != "":
			at[ev.Key] = ev.To
			arrived++
		case ev.What == Moved && was == ev.From && ev.To != "" && ev.To != was:
			at[ev.Key] = ev.To
		case ev.What == Departed && was == ev.From && was != "" && ev.To == "":
			delete(at, ev.Key)
			departed++
		default:
			return fmt.Sprintf("%+v, it was at %q", ev, was)
		}
	}
	n, listed := 0, 0
	for _, l := range e.cfg.Locations {
		for _, key := range e.Present(l.Name) {
			if n++; at[key] != l.Name {
				return fmt.Sprintf("%s is at %s, told was %q", key, l.Name, at[key])
			}
		}
	}
	for o := e.oldest; o != nil; o = o.next {
		listed++
		if len(o.cells) > len(e.cfg.Locations) {
			return fmt.Sprintf("%d cells of %d places", len(o.cells), len(e.cfg.Locations))
		}
	}
	st := e.Stats()
	if n != len(at) || st.Present != n || arrived-departed != n || listed != st.Tags || st.Tags > e.cfg.MaxTags || len(e.dirty) > 2*e.cfg.MaxTags+256 {
		return fmt.Sprintf("present %d, told %d, listed %d: %+v", n, len(at), listed, st)
	}
	return ""
}

// Whatever happens: every tag arrives before it moves and departs once, what has
// arrived and not departed is present, memory is bounded, and Tick at Next leads to
// an end.
func TestEngineInvariants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := two(rt, EngineConfig{MaxTags: rapid.IntRange(1, 6).Draw(rt, "tags"), Linger: time.Duration(rapid.IntRange(1, 4000).Draw(rt, "linger")) * time.Millisecond})
		var events []Fact
		ms := 0
		for range rapid.IntRange(1, 300).Draw(rt, "steps") {
			ms += rapid.SampledFrom([]int{0, 1, 50, 50, 50, 300, 1500, 30_000, -700, -5000}).Draw(rt, "ms")
			now := at(ms)
			switch rapid.IntRange(0, 11).Draw(rt, "do") {
			case 0:
				events = append(events, e.Tick(now)...)
			case 1:
				events = append(events, e.Reader(rapid.SampledFrom([]string{"r", "s", "x"}).Draw(rt, "reader"), rapid.Bool().Draw(rt, "up"), now)...)
			default:
				events = append(events, e.Read(rapid.SampledFrom([]string{"r", "r", "s", "x"}).Draw(rt, "reader"), rfid.Read{
					EPC: rapid.SampledFrom([]string{"A", "B", "C", "D", "E", "F", "G", "", "3074257BF7194E4000001A85"}).Draw(rt, "epc"),
					PC:  rapid.SampledFrom([]uint16{0, 0x3000, 0x3100}).Draw(rt, "pc"), Antenna: rapid.IntRange(-1, 5).Draw(rt, "antenna"),
					RSSI: rapid.IntRange(-80, 0).Draw(rt, "rssi"), At: now,
				})...)
			}
			if why := e.check(events); why != "" {
				rt.Fatal(why)
			}
		}
		for _, r := range []string{"r", "s", "x"} {
			events = append(events, e.Reader(r, true, at(ms))...)
		}
		for n := 0; ; n++ {
			next, ok := e.Next()
			if !ok {
				break
			}
			if n > 100 {
				rt.Fatalf("no end: next %v", next)
			}
			events = append(events, e.Tick(next)...)
		}
		if why := e.check(events); why != "" {
			rt.Fatal(why)
		}
		if st := e.Stats(); st.Tags != 0 || st.Present != 0 {
			rt.Fatalf("%+v is left", st)
		}
	})
}

// FuzzEngine feeds any bytes as reads: no panic, and the invariants hold.
func FuzzEngine(f *testing.F) {
	f.Add([]byte("\x01\x01\x32\x10\x01\x01\x32\x10\x01\x01\x32\x10\x01\x01\x32\xff\x02\x03\x32\x10"))
	f.Add([]byte{0, 0, 0, 0, 255, 255, 255, 255, 128, 1, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		e := two(t, EngineConfig{MaxTags: 3, Linger: time.Second})
		p, err := New(Config{Eye: true, Inner: []int{1}, Outer: []int{2}, MaxTags: 3, Antennas: []int{0, 1, 2}})
		if err != nil {
			t.Fatal(err)
		}
		var events []Fact
		now := at(0)
		for ; len(data) >= 4; data = data[4:] {
			now = now.Add(time.Duration(int8(data[3])) * 40 * time.Millisecond)
			r := rfid.Read{EPC: fmt.Sprintf("%X", data[0]%7), PC: uint16(data[0]) << 4, Antenna: int(int8(data[1])) % 5, RSSI: -int(data[2]), At: now}
			if data[0] == 255 {
				r.At = time.Time{}
			}
			events = append(events, e.Read([]string{"r", "s"}[data[1]>>7], r)...)
			if data[1]&0x40 != 0 {
				p.Eye(Side(data[0]%3), data[2]&1 == 0, now)
			}
			p.Read(r)
			p.Elsewhere(rfid.Read{EPC: "A", RSSI: r.RSSI, At: now})
			if why := e.check(events); why != "" {
				t.Fatal(why)
			}
			if st := p.Stats(); st.Tags > 3 {
				t.Fatalf("%+v", st)
			}
		}
	})
}
