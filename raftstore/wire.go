package raftstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"tote/raftstore/peer"
)

// Calls between gateways. Changing a name or a number breaks a mixed cluster.
const (
	callPropose   = "propose"
	callProposals = "proposals" // from levelProposals on
	callReadIndex = "readindex"
	callStatus    = "status"
	callWelcome   = "welcome"
	callLook      = "look"
	callJoin      = "join"
	callRemove    = "remove"
	callTransfer  = "transfer"
	callMoved     = "moved"
)

// proposeCall carries one command, as a batch of one.
type proposeCall struct {
	Entry  []byte `cbor:"1,keyasint"`
	WaitMs int64  `cbor:"2,keyasint,omitempty"` // how long the maker still waits
}

// answerCode carries what an answer may be besides good.
type answerCode struct {
	Code string `cbor:"1,keyasint,omitempty"`
	Text string `cbor:"2,keyasint,omitempty"`
}

// proposeAnswer is the answer of a command, or why there is none.
type proposeAnswer struct {
	answerCode
	Index     uint64 `cbor:"3,keyasint,omitempty"`
	Body      []byte `cbor:"4,keyasint,omitempty"`
	Rejected  bool   `cbor:"5,keyasint,omitempty"`
	Duplicate bool   `cbor:"6,keyasint,omitempty"`
	Hint      hint   `cbor:"7,keyasint"`
	// Alone is in proposalsAnswer only: the answer is known but had no room, so
	// the command must be brought again, alone. Duplicate is that of this time.
	Alone bool `cbor:"8,keyasint,omitempty"`
}

// proposalsCall carries up to maxBatchCommands commands of many callers.
type proposalsCall struct {
	Entry  []byte `cbor:"1,keyasint"`
	WaitMs int64  `cbor:"2,keyasint,omitempty"` // how long the most patient maker still waits
}

// proposalsAnswer is the answer of each command, in order and without hints, or
// why nothing was done with any.
type proposalsAnswer struct {
	answerCode
	Hint    hint            `cbor:"3,keyasint"`
	Answers []proposeAnswer `cbor:"4,keyasint,omitempty"`
}

// readAnswer is the number up to which a linearizable read must have applied.
type readAnswer struct {
	answerCode
	Number uint64 `cbor:"3,keyasint,omitempty"`
	Hint   hint   `cbor:"4,keyasint"`
}

// statusCall asks a gateway how it is. Older ones look at nothing in it.
type statusCall struct {
	Short bool `cbor:"1,keyasint,omitempty"` // only Cluster, Term and Fault
}

// statusAnswer is how a gateway sees itself.
type statusAnswer struct {
	Cluster string `cbor:"1,keyasint,omitempty"` // hex; "" = waits to be added
	Term    uint64 `cbor:"2,keyasint,omitempty"`
	Number  uint64 `cbor:"3,keyasint,omitempty"` // applied
	Last    uint64 `cbor:"4,keyasint,omitempty"` // last log entry
	Leader  string `cbor:"5,keyasint,omitempty"` // address of the leader it knows
	// Removed: the asked one leads for certain, and the asker is no member.
	Removed bool `cbor:"6,keyasint,omitempty"`
	// Seal names this start of a gateway that waits to be added.
	Seal string `cbor:"7,keyasint,omitempty"`
	// Joined: it knows that it is a member.
	Joined bool `cbor:"8,keyasint,omitempty"`
	// Level is the highest feature level it speaks; 0 = a version before there
	// were any.
	Level uint16 `cbor:"9,keyasint,omitempty"`
	Clock int64  `cbor:"10,keyasint,omitempty"` // its wall clock, ms; 0 = not set
	// Sum is the digest of its state at the log entry Mark, Chain that of all
	// changes up to there; none while Sum is empty.
	Mark  uint64 `cbor:"11,keyasint,omitempty"`
	Chain uint64 `cbor:"12,keyasint,omitempty"`
	Sum   []byte `cbor:"13,keyasint,omitempty"`
	// SyncUs is Disk.SyncP99 in microseconds, Low a level of red or black.
	SyncUs int64 `cbor:"20,keyasint,omitempty"`
	Low    bool  `cbor:"21,keyasint,omitempty"`
	// Rebuilding: its state is not whole yet.
	Rebuilding bool `cbor:"23,keyasint,omitempty"`
	// Note is Config.Note.
	Note []byte `cbor:"24,keyasint,omitempty"`
	// Fault is the code of a gateway that stopped by itself.
	Fault string `cbor:"22,keyasint,omitempty"`
}

