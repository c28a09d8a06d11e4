package oms

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/cloudsync/wire"
)

func TestRestartKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oms.db")
	s := newServer(t, path)
	placeOrder(t, s, "O-1", PaymentSettled)
	placeOrder(t, s, "O-2", PaymentPending)
	send(t, s, ev("control", 1, "order.accepted", "O-1", nil), ev("control", 2, "order.packed", "O-1", wire.EventData{Parcels: []wire.Parcel{{SSCC: "001", Tracking: "T"}}}))
	page := inbox(t, s, "")
	before, sum := order(t, s, "O-1"), call(t, s, "GET", "/v1/summary", "", "", nil).Body.String()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newServer(t, path)
	if diff := cmp.Diff(before, order(t, s, "O-1")); diff != "" {
		t.Error(diff)
	}
	if got := call(t, s, "GET", "/v1/summary", "", "", nil).Body.String(); got != sum {
		t.Errorf("summary %s, was %s", got, sum)
	}
	if p := inbox(t, s, page.Next); len(p.Items) != 0 || p.Next != page.Next {
		t.Errorf("the cursor does not hold: %+v", p)
	}
	if rec := post(t, s, []wire.Event{ev("control", 3, "order.shipped", "O-1", nil)}, func(r *http.Request) { r.Header.Set(wire.HeaderFence, "4") }); rec.Code != 412 {
		t.Errorf("the fence was forgotten: %d", rec.Code)
	}
	if r := send(t, s, ev("control", 2, "order.packed", "O-1", nil)); r.Results[0].Status != wire.StatusDuplicate || r.AckSeq != 2 {
		t.Errorf("the stream was forgotten: %+v", r)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oms.db")
	s := newServer(t, path)
	if _, err := s.db.w.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if _, err := New(Config{DB: path, Sites: []Site{{ID: "dc1"}}}); !errors.Is(err, ErrNewerDB) {
		t.Errorf("got %v", err)
	}
}

// Durability is a promise: the pragmas must be what DESIGN.md says, on every
// connection that writes.
func TestPragmas(t *testing.T) {
	s := newServer(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		var got string
		if err := s.db.w.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v, want %q", pragma, got, err, want)
		}
	}
	if _, err := s.db.r.Exec("DELETE FROM orders"); err == nil {
		t.Error("a read connection could write")
	}
}

func TestConfig(t *testing.T) {
	ok := Config{DB: "x.db", Sites: []Site{{ID: "dc1"}}, Listen: "127.0.0.1:0"}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	for name, breakIt := range map[string]func(*Config){
		"no db":         func(c *Config) { c.DB = "" },
		"no site":       func(c *Config) { c.Sites = nil },
		"site id":       func(c *Config) { c.Sites = []Site{{ID: "a/b"}} },
		"site twice":    func(c *Config) { c.Sites = []Site{{ID: "a"}, {ID: "a"}} },
		"half TLS":      func(c *Config) { c.TLSCert = "x" },
		"no port":       func(c *Config) { c.Listen = "127.0.0.1" },
		"plain outside": func(c *Config) { c.Listen = "0.0.0.0:80" },
		"plain named":   func(c *Config) { c.Listen = "oms.example:80" },
		"all":           func(c *Config) { c.Listen = ":80" },
	} {
		c := ok
		breakIt(&c)
		if err := c.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("New, %s: %v", name, err)
		}
	}
	ok.Listen, ok.TLSCert, ok.TLSKey = ":443", "c", "k"
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	if _, err := New(Config{DB: t.TempDir() + "/no/such/dir.db", Sites: ok.Sites}); err == nil || errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
}

