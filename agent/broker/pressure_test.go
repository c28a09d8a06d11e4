package broker_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/agent/broker"
)

const h2Task = "tote/v1/s1/handheld/h2/state/task"

// A client that stops reading is disconnected; meanwhile nobody waits for it.
func TestAStalledClientHoldsUpNobody(t *testing.T) {
	var log syncBuffer
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		cfg.Limits.WriteBuffer = 256 << 10
	})
	stalled := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	stalled.subscribe(1, 0, h1Task)
	good := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h2"})
	good.subscribe(1, 0, h2Task)
	big := []byte(strings.Repeat("x", 32<<10))
	slowest := time.Duration(0)
	for i := 0; b.Stats().Dropped == 0; i++ {
		if i > 5000 {
			t.Fatal("160 MB later it is still connected")
		}
		began := time.Now()
		if err := b.Publish(h1Task, big, false, 1); err != nil {
			t.Fatal(err)
		}
		slowest = max(slowest, time.Since(began))
		if i%20 == 0 {
			_ = b.Publish(h2Task, []byte(strconv.Itoa(i)), false, 0)
			if _, _, p := good.want(pktPublish).message(); string(p) != strconv.Itoa(i) {
				t.Fatalf("the good client got %q", p)
			}
		}
	}
	if slowest > 5*time.Second { // a socket that takes nothing would block for the write timeout of 10 s
		t.Errorf("a publish took %v", slowest)
	}
	eventually(t, "disconnected", func() bool { return b.Stats().Connected == 1 })
	if !strings.Contains(log.String(), "reads too slowly") {
		t.Error("not logged")
	}
	good.send(encode(pktPingreq, 0))
	good.want(pktPingresp)
}

// A client that takes no bytes for WriteTimeout is disconnected although
// nothing more is sent to it.
func TestWriteTimeout(t *testing.T) {
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Limits.WriteTimeout, cfg.Limits.WriteBuffer = 50*time.Millisecond, 64<<20
	})
	c := connectRaw(t, b.Addr(), connectOpts{id: "watch:w"})
	c.subscribe(1, 0, "tote/v1/s1/#")
	big := []byte(strings.Repeat("x", 60<<10))
	for range 500 { // 30 MB: below the write buffer, more than the kernel takes
		_ = b.Publish(h1Task, big, false, 0)
	}
	eventually(t, "disconnected", func() bool { return b.Stats().Connected == 0 })
}

// A client that never acknowledges fills its window. The library would then
// drop what is sent to it without a word.
func TestWindowFull(t *testing.T) {
	b := start(t, accept, func(cfg *broker.Config) { cfg.Limits.Inflight = 10 })
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c.subscribe(1, 1, h1Task)
	for i := range 12 {
		_ = b.Publish(h1Task, []byte(strconv.Itoa(i)), true, 1)
	}
	c.wantClosed()
	if s := b.Stats(); s.Dropped != 1 {
		t.Errorf("stats %+v", s)
	}
	// Back again, it has the newest state.
	c = connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c.subscribe(1, 1, h1Task)
	if _, _, p := c.want(pktPublish).message(); string(p) != "11" {
		t.Errorf("state %q", p)
	}
}

// A client that acknowledges may get any number.
func TestWindowMoves(t *testing.T) {
	b := start(t, accept, func(cfg *broker.Config) { cfg.Limits.Inflight = 5 })
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c.subscribe(1, 1, h1Task)
	for i := range 100 {
		_ = b.Publish(h1Task, []byte(strconv.Itoa(i)), true, 1)
		_, id, _ := c.want(pktPublish).message()
		c.send(encode(pktPuback, 0, []byte{byte(id >> 8), byte(id)}))
		c.send(encode(pktPingreq, 0)) // answered when the PUBACK has been read
		c.want(pktPingresp)
	}
}

// The library's queue of a client is full: disconnected, not skipped.
func TestOutboundQueueFull(t *testing.T) {
	b := start(t, accept, func(cfg *broker.Config) { cfg.Limits.Pending = 1 })
	for i := range 400 {
		_ = b.Publish(fmt.Sprintf("tote/v1/s1/handheld/h%d/state/task", i), []byte("x"), true, 1)
	}
	c := connectRaw(t, b.Addr(), connectOpts{id: "watch:w"})
	c.send(encodeSubscribe(1, 0, "tote/v1/s1/#")) // 400 retained messages at once
	c.wantClosed()
	eventually(t, "counted", func() bool { return b.Stats().Dropped == 1 })
}

// The library keeps packet ids of both directions in one table: a SUBSCRIBE
// with the id of a delivery on its way would be refused.
func TestSubscribeWithTheIdOfADelivery(t *testing.T) {
	b := start(t, accept, nil)
	_ = b.Publish(h1Task, []byte("x"), true, 1)
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c.subscribe(1, 1, h1Task)
	_, id, _ := c.want(pktPublish).message() // not acknowledged
	if code := c.subscribe(id, 1, "tote/v1/s1/handheld/h1/down/#"); code[0] != 1 {
		t.Fatalf("SUBACK %#x", code[0])
	}
	_ = b.Publish(h1Task, []byte("y"), true, 1)
	_, id, _ = c.want(pktPublish).message()
	c.send(encode(pktUnsub, 2, []byte{byte(id >> 8), byte(id)}, field([]byte(h1Task))))
	c.want(pktUnsuback)
	_ = b.Publish(h1Task, []byte("z"), true, 1)
	_ = b.Publish("tote/v1/s1/handheld/h1/down/result", []byte("r"), false, 1)
	if topic, _, _ := c.want(pktPublish).message(); !strings.HasSuffix(topic, "down/result") {
		t.Errorf("got %s after unsubscribing from it", topic)
	}
	// And a command with such an id is recorded and acknowledged.
	c.send(encodePublish(h1Cmd, 1, 3, "cmd", false))
	if p := c.want(pktPuback); p.id() != 3 {
		t.Errorf("PUBACK %d", p.id())
	}
}

