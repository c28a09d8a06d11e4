package raftstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// How states are compared. Every checkEvery entries the leader puts a mark into
// the log. Each gateway notes its chain there and reads its whole state as of
// the mark, beside its work. When a majority of the voters came to the same,
// the leader puts that into the log as sums, and who differs stops. The leader's
// own word alone would not do: it may be the one that is wrong.
const (
	checkEvery  = 8192
	checkPause  = time.Minute
	verifyEvery = 10 * time.Minute
)

// The chain is FNV-1a over every change: it finds a gateway that once did
// something else, at no cost. That nothing rots it cannot tell; the digest of
// the whole state can.
const (
	chainStart = 14695981039346656037
	chainPrime = 1099511628211
)

func chainBytes(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = (h ^ uint64(c)) * chainPrime
	}
	return h
}

func chainString(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * chainPrime
	}
	return h
}

func chainLen(h uint64, n int) uint64 {
	for ; n >= 0x80; n >>= 7 {
		h = (h ^ uint64(n&0x7f|0x80)) * chainPrime
	}
	return (h ^ uint64(n)) * chainPrime
}

// link adds the writes since the last keep to the chain, in the order they
// were made.
func (o *overlay) link(h uint64) uint64 {
	for _, u := range o.undo {
		h = chainString(chainLen(h, len(u.row.key)), u.row.key)
		n := 0 // deleted
		if !u.row.del {
			n = 1 + len(u.row.val)
		}
		h = chainBytes(chainLen(h, n), u.row.val)
	}
	return h
}

// digestTxn is the SHA-256 of everything txn sees but the position in the log.
func digestTxn(ctx context.Context, txn *badger.Txn) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	w, err := newSnapWriter(h)
	if err != nil {
		return sum, err
	}
	it := txn.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		item := it.Item()
		if item.Key()[0] == spaceMeta {
			continue
		}
		if err := item.Value(func(val []byte) error { return w.put(item.Key(), val) }); err != nil {
			return sum, err
		}
	}
	if err := w.finish(); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// digests is this gateway's side of the comparison under way.
type digests struct {
	mu    sync.Mutex
	mark  uint64
	chain uint64
	sum   []byte // nil while it is being computed
	want  []byte // of the majority, when it came first

	// The leader's.
	marked time.Time // when it last put a mark
	asked  uint64    // newest mark it put the sums of, or gave up
}

// told is what the status of this gateway says; sum is nil while it is not
// known.
func (d *digests) told() (mark, chain uint64, sum []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sum == nil {
		return 0, 0, nil
	}
	return d.mark, d.chain, d.sum
}

// markReached runs on the apply goroutine, with the state of the entry before
// the mark committed. It only opens a read transaction.
func (s *Store) markReached(mark, chain uint64, v *view) {
	d := &s.digests
	d.mu.Lock()
	d.mark, d.chain, d.sum, d.want = mark, chain, nil, nil
	d.mu.Unlock()
	if !v.acquire() {
		return
	}
	txn := v.db.NewTransaction(false)
	read := func() {
		defer v.use.RUnlock()
		defer txn.Discard()
		sum, err := digestSafely(s.ctx, txn)
		switch {
		case s.ctx.Err() != nil:
		case err != nil:
			s.fail(fault(CodeStateRotten, fmt.Errorf("read the whole state: %w", err)))
		default:
			s.sumReady(mark, sum[:])
		}
	}
	if !s.background(read) {
		txn.Discard()
		v.use.RUnlock()
	}
}

// digestSafely: Badger trips over what it reads from a damaged block.
func digestSafely(ctx context.Context, txn *badger.Txn) (sum [sha256.Size]byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the state cannot be read: %v", p)
		}
	}()
	return digestTxn(ctx, txn)
}

func (s *Store) sumReady(mark uint64, sum []byte) {
	d := &s.digests
	d.mu.Lock()
	if d.mark != mark { // a later one is under way
		d.mu.Unlock()
		return
	}
	d.sum = sum
	want := d.want
	d.mu.Unlock()
	if want != nil {
		s.settle(mark, sum, want)
	}
}

// sumsCame hears what the majority has; its chain was compared already.
func (s *Store) sumsCame(mark uint64, want []byte) {
	d := &s.digests
	d.mu.Lock()
	if d.mark != mark { // started since the mark
		d.mu.Unlock()
		return
	}
	d.want = want
	sum := d.sum
	d.mu.Unlock()
	if sum != nil {
		s.settle(mark, sum, want)
	}
}

