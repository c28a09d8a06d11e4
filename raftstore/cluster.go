package raftstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

// Roles in the file CLUSTER. Changing one strands every gateway.
const (
	roleFirst    = "first"    // made the cluster
	roleWelcomed = "welcomed" // was told the id, and is perhaps no member yet
	roleAdded    = "added"    // a configuration that names it was committed
)

// membership is what this gateway knows of its cluster, apart from raft. It is
// the file CLUSTER: the id of the cluster, and what this gateway is in it.
type membership struct {
	mu    sync.Mutex
	id    clusterID
	known bool
	role  string
	// seal is made up at each start and named by whoever welcomes: a welcome
	// meant for the folder that was here before is not one for this folder.
	seal clusterID
	// committed is the newest configuration known to be committed. Raft's own
	// may still be taken back.
	committed []raft.Server
}

func (m *membership) get() (clusterID, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id, m.known
}

// name is the id for calls, "" when there is none.
func (m *membership) name() string {
	id, ok := m.get()
	if !ok {
		return ""
	}
	return id.String()
}

// readCluster reads the file; without it the gateway belongs to no cluster.
func (s *Store) readCluster() error {
	b, err := s.files.read("CLUSTER")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	name, role, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	id, err := parseClusterID(name)
	if err != nil {
		return fault(CodeFileDamaged, fmt.Errorf("%s: %w", s.files.path("CLUSTER"), err))
	}
	s.member.id, s.member.known, s.member.role = id, true, role
	return nil
}

// enter makes this gateway part of a cluster, durably.
func (s *Store) enter(id clusterID, role string) error {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	if s.member.known {
		if s.member.id != id {
			return fmt.Errorf("%w: this one is of %s", ErrOtherCluster, s.member.id)
		}
		return nil
	}
	if err := s.files.write("CLUSTER", fmt.Appendf(nil, "%s %s\n", id, role)); err != nil {
		return err
	}
	s.member.id, s.member.known, s.member.role = id, true, role
	return nil
}

// committedConfig learns who the members are for certain. It runs on the apply
// goroutine.
func (s *Store) committedConfig(servers []raft.Server) {
	here := slices.ContainsFunc(servers, func(m raft.Server) bool { return string(m.ID) == s.cfg.NodeID })
	s.member.mu.Lock()
	s.member.committed = servers
	added := here && s.member.known && s.member.role == roleWelcomed
	if added {
		s.member.role = roleAdded
	}
	id := s.member.id
	s.member.mu.Unlock()
	if !added {
		return
	}
	s.log.Info("this gateway is a member now", "cluster", id.String())
	if err := s.files.write("CLUSTER", fmt.Appendf(nil, "%s %s\n", id, roleAdded)); err != nil {
		// At the next start it asks in once more and hears that it is one.
		s.log.Warn("that this gateway is a member was not noted", "error", err)
	}
}

// committedMember tells whether a gateway is a member for certain.
func (m *membership) committedMember(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.committed, func(srv raft.Server) bool { return string(srv.ID) == id })
}

// Joined tells whether this gateway is a member for certain: a configuration
// that names it was committed. One that only was welcomed may have been
// forgotten by a leader that died, and must ask again.
func (s *Store) Joined() bool {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	return s.member.known && s.member.role != roleWelcomed
}

// Voter tells whether this gateway has a vote, as far as it knows.
func (s *Store) Voter() bool {
	srv, ok := s.server(s.cfg.NodeID)
	return ok && srv.Suffrage == raft.Voter
}

// openCluster makes the transport and decides whether this gateway begins a
// new cluster.
func (s *Store) openCluster() error {
	if err := s.readCluster(); err != nil {
		return err
	}
	switch _, err := s.files.read("REMOVED"); {
	case err == nil:
		return fault(CodeRemoved, ErrRemoved)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	last, _ := s.seglog.LastIndex()
	list, err := s.snaps.List()
	if err != nil {
		return err
	}
	fresh := last == 0 && len(list) == 0
	s.member.seal = newClusterID()
	if len(list) > 0 { // later ones come by the log
		s.committedConfig(list[0].Configuration.Servers)
	}
	if _, known := s.member.get(); !known && (!fresh || s.cfg.Peer == nil || s.cfg.Bootstrap) {
		// A log without the file is of the time when there was one gateway.
		if err := s.enter(newClusterID(), roleFirst); err != nil {
			return err
		}
	}
	if s.cfg.Peer == nil {
		_, trans := raft.NewInmemTransport(s.address())
		s.trans = trans
		return s.bootstrap()
	}
	stream := newClusterStream(s.cfg.Peer.Stream(), s.member.get, s.alien)
	if s.cfg.testStream != nil {
		stream.StreamLayer = s.cfg.testStream(stream.StreamLayer)
	}
	s.wire = newWire(stream, max(2*time.Second, 10*s.cfg.HeartbeatTimeout), raftLog{log: s.log, name: "raft"})
	s.trans = s.wire
	s.net = peer.NewCaller(s.cfg.Peer)
	if s.cfg.testNetwork != nil {
		s.net = s.cfg.testNetwork(s.net)
	}
	if s.member.role == roleFirst {
		return s.bootstrap()
	}
	return nil
}

// address is this gateway as raft keeps it.
func (s *Store) address() raft.ServerAddress {
	if s.cfg.Peer == nil {
		return raft.ServerAddress(s.cfg.NodeID)
	}
	return raft.ServerAddress(s.cfg.Peer.Self().String())
}

// alien hears of a gateway of another cluster at our door.
func (s *Store) alien(remote net.Addr, theirs clusterID) {
	s.member.mu.Lock()
	again := s.aliens[theirs]
	if s.aliens == nil {
		s.aliens = map[clusterID]bool{}
	}
	if len(s.aliens) < 16 {
		s.aliens[theirs] = true
	}
	s.member.mu.Unlock()
	if !again {
		s.log.Warn("a gateway of another cluster calls here", "code", CodeOtherCluster, "remote", remote.String(), "cluster", theirs.String())
	}
}

// startCluster begins to answer and to look after the others.
func (s *Store) startCluster() {
	events := make(chan raft.Observation, 64)
	observer := raft.NewObserver(events, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		}
		return false
	})
	s.raft.RegisterObserver(observer)
	s.background(func() {
		defer s.raft.DeregisterObserver(observer)
		s.watchQuorum(events)
	})
	s.background(s.watchState)
	s.background(s.watchSpeed)
	if s.cfg.Peer == nil {
		return
	}
	s.background(s.wire.relay)
	s.background(s.lookAfter)
	s.cfg.Peer.Handle(peer.ProtoCall, func(ctx context.Context, from string, conn net.Conn) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)() // the port may serve another store next
		peer.Serve(ctx, conn, func(ctx context.Context, method string, body []byte) ([]byte, error) {
			return s.serve(ctx, from, method, body)
		})
	})
}

