//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tote/agent/identity"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// knocks says whether the port of a gateway lets an identity in.
func knocks(t *testing.T, id *identity.Identity, at *site) bool {
	t.Helper()
	port, err := peer.Outgoing(peer.Config{ID: id.Gateway, TLS: id.TLS()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = port.Close() }()
	conn, err := port.Dial(at.ctx(), peer.Address{ID: at.id, HostPort: at.port}, peer.ProtoCall)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	// In TLS 1.3 a client learns of a refusal when it reads; one that is let in
	// hears nothing until it asks.
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, err = conn.Read(make([]byte, 1))
	var slow net.Error
	return errors.As(err, &slow) && slow.Timeout()
}

// holds opens a connection as a gateway and returns what waits until it is ended by
// the other side.
func holds(t *testing.T, id *identity.Identity, at *site) (ended func() bool) {
	t.Helper()
	port, err := peer.Outgoing(peer.Config{ID: id.Gateway, TLS: id.TLS()})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := port.Dial(at.ctx(), peer.Address{ID: at.id, HostPort: at.port}, peer.ProtoCall)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); _ = port.Close() })
	return func() bool {
		_ = conn.SetReadDeadline(time.Now().Add(deadline))
		_, err := conn.Read(make([]byte, 1))
		var slow net.Error
		return err != nil && !(errors.As(err, &slow) && slow.Timeout())
	}
}

// TestStolenGateway does what docs/cluster.md says of a stolen gateway: it is out on
// all the others at once, also where it is connected, and stays out; then the site's
// authority is founded anew, and what it has opens nothing.
func TestStolenGateway(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	a, b, stolen := c.gw[0], c.gw[1], c.gw[2]
	a.order("O1", "A1", 2)
	c.leader(c.gw[:])
	a.eventually("the newest rules hold", func() bool {
		level, _ := a.gw.agent.bare().(interface{ Level() (cluster, own uint16) }).Level()
		return level >= warehouse.Level
	})
	thief, err := identity.Load(identityDir(stolen.parsed()), time.Now)
	a.must(err)
	if !knocks(t, thief, a) || !knocks(t, thief, b) {
		t.Fatal("a gateway of the site is not let in")
	}
	open := holds(t, thief, b)
	if code, body := stolen.call("POST", "/v1/revoke/gw3", "", ""); code != http.StatusConflict {
		t.Errorf("revoked by itself: %d %s", code, body)
	}
	if code, body := a.call("POST", "/v1/revoke/gw3", "", ""); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	for _, s := range []*site{a, b} {
		s.eventually("the stolen gateway is out at "+s.id, func() bool { return !knocks(t, thief, s) && len(s.gw.agent.store.Peers()) == 2 })
	}
	if !open() {
		t.Error("a connection it had open goes on")
	}
	a.quorum(true)
	a.order("O2", "A1", 1)
	b.wantState("O2", a.get("O2").State)
	// A token does not bring the name back, and neither does a restart.
	if _, err := Join(a.ctx(), c.newcomer("gw3").parsed(), a.token(time.Hour), a.port); !errors.Is(err, identity.ErrBanned) {
		t.Errorf("joined again: %v", err)
	}
	b.stop()
	b.start()
	b.eventually("it is out after a restart", func() bool { return !knocks(t, thief, b) })
	stolen.gw.stop()
	<-stolen.gw.ended

	// The page: a new authority on one gateway, the others join anew.
	b.stop()
	a.stop()
	cfg := a.parsed()
	a.must(os.Rename(identityDir(cfg), identityDir(cfg)+".left"))
	id, err := identity.Init(identityDir(cfg), cfg.Site, cfg.Gateway, time.Now)
	a.must(err)
	if _, err := Recover(a.ctx(), cfg, "s1", "mira", quiet); err != nil {
		t.Fatal(err)
	}
	a.start()
	if id.Pin() == thief.Pin() {
		t.Fatal("it is the same authority")
	}
	if o := a.get("O1"); o.Spec.ID != "O1" {
		t.Errorf("what was recorded is gone: %+v", o)
	}
	if knocks(t, thief, a) {
		t.Error("the stolen gateway is let in under the new authority")
	}
	if _, err := SetAside(b.parsed(), time.Now()); err != nil {
		t.Fatal(err)
	}
	_, err = Join(b.ctx(), b.parsed(), a.token(time.Hour), a.port)
	a.must(err)
	b.start()
	a.eventually("two gateways have the same state", func() bool { return a.digest() == b.digest() && strings.Contains(b.stateOf("O2"), "RELEASED") })
	// The name is free again.
	if _, err := Join(a.ctx(), c.newcomer("gw3").parsed(), a.token(time.Hour), a.port); err != nil {
		t.Errorf("a new machine under the old name: %v", err)
	}
}

