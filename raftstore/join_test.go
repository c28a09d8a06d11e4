package raftstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

// welcome is what a leader says to a newcomer just before it adds it.
func welcome(t *testing.T, leader, newcomer *node) error {
	t.Helper()
	var st statusAnswer
	if err := leader.ask(testContext(t), newcomer.address(), callStatus, struct{}{}, &st); err != nil {
		t.Fatal(err)
	}
	return welcomeWith(t, leader, newcomer, st.Seal)
}

func welcomeWith(t *testing.T, leader, newcomer *node, seal string) error {
	t.Helper()
	var a answerCode
	q := memberCall{Cluster: leader.ClusterID(), Seal: seal}
	for { // again when the connection was to an earlier start of it
		err := leader.ask(testContext(t), newcomer.address(), callWelcome, q, &a)
		if err == nil {
			return a.err()
		}
		if !errors.Is(err, ErrUnknownOutcome) {
			t.Fatal(err)
		}
	}
}

// askIn is what the host of a gateway does: it asks until it is a member.
func askIn(t *testing.T, n, via *node) {
	t.Helper()
	await(t, n.id+" is a member", func() bool {
		return n.Joined() || n.JoinThrough(testContext(t), via.address()) == nil && n.Joined()
	})
}

// TestStrandedJoin: the leader dies after it welcomed a newcomer and before it
// added it. The newcomer knows that it is no member, also after a restart.
func TestStrandedJoin(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			t.Parallel()
			k := newKit(t, nil)
			a := k.open("gw1", true)
			if err := a.WaitLeader(testContext(t)); err != nil {
				t.Fatal(err)
			}
			b := k.open("gw2", false)
			if err := welcome(t, a, b); err != nil {
				t.Fatal(err)
			}
			if restart {
				if err := b.stop(); err != nil {
					t.Fatal(err)
				}
				b = k.open("gw2", false)
			}
			// A newcomer replays configurations of before its time.
			b.committedConfig([]raft.Server{{ID: "gw1"}})
			if b.Waiting() || b.Joined() || len(a.Members()) != 1 {
				t.Fatalf("waiting %v, joined %v, %d members", b.Waiting(), b.Joined(), len(a.Members()))
			}
			// The leader says that it is no member, which it never was.
			b.lookAt(testContext(t), a.address())
			if err := b.Err(); err != nil {
				t.Fatal("it takes itself for removed:", err)
			}
			askIn(t, b, a)
			await(t, "it has a vote", b.Voter)
			b.must(t, byDevice("hh", 1, "add n 1"))
			sameDigest(t, a, b)
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			if b = k.open("gw2", false); !b.Joined() {
				t.Error("it forgot that it is a member")
			}
		})
	}
}

// TestWelcomeOfAnEarlierStart: a leader that was held up welcomes a gateway
// whose disk was wiped meanwhile.
func TestWelcomeOfAnEarlierStart(t *testing.T) {
	t.Parallel()
	k, a, _, c := openThree(t, nil)
	d := k.open("gw4", false)
	var st statusAnswer
	if err := a.ask(testContext(t), d.address(), callStatus, struct{}{}, &st); err != nil {
		t.Fatal(err)
	}
	join(t, a, d)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(d.dir); err != nil {
		t.Fatal(err)
	}
	d = k.open("gw4", false)
	if err := welcomeWith(t, c, d, st.Seal); !errors.Is(err, errOtherStart) {
		t.Errorf("welcomed as %q: %v", st.Seal, err)
	}
	if !d.Waiting() {
		t.Error("a wiped voter opened its door")
	}
	for {
		err := d.JoinThrough(testContext(t), a.address())
		if errors.Is(err, ErrNoQuorum) || errors.Is(err, ErrNotLeader) || errors.Is(err, ErrUnknownOutcome) { // an election meanwhile
			continue
		}
		if !errors.Is(err, ErrStillMember) {
			t.Errorf("it asked in: %v", err)
		}
		break
	}
}

