package seglog

import (
	"bytes"
	"flag"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"tote/raftstore/logstoretest"
	"tote/raftstore/vfs"
)

var update = flag.Bool("update", false, "write the golden files of the current format")

func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// TestGolden opens a log folder written by format version 1 and writes the same
// one again: a change of the format must not pass unseen.
func TestGolden(t *testing.T) {
	const golden = "testdata/v1"
	write := func(dir string) {
		l, err := Open(vfs.OS{}, dir, Options{SegmentSize: 16 << 10, Foreground: true})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		l.SetCommitIndex(func() uint64 { return 2 })
		fill(t, l, 1, 2, 1)
		if err := l.StoreLogs([]*raft.Log{
			{Index: 3, Term: 2, Type: raft.LogNoop},
			{Index: 4, Term: 3, Type: raft.LogCommand, Data: []byte("data"), Extensions: []byte("ext")},
		}); err != nil {
			t.Fatal(err)
		}
		if err := l.DeleteRange(4, 4); err != nil {
			t.Fatal(err)
		}
		fill(t, l, 4, 6, 4)
		if err := l.DeleteRange(1, 1); err != nil {
			t.Fatal(err)
		}
		if err := l.SetUint64([]byte("CurrentTerm"), 4); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.RemoveAll(golden); err != nil {
			t.Fatal(err)
		}
		write(golden)
		return
	}
	dir := t.TempDir()
	write(dir)
	names, err := os.ReadDir(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range names {
		want, err1 := os.ReadFile(filepath.Join(golden, e.Name()))
		got, err2 := os.ReadFile(filepath.Join(dir, e.Name()))
		if err1 != nil || err2 != nil || !bytes.Equal(want, got) {
			t.Errorf("%s differs from format version 1 (%v, %v)", e.Name(), err1, err2)
		}
	}
	// The old folder itself must open; a copy, because opening writes.
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	l, err := Open(vfs.OS{}, copied, Options{SegmentSize: 16 << 10, Foreground: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if bounds(l) != "2-6" || l.CommitIndex() != 2 {
		t.Fatalf("the old log holds %s, commit %d", bounds(l), l.CommitIndex())
	}
	for i, term := range map[uint64]uint64{2: 1, 4: 4, 6: 4} {
		var got raft.Log
		if err := l.GetLog(i, &got); err != nil {
			t.Fatal(err)
		}
		if err := logstoretest.Same(logstoretest.Entry(i, term, 100), &got); err != nil {
			t.Error(err)
		}
	}
	if term, err := l.GetUint64([]byte("CurrentTerm")); term != 4 || err != nil {
		t.Fatalf("term %d, %v", term, err)
	}
}