func TestCursors(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	enc := func(f string, args ...any) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, f, args...))
	}
	for name, cursor := range map[string]string{
		"not base64": "***", "no number": enc("x"), "another database": enc("0000000000000000:1"),
		"negative": enc("%s:-1", s.db.instance), "ahead": enc("%s:2", s.db.instance),
	} {
		rec := call(t, s, "GET", "/v1/sites/dc1/inbox?cursor="+cursor, "", "", nil)
		if p := problem(t, rec); rec.Code != http.StatusGone || p.Code != wire.ProblemCursorGone {
			t.Errorf("%s: %d %+v", name, rec.Code, p)
		}
	}
	for _, q := range []string{"wait=61", "wait=-1", "limit=201", "limit=0", "wait=x"} {
		if rec := call(t, s, "GET", "/v1/sites/dc1/inbox?"+q, "", "", nil); rec.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", q, rec.Code)
		}
	}
	// Another site's orders are not in the feed, and pages are dense.
	for i := range 5 {
		placeOrder(t, s, fmt.Sprint("P-", i), PaymentSettled)
	}
	var p wire.InboxPage
	call(t, s, "GET", "/v1/sites/dc2/inbox", "", "", &p)
	if len(p.Items) != 0 || p.Next == "" {
		t.Errorf("dc2 got %+v", p)
	}
	seen, cursor := 0, ""
	for range 6 {
		call(t, s, "GET", "/v1/sites/dc1/inbox?limit=1&cursor="+cursor, "", "", &p)
		seen += len(p.Items)
		cursor = p.Next
	}
	if seen != 6 {
		t.Errorf("%d items in 6 pages", seen)
	}
}

// running starts Run on a free port and stops it at the end.
func running(t *testing.T) (s *Server, base string, stop func() error) {
	t.Helper()
	told := make(chan string, 1)
	s, err := New(Config{DB: filepath.Join(t.TempDir(), "oms.db"), Sites: []Site{{ID: "dc1"}}, Listen: "127.0.0.1:0", OnListen: func(a string) { told <- a }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	addr := s.Addr(t.Context())
	if got := <-told; got != addr || s.Addr(t.Context()) != addr {
		t.Errorf("OnListen got %q, Addr %q", got, addr)
	}
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return errors.Join(<-done, s.Close())
	}
	t.Cleanup(func() { _ = stop(); http.DefaultClient.CloseIdleConnections() })
	return s, "http://" + addr, stop
}

// get polls over the network and hands the page over.
func get(t *testing.T, url string) <-chan wire.InboxPage {
	ch := make(chan wire.InboxPage, 1)
	go func() {
		defer close(ch)
		resp, err := http.Get(url)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		var p wire.InboxPage
		if json.NewDecoder(resp.Body).Decode(&p) == nil && resp.StatusCode == 200 {
			ch <- p
		}
	}()
	return ch
}

func TestLongPoll(t *testing.T) {
	s, base, stop := running(t)
	first := <-get(t, base+"/v1/sites/dc1/inbox")
	s.feed.wake() // forget that this poll looked
	waiting := get(t, base+"/v1/sites/dc1/inbox?wait=60&cursor="+first.Next)
	waitPolling(t, s)
	placeOrder(t, s, "O-1", PaymentPending) // no news for the site
	select {
	case p := <-waiting:
		t.Fatalf("an unpaid order ended the poll: %+v", p)
	case <-time.After(20 * time.Millisecond):
	}
	call(t, s, "POST", "/v1/orders/O-1/payment", jsonType, `{"state":"settled"}`, nil)
	if p, ok := <-waiting; !ok || len(p.Items) != 1 || p.Items[0].OrderID != "O-1" {
		t.Fatalf("%+v", p)
	}
	// A stop answers waiting polls instead of cutting them.
	end := inbox(t, s, "").Next
	s.feed.wake() // forget that this poll looked
	waiting = get(t, base+"/v1/sites/dc1/inbox?wait=60&cursor="+end)
	waitPolling(t, s)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if p, ok := <-waiting; !ok || len(p.Items) != 0 {
		t.Errorf("the waiting poll got %+v, %v", p, ok)
	}
}

// waitPolling waits until a poll has asked for the next wake.
func waitPolling(t *testing.T, s *Server) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		s.feed.mu.Lock()
		waiting := s.feed.ch != nil
		s.feed.mu.Unlock()
		if waiting {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nobody polls")
		}
	}
}

func TestRunFails(t *testing.T) {
	_, base, _ := running(t)
	err := Run(t.Context(), Config{DB: filepath.Join(t.TempDir(), "o.db"), Sites: []Site{{ID: "dc1"}}, Listen: base[len("http://"):]})
	if err == nil {
		t.Error("two servers on one port")
	}
	if err := Run(t.Context(), Config{}); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newServer(t)
	if got := s.Addr(ctx); got != "" {
		t.Errorf("Addr of a server that does not run: %q", got)
	}
}
