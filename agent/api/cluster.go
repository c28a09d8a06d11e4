package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tote/agent/health"
)

// Cluster is the gateways of the site for people who change them. Its errors
// are made with [Refuse].
type Cluster interface {
	// Look tells how the gateways are, as this one sees them.
	Look() ClusterStatus
	// Transfer makes another gateway lead.
	Transfer(ctx context.Context, to string) error
	// Leave takes this gateway out of the site; it stops.
	Leave(ctx context.Context) error
	// Remove takes another gateway out; with force also one that is alive.
	Remove(ctx context.Context, id string, force bool) error
	// Replace takes a dead gateway out and makes a token for the next one.
	Replace(ctx context.Context, id string, force bool, life time.Duration) (Replacement, error)
	// Rekey founds the site's authority anew while the site works. Asked again after
	// an error it goes on where it was.
	Rekey(ctx context.Context, actor string) (Rekeyed, error)
}

// Rekeyed is the answer of POST /v1/cluster/rekey.
type Rekeyed struct {
	Fingerprint string   `json:"fingerprint"`         // of the new authority, SHA-256
	JoinAnew    []string `json:"joinAnew,omitempty"`  // satellites: they know the old one alone
	EnrolAnew   []string `json:"enrolAnew,omitempty"` // devices with certificates of the old one
}

// ClusterStatus is the answer of GET /v1/cluster.
type ClusterStatus struct {
	Gateway string `json:"gateway"`           // the one that was asked
	Cluster string `json:"cluster,omitempty"` // id of the cluster; "" while it waits to be added
	Alone   bool   `json:"alone"`             // it has no cluster in its configuration
	Quorum  Quorum `json:"quorum"`
	// Rebuild is how far this gateway is with its state; nil when it is whole.
	Rebuild *Rebuild `json:"rebuild,omitempty"`
	Voters  int      `json:"voters"`
	// Spare is how many more voters may go before nothing can be recorded.
	Spare       int             `json:"spare"`
	Certificate *Certificate    `json:"certificate,omitempty"`
	Members     []ClusterMember `json:"members"`
	// Formed is when the site was formed anew, the newest last.
	Formed []Formed `json:"formed,omitempty"`
	Advice []Advice `json:"advice"`
}

// Formed is one time the site was formed anew: work may have been lost then.
type Formed struct {
	Epoch   uint32 `json:"epoch"`
	How     string `json:"how"` // recovered or restored
	At      string `json:"at"`  // RFC 3339
	By      string `json:"by"`
	Gateway string `json:"gateway"`
	Number  uint64 `json:"number"` // last command kept
}

// Certificate is that of the gateway that was asked.
type Certificate struct {
	Expires string `json:"expires"` // RFC 3339
	Renews  string `json:"renews"`
	Code    string `json:"code,omitempty"` // why it was not renewed
}

// Roles and states of a ClusterMember.
const (
	RoleLeader  = "leader"
	RoleVoter   = "voter"
	RoleJoining = "joining" // no vote yet
	RoleSpare   = "spare"   // no vote, there are enough
	// RoleSatellite: it keeps no store. Address is the gateway it is attached to.
	RoleSatellite = "satellite"

	StateUp    = "up"
	StateDown  = "down"
	StateEmpty = "empty" // it answers, and waits with an empty disk
	StateApart = "apart" // it answers, in another cluster: for this one it is down
	// StateRebuilding is up: it has its vote, but no state to answer from yet.
	StateRebuilding = "rebuilding"
)

// ClusterMember is one gateway.
type ClusterMember struct {
	ID      string `json:"id"`
	Address string `json:"address"` // id@host:port; of a satellite where it is attached
	Role    string `json:"role"`
	State   string `json:"state"`
	Seen    string `json:"seen,omitempty"` // when it answered last, RFC 3339
	Applied uint64 `json:"applied"`
	Lag     uint64 `json:"lag"` // commands behind
	Version string `json:"version,omitempty"`
	Trial   bool   `json:"trial,omitempty"` // its version is on trial
}

