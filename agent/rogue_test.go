//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/identity"
	"tote/agent/replica"
	"tote/agent/satellite"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// rogue speaks the protocol of a satellite as it likes.
type rogue struct {
	s      *site
	id     *identity.Identity
	token  string
	caller *peer.Caller
}

// rogue lets a satellite in that runs no program of ours.
func (c *trio) rogue(id string) *rogue {
	c.Helper()
	r := &rogue{s: c.newcomer(id), token: c.gw[0].token(time.Hour)}
	var err error
	r.id, err = Join(r.s.ctx(), r.s.parsed(), r.token, c.gw[0].port)
	c.must(err)
	port, err := peer.Outgoing(peer.Config{ID: id, TLS: r.id.TLS()})
	c.must(err)
	c.Cleanup(func() { _ = port.Close() })
	r.caller = peer.NewCallerOf(port, peer.ProtoSatellite)
	return r
}

// ask makes a call and gives back the code of a refusal.
func (r *rogue) ask(at *site, method string, q any, a interface{ Check() error }) (code string) {
	r.s.t.Helper()
	var body []byte
	var err error
	if q != nil {
		body, err = satellite.Encode(q)
		r.s.must(err)
	}
	out, err := r.caller.Call(r.s.ctx(), peer.Address{ID: at.id, HostPort: at.port}, method, body)
	if said, ok := errors.AsType[*peer.RemoteError](err); ok {
		return said.Code
	}
	r.s.must(err)
	if a != nil {
		r.s.must(satellite.Decode(out, a))
	}
	return ""
}

// TestDismissedAtOnce: a satellite that was taken out has no more to say on a
// connection it has open, whatever it asks; it need not be so kind as to poll.
func TestDismissedAtOnce(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	r := c.rogue("sat1")
	read := satellite.ReadCall{Key: []byte("members/"), Range: true, Most: 10}
	var a satellite.ReadAnswer
	for _, g := range c.gw {
		if code := r.ask(g, satellite.CallRead, read, &a); code != "" {
			t.Fatalf("%s: %s", g.id, code)
		}
	}
	if code := c.gw[0].change("remove", `{"id":"sat1"}`, &struct{}{}); code != "" {
		t.Fatal(code)
	}
	for _, g := range c.gw {
		g.eventually("it is out here too", func() bool {
			rec, err := satelliteOf(g.gw.agent.bare().(clusterStore).Store, "sat1")
			return err == nil && rec == nil
		})
		read.View = 0
		if code := r.ask(g, satellite.CallRead, read, &a); code != identity.Code(identity.ErrDismissed) {
			t.Errorf("%s lets it read: %q", g.id, code)
		}
		read.View = a.View
		if code := r.ask(g, satellite.CallRead, read, &a); code != identity.Code(identity.ErrDismissed) {
			t.Errorf("%s lets it read on: %q", g.id, code)
		}
		if code := r.ask(g, satellite.CallLeave, nil, nil); code != identity.Code(identity.ErrDismissed) {
			t.Errorf("%s: %q", g.id, code)
		}
	}
}

// TestTokenOfDismissed: the token of a satellite that was taken out, or left, lets
// nobody in, and never somebody with a store and the key of the site.
func TestTokenOfDismissed(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	r := c.rogue("sat1")
	with := func(more string) error {
		n := c.newcomer("sat1")
		n.more = more
		if more == "" {
			n.port = "127.0.0.1:0"
		}
		_, err := Join(n.ctx(), n.parsed(), r.token, c.gw[1].port)
		return err
	}
	if err := with(""); !errors.Is(err, identity.ErrTaken) {
		t.Errorf("with a store, while it is one: %v", err)
	}
	if code := r.ask(c.gw[0], satellite.CallLeave, nil, nil); code != "" {
		t.Fatal(code)
	}
	for _, g := range c.gw {
		g.eventually("it is out here too", func() bool {
			rec, err := satelliteOf(g.gw.agent.bare().(clusterStore).Store, "sat1")
			return err == nil && rec == nil
		})
	}
	for _, more := range []string{"", "store: none\n"} {
		if err := with(more); !errors.Is(err, identity.ErrTokenUsed) {
			t.Errorf("with %q: %v", more, err)
		}
	}
}

