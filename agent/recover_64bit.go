//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/replica"
	"tote/agent/satellite"
	"tote/raftstore"
	"tote/raftstore/peer"
)

// offline is how the store is opened while the gateway does not run.
func offline(cfg *config.Config, log *slog.Logger) raftstore.Config {
	return raftstore.Config{Dir: storeDir(cfg), NodeID: cfg.Gateway, Logger: log}
}

// ownAddress is this gateway as the first one of a cluster.
func ownAddress(cfg *config.Config) string {
	if cfg.Cluster == nil {
		return cfg.Gateway
	}
	return peer.Address{ID: cfg.Gateway, HostPort: cmp.Or(cfg.Cluster.Advertise, cfg.Cluster.Listen)}.String()
}

// LookAtStore tells what the store holds and who else of the site answers. The
// gateway must not run.
func LookAtStore(ctx context.Context, cfg *config.Config, log *slog.Logger) (Held, error) {
	if cfg.Satellite() {
		return Held{}, satellite.ErrNoStore
	}
	h, err := raftstore.Look(offline(cfg, log), replica.Machine{})
	if err != nil {
		return Held{}, err
	}
	out := Held{Gateway: h.Gateway, Cluster: h.Cluster, Voter: h.Voter(), Term: h.Term, Last: h.Last, Unsure: h.Unsure}
	var others []string // those without a vote too: they know a leader
	for _, m := range h.Members {
		if m.ID != h.Gateway {
			others = append(others, m.Address)
		}
	}
	for _, m := range h.Others() {
		out.Others = append(out.Others, m.Address)
	}
	out.Answer = answering(ctx, others)
	return out, nil
}

// knock bounds the wait for a gateway that says nothing.
const knock = 2 * time.Second

// answering tells who takes a connection. Whether it lets anybody in does not
// matter: something runs there.
func answering(ctx context.Context, addresses []string) (ids []string) {
	ctx, cancel := context.WithTimeout(ctx, knock)
	defer cancel()
	yes := make([]bool, len(addresses))
	var wg sync.WaitGroup
	for i, text := range addresses {
		at, err := peer.ParseAddress(text)
		if err != nil {
			continue
		}
		wg.Go(func() {
			var d net.Dialer
			if conn, err := d.DialContext(ctx, "tcp", at.HostPort); err == nil {
				yes[i] = true
				_ = conn.Close() // nothing was said
			}
		})
	}
	wg.Wait()
	for i, text := range addresses {
		if yes[i] {
			id, _, _ := strings.Cut(text, "@")
			ids = append(ids, id)
		}
	}
	return ids
}

// Recover makes this gateway the only one of the site, out of what its own store
// holds. It is for a site whose majority is gone for good. siteName is what the
// person typed.
func Recover(ctx context.Context, cfg *config.Config, siteName, by string, log *slog.Logger) (Formed, error) {
	if siteName != cfg.Site {
		return Formed{}, fmt.Errorf("%s: %q is not the name of the site", raftstore.CodeWrongSite, siteName)
	}
	held, err := LookAtStore(ctx, cfg, log)
	if err != nil {
		return Formed{}, err
	}
	if len(held.Answer) > 0 {
		return Formed{}, fmt.Errorf("%s: %s answer", raftstore.CodePeersAnswer, strings.Join(held.Answer, ", "))
	}
	f, old, err := raftstore.Recover(offline(cfg, log), replica.Machine{}, ownAddress(cfg), by)
	return formed(f, old), err
}

func formed(f raftstore.Formation, old string) Formed {
	return Formed{Epoch: f.Epoch, Cluster: f.Is, Number: f.Number, Last: time.UnixMilli(f.LastMs), Unsure: f.Unsure, Old: old}
}

func backedUp(i raftstore.BackupInfo) BackedUp {
	return BackedUp{
		Site: i.Site, Gateway: i.Gateway, Cluster: i.Cluster, Epoch: i.Epoch, Number: i.Number,
		Last: time.UnixMilli(i.LastMs), Made: time.UnixMilli(i.AtMs), Digest: i.Digest,
	}
}

// BackupStore writes a backup of a gateway that does not run.
func BackupStore(cfg *config.Config, w io.Writer, log *slog.Logger) error {
	if cfg.Satellite() {
		return satellite.ErrNoStore
	}
	_, err := raftstore.BackupFolder(offline(cfg, log), replica.Machine{}, w, cfg.Site)
	return err
}

// VerifyBackup reads all of a backup; site "" means any.
func VerifyBackup(r io.Reader, site string) (BackedUp, error) {
	i, err := raftstore.VerifyBackup(r, site)
	return backedUp(i), err
}

// Restore makes this gateway the first one of the site, out of a backup. Its
// store must be empty. The epoch is one more than that of the backup, and at
// least atLeast.
func Restore(cfg *config.Config, r io.Reader, by string, atLeast uint32, log *slog.Logger) (Formed, BackedUp, error) {
	if cfg.Satellite() {
		return Formed{}, BackedUp{}, satellite.ErrNoStore
	}
	f, i, err := raftstore.Restore(offline(cfg, log), replica.Machine{}, r, cfg.Site, ownAddress(cfg), by, atLeast)
	return formed(f, ""), backedUp(i), err
}

// Formed lists when the site was formed anew, the newest last.
func (s clusterStore) Formed() ([]api.Formed, error) {
	list, err := s.Formations()
	var out []api.Formed
	for _, f := range list {
		out = append(out, api.Formed{
			Epoch: f.Epoch, How: f.How, At: time.UnixMilli(f.AtMs).UTC().Format(time.RFC3339), By: f.By, Gateway: f.Gateway, Number: f.Number,
		})
	}
	return out, err
}
