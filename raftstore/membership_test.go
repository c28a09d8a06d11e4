package raftstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/raftstore/peer"
)

// TestJoinUnderLoad: the second and the third gateway come while work goes on.
func TestJoinUnderLoad(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	l := k.load(6, "gw1")
	l.more(200)
	b, c := k.open("gw2", false), k.open("gw3", false)
	for _, n := range []*node{b, c} {
		if !n.Waiting() || n.ClusterID() != "" || len(n.Members()) != 0 {
			t.Errorf("%s has a cluster before it was added", n.id)
		}
		if ok, _ := n.Quorum(); ok || n.Age() != AgeUnknown {
			t.Errorf("%s: quorum %v, age %v before it was added", n.id, ok, n.Age())
		}
	}
	join(t, a, b)
	l.more(100)
	// The third one asks itself, by way of one that does not lead.
	for {
		err := c.JoinThrough(testContext(t), b.address())
		if err == nil {
			break
		}
		if !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrNoQuorum) {
			t.Fatal(err)
		}
	}
	join(t, c, b, c) // again changes nothing
	l.more(100)
	t.Logf("%d commands, longest gap %v", l.end(), l.gap)
	if a.Waiting() || c.Waiting() || a.ClusterID() != c.ClusterID() {
		t.Error("they are not of one cluster")
	}
	sameDigest(t, a, b, c)
	for _, n := range []*node{a, b, c} {
		await(t, "all vote", func() bool { return n.voters() == 3 })
		l.check(n)
	}
}

func transfer(t *testing.T, at *node, to *node) {
	t.Helper()
	await(t, "the lead moves", func() bool {
		_ = at.Transfer(testContext(t), to.id) // raft gives up when the heir is slow
		return to.IsLeader()
	})
}

// TestTransfer moves the lead around by way of any gateway, under load.
func TestTransfer(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	l := k.load(4, three...)
	for _, to := range []*node{b, c, a} {
		transfer(t, c, to)
		l.more(50)
	}
	t.Logf("%d commands, longest gap %v", l.end(), l.gap)
	sameDigest(t, a, b, c)
	l.check(b)
	if err := b.Transfer(testContext(t), "gw9"); !errors.Is(err, ErrNoMember) || FaultCode(err) != CodeNoMember {
		t.Errorf("to nobody: %v", err)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	if err := b.Transfer(testContext(t), "gw3"); !errors.Is(err, ErrNotHandedOver) || FaultCode(err) != CodeNotHanded {
		t.Errorf("to a dead one: %v", err)
	}
	leaderOf(t, a, b)
}

// remove asks until it is definite.
func remove(t *testing.T, at *node, id string) {
	t.Helper()
	for {
		err := at.Remove(testContext(t), id)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrUnknownOutcome) {
			t.Fatal(err)
		}
	}
}

func awaitRemoved(t *testing.T, n *node) {
	t.Helper()
	select {
	case <-n.Done():
	case <-testContext(t).Done():
		t.Fatal(n.id, " does not know that it was removed")
	}
	if err := n.Err(); !errors.Is(err, ErrRemoved) || FaultCode(err) != CodeRemoved {
		t.Fatalf("%s stopped with %v", n.id, err)
	}
}

// TestRemoveAndRejoin: the leader is removed by a follower, it stops, and comes
// back only with an empty folder.
func TestRemoveAndRejoin(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	a.must(t, byDevice("hh", 1, "add n 1"))
	remove(t, b, "gw1")
	awaitRemoved(t, a)
	remove(t, b, "gw1") // again is no error
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	leaderOf(t, b, c)
	c.must(t, byDevice("hh", 2, "add n 1"))
	if m := b.Members(); len(m) != 2 || m[0].ID != "gw2" || m[1].ID != "gw3" {
		t.Errorf("members %+v", m)
	}
	if _, err := k.tryOpen("gw1", true); !errors.Is(err, ErrRemoved) || FaultCode(err) != CodeRemoved {
		t.Fatalf("it came back: %v", err)
	}
	if err := os.RemoveAll(a.dir); err != nil {
		t.Fatal(err)
	}
	a = k.open("gw1", false)
	join(t, b, a)
	if res := a.must(t, byDevice("hh", 3, "add n 1")); string(res.Body) != fmt.Sprintf("3@%d", res.Index) {
		t.Errorf("the sum is %s", res.Body)
	}
	sameDigest(t, a, b, c)
}

// TestRemovedWhileAway: it hears of it when it comes back.
func TestRemovedWhileAway(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	remove(t, b, "gw3")
	a.must(t, byDevice("hh", 1, "add n 1"))
	term := a.Term()
	c = k.open("gw3", false)
	awaitRemoved(t, c)
	if leaderOf(t, a, b); a.Term() > term+1 {
		t.Errorf("it disturbed the others: term %d, then %d", term, a.Term())
	}
}

