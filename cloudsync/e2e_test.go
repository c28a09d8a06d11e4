package cloudsync_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tote/cloudsync"
	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
	"tote/oms"
	"tote/warehouse"
)

func (c *center) get(path string, dst any) {
	c.t.Helper()
	rec := httptest.NewRecorder()
	c.mu.Lock()
	h := c.Handler()
	c.mu.Unlock()
	h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	if err := json.Unmarshal(rec.Body.Bytes(), dst); err != nil {
		c.t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
}

func (c *center) post(path, body string) int {
	c.t.Helper()
	rec := httptest.NewRecorder()
	req := httptest.NewRequest("POST", path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	c.mu.Lock()
	h := c.Handler()
	c.mu.Unlock()
	h.ServeHTTP(rec, req)
	return rec.Code
}

func (c *center) place(id, payment string) {
	c.t.Helper()
	body := fmt.Sprintf(`{"id":%q,"shipTo":{"name":"n","street":"s","postcode":"p","city":"c","country":"DE"},"payment":%q,"lines":[{"line":1,"sku":"A","qty":1}]}`, id, payment)
	if code := c.post("/v1/orders", body); code != 201 {
		c.t.Fatalf("place %s: %d", id, code)
	}
}

func (c *center) state(id string) string {
	c.t.Helper()
	var v oms.OrderView
	c.get("/v1/orders/"+id, &v)
	return v.State
}

func (c *center) summary() (s oms.Summary) {
	c.t.Helper()
	c.get("/v1/summary", &s)
	return s
}

// once checks that the OMS had each event of the site exactly once and in
// order: the stream is dense and each order has each milestone once.
func (c *center) once(s *site, orders int) {
	c.t.Helper()
	var newest uint64
	_ = s.view(func(r warehouse.Reader) (err error) { newest, err = ledger.Newest(r, "control"); return err })
	sum := c.summary()
	if got := sum.Streams["dc1"]["1"]["control"]; got != newest {
		c.t.Errorf("the OMS has %d events, the site made %d", got, newest)
	}
	if sum.Events["wms.order.accepted.v1"] != orders || sum.Events["wms.order.released.v1"] != orders {
		c.t.Errorf("%d orders had effects %v", orders, sum.Events)
	}
	for i := range orders {
		var v oms.OrderView
		c.get(fmt.Sprintf("/v1/orders/O-%d", i), &v)
		var got []string
		for _, e := range v.Timeline {
			if strings.HasPrefix(e.Source, "/sites/") {
				got = append(got, e.Type)
			}
		}
		if strings.Join(got, " ") != "order.accepted order.released" {
			c.t.Errorf("O-%d: %v", i, got)
		}
	}
}

// drained: the OMS has everything and the site knows it.
func (s *site) drained() bool {
	n := 0
	_ = s.view(func(r warehouse.Reader) error {
		for _, stream := range []string{"control", ledger.StreamResend} {
			k, _, err := ledger.Depth(r, stream)
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	return n == 0
}

// The whole loop: order in, payment gate, site, events back.
func TestOrderThereAndBack(t *testing.T) {
	c, s := newCenter(t), newSite(t)
	c.place("O-0", "pending")
	c.place("O-1", "settled")
	r := s.runner(t, c.client(t))
	stop := run(t, r)
	eventually(t, "the paid order is released", func() bool { return c.state("O-1") == oms.StateReleased })
	if got := c.state("O-0"); got != oms.StateNew {
		t.Errorf("the unpaid order is %s", got)
	}
	_ = s.view(func(rd warehouse.Reader) error {
		if o, _ := warehouse.GetOrder(rd, "O-0"); o != nil {
			t.Error("the unpaid order is at the site")
		}
		return nil
	})
	if code := c.post("/v1/orders/O-0/payment", `{"state":"authorised"}`); code != 200 {
		t.Fatalf("payment: %d", code)
	}
	eventually(t, "the payment lets the other one go", func() bool { return c.state("O-0") == oms.StateReleased })
	c.post("/v1/orders/O-0/cancel", `{"reason":"r"}`)
	eventually(t, "the cancel is answered", func() bool { return c.state("O-0") == oms.StateCancelled })
	eventually(t, "all is acknowledged", s.drained)
	st := r.Status()
	if !st.Connected || st.Code != "" || st.Depth != 0 || st.Acked != 5 || st.Cursor == "" || st.LastPoll.IsZero() || st.LastSent.IsZero() {
		t.Errorf("%+v", st)
	}
	if err := stop(); err == nil {
		t.Error("Run ended without the error of its context")
	}
}

// An order for an item the site does not know is refused, is no dead end, and
// is released once the item is imported and the order sent again.
func TestRejectedImportedResubmitted(t *testing.T) {
	c, s := newCenter(t), newSite(t)
	body := `{"id":"O-1","shipTo":{"name":"n","street":"s","postcode":"p","city":"c","country":"DE"},"payment":"settled","lines":[{"line":1,"sku":"NEW","qty":2}]}`
	if code := c.post("/v1/orders", body); code != 201 {
		t.Fatalf("place: %d", code)
	}
	run(t, s.runner(t, c.client(t)))
	eventually(t, "the site refuses it", func() bool { return c.state("O-1") == oms.StateRejected && s.drained() })
	// Too early: the site looks at it afresh and has the same answer.
	if code := c.post("/v1/orders/O-1/resubmit", ""); code != 202 {
		t.Fatalf("resubmit: %d", code)
	}
	eventually(t, "the site refuses it again", func() bool { return c.state("O-1") == oms.StateRejected && s.drained() })
	s.domain(t, warehouse.PutItems{Items: []warehouse.Item{{SKU: "NEW", Name: "n", WeightMg: 1000}}})
	s.domain(t, warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B1", SKU: "NEW", Qty: 5}}})
	if code := c.post("/v1/orders", body); code != 200 || c.state("O-1") != oms.StateRejected {
		t.Errorf("the identical order again: %d, %s", code, c.state("O-1"))
	}
	if code := c.post("/v1/orders/O-1/resubmit", ""); code != 202 {
		t.Fatalf("resubmit: %d", code)
	}
	eventually(t, "it is released", func() bool { return c.state("O-1") == oms.StateReleased && s.drained() })
	if code := c.post("/v1/orders/O-1/resubmit", ""); code != 409 {
		t.Errorf("resubmit of a released order: %d", code)
	}
	_ = s.view(func(r warehouse.Reader) error {
		o, err := warehouse.GetOrder(r, "O-1")
		if err != nil || o == nil || o.State != warehouse.OrderReleased || o.Spec.Revision != 3 || o.Lines[0].Qty != 2 {
			t.Errorf("at the site: %+v %v", o, err)
		}
		return nil
	})
	var v oms.OrderView
	c.get("/v1/orders/O-1", &v)
	var got []string
	for _, e := range v.Timeline {
		got = append(got, e.Type+" "+e.Code)
	}
	want := []string{
		"order.placed ", "order.submitted ", "order.rejected UNKNOWN_ITEM", "order.resubmitted ", "order.rejected UNKNOWN_ITEM",
		"order.resubmitted ", "order.accepted ", "order.released ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("timeline %q", got)
	}
}

// Acceptance 1 and 2: replies lost before and after the commit, requests
// doubled, proposals lost before and after the apply, restarts on both sides,
// until all is through. The OMS has each effect once.
func TestExactlyOnceUnderFaults(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c, s := newCenter(t), newSite(t)
			rnd := rand.New(rand.NewPCG(seed, 1))
			faults := 200
			dice := func() int { // 0..9; nothing happens once the faults are used up
				c.mu.Lock()
				defer c.mu.Unlock()
				if faults--; faults < 0 {
					return 9
				}
				return rnd.IntN(10)
			}
			c.setFront(func(w http.ResponseWriter, r *http.Request, serve func() *httptest.ResponseRecorder) bool {
				switch dice() {
				case 0: // lost before the OMS
					cut(w)
				case 1, 2: // lost after the commit
					body, _ := io.ReadAll(r.Body)
					r.Body = io.NopCloser(strings.NewReader(string(body)))
					if strings.HasSuffix(r.URL.Path, "/events") {
						serve()
					}
					cut(w)
				case 3: // arrives twice
					if !strings.HasSuffix(r.URL.Path, "/events") {
						return false
					}
					body, _ := io.ReadAll(r.Body)
					r.Body = io.NopCloser(strings.NewReader(string(body)))
					serve()
					r.Body = io.NopCloser(strings.NewReader(string(body)))
					return false
				case 4: // the server breaks
					w.WriteHeader(http.StatusBadGateway)
				default:
					return false
				}
				return true
			})
			lost := errors.New("outcome unknown")
			s.mu.Lock()
			s.fail = func(uint16, bool) error {
				if dice() == 0 {
					return lost
				}
				return nil
			}
			s.mu.Unlock()
			const orders = 40
			for i := range orders {
				c.place(fmt.Sprintf("O-%d", i), "settled")
			}
			for round := 0; round < 200; round++ {
				// A gateway leads for a moment, then the next one takes over.
				s.mu.Lock()
				s.term++
				s.mu.Unlock()
				stop := run(t, s.runner(t, c.client(t)))
				c.mu.Lock()
				n, goal, left := 0, 1+rnd.IntN(4), faults
				c.mu.Unlock()
				if left > 0 {
					eventually(t, "some time passes", func() bool { n++; return n > goal })
				} else {
					eventually(t, "all is through", func() bool {
						return s.drained() && c.summary().Events["wms.order.released.v1"] == orders
					})
				}
				_ = stop()
				c.mu.Lock()
				left = faults
				c.mu.Unlock()
				if left <= 0 && s.drained() && c.summary().Events["wms.order.released.v1"] == orders {
					break
				}
				if round%5 == 0 {
					c.restart()
				}
			}
			c.once(s, orders)
			if st := s.runner(t, c.client(t)).Status(); len(st.Held) != 0 || len(st.Refusals) != 0 {
				t.Errorf("held %v, refused %v", st.Held, st.Refusals)
			}
		})
	}
}

// poisoned refuses every batch that names the order, as a strict OMS would.
func poisoned(t testing.TB, order string, status int, requests *atomic.Int64) func(http.ResponseWriter, *http.Request, func() *httptest.ResponseRecorder) bool {
	return func(w http.ResponseWriter, r *http.Request, _ func() *httptest.ResponseRecorder) bool {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			return false
		}
		requests.Add(1)
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(raw)))
		for _, e := range batchOf(t, raw) {
			if e.Subject == order && e.Type != wire.TypeHeld {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(`{"code":"POISON","text":"not this one"}`))
				return true
			}
		}
		return false
	}
}

