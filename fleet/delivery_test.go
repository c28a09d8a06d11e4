package fleet

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tote/fleet/vda5050"
	"tote/mqtt"
)

// The robot is there and hears no orders: the same one is sent on and on, more
// slowly after a while, and taken when it hears again.
func TestOrderIsNotConfirmed(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		w.with(func() { w.bots[0].deaf = vda5050.TopicOrder })
		w.jobs.add(transport("J1", "A", "B"))
		w.shows("R1", CodeUnconfirmed, time.Minute)
		w.run(2 * time.Minute)
		if w.orders() != 1 {
			t.Errorf("%d different orders, want the same again and again", w.orders())
		}
		w.with(func() { w.bots[0].deaf = "" })
		w.until(2*time.Minute, "done", func() bool { return w.jobs.of("J1") == JobDone })
	})
}

func TestCancelIsNotConfirmed(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		w.jobs.add(transport("J1", "D", "B"))
		w.until(time.Minute, "it drives", func() bool { return w.bots[0].to == "B" })
		w.with(func() { w.bots[0].deaf, w.bots[0].stuck = vda5050.TopicInstantActions, true })
		if !w.master.Withdraw("J1", "CARRIED") {
			t.Fatal("not withdrawn")
		}
		w.shows("R1", CodeCancel, time.Minute)
		if held := w.store.robot("R1").Nodes; !slices.Contains(held, "D") {
			t.Errorf("freed before the end of the cancel: %v", held)
		}
		w.with(func() { w.bots[0].deaf = "" })
		w.until(time.Minute, "heard", func() bool { return w.bots[0].cancel != "" })
		w.with(func() { w.bots[0].stuck = false })
		w.until(2*time.Minute, "cancelled", func() bool { return w.jobs.of("J1") == "JOB_FAILED/CARRIED" })
	})
}

// A robot that never hears the cancel, nor ever heard the order, has ended it too.
func TestCancelWithoutAnEcho(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		w.with(func() { w.bots[0].deaf = vda5050.TopicOrder })
		w.jobs.add(transport("J1", "D", "B"))
		w.until(time.Minute, "it was sent", func() bool { return w.orders() == 1 })
		w.with(func() { w.bots[0].deaf = vda5050.TopicInstantActions })
		w.with(func() { w.queue = nil })
		if !w.master.Withdraw("J1", "CARRIED") {
			t.Fatal("not withdrawn")
		}
		w.until(2*time.Minute, "ended", func() bool { return w.jobs.of("J1") == "JOB_FAILED/CARRIED" })
	})
}

func TestRobotIsBlocked(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.with(func() { w.bots[0].stuck = true })
		w.jobs.mu.Lock()
		job := transport("J1", "A", "A")
		w.jobs.assigned["R1"] = &job
		w.jobs.mu.Unlock()
		w.shows("R1", CodeBlocked, time.Minute)
		w.othersWork("J2")
		w.with(func() { w.bots[0].stuck = false })
		w.until(time.Minute, "it goes on", func() bool { return w.jobs.of("J1") == JobDone })
	})
}

func TestFactsheetForbids(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		w.until(time.Minute, "idle", func() bool { return w.status("R1").State == StateIdle })
		w.send("S1", "factsheet", `{"headerId":0,"timestamp":"","version":"2.0.0","manufacturer":"KIT","serialNumber":"S1","protocolLimits":{"maxArrayLens":{"order.nodes":3}}}`)
		w.jobs.add(transport("J1", "D", "A"), transport("J2", "A", "A"))
		w.until(time.Minute, "too long for it", func() bool { return w.jobs.of("J1") == "JOB_FAILED/"+CodeCannot })
		w.until(time.Minute, "short enough", func() bool { return w.jobs.of("J2") == JobDone })
		if w.store.robot("R1").Factsheet == "" || w.store.robot("R1").Version != "2.0.0" {
			t.Errorf("not recorded: %+v", w.store.robot("R1"))
		}
	})
}

