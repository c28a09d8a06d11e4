package seglog

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"tote/raftstore/logstoretest"
	"tote/raftstore/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testSize = 64 << 10

func mustOpen(t testing.TB, fs vfs.FS, opt Options) *Log {
	t.Helper()
	if opt.SegmentSize == 0 {
		opt.SegmentSize = testSize
	}
	l, err := Open(fs, "log", opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func fill(t testing.TB, l *Log, from, to, term uint64) {
	t.Helper()
	for i := from; i <= to; i++ {
		if err := l.StoreLog(logstoretest.Entry(i, term, 100)); err != nil {
			t.Fatalf("store %d: %v", i, err)
		}
	}
}

func bounds(l *Log) string {
	first, _ := l.FirstIndex()
	last, _ := l.LastIndex()
	return fmt.Sprint(first, "-", last)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		fs := vfs.NewMem()
		logstoretest.Run(t, func(t *testing.T, name string) logstoretest.Store {
			l, err := Open(fs, name, Options{SegmentSize: testSize})
			if err != nil {
				t.Fatal(err)
			}
			return l
		})
	})
	t.Run("disk", func(t *testing.T) {
		dir := t.TempDir()
		logstoretest.Run(t, func(t *testing.T, name string) logstoretest.Store {
			l, err := Open(vfs.OS{}, dir+"/"+name, Options{SegmentSize: testSize})
			if err != nil {
				t.Fatal(err)
			}
			return l
		})
	})
}

func TestOneWriteOneSyncPerBatch(t *testing.T) {
	fs := vfs.NewFault(vfs.NewMem())
	l := mustOpen(t, fs, Options{Foreground: true})
	fill(t, l, 1, 3, 1)
	w, s := fs.Count(vfs.OpWrite), fs.Count(vfs.OpSync)
	logs := []*raft.Log{}
	for i := uint64(4); i < 14; i++ {
		logs = append(logs, logstoretest.Entry(i, 1, 300))
	}
	if err := l.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
	if dw, ds := fs.Count(vfs.OpWrite)-w, fs.Count(vfs.OpSync)-s; dw != 1 || ds != 1 {
		t.Fatalf("%d writes and %d syncs, want one each", dw, ds)
	}
}

// TestNoBlockIsWrittenTwice: the rule that saves old data from a torn write.
func TestNoBlockIsWrittenTwice(t *testing.T) {
	mem := vfs.NewMem()
	spy := &writeSpy{FS: mem, seen: map[string]bool{}}
	l := mustOpen(t, spy, Options{Foreground: true})
	spy.on = true
	fill(t, l, 1, 200, 1)
	if err := l.DeleteRange(150, 200); err != nil {
		t.Fatal(err)
	}
	fill(t, l, 150, 260, 2)
	if spy.twice != "" {
		t.Fatal("written again: ", spy.twice)
	}
	if len(spy.seen) < 300 {
		t.Fatalf("the spy saw %d blocks only", len(spy.seen))
	}
}

// writeSpy notes each block of a segment that gets a batch.
type writeSpy struct {
	vfs.FS
	on    bool
	seen  map[string]bool
	twice string
}

func (s *writeSpy) OpenFile(name string, flag int, perm os.FileMode) (vfs.File, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	return spyFile{f, s, name}, err
}

type spyFile struct {
	vfs.File
	s    *writeSpy
	name string
}

func (f spyFile) WriteAt(p []byte, off int64) (int, error) {
	if f.s.on && strings.HasSuffix(f.name, segSuffix) && !allZero(p) {
		for b := off; b < off+int64(len(p)); b += blockSize {
			key := fmt.Sprint(f.name, "@", b)
			if f.s.seen[key] {
				f.s.twice = key
			}
			f.s.seen[key] = true
		}
	}
	return f.File.WriteAt(p, off)
}

