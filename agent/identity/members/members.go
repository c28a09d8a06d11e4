// Package members owns the replicated records of who was let into the site:
// the join tokens, the satellites (gateways without a store, which Raft does
// not know), and the devices that are no gateways. It is a pure applier under the laws of package warehouse: no
// clock, no random, no map order, no I/O, no goroutine. The secret of a token
// never gets here, only its hash.
//
// Kinds 0x0400..0x04ff. Bodies are core deterministic CBOR (RFC 8949 §4.2.1)
// with integer keys; decoding is strict.
package members

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"tote/warehouse"
)

// Command kinds. Changing one breaks every stored log.
const (
	KindMakeToken uint16 = 0x0401
	KindUseToken  uint16 = 0x0402
	KindAdmit     uint16 = 0x0403
	KindDismiss   uint16 = 0x0404
)

// levelSatellites is the feature level from which on there may be satellites.
const levelSatellites = 2

// Version is the version of all commands of this package.
const Version uint16 = 1

// maxBody is the longest command, in bytes.
const maxBody = 4 << 10

// Refusals. Causes and actions are in agent/identity.
const (
	CodeExpired = "IDN-105"
	CodeUsed    = "IDN-106"
	CodeUnknown = "IDN-107"
	CodeTaken   = "IDN-110"
)

var (
	// ErrMalformed: the bytes are not a command of this package.
	ErrMalformed = errors.New("members: malformed command")
	// ErrCorrupt: a record of the state does not decode.
	ErrCorrupt = errors.New("members: state is corrupt")
)

// Command is one of the commands below.
type Command interface{ kind() uint16 }

// MakeToken records a token that lets one gateway in until Expires.
type MakeToken struct {
	ID      string `cbor:"1,keyasint"`
	Hash    []byte `cbor:"2,keyasint"` // SHA-256 of the secret
	Expires int64  `cbor:"3,keyasint"` // ms since 1970 UTC
}

// UseToken lets a gateway in. The same gateway may use it again, because the
// answer to the first time may have been lost; no other one may, nor a satellite.
type UseToken struct {
	ID      string `cbor:"1,keyasint"`
	Hash    []byte `cbor:"2,keyasint"`
	Gateway string `cbor:"3,keyasint"`
}

// Admit lets a satellite in with a token, under the rules of UseToken.
type Admit struct {
	ID        string `cbor:"1,keyasint"`
	Hash      []byte `cbor:"2,keyasint"`
	Satellite string `cbor:"3,keyasint"`
	Key       []byte `cbor:"4,keyasint"` // SHA-256 of the public key of its certificate
}

// Dismiss takes a satellite out, and the tokens it used are good for nobody: whoever
// has its machine may have those too.
type Dismiss struct {
	Satellite string `cbor:"1,keyasint"`
}

func (MakeToken) kind() uint16 { return KindMakeToken }
func (UseToken) kind() uint16  { return KindUseToken }
func (Admit) kind() uint16     { return KindAdmit }
func (Dismiss) kind() uint16   { return KindDismiss }

// Satellite is the record of one that belongs to the site. It holds the key and
// not the certificate, which is renewed: one that was dismissed and let in again
// under its old name has a new key, and the old one stays out.
type Satellite struct {
	ID    string `cbor:"1,keyasint" json:"id"`
	Key   []byte `cbor:"2,keyasint" json:"-"`
	Since int64  `cbor:"3,keyasint" json:"since"` // ms since 1970 UTC
}

// Token is the record of one token.
type Token struct {
	ID      string `cbor:"1,keyasint" json:"id"`
	Hash    []byte `cbor:"2,keyasint" json:"-"`
	Expires int64  `cbor:"3,keyasint" json:"expires"`                     // 0 = who used it was dismissed
	Gateway string `cbor:"4,keyasint,omitempty" json:"gateway,omitempty"` // who used it
	UsedAt  int64  `cbor:"5,keyasint,omitempty" json:"usedAt,omitempty"`
}

// Prefixes of the records; changing one orphans them.
const (
	prefix          = "members/token/"
	prefixSatellite = "members/satellite/"
)

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxMapPairs: 16, MaxArrayElements: 16, MaxNestedLevels: 4,
	}.DecMode())
)

// must is for the constants above: a bad option is a bug of this file.
func must[M any](m M, err error) M {
	if err != nil {
		panic(err)
	}
	return m
}

