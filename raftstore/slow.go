package raftstore

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// slowSync: above it a gateway is patient with its leader (tune).
	slowSync = 200 * time.Millisecond
	// A leader whose syncs take slowTimes as long as those of the others, and
	// slowFloor at least, hands over: below it nobody would notice.
	slowTimes = 4
	slowFloor = 50 * time.Millisecond
	// Only what happened within slowWindow counts, and slowLeast of it.
	slowWindow = time.Minute
	slowLeast  = 8
	// patience is by how much the election clocks of a gateway with a slow or
	// full disk are slower.
	patience = 4
	// handOverPause lies between two tries to hand over: the lead must not
	// wander around.
	handOverPause = 5 * time.Second
	// shortTrail is how many entries stay behind a snapshot while space is
	// short.
	shortTrail = 64
)

// syncTimes remembers how long the newest writes of the log took.
type syncTimes struct {
	mu   sync.Mutex
	n    int
	ring [256]syncTime
	// All since the start, by SyncBounds, and the sum of them.
	counts [len(SyncBounds) + 1]uint64
	sum    time.Duration
}

// SyncBounds are the bounds of Disk.Syncs.
var SyncBounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 10 * time.Second,
}

type syncTime struct {
	at   time.Time
	took time.Duration
}

func (t *syncTimes) add(now time.Time, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring[t.n%len(t.ring)] = syncTime{now, took}
	t.n++
	at, _ := slices.BinarySearch(SyncBounds[:], took)
	t.counts[at]++
	t.sum += took
}

// all is how many writes took how long since the start.
func (t *syncTimes) all() (counts []uint64, sum time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.counts[:]), t.sum
}

// p99 returns the time that 99 of 100 writes of the last minute did not pass,
// 0 when there were too few to tell. Of a few the slowest is left out: one
// hiccup is no slow disk.
func (t *syncTimes) p99(now time.Time) time.Duration {
	t.mu.Lock()
	took := make([]time.Duration, 0, len(t.ring))
	for _, s := range t.ring[:min(t.n, len(t.ring))] {
		if now.Sub(s.at) <= slowWindow {
			took = append(took, s.took)
		}
	}
	t.mu.Unlock()
	if len(took) < slowLeast {
		return 0
	}
	slices.Sort(took)
	return took[99*(len(took)-1)/100]
}

// watchSpeed looks how fast the disk is. A gateway whose disk is slow or full
// should not lead while another one could do better.
func (s *Store) watchSpeed() {
	tick := time.NewTicker(s.cfg.lookEvery)
	defer tick.Stop()
	for {
		s.tune()
		s.passOn()
		select {
		case <-tick.C:
		case <-s.speedNow:
		case <-s.done:
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// tune sets raft's clocks and how much log stays behind a snapshot. A gateway
// with a slow disk is patient, or elections would follow each other for as long
// as its votes take; one with a full disk stands last. The heartbeat of a
// leader stays as it is: the others' patience is their own.
func (s *Store) tune() {
	p99 := s.logs.syncs.p99(time.Now())
	was := s.slow.Load()
	slow := p99 > s.cfg.slowSync || was && (p99 == 0 || p99 > s.cfg.slowSync/2)
	if slow != was {
		s.slow.Store(slow)
		if slow {
			s.log.Warn("the disk is slow", "code", CodeDiskSlow, "p99", p99)
		} else {
			s.log.Info("the disk is fast again", "p99", p99)
		}
	}
	want := s.raft.ReloadableConfig()
	want.HeartbeatTimeout, want.ElectionTimeout = s.cfg.HeartbeatTimeout, s.cfg.ElectionTimeout
	want.TrailingLogs = s.cfg.TrailingLogs
	// One that is being built could lead, but answer nothing.
	if slow || s.disk.low() || s.building.Load() != nil && s.voters() > 1 {
		want.ElectionTimeout *= patience
		if s.raft.State() != raft.Leader {
			want.HeartbeatTimeout *= patience
			want.ElectionTimeout = max(want.ElectionTimeout, want.HeartbeatTimeout)
		}
	}
	if s.disk.now() >= amber {
		want.TrailingLogs = min(want.TrailingLogs, shortTrail)
	}
	if want == s.raft.ReloadableConfig() {
		return
	}
	if err := s.raft.ReloadConfig(want); err != nil {
		s.log.Warn("raft does not take its new clocks", "error", err)
	}
}

// passOn hands the lead to a gateway with a better disk, while this one still
// can: once it hangs there is only the watchdog.
func (s *Store) passOn() {
	built := s.building.Load() == nil
	if s.cfg.Peer == nil || built && !s.leader.is() || s.raft.State() != raft.Leader || time.Since(s.passedOn) < s.cfg.handOverPause {
		return
	}
	code, p99 := CodeDiskSlow, s.logs.syncs.p99(time.Now())
	heir := ""
	if !built {
		code, heir = CodeRebuilding, s.heir(0)
	} else if s.disk.low() {
		code, heir = CodeDiskLow, s.heir(0)
	} else if p99 >= slowFloor {
		heir = s.heir(p99)
	}
	if heir == "" {
		return
	}
	s.passedOn = time.Now()
	s.log.Warn("the lead is handed over", "code", code, "to", heir, "p99", p99)
	ctx, cancel := context.WithTimeout(s.ctx, min(2*s.raft.ReloadableConfig().ElectionTimeout+100*time.Millisecond, handOverLimit))
	defer cancel()
	err := s.transferTo(ctx, heir)
	s.stuck.Store(err != nil)
	if err != nil {
		s.log.Warn("the lead was not handed over", "error", err)
	}
}

// heir returns the voter that should lead in place of this gateway, "" when
// there is none. With p99 = 0 any with space will do, the one with the fullest
// log first; else it must be a fast one, and this one slow beside the others.
func (s *Store) heir(p99 time.Duration) string {
	servers := s.servers()
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	return chooseHeir(servers, s.seen, s.cfg.NodeID, p99)
}

func chooseHeir(servers []raft.Server, known map[string]seen, self string, p99 time.Duration) string {
	type candidate struct {
		id   string
		sync time.Duration
		last uint64
	}
	var list []candidate
	for _, srv := range servers {
		was, ok := known[string(srv.ID)]
		if !isVoter(srv) || string(srv.ID) == self || !ok || !was.up {
			continue
		}
		sync := time.Duration(was.status.SyncUs) * time.Microsecond
		if was.status.Low || was.status.Rebuilding || p99 > 0 && sync == 0 {
			continue
		}
		list = append(list, candidate{string(srv.ID), sync, was.status.Last})
	}
	if len(list) == 0 {
		return ""
	}
	if p99 == 0 {
		slices.SortFunc(list, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(b.last, a.last), cmp.Compare(a.sync, b.sync))
		})
		return list[0].id
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.sync, b.sync) })
	if median := list[(len(list)-1)/2].sync; p99 < slowTimes*median {
		return ""
	}
	return list[0].id
}

// yields tells whether the lead is about to go to a gateway that has space, so
// that new work may wait for it.
func (s *Store) yields() bool {
	return s.cfg.Peer != nil && !s.stuck.Load() && s.heir(0) != ""
}
