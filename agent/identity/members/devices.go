package members

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"

	"tote/warehouse"
)

// Devices that are no gateways: handhelds, robots, conveyors, lights, readers. One is
// let in by a code that serves once and expires; what the site then keeps of it is
// the hash of its credential, so that taking the record away takes the device out.
// A gateway that was stolen is named in a ban, since it may hold what makes new
// certificates.

// Command kinds, of feature level 5.
const (
	KindInvite uint16 = 0x0405
	KindEnrol  uint16 = 0x0406
	KindRotate uint16 = 0x0407
	KindRevoke uint16 = 0x0408
	KindBan    uint16 = 0x0409
)

const levelDevices = 5

// Refusals. Causes and actions are in agent/identity.
const (
	CodeNoDevice    = "IDN-130"
	CodeCodeExpired = "IDN-132"
	CodeCodeUsed    = "IDN-133"
	CodeCodeUnknown = "IDN-134"
	CodeTooMany     = "IDN-135"
	CodeBanned      = "IDN-137"
)

// What a credential is.
const (
	BySecret = "secret" // a password, or the cookie of a browser
	ByKey    = "key"    // the key of a certificate
)

// Bounds of what is kept.
const (
	MaxDevices = 2000
	MaxInvites = 256
	MaxBans    = 64
)

// inviteKept is how long a code is remembered after its end, in ms, so that one who
// uses it then is told why.
const inviteKept = 24 * 3600 * 1000

// rotateGrace is how long after its end a certificate may still be renewed, in ms: a
// robot that was in repair needs no engineer.
const rotateGrace = 30 * 24 * 3600 * 1000

// Invite records a code that lets one device in until Expires.
type Invite struct {
	ID      string `cbor:"1,keyasint"`
	Hash    []byte `cbor:"2,keyasint"` // SHA-256 of the secret
	Expires int64  `cbor:"3,keyasint"` // ms since 1970 UTC
	Role    string `cbor:"4,keyasint"`
	Name    string `cbor:"5,keyasint"`
	Life    int64  `cbor:"6,keyasint"` // ms the credential is good for
}

// Enrol lets a device in with a code. The same one may use it again, because the
// answer to the first time may have been lost; one of the same name before it is out.
type Enrol struct {
	ID         string `cbor:"1,keyasint"`
	Hash       []byte `cbor:"2,keyasint"`
	Kind       string `cbor:"3,keyasint"` // BySecret or ByKey
	Credential []byte `cbor:"4,keyasint"` // SHA-256 of it
}

// Rotate gives a device a new secret, or its certificate a new end. The old secret
// is good until the new one was used.
type Rotate struct {
	Device string `cbor:"1,keyasint"` // "role:name"
	Old    []byte `cbor:"2,keyasint"`
	New    []byte `cbor:"3,keyasint"` // the same for a key
}

// Revoke takes a device out, and the codes that would let it in.
type Revoke struct {
	Device string `cbor:"1,keyasint"` // "role:name"
}

// Ban keeps a gateway out for good, whatever certificate it shows, until the site's
// authority is another one than that of the pin.
type Ban struct {
	Gateway string `cbor:"1,keyasint"`
	Pin     []byte `cbor:"2,keyasint"` // SHA-256 of the authority's certificate
}

func (Invite) kind() uint16 { return KindInvite }
func (Enrol) kind() uint16  { return KindEnrol }
func (Rotate) kind() uint16 { return KindRotate }
func (Revoke) kind() uint16 { return KindRevoke }
func (Ban) kind() uint16    { return KindBan }

// Invitation is the record of a code.
type Invitation struct {
	ID      string `cbor:"1,keyasint" json:"id"`
	Hash    []byte `cbor:"2,keyasint" json:"-"`
	Expires int64  `cbor:"3,keyasint" json:"expires"` // ms since 1970 UTC
	Role    string `cbor:"4,keyasint" json:"role"`
	Name    string `cbor:"5,keyasint" json:"name"`
	Life    int64  `cbor:"6,keyasint" json:"life"`
	Used    []byte `cbor:"7,keyasint,omitempty" json:"-"` // the credential it was used for
	By      string `cbor:"8,keyasint" json:"by"`
}

