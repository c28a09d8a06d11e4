package seglog

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"tote/raftstore/vfs"
)

// Open opens the log in dir, or makes a new one. It drops a torn last batch
// and returns ErrCorrupt, naming the file, when acknowledged data is damaged.
func Open(fs vfs.FS, dir string, opt Options) (*Log, error) {
	if opt.SegmentSize == 0 {
		opt.SegmentSize = defaultSize
	}
	if opt.SegmentSize < blockSize || opt.SegmentSize%blockSize != 0 {
		return nil, fmt.Errorf("seglog: segment size %d is no multiple of %d", opt.SegmentSize, blockSize)
	}
	// Not only made: without a sync of the folder above, a power cut takes the
	// whole log away, however well its files were synced.
	if err := vfs.MakeDir(fs, dir, 0o700); err != nil {
		return nil, fmt.Errorf("seglog: %w", err)
	}
	l := &Log{fs: fs, dir: dir, opt: opt}
	if err := l.open(); err != nil {
		l.closeFiles()
		return nil, fmt.Errorf("seglog: open %s: %w", dir, err)
	}
	l.prepareNext()
	return l, nil
}

func (l *Log) closeFiles() {
	for _, s := range l.segs {
		_ = s.file.Close()
	}
	for _, s := range []*slots{l.meta, l.stable} {
		if s != nil {
			_ = s.file.Close()
		}
	}
}

func (l *Log) open() error {
	var meta, stable []byte
	var err error
	if l.stable, stable, err = openSlots(l.fs, l.dir, "stable"); err != nil {
		return err
	}
	if l.values, err = decodeValues(stable); err != nil {
		return err
	}
	if l.meta, meta, err = openSlots(l.fs, l.dir, "meta"); err != nil {
		return err
	}
	l.stable.noSync, l.meta.noSync = l.opt.NoSync, l.opt.NoSync
	seqs, err := l.listSegments()
	if err != nil {
		return err
	}
	if meta == nil && l.opt.Begun {
		return fmt.Errorf("%w: there was a log here, but %s/meta is missing or empty", ErrCorrupt, l.dir)
	}
	if meta == nil {
		return l.begin(seqs)
	}
	firstSeq, firstIndex, err := decodeMeta(meta)
	if err != nil {
		return err
	}
	if err := l.openSegments(seqs, firstSeq); err != nil {
		return err
	}
	return l.scan(firstIndex)
}

