package raftstore

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/vfs"
)

// Badger writes through mapped sparse files: on a full disk it dies of SIGBUS,
// at every start again, and no recover catches it. So the disk must never
// become full under it.

const (
	diskPoll = time.Second
	// ballastSize is written once and given back when the disk fills up, so
	// that what must still be written can be.
	ballastSize  = 16 << 20
	ballastChunk = 1 << 20
	// roomStep is how much is written between two looks at the space.
	roomStep = 1 << 20
	// closeLimit is for Badger to write 8 MiB, on a slow card, too.
	closeLimit = 30 * time.Second
	// segmentSize is the default of the log's.
	segmentSize = 8 << 20
	// stateRoom is what Badger takes before it holds anything: a log of its
	// memory and the table that memory becomes.
	stateRoom = 2 * memTableSize
)

// level is how much space there is.
type level int32

const (
	green level = iota
	// amber: less than the next snapshot, segment and rebuild may need. Work
	// goes on; a snapshot is taken early and what is disposable goes.
	amber
	// red: below MinFree. New work is refused, a leader hands over, the
	// ballast is given back. What the others record is still stored.
	red
	// black: below a quarter of MinFree. The store stops.
	black
)

func (l level) String() string { return [...]string{"green", "amber", "red", "black"}[l] }

// disk knows the free space.
type disk struct {
	fs      vfs.FS
	dir     string
	minFree uint64
	ballast ballast
	// reserve is what the next steps need above minFree.
	reserve func() uint64
	// tight is told when a writer finds less than minFree. It must not block.
	tight func()
	level atomic.Int32
	mu    sync.Mutex // one look at a time
}

func (d *disk) now() level    { return level(d.level.Load()) }
func (d *disk) low() bool     { return d.now() >= red }
func (d *disk) floor() uint64 { return d.minFree / 4 }

// judge says how much space free bytes are. What is missing of the ballast
// counts as used: it goes back first. To get better takes an eighth more than
// it took to get worse.
func judge(free, missing, minFree, reserve uint64, was level) level {
	back := free - min(free, missing)
	line := func(at uint64, l level) uint64 {
		if was >= l {
			at += at / 8
		}
		return at
	}
	switch {
	case free < minFree/4:
		return black
	case back < line(minFree, red):
		return red
	case back < line(minFree+reserve, amber):
		return amber
	}
	return green
}

// look reads the free space. refill: there is room for the ballast; until it is
// back a level of red stays.
func (d *disk) look() (l level, free uint64, refill bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.now()
	if free, err = d.fs.Free(d.dir); err != nil {
		return was, 0, false, err
	}
	l = judge(free, d.ballast.missing(), d.minFree, d.reserve(), was)
	if l >= red && d.ballast.there() {
		if err := d.ballast.release(); err != nil {
			return was, free, false, err
		}
		if free, err = d.fs.Free(d.dir); err != nil {
			return was, 0, false, err
		}
		if free >= d.floor() {
			l = red
		}
	}
	if l < red && d.ballast.missing() > 0 {
		refill = true
		if was >= red {
			l = red
		}
	}
	d.level.Store(int32(l))
	return l, free, refill, nil
}

// room makes sure that n more bytes fit without harm. must: they have to be
// written, so the ballast goes for them.
func (d *disk) room(n uint64, must bool) error {
	free, err := d.fs.Free(d.dir)
	if err != nil {
		return nil // the write itself will tell
	}
	if free < d.minFree+n {
		d.tight()
	}
	if need := d.floor() + n; free < need && must && d.ballast.there() {
		if err := d.ballast.release(); err != nil {
			return err
		}
		if free, err = d.fs.Free(d.dir); err != nil {
			return nil
		}
	}
	if need := d.floor() + n; free < need {
		return fmt.Errorf("%w in %s: %d bytes are free, %d are needed", ErrDiskFull, d.dir, free, need)
	}
	return nil
}

