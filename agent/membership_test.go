//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/agent/api"
	"tote/agent/identity"
	"tote/raftstore"
	"tote/raftstore/peer"
)

// cluster is what a person sees at this gateway.
func (s *site) cluster() (c api.ClusterStatus) {
	s.t.Helper()
	code, b := s.call("GET", "/v1/cluster", "", "")
	if code != http.StatusOK {
		s.t.Fatalf("%s: %d %s", s.id, code, b)
	}
	s.must(json.Unmarshal(b, &c))
	return c
}

// change changes the cluster by way of this gateway; code is that of a refusal.
func (s *site) change(what, body string, out any) (code string) {
	s.t.Helper()
	status, b := s.call("POST", "/v1/cluster/"+what, "application/json", body)
	if status < 300 {
		s.must(json.Unmarshal(b, out))
		return ""
	}
	var r api.Refusal
	s.must(json.Unmarshal(b, &r))
	return r.Code
}

// sees waits until this gateway shows the cluster so: id=role/state of each.
func (s *site) sees(want string) (c api.ClusterStatus) {
	s.t.Helper()
	s.eventually(s.id+" sees "+want, func() bool {
		c = s.cluster()
		var rows []string
		for _, m := range c.Members {
			role := m.Role
			if role == api.RoleLeader {
				role = api.RoleVoter
			}
			rows = append(rows, m.ID+"="+role+"/"+m.State)
		}
		return strings.Join(rows, " ") == want
	})
	return c
}

const allThree = "gw1=voter/up gw2=voter/up gw3=voter/up"

// advised says whether a piece of advice is given, with what to do.
func advised(c api.ClusterStatus, code string) bool {
	for _, a := range c.Advice {
		if a.Code == code && a.Action != "" {
			return true
		}
	}
	return false
}

// comesBack is what is done at a machine after `tote cluster replace` or `tote
// token create` on another one.
func (s *site) comesBack(token, to string) {
	s.t.Helper()
	moved, err := SetAside(s.parsed(), time.Now())
	s.must(err)
	if len(moved) != 2 {
		s.t.Errorf("%s: set aside %v", s.id, moved)
	}
	_, err = Join(s.ctx(), s.parsed(), token, to)
	s.must(err)
	s.start()
}

// TestReplaceADeadGateway: the one that led dies; one command on a living one
// and one on the new machine make the site whole, with everything it knew.
func TestReplaceADeadGateway(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	dead, others := c.leads()
	here := others[0]
	here.order("O1", "A1", 2)
	var out api.Replacement
	here.sees(allThree)
	for what, body := range map[string]string{"remove": `{"id":%q}`, "replace": `{"id":%q,"ttlSeconds":60}`} {
		if code := here.change(what, fmt.Sprintf(body, dead.id), &out); code != raftstore.CodeAlive {
			t.Errorf("%s of a living gateway: %q", what, code)
		}
		if code := here.change(what, fmt.Sprintf(body, here.id), &out); code != raftstore.CodeAlive {
			t.Errorf("%s of the one asked: %q", what, code)
		}
	}
	if code := here.change("remove", `{"id":"gw9"}`, &out); code != raftstore.CodeNoMember {
		t.Errorf("remove of nobody: %q", code)
	}
	if _, err := SetAside(dead.parsed(), time.Now()); err == nil || !strings.Contains(err.Error(), raftstore.CodeDirInUse) {
		t.Errorf("set aside while it runs: %v", err)
	}
	dead.stop()
	look := here.sees(strings.Replace(allThree, dead.id+"=voter/up", dead.id+"=voter/down", 1))
	if look.Spare != 0 || look.Voters != 3 || !advised(look, raftstore.CodeNoneToSpare) {
		t.Errorf("one is down: %+v", look)
	}
	// The other living one is needed now, whoever asks and however.
	if code := here.change("remove", fmt.Sprintf(`{"id":%q,"force":true}`, others[1].id), &out); code != raftstore.CodeKeepsQuorum {
		t.Errorf("remove of a needed one: %q", code)
	}
	if code := here.change("replace", fmt.Sprintf(`{"id":%q,"ttlSeconds":600}`, dead.id), &out); code != "" || !out.Removed || len(out.To) != 2 || out.To[0] != here.port {
		t.Fatalf("replace: %q %+v", code, out)
	}
	if look = here.cluster(); look.Voters != 2 || !advised(look, raftstore.CodeEvenVoters) {
		t.Errorf("two are left: %+v", look)
	}
	first := out.Token
	if code := here.change("replace", fmt.Sprintf(`{"id":%q,"ttlSeconds":600}`, dead.id), &out); code != "" || out.Removed || out.Token == first {
		t.Errorf("again: %q %+v", code, out)
	}
	dead.comesBack(out.Token, out.To[0])
	for _, s := range c.gw {
		if look := s.sees(allThree); look.Spare != 1 || len(look.Advice) > 0 {
			t.Errorf("%s: %+v", s.id, look)
		}
	}
	here.eventually("it has the same state", func() bool { return dead.digest() == here.digest() })
	if o := dead.get("O1"); len(o.Lines) != 1 {
		t.Errorf("the new one knows O1 as %+v", o)
	}
}

