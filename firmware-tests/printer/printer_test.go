package printer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tote/firmware-tests/line"
	"tote/firmware-tests/line/linetest"
	"tote/firmware-tests/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a printer on a line in memory, under a fake clock; one label takes
// 400 ms.
type desk struct {
	*testing.T
	*Printer
	line *linetest.Port
	book *record.Book
}

func onDesk(t *testing.T, p Params, fn func(d desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		book, err := record.Open("p1", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		p.LabelMs = 400
		pr, err := New(p, book)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		port, done := linetest.New(), make(chan struct{}, 2)
		go func() { pr.Run(ctx); done <- struct{}{} }()
		go func() { pr.ServePort(ctx, port); done <- struct{}{} }()
		fn(desk{t, pr, port, book})
		cancel()
		<-done
		<-done
	})
}

func (d desk) ask(s string) string {
	d.line.Send(s)
	synctest.Wait()
	return d.line.Take()
}

// later lets time pass on the bubble's clock.
func (d desk) later(t time.Duration) {
	time.Sleep(t)
	synctest.Wait()
}

func (d desk) fault(name string, on bool) {
	d.Helper()
	if err := d.SetFault(name, on); err != nil {
		d.Fatal(err)
	}
	synctest.Wait()
}

// flags asks ~HS and returns what moves: b paper, c pause, eee formats, f full,
// h partial, o head, p ribbon, t waiting, u remaining.
func (d desk) flags() string {
	d.Helper()
	lines := strings.Split(d.ask("~HS"), "\r\n")
	if len(lines) != 4 {
		return "no answer"
	}
	a, b := strings.Split(lines[0], ","), strings.Split(lines[1], ",")
	if len(a) != 12 || len(b) != 11 {
		d.Fatalf("~HS = %q", lines)
	}
	return fmt.Sprintf("b%s c%s e%s f%s h%s o%s p%s t%s u%s", a[1], a[2], a[4], a[5], a[7], b[2], b[3], b[7], b[8])
}

func (d desk) want(what, want string) {
	d.Helper()
	if got := d.flags(); got != want {
		d.Errorf("%s: %s, want %s", what, got, want)
	}
}

// paper lists what came out: text and copy of each label.
func (d desk) paper() string {
	var s []string
	for _, e := range d.book.After(0) {
		if e.Kind == record.Printed {
			s = append(s, fmt.Sprintf("%s/%d", strings.Join(e.Label.Texts, "+"), e.Label.Copy))
		}
	}
	return strings.Join(s, " ")
}

func (d desk) wantPaper(want string) {
	d.Helper()
	if got := d.paper(); got != want {
		d.Errorf("printed %q, want %q", got, want)
	}
}

const (
	idleFlags = "b0 c0 e000 f0 h0 o0 p0 t0 u00000000"
	labelA    = "^XA^FDA^FS^XZ"
	labelB    = "^XA^FDB^FS^PQ2^XZ"
)

// Formats are printed one label after the other, and ~HS tells where it is.
func TestPrinting(t *testing.T) {
	onDesk(t, Params{}, func(d desk) {
		d.want("idle", idleFlags)
		d.ask(labelA + labelB + labelA)
		d.want("first under way", "b0 c0 e002 f0 h0 o0 p0 t0 u00000001")
		d.later(399 * time.Millisecond)
		d.wantPaper("")
		d.later(time.Millisecond)
		d.wantPaper("A/1")
		d.want("batch of two", "b0 c0 e001 f0 h0 o0 p0 t0 u00000002")
		d.later(400 * time.Millisecond)
		d.want("one of two left", "b0 c0 e001 f0 h0 o0 p0 t0 u00000001")
		d.later(800 * time.Millisecond)
		d.wantPaper("A/1 B/1 B/2 A/1")
		d.want("done", idleFlags)
		if s := d.State(); s.Printed != 4 || s.Formats != 0 {
			t.Errorf("State = %+v", s)
		}
	})
}

func TestPartialFormat(t *testing.T) {
	onDesk(t, Params{}, func(d desk) {
		d.ask("^XA^FO10,10^FDA")
		d.want("in the middle", "b0 c0 e000 f0 h1 o0 p0 t0 u00000000")
		d.later(time.Minute)
		d.wantPaper("")
		d.ask("^FS^XZ")
		d.later(time.Second)
		// The query inside ended the field data, as any ~ does.
		d.wantPaper("A/1")
		d.want("done", idleFlags)
	})
}

// A label interrupted by a fault is printed whole once the fault is gone; what
// was accepted is never lost.
func TestStops(t *testing.T) {
	for fault, flags := range map[string]string{
		PaperOut:  "b1 c0 e000 f0 h0 o0 p0 t0 u00000001",
		HeadOpen:  "b0 c0 e000 f0 h0 o1 p0 t0 u00000001",
		RibbonOut: "b0 c0 e000 f0 h0 o0 p1 t0 u00000001",
	} {
		t.Run(fault+" before the job", func(t *testing.T) {
			onDesk(t, Params{}, func(d desk) {
				d.fault(fault, true)
				d.ask(labelA)
				d.later(time.Hour)
				d.wantPaper("")
				d.want("waiting", flags)
				d.fault(fault, false)
				d.later(400 * time.Millisecond)
				d.wantPaper("A/1")
				d.want("done", idleFlags)
			})
		})
		t.Run(fault+" in the job", func(t *testing.T) {
			onDesk(t, Params{}, func(d desk) {
				d.ask(labelB)
				d.later(600 * time.Millisecond) // the second copy is half out
				d.fault(fault, true)
				d.later(time.Hour)
				d.wantPaper("B/1")
				d.want("waiting", flags)
				d.fault(fault, false)
				d.later(399 * time.Millisecond)
				d.wantPaper("B/1")
				d.later(time.Millisecond)
				d.wantPaper("B/1 B/2")
			})
		})
	}
}