func (s *Store) settle(mark uint64, sum, want []byte) {
	if !bytes.Equal(sum, want) {
		s.noteDiverged(mark)
		s.fail(fault(CodeDiverged, fmt.Errorf("at log entry %d the state is %x, that of the majority %x", mark, sum[:8], want[:8])))
		return
	}
	if err := s.files.remove(fileDiverged); err != nil {
		s.log.Warn("the note of an earlier difference was not removed", "error", err)
	}
}

// compareStates is the leader's part: it puts marks and sums.
func (s *Store) compareStates() {
	f := s.feature.Load()
	if f.level == 0 || len(s.servers()) < 2 || s.disk.low() {
		return
	}
	d := &s.digests
	d.mu.Lock()
	due := s.progress.get().index >= f.mark+s.cfg.checkEvery && time.Since(d.marked) >= s.cfg.checkPause
	open := d.sum != nil && d.mark == f.mark && d.asked < d.mark
	own := sums{mark: d.mark, chain: d.chain}
	if open {
		own.sum = [sha256.Size]byte(d.sum)
	}
	if due {
		d.marked = time.Now()
	}
	d.mu.Unlock()
	if open {
		s.callSums(own)
	}
	if due {
		if err := s.put(encodeMark()); err != nil {
			s.log.Info("the states were not compared", "error", err)
		}
	}
}

// sums is what a gateway came to at a mark.
type sums struct {
	mark, chain uint64
	sum         [sha256.Size]byte
}

// callSums puts what a majority has into the log, once it is there.
func (s *Store) callSums(own sums) {
	votes, voters, answers := map[sums]int{}, 0, 0
	s.seenMu.Lock()
	for _, srv := range s.servers() {
		if !isVoter(srv) {
			continue
		}
		voters++
		theirs := own
		if string(srv.ID) != s.cfg.NodeID {
			st := s.seen[string(srv.ID)].status
			if st.Mark != own.mark || len(st.Sum) != sha256.Size {
				continue
			}
			theirs = sums{st.Mark, st.Chain, [sha256.Size]byte(st.Sum)}
		}
		answers++
		votes[theirs]++
	}
	s.seenMu.Unlock()
	for of, n := range votes {
		if n <= voters/2 {
			continue
		}
		if err := s.put(encodeSums(of)); err != nil {
			s.log.Info("the states were not compared", "error", err)
			return
		}
		s.digests.settled(own.mark)
		return
	}
	if answers == voters {
		s.digests.settled(own.mark)
		s.log.Error("the states differ and no majority agrees", "code", CodeUndecided, "entry", own.mark)
	}
}

func (d *digests) settled(mark uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = max(d.asked, mark)
}

// fileDiverged counts how often the state differed from the majority's since
// it last was the same.
const fileDiverged = "DIVERGED"

func (s *Store) readDiverged() (times int, err error) {
	b, err := os.ReadFile(s.files.path(fileDiverged))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return max(n, 1), nil
}

// noteDiverged remembers it for the next start.
func (s *Store) noteDiverged(mark uint64) {
	times, err := s.readDiverged()
	if err == nil {
		err = s.files.write(fileDiverged, fmt.Appendln(nil, times+1))
	}
	if err != nil {
		s.log.Warn("that the state differs was not noted", "entry", mark, "error", err)
	}
}

// checkDiverged: the first time the state is built anew, which any unclean stop
// does. A second time it would not help: what it is built from is wrong.
func (s *Store) checkDiverged() error {
	times, err := s.readDiverged()
	if err == nil && times > 1 {
		err = fault(CodeDiverged, errors.New("the state was built anew and differed again"))
	}
	return err
}

// verifyState reads the checksums of all tables of the state. Badger could do
// it at each read, but then its iterators leave out what is damaged and say
// nothing; here the store stops.
func (s *Store) verifyState() {
	v := s.view.Load()
	if v == nil || !v.acquire() {
		return
	}
	defer v.use.RUnlock()
	if err := verifyTables(v.db); err != nil {
		s.fail(fault(CodeStateRotten, fmt.Errorf("%s: %w", v.dir, err)))
	}
}

func verifyTables(db *badger.DB) (err error) {
	defer func() { // see digestSafely
		if p := recover(); p != nil {
			err = fmt.Errorf("a table cannot be read: %v", p)
		}
	}()
	return db.VerifyChecksum()
}
