package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
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

const (
	limit = 10 * time.Second // nothing waits that long when all is well
	cmd   = "tote/v1/s1/handheld/h1/up/cmd"
	conn  = "tote/v1/s1/handheld/h1/state/conn"
	task  = "tote/v1/s1/handheld/h1/state/task"
	res   = "tote/v1/s1/handheld/h1/down/result"
)

type handlerFunc func(payload string) error

func (f handlerFunc) Command(_ context.Context, _ broker.Device, _ string, payload []byte) error {
	return f(string(payload))
}

func accept(string) error { return nil }

func newBroker(t *testing.T, h handlerFunc) *broker.Broker {
	t.Helper()
	b, err := broker.New(broker.Config{Listen: []broker.Listener{{Address: "127.0.0.1:0"}}, Site: "s1"}, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func newClient(t *testing.T, change func(*mqtt.Config), brokers ...string) *mqtt.Client {
	t.Helper()
	cfg := mqtt.Config{Brokers: brokers, ClientID: "handheld:h1", MinReconnect: time.Millisecond, MaxReconnect: 4 * time.Millisecond, WriteTimeout: 500 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	c, err := mqtt.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *testing.T, c *mqtt.Client) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.Run(context.Background()) }()
	t.Cleanup(func() {
		_ = c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func connected(t *testing.T, c *mqtt.Client) {
	t.Helper()
	if err := c.WaitConnected(bounded(t)); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !cond(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// collect subscribes and returns a channel with the payloads.
func collect(t *testing.T, c *mqtt.Client, filter string, qos byte) chan string {
	t.Helper()
	ch := make(chan string, 1000)
	if err := c.Subscribe(bounded(t), mqtt.Subscription{Filter: filter, QoS: qos, Handler: func(_ context.Context, m mqtt.Message) { ch <- string(m.Payload) }}); err != nil {
		t.Fatal(err)
	}
	return ch
}

func want(t *testing.T, ch chan string, payload string) {
	t.Helper()
	select {
	case got := <-ch:
		if got != payload {
			t.Fatalf("got %q, want %q", got, payload)
		}
	case <-time.After(limit):
		t.Fatalf("no %q", payload)
	}
}

func TestPublishAndSubscribe(t *testing.T) {
	b := newBroker(t, accept)
	c := newClient(t, nil, "tcp://"+b.Addr())
	before := collect(t, c, task, 1) // before the connection
	if err := c.Publish(bounded(t), cmd, nil, false); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("publish before the connection: %v", err)
	}
	if err := c.PublishQoS0(bounded(t), conn, nil, false); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("QoS 0 publish before the connection: %v", err)
	}
	if err := b.Publish(task, []byte("retained"), true, 1); err != nil {
		t.Fatal(err)
	}
	run(t, c)
	connected(t, c)
	want(t, before, "retained")
	after := collect(t, c, res, 1) // on the connection
	if err := b.Publish(res, []byte("r1"), false, 1); err != nil {
		t.Fatal(err)
	}
	want(t, after, "r1")
	if err := c.Publish(bounded(t), cmd, []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	if err := c.PublishQoS0(bounded(t), conn, []byte("online"), true); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Acked != 1 || s.Lost != 1 || s.Connects != 1 {
		t.Errorf("stats %+v", s)
	}
	if got := c.Connected(); got != "tcp://"+b.Addr() {
		t.Errorf("connected to %q", got)
	}
}

// The trap this package exists for: the broker rejects the first copy and
// closes, paho by itself would reconnect, send again and call it done.
func TestARejectedPublishIsNotReportedAsDone(t *testing.T) {
	var calls atomic.Int32
	b := newBroker(t, func(string) error {
		if calls.Add(1) <= 3 {
			return errors.New("no quorum")
		}
		return nil
	})
	c := newClient(t, nil, "tcp://"+b.Addr())
	run(t, c)
	for i := range 3 {
		connected(t, c)
		if err := c.Publish(bounded(t), cmd, []byte("x"), false); !errors.Is(err, mqtt.ErrConnectionLost) {
			t.Fatalf("publish %d: %v, want ErrConnectionLost", i, err)
		}
		eventually(t, "the connection is gone", func() bool { return c.Connected() == "" || c.Stats().Connects > uint64(i+1) })
	}
	connected(t, c)
	if err := c.Publish(bounded(t), cmd, []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	if n := calls.Load(); n != 4 { // nothing was sent again behind our back
		t.Errorf("the broker saw %d copies, want 4", n)
	}
}

// Cables are pulled at random places in the byte stream and commits fail at
// random. Whatever Publish says is acknowledged, the broker has recorded.
func TestNothingIsAckedThatTheBrokerDidNotAck(t *testing.T) {
	var mu sync.Mutex
	recorded := map[string]int{}
	rng := rand.New(rand.NewPCG(7, 7))
	b := newBroker(t, func(payload string) error {
		mu.Lock()
		defer mu.Unlock()
		if rng.IntN(5) == 0 {
			return errors.New("not now")
		}
		recorded[payload]++
		return nil
	})
	r := newRelay(t, b.Addr())
	c := newClient(t, nil, r.url())
	run(t, c)

	cuts := rand.New(rand.NewPCG(1, 1))
	const messages = 150
	lost := 0
	for i := range messages {
		payload := fmt.Sprintf("m%d", i)
		for try := 0; ; try++ {
			switch cuts.IntN(4) {
			case 0:
				r.cutAfter(cuts.IntN(200), -1) // the next connection breaks on its way up
			case 1:
				r.cutAfter(-1, 4+cuts.IntN(40)) // … or down, with a PUBACK perhaps
			case 2:
				r.cut()
			}
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			err := c.WaitConnected(ctx)
			if err == nil {
				err = c.Publish(ctx, cmd, []byte(payload), false)
			}
			cancel()
			if err == nil {
				mu.Lock()
				n := recorded[payload]
				mu.Unlock()
				if n == 0 {
					t.Fatalf("%s reported as acknowledged, the broker never recorded it", payload)
				}
				break
			}
			lost++
			if try > 1000 {
				t.Fatalf("%s: %v", payload, err)
			}
		}
	}
	if lost < messages/10 {
		t.Errorf("only %d publishes were lost: the test cut nothing", lost)
	}

	t.Logf("%d acknowledged, %d lost and sent again, %d connections", messages, lost, c.Stats().Connects)
}

func TestManyPublishersOverCuts(t *testing.T) {
	var mu sync.Mutex
	recorded := map[string]bool{}
	b := newBroker(t, func(p string) error {
		mu.Lock()
		defer mu.Unlock()
		recorded[p] = true
		return nil
	})
	r := newRelay(t, b.Addr())
	c := newClient(t, func(cfg *mqtt.Config) { cfg.MaxInflight = 4 }, r.url())
	run(t, c)
	var wg sync.WaitGroup
	var acked atomic.Int32
	for w := range 8 {
		wg.Go(func() {
			for i := range 40 {
				p := fmt.Sprintf("%d-%d", w, i)
				for {
					ctx, cancel := context.WithTimeout(context.Background(), limit)
					_ = c.WaitConnected(ctx)
					err := c.Publish(ctx, cmd, []byte(p), false)
					cancel()
					if err == nil {
						break
					}
				}
				mu.Lock()
				ok := recorded[p]
				mu.Unlock()
				if !ok {
					t.Errorf("%s acknowledged and not recorded", p)
				}
				if acked.Add(1)%50 == 0 {
					r.cut()
				}
			}
		})
	}
	wg.Wait()
}

func TestAckTimeoutAndUnknownOutcome(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{}, 10)
	b := newBroker(t, func(string) error { entered <- struct{}{}; <-release; return nil })
	c := newClient(t, func(cfg *mqtt.Config) { cfg.MaxInflight = 1 }, "tcp://"+b.Addr())
	run(t, c)
	connected(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Publish(ctx, cmd, []byte("x"), false) }()
	<-entered
	cancel()
	if err := <-done; !errors.Is(err, mqtt.ErrNoAck) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want ErrNoAck", err)
	}
	// The unsettled publish still takes its place: the next one waits.
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := c.Publish(short, cmd, []byte("y"), false); !errors.Is(err, mqtt.ErrNoAck) {
		t.Errorf("beyond MaxInflight: %v", err)
	}
	close(release)
	if err := c.Publish(bounded(t), cmd, []byte("z"), false); err != nil {
		t.Errorf("after the PUBACK came: %v", err)
	}
}

func TestFailover(t *testing.T) {
	a, b := newBroker(t, accept), newBroker(t, accept)
	var events []string
	var mu sync.Mutex
	up := make(chan struct{}, 10)
	note := func(s string) { mu.Lock(); defer mu.Unlock(); events = append(events, s) }
	c := newClient(t, func(cfg *mqtt.Config) {
		cfg.OnConnect = func(ctx context.Context, broker string) {
			if err := c0(ctx).Publish(ctx, conn, []byte("online"), true); err != nil {
				note("publish: " + err.Error())
			}
			note("up " + broker)
			up <- struct{}{}
		}
		cfg.OnDisconnect = func(err error) {
			if err == nil {
				note("no reason")
			}
			note("down")
		}
	}, "tcp://"+a.Addr(), "tcp://"+b.Addr())
	clients.Store("c", c)
	defer clients.Delete("c")
	got := collect(t, c, task, 1)
	run(t, c)
	connected(t, c)
	_ = a.Publish(task, []byte("from a"), true, 1)
	want(t, got, "from a")
	<-up
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "on the second broker", func() bool { return c.Connected() == "tcp://"+b.Addr() })
	_ = b.Publish(task, []byte("from b"), true, 1)
	want(t, got, "from b")
	<-up
	if err := c.Publish(bounded(t), cmd, []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	wantEvents := []string{"up tcp://" + a.Addr(), "down", "up tcp://" + b.Addr(), "down"}
	mu.Lock()
	defer mu.Unlock()
	if strings.Join(events, " ") != strings.Join(wantEvents, " ") {
		t.Errorf("events %q\nwant   %q", events, wantEvents)
	}
}

// clients lets an OnConnect callback reach the client it belongs to.
var clients sync.Map

func c0(context.Context) *mqtt.Client {
	for {
		if v, ok := clients.Load("c"); ok {
			return v.(*mqtt.Client)
		}
	}
}

// A broker that takes connections and bytes and never answers is left, when it
// hangs in mid connection and when it is tried first.
func TestHungBroker(t *testing.T) {
	good, bad := newBroker(t, accept), newBroker(t, accept)
	r := newRelay(t, bad.Addr())
	c := newClient(t, func(cfg *mqtt.Config) {
		cfg.KeepAlive, cfg.PingTimeout, cfg.ConnectTimeout = time.Second, 200*time.Millisecond, 300*time.Millisecond
	}, r.url(), "tcp://"+good.Addr())
	run(t, c)
	connected(t, c)
	if c.Connected() != r.url() {
		t.Fatal("the first broker is not first")
	}
	r.freeze()
	if err := c.Publish(bounded(t), cmd, []byte("x"), false); !errors.Is(err, mqtt.ErrConnectionLost) {
		t.Errorf("publish to a hung broker: %v", err)
	}
	eventually(t, "on the good broker", func() bool { return c.Connected() == "tcp://"+good.Addr() })

	d := newClient(t, func(cfg *mqtt.Config) {
		cfg.ClientID, cfg.ConnectTimeout = "handheld:h2", 200*time.Millisecond
	}, r.url(), "tcp://"+good.Addr())
	run(t, d)
	connected(t, d)
	if d.Connected() != "tcp://"+good.Addr() {
		t.Errorf("connected to %s", d.Connected())
	}
}

func TestComesBackWhenTheBrokerDoes(t *testing.T) {
	b := newBroker(t, accept)
	r := newRelay(t, b.Addr())
	c := newClient(t, nil, r.url())
	run(t, c)
	connected(t, c)
	r.setRefuse(true)
	r.cut()
	eventually(t, "notices", func() bool { return c.Connected() == "" })
	if err := c.Publish(bounded(t), cmd, nil, false); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("publish while cut: %v", err)
	}
	short, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if err := c.WaitConnected(short); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("wait while cut: %v", err)
	}
	r.setRefuse(false)
	connected(t, c)
	if err := c.Publish(bounded(t), cmd, nil, false); err != nil {
		t.Error(err)
	}
}

// A handler that blocks, or publishes and waits, holds up neither the pings nor
// another subscription.
func TestSlowHandlers(t *testing.T) {
	b := newBroker(t, accept)
	c := newClient(t, func(cfg *mqtt.Config) { cfg.KeepAlive, cfg.PingTimeout = time.Second, 500*time.Millisecond }, "tcp://"+b.Addr())
	release := make(chan struct{})
	published := make(chan error, 1)
	err := c.Subscribe(bounded(t), mqtt.Subscription{Filter: task, QoS: 1, Handler: func(ctx context.Context, _ mqtt.Message) {
		published <- c.Publish(ctx, cmd, []byte("from a handler"), false)
		<-release
	}})
	if err != nil {
		t.Fatal(err)
	}
	other := collect(t, c, res, 1)
	run(t, c)
	connected(t, c)
	_ = b.Publish(task, []byte("x"), true, 1)
	if err := <-published; err != nil {
		t.Errorf("publish from a handler: %v", err)
	}
	for i := range 16 { // 1.6 s: more than a keep-alive
		_ = b.Publish(res, []byte(fmt.Sprint(i)), false, 1)
		want(t, other, fmt.Sprint(i))
		<-time.After(100 * time.Millisecond)
	}
	close(release)
	if n := c.Stats().Connects; n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestFullQueueAtQoS0DropsTheOldest(t *testing.T) {
	b := newBroker(t, accept)
	c := newClient(t, nil, "tcp://"+b.Addr())
	entered, release, got := make(chan struct{}, 100), make(chan struct{}), make(chan string, 100)
	err := c.Subscribe(bounded(t), mqtt.Subscription{Filter: res, QoS: 0, Queue: 3, Handler: func(_ context.Context, m mqtt.Message) {
		entered <- struct{}{}
		<-release
		got <- string(m.Payload)
	}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, c)
	connected(t, c)
	_ = b.Publish(res, []byte("0"), false, 0)
	<-entered
	for i := 1; i <= 8; i++ {
		_ = b.Publish(res, []byte(fmt.Sprint(i)), false, 0)
	}
	eventually(t, "dropped", func() bool { return c.Stats().Dropped == 5 })
	close(release)
	for _, w := range []string{"0", "6", "7", "8"} {
		want(t, got, w)
	}
	if n := c.Stats().Connects; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestFullQueueAtQoS1Resyncs(t *testing.T) {
	b := newBroker(t, accept)
	var why atomic.Value
	c := newClient(t, func(cfg *mqtt.Config) {
		cfg.OnDisconnect = func(err error) { why.CompareAndSwap(nil, err.Error()) }
	}, "tcp://"+b.Addr())
	entered, release := make(chan struct{}, 1000), make(chan struct{})
	var last atomic.Value
	err := c.Subscribe(bounded(t), mqtt.Subscription{Filter: task, QoS: 1, Queue: 2, Handler: func(_ context.Context, m mqtt.Message) {
		entered <- struct{}{}
		<-release
		last.Store(string(m.Payload))
	}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, c)
	connected(t, c)
	_ = b.Publish(task, []byte("0"), true, 1)
	<-entered
	for i := 1; i <= 4; i++ {
		_ = b.Publish(task, []byte(fmt.Sprint(i)), true, 1)
	}
	eventually(t, "reconnect", func() bool { return c.Stats().Connects > 1 })
	close(release)
	eventually(t, "the newest state", func() bool { return last.Load() == "4" })
	if s, _ := why.Load().(string); !strings.Contains(s, "queue full") {
		t.Errorf("disconnected because of %q", s)
	}
}

func TestWillAndGoodbye(t *testing.T) {
	b := newBroker(t, accept)
	r := newRelay(t, b.Addr())
	w := newClient(t, func(cfg *mqtt.Config) { cfg.ClientID = "watch:w" }, "tcp://"+b.Addr())
	seen := collect(t, w, conn, 0)
	run(t, w)
	connected(t, w)
	online := make(chan struct{}, 10)
	c := newClient(t, func(cfg *mqtt.Config) {
		cfg.Will = &mqtt.Message{Topic: conn, Payload: []byte("offline"), QoS: 1, Retained: true}
		cfg.OnConnect = func(context.Context, string) { online <- struct{}{} }
	}, r.url())
	run(t, c)
	<-online
	connected(t, c)
	if err := c.Publish(bounded(t), conn, []byte("online"), true); err != nil {
		t.Fatal(err)
	}
	want(t, seen, "online")
	r.cut()
	want(t, seen, "offline") // the broker, from the will
	<-online
	connected(t, c)
	if err := c.Publish(bounded(t), conn, []byte("online"), true); err != nil {
		t.Fatal(err)
	}
	want(t, seen, "online")
	_ = c.Close()
	want(t, seen, "offline") // the client itself
	select {
	case p := <-seen:
		t.Errorf("and again %q: the goodbye did not clear the will", p)
	case <-time.After(20 * time.Millisecond):
	}
}

func TestRefusedSubscription(t *testing.T) {
	b := newBroker(t, accept)
	c := newClient(t, nil, "tcp://"+b.Addr())
	run(t, c)
	connected(t, c)
	h := func(context.Context, mqtt.Message) {}
	err := c.Subscribe(bounded(t), mqtt.Subscription{Filter: "tote/v1/s1/handheld/h2/#", QoS: 1, Handler: h})
	if !errors.Is(err, mqtt.ErrSubscribeRefused) {
		t.Errorf("got %v", err)
	}
	// It is forgotten: the next connection stands without it.
	first := c.Stats().Connects
	if err := c.Publish(bounded(t), "tote/v1/s1/handheld/h2/up/cmd", nil, false); !errors.Is(err, mqtt.ErrConnectionLost) {
		t.Errorf("denied publish: %v", err)
	}
	eventually(t, "next connection", func() bool { return c.Stats().Connects > first })

	// Registered before the connection, it never comes to stand.
	d := newClient(t, func(cfg *mqtt.Config) { cfg.ClientID = "handheld:h3" }, "tcp://"+b.Addr())
	if err := d.Subscribe(bounded(t), mqtt.Subscription{Filter: "#", Handler: h}); err != nil {
		t.Fatal(err)
	}
	run(t, d)
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := d.WaitConnected(short); err == nil {
		t.Error("connected without its subscription")
	}
}

func TestCloseIsPrompt(t *testing.T) {
	b := newBroker(t, func(string) error { return nil })
	for name, c := range map[string]*mqtt.Client{
		"connected":  newClient(t, nil, "tcp://"+b.Addr()),
		"no broker":  newClient(t, func(cfg *mqtt.Config) { cfg.MinReconnect, cfg.MaxReconnect = time.Hour, time.Hour }, "tcp://127.0.0.1:1"),
		"never run":  newClient(t, nil, "tcp://"+b.Addr()),
		"dial hangs": newClient(t, func(cfg *mqtt.Config) { cfg.Dial = hang; cfg.ConnectTimeout = time.Hour }, "tcp://127.0.0.1:1"),
	} {
		done := make(chan struct{})
		if name != "never run" {
			go func() { _ = c.Run(context.Background()); close(done) }()
		} else {
			close(done)
		}
		if name == "connected" {
			connected(t, c)
		}
		closed := make(chan struct{})
		go func() { _ = c.Close(); _ = c.Close(); close(closed) }()
		for _, ch := range []chan struct{}{closed, done} {
			select {
			case <-ch:
			case <-time.After(limit):
				t.Fatalf("%s: Close hangs", name)
			}
		}
		if err := c.Subscribe(bounded(t), mqtt.Subscription{Filter: task, Handler: func(context.Context, mqtt.Message) {}}); !errors.Is(err, mqtt.ErrClosed) {
			t.Errorf("%s: subscribe after close: %v", name, err)
		}
		if err := c.Publish(bounded(t), cmd, nil, false); !errors.Is(err, mqtt.ErrNotConnected) {
			t.Errorf("%s: publish after close: %v", name, err)
		}
		if err := c.Run(context.Background()); err == nil {
			t.Errorf("%s: ran again", name)
		}
	}
}

func hang(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestConfigRules(t *testing.T) {
	ok := mqtt.Config{Brokers: []string{"tcp://127.0.0.1:1883"}, ClientID: "x"}
	for name, change := range map[string]func(*mqtt.Config){
		"no brokers":      func(c *mqtt.Config) { c.Brokers = nil },
		"no scheme":       func(c *mqtt.Config) { c.Brokers = []string{"127.0.0.1:1883"} },
		"other scheme":    func(c *mqtt.Config) { c.Brokers = []string{"ws://h:1"} },
		"no port":         func(c *mqtt.Config) { c.Brokers = []string{"tcp://h"} },
		"no host":         func(c *mqtt.Config) { c.Brokers = []string{"tcp://:1"} },
		"path":            func(c *mqtt.Config) { c.Brokers = []string{"tcp://h:1/x"} },
		"user in the URL": func(c *mqtt.Config) { c.Brokers = []string{"tcp://u@h:1"} },
		"no id":           func(c *mqtt.Config) { c.ClientID = "" },
		"keep-alive":      func(c *mqtt.Config) { c.KeepAlive = 1500 * time.Millisecond },
		"short alive":     func(c *mqtt.Config) { c.KeepAlive = time.Millisecond },
		"negative":        func(c *mqtt.Config) { c.PingTimeout = -1 },
		"pauses":          func(c *mqtt.Config) { c.MinReconnect = time.Hour },
		"inflight":        func(c *mqtt.Config) { c.MaxInflight = -1 },
		"will QoS 2":      func(c *mqtt.Config) { c.Will = &mqtt.Message{Topic: "a", QoS: 2} },
		"will wildcard":   func(c *mqtt.Config) { c.Will = &mqtt.Message{Topic: "a/#"} },
	} {
		cfg := ok
		change(&cfg)
		if _, err := mqtt.New(cfg); !errors.Is(err, mqtt.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := mqtt.New(ok)
	if err != nil {
		t.Fatal(err)
	}
	h := func(context.Context, mqtt.Message) {}
	for name, s := range map[string]mqtt.Subscription{
		"filter": {Filter: "a/#/b", Handler: h}, "QoS 2": {Filter: "a", QoS: 2, Handler: h},
		"handler": {Filter: "a"}, "queue": {Filter: "a", Queue: -1, Handler: h},
	} {
		if err := c.Subscribe(bounded(t), s); !errors.Is(err, mqtt.ErrInvalid) {
			t.Errorf("subscription, %s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"wildcard": c.Publish(bounded(t), "a/+", nil, false),
		"too big":  c.Publish(bounded(t), "a", make([]byte, mqtt.MaxPayload+1), false),
	} {
		if !errors.Is(err, mqtt.ErrInvalid) {
			t.Errorf("publish, %s: %v", name, err)
		}
	}
}
