package printer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/drivers"
	"tote/drivers/drivertest"
)

// reports pushes pieces into a reader.
func reports(r reader, pieces ...string) (got []framedReport) {
	for _, p := range pieces {
		r.Push([]byte(p), func(a Report, err error) {
			if err != nil {
				got = append(got, framedReport{Error: err.Error()})
				return
			}
			got = append(got, framedReport{Report: &a})
		})
	}
	return got
}

type framedReport struct {
	Report *Report `json:",omitempty"`
	Error  string  `json:",omitempty"`
}

func TestGoldenAnswers(t *testing.T) {
	for dir, r := range map[string]func() reader{
		"tspl": func() reader { return &tscReader{} }, "tspl-byte": func() reader { return &byteReader{} },
		"epl2": func() reader { return &eeReader{} }, "escpos": func() reader { return &dleReader{} },
	} {
		t.Run(dir, func(t *testing.T) {
			drivertest.Golden(t, "testdata/"+dir, func(wire []byte) any { return reports(r(), string(wire)) })
		})
	}
}

// Every row of the tables of the manuals.
func TestStatusTables(t *testing.T) {
	for _, c := range []struct {
		name string
		r    reader
		in   string
		want Report
		bad  bool
	}{
		{"TSC normal", &tscReader{}, "\x02@@@@\x03\r\n", Report{}, false},
		{"TSC pause", &tscReader{}, "\x02`@@@\x03\r\n", Report{Fault: drivers.CodePrinterPaused}, false},
		{"TSC backing", &tscReader{}, "\x02B@@@\x03\r\n", Report{Work: 1}, false},
		{"TSC cutting", &tscReader{}, "\x02C@@@\x03\r\n", Report{Work: 1}, false},
		{"TSC error", &tscReader{}, "\x02E@@@\x03\r\n", Report{Fault: drivers.CodePrinterBroken}, false},
		{"TSC feed", &tscReader{}, "\x02F@@@\x03\r\n", Report{Work: 1}, false},
		{"TSC waits for its key", &tscReader{}, "\x02K@@@\x03\r\n", Report{Fault: drivers.CodePrinterPaused}, false},
		{"TSC label to be taken", &tscReader{}, "\x02L@@@\x03\r\n", Report{Waiting: true}, false},
		{"TSC prints", &tscReader{}, "\x02P@@@\x03\r\n", Report{Work: 1}, false},
		{"TSC draws", &tscReader{}, "\x02W@@@\x03\r\n", Report{Work: 1}, false},
		{"TSC buffer full", &tscReader{}, "\x02PH@@\x03\r\n", Report{Work: 1, Fault: drivers.CodePrinterBufferFull}, false},
		{"TSC head hot", &tscReader{}, "\x02@@A@\x03\r\n", Report{Fault: drivers.CodePrinterHot}, false},
		{"TSC motor hot", &tscReader{}, "\x02@@B@\x03\r\n", Report{Fault: drivers.CodePrinterHot}, false},
		{"TSC cutter jam", &tscReader{}, "\x02@@H@\x03\r\n", Report{Fault: drivers.CodePrinterBroken}, false},
		{"TSC memory", &tscReader{}, "\x02@@P@\x03\r\n", Report{Fault: drivers.CodePrinterMemory}, false},
		{"TSC paper out while it prints", &tscReader{}, "\x02E@@A\x03\r\n", Report{Fault: drivers.CodePrinterPaperOut}, false},
		{"TSC paper jam", &tscReader{}, "\x02E@@B\x03\r\n", Report{Fault: drivers.CodePrinterJam}, false},
		{"TSC ribbon out", &tscReader{}, "\x02E@@D\x03\r\n", Report{Fault: drivers.CodePrinterRibbonOut}, false},
		{"TSC ribbon jam", &tscReader{}, "\x02E@@H\x03\r\n", Report{Fault: drivers.CodePrinterRibbonOut}, false},
		{"TSC head open", &tscReader{}, "\x02E@@`\x03\r\n", Report{Fault: drivers.CodePrinterHeadOpen}, false},
		{"TSC head open and paper out", &tscReader{}, "\x02E@@a\x03\r\n", Report{Fault: drivers.CodePrinterHeadOpen}, false},
		{"TSC unknown message", &tscReader{}, "\x02Z@@@\x03\r\n", Report{}, true},
		{"TSC byte without bit 6", &tscReader{}, "\x02@@@\x01\x03\r\n", Report{}, true},
		{"TSC without end", &tscReader{}, "\x02@@@@@\x03\r\n", Report{}, true},

		{"byte 00", &byteReader{}, "\x00\x00", Report{}, false},
		{"byte 01", &byteReader{}, "\x01\x01", Report{Fault: drivers.CodePrinterHeadOpen}, false},
		{"byte 02", &byteReader{}, "\x02\x02", Report{Fault: drivers.CodePrinterJam}, false},
		{"byte 04", &byteReader{}, "\x04\x04", Report{Fault: drivers.CodePrinterPaperOut}, false},
		{"byte 05", &byteReader{}, "\x05\x05", Report{Fault: drivers.CodePrinterHeadOpen}, false},
		{"byte 08", &byteReader{}, "\x08\x08", Report{Fault: drivers.CodePrinterRibbonOut}, false},
		{"byte 10", &byteReader{}, "\x10\x10", Report{Fault: drivers.CodePrinterPaused}, false},
		{"byte 20", &byteReader{}, "\x20\x20", Report{Work: 1}, false},
		{"byte 40", &byteReader{}, "\x40\x40", Report{Fault: drivers.CodePrinterHeadOpen}, false},
		{"byte 80", &byteReader{}, "\x80\x80", Report{Fault: drivers.CodePrinterHot}, false},
		{"byte after a late answer to the other question", &byteReader{}, "\x02P@@@\x03\x20\x20", Report{Work: 1}, false},
		{"two bytes that differ", &byteReader{}, "\x00\x20", Report{}, true},

		{"EPL 00", &eeReader{}, "00\r\n", Report{}, false},
		{"EPL 02", &eeReader{}, "02\r\n", Report{Refused: drivers.CodePrinterRefused}, false},
		{"EPL 07", &eeReader{}, "07\r\n", Report{Fault: drivers.CodePrinterPaperOut}, false},
		{"EPL 11", &eeReader{}, "11\r\n", Report{Fault: drivers.CodePrinterHeadOpen}, false},
		{"EPL 12", &eeReader{}, "12\r\n", Report{Fault: drivers.CodePrinterPaused}, false},
		{"EPL 50", &eeReader{}, "50\r\n", Report{Work: 1}, false},
		{"EPL 81", &eeReader{}, "81\r\n", Report{Fault: drivers.CodePrinterBroken}, false},
		{"EPL 84", &eeReader{}, "84\r\n", Report{Fault: drivers.CodePrinterJam}, false},
		{"EPL several codes, XOFF before", &eeReader{}, "\x1307,50\r\n", Report{Work: 1, Fault: drivers.CodePrinterPaperOut}, false},
		{"EPL unknown code", &eeReader{}, "99\r\n", Report{}, true},
		{"EPL three digits", &eeReader{}, "007\r\n", Report{}, true},
		{"EPL open list", &eeReader{}, "07,\r\n", Report{}, true},

		{"ESC/POS well", &dleReader{}, "\x12\x12\x12\x12", Report{}, false},
		{"ESC/POS drawer open", &dleReader{}, "\x16\x12\x12\x12", Report{}, false},
		{"ESC/POS near end", &dleReader{}, "\x12\x12\x12\x1e", Report{}, false},
		{"ESC/POS cover open", &dleReader{}, "\x1a\x16\x12\x12", Report{Fault: drivers.CodePrinterHeadOpen}, false},
		{"ESC/POS paper end", &dleReader{}, "\x1a\x32\x12\x7e", Report{Fault: drivers.CodePrinterPaperOut}, false},
		{"ESC/POS knife", &dleReader{}, "\x1a\x52\x1a\x12", Report{Fault: drivers.CodePrinterBroken}, false},
		{"ESC/POS beyond help", &dleReader{}, "\x1a\x52\x32\x12", Report{Fault: drivers.CodePrinterBroken}, false},
		{"ESC/POS jam", &dleReader{}, "\x1a\x52\x16\x12", Report{Fault: drivers.CodePrinterJam}, false},
		{"ESC/POS hot", &dleReader{}, "\x1a\x52\x52\x12", Report{Fault: drivers.CodePrinterHot}, false},
		{"ESC/POS offline, feed key", &dleReader{}, "\x1a\x1a\x12\x12", Report{Fault: drivers.CodePrinterPaused}, false},
		{"ESC/POS mark", &dleReader{}, "\x37\x22AAAB\x00", Report{Done: "AAAB"}, false},
		{"ESC/POS shifted: an error nobody names", &dleReader{}, "\x12\x12\x12\x52", Report{}, true},
		{"ESC/POS shifted: a cause and online", &dleReader{}, "\x12\x16\x12\x12", Report{}, true},
		{"ESC/POS half a paper end", &dleReader{}, "\x1a\x32\x12\x32", Report{}, true},
		{"ESC/POS broken mark", &dleReader{}, "\x37\x22AAABC", Report{}, true},
	} {
		got := reports(c.r, c.in)
		switch {
		case c.bad:
			if len(got) != 1 || got[0].Error == "" {
				t.Errorf("%s: %+v", c.name, got)
			}
		case len(got) != 1 || got[0].Report == nil:
			t.Errorf("%s: %+v", c.name, got)
		default:
			if d := cmp.Diff(c.want, *got[0].Report); d != "" {
				t.Errorf("%s (-want +got)\n%s", c.name, d)
			}
			if f := got[0].Report.Fault; f != "" && drivers.FaultOf(f).Action == "" {
				t.Errorf("%s: no action for %s", c.name, f)
			}
		}
	}
}

