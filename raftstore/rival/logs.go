package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"

	"tote/raftstore/logstoretest"
)

const (
	alone   = 200 // lone appends a turn
	batches = 60  // batches a turn
	batch   = 64  // entries a batch, as many as raft gathers
	votes   = 20  // stable values a turn
	size    = 256 // bytes of a command
	keep    = 5000
)

// lane is one log with what was measured of it.
type lane struct {
	contender
	logstoretest.Store
	next uint64

	lone, vote          []time.Duration
	loneP50, perSecond  []float64 // by round
	loneBytes, voteP50s []float64
}

// logs measures the two logs alone: one caller, batches, stable values.
func logs(dir string, rounds int) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	raw, err := newRawFile(filepath.Join(dir, "raw"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	var lanes []*lane
	for _, c := range contenders {
		s, err := c.open(filepath.Join(dir, c.name))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		lanes = append(lanes, &lane{contender: c, Store: s, next: 1})
	}
	dev, counted := deviceOf(dir)
	if !counted {
		fmt.Fprintln(os.Stderr, "rival: the kernel does not count writes to the disk of", dir)
	}
	var syncs []time.Duration
	for round := range rounds + 1 { // the first one warms up
		turns := slices.Clone(lanes)
		if round%2 == 1 {
			slices.Reverse(turns)
		}
		took, err := raw.syncs(alone)
		if err != nil {
			return err
		}
		if round > 0 {
			syncs = append(syncs, took...)
		}
		for _, l := range turns {
			if err := l.turn(dev, counted, round > 0); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
		}
	}
	ours, theirs := lanes[0], lanes[1]
	report("rival_raw_fdatasync_p50", percentile(syncs, .5), "ms", 0)
	report("rival_raw_fdatasync_p99", percentile(syncs, .99), "ms", 0)
	for _, p := range []struct {
		name string
		at   float64
	}{{"p50", .5}, {"p99", .99}} {
		a, b := percentile(ours.lone, p.at), percentile(theirs.lone, p.at)
		report("rival_append_1_"+p.name+"_seglog", a, "ms", 0)
		report("rival_append_1_"+p.name+"_raftwal", b, "ms", 0)
		if p.name == "p99" {
			report("rival_append_1_p99_ratio", a/b, "x", 0)
		}
	}
	report("rival_append_1_p50_ratio", median(ratios(ours.loneP50, theirs.loneP50)), "x", 0)
	if counted {
		// Others can only add to what the disk wrote: the least round is ours.
		a, b := slices.Min(ours.loneBytes), slices.Min(theirs.loneBytes)
		report("rival_append_1_device_bytes_seglog", a, "B", 0)
		report("rival_append_1_device_bytes_raftwal", b, "B", 0)
		report("rival_append_1_device_bytes_ratio", a/b, "x", 0)
		report("rival_append_1_device_bytes_median_seglog", median(ours.loneBytes), "B", 0)
		report("rival_append_1_device_bytes_median_raftwal", median(theirs.loneBytes), "B", 0)
	}
	report("rival_append_64_per_second_ratio", median(ratios(ours.perSecond, theirs.perSecond)), "x", 0)
	report("rival_append_64_per_second_seglog", median(ours.perSecond), "1/s", 0)
	report("rival_append_64_per_second_raftwal", median(theirs.perSecond), "1/s", 0)
	report("rival_vote_p50_seglog", percentile(ours.vote, .5), "ms", 0)
	report("rival_vote_p50_raftwal", percentile(theirs.vote, .5), "ms", 0)
	report("rival_vote_p50_ratio", median(ratios(ours.voteP50s, theirs.voteP50s)), "x", 0)
	return nil
}

// turn is one round of one log.
func (l *lane) turn(dev device, counted, measure bool) error {
	var lone, vote []time.Duration
	before, err := l.diskBytes(dev, counted)
	if err != nil {
		return err
	}
	for range alone {
		e := command(l.next)
		at := time.Now()
		if err := l.StoreLog(e); err != nil {
			return err
		}
		lone = append(lone, time.Since(at))
		l.next++
	}
	after, err := l.diskBytes(dev, counted)
	if err != nil {
		return err
	}
	var spent time.Duration
	for range batches {
		var es []*raft.Log
		for range batch {
			es = append(es, command(l.next))
			l.next++
		}
		at := time.Now()
		if err := l.StoreLogs(es); err != nil {
			return err
		}
		spent += time.Since(at)
	}
	for i := range uint64(votes) {
		at := time.Now()
		if err := l.SetUint64([]byte("CurrentTerm"), i); err != nil {
			return err
		}
		vote = append(vote, time.Since(at))
	}
	if l.next > keep { // as raft does after a snapshot; neither is measured at it
		if err := l.DeleteRange(0, l.next-keep); err != nil {
			return err
		}
	}
	if !measure {
		return nil
	}
	l.lone, l.vote = append(l.lone, lone...), append(l.vote, vote...)
	l.loneP50 = append(l.loneP50, percentile(lone, .5))
	l.voteP50s = append(l.voteP50s, percentile(vote, .5))
	l.loneBytes = append(l.loneBytes, (after-before)/alone)
	l.perSecond = append(l.perSecond, batches*batch/spent.Seconds())
	return nil
}

func (l *lane) diskBytes(dev device, counted bool) (float64, error) {
	if !counted {
		return 0, nil
	}
	return dev.written()
}

func command(index uint64) *raft.Log {
	e := logstoretest.Entry(index, 1, size)
	e.AppendedAt = time.Now()
	return e
}

// rawFile is the least any log must do: 4 KiB into blocks that exist, synced.
type rawFile struct{ *os.File }

func newRawFile(name string) (rawFile, error) {
	f, err := os.Create(name)
	if err != nil {
		return rawFile{}, err
	}
	if _, err := f.Write(make([]byte, 4096*alone)); err != nil {
		return rawFile{}, errors.Join(err, f.Close())
	}
	return rawFile{f}, f.Sync()
}

func (f rawFile) syncs(n int) ([]time.Duration, error) {
	var took []time.Duration
	buf := make([]byte, 4096)
	for i := range n {
		buf[0]++
		at := time.Now()
		if _, err := f.WriteAt(buf, int64(i)*4096); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		took = append(took, time.Since(at))
	}
	return took, nil
}
