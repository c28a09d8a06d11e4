package printer

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
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	drivertest.Conformance(t, drivertest.Suite{
		New: func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
			d, err := New(Config{
				Name: "printer/test", Open: open, IdlePoll: 10 * time.Millisecond, Answer: 40 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			d.answered = func(r Report) { deliver(fmt.Sprintf("%d formats, fault %q", r.Work, r.Fault)) }
			return d
		},
		Ask: Query, Frame: wire(with(idleOne, 4, "003"), idleTwo, idleThree), Want: `3 formats, fault ""`,
		Garbage: "\x00\xff\x02junk",
	})
}

const labelZPL = "^XA^FO1,1^FDx^FS^XZ"

// machine is a printer in a synctest bubble. It takes printTime for a label.
// Its fields change under mu: in write, after and set.
type machine struct {
	peer      drivertest.Peer
	mu        sync.Mutex
	printTime time.Duration
	silent    bool
	paperOut  bool
	headOpen  bool
	paused    bool
	partial   bool
	deaf      bool // takes labels' bytes and throws them away
	stallAt   int  // -1 = never; else a write of a label stalls after so many bytes
	peel      bool

	formats  int
	waiting  bool // peel: a label to be taken
	printed  int
	received []string
	afterZPL func() // called when a label has been received
}

func newMachine() *machine {
	m := &machine{printTime: time.Second, stallAt: -1}
	m.peer.OnWrite = m.write
	return m
}

// after does f later.
func (m *machine) after(d time.Duration, f func()) { time.AfterFunc(d, func() { m.set(f) }) }

func (m *machine) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *machine) write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := string(p)
	if label, ask, ok := strings.Cut(text, "^XZ"); ok {
		if m.stallAt >= 0 {
			return m.stallAt, fmt.Errorf("%w: test", drivers.ErrStalled)
		}
		m.received = append(m.received, label+"^XZ")
		if !m.deaf {
			m.formats++
			if m.formats == 1 {
				m.after(m.printTime, m.print)
			}
		}
		if m.afterZPL != nil {
			m.afterZPL()
		}
		text = ask
	}
	if text == Query && !m.silent {
		m.peer.Send(m.status())
	}
	return len(p), nil
}

func (m *machine) print() {
	switch {
	case m.formats == 0:
	case m.paperOut || m.headOpen || m.paused:
		m.after(m.printTime, m.print)
	default:
		m.formats--
		m.printed++
		m.waiting = m.peel
		if m.formats > 0 {
			m.after(m.printTime, m.print)
		}
	}
}

func (m *machine) status() string {
	bit := func(s string, field int, on bool) string {
		if on {
			return with(s, field, "1")
		}
		return s
	}
	one := with(idleOne, 4, fmt.Sprintf("%03d", m.formats))
	one = bit(bit(bit(one, 1, m.paperOut), 2, m.paused), 7, m.partial)
	return wire(one, bit(bit(idleTwo, 2, m.headOpen), 7, m.waiting), idleThree)
}

// bench is a driver running on a machine.
type bench struct {
	*machine
	dev     *Driver
	states  []string
	end     chan error
	cancel  context.CancelFunc
	outcome Outcome
	detail  Detail
	before  int // calls of beforeSend
}

