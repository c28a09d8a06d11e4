package seglog

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"tote/raftstore/vfs"
)

// Errors a Log returns. Reading an index that is not stored gives
// raft.ErrLogNotFound, as raft wants it.
var (
	// ErrLatched: a write or sync failed, or the caller broke a rule; what is
	// on the disk is no longer known, so everything is refused until the log
	// is opened again. The cause is wrapped as well.
	ErrLatched = errors.New("seglog: the log is latched after a failure")
	// ErrCorrupt: acknowledged data is damaged or missing. The log must not
	// be used; never shorten it to make it open.
	ErrCorrupt = errors.New("seglog: acknowledged data is damaged or missing")
	// ErrClosed: the log is closed.
	ErrClosed = errors.New("seglog: the log is closed")
	// ErrNotFound: no such key in the stable store. Raft compares the text.
	ErrNotFound = errors.New("not found")
)

// Options of a Log. The zero value is right for a gateway.
type Options struct {
	// SegmentSize in bytes, a multiple of 4 KiB; 8 MiB when 0.
	SegmentSize int64
	// OnLatch is told the cause once, from the goroutine that failed. It must
	// not call the Log.
	OnLatch func(error)
	// Foreground prepares segments inside the call that needs them, so that a
	// test with one seed runs the same way each time.
	Foreground bool
	// NoSync leaves out every sync of data. For tests that prove that the
	// power-cut check notices; never set it on a gateway.
	NoSync bool
}

// Log is an open log. Create it with Open.
type Log struct {
	fs  vfs.FS
	dir string
	opt Options

	commit  atomic.Pointer[func() uint64]
	latched atomic.Pointer[latchError]
	closed  atomic.Bool

	// writer serialises StoreLogs, DeleteRange and Close; it owns what
	// follows up to mu.
	writer  sync.Mutex
	buf     []byte
	lastCRC uint32
	meta    *slots
	spare   *segment   // ready to be written
	pool    []*segment // cut off at the head, to be written again
	prep    chan prepared
	nextSeq uint64

	// mu guards the index: readers hold it while they read a segment, so a
	// segment leaves the index before its file is reused.
	mu          sync.RWMutex
	segs        []*segment // live, oldest first; the last one is written to
	frames      []frameRef // live, by index
	first, next uint64     // next == 0: empty, any index may come
	known       uint64     // commit index read from or written to the log
	bytes       int64

	cache frameCache

	stableMu sync.Mutex
	stable   *slots
	values   map[string][]byte
}

// frameRef locates the entries [first, first+n) of one batch.
type frameRef struct {
	seg   *segment
	off   int64
	size  int64
	first uint64 // first index still valid
	n     int
	base  uint64 // index of the first entry in the batch
}

type latchError struct{ cause error }

func (e *latchError) Error() string   { return ErrLatched.Error() + ": " + e.cause.Error() }
func (e *latchError) Unwrap() []error { return []error{ErrLatched, e.cause} }

var (
	_ raft.LogStore          = (*Log)(nil)
	_ raft.MonotonicLogStore = (*Log)(nil)
	_ raft.StableStore       = (*Log)(nil)
)

// IsMonotonic implements raft.MonotonicLogStore: indexes have no gaps.
func (l *Log) IsMonotonic() bool { return true }

// SetCommitIndex gives the log a source of the commit index; the value at the
// time of a batch is stored in it. fn must not block.
func (l *Log) SetCommitIndex(fn func() uint64) { l.commit.Store(&fn) }

// CommitIndex returns the highest commit index stored with a batch, never
// above LastIndex. Everything up to it is committed for certain.
func (l *Log) CommitIndex() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.next == 0 {
		return 0
	}
	return min(l.known, l.next-1)
}

// Bytes returns the size of the live batches on disk.
func (l *Log) Bytes() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.bytes
}

// Err returns the reason of the latch, or nil.
func (l *Log) Err() error {
	if e := l.latched.Load(); e != nil {
		return e
	}
	return nil
}

// latch remembers the first failure and returns it.
func (l *Log) latch(cause error) error {
	e := &latchError{cause}
	if l.latched.CompareAndSwap(nil, e) {
		if l.opt.OnLatch != nil {
			l.opt.OnLatch(e)
		}
		return e
	}
	return l.latched.Load()
}

func (l *Log) usable() error {
	if l.closed.Load() {
		return ErrClosed
	}
	return l.Err()
}

// FirstIndex implements raft.LogStore; 0 when the log is empty.
func (l *Log) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.next == 0 {
		return 0, nil
	}
	return l.first, nil
}

