package seglog

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"tote/raftstore/vfs"
)

const (
	segSuffix   = ".seg"
	defaultSize = 8 << 20
	// maxPool bounds the files kept to be written again.
	maxPool = 2
	// zeroChunk is written between two syncs while a segment is prepared, so
	// that a commit never waits behind a whole segment.
	zeroChunk = 256 << 10
)

// segment is one file of the log.
type segment struct {
	seq  uint64
	file vfs.File
	name string
	size int64
	off  int64 // where the next batch goes
	// maxIndex is the highest index any batch in the file ever had.
	maxIndex uint64
}

// prepared is what the preparing goroutine hands over.
type prepared struct {
	seg    *segment
	err    error
	noRoom bool // err is a refusal, nothing was tried
}

func segName(dir string, seq uint64) string { return fmt.Sprintf("%s/%016d%s", dir, seq, segSuffix) }

func parseSegName(base string) (uint64, bool) {
	num, ok := strings.CutSuffix(base, segSuffix)
	if !ok || len(num) != 16 {
		return 0, false
	}
	seq, err := strconv.ParseUint(num, 10, 64)
	return seq, err == nil
}

// createSegment makes a zeroed, synced file. Zeros, not a hole: writing into
// blocks that exist changes no metadata, which makes a later sync one write.
func createSegment(fs vfs.FS, dir string, seq uint64, size int64) (*segment, error) {
	name := segName(dir, seq)
	f, err := vfs.Create(fs, name)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	seg := &segment{seq: seq, file: f, name: name, size: size}
	zeros := make([]byte, min(size, zeroChunk))
	for off := int64(0); off < size; off += int64(len(zeros)) {
		n := min(int64(len(zeros)), size-off)
		if _, err = f.WriteAt(zeros[:n], off); err == nil {
			err = f.Sync()
		}
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("prepare %s: %w", name, err)
		}
	}
	if err := fs.SyncDir(dir); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	return seg, nil
}

// reuseSegment gives an old file a new place at the end. Its blocks exist, so
// the card is spared a segment of zeros. The old batches in it are harmless:
// their indexes lie before the log's beginning.
func reuseSegment(fs vfs.FS, dir string, old *segment, seq uint64) (*segment, error) {
	name := segName(dir, seq)
	if err := fs.Rename(old.name, name); err != nil {
		return nil, fmt.Errorf("reuse %s: %w", old.name, err)
	}
	if err := fs.SyncDir(dir); err != nil {
		return nil, fmt.Errorf("reuse %s: %w", old.name, err)
	}
	return &segment{seq: seq, file: old.file, name: name, size: old.size}, nil
}

func openSegment(fs vfs.FS, dir string, seq uint64) (*segment, error) {
	name := segName(dir, seq)
	f, err := fs.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	dropCache(f)
	size, err := f.Size()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return &segment{seq: seq, file: f, name: name, size: size}, nil
}

func (s *segment) remove(fs vfs.FS) error {
	_ = s.file.Close()
	if err := fs.Remove(s.name); err != nil {
		return fmt.Errorf("remove %s: %w", s.name, err)
	}
	return nil
}

// prepareNext starts making the next segment unless one is ready or under
// way. The writer is held.
func (l *Log) prepareNext() {
	if l.spare != nil || l.prep != nil {
		return
	}
	seq := l.nextSeq
	l.nextSeq++
	var old *segment
	if len(l.pool) > 0 {
		old, l.pool = l.pool[0], l.pool[1:]
	}
	build := func() prepared {
		var p prepared
		if old != nil {
			p.seg, p.err = reuseSegment(l.fs, l.dir, old, seq)
		} else if p.err = l.room(); p.err != nil {
			p.noRoom = true
		} else {
			p.seg, p.err = createSegment(l.fs, l.dir, seq, l.opt.SegmentSize)
		}
		return p
	}
	ch := make(chan prepared, 1)
	l.prep = ch
	if l.opt.Foreground {
		ch <- build()
		return
	}
	go func() { ch <- build() }()
}

func (l *Log) room() error {
	if l.opt.Room == nil {
		return nil
	}
	return l.opt.Room(l.opt.SegmentSize)
}

// takePrepared waits for the segment under way, if any.
func (l *Log) takePrepared() {
	if l.prep == nil {
		return
	}
	p := <-l.prep
	l.prep = nil
	switch l.noRoom = nil; {
	case p.noRoom:
		l.noRoom = p.err
		l.nextSeq-- // the files have no gap
	case p.err != nil:
		_ = l.latch(p.err)
	default:
		l.spare = p.seg
	}
}

// rotate moves on to the next segment, which has room for size bytes.
func (l *Log) rotate(size int64) (*segment, error) {
	l.takePrepared()
	if l.spare == nil && l.Err() == nil {
		l.prepareNext()
		l.takePrepared()
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	if l.spare == nil {
		return nil, l.noRoom
	}
	seg := l.spare
	l.spare = nil
	if seg.size < size { // one giant batch: the sync that follows stores the new size too
		if err := seg.file.Truncate(size); err != nil {
			return nil, fmt.Errorf("extend %s: %w", seg.name, err)
		}
		seg.size = size
	}
	l.mu.Lock()
	l.segs = append(l.segs, seg)
	l.mu.Unlock()
	l.prepareNext()
	return seg, nil
}

// retire keeps a few segments that ended before index to be written again and
// removes the rest.
func (l *Log) retire(old []*segment, index uint64) error {
	for _, s := range old {
		if len(l.pool) < maxPool && s.maxIndex < index && s.size == l.opt.SegmentSize {
			l.pool = append(l.pool, s)
			continue
		}
		if err := s.remove(l.fs); err != nil {
			return l.latch(err)
		}
	}
	return nil
}

// storeMeta stores where the log begins: segment firstSeq, entry firstIndex
// (0: whatever comes first).
//
//	ver u8 | firstSeq u64 | firstIndex u64
func (l *Log) storeMeta(firstSeq, firstIndex uint64) error {
	b := binary.LittleEndian.AppendUint64([]byte{metaVer}, firstSeq)
	b = binary.LittleEndian.AppendUint64(b, firstIndex)
	if err := l.meta.store(b); err != nil {
		return l.latch(err)
	}
	return nil
}

const metaVer = 1

func decodeMeta(b []byte) (firstSeq, firstIndex uint64, err error) {
	if len(b) != 17 || b[0] != metaVer {
		return 0, 0, fmt.Errorf("%w: meta holds %d bytes of an unknown version", ErrCorrupt, len(b))
	}
	return binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:]), nil
}
