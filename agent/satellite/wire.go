package satellite

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// The calls of a satellite. Changing a name or a number breaks a mixed site.
const (
	CallDo    = "do"    // DoCall → DoAnswer
	CallRead  = "read"  // ReadCall → ReadAnswer
	CallClose = "close" // CloseCall → nothing
	CallPoll  = "poll"  // PollCall → PollAnswer
	CallSeq   = "seq"   // SeqCall → SeqAnswer
	CallAbout = "about" // nothing → AboutAnswer
	CallRelay = "relay" // Mail → nothing
	CallRenew = "renew" // RenewCall → RenewAnswer
	CallLeave = "leave" // nothing → nothing
)

// Words of refusals that the other side acts upon. Every other refusal is final.
const (
	// SayAgain: ask again, here or elsewhere; whether it was done is not known.
	SayAgain = "again"
	// SayNotHere: this gateway does not know the satellite yet.
	SayNotHere = "not_here"
)

// Limits of one message.
const (
	MaxBody    = 256 << 10 // of a command
	MaxFrame   = MaxBody + 8<<10
	MaxCalls   = 64 // of one satellite at the same time
	MaxRows    = 512
	MaxPage    = 256 << 10 // bytes of keys and values in one answer
	MaxTouched = 4096      // keys in one answer; more are "everything"
	MaxMail    = 64        // messages in one answer
	MaxMailed  = 256 << 10 // bytes of one message
	maxName    = 255
	maxKey     = 1 << 10
)

// DoCall carries one command, with how a repeat of it is recognised.
type DoCall struct {
	ID      []byte `cbor:"1,keyasint,omitempty"`
	Device  string `cbor:"2,keyasint,omitempty"`
	Seq     uint64 `cbor:"3,keyasint,omitempty"`
	Actor   string `cbor:"4,keyasint"`
	Kind    uint16 `cbor:"5,keyasint"`
	Version uint16 `cbor:"6,keyasint"`
	Body    []byte `cbor:"7,keyasint"`
	WaitMs  int64  `cbor:"8,keyasint"` // how long the maker waits here
}

// DoAnswer is what the command was answered, after it was committed.
type DoAnswer struct {
	Result []byte `cbor:"1,keyasint"` // of package warehouse
	At     uint64 `cbor:"2,keyasint"` // this much was applied here by then
}

// ReadCall asks for a key, or for a part of a range, of one state.
type ReadCall struct {
	View uint64 `cbor:"1,keyasint,omitempty"` // 0 opens one
	Min  uint64 `cbor:"2,keyasint,omitempty"` // the new one holds this command
	Key  []byte `cbor:"3,keyasint,omitempty"` // a key, or the prefix of a range
	// After is the last key the satellite has of the range; Range is false for
	// a key alone.
	Range bool   `cbor:"4,keyasint,omitempty"`
	After []byte `cbor:"5,keyasint,omitempty"`
	// Most is how many rows the answer may have. For a key they are the row
	// itself and those that follow it in its folder (what stands before the
	// last slash): whoever reads one mostly reads the next.
	Most int `cbor:"6,keyasint"`
}

// Row is a key and its value.
type Row struct {
	_     struct{} `cbor:",toarray"`
	Key   []byte
	Value []byte
}

// ReadAnswer holds the rows in ascending order. More: there are further ones.
type ReadAnswer struct {
	View uint64 `cbor:"1,keyasint"`
	Rows []Row  `cbor:"2,keyasint"`
	More bool   `cbor:"3,keyasint,omitempty"`
}

// CloseCall ends a view.
type CloseCall struct {
	View uint64 `cbor:"1,keyasint"`
}

// PollCall asks what is new. It is answered when something is, or after WaitMs.
type PollCall struct {
	// Cluster is that of the number At; "" = nothing was told yet.
	Cluster string `cbor:"1,keyasint,omitempty"`
	At      uint64 `cbor:"2,keyasint,omitempty"` // everything up to here was told
	WaitMs  int64  `cbor:"3,keyasint,omitempty"`
	// Attach: the satellite will come back, so keep its mail.
	Attach bool `cbor:"4,keyasint,omitempty"`
	Quorum bool `cbor:"5,keyasint,omitempty"` // what it was told last
}

// Member is a gateway with a store.
type Member struct {
	ID      string `cbor:"1,keyasint"`
	Address string `cbor:"2,keyasint"` // id@host:port
	Voter   bool   `cbor:"3,keyasint,omitempty"`
	Leader  bool   `cbor:"4,keyasint,omitempty"`
	Up      bool   `cbor:"5,keyasint,omitempty"`
	SeenMs  int64  `cbor:"6,keyasint,omitempty"`
	Applied uint64 `cbor:"7,keyasint,omitempty"`
	Lag     uint64 `cbor:"8,keyasint,omitempty"`
}

// State is how the site is, as the asked gateway sees it.
type State struct {
	Cluster string   `cbor:"1,keyasint"`
	Applied uint64   `cbor:"2,keyasint"`
	Term    uint64   `cbor:"3,keyasint"`
	Quorum  bool     `cbor:"4,keyasint"`
	SinceMs int64    `cbor:"5,keyasint"`
	ClockMs int64    `cbor:"6,keyasint"` // time of the cluster
	Members []Member `cbor:"7,keyasint"`
}

