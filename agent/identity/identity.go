package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Identity is this gateway's place in the site.
type Identity struct {
	Gateway string

	auth  atomic.Pointer[trusted] // replaced when the authority is founded anew
	dir   string
	cert  atomic.Pointer[x509.Certificate] // replaced when it is renewed
	key   *ecdsa.PrivateKey
	turn  sync.Mutex   // one change of the authority, or of the certificate, at a time
	floor atomic.Int64 // newest time the site has seen, ms since 1970
	now   func() time.Time
	due   chan struct{} // holds one: the floor went past the time of renewal

	// Sign gives a satellite, which holds no authority, its new certificate. It
	// is set before KeepValid is called.
	Sign func(ctx context.Context, csr []byte) (cert []byte, err error)
}

// Satellite says whether this is the identity of a gateway without a store.
func (id *Identity) Satellite() bool { return OfSatellite(id.cert.Load()) }

// Init makes the site's authority and the identity of its first gateway.
func Init(dir, site, gateway string, now func() time.Time) (*Identity, error) {
	a, err := NewAuthority(site, now())
	if err != nil {
		return nil, err
	}
	id, err := Store(dir, a, gateway, now)
	if err != nil {
		return nil, err
	}
	return id, os.WriteFile(filepath.Join(dir, fileFirst), []byte("this gateway began the cluster\n"), 0o600)
}

// First says whether this gateway began the cluster.
func First(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, fileFirst))
	return err == nil
}

// Peers are the addresses of the members when this gateway joined.
func Peers(dir string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(dir, filePeers))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(b)), err
}

// KeepPeers remembers the members to ask when this gateway starts.
func KeepPeers(dir string, addresses []string) error {
	return os.WriteFile(filepath.Join(dir, filePeers), []byte(strings.Join(addresses, "\n")+"\n"), 0o600)
}

// Store writes the identity of a gateway whose authority is known and gives it
// a certificate. dir is made; an identity that is there is not touched.
func Store(dir string, a *Authority, gateway string, now func() time.Time) (*Identity, error) {
	key, csr, err := Request(gateway)
	if err != nil {
		return nil, err
	}
	der, err := a.Issue(csr, gateway, now())
	if err != nil {
		return nil, err
	}
	if err := write(dir, a, der, key); err != nil {
		return nil, err
	}
	return Load(dir, now)
}

// write puts all files in place, the certificate last: with it the
// identity is whole.
func write(dir string, a *Authority, cert []byte, key *ecdsa.PrivateKey) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	own, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	type file struct {
		name, kind string
		der        []byte
	}
	files := []file{{fileCA, "CERTIFICATE", a.Cert.Raw}}
	if a.key != nil {
		caKey, err := x509.MarshalPKCS8PrivateKey(a.key)
		if err != nil {
			return err
		}
		files = append(files, file{fileCAKey, "PRIVATE KEY", caKey})
	}
	for _, f := range append(files, file{fileKey, "PRIVATE KEY", own}, file{fileCert, "CERTIFICATE", cert}) {
		if err := save(dir, f.name, f.kind, f.der); err != nil {
			return err
		}
	}
	return nil
}

// Load reads the identity of this gateway. ErrNone says that there is none.
func Load(dir string, now func() time.Time) (*Identity, error) {
	if err := promoteAgain(dir); err != nil {
		return nil, err
	}
	cert, err := loadCert(dir, fileCert)
	if err != nil {
		return nil, err
	}
	a, err := loadAuthority(dir, fileCA, fileCAKey, !OfSatellite(cert))
	if err != nil {
		return nil, err
	}
	key, err := loadKey(dir, fileKey)
	if err != nil {
		return nil, err
	}
	t := &trusted{now: a}
	turned, err := t.loadNext(dir)
	if err != nil {
		return nil, err
	}
	if turned != nil {
		cert = turned
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%w: %s does not belong to %s", ErrDamaged, fileKey, fileCert)
	}
	if err := cert.CheckSignatureFrom(t.now.Cert); err != nil {
		return nil, fmt.Errorf("%w: %s is not of this site: %w", ErrDamaged, fileCert, err)
	}
	id := &Identity{Gateway: cert.Subject.CommonName, dir: dir, key: key, now: now, due: make(chan struct{}, 1)}
	id.cert.Store(cert)
	id.auth.Store(t.complete())
	return id, nil
}