// Somebody else's order is left alone until a person says otherwise.
func TestForeignOrder(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		w.until(time.Minute, "idle", func() bool { return w.status("R1").State == StateIdle })
		w.with(func() {
			b := w.bots[0]
			b.stuck, b.order, b.nodes = true, "theirs", []vda5050.Node{{NodeID: "A", SequenceID: 2, Released: true}}
		})
		w.shows("R1", CodeOrder, time.Minute)
		w.run(time.Minute)
		if len(w.bots[0].nodes) == 0 || !slices.Contains(w.store.robot("R1").Nodes, "A") {
			t.Errorf("it was cancelled, or its way is not held: %v", w.store.robot("R1").Nodes)
		}
		if err := w.master.Clear("R1"); err != nil {
			t.Fatal(err)
		}
		w.with(func() { w.bots[0].stuck = false })
		w.until(time.Minute, "idle again", func() bool { return w.status("R1").State == StateIdle && !w.bots[0].busy() })
	})
}

// Two gateways that both believe to lead, for ten seconds and more: they say the
// same.
func TestTwoLeaders(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed, 3)
			w.loss = 10
			for i, way := range strings.Fields("AF DE CA BD FB EC") {
				w.jobs.add(transport("J"+string(rune('0'+i)), way[:1], way[1:]))
			}
			w.start()
			w.run(time.Duration(seed) * time.Second)
			old, ended := w.kill, w.ended
			w.start()
			w.run(20 * time.Second)
			w.with(old)
			<-ended
			w.until(20*time.Minute, "all done", func() bool { return w.jobs.over() == 6 })
			w.stop()
			for leg, n := range w.effects {
				if n != 1 {
					t.Errorf("%s was done %d times", leg, n)
				}
			}
		})
	}
}

// ear is a client that notes what is published.
type ear struct {
	mu   sync.Mutex
	subs []mqtt.Subscription
	sent []string
}

func (e *ear) Subscribe(_ context.Context, s mqtt.Subscription) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subs = append(e.subs, s)
	return nil
}

func (e *ear) PublishQoS0(_ context.Context, topic string, _ []byte, _ bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent = append(e.sent, topic)
	return nil
}

func (e *ear) hear(name, raw string) {
	e.mu.Lock()
	subs := e.subs
	e.mu.Unlock()
	for _, s := range subs {
		if strings.HasSuffix(s.Filter, "/"+name) {
			s.Handler(context.Background(), message("uagv/v2/KIT/S1/"+name, raw))
		}
	}
}

func (e *ear) count(name string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, topic := range e.sent {
		if strings.HasSuffix(topic, "/"+name) {
			n++
		}
	}
	return n
}

// A robot that moves from one gateway's broker to another's is followed there,
// and the last will of the old connection, which comes late, is no news.
func TestSeveralBrokers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1)
		a, b := &ear{}, &ear{}
		cfg := w.cfg
		cfg.Clients, cfg.Propose, cfg.Leading = []Client{a, b}, w.store.propose, func() bool { return true }
		m, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = m.Run(ctx) }()
		synctest.Wait()
		if a.count("instantActions") == 0 || b.count("instantActions") == 0 {
			t.Error("a robot nobody has heard is asked for on one broker only")
		}
		say := func(e *ear) {
			<-time.After(100 * time.Millisecond)
			e.hear("state", encode(w.bots[0].state(time.Now())))
			synctest.Wait()
		}
		w.jobs.add(transport("J1", "A", "B"))
		say(a)
		say(a)
		if a.count("order") != 1 || b.count("order") != 0 {
			t.Errorf("orders on a %d, on b %d; want 1, 0", a.count("order"), b.count("order"))
		}
		say(b)
		a.hear("connection", `{"headerId":0,"timestamp":"","version":"2.0.0","manufacturer":"KIT","serialNumber":"S1","connectionState":"CONNECTIONBROKEN"}`)
		for range 120 { // twelve seconds
			say(b)
		}
		if s := m.Status()[0]; s.Code == CodeLost || s.Broker != 1 {
			t.Errorf("status %+v", s)
		}
		if a.count("order") > 2 || b.count("order") == 0 {
			t.Errorf("orders on a %d, on b %d", a.count("order"), b.count("order"))
		}
		cancel()
		synctest.Wait()
	})
}