// Acceptance 6: one poison order among many; the others flow, its own events
// wait, and after a retry they arrive in their order.
func TestPoisonOrderAmongMany(t *testing.T) {
	for _, status := range []int{422, 413, 400} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			c, s := newCenter(t), newSite(t)
			const orders = 400
			for i := range orders {
				s.order(t, fmt.Sprintf("O-%d", i))
			}
			var requests atomic.Int64
			c.setFront(poisoned(t, "O-123", status, &requests))
			r := s.runner(t, c.client(t))
			run(t, r)
			eventually(t, "the others are through", s.drained)
			s.domain(t, warehouse.CancelOrder{Order: "O-123", Source: "site"}) // a later event of the same order
			s.domain(t, warehouse.CancelOrder{Order: "O-124", Source: "site"})
			eventually(t, "later events are through", s.drained)
			sum := c.summary()
			if sum.Events["wms.order.released.v1"] != orders-1 || sum.Events["wms.order.cancelled.v1"] != 1 || sum.Refused["HELD"] != 3 {
				t.Errorf("%+v", sum)
			}
			if n := requests.Load(); n > 60 {
				t.Errorf("%d requests to find one event", n)
			}
			st := r.Status()
			if len(st.Held) != 1 || st.Held[0].Subject != "site/O-123" || st.Held[0].Events != 3 || st.Held[0].Code != "POISON" || !st.Connected {
				t.Errorf("%+v", st)
			}
			c.setFront(nil)
			if err := r.Retry(t.Context(), "site/O-123"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the retried order is through", func() bool { return s.drained() && c.state("O-123") == oms.StateCancelled })
			var v oms.OrderView
			c.get("/v1/orders/O-123", &v)
			var types []string
			for _, e := range v.Timeline {
				types = append(types, e.Type)
			}
			held := wire.TypeHeld[len("wms.") : len(wire.TypeHeld)-len(".v1")]
			want := strings.Join([]string{held, held, held, "order.accepted", "order.released", "order.cancelled"}, " ")
			if got := strings.Join(types, " "); got != want {
				t.Errorf("timeline %s", got)
			}
			if st := r.Status(); len(st.Held) != 0 {
				t.Errorf("still held: %+v", st.Held)
			}
		})
	}
}

