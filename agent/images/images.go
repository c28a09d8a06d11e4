// Package images keeps the pictures of items at the gateway, so that a handheld
// shows what to look for while the server they come from is gone.
//
// An item names its picture by address and SHA-256. The gateway fetches what it
// lacks, one picture at a time, only from hosts the configuration names, without
// following a redirect or a proxy, and keeps what has the right hash and is a
// picture. A failed one is tried again later and later. Number, size and sum are
// bounded; a picture that no item names any more is deleted. Files are named by
// their hash and checked when they are read: what the disk damaged is fetched
// again. One goroutine runs Run and owns the fetching; Get may be called by any.
package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tote/warehouse"
)

// Bounds of what is kept.
const (
	MaxBytes = 512 << 10 // of one picture
	MaxCount = 2000
	MaxSum   = 256 << 20 // of all files
)

// Times of the fetching.
const (
	fetchTime  = 30 * time.Second // for one picture
	firstPause = 30 * time.Second // after a failure, doubled each time
	lastPause  = 6 * time.Hour
	settle     = time.Second // after a change of the items: a catalogue comes in parts
)

// Errors of a fetch, in the log.
var (
	ErrHost  = errors.New("images: the host is not one of images.hosts")
	ErrHash  = errors.New("images: the content has another hash than the item says")
	ErrKind  = errors.New("images: the content is no PNG, JPEG, GIF or WebP picture")
	ErrSize  = errors.New("images: the picture is too big")
	ErrFull  = errors.New("images: there is no room for more pictures")
	ErrReply = errors.New("images: the server does not give the picture")
)

// Config connects a cache.
type Config struct {
	Dir   string   // made when it is not there
	Hosts []string // host or host:port, as they stand in addresses; no other is asked
	View  func(fn func(r warehouse.Reader) error) error
	Log   *slog.Logger
	// Transport makes the requests; nil = a plain one, without a proxy.
	Transport http.RoundTripper
}

// Cache is the pictures of a gateway.
type Cache struct {
	cfg    Config
	client *http.Client
	kick   chan struct{}
	failed map[string]failure // by hash; only Run touches it
}

// failure is a picture that could not be had.
type failure struct {
	next  time.Time
	pause time.Duration
}

// want is a picture an item names.
type want struct{ address, hash, sku string }