func TestLatch(t *testing.T) {
	boom := errors.New("boom")
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpSync} {
		t.Run(string(op), func(t *testing.T) {
			mem := vfs.NewMem()
			fs := vfs.NewFault(mem)
			var told []error
			l := mustOpen(t, fs, Options{Foreground: true, OnLatch: func(err error) { told = append(told, err) }})
			fill(t, l, 1, 5, 1)
			fs.FailNth(op, 1, boom)
			if err := l.StoreLog(logstoretest.Entry(6, 1, 10)); !errors.Is(err, ErrLatched) || !errors.Is(err, boom) {
				t.Fatalf("the failing call: %v", err)
			}
			// The disk works again, the log must not.
			for name, err := range map[string]error{
				"StoreLog":    l.StoreLog(logstoretest.Entry(6, 1, 10)),
				"DeleteRange": l.DeleteRange(1, 2),
				"Set":         l.Set([]byte("k"), nil),
			} {
				if !errors.Is(err, ErrLatched) || !errors.Is(err, boom) {
					t.Errorf("%s after the failure: %v", name, err)
				}
			}
			if len(told) != 1 {
				t.Errorf("told %d times", len(told))
			}
			if err := l.GetLog(5, new(raft.Log)); err != nil {
				t.Errorf("reads must go on: %v", err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = mustOpen(t, mem, Options{Foreground: true})
			last, _ := l.LastIndex()
			if last != 5 && last != 6 {
				t.Fatalf("after reopening the log holds %s", bounds(l))
			}
			fill(t, l, last+1, last+3, 1)
		})
	}
}

func TestLatchOnFailedPreparation(t *testing.T) {
	boom := errors.New("boom")
	for _, op := range []vfs.Op{vfs.OpOpen, vfs.OpWrite, vfs.OpSync, vfs.OpSyncDir} {
		fs := vfs.NewFault(vfs.NewMem())
		l := mustOpen(t, fs, Options{SegmentSize: 8 << 10, Foreground: true})
		fs.Hook(func(o vfs.Op, name string, _ int) error {
			if o == op && (o == vfs.OpSyncDir || strings.HasSuffix(name, "3"+segSuffix)) {
				return boom
			}
			return nil
		})
		var err error
		for i := uint64(1); i < 10 && err == nil; i++ {
			err = l.StoreLog(logstoretest.Entry(i, 1, 10))
		}
		if !errors.Is(err, ErrLatched) || !errors.Is(err, boom) {
			t.Errorf("%s fails while a segment is prepared: %v", op, err)
		}
	}
}

func TestSegmentsAreReused(t *testing.T) {
	mem := vfs.NewMem()
	fs := vfs.NewFault(mem)
	l := mustOpen(t, fs, Options{Foreground: true})
	for i := uint64(1); i < 400; i++ {
		fill(t, l, i, i, 1)
		if i > 20 {
			if err := l.DeleteRange(1, i-20); err != nil {
				t.Fatal(err)
			}
		}
	}
	if fs.Count(vfs.OpRename) < 10 {
		t.Fatalf("%d segments were reused", fs.Count(vfs.OpRename))
	}
	names, _ := mem.ReadDir("log")
	if len(names) > 2+2+2+maxPool {
		t.Fatalf("files pile up: %v", names)
	}
	want := bounds(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, fs, Options{Foreground: true}) // old batches behind the end must not confuse it
	if got := bounds(l); got != want {
		t.Fatalf("reopened: %s, want %s", got, want)
	}
}

func TestCommitIndexIsStored(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, fs, Options{Foreground: true})
	if got := l.CommitIndex(); got != 0 {
		t.Fatalf("commit index %d of an empty log", got)
	}
	commit := uint64(0)
	l.SetCommitIndex(func() uint64 { return commit })
	fill(t, l, 1, 10, 1)
	commit = 8
	fill(t, l, 11, 11, 1)
	commit = 11
	for range 2 {
		if got := l.CommitIndex(); got != 8 {
			t.Fatalf("commit index %d, want the 8 known at the last batch", got)
		}
		_ = l.Close()
		l = mustOpen(t, fs, Options{Foreground: true})
	}
	if err := l.DeleteRange(6, 11); err != nil {
		t.Fatal(err)
	}
	if got := l.CommitIndex(); got != 5 {
		t.Fatalf("commit index %d, must not be above the last entry", got)
	}
}

