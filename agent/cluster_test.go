//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/agent/health"
	"tote/agent/identity"
	"tote/agent/projection"
	"tote/agent/replica"
	"tote/agent/station"
	"tote/agent/topics"
	"tote/demo/handheld"
	"tote/mqtt"
	"tote/warehouse"
)

// trio is a site of three gateways in this process: three stores on disk, three
// brokers, and the real ports with the real certificates between them.
type trio struct {
	*testing.T
	gw [3]*site
}

// trios lets three tests at a time have three gateways: with many more on a small
// machine they would not hear each other in time.
var trios = make(chan struct{}, 3)

// newTrio starts three gateways, with further configuration if there is more. The
// devices of the floor are plugged into the third.
func newTrio(t *testing.T, floor bool, more ...string) *trio {
	t.Helper()
	return newTrioWith(t, floor, func(*site) {}, more...)
}

// newTrioWith is newTrio with a change to the one that has the devices.
func newTrioWith(t *testing.T, floor bool, change func(*site), more ...string) *trio {
	t.Helper()
	c := &trio{T: t}
	trios <- struct{}{}
	t.Cleanup(func() { <-trios })
	for i, id := range []string{"gw1", "gw2", "gw3"} {
		c.gw[i] = &site{t: t, dir: t.TempDir(), id: id, port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0", more: strings.Join(more, "\n")}
	}
	for i, s := range c.gw {
		s.others = []*site{c.gw[(i+1)%3], c.gw[(i+2)%3]}
	}
	if floor {
		change(c.gw[2])
		c.gw[2].startDevices()
	}
	c.gw[0].found()
	c.gw[0].load()
	for _, s := range c.gw[1:] {
		_, err := Join(s.ctx(), s.parsed(), c.gw[0].token(time.Hour), c.gw[0].port)
		s.must(err)
		s.start()
	}
	c.gw[0].eventually("three gateways have a vote", func() bool {
		for _, s := range c.gw {
			voters := 0
			for _, p := range s.gw.agent.store.Peers() {
				if p.Voter && p.Up {
					voters++
				}
			}
			if voters != 3 {
				return false
			}
		}
		return true
	})
	if floor {
		c.gw[2].devicesReady()
	}
	return c
}

// found begins a site.
func (s *site) found() {
	s.t.Helper()
	cfg := s.parsed()
	_, err := identity.Init(identityDir(cfg), cfg.Site, cfg.Gateway, time.Now)
	s.must(err)
	s.start()
}

// token makes a join token as the API does.
func (s *site) token(life time.Duration) string {
	s.t.Helper()
	token, err := s.gw.agent.newToken(s.ctx(), life)
	s.must(err)
	return token
}

// leader waits until one of these gateways leads.
func (c *trio) leader(of []*site) *site {
	c.Helper()
	at := -1
	c.gw[0].eventually("one gateway leads", func() bool {
		at = slices.IndexFunc(of, func(s *site) bool { return s.gw.agent.store.IsLeader() })
		return at >= 0
	})
	return of[at]
}

// runs says whether the gateway was not stopped.
func (s *site) runs() bool {
	select {
	case <-s.gw.ended:
		return false
	default:
		return true
	}
}

// quorum waits until the gateway has one, or knows that it has none.
func (s *site) quorum(want bool) {
	s.t.Helper()
	s.eventually("the quorum is there or gone", func() bool {
		ok, _ := s.gw.agent.store.Quorum()
		return ok == want
	})
}

// rawHandheld speaks the protocol byte by byte, with one gateway.
type rawHandheld struct {
	s      *site
	id     string
	mq     *mqtt.Client
	result chan string
	stop   func()

	mu    sync.Mutex
	state map[string]string // newest payload by name
}

func (s *site) rawHandheld(id string) *rawHandheld {
	s.t.Helper()
	h := &rawHandheld{s: s, id: id, result: make(chan string, 16), state: map[string]string{}}
	h.mq = s.mqttClient("handheld:"+id, nil)
	for _, branch := range []string{topics.Down, topics.State} {
		s.must(h.mq.Subscribe(s.ctx(), mqtt.Subscription{
			Filter: topics.Of("s1", topics.Handheld, id, branch, "+"), QoS: 1,
			Handler: func(_ context.Context, m mqtt.Message) {
				if top, _ := topics.Parse(m.Topic); top.Branch == topics.Down {
					h.result <- string(m.Payload)
				} else {
					h.mu.Lock()
					defer h.mu.Unlock()
					h.state[top.Name] = string(m.Payload)
				}
			},
		}))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.mq.Run(ctx) }()
	stopped := false
	h.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			<-ended
		}
	}
	s.t.Cleanup(h.stop)
	s.must(h.mq.WaitConnected(s.ctx()))
	return h
}

