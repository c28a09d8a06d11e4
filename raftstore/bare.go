package raftstore

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/hashicorp/raft"
)

// Bare is an applied state without a log in front of it: what Apply does to
// Badger can be measured alone. Nothing of it is durable.
type Bare struct {
	a     *applier
	index uint64
}

// OpenBare makes an empty state in dir, at the feature level of m.
func OpenBare(dir string, m Machine, log *slog.Logger) (*Bare, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("a bare state: %w", err)
	}
	v, err := openView(dir, log)
	if err != nil {
		return nil, err
	}
	b := &Bare{a: &applier{machine: m, log: log, idWindow: IDWindow}}
	if vm, ok := m.(Versioned); ok {
		b.a.speaks = vm.Level()
	}
	if err = b.a.load(v); err == nil && b.a.speaks > 0 {
		_, err = b.entry(encodeFeature(b.a.speaks))
	}
	if err != nil {
		return nil, errors.Join(err, v.close(0))
	}
	return b, nil
}

// Apply runs the commands as one log entry, of at most 128, and commits it.
func (b *Bare) Apply(at time.Time, commands []*Command) ([]Result, error) {
	if len(commands) == 0 || len(commands) > maxBatchCommands {
		return nil, fmt.Errorf("an entry has 1 to %d commands, not %d", maxBatchCommands, len(commands))
	}
	replies, err := b.entry(encodeBatch(at.UnixMilli(), commands))
	if err != nil {
		return nil, err
	}
	out := make([]Result, len(replies))
	for i, r := range replies {
		if r.err != nil {
			return nil, r.err
		}
		out[i] = r.res
	}
	return out, nil
}

func (b *Bare) entry(data []byte) ([]reply, error) {
	b.index++
	replies, err := b.a.apply([]*raft.Log{{Index: b.index, Type: raft.LogCommand, Data: data}})
	if err != nil {
		return nil, err
	}
	return replies[0], nil
}

// Written is how many bytes of keys and values went to Badger so far.
func (b *Bare) Written() int64 { return b.a.written }

// Close closes the state.
func (b *Bare) Close() error { return b.a.view.close(0) }
