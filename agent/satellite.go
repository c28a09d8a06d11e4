package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/api"
	"tote/agent/identity"
	"tote/agent/satellite"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// ErrNoStore: a satellite was asked for what needs a store.
var ErrNoStore = satellite.ErrNoStore

// openSatellite connects a gateway without a store to those that have one.
func (a *Agent) openSatellite() (store, func() error, error) {
	id, err := a.identity()
	if err != nil {
		return nil, nil, err
	}
	gateways, err := a.knownGateways()
	if err != nil {
		return nil, nil, err
	}
	t := &troubles{}
	port, err := peer.Outgoing(peer.Config{ID: a.cfg.Gateway, TLS: id.TLS(), Log: a.log, Refused: a.turnedAway(t)})
	if err != nil {
		return nil, nil, err
	}
	s, err := satellite.Open(satellite.Config{
		ID: a.cfg.Gateway, Log: a.log, Port: port, Gateways: gateways,
		Learned: a.keepGateways,
		Dismissed: func(code string) error {
			if err := identity.ByCode(code); errors.Is(err, identity.ErrDismissed) {
				return err
			}
			return nil
		},
		OnTouched:    a.projector.Touch,
		OnEverything: a.projector.Everything,
		OnQuorum: func(bool) {
			a.changes.kick()
			kick(a.kickQuorum)
		},
		OnClock: id.Saw,
		OnMail: func(m satellite.Mail) {
			if _, err := a.onCall(context.Background(), "a gateway", m.Method, m.Body); err != nil {
				a.log.Warn("a message was not taken", "method", m.Method, "err", err)
			}
		},
	})
	if err != nil {
		return nil, nil, errors.Join(err, port.Close())
	}
	id.Sign = s.Renew
	ss := satelliteStore{s}
	a.relay = satelliteRelay{a, s}
	a.newToken = func(context.Context, time.Duration) (string, error) { return "", askAnother() }
	a.members = &satelliteMember{a: a, s: ss, id: id, troubles: t}
	end := func() error { return errors.Join(s.Close(), port.Close()) }
	if err := a.sup.Go("certificate", a.keepCertificate(id, t)); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return ss, end, nil
}

// knownGateways are those of the configuration, then those the site told of.
func (a *Agent) knownGateways() ([]peer.Address, error) {
	var texts []string
	if a.cfg.Cluster != nil {
		for _, g := range a.cfg.Cluster.Gateways {
			texts = append(texts, g.Address)
		}
	}
	kept, err := identity.Peers(identityDir(&a.cfg))
	if err != nil {
		return nil, err
	}
	var out []peer.Address
	for _, text := range append(texts, kept...) {
		at, err := peer.ParseAddress(text)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(out, func(o peer.Address) bool { return o.ID == at.ID }) {
			out = append(out, at)
		}
	}
	return out, nil
}

// keepGateways remembers the gateways for the next start.
func (a *Agent) keepGateways(list []peer.Address) {
	texts := make([]string, len(list))
	for i, at := range list {
		texts[i] = at.String()
	}
	if err := identity.KeepPeers(identityDir(&a.cfg), texts); err != nil {
		a.log.Warn("the addresses of the gateways were not kept", "err", err)
	}
}

// satelliteStore shows the site as the other parts of the agent see a store.
type satelliteStore struct{ *satellite.Store }

// Level implements store. The site does not tell a satellite.
func (s satelliteStore) Level() (site, own uint16) { return 0, warehouse.Level }

// Epoch implements store. Only the gateway that leads speaks with the OMS.
func (s satelliteStore) Epoch() (uint32, error) {
	about, err := s.About()
	return about.Epoch, err
}

// WaitRebuilt implements store.
func (s satelliteStore) WaitRebuilt(context.Context) error { return nil }

// Rebuilding implements store: there is no state here that could be built anew.
func (s satelliteStore) Rebuilding() *api.Rebuild { return nil }

// Formed implements store.
func (s satelliteStore) Formed() (list []api.Formed, err error) {
	about, err := s.About()
	if err != nil || len(about.Formed) == 0 {
		return nil, err
	}
	return list, json.Unmarshal(about.Formed, &list)
}

// Peers implements store.
func (s satelliteStore) Peers() []Peer {
	var out []Peer
	for _, m := range s.State().Members {
		p := Peer{ID: m.ID, Address: m.Address, Voter: m.Voter, Leader: m.Leader, Up: m.Up, Applied: m.Applied, Lag: m.Lag}
		if m.SeenMs > 0 {
			p.LastContact = time.UnixMilli(m.SeenMs)
		}
		out = append(out, p)
	}
	return out
}

// Backup implements store.
func (s satelliteStore) Backup(io.Writer, string) error { return askAnother() }

// Disk implements store: there is none to watch.
func (s satelliteStore) Disk() *api.Disk { return nil }

// satelliteRelay implements relay through the gateway it is attached to, which
// takes messages to all others.
type satelliteRelay struct {
	a *Agent
	s *satellite.Store
}

func (r satelliteRelay) mail(method string, m relayed) (satellite.Mail, bool) {
	body, err := cbor.Marshal(m)
	if err == nil && len(body) > satellite.MaxMailed {
		err = fmt.Errorf("%d bytes, at most %d", len(body), satellite.MaxMailed)
	}
	if err != nil {
		r.a.log.Error("not relayed", "method", method, "err", err)
	}
	return satellite.Mail{Method: method, Body: body}, err == nil
}

func (r satelliteRelay) send(method string, m relayed) {
	if mail, ok := r.mail(method, m); ok {
		r.s.Send(mail)
	}
}

func (r satelliteRelay) call(ctx context.Context, method string, m relayed) {
	if mail, ok := r.mail(method, m); ok {
		r.s.Call(ctx, mail)
	}
}

