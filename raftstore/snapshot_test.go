package raftstore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
)

var update = flag.Bool("update", false, "write the golden files of the current formats")

type record struct{ Key, Val string }

func stream(t testing.TB, recs []record) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := newSnapWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if err := w.put([]byte(r.Key), []byte(r.Val)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.finish(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte) (recs []record, err error) {
	err = readSnapshot(bytes.NewReader(b), func(k, v []byte) error {
		recs = append(recs, record{string(k), string(v)})
		return nil
	})
	return recs, err
}

func manyRecords(n, size int) []record {
	var recs []record
	for i := range n {
		recs = append(recs, record{fmt.Sprintf("key/%05d", i), strings.Repeat("v", i%size)})
	}
	return recs
}

func TestSnapshotStream(t *testing.T) {
	for name, recs := range map[string][]record{
		"empty": nil, "one": {{"k", "v"}}, "empty value": {{"k", ""}},
		"many blocks": manyRecords(3000, 200), "large values": {{"a", strings.Repeat("x", MaxValue)}, {"b", strings.Repeat("y", MaxValue)}},
	} {
		b := stream(t, recs)
		got, err := read(b)
		if d := cmp.Diff(recs, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
	}
}

// TestDamagedSnapshot: no damage and no cut goes unseen.
func TestDamagedSnapshot(t *testing.T) {
	whole := stream(t, manyRecords(2000, 150))
	rng := rand.New(rand.NewPCG(1, 1))
	at := []int{0, 8, 12, 13, 16, 20, len(whole) - 1, len(whole) - 20, len(whole) - 47, len(whole) - 49}
	for range 200 {
		at = append(at, rng.IntN(len(whole)))
	}
	for _, i := range at {
		bad := bytes.Clone(whole)
		bad[i] ^= 1 << rng.IntN(8)
		if _, err := read(bad); !errors.Is(err, errSnapshot) {
			t.Fatalf("bit flip at %d of %d: %v", i, len(whole), err)
		}
		if _, err := read(whole[:i]); !errors.Is(err, errSnapshot) {
			t.Fatalf("cut at %d of %d: %v", i, len(whole), err)
		}
	}
	for name, recs := range map[string][]record{
		"order": {{"b", ""}, {"a", ""}}, "twice": {{"a", ""}, {"a", ""}},
		"empty key": {{"", "v"}}, "long key": {{strings.Repeat("k", maxRowKey+1), ""}}, "long value": {{"k", strings.Repeat("v", maxRowValue+1)}},
	} {
		if _, err := read(stream(t, recs)); !errors.Is(err, errSnapshot) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForeignBlock: a whole block of another snapshot fits by its own checksum
// and its keys; the sum over everything tells.
func TestForeignBlock(t *testing.T) {
	mine, other := manyRecords(2000, 150), manyRecords(2000, 150)
	other[100].Val = strings.Repeat("o", len(other[100].Val))
	a, b := stream(t, mine), stream(t, other)
	const end = 12 + 8 + snapBlock // head and first block
	if _, err := read(append(bytes.Clone(b[:end]), a[end:]...)); !errors.Is(err, errSnapshot) {
		t.Fatalf("read with %v", err)
	}
}

// TestNoSnapshotBeforeRaftCaughtUp: raft would label it with an entry it has
// delivered, the state holds more.
func TestNoSnapshotBeforeRaftCaughtUp(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	s := openStore(t, cfg)
	do(t, s, byID(1, "set a 1"))
	closeStore(t, s)
	quiet := cfg
	quiet.HeartbeatTimeout = time.Hour // no leader, so raft delivers nothing
	q, err := Open(quiet, testMachine{})
	if err != nil {
		t.Fatal(err)
	}
	if snap, err := q.fsm.Snapshot(); err == nil {
		snap.Release()
		t.Error("a snapshot was taken")
	}
	if d := cmp.Diff(map[string]string{"a": "1"}, dump(t, q)); d != "" {
		t.Error("reads must work without a leader: ", d)
	}
	if _, err := q.Propose(testContext(t), byID(2, "set b 1")); !errors.Is(err, ErrNotLeader) {
		t.Errorf("proposed without a leader: %v", err)
	}
	closeStore(t, q)
	s = openStore(t, cfg)
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
}

func TestSnapshotGolden(t *testing.T) {
	const golden = "testdata/snapshot-v1.hex"
	recs := []record{{"\x00", "meta"}, {"\x10a", ""}, {"\x10b", "value"}}
	if *update {
		if err := os.WriteFile(golden, []byte(hex.EncodeToString(stream(t, recs))+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(stream(t, recs)); got != strings.TrimSpace(string(want)) {
		t.Errorf("the format has changed:\n%s\nwas\n%s", got, want)
	}
	old, _ := hex.DecodeString(strings.TrimSpace(string(want)))
	got, err := read(old)
	if d := cmp.Diff(recs, got); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add(stream(f, []record{{"a", "1"}, {"b", "2"}}))
	f.Add(stream(f, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		recs, err := read(b)
		if err != nil {
			return
		}
		if got, err := read(stream(t, recs)); err != nil || len(got) != len(recs) {
			t.Fatal(err)
		}
	})
}

// snapshots returns the folders of the snapshots, oldest first.
func snapshots(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "snapshots", "*", "state.bin"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// busyStore has taken rounds snapshots with work before and after each.
func busyStore(t *testing.T, cfg Config, rounds int) (*Store, map[string]string) {
	t.Helper()
	s := openStore(t, cfg)
	n := uint64(0)
	for round := range rounds + 1 {
		for range 30 {
			n++
			do(t, s, byID(n, fmt.Sprintf("set k%02d %d", n%40, n)))
		}
		if round < rounds {
			if err := s.Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s, dump(t, s)
}

func TestSnapshotsAndTruncation(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.TrailingLogs = 5
	s, want := busyStore(t, cfg, 4)
	_, digest, _ := s.Digest()
	first, _ := s.seglog.FirstIndex()
	list, err := s.snaps.List()
	if err != nil || len(list) != 2 {
		t.Fatalf("%d snapshots, %v", len(list), err)
	}
	if first != list[1].Index+1 {
		t.Fatalf("the log begins at %d, must reach back to the older snapshot at %d", first, list[1].Index)
	}
	for _, clean := range []bool{true, false} {
		closeStore(t, s)
		if !clean {
			makeUnclean(t, s)
		}
		s = openStore(t, cfg)
		if d := cmp.Diff(want, dump(t, s)); d != "" {
			t.Fatal(d)
		}
		if _, got, _ := s.Digest(); got != digest {
			t.Fatal("the digest differs")
		}
		if r := do(t, s, byID(1, "set k01 1")); !r.Duplicate || r.Index != 1 {
			t.Fatalf("an answer got lost in the snapshot: %+v", r)
		}
	}
}

// TestRow5DamagedState: whatever happens to Badger's files, the state comes back.
func TestRow5DamagedState(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, dir string){
		"folder gone": func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		},
		"manifest": func(t *testing.T, dir string) { spoil(t, filepath.Join(dir, "MANIFEST")) },
		"table": func(t *testing.T, dir string) {
			names, _ := filepath.Glob(dir + "/*.sst")
			if len(names) == 0 {
				t.Fatal("no table")
			}
			spoil(t, names[0])
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t, t.TempDir())
			s, want := busyStore(t, cfg, 1)
			closeStore(t, s)
			harm(t, s.view.Load().dir)
			s = openStore(t, cfg)
			if d := cmp.Diff(want, dump(t, s)); d != "" {
				t.Fatal(d)
			}
			do(t, s, byID(1000, "set after 1"))
		})
	}
}

func spoil(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, bytes.Repeat([]byte("spoilt"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRow5DamagedNewestSnapshot(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.TrailingLogs = 1
	s, want := busyStore(t, cfg, 3)
	closeStore(t, s)
	makeUnclean(t, s)
	list := snapshots(t, cfg.Dir)
	flipByte(t, list[len(list)-1], 100)
	s = openStore(t, cfg)
	if d := cmp.Diff(want, dump(t, s)); d != "" {
		t.Fatal(d)
	}
	if bad, _ := filepath.Glob(cfg.Dir + "/snapshot.bad-*"); len(bad) != 1 {
		t.Fatalf("set aside: %v", bad)
	}
	do(t, s, byID(5000, "set after 1"))
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
}

func TestRow5AllSnapshotsDamaged(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.TrailingLogs = 1
	s, _ := busyStore(t, cfg, 3)
	closeStore(t, s)
	makeUnclean(t, s)
	for _, name := range snapshots(t, cfg.Dir) {
		flipByte(t, name, 100)
	}
	for range 2 { // it must stay refused
		if _, err := Open(cfg, testMachine{}); FaultCode(err) != CodeLogGap || !strings.Contains(err.Error(), "/snapshots/") {
			t.Fatalf("opened with %v", err)
		}
	}
	if len(snapshots(t, cfg.Dir)) == 0 {
		t.Fatal("nothing is left to look at")
	}
}

func flipByte(t *testing.T, name string, at int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTornSnapshotIsRemoved(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	closeStore(t, openStore(t, cfg))
	torn := filepath.Join(cfg.Dir, "snapshots", "2-9-1.tmp")
	if err := os.MkdirAll(torn, 0o700); err != nil {
		t.Fatal(err)
	}
	openStore(t, cfg)
	if _, err := os.Stat(torn); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("a half-written snapshot stays for ever")
	}
}

func TestSnapshotByLogBytes(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.SnapshotBytes = 64 << 10
	s := openStore(t, cfg)
	for n := range uint64(32) {
		do(t, s, byID(n, "set a "+strings.Repeat("x", 4000)))
	}
	deadline := testContext(t)
	for len(snapshots(t, cfg.Dir)) == 0 && deadline.Err() == nil {
		_ = s.WaitLeader(deadline)
	}
	if deadline.Err() != nil {
		t.Fatal("the log grew and no snapshot was taken")
	}
}

// TestRestore: a snapshot of another gateway replaces the state under readers.
func TestRestore(t *testing.T) {
	other := openStore(t, testConfig(t, t.TempDir()))
	do(t, other, byDevice("hh", 1, "set a new"))
	do(t, other, byID(1, "set b new"))
	snap, err := other.fsm.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	sink := &memSink{}
	if err := snap.Persist(sink); err != nil {
		t.Fatal(err)
	}
	snap.Release()

	s := openStore(t, testConfig(t, t.TempDir()))
	do(t, s, byID(1, "set a old"))
	meta := &raft.SnapshotMeta{Version: 1, Index: 1000, Term: 1, Size: int64(sink.Len())}
	err = s.View(func(r Reader, _ uint64) error {
		if err := s.raft.Restore(meta, bytes.NewReader(sink.Bytes()), 0); err != nil {
			return err
		}
		if v, _ := r.Get([]byte("a")); string(v) != "old" {
			t.Errorf("the old reader sees %q", v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "new", "b": "new"}
	if d := cmp.Diff(want, dump(t, s)); d != "" || s.Applied() != 2 {
		t.Fatalf("applied %d\n%s", s.Applied(), d)
	}
	if r := do(t, s, byDevice("hh", 1, "set a new")); !r.Duplicate {
		t.Fatalf("%+v", r)
	}
	do(t, s, byID(2, "set c 1"))
	want["c"] = "1"
	for _, clean := range []bool{true, false} {
		closeStore(t, s)
		if !clean {
			makeUnclean(t, s)
		}
		s = openStore(t, s.cfg)
		if d := cmp.Diff(want, dump(t, s)); d != "" {
			t.Fatal(d)
		}
	}
	if bad := s.fsm.Restore(readCloser{bytes.NewReader(sink.Bytes()[:50])}); bad == nil {
		t.Fatal("half a snapshot was taken")
	}
	if d := cmp.Diff(want, dump(t, s)); d != "" {
		t.Fatal("a failed restore harmed the state: ", d)
	}
}

type memSink struct{ bytes.Buffer }

func (*memSink) Close() error  { return nil }
func (*memSink) Cancel() error { return nil }
func (*memSink) ID() string    { return "mem" }

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }
