//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"tote/agent/replica"
	"tote/raftstore"
	"tote/raftstore/vfs"
	"tote/warehouse"
)

const (
	// rebuildRecords are in the snapshot that the state is built from, and
	// rebuildEntries log entries follow it: one less than are in the log when
	// the next snapshot is taken, so the most there is to do.
	rebuildRecords = 200_000
	rebuildEntries = 8191
	rebuildRounds  = 3
	// rebuildGoal is that of the replication design.
	rebuildGoal = 5000
)

// rebuilds measures a gateway after its power was cut: a process with a full
// store is killed, what the kernel still holds of its files is dropped, and a
// store is opened on them. It can vote when Open returns, and serves when its
// state is whole and a command is answered.
func rebuilds(ctx context.Context, dir string) error {
	if err := killed(ctx, dir); err != nil {
		return err
	}
	var votes, whole, serves, worked []float64
	var progress raftstore.Rebuild
	rows := 0
	for range rebuildRounds {
		if err := dropCaches(dir); err != nil {
			return err
		}
		start, before := time.Now(), processorTime()
		since := func() float64 { return time.Since(start).Seconds() * 1000 }
		s, err := replica.Open(raftstore.Config{Dir: dir, NodeID: "bench", Logger: slog.New(slog.DiscardHandler), Early: true})
		if err != nil {
			return err
		}
		votes = append(votes, since())
		progress, _ = s.Rebuilding()
		err = s.WaitRebuilt(ctx)
		if err == nil {
			whole = append(whole, since())
			worked = append(worked, (processorTime()-before).Seconds()*1000)
			_, err = doOK(ctx, s, replica.By{ID: [16]byte{9, byte(len(serves)), byte(os.Getpid()), byte(os.Getpid() >> 8)}}, warehouse.PutWorkers{Workers: workers(1)})
			serves = append(serves, since())
		}
		if err == nil {
			rows, err = countRows(s)
		}
		// What was done now goes, and the stop is not clean: the next round
		// finds what this one found but for a few entries.
		if err = errors.Join(err, s.Close(), unclean(dir)); err != nil {
			return err
		}
	}
	report("rebuild_records", float64(rows), "rows", 0)
	report("rebuild_snapshot", float64(progress.OfBytes)/1e6, "MB", 0)
	report("rebuild_log_entries", float64(progress.OfEntries), "entries", 0)
	report("rebuild_until_it_votes", median(votes), "ms", 0)
	report("rebuild_until_the_state_is_whole", median(whole), "ms", 0)
	// Beside it, because the wait is as long as other work on the machine makes
	// it.
	report("rebuild_processor_time", median(worked), "ms", 0)
	report("rebuild_until_a_command_is_answered", median(serves), "ms", rebuildGoal)
	return nil
}

// processorTime is what this process has used of the processors so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it cannot fail for the own process
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// killed fills a store in a process of its own and kills it.
func killed(ctx context.Context, dir string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, exe, "-fill", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	killed := cmd.Process.Kill()
	_ = cmd.Wait() // "signal: killed"
	if err != nil || !strings.HasPrefix(line, "full") {
		return fmt.Errorf("the store was not filled: %q %w", line, err)
	}
	return killed
}

// fill is the other end of killed.
func fill(ctx context.Context, dir string) error {
	cfg := raftstore.Config{Dir: dir, NodeID: "bench", Logger: slog.New(slog.DiscardHandler)}
	err := withStore(ctx, cfg, func(s *replica.Store) error {
		if err := seed(ctx, s); err != nil {
			return err
		}
		for part, rows := 0, 0; rows < rebuildRecords; part++ {
			err := stock(ctx, s, part, 15_000)
			if err == nil {
				rows, err = countRows(s)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s, err := raftstore.Open(cfg, replica.Machine{})
	if err != nil {
		return err
	}
	err = s.WaitLeader(ctx)
	if err == nil {
		err = s.Snapshot()
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	return withStore(ctx, cfg, func(s *replica.Store) error {
		for i := range rebuildEntries { // one caller: each is an entry of its own
			by := replica.By{Device: "hh0", Seq: uint64(i + 1)}
			if _, err := doOK(ctx, s, by, warehouse.SignIn{Device: "hh0", Badge: "BADGE0"}); err != nil {
				return err
			}
		}
		fmt.Println("full")
		<-ctx.Done()
		return nil
	})
}

// withStore runs fn on a store that leads.
func withStore(ctx context.Context, cfg raftstore.Config, fn func(s *replica.Store) error) error {
	s, err := replica.Open(cfg)
	if err != nil {
		return err
	}
	err = s.WaitLeader(ctx)
	if err == nil {
		err = fn(s)
	}
	return errors.Join(err, s.Close())
}

func countRows(s *replica.Store) (n int, err error) {
	err = s.View(func(r warehouse.Reader) error {
		return r.Range(nil, func(_, _ []byte) (bool, error) {
			n++
			return true, nil
		})
	})
	return n, err
}

func doOK(ctx context.Context, s *replica.Store, by replica.By, c warehouse.Command) (warehouse.Result, error) {
	by.Actor = "bench"
	res, err := s.Do(ctx, by, c)
	if err == nil && !res.OK {
		err = fmt.Errorf("%T: %s %s", c, res.Code, res.Text)
	}
	return res, err
}

// stock brings in n positions of one item each, in bins of their own, as a file
// does: chunk rows a command, several on their way.
func stock(ctx context.Context, s *replica.Store, part, n int) error {
	const chunk = 150
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	slots := make(chan struct{}, 16)
	item := warehouse.Item{SKU: fmt.Sprintf("SKU%05d", part), Name: "a thing of some length", WeightMg: 100_000}
	if _, err := doOK(ctx, s, replica.By{ID: [16]byte{2, byte(part)}}, warehouse.PutItems{Items: []warehouse.Item{item}}); err != nil {
		return err
	}
	for from := 0; from < n; from += chunk {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			var bins []warehouse.Bin
			var rows []warehouse.StockRow
			for i := from; i < min(from+chunk, n); i++ {
				code := fmt.Sprintf("B%02d-%06d", part, i)
				bins = append(bins, warehouse.Bin{Code: code})
				rows = append(rows, warehouse.StockRow{Bin: code, SKU: item.SKU, Qty: 40})
			}
			id := [16]byte{3, byte(part), byte(from >> 16), byte(from >> 8), byte(from)}
			_, err := doOK(ctx, s, replica.By{ID: id}, warehouse.PutBins{Bins: bins})
			if err == nil {
				id[0] = 4
				_, err = doOK(ctx, s, replica.By{ID: id}, warehouse.OpenStock{Rows: rows})
			}
			mu.Lock()
			defer mu.Unlock()
			first = errors.Join(first, err)
		})
	}
	wg.Wait()
	return first
}

// dropCaches has the files of a store read from the disk, as after a boot.
func dropCaches(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := vfs.Open(vfs.OS{}, path)
		if err != nil {
			return err
		}
		if c, ok := f.(vfs.CacheDropper); ok {
			err = c.DropCache()
		}
		return errors.Join(err, f.Close())
	})
}

// unclean makes a clean stop look like a cut.
func unclean(dir string) error { return os.Remove(filepath.Join(dir, "GENERATION")) }
