package gpio

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"

	"tote/drivers"
)

// board is a machine with periph's test pins.
type board struct {
	mu    sync.Mutex
	pins  map[string]*pin
	opens int
	err   error
}

// pin notes every level put on it.
type pin struct {
	gpiotest.Pin
	mu   sync.Mutex
	outs []gpio.Level
	fail error
	pull gpio.Pull
	open bool // the wire is cut
}

func (p *pin) Out(l gpio.Level) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.outs = append(p.outs, l)
	return nil
}

// In leaves the level alone: somebody drives the line.
func (p *pin) In(pull gpio.Pull, _ gpio.Edge) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pull = pull
	return nil
}

// Read gives what drives the line, or its pull when nothing does.
func (p *pin) Read() gpio.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		return p.pull == gpio.PullUp
	}
	p.Lock()
	defer p.Unlock()
	return p.L
}

func (p *pin) cut(open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = open
}

func (p *pin) pulled() gpio.Pull {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pull
}

func (p *pin) level() gpio.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outs[len(p.outs)-1]
}

func (p *pin) set(l gpio.Level) {
	p.Lock()
	p.L = l
	p.Unlock()
}

func newBoard(names ...string) *board {
	b := &board{pins: map[string]*pin{}}
	for _, n := range names {
		b.pins[n] = &pin{Pin: gpiotest.Pin{N: n, EdgesChan: make(chan gpio.Level, 16)}}
	}
	return b
}

func (b *board) open() (*Bank, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opens++
	if b.err != nil {
		return nil, b.err
	}
	return &Bank{find: func(name string) (line, error) {
		p, ok := b.pins[name]
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrNoLine, name)
		}
		return p, nil
	}}, nil
}

// pass lets d go by on the bubble's clock.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func startInput(t *testing.T, b *board, activeLow bool, pull Pull) (*[]bool, func()) {
	var got []bool
	in, err := NewInput(InputConfig{
		Name: "eye", Open: b.open, Line: "EYE", ActiveLow: activeLow, Pull: pull, Debounce: 10 * time.Millisecond,
		Sink: func(s Signal) { got = append(got, s.Active) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	pass(time.Second)
	return &got, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestInputDebounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("EYE")
		got, stop := startInput(t, b, false, "")
		defer stop()
		eye := b.pins["EYE"]
		eye.EdgesChan <- gpio.High // a carton
		pass(20 * time.Millisecond)
		eye.EdgesChan <- gpio.Low // chatter of 3 ms
		pass(3 * time.Millisecond)
		eye.set(gpio.High) // gpiotest sets the level only when an edge is waited for
		pass(time.Second)
		eye.EdgesChan <- gpio.Low
		pass(time.Second)
		if want := []bool{false, true, false}; !slices.Equal(*got, want) {
			t.Errorf("signals %v, want %v", *got, want)
		}
	})
}

// What stands in the eye for longer than anything takes to pass is a jam, and
// the page must not show the eye as ready.
func TestInputHeldTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("EYE")
		eye := b.pins["EYE"]
		in, err := NewInput(InputConfig{Name: "eye", Open: b.open, Line: "EYE", ActiveLow: true, Held: time.Minute, Sink: func(Signal) {}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- in.Run(ctx) }()
		want := func(state drivers.State, code string) {
			t.Helper()
			if s := in.Status(); s.State != state || s.Code != code || s.Text == "" {
				t.Fatalf("%+v, want %s %q", s, state, code)
			}
		}
		set := func(l gpio.Level, d time.Duration) {
			eye.set(l)
			pass(d)
		}
		set(gpio.High, 10*time.Minute) // nothing there, for long
		want(drivers.Ready, "")
		set(gpio.Low, 59*time.Second)
		want(drivers.Ready, "")
		set(gpio.High, time.Second) // it passed
		set(gpio.Low, 59*time.Second)
		want(drivers.Ready, "")
		pass(2 * time.Second)
		want(drivers.Degraded, drivers.CodeInputHeld)
		pass(time.Hour)
		want(drivers.Degraded, drivers.CodeInputHeld)
		set(gpio.High, time.Second)
		want(drivers.Ready, "")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestInputFindsWhatNoEdgeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("EYE")
		got, stop := startInput(t, b, false, "")
		defer stop()
		b.pins["EYE"].set(gpio.High) // the kernel lost the edge
		pass(time.Second)
		if want := []bool{false, true}; !slices.Equal(*got, want) {
			t.Errorf("signals %v, want %v", *got, want)
		}
	})
}

