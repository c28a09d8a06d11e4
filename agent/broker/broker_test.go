package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/agent/broker"
	"tote/mqtt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handlerFunc is a broker.Handler.
type handlerFunc func(ctx context.Context, dev broker.Device, name string, payload []byte) error

func (f handlerFunc) Command(ctx context.Context, dev broker.Device, name string, payload []byte) error {
	return f(ctx, dev, name, payload)
}

var accept = handlerFunc(func(context.Context, broker.Device, string, []byte) error { return nil })

// start runs a broker on a free loopback port.
func start(t *testing.T, h broker.Handler, change func(*broker.Config)) *broker.Broker {
	t.Helper()
	cfg := broker.Config{Listen: []broker.Listener{{Address: "127.0.0.1:0"}}, Site: "s1"}
	if change != nil {
		change(&cfg)
	}
	b, err := broker.New(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// client runs a wrapper client.
func client(t *testing.T, addr, id string, change func(*mqtt.Config)) *mqtt.Client {
	t.Helper()
	cfg := mqtt.Config{Brokers: []string{"tcp://" + addr}, ClientID: id, MinReconnect: time.Millisecond, MaxReconnect: 5 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	c, err := mqtt.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = c.Run(context.Background()) }()
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func ctxFor(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls a condition.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	end := time.Now().Add(deadline)
	for !cond() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		wait(time.Millisecond)
	}
}

func wait(d time.Duration) { <-time.After(d) }

const (
	h1Cmd  = "tote/v1/s1/handheld/h1/up/cmd"
	h1Conn = "tote/v1/s1/handheld/h1/state/conn"
	h1Task = "tote/v1/s1/handheld/h1/state/task"
)

func TestPubackWaitsForTheHandler(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	var returned atomic.Bool
	b := start(t, handlerFunc(func(_ context.Context, dev broker.Device, name string, payload []byte) error {
		if dev.ID == "h2" {
			return nil
		}
		if dev != (broker.Device{Class: "handheld", ID: "h1"}) || name != "cmd" || string(payload) != "hello" {
			t.Errorf("Command(%v, %q, %q)", dev, name, payload)
		}
		close(entered)
		<-release
		returned.Store(true)
		return nil
	}), nil)

	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c.send(encodePublish(h1Cmd, 1, 77, "hello", false))
	<-entered

	// While one handler blocks, others connect, read and get their PUBACKs.
	other := client(t, b.Addr(), "handheld:h2", nil)
	got := make(chan string, 1)
	err := other.Subscribe(ctxFor(t), mqtt.Subscription{Filter: "tote/v1/s1/handheld/h2/state/task", QoS: 1, Handler: func(_ context.Context, m mqtt.Message) {
		got <- string(m.Payload)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.WaitConnected(ctxFor(t)); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := other.Publish(ctxFor(t), "tote/v1/s1/handheld/h2/up/cmd", []byte(fmt.Sprint(i)), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Publish("tote/v1/s1/handheld/h2/state/task", []byte("next"), true, 1); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "next" {
		t.Fatalf("got %q", s)
	}

	if p, err := c.next(30 * time.Millisecond); err == nil {
		t.Fatalf("packet type %d before the handler returned", p.kind)
	}
	if returned.Load() {
		t.Fatal("handler returned early")
	}
	close(release)
	if p := c.want(pktPuback); p.id() != 77 || !returned.Load() {
		t.Fatalf("PUBACK %d, handler returned %v", p.id(), returned.Load())
	}
	if s := b.Stats(); s.Commands != 21 || s.Withheld != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestFailedCommandGetsNoPubackAndNothingBehindItIsTaken(t *testing.T) {
	var seen []string
	b := start(t, handlerFunc(func(_ context.Context, _ broker.Device, _ string, payload []byte) error {
		seen = append(seen, string(payload)) // one device: one call at a time
		if string(payload) == "two" {
			return errors.New("no quorum")
		}
		return nil
	}), nil)
	watch := client(t, b.Addr(), "watch:w", nil)
	conn := make(chan string, 10)
	if err := watch.Subscribe(ctxFor(t), mqtt.Subscription{Filter: "tote/v1/s1/handheld/h1/#", Handler: func(_ context.Context, m mqtt.Message) { conn <- string(m.Payload) }}); err != nil {
		t.Fatal(err)
	}
	if err := watch.WaitConnected(ctxFor(t)); err != nil {
		t.Fatal(err)
	}

	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1", willTopic: h1Conn, will: "offline", willQoS: 1})
	// All in one write, so that all are in the broker's buffer at once.
	c.send(bytes.Join([][]byte{
		encodePublish(h1Cmd, 1, 1, "one", false),
		encodePublish(h1Cmd, 1, 2, "two", false),
		encodePublish(h1Cmd, 1, 3, "three", false),
	}, nil))
	if p := c.want(pktPuback); p.id() != 1 {
		t.Fatalf("PUBACK %d", p.id())
	}
	c.wantClosed()
	// Watchers see the command that was recorded, and the last will.
	for _, want := range []string{"one", "offline"} {
		if s := <-conn; s != want {
			t.Errorf("watcher saw %q, want %q", s, want)
		}
	}
	eventually(t, "the device is gone", func() bool { return b.Stats().Connected == 1 })
	if got := strings.Join(seen, " "); got != "one two" {
		t.Errorf("commands taken: %s", got)
	}
	if s := b.Stats(); s.Withheld != 1 || s.Commands != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestCommandContextEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		limit time.Duration
		end   func(c *raw, b *broker.Broker)
		want  error
	}{
		"time limit":   {time.Millisecond, func(*raw, *broker.Broker) {}, context.DeadlineExceeded},
		"broker close": {time.Hour, func(_ *raw, b *broker.Broker) { go func() { _ = b.Close() }() }, context.Canceled},
		"taken over": {time.Hour, func(c *raw, b *broker.Broker) {
			connectRaw(c.t, b.Addr(), connectOpts{id: "handheld:h1"})
		}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			entered, got := make(chan struct{}), make(chan error, 1)
			b := start(t, handlerFunc(func(ctx context.Context, _ broker.Device, _ string, _ []byte) error {
				close(entered)
				<-ctx.Done()
				got <- ctx.Err()
				return ctx.Err()
			}), func(cfg *broker.Config) { cfg.Limits.CommandTimeout = tc.limit })
			c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
			c.send(encodePublish(h1Cmd, 1, 1, "x", false))
			<-entered
			tc.end(c, b)
			if err := <-got; !errors.Is(err, tc.want) {
				t.Errorf("context ended with %v, want %v", err, tc.want)
			}
			c.wantClosed()
		})
	}
}

func TestRefusedPublishes(t *testing.T) {
	for name, send := range map[string][]byte{
		"QoS 0 command":        encodePublish(h1Cmd, 0, 0, "x", false),
		"QoS 2 command":        encodePublish(h1Cmd, 2, 9, "x", false),
		"retained command":     encodePublish(h1Cmd, 1, 9, "x", true),
		"another's command":    encodePublish("tote/v1/s1/handheld/h2/up/cmd", 1, 9, "x", false),
		"another site":         encodePublish("tote/v1/s2/handheld/h1/up/cmd", 1, 9, "x", false),
		"down branch":          encodePublish("tote/v1/s1/handheld/h1/down/result", 1, 9, "x", false),
		"gateway's state":      encodePublish(h1Task, 1, 9, "x", true),
		"deeper than a name":   encodePublish(h1Cmd+"/x", 1, 9, "x", false),
		"wildcard":             encodePublish("tote/v1/s1/handheld/h1/up/#", 1, 9, "x", false),
		"packet id 0":          encodePublish(h1Cmd, 1, 0, "x", false),
		"larger than a packet": encodePublish(h1Cmd, 1, 9, strings.Repeat("x", 64<<10), false),
		"second CONNECT":       encodeConnect(connectOpts{id: "handheld:h1"}),
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			b := start(t, handlerFunc(func(context.Context, broker.Device, string, []byte) error {
				calls.Add(1)
				return nil
			}), nil)
			c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
			c.send(send)
			c.wantClosed()
			if calls.Load() != 0 {
				t.Error("the handler was called")
			}
			d := connectRaw(t, b.Addr(), connectOpts{id: "watch:w"})
			d.subscribe(1, 0, "tote/v1/s1/#")
			d.send(encode(pktPingreq, 0))
			if p := d.want(pktPingresp); p.kind != pktPingresp {
				t.Error("something was retained")
			}
		})
	}
}

func TestWhoMayConnect(t *testing.T) {
	tokens := map[string]string{"handheld:h1": "secret-of-h1", "watch:w": "secret-of-w"}
	for _, tc := range []struct {
		name   string
		o      connectOpts
		tokens map[string]string
		want   int // CONNACK code
	}{
		{"handheld", connectOpts{id: "handheld:h1"}, nil, 0},
		{"station", connectOpts{id: "station:pack1"}, nil, 0},
		{"dock", connectOpts{id: "dock:dock-1"}, nil, 0},
		{"display", connectOpts{id: "display:pack1"}, nil, 0},
		{"watch on loopback", connectOpts{id: "watch:any.1_2"}, nil, 0},
		{"session asked for, clean given", connectOpts{id: "handheld:h1", dirty: true}, nil, 0},
		{"MQTT 5 is served", connectOpts{id: "handheld:h1", version: 4}, nil, 0},
		{"MQTT 3.1", connectOpts{id: "handheld:h1", version: 3, protocol: "MQIsdp"}, nil, 1},
		{"no id", connectOpts{id: ""}, nil, 5},
		{"no class", connectOpts{id: "h1"}, nil, 5},
		{"class of nobody", connectOpts{id: "gateway:h1"}, nil, 5},
		{"empty device", connectOpts{id: "handheld:"}, nil, 5},
		{"slash", connectOpts{id: "handheld:a/b"}, nil, 5},
		{"wildcard", connectOpts{id: "handheld:+"}, nil, 5},
		{"space", connectOpts{id: "handheld:a b"}, nil, 5},
		{"too long", connectOpts{id: "handheld:" + strings.Repeat("x", 65)}, nil, 5},
		{"token", connectOpts{id: "handheld:h1", user: "handheld:h1", pass: "secret-of-h1"}, tokens, 0},
		{"wrong token", connectOpts{id: "handheld:h1", user: "handheld:h1", pass: "secret-of-w"}, tokens, 5},
		{"no token", connectOpts{id: "handheld:h1"}, tokens, 5},
		{"another's token", connectOpts{id: "handheld:h1", user: "watch:w", pass: "secret-of-w"}, tokens, 5},
		{"user is not the client", connectOpts{id: "handheld:h1", user: "h1", pass: "secret-of-h1"}, tokens, 5},
		{"unknown device", connectOpts{id: "handheld:h2", user: "handheld:h2", pass: "x"}, tokens, 5},
		{"unknown device, no password", connectOpts{id: "handheld:h2", user: "handheld:h2"}, tokens, 5},
		{"will on own conn", connectOpts{id: "handheld:h1", willTopic: h1Conn, will: "x", willQoS: 1}, nil, 0},
		{"will on own command", connectOpts{id: "handheld:h1", willTopic: h1Cmd, will: "x", willQoS: 1}, nil, 5},
		{"will on another's conn", connectOpts{id: "handheld:h2", willTopic: h1Conn, will: "x"}, nil, 5},
		{"will of a watcher", connectOpts{id: "watch:w", willTopic: "tote/v1/s1/watch/w/state/conn", will: "x"}, nil, 5},
		{"will with QoS 2", connectOpts{id: "handheld:h1", willTopic: h1Conn, will: "x", willQoS: 2}, nil, -2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := start(t, accept, func(cfg *broker.Config) { cfg.Tokens = tc.tokens })
			c := dialRaw(t, b.Addr())
			got := c.connect(tc.o)
			switch {
			case tc.want == -2:
				if got == 0 {
					t.Fatal("accepted")
				}
			case got != tc.want:
				t.Fatalf("CONNACK %d, want %d", got, tc.want)
			}
			if got != 0 {
				c.wantClosed()
				if n := len(b.Clients()); n != 0 {
					t.Errorf("%d clients", n)
				}
				return
			}
			c.send(encode(pktPingreq, 0))
			c.want(pktPingresp)
			if cl := b.Clients(); len(cl) != 1 || cl[0].Device.String() != tc.o.id || cl[0].Since.IsZero() {
				t.Errorf("clients %+v", cl)
			}
		})
	}
}

func TestWhoMayRead(t *testing.T) {
	b := start(t, accept, nil)
	const base = "tote/v1/s1/"
	for _, tc := range []struct {
		id, filter string
		ok         bool
	}{
		{"handheld:h1", base + "handheld/h1/down/result", true},
		{"handheld:h1", base + "handheld/h1/down/#", true},
		{"handheld:h1", base + "handheld/h1/state/+", true},
		{"handheld:h1", base + "handheld/h1/down", false},
		{"handheld:h1", base + "handheld/h1/up/#", false},
		{"handheld:h1", base + "handheld/h1/#", false},
		{"handheld:h1", base + "handheld/h1/+/result", false},
		{"handheld:h1", base + "handheld/+/state/#", false},
		{"handheld:h1", base + "handheld/h2/down/#", false},
		{"handheld:h1", base + "station/h1/state/#", false},
		{"handheld:h1", "tote/v1/s2/handheld/h1/down/#", false},
		{"handheld:h1", "#", false},
		{"handheld:h1", "$SYS/#", false},
		{"handheld:h1", "$tote/taken-over", false},
		{"handheld:h1", "$share/g/" + base + "handheld/h1/down/#", false},
		{"display:pack1", base + "station/pack1/state/#", true},
		{"display:pack1", base + "station/pack1/down/#", true},
		{"display:pack1", base + "dock/pack1/state/task", true},
		{"display:pack1", base + "station/pack2/state/#", false},
		{"display:pack1", base + "handheld/pack1/state/#", false},
		{"display:pack1", base + "station/pack1/up/#", false},
		{"station:pack1", base + "station/pack1/state/#", true},
		{"handheld:h1", base + "site/s1/state/quorum", true},
		{"display:pack1", base + "site/s1/state/quorum", true},
		{"conveyor:c1", base + "site/s1/state/quorum", true},
		{"handheld:h1", base + "site/s1/state/+", false},
		{"handheld:h1", base + "site/+/state/quorum", false},
		{"handheld:h1", "tote/v1/s2/site/s2/state/quorum", false},
		{"watch:w", base + "#", true},
		{"watch:w", base + "+/+/up/cmd", true},
		{"watch:w", "tote/v1/+/#", false},
		{"watch:w", "#", false},
	} {
		c := connectRaw(t, b.Addr(), connectOpts{id: tc.id})
		got := c.subscribe(1, 1, tc.filter)
		if ok := got[0] != 0x80; ok != tc.ok {
			t.Errorf("%s subscribes %s: %#x, want allowed %v", tc.id, tc.filter, got[0], tc.ok)
		}
		c.send(encode(pktDisconnect, 0))
		c.wantClosed()
	}
}

func TestWatchSeesAllAndWritesNothing(t *testing.T) {
	b := start(t, accept, nil)
	w := connectRaw(t, b.Addr(), connectOpts{id: "watch:w"})
	if code := w.subscribe(1, 1, "tote/v1/s1/#"); code[0] != 0 {
		t.Errorf("watchers read at QoS 0, granted %d", code[0])
	}
	h := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	h.send(encodePublish(h1Cmd, 1, 1, "cmd", false))
	h.want(pktPuback)
	if err := b.Publish(h1Task, []byte("task"), true, 1); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{h1Cmd + " cmd", h1Task + " task"} {
		topic, _, payload := w.want(pktPublish).message()
		if got := topic + " " + string(payload); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	w.send(encodePublish("tote/v1/s1/watch/w/up/cmd", 1, 1, "x", false))
	w.wantClosed()
}

func TestTakeover(t *testing.T) {
	var log syncBuffer
	b := start(t, accept, func(cfg *broker.Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	watch := connectRaw(t, b.Addr(), connectOpts{id: "watch:w"})
	watch.subscribe(1, 0, h1Conn, h1Cmd)

	const rounds = 50
	var old *raw
	for i := range rounds {
		c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1", willTopic: h1Conn, will: "offline", willQoS: 1})
		if old != nil {
			old.wantClosed()
		}
		if code := c.subscribe(1, 1, h1Task); code[0] != 1 {
			t.Fatalf("round %d: subscription refused", i)
		}
		// The newer connection works, in both directions.
		if err := b.Publish(h1Task, []byte(fmt.Sprint(i)), false, 1); err != nil {
			t.Fatal(err)
		}
		if _, _, payload := c.want(pktPublish).message(); string(payload) != fmt.Sprint(i) {
			t.Fatalf("round %d: got %q", i, payload)
		}
		old = c
	}
	old.send(encodePublish(h1Cmd, 1, 9, "end", false))
	old.want(pktPuback)
	// No will of a connection that was taken over came before.
	if topic, _, payload := watch.want(pktPublish).message(); topic != h1Cmd {
		t.Errorf("watcher saw %s %s", topic, payload)
	}
	if s := b.Stats(); s.TakenOver != rounds-1 || s.Connected != 2 || s.Panics != 0 {
		t.Errorf("stats %+v", s)
	}
	if n := strings.Count(log.String(), "took over"); n != 1 {
		t.Errorf("take-over logged %d times, want once", n)
	}
	// An end without a goodbye still has its will.
	_ = old.Close()
	if topic, _, payload := watch.want(pktPublish).message(); topic != h1Conn || string(payload) != "offline" {
		t.Errorf("watcher saw %s %s", topic, payload)
	}
}

// Many connections of one device at once: exactly one stays, and it works.
func TestTakeoverAtOnce(t *testing.T) {
	b := start(t, accept, nil)
	var wg sync.WaitGroup
	for range 20 {
		c := dialRaw(t, b.Addr())
		wg.Go(func() { _, _ = c.Write(encodeConnect(connectOpts{id: "handheld:h1"})); _, _ = c.next(deadline) })
	}
	wg.Wait()
	eventually(t, "one connection", func() bool { return b.Stats().Connected == 1 })
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c.subscribe(1, 1, h1Task)
	if err := b.Publish(h1Task, []byte("x"), true, 1); err != nil {
		t.Fatal(err)
	}
	c.want(pktPublish)
}

func TestGoodbyeForgetsTheWill(t *testing.T) {
	b := start(t, accept, nil)
	watch := connectRaw(t, b.Addr(), connectOpts{id: "watch:w"})
	watch.subscribe(1, 0, h1Conn, h1Task)
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1", willTopic: h1Conn, will: "offline", willQoS: 1})
	c.send(encode(pktDisconnect, 0))
	c.wantClosed()
	eventually(t, "gone", func() bool { return b.Stats().Connected == 1 })
	_ = b.Publish(h1Task, []byte("after"), false, 0)
	if topic, _, _ := watch.want(pktPublish).message(); topic != h1Task {
		t.Errorf("saw %s", topic)
	}
}

// syncBuffer is a log sink.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestGarbageDisturbsNobody(t *testing.T) {
	b := start(t, accept, nil)
	good := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	rng := rand.New(rand.NewPCG(1, 2))
	junk := [][]byte{
		[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		{0x10, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0x10, 0xff, 0xff, 0xff, 0x7f},
		{0x00, 0x00},
		{0xf0, 0x00},
		encode(pktPublish, 2, field([]byte(h1Cmd)), []byte{0, 1}, []byte("before CONNECT")),
		encode(pktConnect, 0, field([]byte("MQTT")), []byte{4, 0xff, 0, 60}),
		encode(pktConnect, 0, field([]byte("MQTT")), []byte{4, 2, 0, 60}, []byte{0xff, 0xff}),
		append(encodeConnect(connectOpts{id: "handheld:x"}), 0x32, 0x02, 0xff, 0xff),
		append(encodeConnect(connectOpts{id: "handheld:x"}), 0x82, 0x03, 0x00, 0x01, 0x00),
		append(encodeConnect(connectOpts{id: "handheld:x", version: 5}), 0xff, 0xff),
	}
	for range 200 {
		n := rng.IntN(300)
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		if rng.IntN(2) == 0 {
			p = append(encodeConnect(connectOpts{id: fmt.Sprintf("handheld:g%d", rng.IntN(5))}), p...)
		}
		junk = append(junk, p)
	}
	for i, j := range junk {
		c := dialRaw(t, b.Addr())
		_, _ = c.Write(j)
		if i%3 == 0 { // let the broker see the end of it
			_ = c.Close()
		} else if i%3 == 1 {
			_, _ = c.next(time.Millisecond)
		}
		if i%20 == 0 {
			good.send(encodePublish(h1Cmd, 1, uint16(i+1), "still here", false))
			if p := good.want(pktPuback); p.id() != uint16(i+1) {
				t.Fatalf("PUBACK %d", p.id())
			}
		}
	}
	if s := b.Stats(); s.Panics != 0 {
		t.Errorf("panics: %d", s.Panics)
	}
}

func TestAPanicInTheHandlerEndsOneConnection(t *testing.T) {
	var log syncBuffer
	b := start(t, handlerFunc(func(_ context.Context, dev broker.Device, _ string, _ []byte) error {
		if dev.ID == "h1" {
			panic("boom")
		}
		return nil
	}), func(cfg *broker.Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c.send(encodePublish(h1Cmd, 1, 1, "x", false))
	c.wantClosed()
	d := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h2"})
	d.send(encodePublish("tote/v1/s1/handheld/h2/up/cmd", 1, 1, "x", false))
	d.want(pktPuback)
	eventually(t, "counted", func() bool { return b.Stats().Panics == 1 && b.Stats().Connected == 1 })
	if !strings.Contains(log.String(), "boom") {
		t.Error("not logged")
	}
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"}) // may come back
}

func TestTooManyAndTooSilent(t *testing.T) {
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Limits.MaxClients = 2
		cfg.Limits.ConnectTimeout = 300 * time.Millisecond
	})
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h2"})
	c := dialRaw(t, b.Addr())
	if code := c.connect(connectOpts{id: "handheld:h3"}); code != 3 {
		t.Errorf("third of two clients: CONNACK %d, want 3", code)
	}
	c.wantClosed()
	var silent []*raw
	for range 40 { // 2 + 32 at a time are allowed
		silent = append(silent, dialRaw(t, b.Addr()))
	}
	for _, c := range silent {
		c.wantClosed()
	}
	if b.Stats().Refused == 0 {
		t.Error("nothing counted")
	}
	if n := b.Stats().Connected; n != 2 {
		t.Errorf("%d connected", n)
	}
}

func TestKeepAliveEndsDeadClients(t *testing.T) {
	b := start(t, accept, nil)
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1", keepAlive: 1})
	c.wantClosed() // 1.5 keep-alives later
}

func TestCloseTwiceAndPublishAfter(t *testing.T) {
	b := start(t, accept, nil)
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(h1Task, nil, false, 0); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("publish after close: %v", err)
	}
	if err := b.Start(); err == nil {
		t.Error("started again")
	}
}

func TestRun(t *testing.T) {
	b, err := broker.New(broker.Config{Listen: []broker.Listener{{Address: "127.0.0.1:0"}}, Site: "s1"}, accept)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(h1Task, []byte("early"), true, 1); err != nil {
		t.Fatalf("retained state may be published before Start: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	eventually(t, "listens", func() bool { return !strings.HasSuffix(b.Addr(), ":0") })
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c.send(encodeSubscribe(1, 1, h1Task))
	c.want(pktSuback)
	if p := c.want(pktPublish); p.flags&1 == 0 {
		t.Error("not retained")
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Logf("read: %v", err)
	}
	// The port in use is an error of Start, and nothing stays bound.
	a := start(t, accept, nil)
	two, err := broker.New(broker.Config{Listen: []broker.Listener{{Address: "127.0.0.1:0"}, {Address: a.Addr()}}, Site: "s1"}, accept)
	if err != nil {
		t.Fatal(err)
	}
	if err := two.Run(context.Background()); err == nil {
		t.Error("started on a port in use")
	}
}
