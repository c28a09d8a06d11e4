package identity

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// JoinTLS is the newcomer's configuration: it trusts nobody but the authority
// its token names, and has no certificate of its own yet. The server sends its
// own certificate and the authority's. site is the name the newcomer expects,
// looked at before the token is shown, so that it stays unused.
func JoinTLS(t Token, site, alpn string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{alpn},
		// The chain is checked below, against the pin instead of a pool;
		// nothing is accepted without that check.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			n := len(s.PeerCertificates)
			if n < 2 || !t.Names(s.PeerCertificates[n-1].Raw) {
				return ErrWrongSite
			}
			ca, leaf := s.PeerCertificates[n-1], s.PeerCertificates[0]
			if err := leaf.CheckSignatureFrom(ca); err != nil {
				return fmt.Errorf("%w: %w", ErrWrongSite, err)
			}
			if is := (&Authority{Cert: ca}).Site(); is != site {
				return fmt.Errorf("%w: it says site %s, the token is of %s", ErrOtherConfig, site, is)
			}
			return nil
		},
	}
}

// Welcome is what the site gives a newcomer: everything it needs to be a
// member. It travels over JoinTLS only.
type Welcome struct {
	CA    []byte `cbor:"1,keyasint"` // the authority's certificate, DER
	CAKey []byte `cbor:"2,keyasint"` // PKCS #8; none for a satellite
	Cert  []byte `cbor:"3,keyasint"` // the newcomer's certificate, DER
}

// Welcome signs a newcomer's request.
func (id *Identity) Welcome(csr []byte, gateway string) (Welcome, error) {
	cert, err := id.Authority().Issue(csr, gateway, id.latest())
	if err != nil {
		return Welcome{}, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(id.Authority().key)
	if err != nil {
		return Welcome{}, err
	}
	return Welcome{CA: id.Authority().Cert.Raw, CAKey: key, Cert: cert}, nil
}

// WelcomeSatellite signs the request of a newcomer that keeps no store.
func (id *Identity) WelcomeSatellite(csr []byte, gateway string) (Welcome, error) {
	cert, err := id.Authority().IssueSatellite(csr, gateway, id.latest())
	return Welcome{CA: id.Authority().Cert.Raw, Cert: cert}, err
}

// Accept keeps what the site gave: from now on this gateway is a member.
func Accept(dir string, t Token, w Welcome, key *ecdsa.PrivateKey, now func() time.Time) (*Identity, error) {
	if !t.Names(w.CA) {
		return nil, ErrWrongSite
	}
	ca, err := x509.ParseCertificate(w.CA)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	authority := &Authority{Cert: ca}
	if len(w.CAKey) > 0 {
		k, err := x509.ParsePKCS8PrivateKey(w.CAKey)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		caKey, ok := k.(*ecdsa.PrivateKey)
		if !ok || !caKey.PublicKey.Equal(ca.PublicKey) {
			return nil, fmt.Errorf("%w: the authority's key does not fit", ErrDamaged)
		}
		authority.key = caKey
	}
	cert, err := x509.ParseCertificate(w.Cert)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%w: the certificate is for another key", ErrDamaged)
	}
	if err := cert.CheckSignatureFrom(ca); err != nil {
		return nil, errors.Join(ErrWrongSite, err)
	}
	if OfSatellite(cert) != (authority.key == nil) {
		return nil, fmt.Errorf("%w: the site gave what does not fit together", ErrRole)
	}
	if err := write(dir, authority, w.Cert, key); err != nil {
		return nil, err
	}
	return Load(dir, now)
}