func TestDropGivesEventsUp(t *testing.T) {
	c, s := newCenter(t), newSite(t)
	s.order(t, "O-1")
	var n atomic.Int64
	c.setFront(poisoned(t, "O-1", 422, &n))
	r := s.runner(t, c.client(t))
	run(t, r)
	eventually(t, "held", func() bool { return s.drained() && len(r.Status().Held) == 1 })
	if err := r.Drop(t.Context(), "site/O-1", ""); err == nil {
		t.Error("dropped without a reason")
	}
	if err := r.Drop(t.Context(), "site/O-1", "test order"); err != nil {
		t.Fatal(err)
	}
	if st := r.Status(); len(st.Held) != 0 || st.Depth != 0 {
		t.Errorf("%+v", st)
	}
}

// An event the OMS takes as "rejected" consumes its seq and holds its subject,
// also when the answer was lost and the next leader sees only the duplicate.
func TestRejectedByTheOMS(t *testing.T) {
	c, s := newCenter(t), newSite(t)
	s.order(t, "O-1")
	s.order(t, "O-2")
	// The first reply is lost after the commit; the OMS has rejected O-1
	// because its data was damaged by a foreign middle box.
	var first atomic.Bool
	c.setFront(func(w http.ResponseWriter, r *http.Request, _ func() *httptest.ResponseRecorder) bool {
		if !strings.HasSuffix(r.URL.Path, "/events") || first.Swap(true) {
			return false
		}
		raw, _ := io.ReadAll(r.Body)
		events := batchOf(t, raw)
		events[0].Data = json.RawMessage(`{"revision":"x"}`)
		body, _ := json.Marshal(events)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		r.Header.Del("Content-Encoding")
		r.Header.Del(wire.HeaderDigest)
		c.Handler().ServeHTTP(httptest.NewRecorder(), r)
		cut(w)
		return true
	})
	r := s.runner(t, c.client(t))
	run(t, r)
	eventually(t, "held", func() bool { return s.drained() && len(r.Status().Held) == 1 })
	// The HTTP client may repeat the batch by itself; otherwise a probe of one
	// event comes next, and the second event of the order waits as well.
	st := r.Status()
	if st.Held[0].Subject != "site/O-1" || st.Held[0].Code != oms.CodeBadData || st.Held[0].Events > 2 {
		t.Errorf("%+v", st.Held)
	}
	if err := r.Retry(t.Context(), "site/O-1"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the retried event is there", func() bool { return c.summary().Events["wms.order.accepted.v1"] == 2 && s.drained() })
	// The second event of the order had its effect with the lost reply. If it
	// came again behind the first it had none; and the first, coming late, has
	// not turned the order back.
	if sum := c.summary(); sum.Events["wms.order.released.v1"] != 2 || sum.Refused[oms.CodeAlreadyHad] != st.Held[0].Events-1 || c.state("O-1") != oms.StateReleased {
		t.Errorf("%+v", sum)
	}
}

// The OMS is restored from an older backup: it asks for what it misses and
// gets it.
func TestOMSLosesEvents(t *testing.T) {
	c, s := newCenter(t), newSite(t)
	for i := range 10 {
		s.order(t, fmt.Sprintf("O-%d", i))
	}
	r := s.runner(t, c.client(t))
	stop := run(t, r)
	eventually(t, "drained", s.drained)
	_ = stop()
	c.mu.Lock()
	_ = c.Server.Close()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(c.db + suffix)
	}
	c.open() // the oldest backup of all: an empty file
	c.mu.Unlock()
	s.order(t, "O-10")
	stop = run(t, r)
	eventually(t, "everything is there again", func() bool { return s.drained() && c.summary().Events["wms.order.released.v1"] == 11 })
	_ = stop()
	c.once(s, 11)
}

// Acceptance 7: the OMS forgets the cursor; the inbox is read from the start
// and nothing happens twice.
func TestCursorGone(t *testing.T) {
	c, s := newCenter(t), newSite(t)
	c.place("O-0", "settled")
	stop := run(t, s.runner(t, c.client(t)))
	eventually(t, "released", func() bool { return c.state("O-0") == oms.StateReleased && s.drained() })
	_ = stop()
	_, err := s.propose(t.Context(), ledger.KindInboxStore, 1, mustBody(t, ledger.InboxStore{Source: "oms/main", Cursor: "Zm9yZ290dGVu"}))
	if err != nil {
		t.Fatal(err)
	}
	c.place("O-1", "settled")
	r := s.runner(t, c.client(t))
	run(t, r)
	eventually(t, "the new order arrives", func() bool { return c.state("O-1") == oms.StateReleased && s.drained() })
	c.once(s, 2)
	if st := r.Status(); st.Cursor == "Zm9yZ290dGVu" || len(st.Refusals) != 0 {
		t.Errorf("%+v", st)
	}
}

// Acceptance 5: a deposed leader is turned away and stops.
func TestFenced(t *testing.T) {
	c, s := newCenter(t), newSite(t)
	s.order(t, "O-0")
	s.mu.Lock()
	s.term = 7
	s.mu.Unlock()
	stop := run(t, s.runner(t, c.client(t)))
	eventually(t, "drained", s.drained)
	_ = stop()
	s.order(t, "O-1")
	old := s.runner(t, c.client(t), func(cfg *cloudsync.Config) { cfg.Fence = func() uint64 { return 6 } })
	if err := old.Run(t.Context()); !errors.Is(err, cloudsync.ErrFenced) {
		t.Errorf("got %v", err)
	}
	if st := old.Status(); st.Code != cloudsync.CodeFenced || st.Depth != 2 {
		t.Errorf("%+v", st)
	}
	if n := c.summary().Events["wms.order.accepted.v1"]; n != 1 {
		t.Errorf("%d effects", n)
	}
	run(t, s.runner(t, c.client(t)))
	eventually(t, "the true leader drains", s.drained)
	c.once(s, 2)
}