// Mail is a message between gateways that is in no record; see agent's relay.
type Mail struct {
	Method string `cbor:"1,keyasint"`
	Body   []byte `cbor:"2,keyasint"`
}

// PollAnswer is what is new.
type PollAnswer struct {
	State      State    `cbor:"1,keyasint"`
	At         uint64   `cbor:"2,keyasint"` // told up to here now
	Everything bool     `cbor:"3,keyasint,omitempty"`
	Touched    []string `cbor:"4,keyasint,omitempty"`
	Mail       []Mail   `cbor:"5,keyasint,omitempty"`
}

// SeqCall asks for the newest sequence of a device.
type SeqCall struct {
	Device string `cbor:"1,keyasint"`
	Min    uint64 `cbor:"2,keyasint,omitempty"`
}

// SeqAnswer answers it.
type SeqAnswer struct {
	Last uint64 `cbor:"1,keyasint"`
}

// AboutAnswer is what changes once in years. Formed is JSON of package agent/api.
type AboutAnswer struct {
	Epoch  uint32 `cbor:"1,keyasint"`
	Formed []byte `cbor:"2,keyasint,omitempty"`
}

// RenewCall asks for a new certificate.
type RenewCall struct {
	CSR []byte `cbor:"1,keyasint"`
}

// RenewAnswer is that certificate, DER.
type RenewAnswer struct {
	Cert []byte `cbor:"1,keyasint"`
}

// strict decodes what came over the wire, within bounds.
var strict = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxMapPairs: 64, MaxArrayElements: 8192, MaxNestedLevels: 8,
	}.DecMode()
	if err != nil {
		panic(err) // a bad option is a bug of this file
	}
	return m
}()

// Decode reads a message and checks its bounds.
func Decode(b []byte, into interface{ Check() error }) error {
	if err := strict.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := into.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func within(what string, n, low, high int64) error {
	if n < low || n > high {
		return fmt.Errorf("%s: %d is not in %d..%d", what, n, low, high)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

const maxWait = 60_000 // ms

// Check implements Decode's argument.
func (c *DoCall) Check() error {
	if c.Device == "" && len(c.ID) != 16 || c.Device != "" && len(c.ID) != 0 {
		return errors.New("it needs either an id of 16 bytes or a device")
	}
	return first(within("device", int64(len(c.Device)), 0, maxName), within("actor", int64(len(c.Actor)), 0, maxName),
		within("body", int64(len(c.Body)), 0, MaxBody), within("wait", c.WaitMs, 1, maxWait))
}

// Check implements Decode's argument.
func (c *DoAnswer) Check() error { return nil }

// Check implements Decode's argument.
func (c *ReadCall) Check() error {
	if c.After != nil && (!c.Range || len(c.After) < len(c.Key) || string(c.After[:len(c.Key)]) != string(c.Key)) {
		return errors.New("the last key is not of the range")
	}
	return first(within("key", int64(len(c.Key)), 0, maxKey), within("last key", int64(len(c.After)), 0, maxKey), within("rows", int64(c.Most), 1, MaxRows))
}

// Check implements Decode's argument.
func (c *ReadAnswer) Check() error {
	for i := 1; i < len(c.Rows); i++ {
		if string(c.Rows[i-1].Key) >= string(c.Rows[i].Key) {
			return errors.New("the rows are not in order")
		}
	}
	if c.View == 0 || c.More && len(c.Rows) == 0 {
		return errors.New("a part of a range without a view or without rows")
	}
	return within("rows", int64(len(c.Rows)), 0, MaxRows)
}

// Check implements Decode's argument.
func (c *CloseCall) Check() error { return nil }

// Check implements Decode's argument.
func (c *PollCall) Check() error {
	return first(within("cluster", int64(len(c.Cluster)), 0, maxName), within("wait", c.WaitMs, 0, maxWait))
}

// Check implements Decode's argument.
func (c *PollAnswer) Check() error {
	return first(within("touched", int64(len(c.Touched)), 0, MaxTouched), within("messages", int64(len(c.Mail)), 0, MaxMail),
		within("gateways", int64(len(c.State.Members)), 0, 64))
}

// Check implements Decode's argument.
func (c *SeqCall) Check() error { return within("device", int64(len(c.Device)), 1, maxName) }

// Check implements Decode's argument.
func (c *SeqAnswer) Check() error { return nil }

// Check implements Decode's argument.
func (c *AboutAnswer) Check() error { return nil }

// Check implements Decode's argument.
func (m *Mail) Check() error {
	return first(within("method", int64(len(m.Method)), 1, maxName), within("message", int64(len(m.Body)), 0, MaxMailed))
}

// Check implements Decode's argument.
func (c *RenewCall) Check() error { return within("request", int64(len(c.CSR)), 1, 8<<10) }

// Check implements Decode's argument.
func (c *RenewAnswer) Check() error { return within("certificate", int64(len(c.Cert)), 1, 16<<10) }

// Encode writes a message.
func Encode(m any) ([]byte, error) { return cbor.Marshal(m) }