// Pause lets the label under way finish; ~PP and ~PS are the same switch.
func TestPause(t *testing.T) {
	onDesk(t, Params{}, func(d desk) {
		d.ask(labelB)
		d.ask("~PP")
		d.later(time.Hour)
		d.wantPaper("B/1")
		d.want("paused", "b0 c1 e000 f0 h0 o0 p0 t0 u00000001")
		if got := d.ActiveFaults(); len(got) != 1 || got[0] != Pause {
			t.Errorf("faults: %v", got)
		}
		d.ask("~PS")
		d.later(time.Second)
		d.wantPaper("B/1 B/2")
		d.fault(Pause, true)
		d.ask(labelA)
		d.later(time.Hour)
		d.wantPaper("B/1 B/2")
	})
}

func TestCancelAll(t *testing.T) {
	onDesk(t, Params{}, func(d desk) {
		d.ask("^XA^FDC^FS^PQ5^XZ" + labelA)
		d.later(600 * time.Millisecond)
		d.ask("~JA")
		d.want("empty at once", idleFlags)
		d.later(time.Hour)
		d.wantPaper("C/1 C/2") // the label under way still comes out
		lost := 0
		for _, e := range d.book.After(0) {
			if e.Kind == record.Cancelled {
				lost += e.Label.Copies
			}
		}
		if lost != 4 {
			t.Errorf("%d copies cancelled, want 3 + 1", lost)
		}
		d.ask(labelA)
		d.later(time.Second)
		d.wantPaper("C/1 C/2 A/1")
	})
}

func TestPeel(t *testing.T) {
	onDesk(t, Params{Peel: true}, func(d desk) {
		if err := d.Take(); !errors.Is(err, ErrNothingToTake) {
			t.Errorf("Take from nothing: %v", err)
		}
		d.ask(labelB)
		d.later(time.Hour)
		d.wantPaper("B/1")
		d.want("waits to be taken", "b0 c0 e000 f0 h0 o0 p0 t1 u00000001")
		for range 2 {
			if err := d.Take(); err != nil {
				t.Fatal(err)
			}
			d.later(time.Second)
		}
		d.wantPaper("B/1 B/2")
		d.want("taken", idleFlags)
		if got := d.ask("~HS"); !strings.Contains(got, "\r\n\x02000,0,0,0,0,1,6,") {
			t.Errorf("r is not 1 in peel mode: %q", got)
		}
	})
}

func TestFullBuffer(t *testing.T) {
	onDesk(t, Params{MaxFormats: 3}, func(d desk) {
		d.fault(Pause, true)
		d.ask(strings.Repeat(labelA, 3)) // one goes to the batch
		d.want("two in the buffer", "b0 c1 e002 f0 h0 o0 p0 t0 u00000001")
		d.ask(labelA)
		if got := d.flags(); got != "no answer" {
			t.Errorf("a full printer still reads: %s", got)
		}
		if !d.State().Paused || d.State().Formats != 3 {
			t.Errorf("State = %+v", d.State())
		}
		d.fault(Pause, false)
		d.later(time.Minute)
		d.wantPaper("A/1 A/1 A/1 A/1")
		if late := d.line.Take(); !strings.Contains(late, ",003,1,") && !strings.Contains(late, ",002,0,") {
			t.Errorf("late answer: %q", late)
		}
	})
}

func TestFaults(t *testing.T) {
	onDesk(t, Params{}, func(d desk) {
		d.fault(line.Stall, true)
		d.want("stalled", "no answer")
		d.ask(labelA)
		d.later(time.Hour)
		d.wantPaper("")
		d.fault(line.Stall, false)
		d.later(time.Second)
		d.wantPaper("A/1")

		d.fault(Silent, true)
		d.want("not yet silent", idleFlags)
		d.ask(labelA)
		d.want("silent from the format on", "no answer")
		d.later(time.Second)
		d.wantPaper("A/1 A/1") // but it does print
		d.want("still silent", "no answer")
		d.fault(Silent, false)
		d.want("speaks again", idleFlags)

		d.fault(QuietError, true)
		d.want("no error, no silence", idleFlags)
		d.fault(PaperOut, true)
		d.want("quiet on error", "no answer")
		if got := d.ask("~HQES"); !strings.Contains(got, "1 00000000 00000001") {
			t.Errorf("~HQES still answers: %q", got)
		}
		d.fault(PaperOut, false)

		d.fault(line.Noise, true)
		clean := d.ask("~HI")
		if !strings.HasSuffix(clean, "\x02TOTE-203dpi,V1.00.00,8,8192KB\x03\r\n") || clean[0] < 0x80 {
			t.Errorf("first frame under noise: %q", clean)
		}
		d.fault(line.Noise, false)

		d.ask("^XA^FDD")
		d.fault(line.Unplug, true)
		d.fault(line.Unplug, false)
		d.ask("^FS^XZ")
		d.later(time.Second)
		d.wantPaper("A/1 A/1 D/1") // the printer has kept its power
	})
}

func TestParams(t *testing.T) {
	for _, p := range []Params{{LabelMs: -1}, {MaxFormats: -1}, {LabelDots: 10000}} {
		if _, err := New(p, nil); !errors.Is(err, ErrParams) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