// No language has a check sum. By policy an answer is believed when its frame is
// whole and its bytes are of the manual's table, so a changed bit that makes
// another possible status is shown until the next question. It proves nothing: a
// label is printed by two answers that differ, or by a mark.
func possible(int, string) bool { return true }

func TestLanguagesPassConformance(t *testing.T) {
	for _, c := range []struct {
		language           Language
		frame, want, noise string
	}{
		{ZPL, wire(with(idleOne, 4, "003"), idleTwo, idleThree), `3 work, fault ""`, "\x00\xff\x02junk"},
		{TSPL, "\x02P@@@\x03\r\n", `1 work, fault ""`, "\x00\xffjunk"},
		{EPL2, "50\r\n", `1 work, fault ""`, "\x00\xff\r\n"},
		{ESCPOS, "\x16\x12\x12\x1e", `0 work, fault ""`, "\x00\xff\x02junk"},
	} {
		t.Run(c.language.Name, func(t *testing.T) {
			suite := func(times Config) func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
				return func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
					times.Name, times.Open, times.Language = "printer/test", open, c.language
					d, err := New(times)
					if err != nil {
						t.Fatal(err)
					}
					d.answered = func(r Report) { deliver(fmt.Sprintf("%d work, fault %q", r.Work, r.Fault)) }
					return d
				}
			}
			drivertest.Conformance(t, drivertest.Suite{
				New: suite(Config{IdlePoll: 10 * time.Millisecond, Answer: 150 * time.Millisecond}),
				Ask: c.language.asks[0].question, Frame: c.frame, Want: c.want, Garbage: c.noise,
				Flips: &drivertest.Flips{Policy: possible}, Day: &drivertest.Day{New: suite(Config{})},
			})
		})
	}
}