// TestRebuiltTellsSatellites: a gateway that built its state anew has not told of
// what changed before; who comes from another gateway hears that.
func TestRebuiltTellsSatellites(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	r := c.rogue("sat1")
	var a satellite.PollAnswer
	if code := r.ask(c.gw[2], satellite.CallPoll, satellite.PollCall{}, &a); code != "" || !a.Everything {
		t.Fatalf("%s %+v", code, a)
	}
	at, cluster := a.At, a.State.Cluster
	for _, id := range []string{"O1", "O2", "O3"} {
		c.gw[0].order(id, "A1", 1)
	}
	last := c.gw[0].gw.agent.store.Applied()
	c.gw[2].eventually("it is told", func() bool { return c.gw[2].gw.agent.store.Applied() >= last })
	c.gw[2].stop()
	gen := filepath.Join(storeDir(c.gw[2].parsed()), "GENERATION")
	b, err := os.ReadFile(gen)
	c.must(err)
	c.must(os.WriteFile(gen, bytes.Replace(b, []byte(`"clean":true`), []byte(`"clean":false`), 1), 0o600))
	c.gw[2].start()
	c.gw[2].eventually("it is at the newest order", func() bool { return c.gw[2].gw.agent.store.Applied() >= last })
	told := satellite.PollAnswer{}
	if code := r.ask(c.gw[2], satellite.CallPoll, satellite.PollCall{Cluster: cluster, At: at, Quorum: true}, &told); code != "" {
		t.Fatal(code)
	}
	if !told.Everything && !slices.Contains(told.Touched, "order/O1") {
		t.Errorf("of %d..%d it tells %v", at, last, told.Touched)
	}
}

// TestSequencesOfOthers: a satellite brings the scans of any handheld, which may be
// connected to it next, but does not use up its sequences; and nobody else has any.
func TestSequencesOfOthers(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	r := c.rogue("sat1")
	kind, version, body, err := warehouse.Encode(warehouse.SignOut{Device: "h8"})
	c.must(err)
	do := func(device string, seq uint64) (res warehouse.Result, code string) {
		var a satellite.DoAnswer
		q := satellite.DoCall{Device: device, Seq: seq, Actor: "x", Kind: kind, Version: version, Body: body, WaitMs: 5000}
		if code := r.ask(c.gw[1], satellite.CallDo, q, &a); code != "" {
			return res, code
		}
		res, err := warehouse.DecodeResult(a.Result)
		c.must(err)
		return res, ""
	}
	if res, code := do(deviceKey("h8"), math.MaxUint64); code != "" || res.Code != replica.CodeSeqJump {
		t.Errorf("the last sequence there is: %+v %s", res, code)
	}
	if _, code := do("fleet/gw1", 1); code != satellite.CodeForbidden {
		t.Errorf("a device that is none: %q", code)
	}
	if res, code := do(deviceKey("h8"), 7); code != "" || res.Code == replica.CodeSeqJump {
		t.Errorf("the next sequence: %+v %s", res, code)
	}
	last, err := c.gw[1].gw.agent.store.LastSeq(deviceKey("h8"))
	if err != nil || last != 7 {
		t.Errorf("the handheld is at %d, %v", last, err)
	}
}

// TestMailIsShort: what waits for other gateways is never longer than what a robot
// can have said.
func TestMailIsShort(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false)
	r := c.rogue("sat1")
	for _, tc := range []struct {
		method, topic string
		bytes         int
		want          string
	}{
		{callReport, "uagv/v2/KIT/R1/state", 64 << 10, ""},
		{callReport, "uagv/v2/KIT/R1/state", 200 << 10, satellite.CodeMalformed},
		{callTwice, "handheld:h8", 3, ""},
		{callTwice, "handheld:h8", 2 << 10, satellite.CodeMalformed},
	} {
		body, err := cbor.Marshal(relayed{Topic: tc.topic, Payload: make([]byte, tc.bytes)})
		c.must(err)
		if code := r.ask(c.gw[0], satellite.CallRelay, satellite.Mail{Method: tc.method, Body: body}, nil); code != tc.want {
			t.Errorf("%s of %d bytes: %q, want %q", tc.method, tc.bytes, code, tc.want)
		}
	}
}