// LastIndex implements raft.LogStore; 0 when the log is empty.
func (l *Log) LastIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.next == 0 {
		return 0, nil
	}
	return l.next - 1, nil
}

// GetLog implements raft.LogStore. The batch is read from the file and its
// checksum verified; damage is ErrCorrupt and names the file.
func (l *Log) GetLog(index uint64, out *raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed.Load() {
		return ErrClosed
	}
	if l.next == 0 || index < l.first || index >= l.next {
		return raft.ErrLogNotFound
	}
	i := sort.Search(len(l.frames), func(i int) bool { return l.frames[i].first > index }) - 1
	ref := l.frames[i]
	logs := l.cache.get(ref)
	if logs == nil {
		var err error
		if logs, err = readFrame(ref); err != nil {
			return err
		}
		l.cache.put(ref, logs)
	}
	*out = logs[index-ref.base]
	return nil
}

func readFrame(ref frameRef) ([]raft.Log, error) {
	buf := make([]byte, ref.size)
	if _, err := ref.seg.file.ReadAt(buf, ref.off); err != nil {
		return nil, fmt.Errorf("read %s at %d: %w", ref.seg.name, ref.off, err)
	}
	h, logs, err := decodeFrame(buf)
	if err != nil || h.first != ref.base || len(logs) < int(ref.first-ref.base)+ref.n {
		return nil, fmt.Errorf("%w: %s at %d: the batch of entry %d does not match its checksum",
			ErrCorrupt, ref.seg.name, ref.off, ref.first)
	}
	return logs, nil
}

// StoreLog implements raft.LogStore.
func (l *Log) StoreLog(log *raft.Log) error { return l.StoreLogs([]*raft.Log{log}) }

// StoreLogs implements raft.LogStore: one write and one sync. The indexes
// must follow the last one without a gap.
func (l *Log) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	l.writer.Lock()
	defer l.writer.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	for i, e := range logs {
		want := logs[0].Index + uint64(i)
		if i == 0 && l.next != 0 {
			want = l.next
		}
		if e.Index != want || e.Index == 0 {
			return l.latch(fmt.Errorf("entry %d stored where %d must follow", e.Index, want))
		}
	}
	h := header{n: len(logs), first: logs[0].Index, term: logs[0].Term}
	ref, err := l.append(h, logs)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == 0 {
		l.first = h.first
	}
	l.next = h.last() + 1
	l.frames = append(l.frames, ref)
	l.bytes += ref.size
	return nil
}

// append writes one batch at the end and syncs it. The writer is held.
func (l *Log) append(h header, logs []*raft.Log) (frameRef, error) {
	h.prevCRC, h.commit = l.lastCRC, l.known
	if fn := l.commit.Load(); fn != nil {
		h.commit = max(h.commit, (*fn)())
	}
	frame, crc, err := encodeFrame(l.buf, h, logs)
	if err != nil {
		return frameRef{}, l.latch(err)
	}
	if len(frame) <= 1<<20 { // do not keep the memory of a rare giant
		l.buf = frame
	}
	size := int64(len(frame))
	seg := l.segs[len(l.segs)-1]
	if seg.off+size > seg.size {
		if seg, err = l.rotate(size); err != nil {
			return frameRef{}, l.latch(err)
		}
	}
	off := seg.off
	if _, err := seg.file.WriteAt(frame, off); err != nil {
		return frameRef{}, l.latch(fmt.Errorf("write %s: %w", seg.name, err))
	}
	if !l.opt.NoSync {
		if err := seg.file.Sync(); err != nil {
			return frameRef{}, l.latch(fmt.Errorf("sync %s: %w", seg.name, err))
		}
	}
	seg.off += size
	seg.maxIndex = max(seg.maxIndex, h.top())
	l.lastCRC = crc
	l.mu.Lock()
	l.known = h.commit
	l.mu.Unlock()
	return frameRef{seg: seg, off: off, size: size, first: h.first, n: h.n, base: h.first}, nil
}

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

// Close stops the preparing goroutine and closes the files. It syncs nothing:
// everything acknowledged is synced already.
func (l *Log) Close() error {
	l.writer.Lock()
	defer l.writer.Unlock()
	if l.closed.Swap(true) {
		return nil
	}
	l.takePrepared()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stableMu.Lock()
	defer l.stableMu.Unlock()
	var errs []error
	all := append(slices.Clone(l.segs), l.pool...)
	if l.spare != nil {
		all = append(all, l.spare)
	}
	for _, s := range all {
		errs = append(errs, s.file.Close())
	}
	errs = append(errs, l.meta.file.Close(), l.stable.file.Close())
	return errors.Join(errs...)
}
