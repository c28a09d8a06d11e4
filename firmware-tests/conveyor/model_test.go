package conveyor

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/firmware-tests/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// bench is a belt without a network. said lists what it would send.
type bench struct {
	*model
	t    *testing.T
	book *record.Book
	said []said
}

type said struct {
	at     time.Time
	id     string
	name   string
	fields map[string]any
}

// newBench: scanner at 0.5 s, lane known at 1.9 s, divert at 2 s behind the
// infeed, 300 ms between cartons.
func newBench(t *testing.T, change func(*Params)) *bench {
	t.Helper()
	p := Params{Brokers: []string{"tcp://x:1"}, Site: "s1", ScanMs: 500, DivertMs: 1500, ReactMs: 100, GapMs: 300}
	if change != nil {
		change(&p)
	}
	p, err := p.fill()
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.Open("cv1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{model: newModel(p, book, t0), t: t, book: book}
	b.emit = func(now time.Time, name string, fields map[string]any) string {
		id := fmt.Sprint("m", len(b.said)+1)
		b.said = append(b.said, said{now, id, name, fields})
		return id
	}
	return b
}

// at runs the belt up to s seconds behind the start.
func (b *bench) at(s float64) *bench {
	b.advance(t0.Add(time.Duration(s * float64(time.Second))))
	return b
}

// assign answers the newest scan: valid for ms from the scan.
func (b *bench) assign(lane string, validMs int64, alternates ...string) string {
	for i := len(b.said) - 1; i >= 0; i-- {
		if s := b.said[i]; s.name == "scan" {
			return b.decide(assignMsg{
				Track: s.fields["trackId"].(string), ScanID: s.id, Lane: lane, Alternates: alternates,
				Expires: s.at.Add(ms(validMs)), ValidForMs: validMs,
			})
		}
	}
	b.t.Fatal("nothing was scanned")
	return ""
}

// log lists what was sent: "scan 1 GOOD @0.5", "divert 1 OK L1>L1 @2".
func (b *bench) log() string {
	var out []string
	for _, s := range b.said {
		f, line := s.fields, s.name
		switch s.name {
		case "scan":
			line += fmt.Sprintf(" %v %v", f["trackId"], f["quality"])
		case "divert":
			line += fmt.Sprintf(" %v %v %v>%v", f["trackId"], f["result"], f["intended"], f["actual"])
		}
		out = append(out, fmt.Sprintf("%s @%v", line, s.at.Sub(t0).Seconds()))
	}
	b.said = nil
	return strings.Join(out, ", ")
}

func (b *bench) want(log string) {
	b.t.Helper()
	if got := b.log(); got != log {
		b.t.Errorf("sent %s\nwant %s", got, log)
	}
}

// where lists what lies where: "L1:A L9:B".
func (b *bench) where() string {
	var out []string
	for _, l := range []string{"L1", "L2", "L9"} {
		for _, c := range b.lanes[l] {
			out = append(out, l+":"+c.Barcode)
		}
	}
	return strings.Join(out, " ")
}

func TestCartonsMoveInTime(t *testing.T) {
	b := newBench(t, nil)
	b.induct("A", qualityGood)
	b.induct("B", qualityGood)
	b.at(0.7)
	if len(b.infeed) != 0 || len(b.cartons) != 2 {
		t.Errorf("%d before the belt, %d on it", len(b.infeed), len(b.cartons))
	}
	s := b.said[0].fields
	if s["deadlineMs"] != int64(1401) || s["scanPoint"] != "S1" || fmt.Sprint(s["barcodes"]) != "[A]" {
		t.Errorf("%v", s)
	}
	if code := b.assign("L1", 1401); code != "" {
		t.Error(code)
	}
	b.at(0.9)
	if code := b.assign("L2", 1401); code != "" {
		t.Error(code)
	}
	b.at(3)
	b.want("scan 1 GOOD @0.5, scan 2 GOOD @0.8, divert 1 OK L1>L1 @2, divert 2 OK L2>L2 @2.3")
	if got := b.where(); got != "L1:A L2:B" {
		t.Error(got)
	}
	taken := b.take("L1")
	if len(taken) != 1 || taken[0] != (record.Carton{Barcode: "A", Track: "1", Quality: "GOOD", Lane: "L1", Intended: "L1", Result: "OK"}) || b.where() != "L2:B" {
		t.Errorf("%+v", taken)
	}
	var kinds []string
	for _, e := range b.book.After(0) {
		kinds = append(kinds, e.Kind+" "+e.Carton.Lane)
	}
	if got := strings.Join(kinds, ", "); got != "diverted L1, diverted L2, collected L1" {
		t.Error(got)
	}
}

// Everything ten times as fast, the time for a decision too.
func TestFactor(t *testing.T) {
	b := newBench(t, func(p *Params) { p.Factor = 10 })
	b.induct("A", qualityGood)
	b.at(0.06)
	if d := b.said[0].fields["deadlineMs"]; d != int64(141) {
		t.Errorf("deadline %v", d)
	}
	if code := b.assign("L1", 141); code != "" {
		t.Error(code)
	}
	b.at(1)
	b.want("scan 1 GOOD @0.05, divert 1 OK L1>L1 @0.2")
	for _, f := range []float64{0.37, 3, 7, 333} {
		b := newBench(t, func(p *Params) { p.Factor = f })
		b.induct("A", qualityGood)
		for len(b.said) == 0 {
			at, _ := b.next()
			b.advance(at)
		}
		if code := b.assign("L1", b.said[0].fields["deadlineMs"].(int64)); code != "" {
			t.Error(code)
		}
		b.at(30)
		if got := b.where(); got != "L1:A" {
			t.Errorf("factor %v: %s: a decision that is as long valid as the scan allows did not last", f, got)
		}
	}
}

// When an assign comes, and what it does.
func TestAssigns(t *testing.T) {
	for _, tc := range []struct {
		name     string
		at       float64 // seconds
		lane     string
		validMs  int64
		code     string
		where    string
		intended string
	}{
		{"in time", 0.6, "L1", 1401, "", "L1:A", "L1"},
		{"at the last moment", 1.899, "L1", 1401, "", "L1:A", "L1"},
		{"too late", 1.901, "L1", 5000, "EXPIRED", "L9:A", ""},
		{"behind the divert", 2.5, "L1", 5000, "DIVERTED", "L9:A", ""},
		{"expired on arrival", 1, "L1", 400, "EXPIRED", "L9:A", ""},
		{"expires before the divert", 0.6, "L1", 1000, "", "L9:A", ""},
		{"to the default lane", 0.6, "L9", 1401, "", "L9:A", "L9"},
		{"unknown lane", 0.6, "L7", 1401, "UNKNOWN_LANE", "L9:A", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.induct("A", qualityGood)
			b.at(tc.at)
			if code := b.assign(tc.lane, tc.validMs); code != tc.code {
				t.Errorf("code %q, want %q", code, tc.code)
			}
			b.at(3)
			if got := b.where(); got != tc.where {
				t.Errorf("%s, want %s", got, tc.where)
			}
			last := b.said[len(b.said)-1].fields
			if last["intended"] != tc.intended || last["result"] != "OK" || last["scanMsgId"] != "m1" || fmt.Sprint(last["barcodes"]) != "[A]" {
				t.Errorf("%v", last)
			}
		})
	}
	b := newBench(t, nil)
	b.induct("A", qualityGood)
	b.at(0.6)
	now := b.now
	for what, a := range map[string]assignMsg{
		"another scan":  {Track: "1", ScanID: "m9", Lane: "L1", Expires: now.Add(time.Second), ValidForMs: 1000},
		"another track": {Track: "2", ScanID: "m1", Lane: "L1", Expires: now.Add(time.Second), ValidForMs: 1000},
		"no scan":       {Track: "", ScanID: "", Lane: "L1", Expires: now.Add(time.Second), ValidForMs: 1000},
	} {
		if code := b.decide(a); code != "UNKNOWN_TRACK" {
			t.Errorf("%s: %q", what, code)
		}
	}
	if b.assign("L1", 1401) != "" || b.assign("L2", 1401) != "" {
		t.Error("refused")
	}
	if b.at(3); b.where() != "L2:A" {
		t.Errorf("the later assign counts: %s", b.where())
	}
}

