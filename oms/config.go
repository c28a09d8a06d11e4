package oms

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"
)

// ErrConfig says that the configuration cannot be used.
var ErrConfig = errors.New("oms configuration")

// Config is what a server needs. The zero value of an optional field is a
// sensible default.
type Config struct {
	// Listen is the TCP address, "127.0.0.1:8480" or with port 0 for any
	// free port. Without TLS it must be a loopback address.
	Listen string
	// TLSCert and TLSKey are PEM files; both or neither.
	TLSCert, TLSKey string
	// DB is the path of the SQLite file; it is created when absent.
	DB string
	// Sites that orders may go to; at least one. An order without a site
	// goes to the one that can send it (route.go), or to the first.
	Sites []Site
	// APIToken, when set, is asked from callers of the order endpoints.
	APIToken string
	// OnListen, when set, is told the bound address once.
	OnListen func(addr string)
	// Now is the clock; nil = time.Now.
	Now func() time.Time
	// Log; nil = discard.
	Log *slog.Logger
}

// Site is a warehouse served by this OMS.
type Site struct {
	ID string
	// Token, when set, is asked from the site as a bearer token.
	Token string
}

// Validate checks the configuration and touches nothing.
func (c *Config) Validate() error {
	if c.DB == "" {
		return fmt.Errorf("%w: DB is empty", ErrConfig)
	}
	if len(c.Sites) == 0 {
		return fmt.Errorf("%w: no site", ErrConfig)
	}
	seen := map[string]bool{}
	for _, s := range c.Sites {
		if s.ID == "" || len(s.ID) > 64 || strings.ContainsAny(s.ID, "/ \t\r\n\"") || seen[s.ID] {
			return fmt.Errorf("%w: site id %q is empty, too long, not plain or listed twice", ErrConfig, s.ID)
		}
		seen[s.ID] = true
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("%w: TLSCert and TLSKey: both or neither", ErrConfig)
	}
	if c.Listen == "" {
		return nil // New without Run: the caller serves Handler itself
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("%w: Listen: %w", ErrConfig, err)
	}
	if c.TLSCert == "" && host != "localhost" {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
			return fmt.Errorf("%w: Listen %q: a plain listener may only be on loopback; set TLSCert and TLSKey", ErrConfig, c.Listen)
		}
	}
	return nil
}
