//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/api"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/agent/metrics"
	"tote/agent/replica"
	"tote/agent/satellite/desk"
	"tote/raftstore"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// cluster is the gateway's side of the site: its identity and its port.
type cluster struct {
	id       *identity.Identity
	port     *peer.Port
	troubles *troubles
	desk     *desk.Desk // of the satellites
	bans     *bans
}

// openCluster opens the port to the other gateways; nil when this one is alone.
func (a *Agent) openCluster() (*cluster, error) {
	if a.cfg.Cluster == nil {
		return nil, nil
	}
	id, err := a.identity()
	if err != nil {
		return nil, err
	}
	t := &troubles{}
	port, err := peer.Listen(peer.Config{
		ID: a.cfg.Gateway, Listen: a.cfg.Cluster.Listen, Advertise: a.cfg.Cluster.Advertise, TLS: id.TLS(), Log: a.log,
		Fresh:   func() *tls.Config { return id.TLS() },
		Refused: a.turnedAway(t), Allowed: allowed, Barred: a.bans.barred,
	})
	if err != nil {
		return nil, fmt.Errorf("cluster.listen: %w", err)
	}
	a.bans.cut, a.bans.cutAll = port.Cut, port.CutAll
	return &cluster{id: id, port: port, troubles: t, bans: &a.bans}, nil
}

// letIn answers newcomers: a good token becomes a certificate.
func (c *cluster) letIn(s *replica.Store) {
	c.port.Handle(peer.ProtoJoin, func(ctx context.Context, _ string, conn net.Conn) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		peer.Serve(ctx, conn, func(ctx context.Context, method string, body []byte) ([]byte, error) {
			if method != joinMethod {
				return nil, errors.New("a newcomer may only join")
			}
			answer, err := c.welcome(ctx, s, body)
			return answer, withCode(err)
		})
	})
}

func (c *cluster) welcome(ctx context.Context, s *replica.Store, body []byte) ([]byte, error) {
	var req joinRequest
	if err := cbor.Unmarshal(body, &req); err != nil {
		return nil, fmt.Errorf("%w: %w", identity.ErrRequest, err)
	}
	if err := c.bans.barred(req.Gateway); err != nil {
		return nil, err
	}
	var ans joinAnswer
	for _, m := range s.Members() {
		if m.ID == req.Gateway {
			return nil, identity.ErrTaken
		}
		ans.Peers = append(ans.Peers, m.Address)
	}
	token := identity.Token{ID: req.TokenID, Secret: req.Secret}
	var admit members.Command = members.UseToken{ID: req.TokenID, Hash: token.Hash(), Gateway: req.Gateway}
	if req.Satellite {
		key, err := identity.KeyOfRequest(req.CSR, req.Gateway)
		if err != nil {
			return nil, err
		}
		admit = members.Admit{ID: req.TokenID, Hash: token.Hash(), Satellite: req.Gateway, Key: key}
	} else if known, err := satelliteOf(s, req.Gateway); err != nil || known != nil {
		return nil, errors.Join(identity.ErrTaken, err)
	}
	kind, version, cmd, err := members.Encode(admit)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", identity.ErrRequest, err)
	}
	res, err := s.DoRaw(ctx, replica.By{ID: newID(), Actor: "gateway/" + req.Gateway}, kind, version, cmd)
	if err != nil {
		return nil, err
	}
	if !res.OK {
		return nil, &peer.RemoteError{Code: res.Code, Text: res.Text}
	}
	if req.Satellite {
		ans.Welcome, err = c.id.WelcomeSatellite(req.CSR, req.Gateway)
	} else {
		ans.Welcome, err = c.id.Welcome(req.CSR, req.Gateway)
	}
	if err != nil {
		return nil, err
	}
	return cbor.Marshal(ans)
}

// satelliteOf is the record of a satellite, as this gateway has it.
func satelliteOf(s *replica.Store, id string) (rec *members.Satellite, err error) {
	err = s.View(func(r warehouse.Reader) (err error) {
		rec, err = members.GetSatellite(r, id)
		return err
	})
	return rec, err
}

// withCode gives a refusal the code under which the newcomer looks it up.
func withCode(err error) error {
	if _, ok := errors.AsType[*peer.RemoteError](err); err == nil || ok {
		return err
	}
	code := identity.Code(err)
	if code == "" {
		code = raftstore.FaultCode(err)
	}
	return &peer.RemoteError{Code: code, Text: err.Error()}
}

// askIn asks the members to add this gateway until it knows that it is one. That
// one of them said yes is not enough: the leader may have died before the others
// knew. The vote comes by itself.
func (a *Agent) askIn(ctx context.Context, s *replica.Store) error {
	pause := 200 * time.Millisecond
	for !s.Joined() {
		addresses, err := identity.Peers(identityDir(&a.cfg))
		if err != nil {
			return err
		}
		for _, text := range addresses {
			via, err := peer.ParseAddress(text)
			if err == nil {
				err = s.JoinThrough(ctx, via)
			}
			if err == nil || ctx.Err() != nil {
				break
			}
			a.log.Warn("not let into the cluster yet", "asked", text, "code", raftstore.FaultCode(err), "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.Done():
			return nil // the store stopped, and Run says why
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
	return nil
}

// clusterStore shows the members in plain types, for parts that must also build
// without a store.
type clusterStore struct{ *replica.Store }

// Peers lists the gateways of the cluster; one alone has none.
func (s clusterStore) Peers() []Peer {
	var out []Peer
	for _, m := range s.Members() {
		out = append(out, Peer{
			ID: m.ID, Address: m.Address, Voter: m.Voter, Leader: m.Leader, Up: m.Up,
			LastContact: m.LastContact, Applied: m.Applied, Lag: m.Lag,
		})
	}
	return out
}

// Rebuilding is how far the state is that is built anew, nil when it is whole.
func (s clusterStore) Rebuilding() *api.Rebuild {
	r, ok := s.Store.Rebuilding()
	if !ok {
		return nil
	}
	return &api.Rebuild{
		Since: r.Since.UTC().Format(time.RFC3339), Bytes: r.Bytes, OfBytes: r.OfBytes, Entries: r.Entries, OfEntries: r.OfEntries,
	}
}

// Disk is how the disk of the store is.
func (s clusterStore) Disk() *api.Disk {
	d, err := s.Store.Disk()
	out := &api.Disk{
		Level: d.Level, Free: d.Free, Needed: d.Needed, SyncMs: d.SyncP99.Milliseconds(), Slow: d.Slow, Code: d.Code(),
		Syncs: metrics.Spread{Counts: d.Syncs, Sum: d.SyncSum.Seconds()},
	}
	for _, b := range raftstore.SyncBounds {
		out.Syncs.Bounds = append(out.Syncs.Bounds, b.Seconds())
	}
	if err != nil {
		out.Text = err.Error()
	}
	return out
}

// newToken records a join token and returns it.
func (s clusterStore) newToken(ctx context.Context, a *identity.Authority, life time.Duration) (identity.Token, error) {
	t, err := identity.NewToken(a)
	if err != nil {
		return t, err
	}
	kind, version, body, err := members.Encode(members.MakeToken{ID: t.ID, Hash: t.Hash(), Expires: s.Now().Add(life).UnixMilli()})
	if err != nil {
		return t, err
	}
	res, err := s.DoRaw(ctx, replica.By{ID: newID(), Actor: "site/api"}, kind, version, body)
	if err == nil && !res.OK {
		err = fmt.Errorf("%s: %s", res.Code, res.Text)
	}
	return t, err
}
