package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Units of certificates. A gateway with a store has none. Changing one makes gateways
// of those that are not.
const (
	unitServer = "server" // what a gateway shows to those who are no gateways
	unitDevice = "device" // a robot, handheld, conveyor …; the common name is "role:name"
)

// OfGateway says whether a certificate is that of a gateway with a store. One of any
// other kind must never pass for it, whatever its name.
func OfGateway(cert *x509.Certificate) bool { return len(cert.Subject.OrganizationalUnit) == 0 }

// DeviceOf is who a client of a [Server] is by the certificate it showed: its role
// and name, and the hash of its key. ok is false for one that showed none, or one
// that is not a device's.
func DeviceOf(state tls.ConnectionState) (role, name string, key []byte, ok bool) {
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return "", "", nil, false
	}
	cert := state.PeerCertificates[0]
	role, name, ok = strings.Cut(cert.Subject.CommonName, ":")
	if !slices.Equal(cert.Subject.OrganizationalUnit, []string{unitDevice}) || !ok {
		return "", "", nil, false
	}
	key, err := KeyOf(cert)
	return role, name, key, err == nil
}

// IssueDevice signs the request of a device, which must name exactly "role:name".
// The certificate opens connections to the listeners for devices and no others, and
// ends after life.
func (id *Identity) IssueDevice(csr []byte, device string, life time.Duration) ([]byte, error) {
	a := id.Authority()
	if a.key == nil {
		return nil, fmt.Errorf("%w: a satellite holds no authority", ErrRole)
	}
	key, err := requested(csr, device)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: device, Organization: a.Cert.Subject.Organization, OrganizationalUnit: []string{unitDevice}},
		NotBefore:    a.Cert.NotBefore,
		NotAfter:     id.latest().Add(life),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	return x509.CreateCertificate(rand.Reader, tmpl, a.Cert, key, a.key)
}

// Fingerprint is a SHA-256 as people compare it: pairs of hex digits with colons.
func Fingerprint(sum [sha256.Size]byte) string {
	var parts []string
	for _, b := range sum {
		parts = append(parts, fmt.Sprintf("%02X", b))
	}
	return strings.Join(parts, ":")
}

// Fingerprint is that of the authority's certificate.
func (id *Identity) Fingerprint() string { return Fingerprint(id.Authority().Pin()) }

// Root is the certificate of the authority in a folder of an identity, DER.
func Root(dir string) ([]byte, error) { return load(dir, fileCA, "CERTIFICATE") }

// Pin is the SHA-256 of the authority's certificate.
func (id *Identity) Pin() [sha256.Size]byte { return id.Authority().Pin() }

// CA is the authority's certificate, DER.
func (id *Identity) CA() []byte { return id.Authority().Cert.Raw }

// ErrNoDevice: a device shows what does not let it in.
var ErrNoDevice = errors.New("IDN-130: this device does not belong to the site")
