package raftstore

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/raftstore/vfs"
)

// Row 1 of the failure matrix, simulated: the whole store on a disk that
// forgets what was not synced, by sector and by name of a file or folder.

var simSeeds = flag.Int("seeds", 8, "seeds of simulated power cuts of the whole store, three cuts each")

// simSite is a store on such a disk.
type simSite struct {
	t    *testing.T
	dir  string
	mem  *vfs.Mem
	rng  *rand.Rand
	book *ledgerBook
	// noSync: the twin that must lose something.
	noSync bool
	// lanes callers at once.
	lanes int
}

func newSimSite(t *testing.T, seed uint64) *simSite {
	return &simSite{
		t: t, dir: t.TempDir() + "/site/store", mem: vfs.NewMem(), rng: rand.New(rand.NewPCG(seed, 2)),
		book: newLedgerBook(), lanes: 3,
	}
}

// live is one life of the store: it is opened, checked, written to until the
// power goes or everyone has n answers, and closed. atWork and atClose may cut
// the power. It tells what was lost.
func (x *simSite) live(n int, atWork, atClose func()) error {
	cfg := Config{
		Dir: x.dir, NodeID: "gw1", FS: x.mem, noSync: x.noSync, MinFree: 1,
		Logger:           slog.New(slog.NewTextHandler(io.Discard, nil)),
		HeartbeatTimeout: 5 * time.Millisecond,
		// Small, so that rotations and snapshots come often.
		SegmentSize: int64(8+8*x.rng.IntN(3)) << 10, SnapshotEntries: 8, SnapshotInterval: 5 * time.Millisecond, TrailingLogs: 3,
	}
	s, err := Open(cfg, ledgerMachine{})
	if err != nil {
		return x.unlessOff(err)
	}
	err = x.book.check(s) // before there is a leader: it may be read
	if err == nil {
		if err = s.WaitLeader(testContext(x.t)); err == nil {
			atWork()
			err = x.work(s, n)
		}
		err = x.unlessOff(err)
	}
	atClose()
	return errors.Join(err, x.unlessOff(s.Close()))
}

// unlessOff takes the errors a cut explains.
func (x *simSite) unlessOff(err error) error {
	if err != nil && x.mem.Off() && !errors.Is(err, errLedger) {
		return nil
	}
	return err
}

