package llrp

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/drivers"
	"tote/drivers/gpio"
	"tote/drivers/rfid/llrp/wire"
)

// input runs an input of package gpio on a line of the reader and gives what it
// tells.
func (b *bench) input(ctx context.Context, all *sync.WaitGroup, line string) (*gpio.Input, func() []bool) {
	var mu sync.Mutex
	var told []bool
	in, err := gpio.NewInput(gpio.InputConfig{Name: "eye", Open: b.d.Lines(), Line: line, Pull: gpio.PullNone, Sink: func(s gpio.Signal) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, s.Active)
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	all.Go(func() {
		for ctx.Err() == nil {
			_ = in.Run(ctx)
			select {
			case <-time.After(250 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return in, func() []bool {
		mu.Lock()
		defer mu.Unlock()
		out := told
		told = nil
		return out
	}
}

// A photo-eye at an input of the reader is a Signal like any other: the level at
// the start, each change, debounced; and the reader's absence is the eye's.
func TestInput(t *testing.T) {
	f := standard()
	with(t, f, Config{}, func(b *bench) {
		ctx, cancel := context.WithCancel(b.t.Context())
		var all sync.WaitGroup
		in, told := b.input(ctx, &all, InputLine(1))
		want := func(when string, levels ...bool) {
			t.Helper()
			b.after(time.Second)
			got := told()
			if len(got) != len(levels) {
				t.Errorf("%s: %v, want %v", when, got, levels)
				return
			}
			for i := range got {
				if got[i] != levels[i] {
					t.Errorf("%s: %v, want %v", when, got, levels)
				}
			}
		}
		gpi := func(port int, high bool) {
			f.event(wire.New("GPIEvent", map[string]any{"GPIPortNumber": port, "GPIEvent": high}))
		}
		want("at the start, from GET_READER_CONFIG", false)
		gpi(1, true)
		want("covered", true)
		gpi(2, true)
		want("another input")
		gpi(1, false)
		gpi(1, true)
		want("shorter than the debounce")
		gpi(1, false)
		want("free", false)

		f.peer.Plug(false)
		b.after(time.Second)
		if s := in.Status(); s.State != drivers.Absent || s.Code != drivers.CodeUnplugged {
			t.Errorf("without the reader the eye is %+v", s)
		}
		f.peer.Plug(true)
		b.after(time.Second)
		want("the reader is back", false)
		if s := in.Status(); s.State != drivers.Ready {
			t.Errorf("the eye is %+v", s)
		}
		cancel()
		all.Wait()
	})
}

func TestInputThatIsNotThere(t *testing.T) {
	f := standard()
	with(t, f, Config{}, func(b *bench) {
		for _, line := range []string{"GPI3", "GPI0", "GPI", "GPI01", "GPO1", "GPIO4"} {
			ctx, cancel := context.WithCancel(b.t.Context())
			var all sync.WaitGroup
			in, _ := b.input(ctx, &all, line)
			b.after(time.Second)
			if s := in.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeLLRPLine {
				t.Errorf("%s: %+v", line, s)
			}
			cancel()
			all.Wait()
		}
	})
}

// A light tower hangs on the outputs of the reader.
func TestTower(t *testing.T) {
	f := standard()
	with(t, f, Config{}, func(b *bench) {
		f.heard()
		tower, err := gpio.NewTower(gpio.TowerConfig{Name: "tower", Open: b.d.Lines(), Green: OutputLine(1), Amber: OutputLine(2), Red: OutputLine(3)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if err := tower.Run(ctx); err != nil {
				t.Errorf("the tower: %v", err)
			}
		})
		b.after(time.Second)
		tower.Set(gpio.LightOK)
		b.after(time.Second)
		got := strings.Join(f.heard(), " ")
		for _, want := range []string{"GPOPortNumber 3 GPOData true", "GPOPortNumber 1 GPOData true", "GPOPortNumber 3 GPOData false"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s is not in %s", want, got)
			}
		}
		b.state(drivers.Ready, "")
		cancel()
		all.Wait()
	})
}

// What the reader refuses or does not answer is an error of the line.
func TestOutputFails(t *testing.T) {
	f := standard()
	with(t, f, Config{}, func(b *bench) {
		w := &wired{b.d, b.d.lines.holder}
		f.change(func() { f.status[wire.SetReaderConfig] = 101 })
		if err := w.Set("GPO1", true); drivers.CodeOf(err) != drivers.CodeRFIDRefuses {
			t.Errorf("refused: %v", err)
		}
		f.change(func() { f.deaf[wire.SetReaderConfig] = true })
		if err := w.Set("GPO1", true); drivers.CodeOf(err) != drivers.CodeLLRPSilent {
			t.Errorf("not answered: %v", err)
		}
		f.peer.Plug(false)
		b.after(time.Second)
		if err := w.Set("GPO1", true); drivers.CodeOf(err) != drivers.CodeUnplugged {
			t.Errorf("gone: %v", err)
		}
		if _, known := w.Level("GPI1"); known {
			t.Error("a level of a reader that has gone")
		}
	})
}