// tongue is how a device of a language answers, for tests of outcomes.
type tongue struct {
	ask    string
	status func(m *lingual) string
	end    string // a job is whole when this was received
}

// lingual is a printer of any language in a synctest bubble.
type lingual struct {
	peer      drivertest.Peer
	tongue    tongue
	printTime time.Duration
	work      int
	fault     byte
	unmarked  bool // ESC/POS without GS ( H
	refuses   bool // EPL2: complains of what it was sent
	printed   int
	received  int
}

func (m *lingual) write(p []byte) (int, error) {
	text := string(p)
	if i := strings.Index(text, m.tongue.end); i >= 0 && len(text) > len(m.tongue.ask) {
		m.received++
		mark := ""
		if _, after, ok := strings.Cut(text, "\x1d(H\x06\x0000"); ok {
			mark = after[:4]
		}
		m.work++
		time.AfterFunc(m.printTime, func() { m.print(mark) })
	}
	for range strings.Count(text, m.tongue.ask) {
		m.peer.Send(m.tongue.status(m))
	}
	return len(p), nil
}

func (m *lingual) print(mark string) {
	if m.fault != 0 {
		time.AfterFunc(m.printTime, func() { m.print(mark) })
		return
	}
	m.work--
	m.printed++
	if mark != "" && !m.unmarked {
		m.peer.Send("\x37\x22" + mark + "\x00")
	}
}