// background runs fn until it ends by itself; Close waits for it. fn must end
// when s.ctx does. It is false when the store is closing and fn will not run.
func (s *Store) background(fn func()) bool {
	s.bgMu.Lock()
	defer s.bgMu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.wg.Go(fn)
	return true
}

// stopBackground ends what background started; nothing new starts after it.
func (s *Store) stopBackground() {
	s.bgMu.Lock()
	defer s.bgMu.Unlock()
	s.cancel()
}

// serve answers a call of another gateway of the site.
func (s *Store) serve(ctx context.Context, from, method string, body []byte) ([]byte, error) {
	switch method {
	case callPropose:
		var q proposeCall
		if err := cbor.Unmarshal(body, &q); err != nil {
			return answered(proposeAnswer{answerCode: toCode(fmt.Errorf("%w: %w", ErrBadCommand, err))})
		}
		return answered(s.servePropose(ctx, q))
	case callProposals:
		var q proposalsCall
		if err := cbor.Unmarshal(body, &q); err != nil {
			return answered(proposalsAnswer{answerCode: toCode(fmt.Errorf("%w: %w", ErrBadCommand, err))})
		}
		return answered(s.serveProposals(ctx, q))
	case callReadIndex:
		number, err := s.readIndexHere(ctx)
		return answered(readAnswer{answerCode: toCode(err), Number: number, Hint: s.hintNow()})
	case callStatus:
		var q statusCall
		if err := cbor.Unmarshal(body, &q); err == nil && q.Short {
			return answered(statusAnswer{Cluster: s.member.name(), Term: s.raft.CurrentTerm(), Fault: FaultCode(s.Err())})
		}
		return answered(s.serveStatus(ctx, from))
	case callWelcome, callLook, callJoin, callRemove, callTransfer, callMoved:
		var q memberCall
		if err := cbor.Unmarshal(body, &q); err != nil {
			return nil, err
		}
		return answered(toCode(s.serveMember(ctx, from, method, q)))
	}
	if s.cfg.OnCall != nil {
		return s.cfg.OnCall(ctx, from, method, body)
	}
	return nil, &peer.RemoteError{Code: "no_method", Text: "no method " + method}
}

func (s *Store) serveMember(ctx context.Context, from, method string, q memberCall) error {
	if err := s.stopped(); err != nil {
		return err
	}
	switch method {
	case callWelcome:
		return s.welcomed(from, q)
	case callLook:
		if to, err := peer.ParseAddress(q.Address); err == nil {
			s.lookAtLeader(to)
		}
		s.lookNow.wake()
		return nil
	}
	if _, ok := s.server(from); !ok && (method != callJoin || !strings.HasPrefix(q.Address, from+"@")) {
		return fmt.Errorf("%w: %s, who asked", ErrNoMember, from)
	}
	switch method {
	case callRemove:
		return s.removeHere(ctx, q.ID)
	case callTransfer:
		return s.transferHere(ctx, q.ID)
	}
	to, err := peer.ParseAddress(q.Address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadCommand, err)
	}
	if method == callMoved {
		return s.movedHere(ctx, from, to)
	}
	return s.joinHere(ctx, to)
}

// Waiting tells whether this gateway belongs to no cluster yet and waits to be
// added by Join.
func (s *Store) Waiting() bool {
	_, ok := s.member.get()
	return !ok
}

// ClusterID names the cluster, "" while the gateway waits to be added.
func (s *Store) ClusterID() string {
	id, ok := s.member.get()
	if !ok {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// handOverLimit bounds how long Close tries to hand over.
const handOverLimit = 3 * time.Second

// handOver gives the lead to another gateway before this one goes, so that the
// others need not notice first.
func (s *Store) handOver() {
	if !s.leader.is() || s.voters() < 2 {
		return
	}
	done := make(chan error, 1)
	go func() { done <- s.raft.LeadershipTransfer().Error() }()
	limit := time.NewTimer(min(2*s.cfg.ElectionTimeout+100*time.Millisecond, handOverLimit))
	defer limit.Stop()
	select {
	case err := <-done:
		if err != nil {
			s.log.Info("the lead was not handed over", "error", err)
		}
	case <-limit.C:
		s.log.Info("the lead was not handed over in time")
	}
}