func start(t *testing.T, m *machine) *bench {
	t.Helper()
	b := &bench{machine: m, end: make(chan error, 1)}
	dev, err := New(Config{Name: "printer/test", Open: m.peer.Open, OnStatus: func(s drivers.Status) {
		b.states = append(b.states, strings.TrimSpace(string(s.State)+" "+s.Code))
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.dev = dev
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() { b.end <- dev.Run(ctx) }()
	synctest.Wait()
	return b
}

func (b *bench) print(ctx context.Context) (err error) {
	b.outcome, b.detail, err = b.dev.Print(ctx, []byte(labelZPL), func(context.Context) error {
		b.before++
		if len(b.received) > 0 && b.received[len(b.received)-1] == "" {
			return errors.New("bytes left before they were recorded")
		}
		return nil
	})
	return err
}

// want checks the outcome and, always, that nothing was sent twice or without
// having been recorded first.
func (b *bench) want(t *testing.T, outcome Outcome, code string, sent int) {
	t.Helper()
	if b.outcome != outcome || b.detail.Code != code {
		t.Errorf("%s %s (%s), want %s %s", b.outcome, b.detail.Code, b.detail.Text, outcome, code)
	}
	if b.detail.Text == "" {
		t.Error("no text")
	}
	if len(b.received) != sent {
		t.Errorf("the printer received %d labels, want %d", len(b.received), sent)
	}
	if len(b.received) > b.before {
		t.Error("a label left without being recorded")
	}
}

func (b *bench) stop(t *testing.T) {
	t.Helper()
	b.cancel()
	select {
	case <-b.end:
	case <-time.After(time.Minute):
		t.Error("Run does not end")
	}
	if b.peer.IsOpen() {
		t.Error("the port is still held")
	}
}

func TestOutcomes(t *testing.T) {
	in := func(m *machine, d time.Duration, f func()) func() { return func() { m.after(d, f) } }
	for _, c := range []struct {
		name    string
		set     func(*machine)
		outcome Outcome
		code    string
		sent    int
		printed int // what came out in the end
	}{
		{"printed", func(*machine) {}, Printed, "", 1, 1},
		{"a slow printer", func(m *machine) { m.printTime = 20 * time.Second }, Printed, "", 1, 1},
		{"a quick printer", func(m *machine) { m.printTime = time.Millisecond }, Printed, "", 1, 1},

		{"paper out before", func(m *machine) { m.paperOut = true }, NotReady, drivers.CodePrinterPaperOut, 0, 0},
		{"head open before", func(m *machine) { m.headOpen = true }, NotReady, drivers.CodePrinterHeadOpen, 0, 0},
		{"paused before", func(m *machine) { m.paused = true }, NotReady, drivers.CodePrinterPaused, 0, 0},
		{"half a label in it", func(m *machine) { m.partial = true }, NotReady, drivers.CodePrinterPartial, 0, 0},
		{"another job stays in it", func(m *machine) { m.formats = 1 }, NotReady, drivers.CodePrinterBusy, 0, 0},
		{"another job ends", func(m *machine) { m.formats = 1; in(m, 2*time.Second, m.print)() }, Printed, "", 1, 2},
		{"a label waits to be taken", func(m *machine) { m.waiting = true }, NotReady, drivers.CodePrinterTakeLabel, 0, 0},
		{"silent", func(m *machine) { m.silent = true }, NotReady, drivers.CodePrinterSilent, 0, 0},
		{"half the label is taken, then it stalls", func(m *machine) { m.stallAt = 7 }, Unknown, drivers.CodeStalled, 0, 0},
		{"not one byte is taken", func(m *machine) { m.stallAt = 0 }, Failed, drivers.CodeStalled, 0, 0},

		{"paper out in the middle, mended", func(m *machine) {
			m.afterZPL = func() { m.paperOut = true; in(m, 10*time.Second, func() { m.paperOut = false })() }
		}, Printed, "", 1, 1},
		{"paper out in the middle, not mended", func(m *machine) {
			m.afterZPL = func() { m.paperOut = true; in(m, 60*time.Second, func() { m.paperOut = false })() }
		}, Unknown, drivers.CodePrinterPaperOut, 1, 1},
		{"paper runs out right behind the label", func(m *machine) {
			m.afterZPL = in(m, 1001*time.Millisecond, func() { m.paperOut = true })
		}, Unknown, drivers.CodePrinterPaperOut, 1, 1},
		{"never shows the label", func(m *machine) { m.deaf = true }, Unknown, drivers.CodePrinterUnproven, 1, 0},
		{"loses power while it holds the label", func(m *machine) {
			m.afterZPL = in(m, 300*time.Millisecond, func() { m.silent, m.formats = true, 0; in(m, 8*time.Second, func() { m.silent = false })() })
		}, Unknown, drivers.CodePrinterFellSilent, 1, 0},
		{"slow to answer while it formats", func(m *machine) {
			m.afterZPL = in(m, 200*time.Millisecond, func() { m.silent = true; in(m, 3*time.Second, func() { m.silent = false })() })
		}, Printed, "", 1, 1},
		{"takes too long", func(m *machine) { m.printTime = 40 * time.Second }, Unknown, drivers.CodePrinterTimeout, 1, 1},
		{"unplugged after the bytes", func(m *machine) {
			m.afterZPL = in(m, 200*time.Millisecond, func() { m.peer.Plug(false) })
		}, Unknown, drivers.CodePrinterLost, 1, 1},
		{"peel: printed when it was taken", func(m *machine) {
			m.peel = true
			m.afterZPL = in(m, 5*time.Second, func() { m.waiting = false })
		}, Printed, "", 1, 1},
		{"peel: out but never taken", func(m *machine) { m.peel = true }, Printed, "", 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine()
				c.set(m)
				b := start(t, m)
				if err := b.print(t.Context()); err != nil {
					t.Errorf("error %v", err)
				}
				b.want(t, c.outcome, c.code, c.sent)
				time.Sleep(2 * time.Minute) // the bubble's clock
				synctest.Wait()
				if m.printed != c.printed {
					t.Errorf("%d labels came out, want %d", m.printed, c.printed)
				}
				if len(m.received) != c.sent {
					t.Errorf("sent again: %d", len(m.received))
				}
				b.stop(t)
			})
		})
	}
}