var tongues = map[string]tongue{
	"tspl": {askTSC, func(m *lingual) string {
		s := []byte("\x02@@@@\x03\r\n")
		if m.work > 0 {
			s[1] = 'P'
		}
		if m.fault != 0 {
			s[1], s[4] = 'E', '@'|m.fault
		}
		return string(s)
	}, "PRINT 1,1"},
	"tspl-byte": {askByte, func(m *lingual) string {
		b := m.fault
		if m.work > 0 {
			b |= 0x20
		}
		return string([]byte{b, b})
	}, "PRINT 1,1"},
	"epl2": {askEE, func(m *lingual) string {
		switch {
		case m.fault != 0:
			return "07\r\n"
		case m.refuses && m.received > 0:
			return "02\r\n"
		case m.work > 0:
			return "50\r\n"
		}
		return "00\r\n"
	}, "P1"},
	"escpos": {askDLE, func(m *lingual) string {
		if m.fault != 0 {
			return "\x1a\x32\x12\x7e"
		}
		return "\x12\x12\x12\x12"
	}, "\x1dV"},
}

// What each language can prove, and what it cannot.
func TestOutcomesOfLanguages(t *testing.T) {
	later := func(m *lingual, d time.Duration, f func()) { time.AfterFunc(d, f) }
	for _, c := range []struct {
		name, tongue string
		set          func(*lingual)
		want         Outcome
		code         string
		printed      int
	}{
		{"printed", "tspl", func(*lingual) {}, Printed, "", 1},
		{"printed", "tspl-byte", func(*lingual) {}, Printed, "", 1},
		{"printed", "epl2", func(*lingual) {}, Printed, "", 1},
		{"printed", "escpos", func(*lingual) {}, Printed, "", 1},
		{"paper out before", "tspl", func(m *lingual) { m.fault = 1 }, NotReady, drivers.CodePrinterPaperOut, 0},
		{"paper out before", "tspl-byte", func(m *lingual) { m.fault = 4 }, NotReady, drivers.CodePrinterPaperOut, 0},
		{"paper out before", "epl2", func(m *lingual) { m.fault = 1 }, NotReady, drivers.CodePrinterPaperOut, 0},
		{"paper out before", "escpos", func(m *lingual) { m.fault = 1 }, NotReady, drivers.CodePrinterPaperOut, 0},
		{"paper out in the middle", "tspl", func(m *lingual) { later(m, 500*time.Millisecond, func() { m.fault = 1 }) }, Unknown, drivers.CodePrinterPaperOut, 0},
		{"paper out in the middle", "epl2", func(m *lingual) { later(m, 500*time.Millisecond, func() { m.fault = 1 }) }, Unknown, drivers.CodePrinterPaperOut, 0},
		{"paper out in the middle", "escpos", func(m *lingual) { later(m, 500*time.Millisecond, func() { m.fault = 1 }) }, Unknown, drivers.CodePrinterPaperOut, 0},
		{"paper out in the middle, mended", "escpos", func(m *lingual) {
			later(m, 500*time.Millisecond, func() { m.fault = 1 })
			later(m, 9*time.Second, func() { m.fault = 0 })
		}, Printed, "", 1},
		{"too quick to be seen at work", "tspl", func(m *lingual) { m.printTime = 0 }, Printed, "", 1},
		{"too quick to be seen at work", "escpos", func(m *lingual) { m.printTime = 0 }, Printed, "", 1},
		{"a model without process IDs", "escpos", func(m *lingual) { m.unmarked = true }, Unknown, drivers.CodePrinterTimeout, 1},
		{"complains of the label", "epl2", func(m *lingual) { m.refuses = true }, Unknown, drivers.CodePrinterRefused, 1},
		{"another job is in it", "epl2", func(m *lingual) { m.work = 1 }, NotReady, drivers.CodePrinterBusy, 0},
	} {
		t.Run(c.tongue+" "+c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &lingual{tongue: tongues[c.tongue], printTime: 2 * time.Second}
				m.peer.OnWrite = m.write
				c.set(m)
				l, ok := LanguageOf(strings.TrimSuffix(c.tongue, "-byte"))
				if !ok {
					t.Fatal(c.tongue)
				}
				d, err := New(Config{Name: "printer/test", Open: m.peer.Open, Language: l})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- d.Run(ctx) }()
				if c.tongue == "tspl-byte" {
					time.Sleep(10 * time.Second) // until it asks the other way
				}
				synctest.Wait()
				outcome, detail, err := d.Print(t.Context(), []byte("x"+m.tongue.end+"\r\n"), func(context.Context) error { return nil })
				if outcome != c.want || detail.Code != c.code || err != nil {
					t.Errorf("%s %+v %v, want %s %s", outcome, detail, err, c.want, c.code)
				}
				if outcome == Printed && m.printed != c.printed {
					t.Errorf("printed is said and %d labels are out", m.printed)
				}
				cancel()
				<-ended
				time.Sleep(time.Minute)
			})
		})
	}
}