// Device is the record of one that was let in.
type Device struct {
	Role       string `cbor:"1,keyasint" json:"role"`
	Name       string `cbor:"2,keyasint" json:"name"`
	Kind       string `cbor:"3,keyasint" json:"kind"`
	Credential []byte `cbor:"4,keyasint" json:"-"`
	Previous   []byte `cbor:"5,keyasint,omitempty" json:"-"` // good until Credential is used
	Since      int64  `cbor:"6,keyasint" json:"since"`       // ms since 1970 UTC
	Until      int64  `cbor:"7,keyasint" json:"until"`
	Life       int64  `cbor:"8,keyasint" json:"life"` // ms
	By         string `cbor:"9,keyasint" json:"by"`   // who made the code
}

// ID is the client id of the device, and its user name.
func (d Device) ID() string { return d.Role + ":" + d.Name }

// Shows tells whether a credential lets the device in, in constant time.
func (d Device) Shows(kind string, hash []byte) bool {
	is := subtle.ConstantTimeCompare(d.Credential, hash) | subtle.ConstantTimeCompare(d.Previous, hash)
	return kind == d.Kind && len(hash) == sha256.Size && is == 1
}

// Banned is the record of a gateway that is kept out.
type Banned struct {
	Gateway string `cbor:"1,keyasint" json:"gateway"`
	Since   int64  `cbor:"2,keyasint" json:"since"` // ms since 1970 UTC
	By      string `cbor:"3,keyasint" json:"by"`
	Pin     []byte `cbor:"4,keyasint" json:"-"`
}

// Prefixes of the records; changing one orphans them.
const (
	prefixInvite = "members/invite/"
	prefixDevice = "members/device/"
	prefixBan    = "members/ban/"
)

func decodeDevices(kind uint16, body []byte) (Command, error) {
	switch kind {
	case KindInvite:
		return decodeAs(body, func(c Invite) bool {
			return validID(c.ID) && len(c.Hash) == sha256.Size && c.Expires > 0 && c.Life > 0 && validDevice(c.Role+":"+c.Name)
		})
	case KindEnrol:
		return decodeAs(body, func(c Enrol) bool {
			return validID(c.ID) && len(c.Hash) == sha256.Size && len(c.Credential) == sha256.Size && (c.Kind == BySecret || c.Kind == ByKey)
		})
	case KindRotate:
		return decodeAs(body, func(c Rotate) bool {
			return validDevice(c.Device) && len(c.Old) == sha256.Size && len(c.New) == sha256.Size
		})
	case KindRevoke:
		return decodeAs(body, func(c Revoke) bool { return validDevice(c.Device) })
	case KindBan:
		return decodeAs(body, func(c Ban) bool { return validID(c.Gateway) && len(c.Pin) == sha256.Size })
	}
	switch kind {
	case KindRefound:
		return decodeAs(body, func(c Refound) bool { return validPin(c.Pin) && validPin(c.Old) && !bytes.Equal(c.Pin, c.Old) })
	case KindForget:
		return decodeAs(body, func(c Forget) bool { return validPin(c.Pin) })
	}
	return nil, fmt.Errorf("%w: unknown kind %#04x", ErrMalformed, kind)
}

// validDevice takes "role:name".
func validDevice(s string) bool {
	role, name, ok := strings.Cut(s, ":")
	return ok && validID(role) && validID(name) && !strings.Contains(name, ":")
}

func applyDevices(tx warehouse.Tx, m warehouse.Meta, c Command) (warehouse.Result, error) {
	switch c := c.(type) {
	case Invite:
		return invite(tx, m, c)
	case Enrol:
		return enrol(tx, m, c)
	case Rotate:
		return rotate(tx, m, c)
	case Revoke:
		return revoke(tx, c)
	case Ban:
		return ban(tx, m, c)
	case Refound:
		return refound(tx, m, c)
	case Forget:
		return forget(tx, c)
	}
	return warehouse.Result{Code: warehouse.CodeUnknownKind}, nil
}