func loadCert(dir, name string) (*x509.Certificate, error) {
	der, err := load(dir, name, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return cert, nil
}

func loadAuthority(dir, fileCA, fileCAKey string, withKey bool) (*Authority, error) {
	cert, err := loadCert(dir, fileCA)
	if err != nil {
		return nil, err
	}
	if !withKey {
		return &Authority{Cert: cert}, nil
	}
	key, err := loadKey(dir, fileCAKey)
	if err != nil {
		return nil, err
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%w: %s does not belong to %s", ErrDamaged, fileCAKey, fileCA)
	}
	return &Authority{Cert: cert, key: key}, nil
}

func loadKey(dir, name string) (*ecdsa.PrivateKey, error) {
	der, err := load(dir, name, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: %s is not an ECDSA key", ErrDamaged, name)
	}
	return key, nil
}

// Saw raises the floor of the clock: the site has seen this time.
func (id *Identity) Saw(ms int64) {
	for {
		old := id.floor.Load()
		if ms <= old {
			return
		}
		if id.floor.CompareAndSwap(old, ms) {
			break
		}
	}
	if !time.UnixMilli(ms).Before(id.RenewAt()) {
		select {
		case id.due <- struct{}{}:
		default:
		}
	}
}

// Seen is the newest time the site has seen, as far as this gateway was told;
// zero when it was told nothing.
func (id *Identity) Seen() time.Time {
	if ms := id.floor.Load(); ms > 0 {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}

// plausible is how far the wall clock may be ahead of the newest time the site
// has seen and still be believed when others are judged: a certificate in use has
// at least that much of its life left, so nobody is cut off.
const plausible = gatewayLife / 3

// Time is the time certificates of others are judged by: the wall clock, never
// before the site's newest time and never before the site began. A clock that is
// implausibly far ahead of what the site has seen is not believed: it would cut
// this gateway off from all others.
func (id *Identity) Time() time.Time {
	t, floor := id.latest(), id.floor.Load()
	if seen := time.UnixMilli(floor); floor > 0 && t.Sub(seen) > plausible {
		return seen
	}
	return t
}

// latest is the time certificates are made at. A gateway that was off for long
// must make one that the others take, so here the wall clock is believed.
func (id *Identity) latest() time.Time {
	t := id.now()
	if floor := time.UnixMilli(id.floor.Load()); floor.After(t) {
		t = floor
	}
	if began := id.Authority().Cert.NotBefore.Add(backdate); began.After(t) {
		t = began
	}
	return t
}

// TLS is the configuration for talking with the other gateways of the site,
// both as server and as client: TLS 1.3, certificates of the site on both
// sides. A client sets ServerName to the id of the gateway it means. It always
// shows the newest certificate, and trusts whom this gateway trusts when it is made.
func (id *Identity) TLS(alpn ...string) *tls.Config {
	show := func() (*tls.Certificate, error) {
		cert := id.cert.Load()
		return &tls.Certificate{Certificate: [][]byte{cert.Raw, id.Authority().Cert.Raw}, PrivateKey: id.key, Leaf: cert}, nil
	}
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return show() },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return show() },
		RootCAs:              id.trust(),
		ClientCAs:            id.trust(),
		ClientAuth:           tls.RequireAndVerifyClientCert,
		NextProtos:           slices.Clone(alpn),
		Time:                 id.Time,
	}
}

// PeerOf is the id of the gateway at the other end of a mutual TLS connection.
func PeerOf(state tls.ConnectionState) (string, error) {
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return "", errors.New("identity: the peer has shown no certificate of this site")
	}
	return state.PeerCertificates[0].Subject.CommonName, nil
}

// Authority is the one that signs now.
func (id *Identity) Authority() *Authority { return id.auth.Load().now }

// trust are the authorities whose certificates are taken.
func (id *Identity) trust() *x509.CertPool { return id.auth.Load().pool }