// Votes says whether the member has a vote.
func (m ClusterMember) Votes() bool { return m.Role == RoleLeader || m.Role == RoleVoter }

// Advice is something to do about the cluster.
type Advice struct {
	Code   string `json:"code"`
	Text   string `json:"text"`
	Action string `json:"action"`
}

// Replacement lets the next gateway in.
type Replacement struct {
	Removed bool     `json:"removed"` // false: it was no member (any more)
	Token   string   `json:"token"`
	To      []string `json:"to"` // host:port of gateways that let it in
}

// judge fills in what follows from the members: votes, spare ones and advice.
// Actions come from the table of faults.
func (c *ClusterStatus) judge(action func(code string) string) {
	var down, quiet []string
	up := 0
	c.Advice = []Advice{}
	add := func(code, format string, args ...any) {
		c.Advice = append(c.Advice, Advice{code, fmt.Sprintf(format, args...), action(code)})
	}
	for _, m := range c.Members {
		switch {
		case m.Votes() && (m.State == StateUp || m.State == StateRebuilding):
			up++
		case m.Votes():
			down = append(down, m.ID)
		case m.State == StateDown && m.Role != RoleSatellite:
			quiet = append(quiet, m.ID)
		}
		if m.State == StateApart {
			add("STO-513", "%s answers, but is in another cluster", m.ID)
		}
		if m.Votes() && m.State == StateEmpty {
			add("STO-511", "%s has come back with an empty disk and is kept out", m.ID)
		}
	}
	if c.Rebuild != nil {
		add(CodeRebuilding, "%s is %s", c.Gateway, c.Rebuild)
	}
	c.Voters = up + len(down)
	c.Spare = max(up-(c.Voters/2+1), 0)
	switch {
	case c.Alone:
	case !c.Quorum.OK && c.Rebuild == nil:
		add("STO-404", "nothing can be recorded")
	case c.Voters == 2:
		add("STO-507", "two gateways have a vote: when either goes, nothing can be recorded until it is back. The second one keeps a copy of everything, but does not keep the floor going")
	case c.Voters > 0 && c.Voters%2 == 0:
		add("STO-507", "%d gateways have a vote: they survive the loss of %d, as %d would", c.Voters, c.Voters/2-1, c.Voters-1)
	}
	if c.Quorum.OK && c.Voters > 2 && len(down) > 0 && c.Spare == 0 {
		add("STO-508", "%s down: if one more gateway goes, nothing can be recorded", strings.Join(down, ", "))
	}
	if len(quiet) > 0 {
		add("STO-509", "%s was added and does not answer, so it gets no vote", strings.Join(quiet, ", "))
	}
	if c.Certificate != nil && c.Certificate.Code != "" {
		add(c.Certificate.Code, "the certificate of %s ends on %s and was not renewed", c.Gateway, c.Certificate.Expires)
	}
}

// Refuse is a refusal with its HTTP status, for what stands behind the interface.
func Refuse(status int, code, text string) error { return refuse(status, code, text) }

// StatusOf is the HTTP status of a refusal, 0 of any other error.
func StatusOf(err error) int {
	no, ok := errors.AsType[*httpError](err)
	if !ok {
		return 0
	}
	return no.status
}

func (s *server) cluster(w http.ResponseWriter, _ *http.Request) error {
	c := ClusterStatus{Gateway: s.cfg.Status().ID, Alone: true, Quorum: s.cfg.Quorum(), Members: []ClusterMember{}}
	if s.cfg.Cluster != nil {
		c = s.cfg.Cluster.Look()
	}
	c.Rebuild = s.cfg.Status().Rebuild
	// What cannot be read now is told as advice: who is there is shown all the
	// same, because this is what people look at when nothing works.
	var unread error
	if s.cfg.Formed != nil && c.Rebuild == nil {
		c.Formed, unread = s.cfg.Formed()
	}
	faults := s.cfg.Faults()
	c.judge(func(code string) string {
		for _, f := range faults {
			if f.Code == code {
				return f.Action
			}
		}
		return ""
	})
	if e, ok := errors.AsType[*health.Explained](health.Explain(unread)); ok {
		c.Advice = append(c.Advice, Advice{e.Fault.Code, strings.TrimPrefix(unread.Error(), e.Fault.Code+": "), e.Fault.Action})
	} else if unread != nil {
		s.cfg.Log.Error("when the site was formed anew cannot be read", "err", unread)
	}
	reply(w, http.StatusOK, c)
	return nil
}

