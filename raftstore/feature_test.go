package raftstore

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// versioned is a testMachine that knows version 1 of testKind, and from level 2
// on version 2.
type versioned struct {
	testMachine
	level uint16
}

func (v versioned) Level() uint16 { return v.level }

func (v versioned) Speaks(kind, version uint16) (uint16, bool) {
	return version, kind == testKind && version >= 1 && version <= v.level
}

func (v versioned) Apply(tx Tx, m Meta, body []byte) (Outcome, error) {
	if _, ok := v.Speaks(m.Kind, m.Version); !ok && m.Level > 0 {
		return Outcome{}, fmt.Errorf("%w: version %d", ErrUnsupported, m.Version)
	}
	return v.testMachine.Apply(tx, m, body)
}

var _ Versioned = versioned{}

func atLevel(t *testing.T, want uint16, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		await(t, fmt.Sprint(n.id, " runs at level ", want), func() bool { level, _ := n.Level(); return level == want })
	}
}

func ofVersion(id uint64, version uint16, body string) Command {
	c := byID(id, body)
	c.Version = version
	return c
}

// TestEntriesOfLevels: what older versions must stop at, and what they may skip.
func TestEntriesOfLevels(t *testing.T) {
	if encodeFeature(1)[1]&entrySkip != 0 {
		t.Error("an older version would go on beyond its level")
	}
	if encodeMark()[1]&entrySkip == 0 || encodeSums(sums{})[1]&entrySkip == 0 {
		t.Error("an older version would stop at a comparison")
	}
}

