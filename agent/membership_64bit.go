//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/identity"
	"tote/agent/replica"
	"tote/raftstore"
	"tote/raftstore/peer"
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
		Certificate: &api.Certificate{
			Expires: m.c.id.Expires().UTC().Format(time.RFC3339), Renews: m.c.id.RenewAt().UTC().Format(time.RFC3339),
			Code: m.c.troubles.own(),
		},
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
		switch {
		case g.Leader:
			row.Role = api.RoleLeader
		case !g.Voter && voters >= raftstore.MaxVoters:
			row.Role = api.RoleSpare
		case !g.Voter:
			row.Role = api.RoleJoining
		}
		switch {
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
	if _, err := m.alive(id, force); err != nil {
		return err
	}
	return refused(m.s.Remove(ctx, id))
}

// Replace implements api.Cluster. Again after an error it goes on.
func (m *membership) Replace(ctx context.Context, id string, force bool, life time.Duration) (out api.Replacement, err error) {
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
	t, err := clusterStore{m.s}.newToken(ctx, m.c.id.Authority, life)
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
func (a *Agent) hasLeft() bool { return errors.Is(a.store.Err(), raftstore.ErrRemoved) }

// troubles is what went wrong with certificates, each told once.
type troubles struct {
	mu   sync.Mutex
	code string          // why the own certificate was not renewed
	told map[string]bool // gateways whose expired certificate was refused
}

func (t *troubles) own() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.code
}

// keepCertificate renews this gateway's certificate for as long as it runs.
func (a *Agent) keepCertificate(c *cluster) func(context.Context) error {
	return func(ctx context.Context) error {
		return c.id.KeepValid(ctx, func(err error) {
			code := identity.Code(err)
			c.troubles.mu.Lock()
			news := code != c.troubles.code
			c.troubles.code = code
			c.troubles.mu.Unlock()
			switch {
			case err == nil:
				a.log.Info("the certificate was renewed", "until", c.id.Expires().Format(time.DateOnly))
			case news:
				a.log.Error("the certificate was not renewed", "code", code, "until", c.id.Expires().Format(time.DateOnly), "err", err)
			}
		})
	}
}

// turnedAway is told of handshakes that failed. One that failed because of an
// expired certificate needs a person, any other is noise of the network.
func (a *Agent) turnedAway(t *troubles) func(with string, err error) {
	return func(with string, err error) {
		why := identity.Refused(err)
		if why == nil {
			return
		}
		t.mu.Lock()
		again := t.told[why.Error()]
		if !again && len(t.told) < 64 {
			if t.told == nil {
				t.told = map[string]bool{}
			}
			t.told[why.Error()] = true
		}
		t.mu.Unlock()
		if !again {
			a.log.Error("a gateway was refused", "code", identity.Code(why), "with", with, "err", why)
		}
	}
}

// SetAside moves what this machine holds of an earlier membership out of the
// way, so that it can join anew. Nothing is deleted; it returns the new names.
func SetAside(cfg *config.Config, now time.Time) (moved []string, err error) {
	lock, err := os.OpenFile(filepath.Join(storeDir(cfg), "LOCK"), os.O_RDWR, 0)
	if err == nil {
		defer func() { err = errors.Join(err, lock.Close()) }()
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			return nil, fmt.Errorf("%s: a gateway runs on %s; stop it first", raftstore.CodeDirInUse, storeDir(cfg))
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, dir := range []string{storeDir(cfg), identityDir(cfg)} {
		to := dir + ".old-" + now.UTC().Format("20060102-150405")
		switch err := os.Rename(dir, to); {
		case err == nil:
			moved = append(moved, to)
		case !errors.Is(err, os.ErrNotExist):
			return moved, err
		}
	}
	return moved, nil
}
