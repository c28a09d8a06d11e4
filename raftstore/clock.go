package raftstore

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// clockEpoch: a clock or a cluster time before it was never set (2025).
	clockEpoch = 1_735_689_600_000
	// clockTolerance is how far clocks may be apart and still agree.
	clockTolerance = time.Minute

	// A lone gateway has only its own clock to ask. The first time after a
	// start it believes it up to loneStep ahead, which is a long weekend
	// without power; later, or further, only when the clock has gone on evenly
	// for loneHold. By then every id of before the jump has been kept for as
	// long as ids are kept, so even a wrong clock does nothing twice.
	loneStep   = 96 * time.Hour
	loneSettle = 10 * time.Second
	loneHold   = IDWindowAge * time.Millisecond
)

// clusterClock is the cluster time as this gateway knows it: the newest stamp
// it applied or gave, plus the monotonic time since. Every gateway keeps one,
// so whoever leads next goes on where the time is. The wall clock only takes it
// forward, and only where a majority of the voters' clocks agree: one gateway
// whose clock jumps must not age out ids and leases.
type clusterClock struct {
	wall func() time.Time
	mono func() time.Duration
	log  *slog.Logger

	mu   sync.Mutex
	base int64 // cluster time in ms at the monotonic time at
	at   time.Duration

	// The rule of a lone gateway.
	settled bool          // wall clock and cluster time were once the same
	offset  int64         // wall clock less monotonic time, ms
	since   time.Duration // the offset has not changed since

	warned bool
}

func newClusterClock(wall func() time.Time, mono func() time.Duration, log *slog.Logger) *clusterClock {
	if mono == nil {
		start := time.Now()
		mono = func() time.Duration { return time.Since(start) }
	}
	c := &clusterClock{wall: wall, mono: mono, log: log, at: mono()}
	c.watch(c.reading(), c.at)
	return c
}

// now returns the cluster time in milliseconds.
func (c *clusterClock) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current()
}

func (c *clusterClock) current() int64 { return c.base + (c.mono() - c.at).Milliseconds() }

// observe hears of a stamp that was applied.
func (c *clusterClock) observe(stamp int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raise(stamp)
}

// raise takes the time forward, never back.
func (c *clusterClock) raise(to int64) {
	if to > c.current() {
		c.base, c.at = to, c.mono()
	}
}

// reading is the wall clock in ms, 0 when it was never set.
func (c *clusterClock) reading() int64 {
	if ms := c.wall().UnixMilli(); ms >= clockEpoch {
		return ms
	}
	return 0
}

// agree takes the time forward to what a majority of the voters' clocks have
// reached, when that majority lies within the tolerance. readings are those
// known; 0 is none.
func (c *clusterClock) agree(readings []int64, voters int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	readings = slices.DeleteFunc(slices.Clone(readings), func(ms int64) bool { return ms == 0 })
	slices.SortFunc(readings, func(a, b int64) int { return cmp.Compare(b, a) })
	need := voters/2 + 1
	for i := 0; i+need <= len(readings); i++ {
		if low := readings[i+need-1]; readings[i]-low <= clockTolerance.Milliseconds() {
			c.raise(low)
			break
		}
	}
	c.compare()
}

// alone is agree for the only voter.
func (c *clusterClock) alone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, mono := c.reading(), c.mono()
	c.watch(wall, mono)
	if wall == 0 {
		return
	}
	even := mono - c.since
	ahead := time.Duration(wall-c.current()) * time.Millisecond
	switch {
	case !c.settled && even >= loneSettle && ahead >= -clockTolerance && ahead <= loneStep:
		c.settled = true
		c.raise(wall)
	case even >= loneHold && ahead > clockTolerance:
		c.raise(wall)
	}
	c.compare()
}

// watch notes since when the wall clock goes as evenly as the monotonic one.
func (c *clusterClock) watch(wall int64, mono time.Duration) {
	offset := wall - mono.Milliseconds()
	if (time.Duration(offset-c.offset) * time.Millisecond).Abs() > clockTolerance {
		c.offset, c.since = offset, mono
	}
}

// compare tells once when the own wall clock and the cluster time part.
func (c *clusterClock) compare() {
	ahead := time.Duration(c.wall().UnixMilli()-c.current()) * time.Millisecond
	switch {
	case ahead.Abs() > clockTolerance && !c.warned:
		c.warned = true
		c.log.Warn("the clock of this gateway is not the time of the cluster", "code", CodeClock, "ahead", ahead.Round(time.Second))
	case ahead.Abs() <= clockTolerance && c.warned:
		c.warned = false
		c.log.Info("the clock of this gateway is the time of the cluster again")
	}
}

// ClusterTime is the time the cluster goes by, as this gateway knows it: what a
// command proposed now would be stamped with. It never goes back, and a clock
// that jumps on one gateway does not move it. Anything compared with times in
// the state is measured by it.
func (s *Store) ClusterTime() time.Time {
	s.followClock()
	return time.UnixMilli(s.clock.now())
}

// stamp is the time of an entry this gateway proposes.
func (s *Store) stamp() time.Time { return s.ClusterTime() }

// begin takes the own clock when the cluster never had a time: it has to begin
// with some, and nothing in the state is measured by it yet.
func (c *clusterClock) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current() < clockEpoch {
		c.raise(c.reading())
	}
}

// followClock applies the rule of a lone gateway; the others' clocks come with
// their status.
func (s *Store) followClock() {
	if s.building.Load() != nil {
		return // the time is in what is not read yet
	}
	s.clock.begin()
	for _, srv := range s.servers() {
		if string(srv.ID) != s.cfg.NodeID && isVoter(srv) {
			return
		}
	}
	s.clock.alone()
}

// agreeOnTime compares the clocks of the voters that answered lately.
func (s *Store) agreeOnTime() {
	if s.building.Load() != nil {
		return
	}
	var readings []int64
	voters, others := 0, 0
	s.seenMu.Lock()
	for _, srv := range s.servers() {
		if !isVoter(srv) {
			continue
		}
		voters++
		if string(srv.ID) == s.cfg.NodeID {
			readings = append(readings, s.clock.reading())
			continue
		}
		others++
		if was, ok := s.seen[string(srv.ID)]; ok && was.up && was.status.Clock != 0 {
			readings = append(readings, was.status.Clock+(s.clock.mono()-was.mono).Milliseconds())
		}
	}
	s.seenMu.Unlock()
	if others > 0 {
		s.clock.agree(readings, voters)
	}
}
