// Package enrol lets devices into a site that are no gateways: handhelds, robots,
// conveyors, lights and readers. A person makes a code for a role and a name; the
// device shows it once, before it expires, and gets a credential of its own: a
// browser a cookie, another one a password or a certificate. What the site keeps of
// either is a hash, in the replicated records of package members; taking the record
// away takes the device out on every gateway.
//
// A credential lasts for as long as was said when the code was made, a year unless.
// A cookie is changed for a new one at two thirds of that while the handheld is in
// use, a certificate is renewed by whoever has its key ([Desk.Public]). A password
// stays as it is, and the site warns two weeks before its end.
//
// A [Desk] holds no goroutine; it may be used from any.
package enrol

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"tote/agent/access"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/warehouse"
)

// Bounds of what a person may say.
const (
	MaxTTL  = 24 * time.Hour           // of a code
	MaxLife = 5 * 365 * 24 * time.Hour // of a credential
	// Life is how long a credential is good when nobody says it.
	Life = 365 * 24 * time.Hour
	// Soon is how long before its end the site warns.
	Soon = 14 * 24 * time.Hour
)

// Config is what the desk needs of the agent.
type Config struct {
	Log  *slog.Logger
	Site string
	View func(fn func(r warehouse.Reader) error) error
	// Do records a command; an answer that is not OK has a code of the fault table.
	Do func(ctx context.Context, actor string, c members.Command) (warehouse.Result, error)
	// Sign makes the certificate of a device; nil = this gateway has no authority.
	Sign func(csr []byte, device string, life time.Duration) ([]byte, error)
	// CA is the authority's certificate, DER, and its fingerprint; nil without.
	CA func() (der []byte, fingerprint string)
	// Base is where the network reaches the pages, "https://gw1:8443"; "" = nowhere.
	Base func() string
	Now  func() time.Time // of the site
}

// Desk lets devices in. The zero value is none; see New.
type Desk struct {
	cfg   Config
	guard gate
	seen  sync.Map // device id → time.Time, on this gateway
}

// New makes a desk.
func New(cfg Config) *Desk { return &Desk{cfg: cfg, guard: gate{last: map[string]tries{}}} }

// Offer is a code and what belongs to it. The code is kept nowhere.
type Offer struct {
	Role        string `json:"role"`
	Name        string `json:"name"`
	Code        string `json:"code"`
	Link        string `json:"link,omitempty"`        // for a handheld: where its browser goes
	Fingerprint string `json:"fingerprint,omitempty"` // of the site's authority, SHA-256
	Expires     string `json:"expires"`               // RFC 3339
}

// Refusal is an error with a code of the fault table.
type Refusal struct{ Code, Text string }

func (r *Refusal) Error() string { return r.Code + ": " + r.Text }

