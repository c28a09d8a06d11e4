package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// store is one of the two clusters.
type store interface {
	name() string
	pids() []int
	// put goes to who leads; spread sends the callers to all three in turn.
	put(ctx context.Context, caller int, seq uint64, key string, value []byte, spread bool) error
	findLeader(ctx context.Context) error
	close() error
}

const valueSize = 128

// versus measures three gateways beside three etcd servers, real processes on
// one disk, with mutual TLS everywhere and all callers in this process: new keys
// with values of 128 bytes, each caller waits for its answer. The two take
// turns. The goals are those of the replication design.
func versus(ctx context.Context, dir string, rounds int, turn time.Duration, at string, profile int) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	certs, err := newSite(filepath.Join(dir, "certs"))
	if err != nil {
		return err
	}
	raw, err := newRawFile(filepath.Join(dir, "raw"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	ours, err := startTote(ctx, certs, filepath.Join(dir, "tote"), profile)
	if err != nil {
		return fmt.Errorf("tote: %w", err)
	}
	lanes := []*contest{{store: ours}}
	defer func() { err = errors.Join(err, ours.close()) }()
	if bin := findEtcd(); bin == "" {
		fmt.Fprintln(os.Stderr, "rival: ETCD IS NOT INSTALLED (Debian package etcd-server, or TOTE_ETCD=path): only our own figures follow, nothing is compared")
	} else {
		theirs, err := startEtcd(ctx, bin, certs, filepath.Join(dir, "etcd"))
		if err != nil {
			return fmt.Errorf("etcd: %w", err)
		}
		defer func() { _ = theirs.close() }() // it was measured; how it ends is nothing to us
		lanes = append(lanes, &contest{store: theirs})
	}
	for _, word := range strings.Split(at, ",") {
		callers, err := strconv.Atoi(word)
		if err != nil || callers < 1 || callers > len(contest{}.seq) {
			return fmt.Errorf("-at: %q is no number of callers", word)
		}
		if err := contestAt(ctx, lanes, raw, callers, false, rounds, turn); err != nil {
			return err
		}
		if callers < 64 {
			continue
		}
		// The same at all three nodes: two thirds of the callers are at one that
		// must bring their commands to the leader.
		if err := contestAt(ctx, lanes, raw, callers, true, rounds, turn); err != nil {
			return err
		}
	}
	for _, l := range lanes {
		peak, err := maxOf(l.pids(), "status", "VmHWM")
		if err != nil {
			return err
		}
		own, err := maxOf(l.pids(), "status", "RssAnon")
		if err != nil {
			return err
		}
		report("three_"+l.name()+"_peak_rss_of_a_node", peak/1024, "MiB", 0)
		report("three_"+l.name()+"_own_memory_of_a_node", own/1024, "MiB", 0) // without mapped files
	}
	if err := loneBytes(ctx, lanes, dir, rounds); err != nil {
		return err
	}
	return idleMinute(ctx, lanes, dir)
}

func maxOf(pids []int, file, key string) (most float64, err error) {
	for _, pid := range pids {
		v, err := procValue(pid, file, key)
		if err != nil {
			return 0, err
		}
		most = max(most, v)
	}
	return most, nil
}

// contest is one cluster with what its callers have done.
type contest struct {
	store
	seq [256]uint64 // of each caller
}

// result is one turn.
type result struct {
	perSecond float64
	took      []time.Duration
	// Microseconds of a processor a command, of the three nodes and of the
	// callers: other load on the machine is not in these.
	nodes, callers float64
}

func contestAt(ctx context.Context, lanes []*contest, raw rawFile, callers int, spread bool, rounds int, turn time.Duration) error {
	got := map[string][]result{}
	var overRaw []float64
	for round := range rounds + 1 { // the first one warms up
		order := slices.Clone(lanes)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		syncs, err := raw.syncs(alone)
		if err != nil {
			return err
		}
		for _, l := range order {
			r, err := l.load(ctx, callers, spread, turn)
			if err != nil {
				return fmt.Errorf("%s, %d callers: %w", l.name(), callers, err)
			}
			if round == 0 {
				continue
			}
			got[l.name()] = append(got[l.name()], r)
			if l == lanes[0] {
				overRaw = append(overRaw, percentile(r.took, .5)/percentile(syncs, .5))
			}
		}
	}
	name := fmt.Sprintf("three_%d_callers_", callers)
	if spread {
		name += "spread_"
	}
	for _, l := range lanes {
		var took []time.Duration
		for _, r := range got[l.name()] {
			took = append(took, r.took...)
		}
		goal := map[int]float64{64: -15_000, 256: -30_000}[callers]
		if l != lanes[0] || spread { // the goals are for the shortest way
			goal = 0
		}
		report(name+l.name()+"_commands", median(rates(got[l.name()])), "1/s", goal)
		report(name+l.name()+"_p50", percentile(took, .5), "ms", 0)
		report(name+l.name()+"_p99", percentile(took, .99), "ms", 0)
		var nodes, callers []float64
		for _, r := range got[l.name()] {
			nodes, callers = append(nodes, r.nodes), append(callers, r.callers)
		}
		report(name+l.name()+"_cpu_of_nodes_a_command", median(nodes), "us", 0)
		report(name+l.name()+"_cpu_of_callers_a_command", median(callers), "us", 0)
	}
	if callers == 1 {
		report(name+"tote_p50_over_raw_fdatasync", median(overRaw), "x", 2.5)
	}
	if len(lanes) > 1 {
		report(name+"tote_over_etcd", median(ratios(rates(got["tote"]), rates(got["etcd"]))), "x", -2)
	}
	report(name+"load_average", loadAverage(), "", 0)
	return nil
}

func rates(rs []result) (out []float64) {
	for _, r := range rs {
		out = append(out, r.perSecond)
	}
	return out
}

// load has so many callers write for a turn.
func (l *contest) load(ctx context.Context, callers int, spread bool, turn time.Duration) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, turn+30*time.Second)
	defer cancel()
	value := []byte(strings.Repeat("v", valueSize))
	var mu sync.Mutex
	var wg sync.WaitGroup
	var lost atomic.Pointer[error]
	nodes, err := cpuSeconds(l.pids())
	if err != nil {
		return r, err
	}
	self, err := cpuSeconds([]int{os.Getpid()})
	if err != nil {
		return r, err
	}
	start := time.Now()
	for i := range callers {
		wg.Go(func() {
			var mine []time.Duration
			var failed error
			for failed == nil && time.Since(start) < turn {
				l.seq[i]++
				at := time.Now()
				key := fmt.Sprintf("caller-%03d/%010d", i, l.seq[i])
				put := func() error { return l.put(ctx, i, l.seq[i], key, value, spread) }
				for failed = put(); failed != nil && ctx.Err() == nil; failed = put() {
					why := failed
					lost.Store(&why) // the lead moved, most likely; the same command again changes nothing
					if err := l.findLeader(ctx); err != nil {
						break
					}
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			r.took = append(r.took, mine...)
			err = errors.Join(err, failed)
		})
	}
	wg.Wait()
	if why := lost.Load(); why != nil {
		fmt.Fprintf(os.Stderr, "rival: %s answered late at %d callers: %v\n", l.name(), callers, *why)
	}
	n := float64(len(r.took))
	r.perSecond = n / time.Since(start).Seconds()
	nodesAfter, errNodes := cpuSeconds(l.pids())
	selfAfter, errSelf := cpuSeconds([]int{os.Getpid()})
	r.nodes, r.callers = (nodesAfter-nodes)/n*1e6, (selfAfter-self)/n*1e6
	return r, errors.Join(err, errNodes, errSelf)
}

// loneBytes reports what a lone command makes the disk write, for each of the
// three nodes, as the disk counts it, others included: while the commands run,
// and with what the kernel still has to write afterwards, which is the applied
// state. It is also reported as the kernel counts for the processes, which is
// coarse. With -dir on a disk of its own nobody else is in the figures.
func loneBytes(ctx context.Context, lanes []*contest, dir string, rounds int) error {
	dev, counted := deviceOf(dir)
	if !counted {
		fmt.Fprintln(os.Stderr, "rival: the kernel does not count writes to the disk of", dir)
	}
	const commands = 400
	for _, l := range lanes {
		var disk, whole, procs []float64
		for range rounds {
			var before, after, settled [2]float64
			read := func(v *[2]float64) (err error) {
				if counted {
					if v[0], err = dev.written(); err != nil {
						return err
					}
				}
				v[1], err = sumOf(l.pids(), "io", "write_bytes")
				return err
			}
			if err := errors.Join(syncDisk(dir), read(&before)); err != nil {
				return err
			}
			for range commands {
				l.seq[0]++
				if err := l.put(ctx, 0, l.seq[0], fmt.Sprintf("lone/%010d", l.seq[0]), make([]byte, valueSize), false); err != nil {
					return err
				}
			}
			if err := errors.Join(read(&after), syncDisk(dir), read(&settled)); err != nil {
				return err
			}
			whole = append(whole, (settled[0]-before[0])/commands/3)
			disk = append(disk, (after[0]-before[0])/commands/3)
			procs = append(procs, (after[1]-before[1])/commands/3)
		}
		goal := 4600.0
		if l != lanes[0] {
			goal = 0
		}
		name := "three_" + l.name() + "_lone_command_"
		if counted { // others can only add to it: the least round is ours
			report(name+"disk_bytes_a_node", slices.Min(whole), "B", goal)
			report(name+"disk_bytes_a_node_median", median(whole), "B", 0)
			report(name+"disk_bytes_a_node_without_state", slices.Min(disk), "B", 0)
		}
		report(name+"process_bytes_a_node", median(procs), "B", 0)
	}
	return nil
}

// idleMinute reports what a minute without a command makes each cluster write,
// and says which files were written.
func idleMinute(ctx context.Context, lanes []*contest, dir string) error {
	pause := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := pause(40 * time.Second); err != nil { // what the work left to do, the kernel's write-back included
		return err
	}
	dev, counted := deviceOf(dir)
	before := make([]float64, len(lanes)+1)
	after := make([]float64, len(lanes)+1)
	read := func(v []float64) (err error) {
		for i, l := range lanes {
			if v[i], err = sumOf(l.pids(), "io", "write_bytes"); err != nil {
				return err
			}
		}
		if counted {
			v[len(lanes)], err = dev.written()
		}
		return err
	}
	if err := read(before); err != nil {
		return err
	}
	start := time.Now()
	if err := pause(time.Minute); err != nil {
		return err
	}
	if err := read(after); err != nil {
		return err
	}
	for i, l := range lanes {
		goal := 0.0
		f := newFigure("three_"+l.name()+"_idle_minute_process_bytes", after[i]-before[i], "B", goal)
		if i == 0 {
			f.Goal, f.OK = "<= 0", f.Value == 0
		}
		show(f)
		err := filepath.WalkDir(filepath.Join(dir, l.name()), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // gone meanwhile
			}
			if info, err := d.Info(); err == nil && info.ModTime().After(start) {
				rel, _ := filepath.Rel(dir, path)
				fmt.Fprintln(os.Stderr, "rival: written in the idle minute:", rel)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if counted {
		report("three_idle_minute_disk_bytes_of_everybody", after[len(lanes)]-before[len(lanes)], "B", 0)
	}
	return nil
}