func TestRetainedState(t *testing.T) {
	b := start(t, accept, nil)
	_ = b.Publish(h1Task, []byte("one"), true, 1)
	_ = b.Publish(h1Task, []byte("two"), true, 1)
	_ = b.Publish("tote/v1/s1/handheld/h1/down/result", []byte("not kept"), false, 1)
	get := func() string {
		c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
		c.subscribe(1, 1, "tote/v1/s1/handheld/h1/state/#", "tote/v1/s1/handheld/h1/down/#")
		c.send(encode(pktPingreq, 0))
		var got []string
		for {
			p, err := c.next(deadline)
			if err != nil {
				t.Fatal(err)
			}
			if p.kind == pktPingresp && len(got) < 1 {
				// The broker answers a ping at once, deliveries by another
				// goroutine: look again.
				if p, err = c.next(50 * time.Millisecond); err != nil {
					return strings.Join(got, " ")
				}
			}
			if p.kind == pktPublish {
				_, _, payload := p.message()
				return fmt.Sprintf("%s retained=%d", payload, p.flags&1)
			}
		}
	}
	if got := get(); got != "two retained=1" {
		t.Errorf("got %q", got)
	}
	_ = b.Publish(h1Task, nil, true, 1)
	if got := get(); got != "" {
		t.Errorf("after clearing: %q", got)
	}
}

// A new subscriber never sees a retained message after a newer one: what it
// saw last is what the topic holds.
func TestSubscribersEndUpWithTheNewestState(t *testing.T) {
	b := start(t, accept, nil)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	// Some hundred topics, so that sending the retained messages takes a while.
	topic := func(i int) string { return fmt.Sprintf("tote/v1/s1/handheld/h%d/state/task", i) }
	const topics = 200
	for i := range topics {
		_ = b.Publish(topic(i), []byte("0"), true, 1)
	}
	wg.Go(func() {
		for n := 1; ; n++ {
			for i := 0; i < topics; i += 10 {
				select {
				case <-stop:
					return
				default:
				}
				if err := b.Publish(topic(i), []byte(strconv.Itoa(n)), true, 1); err != nil {
					return
				}
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	for round := range 15 {
		c := connectRaw(t, b.Addr(), connectOpts{id: "watch:w" + strconv.Itoa(round)})
		c.send(encodeSubscribe(1, 0, "tote/v1/s1/#"))
		last := map[string]int{}
		for range 3 * topics {
			p, err := c.next(deadline)
			if err != nil {
				t.Fatal(err)
			}
			if p.kind != pktPublish {
				continue
			}
			name, _, payload := p.message()
			n, _ := strconv.Atoi(string(payload))
			if n < last[name] {
				t.Fatalf("round %d: %s went from %d back to %d", round, name, last[name], n)
			}
			last[name] = n
		}
		_ = c.Close()
	}
}

// Publishers, subscribers, take-overs and broken connections at once: for the
// race detector, and for locks that are not given back.
func TestManyThingsAtOnce(t *testing.T) {
	b := start(t, handlerFunc(func(_ context.Context, _ broker.Device, _ string, p []byte) error {
		if string(p) == "panic" {
			panic("on purpose")
		}
		return nil
	}), nil)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 30 {
				c := dialRaw(t, b.Addr())
				id := fmt.Sprintf("handheld:h%d", (w+i)%3) // they chase each other
				_, _ = c.Write(encodeConnect(connectOpts{id: id, willTopic: "tote/v1/s1/handheld/" + id[9:] + "/state/conn", will: "offline"}))
				_, _ = c.next(deadline)
				base := "tote/v1/s1/handheld/" + id[9:]
				_, _ = c.Write(encodeSubscribe(1, 1, base+"/state/#"))
				_, _ = c.Write(encodePublish(base+"/state/conn", 1, 2, "online", true))
				payload := "x"
				if i%10 == 9 {
					payload = "panic"
				}
				_, _ = c.Write(encodePublish(base+"/up/cmd", 1, 3, payload, false))
				for range 3 {
					if _, err := c.next(20 * time.Millisecond); err != nil {
						break
					}
				}
				_ = c.Close()
				_ = b.Publish(base+"/state/task", []byte(strconv.Itoa(i)), true, 1)
				b.Clients()
			}
		})
	}
	wg.Wait()
	eventually(t, "all gone", func() bool { return b.Stats().Connected == 0 })
	c := connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c.subscribe(1, 1, h1Task)
	_ = b.Publish(h1Task, []byte("end"), true, 1)
	for {
		if _, _, p := c.want(pktPublish).message(); string(p) == "end" {
			return
		}
	}
}
