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

	"tote/raftstore/logstoretest"
)

// nodes measures plain raft on each log: one node, one command an entry, no
// coalescing of ours, at 1, 64 and 256 callers. Both nodes live through the
// whole run, and each turn ends with a snapshot that cuts the log, so that both
// go on in segments they have, as on a gateway.
func nodes(dir string, rounds int, turn time.Duration) (err error) {
	var all []*node
	for _, c := range contenders {
		n, err := newNode(c, filepath.Join(dir, c.name))
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		defer func() { err = errors.Join(err, n.close()) }()
		all = append(all, n)
	}
	for _, callers := range []int{1, 64, 256} {
		perSecond := map[string][]float64{}
		for round := range rounds + 1 { // the first one warms up
			order := slices.Clone(all)
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, n := range order {
				rate, err := n.load(callers, turn)
				if err != nil {
					return fmt.Errorf("%s, %d callers: %w", n.name, callers, err)
				}
				if round > 0 {
					perSecond[n.name] = append(perSecond[n.name], rate)
				}
			}
		}
		ours, theirs := perSecond[contenders[0].name], perSecond[contenders[1].name]
		name := fmt.Sprintf("rival_raft_%d_callers_per_second_", callers)
		report(name+"ratio", median(ratios(ours, theirs)), "x", 0)
		report(name+contenders[0].name, median(ours), "1/s", 0)
		report(name+contenders[1].name, median(theirs), "1/s", 0)
	}
	return nil
}

// node is one raft on one log.
type node struct {
	name  string
	store logstoretest.Store
	raft  *raft.Raft
}

func newNode(c contender, dir string) (*node, error) {
	s, err := c.open(dir)
	if err != nil {
		return nil, err
	}
	n := &node{name: c.name, store: s}
	if err := n.start(); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *node) start() error {
	conf := raft.DefaultConfig()
	conf.LocalID = "gw1"
	conf.Logger = hclog.NewNullLogger()
	conf.NoLegacyTelemetry = true
	conf.SnapshotThreshold = 1 << 40 // load asks for them
	conf.TrailingLogs = 1024
	addr, transport := raft.NewInmemTransport("")
	snaps := raft.NewInmemSnapshotStore()
	if err := raft.BootstrapCluster(conf, n.store, n.store, snaps, transport, raft.Configuration{
		Servers: []raft.Server{{ID: conf.LocalID, Address: addr}},
	}); err != nil {
		return err
	}
	var err error
	if n.raft, err = raft.NewRaft(conf, nothing{}, n.store, n.store, snaps, transport); err != nil {
		return err
	}
	for leads := false; !leads; {
		select {
		case leads = <-n.raft.LeaderCh():
		case <-time.After(10 * time.Second):
			return errors.New("no leader")
		}
	}
	return nil
}

func (n *node) close() error {
	var err error
	if n.raft != nil {
		err = n.raft.Shutdown().Error()
	}
	return errors.Join(err, n.store.Close())
}

// load has so many callers propose for a turn and returns how many commands
// were taken a second.
func (n *node) load(callers int, turn time.Duration) (perSecond float64, err error) {
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	data := make([]byte, size)
	start := time.Now()
	for range callers {
		wg.Go(func() {
			for time.Since(start) < turn {
				if err := n.raft.Apply(data, 0).Error(); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	if err := n.raft.Snapshot().Error(); err != nil {
		return 0, err
	}
	return float64(done.Load()) / took.Seconds(), nil
}

// nothing is a state machine without state: only the log is measured.
type nothing struct{}

func (nothing) Apply(*raft.Log) any                  { return nil }
func (nothing) Snapshot() (raft.FSMSnapshot, error)  { return nothing{}, nil }
func (nothing) Restore(r io.ReadCloser) error        { return r.Close() }
func (nothing) Persist(sink raft.SnapshotSink) error { return sink.Close() }
func (nothing) Release()                             {}
