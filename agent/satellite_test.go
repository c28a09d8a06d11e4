//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tote/agent/api"
	"tote/agent/identity"
	"tote/agent/station"
	"tote/demo/handheld"
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

func (c *trio) newcomer(id string) *site {
	return &site{t: c.T, dir: c.TempDir(), id: id, mqtt: "127.0.0.1:0", web: "127.0.0.1:0", more: "store: none\n"}
}

// attached is the gateway a satellite asks.
func (c *trio) attached(s *site) (at *site, others []*site) {
	c.Helper()
	s.eventually("it is attached to a gateway that runs", func() bool {
		at, others = nil, nil
		id := s.gw.agent.store.(satelliteStore).Gateway()
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
	if code, body := s.call("GET", "/v1/backup", "", ""); code == http.StatusOK || !strings.Contains(string(body), "SAT-104") {
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
	if len(done) > 0 || p.hh.Pending() != 1 {
		t.Errorf("something was answered without a quorum: %d verbs wait", p.hh.Pending())
	}
	c.gw[2].launch()
	c.gw[0].launch()
	s.quorum(true)
	if res := <-done; !res.OK {
		t.Errorf("the verb of the outbox: %+v", res)
	}
	screen.shows(true)
	p.step = p.hh.Task()
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
	if code := c.gw[1].change("remove", `{"id":"sat1","force":true}`, &struct{}{}); code != "" {
		t.Fatalf("remove: %q", code)
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
	_, err = Join(again.ctx(), again.parsed(), c.gw[2].token(time.Hour), c.gw[2].port)
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
