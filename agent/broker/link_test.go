package broker_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tote/agent/broker"
	"tote/mqtt"
)

// run runs a link until the test ends.
func run(t *testing.T, l *broker.Link) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// hear runs a link that listens to robots as the master of the fleet does:
// "R1/state {}", and whether it was kept.
func hear(t *testing.T, l *broker.Link) <-chan string {
	t.Helper()
	heard := make(chan string, 8192)
	for _, name := range []string{"state", "connection", "factsheet"} {
		err := l.Subscribe(t.Context(), mqtt.Subscription{Filter: "uagv/v2/+/+/" + name, Handler: func(_ context.Context, m mqtt.Message) {
			text := strings.TrimPrefix(m.Topic, "uagv/v2/KIT/") + " " + string(m.Payload)
			if m.Retained {
				text += " kept"
			}
			heard <- text
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	run(t, l)
	return heard
}

// The gateway's own place needs no token, no certificate and no room among the
// clients; it hears a robot's messages in the order it wrote them, whatever their
// topics, and its orders arrive.
func TestLinkNeedsNoPermission(t *testing.T) {
	cert, key, pool := certificate(t)
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Listen = []broker.Listener{{Address: "127.0.0.1:0", CertFile: cert, KeyFile: key}}
		cfg.Tokens = map[string]string{"robot:R1": "secret-of-r1"}
		cfg.Limits.MaxClients = 1
	})
	link := b.Link()
	heard := hear(t, link)
	conn, err := tls.Dial("tcp", b.Addr(), &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{t, conn, bufio.NewReader(conn)}
	if got := r.connect(connectOpts{id: "robot:R1", user: "robot:R1", pass: "secret-of-r1", willTopic: r1Conn, will: "broken", willQoS: 1}); got != 0 {
		t.Fatalf("CONNACK %d", got)
	}
	r.subscribe(1, 0, r1Order)
	var want []string
	for i := range 300 {
		name := []string{"connection", "state", "factsheet"}[i%3]
		r.send(encodePublish("uagv/v2/KIT/R1/"+name, 0, 0, fmt.Sprint(i), name != "state"))
		want = append(want, fmt.Sprintf("R1/%s %d", name, i))
	}
	for _, w := range want {
		if got := <-heard; got != w {
			t.Fatalf("heard %q, want %q", got, w)
		}
	}
	if err := link.PublishQoS0(t.Context(), r1Order, []byte("go"), false); err != nil {
		t.Fatal(err)
	}
	if topic, _, payload := r.want(pktPublish).message(); topic != r1Order || string(payload) != "go" {
		t.Errorf("the robot got %s %s", topic, payload)
	}
	_ = conn.Close()
	if got := <-heard; got != "R1/connection broken" {
		t.Errorf("heard %q, want the will, as news", got)
	}
	if s := b.Stats(); s.Connects != 1 || s.Unheard != 0 {
		t.Errorf("%+v", s)
	}
}

// Nobody comes in over a network as the gateway itself.
func TestNoClientIsTheFleet(t *testing.T) {
	b := start(t, accept, nil)
	if got := dialRaw(t, b.Addr()).connect(connectOpts{id: "fleet:gw1"}); got == 0 {
		t.Error("fleet:gw1 was let in")
	}
}

// A gateway that does not get to its messages holds up no robot. The oldest
// states are lost and counted; that a connection broke is not.
func TestLinkHoldsUpNobody(t *testing.T) {
	b := start(t, accept, nil)
	link := b.Link()
	var heard []string
	done := make(chan struct{})
	for _, name := range []string{"state", "connection"} {
		if err := link.Subscribe(t.Context(), mqtt.Subscription{Filter: "uagv/v2/+/+/" + name, Handler: func(_ context.Context, m mqtt.Message) {
			heard = append(heard, string(m.Payload))
			if string(m.Payload) == "last" {
				close(done)
			}
		}}); err != nil {
			t.Fatal(err)
		}
	}
	r := connectRaw(t, b.Addr(), connectOpts{id: "robot:R1"})
	r.send(encodePublish(r1State, 0, 0, "0", false))
	r.send(encodePublish(r1Conn, 0, 0, "online", false))
	const queue, more = 4096, 10 // Run is not running
	for i := 1; i <= queue+more-3; i++ {
		r.send(encodePublish(r1State, 0, 0, fmt.Sprint(i), false))
	}
	r.send(encodePublish(r1State, 1, 9, "last", false))
	r.want(pktPuback)
	if n := b.Stats().Unheard; n != more {
		t.Errorf("%d unheard, want %d", n, more)
	}
	run(t, link)
	<-done
	if len(heard) != queue || heard[0] != "online" || heard[1] != fmt.Sprint(more) {
		t.Errorf("heard %d: %v …", len(heard), heard[:min(3, len(heard))])
	}
}

func TestLinkRefuses(t *testing.T) {
	b := start(t, accept, nil)
	link := b.Link()
	for _, s := range []mqtt.Subscription{
		{Filter: "uagv/v2/+/+/state"},
		{Filter: "uagv/#/state", Handler: func(context.Context, mqtt.Message) {}},
		{Filter: "", Handler: func(context.Context, mqtt.Message) {}},
	} {
		if err := link.Subscribe(t.Context(), s); !errors.Is(err, broker.ErrConfig) {
			t.Errorf("%q: %v", s.Filter, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := link.PublishQoS0(t.Context(), r1Order, nil, false); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