func (l *Log) listSegments() ([]uint64, error) {
	names, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	var seqs []uint64
	for _, n := range names {
		if seq, ok := parseSegName(n); ok {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs, nil
}

// begin makes a new log. The first segment is made before meta names it, so a
// cut in between leaves one empty segment and no meta.
func (l *Log) begin(seqs []uint64) error {
	for _, seq := range seqs {
		seg, err := openSegment(l.fs, l.dir, seq)
		if err != nil {
			return err
		}
		buf, err := seg.read()
		if err == nil {
			if off := findFrame(buf, 0, 0); off >= 0 {
				err = fmt.Errorf("%w: %s holds entries but the file meta is empty", ErrCorrupt, seg.name)
			}
		}
		if err != nil {
			_ = seg.file.Close()
			return err
		}
		if err := seg.remove(l.fs); err != nil {
			return err
		}
	}
	seg, err := createSegment(l.fs, l.dir, 1, l.opt.SegmentSize)
	if err != nil {
		return err
	}
	l.segs, l.nextSeq = []*segment{seg}, 2
	return l.storeMeta(1, 0)
}

// openSegments opens the segments from firstSeq on and removes older ones,
// which are waste of an interrupted head cut.
func (l *Log) openSegments(seqs []uint64, firstSeq uint64) error {
	want := firstSeq
	for _, seq := range seqs {
		if seq < firstSeq {
			if err := l.fs.Remove(segName(l.dir, seq)); err != nil {
				return err
			}
			continue
		}
		if seq != want {
			break
		}
		seg, err := openSegment(l.fs, l.dir, seq)
		if err != nil {
			return err
		}
		l.segs = append(l.segs, seg)
		want++
	}
	if len(l.segs) == 0 || want <= slices.Max(seqs) {
		return fmt.Errorf("%w: the file %s is missing", ErrCorrupt, segName(l.dir, want))
	}
	l.nextSeq = want
	return nil
}

// scan reads every batch, builds the index and finds the end.
func (l *Log) scan(firstIndex uint64) error {
	chained := false // the first batch has no predecessor we could check
	tail := 0
	badSeg, badOff := -1, int64(0) // where reading stopped in an earlier segment
	for i, seg := range l.segs {
		buf, err := seg.read()
		if err != nil {
			return err
		}
		off := int64(0)
		for {
			h, crc, err := checkFrame(buf[min(off, int64(len(buf))):])
			if err != nil || i > 0 && !chained || !l.follows(h, chained) {
				break
			}
			l.take(seg, off, h, firstIndex)
			l.lastCRC, chained = crc, true
			off += h.size()
			tail, badSeg = i, -1
		}
		if next := findFrame(buf, off, max(firstIndex, 1)); next >= 0 {
			at, pos := seg, off
			if badSeg >= 0 {
				at, pos = l.segs[badSeg], badOff
			}
			return fmt.Errorf("%w: %s at %d: no valid batch, but %s holds a later one at %d",
				ErrCorrupt, at.name, pos, seg.name, next)
		}
		if tail == i {
			seg.off = off
		}
		if badSeg < 0 {
			badSeg, badOff = i, off
		}
	}
	if firstIndex > 0 && (len(l.frames) == 0 || l.frames[0].first != firstIndex) {
		return fmt.Errorf("%w: %s must hold entry %d", ErrCorrupt, l.segs[0].name, firstIndex)
	}
	return l.keepSpare(tail)
}

// follows tells whether the batch continues the log. The first batch of the
// first segment follows what was cut off at the head, which may be anything.
func (l *Log) follows(h header, chained bool) bool {
	switch {
	case !chained:
		return true
	case h.prevCRC != l.lastCRC:
		return false
	case h.flags == flagCut:
		return h.first <= l.next
	}
	return h.first == l.next
}

// take puts a batch into the index.
func (l *Log) take(seg *segment, off int64, h header, firstIndex uint64) {
	seg.maxIndex = max(seg.maxIndex, h.top())
	l.known = max(l.known, h.commit)
	if h.flags == flagCut {
		l.dropFrom(h.first)
		return
	}
	if l.first == 0 {
		l.first = cmp.Or(firstIndex, h.first)
	}
	l.next = h.last() + 1
	ref := frameRef{seg: seg, off: off, size: h.size(), first: h.first, n: h.n, base: h.first}
	if h.last() < firstIndex {
		return
	}
	if h.first < firstIndex {
		ref.n -= int(firstIndex - h.first)
		ref.first = firstIndex
	}
	l.frames = append(l.frames, ref)
	l.bytes += ref.size
}

// keepSpare sorts out the segments behind the last written one: one whole one
// is kept to be written next.
func (l *Log) keepSpare(tail int) error {
	rest := l.segs[tail+1:]
	l.segs = l.segs[: tail+1 : tail+1]
	for i, seg := range rest {
		if i == 0 && seg.size >= l.opt.SegmentSize {
			l.spare = seg
			l.nextSeq = seg.seq + 1
			continue
		}
		if err := seg.remove(l.fs); err != nil {
			return err
		}
	}
	if l.spare == nil {
		l.nextSeq = l.segs[tail].seq + 1
	}
	return nil
}

// read returns the whole file.
func (s *segment) read() ([]byte, error) {
	buf := make([]byte, s.size)
	n, err := s.file.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", s.name, err)
	}
	return buf[:n], nil
}

// findFrame returns the offset of the first valid batch in buf at or after off
// whose index is at least least; -1 when there is none.
func findFrame(buf []byte, off int64, least uint64) int64 {
	for ; off < int64(len(buf)); off += blockSize {
		if h, _, err := checkFrame(buf[off:]); err == nil && h.first >= least {
			return off
		}
	}
	return -1
}
