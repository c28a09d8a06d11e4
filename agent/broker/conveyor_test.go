package broker_test

import (
	"context"
	"errors"
	"testing"

	"tote/agent/broker"
)

const c1 = "tote/v1/s1/conveyor/c1/"

// A conveyor speaks for itself: its own up, state/conn and state/main.
func TestWhoMayWriteConveyorTopics(t *testing.T) {
	for _, tc := range []struct {
		id, topic string
		ok        bool
	}{
		{"conveyor:c1", c1 + "up/scan", true},
		{"conveyor:c1", c1 + "up/divert", true},
		{"conveyor:c1", c1 + "state/main", true},
		{"conveyor:c1", c1 + "state/conn", true},
		{"conveyor:c1", c1 + "state/other", false},
		{"conveyor:c1", c1 + "down/assign", false},
		{"conveyor:c1", c1 + "up/scan/x", false},
		{"conveyor:c1", "tote/v1/s1/conveyor/c2/up/scan", false},
		{"conveyor:c1", "tote/v1/s1/conveyor/c2/state/main", false},
		{"conveyor:c1", "tote/v1/s2/conveyor/c1/up/scan", false},
		{"conveyor:c1", h1Cmd, false},
		{"conveyor:h1", h1Cmd, false},
		{"handheld:c1", c1 + "up/scan", false},
		{"watch:c1", c1 + "up/scan", false},
	} {
		b := start(t, accept, nil)
		c := connectRaw(t, b.Addr(), connectOpts{id: tc.id})
		c.send(encodePublish(tc.topic, 1, 9, "{}", false))
		if !tc.ok {
			c.wantClosed()
		} else {
			c.want(pktPuback)
		}
	}
}

func TestWhoMayReadConveyorTopics(t *testing.T) {
	b := start(t, accept, nil)
	for _, tc := range []struct {
		id, filter string
		ok         bool
	}{
		{"conveyor:c1", c1 + "down/#", true},
		{"conveyor:c1", c1 + "down/assign", true},
		{"conveyor:c1", c1 + "state/#", true},
		{"conveyor:c1", c1 + "up/#", false},
		{"conveyor:c1", "tote/v1/s1/conveyor/+/down/#", false},
		{"conveyor:c1", "tote/v1/s1/conveyor/c2/down/#", false},
		{"handheld:c1", c1 + "down/#", false},
		{"display:c1", c1 + "state/#", false},
		{"watch:w", c1 + "up/#", true},
	} {
		c := connectRaw(t, b.Addr(), connectOpts{id: tc.id})
		if got := c.subscribe(1, 1, tc.filter)[0] != 0x80; got != tc.ok {
			t.Errorf("%s subscribes %s: %v, want %v", tc.id, tc.filter, got, tc.ok)
		}
		c.send(encode(pktDisconnect, 0))
		c.wantClosed()
	}
}

type stateNews struct {
	dev     broker.Device
	what    string
	payload string
}

// What a device says of itself is told in its order, between its commands, with
// the last will behind everything.
func TestStateIsTold(t *testing.T) {
	told := make(chan stateNews, 10)
	b := start(t, handlerFunc(func(_ context.Context, dev broker.Device, name string, payload []byte) error {
		told <- stateNews{dev, "up/" + name, string(payload)}
		if string(payload) == "bad" {
			return errors.New("not recorded")
		}
		return nil
	}), func(cfg *broker.Config) {
		cfg.State = func(dev broker.Device, name string, payload []byte) { told <- stateNews{dev, name, string(payload)} }
	})
	dev := broker.Device{Class: "conveyor", ID: "c1"}
	want := func(what, payload string) {
		t.Helper()
		select {
		case got := <-told:
			if got != (stateNews{dev, what, payload}) {
				t.Errorf("told %+v, want %s %s", got, what, payload)
			}
		case <-ctxFor(t).Done():
			t.Fatalf("not told %s %s", what, payload)
		}
	}
	hello := connectOpts{id: "conveyor:c1", willTopic: c1 + "state/conn", will: "gone", willQoS: 1}
	c := connectRaw(t, b.Addr(), hello)
	c.send(encodePublish(c1+"state/conn", 1, 1, "here", true))
	c.send(encodePublish(c1+"up/scan", 1, 2, "s1", false))
	c.send(encodePublish(c1+"state/main", 1, 3, "m1", true))
	c.send(encodePublish(c1+"up/scan", 1, 4, "bad", false))
	want("conn", "here")
	want("up/scan", "s1")
	want("main", "m1")
	want("up/scan", "bad")
	want("conn", "gone") // the connection was closed without a goodbye

	// A newer connection takes over: the device is there, nothing is told.
	old := connectRaw(t, b.Addr(), hello)
	c = connectRaw(t, b.Addr(), hello)
	old.wantClosed()
	c.send(encodePublish(c1+"state/main", 1, 1, "m2", true))
	want("main", "m2")
	c.want(pktPuback)
	c.send(encode(pktDisconnect, 0)) // a goodbye forgets the will
	c.wantClosed()

	// Others are not told in its name, and robots have no such branch.
	r := connectRaw(t, b.Addr(), connectOpts{id: "robot:R1", willTopic: r1Conn, will: "broken", willQoS: 1})
	r.send(encodePublish(r1Conn, 1, 1, "online", true))
	r.want(pktPuback)
	_ = r.Close()
	eventually(t, "the robot is gone", func() bool { return len(b.Clients()) == 0 })
	if len(told) != 0 {
		t.Errorf("told %+v", <-told)
	}
}