// send sends the bytes of a verb and returns the bytes of the answer.
func (h *rawHandheld) send(payload string) string {
	h.s.t.Helper()
	h.s.must(h.mq.Publish(h.s.ctx(), topics.HandheldCmd("s1", h.id), []byte(payload), false))
	select {
	case r := <-h.result:
		return r
	case <-time.After(deadline):
		h.s.t.Fatalf("%s: no answer to %s", h.id, payload)
		return ""
	}
}

// shows waits for the payload of a retained state topic.
func (h *rawHandheld) shows(name, want string) {
	h.s.t.Helper()
	h.s.eventually(fmt.Sprintf("%s at %s: state/%s is %s", h.id, h.s.id, name, want), func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.state[name] == want
	})
}

// TestJoinRefused: a newcomer without a good token is told why and what to do,
// and nothing of it stays behind on either side.
func TestJoinRefused(t *testing.T) {
	t.Parallel()
	gw1 := &site{t: t, dir: t.TempDir(), id: "gw1", port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	gw1.found()
	gw1.load()
	newcomer := func(id string) *site {
		return &site{t: t, dir: t.TempDir(), id: id, port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	}
	good, used := gw1.token(time.Hour), gw1.token(time.Hour)
	member := newcomer("gw2")
	id, err := Join(member.ctx(), member.parsed(), used, gw1.port)
	gw1.must(err)
	if id.Gateway != "gw2" || id.Authority().Site() != "s1" {
		t.Errorf("joined as %s of %s", id.Gateway, id.Authority().Site())
	}
	wrong, err := identity.ParseToken(good)
	gw1.must(err)
	wrong.Secret[0] ^= 1
	other, err := identity.NewAuthority("s2", time.Now())
	gw1.must(err)
	foreign, err := identity.NewToken(other)
	gw1.must(err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	gw1.must(err)
	nobody := ln.Addr().String()
	gw1.must(ln.Close())

	for name, tc := range map[string]struct {
		who       *site
		token, to string
		want      error
	}{
		"rubbish":            {newcomer("gw3"), "tote1.rubbish", gw1.port, identity.ErrToken},
		"wrong secret":       {newcomer("gw3"), wrong.String(), gw1.port, identity.ErrTokenUnknown},
		"old":                {newcomer("gw3"), gw1.token(-time.Minute), gw1.port, identity.ErrTokenExpired},
		"used by another":    {newcomer("gw3"), used, gw1.port, identity.ErrTokenUsed},
		"of another site":    {newcomer("gw3"), foreign.String(), gw1.port, identity.ErrWrongSite},
		"the id of a member": {newcomer("gw1"), good, gw1.port, identity.ErrTaken},
		"nobody there":       {newcomer("gw3"), good, nobody, identity.ErrNobody},
		"joined already":     {member, good, gw1.port, identity.ErrExists},
	} {
		t.Run(name, func(t *testing.T) {
			gw1.unchanged(func() {
				_, err := Join(tc.who.ctx(), tc.who.parsed(), tc.token, tc.to)
				if !errors.Is(err, tc.want) {
					t.Fatalf("answered %v, want %v", err, tc.want)
				}
				code, _, _ := strings.Cut(tc.want.Error(), ":")
				fault, _ := health.Find(code)
				if text := err.Error(); !strings.Contains(text, code) || fault.Action == "" || !strings.Contains(text, fault.Action) {
					t.Errorf("%q names not both code and action", text)
				}
			})
			_, err := identity.Load(identityDir(tc.who.parsed()), time.Now)
			if tc.who != member && !errors.Is(err, identity.ErrNone) {
				t.Errorf("an identity was left behind: %v", err)
			}
		})
	}
	if !gw1.runs() {
		t.Error("the gateway stopped")
	}
	// The refusals used nothing up.
	third := newcomer("gw3")
	_, err = Join(third.ctx(), third.parsed(), good, gw1.port)
	gw1.must(err)
}

// leaderProcess makes the first gateway a process of its own, which leads.
func (c *trio) leaderProcess() *child {
	c.Helper()
	leader := c.gw[0]
	leader.stop()
	plug := leader.spawn()
	leader.eventually("the gateway of a process of its own leads", func() bool {
		s := c.gw[1].gw.agent.bare().(clusterStore)
		if id, ok := s.Leader(); !ok || id == "gw1" {
			// The others know of it before everything is in its state.
			code, _ := leader.call("GET", "/readyz", "", "")
			return ok && code == http.StatusOK
		}
		_ = s.Transfer(leader.ctx(), "gw1") // it may not have caught up yet
		return false
	})
	return plug
}

// TestLeaderKilled: SIGKILL for the gateway that leads. Its handhelds go on at
// another one, find the same state there, and a verb sent again has one effect.
func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	leader, others := c.gw[0], c.gw[1:]
	plug := c.leaderProcess()
	leader.order("O1", "A1", 4)
	p := leader.picker(1)
	p.ask()
	p.until("scan_item")
	p.goOn()

	raw := leader.rawHandheld("h7")
	raw.send(`{"cmdId":"h7-1","seq":1,"verb":"sign_in","barcode":"BADGE-2"}`)
	again := `{"cmdId":"h7-2","seq":2,"verb":"ask"}`
	first := raw.send(again)
	var answer struct {
		OK   bool            `json:"ok"`
		Next json.RawMessage `json:"next"`
	}
	leader.must(json.Unmarshal([]byte(first), &answer))
	if !answer.OK {
		t.Fatalf("answered %s", first)
	}
	raw.shows(topics.Task, string(answer.Next))
	raw.shows(topics.Seq, `{"last":2}`)
	raw.stop()
	plug.kill()

	for _, s := range others {
		raw := s.rawHandheld("h7")
		raw.shows(topics.Task, string(answer.Next))
		raw.stop()
	}
	next := c.leader(others)
	for _, s := range others { // at the new leader and through it
		raw := s.rawHandheld("h7")
		s.quorum(true)
		_, err := s.gw.agent.do(s.ctx(), "test", warehouse.AdvanceTime{}) // what was in flight is applied
		s.must(err)
		before := s.digest()
		if diff := cmp.Diff(first, raw.send(again)); diff != "" {
			t.Errorf("%s answers the verb sent again otherwise (-first +again):\n%s", s.id, diff)
		}
		if s.digest() != before {
			t.Errorf("%s: the verb sent again changed the state", s.id)
		}
		raw.shows(topics.Seq, `{"last":2}`)
		raw.stop()
	}
	// The reference client finds its way alone.
	p.s = next
	if _, err := p.hh.WaitTask(next.ctx(), func(st handheld.Step) bool { return st == p.step }); err != nil {
		t.Errorf("the handheld shows %+v, want %+v", p.hh.Task(), p.step)
	}
	p.until("ask")
	next.wantState("O1", warehouse.OrderPicked)
	if o := next.get("O1"); o.Lines[0].Picked != 4 {
		t.Errorf("%d of O1 picked", o.Lines[0].Picked)
	}
	// The one that was away catches up by itself.
	leader.start()
	leader.eventually("it has the same state", func() bool { return leader.digest() == next.digest() })
}

// TestNoQuorum: with two of three gateways gone nothing is accepted and nothing
// is printed; with one of them back everything goes on by itself.
func TestNoQuorum(t *testing.T) {
	t.Parallel()
	c := newTrio(t, true)
	s := c.gw[2]
	tote := s.picked(1, "O1", "A1", 1)
	sc := s.screen("station", "pack1")
	s.weighing(sc, tote)
	dock := s.screen("dock", "dock1")
	p := s.pickerOf(2, "O2", "A2", 1)
	screens := map[string]*quorumScreen{}
	for _, id := range []string{"handheld:h8", "display:pack2", "conveyor:c1"} {
		screens[id] = s.quorumScreen(id)
		screens[id].shows(true)
	}

	c.gw[0].stop()
	c.gw[1].stop()
	s.quorum(false)
	before := s.digest()
	_, since := s.gw.agent.store.Quorum()
	for id, q := range screens {
		if got := q.shows(false); got.Code != station.HintNoQuorum || got.Since != since.UTC().Format(time.RFC3339) ||
			!strings.HasPrefix(got.Text, "NO QUORUM since "+since.Format(time.TimeOnly)) || got.Action == "" {
			t.Errorf("%s shows %+v", id, got)
		}
	}
	s.quorumScreen("handheld:late").shows(false)
	s.put("pack1", 450_000)
	sc.untilHint(station.HintNoQuorum)
	s.scan("pack1", "T-900")
	sc.answer(station.HintNoQuorum)
	s.scan("dock1", station.CodeDepart)
	dock.answer(station.HintNoQuorum)
	done := make(chan handheld.Result, 1)
	verb := p.right()
	go func() {
		res, err := p.hh.Do(s.ctx(), verb)
		if err != nil {
			t.Errorf("the verb was given up: %v", err)
		}
		done <- res
	}()
	s.eventually("the acknowledgement is withheld", func() bool { return s.gw.agent.broker.Stats().Withheld > 0 })
	if _, err := s.gw.agent.store.Do(canceled(), replica.By{ID: newID(), Actor: "test"}, warehouse.AdvanceTime{}); err == nil {
		t.Error("a command was taken without a quorum")
	}
	if s.digest() != before || s.labels("pack1") != 0 || len(done) > 0 || p.hh.Pending() != 1 {
		t.Errorf("something was done without a quorum: %d labels, %d answers, %d verbs in the outbox", s.labels("pack1"), len(done), p.hh.Pending())
	}

	c.gw[0].start()
	s.quorum(true)
	if res := <-done; !res.OK {
		t.Errorf("the verb of the outbox: %+v", res)
	}
	sc.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderLabelled)
	sc.untilStep(warehouse.StepScanTote)
	if n := s.labels("pack1"); n != 1 {
		t.Errorf("%d labels came out", n)
	}
	sc.untilHint("")
	for _, q := range screens {
		q.shows(true)
	}
	s.scan("dock1", station.CodeDepart)
	dock.answer(warehouse.CodeNothingLoaded)
	c.gw[1].start()
}

// quorumScreen is a device that shows whether the site has a quorum.
type quorumScreen struct {
	s    *site
	id   string
	mu   sync.Mutex
	told projection.Quorum
}

func (s *site) quorumScreen(id string) *quorumScreen {
	s.t.Helper()
	q := &quorumScreen{s: s, id: id}
	client := s.mqttClient(id, nil)
	s.must(client.Subscribe(s.ctx(), mqtt.Subscription{Filter: topics.SiteQuorum("s1"), QoS: 1, Handler: func(_ context.Context, m mqtt.Message) {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.told = projection.Quorum{}
		if err := json.Unmarshal(m.Payload, &q.told); err != nil {
			s.t.Error(err)
		}
	}}))
	s.background(client.Run)
	return q
}

// shows waits until the screen says that there is a quorum, or none.
func (q *quorumScreen) shows(ok bool) (told projection.Quorum) {
	q.s.t.Helper()
	q.s.eventually(fmt.Sprintf("%s shows quorum %v", q.id, ok), func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		told = q.told
		return told.Since != "" && told.OK == ok
	})
	return told
}