// Encode gives the kind, version and bytes under which c goes into the log.
func Encode(c Command) (kind, version uint16, body []byte, err error) {
	body, err = encMode.Marshal(c)
	if err == nil {
		_, err = Decode(c.kind(), Version, body)
	}
	return c.kind(), Version, body, err
}

// Speaks tells whether this version knows the command.
func Speaks(kind, version uint16) bool { return version == Version && slices.Contains(kinds, kind) }

// Since is the feature level from which on a command may be used.
func Since(kind uint16) uint16 {
	switch kind {
	case KindAdmit, KindDismiss:
		return levelSatellites
	case KindInvite, KindEnrol, KindRotate, KindRevoke, KindBan, KindRefound, KindForget:
		return levelDevices
	}
	return 0
}

// kinds are those that Decode takes.
var kinds = []uint16{KindMakeToken, KindUseToken, KindAdmit, KindDismiss, KindInvite, KindEnrol, KindRotate, KindRevoke, KindBan, KindRefound, KindForget}

// Decode reads a command back, strictly.
func Decode(kind, version uint16, body []byte) (Command, error) {
	if version != Version {
		return nil, fmt.Errorf("%w: kind %#04x has version %d, not %d", ErrMalformed, kind, Version, version)
	}
	switch kind {
	case KindMakeToken:
		return decodeAs(body, func(c MakeToken) bool { return validID(c.ID) && len(c.Hash) == sha256.Size && c.Expires > 0 })
	case KindUseToken:
		return decodeAs(body, func(c UseToken) bool { return validID(c.ID) && len(c.Hash) == sha256.Size && validID(c.Gateway) })
	case KindAdmit:
		return decodeAs(body, func(c Admit) bool {
			return validID(c.ID) && len(c.Hash) == sha256.Size && validID(c.Satellite) && len(c.Key) == sha256.Size
		})
	case KindDismiss:
		return decodeAs(body, func(c Dismiss) bool { return validID(c.Satellite) })
	}
	return decodeDevices(kind, body)
}

func decodeAs[C Command](body []byte, valid func(C) bool) (Command, error) {
	var c C
	if len(body) > maxBody {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(body))
	}
	if err := decMode.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !valid(c) {
		return nil, fmt.Errorf("%w: a field is missing or out of range", ErrMalformed)
	}
	again, err := encMode.Marshal(c)
	if err != nil || !bytes.Equal(again, body) {
		return nil, fmt.Errorf("%w: not the deterministic encoding", ErrMalformed)
	}
	return c, nil
}

func validID(s string) bool {
	if len(s) < 1 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '/' {
			return false
		}
	}
	return true
}

// Apply runs one command.
func Apply(tx warehouse.Tx, m warehouse.Meta, kind, version uint16, body []byte) (warehouse.Result, error) {
	c, err := Decode(kind, version, body)
	if err != nil {
		return warehouse.Result{Code: warehouse.CodeMalformed, Text: err.Error()}, nil
	}
	switch c := c.(type) {
	case MakeToken:
		old, err := Get(tx, c.ID)
		if err != nil {
			return warehouse.Result{}, err
		}
		if old != nil {
			return warehouse.Result{Code: warehouse.CodeConflict, Text: "a token of this id is there already"}, nil
		}
		return put(tx, Token{ID: c.ID, Hash: c.Hash, Expires: c.Expires})
	case UseToken:
		// With its own token it would get the key of the site.
		if s, err := GetSatellite(tx, c.Gateway); err != nil || s != nil {
			return warehouse.Result{Code: CodeTaken, Text: "a satellite of this id is in the site already"}, err
		}
		return use(tx, m, c)
	case Admit:
		return admit(tx, m, c)
	case Dismiss:
		return dismiss(tx, c)
	}
	return applyDevices(tx, m, c)
}

func use(tx warehouse.Tx, m warehouse.Meta, c UseToken) (warehouse.Result, error) {
	t, err := Get(tx, c.ID)
	switch {
	case err != nil:
		return warehouse.Result{}, err
	case t == nil || subtle.ConstantTimeCompare(t.Hash, c.Hash) != 1:
		return warehouse.Result{Code: CodeUnknown, Text: "this site never made that token"}, nil
	case t.Gateway == c.Gateway && t.Expires > 0:
		return warehouse.Result{OK: true, Code: warehouse.CodeOK, Ref: c.Gateway}, nil
	case t.Gateway != "":
		return warehouse.Result{Code: CodeUsed, Text: "it let " + t.Gateway + " in"}, nil
	case m.Now >= t.Expires:
		return warehouse.Result{Code: CodeExpired, Text: "it was good until an earlier time"}, nil
	}
	t.Gateway, t.UsedAt = c.Gateway, m.Now
	return put(tx, *t)
}

