package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/dgraph-io/badger/v4"
	"github.com/hashicorp/raft"
)

// meta is the row that makes a transaction a whole: what of the log the state
// holds, written in the same transaction as the state.
type meta struct {
	index  uint64 // last log entry applied whole
	number uint64 // commands applied so far
	clock  int64  // cluster time, ms
	// A heavy entry may be applied in parts: done commands of entry index+x.
	partIndex uint64
	partDone  uint32
	// random ids remembered: queue rows head ≤ n < tail
	queueHead, queueTail uint64
}

const metaRowVer = 1

var metaKey = []byte{spaceMeta}

func (m meta) encode() []byte {
	le := binary.LittleEndian
	b := []byte{metaRowVer}
	for _, v := range []uint64{m.index, m.number, uint64(m.clock), m.partIndex, uint64(m.partDone), m.queueHead, m.queueTail} {
		b = le.AppendUint64(b, v)
	}
	return b
}

func decodeMetaRow(b []byte) (meta, error) {
	if b == nil {
		return meta{}, nil
	}
	if len(b) != 1+7*8 || b[0] != metaRowVer {
		return meta{}, fmt.Errorf("meta row of %d bytes does not decode", len(b))
	}
	le := binary.LittleEndian
	u := func(i int) uint64 { return le.Uint64(b[1+8*i:]) }
	return meta{
		index: u(0), number: u(1), clock: int64(u(2)), partIndex: u(3), partDone: uint32(u(4)),
		queueHead: u(5), queueTail: u(6),
	}, nil
}

// applier runs log entries on the state. It is stateless but for a copy of the
// meta row, so the same code replays at start. It belongs to the apply
// goroutine.
type applier struct {
	view     *view
	machine  Machine
	log      *slog.Logger
	onApply  func(index uint64, touched []string) // nil while replaying
	idWindow uint64
	speaks   uint16 // highest feature level
	// The rest may be nil. onStamp hears of each stamp, onMark and onSums hear of
	// the comparison of states, onDiverged of a chain that is not the majority's.
	onStamp    func(ts int64)
	onMark     func(mark, chain uint64, v *view)
	onSums     func(mark uint64, sum []byte)
	onDiverged func(mark uint64)
	history    *history // what Watch tells; may be nil

	m       meta
	f       feature
	devices map[string]deviceState // of those that sent something lately, as in the state
	o       *overlay               // of the open transaction
	touched []string
	noted   []written // of the open transaction
	recent  *recent   // of view
	written int64     // bytes of keys and values committed
}

// load takes over a view.
func (a *applier) load(v *view) error {
	txn := v.db.NewTransaction(false)
	defer txn.Discard()
	b, err := badgerGet(txn, metaKey)
	if err != nil {
		return err
	}
	m, err := decodeMetaRow(b)
	if err != nil {
		return err
	}
	if b, err = badgerGet(txn, featureKey); err != nil {
		return err
	}
	f, err := decodeFeature(b)
	if err != nil {
		return err
	}
	if f.level > a.speaks {
		return newerLevel(f.level, a.speaks)
	}
	a.view, a.m, a.f = v, m, f
	a.devices = map[string]deviceState{}
	a.recent = &recent{limit: recentSize}
	return nil
}

// apply runs entries in order and returns the replies of each. Everything is
// committed when it returns. An error means that nothing more may be applied.
func (a *applier) apply(logs []*raft.Log) ([][]reply, error) {
	out := make([][]reply, len(logs))
	if err := a.begin(); err != nil {
		return nil, err
	}
	defer a.end()
	before := a.m
	for i, l := range logs {
		if l.Index <= a.m.index {
			continue // the state holds it already
		}
		replies, err := a.entry(l)
		if err != nil {
			return nil, err
		}
		out[i] = replies
		a.m.index, a.m.partIndex, a.m.partDone = l.Index, 0, 0
		if a.o.half() {
			if err := a.flush(); err != nil {
				return nil, err
			}
			before = a.m
		}
	}
	if a.m == before {
		return out, nil
	}
	return out, a.commit()
}

func (a *applier) begin() error {
	a.o = newOverlay(a.view.db.NewTransaction(false))
	a.o.recent = a.recent
	return nil
}

func (a *applier) end() {
	if a.o != nil {
		a.o.base.Discard()
		a.o = nil
	}
}

// commit writes the open transaction and tells what it touched.
func (a *applier) commit() error {
	a.o.put(string(metaKey), a.m.encode(), false)
	if a.f.level > 0 {
		a.o.put(string(featureKey), a.f.encode(), false)
	}
	if err := a.o.commit(a.view.db); err != nil {
		return fault(CodeStateFailed, fmt.Errorf("commit the state at entry %d: %w", a.m.index, err))
	}
	a.written += int64(a.o.bytes)
	a.tell()
	if a.onApply != nil && len(a.touched) > 0 {
		a.onApply(a.m.number, a.touched)
	}
	a.touched = nil
	return nil
}

