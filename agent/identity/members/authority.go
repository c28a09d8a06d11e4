package members

import (
	"bytes"
	"crypto/sha256"

	"tote/warehouse"
)

// The site's authority, since it was founded anew for the first time. The keys never
// get here, only the hashes of the certificates: every gateway turns to the next one
// when it has applied that, and drops the one before when it has applied that all
// have.

// Command kinds, of feature level 5.
const (
	KindRefound uint16 = 0x040a
	KindForget  uint16 = 0x040b
)

// Refound has the authority of Pin take the place of Old. It is recorded when every
// gateway holds it.
type Refound struct {
	Pin []byte `cbor:"1,keyasint"` // SHA-256 of the certificate
	Old []byte `cbor:"2,keyasint"`
}

// Forget drops the authority before Pin. It is recorded when every gateway has turned.
type Forget struct {
	Pin []byte `cbor:"1,keyasint"`
}

func (Refound) kind() uint16 { return KindRefound }
func (Forget) kind() uint16  { return KindForget }

// Authority is the record.
type Authority struct {
	Pin   []byte `cbor:"1,keyasint"`
	Old   []byte `cbor:"2,keyasint,omitempty"` // none when the change is finished
	Since int64  `cbor:"3,keyasint"`           // ms since 1970 UTC
	By    string `cbor:"4,keyasint"`
}

// keyAuthority is the key of the record; changing it orphans it.
const keyAuthority = "members/authority"

func refound(tx warehouse.Tx, m warehouse.Meta, c Refound) (warehouse.Result, error) {
	now, err := GetAuthority(tx)
	switch {
	case err != nil:
		return warehouse.Result{}, err
	case now != nil && bytes.Equal(now.Pin, c.Pin):
		return done("authority"), nil
	case now != nil && now.Old != nil:
		return warehouse.Result{Code: warehouse.CodeConflict, Text: "the change before is not finished"}, nil
	}
	return done("authority"), set(tx, keyAuthority, Authority{Pin: c.Pin, Old: c.Old, Since: m.Now, By: m.Actor})
}

func forget(tx warehouse.Tx, c Forget) (warehouse.Result, error) {
	now, err := GetAuthority(tx)
	switch {
	case err != nil:
		return warehouse.Result{}, err
	case now == nil || !bytes.Equal(now.Pin, c.Pin):
		return warehouse.Result{Code: warehouse.CodeConflict, Text: "the site has another authority"}, nil
	case now.Old == nil:
		return done("authority"), nil
	}
	now.Old = nil
	return done("authority"), set(tx, keyAuthority, *now)
}

// GetAuthority is the record, nil when the site still has the one it began with.
func GetAuthority(r warehouse.Reader) (*Authority, error) {
	return getAs[Authority](r, keyAuthority)
}

func validPin(pin []byte) bool { return len(pin) == sha256.Size }