func done(ref string) warehouse.Result {
	return warehouse.Result{OK: true, Code: warehouse.CodeOK, Ref: ref, Touched: []string{"members"}}
}

// invite also forgets the codes that ended long ago.
func invite(tx warehouse.Tx, m warehouse.Meta, c Invite) (warehouse.Result, error) {
	all, err := Invitations(tx)
	if err != nil {
		return warehouse.Result{}, err
	}
	if slices.ContainsFunc(all, func(i Invitation) bool { return i.ID == c.ID }) {
		return warehouse.Result{Code: warehouse.CodeConflict, Text: "a code of this id is there already"}, nil
	}
	over := slices.DeleteFunc(slices.Clone(all), func(i Invitation) bool { return m.Now <= i.Expires+inviteKept })
	if open := len(all) - len(over); open >= MaxInvites {
		return warehouse.Result{Code: CodeTooMany, Text: fmt.Sprintf("%d codes are open or ended today", open)}, nil
	}
	for _, i := range over {
		if err := tx.Delete([]byte(prefixInvite + i.ID)); err != nil {
			return warehouse.Result{}, err
		}
	}
	return done(c.ID), set(tx, prefixInvite+c.ID, Invitation{ID: c.ID, Hash: c.Hash, Expires: c.Expires, Role: c.Role, Name: c.Name, Life: c.Life, By: m.Actor})
}

func enrol(tx warehouse.Tx, m warehouse.Meta, c Enrol) (warehouse.Result, error) {
	i, err := GetInvitation(tx, c.ID)
	switch {
	case err != nil:
		return warehouse.Result{}, err
	case i == nil || subtle.ConstantTimeCompare(i.Hash, c.Hash) != 1:
		return warehouse.Result{Code: CodeCodeUnknown, Text: "this site never made that code"}, nil
	case bytes.Equal(i.Used, c.Credential):
		return done(i.Role + ":" + i.Name), nil
	case i.Used != nil:
		return warehouse.Result{Code: CodeCodeUsed, Text: "it let a " + i.Role + " in as " + i.Name}, nil
	case m.Now >= i.Expires:
		return warehouse.Result{Code: CodeCodeExpired, Text: "it was good until an earlier time"}, nil
	}
	d := Device{Role: i.Role, Name: i.Name, Kind: c.Kind, Credential: c.Credential, Since: m.Now, Until: m.Now + i.Life, Life: i.Life, By: i.By}
	old, err := GetDevice(tx, d.ID())
	if err != nil {
		return warehouse.Result{}, err
	}
	if old == nil {
		n := 0
		if err := tx.Range([]byte(prefixDevice), func(_, _ []byte) (bool, error) { n++; return n < MaxDevices, nil }); err != nil {
			return warehouse.Result{}, err
		}
		if n >= MaxDevices {
			return warehouse.Result{Code: CodeTooMany, Text: fmt.Sprintf("%d devices belong to the site", n)}, nil
		}
	}
	i.Used = c.Credential
	if err := set(tx, prefixInvite+i.ID, *i); err != nil {
		return warehouse.Result{}, err
	}
	return done(d.ID()), set(tx, prefixDevice+d.ID(), d)
}

func rotate(tx warehouse.Tx, m warehouse.Meta, c Rotate) (warehouse.Result, error) {
	d, err := GetDevice(tx, c.Device)
	switch {
	case err != nil:
		return warehouse.Result{}, err
	case d == nil || !d.Shows(d.Kind, c.Old):
		return warehouse.Result{Code: CodeNoDevice, Text: "it shows what does not let it in"}, nil
	case m.Now >= d.Until+rotateGrace:
		return warehouse.Result{Code: CodeNoDevice, Text: "its time was over too long ago"}, nil
	case d.Kind == ByKey && !bytes.Equal(c.Old, c.New):
		return warehouse.Result{Code: CodeNoDevice, Text: "a certificate is renewed for its own key"}, nil
	}
	if d.Kind == BySecret {
		d.Previous = c.Old
	}
	d.Credential, d.Until = c.New, max(d.Until, m.Now+d.Life)
	return done(c.Device), set(tx, prefixDevice+c.Device, *d)
}