func refuse(code, format string, args ...any) error {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// nameOf is what a device of a role may be called; that of a handheld is part of the
// id its page works under.
var nameOf = map[bool]*regexp.Regexp{
	true:  regexp.MustCompile(`^[a-z0-9]{1,16}$`),
	false: regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`),
}

// Invite makes a code for a device, good for ttl; its credential will be good for
// life (0 = [Life]).
func (d *Desk) Invite(ctx context.Context, actor, role, name string, ttl, life time.Duration) (Offer, error) {
	if life == 0 {
		life = Life
	}
	handheld := role == "handheld"
	switch {
	case !access.Enrols(role):
		return Offer{}, refuse(identity.CodeEnrol, "there is no role %.40q; there are %s", role, strings.Join(access.EnrolledRoles(), ", "))
	case !nameOf[handheld].MatchString(name) && handheld:
		return Offer{}, refuse(identity.CodeEnrol, "name of a handheld %.40q: want 1 to 16 of a-z 0-9", name)
	case !nameOf[handheld].MatchString(name):
		return Offer{}, refuse(identity.CodeEnrol, "name %.80q: want 1 to 64 of A-Z a-z 0-9 _ . -", name)
	case ttl < time.Second || ttl > MaxTTL:
		return Offer{}, refuse(identity.CodeEnrol, "a code is good for 1 s to %v", MaxTTL)
	case life < time.Minute || life > MaxLife:
		return Offer{}, refuse(identity.CodeEnrol, "a credential is good for 1 minute to %v", MaxLife)
	}
	id, secret := make([]byte, 6), make([]byte, 24)
	_, _ = rand.Read(id) // never fails (crypto/rand since Go 1.24)
	_, _ = rand.Read(secret)
	sum := sha256.Sum256(secret)
	until := d.cfg.Now().Add(ttl)
	res, err := d.cfg.Do(ctx, actor, members.Invite{
		ID: hex.EncodeToString(id), Hash: sum[:], Expires: until.UnixMilli(), Role: role, Name: name, Life: life.Milliseconds(),
	})
	if err := answered(res, err); err != nil {
		return Offer{}, err
	}
	o := Offer{Role: role, Name: name, Code: hex.EncodeToString(id) + "." + base64.RawURLEncoding.EncodeToString(secret), Expires: until.UTC().Format(time.RFC3339)}
	if d.cfg.CA != nil {
		_, o.Fingerprint = d.cfg.CA()
	}
	if base := d.cfg.Base(); base != "" && handheld {
		o.Link = base + "/enrol?c=" + url.QueryEscape(o.Code)
	}
	return o, nil
}

func answered(res warehouse.Result, err error) error {
	if err == nil && !res.OK {
		return refuse(res.Code, "%s", res.Text)
	}
	return err
}

// Let is what a device gets for its code.
type Let struct {
	Role string `json:"role"`
	Name string `json:"name"`
	// ID is its client id, and its user name.
	ID    string `json:"clientId"`
	Until string `json:"until"` // RFC 3339
	// Secret is its password, shown once; of a certificate there is none.
	Secret      string `json:"password,omitempty"`
	Certificate string `json:"certificate,omitempty"` // PEM, with that of the authority
	CA          string `json:"ca,omitempty"`          // PEM
}

// Claim lets the device in that holds a code: with a password, or when it has made a
// key and brings a request for a certificate (PKCS #10, DER), with that.
func (d *Desk) Claim(ctx context.Context, code string, csr []byte) (Let, error) {
	id, secret, _ := strings.Cut(strings.TrimSpace(code), ".")
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil || len(id) > 64 || len(raw) != 24 {
		return Let{}, refuse(members.CodeCodeUnknown, "this is no code")
	}
	sum := sha256.Sum256(raw)
	// A code that nobody made never gets to the other gateways.
	var i *members.Invitation
	err = d.cfg.View(func(r warehouse.Reader) (err error) {
		i, err = members.GetInvitation(r, id)
		return err
	})
	if err != nil {
		return Let{}, err
	}
	if i == nil {
		return Let{}, refuse(members.CodeCodeUnknown, "this site never made that code")
	}
	let := Let{Role: i.Role, Name: i.Name, ID: clientID(i.Role, i.Name)}
	use := members.Enrol{ID: id, Hash: sum[:], Kind: members.BySecret}
	if csr == nil {
		let.Secret = rand.Text()
		hash := sha256.Sum256([]byte(let.Secret))
		use.Credential = hash[:]
	} else {
		use.Kind = members.ByKey
		if use.Credential, err = identity.KeyOfRequest(csr, i.Role+":"+i.Name); err != nil {
			return Let{}, err
		}
		if d.cfg.Sign == nil {
			return Let{}, refuse(identity.CodeEnrol, "this gateway holds no authority that could make a certificate; enrol it with a password")
		}
	}
	actor := "device/" + i.Role + ":" + i.Name
	if err := answered(d.cfg.Do(ctx, actor, use)); err != nil {
		return Let{}, err
	}
	let.Until = d.cfg.Now().Add(time.Duration(i.Life) * time.Millisecond).UTC().Format(time.RFC3339)
	if d.cfg.CA != nil {
		der, _ := d.cfg.CA()
		let.CA = asPEM(der)
	}
	if csr != nil {
		cert, err := d.cfg.Sign(csr, i.Role+":"+i.Name, time.Duration(i.Life)*time.Millisecond)
		if err != nil {
			return Let{}, err
		}
		let.Certificate = asPEM(cert) + let.CA
	}
	d.cfg.Log.Info("a device was let in", "device", i.Role+":"+i.Name, "by", use.Kind)
	return let, nil
}

// clientID is how a device calls itself to the broker. A reader has none of our
// making.
func clientID(role, name string) string {
	if role == "reader" {
		return name
	}
	return role + ":" + name
}

// DeviceOf is the device of a client id.
func DeviceOf(clientID string) string {
	if strings.Contains(clientID, ":") {
		return clientID
	}
	return "reader:" + clientID
}

// Renew makes a new certificate for the key of a device that has one. Whoever signs
// the request has the key, so nothing else needs to be shown, and a certificate is
// of no use to anybody without it.
func (d *Desk) Renew(ctx context.Context, device string, csr []byte) (Let, error) {
	key, err := identity.KeyOfRequest(csr, device)
	if err != nil {
		return Let{}, err
	}
	rec, err := d.find(device)
	if err != nil {
		return Let{}, err
	}
	if rec == nil || !rec.Shows(members.ByKey, key) || d.cfg.Sign == nil {
		return Let{}, refuse(members.CodeNoDevice, "no device of the site is called %.80q and has this key", device)
	}
	// Each renewal is a command: one that asks all the time is told the same again.
	now, life := d.cfg.Now(), time.Duration(rec.Life)*time.Millisecond
	until := time.UnixMilli(rec.Until)
	if now.After(until.Add(-life / 3)) {
		if err := answered(d.cfg.Do(ctx, "device/"+device, members.Rotate{Device: device, Old: key, New: key})); err != nil {
			return Let{}, err
		}
		until = now.Add(life)
	}
	cert, err := d.cfg.Sign(csr, device, until.Sub(now))
	if err != nil {
		return Let{}, err
	}
	let := Let{Role: rec.Role, Name: rec.Name, ID: clientID(rec.Role, rec.Name), Until: until.UTC().Format(time.RFC3339)}
	if d.cfg.CA != nil {
		der, _ := d.cfg.CA()
		let.CA = asPEM(der)
	}
	let.Certificate = asPEM(cert) + let.CA
	return let, nil
}

func (d *Desk) find(device string) (rec *members.Device, err error) {
	err = d.cfg.View(func(r warehouse.Reader) (err error) {
		rec, err = members.GetDevice(r, device)
		return err
	})
	return rec, err
}

// Known is the record of a device that shows the hash of its credential, nil when it
// is not one of the site, shows something else, or its time is over. An error means
// that it cannot be told.
func (d *Desk) Known(device, kind string, hash []byte) (*members.Device, error) {
	rec, err := d.find(device)
	if err != nil || rec == nil || !rec.Shows(kind, hash) || d.cfg.Now().UnixMilli() >= rec.Until {
		return nil, err
	}
	d.seen.Store(device, time.Now())
	return rec, nil
}

// Revoke takes a device out.
func (d *Desk) Revoke(ctx context.Context, actor, device string) error {
	if err := answered(d.cfg.Do(ctx, actor, members.Revoke{Device: device})); err != nil {
		return err
	}
	d.seen.Delete(device)
	return nil
}

// Row is a device as people see it.
type Row struct {
	Role  string `json:"role"`
	Name  string `json:"name"`
	By    string `json:"by"`             // certificate or password
	From  string `json:"from"`           // who made its code
	Since string `json:"since"`          // RFC 3339
	Until string `json:"until"`          // RFC 3339
	Seen  string `json:"seen,omitempty"` // RFC 3339, when it was let in here last; "" = not since the start
	// Code and Text say what is wrong: its time is over, or nearly.
	Code string `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
}

// Waiting is a code that was not used yet.
type Waiting struct {
	Role    string `json:"role"`
	Name    string `json:"name"`
	Expires string `json:"expires"` // RFC 3339
}

// List is the devices of the site and the codes that are open.
func (d *Desk) List() (rows []Row, open []Waiting, err error) {
	now := d.cfg.Now()
	at := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
	err = d.cfg.View(func(r warehouse.Reader) error {
		rows, open = []Row{}, []Waiting{}
		all, err := members.Devices(r)
		codes, cerr := members.Invitations(r)
		for _, m := range all {
			row := Row{Role: m.Role, Name: m.Name, By: "password", From: m.By, Since: at(m.Since), Until: at(m.Until)}
			if m.Kind == members.ByKey {
				row.By = "certificate"
			}
			if seen, ok := d.seen.Load(m.ID()); ok {
				row.Seen = seen.(time.Time).UTC().Format(time.RFC3339)
			}
			switch left := time.UnixMilli(m.Until).Sub(now); {
			case left <= 0:
				row.Code, row.Text = members.CodeNoDevice, "its time is over; it is not let in"
			case left < Soon && left < time.Duration(m.Life)*time.Millisecond/4:
				row.Code, row.Text = identity.CodeDeviceEnds, fmt.Sprintf("%d days are left", int(left.Hours()/24))
			}
			rows = append(rows, row)
		}
		for _, i := range codes {
			if i.Used == nil && now.UnixMilli() < i.Expires {
				open = append(open, Waiting{i.Role, i.Name, at(i.Expires)})
			}
		}
		return errors.Join(err, cerr)
	})
	return rows, open, err
}