// clusterLimit bounds a change: one without a quorum would wait for it.
const clusterLimit = 15 * time.Second

// changeCluster reads the body of a change and makes it.
func changeCluster[T any](s *server, w http.ResponseWriter, r *http.Request, want string, change func(ctx context.Context, req T) (any, int, error)) error {
	var req T
	if err := readJSON(w, r, 4<<10, &req, "the body must be "+want); err != nil {
		return err
	}
	if s.cfg.Cluster == nil {
		return refuse(http.StatusConflict, CodeAlone, "this gateway is alone: its configuration has no cluster.listen")
	}
	ctx, cancel := context.WithTimeout(r.Context(), clusterLimit)
	defer cancel()
	body, status, err := change(ctx, req)
	if err != nil {
		return err
	}
	reply(w, status, body)
	return nil
}

// changed is the answer to a change of the members.
type changed struct {
	OK   bool   `json:"ok"`
	Code string `json:"code"`
	Ref  string `json:"ref"`
}

func noGateway() error {
	return refuse(http.StatusBadRequest, CodeBadRequest, "the id of a gateway is missing")
}

func (s *server) transfer(w http.ResponseWriter, r *http.Request) error {
	type to struct {
		To string `json:"to"`
	}
	return changeCluster(s, w, r, `{"to": "gw2"}`, func(ctx context.Context, q to) (any, int, error) {
		if q.To == "" {
			return nil, 0, noGateway()
		}
		return changed{true, "OK", q.To}, http.StatusOK, s.cfg.Cluster.Transfer(ctx, q.To)
	})
}

func (s *server) leave(w http.ResponseWriter, r *http.Request) error {
	return changeCluster(s, w, r, `{}`, func(ctx context.Context, _ struct{}) (any, int, error) {
		return changed{true, "OK", s.cfg.Status().ID}, http.StatusOK, s.cfg.Cluster.Leave(ctx)
	})
}

func (s *server) removeGateway(w http.ResponseWriter, r *http.Request) error {
	type removal struct {
		ID    string `json:"id"`
		Force bool   `json:"force"`
	}
	return changeCluster(s, w, r, `{"id": "gw2"}`, func(ctx context.Context, q removal) (any, int, error) {
		if q.ID == "" {
			return nil, 0, noGateway()
		}
		return changed{true, "OK", q.ID}, http.StatusOK, s.cfg.Cluster.Remove(ctx, q.ID, q.Force)
	})
}

func (s *server) rekey(w http.ResponseWriter, r *http.Request) error {
	return changeCluster(s, w, r, `{}`, func(ctx context.Context, _ struct{}) (any, int, error) {
		out, err := s.cfg.Cluster.Rekey(ctx, askedBy(ctx))
		return out, http.StatusOK, err
	})
}

func (s *server) replaceGateway(w http.ResponseWriter, r *http.Request) error {
	type replacement struct {
		ID    string `json:"id"`
		Force bool   `json:"force"`
		TTL   int64  `json:"ttlSeconds"`
	}
	return changeCluster(s, w, r, `{"id": "gw2", "ttlSeconds": 86400}`, func(ctx context.Context, q replacement) (any, int, error) {
		switch {
		case q.ID == "":
			return nil, 0, noGateway()
		case q.TTL < 1 || q.TTL > int64(maxToken/time.Second):
			return nil, 0, refuse(http.StatusBadRequest, CodeBadRequest, "ttlSeconds must be from 1 to 86400")
		}
		out, err := s.cfg.Cluster.Replace(ctx, q.ID, q.Force, time.Duration(q.TTL)*time.Second)
		return out, http.StatusCreated, err
	})
}
