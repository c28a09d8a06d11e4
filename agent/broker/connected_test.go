package broker_test

import (
	"testing"

	"tote/agent/broker"
)

// TestConnectedIsTold: once for every session that stands, also when the same
// device comes again, and for nobody who was refused.
func TestConnectedIsTold(t *testing.T) {
	told := make(chan broker.Device, 10)
	b := start(t, accept, func(c *broker.Config) { c.Connected = func(dev broker.Device) { told <- dev } })
	want := func(dev broker.Device) {
		t.Helper()
		select {
		case got := <-told:
			if got != dev {
				t.Errorf("told of %v, want %v", got, dev)
			}
		case <-ctxFor(t).Done():
			t.Fatalf("not told of %v", dev)
		}
	}
	h1 := broker.Device{Class: "handheld", ID: "h1"}
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	want(h1)
	connectRaw(t, b.Addr(), connectOpts{id: "display:pack1"})
	want(broker.Device{Class: "display", ID: "pack1"})
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"}) // takes over
	want(h1)
	c.wantClosed()

	client(t, b.Addr(), "gateway:r2", nil) // no such class
	eventually(t, "a client is refused", func() bool { return b.Stats().Refused > 0 })
	select {
	case dev := <-told:
		t.Errorf("told of %v, who was refused", dev)
	default:
	}
}
