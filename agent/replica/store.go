//go:build !386 && !arm && !mips && !mipsle

package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"tote/raftstore"
	"tote/warehouse"
)

// Store is the replicated state as the agent's parts see it.
type Store struct {
	raft *raftstore.Store
	log  *slog.Logger
}

// Open opens the store in cfg.Dir with the domain as its machine. The error
// names the file and the action (raftstore faults).
func Open(cfg raftstore.Config) (*Store, error) {
	s, err := raftstore.Open(cfg, Machine{})
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	return &Store{raft: s, log: cfg.Logger}, nil
}

// Do proposes c and waits until its outcome is known. A lost leader or an
// unknown outcome is asked again with the same id until ctx ends, so the answer
// is always the answer of the one time it was applied. The error is
// non-nil only when nothing definite could be learned (ctx, store stopped) or
// the command could not be put into the log at all.
func (s *Store) Do(ctx context.Context, by By, c warehouse.Command) (warehouse.Result, error) {
	cluster, _ := s.raft.Level()
	kind, version, body, err := encodeAt(cluster, c)
	if err != nil {
		return warehouse.Result{}, fmt.Errorf("replica: encode %T: %w", c, err)
	}
	return s.DoRaw(ctx, by, kind, version, body)
}

// encodeAt encodes c for a cluster of that level: while a gateway of an older
// version is there, a command that has an older form is brought in as that.
func encodeAt(cluster uint16, c warehouse.Command) (kind, version uint16, body []byte, err error) {
	kind, version, body, err = warehouse.Encode(c)
	if err == nil && cluster < sinceLevel(kind, version) {
		if older, ok := warehouse.Older(c); ok {
			return warehouse.Encode(older)
		}
	}
	return kind, version, body, err
}

// DoRaw is Do for an encoded command of any applier.
func (s *Store) DoRaw(ctx context.Context, by By, kind, version uint16, body []byte) (warehouse.Result, error) {
	cmd := raftstore.Command{
		ID: by.ID, Device: by.Device, Seq: by.Seq, Actor: by.Actor,
		Kind: kind, Version: version, Body: body,
	}
	wait := 5 * time.Millisecond
	known := true // that it was never sent
	for {
		res, err := s.raft.Propose(ctx, cmd)
		if err == nil {
			return decode(cmd, res)
		}
		if code := refusal(err); code != "" {
			return warehouse.Result{Code: code, Text: refusalText[code]}, nil
		}
		if !again(err) {
			return warehouse.Result{}, named(err)
		}
		known = known && !errors.Is(err, raftstore.ErrUnknownOutcome)
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			if known {
				return warehouse.Result{}, fmt.Errorf("replica: not done: %w: %w", err, ctx.Err())
			}
			return warehouse.Result{}, fmt.Errorf("replica: outcome not known: %w: %w", err, ctx.Err())
		case <-s.raft.Done():
			t.Stop()
			return warehouse.Result{}, fmt.Errorf("replica: store stopped: %w", s.raft.Err())
		case <-t.C:
		}
		wait = min(2*wait, 250*time.Millisecond)
	}
}

// named is err with its code in the text, so that who is told finds what to do.
func named(err error) error {
	if code := raftstore.FaultCode(err); code != "" && !strings.Contains(err.Error(), code) {
		return fmt.Errorf("%s: %w", code, err)
	}
	return err
}

// again tells whether to ask once more: the lead may come back within ctx.
func again(err error) bool {
	return errors.Is(err, raftstore.ErrUnknownOutcome) || errors.Is(err, raftstore.ErrNotLeader) ||
		errors.Is(err, raftstore.ErrNoQuorum)
}

// decode reads a stored answer. The answer kept for a device's sequence is only
// given for the command it was made for: a handheld that was reset and counts
// from 1 again would otherwise be told that its new scans were done.
func decode(cmd raftstore.Command, res raftstore.Result) (warehouse.Result, error) {
	if len(res.Body) < markSize {
		return warehouse.Result{}, fmt.Errorf("replica: stored answer of %d bytes", len(res.Body))
	}
	if !bytes.Equal(res.Body[:markSize], mark(cmd.Kind, cmd.Version, cmd.Body)) {
		return warehouse.Result{Code: CodeSeqReused, Text: fmt.Sprintf("sequence %d was another command of %s", cmd.Seq, cmd.Device)}, nil
	}
	return warehouse.DecodeResult(res.Body[markSize:])
}

