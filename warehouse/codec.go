package warehouse

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"tote/warehouse/detcbor"
)

// Errors of decoding. The state machine cannot run such a command; whoever sent
// it gets the code MALFORMED or UNKNOWN_COMMAND.
var (
	// ErrUnknownKind: no command of this package has this kind.
	ErrUnknownKind = errors.New("warehouse: unknown command kind")
	// ErrUnknownVersion: this program does not know this version of the command.
	ErrUnknownVersion = errors.New("warehouse: unknown command version")
	// ErrMalformed: the bytes are not the one encoding of a command.
	ErrMalformed = errors.New("warehouse: malformed command")
	// ErrCorrupt: a record of the state does not decode or contradicts
	// another one. The state must be rebuilt from snapshot and log.
	ErrCorrupt = errors.New("warehouse: state is corrupt")
)

// Bounds of what Decode accepts.
const (
	// MaxBody is the longest command, in bytes.
	MaxBody = 1 << 20
	// MaxRows is the most rows (items, bins, workers, stock) of one command.
	MaxRows = 5000

	maxArray = 16384
	maxPairs = 64
	maxDepth = 8
)

// The one encoding: core deterministic CBOR (RFC 8949 §4.2.1) with integer keys.
var (
	encMode = mustMode(cbor.CoreDetEncOptions().EncMode())
	decMode = mustMode(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxArrayElements:  maxArray,
		MaxMapPairs:       maxPairs,
		MaxNestedLevels:   maxDepth,
	}.DecMode())
)

// fastRecords are the stored records that commands read and write most, with what
// stands in them. The others are left to the library; the bytes are the same.
var fastRecords = []any{
	Site{},
	Item{},
	Bin{},
	Worker{},
	OrderSpec{},
	Order{},
	Task{},
	Batch{},
	WorkerState{},
	LU{},
	StationState{},
	LabelJob{},
	Fallout{},
	Transport{},
	Carriage{},
	Move{},
	Event{},
	Result{},
	FloorTask{},
	Count{},
	PickFace{},
	Receipt{},
	Kept{},
	stockRow{},
	lotRecord{},
	streamHead{},
	atpHead{},
	levelsRecord{},
	suspectRecord{},
	onHand{},
}

var records = detcbor.Compile(fastRecords...)

// mustMode is for the constants above: a bad option is a bug of this file.
func mustMode[M any](m M, err error) M {
	if err != nil {
		panic(err)
	}
	return m
}

// Encode gives the kind, version and bytes under which c goes into the log. It
// fails on what Decode would not take back, such as text that is not UTF-8.
func Encode(c Command) (kind, version uint16, body []byte, err error) {
	e, ok := lookup(c.Kind())
	if !ok {
		return 0, 0, nil, fmt.Errorf("%w: %#04x", ErrUnknownKind, uint16(c.Kind()))
	}
	if body, err = e.encode(c); err != nil {
		return 0, 0, nil, err
	}
	version = e.version
	if v, ok := c.(versioned); ok {
		version = v.version()
	}
	return uint16(e.kind), version, body, nil
}

// versioned is a command that needs a later version of its kind when a field is
// used that the first one does not have: a gateway that does not know the field
// would refuse what the others do, and their states would part.
type versioned interface{ version() uint16 }

func (a AskWork) version() uint16 {
	if a.Bin != "" {
		return 2
	}
	return 1
}

func (a AskMove) version() uint16 {
	if a.Owner+a.Serial+a.Status+a.Second != "" {
		return 2
	}
	return 1
}

func (m MoveStock) version() uint16 {
	if m.Second != "" {
		return 2
	}
	return 1
}

func (r ReceiveUnit) version() uint16 {
	if len(r.Serials) > 0 {
		return 2
	}
	return 1
}

func (u Unpack) version() uint16 {
	if u.Parcel != "" {
		return 2
	}
	return 1
}

func (c ChangeCarrier) version() uint16 {
	if c.All {
		return 2
	}
	return 1
}

func (p PortalPass) version() uint16 {
	if p.Way != "" || p.From|p.To != 0 || len(p.RSSI) > 0 {
		return 2
	}
	return 1
}

func (r RobotPick) version() uint16 {
	if r.Said != "" {
		return 2
	}
	return 1
}

func (p PutSite) version() uint16 {
	s := &p.Site
	if s.Pin != "" || s.PinFirst || s.PinIdleMs != 0 {
		return 3
	}
	if len(s.Upstreams)+len(s.Profiles) > 0 || s.Profile != "" || s.Offers ||
		s.ArchiveDays|s.PurgeDays|s.ForgetDays|s.OrdersPerHour|s.ReadingMs != 0 || s.MaxParcels != 0 {
		return 2
	}
	return 1
}

func (p PutItems) version() uint16 {
	if slices.ContainsFunc(p.Items, func(it Item) bool { return it.Image+it.ImageHash+it.Profile != "" }) {
		return 2
	}
	return 1
}

func (p PutWorkers) version() uint16 {
	if slices.ContainsFunc(p.Workers, func(w Worker) bool { return w.Role != "" }) {
		return 2
	}
	return 1
}

func (s SignIn) version() uint16 {
	if s.Pin+s.Hash != "" || s.Rev != 0 {
		return 2
	}
	return 1
}

func (p PutBins) version() uint16 {
	if slices.ContainsFunc(p.Bins, func(b Bin) bool { return b.MaxMg|b.MaxMl != 0 }) {
		return 2
	}
	return 1
}

