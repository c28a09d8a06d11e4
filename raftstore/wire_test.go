package raftstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

// TestCodesTravel: what an error promises is the same on the other side.
func TestCodesTravel(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ is, want error }{
		{ErrNotLeader, ErrNotLeader},
		{ErrFull, ErrFull},
		{ErrDiskFull, ErrDiskFull},
		{ErrTooBig, ErrTooBig},
		{ErrBadCommand, ErrBadCommand},
		{ErrSeqTooOld, ErrSeqTooOld},
		{ErrStillMember, ErrStillMember},
		{ErrNoMember, ErrNoMember},
		{ErrOtherCluster, ErrOtherCluster},
		{ErrKeepsQuorum, ErrKeepsQuorum},
		{ErrNoQuorum, ErrNoQuorum},
		{ErrNotReachable, ErrNotReachable},
		// The other one stops: look for the next leader.
		{ErrClosed, ErrNotLeader},
		{ErrLatched, ErrNotLeader},
		// Whatever may have been done stays unknown, also when it says more.
		{ErrUnknownOutcome, ErrUnknownOutcome},
		{errors.New("what?"), ErrUnknownOutcome},
		{fmt.Errorf("%w: %w", ErrUnknownOutcome, ErrNotLeader), ErrUnknownOutcome},
	} {
		b, err := answered(proposeAnswer{answerCode: toCode(fmt.Errorf("here: %w", tc.is)), Index: 7, Body: []byte("x")})
		if err != nil {
			t.Fatal(err)
		}
		var a proposeAnswer
		if err := cbor.Unmarshal(b, &a); err != nil {
			t.Fatal(err)
		}
		got := a.err()
		if !errors.Is(got, tc.want) || got.Error() != fmt.Sprint("here: ", tc.is) || a.Index != 7 {
			t.Errorf("%v arrives as %v", tc.is, got)
		}
		if tc.want == ErrUnknownOutcome && errors.Is(got, ErrNotLeader) {
			t.Errorf("%v arrives as something that was not done", tc.is)
		}
	}
	if (answerCode{}).err() != nil || toCode(nil) != (answerCode{}) {
		t.Error("no error became one")
	}
	if err := (answerCode{Code: "of a later version"}).err(); !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("an unknown code: %v", err)
	}
}

// fakeNet answers calls from a script.
type fakeNet func(method string, body []byte) ([]byte, error)

func (f fakeNet) Call(_ context.Context, _ peer.Address, method string, body []byte) ([]byte, error) {
	return f(method, body)
}

