package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/gs1"
	"tote/gs1/epc"
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
		// A unit whose serial number needs the longer tag, and a crate.
		long, err := epc.EPC{Scheme: epc.SGTIN, Prefix: "9521234", Reference: "000001", Serial: "32a/b"}.Encode("sgtin-198", epc.FilterItem)
		if err != nil {
			t.Fatal(err)
		}
		crate, err := epc.EPC{Scheme: epc.GRAI, Prefix: "9521234", Reference: "00001", Serial: "5"}.Encode("", 0)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var passes [][]string
		p, err := New(Config{
			Dock: "dock1", Log: slog.New(slog.DiscardHandler), Presence: presence.Config{Eye: true},
			Passed: func(_ context.Context, p Pass) error {
				mu.Lock()
				defer mu.Unlock()
				passes = append(passes, p.EPCs)
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
		p.Eye(presence.Middle, true, time.Now())
		for range 8 {
			for _, tag := range []string{sscc, item, twin, long, crate} {
				p.Read(rfid.Read{EPC: tag, Antenna: 1, RSSI: -50, At: time.Now()})
			}
			wait(50 * time.Millisecond)
		}
		p.Eye(presence.Middle, false, time.Now())
		wait(10 * time.Second)
		p.Eye(presence.Middle, true, time.Now()) // a person walks through
		wait(500 * time.Millisecond)
		p.Eye(presence.Middle, false, time.Now())
		wait(10 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []string{crate, "urn:epc:id:sgtin:9521234.000001.32a%2Fb", "urn:epc:id:sgtin:9521234.000001.7", "urn:epc:id:sscc:9521234.3000000001"}
		if e, err := gs1.ParseEPCURI(want[1]); err != nil || e.GTIN != "09521234000013" || e.Serial != "32a/b" {
			t.Errorf("the state machine does not know %s: %+v, %v", want[1], e, err)
		}
		if len(passes) != 1 || !slices.Equal(passes[0], want) {
			t.Errorf("passes %v, want one of %v", passes, want)
		}
		if s := p.Stats(); s != (Stats{}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestPassesWaitForAQuorum: nothing can be recorded for an hour. Reads go on, no
// pass is lost, and they are told in their order and as the same ones when it can.
func TestPassesWaitForAQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var recorded []string
		tries := map[[16]byte]string{}
		down, changes := true, 0
		p, err := New(Config{
			Dock: "dock1", Log: slog.New(slog.DiscardHandler), Presence: presence.Config{Eye: true},
			Passed: func(_ context.Context, p Pass) error {
				mu.Lock()
				defer mu.Unlock()
				if was, again := tries[p.ID]; again && was != p.EPCs[0] {
					t.Errorf("%s and %s have one id", was, p.EPCs[0])
				}
				tries[p.ID] = p.EPCs[0]
				if down {
					return errors.New("no quorum")
				}
				recorded = append(recorded, p.EPCs[0])
				return nil
			},
			Changed: func() { mu.Lock(); changes++; mu.Unlock() },
		})
		if err != nil {
			t.Fatal(err)
		}
		run := func() (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- p.Run(ctx) }()
			return func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
		stop := run()
		wait := func(d time.Duration) { <-time.After(d); synctest.Wait() }
		wait(5 * time.Second)
		var want []string
		for i := range 20 {
			item, err := gs1.EncodeSGTIN96(7, "09521234000013", strconv.Itoa(i+1), gs1.FilterItem)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint("urn:epc:id:sgtin:9521234.000001.", i+1))
			p.Eye(presence.Middle, true, time.Now())
			for range 400 {
				p.Read(rfid.Read{EPC: item, Antenna: 1, RSSI: -50, At: time.Now()})
				wait(5 * time.Millisecond)
			}
			p.Eye(presence.Middle, false, time.Now())
			wait(3 * time.Minute)
			if i == 10 { // the supervisor starts it anew
				stop()
				stop = run()
			}
		}
		if s := p.Stats(); s != (Stats{Waiting: 20}) {
			t.Errorf("%+v", s)
		}
		mu.Lock()
		down = false
		mu.Unlock()
		wait(10 * time.Second)
		stop()
		if !slices.Equal(recorded, want) {
			t.Errorf("recorded %v, want %v", recorded, want)
		}
		if s := p.Stats(); s != (Stats{}) || len(tries) != 20 || changes != 40 {
			t.Errorf("%+v, %d passes, %d changes", s, len(tries), changes)
		}
	})
}

// TestTooManyPassesWait: the oldest that nobody is telling goes, and is counted.
func TestTooManyPassesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var recorded []string
		up := make(chan struct{})
		p, err := New(Config{Dock: "dock1", Log: slog.New(slog.DiscardHandler), Passed: func(ctx context.Context, p Pass) error {
			select {
			case <-up:
				recorded = append(recorded, p.EPCs[0])
			case <-ctx.Done():
			}
			return ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		p.passed(presence.Pass{}) // an empty window
		for i := range MaxWaiting + 10 {
			p.passed(presence.Pass{Tags: []presence.Seen{{EPC: fmt.Sprintf("FF%06X", i)}}})
			synctest.Wait()
		}
		if s := p.Stats(); s != (Stats{Waiting: MaxWaiting, Lost: 10}) {
			t.Errorf("%+v", s)
		}
		close(up)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(recorded) != MaxWaiting || recorded[0] != "FF000000" || recorded[1] != "FF00000B" {
			t.Errorf("%d recorded: %v …", len(recorded), recorded[:min(3, len(recorded))])
		}
	})
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
	if s := p.Stats(); s != (Stats{Dropped: 10}) {
		t.Errorf("%+v, want 10 dropped", s)
	}
}
