package broker_test

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tote/agent/broker"
)

// Two devices with one id chase each other: that is told by a code, a device
// that comes back once is not accused, and others work on.
func TestTwoDevicesWithOneID(t *testing.T) {
	var log syncBuffer
	var late atomic.Int64 // how far the clock was put on
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		cfg.Now = func() time.Time { return time.Unix(1_800_000_000+late.Load(), 0) }
	})
	other := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h2"})
	other.subscribe(1, 1, "tote/v1/s1/handheld/h2/state/task")
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h3"})
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h3"}) // its Wi-Fi broke
	for range 3 {
		connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	}
	if s := b.Stats(); len(s.Twice) != 0 || s.TakenOver != 3 {
		t.Fatalf("accused too early: %+v", s)
	}
	late.Store(5)
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	got := b.Stats().Twice
	if len(got) != 1 || got[0].Device != "handheld:h1" || got[0].Code != broker.CodeTwice || got[0].TakeOvers != 3 ||
		got[0].Last.Sub(got[0].Since) != 5*time.Second || got[0].Text != "3 take-overs, all from 127.0.0.1" {
		t.Errorf("%+v", got)
	}
	line := log.String()
	if n := strings.Count(line, broker.CodeTwice); n != 1 || !strings.Contains(line, "level=ERROR") || !strings.Contains(line, broker.Faults()[0].Action) {
		t.Errorf("logged %d times, or without its action: %s", n, line)
	}
	if err := b.Publish("tote/v1/s1/handheld/h2/state/task", []byte("x"), true, 1); err != nil {
		t.Fatal(err)
	}
	other.want(pktPublish)

	late.Store(65) // a minute after the last one it is over, and counts anew
	if got := b.Stats().Twice; len(got) != 0 {
		t.Errorf("still accused: %+v", got)
	}
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	if got := b.Stats().Twice; len(got) != 0 {
		t.Errorf("accused by what is over: %+v", got)
	}
}

// Two devices with one id at two gateways: each gateway names the other.
func TestTwoDevicesAtTwoGateways(t *testing.T) {
	var log syncBuffer
	var late atomic.Int64
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		cfg.Now = func() time.Time { return time.Unix(1_800_000_000+late.Load(), 0) }
	})
	if b.Apart("handheld:h1", "gw2") || len(b.Stats().Twice) != 0 {
		t.Error("accused although it is not here")
	}
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	if !b.Apart("handheld:h1", "gw2") || !b.Apart("handheld:h1", "gw2") {
		t.Error("it is here")
	}
	got := b.Stats().Twice
	if len(got) != 1 || got[0].Device != "handheld:h1" || got[0].Code != broker.CodeTwice || got[0].Text != "connected here and at gateway gw2" {
		t.Errorf("%+v", got)
	}
	if line := log.String(); strings.Count(line, broker.CodeTwice) != 1 || !strings.Contains(line, "level=ERROR") || !strings.Contains(line, "gateway gw2") {
		t.Errorf("logged %s", line)
	}
	late.Store(61)
	if got := b.Stats().Twice; len(got) != 0 {
		t.Errorf("still accused: %+v", got)
	}
}
