package rfid

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/firmware-tests/line"
	"tote/firmware-tests/line/linetest"
	"tote/firmware-tests/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a reader on a line in memory, under a fake clock.
type bench struct {
	t    *testing.T
	r    *Reader
	l    *linetest.Port
	book *record.Book
	stop func()
}

func with(t *testing.T, p Params, fn func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		book, err := record.Open("r1", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(p, book)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		l, ended := linetest.New(), make(chan error, 1)
		go func() { ended <- r.Run(ctx, l) }()
		synctest.Wait()
		stopped := false
		b := &bench{t: t, r: r, l: l, book: book, stop: func() {
			if cancel(); stopped {
				return
			}
			stopped = true
			if err := <-ended; err != nil {
				t.Errorf("Run = %v", err)
			}
		}}
		fn(b)
		b.stop()
	})
}

// ask sends a command of hexadecimal digits without header, length, address
// and check, lets time pass, and returns the packets that came, the same way.
func (b *bench) ask(cmd string, wait time.Duration) []string {
	b.t.Helper()
	p, err := hex.DecodeString(cmd)
	if err != nil {
		b.t.Fatal(err)
	}
	b.l.Send(string(answer(1, p[0], p[1:]...)))
	return b.after(wait)
}

func (b *bench) after(wait time.Duration) []string {
	b.t.Helper()
	synctest.Wait()
	<-time.After(wait) // the bubble's clock
	synctest.Wait()
	return packets(b.t, b.l.Take())
}

func packets(t *testing.T, out string) (list []string) {
	t.Helper()
	for len(out) > 0 {
		n := int(out[1]) + 2
		var total byte
		for _, c := range []byte(out[:n]) {
			total += c
		}
		if out[0] != begin || total != 0 {
			t.Fatalf("no packet: %x", out)
		}
		list = append(list, strings.ToUpper(hex.EncodeToString([]byte(out[3:n-1]))))
		out = out[n:]
	}
	return list
}

func (b *bench) want(name string, got []string, want ...string) {
	b.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		b.t.Errorf("%s (-want +got)\n%s", name, d)
	}
}

func (b *bench) fault(name string, on bool) {
	b.t.Helper()
	if err := b.r.SetFault(name, on); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) field(tags ...record.Tag) {
	b.t.Helper()
	if err := b.r.Field(tags); err != nil {
		b.t.Fatal(err)
	}
}

const (
	epc1 = "300833B2DDD9014000000001"
	epc2 = "E2004074850A0103163070E1"
)

// Settings and questions, what they answer and what they keep.
func TestSettings(t *testing.T) {
	with(t, Params{}, func(b *bench) {
		for _, tc := range []struct{ cmd, want string }{
			{"72", "720109"},
			{"75", "7500"},
			{"7403", "7410"},
			{"75", "7503"},
			{"7404", "7447"}, // there are four
			{"74", "7447"},
			{"75", "7503"},
			{"77", "771E"},
			{"761B", "7610"},
			{"77", "771B"},
			{"76141516FF", "7648"},
			{"7614151617", "7610"},
			{"77", "7714151617"},
			{"7622", "7648"}, // 34 dBm
			{"661E", "6610"},
			{"77", "771E"},
			{"6614151617", "6648"},
			{"79", "79020006"},
			{"78010105", "7810"},
			{"79", "79010105"},
			{"78050105", "7849"},
			{"6303", "6300"},
			{"6203", "6210"},
			{"63", "6303"},
			{"62", "6241"},
			{"7B", "7B0124"},
			{"8901", "89"}, // see TestRounds
			{"99", "9911"},
			{"8A0001", "8A41"},
			{"8AFF01FF01FF01FF010001", "8A41"}, // no antenna
			{"8B0401", "8B41"},
			{"89", "8941"},
		} {
			got := b.ask(tc.cmd, 50*time.Millisecond)
			if len(got) != 1 || !strings.HasPrefix(got[0], tc.want) || tc.cmd != "8901" && got[0] != tc.want {
				t.Errorf("%s: %q, want %s", tc.cmd, got, tc.want)
			}
		}
		if st := b.r.State(); st.Antenna != 4 || st.PowerDbm[2] != 30 || st.Rounds != 1 {
			t.Errorf("state %+v", st)
		}
		b.fault(Refuse, true)
		b.want("refused", b.ask("7400", 0), "7411")
		b.want("questions are answered", b.ask("75", 0), "7503")
	})
}