func TestWhatTheScannerReads(t *testing.T) {
	b := newBench(t, nil)
	for i, q := range []string{qualityGood, qualityNoRead, "MULTI", "CONFLICT"} {
		b.induct(fmt.Sprint("C", i), q)
	}
	b.at(1.45)
	b.want("scan 1 GOOD @0.5, scan 2 NOREAD @0.8, scan 3 MULTI @1.1, scan 4 CONFLICT @1.4")
	b.on[NoRead] = true
	b.induct("D", qualityGood)
	b.at(5)
	if got := b.log(); !strings.HasPrefix(got, "scan 5 NOREAD @1.95, divert 1 OK >L9") {
		t.Error(got)
	}
}

func TestFullLanes(t *testing.T) {
	b := newBench(t, func(p *Params) { p.LaneCapacity = 1 })
	for i := range 4 {
		b.induct(string(rune('A'+i)), qualityGood)
	}
	for i := range 4 {
		b.at(0.51 + 0.3*float64(i))
		alternates := [][]string{nil, nil, {"L7", "L2"}, {"L2"}}[i]
		if code := b.assign("L1", 1401, alternates...); code != "" {
			t.Error(code)
		}
	}
	b.at(5)
	// B is told to L1 while A is still on its way into it.
	if got := b.where(); got != "L1:A L2:C L9:B L9:D" {
		t.Error(got)
	}
	if got := b.log(); !strings.HasSuffix(got, "divert 1 OK L1>L1 @2, divert 2 FULL L1>L9 @2.3, divert 3 FULL L1>L2 @2.6, divert 4 FULL L1>L9 @2.9") {
		t.Error(got)
	}
	b.take("L1")
	b.induct("E", qualityGood)
	b.at(5.6)
	if code := b.assign("L1", 1401); code != "" {
		t.Error(code)
	}
	if b.at(8); !strings.HasPrefix(b.where(), "L1:E ") {
		t.Error(b.where())
	}
}

