package gpio

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tote/drivers"
	emulator "tote/firmware-tests/gpio"
	"tote/firmware-tests/record"
)

// wired starts the emulated board of the firmware tests; it was written from
// the description of the wire, not from this package.
func wired(t *testing.T) (*emulator.Board, *record.Book, Opener) {
	t.Helper()
	book, err := record.Open("io1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "io.sock")
	b, err := emulator.New(emulator.Params{Socket: path, High: []string{"EYE"}, ChatterMs: 8}, book)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b, book, Emulated(path)
}

func level(t *testing.T, b *emulator.Board, high bool) {
	t.Helper()
	if err := b.SetLevel("EYE", high); err != nil {
		t.Fatal(err)
	}
}

// A photo-eye, active low: cartons pass, with bouncing contacts; then the board
// is pulled and put back.
func TestInputOnTheEmulatedBoard(t *testing.T) {
	b, _, open := wired(t)
	signals := make(chan bool, 64)
	in, err := NewInput(InputConfig{
		Name: "dock1/photo-eye", Open: open, Line: "EYE", ActiveLow: true, Debounce: 30 * time.Millisecond,
		Sink: func(s Signal) { signals <- s.Active },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	want := func(active bool) {
		t.Helper()
		select {
		case got := <-signals:
			if got != active {
				t.Fatalf("active %v, want %v", got, active)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("no signal; want active %v", active)
		}
	}
	// The levels come right behind the connection; before, a line reads Low.
	first := <-signals
	if first {
		want(false)
	}
	if err := b.SetFault(emulator.Chatter, true); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		level(t, b, false)
		want(true)
		level(t, b, true)
		want(false)
	}
	if err := b.SetFault(emulator.Unplug, true); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("Run = %v", err)
	}
	if err := in.Run(ctx); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("Run without a board = %v", err)
	}
	if err := b.SetFault(emulator.Unplug, false); err != nil {
		t.Fatal(err)
	}
	go func() { done <- in.Run(ctx) }()
	level(t, b, false)
	late := time.After(5 * time.Second)
	for active := false; !active; { // what it told at the start, and then
		select {
		case active = <-signals:
		case <-late:
			t.Fatal("no signal behind the plug")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// A light tower: what the record saw of the lamps.
func TestTowerOnTheEmulatedBoard(t *testing.T) {
	b, book, open := wired(t)
	tower, err := NewTower(TowerConfig{Name: "pack1/tower", Open: open, Green: "G", Amber: "A", Red: "R"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tower.Run(ctx) }()
	lit := func() string {
		s := b.State().Outputs
		var on []string
		for _, l := range []string{"G", "A", "R"} {
			if s[l] {
				on = append(on, l)
			}
		}
		return strings.Join(on, "")
	}
	until := func(what string) {
		t.Helper()
		end := time.Now().Add(5 * time.Second)
		for lit() != what {
			if time.Now().After(end) {
				t.Fatalf("lit %q, want %q", lit(), what)
			}
			<-time.After(time.Millisecond)
		}
	}
	until("R")
	tower.Set(LightOK)
	until("G")
	tower.Set(LightAttention)
	until("A")
	until("") // it blinks
	until("A")
	tower.Set(LightOK)
	until("G")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	until("R")
	var trace []string
	for _, e := range book.After(0) {
		if e.Level.High {
			trace = append(trace, e.Level.Line)
		}
	}
	if got := strings.Join(slices.Compact(trace), " "); got != "R G A G R" {
		t.Errorf("lamps lit: %s", got)
	}
}