// TestDisplaysFailOver: the display of a station or dock finds the same on every
// gateway, also on those that have no such place in their configuration, and
// learns there what changes.
func TestDisplaysFailOver(t *testing.T) {
	t.Parallel()
	c := newTrio(t, true)
	s := c.gw[2] // the places are its
	tote := s.picked(1, "O1", "A1", 1)
	for _, other := range c.gw[:2] {
		for _, place := range []struct{ class, id, do string }{
			{topics.Dock, "dock1", "scan_label"}, {topics.Station, "pack1", warehouse.StepScanTote}, {topics.Station, "pack2", warehouse.StepScanTote},
		} {
			sc := other.screen(place.class, place.id) // waits for a task
			sc.untilStep(place.do)
		}
	}
	// A change is seen on the other gateways too.
	far, near := c.gw[1].screen(topics.Station, "pack1"), s.screen(topics.Station, "pack1")
	farDock := c.gw[0].screen(topics.Dock, "dock1")
	s.packed(near, "O1", tote, 450_000)
	far.untilStep(warehouse.StepScanTote)
	label := s.get("O1").Parcels[0].SSCC
	s.scan("dock1", "]C100"+label)
	farDock.until("the parcel on the truck", func(task screenTask, _ station.Hint) bool { return slices.Contains(task.Loaded, label) })
	// And by a display that comes only then.
	c.gw[1].screen(topics.Dock, "dock1").until("the parcel on the truck", func(task screenTask, _ station.Hint) bool {
		return slices.Contains(task.Loaded, label)
	})
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