// TestAskSaysWhatMayHaveHappened: only a call that was not made is no doubt.
func TestAskSaysWhatMayHaveHappened(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err     error
		body    []byte
		want    error
		unknown bool
	}{
		"not reachable":       {fmt.Errorf("%w: x", peer.ErrUnreachable), nil, errUnreachable, false},
		"too big":             {peer.ErrFrame, nil, ErrTooBig, false},
		"lost":                {peer.ErrLost, nil, ErrUnknownOutcome, true},
		"refused by a code":   {&peer.RemoteError{Text: "no"}, nil, ErrUnknownOutcome, true},
		"an answer of noise":  {nil, []byte("noise"), ErrUnknownOutcome, true},
		"an answer of a kind": {nil, []byte{0x01}, ErrUnknownOutcome, true},
	} {
		s := &Store{net: fakeNet(func(string, []byte) ([]byte, error) { return tc.body, tc.err })}
		var a proposeAnswer
		err := s.ask(t.Context(), peer.Address{ID: "gw2"}, callPropose, proposeCall{}, &a)
		if !errors.Is(err, tc.want) || errors.Is(err, ErrUnknownOutcome) != tc.unknown {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForeignProposals: bytes of another gateway that are no command are
// refused, and nothing is put into the log.
func TestForeignProposals(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	await(t, "the level", func() bool { level, _ := a.Level(); return level == storeLevel }) // an entry, too
	last := a.raft.LastIndex()
	good := byID(1, "add n 1")
	two := encodeBatch(0, []*Command{&good, &good})
	reserved := Command{ID: id(1), Kind: ReservedKinds}
	for name, tc := range map[string]struct {
		method string
		body   []byte
	}{
		"no cbor":         {callPropose, []byte("noise")},
		"no entry":        {callPropose, mustCBOR(t, proposeCall{})},
		"noise":           {callPropose, mustCBOR(t, proposeCall{Entry: []byte("noise")})},
		"a barrier":       {callPropose, mustCBOR(t, proposeCall{Entry: encodeBarrier()})},
		"two commands":    {callPropose, mustCBOR(t, proposeCall{Entry: two})},
		"many: no cbor":   {callProposals, []byte("noise")},
		"many: no entry":  {callProposals, mustCBOR(t, proposalsCall{})},
		"many: a barrier": {callProposals, mustCBOR(t, proposalsCall{Entry: encodeBarrier()})},
		"many: too many":  {callProposals, mustCBOR(t, proposalsCall{Entry: encodeBatch(0, slices.Repeat([]*Command{&good}, maxBatchCommands+1))})},
		"a reserved kind": {callPropose, mustCBOR(t, proposeCall{Entry: encodeBatch(0, []*Command{&reserved})})},
	} {
		b, err := a.serve(t.Context(), "gw9", tc.method, tc.body)
		var got answerCode
		if err == nil {
			err = cbor.Unmarshal(b, &got)
		}
		if err != nil || !errors.Is(got.err(), ErrBadCommand) {
			t.Errorf("%s: %v, %v", name, err, got.err())
		}
	}
	if _, err := a.serve(t.Context(), "gw9", "nonsense", nil); err == nil {
		t.Error("an unknown method was answered")
	}
	if a.raft.LastIndex() != last {
		t.Error("something got into the log")
	}
}

func mustCBOR(t *testing.T, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHintOnlyMovesWhatMatches: a hint that does not fit the log changes
// nothing, and is given up.
func TestHintOnlyMovesWhatMatches(t *testing.T) {
	t.Parallel()
	k, a, b, _ := openThree(t, nil)
	a.must(t, byDevice("hh", 1, "add n 1"))
	if err := b.WaitApplied(testContext(t), a.Applied()); err != nil {
		t.Fatal(err)
	}
	// gw2 hears nothing from now on.
	k.board.cut("gw1", "gw3")
	last, term := b.raft.LastIndex(), b.raft.CurrentTerm()
	old := hint{Term: term - 1, Index: last + 1, IndexTerm: term}
	b.giveHint(a.address(), old)
	b.takeHint(a.address(), hint{Term: term, Index: last + 100, IndexTerm: term})
	await(t, "a hint that is never true is given up", func() bool {
		b.hints.mu.Lock()
		defer b.hints.mu.Unlock()
		return !b.hints.running
	})
	b.giveHint(a.address(), hint{Term: term, Index: last, IndexTerm: term + 7})
	if got := b.raft.CommitIndex(); got > last {
		t.Errorf("committed %d, the log ends at %d", got, last)
	}
	k.board.heal()
	b.awaitQuorum(t, true)
}

// TestHintsTellFollowers: with a raft that tells its followers nothing for half
// a minute, a lone command and a lone read at a follower still come to an end.
func TestHintsTellFollowers(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, nil)
	for _, n := range []*node{a, b, c} {
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
	}
	k.tweak = func(c *Config) { c.commitTimeout = 30 * time.Second }
	a, b, c = k.open("gw1", false), k.open("gw2", false), k.open("gw3", false)
	for i, n := range []*node{b, c, a, b, c, a} {
		n.must(t, byDevice("hh", uint64(i+1), "add n 1"))
	}
	res := a.must(t, byDevice("hh", 9, "add n 1"))
	if err := c.ViewLinearizable(testContext(t), func(_ Reader, applied uint64) error {
		if applied < res.Index {
			t.Errorf("read %d after %d", applied, res.Index)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestVerifierSharing: a reader never shares a question that was under way
// before it came.
func TestVerifierSharing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v verifier
		var mu sync.Mutex
		asked := 0
		ask := func() error {
			mu.Lock()
			defer mu.Unlock()
			asked++
			<-time.After(time.Second)
			return nil
		}
		start := time.Now()
		var wg sync.WaitGroup
		read := func(after, until time.Duration) {
			wg.Go(func() {
				time.Sleep(after)
				if err := v.verify(t.Context(), ask); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took != until {
					t.Errorf("who came at %v was answered at %v, want %v", after, took, until)
				}
			})
		}
		read(0, time.Second)
		for range 20 { // they share the next one
			read(500*time.Millisecond, 2*time.Second)
		}
		wg.Wait()
		read(0, 3*time.Second)
		wg.Wait()
		if asked != 3 {
			t.Errorf("the majority was asked %d times, want 3", asked)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := v.verify(ctx, ask); !errors.Is(err, ErrNotLeader) {
			t.Errorf("who left got %v", err)
		}
		<-time.After(2 * time.Second)
	})
}

// TestStreamOfOneCluster: who says another id is let in nowhere.
func TestStreamOfOneCluster(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ours := newClusterID()
	var m membership
	belong := func(yes bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.id, m.known = ours, yes
	}
	aliens := make(chan clusterID, 4)
	s := newClusterStream(tcpStream{ln}, m.get,
		func(_ net.Addr, theirs clusterID) { aliens <- theirs })
	got := make(chan string, 8)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			b, _ := io.ReadAll(io.LimitReader(c, 5))
			got <- string(b)
			_ = c.Close()
		}
	})
	dial := func(as clusterID) error {
		d := newClusterStream(tcpStream{ln}, func() (clusterID, bool) { return as, true }, nil)
		c, err := d.Dial(raft.ServerAddress(ln.Addr().String()), time.Second)
		if err != nil {
			return err
		}
		_, _ = c.Write([]byte("hello"))
		_, _ = io.ReadAll(c)
		return c.Close()
	}
	if err := dial(ours); err != nil { // we belong to none yet: the door is shut
		t.Fatal(err)
	}
	if len(got) != 0 {
		t.Errorf("one that belongs to no cluster heard %q", <-got)
	}
	belong(true)
	if err := dial(ours); err != nil || <-got != "hello" {
		t.Errorf("one of ours was not heard: %v", err)
	}
	other := newClusterID()
	if err := dial(other); err != nil || <-got != "" || <-aliens != other {
		t.Errorf("one of another cluster was heard: %v", err)
	}
	belong(false)
	if _, err := s.Dial(raft.ServerAddress(ln.Addr().String()), time.Second); !errors.Is(err, errNotAdded) {
		t.Errorf("one that belongs to no cluster dialled: %v", err)
	}
	belong(true)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := s.Dial("x", time.Second); err == nil {
		t.Error("dialled after Close")
	}
}

type tcpStream struct{ net.Listener }

func (s tcpStream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", string(to), timeout)
}

func TestClusterIDNames(t *testing.T) {
	t.Parallel()
	id := newClusterID()
	if got, err := parseClusterID(id.String()); err != nil || got != id {
		t.Errorf("%v %v", got, err)
	}
	for _, s := range []string{"", "zz", id.String()[1:], id.String() + "00"} {
		if _, err := parseClusterID(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}
