package raftstore

import (
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	testStart = 1_795_000_000_000
	year      = 365 * 24 * time.Hour
)

// testTime is a wall clock and a monotonic one in the hand of a test.
type testTime struct {
	mu      sync.Mutex
	wallAt  time.Time
	elapsed time.Duration
}

func newTestTime() *testTime { return &testTime{wallAt: time.UnixMilli(testStart)} }

func (c *testTime) wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wallAt
}

func (c *testTime) mono() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

// jump sets the wall clock off, pass lets time go by.
func (c *testTime) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wallAt = c.wallAt.Add(d)
}

func (c *testTime) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wallAt, c.elapsed = c.wallAt.Add(d), c.elapsed+d
}

// TestRow7LoneClock: what a gateway without others believes of its own clock.
// Failure matrix row 7, one gateway.
func TestRow7LoneClock(t *testing.T) {
	type step struct {
		jump, pass time.Duration
		want       time.Duration // cluster time since the start
	}
	for name, tc := range map[string]struct {
		stamped time.Duration // cluster time of the last stamp before the start, less that of the wall clock
		fresh   bool          // nothing was ever stamped
		steps   []step
	}{
		"in step": {steps: []step{
			{want: 0}, {pass: time.Second, want: time.Second}, {pass: time.Hour, want: time.Hour + time.Second},
		}},
		"a year forward, back after an hour": {steps: []step{
			{pass: time.Minute, want: time.Minute},
			{jump: year, want: time.Minute},
			{pass: time.Hour, want: 61 * time.Minute},
			{jump: -year, want: 61 * time.Minute},
			{pass: time.Hour, want: 121 * time.Minute},
		}},
		"a year forward, and it stays": {steps: []step{
			{pass: time.Minute, want: time.Minute},
			{jump: year, want: time.Minute},
			{pass: 24*time.Hour - time.Second, want: 24*time.Hour + 59*time.Second},
			{pass: time.Second, want: year + 24*time.Hour + time.Minute},
		}},
		"two days forward, once in step": {steps: []step{
			{pass: time.Minute, want: time.Minute}, {jump: 48 * time.Hour, want: time.Minute}, {pass: time.Hour, want: 61 * time.Minute},
		}},
		"a clock that runs a thousand times too fast": {steps: []step{
			{pass: time.Minute, want: time.Minute},
			{jump: 1000 * time.Minute, pass: time.Minute, want: 2 * time.Minute},
			{jump: 1000 * time.Minute, pass: time.Minute, want: 3 * time.Minute},
		}},
		"a year back": {steps: []step{
			{pass: time.Minute, want: time.Minute}, {jump: -year, want: time.Minute}, {pass: time.Hour, want: 61 * time.Minute},
		}},
		"frozen": {steps: []step{
			{pass: time.Minute, want: time.Minute}, {jump: -time.Hour, pass: time.Hour, want: 61 * time.Minute},
		}},
		"off for a night": {stamped: -14 * time.Hour, steps: []step{
			{want: -14 * time.Hour},
			{pass: 9 * time.Second, want: -14*time.Hour + 9*time.Second},
			{pass: time.Second, want: 10 * time.Second},
			{jump: time.Hour, want: 10 * time.Second}, // only once
		}},
		"no clock of its own: set back by the night, then the time server": {stamped: 0, steps: []step{
			{jump: -time.Hour, want: 0},
			{pass: time.Minute, want: time.Minute},
			{jump: 15 * time.Hour, want: time.Minute},
			{pass: 10 * time.Second, want: 14*time.Hour + 70*time.Second},
		}},
		"a year forward at the start": {stamped: -year, steps: []step{
			{want: -year}, {pass: time.Hour, want: -year + time.Hour}, {pass: 23 * time.Hour, want: 24 * time.Hour},
		}},
		"a year back at the start": {stamped: year, steps: []step{
			{want: year}, {pass: time.Hour, want: year + time.Hour},
		}},
		"a new gateway": {fresh: true, steps: []step{{want: 0}, {pass: time.Hour, want: time.Hour}}},
		"a new gateway whose clock was never set": {fresh: true, steps: []step{
			{jump: -50 * year, want: -testStart * time.Millisecond},
			{pass: time.Hour, want: time.Hour - testStart*time.Millisecond},
			{jump: 50 * year, want: time.Hour},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			tt := newTestTime()
			c := newClusterClock(tt.wall, tt.mono, slog.New(slog.DiscardHandler))
			if !tc.fresh {
				c.observe(testStart + tc.stamped.Milliseconds())
			}
			for i, s := range tc.steps {
				tt.jump(s.jump)
				if s.jump != 0 && s.pass != 0 { // seen before and after
					c.alone()
				}
				tt.pass(s.pass)
				c.begin()
				c.alone()
				if got := time.Duration(c.now()-testStart) * time.Millisecond; got != s.want {
					t.Fatalf("step %d: the cluster time is %v, want %v", i, got, s.want)
				}
			}
		})
	}
}

