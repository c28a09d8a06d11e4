package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// renewEvery is how often the time of renewal is looked at, and how long a
// renewal that failed waits: clocks jump, disks are mended.
const renewEvery = time.Hour

// Expires is when this gateway's certificate ends.
func (id *Identity) Expires() time.Time { return id.cert.Load().NotAfter }

// RenewAt is two thirds into the life of the certificate: when a new one is due.
func (id *Identity) RenewAt() time.Time { return id.Expires().Add(-gatewayLife / 3) }

// Expired says whether the others refuse this gateway's certificate.
func (id *Identity) Expired() bool { return id.latest().After(id.Expires()) }

// stale says whether a new certificate is due. One that lasts longer than any
// was made while the clock was ahead.
func (id *Identity) stale() bool {
	now := id.latest()
	return !now.Before(id.RenewAt()) || id.Expires().Sub(now) > gatewayLife+backdate
}

// Renew makes a new certificate for this gateway and shows it from now on. The
// old one stays in place when it fails.
func (id *Identity) Renew(ctx context.Context) error {
	if err := id.renew(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrRenew, err)
	}
	return nil
}

func (id *Identity) renew(ctx context.Context) error {
	csr, err := request(id.Gateway, id.key)
	if err != nil {
		return err
	}
	der, err := id.sign(ctx, csr)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	if !id.key.PublicKey.Equal(cert.PublicKey) || cert.Subject.CommonName != id.Gateway || OfSatellite(cert) != id.Satellite() {
		return fmt.Errorf("%w: the new one is not for this gateway", ErrRole)
	}
	if err := cert.CheckSignatureFrom(id.Authority().Cert); err != nil {
		return fmt.Errorf("%w: %w", ErrWrongSite, err)
	}
	id.turn.Lock()
	defer id.turn.Unlock()
	if err := cert.CheckSignatureFrom(id.Authority().Cert); err != nil {
		return fmt.Errorf("the authority was founded anew meanwhile: %w", err) // and with it the certificate
	}
	if err := replace(id.dir, id.auth.Load().certFile(), "CERTIFICATE", der); err != nil {
		return err
	}
	id.cert.Store(cert)
	return nil
}

// sign has a request signed: by the authority in this folder, or for a satellite
// by a gateway that holds it.
func (id *Identity) sign(ctx context.Context, csr []byte) ([]byte, error) {
	switch {
	case !id.Satellite():
		return id.Authority().Issue(csr, id.Gateway, id.latest())
	case id.Sign == nil:
		return nil, fmt.Errorf("%w: nobody signs for a satellite", ErrRole)
	}
	ctx, cancel := context.WithTimeout(ctx, signLimit)
	defer cancel()
	return id.Sign(ctx, csr)
}

// signLimit bounds the wait for a gateway that signs.
const signLimit = 30 * time.Second

// SignSatellite signs the new certificate of a satellite of the site.
func (id *Identity) SignSatellite(csr []byte, gateway string) ([]byte, error) {
	return id.Authority().IssueSatellite(csr, gateway, id.latest())
}

// KeepValid renews the certificate whenever it is due, until ctx ends. tell
// hears of every renewal (nil) and every failure ([ErrRenew], with [ErrExpired]
// when the certificate has ended meanwhile).
func (id *Identity) KeepValid(ctx context.Context, tell func(error)) error {
	for {
		due := id.due
		if id.stale() {
			err := id.Renew(ctx)
			if err != nil && id.Expired() {
				err = fmt.Errorf("%w on %s: %w", ErrExpired, id.Expires().Format(time.DateOnly), err)
			}
			if tell(err); err != nil {
				due = nil // every command of the site would try it again
			}
		}
		wait := renewEvery
		if left := id.RenewAt().Sub(id.latest()); left > 0 {
			wait = min(wait, left)
		}
		next := time.NewTimer(wait)
		select {
		case <-next.C:
		case <-due:
		case <-ctx.Done():
			next.Stop()
			return nil
		}
		next.Stop()
	}
}

// request makes the certificate request of a gateway for its key.
func request(gateway string, key *ecdsa.PrivateKey) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: gateway}}, key)
}

// replace writes a PEM file anew so that a power cut leaves the old or the new.
func replace(dir, name, kind string, der []byte) error {
	tmp := filepath.Join(dir, name+".tmp")
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Refused explains why a handshake with another gateway failed: ErrExpired and
// whose certificate it was, when that is the reason; nil for any other.
func Refused(err error) error {
	if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok && bad.Reason == x509.Expired && bad.Cert != nil {
		return fmt.Errorf("%w: that of %s, on %s", ErrExpired, bad.Cert.Subject.CommonName, bad.Cert.NotAfter.Format(time.DateOnly))
	}
	return nil
}
