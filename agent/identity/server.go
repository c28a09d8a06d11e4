package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// serverBack is how long before it is made a server's certificate begins: browsers
// judge by the clock of their own machine, which may be behind. It cannot begin with
// the site, as those of gateways do: Apple's devices refuse one that is good for more
// than 825 days (support.apple.com/103769).
const serverBack = 30 * 24 * time.Hour

// Server is what a gateway shows to those who are no gateways: browsers, handhelds,
// robots. Certificate and key are made at the start, in memory alone. Safe for
// concurrent use.
type Server struct {
	id    *Identity
	names func() []string
	key   *ecdsa.PrivateKey

	mu   sync.Mutex
	cert *x509.Certificate
}

// Server makes the certificate for the names and addresses that names returns, which
// is asked again whenever the certificate is looked at. A satellite cannot make one
// (ErrRole).
func (id *Identity) Server(names func() []string) (*Server, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	s := &Server{id: id, names: names, key: key}
	return s, s.renew()
}

// renew makes a new certificate when one is due, or when this gateway is called by
// another name than before.
func (s *Server) renew() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, names := s.id.latest(), s.names()
	if s.cert != nil && now.Before(s.cert.NotAfter.Add(-gatewayLife/3)) && s.cert.NotAfter.Sub(now) <= gatewayLife+backdate && !s.foreign() &&
		!slices.ContainsFunc(names, func(n string) bool { return s.cert.VerifyHostname(n) != nil }) {
		return nil
	}
	a := s.id.Authority()
	if a.key == nil {
		return fmt.Errorf("%w: a satellite holds no authority", ErrRole)
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: s.id.Gateway, Organization: a.Cert.Subject.Organization, OrganizationalUnit: []string{unitServer}},
		NotBefore:    now.Add(-serverBack),
		NotAfter:     now.Add(gatewayLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip, err := netip.ParseAddr(n); err == nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, net.IP(ip.WithZone("").AsSlice()))
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.Cert, s.key.Public(), a.key)
	if err != nil {
		return err
	}
	s.cert, err = x509.ParseCertificate(der)
	return err
}

// foreign says whether the certificate is of an authority the site has left. The
// caller holds mu.
func (s *Server) foreign() bool { return s.cert.CheckSignatureFrom(s.id.Authority().Cert) != nil }

// Renew makes a new certificate when one is due: its time is nearly over, the gateway
// is called by another name, or the site has another authority.
func (s *Server) Renew() error { return s.renew() }

// Expires is when the certificate ends.
func (s *Server) Expires() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cert.NotAfter
}

// Keep renews the certificate whenever it is due, until ctx ends, and looks at the
// names each hour: addresses of machines change. tell hears of failures.
func (s *Server) Keep(ctx context.Context, tell func(error)) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.renew(); err != nil {
				tell(fmt.Errorf("%w: %w", ErrRenew, err))
			}
		}
	}
}

// TLS is the configuration of a listener for those who are no gateways: TLS 1.2 or
// newer. A client may show a certificate of the site and need not; who it is then is
// for the caller to look at ([DeviceOf]).
func (s *Server) TLS() *tls.Config {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return &tls.Certificate{Certificate: [][]byte{s.cert.Raw, s.id.Authority().Cert.Raw}, PrivateKey: s.key, Leaf: s.cert}, nil
	}}
	return s.id.Clients(conf)
}

// Clients lets a listener take certificates of the site from its clients, if they
// show one.
func (id *Identity) Clients(conf *tls.Config) *tls.Config {
	conf = conf.Clone()
	conf.Time = id.Time
	conf.ClientAuth = tls.VerifyClientCertIfGiven
	conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := conf.Clone()
		now.GetConfigForClient, now.ClientCAs = nil, id.trust()
		return now, nil
	}
	return conf
}

// TrustTLS is the configuration of a client that knows the site's authority and
// nobody else, and shows nothing.
func (id *Identity) TrustTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: id.trust(), Time: id.Time}
}