// The first question is given up only for a printer that says nothing at all.
func TestTheOtherQuestionIsAskedOnlyInSilence(t *testing.T) {
	for _, c := range []struct{ name, says string }{{"noise", "\xff\xff"}, {"nothing", ""}} {
		synctest.Test(t, func(t *testing.T) {
			var asked []string
			var peer drivertest.Peer
			peer.OnWrite = func(p []byte) (int, error) {
				asked = append(asked, string(p))
				peer.Send(c.says)
				return len(p), nil
			}
			d, err := New(Config{Name: "printer/test", Open: peer.Open, Language: TSPL})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			_ = d.Run(ctx)
			if other := strings.Contains(strings.Join(asked, ""), askByte); other != (c.says == "") {
				t.Errorf("%s: asked %q", c.name, asked)
			}
		})
	}
}

func TestWhoItIs(t *testing.T) {
	for _, c := range []struct {
		name  string
		ask   drivers.Identifier
		says  map[string]string
		want  drivers.Identity
		wrong bool
	}{
		{"ZPL", AskZPL, map[string]string{"~HI": "\x02ZD421-203dpi,V93.21.26Z,8,8176KB\x03\r\n"}, drivers.Identity{Model: "ZD421-203dpi", Firmware: "V93.21.26Z"}, false},
		{"ESC/POS", AskESCPOS, map[string]string{"\x1dIC": "\x5fTM-T88V\x00", "\x1dIB": "\x5fEPSON\x00", "\x1dIA": "\x5f30.03 ESC/POS\x00"}, drivers.Identity{Maker: "EPSON", Model: "TM-T88V", Firmware: "30.03 ESC/POS"}, false},
		{"TSPL", AskStatus(TSPL), map[string]string{askTSC: "\x02@@@@\x03\r\n"}, drivers.Identity{Model: "a printer with TSPL"}, false},
		{"EPL2", AskStatus(EPL2), map[string]string{askEE: "00\r\n"}, drivers.Identity{Model: "a printer with EPL2"}, false},
		{"ZPL, silent", AskZPL, nil, drivers.Identity{}, true},
		{"EPL2, a scale answers", AskStatus(EPL2), map[string]string{askEE: "ES\r\n"}, drivers.Identity{}, true},
		{"ESC/POS, noise", AskESCPOS, map[string]string{"\x1dIC": "\x5f\xf8\x80\x78\x00", "\x1dIB": "\x5f\x01\x00", "\x1dIA": "\x5fA\x00"}, drivers.Identity{}, true},
		{"ESC/POS, noise around a text", AskESCPOS, map[string]string{"\x1dIC": "\xe6\x5fAB\x00", "\x1dIB": "\x5fAB\x00", "\x1dIA": "\x5fAB\x00"}, drivers.Identity{}, true},
		{"ESC/POS, no text", AskESCPOS, map[string]string{"\x1dIC": "\x5f\x00", "\x1dIB": "\x5f\x00", "\x1dIA": "\x5f\x00"}, drivers.Identity{}, true},
		{"ESC/POS, a status of its own first", AskESCPOS, map[string]string{"\x1dIC": "\x14\x00\x00\x0f\x5fTM-T20\x00", "\x1dIB": "\x5fEPSON\x00", "\x1dIA": "\x5f1.0\x00"}, drivers.Identity{Maker: "EPSON", Model: "TM-T20", Firmware: "1.0"}, false},
		{"ZPL, babble", AskZPL, map[string]string{"~HI": strings.Repeat("x", 600)}, drivers.Identity{}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			var peer drivertest.Peer
			peer.OnWrite = func(p []byte) (int, error) { peer.Send(c.says[string(p)]); return len(p), nil }
			port, err := peer.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			got, err := c.ask(ctx, port)
			if got != c.want || (err != nil) != c.wrong {
				t.Errorf("%s: %+v %v", c.name, got, err)
			}
		})
	}
}