func revoke(tx warehouse.Tx, c Revoke) (warehouse.Result, error) {
	d, err := GetDevice(tx, c.Device)
	if err != nil {
		return warehouse.Result{}, err
	}
	codes, err := Invitations(tx)
	if err != nil {
		return warehouse.Result{}, err
	}
	codes = slices.DeleteFunc(codes, func(i Invitation) bool { return i.Role+":"+i.Name != c.Device })
	if d == nil && len(codes) == 0 {
		return warehouse.Result{Code: CodeNoDevice, Text: "no device of the site is called " + c.Device}, nil
	}
	for _, i := range codes {
		if err := tx.Delete([]byte(prefixInvite + i.ID)); err != nil {
			return warehouse.Result{}, err
		}
	}
	return done(c.Device), tx.Delete([]byte(prefixDevice + c.Device))
}

// ban also forgets those under an authority that the site has left.
func ban(tx warehouse.Tx, m warehouse.Meta, c Ban) (warehouse.Result, error) {
	all, err := Bans(tx)
	if err != nil {
		return warehouse.Result{}, err
	}
	now := slices.DeleteFunc(slices.Clone(all), func(b Banned) bool { return !bytes.Equal(b.Pin, c.Pin) })
	switch {
	case slices.ContainsFunc(now, func(b Banned) bool { return b.Gateway == c.Gateway }):
		return done(c.Gateway), nil
	case len(now) >= MaxBans:
		return warehouse.Result{Code: CodeTooMany, Text: fmt.Sprintf("%d gateways are kept out; found the site's authority anew", len(now))}, nil
	}
	for _, b := range all {
		if bytes.Equal(b.Pin, c.Pin) {
			continue
		}
		if err := tx.Delete([]byte(prefixBan + b.Gateway)); err != nil {
			return warehouse.Result{}, err
		}
	}
	return done(c.Gateway), set(tx, prefixBan+c.Gateway, Banned{Gateway: c.Gateway, Since: m.Now, By: m.Actor, Pin: c.Pin})
}

func set(tx warehouse.Tx, key string, v any) error {
	b, err := encMode.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Set([]byte(key), b)
}

// GetInvitation is the record of a code, nil when there is none.
func GetInvitation(r warehouse.Reader, id string) (*Invitation, error) {
	return getAs[Invitation](r, prefixInvite+id)
}

// GetDevice is the record of a device, "role:name"; nil when there is none.
func GetDevice(r warehouse.Reader, id string) (*Device, error) {
	return getAs[Device](r, prefixDevice+id)
}

// Invitations lists the codes by id.
func Invitations(r warehouse.Reader) ([]Invitation, error) { return allOf[Invitation](r, prefixInvite) }

// Devices lists the devices by role and name.
func Devices(r warehouse.Reader) ([]Device, error) { return allOf[Device](r, prefixDevice) }

// Bans lists the gateways that are kept out, by id.
func Bans(r warehouse.Reader) ([]Banned, error) { return allOf[Banned](r, prefixBan) }

func getAs[R any](r warehouse.Reader, key string) (*R, error) {
	b, err := r.Get([]byte(key))
	if err != nil || b == nil {
		return nil, err
	}
	v := new(R)
	if err := decMode.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
	}
	return v, nil
}

func allOf[R any](r warehouse.Reader, prefix string) (all []R, err error) {
	err = r.Range([]byte(prefix), func(key, value []byte) (bool, error) {
		var v R
		if err := decMode.Unmarshal(value, &v); err != nil {
			return false, fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
		}
		all = append(all, v)
		return true, nil
	})
	return all, err
}
