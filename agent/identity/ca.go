package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Errors of this package. Their codes are in [Faults].
var (
	// ErrExists: there is an identity in this folder already; it is never overwritten.
	ErrExists = errors.New("IDN-101: this folder holds an identity already")
	// ErrNone: there is no identity in this folder.
	ErrNone = errors.New("IDN-102: this gateway has no identity yet; make one with `tote site init`, or join with a token")
	// ErrDamaged: a file of the identity cannot be read.
	ErrDamaged = errors.New("IDN-103: the identity is damaged")
	// ErrToken: this is not a token.
	ErrToken = errors.New("IDN-104: this is not a join token")
	// ErrTokenExpired, ErrTokenUsed and ErrTokenUnknown: the site refuses the token.
	ErrTokenExpired = errors.New("IDN-105: the token has expired; make a new one")
	ErrTokenUsed    = errors.New("IDN-106: the token was used already; make a new one")
	ErrTokenUnknown = errors.New("IDN-107: this site never made that token")
	// ErrWrongSite: the other side is not the site that made the token.
	ErrWrongSite = errors.New("IDN-108: the gateway at this address belongs to another site")
	// ErrTaken: the id of the newcomer is that of a member.
	ErrTaken = errors.New("IDN-110: a gateway of this id is in the cluster already")
	// ErrNobody: nobody answers where a newcomer was sent.
	ErrNobody = errors.New("IDN-111: no gateway answers at this address")
	// ErrExpired: a certificate is used after its end.
	ErrExpired = errors.New("IDN-112: the certificate of a gateway has expired")
	// ErrRenew: this gateway's certificate could not be renewed.
	ErrRenew = errors.New("IDN-113: the certificate was not renewed")
	// ErrDismissed: this satellite does not belong to the site.
	ErrDismissed = errors.New("IDN-114: this satellite does not belong to the site any more")
	// ErrOtherConfig: the configuration names another site or gateway.
	ErrOtherConfig = errors.New("IDN-116: the configuration names another site or gateway")
	// ErrRole: a certificate is used for what it is not for.
	ErrRole = errors.New("IDN-115: the certificate is not for this role")
	// ErrBanned: a gateway was revoked.
	ErrBanned = errors.New("IDN-137: a gateway of this id was revoked")
	// ErrRequest: a certificate request breaks a rule.
	ErrRequest = errors.New("IDN-109: the certificate request is not acceptable")
)

// Lives of certificates. A gateway's is renewed at two thirds of its life.
const (
	authorityLife = 20 * 365 * 24 * time.Hour
	gatewayLife   = 90 * 24 * time.Hour
	// backdate lets a certificate be used by a machine whose clock is a
	// little behind.
	backdate = 24 * time.Hour
)

// Files of the identity folder. Changing a name orphans every gateway.
const (
	fileCA    = "ca.crt"
	fileCAKey = "ca.key"
	fileCert  = "gw.crt"
	fileKey   = "gw.key"
	fileFirst = "first" // this gateway began the cluster
	filePeers = "peers" // where the others were when this gateway joined, an address a line
)

// Authority is the site's certificate authority. A satellite has its certificate
// only.
type Authority struct {
	Cert *x509.Certificate
	key  crypto.Signer // nil on a satellite
}

// NewAuthority makes the authority of a site.
func NewAuthority(site string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Tote site " + site, Organization: []string{site}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Authority{Cert: cert, key: key}, nil
}

// Site is the site the authority belongs to.
func (a *Authority) Site() string {
	if len(a.Cert.Subject.Organization) != 1 {
		return ""
	}
	return a.Cert.Subject.Organization[0]
}

// Pin is the hash by which tokens name the authority.
func (a *Authority) Pin() [sha256.Size]byte { return sha256.Sum256(a.Cert.Raw) }

// Issue signs the request of a gateway. The request must name exactly the
// gateway; addresses are not part of an identity. A certificate begins with the
// authority, so that a clock that is behind refuses nobody; only its end counts.
func (a *Authority) Issue(csr []byte, gateway string, now time.Time) ([]byte, error) {
	return a.issue(csr, gateway, now, false)
}

// unitSatellite is the organizational unit in the certificate of a satellite.
// Changing it makes gateways of them.
const unitSatellite = "satellite"

// IssueSatellite signs the request of a gateway without a store. Its certificate
// opens connections to gateways and takes none.
func (a *Authority) IssueSatellite(csr []byte, id string, now time.Time) ([]byte, error) {
	return a.issue(csr, id, now, true)
}

func (a *Authority) issue(csr []byte, gateway string, now time.Time, satellite bool) ([]byte, error) {
	if a.key == nil {
		return nil, fmt.Errorf("%w: a satellite holds no authority", ErrRole)
	}
	key, err := requested(csr, gateway)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: gateway, Organization: a.Cert.Subject.Organization},
		NotBefore:    a.Cert.NotBefore,
		NotAfter:     now.Add(gatewayLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if satellite {
		tmpl.Subject.OrganizationalUnit = []string{unitSatellite}
	} else {
		tmpl.DNSNames = []string{gateway, "localhost"}
		tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		tmpl.ExtKeyUsage = append(tmpl.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	return x509.CreateCertificate(rand.Reader, tmpl, a.Cert, key, a.key)
}

// requested is the key of a request that names the gateway.
func requested(csr []byte, gateway string) (*ecdsa.PublicKey, error) {
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if err := req.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	key, ok := req.PublicKey.(*ecdsa.PublicKey)
	if !ok || req.Subject.CommonName != gateway {
		return nil, fmt.Errorf("%w: it must be for an ECDSA key and for %q", ErrRequest, gateway)
	}
	return key, nil
}

// KeyOfRequest is the hash by which the site knows the key of a request.
func KeyOfRequest(csr []byte, gateway string) ([]byte, error) {
	key, err := requested(csr, gateway)
	if err != nil {
		return nil, err
	}
	return keyHash(key)
}

// KeyOf is the hash by which the site knows the key of a certificate.
func KeyOf(cert *x509.Certificate) ([]byte, error) { return keyHash(cert.PublicKey) }

func keyHash(key any) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	sum := sha256.Sum256(der)
	return sum[:], nil
}

// OfSatellite says whether a certificate is that of a gateway without a store.
func OfSatellite(cert *x509.Certificate) bool {
	return slices.Contains(cert.Subject.OrganizationalUnit, unitSatellite)
}

// Request makes a key and a certificate request for a gateway.
func Request(gateway string) (key *ecdsa.PrivateKey, csr []byte, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	csr, err = request(gateway, key)
	return key, csr, err
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
}

// save writes one PEM file that only its owner may read, and refuses to
// overwrite one.
func save(dir, name, kind string, der []byte) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, filepath.Join(dir, name))
	}
	if err != nil {
		return err
	}
	return errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Sync(), f.Close())
}

func load(dir, name, kind string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w (%s is missing)", ErrNone, filepath.Join(dir, name))
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%w: %s holds no %s", ErrDamaged, filepath.Join(dir, name), kind)
	}
	return block.Bytes, nil
}