// A command reaches the reader whole, in pieces, for everybody, and among
// noise; it does not when its check is wrong or it is for another.
func TestCommandsOnTheLine(t *testing.T) {
	whole := string(answer(1, cmdFirmware))
	for name, tc := range map[string]struct {
		send []string
		want int
	}{
		"whole":              {[]string{whole}, 1},
		"byte by byte":       {strings.Split(whole, ""), 1},
		"two at once":        {[]string{whole + whole}, 2},
		"for everybody":      {[]string{string(answer(0xFF, cmdFirmware))}, 1},
		"for another":        {[]string{string(answer(2, cmdFirmware))}, 0},
		"a wrong check":      {[]string{whole[:4] + "\x00"}, 0},
		"noise around":       {[]string{"\x00\xa0\x02" + whole + "\xa0\xff"}, 1},
		"a header too many":  {[]string{"\xa0" + whole}, 1},
		"more than it keeps": {[]string{strings.Repeat(whole, 100)}, maxOrders},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, Params{}, func(b *bench) {
				for _, p := range tc.send {
					b.l.Send(p)
				}
				if got := b.after(20 * time.Millisecond); len(got) != tc.want {
					t.Errorf("%q, want %d answers", got, tc.want)
				}
			})
		})
	}
}

func TestRounds(t *testing.T) {
	with(t, Params{Steady: true}, func(b *bench) {
		b.want("nothing there", b.ask("8901", 40*time.Millisecond), "89"+"00"+"0000"+"00000000")
		b.field(record.Tag{EPC: strings.ToLower(epc1), Antenna: 1, RSSI: -74, Rate: 100}, record.Tag{EPC: epc2, Antenna: 2, RSSI: -75, Rate: 100})
		tag1, tag2 := "8C3000"+epc1+"37", "8D3000"+epc2+"36"
		b.want("the first antenna", b.ask("8901", 40*time.Millisecond), "89"+tag1, "89"+tag1, "89"+tag1, "89"+"00"+"0064"+"00000003")
		b.want("the second", append(b.ask("7401", 0), b.ask("8BFF", 0)...), "7410", "8B41")
		b.want("by session", b.ask("8B010001", 40*time.Millisecond), "8B"+tag2, "8B"+tag2, "8B"+tag2, "8B"+"01"+"0064"+"00000003")
		b.want("twice", b.ask("8902", 70*time.Millisecond)[6:], "89"+"01"+"0064"+"00000006")
		b.want("fast switch", b.ask("8A0101000102000300"+"0001", 80*time.Millisecond),
			"8A"+tag2, "8A"+tag2, "8A"+tag2, "8A"+tag1, "8A"+tag1, "8A"+tag1, "8A"+"000006"+"0000003C")
		// Commands wait for the end of the round.
		got := append(b.ask("8901", 0), b.ask("72", 40*time.Millisecond)...)
		if len(got) != 5 || got[4] != "720109" {
			t.Errorf("a command in a round: %q", got)
		}
		if st := b.r.State(); st.Rounds != 6 || st.Frames != 3+3+6+6+3 || st.InField != 2 {
			t.Errorf("state %+v", st)
		}
	})
}

// The antennas 5 to 8 are told by the top bit of the strength.
func TestEightPorts(t *testing.T) {
	with(t, Params{Ports: 8, Steady: true}, func(b *bench) {
		b.field(record.Tag{EPC: "3008", Antenna: 6, RSSI: -74, Rate: 40})
		got := b.ask("8A"+"0501"+strings.Repeat("FF00", 7)+"0001", 40*time.Millisecond)
		b.want("antenna 6", got, "8A"+"8D"+"0800"+"3008"+"B7", "8A"+"000001"+"0000001E")
	})
}