// ballast is a file that only takes up space. It is written and no hole.
type ballast struct {
	path string
	size int64 // wanted; 0 = none

	mu       sync.Mutex
	has      int64
	releases int
}

func (b *ballast) open() {
	if st, err := os.Stat(b.path); err == nil {
		b.has = min(st.Size(), b.size)
	}
}

func (b *ballast) there() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.has > 0
}

func (b *ballast) missing() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return uint64(b.size - b.has)
}

// release gives the space back at once, also while the file is being written.
func (b *ballast) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.releases++
	b.has = 0
	// Cut first: a file that is being written takes space after its removal.
	err := os.Truncate(b.path, 0)
	if err == nil {
		err = os.Remove(b.path)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("give back the ballast: %w", err)
	}
	return nil
}

var errReleased = errors.New("the ballast is needed")

// fill writes what is missing, in pieces, so that a commit never waits long
// behind it. ok is asked before each.
func (b *ballast) fill(ok func() bool) error {
	f, err := os.OpenFile(b.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	b.mu.Lock()
	releases := b.releases
	b.mu.Unlock()
	noise := rand.NewChaCha8([32]byte{}) // a file system may compress
	buf := make([]byte, ballastChunk)
	step := func() (done bool, err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch {
		case b.releases != releases:
			return true, errReleased
		case b.has >= b.size:
			return true, nil
		}
		part := buf[:min(ballastChunk, b.size-b.has)]
		_, _ = noise.Read(part) // never fails
		if _, err := f.WriteAt(part, b.has); err != nil {
			return true, err
		}
		b.has += int64(len(part))
		return false, nil
	}
	for done := false; !done && err == nil; {
		if !ok() {
			err = errReleased
			break
		}
		if done, err = step(); err == nil {
			err = f.Sync()
		}
	}
	return errors.Join(err, f.Close())
}

// newDisk looks at the folder; it writes nothing.
func (s *Store) newDisk() {
	s.disk.fs, s.disk.dir, s.disk.minFree = s.cfg.FS, s.cfg.Dir, s.cfg.MinFree
	s.disk.ballast.path, s.disk.ballast.size = s.files.path("BALLAST"), max(0, s.cfg.ballast)
	s.disk.reserve = s.reserve
	s.disk.tight = func() { kick(s.spaceNow) }
	s.disk.ballast.open()
}

// reserve is two segments, and twice what a snapshot and a state take.
func (s *Store) reserve() uint64 {
	n := 2 * uint64(cmp.Or(s.cfg.SegmentSize, segmentSize))
	if v := s.view.Load(); v != nil && v.acquire() {
		tables, _ := v.db.Size()
		v.use.RUnlock()
		n += 2 * (uint64(tables) + stateRoom)
	}
	return n + 2*s.snapSize.Load()
}

// openSpace looks at free space before Badger is opened. The ballast goes
// first; the state is disposable, so it goes last.
func (s *Store) openSpace() error {
	s.newDisk()
	for _, prefix := range []string{"", "BALLAST", "state.bad-", "snapshot.bad-", "state-"} {
		switch prefix {
		case "":
		case "BALLAST":
			if err := s.disk.ballast.release(); err != nil {
				return err
			}
		default:
			s.log.Warn("the disk is nearly full, making room", "code", CodeDiskFull, "removing", prefix+"*")
			if err := s.files.removeMatching(prefix, ""); err != nil {
				return err
			}
		}
		l, _, _, err := s.disk.look()
		if err != nil {
			return err
		}
		if l < black {
			return nil
		}
	}
	return fault(CodeDiskFull, fmt.Errorf("%w to open the state: %w", ErrDiskFull, s.disk.room(0, true)))
}

// watchSpace polls the free space.
func (s *Store) watchSpace() {
	defer s.wg.Done()
	tick := time.NewTicker(s.cfg.diskPoll)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-s.done:
			return
		case <-s.spaceNow:
		case <-tick.C:
		}
		s.lookAtSpace()
	}
}

