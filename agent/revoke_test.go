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
	if code, body := stolen.call("POST", "/v1/revoke/gw3", "", ""); code != http.StatusConflict {
		t.Errorf("revoked by itself: %d %s", code, body)
	}
	if code, body := a.call("POST", "/v1/revoke/gw3", "", ""); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	for _, s := range []*site{a, b} {
		s.eventually("the stolen gateway is out at "+s.id, func() bool { return !knocks(t, thief, s) && len(s.gw.agent.store.Peers()) == 2 })
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