func (s *site) stateOf(order string) string { return string(s.get(order).State) }

// TestRekey does the other half of that page while the site works: with the key that
// was stolen somebody makes himself a gateway of another name, and is let in until
// the authority is founded anew. The gateways of the site go on, through it and
// through a restart.
func TestRekey(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	a, b, stolen := c.gw[0], c.gw[1], c.gw[2]
	c.leader(c.gw[:])
	a.eventually("the newest rules hold", func() bool {
		level, _ := a.gw.agent.bare().(interface{ Level() (cluster, own uint16) }).Level()
		return level >= warehouse.Level
	})
	held, err := identity.Load(identityDir(stolen.parsed()), time.Now)
	a.must(err)
	thief, err := identity.Store(t.TempDir()+"/id", held.Authority(), "gw9", time.Now)
	a.must(err)
	const rekey = "/v1/cluster/rekey"
	stolen.stop()
	a.eventually("gw3 is seen down", func() bool {
		code, body := a.call("POST", rekey, "application/json", "{}")
		return code == http.StatusConflict && strings.Contains(string(body), "IDN-139") && strings.Contains(string(body), "gw3")
	})
	if a.gw.agent.ident.Pin() != held.Pin() {
		t.Fatal("it was refused, and there is another authority")
	}
	if code, body := a.call("POST", "/v1/revoke/gw3", "", ""); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	if !knocks(t, thief, a) || !knocks(t, thief, b) {
		t.Fatal("the key that was stolen is of no use: then this test proves nothing")
	}
	open := holds(t, thief, b)
	a.eventually("the authority is founded anew", func() bool {
		code, body := a.call("POST", rekey, "application/json", "{}")
		if code != http.StatusOK && code != http.StatusConflict && code != http.StatusServiceUnavailable {
			t.Fatalf("%d %s", code, body)
		}
		return code == http.StatusOK
	})
	for _, s := range []*site{a, b} {
		s.eventually("the old authority is forgotten at "+s.id, func() bool {
			id := s.gw.agent.ident
			return id.Pin() != held.Pin() && len(id.Pins()) == 1 && !knocks(t, thief, s) && !knocks(t, held, s)
		})
	}
	if !open() {
		t.Error("a connection the thief had open goes on")
	}
	if a.gw.agent.ident.Pin() != b.gw.agent.ident.Pin() {
		t.Error("the gateways have different authorities")
	}
	a.order("O1", "A1", 2)
	b.wantState("O1", warehouse.OrderReleased)
	for _, s := range []*site{b, a} {
		s.stop()
		s.start()
		s.quorum(true)
	}
	a.order("O2", "A1", 1)
	b.wantState("O2", warehouse.OrderReleased)
	if knocks(t, thief, a) || knocks(t, thief, b) {
		t.Error("after a restart the thief is let in")
	}
	n := c.newcomer("gw3")
	_, err = Join(n.ctx(), n.parsed(), b.token(time.Hour), b.port)
	a.must(err)
	n.start()
	n.eventually("the new machine has it all", func() bool { return n.digest() == a.digest() })
}
