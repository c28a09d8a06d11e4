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
	// Begun says that there was a log in the folder before: when it is gone,
	// acknowledged data is missing, and none is begun anew.
	Begun bool
	// Room is asked before a new segment of n bytes is made; nil = there always
	// is. While it refuses, the log goes on in the segments it has. When none
	// is left the log latches with its error.
	Room func(n int64) error
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
	noRoom  error // why there is no spare
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