// TestRemoveKeepsQuorum: nobody is removed who is needed.
func TestRemoveKeepsQuorum(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.open("gw1", true)
	if err := a.Remove(testContext(t), "gw1"); !errors.Is(err, ErrKeepsQuorum) {
		t.Errorf("the only one: %v", err)
	}
	b, c := k.open("gw2", false), k.open("gw3", false)
	join(t, a, b, c)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	err := a.Remove(testContext(t), "gw2")
	if !errors.Is(err, ErrKeepsQuorum) || FaultCode(err) != CodeKeepsQuorum {
		t.Errorf("one of two that live: %v", err)
	}
	remove(t, b, "gw3") // the dead one may go
	b.must(t, byDevice("hh", 1, "add n 1"))
	if leaderOf(t, a, b).voters() != 2 {
		t.Error("it is still there")
	}
}

// TestWipedGatewayDoesNotVote: a voter that lost its disk must not help to
// elect a leader who lacks what the voter had acknowledged.
func TestWipedGatewayDoesNotVote(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{false, true} { // true: set up as a first one by mistake
		t.Run(fmt.Sprint("bootstrap ", first), func(t *testing.T) {
			t.Parallel()
			k, a, b, c := openThree(t, nil)
			// gw2 and gw3 have it, gw1 has not.
			transfer(t, a, b)
			k.board.cut("gw1")
			a.awaitQuorum(t, false)
			res := b.must(t, byDevice("hh", 1, "add n 1"))
			for _, n := range []*node{b, c} {
				if err := n.stop(); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.RemoveAll(c.dir); err != nil {
				t.Fatal(err)
			}
			c = k.open("gw3", first)
			k.board.heal()
			// gw1 and the wiped gw3 are a majority by number.
			ctx, cancel := context.WithTimeout(context.Background(), 8*testBeat)
			defer cancel()
			if res, err := a.Propose(ctx, byDevice("hh", 2, "add n 1")); !errors.Is(err, ErrNoQuorum) {
				t.Fatalf("a cluster without what was acknowledged answered %+v, %v", res, err)
			}
			if !first && !c.Waiting() {
				t.Error("it does not know that it must wait")
			}
			b = k.open("gw2", false)
			lead := leaderOf(t, a, b)
			if again := lead.must(t, byDevice("hh", 1, "add n 1")); !again.Duplicate || string(again.Body) != string(res.Body) {
				t.Errorf("what was acknowledged: %+v", again)
			}
			err := a.Join(testContext(t), c.address())
			if !errors.Is(err, ErrStillMember) || FaultCode(err) != CodeStillMember {
				t.Errorf("it was added as if nothing was: %v", err)
			}
			remove(t, a, "gw3")
			if first {
				if !c.IsLeader() || c.Applied() != 0 || len(c.Members()) != 1 {
					t.Error("the old cluster reached into the new one")
				}
				if err := a.Join(testContext(t), c.address()); !errors.Is(err, ErrOtherCluster) || FaultCode(err) != CodeOtherCluster {
					t.Errorf("one of another cluster was added: %v", err)
				}
				return
			}
			join(t, a, c)
			sameDigest(t, a, b, c)
		})
	}
}

// TestJoinRefusals: who cannot be added, and that nothing changes by it.
func TestJoinRefusals(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	nobody := peer.Address{ID: "gw7", HostPort: "127.0.0.1:1"}
	if err := a.Join(testContext(t), nobody); !errors.Is(err, ErrNotReachable) {
		t.Errorf("nobody: %v", err)
	}
	b := k.open("gw2", false)
	wrong := peer.Address{ID: "gw8", HostPort: b.address().HostPort}
	if err := a.Join(testContext(t), wrong); !errors.Is(err, ErrNotReachable) {
		t.Errorf("one that is another one: %v", err)
	}
	// A stranger of the site may ask for itself only.
	stranger := peer.NewCaller(b.port)
	ask := func(method string, q memberCall) error {
		body, _ := answered(q)
		raw, err := stranger.Call(testContext(t), a.address(), method, body)
		if err != nil {
			return err
		}
		var got answerCode
		if err := cbor.Unmarshal(raw, &got); err != nil {
			return err
		}
		return got.err()
	}
	for method, q := range map[string]memberCall{
		callRemove: {ID: "gw1"}, callTransfer: {ID: "gw1"}, callMoved: {Address: "gw1@127.0.0.1:2"},
		callJoin: {Address: "gw5@127.0.0.1:2"},
	} {
		if err := ask(method, q); !errors.Is(err, ErrNoMember) {
			t.Errorf("%s of a stranger: %v", method, err)
		}
	}
	if err := ask(callJoin, memberCall{Address: "nonsense"}); err == nil {
		t.Error("nonsense was added")
	}
	if n := len(a.Members()); n != 1 {
		t.Errorf("%d members", n)
	}
	alone := openStore(t, testConfig(t, t.TempDir()))
	for name, err := range map[string]error{
		"join": alone.Join(testContext(t), b.address()), "remove": alone.Remove(testContext(t), "x"),
		"transfer": alone.Transfer(testContext(t), "x"), "through": alone.JoinThrough(testContext(t), b.address()),
	} {
		if !errors.Is(err, ErrAlone) {
			t.Errorf("%s on one that stays alone: %v", name, err)
		}
	}
	if id, ok := alone.Leader(); !ok || id != "gw1" || alone.Age() != 0 {
		t.Errorf("a lone gateway: leader %q %v", id, ok)
	}
	if err := alone.ViewLinearizable(testContext(t), func(Reader, uint64) error { return nil }); err != nil {
		t.Errorf("a lone gateway: %v", err)
	}
}

// TestFromOneToThree: a folder of a lone gateway goes on as the first of three.
func TestFromOneToThree(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	cfg := testConfig(t, filepath.Join(k.base, "gw1"))
	s := openStore(t, cfg)
	do(t, s, byDevice("hh", 1, "add n 5"))
	closeStore(t, s)
	if err := os.Remove(filepath.Join(cfg.Dir, "CLUSTER")); err != nil { // as an older version left it
		t.Fatal(err)
	}
	a := k.open("gw1", false)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	b, c := k.open("gw2", false), k.open("gw3", false)
	join(t, a, b, c)
	await(t, "the address of the first one is known", func() bool {
		srv, _ := b.server("gw1")
		return string(srv.Address) == a.address().String()
	})
	transfer(t, b, c)
	if res := a.must(t, byDevice("hh", 2, "add n 1")); string(res.Body) != fmt.Sprintf("6@%d", res.Index) {
		t.Errorf("the sum is %s", res.Body)
	}
	sameDigest(t, a, b, c)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	cfg.Dir, cfg.NodeID = c.dir, "gw3"
	if s, err := Open(cfg, testMachine{}); !errors.Is(err, ErrAlone) {
		t.Errorf("one of three was opened without a port: %v, %v", s, err)
	}
	c = k.open("gw3", false) // and took no harm
	c.awaitQuorum(t, true)
}

// TestNewAddress: a gateway that comes back at another address is found again.
func TestNewAddress(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	was := c.port
	k.mu.Lock()
	delete(k.listen, "gw3") // the next one gets a free port
	k.mu.Unlock()
	a.must(t, byDevice("hh", 1, "add n 1"))
	c = k.open("gw3", false)
	if c.address() == was.Self() {
		t.Skip("the same port again")
	}
	c.awaitQuorum(t, true)
	c.must(t, byDevice("hh", 2, "add n 1"))
	sameDigest(t, a, b, c)
	// Only the gateway itself says where it is.
	for _, n := range []*node{a, b, c} {
		if n.IsLeader() {
			if err := n.movedHere(testContext(t), "gw2", peer.Address{ID: "gw3", HostPort: "127.0.0.1:1"}); !errors.Is(err, ErrNoMember) {
				t.Errorf("gw2 moved gw3: %v", err)
			}
		}
	}
}

// TestStoppedOneIsMissing: one that stopped by itself still answers, but
// it neither leads nor votes.
func TestStoppedOneIsMissing(t *testing.T) {
	t.Parallel()
	_, a, b, c := openThree(t, func(c *Config) { c.HeartbeatTimeout = time.Second }) // the lead stays
	b.fail(fault(CodeMachine, errors.New("boom")))
	if err := a.Remove(testContext(t), c.id); !errors.Is(err, ErrKeepsQuorum) {
		t.Errorf("the last one that works was removed: %v", err)
	}
	if err := a.Transfer(testContext(t), b.id); !errors.Is(err, ErrNotHandedOver) {
		t.Errorf("handed over to one that stopped: %v", err)
	}
	remove(t, a, b.id)
}

// TestReadersShareOneQuestion: the majority is asked once for many readers, but
// never with an answer older than the reader.
func TestReadersShareOneQuestion(t *testing.T) {
	t.Parallel()
	_, a, _, _ := openThree(t, nil)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := a.ReadIndex(testContext(t)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := a.ReadIndex(func() context.Context {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return ctx
	}()); err == nil {
		t.Error("a reader who left was answered")
	}
	if err := a.WaitApplied(func() context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}(), a.Applied()+1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a command nobody made: %v", err)
	}
}
