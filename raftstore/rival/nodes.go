package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// nodes measures plain raft on each log: one node, one command an entry, no
// coalescing of ours, at 1, 64 and 256 callers.
func nodes(dir string, rounds int, turn time.Duration) error {
	for _, callers := range []int{1, 64, 256} {
		perSecond := map[string][]float64{}
		for round := range rounds {
			order := slices.Clone(contenders[:])
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, c := range order {
				n, err := node(c, filepath.Join(dir, fmt.Sprint(callers, "-", round, "-", c.name)), callers, turn)
				if err != nil {
					return fmt.Errorf("%s, %d callers: %w", c.name, callers, err)
				}
				perSecond[c.name] = append(perSecond[c.name], n)
			}
		}
		ours, theirs := perSecond[contenders[0].name], perSecond[contenders[1].name]
		name := fmt.Sprintf("rival_raft_%d_callers_per_second_", callers)
		report(name+"ratio", median(ratios(ours, theirs)), "x")
		report(name+contenders[0].name, median(ours), "1/s")
		report(name+contenders[1].name, median(theirs), "1/s")
	}
	return nil
}

// node runs one raft of its own and returns the commands it took a second.
func node(c contender, dir string, callers int, turn time.Duration) (perSecond float64, err error) {
	s, err := c.open(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	conf := raft.DefaultConfig()
	conf.LocalID = "gw1"
	conf.Logger = hclog.NewNullLogger()
	conf.NoLegacyTelemetry = true
	conf.SnapshotThreshold = 1 << 40
	addr, transport := raft.NewInmemTransport("")
	snaps := raft.NewInmemSnapshotStore()
	if err := raft.BootstrapCluster(conf, s, s, snaps, transport, raft.Configuration{
		Servers: []raft.Server{{ID: conf.LocalID, Address: addr}},
	}); err != nil {
		return 0, err
	}
	r, err := raft.NewRaft(conf, nothing{}, s, s, snaps, transport)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Shutdown().Error()) }()
	for leads := false; !leads; {
		select {
		case leads = <-r.LeaderCh():
		case <-time.After(10 * time.Second):
			return 0, errors.New("no leader")
		}
	}
	var done atomic.Int64
	var failed atomic.Pointer[error]
	call := func(until time.Time) {
		var wg sync.WaitGroup
		data := make([]byte, size)
		for range callers {
			wg.Go(func() {
				for time.Now().Before(until) {
					if err := r.Apply(data, 0).Error(); err != nil {
						failed.Store(&err)
						return
					}
					done.Add(1)
				}
			})
		}
		wg.Wait()
	}
	call(time.Now().Add(turn / 5)) // warm
	done.Store(0)
	start := time.Now()
	call(start.Add(turn))
	took := time.Since(start)
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(done.Load()) / took.Seconds(), nil
}

// nothing is a state machine without state: only the log is measured.
type nothing struct{}

func (nothing) Apply(*raft.Log) any                 { return nil }
func (nothing) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("no state") }
func (nothing) Restore(r io.ReadCloser) error       { return r.Close() }
