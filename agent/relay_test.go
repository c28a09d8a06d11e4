package agent

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"tote/agent/config"
	"tote/agent/topics"
	"tote/mqtt"
)

// peersHeard is a relay to nobody that notes what it was given.
type peersHeard struct{ sent, called []string }

func (p *peersHeard) send(method string, m relayed) {
	p.sent = append(p.sent, fmt.Sprint(method, " ", m.Topic, " ", string(m.Payload), " ", m.Retain))
}

func (p *peersHeard) call(_ context.Context, method string, m relayed) {
	p.called = append(p.called, fmt.Sprint(method, " ", m.Topic, " ", string(m.Payload), " ", m.Retain))
}

// idle is a gateway that was never started: its broker takes and hands on what
// the gateway itself says.
func idle(t *testing.T) *Agent {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	cfg, err := config.Parse("agent.yaml", []byte(s.config()))
	s.must(err)
	a, err := New(*cfg, Options{Log: slog.New(slog.DiscardHandler)})
	s.must(err)
	t.Cleanup(func() { s.must(a.broker.Close()) })
	return a
}

// listen subscribes and returns how to take what came so far: "topic payload",
// and whether it was kept. It runs the handlers of the link.
func listen(t *testing.T, subscribe func(context.Context, mqtt.Subscription) error, run func(context.Context) error, filters ...string) func() []string {
	t.Helper()
	var heard []string
	stop := func() {}
	for _, f := range filters {
		err := subscribe(t.Context(), mqtt.Subscription{Filter: f, Handler: func(_ context.Context, m mqtt.Message) {
			if m.Topic == "end" {
				stop()
				return
			}
			text := m.Topic + " " + string(m.Payload)
			if m.Retained {
				text += " kept"
			}
			heard = append(heard, text)
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return func() []string {
		ctx, cancel := context.WithCancel(t.Context())
		stop = cancel
		if err := run(ctx); err != nil { // until the end comes
			t.Fatal(err)
		}
		out := heard
		heard = nil
		return out
	}
}

// TestRobotsHereAreToldToTheOthers: each report once, in order; what the broker
// kept of a connection long gone is for this gateway alone.
func TestRobotsHereAreToldToTheOthers(t *testing.T) {
	const state, conn = "uagv/v2/KIT/R1/state", "uagv/v2/KIT/R1/connection"
	for _, alone := range []bool{false, true} {
		a, others := idle(t), &peersHeard{}
		say := func(topic, text string, retain bool) {
			t.Helper()
			if err := a.broker.Publish(topic, []byte(text), retain, 0); err != nil {
				t.Fatal(err)
			}
		}
		say(conn, "old", true)
		own := here{a.broker.Link(), func() relay {
			if alone {
				return nil
			}
			return others
		}}
		heard := listen(t, own.Subscribe, own.Run, "uagv/v2/+/+/state", "uagv/v2/+/+/connection", "end")
		say(state, "1", false)
		say(conn, "new", true)
		say(state, "2", false)
		say("uagv/v2/KIT/R1/order", "go", false)
		say("end", "", false)
		if d := cmp.Diff([]string{conn + " old kept", state + " 1", conn + " new", state + " 2"}, heard()); d != "" {
			t.Errorf("heard here (-want +got):\n%s", d)
		}
		want := []string{"robot/report " + state + " 1 false", "robot/report " + conn + " new false", "robot/report " + state + " 2 false"}
		if alone {
			want = nil
		}
		others.sent = slices.DeleteFunc(others.sent, func(s string) bool { return s == "robot/report end  false" })
		if d := cmp.Diff(want, others.sent); d != "" {
			t.Errorf("told to the others (-want +got):\n%s", d)
		}
	}
}

// TestRobotsElsewhere: a command goes to all other gateways, their reports come to
// those who listen.
func TestRobotsElsewhere(t *testing.T) {
	others := &peersHeard{}
	var r relay
	c := &elsewhere{relay: func() relay { return r }}
	order := func() {
		t.Helper()
		if err := c.PublishQoS0(t.Context(), "uagv/v2/KIT/R1/order", []byte("go"), true); err != nil {
			t.Error(err)
		}
	}
	order() // alone: there is nobody to tell
	r = others
	order()
	if d := cmp.Diff([]string{"robot/command uagv/v2/KIT/R1/order go false"}, others.called); d != "" {
		t.Errorf("called (-want +got):\n%s", d)
	}
	c.heard(mqtt.Message{Topic: "uagv/v2/KIT/R1/state"}) // nobody listens yet
	var heard []string
	for _, name := range []string{"state", "connection"} {
		if err := c.Subscribe(t.Context(), mqtt.Subscription{Filter: "uagv/v2/+/+/" + name, Handler: func(_ context.Context, m mqtt.Message) {
			heard = append(heard, name+": "+m.Topic+" "+string(m.Payload))
		}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []mqtt.Message{
		{Topic: "uagv/v2/KIT/R1/state", Payload: []byte("1")},
		{Topic: "uagv/v2/KIT/R2/connection", Payload: []byte("2")},
		{Topic: "uagv/v2/KIT/R1/factsheet"},
		{Topic: "vda/v2/KIT/R1/state"},
	} {
		c.heard(m)
	}
	if d := cmp.Diff([]string{"state: uagv/v2/KIT/R1/state 1", "connection: uagv/v2/KIT/R2/connection 2"}, heard); d != "" {
		t.Errorf("heard (-want +got):\n%s", d)
	}
}

// TestWhatOtherGatewaysMaySay: their stations' hints and answers, orders to robots
// and robots' reports, each by its own call. Whatever else is refused, and nobody
// hears of it.
func TestWhatOtherGatewaysMaySay(t *testing.T) {
	const (
		hint   = "tote/v1/s1/station/pack1/state/hint"
		answer = "tote/v1/s1/station/pack1/down/result"
		dock   = "tote/v1/s1/dock/dock1/down/result"
		order  = "uagv/v2/KIT/R1/order"
		action = "uagv/v2/KIT/R1/instantActions"
		state  = "uagv/v2/KIT/R1/state"
	)
	for _, tc := range []struct {
		method, topic string
		retain        bool
		want          []string // heard on the broker; nil = refused
		report        bool     // heard as a report
	}{
		{callPublish, hint, true, []string{hint + " x"}, false},
		{callPublish, answer, false, []string{answer + " x"}, false},
		{callPublish, dock, false, []string{dock + " x"}, false},
		{callCommand, order, false, []string{order + " x"}, false},
		{callCommand, action, true, []string{action + " x"}, false},
		{callReport, state, false, nil, true},
		{callReport, "uagv/v2/KIT/R1/connection", false, nil, true},

		{callPublish, answer, true, nil, false},                                  // kept, it would be answered again
		{callPublish, hint, false, nil, false},                                   // …
		{callPublish, "tote/v1/s1/station/pack1/state/task", true, nil, false},   // each gateway projects its own
		{callPublish, "tote/v1/s1/station/pack1/up/cmd", false, nil, false},      // a device's own word
		{callPublish, "tote/v1/s2/station/pack1/state/hint", true, nil, false},   // another site
		{callPublish, "tote/v1/s1/handheld/h1/down/result", false, nil, false},   // answered where it is connected
		{callPublish, "tote/v1/s1/conveyor/cv1/down/assign", false, nil, false},  // …
		{callPublish, order, false, nil, false},                                  // another call
		{callPublish, "$SYS/broker", false, nil, false},                          //
		{callCommand, hint, false, nil, false},                                   // an order to a station
		{callCommand, "tote/v1/s1/robot/R1/down/order", false, nil, false},       //
		{callCommand, state, false, nil, false},                                  // no order: the robot's own word
		{callCommand, "uagv/v2/+/R1/order", false, nil, false},                   //
		{callReport, order, false, nil, false},                                   //
		{callReport, hint, false, nil, false},                                    //
		{"robot/other", order, false, nil, false},                                //
		{callCommand, "uagv/v2/KIT/R1/order/extra", false, nil, false},           //
		{callReport, "uagv/v2/KIT/R1/state/extra", false, nil, false},            //
		{callReport, "tote/v2/KIT/R1/state", false, nil, false},                  // our own root is no interface
		{callPublish, "tote/v1/s1/station/pack1/state/hint/x", true, nil, false}, //
	} {
		t.Run(tc.method+" "+tc.topic, func(t *testing.T) {
			a := idle(t)
			link := a.broker.Link()
			heard := listen(t, link.Subscribe, link.Run, "#", "$SYS/#")
			reports := 0
			if err := a.elsewhere.Subscribe(t.Context(), mqtt.Subscription{Filter: "#", Handler: func(_ context.Context, m mqtt.Message) {
				if m.Topic == tc.topic && string(m.Payload) == "x" {
					reports++
				}
			}}); err != nil {
				t.Fatal(err)
			}
			body, err := cbor.Marshal(relayed{tc.topic, []byte("x"), tc.retain})
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.onCall(t.Context(), "gw2", tc.method, body)
			if refused := tc.want == nil && !tc.report; (err != nil) != refused {
				t.Errorf("answered %v", err)
			}
			if err := a.broker.Publish("end", nil, false, 0); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, heard()); d != "" {
				t.Errorf("heard (-want +got):\n%s", d)
			}
			if (reports == 1) != tc.report {
				t.Errorf("%d reports", reports)
			}
		})
	}
	if _, err := idle(t).onCall(t.Context(), "gw2", callPublish, []byte{0xff}); err == nil {
		t.Error("garbage was taken")
	}
}

// TestRobotByHand: what a person says of a robot goes to the other gateways too,
// for the one that leads; of a robot nobody configured it goes nowhere.
func TestRobotByHand(t *testing.T) {
	a, p := idle(t), &peersHeard{}
	a.relay = p
	if a.robotByHand(t.Context(), "R1", "clear") {
		t.Error("a site without robots has R1")
	}
	a.cfg.Fleet = &config.Fleet{Robots: []config.Robot{{ID: "R1"}}}
	if !a.robotByHand(t.Context(), "R1", "clear") || a.robotByHand(t.Context(), "R9", "gone") {
		t.Error("R1 is not known, or R9 is")
	}
	if d := cmp.Diff([]string{"robot/by-hand clear R1 false"}, p.called); d != "" {
		t.Error(d)
	}
	body, err := cbor.Marshal(relayed{Topic: "clear", Payload: []byte("R1")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.onCall(t.Context(), "gw2", callByHand, body); err != nil {
		t.Errorf("told by another gateway: %v", err)
	}
}

// TestToldIsBounded: what others keep at this gateway's broker has an end, and what
// is kept already may change.
func TestToldIsBounded(t *testing.T) {
	t.Parallel()
	a := idle(t)
	kept := func(m relayed) bool { return a.handleCall("sat1", callPublish, m) == nil }
	hint := func(n int, text string) relayed {
		return relayed{Topic: topics.Of("s1", topics.Station, fmt.Sprint("pack", n), topics.State, topics.Hint), Payload: []byte(text), Retain: true}
	}
	for n := range maxTold {
		if !kept(hint(n, "{}")) {
			t.Fatalf("the hint of station %d", n)
		}
	}
	if kept(hint(maxTold, "{}")) {
		t.Error("one more is kept")
	}
	if !kept(hint(0, "{ }")) {
		t.Error("the hint of a known station is not replaced")
	}
	if !kept(hint(0, "")) || !kept(hint(maxTold, "{}")) {
		t.Error("one that was deleted leaves no room")
	}
	if kept(hint(1, strings.Repeat(" ", maxKept+1))) {
		t.Error("a very long one is kept")
	}
}

// TestNoTopicOfOthers: a topic that is none would cut off every client that reads
// the hints of all stations.
func TestNoTopicOfOthers(t *testing.T) {
	t.Parallel()
	a := idle(t)
	for station, want := range map[string]bool{"pack1": true, "a\x00b": false, "a\xffb": false, "+": false, "#": false} {
		for _, m := range []relayed{
			{Topic: topics.Of("s1", topics.Station, station, topics.State, topics.Hint), Payload: []byte("{}"), Retain: true},
			{Topic: topics.Of("s1", topics.Station, station, topics.Down, topics.Result), Payload: []byte("{}")},
		} {
			if err := a.handleCall("sat1", callPublish, m); (err == nil) != want {
				t.Errorf("%q: %v", m.Topic, err)
			}
		}
	}
}