// What lies in the field is heard as often and as strongly as it was put there.
func TestFieldModel(t *testing.T) {
	strong := record.Tag{EPC: epc1, RSSI: -60, Rate: 50}
	run := func(t *testing.T, p Params, power string, tags ...record.Tag) (reads int, weakest, strongest int) {
		with(t, p, func(b *bench) {
			b.field(tags...)
			if power != "" {
				b.ask("76"+power, 0)
			}
			strongest, weakest = -200, 0
			for range 40 { // 40 rounds of 50 ms
				for _, f := range b.ask("8901", 60*time.Millisecond) {
					if len(f) != 34 {
						continue
					}
					reads++
					raw, _ := hex.DecodeString(f[32:])
					strongest, weakest = max(strongest, int(raw[0])-129), min(weakest, int(raw[0])-129)
				}
			}
		})
		return reads, weakest, strongest
	}
	p := Params{RoundMs: 50}
	for name, tc := range map[string]struct {
		power    string
		tag      record.Tag
		min, max int
		dBm      int
	}{
		"50 a second for 2 s": {"", strong, 95, 105, -60},
		"half of them lost":   {"", record.Tag{EPC: epc1, RSSI: -60, Rate: 50, Miss: 0.5}, 35, 65, -60},
		"all lost":            {"", record.Tag{EPC: epc1, RSSI: -60, Rate: 50, Miss: 1}, 0, 0, 0},
		"too weak":            {"", record.Tag{EPC: epc1, RSSI: -84, Rate: 50}, 0, 0, 0},
		"less power":          {"14", strong, 95, 105, -70},
		"another antenna":     {"", record.Tag{EPC: epc1, Antenna: 2, Rate: 50}, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			reads, weakest, strongest := run(t, p, tc.power, tc.tag)
			if reads < tc.min || reads > tc.max {
				t.Errorf("%d reads", reads)
			}
			if reads > 0 && (weakest < tc.dBm-1 || strongest > tc.dBm+1) {
				t.Errorf("%d to %d dBm", weakest, strongest)
			}
		})
	}
	many := make([]record.Tag, 300)
	for i := range many {
		many[i] = record.Tag{EPC: hex.EncodeToString([]byte{0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)}), Rate: 100}
	}
	if reads, _, _ := run(t, Params{RoundMs: 50, PerSecond: 200}, "", many...); reads < 360 || reads > 400 {
		t.Errorf("%d reads of a crowd in 2 s at 200 a second", reads)
	}
}

// A carton comes, is nearest in the middle, and goes; the record tells what
// moved and what was heard of it.
func TestPass(t *testing.T) {
	with(t, Params{Steady: true}, func(b *bench) {
		type result struct {
			e   record.Entry
			err error
		}
		got := make(chan result, 1)
		go func() {
			e, err := b.r.Pass([]record.Tag{{EPC: epc1, RSSI: -50, Rate: 100}, {EPC: epc2, RSSI: -50, Rate: 100, Miss: 1}}, 800)
			got <- result{e, err}
		}()
		synctest.Wait()
		var levels []int
		for b.r.State().Moving == 1 {
			for _, f := range b.ask("8901", 30*time.Millisecond) {
				if len(f) == 34 {
					raw, _ := hex.DecodeString(f[32:])
					levels = append(levels, int(raw[0])-129)
				}
			}
		}
		res := <-got
		want := &record.Tags{EPCs: []string{epc1, epc2}, Ms: 800, Reads: map[string]int{epc1: len(levels), epc2: 0}}
		if d := cmp.Diff(want, res.e.Tags); d != "" || res.err != nil || res.e.Kind != record.Passed {
			t.Errorf("%+v, %v (-want +got)\n%s", res.e, res.err, d)
		}
		if len(levels) < 60 || levels[0] > -75 || levels[len(levels)-1] > -75 {
			t.Fatalf("levels %v", levels)
		}
		best, rises := 0, true
		for i := 1; i < len(levels); i++ {
			switch d := levels[i] - levels[i-1]; {
			case d < 0:
				rises = false
			case d > 0 && !rises:
				t.Fatalf("level rises again: %v", levels)
			}
			if levels[i] > levels[best] {
				best = i
			}
		}
		if levels[best] < -51 || best < len(levels)/3 || best > 2*len(levels)/3 {
			t.Errorf("nearest at %d of %d: %v", best, len(levels), levels)
		}
		if st := b.r.State(); st.Moving != 0 || st.Frames != len(levels) {
			t.Errorf("state %+v", st)
		}
	})
}