func TestMissed(t *testing.T) {
	b := newBench(t, nil)
	b.on[Missed] = true
	b.induct("A", qualityGood)
	b.at(0.6).assign("L1", 1401)
	b.induct("B", qualityGood)
	b.at(1.2).assign("L9", 1401)
	b.at(4)
	b.want("scan 1 GOOD @0.5, scan 2 GOOD @1.1, divert 1 MISSED L1>L9 @2, divert 2 OK L9>L9 @2.6")
}

// A belt that stands keeps its cartons where they are, but not their decisions.
func TestStandingBelt(t *testing.T) {
	b := newBench(t, nil)
	b.induct("A", qualityGood)
	b.at(0.6).assign("L1", 1401)
	b.stopped = true
	b.induct("B", qualityGood)
	b.at(60)
	if at, more := b.next(); more {
		t.Errorf("something happens at %v", at)
	}
	b.stopped = false
	b.at(61.5)
	b.want("scan 1 GOOD @0.5, scan 2 GOOD @60.5, divert 1 OK >L9 @61.4")
}

func TestLateConfirm(t *testing.T) {
	b := newBench(t, func(p *Params) { p.ConfirmLateMs = 4000 })
	b.on[Late] = true
	b.induct("A", qualityGood)
	b.at(5)
	b.want("scan 1 GOOD @0.5")
	if b.where() != "L9:A" {
		t.Error(b.where())
	}
	b.on[Late] = false
	b.at(10)
	b.want("divert 1 OK >L9 @6")
}

// Behind a loss of power the controller knows nothing of what has passed the
// scanner, and begins its tracks again.
func TestForget(t *testing.T) {
	b := newBench(t, nil)
	b.induct("A", qualityGood)
	b.at(0.55).assign("L1", 1401)
	b.induct("B", qualityGood)
	b.at(0.6)
	b.forget()
	b.at(5)
	b.want("scan 1 GOOD @0.5, scan 1 GOOD @1.05, divert 2 UNEXPECTED >L9 @2, divert 1 OK >L9 @2.55")
	if b.where() != "L9:A L9:B" {
		t.Error(b.where())
	}
}

func TestTracksBeginAgain(t *testing.T) {
	b := newBench(t, func(p *Params) { p.GapMs = 1 })
	for range trackIDs + 1 {
		b.induct("A", qualityGood)
	}
	b.at(10)
	tracks := map[any]int{}
	for _, s := range b.said {
		if s.name == "scan" {
			tracks[s.fields["trackId"]]++
		}
	}
	if len(tracks) != trackIDs || tracks["1"] != 2 || len(b.gone) > trackIDs {
		t.Errorf("%d tracks, first used %d times", len(tracks), tracks["1"])
	}
}

