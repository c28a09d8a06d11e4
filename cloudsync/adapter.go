package cloudsync

import (
	"context"
	"fmt"
	"time"

	"tote/cloudsync/wire"
)

// Adapter speaks to one kind of OMS. Calls must end soon after ctx does: the
// next leader may be sending already.
type Adapter interface {
	// Send delivers one dense run of one stream. Errors are *Error; any
	// other error counts as unreachable.
	Send(ctx context.Context, b Batch) (wire.Reply, error)
	// Poll waits up to wait for items behind cursor ("" = from the start).
	Poll(ctx context.Context, cursor string, wait time.Duration, limit int) (wire.InboxPage, error)
	// Capabilities says what the OMS can do by itself.
	Capabilities() Capabilities
}

// Capabilities of an OMS. What is missing has to be emulated by the adapter.
type Capabilities struct {
	ChangeFeed     bool // orders arrive by a cursor that misses nothing
	IdempotencyKey bool // a repeated event has its effect once
	CompareAndSet  bool // a write can be bound to a state
	DeltaStock     bool // stock can be told as a difference
}

// Batch is what Send delivers.
type Batch struct {
	Key    wire.BatchKey
	Epoch  uint32 // of the sender
	Fence  uint64 // Raft term of the sender
	Events []wire.Event
}

// Kind is what went wrong, as far as the sender must care.
type Kind int

// The kinds, one for each action of the error table in DESIGN.md.
const (
	Unreachable Kind = iota // no answer, or 408
	Busy                    // 425, 429, 5xx
	InProgress              // 409: the same key is still running
	Gap                     // 409: ExpectSeq says where the stream goes on
	Fenced                  // 412
	CursorGone              // 410
	Denied                  // 401, 403
	Misplaced               // 404, 405, 415, redirects: not the protocol we speak
	TooLarge                // 413
	Invalid                 // 400, 422 and other 4xx
)

var kindNames = [...]string{
	"unreachable", "busy", "in progress", "gap", "fenced", "cursor gone", "denied", "misplaced", "too large", "invalid",
}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind %d", int(k))
	}
	return kindNames[k]
}

// Error is a call that did not succeed.
type Error struct {
	Kind       Kind
	Status     int           // HTTP status; 0 = none
	Code, Text string        // as the OMS gave them
	RetryAfter time.Duration // 0 = not given
	ExpectSeq  uint64        // with Gap
	Err        error         // cause; may be nil
}

func (e *Error) Error() string {
	s := "oms: " + e.Kind.String()
	if e.Status != 0 {
		s += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Code != "" {
		s += ": " + e.Code
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
