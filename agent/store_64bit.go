//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"tote/agent/identity"
	"tote/agent/replica"
	"tote/cloudsync/ledger"
	"tote/raftstore"
	"tote/raftstore/peer"
)

// openStore opens the replicated store of this gateway and, when the site has
// more than one, its port to the others. close ends both.
func (a *Agent) openStore() (store, func() error, error) {
	if a.cfg.Satellite() {
		return a.openSatellite()
	}
	c, err := a.openCluster()
	if err != nil {
		return nil, nil, err
	}
	var opened atomic.Pointer[replica.Store]
	cfg := raftstore.Config{
		Dir:              storeDir(&a.cfg),
		NodeID:           a.cfg.Gateway,
		Early:            true, // broker, pages and the vote do not wait for the state
		Logger:           a.log,
		Now:              time.Now,
		HeartbeatTimeout: time.Duration(a.cfg.Raft.HeartbeatMs) * time.Millisecond,
		ElectionTimeout:  time.Duration(a.cfg.Raft.ElectionMs) * time.Millisecond,
		PromoteAfter:     time.Duration(a.cfg.Raft.PromoteMs) * time.Millisecond,
		// Acknowledged events leave the outbox: that must go on when the
		// disk is nearly full.
		FreesSpace: ledger.FreesSpace,
		OnApply:    func(_ uint64, touched []string) { a.projector.Touch(touched) },
		OnRestore:  func(uint64) { a.projector.Everything() },
		OnQuorum: func(bool) {
			a.changes.kick()
			kick(a.kickQuorum)
		},
		Hold: a.updates.held,
		Note: a.updates.note,
	}
	if a.ident != nil {
		cfg.OnClock = a.ident.Saw
	}
	if c != nil {
		cfg.Peer, cfg.Bootstrap = c.port, identity.First(identityDir(&a.cfg))
		c.desk = a.newDesk(c, opened.Load)
		cfg.OnCall = a.onCallOfGateway(c, func() []Peer {
			if s := opened.Load(); s != nil {
				return clusterStore{s}.Peers()
			}
			return nil
		})
		cfg.OnApply = func(number uint64, touched []string) {
			a.projector.Touch(touched)
			c.desk.Touch(number, touched)
		}
		cfg.OnRestore = func(number uint64) {
			a.projector.Everything()
			c.desk.Replaced(number)
		}
		told := cfg.OnQuorum
		cfg.OnQuorum = func(ok bool) {
			told(ok)
			c.desk.Stir()
		}
	}
	s, err := replica.Open(cfg)
	if err != nil {
		if c != nil {
			err = errors.Join(err, c.port.Close())
		}
		return nil, nil, err
	}
	cs := clusterStore{s}
	if c == nil {
		if a.ident != nil {
			err = a.sup.Go("certificate", a.keepCertificate(a.ident, &troubles{}))
		}
		return cs, s.Close, err
	}
	opened.Store(s)
	c.letIn(s)
	if err := a.startRelay(c, s); err != nil {
		return nil, nil, errors.Join(err, s.Close(), c.port.Close())
	}
	a.newToken = func(ctx context.Context, life time.Duration) (string, error) {
		t, err := cs.newToken(ctx, c.id.Authority(), life)
		return t.String(), err
	}
	a.members = &membership{a, c, s}
	a.updates.site = &siteOfGateways{&a.updates, s, peer.NewCaller(c.port)}
	if err := a.sup.Go("certificate", a.keepCertificate(c.id, c.troubles)); err != nil {
		return nil, nil, errors.Join(err, s.Close(), c.port.Close())
	}
	if !s.Joined() {
		if err := a.sup.Go("join", func(ctx context.Context) error { return a.askIn(ctx, s) }); err != nil {
			return nil, nil, errors.Join(err, s.Close(), c.port.Close())
		}
	}
	c.port.Handle(peer.ProtoSatellite, c.desk.Handle)
	for name, run := range map[string]func(context.Context) error{
		"satellites": a.tellSatellites(c.desk),
		// Nobody is told of what is applied while the state is built anew.
		"satellites/begin": func(ctx context.Context) error {
			if s.WaitRebuilt(ctx) == nil { // else the store stopped, and Run says why
				c.desk.Begin(s.Applied())
			}
			return nil
		},
	} {
		if err := a.sup.Go(name, run); err != nil {
			c.desk.Close()
			return nil, nil, errors.Join(err, s.Close(), c.port.Close())
		}
	}
	return cs, func() error {
		c.desk.Close() // what reads the state ends before it is closed
		return errors.Join(s.Close(), c.port.Close())
	}, nil
}