// TestLeaveAndTransfer: the lead goes where it is told; the one that leads
// leaves, ends well, and comes back only as a newcomer.
func TestLeaveAndTransfer(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	old, others := c.leads()
	var out struct{ Ref string }
	to := others[1]
	c.gw[0].eventually("the lead moves", func() bool {
		code := others[0].change("transfer", fmt.Sprintf(`{"to":%q}`, to.id), &out)
		return code == "" && to.gw.agent.store.IsLeader()
	})
	if code := old.change("transfer", `{"to":"gw9"}`, &out); code != raftstore.CodeNoMember {
		t.Errorf("to nobody: %q", code)
	}
	leader, others := c.leads()
	if code := leader.change("leave", `{}`, &out); code != "" || out.Ref != leader.id {
		t.Fatalf("leave: %q %+v", code, out)
	}
	<-leader.gw.ended
	if err := leader.gw.err; err != nil {
		t.Errorf("it ended with %v", err)
	}
	others[0].quorum(true)
	if look := others[0].cluster(); look.Voters != 2 || !advised(look, raftstore.CodeEvenVoters) {
		t.Errorf("two are left: %+v", look)
	}
	others[0].order("O1", "A1", 1)
	again, err := New(*leader.parsed(), Options{Log: slog.New(slog.DiscardHandler)})
	leader.must(err)
	if err := again.Run(leader.ctx()); !errors.Is(err, raftstore.ErrRemoved) || !strings.Contains(err.Error(), raftstore.CodeRemoved) {
		t.Fatalf("it came back as if nothing was: %v", err)
	}
	leader.comesBack(others[0].token(time.Hour), others[0].port)
	leader.sees(allThree)
	// The last but one cannot go when the other one is down, nor the last.
	lone := &site{t: t, dir: t.TempDir(), id: "gw1", port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	lone.found()
	if code := lone.change("leave", `{}`, &out); code != raftstore.CodeKeepsQuorum || !lone.runs() {
		t.Errorf("the only gateway left: %q", code)
	}
}

// launch starts a gateway that will not be ready: it waits to be let in.
func (s *site) launch() {
	s.t.Helper()
	a, err := New(*s.parsed(), Options{Version: "test", Log: slog.New(slog.DiscardHandler), Notify: s.notify})
	s.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	gw := &gateway{agent: a, stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(gw.ended)
		gw.err = a.Run(ctx)
	}()
	s.gw = gw
	s.t.Cleanup(func() { cancel(); <-gw.ended })
}

// TestWipedDisk: a gateway comes back with an empty disk and its identity. It is
// shown, kept out, and let in by the one command.
func TestWipedDisk(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	wiped, here := c.gw[2], c.gw[0]
	wiped.stop()
	c.must(os.RemoveAll(storeDir(wiped.parsed())))
	wiped.launch()
	look := here.sees("gw1=voter/up gw2=voter/up gw3=voter/empty")
	if look.Spare != 0 || !advised(look, raftstore.CodeEmptyDisk) {
		t.Errorf("an empty disk: %+v", look)
	}
	var out api.Replacement
	if code := here.change("replace", `{"id":"gw3","ttlSeconds":60}`, &out); code != "" || !out.Removed {
		t.Fatalf("replace: %q %+v", code, out)
	}
	here.sees(allThree)
	here.eventually("it has the same state", func() bool { return wiped.digest() == here.digest() })
}

func (c *trio) must(err error) { c.Helper(); c.gw[0].must(err) }

// TestStrandedNewcomer: the leader died after it welcomed a newcomer, and that
// one was restarted too. It asks in again.
func TestStrandedNewcomer(t *testing.T) {
	t.Parallel()
	gw1 := &site{t: t, dir: t.TempDir(), id: "gw1", port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	gw1.found()
	gw1.load()
	gw2 := &site{t: t, dir: t.TempDir(), id: "gw2", port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	_, err := Join(gw2.ctx(), gw2.parsed(), gw1.token(time.Hour), gw1.port)
	gw2.must(err)
	gw2.must(os.MkdirAll(storeDir(gw2.parsed()), 0o700))
	gw2.must(os.WriteFile(filepath.Join(storeDir(gw2.parsed()), "CLUSTER"), []byte(gw1.cluster().Cluster+" welcomed\n"), 0o600))
	gw2.start()
	gw1.sees("gw1=voter/up gw2=voter/up")
	gw2.eventually("certificates go by the site's time", func() bool {
		return !gw2.gw.agent.members.(*membership).c.id.Seen().IsZero()
	})
}

// TestExpiredCertificate: real ports. A gateway whose certificate ended is
// refused, named with a code, once; the same gateway makes itself a new one at
// its start and is a member.
func TestExpiredCertificate(t *testing.T) {
	t.Parallel()
	gw1 := &site{t: t, dir: t.TempDir(), id: "gw1", port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	gw1.found()
	gw1.load()
	gw2 := &site{t: t, dir: t.TempDir(), id: "gw2", port: "127.0.0.1:0", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	first, err := identity.Load(identityDir(gw1.parsed()), time.Now)
	gw1.must(err)
	dir := identityDir(gw2.parsed())
	old, err := identity.Store(dir, first.Authority(), "gw2", func() time.Time { return time.Now().Add(-100 * 24 * time.Hour) })
	gw2.must(err)
	if !old.Expires().Before(time.Now()) {
		t.Fatalf("good until %v", old.Expires())
	}
	gw2.must(identity.KeepPeers(dir, []string{"gw1@" + gw1.port}))

	var log strings.Builder
	a := &Agent{log: slog.New(slog.NewTextHandler(&log, nil))}
	told := &troubles{}
	refused := a.turnedAway(told)
	heard := make(chan error, 4)
	one, err := peer.Listen(peer.Config{ID: "gw1", Listen: "127.0.0.1:0", TLS: first.TLS(), Refused: func(with string, err error) {
		refused(with, err)
		heard <- err
	}})
	gw1.must(err)
	defer func() { gw1.must(one.Close()) }()
	two, err := peer.Listen(peer.Config{ID: "gw2", Listen: "127.0.0.1:0", TLS: old.TLS()})
	gw2.must(err)
	defer func() { gw2.must(two.Close()) }()
	for range 2 {
		if conn, err := two.Dial(gw2.ctx(), one.Self(), peer.ProtoCall); err == nil {
			_, _ = conn.Read(make([]byte, 1)) // a client of TLS 1.3 hears of it when it reads
			gw2.must(conn.Close())
		}
		<-heard
	}
	if n := strings.Count(log.String(), "code=IDN-112"); n != 1 || !strings.Contains(log.String(), "gw2") {
		t.Errorf("told %d times:\n%s", n, log.String())
	}

	gw2.start()
	gw1.sees("gw1=voter/up gw2=voter/up")
	if look := gw2.cluster(); advised(look, "IDN-112") || look.Certificate.Expires < time.Now().Add(80*24*time.Hour).UTC().Format(time.RFC3339) {
		t.Errorf("certificate %+v", look.Certificate)
	}
}

// leads is the gateway that leads, and the two others.
func (c *trio) leads() (leader *site, others []*site) {
	c.Helper()
	c.gw[0].eventually("one gateway leads", func() bool {
		leader, others = nil, nil
		for _, s := range c.gw {
			switch {
			case !s.runs() || !s.gw.agent.store.IsLeader():
				others = append(others, s)
			case leader != nil:
				return false
			default:
				leader = s
			}
		}
		return leader != nil
	})
	return leader, others
}
