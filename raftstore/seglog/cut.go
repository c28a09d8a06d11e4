package seglog

import (
	"fmt"
	"slices"
	"sort"
)

// DeleteRange implements raft.LogStore. Only a prefix, a suffix or everything
// can be deleted; entries that are not there are no error. It is durable when
// it returns.
func (l *Log) DeleteRange(from, to uint64) error {
	l.writer.Lock()
	defer l.writer.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if l.next == 0 || from > to || from >= l.next || to < l.first {
		return nil
	}
	last := l.next - 1
	switch {
	case from <= l.first && to >= last:
		return l.reset()
	case from <= l.first:
		return l.cutHead(to + 1)
	case to >= last:
		return l.cutTail(from)
	}
	return l.latch(fmt.Errorf("entries %d to %d deleted from the middle of %d to %d", from, to, l.first, last))
}

// cutTail drops the entries from index on. A cut is a batch of its own, so no
// acknowledged block is touched.
func (l *Log) cutTail(index uint64) error {
	if _, err := l.append(header{flags: flagCut, first: index}, nil); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropFrom(index)
	return nil
}

// dropFrom forgets the entries from index on; mu is held.
func (l *Log) dropFrom(index uint64) {
	for i := len(l.frames) - 1; i >= 0; i-- {
		f := &l.frames[i]
		if f.first < index {
			f.n = min(f.n, int(index-f.first))
			break
		}
		l.bytes -= f.size
		l.frames = l.frames[:i]
	}
	l.next = index
	l.cache.clear()
}

// cutHead drops the entries before index. The new beginning is stored first;
// after that the old segments are only waste.
func (l *Log) cutHead(index uint64) error {
	i := sort.Search(len(l.frames), func(i int) bool { return l.frames[i].first+uint64(l.frames[i].n) > index })
	keep := l.frames[i].seg
	if err := l.storeMeta(keep.seq, index); err != nil {
		return err
	}
	l.mu.Lock()
	l.first = index
	for _, f := range l.frames[:i] {
		l.bytes -= f.size
	}
	l.frames = slices.Clone(l.frames[i:])
	if f := &l.frames[0]; f.first < index {
		f.n -= int(index - f.first)
		f.first = index
	}
	l.cache.clear()
	n := slices.Index(l.segs, keep)
	old := slices.Clone(l.segs[:n])
	l.segs = slices.Clone(l.segs[n:])
	l.mu.Unlock()
	return l.retire(old, index)
}

// reset empties the log: it goes on in a new segment, with any index.
func (l *Log) reset() error {
	l.takePrepared()
	if err := l.Err(); err != nil {
		return err
	}
	old := slices.Clone(l.segs)
	if l.spare != nil {
		old = append(old, l.spare)
		l.spare = nil
	}
	old = append(old, l.pool...)
	l.pool = nil
	// A new file, never a reused one: with any index allowed, old batches
	// could not be told from new ones.
	if err := l.room(); err != nil {
		return l.latch(err)
	}
	seg, err := createSegment(l.fs, l.dir, l.nextSeq, l.opt.SegmentSize)
	if err != nil {
		return l.latch(err)
	}
	l.nextSeq++
	if err := l.storeMeta(seg.seq, 0); err != nil {
		return err
	}
	l.mu.Lock()
	l.segs, l.frames = []*segment{seg}, nil
	l.first, l.next, l.bytes = 0, 0, 0
	l.cache.clear()
	l.mu.Unlock()
	for _, s := range old {
		if err := s.remove(l.fs); err != nil {
			return l.latch(err)
		}
	}
	l.prepareNext()
	return nil
}
