package raftstore

import "errors"

// Errors of Propose and View. Those marked "not done" promise that the command
// had no effect and will have none.
var (
	// ErrUnknownOutcome: the command may or may not have been applied. Propose
	// it again with the same id; the answer will be the answer of the first time.
	ErrUnknownOutcome = errors.New("raftstore: outcome unknown, propose again with the same id")
	// ErrNotLeader: this gateway does not lead. Not done.
	ErrNotLeader = errors.New("raftstore: not the leader")
	// ErrFull: too many commands are waiting. Not done.
	ErrFull = errors.New("raftstore: the queue is full")
	// ErrDiskFull: free space is below the watermark. Not done.
	ErrDiskFull = errors.New("raftstore: too little free disk space")
	// ErrLatched: the store stopped by itself and must be opened again; the
	// cause is wrapped and in Store.Err. Not done.
	ErrLatched = errors.New("raftstore: the store stopped after a failure")
	// ErrClosed: Close was called. Not done.
	ErrClosed = errors.New("raftstore: the store is closed")
	// ErrTooBig: the command's body, or what it writes, is over a limit. Not done.
	ErrTooBig = errors.New("raftstore: the command is too big")
	// ErrBadCommand: a field of the command is missing or out of range. Not done.
	ErrBadCommand = errors.New("raftstore: the command is malformed")
	// ErrSeqTooOld: the sequence lies before the window in which answers are
	// kept, so whether it was applied long ago is not known; now it was not.
	ErrSeqTooOld = errors.New("raftstore: the sequence is older than the answers kept for the device")
	// ErrUnsupported: not every gateway speaks this kind and version of command
	// yet, or none knows it. Not done.
	ErrUnsupported = errors.New("raftstore: not all gateways speak this kind and version of command")
	// ErrRebuilding: the state is being built anew after an unclean stop, so
	// nothing can be read or done here yet. Not done.
	ErrRebuilding = errors.New("raftstore: the state is being built anew")
	// ErrNoQuorum: no gateway is known to lead. Not done.
	ErrNoQuorum = errors.New("raftstore: no quorum")
)

// Errors of changes of the membership, and of Done.
var (
	// ErrRemoved: this gateway was removed from the cluster.
	ErrRemoved = errors.New("raftstore: this gateway was removed from the cluster")
	// ErrStillMember: a gateway of that id is still a voter, but the one that
	// wants to be added has an empty disk. It could vote against what it had
	// acknowledged, so it must be removed before it is added again.
	ErrStillMember = errors.New("raftstore: a gateway of this id is still a voter, remove it first")
	// ErrNoMember: no such gateway, or it is no voter.
	ErrNoMember = errors.New("raftstore: no such member")
	// ErrOtherCluster: the gateway belongs to another cluster.
	ErrOtherCluster = errors.New("raftstore: the gateway belongs to another cluster")
	// ErrTooOld: the gateway to be added does not speak the level the cluster
	// runs at. Nothing changed.
	ErrTooOld = errors.New("raftstore: the gateway is of an older version than the cluster needs")
	// ErrKeepsQuorum: without that gateway the others would have no majority.
	ErrKeepsQuorum = errors.New("raftstore: the gateway is needed for the quorum")
	// ErrNotReachable: the gateway to be added does not answer.
	ErrNotReachable = errors.New("raftstore: the gateway does not answer")
	// ErrNotHandedOver: the other gateway did not take the lead. Nothing changed.
	ErrNotHandedOver = errors.New("raftstore: the lead was not handed over")
	// ErrAlone: this gateway was opened without a port to others.
	ErrAlone = errors.New("raftstore: this gateway has no port for others")
)

// Limits of a command.
const (
	MaxBody     = 256 << 10 // bytes of Command.Body
	MaxName     = 255       // bytes of Command.Device and of Command.Actor
	MaxKey      = 1 << 10   // bytes of a key
	MaxValue    = 60 << 10  // bytes of a value, and of Outcome.Result
	MaxWrites   = 4096      // keys one command may write
	MaxWritten  = 512 << 10 // bytes of keys and values one command may write
	Window      = 64        // sequences per device whose answers are kept
	IDWindow    = 100_000   // random ids kept at most
	IDWindowAge = 24 * 60 * 60 * 1000
	// ReservedKinds: commands of a Machine have a kind above this one.
	ReservedKinds = 0x00ff
)

// Reader is a consistent look at the state.
type Reader interface {
	// Get returns the value of key, nil when it is absent. The caller must
	// not change the bytes.
	Get(key []byte) ([]byte, error)
	// Range calls fn for each key with the prefix in ascending byte order
	// until fn returns false or an error. fn must not write to the same
	// transaction and must not keep or change key and value.
	Range(prefix []byte, fn func(key, value []byte) (bool, error)) error
}

// Tx is what a command may do to the state. It sees its own writes.
type Tx interface {
	Reader
	// Set and Delete copy what they are given.
	Set(key, value []byte) error
	Delete(key []byte) error
}

// Command is one change somebody asks for.
type Command struct {
	// ID is chosen by the maker and kept for every retry. It recognises the
	// command when Device is empty, for 100 000 commands or 24 hours of
	// cluster time, whichever ends first.
	ID [16]byte
	// Device and Seq recognise the command when Device is set. Seq starts at
	// 1; the last 64 answers of a device are kept for ever.
	Device string
	Seq    uint64
	Actor  string // who asked, for the record
	// Kind is above ReservedKinds. Kind, Version and Body are the Machine's.
	Kind    uint16
	Version uint16
	Body    []byte
}

// Meta is what the log knows of a command.
type Meta struct {
	// Index is the number of the command: unique, rising by one.
	Index uint64
	// Now is the cluster time in milliseconds since 1970 UTC. It never goes
	// backwards.
	Now           int64
	ID            [16]byte
	Device        string
	Seq           uint64
	Actor         string
	Kind, Version uint16
	// Level is the feature level the cluster runs at; 0 before there were any.
	Level uint16
}

// Outcome is what a Machine answers to one command.
type Outcome struct {
	// Result is kept and given again to every retry; at most MaxValue bytes.
	Result []byte
	// Reject drops everything the command wrote. The Result is still kept.
	Reject bool
	// Touched names what changed, for OnApply. It is not stored.
	Touched []string
}

// Machine applies commands. Apply must be deterministic: no clock, no
// randomness, no map order. An error means that the state is not sound: the
// store stops. Going over a limit of the transaction refuses the command.
type Machine interface {
	Apply(tx Tx, m Meta, body []byte) (Outcome, error)
}

// Versioned is a Machine that tells which commands it knows. A Machine should
// then, from feature level 1 on, answer a command it does not know with an
// error that wraps ErrUnsupported: another gateway has applied it, and this one
// must not go on without.
type Versioned interface {
	// Level is the highest feature level this version speaks.
	Level() uint16
	// Speaks tells whether it knows the command, and the feature level from
	// which on it may be proposed.
	Speaks(kind, version uint16) (since uint16, ok bool)
}

// Result answers Propose.
type Result struct {
	Index    uint64 // number of the command when it was applied the first time
	Body     []byte // Outcome.Result
	Rejected bool   // Outcome.Reject
	// Duplicate: the command had been applied before, this is its answer of
	// that time.
	Duplicate bool
}