// TestStability: who gets a vote when.
func TestStability(t *testing.T) {
	t.Parallel()
	var w stability
	start := time.Unix(1_000_000, 0)
	both := map[string]bool{"gw4": true, "gw5": true}
	for i, step := range []struct {
		term uint64
		at   time.Duration
		well map[string]bool
		want string
	}{
		{1, 0, map[string]bool{"gw4": true}, ""},
		{1, 9 * time.Second, both, ""},
		{1, 10 * time.Second, both, "gw4"},
		{1, 11 * time.Second, map[string]bool{"gw4": false, "gw5": true}, ""}, // it was behind once
		{1, 19 * time.Second, both, "gw5"},
		{1, 20 * time.Second, map[string]bool{"gw4": true}, ""}, // gw5 has its vote
		{1, 29 * time.Second, map[string]bool{"gw4": true}, "gw4"},
		{2, 29 * time.Second, map[string]bool{"gw4": true}, ""}, // another lead begins anew
		{2, 2 * time.Second, map[string]bool{"gw4": true}, ""},  // and so does a clock put back
		{2, 11 * time.Second, map[string]bool{"gw4": true}, ""},
		{2, 12 * time.Second, map[string]bool{"gw4": true}, "gw4"},
		{2, 13 * time.Second, nil, ""}, // it was removed
		{2, 30 * time.Second, map[string]bool{"gw4": true}, ""},
	} {
		if got := w.ripe(step.term, start.Add(step.at), step.well, 10*time.Second); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

// TestVoteComesLate: the leader gives the vote after ten good seconds in a row,
// by a clock of the test; nobody asks for it.
func TestVoteComesLate(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	start := time.Now()
	k := newKit(t, func(c *Config) {
		c.lookEvery, c.PromoteAfter = time.Hour, 0 // the test looks; the default time
		c.Now = func() time.Time { return start.Add(time.Duration(ahead.Load())) }
	})
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	b := k.open("gw2", false)
	if err := a.Join(testContext(t), b.address()); err != nil {
		t.Fatal(err)
	}
	await(t, "it is a member", b.Joined)
	var w stability
	look := func(after time.Duration, vote bool) {
		t.Helper()
		ahead.Add(int64(after))
		a.look()
		a.promote(&w)
		if srv, ok := a.server("gw2"); !ok || (srv.Suffrage == raft.Voter) != vote {
			t.Fatalf("at %v: member %v, suffrage %v", time.Duration(ahead.Load()), ok, srv.Suffrage)
		}
	}
	look(0, false)
	look(9900*time.Millisecond, false)
	k.board.cut("gw2")
	look(time.Second, false) // it does not answer
	k.board.heal()
	look(time.Second, false)
	look(9900*time.Millisecond, false)
	// It falls behind: the leader goes on alone.
	k.board.cut("gw2")
	for i := range uint64(catchUp + 50) {
		a.must(t, byDevice("hh", i+1, "add n 1"))
	}
	a.seenMu.Lock()
	was := a.seen["gw2"]
	a.seenMu.Unlock()
	if a.promote(&w); was.status.Last+catchUp >= a.raft.CommitIndex() {
		t.Fatal("it is not behind")
	}
	k.board.heal()
	look(time.Second, false)
	await(t, "it has caught up", func() bool { return b.Applied() == a.Applied() })
	look(0, false)
	look(9900*time.Millisecond, false)
	look(100*time.Millisecond, true)
	await(t, "it knows of its vote", b.Voter)
}

// TestWipedNewcomerGetsNoVote: a gateway without a vote lost its disk. It is let
// in again without being removed, but its good time begins anew.
func TestWipedNewcomerGetsNoVote(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *Config) { c.lookEvery, c.PromoteAfter = time.Hour, time.Nanosecond })
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	b := k.open("gw2", false)
	if err := a.Join(testContext(t), b.address()); err != nil {
		t.Fatal(err)
	}
	await(t, "it is a member", b.Joined)
	var w stability
	a.look()
	w.ripe(a.Term(), time.Now(), map[string]bool{"gw2": true}, time.Hour)
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	b = k.open("gw2", false)
	a.promote(&w) // it goes by an old look, and asks once more
	if a.voters() != 1 || !b.Waiting() {
		t.Fatal("an empty disk got a vote")
	}
	a.look()
	if a.promote(&w); len(w.since) != 0 {
		t.Error("an empty disk counts as well")
	}
	for _, m := range a.Members() {
		if m.ID == "gw2" && (!m.Up || !m.Empty || m.Voter) {
			t.Errorf("it shows as %+v", m)
		}
	}
	askIn(t, b, a)
	a.look()
	a.promote(&w)
	a.promote(&w)
	if a.voters() != 2 {
		t.Error("it has no vote")
	}
}