// The rule of rules: printed is said only when the label is out.
func TestPrintedIsNeverSaidTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.printTime = 3 * time.Second
		b := start(t, m)
		for n := range 5 {
			if err := b.print(t.Context()); err != nil || b.outcome != Printed || m.printed != n+1 {
				t.Fatalf("label %d: %s %+v, %d out, %v", n, b.outcome, b.detail, m.printed, err)
			}
		}
		b.stop(t)
	})
}

func TestNothingIsSentWhenRecordingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newMachine())
		no := errors.New("no quorum")
		outcome, detail, err := b.dev.Print(t.Context(), []byte(labelZPL), func(context.Context) error { return no })
		if outcome != NotReady || !errors.Is(err, no) || len(b.received) != 0 || detail.Text == "" {
			t.Errorf("%s %+v %v, received %d", outcome, detail, err, len(b.received))
		}
		if err := b.print(t.Context()); err != nil || b.outcome != Printed {
			t.Errorf("the next label: %s %v", b.outcome, err)
		}
		b.stop(t)
	})
}

func TestAPanicWhileRecordingDoesNotHoldTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		dev, err := New(Config{Name: "p", Open: m.peer.Open})
		if err != nil {
			t.Fatal(err)
		}
		panicked := make(chan any)
		go func() {
			defer func() { panicked <- recover() }()
			_ = dev.Run(t.Context())
		}()
		synctest.Wait()
		outcome, _, _ := dev.Print(t.Context(), []byte(labelZPL), func(context.Context) error { panic("bug") })
		if outcome != NotReady || len(m.received) != 0 {
			t.Errorf("%s, received %d", outcome, len(m.received))
		}
		if v := <-panicked; v != "bug" {
			t.Errorf("panic %v", v)
		}
		if m.peer.IsOpen() || dev.Status().Code != drivers.CodeDriver {
			t.Errorf("held %v, %+v", m.peer.IsOpen(), dev.Status())
		}
	})
}

func TestPrintWithoutAPrinter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.peer.Plug(false)
		b := start(t, m)
		<-b.end
		if err := b.print(t.Context()); err != nil {
			t.Error(err)
		}
		b.want(t, NotReady, drivers.CodeUnplugged, 0)
		b.cancel()
	})
}

func TestTheCallerGivesUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		set   func(*machine)
		want  Outcome
		sent  int
		err   error
	}{
		{"after the first byte", 500 * time.Millisecond, func(*machine) {}, Unknown, 1, nil},
		{"while another job is in the printer", 500 * time.Millisecond, func(m *machine) { m.formats = 1 }, NotReady, 0, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine()
				c.set(m)
				b := start(t, m)
				ctx, cancel := context.WithTimeout(t.Context(), c.after)
				defer cancel()
				if err := b.print(ctx); !errors.Is(err, c.err) {
					t.Errorf("error %v", err)
				}
				if b.outcome != c.want || len(b.received) != c.sent {
					t.Errorf("%s %+v, received %d", b.outcome, b.detail, len(b.received))
				}
				// The driver goes on.
				m.set(func() { m.formats = 0 })
				time.Sleep(time.Minute)
				if err := b.print(t.Context()); err != nil || b.outcome != Printed {
					t.Errorf("the next label: %s %+v %v", b.outcome, b.detail, err)
				}
				b.stop(t)
			})
		})
	}
}

// The agent stops while a label is in the printer.
func TestStopInTheMiddleOfAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newMachine())
		time.AfterFunc(300*time.Millisecond, b.cancel)
		if err := b.print(t.Context()); err != nil {
			t.Error(err)
		}
		b.want(t, Unknown, drivers.CodePrinterLost, 1)
		if err := <-b.end; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestIdleStatusFollowsThePrinter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		b := start(t, m)
		step := func(f func()) { m.set(f); time.Sleep(20 * time.Second); synctest.Wait() }
		step(func() {})
		step(func() { m.paperOut = true })
		step(func() { m.headOpen = true })
		step(func() { m.paperOut, m.headOpen = false, false })
		m.set(func() { m.silent = true })
		if err := <-b.end; drivers.CodeOf(err) != drivers.CodePrinterSilent {
			t.Errorf("Run: %v", err)
		}
		want := []string{"opening", "ready", "degraded DEV-302", "degraded DEV-304", "ready", "degraded DEV-301"}
		if d := cmp.Diff(want, b.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
		b.cancel()
	})
}

func TestNewChecksItsConfiguration(t *testing.T) {
	open := (&drivertest.Peer{}).Open
	for _, c := range []Config{{}, {Name: "x"}, {Open: open}, {Name: "x", Open: open, Silence: -1}} {
		if _, err := New(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
}
