package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

// png is a picture of some bytes, told apart by its tail.
func png(tail string) []byte { return append([]byte("\x89PNG\r\n\x1a\n"), tail...) }

// server is a web of pictures: what stands at an address, how often it was asked.
type server struct {
	mu    sync.Mutex
	pages map[string]func() *http.Response
	asked []string
	now   int // requests under way
	most  int
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.String())
	s.now++
	s.most = max(s.most, s.now)
	page := s.pages[r.URL.String()]
	s.mu.Unlock()
	<-time.After(time.Second) // of virtual time
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	if page == nil {
		return nil, errors.New("the server is gone")
	}
	return page(), nil
}

func body(b []byte) func() *http.Response {
	return func() *http.Response {
		return &http.Response{StatusCode: 200, Status: "200 OK", Body: io.NopCloser(bytes.NewReader(b)), Header: http.Header{}}
	}
}

// site is items with pictures.
type site struct {
	t  *testing.T
	tx *memtx.Tx
	n  uint64
}

func (s *site) put(sku, address, hash string) {
	s.t.Helper()
	s.n++
	res, err := warehouse.Apply(s.tx, warehouse.Meta{Index: s.n, Now: 1, Level: warehouse.Level}, warehouse.PutItems{Items: []warehouse.Item{
		{SKU: sku, Name: sku, WeightMg: 1, Image: address, ImageHash: hash},
	}})
	if err != nil || !res.OK {
		s.t.Fatalf("%+v %v", res, err)
	}
}

// cached runs a test with a cache of the host img.example, on virtual time.
func cached(t *testing.T, web *server, fn func(s *site, c *Cache, log *bytes.Buffer)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, log := &site{t: t, tx: memtx.New()}, &bytes.Buffer{}
		c, err := New(Config{
			Dir: dir, Hosts: []string{"img.example", "IMG.example:8443"}, Transport: web, Log: slog.New(slog.NewTextHandler(log, nil)),
			View: func(fn func(warehouse.Reader) error) error { return fn(s.tx) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		synctest.Wait()
		fn(s, c, log)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// passes lets virtual time pass.
func passes(d time.Duration) { <-time.After(d); synctest.Wait() }

// Row 24: a picture is fetched once, kept, and there when its server is gone.
func TestKeptRow24(t *testing.T) {
	a, b := png("a"), png("b")
	web := &server{pages: map[string]func() *http.Response{"https://img.example/a": body(a), "http://img.example:8443/b?x=1": body(b)}}
	cached(t, web, func(s *site, c *Cache, _ *bytes.Buffer) {
		s.put("A", "https://img.example/a", hashOf(a))
		s.put("A2", "https://img.example/a", hashOf(a)) // two items, one picture
		s.put("B", "http://img.example:8443/b?x=1", hashOf(b))
		c.Kick()
		passes(time.Minute)
		web.mu.Lock()
		web.pages = nil
		web.mu.Unlock()
		for range 3 {
			c.Kick()
			passes(time.Hour)
		}
		got, kind, ok := c.Get(hashOf(a))
		if !ok || kind != "image/png" || !bytes.Equal(got, a) {
			t.Errorf("%q %s %v", got, kind, ok)
		}
		if _, _, ok := c.Get(hashOf(b)); !ok || len(web.asked) != 2 || web.most != 1 {
			t.Errorf("asked %v, %d at a time", web.asked, web.most)
		}
		// What the disk damaged is not shown, and fetched again.
		if err := os.WriteFile(filepath.Join(c.cfg.Dir, hashOf(a)), []byte("rot"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := c.Get(hashOf(a)); ok {
			t.Error("a damaged picture is shown")
		}
		web.mu.Lock()
		web.pages = map[string]func() *http.Response{"https://img.example/a": body(a)}
		web.mu.Unlock()
		c.Kick()
		passes(time.Minute)
		if _, _, ok := c.Get(hashOf(a)); !ok {
			t.Error("it was not fetched again")
		}
		// What no item names any more goes.
		s.put("B", "", "")
		c.Kick()
		passes(time.Minute)
		if _, _, ok := c.Get(hashOf(b)); ok {
			t.Error("an unused picture stays")
		}
	})
}

// Nobody is asked who is not in the configuration, and nothing is kept that is not
// what the item says.
func TestRefused(t *testing.T) {
	good := png("good")
	redirect := func() *http.Response {
		return &http.Response{StatusCode: 302, Status: "302 Found", Body: http.NoBody, Header: http.Header{"Location": {"http://169.254.169.254/secret"}}}
	}
	for name, tt := range map[string]struct {
		address, hash string
		page          func() *http.Response
		asked         int
		err           error
	}{
		"another host":  {"http://169.254.169.254/latest", hashOf(good), body(good), 0, ErrHost},
		"a longer host": {"http://img.example.evil/a", hashOf(good), body(good), 0, ErrHost},
		"another port":  {"http://img.example:22/a", hashOf(good), body(good), 0, ErrHost},
		"a user":        {"http://img.example@evil/a", hashOf(good), body(good), 0, ErrHost},
		"with a user":   {"http://u:p@img.example/a", hashOf(good), body(good), 0, ErrHost},
		"a redirect":    {"http://img.example/a", hashOf(good), redirect, 1, ErrReply},
		"another hash":  {"http://img.example/a", hashOf(png("x")), body(good), 1, ErrHash},
		"too big":       {"http://img.example/a", hashOf(png(strings.Repeat("x", MaxBytes))), body(png(strings.Repeat("x", MaxBytes))), 1, ErrSize},
		"no picture":    {"http://img.example/a", hashOf([]byte("<svg/>")), body([]byte("<svg/>")), 1, ErrKind},
	} {
		t.Run(name, func(t *testing.T) {
			web := &server{pages: map[string]func() *http.Response{tt.address: tt.page}}
			cached(t, web, func(s *site, c *Cache, log *bytes.Buffer) {
				s.put("A", tt.address, tt.hash)
				c.Kick()
				passes(20 * time.Second)
				if _, _, ok := c.Get(tt.hash); ok || len(web.asked) != tt.asked || !strings.Contains(log.String(), tt.err.Error()) {
					t.Errorf("kept %v, asked %v, log %s", ok, web.asked, log)
				}
				// Later and later, and one line in the log.
				passes(7 * 24 * time.Hour)
				if n := strings.Count(log.String(), "level=WARN"); n != 1 {
					t.Errorf("%d lines:\n%s", n, log)
				}
				if n := len(web.asked); tt.asked > 0 && (n < 20 || n > 60) {
					t.Errorf("asked %d times in a week", n)
				}
				for _, address := range web.asked {
					if address != tt.address {
						t.Errorf("asked %s", address)
					}
				}
			})
		})
	}
}

// There is no more room than there is.
func TestFull(t *testing.T) {
	c := &Cache{cfg: Config{Hosts: []string{"h"}}}
	for _, tt := range []struct {
		count int
		sum   int64
	}{{MaxCount, 0}, {0, MaxSum - MaxBytes + 1}} {
		if _, err := c.fetch(t.Context(), want{address: "http://h/a"}, tt.count, tt.sum); !errors.Is(err, ErrFull) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// A hash is a name of a file; nothing else is.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	c := &Cache{cfg: Config{Dir: filepath.Join(dir, "a")}}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "..", "../secret", fmt.Sprintf("../%061d", 0), strings.Repeat("A", 64)} {
		if _, _, ok := c.Get(name); ok {
			t.Errorf("%q is given", name)
		}
	}
}
