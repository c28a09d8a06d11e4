package identity

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The site's authority can be founded anew while the site works, in three steps that
// every gateway with a store takes:
//
//	Stage   the next authority is here, and trusted beside the one that signs
//	Turn    it signs; this gateway shows a certificate of it. The old one is trusted.
//	Finish  the old one is trusted no more
//
// Nobody may turn before all have staged, nor finish before all have turned; package
// agent sees to that. Each step may be taken again. What a power cut leaves is either
// the state before a step or behind it.

// Files of a change of the authority; they are gone when it is finished.
const (
	fileNextCA    = "next-ca.crt"
	fileNextCAKey = "next-ca.key"
	fileNextCert  = "next-gw.crt" // there from Turn on
	filePromote   = "promote"     // the files above take their places
)

// ErrRekey: the authority cannot be founded anew now.
var ErrRekey = errors.New("IDN-139: the authority was not founded anew")

// ErrLeftBehind: this gateway still has an authority that the site has left.
var ErrLeftBehind = errors.New("IDN-140: the site's authority was founded anew without this gateway")

// trusted is who signs, and whose certificates are taken.
type trusted struct {
	now  *Authority // signs
	next *Authority // will sign; nil
	old  *Authority // has signed, and is still trusted; nil
	pool *x509.CertPool
}

func (t *trusted) complete() *trusted {
	t.pool = x509.NewCertPool()
	for _, a := range []*Authority{t.now, t.next, t.old} {
		if a != nil {
			t.pool.AddCert(a.Cert)
		}
	}
	return t
}

// certFile is where the gateway's own certificate is.
func (t *trusted) certFile() string {
	if t.old != nil {
		return fileNextCert
	}
	return fileCert
}

// loadNext reads a change that is on its way; cert is the gateway's own of the next
// authority, nil before the turn.
func (t *trusted) loadNext(dir string) (cert *x509.Certificate, err error) {
	next, err := loadAuthority(dir, fileNextCA, fileNextCAKey, true)
	if errors.Is(err, ErrNone) {
		return nil, nil // a key without its certificate was never staged
	}
	if err != nil {
		return nil, err
	}
	cert, err = loadCert(dir, fileNextCert)
	switch {
	case errors.Is(err, ErrNone):
		t.next = next
		return nil, nil
	case err != nil:
		return nil, err
	}
	t.now, t.old = next, t.now
	return cert, nil
}

// Found makes the authority that may take the place of this one, and what the other
// gateways are sent of it: its certificate, DER, and its key, PKCS #8.
func (id *Identity) Found() (ca, key []byte, err error) {
	a, err := NewAuthority(id.Authority().Site(), id.latest())
	if err != nil {
		return nil, nil, err
	}
	key, err = x509.MarshalPKCS8PrivateKey(a.key)
	return a.Cert.Raw, key, err
}

// Stage takes the next authority in. One that was staged before and not turned to is
// forgotten.
func (id *Identity) Stage(ca, key []byte) error {
	cert, err := x509.ParseCertificate(ca)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	k, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	signer, ok := k.(*ecdsa.PrivateKey)
	next := &Authority{Cert: cert, key: signer}
	id.turn.Lock()
	defer id.turn.Unlock()
	t := id.auth.Load()
	switch {
	case !ok || !signer.PublicKey.Equal(cert.PublicKey) || !cert.IsCA:
		return fmt.Errorf("%w: key and certificate of the authority do not fit", ErrDamaged)
	case next.Site() != t.now.Site():
		return fmt.Errorf("%w: it is of site %s", ErrWrongSite, next.Site())
	case t.now.key == nil:
		return fmt.Errorf("%w: a satellite holds no authority", ErrRole)
	case t.old != nil:
		return fmt.Errorf("%w: the change before is not finished", ErrRekey)
	}
	// The certificate last: with it the next authority is staged.
	err = errors.Join(os.RemoveAll(filepath.Join(id.dir, fileNextCA)), replace(id.dir, fileNextCAKey, "PRIVATE KEY", key))
	if err == nil {
		err = replace(id.dir, fileNextCA, "CERTIFICATE", ca)
	}
	if err != nil {
		return err
	}
	id.auth.Store((&trusted{now: t.now, next: next}).complete())
	return nil
}

// Turn has the staged authority of that pin sign, and shows a certificate of it.
// ErrLeftBehind says that this gateway does not have it.
func (id *Identity) Turn(pin [sha256.Size]byte) error {
	id.turn.Lock()
	defer id.turn.Unlock()
	t := id.auth.Load()
	switch {
	case t.now.Pin() == pin:
		return nil
	case t.next == nil || t.next.Pin() != pin:
		return ErrLeftBehind
	}
	csr, err := request(id.Gateway, id.key)
	if err != nil {
		return err
	}
	der, err := t.next.Issue(csr, id.Gateway, id.latest())
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	if err := replace(id.dir, fileNextCert, "CERTIFICATE", der); err != nil {
		return err
	}
	id.cert.Store(cert)
	id.auth.Store((&trusted{now: t.next, old: t.now}).complete())
	return nil
}

// Finish drops the authority before the one of that pin.
func (id *Identity) Finish(pin [sha256.Size]byte) error {
	id.turn.Lock()
	defer id.turn.Unlock()
	t := id.auth.Load()
	switch {
	case t.now.Pin() != pin:
		return ErrLeftBehind
	case t.old == nil:
		return nil
	}
	if err := os.WriteFile(filepath.Join(id.dir, filePromote), nil, 0o600); err != nil {
		return err
	}
	if err := promoteAgain(id.dir); err != nil {
		return err
	}
	id.auth.Store((&trusted{now: t.now}).complete())
	return nil
}

// promoteAgain puts the files of the next authority into their places, if that was
// begun. Each is copied and the copies go last, so it can be done again from wherever
// it was cut off.
func promoteAgain(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, filePromote)); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	files := []struct{ from, to, kind string }{
		{fileNextCAKey, fileCAKey, "PRIVATE KEY"}, {fileNextCert, fileCert, "CERTIFICATE"}, {fileNextCA, fileCA, "CERTIFICATE"},
	}
	for _, f := range files {
		der, err := load(dir, f.from, f.kind)
		if errors.Is(err, ErrNone) {
			continue // its copy went already
		}
		if err != nil {
			return err
		}
		if err := replace(dir, f.to, f.kind, der); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := os.RemoveAll(filepath.Join(dir, f.from)); err != nil {
			return err
		}
	}
	return os.Remove(filepath.Join(dir, filePromote))
}

// Pins are those of the authorities that are trusted now.
func (id *Identity) Pins() (out [][sha256.Size]byte) {
	t := id.auth.Load()
	for _, a := range []*Authority{t.now, t.next, t.old} {
		if a != nil {
			out = append(out, a.Pin())
		}
	}
	return out
}