// TestRemoveOfANewcomer: one that was removed before it had its vote stays out,
// though it would ask in again.
func TestRemoveOfANewcomer(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *Config) { c.PromoteAfter = time.Hour })
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	b, c := k.open("gw2", false), k.open("gw3", false)
	if err := a.Join(testContext(t), b.address()); err != nil {
		t.Fatal(err)
	}
	await(t, "it is a member", b.Joined)
	remove(t, a, "gw2")
	awaitRemoved(t, b)
	// This one never heard that it was a member.
	if err := welcome(t, a, c); err != nil {
		t.Fatal(err)
	}
	var ans answerCode
	if err := a.ask(testContext(t), c.address(), callLook, memberCall{Address: string(a.Store.address())}, &ans); err != nil || ans.err() != nil {
		t.Fatal(err, ans)
	}
	awaitRemoved(t, c)
}

// TestLateRemovalIsNotHeeded: a wiped gateway that was removed is added again
// before it hears of the removal.
func TestLateRemovalIsNotHeeded(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	asked, goOn := make(chan struct{}, 1), make(chan struct{})
	k := newKit(t, nil)
	k.tweak = func(c *Config) {
		kit := c.testNetwork
		c.testNetwork = func(n network) network { return heldStatus{kit(n), c.NodeID == "gw2", &held, asked, goOn} }
	}
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	b := k.open("gw2", false)
	held.Store(true)
	b.lookAtLeader(a.address())
	<-asked // and answered: it is no member
	join(t, a, b)
	close(goOn)
	b.must(t, byDevice("hh", 1, "add n 1"))
	sameDigest(t, a, b)
	if err := b.stop(); err != nil { // waits for the one that asked
		t.Fatal(err)
	}
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
}

// heldStatus keeps back the first status that gw2 is answered while held is set.
type heldStatus struct {
	network
	here  bool
	held  *atomic.Bool
	asked chan struct{}
	goOn  chan struct{}
}

func (h heldStatus) Call(ctx context.Context, to peer.Address, method string, body []byte) ([]byte, error) {
	b, err := h.network.Call(ctx, to, method, body)
	if h.here && method == callStatus && h.held.CompareAndSwap(true, false) {
		h.asked <- struct{}{}
		<-h.goOn
	}
	return b, err
}

// TestSpareTakesTheVote: the sixth gateway has no vote until a voter goes.
func TestSpareTakesTheVote(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	d, e, f := k.open("gw4", false), k.open("gw5", false), k.open("gw6", false)
	join(t, a, d, e)
	askIn(t, f, b)
	l := k.load(2, "gw2", "gw6")
	l.more(50)
	var w stability
	lead := leaderOf(t, a, b, c, d, e)
	await(t, "the leader has seen it well", func() bool {
		lead.promote(&w)
		return len(w.since) == 1
	})
	ripe := time.Now().Add(10 * time.Millisecond)
	await(t, "it would be ripe", func() bool { lead.promote(&w); return time.Now().After(ripe) })
	if f.Voter() || b.voters() != MaxVoters {
		t.Errorf("%d voters, the sixth one %v", b.voters(), f.Voter())
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	remove(t, f, "gw3")
	await(t, "it takes the vote", f.Voter)
	l.more(50)
	t.Logf("%d commands, longest gap %v", l.end(), l.gap)
	sameDigest(t, a, b, d, e, f)
	l.check(f)
}

// TestOnClock: the host hears the cluster time as it goes on, and at Open.
func TestOnClock(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, t.TempDir())
	var heard atomic.Int64
	tt := newTestTime()
	cfg.Now, cfg.mono = tt.wall, tt.mono
	cfg.OnClock = func(ms int64) {
		if ms <= heard.Swap(ms) {
			t.Errorf("the clock went to %d, not on", ms)
		}
	}
	s := openStore(t, cfg)
	for i, d := range []time.Duration{time.Second, 4 * time.Second, 0, 2 * time.Second} {
		tt.pass(d)
		if i == 2 {
			tt.jump(-3 * time.Second)
		}
		do(t, s, byID(uint64(i+1), "add n 1"))
	}
	const last = testStart + 7000
	await(t, "the time of the last one", func() bool { return heard.Load() == last })
	if err := s.Snapshot(); err != nil { // so that raft delivers nothing of it again
		t.Fatal(err)
	}
	closeStore(t, s)
	heard.Store(0)
	s, err := Open(cfg, testMachine{})
	if err != nil {
		t.Fatal(err)
	}
	if heard.Load() != last { // before there is a leader
		t.Errorf("at the next start it is %d", heard.Load())
	}
	closeStore(t, s)
}
