package raftstore

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/raftstore/vfs"
)

var kills = flag.Int("kills", 4, "rounds of SIGKILL for a lone gateway, and half as many for three")

const (
	childDir   = "TOTE_RAFTSTORE_TEST_DIR"
	childStart = "TOTE_RAFTSTORE_TEST_START"
	childLanes = 8
)

// runChild is the process that gets killed: it writes as fast as it can and
// prints each acknowledgement. False when this is no child.
func runChild() bool {
	dir := os.Getenv(childDir)
	if dir == "" {
		return false
	}
	cfg := Config{
		Dir: dir, NodeID: "gw1", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		HeartbeatTimeout: 10 * time.Millisecond, SegmentSize: 64 << 10, MinFree: 1, ballast: -1,
		SnapshotEntries: 40, SnapshotInterval: 20 * time.Millisecond, TrailingLogs: 10,
	}
	s, err := Open(cfg, testMachine{})
	if err == nil {
		err = s.WaitLeader(context.Background())
	}
	if err != nil {
		fmt.Println("error", err)
		return true
	}
	var start uint64
	fmt.Sscan(os.Getenv(childStart), &start)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for lane := range childLanes {
		wg.Go(func() {
			for seq := start; ; seq++ {
				res, err := s.Propose(context.Background(), laneCommand(lane, seq))
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
				} else {
					fmt.Println("ack", lane, seq, string(res.Body))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return true
}

// laneCommand adds to a counter of the lane: applied twice or not at all, the
// sum tells.
func laneCommand(lane int, seq uint64) Command {
	return byDevice(fmt.Sprint("lane", lane), seq, fmt.Sprintf("add lane%d %d", lane, seq))
}

// TestRow2KillAlone kills a writing process again and again. After each kill every
// acknowledged command must be there once, and the state must be the one a
// model gets from the same commands.
func TestRow2KillAlone(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	next := uint64(1) // first sequence of the next round, for all lanes
	for round := range *kills {
		acked := killRound(t, exe, dir, next, 50+100*(round%6))
		s := openStore(t, Config{
			Dir: dir, NodeID: "gw1", Logger: testLogger(t), HeartbeatTimeout: 10 * time.Millisecond,
			SegmentSize: 64 << 10, MinFree: 1, ballast: -1,
		})
		highest := next
		for lane := range childLanes {
			last, err := s.LastSeq(fmt.Sprint("lane", lane))
			if err != nil {
				t.Fatal(err)
			}
			if last < acked[lane] {
				t.Fatalf("round %d: lane %d was acknowledged up to %d, the store knows %d", round, lane, acked[lane], last)
			}
			highest = max(highest, last)
		}
		// Every lane goes on to the same sequence; what had been applied
		// without an acknowledgement is a repeat and must not count twice.
		for lane := range childLanes {
			from := max(acked[lane]+1, next)
			for seq := from; seq <= highest; seq++ {
				do(t, s, laneCommand(lane, seq))
			}
		}
		sum := highest * (highest + 1) / 2
		for lane := range childLanes {
			got := do(t, s, byDevice("reader", uint64(round*childLanes+lane+1), fmt.Sprintf("add lane%d 0", lane)))
			if want := fmt.Sprintf("%d@", sum); !strings.HasPrefix(string(got.Body), want) {
				t.Fatalf("round %d: lane %d has the sum %s, want %d", round, lane, got.Body, sum)
			}
		}
		checkReplay(t, s)
		closeStore(t, s)
		next = highest + 1
	}
}

// checkReplay opens the same log once more with the state built anew: the
// digest must be the one of the state that was carried along.
func checkReplay(t *testing.T, s *Store) {
	t.Helper()
	n, want, err := s.Digest()
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	closeStore(t, s)
	if err := os.CopyFS(copied, os.DirFS(s.cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(copied + "/GENERATION"); err != nil {
		t.Fatal(err)
	}
	cfg := s.cfg
	cfg.Dir = copied
	c := openStore(t, cfg)
	m, got, err := c.Digest()
	if err != nil || got != want || m != n {
		t.Fatalf("a state built anew differs: %d commands, want %d (%v)", m, n, err)
	}
	closeStore(t, c)
}

// killRound runs the child until it has acknowledged n commands, kills it and
// returns the last acknowledged sequence of each lane.
func killRound(t *testing.T, exe, dir string, start uint64, n int) (acked [childLanes]uint64) {
	t.Helper()
	for lane := range acked {
		acked[lane] = start - 1
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprint(childStart, "=", start))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	for count := 0; lines.Scan(); {
		var lane int
		var seq uint64
		if _, err := fmt.Sscanf(lines.Text(), "ack %d %d", &lane, &seq); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
		acked[lane] = max(acked[lane], seq)
		if count++; count == n {
			_ = cmd.Process.Kill() // and read on what it had printed before
		}
	}
	return acked
}

// TestHalfBootstrap: the power goes between the two writes of raft's bootstrap,
// and at every other write and sync of the log of a first start.
func TestHalfBootstrap(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	for n := 1; ; n++ {
		mem := vfs.NewMem()
		cfg.Dir = t.TempDir()
		cfg.FS = mem
		left := n
		mem.CutWhen(func(op vfs.Op, name string) bool {
			if strings.Contains(name, "/log/") && (op == vfs.OpWrite || op == vfs.OpSync) {
				left--
			}
			return left == 0
		})
		s, err := Open(cfg, testMachine{})
		if err == nil {
			err = s.WaitLeader(testContext(t))
			_ = s.Close()
		}
		cut := mem.Off()
		mem.Crash(uint64(n))
		s = openStore(t, cfg)
		do(t, s, byID(1, "set a 1"))
		closeStore(t, s)
		if !cut {
			if n < 8 || err != nil {
				t.Fatalf("%d calls only: %v", n, err)
			}
			t.Logf("%d calls", n)
			return
		}
	}
}

func TestShortenedLog(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	s := openStore(t, cfg)
	do(t, s, byID(1, "set a 1"))
	closeStore(t, s)
	// The other way round: it is known to have reached further than it does.
	must(t, os.WriteFile(cfg.Dir+"/FLOOR", []byte("99\n"), 0o600))
	if _, err := Open(cfg, testMachine{}); FaultCode(err) != CodeLogShort {
		t.Fatalf("opened with %v", err)
	}
}

func TestDamagedLog(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	s := openStore(t, cfg)
	for n := range uint64(5) {
		do(t, s, byID(n, "set a 1"))
	}
	closeStore(t, s)
	flipByte(t, cfg.Dir+"/log/0000000000000001.seg", 2*4096+60)
	if _, err := Open(cfg, testMachine{}); FaultCode(err) != CodeLogCorrupt || !strings.Contains(err.Error(), "0000000000000001.seg") {
		t.Fatalf("opened with %v", err)
	}
}

// TestDiedWhileOpening: Badger killed the process at the last start.
func TestDiedWhileOpening(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	s := openStore(t, cfg)
	do(t, s, byID(1, "set a 1"))
	closeStore(t, s)
	was := s.files.readGeneration().Dir
	for want := range 2 {
		if died, err := s.files.opening(); died != want || err != nil {
			t.Fatalf("died %d times, want %d (%v)", died, want, err)
		}
	}
	s = openStore(t, cfg)
	if s.files.readGeneration().Dir == was {
		t.Fatal("the state that killed the process was opened again")
	}
	if d := cmp.Diff(map[string]string{"a": "1"}, dump(t, s)); d != "" {
		t.Fatal(d)
	}
	if _, err := os.Stat(s.files.path("OPENING")); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("the marker stays")
	}
}
