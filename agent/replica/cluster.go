//go:build !386 && !arm && !mips && !mipsle

package replica

import (
	"context"
	"time"

	"tote/raftstore"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// ViewLinearizable is View of a state that holds everything answered anywhere
// before the call. It needs a quorum and waits for one until ctx ends.
func (s *Store) ViewLinearizable(ctx context.Context, fn func(r warehouse.Reader) error) error {
	return s.raft.ViewLinearizable(ctx, func(r raftstore.Reader, _ uint64) error { return fn(r) })
}

// WaitApplied waits until the command of that index is in the local state.
func (s *Store) WaitApplied(ctx context.Context, index uint64) error {
	return s.raft.WaitApplied(ctx, index)
}

// Age is how old what View shows can be: 0 on the leader,
// raftstore.AgeUnknown before this gateway heard of one.
func (s *Store) Age() time.Duration { return s.raft.Age() }

// Quorum tells whether work can be recorded, and since when that is so.
func (s *Store) Quorum() (ok bool, since time.Time) { return s.raft.Quorum() }

// Leader is the id of the gateway that leads, false when none is known.
func (s *Store) Leader() (id string, ok bool) { return s.raft.Leader() }

// Members lists the gateways of the cluster, by id.
func (s *Store) Members() []raftstore.Member { return s.raft.Members() }

// Join adds a gateway that waits to be added; again after an error goes on.
func (s *Store) Join(ctx context.Context, newcomer peer.Address) error {
	return s.raft.Join(ctx, newcomer)
}

// JoinThrough asks a gateway of the cluster to add this one, which waits.
func (s *Store) JoinThrough(ctx context.Context, via peer.Address) error {
	return s.raft.JoinThrough(ctx, via)
}

// Remove takes a gateway out of the cluster.
func (s *Store) Remove(ctx context.Context, id string) error { return s.raft.Remove(ctx, id) }

// Transfer makes another gateway lead.
func (s *Store) Transfer(ctx context.Context, id string) error { return s.raft.Transfer(ctx, id) }

// Waiting tells whether this gateway waits to be added to a cluster.
func (s *Store) Waiting() bool { return s.raft.Waiting() }

// Joined tells whether this gateway is a member for certain.
func (s *Store) Joined() bool { return s.raft.Joined() }

// Voter tells whether this gateway has a vote.
func (s *Store) Voter() bool { return s.raft.Voter() }

// ClusterID names the cluster, "" while the gateway waits to be added.
func (s *Store) ClusterID() string { return s.raft.ClusterID() }
