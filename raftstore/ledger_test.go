package raftstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// What the power-cut tests write and how they know that nothing is lost: each
// lane is one caller that proposes 1, 2, 3 … in order, the next only when the
// one before is answered. A command writes three keys, so half of one shows.

// ledgerMachine: the body of a command is "LANE N".
type ledgerMachine struct{}

// tally is what the state holds of a lane. After command n of it: last = n,
// count = n, sum = 1 + … + n.
type tally struct{ last, count, sum uint64 }

func (t tally) whole() bool { return t.count == t.last && t.sum == t.last*(t.last+1)/2 }

func (t *tally) fields() map[string]*uint64 {
	return map[string]*uint64{"/last": &t.last, "/count": &t.count, "/sum": &t.sum}
}

func readTally(r Reader, lane string) (t tally, err error) {
	for name, f := range t.fields() {
		b, err := r.Get([]byte(lane + name))
		if err != nil {
			return t, err
		}
		if len(b) == 8 {
			*f = binary.BigEndian.Uint64(b)
		}
	}
	return t, nil
}

func (ledgerMachine) Apply(tx Tx, _ Meta, body []byte) (Outcome, error) {
	lane, num, _ := strings.Cut(string(body), " ")
	var n uint64
	if _, err := fmt.Sscan(num, &n); err != nil {
		return Outcome{}, err
	}
	t, err := readTally(tx, lane)
	if err != nil {
		return Outcome{}, err
	}
	t.last, t.count, t.sum = n, t.count+1, t.sum+n
	for name, f := range t.fields() {
		err = errors.Join(err, tx.Set([]byte(lane+name), binary.BigEndian.AppendUint64(nil, *f)))
	}
	return Outcome{Result: fmt.Append(nil, t.sum)}, err
}

func ledgerCommand(lane string, n uint64) Command { return byDevice(lane, n, fmt.Sprint(lane, " ", n)) }

// laneState is what a store says of a lane: its state, and what it remembers
// of the caller.
func laneState(s *Store, lane string) (t tally, seq uint64, err error) {
	err = s.View(func(r Reader, _ uint64) error {
		t, err = readTally(r, lane)
		return err
	})
	if err == nil {
		seq, err = s.LastSeq(lane)
	}
	return t, seq, err
}

// walk is a lane at work: first its last command once more, which must get the
// first answer and change nothing, then new ones until told or there is no
// answer. told hears each acknowledgement.
func walk(ctx context.Context, s *Store, lane string, told func(n uint64) (more bool)) error {
	_, n, err := laneState(s, lane)
	if err != nil {
		return err
	}
	if n > 0 {
		res, err := s.Propose(ctx, ledgerCommand(lane, n))
		if err != nil {
			return err
		}
		if !res.Duplicate || string(res.Body) != fmt.Sprint(n*(n+1)/2) {
			return fmt.Errorf("%w: %s: the repeat of %d was answered %q, duplicate %v", errLedger, lane, n, res.Body, res.Duplicate)
		}
		if !told(n) { // it may have been on its way when the power went
			return nil
		}
	}
	for {
		n++
		res, err := s.Propose(ctx, ledgerCommand(lane, n))
		if err != nil {
			return err
		}
		if want := fmt.Sprint(n * (n + 1) / 2); string(res.Body) != want {
			return fmt.Errorf("%w: %s: command %d was answered %s, want %s", errLedger, lane, n, res.Body, want)
		}
		if !told(n) {
			return nil
		}
	}
}

// errLedger: something is lost, half, twice or invented.
var errLedger = errors.New("the ledger is wrong")

// ledgerBook is kept outside of the power: what was acknowledged.
type ledgerBook struct {
	mu    sync.Mutex
	acked map[string]uint64
	count int
}

func newLedgerBook() *ledgerBook { return &ledgerBook{acked: map[string]uint64{}} }

func (b *ledgerBook) ack(lane string, n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acked[lane] = max(b.acked[lane], n)
	b.count++
}

func (b *ledgerBook) acks() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// compare holds what a store says of a lane against what was acknowledged. One
// more may be there: it was on its way when the power went.
func (b *ledgerBook) compare(lane string, t tally, seq uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch acked := b.acked[lane]; {
	case t.last < acked:
		return fmt.Errorf("%w: %s was acknowledged up to %d, the store has %d", errLedger, lane, acked, t.last)
	case t.last > acked+1:
		return fmt.Errorf("%w: %s was acknowledged up to %d, the store has %d, which nobody asked for", errLedger, lane, acked, t.last)
	case !t.whole() || seq != t.last:
		return fmt.Errorf("%w: %s is half: %+v, sequence %d", errLedger, lane, t, seq)
	}
	return nil
}

func (b *ledgerBook) check(s *Store) error {
	b.mu.Lock()
	lanes := make([]string, 0, len(b.acked))
	for lane := range b.acked {
		lanes = append(lanes, lane)
	}
	b.mu.Unlock()
	for _, lane := range lanes {
		t, seq, err := laneState(s, lane)
		if err == nil {
			err = b.compare(lane, t, seq)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
