// Package lintest checks that a cluster of real processes is linearizable: what
// clients saw, while gateways were killed, stopped, cut off from each other,
// given wrong clocks and slow disks, must be explained by one order of their
// operations in which each took effect between its call and its answer.
//
// A test names a [Subject], what the gateways run and how it should behave, and
// the faults. [Run] starts the test binary again as three gateways (so TestMain
// must call [Child]), drives clients against them and hands the history to
// porcupine. An operation that was given up after it was sent may have happened
// at any later time, or never: it returns at infinity. Asking again with the
// same id is the same operation.
//
// The gateways are in network namespaces of their own where root may make them;
// else they reach each other through proxies, and the run says so. Clients speak to a gateway
// over a Unix socket, which no partition reaches. The parent's goroutines own
// the history until they have ended; the check begins after that.
package lintest

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/anishathalye/porcupine"

	"tote/raftstore"
	"tote/raftstore/peer"
)

// ErrNotDone marks an error of Gateway.Do that promises that the operation had
// no effect and will have none. Any other error leaves that open.
var ErrNotDone = errors.New("lintest: not done")

// Op is one operation of a client on one key. Kind and the rest are the Subject's.
type Op struct {
	Key  string
	Kind string
	Read bool `json:",omitempty"` // changes nothing: forgotten when it fails
	Name string
	A, B int64
}

// Answer of an operation.
type Answer struct {
	OK   bool
	Text string
	A, B int64
}

// Seen is the output of an operation in the history: what the client learned.
type Seen struct {
	Answer
	Known bool // false: given up, it may have happened or not
}

// By recognises the repeat of an operation, as in raftstore.Command.
type By struct {
	ID     [16]byte
	Device string
	Seq    uint64
}

// Gateway is a store in its process.
type Gateway interface {
	// Do carries out one operation; reads are linearizable.
	Do(ctx context.Context, by By, op Op) (Answer, error)
	IsLeader() bool
	Term() uint64
	Joined() bool
	Voter() bool
	Applied() uint64
	WaitApplied(ctx context.Context, number uint64) error
	JoinThrough(ctx context.Context, via peer.Address) error
	Remove(ctx context.Context, id string) error
}

// Client makes the operations of one client, one after the other. Answered is
// told what became of each one.
type Client interface {
	Next(key string) Op
	Answered(op Op, seen Seen)
}

// Subject is what the gateways run.
type Subject struct {
	Name string
	Open func(cfg raftstore.Config) (Gateway, error)
	// Setup is done once before the load; do asks until it is answered.
	Setup func(do func(op Op) (Answer, error)) error
	// Client makes a client; lane is its number.
	Client func(lane int, r *rand.Rand) Client
	// Last reads all of a key; it is done to every key at the end.
	Last func(key string) Op
	// Model of one key. Inputs are Op, outputs Seen.
	Model porcupine.Model
}