func admit(tx warehouse.Tx, m warehouse.Meta, c Admit) (warehouse.Result, error) {
	s, err := GetSatellite(tx, c.Satellite)
	switch {
	case err != nil:
		return warehouse.Result{}, err
	case s != nil && !bytes.Equal(s.Key, c.Key):
		return warehouse.Result{Code: CodeTaken, Text: "a satellite of this id is in the site already"}, nil
	}
	res, err := use(tx, m, UseToken{ID: c.ID, Hash: c.Hash, Gateway: c.Satellite})
	if err != nil || !res.OK || s != nil {
		return res, err
	}
	b, err := encMode.Marshal(Satellite{ID: c.Satellite, Key: c.Key, Since: m.Now})
	if err != nil {
		return warehouse.Result{}, err
	}
	if err := tx.Set([]byte(prefixSatellite+c.Satellite), b); err != nil {
		return warehouse.Result{}, err
	}
	return warehouse.Result{OK: true, Code: warehouse.CodeOK, Ref: c.Satellite, Touched: []string{"members"}}, nil
}

func dismiss(tx warehouse.Tx, c Dismiss) (warehouse.Result, error) {
	s, err := GetSatellite(tx, c.Satellite)
	if err != nil || s == nil {
		return warehouse.Result{OK: true, Code: warehouse.CodeOK, Ref: c.Satellite}, err
	}
	if err := tx.Delete([]byte(prefixSatellite + c.Satellite)); err != nil {
		return warehouse.Result{}, err
	}
	all, err := Tokens(tx)
	if err != nil {
		return warehouse.Result{}, err
	}
	for _, t := range all {
		if t.Gateway != c.Satellite {
			continue
		}
		t.Expires = 0
		if _, err := put(tx, t); err != nil {
			return warehouse.Result{}, err
		}
	}
	return warehouse.Result{OK: true, Code: warehouse.CodeOK, Ref: c.Satellite, Touched: []string{"members"}}, nil
}

func put(tx warehouse.Tx, t Token) (warehouse.Result, error) {
	b, err := encMode.Marshal(t)
	if err != nil {
		return warehouse.Result{}, err
	}
	if err := tx.Set([]byte(prefix+t.ID), b); err != nil {
		return warehouse.Result{}, err
	}
	return warehouse.Result{OK: true, Code: warehouse.CodeOK, Ref: t.ID, Touched: []string{"members"}}, nil
}

// Get is the record of a token, nil when there is none.
func Get(r warehouse.Reader, id string) (*Token, error) {
	b, err := r.Get([]byte(prefix + id))
	if err != nil || b == nil {
		return nil, err
	}
	t := new(Token)
	if err := decMode.Unmarshal(b, t); err != nil {
		return nil, fmt.Errorf("%w: token %s: %w", ErrCorrupt, id, err)
	}
	return t, nil
}

// Tokens lists all tokens by id.
func Tokens(r warehouse.Reader) ([]Token, error) {
	var all []Token
	err := r.Range([]byte(prefix), func(_, value []byte) (bool, error) {
		var t Token
		if err := decMode.Unmarshal(value, &t); err != nil {
			return false, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		all = append(all, t)
		return true, nil
	})
	return all, err
}

// GetSatellite is the record of a satellite, nil when there is none.
func GetSatellite(r warehouse.Reader, id string) (*Satellite, error) {
	b, err := r.Get([]byte(prefixSatellite + id))
	if err != nil || b == nil {
		return nil, err
	}
	s := new(Satellite)
	if err := decMode.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%w: satellite %s: %w", ErrCorrupt, id, err)
	}
	return s, nil
}

// Satellites lists them by id.
func Satellites(r warehouse.Reader) ([]Satellite, error) {
	var all []Satellite
	err := r.Range([]byte(prefixSatellite), func(_, value []byte) (bool, error) {
		var s Satellite
		if err := decMode.Unmarshal(value, &s); err != nil {
			return false, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		all = append(all, s)
		return true, nil
	})
	return all, err
}