// Older is the command as gateways of an older version know it, for a site that
// has such ones; false when there is no other form of it. What is left out goes
// into its text.
func Older(c Command) (Command, bool) {
	if p, ok := c.(PortalPass); ok && p.version() > 1 {
		return PortalPass{Dock: p.Dock, EPCs: p.EPCs}, true // what it saw, without which way
	}
	r, ok := c.(RobotPick)
	if !ok || r.Said == "" {
		return nil, false
	}
	r.Code, r.Said = fmt.Sprintf("%s: the robot may hold goods: %s", r.Code, r.Said), ""
	return r, true
}

// Decode reads a command back. It is strict: unknown kinds, versions and
// fields, duplicate keys, trailing bytes, floats, tags, indefinite lengths and
// any other encoding than the one Encode gives are errors.
func Decode(kind, version uint16, body []byte) (Command, error) {
	e, ok := lookup(Kind(kind))
	if !ok {
		return nil, fmt.Errorf("%w: %#04x", ErrUnknownKind, kind)
	}
	if !e.reads(version) {
		return nil, fmt.Errorf("%w: %s has version %d, not %d", ErrUnknownVersion, e.name, e.newest, version)
	}
	return e.decode(body)
}

// encodeAs is the encode function of one command type.
func encodeAs[C Command](name string, fast detcbor.Set, cmd Command) ([]byte, error) {
	if c, ok := cmd.(C); ok {
		// What was just written in the one encoding only has to be readable.
		if b, ok := fast.Append(nil, &c); ok && len(b) <= MaxBody && fast.Unmarshal(b, new(C)) {
			return b, nil
		}
	}
	b, err := encMode.Marshal(cmd)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, name, err)
	}
	_, err = decodeAs[C](name, fast, b)
	return b, err
}

// decodeAs is the decode function of one command type.
func decodeAs[C Command](name string, fast detcbor.Set, body []byte) (Command, error) {
	if len(body) > MaxBody {
		return nil, fmt.Errorf("%w: %s: %d bytes, the most is %d", ErrMalformed, name, len(body), MaxBody)
	}
	var c C
	if !fast.Unmarshal(body, &c) {
		c = *new(C)
		if err := decMode.Unmarshal(body, &c); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, name, err)
		}
	}
	// One command has one encoding: otherwise two gateways could hold
	// different bytes for the same log entry. New fields must be omitempty,
	// so that old bytes still come out as they went in.
	again, ok := fast.Append(make([]byte, 0, len(body)), &c)
	if !ok {
		var err error
		if again, err = encMode.Marshal(c); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, name, err)
		}
	}
	if !bytes.Equal(again, body) {
		return nil, fmt.Errorf("%w: %s: not the deterministic encoding", ErrMalformed, name)
	}
	return c, nil
}

// EncodeResult gives the bytes kept with the command's id. Keep and Touched are
// not part of the answer and are left out.
func EncodeResult(r Result) []byte {
	b, err := marshal(nil, &r)
	if err != nil {
		// Result holds only strings, numbers and such structs: they
		// always encode.
		panic(fmt.Sprintf("warehouse: encode result: %v", err))
	}
	return b
}

// DecodeResult reads an answer back.
func DecodeResult(b []byte) (Result, error) {
	var r Result
	if err := decMode.Unmarshal(b, &r); err != nil {
		return Result{}, fmt.Errorf("warehouse: decode result: %w", err)
	}
	return r, nil
}

// load reads the record at k; nil when there is none.
func load[T any](r Reader, k []byte) (*T, error) {
	b, err := r.Get(k)
	if err != nil || b == nil {
		return nil, err
	}
	return decodeRecord[T](k, b)
}

func decodeRecord[T any](k, b []byte) (*T, error) {
	v := new(T)
	if err := decodeInto(k, b, v); err != nil {
		return nil, err
	}
	return v, nil
}

// decodeInto reads a record into v, which must be the zero value.
func decodeInto[T any](k, b []byte, v *T) error {
	if records.Unmarshal(b, v) {
		return nil
	}
	*v = *new(T)
	if err := decMode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: record %q: %w", ErrCorrupt, k, err)
	}
	return nil
}

// marshal appends the one encoding of v.
func marshal[T any](to []byte, v *T) ([]byte, error) {
	if b, ok := records.Append(to, v); ok {
		return b, nil
	}
	b, err := encMode.Marshal(v)
	return append(to, b...), err
}

// save writes the record at k.
func save[T any](tx Tx, k []byte, v *T) error {
	var room *[]byte
	if c, ok := tx.(*change); ok {
		room = &c.room
	} else {
		room = new([]byte)
	}
	// What a command writes lies in a few pieces of memory, one behind the
	// other: cap keeps them apart.
	if cap(*room)-len(*room) < roomLeast {
		*room = make([]byte, 0, roomSize)
	}
	at := len(*room)
	b, err := marshal(*room, v)
	if err != nil {
		return fmt.Errorf("warehouse: encode record %q: %w", k, err)
	}
	*room = b
	return tx.Set(k, b[at:len(b):len(b)])
}

// Memory for records: of the pieces, and what must be free for one more. A
// longer record gets a piece of its own.
const (
	roomSize  = 1024
	roomLeast = 256
)

// each decodes the records under a prefix in key order until fn returns false.
func each[T any](r Reader, prefix []byte, fn func(*T) (bool, error)) error {
	return r.Range(prefix, func(k, b []byte) (bool, error) {
		v, err := decodeRecord[T](k, b)
		if err != nil {
			return false, err
		}
		return fn(v)
	})
}

// tails lists the last components of the index rows under a prefix, at most
// limit of them (0 = all). It exists because a range must not be written under.
func tails(r Reader, prefix []byte, limit int) ([]string, error) {
	var ids []string
	err := r.Range(prefix, func(k, _ []byte) (bool, error) {
		ids = append(ids, tail(k))
		return limit == 0 || len(ids) < limit, nil
	})
	return ids, err
}