// The same seed is the same world, another is another.
func TestSeed(t *testing.T) {
	world := func(seed uint64) (out string) {
		with(t, Params{Seed: seed}, func(b *bench) {
			b.field(record.Tag{EPC: epc1, Rate: 60, Miss: 0.3}, record.Tag{EPC: epc2, Rate: 60, Miss: 0.3})
			for range 10 {
				out += strings.Join(b.ask("8901", 40*time.Millisecond), " ")
			}
		})
		return out
	}
	if one := world(1); one != world(1) || one == world(2) {
		t.Error("the seed does not decide the world")
	}
}

func TestFaults(t *testing.T) {
	with(t, Params{Steady: true}, func(b *bench) {
		b.field(record.Tag{EPC: epc1, Rate: 40})
		b.fault(AntennaBroken(1), true)
		b.want("the work antenna", b.ask("8901", 50*time.Millisecond), "8922")
		got := b.ask("8A00010101FF00FF00"+"0001", time.Second)
		if len(got) < 3 || got[0] != "8A0022" || len(got[len(got)-1]) != 16 {
			t.Errorf("fast switch: %q", got)
		}
		b.fault(AntennaBroken(1), false)
		if got := b.ask("8901", 50*time.Millisecond); len(got) != 2 {
			t.Errorf("mended: %q", got)
		}

		b.fault(BadChecksum, true)
		b.l.Send(string(answer(1, cmdFirmware)))
		synctest.Wait()
		if raw := b.l.Take(); raw == string(answer(1, cmdFirmware, 1, 9)) || len(raw) != 7 || raw[:6] != string(answer(1, cmdFirmware, 1, 9))[:6] {
			t.Errorf("wrong check: %x", raw)
		}
		b.fault(BadChecksum, false)

		b.fault(line.Stall, true)
		b.want("stalled", b.ask("8901", time.Second))
		b.fault(line.Stall, false)
		b.want("not answered later", b.after(time.Second))

		b.fault(Babble, true)
		b.l.Send(string(answer(1, cmdFirmware)))
		<-time.After(time.Second)
		synctest.Wait()
		if raw := b.l.Take(); len(raw) < 1000 || strings.Contains(raw, string(answer(1, cmdFirmware, 1, 9))) {
			t.Errorf("%d bytes of noise", len(raw))
		}
		b.fault(Babble, false)
		b.want("quiet again", b.ask("72", 20*time.Millisecond), "720109")

		b.fault(line.Noise, true)
		whole := 0
		for range 9 {
			b.l.Send(string(answer(1, cmdFirmware)))
			synctest.Wait()
			if b.l.Take() == string(answer(1, cmdFirmware, 1, 9)) {
				whole++
			}
		}
		if whole != 3 {
			t.Errorf("%d of 9 whole under noise", whole)
		}
		b.fault(line.Noise, false)

		if err := b.r.SetFault("antenna5_broken", true); !errors.Is(err, line.ErrUnknownFault) {
			t.Errorf("an antenna it has not: %v", err)
		}
	})
}

// Reset and a pulled cable: deaf for a while, the round and the work antenna
// are lost, the power is kept.
func TestRestart(t *testing.T) {
	for name, restart := range map[string]func(b *bench){
		"reset": func(b *bench) { b.want("reset", b.ask("70", 0)) },
		"cable": func(b *bench) {
			b.fault(line.Unplug, true)
			synctest.Wait()
			b.fault(line.Unplug, false)
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, Params{}, func(b *bench) {
				b.ask("7402", 0)
				b.ask("7614", 0)
				b.ask("89FF", 0)
				restart(b)
				b.want("deaf", b.ask("72", 200*time.Millisecond))
				b.after(200 * time.Millisecond)
				b.want("back", b.ask("72", 0), "720109")
				b.want("antenna", b.ask("75", 0), "7500")
				b.want("power", b.ask("77", 0), "7714")
				if st := b.r.State(); st.Rounds != 0 || (st.Resets == 1) != (name == "reset") {
					t.Errorf("state %+v", st)
				}
			})
		})
	}
}

