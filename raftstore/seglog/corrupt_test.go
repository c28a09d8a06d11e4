package seglog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"tote/raftstore/logstoretest"
	"tote/raftstore/vfs"
)

// onDisk makes a log of three segments in a real folder and closes it. Each
// entry is one batch of one block.
func onDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	l, err := Open(vfs.OS{}, dir, Options{SegmentSize: 16 << 10, Foreground: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetUint64([]byte("term"), 1); err != nil {
		t.Fatal(err)
	}
	if err := l.SetUint64([]byte("term"), 2); err != nil {
		t.Fatal(err)
	}
	fill(t, l, 1, 11, 1) // four a segment; the last one has room
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func reopen(t *testing.T, dir string) (*Log, error) {
	l, err := Open(vfs.OS{}, dir, Options{SegmentSize: 16 << 10, Foreground: true})
	if err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	return l, err
}

func flip(t *testing.T, name string, off int64) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[off] ^= 0x10
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func seg(dir string, seq uint64) string { return segName(dir, seq) }

// TestRow5BitFlip damages one byte in each region of a batch in the middle of the
// log: the log must refuse to open and name the file.
func TestRow5BitFlip(t *testing.T) {
	t.Parallel()
	regions := map[string]int64{
		"magic": 0, "version": 4, "flags": 5, "count": 6, "first index": 8, "term": 16, "commit index": 24,
		"chain": 32, "length": 36, "length high": 39, "entry type": 40, "appended at": 42, "data": 70, "checksum": 157,
	}
	for name, at := range regions {
		for _, place := range []struct {
			seq   uint64
			block int64
		}{{1, 1}, {1, 3}, {2, 0}, {3, 1}} {
			t.Run(fmt.Sprint(name, place), func(t *testing.T) {
				dir := onDisk(t)
				file := seg(dir, place.seq)
				flip(t, file, place.block*blockSize+at)
				_, err := reopen(t, dir)
				if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(file)) {
					t.Fatalf("opened with %v, want ErrCorrupt naming %s", err, filepath.Base(file))
				}
			})
		}
	}
}

// TestTornTail damages the last batch: nobody can tell it from a torn write,
// so it is dropped, and the log takes appends.
func TestTornTail(t *testing.T) {
	for _, at := range []int64{0, 8, 36, 70, 157} {
		dir := onDisk(t)
		flip(t, seg(dir, 3), 2*blockSize+at)
		l, err := reopen(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := bounds(l); got != "1-10" {
			t.Fatalf("byte %d: the log holds %s", at, got)
		}
		fill(t, l, 11, 20, 2)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if l, err = reopen(t, dir); err != nil || bounds(l) != "1-20" {
			t.Fatalf("byte %d: after appends: %v %v", at, err, bounds(l))
		}
	}
}

func TestPaddingDoesNotCount(t *testing.T) {
	dir := onDisk(t)
	flip(t, seg(dir, 1), blockSize+4000)
	l, err := reopen(t, dir)
	if err != nil || bounds(l) != "1-11" {
		t.Fatalf("%v", err)
	}
}

func TestMissingSegment(t *testing.T) {
	for _, seq := range []uint64{1, 2, 3} {
		dir := onDisk(t)
		if err := os.Remove(seg(dir, seq)); err != nil {
			t.Fatal(err)
		}
		_, err := reopen(t, dir)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(seg(dir, seq))) {
			t.Errorf("segment %d missing: %v", seq, err)
		}
	}
}

func TestSwappedSegments(t *testing.T) {
	dir := onDisk(t)
	for _, r := range [][2]string{{seg(dir, 1), dir + "/x"}, {seg(dir, 2), seg(dir, 1)}, {dir + "/x", seg(dir, 2)}} {
		if err := os.Rename(r[0], r[1]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := reopen(t, dir); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("opened with %v", err)
	}
}

func TestZeroedSegment(t *testing.T) {
	dir := onDisk(t)
	if err := os.WriteFile(seg(dir, 2), make([]byte, 16<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(t, dir); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("opened with %v", err)
	}
}

func TestMissingMeta(t *testing.T) {
	dir := onDisk(t)
	if err := os.Remove(dir + "/meta"); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(t, dir); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("opened with %v", err)
	}
}

func TestSlots(t *testing.T) {
	for _, file := range []string{"stable", "meta"} {
		dir := onDisk(t)
		l, err := reopen(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.DeleteRange(1, 2); err != nil { // a second write of meta
			t.Fatal(err)
		}
		_ = l.Close()
		flip(t, dir+"/"+file, 20)
		if l, err = reopen(t, dir); err != nil {
			t.Fatalf("one damaged slot of %s looks like a torn write: %v", file, err)
		}
		_ = l.Close()
		flip(t, dir+"/"+file, blockSize+20)
		if _, err = reopen(t, dir); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), file) {
			t.Fatalf("both slots of %s damaged: %v", file, err)
		}
	}
}

// TestDamageUnderAnOpenLog: a batch is verified each time it is read.
func TestDamageUnderAnOpenLog(t *testing.T) {
	dir := onDisk(t)
	l, err := reopen(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, seg(dir, 1), blockSize+70)
	var got raft.Log
	if err := l.GetLog(2, &got); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(seg(dir, 1))) {
		t.Fatalf("read with %v", err)
	}
	if err := l.GetLog(3, &got); err != nil {
		t.Fatalf("the next one is whole: %v", err)
	}
}