// memberCall is about one gateway.
type memberCall struct {
	ID      string `cbor:"1,keyasint,omitempty"`
	Address string `cbor:"2,keyasint,omitempty"`
	Cluster string `cbor:"3,keyasint,omitempty"`
	Seal    string `cbor:"4,keyasint,omitempty"`
}

// codes are the errors that travel. Those not here travel as ErrUnknownOutcome.
var codes = []struct {
	code string
	err  error
}{
	{"not_leader", ErrNotLeader},
	{"full", ErrFull},
	{"disk_full", ErrDiskFull},
	{"too_big", ErrTooBig},
	{"bad_command", ErrBadCommand},
	{"seq_too_old", ErrSeqTooOld},
	{"still_member", ErrStillMember},
	{"no_member", ErrNoMember},
	{"other_cluster", ErrOtherCluster},
	{"keeps_quorum", ErrKeepsQuorum},
	{"no_quorum", ErrNoQuorum},
	{"not_reachable", ErrNotReachable},
	{"not_handed_over", ErrNotHandedOver},
	{"too_late", errOtherStart},
	{"unsupported", ErrUnsupported},
	{"too_old", ErrTooOld},
	// The other gateway stops: for the asker that is no leader like any other.
	{"not_leader", ErrLatched},
	{"not_leader", ErrClosed},
	{"not_leader", ErrRebuilding},
}

func toCode(err error) answerCode {
	if err == nil {
		return answerCode{}
	}
	if !errors.Is(err, ErrUnknownOutcome) {
		for _, c := range codes {
			if errors.Is(err, c.err) {
				return answerCode{c.code, err.Error()}
			}
		}
	}
	return answerCode{"unknown", err.Error()}
}

func (a answerCode) err() error {
	if a.Code == "" {
		return nil
	}
	for _, c := range codes {
		if c.code == a.Code {
			return &remoteError{c.err, a.Text}
		}
	}
	return &remoteError{ErrUnknownOutcome, a.Text}
}

// remoteError is another gateway's error in its words.
type remoteError struct {
	is   error
	text string
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.is }

// network is the other gateways as the store reaches them: a Port, or in tests
// something that can be cut.
type network interface {
	Call(ctx context.Context, to peer.Address, method string, body []byte) ([]byte, error)
}

// ask makes a call. ErrNotLeader: it was not asked. ErrUnknownOutcome: it may
// have been.
func (s *Store) ask(ctx context.Context, to peer.Address, method string, question, answer any) error {
	body, err := cbor.Marshal(question)
	if err != nil {
		return fmt.Errorf("raftstore: %s: %w", method, err)
	}
	body, err = s.net.Call(ctx, to, method, body)
	switch {
	case errors.Is(err, peer.ErrUnreachable):
		return fmt.Errorf("%w: %s: %w", errUnreachable, to.ID, err)
	case errors.Is(err, peer.ErrFrame):
		return fmt.Errorf("%w: %w", ErrTooBig, err)
	case err != nil:
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%w: %s asked %s: %w", ErrUnknownOutcome, to.ID, method, err)
	}
	if err := cbor.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("%w: answer of %s to %s: %w", ErrUnknownOutcome, to.ID, method, err)
	}
	return nil
}

// answered encodes an answer of ours.
func answered(a any) ([]byte, error) { return cbor.Marshal(a) }