// A carton moves whether or not anybody listens; frames nobody heard are not
// counted as sent.
func TestNobodyListens(t *testing.T) {
	with(t, Params{}, func(b *bench) {
		b.field(record.Tag{EPC: epc1, Rate: 100})
		b.l.Send(string(answer(1, cmdRealTime, 5)))
		synctest.Wait()
		b.l.Listen(false)
		e, err := b.r.Pass([]record.Tag{{EPC: epc2, Rate: 100}}, 500)
		if err != nil || e.Tags.Reads[epc2] != 0 || b.r.State().Frames != 0 {
			t.Errorf("%+v, %v, state %+v", e.Tags, err, b.r.State())
		}
	})
}

func TestRefuses(t *testing.T) {
	with(t, Params{}, func(b *bench) {
		for name, tags := range map[string][]record.Tag{
			"no hexadecimal":    {{EPC: "XY"}},
			"no EPC":            {{EPC: ""}},
			"half a word":       {{EPC: "300000"}},
			"longer than a tag": {{EPC: strings.Repeat("00", 64)}},
			"twice":             {{EPC: epc1}, {EPC: strings.ToLower(epc1)}},
			"antenna 5 of 4":    {{EPC: epc1, Antenna: 5}},
			"a positive level":  {{EPC: epc1, RSSI: 10}},
			"a negative rate":   {{EPC: epc1, Rate: -1}},
			"more than all":     {{EPC: epc1, Miss: 1.1}},
			"too many":          make([]record.Tag, maxTags+1),
		} {
			if err := b.r.Field(tags); !errors.Is(err, ErrTags) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, ms := range []int64{0, -1, maxPassMs + 1} {
			if _, err := b.r.Pass([]record.Tag{{EPC: epc1}}, ms); !errors.Is(err, ErrTags) {
				t.Errorf("%d ms: %v", ms, err)
			}
		}
		left := make(chan error, 1)
		go func() {
			_, err := b.r.Pass([]record.Tag{{EPC: epc1}}, maxPassMs)
			left <- err
		}()
		synctest.Wait()
		b.stop()
		if err := <-left; !errors.Is(err, ErrNotRunning) {
			t.Errorf("a carton on its way when the reader ends: %v", err)
		}
		if es := b.book.After(0); len(es) != 0 {
			t.Errorf("the record has what never was: %+v", es)
		}
	})
	book, err := record.Open("r", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Params{
		{Ports: 2},
		{Address: 255},
		{Address: -1},
		{Firmware: "new"},
		{Firmware: "1"},
		{PowerDbm: 34},
		{PowerDbm: -1},
		{RoundMs: 5},
		{RoundMs: 5000},
		{PerSecond: -1},
		{RestartMs: -1},
	} {
		if _, err := New(p, book); !errors.Is(err, ErrParams) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	r, err := New(Params{}, book)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Pass([]record.Tag{{EPC: epc1}}, 100); !errors.Is(err, ErrNotRunning) {
		t.Errorf("before Run: %v", err)
	}
}

// The record is read by others.
func TestRecordFormat(t *testing.T) {
	with(t, Params{}, func(b *bench) {
		b.field(record.Tag{EPC: "3008"})
		if _, err := b.r.Pass([]record.Tag{{EPC: "aa00"}}, 10); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range b.book.After(0) {
			data, err := json.Marshal(e.Tags)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Kind+" "+string(data))
		}
		b.want("record", got, `field {"epcs":["3008"]}`, `passed {"epcs":["AA00"],"ms":10,"reads":{"AA00":0}}`)
	})
}

// Every packet captured from a real reader is one we would send, or is a
// command we take.
func TestCapturedPackets(t *testing.T) {
	data, err := os.ReadFile("../../../shared/data/device_frames.json")
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no captured packets here: %v", err)
	}
	var file struct {
		Vectors []struct {
			Protocol, Hex, Meaning string
			CheckOK                bool `json:"check_ok"`
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, v := range file.Vectors {
		if v.Protocol != "r2000" {
			continue
		}
		n++
		wire, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		got, rest := orders(wire, 1)
		if (len(got) == 1) != v.CheckOK || v.CheckOK && len(rest) != 0 {
			t.Errorf("%s: %+v, rest %x", v.Hex, got, rest)
		}
		if v.CheckOK {
			if again := hex.EncodeToString(answer(1, got[0].cmd, got[0].data...)); again != v.Hex {
				t.Errorf("%s came back as %s", v.Hex, again)
			}
		}
	}
	if n < 15 {
		t.Errorf("%d packets, 15 are known", n)
	}
}