// TestNoiseIsNoReceiptPrinter: of a line at the wrong speed no printer is made, however
// long it is asked.
func TestNoiseIsNoReceiptPrinter(t *testing.T) {
	noise := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 3000 {
		synctest.Test(t, func(t *testing.T) {
			var peer drivertest.Peer
			peer.OnWrite = func(p []byte) (int, error) {
				b := make([]byte, 1+noise.IntN(40))
				for i := range b {
					b[i] = "\x00\x5f\xf8\x80A\x12"[noise.IntN(6)]
				}
				peer.Send(string(b))
				return len(p), nil
			}
			port, err := peer.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := AskESCPOS(ctx, port); err == nil {
				found++
			}
		})
	}
	if found > 0 {
		t.Errorf("%d printers in noise", found)
	}
}

// No byte is left out, and what is known is told.
func TestDecode(t *testing.T) {
	for _, c := range []struct {
		l    Language
		to   bool
		in   string
		want []string
	}{
		{ZPL, true, "^XA\n^XZ\n~HS", []string{"4 bytes of a job", "4 bytes of a job", "asks for the status"}},
		{EPL2, true, "N\r\nP1\r\n\r\n^ee\r\n", []string{"3 bytes of a job", "4 bytes of a job", "asks for the status"}},
		{EPL2, false, "50\r\n00\r\n", []string{"at work (1)", "no work"}},
		{TSPL, false, "\x02@@@a\x03\r\n", []string{"no work, DEV-304 The print head is open."}},
		{ESCPOS, false, "\x12\x12\x12\x12\x37\x22AAAB\x00", []string{"no work", "job AAAB is printed"}},
		{ZPL, false, strings.Repeat("x", 512), []string{"no answer to a question for the status"}},
	} {
		d := c.l.Decode(c.to)
		var got []string
		wire := ""
		d.Push([]byte(c.in), func(f drivers.Frame) { got = append(got, f.Text); wire += string(f.Wire) })
		if d := cmp.Diff(c.want, got); d != "" || !strings.HasPrefix(c.in, wire) {
			t.Errorf("%s %q: %q (-want +got)\n%s", c.l.Name, c.in, wire, d)
		}
	}
}

func FuzzReaders(f *testing.F) {
	for _, s := range []string{"\x02P@@@\x03\r\n", "50\r\n", "\x12\x12\x12\x12\x37\x22AAAB\x00", "\x20\x20", strings.Repeat("\x02", 300), "07,11\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		good := map[string]string{"tspl": "\x02P@@@\x03\r\n", "epl2": "\r\n50\r\n", "escpos": "\x12\x12\x12\x12", "zpl": wire(idleOne, idleTwo, idleThree)}
		for _, l := range Languages() {
			r := l.asks[0].reader()
			r.Push(in, func(a Report, err error) {
				if err != nil && a != (Report{}) || a.Work < 0 {
					t.Fatalf("%s: %+v %v", l.Name, a, err)
				}
				if err != nil && !errors.Is(err, unreadable) && !errors.Is(err, ErrStatus) {
					t.Fatalf("%s: an error without a code: %v", l.Name, err)
				}
			})
			r.Reset() // as each question does
			got := reports(r, good[l.Name])
			if len(got) == 0 || got[len(got)-1].Report == nil {
				t.Fatalf("%s did not find back: %+v", l.Name, got)
			}
			for _, to := range []bool{true, false} {
				n := 0
				d := l.Decode(to)
				d.Push(in, func(f drivers.Frame) { n += len(f.Wire) })
				if n > len(in) || n < len(in)-lump-len(l.asks[0].question) {
					t.Fatalf("%s: %d of %d bytes told", l.Name, n, len(in))
				}
			}
		}
	})
}
