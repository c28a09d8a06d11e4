//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"path/filepath"
	"time"

	"tote/agent/replica"
	"tote/cloudsync/ledger"
	"tote/raftstore"
)

// openStore opens the replicated store of this gateway.
func (a *Agent) openStore() (store, error) {
	return replica.Open(raftstore.Config{
		Dir:              filepath.Join(a.cfg.DataDir, "store"),
		NodeID:           a.cfg.Gateway,
		Logger:           a.log,
		Now:              time.Now,
		HeartbeatTimeout: time.Duration(a.cfg.Raft.HeartbeatMs) * time.Millisecond,
		ElectionTimeout:  time.Duration(a.cfg.Raft.ElectionMs) * time.Millisecond,
		// Acknowledged events leave the outbox: that must go on when the
		// disk is nearly full.
		FreesSpace: ledger.FreesSpace,
		OnApply:    func(_ uint64, touched []string) { a.projector.Touch(touched) },
	})
}