// flush commits early and goes on in a new transaction.
func (a *applier) flush() error {
	if err := a.commit(); err != nil {
		return err
	}
	a.end()
	return a.begin()
}

// entry applies one log entry.
func (a *applier) entry(l *raft.Log) ([]reply, error) {
	if l.Type != raft.LogCommand {
		return nil, nil
	}
	e, err := decodeEntry(l.Data)
	if err != nil {
		return nil, fault(CodeUnknownEntry, fmt.Errorf("entry %d: %w", l.Index, err))
	}
	switch e.kind {
	case entryBatch:
	case entryFeature:
		return nil, a.raise(l.Index, e.level)
	case entryMark:
		return nil, a.mark(l.Index)
	case entrySums:
		return nil, a.compare(e.sums)
	default:
		return nil, nil
	}
	a.m.clock = max(a.m.clock, e.ts)
	if a.onStamp != nil {
		a.onStamp(a.m.clock)
	}
	done := 0
	if a.m.partIndex == l.Index {
		done = int(a.m.partDone)
	}
	replies := make([]reply, len(e.commands))
	for i := done; i < len(e.commands); i++ {
		if replies[i], err = a.command(&e.commands[i]); err != nil {
			return nil, err
		}
		if i+1 < len(e.commands) && a.o.half() {
			a.m.partIndex, a.m.partDone = l.Index, uint32(i+1)
			if err := a.flush(); err != nil {
				return nil, err
			}
		}
	}
	return replies, nil
}

// raise takes the feature level up. The chain begins with level 1, at the same
// entry everywhere.
func (a *applier) raise(index uint64, level uint16) error {
	if level > a.speaks {
		return newerLevel(level, a.speaks)
	}
	if level <= a.f.level {
		return nil
	}
	if a.f.level == 0 {
		a.f.chain, a.f.mark = chainStart, index
	}
	a.log.Info("the cluster runs at a new feature level", "level", level)
	a.f.level = level
	return nil
}

// mark notes the chain, and lets the state as of here be read.
func (a *applier) mark(index uint64) error {
	if a.f.level == 0 {
		return nil
	}
	a.f.mark, a.f.markChain = index, a.f.chain
	if a.onMark == nil {
		return nil
	}
	if err := a.flush(); err != nil {
		return err
	}
	a.onMark(index, a.f.chain, a.view)
	return nil
}

// compare stops a gateway whose changes were not those of the majority.
func (a *applier) compare(s sums) error {
	if a.f.level == 0 || s.mark != a.f.mark {
		return nil
	}
	if s.chain != a.f.markChain {
		if a.onDiverged != nil {
			a.onDiverged(s.mark)
		}
		return fault(CodeDiverged, fmt.Errorf("at log entry %d the chain of changes is %016x, that of the majority %016x", s.mark, a.f.markChain, s.chain))
	}
	if a.onSums != nil {
		a.onSums(s.mark, s.sum[:])
	}
	return nil
}

// keep makes what a command wrote final, and part of the chain.
func (a *applier) keep() {
	if a.f.level > 0 {
		a.f.chain = a.o.link(a.f.chain)
	}
	a.o.keep()
}

// command applies one command, or finds the answer of its first time.
func (a *applier) command(c *Command) (reply, error) {
	old, dev, err := a.known(c)
	if err != nil {
		return reply{}, a.broken(c, err)
	}
	if old != nil {
		return *old, nil
	}
	a.m.number++
	a.o.keep()
	ans := answer{number: a.m.number}
	tx := &commandTx{o: a.o}
	out, err := a.run(tx, c)
	tx.done = true
	tooBig := tx.over || len(out.Result) > MaxValue
	switch {
	case tx.broken != nil:
		return reply{}, a.broken(c, tx.broken)
	case tooBig:
		ans.rejected, ans.tooBig = true, true
	case err != nil:
		return reply{}, a.broken(c, err)
	default:
		ans.rejected, ans.body = out.Reject, out.Result
	}
	if ans.rejected {
		a.o.rollback()
	} else {
		a.note()
		a.keep()
		a.touched = append(a.touched, out.Touched...)
	}
	if err := a.remember(c, dev, ans); err != nil {
		return reply{}, a.broken(c, err)
	}
	a.keep()
	return ans.reply(false), nil
}

// run calls the machine; a panic in it must not become a panic at every start.
func (a *applier) run(tx Tx, c *Command) (out Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			a.log.Error("the machine panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return a.machine.Apply(tx, Meta{
		Index: a.m.number, Now: a.m.clock, ID: c.ID, Device: c.Device, Seq: c.Seq,
		Actor: c.Actor, Kind: c.Kind, Version: c.Version,
		Level: a.f.level,
	}, c.Body)
}

func (a *applier) broken(c *Command, err error) error {
	code := CodeMachine
	switch {
	case errors.Is(err, badger.ErrDBClosed):
		code = CodeStateFailed
	case errors.Is(err, ErrUnsupported):
		code = CodeUnknownEntry
	}
	return fault(code, fmt.Errorf("command %d of kind %#04x: %w", a.m.number, c.Kind, err))
}
