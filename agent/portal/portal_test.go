package portal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/gs1"
)

// TestOneFactPerPass: a carton in the door becomes one list of what is on it,
// each thing once; a window without tags becomes nothing.
func TestOneFactPerPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sscc, err := gs1.EncodeSSCC96(7, "395212340000000014", gs1.FilterCase)
		if err != nil {
			t.Fatal(err)
		}
		item, err := gs1.EncodeSGTIN96(7, "09521234000013", "7", gs1.FilterItem)
		if err != nil {
			t.Fatal(err)
		}
		twin, err := gs1.EncodeSGTIN96(7, "09521234000013", "7", gs1.FilterCase) // the same thing, another filter
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var passes [][]string
		p, err := New(Config{
			Dock: "dock1", Log: slog.New(slog.DiscardHandler), Presence: presence.Config{Eye: true},
			Passed: func(_ context.Context, epcs []string) error {
				mu.Lock()
				defer mu.Unlock()
				passes = append(passes, epcs)
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		wait := func(d time.Duration) { <-time.After(d); synctest.Wait() }

		wait(5 * time.Second)
		p.Eye(true, time.Now())
		for range 8 {
			for _, epc := range []string{sscc, item, twin} {
				p.Read(rfid.Read{EPC: epc, Antenna: 1, RSSI: -50, At: time.Now()})
			}
			wait(50 * time.Millisecond)
		}
		p.Eye(false, time.Now())
		wait(10 * time.Second)
		p.Eye(true, time.Now()) // a person walks through
		wait(500 * time.Millisecond)
		p.Eye(false, time.Now())
		wait(10 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []string{"urn:epc:id:sgtin:9521234.000001.7", "urn:epc:id:sscc:9521234.3000000001"}
		if len(passes) != 1 || !slices.Equal(passes[0], want) {
			t.Errorf("passes %v, want one of %v", passes, want)
		}
		if p.Dropped() != 0 {
			t.Errorf("%d dropped", p.Dropped())
		}
	})
}

// TestAPassThatCannotBeTold ends the run, so that the supervisor starts it anew.
func TestAPassThatCannotBeTold(t *testing.T) {
	p, err := New(Config{Dock: "dock1", Log: slog.New(slog.DiscardHandler), Passed: func(context.Context, []string) error { return errors.New("no store") }})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.tell(t.Context(), presence.Pass{Tags: []presence.Seen{{EPC: "nonsense"}}}); err == nil {
		t.Error("no error")
	}
	if err := p.tell(t.Context(), presence.Pass{}); err != nil {
		t.Errorf("an empty window was told: %v", err)
	}
}

// TestQueueIsBounded: reads beyond the queue are counted, never waited for.
func TestQueueIsBounded(t *testing.T) {
	p, err := New(Config{Dock: "dock1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for range queue + 10 { // Run is not running
		p.Read(rfid.Read{EPC: "00"})
	}
	if p.Dropped() != 10 {
		t.Errorf("%d dropped, want 10", p.Dropped())
	}
}
