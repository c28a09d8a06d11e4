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

// Version is the version of all commands of this package but one: an InboxStore
// with an order that names its party, customer or refs has VersionNamed. A
// gateway that does not know the fields would refuse what the others do.
const (
	Version      uint16 = 1
	VersionNamed uint16 = 2
)

func versionOf(c Command) uint16 {
	if in, ok := c.(InboxStore); ok && slices.ContainsFunc(in.Items, func(it Item) bool { return it.Release != nil && it.Release.Later() }) {
		return VersionNamed
	}
	return Version
}

func reads(kind, version uint16) bool {
	return version == Version || version == VersionNamed && kind == KindInboxStore
}

// Since is the feature level from which on a version of a command may be used.
func Since(_, version uint16) uint16 {
	if version == VersionNamed {
		return 4
	}
	return 0
}

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
	version = versionOf(c)
	if _, err := Decode(c.Kind(), version, body); err != nil {
		return 0, 0, nil, err
	}
	return c.Kind(), version, body, nil
}

// Speaks tells whether this version knows the command.
func Speaks(kind, version uint16) bool { return reads(kind, version) && slices.Contains(kinds, kind) }

// kinds are those that Decode takes.
var kinds = []uint16{KindInboxStore, KindAckOutbox, KindHoldSubject, KindReleaseSubject}

// Decode reads a command back. It is strict: unknown kinds, versions and
// fields, fields out of bounds, and any other encoding than the one Encode
// gives are errors.
func Decode(kind, version uint16, body []byte) (Command, error) {
	if !reads(kind, version) {
		return nil, fmt.Errorf("%w: kind %#04x has no version %d", ErrMalformed, kind, version)
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
