package broker_test

import (
	"fmt"
	"testing"
)

const (
	r1State = "uagv/v2/KIT/R1/state"
	r1Conn  = "uagv/v2/KIT/R1/connection"
	r1Order = "uagv/v2/KIT/R1/order"
)

func TestWhoMayWriteRobotTopics(t *testing.T) {
	for _, tc := range []struct {
		id, topic string
		ok        bool
	}{
		{"robot:R1", r1State, true},
		{"robot:R1", r1Conn, true},
		{"robot:R1", "uagv/v2/KIT/R1/factsheet", true},
		{"robot:R1", "uagv/v2/KIT/R1/visualization", true},
		{"robot:R1", "vda5050/v3/KIT/R1/state", true},
		{"robot:R1", "up/v2/KIT/R1/state", true}, // an interface called as the command branch is no command
		{"robot:R1", r1Order, false},
		{"robot:R1", "uagv/v2/KIT/R1/instantActions", false},
		{"robot:R1", "uagv/v2/KIT/R1/other", false},
		{"robot:R1", "uagv/v2/KIT/R2/state", false},
		{"robot:R1", "uagv/2/KIT/R1/state", false},
		{"robot:R1", "uagv/v/KIT/R1/state", false},
		{"robot:R1", "uagv/v2/KIT/R1/state/x", false},
		{"robot:R1", "uagv/v2//R1/state", false},
		{"robot:R1", "tote/v1/s1/R1/state", false},
		{"robot:R1", "tote/v1/s1/robot/R1/state/conn", false},
		{"robot:R1", h1Cmd, false},
		{"handheld:h1", r1State, false},
		{"watch:w", r1Order, false},
	} {
		b := start(t, accept, nil)
		c := connectRaw(t, b.Addr(), connectOpts{id: tc.id})
		c.send(encodePublish(tc.topic, 1, 9, "{}", false))
		if !tc.ok {
			c.wantClosed()
		} else if p := c.want(pktPuback); p.kind != pktPuback {
			t.Errorf("%s may not write %s", tc.id, tc.topic)
		}
		if b.Stats().Commands != 0 {
			t.Errorf("%s: %s was taken for a command", tc.id, tc.topic)
		}
	}
}

func TestWhoMayReadRobotTopics(t *testing.T) {
	b := start(t, accept, nil)
	for _, tc := range []struct {
		id, filter string
		ok         bool
	}{
		{"robot:R1", r1Order, true},
		{"robot:R1", "uagv/v2/KIT/R1/instantActions", true},
		{"robot:R1", r1State, false},
		{"robot:R1", "uagv/v2/KIT/R2/order", false},
		{"robot:R1", "uagv/v2/+/R1/order", false},
		{"robot:R1", "uagv/v2/KIT/R1/+", false},
		{"robot:R1", "#", false},
		{"handheld:h1", r1Order, false},
		{"watch:w", r1State, false},
	} {
		c := connectRaw(t, b.Addr(), connectOpts{id: tc.id})
		if got := c.subscribe(1, 1, tc.filter)[0] != 0x80; got != tc.ok {
			t.Errorf("%s subscribes %s: %v, want %v", tc.id, tc.filter, got, tc.ok)
		}
		c.send(encode(pktDisconnect, 0))
		c.wantClosed()
	}
}

// A robot's will is its CONNECTIONBROKEN; connection is kept for those who come
// later, a state is not.
func TestRobotWillAndRetained(t *testing.T) {
	b := start(t, accept, nil)
	if got := dialRaw(t, b.Addr()).connect(connectOpts{id: "robot:R1", willTopic: "uagv/v2/KIT/R2/connection", will: "x"}); got != 5 {
		t.Errorf("will on another's connection: CONNACK %d, want 5", got)
	}
	if got := dialRaw(t, b.Addr()).connect(connectOpts{id: "robot:R1", willTopic: r1State, will: "x"}); got != 5 {
		t.Errorf("will on the state: CONNACK %d, want 5", got)
	}
	r := connectRaw(t, b.Addr(), connectOpts{id: "robot:R1", willTopic: r1Conn, will: "broken", willQoS: 1})
	r.send(encodePublish(r1State, 1, 1, "old", true))
	r.want(pktPuback)
	r.send(encodePublish(r1Conn, 1, 2, "online", true))
	r.want(pktPuback)

	heard := hear(t, b.Link())
	if got := <-heard; got != "R1/connection online kept" {
		t.Errorf("heard %q, want the kept connection only", got)
	}
	_ = r.Close() // no goodbye
	if got := <-heard; got != "R1/connection broken" {
		t.Errorf("heard %q, want the will", got)
	}
}

// TestKeptRobotTopicsAreBounded: a robot that names another maker each time is
// heard, but does not fill the gateway's memory; what is kept can be replaced and
// taken away.
func TestKeptRobotTopicsAreBounded(t *testing.T) {
	const most = 512
	b := start(t, accept, nil)
	c := connectRaw(t, b.Addr(), connectOpts{id: "robot:R1"})
	topic := func(i int) string { return fmt.Sprintf("uagv/v2/M%d/R1/factsheet", i) }
	send := func(i int, payload string) {
		c.send(encodePublish(topic(i), 1, uint16(i+1), payload, true))
		c.want(pktPuback)
	}
	denied := func(want uint64, what string) {
		t.Helper()
		if n := b.Stats().Denied; n != want {
			t.Errorf("%s: %d denied, want %d", what, n, want)
		}
	}
	for i := range most {
		send(i, "{}")
	}
	denied(0, "as many as there may be")
	send(most, "{}")
	denied(1, "one more")
	send(0, "{1}")
	denied(1, "one replaced")
	send(1, "")
	send(most, "{}")
	denied(1, "one taken away, another one in its place")
	send(1, "{}")
	denied(2, "full again")
}
