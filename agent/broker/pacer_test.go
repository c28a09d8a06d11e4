package broker

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"
)

func TestPacer(t *testing.T) {
	now := time.Unix(1000, 0)
	p := pacer{now: func() time.Time { return now }}
	for i, want := range []struct {
		after time.Duration
		ok    bool
		left  int
	}{
		{0, true, 0}, {0, false, 0}, {59 * time.Second, false, 0}, {time.Second, true, 2}, {0, false, 0}, {time.Hour, true, 1},
	} {
		now = now.Add(want.after)
		if left, ok := p.allow("a"); ok != want.ok || left != want.left {
			t.Errorf("step %d: %v %d, want %v %d", i, ok, left, want.ok, want.left)
		}
	}
	if _, ok := p.allow("b"); !ok {
		t.Error("another key waits")
	}
	// A flood of keys is bounded, and shares one line.
	lines := 0
	for i := range 10_000 {
		if _, ok := p.allow(fmt.Sprint("k", i)); ok {
			lines++
		}
	}
	if lines > paceKeys+1 || len(p.keys) > paceKeys+1 {
		t.Errorf("%d lines, %d keys", lines, len(p.keys))
	}
	now = now.Add(time.Hour)
	if _, ok := p.allow("new"); !ok {
		t.Error("old keys are never forgotten")
	}
	if len(p.keys) > 10 {
		t.Errorf("%d keys kept", len(p.keys))
	}
}

// The library's own limits that must not work: they would take something away
// without telling anybody.
func TestLibraryLimits(t *testing.T) {
	b, err := New(Config{Listen: []Listener{{Address: "127.0.0.1:0"}}, Site: "s1"}, nobody{})
	if err != nil {
		t.Fatal(err)
	}
	caps := b.server.Options.Capabilities
	if caps.MaximumMessageExpiryInterval != 0 {
		t.Error("retained messages expire")
	}
	if int(caps.MaximumInflight) <= b.cfg.Limits.Inflight {
		t.Error("deliveries are dropped before the client is disconnected")
	}
	if caps.MaximumSessionExpiryInterval < math.MaxUint32 {
		t.Error("clients are forgotten by id, also when a newer connection has it")
	}
	if caps.MaximumQos != 1 || caps.TopicAliasMaximum != 0 || caps.SharedSubAvailable != 0 || caps.MinimumProtocolVersion != 4 {
		t.Errorf("%+v", caps)
	}
}

type nobody struct{}

func (nobody) Command(context.Context, Device, string, []byte) error { return nil }