// New makes the cache of a directory.
func New(cfg Config) (*Cache, error) {
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	if cfg.Transport == nil {
		cfg.Transport = &http.Transport{Proxy: nil, DisableKeepAlives: true, ResponseHeaderTimeout: fetchTime, MaxResponseHeaderBytes: 64 << 10}
	}
	return &Cache{
		cfg: cfg, kick: make(chan struct{}, 1), failed: map[string]failure{},
		client: &http.Client{
			Transport: cfg.Transport, Timeout: fetchTime,
			// A host that may be asked must not send us to one that may not.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Kick says that the items may have changed.
func (c *Cache) Kick() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Run keeps the cache as the items want it until ctx ends.
func (c *Cache) Run(ctx context.Context) error {
	for {
		next, err := c.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		t := time.NewTimer(max(time.Until(next), settle))
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		case <-c.kick:
			t.Reset(settle)
			select {
			case <-ctx.Done():
			case <-t.C:
			}
		}
	}
}

// round brings the cache up to date and says when to look again.
func (c *Cache) round(ctx context.Context) (next time.Time, err error) {
	next = time.Now().Add(lastPause)
	wants, err := c.wants()
	if err != nil {
		return next, err
	}
	have, sum, err := c.sweep(wants)
	if err != nil {
		return next, err
	}
	count := len(have)
	for _, w := range wants {
		f, bad := c.failed[w.hash]
		if bad && time.Now().Before(f.next) {
			next = earlier(next, f.next)
			continue
		}
		if have[w.hash] {
			continue
		}
		n, err := c.fetch(ctx, w, count, sum)
		if ctx.Err() != nil {
			return next, nil
		}
		if err == nil {
			count, sum = count+1, sum+n
			delete(c.failed, w.hash)
			continue
		}
		if !bad {
			c.cfg.Log.Warn("the picture of an item is not here; it is tried again", "sku", w.sku, "err", err)
		}
		f = failure{pause: min(max(2*f.pause, firstPause), lastPause)}
		f.next = time.Now().Add(f.pause)
		c.failed[w.hash], next = f, earlier(next, f.next)
	}
	return next, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// wants lists the pictures items name, each once, as many as are kept.
func (c *Cache) wants() (out []want, err error) {
	seen := map[string]bool{}
	err = c.cfg.View(func(r warehouse.Reader) error {
		out, seen = nil, map[string]bool{} // a view may be tried again
		items, err := warehouse.Items(r)
		for _, it := range items {
			if it.Image != "" && !seen[it.ImageHash] && len(out) < MaxCount {
				seen[it.ImageHash] = true
				out = append(out, want{it.Image, it.ImageHash, it.SKU})
			}
		}
		return err
	})
	for hash := range c.failed {
		if !seen[hash] {
			delete(c.failed, hash)
		}
	}
	return out, err
}

// sweep deletes what no item wants and says what is left.
func (c *Cache) sweep(wants []want) (have map[string]bool, sum int64, err error) {
	entries, err := os.ReadDir(c.cfg.Dir)
	if err != nil {
		return nil, 0, fmt.Errorf("images: %w", err)
	}
	wanted := make(map[string]bool, len(wants))
	for _, w := range wants {
		wanted[w.hash] = true
	}
	have = map[string]bool{}
	for _, e := range entries {
		if !wanted[e.Name()] {
			err = os.Remove(filepath.Join(c.cfg.Dir, e.Name()))
		} else if info, ierr := e.Info(); ierr == nil {
			have[e.Name()], sum = true, sum+info.Size()
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) { // Get may have taken it away
			return nil, 0, fmt.Errorf("images: %w", err)
		}
	}
	return have, sum, nil
}

// allowed tells whether an address may be asked: its host, with the port as it is
// written, is one of the configured ones.
func (c *Cache) allowed(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil:
		return fmt.Errorf("%w: %q", ErrHost, address)
	case !slices.ContainsFunc(c.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, u.Host) }):
		return fmt.Errorf("%w: %s", ErrHost, u.Host)
	}
	return nil
}

// fetch gets one picture and keeps it.
func (c *Cache) fetch(ctx context.Context, w want, count int, sum int64) (int64, error) {
	if err := c.allowed(w.address); err != nil {
		return 0, err
	}
	if count >= MaxCount || sum+MaxBytes > MaxSum {
		return 0, ErrFull
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.address, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%w: %s", ErrReply, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBytes+1))
	if err != nil {
		return 0, err
	}
	return int64(len(body)), c.keep(w.hash, body)
}

// keep writes a picture as a whole or not at all.
func (c *Cache) keep(hash string, body []byte) error {
	switch {
	case len(body) > MaxBytes:
		return ErrSize
	case hashOf(body) != hash:
		return ErrHash
	case kindOf(body) == "":
		return ErrKind
	}
	f, err := os.CreateTemp(c.cfg.Dir, "part-*")
	if err != nil {
		return fmt.Errorf("images: %w", err)
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(c.cfg.Dir, hash))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("images: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// Get is a picture by its hash, with its media type; false when it is not here.
func (c *Cache) Get(hash string) (body []byte, kind string, ok bool) {
	if len(hash) != sha256.Size*2 || strings.Trim(hash, "0123456789abcdef") != "" {
		return nil, "", false // no name of a file of ours
	}
	file := filepath.Join(c.cfg.Dir, hash)
	body, err := os.ReadFile(file)
	switch {
	case err != nil:
		return nil, "", false
	case hashOf(body) != hash:
		_ = os.Remove(file) // it is fetched again; when it stays, it is not shown all the same
		c.Kick()
		return nil, "", false
	}
	return body, kindOf(body), true
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// kindOf is the media type of a picture by its content, "" for anything else.
// SVG is none: it may hold scripts.
func kindOf(b []byte) string {
	switch kind := http.DetectContentType(b); kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return kind
	}
	return ""
}