func (s *Store) lookAtSpace() {
	was := s.disk.now()
	if ro, err := readOnly(s.cfg.Dir); err == nil && ro {
		s.fail(fault(CodeDiskReadOnly, fmt.Errorf("the file system of %s: %w", s.cfg.Dir, syscall.EROFS)))
		return
	}
	l, free, refill, err := s.disk.look()
	if err == nil && refill {
		l, free, err = s.refill()
	}
	switch {
	case err != nil:
		s.log.Warn("free space is not known", "dir", s.cfg.Dir, "error", err)
		return
	case l == black:
		s.fail(fault(CodeDiskFull, fmt.Errorf("%w: %d bytes are left in %s", ErrDiskFull, free, s.cfg.Dir)))
		return
	case l == was:
		return
	}
	switch args := []any{"dir", s.cfg.Dir, "free", free, "needed", s.disk.minFree}; l {
	case red:
		s.log.Error("free disk space is low, new work is refused", append(args, "code", CodeDiskLow)...)
	case amber:
		s.log.Warn("free disk space runs short", append(args, "code", CodeDiskShort, "wanted", s.disk.minFree+s.reserve())...)
	default:
		s.log.Info("free disk space is back", args...)
	}
	if l > was {
		s.makeRoom(l)
	}
	kick(s.speedNow)
}

// refill brings the ballast back, then looks again.
func (s *Store) refill() (l level, free uint64, err error) {
	err = s.disk.ballast.fill(func() bool {
		free, err := s.disk.fs.Free(s.disk.dir)
		return err == nil && free >= s.disk.minFree+ballastChunk && !s.ending()
	})
	if err != nil && !s.ending() {
		s.log.Warn("the ballast is not back yet", "dir", s.cfg.Dir, "error", err)
		if rerr := s.disk.ballast.release(); rerr != nil {
			return s.disk.now(), 0, rerr
		}
	}
	l, free, _, err = s.disk.look()
	return l, free, err
}

func (s *Store) ending() bool {
	select {
	case <-s.closing:
		return true
	case <-s.done:
		return true
	default:
		return false
	}
}

// makeRoom removes what nobody needs, and has a snapshot taken so that the log
// can be cut.
func (s *Store) makeRoom(l level) {
	kinds := []string{"state.bad-"}
	if l >= red {
		kinds = append(kinds, "snapshot.bad-")
	}
	for _, kind := range kinds {
		if err := s.files.removeMatching(kind, ""); err != nil {
			s.log.Warn("no room was made", "removing", kind+"*", "error", err)
		}
	}
	kick(s.snapNow)
}

// kick wakes who waits on ch; ch has room for one.
func kick(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// roomySnaps is the store of snapshots as raft sees it: one that would fill the
// disk is not begun, and given up when the space goes meanwhile.
type roomySnaps struct {
	*snapStore
	s *Store
}

var _ raft.SnapshotStore = roomySnaps{}

// Create implements raft.SnapshotStore.
func (r roomySnaps) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, cIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	if err := r.s.disk.room(r.s.snapSize.Load()+roomStep, false); err != nil {
		return nil, fmt.Errorf("begin a snapshot: %w", err)
	}
	sink, err := r.snapStore.Create(version, index, term, c, cIndex, t)
	if err != nil {
		return nil, err
	}
	return &roomySink{SnapshotSink: sink, s: r.s}, nil
}

type roomySink struct {
	raft.SnapshotSink
	s         *Store
	all, part uint64
}

// Write implements raft.SnapshotSink.
func (k *roomySink) Write(p []byte) (int, error) {
	k.part += uint64(len(p))
	if k.part >= roomStep {
		k.part = 0
		if err := k.s.disk.room(roomStep, false); err != nil {
			return 0, fmt.Errorf("write a snapshot: %w", err)
		}
	}
	n, err := k.SnapshotSink.Write(p)
	k.all += uint64(n)
	return n, err
}

// Close implements raft.SnapshotSink.
func (k *roomySink) Close() error {
	err := k.SnapshotSink.Close()
	if err == nil {
		k.s.snapSize.Store(k.all)
	}
	return err
}

