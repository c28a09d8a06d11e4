package broker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tote/agent/broker"
	"tote/mqtt"
)

// readers are those of a site with a door and a sled.
func readers(cfg *broker.Config) {
	cfg.Readers = []broker.Reader{
		{ClientID: "FX9600F10AE0", Says: []string{"zebra/fx1/tevents", "zebra/fx1/mevents"}, Hears: "zebra/fx1/ccmds"},
		{ClientID: "RFD40-1", Says: []string{"zebra/DATA1/event/RFD40-1"}, Hears: "zebra/CTRL/clients/cmnd/RFD40-1"},
	}
}

// A reader says what is its own and hears its own commands, and nobody else has
// its topics.
func TestWhoMayUseTopicsOfReaders(t *testing.T) {
	for _, tc := range []struct {
		id, topic string
		ok        bool
	}{
		{"FX9600F10AE0", "zebra/fx1/tevents", true},
		{"FX9600F10AE0", "zebra/fx1/mevents", true},
		{"RFD40-1", "zebra/DATA1/event/RFD40-1", true},
		{"FX9600F10AE0", "zebra/fx1/ccmds", false},
		{"FX9600F10AE0", "zebra/DATA1/event/RFD40-1", false},
		{"FX9600F10AE0", "zebra/fx1/tevents/x", false},
		{"FX9600F10AE0", h1Cmd, false},
		{"FX9600F10AE0", r1State, false},
		{"handheld:h1", "zebra/fx1/tevents", false},
		{"watch:w", "zebra/fx1/tevents", false},
	} {
		b := start(t, accept, readers)
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
	b := start(t, accept, readers)
	for _, tc := range []struct {
		id, filter string
		ok         bool
	}{
		{"FX9600F10AE0", "zebra/fx1/ccmds", true},
		{"FX9600F10AE0", "zebra/CTRL/clients/cmnd/RFD40-1", false},
		{"FX9600F10AE0", "zebra/fx1/+", false},
		{"FX9600F10AE0", "zebra/fx1/tevents", false},
		{"FX9600F10AE0", "#", false},
		{"handheld:h1", "zebra/fx1/tevents", false},
		{"watch:w", "zebra/fx1/tevents", false},
	} {
		c := connectRaw(t, b.Addr(), connectOpts{id: tc.id})
		if got := c.subscribe(1, 1, tc.filter)[0] != 0x80; got != tc.ok {
			t.Errorf("%s subscribes %s: %v, want %v", tc.id, tc.filter, got, tc.ok)
		}
		c.send(encode(pktDisconnect, 0))
		c.wantClosed()
	}
	if got := dialRaw(t, b.Addr()).connect(connectOpts{id: "FX9600-STRANGE"}); got != 5 {
		t.Errorf("a reader nobody configured: CONNACK %d, want 5", got)
	}
	if got := dialRaw(t, b.Addr()).connect(connectOpts{id: "RFD40-1", willTopic: "zebra/fx1/mevents", will: "x"}); got != 5 {
		t.Errorf("will on another's topic: CONNACK %d, want 5", got)
	}
}

// Its last will is told, and nothing of it is kept: a read that were would pass
// the door again at each start.
func TestReaderWillAndNothingKept(t *testing.T) {
	b := start(t, accept, readers)
	r := connectRaw(t, b.Addr(), connectOpts{id: "RFD40-1", willTopic: "zebra/DATA1/event/RFD40-1", will: "gone", willQoS: 1})
	r.send(encodePublish("zebra/DATA1/event/RFD40-1", 1, 1, "old", true))
	r.want(pktPuback)
	heard := make(chan string, 8)
	l := b.Link()
	err := l.Subscribe(t.Context(), mqtt.Subscription{
		Filter:  "zebra/DATA1/event/RFD40-1",
		Handler: func(_ context.Context, m mqtt.Message) { heard <- string(m.Payload) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	_ = r.Close() // no goodbye
	select {
	case got := <-heard:
		if got != "gone" {
			t.Errorf("heard %q, want the will", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("no will")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestReadersOfAConfiguration(t *testing.T) {
	ok := broker.Reader{ClientID: "A", Says: []string{"a"}, Hears: "b"}
	for name, readers := range map[string][]broker.Reader{
		"a class":            {{ClientID: "handheld:h1", Says: []string{"a"}, Hears: "b"}},
		"no topics":          {{ClientID: "A", Hears: "b"}},
		"no commands":        {{ClientID: "A", Says: []string{"a"}}},
		"both":               {{ClientID: "A", Says: []string{"a"}, Hears: "a"}},
		"wildcard":           {{ClientID: "A", Says: []string{"a/#"}, Hears: "b"}},
		"the site's":         {{ClientID: "A", Says: []string{"tote/v1/s1/handheld/h1/up/cmd"}, Hears: "b"}},
		"a robot's":          {{ClientID: "A", Says: []string{r1State}, Hears: "b"}},
		"the broker's":       {{ClientID: "A", Says: []string{"$SYS/x"}, Hears: "b"}},
		"the same client id": {ok, {ClientID: "A", Says: []string{"c"}, Hears: "d"}},
		"the same topic":     {ok, {ClientID: "B", Says: []string{"a"}, Hears: "d"}},
		"another's commands": {ok, {ClientID: "B", Says: []string{"b"}, Hears: "d"}},
	} {
		_, err := broker.New(broker.Config{Listen: []broker.Listener{{Address: "127.0.0.1:0"}}, Site: "s1", Readers: readers}, accept)
		if !errors.Is(err, broker.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	tokens := func(cfg *broker.Config) {
		readers(cfg)
		cfg.Tokens = map[string]string{"RFD40-1": "secret-of-the-sled"}
	}
	b := start(t, accept, tokens)
	if got := dialRaw(t, b.Addr()).connect(connectOpts{id: "RFD40-1", user: "RFD40-1", pass: "wrong"}); got != 5 {
		t.Errorf("wrong token: CONNACK %d", got)
	}
	if got := dialRaw(t, b.Addr()).connect(connectOpts{id: "RFD40-1", user: "RFD40-1", pass: "secret-of-the-sled"}); got != 0 {
		t.Errorf("its token: CONNACK %d", got)
	}
}