// refusalText says it in words for the person at the device.
var refusalText = map[string]string{
	CodeSeqTooOld:             "this device was reset: it goes on from state/seq, nothing was done",
	warehouse.CodeMalformed:   "the command is too big or a field of it is out of range, nothing was done",
	warehouse.CodeUnknownKind: "not all gateways know this command yet: finish the upgrade, nothing was done",
}

// refusal is the code of an error that is the maker's fault and would come
// again at every retry; "" for all others. Such a command never enters the log.
func refusal(err error) string {
	switch {
	case errors.Is(err, raftstore.ErrSeqTooOld):
		return CodeSeqTooOld
	case errors.Is(err, raftstore.ErrTooBig), errors.Is(err, raftstore.ErrBadCommand):
		return warehouse.CodeMalformed
	case errors.Is(err, raftstore.ErrUnsupported):
		return warehouse.CodeUnknownKind
	}
	return ""
}

// View runs fn on a consistent snapshot of the local state.
func (s *Store) View(fn func(r warehouse.Reader) error) error {
	return s.raft.View(func(r raftstore.Reader, _ uint64) error { return fn(r) })
}

// Now is the time of the cluster: what everything in the state is measured by.
// The clock of a gateway may be wrong, this one goes on at every gateway alike.
func (s *Store) Now() time.Time { return s.raft.ClusterTime() }

// WaitRebuilt waits until the state is whole that is built anew after an unclean
// stop (Config.Early). Until then View is refused and Do waits.
func (s *Store) WaitRebuilt(ctx context.Context) error { return s.raft.WaitRebuilt(ctx) }

// Rebuilding is how far it is, false when it is whole.
func (s *Store) Rebuilding() (raftstore.Rebuild, bool) { return s.raft.Rebuilding() }

// Disk is how the disk of the store is.
func (s *Store) Disk() (raftstore.Disk, error) { return s.raft.Disk() }

// Level is the feature level the cluster runs at, and the one this version
// speaks.
func (s *Store) Level() (cluster, own uint16) { return s.raft.Level() }

// IsLeader says whether this gateway may decide, send upstream and dispatch.
func (s *Store) IsLeader() bool { return s.raft.IsLeader() }

// Leadership is IsLeader with a channel that is closed at the next change.
func (s *Store) Leadership() (leads bool, changed <-chan struct{}) { return s.raft.Leadership() }

// WaitLeader blocks until this gateway leads or ctx ends.
func (s *Store) WaitLeader(ctx context.Context) error { return s.raft.WaitLeader(ctx) }

// LastSeq is the newest sequence the site has of a device; 0 = none.
func (s *Store) LastSeq(device string) (uint64, error) { return s.raft.LastSeq(device) }

// Applied is the index of the newest applied entry.
func (s *Store) Applied() uint64 { return s.raft.Applied() }

// Term is the Raft term; a later leader has a higher one.
func (s *Store) Term() uint64 { return s.raft.Term() }

// Epoch is 1, and one more each time the site was formed anew from one disk or
// from a backup.
func (s *Store) Epoch() (uint32, error) { return s.raft.Epoch() }

// Formations lists when that was.
func (s *Store) Formations() ([]raftstore.Formation, error) { return s.raft.Formations() }

// Backup writes a copy of the state, while work goes on.
func (s *Store) Backup(w io.Writer, site string) error {
	_, err := s.raft.Backup(w, site)
	return err
}

// Alive is nil when all loops of the store move; see raftstore.
func (s *Store) Alive(ctx context.Context) error { return s.raft.Alive(ctx) }

// Done is closed when the store stopped by itself; Err says why.
func (s *Store) Done() <-chan struct{} { return s.raft.Done() }

// Err is the fault that stopped the store, or nil.
func (s *Store) Err() error { return s.raft.Err() }

// Close stops the store cleanly.
func (s *Store) Close() error { return s.raft.Close() }
