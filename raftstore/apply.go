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

	m       meta
	o       *overlay // of the open transaction
	touched []string
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
	a.view, a.m = v, m
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
	if err := a.o.commit(a.view.db); err != nil {
		return fault(CodeStateFailed, fmt.Errorf("commit the state at entry %d: %w", a.m.index, err))
	}
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
	if e.kind != entryBatch {
		return nil, nil
	}
	a.m.clock = max(a.m.clock, e.ts)
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
		a.o.keep()
		a.touched = append(a.touched, out.Touched...)
	}
	if err := a.remember(c, dev, ans); err != nil {
		return reply{}, a.broken(c, err)
	}
	a.o.keep()
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
	}, c.Body)
}

func (a *applier) broken(c *Command, err error) error {
	code := CodeMachine
	if errors.Is(err, badger.ErrDBClosed) {
		code = CodeStateFailed
	}
	return fault(code, fmt.Errorf("command %d of kind %#04x: %w", a.m.number, c.Kind, err))
}
