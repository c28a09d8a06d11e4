//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tote/agent/api"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/agent/replica"
	"tote/raftstore"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// membership is the cluster as the HTTP interface shows and changes it.
type membership struct {
	a *Agent
	c *cluster
	s *replica.Store
}

var _ api.Cluster = (*membership)(nil)

// Look implements api.Cluster. It asks nobody.
func (m *membership) Look() api.ClusterStatus {
	out := api.ClusterStatus{
		Gateway: m.a.cfg.Gateway, Cluster: m.s.ClusterID(), Quorum: m.a.quorumNow(), Members: []api.ClusterMember{},
		Certificate: certificateOf(m.c.id, m.c.troubles),
	}
	voters := 0
	list := m.s.Members()
	for _, g := range list {
		if g.Voter {
			voters++
		}
	}
	for _, g := range list {
		row := api.ClusterMember{ID: g.ID, Address: g.Address, Role: api.RoleVoter, State: api.StateUp, Applied: g.Applied, Lag: g.Lag}
		note := noteOf(g.Note)
		row.Version, row.Trial = note.Version, note.Trial
		switch {
		case g.Leader:
			row.Role = api.RoleLeader
		case !g.Voter && voters >= raftstore.MaxVoters:
			row.Role = api.RoleSpare
		case !g.Voter:
			row.Role = api.RoleJoining
		}
		switch {
		case g.Apart:
			row.State = api.StateApart
		case !g.Up:
			row.State = api.StateDown
		case g.Empty:
			row.State = api.StateEmpty
		case g.Rebuilding:
			row.State = api.StateRebuilding
		}
		if !g.LastContact.IsZero() {
			row.Seen = g.LastContact.UTC().Format(time.RFC3339)
		}
		out.Members = append(out.Members, row)
	}
	out.Members = append(out.Members, m.satellites()...)
	return out
}

// refused turns an error of the store into an answer with its code.
func refused(err error) error {
	code := raftstore.FaultCode(err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raftstore.ErrUnknownOutcome):
		return api.Refuse(http.StatusGatewayTimeout, api.CodeUnknown, err.Error()+"; look at the cluster before you ask again")
	case code == "" || code == raftstore.CodeNoLeader:
		return api.Refuse(http.StatusServiceUnavailable, raftstore.CodeNoLeader, err.Error())
	case code == raftstore.CodeNoMember:
		return api.Refuse(http.StatusNotFound, code, err.Error())
	}
	return api.Refuse(http.StatusConflict, code, err.Error())
}

// Transfer implements api.Cluster.
func (m *membership) Transfer(ctx context.Context, to string) error {
	return refused(m.s.Transfer(ctx, to))
}

// Leave implements api.Cluster. Whoever leads hands the lead over first, so the
// floor waits for nothing.
func (m *membership) Leave(ctx context.Context) error {
	m.a.leaving.Store(true)
	err := m.s.Remove(ctx, m.a.cfg.Gateway)
	if err != nil && errors.Is(m.s.Err(), raftstore.ErrRemoved) {
		err = nil // it heard of it before the answer came
	}
	if err != nil {
		m.a.leaving.Store(false)
		return refused(err)
	}
	m.a.log.Info("this gateway leaves the site")
	return nil
}

// alive refuses to take out a gateway that works.
func (m *membership) alive(id string, force bool) (member bool, err error) {
	if id == m.a.cfg.Gateway {
		return true, api.Refuse(http.StatusConflict, raftstore.CodeAlive, "this is the gateway you ask; `tote cluster leave` takes it out")
	}
	var names []string
	for _, g := range m.s.Members() {
		if g.ID == id {
			if g.Up && !g.Empty && !force {
				return true, api.Refuse(http.StatusConflict, raftstore.CodeAlive, id+" runs and answers")
			}
			return true, nil
		}
		names = append(names, g.ID)
	}
	return false, api.Refuse(http.StatusNotFound, raftstore.CodeNoMember, fmt.Sprintf("%s is no gateway of this site; there are %s", id, strings.Join(names, ", ")))
}

// Remove implements api.Cluster.
func (m *membership) Remove(ctx context.Context, id string, force bool) error {
	if known, err := m.dismiss(ctx, id, force); known || err != nil {
		return err
	}
	if _, err := m.alive(id, force); err != nil {
		return err
	}
	return refused(m.s.Remove(ctx, id))
}

// dismiss takes a satellite out; known is false when id is none.
func (m *membership) dismiss(ctx context.Context, id string, force bool) (known bool, err error) {
	for _, s := range m.satellites() {
		if s.ID != id {
			continue
		}
		if s.State == api.StateUp && !force {
			return true, api.Refuse(http.StatusConflict, raftstore.CodeAlive, id+" runs and answers")
		}
		return true, refused(dismiss(ctx, m.s, id, "site/api"))
	}
	// One that has just joined may be unknown here.
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var rec *members.Satellite
	err = m.s.ViewLinearizable(ctx, func(r warehouse.Reader) (err error) {
		rec, err = members.GetSatellite(r, id)
		return err
	})
	if err != nil || rec == nil {
		return false, nil // not known to be one; what else it is, is looked at next
	}
	return true, refused(dismiss(ctx, m.s, id, "site/api"))
}

// Replace implements api.Cluster. Again after an error it goes on.
func (m *membership) Replace(ctx context.Context, id string, force bool, life time.Duration) (out api.Replacement, err error) {
	satellite, err := m.dismiss(ctx, id, force)
	if err != nil {
		return out, err
	}
	out.Removed = satellite
	member, err := m.alive(id, force)
	if member && err != nil {
		return out, err
	}
	if member {
		if err := m.s.Remove(ctx, id); err != nil {
			return out, refused(err)
		}
		out.Removed = true
	}
	t, err := clusterStore{m.s}.newToken(ctx, m.c.id.Authority(), life)
	if err != nil {
		return out, refused(err)
	}
	out.Token, out.To = t.String(), []string{m.c.port.Self().HostPort}
	for _, g := range m.s.Members() {
		if at, err := peer.ParseAddress(g.Address); err == nil && g.Up && g.ID != m.a.cfg.Gateway {
			out.To = append(out.To, at.HostPort)
		}
	}
	return out, nil
}

// hasLeft says whether the store stopped because this gateway is no member.
func (a *Agent) hasLeft() bool { return Dismissed(a.store.Err()) }

// Dismissed says whether err means that this gateway was taken out of the site:
// started again it would hear the same.
func Dismissed(err error) bool {
	return errors.Is(err, raftstore.ErrRemoved) || errors.Is(err, identity.ErrDismissed)
}