// A wire that is cut leaves the line to its pull: it looks like a carton, whichever
// level means one, and is a carton no more when the wire is mended. A site that
// pulls elsewhere gets what it asked for.
func TestCutWire(t *testing.T) {
	for _, tc := range []struct {
		activeLow bool
		pull      Pull
		cut       bool // what the cut wire looks like
	}{
		{true, "", true},
		{false, "", true},
		{true, PullAuto, true},
		{false, PullAuto, true},
		{true, PullUp, false},
		{true, PullDown, true},
		{false, PullUp, true},
		{false, PullDown, false},
	} {
		t.Run(fmt.Sprintf("active low %v, pull %q", tc.activeLow, tc.pull), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBoard("EYE")
				eye := b.pins["EYE"]
				free := gpio.Level(tc.activeLow)
				eye.set(free)
				got, stop := startInput(t, b, tc.activeLow, tc.pull)
				defer stop()
				eye.cut(true)
				pass(time.Second)
				eye.cut(false)
				pass(time.Second)
				eye.set(!free)
				pass(time.Second)
				want := []bool{false, true, false, true}
				if !tc.cut {
					want = []bool{false, true}
				}
				if !slices.Equal(*got, want) {
					t.Errorf("signals %v, want %v", *got, want)
				}
			})
		})
	}
}

// A board whose own resistor does the work is asked for no pull.
func TestPullNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("EYE")
		_, stop := startInput(t, b, true, PullNone)
		defer stop()
		if p := b.pins["EYE"].pulled(); p != gpio.Float {
			t.Errorf("pull %v", p)
		}
	})
	if _, err := NewInput(InputConfig{Name: "eye", Open: Machine(), Line: "X", Pull: "sideways", Sink: func(Signal) {}}); !errors.Is(err, ErrConfig) {
		t.Errorf("err %v", err)
	}
}

func startTower(t *testing.T, b *board, activeLow bool) (*Tower, func() error) {
	tw, err := NewTower(TowerConfig{Name: "tower", Open: b.open, Green: "G", Amber: "A", Red: "R", ActiveLow: activeLow})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tw.Run(ctx) }()
	synctest.Wait()
	return tw, func() error { cancel(); return <-done }
}

// lit names the lamps that are lit.
func (b *board) lit(activeLow bool) (s string) {
	for _, n := range []string{"G", "A", "R"} {
		if bool(b.pins[n].level()) != activeLow {
			s += n
		}
	}
	return s
}

func TestTower(t *testing.T) {
	for _, activeLow := range []bool{false, true} {
		t.Run(fmt.Sprint("active low ", activeLow), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBoard("G", "A", "R")
				tw, stop := startTower(t, b, activeLow)
				is := func(want string) {
					t.Helper()
					if got := b.lit(activeLow); got != want {
						t.Errorf("lit %q, want %q", got, want)
					}
				}
				is("R") // nobody has said anything yet
				tw.Set(LightOK)
				synctest.Wait()
				is("G")
				pass(3 * time.Second)
				is("G")
				tw.Set(LightAttention)
				synctest.Wait()
				is("A")
				pass(500 * time.Millisecond)
				is("")
				pass(500 * time.Millisecond)
				is("A")
				tw.Set(LightStop)
				synctest.Wait()
				is("R")
				pass(250 * time.Millisecond)
				is("")
				tw.Set("nonsense")
				pass(250 * time.Millisecond)
				is("R")
				tw.Set(LightOK)
				synctest.Wait()
				if err := stop(); err != nil {
					t.Error(err)
				}
				is("R") // the gateway is gone
				if n := len(b.pins["G"].outs); n > 6 {
					t.Errorf("the green lamp was written %d times", n)
				}
			})
		})
	}
}

func TestTowerLineFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("G", "A", "R")
		tw, stop := startTower(t, b, false)
		tw.Set(LightOK)
		synctest.Wait()
		b.pins["A"].fail = errors.New("no such device")
		tw.Set(LightAttention)
		if err := stop(); err == nil {
			t.Error("no error")
		}
		if s := tw.Status(); s.State != drivers.Absent {
			t.Errorf("status %+v", s)
		}
	})
}

func TestMissingLine(t *testing.T) {
	b := newBoard("G")
	tw, err := NewTower(TowerConfig{Name: "tower", Open: b.open, Green: "G", Amber: "A", Red: "R"})
	if err != nil {
		t.Fatal(err)
	}
	if err := tw.Run(t.Context()); !errors.Is(err, ErrNoLine) {
		t.Errorf("err %v", err)
	}
	in, err := NewInput(InputConfig{Name: "eye", Open: Machine(), Line: "NO-SUCH-LINE-9", Sink: func(Signal) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Run(t.Context()); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("err %v", err)
	}
}

func TestConfig(t *testing.T) {
	open := newBoard().open
	sink := func(Signal) {}
	for name, cfg := range map[string]InputConfig{
		"no name":       {Open: open, Line: "L", Sink: sink},
		"no line":       {Name: "n", Open: open, Sink: sink},
		"no sink":       {Name: "n", Open: open, Line: "L"},
		"long debounce": {Name: "n", Open: open, Line: "L", Sink: sink, Debounce: time.Minute},
		"short poll":    {Name: "n", Open: open, Line: "L", Sink: sink, Poll: time.Millisecond},
	} {
		if _, err := NewInput(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("input, %s: %v", name, err)
		}
	}
	for name, cfg := range map[string]TowerConfig{
		"no lines":    {Name: "n", Open: open},
		"shared line": {Name: "n", Open: open, Green: "L", Amber: "L", Red: "R"},
	} {
		if _, err := NewTower(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("tower, %s: %v", name, err)
		}
	}
}

// TestEmulated speaks over a real socket: levels in, levels out, garbage
// between, and the end of the other side.
func TestEmulated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gpio")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	conns := make(chan net.Conn, 4)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()

	got := make(chan bool, 16)
	in, err := NewInput(InputConfig{Name: "eye", Open: Emulated(path), Line: "EYE", Sink: func(s Signal) { got <- s.Active }})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- in.Run(t.Context()) }()
	eye := <-conns
	say := func(text string) {
		if _, err := fmt.Fprintln(eye, text); err != nil {
			t.Fatal(err)
		}
	}
	next := func(want bool) {
		t.Helper()
		for { // the first signal may come before the first level
			select {
			case s := <-got:
				if s == want {
					return
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("no signal %v", want)
			}
		}
	}
	say(`{"line":"EYE","level":true}`)
	next(true)
	say(`garbage`)
	say(`{"line":"OTHER","level":true}`)
	say(`{"line":"EYE","level":false}`)
	next(false)
	if err := eye.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("Run: %v", err)
	}

	tw, err := NewTower(TowerConfig{Name: "tower", Open: Emulated(path), Green: "G", Amber: "A", Red: "R"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- tw.Run(ctx) }()
	lines := bufio.NewScanner(<-conns)
	want := map[string]bool{"G": false, "A": false, "R": true}
	for range 3 {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		var m wireLevel
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil || m.Level != want[m.Line] {
			t.Errorf("%s: %v", lines.Text(), err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