// satelliteMember is the cluster as a satellite shows it. It changes nothing but
// itself.
type satelliteMember struct {
	a        *Agent
	s        satelliteStore
	id       *identity.Identity
	troubles *troubles
}

var _ api.Cluster = (*satelliteMember)(nil)

// Look implements api.Cluster.
func (m *satelliteMember) Look() api.ClusterStatus {
	out := api.ClusterStatus{
		Gateway: m.a.cfg.Gateway, Cluster: m.s.State().Cluster, Quorum: m.a.quorumNow(), Members: []api.ClusterMember{},
		Certificate: certificateOf(m.id, m.troubles),
	}
	attached := m.s.Gateway()
	for _, p := range m.s.Peers() {
		row := api.ClusterMember{ID: p.ID, Address: p.Address, Role: api.RoleJoining, State: api.StateDown, Applied: p.Applied, Lag: p.Lag}
		switch {
		case p.Leader:
			row.Role = api.RoleLeader
		case p.Voter:
			row.Role = api.RoleVoter
		}
		if p.Up && attached != "" {
			row.State = api.StateUp
		}
		if !p.LastContact.IsZero() {
			row.Seen = p.LastContact.UTC().Format(time.RFC3339)
		}
		out.Members = append(out.Members, row)
	}
	out.Members = append(out.Members, api.ClusterMember{
		ID: m.a.cfg.Gateway, Role: api.RoleSatellite, State: api.StateUp, Address: cmp.Or(attached, "no gateway"), Applied: m.s.Applied(),
	})
	return out
}

func certificateOf(id *identity.Identity, t *troubles) *api.Certificate {
	return &api.Certificate{
		Expires: id.Expires().UTC().Format(time.RFC3339), Renews: id.RenewAt().UTC().Format(time.RFC3339), Code: t.own(),
	}
}

// Leave implements api.Cluster.
func (m *satelliteMember) Leave(ctx context.Context) error {
	m.a.leaving.Store(true)
	err := m.s.Leave(ctx)
	if errors.Is(m.s.Err(), identity.ErrDismissed) {
		err = nil // it heard of it before the answer came
	}
	if err != nil {
		m.a.leaving.Store(false)
		return api.Refuse(http.StatusServiceUnavailable, cmp.Or(codeOf(err), satellite.CodeNoGateway), err.Error())
	}
	m.a.log.Info("this satellite leaves the site")
	return nil
}

func codeOf(err error) string {
	if said, ok := errors.AsType[*peer.RemoteError](err); ok && said.Code != satellite.SayAgain {
		return said.Code
	}
	return ""
}

func askAnother() error {
	return api.Refuse(http.StatusConflict, satellite.CodeNoStore, "this is a satellite and keeps no store; ask a gateway that does")
}

// Transfer implements api.Cluster.
func (m *satelliteMember) Transfer(context.Context, string) error { return askAnother() }

// Remove implements api.Cluster.
func (m *satelliteMember) Remove(context.Context, string, bool) error { return askAnother() }

// Replace implements api.Cluster.
func (m *satelliteMember) Replace(context.Context, string, bool, time.Duration) (api.Replacement, error) {
	return api.Replacement{}, askAnother()
}

// Rekey implements api.Cluster.
func (m *satelliteMember) Rekey(context.Context, string) (api.Rekeyed, error) {
	return api.Rekeyed{}, askAnother()
}

// patiently is view for parts that have nobody to tell: while no gateway answers a
// satellite, they wait.
func (a *Agent) patiently(fn func(r warehouse.Reader) error) error {
	return a.untilAnswered(func() error { return a.view(fn) })
}

// unreadable tells of an error of a view whether it passes by itself.
func unreadable(err error) bool {
	return errors.Is(err, satellite.ErrNoGateway) || errors.Is(err, satellite.ErrViewLost) || errors.Is(err, satellite.ErrBusy)
}

// answerable is view for scripts: what may go better in a moment is said so.
func (a *Agent) answerable(fn func(r warehouse.Reader) error) error {
	err := a.view(fn)
	for code, is := range map[string]error{
		satellite.CodeNoGateway: satellite.ErrNoGateway, satellite.CodeViewLost: satellite.ErrViewLost, satellite.CodeBusy: satellite.ErrBusy,
	} {
		if errors.Is(err, is) {
			return api.Refuse(http.StatusServiceUnavailable, code, strings.TrimPrefix(err.Error(), code+": "))
		}
	}
	return err
}

// again is view for a function that may run more than once: a view that is lost on
// the way is read anew.
func (a *Agent) again(fn func(r warehouse.Reader) error) (err error) {
	for range 3 {
		if err = a.view(fn); !errors.Is(err, satellite.ErrViewLost) {
			return err
		}
	}
	return err
}

// untilAnswered calls fn again while no gateway answers, until the agent stops.
func (a *Agent) untilAnswered(fn func() error) error {
	for {
		err := fn()
		if !errors.Is(err, satellite.ErrNoGateway) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-a.stopping:
			return err
		}
	}
}

// sightings is when each satellite was heard of last, on any gateway.
type sightings struct {
	mu   sync.Mutex
	last map[string]sighting
}

type sighting struct {
	at  time.Time
	via string // the gateway it is attached to
}

// maxSightings bounds them; a gateway serves fewer.
const maxSightings = 256

func (s *sightings) saw(via string, ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]sighting{}
	}
	for _, id := range ids {
		if _, known := s.last[id]; known || len(s.last) < maxSightings {
			s.last[id] = sighting{time.Now(), via}
		}
	}
}

func (s *sightings) get(id string) sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[id]
}