func TestOutbox(t *testing.T) {
	o := newOutbox("cv1", t0, make(chan struct{}, 1))
	id := o.add(t0.Add(1500*time.Microsecond), "scan", false, map[string]any{"trackId": "1"})
	var m map[string]any
	if err := json.Unmarshal(o.queue[0].payload, &m); err != nil {
		t.Fatal(err)
	}
	if m["msgId"] != id || m["seq"] != 1.0 || m["bootId"] != o.boot || m["ts"] != "2026-03-01T08:00:00.001Z" || m["deviceId"] != "cv1" || m["v"] != 1.0 || m["trackId"] != "1" {
		t.Errorf("%v", m)
	}
	// Full: the oldest scan goes, confirms stay.
	o = newOutbox("cv1", t0, make(chan struct{}, 1))
	o.add(t0, "divert", false, nil)
	o.add(t0, "scan", false, nil)
	for range maxOutbox - 2 {
		o.add(t0, "divert", false, nil)
	}
	first := string(o.queue[0].payload)
	o.add(t0, "divert", false, nil)
	scans := slices.ContainsFunc(o.queue, func(m outgoing) bool { return m.name == "scan" })
	if len(o.queue) != maxOutbox || string(o.queue[0].payload) != first || scans || o.seq != maxOutbox+1 {
		t.Errorf("%d wait, scans %v, seq %d", len(o.queue), scans, o.seq)
	}
	o.gaps = true
	before := o.seq
	for range 8 {
		o.add(t0, "ack", false, nil)
	}
	if o.seq-before != 10 {
		t.Errorf("%d numbers for 8 messages, want two gaps", o.seq-before)
	}
	seen := map[string]bool{}
	for range 1000 {
		u := ulid(t0)
		if len(u) != 26 || u[:10] != "01KJM6JM00" || strings.Trim(u, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" || seen[u] {
			t.Fatalf("ulid %q", u)
		}
		seen[u] = true
	}
	if u := ulid(time.UnixMilli(1469918176385)); u[:10] != "01ARYZ6S41" {
		t.Errorf("ulid %q", u) // the example of the specification
	}
}

func TestParams(t *testing.T) {
	ok := Params{Brokers: []string{"tcp://x:1"}, Site: "s1"}
	for name, change := range map[string]func(*Params){
		"no brokers":         func(p *Params) { p.Brokers = nil },
		"no site":            func(p *Params) { p.Site = "" },
		"slash":              func(p *Params) { p.ID = "a/b" },
		"lane twice":         func(p *Params) { p.Lanes = []string{"L1", "L1"} },
		"lane is default":    func(p *Params) { p.Lanes = []string{"L9"} },
		"negative way":       func(p *Params) { p.ScanMs = -1 },
		"known behind it":    func(p *Params) { p.ReactMs, p.DivertMs = 100, 100 },
		"too long":           func(p *Params) { p.DivertMs = 600_001 },
		"backwards":          func(p *Params) { p.Factor = -1 },
		"no number":          func(p *Params) { p.Factor = nan() },
		"negative lane":      func(p *Params) { p.LaneCapacity = -1 },
		"confirm in advance": func(p *Params) { p.ConfirmLateMs = -1 },
	} {
		p := ok
		change(&p)
		if _, err := New(p, nil); !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, err := ok.fill()
	if err != nil || p.topic("up", "scan") != "tote/v1/s1/conveyor/cv1/up/scan" || len(p.Lanes) != 2 || p.DefaultLane != "L9" {
		t.Errorf("%+v, %v", p, err)
	}
}

func nan() float64 { z := 0.0; return z / z }

func TestInductRefuses(t *testing.T) {
	book, err := record.Open("cv1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Params{Brokers: []string{"tcp://x:1"}, Site: "s1"}, book)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][2]string{{"", ""}, {"", "GOOD"}, {"a\n", ""}, {"ä", ""}, {strings.Repeat("x", 257), ""}, {"a", "good"}} {
		if err := c.Induct(bad[0], bad[1]); !errors.Is(err, ErrCarton) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := c.Induct("", qualityNoRead); err != nil {
		t.Error(err)
	}
	if err := c.SetFault(Jam, true); err != nil { // nothing moves
		t.Error(err)
	}
	for err == nil {
		err = c.Induct("A\x1dB", "")
	}
	if s := c.State(); !errors.Is(err, ErrFull) || s.Infeed != maxInfeed || s.Mode != "FAULT" {
		t.Errorf("%v, %+v", err, s)
	}
	if _, err := c.TakeLane("L7"); !errors.Is(err, ErrLane) {
		t.Error(err)
	}
	if cs, err := c.TakeLane("L1"); err != nil || cs == nil || len(cs) != 0 {
		t.Error(cs, err)
	}
	if err := c.SetFault("fire", true); !errors.Is(err, ErrUnknownFault) {
		t.Error(err)
	}
}