// TestOlderCannotJoin: a gateway that does not speak the level of the cluster
// is refused, and goes on waiting.
func TestOlderCannotJoin(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.machine = versioned{level: 2}
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	atLevel(t, 2, a)
	k.machine = versioned{level: 1} // not upgraded
	b := k.open("gw2", false)
	for name, err := range map[string]error{
		"by the leader": a.Join(testContext(t), b.address()),
		"by itself":     b.JoinThrough(testContext(t), a.address()),
	} {
		if !errors.Is(err, ErrTooOld) || FaultCode(err) != CodeTooOld {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !b.Waiting() || b.Err() != nil || len(a.Members()) != 1 {
		t.Errorf("waits %v, stopped by %v, %d members", b.Waiting(), b.Err(), len(a.Members()))
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	k.machine = versioned{level: 2}
	b = k.open("gw2", false)
	join(t, a, b)
}

// TestRow11LevelRises: a cluster runs at the lowest level its gateways speak, also
// those without a vote, and refuses before the log what is beyond it. It rises
// when the last one is upgraded, and never falls.
func TestRow11LevelRises(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.machine = versioned{level: 1}
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	k.tweak = func(c *Config) { c.PromoteAfter = time.Hour } // of those opened from here on
	b, c := k.open("gw2", false), k.open("gw3", false)
	join(t, a, b)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	a = k.open("gw1", false)
	await(t, "gw3 is a member", func() bool {
		_ = leaderOf(t, a, b).Join(testContext(t), c.address()) // the lead may move
		return c.Joined()
	})
	atLevel(t, 1, a, b, c)
	k.machine = versioned{level: 2}
	upgrade := func(n *node) *node {
		t.Helper()
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
		n = k.open(n.id, false)
		n.awaitQuorum(t, true)
		return n
	}
	b = upgrade(b)
	a = upgrade(a)
	lead := leaderOf(t, a, b)
	looks := func(n *node, other string) { // n has heard of it as it is now
		since := n.clock.mono()
		await(t, "a look", func() bool {
			n.seenMu.Lock()
			defer n.seenMu.Unlock()
			return n.seen[other].mono > since
		})
	}
	looks(lead, c.id)
	looks(lead, c.id)
	for _, n := range []*node{a, b} { // the leader, and a follower who asks it
		last := lead.raft.LastIndex()
		_, err := n.Propose(testContext(t), ofVersion(1, 2, "add n 1"))
		if !errors.Is(err, ErrUnsupported) || errors.Is(err, ErrUnknownOutcome) || FaultCode(err) != CodeUnsupported {
			t.Fatalf("%s, with gw3 at level 1: %v", n.id, err)
		}
		if lead.raft.LastIndex() != last {
			t.Error("it got into the log")
		}
	}
	atLevel(t, 1, a, b, c)
	if c.Voter() {
		t.Fatal("gw3 has a vote; the test wants one without")
	}
	c = upgrade(c)
	atLevel(t, 2, a, b, c)
	if r := b.must(t, ofVersion(1, 2, "add n 1")); string(r.Body) != fmt.Sprintf("1@%d", r.Index) {
		t.Fatalf("%+v", r)
	}
	if _, err := b.Propose(testContext(t), ofVersion(2, 3, "add n 1")); !errors.Is(err, ErrUnsupported) {
		t.Fatalf("a version of nobody: %v", err)
	}
	sameDigest(t, a, b, c)
	// Back again: it says what to do and touches nothing.
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	k.machine = versioned{level: 1}
	if _, err := k.tryOpen("gw3", false); FaultCode(err) != CodeUnknownEntry {
		t.Fatalf("an older version on a newer state: %v", err)
	}
	k.machine = versioned{level: 2}
	c = k.open("gw3", false)
	c.awaitQuorum(t, true)
	sameDigest(t, a, b, c)
}

// TestNewerSnapshotStops: a gateway is sent the snapshot of a level beyond it.
func TestNewerSnapshotStops(t *testing.T) {
	newer := testConfig(t, t.TempDir())
	newer.level = storeLevel + 1
	s := openStore(t, newer)
	do(t, s, byID(1, "set a 1"))
	await(t, "the level", func() bool { level, _ := s.Level(); return level == storeLevel+1 })
	snap, err := s.fsm.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var b bytes.Buffer
	if err := writeSnapshot(&b, snap.(*fsmSnapshot).txn, nil); err != nil {
		t.Fatal(err)
	}
	older := openStore(t, testConfig(t, t.TempDir()))
	sink, err := older.snaps.Create(raft.SnapshotVersionMax, 1000, 9, raft.Configuration{Servers: older.servers()}, 1, older.trans)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sink.Write(b.Bytes())
	if err := errors.Join(err, sink.Close()); err != nil {
		t.Fatal(err)
	}
	_, rc, err := older.snaps.Open(sink.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rc.Close() }()
	if err := older.fsm.Restore(rc); FaultCode(err) != CodeUnknownEntry {
		t.Fatalf("restored with %v", err)
	}
	<-older.Done()
	if FaultCode(older.Err()) != CodeUnknownEntry {
		t.Fatalf("stopped by %v", older.Err())
	}
}

// TestRow11UnknownCommandStops: a command that is in the log and that this version
// does not know was applied elsewhere; before there were levels all versions
// refused it alike, and such a log stays readable.
func TestRow11UnknownCommandStops(t *testing.T) {
	for level, want := range map[uint16]string{0: "", 1: CodeUnknownEntry} {
		v, err := openView(t.TempDir(), testLogger(t))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = v.close(0) }()
		a := &applier{machine: versioned{level: 1}, log: testLogger(t), idWindow: IDWindow, speaks: 1}
		if err := a.load(v); err != nil {
			t.Fatal(err)
		}
		c := ofVersion(1, 2, "set a 1")
		logs := []*raft.Log{{Index: 1, Data: encodeBarrier()}, {Index: 2, Data: encodeBatch(1, []*Command{&c})}}
		if level == 1 {
			logs[0].Data = encodeFeature(1)
		}
		if _, err := a.apply(logs); FaultCode(err) != want || (want == "") != (err == nil) {
			t.Errorf("level %d: %v", level, err)
		}
	}
}

// TestIdleLevel: the level costs one entry, then nothing is written.
func TestIdleLevel(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.lookEvery, cfg.checkEvery, cfg.checkPause = time.Millisecond, 1, time.Nanosecond
	s := openStore(t, cfg)
	await(t, "the level", func() bool { level, _ := s.Level(); return level == storeLevel })
	last := s.raft.LastIndex()
	polls := 0 // of 5 ms: it has looked many times by then
	await(t, "some time", func() bool { polls++; return polls > 20 })
	if got := s.raft.LastIndex(); got != last {
		t.Errorf("an idle gateway wrote %d entries", got-last)
	}
}
