package gpio

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tote/drivers"
)

// runner is what the devices of this package are.
type runner interface {
	Run(ctx context.Context) error
	Status() drivers.Status
}

// run lets a device begin; stop ends it.
func run(t *testing.T, d runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	pass(time.Second)
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		synctest.Wait()
	}
}

func TestButton(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("B")
		pin := b.pins["B"]
		pin.set(gpio.Low) // pressed from before: nobody pressed it now
		presses := 0
		button, err := NewButton(ButtonConfig{Name: "pack1/button", Open: b.open, Line: "B", ActiveLow: true, Press: func(time.Time) { presses++ }})
		if err != nil {
			t.Fatal(err)
		}
		defer run(t, button)()
		want := func(n int, why string) {
			t.Helper()
			if presses != n {
				t.Errorf("%s: %d presses, want %d", why, presses, n)
			}
		}
		move := func(l gpio.Level, d time.Duration) { pin.EdgesChan <- l; pass(d) }
		want(0, "at the start")
		if pin.pulled() != gpio.PullUp {
			t.Errorf("pulled %v: a cut wire would press it", pin.pulled())
		}
		move(gpio.High, time.Second)
		move(gpio.Low, time.Second)
		want(1, "pressed")
		pass(5 * time.Second)
		want(1, "held")
		move(gpio.High, 100*time.Millisecond) // a worn contact
		move(gpio.Low, time.Second)
		want(1, "opened for a moment")
		move(gpio.High, time.Second)
		for range 5 { // bouncing: no level holds for 30 ms
			pin.set(gpio.Low)
			pass(10 * time.Millisecond)
			pin.set(gpio.High)
			pass(10 * time.Millisecond)
		}
		pass(time.Second)
		want(1, "bounced and not pressed")
		pin.set(gpio.Low) // the kernel lost the edge
		pass(time.Second)
		want(2, "pressed without an edge")
		pass(11 * time.Second)
		if s := button.Status(); s.Code != drivers.CodeButtonHeld {
			t.Errorf("stuck: %+v", s)
		}
		move(gpio.High, time.Second)
		if s := button.Status(); s.State != drivers.Ready {
			t.Errorf("free again: %+v", s)
		}
	})
}

// A press right behind the start counts.
func TestButtonPressedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("B")
		b.pins["B"].set(gpio.High)
		presses := 0
		button, err := NewButton(ButtonConfig{Name: "b", Open: b.open, Line: "B", ActiveLow: true, Press: func(time.Time) { presses++ }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- button.Run(ctx) }()
		pass(40 * time.Millisecond)
		b.pins["B"].set(gpio.Low)
		pass(time.Second)
		cancel()
		if err := <-done; err != nil || presses != 1 {
			t.Errorf("%d presses, %v", presses, err)
		}
	})
}

func TestBuzzer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("Z")
		pin := b.pins["Z"]
		z, err := NewBuzzer(BuzzerConfig{Name: "pack1/buzzer", Open: b.open, Line: "Z"})
		if err != nil {
			t.Fatal(err)
		}
		stop := run(t, z)
		loud := func(d time.Duration) (beeps int, total time.Duration) {
			on := false
			for range int(d / (10 * time.Millisecond)) {
				synctest.Wait()
				if l := bool(pin.level()); l {
					total += 10 * time.Millisecond
					if !on {
						beeps++
					}
					on = true
				} else {
					on = false
				}
				time.Sleep(10 * time.Millisecond) // the bubble's clock
			}
			return beeps, total
		}
		if n, _ := loud(3 * time.Second); n != 0 || bool(pin.level()) {
			t.Errorf("%d beeps of itself", n)
		}
		z.Sound(SoundOK)
		if n, d := loud(time.Second); n != 1 || d != 80*time.Millisecond {
			t.Errorf("ok: %d beeps, %v", n, d)
		}
		z.Sound(SoundBad)
		if n, d := loud(2 * time.Second); n != 3 || d != 750*time.Millisecond {
			t.Errorf("bad: %d beeps, %v", n, d)
		}
		z.Sound(SoundBad)
		pass(100 * time.Millisecond)
		z.Sound(SoundOK) // the person hears of what was done last
		if n, d := loud(2 * time.Second); n != 1 || d > 100*time.Millisecond {
			t.Errorf("bad, then ok: %d beeps, %v", n, d)
		}
		z.Sound("fanfare")
		pass(50 * time.Millisecond)
		if !bool(pin.level()) {
			t.Error("an unknown sound says nothing")
		}
		stop() // in the middle of a sound
		if bool(pin.level()) {
			t.Error("it goes on without its gateway")
		}
	})
}

func TestBuzzerOfABoardThatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("Z")
		z, err := NewBuzzer(BuzzerConfig{Name: "z", Open: b.open, Line: "Z", ActiveLow: true})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- z.Run(t.Context()) }()
		pass(time.Second)
		if !bool(b.pins["Z"].level()) {
			t.Error("active low, and loud of itself")
		}
		gone := errors.New("the board is gone")
		b.pins["Z"].mu.Lock()
		b.pins["Z"].fail = gone
		b.pins["Z"].mu.Unlock()
		pass(2 * time.Second)
		if err := <-done; !errors.Is(err, gone) {
			t.Errorf("Run = %v", err)
		}
	})
}

// A stop is observed: pressed, a cut wire and a line that cannot be read look the
// same, and it is over only when a person says so.
func TestEStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("S", "R")
		line, reset := b.pins["S"], b.pins["R"]
		line.set(gpio.High)
		reset.set(gpio.High)
		var changes []bool
		e, err := NewEStop(EStopConfig{Name: "estop/hall1", Open: b.open, Line: "S", Reset: "R", Changed: func(s bool) { changes = append(changes, s) }})
		if err != nil {
			t.Fatal(err)
		}
		if !e.Stopped() {
			t.Error("released before anybody looked")
		}
		stop := run(t, e)
		want := func(state drivers.State, code string) {
			t.Helper()
			if s := e.Status(); s.State != state || s.Code != code || e.Stopped() != (code != "") {
				t.Errorf("%+v stopped %v, want %s %q", s, e.Stopped(), state, code)
			}
		}
		press := func() {
			reset.set(gpio.Low)
			pass(time.Second)
			reset.set(gpio.High)
			pass(time.Second)
		}
		want(drivers.Degraded, drivers.CodeEStopLatched) // of before, until a person looked
		press()
		want(drivers.Ready, "")
		line.set(gpio.Low)
		pass(200 * time.Millisecond)
		want(drivers.Degraded, drivers.CodeEStopPressed)
		press() // while it is pressed a reset does nothing
		want(drivers.Degraded, drivers.CodeEStopPressed)
		line.set(gpio.High)
		pass(time.Hour)
		want(drivers.Degraded, drivers.CodeEStopLatched)
		press()
		want(drivers.Ready, "")
		line.cut(true)
		pass(time.Second)
		want(drivers.Degraded, drivers.CodeEStopPressed)
		line.cut(false)
		press()
		want(drivers.Ready, "")
		stop()
		if !e.Stopped() {
			t.Error("nobody looks any more, and it counts as released")
		}
		if w := []bool{false, true, false, true, false, true}; !slices.Equal(changes, w) {
			t.Errorf("told %v, want %v", changes, w)
		}
	})
}

// Whoever should tell the tower hangs: it must not go on saying that all is well.
func TestTowerWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("G", "A", "R")
		tw, err := NewTower(TowerConfig{Name: "tower", Open: b.open, Green: "G", Amber: "A", Red: "R", Watchdog: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer run(t, tw)()
		for range 20 {
			tw.Set(LightOK)
			pass(time.Second)
		}
		if !bool(b.pins["G"].level()) {
			t.Error("green is dark while somebody tells it")
		}
		pass(8 * time.Second)
		if bool(b.pins["G"].level()) {
			t.Error("green without anybody telling it")
		}
		red := false
		for range 20 {
			pass(50 * time.Millisecond)
			red = red || bool(b.pins["R"].level())
		}
		if !red {
			t.Error("no red")
		}
		tw.Set(LightOK)
		pass(100 * time.Millisecond)
		if !bool(b.pins["G"].level()) {
			t.Error("told again, and not green")
		}
	})
}

func TestConfigOfButtonsBuzzersAndStops(t *testing.T) {
	open := newBoard().open
	for name, err := range map[string]error{
		"button without press":  second(NewButton(ButtonConfig{Name: "n", Open: open, Line: "L"})),
		"button without line":   second(NewButton(ButtonConfig{Name: "n", Open: open, Press: func(time.Time) {}})),
		"button before it goes": second(NewButton(ButtonConfig{Name: "n", Open: open, Line: "L", Gap: -1, Press: func(time.Time) {}})),
		"buzzer without line":   second(NewBuzzer(BuzzerConfig{Name: "n", Open: open})),
		"stop without reset":    second(NewEStop(EStopConfig{Name: "n", Open: open, Line: "L"})),
		"stop that is a reset":  second(NewEStop(EStopConfig{Name: "n", Open: open, Line: "L", Reset: "L"})),
		"tower, watchdog":       second(NewTower(TowerConfig{Name: "n", Open: open, Green: "G", Amber: "A", Red: "R", Watchdog: -1})),
	} {
		if !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
