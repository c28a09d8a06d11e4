//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"tote/agent/replica"
	"tote/raftstore"
	"tote/warehouse"
)

// bareWalks are walks of all handhelds one after another: enough commits for
// Badger to write tables and to compact them.
const bareWalks = 40

// picksInBadger measures confirmed picks applied to Badger by the code that
// applies the log, without a log: 64 handhelds confirm in one entry, as their
// scans come in one in production, and the entry is committed before the next.
// Only those entries are timed. The second figure counts the processor time of
// the thread that applies, the third that of all threads: Badger writes and
// compacts on others.
func picksInBadger(dir string) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := raftstore.OpenBare(filepath.Join(dir, "bare"), replica.Machine{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	b := &bareLog{s: s, now: time.UnixMilli(1_767_225_600_000), seq: make(map[string]uint64)}
	for _, c := range floor(storeWalks) {
		if err := b.add("", c); err != nil {
			return err
		}
	}
	if err := b.commit(); err != nil {
		return err
	}
	var clock, worked, all time.Duration
	var written int64
	n := 0
	for round := range bareWalks {
		var scans [storeWalks][]warehouse.Command
		for w := range storeWalks {
			var before []warehouse.Command
			before, scans[w] = walkOf(w, fmt.Sprintf("%d-%d", w, round))
			for _, c := range before {
				if err := b.add("", c); err != nil {
					return err
				}
			}
		}
		if err := b.commit(); err != nil {
			return err
		}
		for i := range scans[0] {
			for w := range storeWalks {
				if err := b.add(fmt.Sprintf("hh%d", w), scans[w][i]); err != nil {
					return err
				}
			}
			at, used, usedAll, had := time.Now(), threadTime(), processorTime(), s.Written()
			if err := b.commit(); err != nil {
				return err
			}
			if confirms(scans[0][i]) {
				clock, worked, all = clock+time.Since(at), worked+threadTime()-used, all+processorTime()-usedAll
				written += s.Written() - had
				n += storeWalks
			}
		}
		for w := range storeWalks {
			if err := b.add(fmt.Sprintf("hh%d", w), warehouse.FinishBatch{Device: fmt.Sprintf("hh%d", w), Barcode: "DROP"}); err != nil {
				return err
			}
		}
		if err := b.commit(); err != nil {
			return err
		}
	}
	report("domain_picks_into_badger", float64(n)/clock.Seconds(), "1/s", -storeGoal)
	report("domain_picks_into_badger_by_processor_time", float64(n)/worked.Seconds(), "1/s", -storeGoal)
	report("domain_picks_into_badger_by_processor_time_of_all_threads", float64(n)/all.Seconds(), "1/s", 0)
	report("domain_pick_bytes_into_badger", float64(written)/float64(n), "B", 0)
	return nil
}

// bareLog gathers commands into entries.
type bareLog struct {
	s    *raftstore.Bare
	now  time.Time
	seq  map[string]uint64
	id   uint64
	next []*raftstore.Command
}

// add puts a command into the next entry; without a device it has an id of its
// own.
func (b *bareLog) add(device string, c warehouse.Command) error {
	kind, version, body, err := warehouse.Encode(c)
	if err != nil {
		return err
	}
	cmd := &raftstore.Command{Device: device, Actor: "bench", Kind: kind, Version: version, Body: body}
	if device == "" {
		b.id++
		cmd.ID = [16]byte{1: byte(b.id >> 24), 2: byte(b.id >> 16), 3: byte(b.id >> 8), 4: byte(b.id)}
	} else {
		b.seq[device]++
		cmd.Seq = b.seq[device]
	}
	b.next = append(b.next, cmd)
	if device == "" && len(b.next) == storeWalks {
		return b.commit()
	}
	return nil
}

// commit applies what was gathered as one entry.
func (b *bareLog) commit() error {
	if len(b.next) == 0 {
		return nil
	}
	res, err := b.s.Apply(b.now, b.next)
	if err != nil {
		return err
	}
	for i, r := range res {
		if r.Rejected {
			return fmt.Errorf("command %d of kind %#04x is refused: %q", i, b.next[i].Kind, r.Body)
		}
	}
	b.next = b.next[:0]
	return nil
}