// TestClocksAgree: the time goes where a majority of the voters' clocks is.
func TestClocksAgree(t *testing.T) {
	const day = 24 * time.Hour
	for name, tc := range map[string]struct {
		readings []time.Duration
		none     int // readings that are missing
		want     time.Duration
	}{
		"all right":                 {[]time.Duration{0, time.Second, 2 * time.Second}, 0, time.Second},
		"one a year forward":        {[]time.Duration{year, day, day}, 0, day},
		"one a year back":           {[]time.Duration{day, -year, day + time.Second}, 0, day},
		"one off, all moved on":     {[]time.Duration{day, day + time.Minute}, 1, day},
		"two apart":                 {[]time.Duration{day, day + 61*time.Second}, 1, 0},
		"all apart, all ahead":      {[]time.Duration{year, 2 * year, day}, 0, 0},
		"two wrong and apart":       {[]time.Duration{year, 2 * year, 0}, 0, 0},
		"only one known":            {[]time.Duration{year}, 2, 0},
		"two of two":                {[]time.Duration{day, day}, 0, day},
		"one of two":                {[]time.Duration{day}, 1, 0},
		"behind":                    {[]time.Duration{-day, -day, -day}, 0, 0},
		"three of five":             {[]time.Duration{year, day, -day, day, day}, 0, day},
		"two of five are not three": {[]time.Duration{year, year, 0, -day, -2 * day}, 0, 0},
	} {
		tt := newTestTime()
		c := newClusterClock(tt.wall, tt.mono, slog.New(slog.DiscardHandler))
		c.observe(testStart)
		readings := make([]int64, tc.none)
		for _, r := range tc.readings {
			readings = append(readings, testStart+r.Milliseconds())
		}
		c.agree(readings, len(readings))
		if got := time.Duration(c.now()-testStart) * time.Millisecond; got != tc.want {
			t.Errorf("%s: the time went to %v, want %v", name, got, tc.want)
		}
	}
}

