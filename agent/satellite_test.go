//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tote/agent/api"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/agent/replica"
	"tote/agent/station"
	"tote/agent/topics"
	"tote/cloudsync/ledger"
	"tote/demo/handheld"
	"tote/fleet/intent"
	"tote/mqtt"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// satellite makes a gateway without a store of the site and starts it.
func (c *trio) satellite(id string) *site {
	c.Helper()
	s := c.newcomer(id)
	_, err := Join(s.ctx(), s.parsed(), c.gw[0].token(time.Hour), c.gw[0].port)
	s.must(err)
	s.start()
	return s
}

// satelliteWithDevices is satellite with two pack stations and a dock plugged in.
func (c *trio) satelliteWithDevices(id string) *site {
	c.Helper()
	s := c.newcomer(id)
	s.startDevices()
	_, err := Join(s.ctx(), s.parsed(), c.gw[0].token(time.Hour), c.gw[0].port)
	s.must(err)
	s.start()
	s.devicesReady()
	return s
}

func (c *trio) newcomer(id string) *site {
	return &site{t: c.T, dir: c.TempDir(), id: id, mqtt: "127.0.0.1:0", web: "127.0.0.1:0", more: "store: none\n"}
}

// attached is the gateway a satellite asks.
func (c *trio) attached(s *site) (at *site, others []*site) {
	c.Helper()
	s.eventually("it is attached to a gateway that runs", func() bool {
		at, others = nil, nil
		id := s.gw.agent.bare().(satelliteStore).Gateway()
		for _, g := range c.gw {
			if g.id == id && g.runs() {
				at = g
			} else if g.runs() {
				others = append(others, g)
			}
		}
		return at != nil
	})
	return at, others
}

func (s *site) seesSatellite(id string) {
	s.t.Helper()
	s.eventually(id+" is listed at "+s.id, func() bool {
		return slices.ContainsFunc(s.cluster().Members, func(m api.ClusterMember) bool {
			return m.ID == id && m.Role == api.RoleSatellite && m.State == api.StateUp
		})
	})
}

// TestSatellite: a gateway without a store does what every gateway does: its
// handheld works, its pages and its API show and change the site, and everything
// is on the disks of the three.
func TestSatellite(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	s := c.satellite("sat1")
	p := s.pickerOf(1, "O1", "A1", 3) // the order by its API, the scans by its broker
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	for _, g := range c.gw {
		g.wantState("O1", warehouse.OrderPicked)
		if o := g.get("O1"); o.Lines[0].Picked != 3 {
			t.Errorf("%s: %d picked", g.id, o.Lines[0].Picked)
		}
		g.eventually("the same state, read through the satellite", func() bool { return s.digest() == g.digest() })
	}
	for _, page := range []string{"/", "/stock", "/orders", "/devices"} {
		if code, body := s.call("GET", page, "", ""); code != http.StatusOK && code != http.StatusNotFound {
			t.Errorf("%s: %d %s", page, code, body)
		}
	}
	// It is in the status of every gateway, and changes nothing of the cluster.
	for _, g := range append(c.gw[:], s) {
		g.seesSatellite("sat1")
		if look := g.cluster(); look.Voters != 3 || look.Spare != 1 {
			t.Errorf("%s: %d voters, %d spare", g.id, look.Voters, look.Spare)
		}
	}
	for _, what := range []string{"remove", "replace"} {
		if code := s.change(what, `{"id":"gw2"`+map[string]string{"replace": `,"ttlSeconds":60`}[what]+`}`, &struct{}{}); code != "SAT-104" {
			t.Errorf("%s of a gateway: %q", what, code)
		}
	}
	if code, body := s.call("POST", "/v1/tokens", "application/json", `{"ttlSeconds":60}`); code != http.StatusConflict || !strings.Contains(string(body), "SAT-104") {
		t.Errorf("a token: %d %s", code, body)
	}
	hash := sha256.Sum256([]byte("known"))
	for name, encode := range map[string]func() (uint16, uint16, []byte, error){
		"a token": func() (uint16, uint16, []byte, error) {
			return members.Encode(members.MakeToken{ID: "t1", Hash: hash[:], Expires: 1 << 50})
		},
		"itself once more": func() (uint16, uint16, []byte, error) {
			return members.Encode(members.Admit{ID: "t1", Hash: hash[:], Satellite: "sat9", Key: hash[:]})
		},
		"a robot": func() (uint16, uint16, []byte, error) {
			return intent.Encode(intent.TakeRobot{Robot: "R1", Master: "sat1"})
		},
		"what the OMS knows": func() (uint16, uint16, []byte, error) { return ledger.Encode(ledger.ReleaseSubject{Subject: "O1"}) },
	} {
		kind, version, body, err := encode()
		s.must(err)
		c.gw[0].unchanged(func() {
			if _, err := s.gw.agent.store.DoRaw(s.ctx(), replica.By{ID: newID(), Actor: "x"}, kind, version, body); err == nil || !strings.Contains(err.Error(), "SAT-106") {
				t.Errorf("%s: answered %v", name, err)
			}
		})
	}
	if code, body := s.call("GET", "/v1/backup", "", ""); code != http.StatusConflict || !strings.Contains(string(body), "SAT-104") {
		t.Errorf("a backup: %d %s", code, body)
	}
}