func TestBadSegmentSize(t *testing.T) {
	for _, n := range []int64{1, 4095, 5000, -4096} {
		if _, err := Open(vfs.NewMem(), "log", Options{SegmentSize: n}); err == nil {
			t.Errorf("size %d was taken", n)
		}
	}
}

func TestOtherSegmentSizeLater(t *testing.T) {
	fs := vfs.NewMem()
	want := uint64(0)
	for _, size := range []int64{64 << 10, 16 << 10, 128 << 10, 8 << 10} {
		l := mustOpen(t, fs, Options{SegmentSize: size, Foreground: true})
		if last, _ := l.LastIndex(); last != want {
			t.Fatalf("the log ends at %d, want %d", last, want)
		}
		fill(t, l, want+1, want+50, 1)
		want += 50
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClosed(t *testing.T) {
	l := mustOpen(t, vfs.NewMem(), Options{})
	fill(t, l, 1, 2, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	errs := []error{
		l.Set(nil, nil), l.DeleteRange(1, 1), l.StoreLog(logstoretest.Entry(3, 1, 1)), l.GetLog(1, new(raft.Log)),
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return !errors.Is(err, ErrClosed) }); i >= 0 {
		t.Fatalf("call %d on a closed log: %v", i, errs[i])
	}
}

// TestNoRoom: without room for a new segment the log goes on in those it has,
// then latches with the reason; with room again in time nothing is noticed.
func TestNoRoom(t *testing.T) {
	full := errors.New("no room")
	for _, tc := range []struct {
		name  string
		until int // no room up to this entry
		fails bool
	}{
		{"for ever", 1000, true},
		{"for a while", 4, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := 0
			l, err := Open(vfs.NewMem(), "log", Options{
				SegmentSize: 2 * blockSize, Foreground: true,
				Room: func(n int64) error {
					if n != 2*blockSize {
						t.Errorf("asked for %d bytes", n)
					}
					if at > 0 && at <= tc.until {
						return full
					}
					return nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			stored := 0
			for at = 1; at <= 12; at++ {
				if err = l.StoreLog(&raft.Log{Index: uint64(at), Term: 1}); err != nil {
					break
				}
				stored++
			}
			if !tc.fails {
				if err != nil || stored != 12 {
					t.Fatalf("%d stored: %v", stored, err)
				}
				return
			}
			// The segment written to and the spare one.
			if !errors.Is(err, full) || !errors.Is(err, ErrLatched) || stored != 4 {
				t.Fatalf("%d stored: %v", stored, err)
			}
			at = 1001
			if err := l.StoreLog(&raft.Log{Index: 5, Term: 1}); !errors.Is(err, ErrLatched) {
				t.Fatalf("after it: %v", err)
			}
		})
	}
}

// TestNewestIsNotReadBack: what was just written is sent and applied without
// being read from the file, and looks the same as after opening again.
func TestNewestIsNotReadBack(t *testing.T) {
	disk := vfs.NewFault(vfs.NewMem())
	l := mustOpen(t, disk, Options{})
	batch := []*raft.Log{logstoretest.Entry(1, 1, 100), {Index: 2, Term: 2, Type: raft.LogNoop}, logstoretest.Entry(3, 2, 0)}
	if err := l.StoreLogs(batch); err != nil {
		t.Fatal(err)
	}
	read := func(l *Log) (out []raft.Log) {
		for i := range batch {
			var e raft.Log
			if err := l.GetLog(uint64(1+i), &e); err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
		return out
	}
	before := disk.Count(vfs.OpRead)
	fresh := read(l)
	if n := disk.Count(vfs.OpRead) - before; n != 0 {
		t.Errorf("%d reads of the file", n)
	}
	big := &raft.Log{Index: 4, Term: 2, Data: make([]byte, cacheWritten)}
	if err := l.StoreLog(big); err != nil {
		t.Fatal(err)
	}
	before = disk.Count(vfs.OpRead)
	if err := l.GetLog(4, new(raft.Log)); err != nil || disk.Count(vfs.OpRead) == before {
		t.Errorf("a big batch is kept in memory (%v)", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if again := read(mustOpen(t, disk, Options{})); !reflect.DeepEqual(fresh, again) {
		t.Errorf("%v, after opening again %v", fresh, again)
	}
}
