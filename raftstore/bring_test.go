package raftstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tote/raftstore/peer"
)

// spy notes the calls of a gateway, and holds those with many commands.
type spy struct {
	network
	mu    sync.Mutex
	calls map[string]int
	gate  chan struct{} // closed: nothing is held
}

func (s *spy) Call(ctx context.Context, to peer.Address, method string, body []byte) ([]byte, error) {
	s.mu.Lock()
	s.calls[method]++
	s.mu.Unlock()
	if method == callProposals {
		<-s.gate
	}
	return s.network.Call(ctx, to, method, body)
}

func (s *spy) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// spied opens three gateways; gw2 does not lead and its calls are watched.
func spied(t *testing.T, m Machine) (a, b, c *node, s *spy) {
	t.Helper()
	s = &spy{calls: map[string]int{}, gate: make(chan struct{})}
	k := newKit(t, func(c *Config) {
		c.HeartbeatTimeout = calmBeat // what a new leader answers again is a duplicate
		if inner := c.testNetwork; c.NodeID == "gw2" {
			c.testNetwork = func(n network) network { s.network = inner(n); return s }
		}
	})
	k.machine = m
	a = k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	b, c = k.open("gw2", false), k.open("gw3", false)
	join(t, a, b, c)
	if leaderOf(t, a, b, c) == b {
		if err := b.Transfer(testContext(t), "gw1"); err != nil {
			t.Fatal(err)
		}
	}
	b.awaitQuorum(t, true)
	return a, b, c, s
}

// TestBroughtTogether: the commands of many callers at a follower go to the
// leader in few calls. Each has its own answer, one that is refused or too big
// hurts no other, and one that was given up before it was sent is not done.
func TestBroughtTogether(t *testing.T) {
	t.Parallel()
	a, b, c, s := spied(t, nil)
	atLevel(t, storeLevel, a, b, c)
	type answer struct {
		res Result
		err error
	}
	propose := func(ctx context.Context, cmd Command) chan answer {
		ch := make(chan answer, 1)
		go func() { res, err := b.Propose(ctx, cmd); ch <- answer{res, err} }()
		return ch
	}
	var first []chan answer // they keep all calls busy
	for i := range bringCalls {
		first = append(first, propose(testContext(t), byID(uint64(1+i), "add first 1")))
		await(t, "a call", func() bool { return s.count(callProposals) == i+1 })
	}
	queued := func() int {
		way := b.wayTo(a.address())
		if way == nil {
			return -1
		}
		return way.Waiting()
	}
	impatient, cancel := context.WithCancel(testContext(t))
	given := propose(impatient, byID(50, "set given up"))
	const adds = 20
	body := func(i int) string {
		switch i {
		case 3:
			return "flood 5000 1"
		case 4:
			return "nonsense"
		}
		return fmt.Sprintf("add n%d 1", i)
	}
	var rest []chan answer
	for i := range adds {
		rest = append(rest, propose(testContext(t), byID(uint64(100+i), body(i))))
	}
	var big []chan answer // more than fits into the answer of a call
	const bigs = 20
	for i := range bigs {
		big = append(big, propose(testContext(t), byID(uint64(200+i), "big 60000")))
	}
	await(t, "all wait", func() bool { return queued() == 1+adds+bigs })
	cancel()
	if got := <-given; !errors.Is(got.err, context.Canceled) || errors.Is(got.err, ErrUnknownOutcome) {
		t.Errorf("given up: %v", got.err)
	}
	close(s.gate)
	for _, ch := range first {
		if got := <-ch; got.err != nil {
			t.Error(got.err)
		}
	}
	for i, ch := range rest {
		got := <-ch
		switch i {
		case 3:
			if !errors.Is(got.err, ErrTooBig) {
				t.Errorf("too big: %+v", got)
			}
		case 4:
			if got.err != nil || !got.res.Rejected {
				t.Errorf("refused: %+v", got)
			}
		default:
			if want := fmt.Sprintf("1@%d", got.res.Index); got.err != nil || string(got.res.Body) != want || got.res.Duplicate {
				t.Errorf("command %d: %+v, want %s", i, got, want)
			}
		}
	}
	for i, ch := range big {
		if got := <-ch; got.err != nil || len(got.res.Body) != 60000 || got.res.Duplicate {
			t.Errorf("big answer %d: %d bytes, duplicate %v, %v", i, len(got.res.Body), got.res.Duplicate, got.err)
		}
	}
	if n := s.count(callProposals); n > bringCalls+2 {
		t.Errorf("%d calls for %d commands", n, adds+bigs)
	}
	if got := dump(t, b.Store)["given"]; got != "" {
		t.Error("the one given up was done")
	}
	sameDigest(t, a, b, c)
}

// TestOlderIsAskedOneByOne: while a gateway of an older version is in the
// cluster, each command has a call of its own.
func TestOlderIsAskedOneByOne(t *testing.T) {
	t.Parallel()
	a, b, c, s := spied(t, versioned{level: levelProposals - 1})
	close(s.gate)
	atLevel(t, levelProposals-1, a, b, c)
	for i := range 5 {
		b.must(t, ofVersion(uint64(1+i), 1, "add n 1"))
	}
	if s.count(callPropose) < 5 || s.count(callProposals) > 0 {
		t.Errorf("calls %v", s.calls)
	}
}

// TestOneBadProposal: what a gateway brings is looked at one by one.
func TestOneBadProposal(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	cmds := []Command{byID(1, "add n 1"), {ID: id(2), Kind: ReservedKinds}, byDevice(strings.Repeat("x", MaxName), 1, "add n 1"), {Kind: testKind}}
	var list []*Command
	for i := range cmds {
		list = append(list, &cmds[i])
	}
	b, err := a.serve(t.Context(), "gw9", callProposals, mustCBOR(t, proposalsCall{Entry: encodeBatch(0, list)}))
	if err != nil {
		t.Fatal(err)
	}
	var got proposalsAnswer
	if err := cbor.Unmarshal(b, &got); err != nil || got.err() != nil || len(got.Answers) != len(cmds) {
		t.Fatalf("%+v %v", got, err)
	}
	for i, want := range []error{nil, ErrBadCommand, nil, ErrBadCommand} {
		if err := got.Answers[i].err(); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("command %d: %v, want %v", i, err, want)
		}
	}
	if string(got.Answers[0].Body) != "1@1" || string(got.Answers[2].Body) != "2@2" {
		t.Errorf("answers %q and %q", got.Answers[0].Body, got.Answers[2].Body)
	}
}
