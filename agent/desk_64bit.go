//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/api"
	"tote/agent/handheld"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/agent/replica"
	"tote/agent/satellite"
	"tote/agent/satellite/desk"
	"tote/raftstore"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// allowed says what a certificate may be used for: a satellite's for its own
// protocol only, and a gateway's for every other.
func allowed(cert *x509.Certificate, proto string) error {
	is := identity.OfGateway
	if proto == peer.ProtoSatellite {
		is = identity.OfSatellite
	}
	if !is(cert) {
		return fmt.Errorf("%w: %s and %s", identity.ErrRole, cert.Subject.CommonName, proto)
	}
	return nil
}

// newDesk makes what answers satellites. It is told of changes from the start of
// the store on, and serves when it is opened.
func (a *Agent) newDesk(c *cluster, st func() *replica.Store) *desk.Desk {
	return desk.New(desk.Config{
		Log: a.log,
		Known: func(ctx context.Context, id string, key []byte) error {
			return knownSatellite(ctx, st(), id, key)
		},
		KeyOf: identity.KeyOf,
		Do: func(ctx context.Context, by replica.By, kind, version uint16, body []byte) (warehouse.Result, error) {
			if !replica.OfWarehouse(kind) {
				return warehouse.Result{}, fmt.Errorf("%w: kind %#04x by %s", satellite.ErrForbidden, kind, by.Actor)
			}
			if by.Device != "" {
				// The satellite has looked at this too, if it is what it was.
				last, err := st().LastSeq(by.Device)
				switch {
				case err != nil:
					return warehouse.Result{}, err
				case !strings.HasPrefix(by.Device, deviceKey("")):
					return warehouse.Result{}, fmt.Errorf("%w: %q has no sequences", satellite.ErrForbidden, by.Device)
				case handheld.Jumps(last, by.Seq):
					return seqJump(last, by.Seq), nil
				}
			}
			return st().DoRaw(ctx, by, kind, version, body)
		},
		Again: func(err error) bool {
			for _, is := range []error{
				raftstore.ErrUnknownOutcome, raftstore.ErrNotLeader, raftstore.ErrNoQuorum, raftstore.ErrLatched, raftstore.ErrClosed,
			} {
				if errors.Is(err, is) {
					return true
				}
			}
			return st().Err() != nil
		},
		Code: func(err error) string {
			if code := identity.Code(err); code != "" {
				return code
			}
			return raftstore.FaultCode(err)
		},
		View:        func(fn func(r warehouse.Reader) error) error { return st().View(fn) },
		WaitApplied: func(ctx context.Context, n uint64) error { return st().WaitApplied(ctx, n) },
		LastSeq:     func(device string) (uint64, error) { return st().LastSeq(device) },
		State:       func() satellite.State { return a.stateForSatellites(st()) },
		Relay: func(ctx context.Context, from string, m satellite.Mail) error {
			var r relayed
			if err := cbor.Unmarshal(m.Body, &r); err != nil {
				return fmt.Errorf("%w: %w", satellite.ErrMalformed, err)
			}
			if m.Method == callCommand || m.Method == callBackup {
				return fmt.Errorf("%w: a satellite commands no robots and makes no backups", satellite.ErrMalformed)
			}
			if most, ok := mostMailed[m.Method]; ok && len(m.Body) > most {
				return fmt.Errorf("%w: %d bytes, at most %d", satellite.ErrMalformed, len(m.Body), most)
			}
			if err := a.handleCall(from, m.Method, r); err != nil {
				return err
			}
			a.relay.(*peers).pass(ctx, m.Method, r)
			return nil
		},
		About: func() (satellite.AboutAnswer, error) {
			epoch, err := st().Epoch()
			if err != nil {
				return satellite.AboutAnswer{}, err
			}
			list, err := clusterStore{st()}.Formed()
			if err != nil || len(list) == 0 {
				return satellite.AboutAnswer{Epoch: epoch}, err
			}
			formed, err := json.Marshal(list)
			return satellite.AboutAnswer{Epoch: epoch, Formed: formed}, err
		},
		Sign: func(id string, csr []byte) ([]byte, error) {
			rec, err := satelliteOf(st(), id)
			if err != nil {
				return nil, err
			}
			key, err := identity.KeyOfRequest(csr, id)
			if err != nil {
				return nil, err
			}
			if rec == nil || subtle.ConstantTimeCompare(rec.Key, key) != 1 {
				return nil, identity.ErrDismissed
			}
			return c.id.SignSatellite(csr, id)
		},
		Leave: func(ctx context.Context, id string) error { return dismiss(ctx, st(), id, "satellite/"+id) },
	})
}

// mostMailed bounds what hundreds of may wait for the other gateways. A report came
// in one packet of a robot, 64 KiB at most.
var mostMailed = map[string]int{callReport: 80 << 10, callTwice: 1 << 10}

