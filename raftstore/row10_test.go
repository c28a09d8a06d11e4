package raftstore

import (
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

// scissors cut connections to one gateway after so many bytes, so many times.
type scissors struct {
	to    string
	after atomic.Int64
	left  atomic.Int64
	cuts  atomic.Int64
}

type cutStream struct {
	raft.StreamLayer
	s *scissors
}

func (c cutStream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	conn, err := c.StreamLayer.Dial(to, timeout)
	if a, perr := peer.ParseAddress(string(to)); err != nil || perr != nil || a.ID != c.s.to {
		return conn, err
	}
	return &cutConn{Conn: conn, s: c.s}, nil
}

type cutConn struct {
	net.Conn
	s    *scissors
	sent int64
}

func (c *cutConn) Write(p []byte) (int, error) {
	c.sent += int64(len(p))
	if c.sent > c.s.after.Load() && c.s.left.Add(-1) >= 0 {
		c.s.cuts.Add(1)
		_ = c.Close()
		return 0, errCut
	}
	return c.Conn.Write(p)
}

// TestRow10SnapshotCutHalfWay: a follower was away until no log reached back to
// it. The state it is sent is cut off half-way three times, while work goes on;
// raft cannot resume, so it is sent again until it is there. No log grows
// without end meanwhile, and what was half sent leaves nothing behind.
func TestRow10SnapshotCutHalfWay(t *testing.T) {
	t.Parallel()
	s := &scissors{to: "gw3"}
	s.after.Store(1 << 62)
	restored := make(chan uint64, 64)
	const entries, trailing = 50, 20
	k := newKit(t, func(c *Config) {
		c.SnapshotEntries, c.TrailingLogs, c.SnapshotInterval = entries, trailing, 50*time.Millisecond
		stream := c.testStream
		c.testStream = func(l raft.StreamLayer) raft.StreamLayer { return cutStream{stream(l), s} }
		if c.NodeID == "gw3" {
			c.OnRestore = func(number uint64) { restored <- number }
		}
	})
	a, b, c := k.three()
	for i := range 8 { // 3 MiB of state
		a.must(t, byDevice("hh", uint64(i+1), fmt.Sprint("flood 200 2000 ", i)))
	}
	l := k.load(4, "gw1", "gw2")
	l.more(50)
	_, had := c.logReach(t)
	must(t, c.stop())
	for _, n := range []*node{a, b} {
		await(t, n.id+"'s log begins later", func() bool { first, _ := n.logReach(t); return first > had+1 })
	}
	for len(restored) > 0 {
		<-restored
	}
	// A connection carries at most a few kilobytes of entries before it.
	s.left.Store(3)
	s.after.Store(3 << 19)
	c = k.open("gw3", false)
	number := <-restored
	if cuts := s.cuts.Load(); cuts != 3 {
		t.Errorf("the state came after %d cuts, want 3", cuts)
	}
	l.more(200) // with all three
	if first, _ := c.logReach(t); first <= had {
		t.Errorf("its log still begins at %d, it was away from %d on", first, had)
	}
	if err := c.WaitApplied(testContext(t), max(number, b.Applied())); err != nil {
		t.Fatal(err)
	}
	// As long as work goes on, every log is cut again and again: it begins
	// behind all that there was at any moment before.
	for range 2 {
		for _, n := range []*node{a, b, c} {
			_, last := n.logReach(t)
			await(t, n.id+"'s log is cut", func() bool { first, _ := n.logReach(t); return first > last })
		}
	}
	t.Logf("%d commands, longest gap %v", l.end(), l.gap)
	sameDigest(t, a, b, c)
	for _, n := range []*node{a, b, c} {
		l.check(n)
	}
	must(t, c.stop())
	if half, _ := filepath.Glob(filepath.Join(c.dir, "snapshots", "*.tmp")); len(half) > 0 {
		t.Errorf("half a snapshot stays behind: %v", half)
	}
}

// logReach is the first and last entry of a gateway's log.
func (n *node) logReach(t *testing.T) (first, last uint64) {
	t.Helper()
	first, err := n.seglog.FirstIndex()
	must(t, err)
	last, err = n.seglog.LastIndex()
	must(t, err)
	return first, last
}
