// Package native is the adapter for an OMS that speaks our own protocol: the
// one in package oms, or another that implements it. JSON over HTTP as in
// cloudsync/wire; DESIGN.md of cloudsync has the error table.
//
// A [Client] has no state but its connections; calls may run at the same time
// and end with their context.
package native

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tote/cloudsync"
	"tote/cloudsync/wire"
)

// ErrConfig says that the configuration cannot be used.
var ErrConfig = errors.New("cloudsync/native: configuration")

// Bounds of what is read back.
const (
	maxReply = 1 << 20
	maxPage  = 16 << 20
)

// Config is where the OMS is.
type Config struct {
	// URL is "https://host:port" without a path. Plain http is for
	// loopback only: it would show the token and the addresses.
	URL  string
	Site string
	// Token is sent as bearer token; "" = none.
	Token string
	// Timeout bounds one request, a poll plus its wait; 0 = 30 s.
	Timeout time.Duration
	// TLS overrides the default trust; may be nil.
	TLS *tls.Config
	// Now is for Retry-After dates; nil = time.Now.
	Now func() time.Time
}

// Client speaks to one OMS for one site.
type Client struct {
	cfg  Config
	base string // up to and with the site
	http *http.Client
}

var _ cloudsync.Adapter = (*Client)(nil)

// New checks the configuration. It does not connect.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%w: URL %q must be scheme and host only", ErrConfig, cfg.URL)
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	default:
		return nil, fmt.Errorf("%w: URL %q must be https; plain http is for loopback only", ErrConfig, cfg.URL)
	}
	if cfg.Site == "" {
		return nil, fmt.Errorf("%w: Site is empty", ErrConfig)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Client{
		cfg:  cfg,
		base: u.Scheme + "://" + u.Host + "/v1/sites/" + url.PathEscape(cfg.Site),
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
				TLSClientConfig:        cfg.TLS,
				TLSHandshakeTimeout:    10 * time.Second,
				MaxIdleConnsPerHost:    2, // one uplink, one downlink
				IdleConnTimeout:        90 * time.Second,
				ForceAttemptHTTP2:      true,
				MaxResponseHeaderBytes: 64 << 10,
			},
			// A redirect would carry the token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Close gives idle connections up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Capabilities implements [cloudsync.Adapter].
func (c *Client) Capabilities() cloudsync.Capabilities {
	return cloudsync.Capabilities{ChangeFeed: true, IdempotencyKey: true}
}

// Send implements [cloudsync.Adapter].
func (c *Client) Send(ctx context.Context, b cloudsync.Batch) (wire.Reply, error) {
	var reply wire.Reply
	raw, err := json.Marshal(b.Events)
	if err != nil {
		return reply, fmt.Errorf("cloudsync/native: encode batch: %w", err)
	}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if _, err := z.Write(raw); err != nil {
		return reply, fmt.Errorf("cloudsync/native: gzip: %w", err)
	}
	if err := z.Close(); err != nil {
		return reply, fmt.Errorf("cloudsync/native: gzip: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/events", bytes.NewReader(body.Bytes()))
	if err != nil {
		return reply, fmt.Errorf("cloudsync/native: %w", err)
	}
	h := req.Header
	h.Set("Content-Type", wire.ContentTypeBatch)
	h.Set("Content-Encoding", "gzip")
	h.Set(wire.HeaderIdempotencyKey, b.Key.String())
	h.Set(wire.HeaderFence, strconv.FormatUint(b.Fence, 10))
	h.Set(wire.HeaderEpoch, strconv.FormatUint(uint64(b.Epoch), 10))
	h.Set(wire.HeaderDigest, wire.Digest(body.Bytes()))
	err = c.do(req, maxReply, &reply)
	return reply, err
}

// Poll implements [cloudsync.Adapter].
func (c *Client) Poll(ctx context.Context, cursor string, wait time.Duration, limit int) (wire.InboxPage, error) {
	var page wire.InboxPage
	wait = min(wait, wire.MaxWaitS*time.Second)
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout+wait)
	defer cancel()
	q := url.Values{"wait": {strconv.Itoa(int(wait / time.Second))}, "limit": {strconv.Itoa(limit)}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/inbox?"+q.Encode(), nil)
	if err != nil {
		return page, fmt.Errorf("cloudsync/native: %w", err)
	}
	err = c.do(req, maxPage, &page)
	return page, err
}

// do runs a request and sorts the answer into the kinds of the error table.
func (c *Client) do(req *http.Request, limit int64, dst any) error {
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return &cloudsync.Error{Kind: cloudsync.Unreachable, Err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return &cloudsync.Error{Kind: cloudsync.Unreachable, Status: resp.StatusCode, Err: err}
	}
	mt, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	isJSON := mt == "application/json"
	if resp.StatusCode == http.StatusOK {
		switch {
		case !isJSON:
			// A captive portal or a proxy's page, not the OMS.
			return &cloudsync.Error{Kind: cloudsync.Misplaced, Status: resp.StatusCode, Text: fmt.Sprintf("the answer is %q, not JSON", mt)}
		case int64(len(raw)) > limit:
			return &cloudsync.Error{Kind: cloudsync.Busy, Status: resp.StatusCode, Text: "the answer is too large"}
		}
		if err := json.Unmarshal(raw, dst); err != nil {
			return &cloudsync.Error{Kind: cloudsync.Busy, Status: resp.StatusCode, Text: "the answer cannot be read", Err: err}
		}
		return nil
	}
	var p wire.Problem
	if isJSON && json.Unmarshal(raw, &p) != nil {
		p = wire.Problem{}
	}
	return &cloudsync.Error{
		Kind: kindOf(resp.StatusCode, p.Code), Status: resp.StatusCode, Code: p.Code, Text: p.Text,
		ExpectSeq: p.ExpectSeq, RetryAfter: c.retryAfter(resp.Header.Get("Retry-After")),
	}
}

// kindOf is the error table.
func kindOf(status int, code string) cloudsync.Kind {
	switch {
	case status == http.StatusRequestTimeout:
		return cloudsync.Unreachable
	case status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return cloudsync.Busy
	case status == http.StatusConflict && code == wire.ProblemGap:
		return cloudsync.Gap
	case status == http.StatusConflict:
		return cloudsync.InProgress
	case status == http.StatusPreconditionFailed:
		return cloudsync.Fenced
	case status == http.StatusGone:
		return cloudsync.CursorGone
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return cloudsync.Denied
	case status == http.StatusRequestEntityTooLarge:
		return cloudsync.TooLarge
	case status == http.StatusBadRequest && code == wire.ProblemDigest:
		return cloudsync.Busy // damaged on the way: the batch itself is sound
	case status < 400, status == http.StatusNotFound, status == http.StatusMethodNotAllowed,
		status == http.StatusProxyAuthRequired, status == http.StatusUnsupportedMediaType:
		// Not this batch is wrong but the address or the version: a bisect
		// would quarantine the whole outbox.
		return cloudsync.Misplaced
	}
	return cloudsync.Invalid
}

// retryAfter reads seconds or a date; 0 when there is none.
func (c *Client) retryAfter(s string) time.Duration {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(c.cfg.Now()))
	}
	return 0
}
