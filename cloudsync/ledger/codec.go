package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// Errors of this package.
var (
	// ErrMalformed: the bytes are not a command of this package.
	ErrMalformed = errors.New("cloudsync/ledger: malformed command")
	// ErrCorrupt: a record of the state does not decode.
	ErrCorrupt = errors.New("cloudsync/ledger: state is corrupt")
)

// Version is the version of all commands of this package.
const Version uint16 = 1

// MaxBody is the longest command, in bytes: one log entry.
const MaxBody = 64 << 10

var (
	encMode = mustMode(cbor.CoreDetEncOptions().EncMode())
	decMode = mustMode(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxArrayElements:  16384,
		MaxMapPairs:       64,
		MaxNestedLevels:   8,
	}.DecMode())
)

// mustMode is for the constants above: a bad option is a bug of this file.
func mustMode[M any](m M, err error) M {
	if err != nil {
		panic(err)
	}
	return m
}

// Encode gives the kind, version and bytes under which c goes into the log. It
// fails on what Decode would not take back.
func Encode(c Command) (kind, version uint16, body []byte, err error) {
	body, err = encMode.Marshal(c)
	if err != nil {
		return 0, 0, nil, fmt.Errorf("%w: kind %#04x: %w", ErrMalformed, c.Kind(), err)
	}
	if _, err := Decode(c.Kind(), Version, body); err != nil {
		return 0, 0, nil, err
	}
	return c.Kind(), Version, body, nil
}

// Speaks tells whether this version knows the command.
func Speaks(kind, version uint16) bool { return version == Version && slices.Contains(kinds, kind) }

// kinds are those that Decode takes.
var kinds = []uint16{KindInboxStore, KindAckOutbox, KindHoldSubject, KindReleaseSubject}

// Decode reads a command back. It is strict: unknown kinds, versions and
// fields, fields out of bounds, and any other encoding than the one Encode
// gives are errors.
func Decode(kind, version uint16, body []byte) (Command, error) {
	if version != Version {
		return nil, fmt.Errorf("%w: kind %#04x has version %d, not %d", ErrMalformed, kind, Version, version)
	}
	switch kind {
	case KindInboxStore:
		return decodeAs[InboxStore](body)
	case KindAckOutbox:
		return decodeAs[AckOutbox](body)
	case KindHoldSubject:
		return decodeAs[HoldSubject](body)
	case KindReleaseSubject:
		return decodeAs[ReleaseSubject](body)
	}
	return nil, fmt.Errorf("%w: unknown kind %#04x", ErrMalformed, kind)
}

func decodeAs[C Command](body []byte) (Command, error) {
	var c C
	if len(body) > MaxBody {
		return nil, fmt.Errorf("%w: kind %#04x: %d bytes, the most is %d", ErrMalformed, c.Kind(), len(body), MaxBody)
	}
	if err := decMode.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("%w: kind %#04x: %w", ErrMalformed, c.Kind(), err)
	}
	if why := check(c); why != "" {
		return nil, fmt.Errorf("%w: kind %#04x: %s", ErrMalformed, c.Kind(), why)
	}
	// One command has one encoding, so that equal commands are equal bytes.
	again, err := encMode.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("%w: kind %#04x: %w", ErrMalformed, c.Kind(), err)
	}
	if !bytes.Equal(again, body) {
		return nil, fmt.Errorf("%w: kind %#04x: not the deterministic encoding", ErrMalformed, c.Kind())
	}
	return c, nil
}