// TestLostHead: the only batch of a log that was cut at the head is damaged.
// With nothing behind it it looks torn, but the beginning is known.
func TestLostHead(t *testing.T) {
	dir := onDisk(t)
	l, err := reopen(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.DeleteRange(1, 10); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	flip(t, seg(dir, 3), 2*blockSize+70)
	if _, err := reopen(t, dir); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("opened with %v", err)
	}
}

// TestReadFailureIsNotTheEnd: a disk that cannot be read must not shorten the log.
func TestReadFailureIsNotTheEnd(t *testing.T) {
	mem := vfs.NewMem()
	l := mustOpen(t, mem, Options{Foreground: true})
	fill(t, l, 1, 30, 1)
	_ = l.Close()
	fault := vfs.NewFault(mem)
	for n := 1; n <= 4; n++ {
		fault.FailNth(vfs.OpRead, n, fs.ErrPermission)
		l, err := Open(fault, "log", Options{SegmentSize: testSize, Foreground: true})
		if err == nil {
			if got := bounds(l); got != "1-30" {
				t.Fatalf("read %d fails: the log holds %s", n, got)
			}
			_ = l.Close()
			continue
		}
		if !errors.Is(err, fs.ErrPermission) {
			t.Fatalf("read %d fails: %v", n, err)
		}
	}
}

// FuzzFrame: any bytes either fail to decode or encode back to themselves.
func FuzzFrame(f *testing.F) {
	logs := []*raft.Log{logstoretest.Entry(5, 2, 10), logstoretest.Entry(6, 3, 0), {Index: 7, Term: 2, Extensions: []byte("e")}}
	frame, _, err := encodeFrame(nil, header{first: 5, term: 2, commit: 4, prevCRC: 9, n: 3}, logs)
	if err != nil {
		f.Fatal(err)
	}
	cut, _, _ := encodeFrame(nil, header{flags: flagCut, first: 3, commit: 4}, nil)
	f.Add(frame)
	f.Add(cut)
	f.Add(frame[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, got, err := decodeFrame(b)
		if err != nil {
			fixed := fixChecksum(b) // look behind the checksum too
			if h, got, err = decodeFrame(fixed); err != nil {
				return
			}
		}
		ptrs := make([]*raft.Log, len(got))
		for i := range got {
			ptrs[i] = &got[i]
		}
		again, _, err := encodeFrame(nil, h, ptrs)
		if err != nil {
			t.Fatal(err)
		}
		h2, got2, err := decodeFrame(again)
		h.length, h2.length = 0, 0 // a term written out in full may shrink
		if err != nil || h != h2 || len(got) != len(got2) {
			t.Fatalf("%+v became %+v: %v", h, h2, err)
		}
		for i := range got {
			if err := logstoretest.Same(&got[i], &got2[i]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// fixChecksum returns b with the checksum its length field asks for.
func fixChecksum(b []byte) []byte {
	h, err := decodeHeader(b)
	if err != nil || len(b) < headerSize+h.length+trailerSize {
		return b
	}
	b = append([]byte(nil), b...)
	end := headerSize + h.length
	binary.LittleEndian.PutUint32(b[end:], crcOf(b[:end]))
	return b
}

// FuzzSlot: a slot decodes to what was stored or not at all.
func FuzzSlot(f *testing.F) {
	f.Add(encodeSlot(3, []byte("value")))
	f.Fuzz(func(t *testing.T, b []byte) {
		seq, val, ok := decodeSlot(b)
		if !ok {
			return
		}
		if s2, v2, ok := decodeSlot(encodeSlot(seq, val)); !ok || s2 != seq || string(v2) != string(val) {
			t.Fatal("does not round-trip")
		}
		_, _ = decodeValues(val)
		_, _, _ = decodeMeta(val)
	})
}