// TestSatelliteFailsOver: the gateway a satellite is attached to is killed in the
// middle of scans, twice, once it is the one that leads. No scan is lost and none
// counts twice.
func TestSatelliteFailsOver(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	s := c.satellite("sat1")
	const pieces = 40
	p := s.pickerOf(1, "O1", "A1", pieces).until("scan_item")
	var answered atomic.Int64
	scanned := make(chan error, 1)
	go func() {
		scan := handheld.Verb{Verb: "scan", Expect: "item", Barcode: "TEA-1", Task: p.step.Task}
		for n := int64(1); n <= pieces; n++ {
			res, err := p.hh.Do(s.ctx(), scan)
			if err == nil && (!res.OK || res.Next.Held != n) {
				err = fmt.Errorf("scan %d: answered %+v with %+v", n, res, res.Next)
			}
			if err != nil {
				scanned <- err
				return
			}
			answered.Store(n)
		}
		scanned <- nil
	}()
	for _, at := range []int64{8, 24} {
		s.eventually(fmt.Sprintf("%d scans are answered", at), func() bool { return answered.Load() >= at || len(scanned) > 0 })
		gone, _ := c.attached(s)
		gone.stop()
		gone.start()
	}
	if err := <-scanned; err != nil {
		t.Fatal(err)
	}
	p.step = p.hh.Task()
	if _, err := p.hh.WaitTask(s.ctx(), func(st handheld.Step) bool { p.step = st; return st.Do == "scan_slot" && st.Held == pieces }); err != nil {
		t.Fatalf("the handheld shows %+v", p.hh.Task())
	}
	p.until("ask")
	for _, g := range c.gw {
		g.wantState("O1", warehouse.OrderPicked)
		if o := g.get("O1"); o.Lines[0].Picked != pieces {
			t.Errorf("%s: %d picked", g.id, o.Lines[0].Picked)
		}
	}
	s.stop() // before the gateways
}

// TestSatelliteNoQuorum: without a quorum a satellite says so and acknowledges
// nothing; when it is back, so is the work.
func TestSatelliteNoQuorum(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	s := c.satellite("sat1")
	p := s.pickerOf(1, "O1", "A1", 2)
	screen := s.quorumScreen("handheld:h8")
	screen.shows(true)
	c.gw[0].stop()
	c.gw[1].stop()
	s.quorum(false)
	if got := screen.shows(false); got.Code != station.HintNoQuorum || got.Action == "" {
		t.Errorf("the screen shows %+v", got)
	}
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
	// With nobody left it is no different.
	c.gw[2].stop()
	screen.shows(false)
	s.eventually("its pages say that nobody answers", func() bool {
		code, body := s.call("GET", "/v1/orders/O1", "", "")
		return code == http.StatusServiceUnavailable && strings.Contains(string(body), "SAT-101")
	})
	if len(done) > 0 || p.hh.Pending() != 1 {
		t.Errorf("something was answered without a quorum: %d verbs wait", p.hh.Pending())
	}
	c.gw[2].launch()
	c.gw[0].launch()
	s.quorum(true)
	res := <-done
	if !res.OK || res.Next == nil {
		t.Fatalf("the verb of the outbox: %+v", res)
	}
	screen.shows(true)
	p.step = *res.Next
	c.gw[1].start()
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	s.stop() // before the gateways
}