// roomyReader is a snapshot a state is built from; what is read is written.
type roomyReader struct {
	io.Reader
	d    *disk
	part uint64
}

// Read implements io.Reader.
func (r *roomyReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.part += uint64(n); r.part >= roomStep && err == nil {
		r.part = 0
		err = r.d.room(memTableSize+roomStep, true)
	}
	return n, err
}

// roomForState makes room to build a state from a snapshot of size bytes. What
// is there of the state goes when nothing else helps: it is being replaced.
func (s *Store) roomForState(size uint64) error {
	err := s.disk.room(size+stateRoom, true)
	if err == nil {
		return nil
	}
	for _, prefix := range []string{"state.bad-", "state-"} {
		s.log.Warn("there is no room to build the state, making some", "code", CodeDiskFull, "removing", prefix+"*")
		if err := s.files.removeMatching(prefix, ""); err != nil {
			return err
		}
	}
	return s.disk.room(size+stateRoom, true)
}

// closeView closes the state, or abandons it on a bad disk: what Badger writes
// last goes through a mapped file, which ends the process on a full one, and is
// tried for ever on one that takes nothing. whole: everything applied is in the
// folder.
func (s *Store) closeView(v *view, wait time.Duration) (whole bool, err error) {
	err = s.disk.room(memTableSize, true)
	if ro, _ := readOnly(s.cfg.Dir); err == nil && (ro || errors.Is(s.Err(), syscall.EROFS)) {
		err = syscall.EROFS
	}
	if err == nil {
		most := wait + closeLimit
		if s.Err() != nil { // it was not clean anyway
			most = wait + s.cfg.stopLimit
		}
		done := make(chan error, 1)
		go func() { done <- v.close(wait) }()
		limit := time.NewTimer(most)
		defer limit.Stop()
		select {
		case err := <-done:
			return err == nil, err
		case <-limit.C:
			return false, fmt.Errorf("the state in %s is not closed after %v, the disk takes nothing", v.dir, most)
		}
	}
	s.log.Warn("the state is left as it is, it is built anew at the next start", "dir", v.dir, "error", err)
	return false, v.abandon(wait)
}

// diskFault gives err the code of a disk that is full or cannot be written,
// else the given one, if any.
func diskFault(code string, err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		code = CodeDiskReadOnly
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, ErrDiskFull):
		code = CodeDiskFull
	}
	if code == "" {
		return err
	}
	return fault(code, err)
}

// Disk is how the disk of the data folder is.
type Disk struct {
	// Level is green, amber (space runs short), red (new work is refused) or
	// black (the store stopped).
	Level string
	Free  uint64 // bytes
	// Needed is the free space in bytes below which new work is refused.
	Needed uint64
	// SyncP99: 99 of 100 writes of the log took no longer in the last minute;
	// 0 when there were too few to tell.
	SyncP99 time.Duration
	Slow    bool // SyncP99 is or was lately too long
	// Syncs counts the writes of the log since the start by how long they took:
	// up to each of SyncBounds, and longer than all. SyncSum is all their time.
	Syncs   []uint64
	SyncSum time.Duration
}

// Code is the fault of the disk, the worst one; "" when it is well.
func (d Disk) Code() string {
	switch {
	case d.Level == black.String():
		return CodeDiskFull
	case d.Level == red.String():
		return CodeDiskLow
	case d.Slow:
		return CodeDiskSlow
	case d.Level == amber.String():
		return CodeDiskShort
	}
	return ""
}

// Disk tells how the disk of the data folder is.
func (s *Store) Disk() (Disk, error) {
	free, err := s.disk.fs.Free(s.disk.dir)
	syncs, sum := s.logs.syncs.all()
	return Disk{
		Syncs: syncs, SyncSum: sum,
		Level: s.disk.now().String(), Free: free, Needed: s.disk.minFree,
		SyncP99: s.logs.syncs.p99(time.Now()), Slow: s.slow.Load(),
	}, err
}