// knownSatellite asks the majority before it says that a satellite does not
// belong to the site: this gateway may be behind.
func knownSatellite(ctx context.Context, s *replica.Store, id string, key []byte) error {
	same := func(rec *members.Satellite) bool { return rec != nil && subtle.ConstantTimeCompare(rec.Key, key) == 1 }
	rec, err := satelliteOf(s, id)
	if err != nil { // it is being built or closed
		return &peer.RemoteError{Code: satellite.SayNotHere, Text: "this gateway has no state to look into: " + err.Error()}
	}
	if same(rec) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err = s.ViewLinearizable(ctx, func(r warehouse.Reader) (err error) {
		rec, err = members.GetSatellite(r, id)
		return err
	})
	switch {
	case err != nil:
		return &peer.RemoteError{Code: satellite.SayNotHere, Text: "this gateway does not know the satellite, and cannot ask: " + err.Error()}
	case same(rec):
		return nil
	}
	return identity.ErrDismissed
}

// dismiss takes a satellite out of the site.
func dismiss(ctx context.Context, s *replica.Store, id, actor string) error {
	kind, version, body, err := members.Encode(members.Dismiss{Satellite: id})
	if err != nil {
		return err
	}
	res, err := s.DoRaw(ctx, replica.By{ID: newID(), Actor: actor}, kind, version, body)
	if err == nil && !res.OK {
		err = fmt.Errorf("%s: %s", res.Code, res.Text)
	}
	return err
}

func (a *Agent) stateForSatellites(s *replica.Store) satellite.State {
	ok, since := s.Quorum()
	if since.IsZero() {
		since = a.start
	}
	out := satellite.State{
		Cluster: s.ClusterID(), Applied: s.Applied(), Term: s.Term(), Quorum: ok, SinceMs: since.UnixMilli(), ClockMs: s.Now().UnixMilli(),
	}
	if !s.Joined() {
		out.Cluster = "" // it waits itself
	}
	for _, m := range s.Members() {
		row := satellite.Member{ID: m.ID, Address: m.Address, Voter: m.Voter, Leader: m.Leader, Up: m.Up, Applied: m.Applied, Lag: m.Lag}
		if !m.LastContact.IsZero() {
			row.SeenMs = m.LastContact.UnixMilli()
		}
		out.Members = append(out.Members, row)
	}
	return out
}

// callSatellites tells the other gateways which satellites are attached here.
const callSatellites = "satellites"

const (
	sightEvery = 2 * time.Second
	sightGood  = 7 * time.Second
)

// onCallOfGateway takes the calls of other gateways that are not the store's, and
// brings them to the satellites attached here.
func (a *Agent) onCallOfGateway(c *cluster, members func() []Peer) func(ctx context.Context, from, method string, body []byte) ([]byte, error) {
	return func(ctx context.Context, from, method string, body []byte) ([]byte, error) {
		if site, ok := a.updates.site.(*siteOfGateways); ok {
			if out, mine, err := site.onCall(ctx, from, method, body); mine {
				return out, err
			}
		}
		if method == callStage || method == callPins {
			isMember := func(id string) bool {
				return slices.ContainsFunc(members(), func(p Peer) bool { return p.ID == id })
			}
			return c.onRekey(isMember, from, method, body)
		}
		if method != callSatellites {
			out, err := a.onCall(ctx, from, method, body)
			if err == nil {
				toSatellites(c.desk, method, body)
			}
			return out, err
		}
		var m relayed
		var ids []string
		if err := errors.Join(cbor.Unmarshal(body, &m), cbor.Unmarshal(m.Payload, &ids)); err != nil {
			return nil, fmt.Errorf("%s by %s: %w", method, from, err)
		}
		a.sightings.saw(from, ids)
		return nil, nil
	}
}

// tellSatellites keeps the other gateways informed, and says nothing when there
// are no satellites here.
func (a *Agent) tellSatellites(d *desk.Desk) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(sightEvery)
		defer tick.Stop()
		for {
			if ids := d.Attached(); len(ids) > 0 {
				a.sightings.saw(a.cfg.Gateway, ids)
				if body, err := cbor.Marshal(ids); err == nil {
					a.relay.call(ctx, callSatellites, relayed{Payload: body})
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// satellites lists them for people.
func (m *membership) satellites() []api.ClusterMember {
	var list []members.Satellite
	err := m.s.View(func(r warehouse.Reader) (err error) {
		list, err = members.Satellites(r)
		return err
	})
	if err != nil {
		m.a.log.Error("the satellites cannot be listed", "err", err)
	}
	here := m.c.desk.Attached()
	var out []api.ClusterMember
	for _, s := range list {
		seen := m.a.sightings.get(s.ID)
		if slices.Contains(here, s.ID) {
			seen = sighting{time.Now(), m.a.cfg.Gateway}
		}
		row := api.ClusterMember{ID: s.ID, Address: "nowhere", Role: api.RoleSatellite, State: api.StateDown}
		if !seen.at.IsZero() {
			row.Seen, row.Address = seen.at.UTC().Format(time.RFC3339), "at "+seen.via
		}
		if time.Since(seen.at) < sightGood {
			row.State = api.StateUp
		}
		out = append(out, row)
	}
	return out
}