func clockOf(t *testing.T, r Result) time.Time {
	t.Helper()
	ms, err := strconv.ParseInt(string(r.Body), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(ms)
}

// TestRow7ClockJumpKeepsRepeats: a clock that jumps a year must not make the store
// forget ids, also over a restart.
func TestRow7ClockJumpKeepsRepeats(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	tt := newTestTime()
	cfg.Now, cfg.mono = tt.wall, tt.mono
	s := openStore(t, cfg)
	do(t, s, byID(1, "add n 1"))
	var got []int64
	stamp := func(id uint64) {
		got = append(got, clockOf(t, do(t, s, byID(id, "clock"))).UnixMilli()-testStart)
	}
	tt.pass(time.Second)
	stamp(2)
	tt.jump(year)
	tt.pass(time.Second)
	stamp(3)
	stamp(4)
	tt.jump(-2 * year)
	tt.pass(time.Second)
	stamp(5)
	closeStore(t, s)
	tt.jump(2 * year) // a year ahead, at the start
	tt.pass(time.Hour)
	s = openStore(t, cfg)
	tt.pass(time.Second)
	stamp(6)
	if d := cmp.Diff([]int64{1000, 2000, 2000, 3000, 4000}, got); d != "" {
		t.Error(d)
	}
	if r := do(t, s, byID(1, "add n 1")); !r.Duplicate || string(r.Body) != "1@1" {
		t.Errorf("the repeat was applied again: %+v", r)
	}
}

// TestFirstTime: the very first command of a new cluster has a real time, or the
// next one would be years later and age out its id.
func TestFirstTime(t *testing.T) {
	t.Parallel()
	_, a, b, c := openThree(t, nil)
	first := clockOf(t, a.must(t, byID(1, "clock")))
	if off := time.Since(first); off.Abs() > 30*time.Second {
		t.Errorf("the first time is off by %v", off)
	}
	for _, n := range []*node{a, b, c} {
		await(t, n.id+" knows the time", func() bool { return time.Since(n.ClusterTime()).Abs() < 30*time.Second })
	}
	for i := range uint64(5) {
		b.must(t, byID(i+2, "add n 1"))
	}
	if r := c.must(t, byID(1, "clock")); !r.Duplicate {
		t.Error("the first id is forgotten")
	}
}

// TestRow7ClusterClocks: three gateways, one of which has a clock that jumps.
// Failure matrix row 7, three gateways.
func TestRow7ClusterClocks(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	off := map[string]time.Duration{}
	set := func(d time.Duration, ids ...string) {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			off[id] = d
		}
	}
	k, a, b, c := openThree(t, func(cfg *Config) {
		id := cfg.NodeID
		cfg.HeartbeatTimeout = 2 * time.Second // a busy machine must not cause the election
		cfg.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(off[id])
		}
	})
	next := uint64(1)
	clock := func(n *node) time.Duration {
		t.Helper()
		next++
		return time.Until(clockOf(t, n.must(t, byID(next, "clock"))))
	}
	near := func(what string, got, want time.Duration) {
		t.Helper()
		if (got - want).Abs() > 30*time.Second {
			t.Errorf("%s: the cluster time is off by %v, want %v", what, got, want)
		}
	}
	looked := func(nodes ...*node) { // each has asked the others again
		t.Helper()
		for _, n := range nodes {
			since := n.clock.mono()
			await(t, "a look", func() bool {
				n.seenMu.Lock()
				defer n.seenMu.Unlock()
				fresh := 0
				for _, was := range n.seen {
					if was.mono > since+5*n.cfg.lookEvery {
						fresh++
					}
				}
				return fresh == 2
			})
		}
	}
	a.must(t, byID(1, "add n 1"))
	term := a.Term()
	for _, jump := range []time.Duration{year, -year} {
		for _, n := range []*node{a, b} { // the leader, a follower
			set(jump, n.id)
			looked(a, b, c)
			near(n.id+" jumps by "+jump.String(), clock(a), 0)
			set(0, n.id)
		}
	}
	if a.Term() != term || !a.IsLeader() {
		t.Errorf("a clock caused an election: term %d, then %d", term, a.Term())
	}
	// It leads, with a wrong clock from the start.
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	set(year, "gw3")
	c = k.open("gw3", false)
	c.awaitQuorum(t, true)
	await(t, "the lead moves", func() bool { return a.Transfer(t.Context(), "gw3") == nil || c.IsLeader() })
	await(t, "it leads", c.IsLeader)
	looked(a, b, c)
	near("gw3 leads a year ahead", clock(b), 0)
	if r := b.must(t, byID(1, "add n 1")); !r.Duplicate {
		t.Error("a repeat was applied again")
	}
	// The site was off for a day: all clocks say so.
	set(24*time.Hour, "gw1", "gw2", "gw3")
	looked(a, b, c)
	near("all moved", clock(b), 24*time.Hour)
	set(0, "gw1", "gw2", "gw3")
	looked(a, b, c)
	near("all moved back", clock(b), 24*time.Hour)
	sameDigest(t, a, b, c)
}