// TestSatelliteDismissed: one that was taken out stops, and its old certificate
// opens nothing; a token lets it in again.
func TestSatelliteDismissed(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	s := c.satellite("sat1")
	c.gw[1].seesSatellite("sat1")
	if code := c.gw[1].change("remove", `{"id":"sat1"}`, &struct{}{}); code != "STO-506" {
		t.Errorf("one that runs was removed: %q", code)
	}
	var next api.Replacement
	if code := c.gw[1].change("replace", `{"id":"sat1","force":true,"ttlSeconds":600}`, &next); code != "" || !next.Removed {
		t.Fatalf("replace: %q %+v", code, next)
	}
	<-s.gw.ended
	if !errors.Is(s.gw.err, ErrStoreStopped) || !errors.Is(s.gw.err, identity.ErrDismissed) {
		t.Errorf("it ended with %v", s.gw.err)
	}
	again := c.newcomer("sat1")
	again.dir = s.dir
	moved, err := SetAside(again.parsed(), time.Now())
	if err != nil || len(moved) != 1 {
		t.Fatalf("set aside %v %v", moved, err)
	}
	_, err = Join(again.ctx(), again.parsed(), next.Token, next.To[0])
	again.must(err)
	again.start()
	if code := again.change("leave", `{}`, &struct{}{}); code != "" {
		t.Errorf("leave: %q", code)
	}
	<-again.gw.ended
	if again.gw.err != nil {
		t.Errorf("it left with %v", again.gw.err)
	}
	// Names are of the whole site.
	for _, n := range []*site{c.newcomer("gw2"), {t: t, dir: t.TempDir(), id: "sat2", port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}} {
		if n.id == "sat2" {
			other := c.newcomer("sat2")
			_, err := Join(other.ctx(), other.parsed(), c.gw[0].token(time.Hour), c.gw[0].port)
			other.must(err)
		}
		if _, err := Join(n.ctx(), n.parsed(), c.gw[0].token(time.Hour), c.gw[0].port); !errors.Is(err, identity.ErrTaken) {
			t.Errorf("%s joined under the name of another: %v", n.id, err)
		}
	}
}

// TestSatelliteStation: a carton is weighed and labelled at the devices of a
// satellite; a display at any other gateway shows the same, and hears the answers.
func TestSatelliteStation(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	s := c.satelliteWithDevices("sat1")
	tote := s.picked(1, "O1", "A1", 1)
	near := s.screen(topics.Station, "pack1")
	far := c.gw[1].screen(topics.Station, "pack1")
	s.packed(near, "O1", tote, 450_000)
	if n := s.labels("pack1"); n != 1 {
		t.Errorf("%d labels came out", n)
	}
	far.untilStep(warehouse.StepScanTote)
	far.answer(warehouse.CodeOK)
	for _, g := range c.gw {
		g.wantState("O1", warehouse.OrderLabelled)
	}
	s.stop() // before the gateways
}

// reports notes what a gateway hears of robots at the others.
type reports struct {
	mu  sync.Mutex
	got []string
}

func (s *site) reports() *reports {
	s.t.Helper()
	r := &reports{}
	s.must(s.gw.agent.elsewhere.Subscribe(s.ctx(), mqtt.Subscription{Filter: "uagv/v2/+/+/state", Handler: func(_ context.Context, m mqtt.Message) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, string(m.Payload))
	}}))
	return r
}

func (r *reports) is(want ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Equal(r.got, want)
}

// TestSatelliteRelays: what a robot says at a satellite's broker is heard at every
// other gateway and satellite, once, and the other way round; a command of the
// leader reaches the robot there.
func TestSatelliteRelays(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	one, two := c.satellite("sat1"), c.newcomer("sat2")
	two.more += fmt.Sprintf("cluster: {gateways: [{address: \"gw2@%s\"}]}\n", c.gw[1].port)
	_, err := Join(two.ctx(), two.parsed(), c.gw[0].token(time.Hour), c.gw[0].port)
	two.must(err)
	two.start()
	for i, s := range []*site{one, two} {
		s.eventually(s.id+" is attached to a gateway of its own", func() bool {
			return slices.Equal(c.gw[i].gw.agent.members.(*membership).c.desk.Attached(), []string{s.id})
		})
	}
	all := []*site{c.gw[0], c.gw[1], c.gw[2], one, two}
	heard := map[*site]*reports{}
	for _, s := range all {
		heard[s] = s.reports()
	}
	const topic = "uagv/v2/KIT/R1/state"
	want := map[*site][]string{}
	for i, s := range all {
		text := fmt.Sprintf(`{"n":%d}`, i)
		s.gw.agent.relay.send(callReport, relayed{Topic: topic, Payload: []byte(text)})
		for _, o := range all {
			if o != s {
				want[o] = append(want[o], text)
			}
		}
		for _, o := range all {
			o.eventually(fmt.Sprintf("%s heard what was said at %s", o.id, s.id), func() bool { return heard[o].is(want[o]...) })
		}
	}
	for _, s := range all {
		if !heard[s].is(want[s]...) {
			t.Errorf("%s heard %v, want %v", s.id, heard[s].got, want[s])
		}
	}
	orders := make([]atomic.Bool, len(all))
	for i, s := range all {
		link := s.gw.agent.broker.Link()
		s.must(link.Subscribe(s.ctx(), mqtt.Subscription{Filter: "uagv/v2/+/+/order", Handler: func(context.Context, mqtt.Message) { orders[i].Store(true) }}))
		s.background(link.Run)
	}
	one.eventually("an order reaches the brokers of all others", func() bool {
		c.gw[0].gw.agent.relay.call(one.ctx(), callCommand, relayed{Topic: "uagv/v2/KIT/R1/order", Payload: []byte("{}")})
		return orders[1].Load() && orders[2].Load() && orders[3].Load() && orders[4].Load()
	})
	if orders[0].Load() {
		t.Error("it came back to the one that leads")
	}
	one.stop()
	two.stop()
}

// TestSatelliteRole: the certificate of a satellite opens nothing but its own
// protocol, that of a gateway everything else; and neither takes the place of the
// other on the same machine.
func TestSatelliteRole(t *testing.T) {
	t.Parallel()
	gw1 := &site{t: t, dir: t.TempDir(), id: "gw1", port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	gw1.found()
	gw1.load()
	s := &site{t: t, dir: t.TempDir(), id: "sat1", mqtt: "127.0.0.1:0", web: "127.0.0.1:0", more: "store: none\n"}
	id, err := Join(s.ctx(), s.parsed(), gw1.token(time.Hour), gw1.port)
	s.must(err)
	if !id.Satellite() {
		t.Error("it got the certificate of a gateway")
	}
	if _, err := os.Stat(filepath.Join(identityDir(s.parsed()), "ca.key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it holds the key of the site: %v", err)
	}
	authority, err := identity.Load(identityDir(gw1.parsed()), time.Now)
	gw1.must(err)
	member, err := identity.Store(t.TempDir(), authority.Authority(), "gw2", time.Now)
	gw1.must(err)
	at, err := peer.ParseAddress("gw1@" + gw1.port)
	gw1.must(err)
	for _, who := range []*identity.Identity{id, member} {
		port, err := peer.Outgoing(peer.Config{ID: who.Gateway, TLS: who.TLS()})
		s.must(err)
		for _, proto := range []string{peer.ProtoRaft, peer.ProtoCall, peer.ProtoJoin, peer.ProtoSatellite} {
			conn, err := port.Dial(s.ctx(), at, proto)
			if err == nil {
				// A client of TLS 1.3 hears of a refusal when it reads.
				s.must(conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)))
				_, err = conn.Read(make([]byte, 1))
				s.must(conn.Close())
			}
			open := errors.Is(err, os.ErrDeadlineExceeded)
			if want := who.Satellite() == (proto == peer.ProtoSatellite); open != want {
				t.Errorf("%s with %s: open %v, want %v (%v)", who.Gateway, proto, open, want, err)
			}
		}
		s.must(port.Close())
	}
	// Its renewal is signed by the gateway.
	s.start()
	agent := s.gw.agent.members.(*satelliteMember)
	before := agent.id.Expires()
	s.eventually("a certificate that lasts longer", func() bool { // they count whole seconds
		s.must(agent.id.Renew(s.ctx()))
		return agent.id.Expires().After(before)
	})
	if !agent.id.Satellite() {
		t.Error("the new one is that of a gateway")
	}
	s.stop()
	s.more = ""
	s.port = "127.0.0.1:0"
	wrong, err := New(*s.parsed(), Options{Log: slog.New(slog.DiscardHandler)})
	s.must(err)
	if err := wrong.Run(s.ctx()); !errors.Is(err, identity.ErrRole) {
		t.Errorf("with a store it ended with %v", err)
	}
}
