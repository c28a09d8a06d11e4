package ledger

import (
	"encoding/binary"
	"fmt"

	"tote/warehouse"
)

// Keys. Changing anything here breaks compatibility with every stored
// snapshot. Components are separated by a zero byte; numbers are big-endian,
// eight bytes.
//
//	sync cursor source             cursor of the inbox
//	sync msg    source msgId       number of the message  (dedupe)
//	sync msgs   source number      msgId                  (window, oldest first)
//	sync count  name …             counter
//	sync ack    stream             ackRecord
//	sync sent   stream seq         Event                  (acknowledged, kept for a rewind)
//	sync hold   subject            Hold
//	sync held   subject number     heldRow                (waiting behind the hold, in order)
//	sync heldat stream seq         1                      (this row is in held)
//	sync resend seq                resendRow              (outbox of released rows)
//	sync refuse number             Refusal
//	sync epochs                    epochRecord            (where epochs began)
//
// Of an upstream hold, held, resend and refuse have its name behind them, as its
// streams do (upstream.go).
const root = "sync"

// StreamResend carries the events of released subjects. It has a sequence of
// its own and is drained before all other streams.
const StreamResend = "resend"

// Windows. They are part of version 1 of the commands: a change needs a new
// version.
const (
	msgWindow    = 10_000 // message ids remembered for each source
	sentWindow   = 1000   // acknowledged rows kept for each stream
	refuseWindow = 200    // refusals kept for the console
)

type ackRecord struct {
	Epoch uint32 `cbor:"1,keyasint"`
	Upto  uint64 `cbor:"2,keyasint"`
}

// Hold is a subject whose events are kept back.
type Hold struct {
	Subject string `cbor:"1,keyasint" json:"subject"`
	Code    string `cbor:"2,keyasint" json:"code"` // of the OMS
	Text    string `cbor:"3,keyasint,omitempty" json:"text,omitempty"`
	Since   int64  `cbor:"4,keyasint" json:"since"` // ms since 1970 UTC
	Events  int    `cbor:"5,keyasint" json:"events"`
	// From is the first seq of each stream that waits; a stream that is not
	// listed waits as a whole. Sorted by stream.
	From  []streamFrom `cbor:"6,keyasint" json:"-"`
	Epoch uint32       `cbor:"7,keyasint" json:"-"`
}

type streamFrom struct {
	Stream string `cbor:"1,keyasint"`
	Seq    uint64 `cbor:"2,keyasint"`
}

// covers says whether a row of the subject waits behind the hold.
func (h *Hold) covers(stream string, seq uint64) bool {
	for _, f := range h.From {
		if f.Stream == stream {
			return seq >= f.Seq
		}
	}
	return true
}

// Ref names an event that was sent before.
type Ref struct {
	Epoch  uint32 `cbor:"1,keyasint"`
	Stream string `cbor:"2,keyasint"`
	Seq    uint64 `cbor:"3,keyasint"`
}

type heldRow struct {
	Was   Ref             `cbor:"1,keyasint"`
	Event warehouse.Event `cbor:"2,keyasint"`
}

type resendRow struct {
	Supersedes Ref             `cbor:"1,keyasint"`
	Event      warehouse.Event `cbor:"2,keyasint"` // Seq is the one in the stream resend
}

// Refusal is an inbox item that had no effect.
type Refusal struct {
	Source string `cbor:"1,keyasint" json:"source"`
	MsgID  string `cbor:"2,keyasint" json:"msgId"`
	Order  string `cbor:"3,keyasint,omitempty" json:"order,omitempty"`
	Code   string `cbor:"4,keyasint" json:"code"`
	Text   string `cbor:"5,keyasint,omitempty" json:"text,omitempty"`
	At     int64  `cbor:"6,keyasint" json:"at"` // ms since 1970 UTC
}

func key(parts ...string) []byte {
	b := []byte(root)
	for _, p := range parts {
		b = append(b, 0)
		b = append(b, p...)
	}
	return b
}

func holdKey(upstream, subject string) []byte { return key(family("hold", upstream), subject) }

func under(parts ...string) []byte { return append(key(parts...), 0) }

func num(n uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return string(b[:])
}

func load[T any](r warehouse.Reader, k []byte) (*T, error) {
	b, err := r.Get(k)
	if err != nil || b == nil {
		return nil, err
	}
	v := new(T)
	if err := decMode.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("%w: record %q: %w", ErrCorrupt, k, err)
	}
	return v, nil
}

func save[T any](tx warehouse.Tx, k []byte, v *T) error {
	b, err := encMode.Marshal(v)
	if err != nil {
		return fmt.Errorf("cloudsync/ledger: encode record %q: %w", k, err)
	}
	return tx.Set(k, b)
}

// each decodes the records under a prefix in key order until fn returns false.
func each[T any](r warehouse.Reader, prefix []byte, fn func(k []byte, v *T) (bool, error)) error {
	return r.Range(prefix, func(k, b []byte) (bool, error) {
		v := new(T)
		if err := decMode.Unmarshal(b, v); err != nil {
			return false, fmt.Errorf("%w: record %q: %w", ErrCorrupt, k, err)
		}
		return fn(k, v)
	})
}

func counter(r warehouse.Reader, name ...string) (uint64, error) {
	b, err := r.Get(key(append([]string{"count"}, name...)...))
	if err != nil || b == nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: counter %q has %d bytes", ErrCorrupt, name, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}

// next counts the named counter up and returns its new value, 1 at first.
func next(tx warehouse.Tx, name ...string) (uint64, error) {
	n, err := counter(tx, name...)
	if err != nil {
		return 0, err
	}
	return n + 1, tx.Set(key(append([]string{"count"}, name...)...), []byte(num(n+1)))
}