func (x *simSite) work(s *Store, n int) error {
	errs := make([]error, x.lanes)
	var wg sync.WaitGroup
	for i := range x.lanes {
		lane, left := fmt.Sprint("lane", i), n
		wg.Go(func() {
			errs[i] = walk(context.Background(), s, lane, func(seq uint64) bool {
				x.book.ack(lane, seq)
				left--
				if i == 0 && left%8 == 0 {
					_ = s.Snapshot() // beside those of the timer, which a busy machine delays
				}
				return left > 0
			})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// crash is the moment after the cut. The disk loses part of what was not
// synced, and Badger's files, which nothing may rely on, are harmed as well.
func (x *simSite) crash() {
	x.mem.Crash(x.rng.Uint64())
	files, err := filepath.Glob(x.dir + "/state-*/*")
	if err != nil {
		x.t.Fatal(err)
	}
	for _, name := range files {
		switch x.rng.IntN(6) {
		case 0:
			err = os.Remove(name)
		case 1:
			err = os.Truncate(name, int64(x.rng.IntN(1<<16)))
		case 2:
			err = os.WriteFile(name, make([]byte, 1<<12), 0o600)
		}
		if err != nil {
			x.t.Fatal(err)
		}
	}
}

// settle opens the store for good: it must come back by itself, hold
// everything, and take more.
func (x *simSite) settle() error {
	none := func() {}
	if err := x.live(5, none, none); err != nil {
		return err
	}
	names, err := x.mem.ReadDir(x.dir + "/snapshots")
	if len(names) > retainSnapshots {
		err = errors.Join(err, fmt.Errorf("left in the folder of the snapshots: %v", names))
	}
	return err
}

func simPowerCut(t *testing.T, seed uint64, noSync bool) (cuts, acks int, err error) {
	x := newSimSite(t, seed)
	x.noSync = noSync
	none := func() {}
	for range 3 {
		cut := func(within int) func() { return func() { x.mem.CutAfter(1 + x.rng.IntN(within)) } }
		switch x.rng.IntN(4) {
		case 0: // while it opens, or soon after
			cut(60)()
			err = x.live(20, none, none)
		case 1: // while it closes
			err = x.live(10, none, cut(14))
		default:
			err = x.live(200, cut(150), none)
		}
		if err != nil {
			return cuts, x.book.acks(), err
		}
		if x.mem.Off() {
			cuts++
		}
		x.crash()
	}
	return cuts, x.book.acks(), x.settle()
}

// TestRow1SimPowerCut (row 1): the power goes at random moments of opening, working
// and closing.
func TestRow1SimPowerCut(t *testing.T) {
	t.Parallel()
	start, cuts, acks := time.Now(), 0, 0
	for seed := range uint64(*simSeeds) {
		c, a, err := simPowerCut(t, seed, false)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		cuts, acks = cuts+c, acks+a
	}
	t.Logf("%d simulated power cuts, %d acknowledged commands, none lost, %v", cuts, acks, time.Since(start).Round(time.Millisecond))
}

// TestSimPowerCutWithoutSync: with the synced write of the log off the test
// above must go red.
func TestSimPowerCutWithoutSync(t *testing.T) {
	t.Parallel()
	const seeds = 5
	lost := 0
	for seed := range uint64(seeds) {
		if _, _, err := simPowerCut(t, seed, true); err != nil {
			lost++
		}
	}
	t.Logf("%d of %d seeds lost something", lost, seeds)
	if lost < seeds/2 {
		t.Fatalf("without sync only %d of %d seeds lost something: the check is blind", lost, seeds)
	}
}

// TestRow1SimPowerCutAt (row 1): the power goes in the middle of each kind of call
// on each kind of file. A row that is never reached fails: then the test no
// longer covers what it says.
func TestRow1SimPowerCutAt(t *testing.T) {
	t.Parallel()
	small := []vfs.Op{vfs.OpOpen, vfs.OpWrite, vfs.OpSync, vfs.OpRename}
	for _, row := range []struct {
		name, file string // below the store's folder
		ops        []vfs.Op
	}{
		{"folder of the store", ".", []vfs.Op{vfs.OpMkdir, vfs.OpSyncDir}},
		{"folder above it", "..", []vfs.Op{vfs.OpMkdir, vfs.OpSyncDir}},
		{"folder of the log", "log", []vfs.Op{vfs.OpMkdir, vfs.OpSyncDir}},
		{"rotation, new segment", "log/*.seg", []vfs.Op{vfs.OpOpen, vfs.OpWrite, vfs.OpSync}},
		{"rotation, segment used again", "log/*.seg", []vfs.Op{vfs.OpRename}},
		{"head of the log cut off", "log/meta", []vfs.Op{vfs.OpWrite, vfs.OpSync}},
		{"term and vote", "log/stable", []vfs.Op{vfs.OpWrite, vfs.OpSync}},
		{"folder of the snapshots", "snapshots", []vfs.Op{vfs.OpMkdir, vfs.OpSyncDir}},
		{"snapshot, folder", "snapshots/*.tmp", []vfs.Op{vfs.OpMkdir, vfs.OpSyncDir}},
		{"snapshot, state", "snapshots/*.tmp/state.bin", []vfs.Op{vfs.OpOpen, vfs.OpWrite, vfs.OpSync}},
		{"snapshot, meta", "snapshots/*.tmp/meta.json.tmp", small},
		{"snapshot gets its name", "snapshots/*.tmp", []vfs.Op{vfs.OpRename}},
		{"old snapshot loses its name", "snapshots/*[0-9]", []vfs.Op{vfs.OpRename}},
		{"old snapshot goes", "snapshots/*.tmp/*", []vfs.Op{vfs.OpRemove}},
		{"old snapshot's folder goes", "snapshots/*.tmp", []vfs.Op{vfs.OpRemove}},
		{"GENERATION", "GENERATION.tmp", small},
		{"FLOOR", "FLOOR.tmp", small},
		{"CLUSTER", "CLUSTER.tmp", small},
		{"NODE", "NODE.tmp", small},
		{"OPENING", "OPENING.tmp", small},
		{"OPENING goes", "OPENING", []vfs.Op{vfs.OpRemove}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for seed := range uint64(max(1, *simSeeds/25)) {
				// One site sees all of them, except what a folder sees once.
				x := newSimSite(t, seed)
				for _, op := range row.ops {
					once := op == vfs.OpMkdir || row.file == "NODE.tmp" || row.file == "CLUSTER.tmp"
					if once {
						x = newSimSite(t, seed)
					}
					err := x.cutAt(op, row.file, once)
					if err == nil && (once || op == row.ops[len(row.ops)-1]) {
						err = x.settle()
					}
					if err != nil {
						t.Fatalf("%s, seed %d: %v", op, seed, err)
					}
				}
			}
		})
	}
}

// cutAt lets the store live until the power goes in that call.
func (x *simSite) cutAt(at vfs.Op, file string, once bool) error {
	nth := 1 + x.rng.Uint64N(5)
	if once {
		nth = 1
	}
	reached := false
	for range 6 { // lives
		seen := uint64(0)
		x.mem.CutWhen(func(op vfs.Op, name string) bool {
			rel := strings.TrimPrefix(name, x.dir+"/")
			switch name {
			case x.dir:
				rel = "."
			case path.Dir(x.dir):
				rel = ".."
			}
			if ok, _ := path.Match(file, rel); !ok || op != at {
				return false
			}
			seen++
			return seen >= nth
		})
		none := func() {}
		if err := x.live(40, none, none); err != nil {
			return err
		}
		if reached = x.mem.Off(); reached {
			break
		}
		nth = 1 // it comes less often than that
	}
	if !reached {
		return errors.New("the power was never cut there")
	}
	x.crash()
	return nil
}