// Offline for long: the outbox grows, everything arrives afterwards in full
// batches, the memory of the sender is one batch.
func TestOfflineThenDrain(t *testing.T) {
	c, s := newCenter(t), newSite(t)
	var down atomic.Bool
	var batches, largest atomic.Int64
	down.Store(true)
	c.setFront(func(w http.ResponseWriter, r *http.Request, _ func() *httptest.ResponseRecorder) bool {
		if down.Load() {
			cut(w)
			return true
		}
		if strings.HasSuffix(r.URL.Path, "/events") {
			raw, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(raw)))
			batches.Add(1)
			largest.Store(max(largest.Load(), int64(len(batchOf(t, raw)))))
		}
		return false
	})
	const orders = 900
	for i := range orders {
		s.order(t, fmt.Sprintf("O-%d", i))
	}
	r := s.runner(t, c.client(t))
	run(t, r)
	eventually(t, "it knows that it is offline", func() bool { return r.Status().Code == cloudsync.CodeUnreachable })
	if st := r.Status(); st.OldestAge(st.OldestAt.Add(time.Hour)) != time.Hour || (cloudsync.Status{}).OldestAge(time.Now()) != 0 {
		t.Errorf("age %v", st.OldestAge(time.Now()))
	}
	if st := r.Status(); st.Connected || st.Depth != 2*orders || st.OldestAt.UnixMilli() < 1_795_000_000_000 || st.LastError == "" {
		t.Errorf("%+v", st)
	}
	down.Store(false)
	eventually(t, "drained", s.drained)
	c.once(s, orders)
	if largest.Load() != wire.MaxBatchEvents || batches.Load() > 8 {
		t.Errorf("%d batches, the largest of %d", batches.Load(), largest.Load())
	}
}

func mustBody(t testing.TB, c ledger.Command) []byte {
	t.Helper()
	_, _, body, err := ledger.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
