package cloudsync_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/cloudsync"
	"tote/cloudsync/ledger"
	"tote/cloudsync/native"
	"tote/cloudsync/wire"
	"tote/oms"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

func TestMain(m *testing.M) {
	// Every test opens a database of its own and the OMS syncs every commit:
	// in memory that costs nothing, on a busy disk minutes.
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		_ = os.Setenv("TMPDIR", "/dev/shm")
	}
	goleak.VerifyTestMain(m)
}

// site is the replicated state of a warehouse in memory: commands one by one,
// the writes of a refused one dropped.
type site struct {
	mu    sync.Mutex
	tx    *memtx.Tx
	index uint64
	now   int64
	kick  chan struct{}
	term  uint64
	// fail, when set, is asked before and after a command is applied; an
	// error is what the proposer gets.
	fail func(kind uint16, applied bool) error
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{tx: memtx.New(), now: 1_795_000_000_000, kick: make(chan struct{}, 1), term: 1}
	for _, c := range []warehouse.Command{
		warehouse.PutSite{Site: warehouse.Site{
			ID: "dc1", CompanyPrefix: "4012345", TotePrefix: "T", ToleranceMg: 1000, LeaseMs: 60_000, CartSlots: 4, PackDrop: "PACKDROP",
			Layout:   warehouse.Layout{Aisles: 1, Cells: 4, CellMm: 1000, EndMm: 1000, PitchMm: 3000},
			Carriers: []warehouse.Carrier{{Code: "DHL", Prefix: "D", Digits: 6, First: 1, Last: 999_999}},
		}},
		warehouse.PutItems{Items: []warehouse.Item{{SKU: "A", Name: "a", WeightMg: 1000}}},
		warehouse.PutBins{Bins: []warehouse.Bin{{Code: "B1"}}},
		warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B1", SKU: "A", Qty: 1_000_000}}},
	} {
		s.domain(t, c)
	}
	return s
}

// domain runs a command of the floor.
func (s *site) domain(t testing.TB, c warehouse.Command) {
	t.Helper()
	s.mu.Lock()
	s.index++
	s.now++
	res, err := warehouse.Apply(s.tx, warehouse.Meta{Index: s.index, Now: s.now, Cause: fmt.Sprint("test/", s.index), Level: warehouse.Level}, c)
	s.mu.Unlock()
	if err != nil || !res.OK {
		t.Fatalf("%T: %+v %v", c, res, err)
	}
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// order releases an order at the site: two events.
func (s *site) order(t testing.TB, id string) {
	t.Helper()
	s.domain(t, warehouse.ReleaseOrder{Source: "site", Order: warehouse.OrderSpec{
		ID: id, Revision: 1, Lines: []warehouse.OrderLine{{Line: 1, SKU: "A", Qty: 1}},
		ShipTo: warehouse.Address{Name: "n", Street: "s", Postcode: "p", City: "c", Country: "DE"},
	}})
}

func (s *site) propose(_ context.Context, kind, version uint16, body []byte) (warehouse.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(kind, false); err != nil {
			return warehouse.Result{}, err
		}
	}
	s.index++
	before := s.tx.Snapshot()
	res, err := ledger.Apply(s.tx, warehouse.Meta{Index: s.index, Now: s.now, Level: warehouse.Level}, kind, version, body)
	if err != nil || !res.OK && !res.Keep {
		s.tx.Rollback(before)
	}
	if err == nil && s.fail != nil {
		err = s.fail(kind, true)
	}
	return res, err
}

func (s *site) view(fn func(r warehouse.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(s.tx)
}

// runner makes a link of this site with fast retries.
func (s *site) runner(t testing.TB, a cloudsync.Adapter, change ...func(*cloudsync.Config)) *cloudsync.Runner {
	t.Helper()
	cfg := cloudsync.Config{
		Site: "dc1", Epoch: 1, Adapter: a, Propose: s.propose, View: s.view, Kick: s.kick, StartSpread: -1, EventsPerSecond: 1_000_000,
		Fence: func() uint64 { s.mu.Lock(); defer s.mu.Unlock(); return s.term },
		Rand:  func(n int64) int64 { return min(n-1, int64(time.Millisecond)) },
	}
	for _, f := range change {
		f(&cfg)
	}
	r, err := cloudsync.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run starts a runner; the returned func stops it and gives its error.
func run(t testing.TB, r *cloudsync.Runner) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

// eventually polls a condition; the deadline is for a hung test only.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// center is a real OMS behind a real listener, with faults in front.
type center struct {
	*oms.Server
	t    testing.TB
	db   string
	http *httptest.Server

	mu sync.Mutex
	// front, when set, answers instead of the OMS when it returns true; it
	// may call serve itself to have the effect without the answer.
	front func(w http.ResponseWriter, r *http.Request, serve func() *httptest.ResponseRecorder) bool
}

func newCenter(t testing.TB) *center {
	t.Helper()
	c := &center{t: t, db: filepath.Join(t.TempDir(), "oms.db")}
	c.open()
	c.http = httptest.NewServer(c)
	t.Cleanup(func() { c.http.CloseClientConnections(); c.http.Close(); _ = c.Server.Close() })
	return c
}

func (c *center) open() {
	s, err := oms.New(oms.Config{DB: c.db, Sites: []oms.Site{{ID: "dc1"}}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.Server = s
}

// restart is a crash between two requests.
func (c *center) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.Server.Close()
	c.open()
}

func (c *center) setFront(f func(http.ResponseWriter, *http.Request, func() *httptest.ResponseRecorder) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.front = f
}

func (c *center) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	h, front := c.Handler(), c.front
	c.mu.Unlock()
	serve := func() *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec
	}
	if front != nil && front(w, r, serve) {
		return
	}
	h.ServeHTTP(w, r)
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func (c *center) client(t testing.TB) *native.Client {
	t.Helper()
	cl, err := native.New(native.Config{URL: c.http.URL, Site: "dc1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// fake is an OMS in memory for tests on virtual time.
type fake struct {
	mu    sync.Mutex
	ack   map[string]uint64
	got   []wire.Event
	sizes []int       // of the batches that arrived
	at    []time.Time // when they did
	polls []time.Time
	// sendErr and pollErr, when set, decide before anything happens.
	sendErr func(b cloudsync.Batch) error
	pollErr func(cursor string) error
	reply   func(b cloudsync.Batch, r *wire.Reply)
	pages   []wire.InboxPage
	news    chan struct{}
}

func newFake() *fake { return &fake{ack: map[string]uint64{}, news: make(chan struct{}, 16)} }

func (f *fake) Capabilities() cloudsync.Capabilities {
	return cloudsync.Capabilities{ChangeFeed: true, IdempotencyKey: true}
}

func (f *fake) Send(ctx context.Context, b cloudsync.Batch) (wire.Reply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sizes, f.at = append(f.sizes, len(b.Events)), append(f.at, time.Now())
	if f.sendErr != nil {
		if err := f.sendErr(b); err != nil {
			return wire.Reply{}, err
		}
	}
	if b.Key.First > f.ack[b.Key.Stream]+1 {
		return wire.Reply{}, &cloudsync.Error{Kind: cloudsync.Gap, ExpectSeq: f.ack[b.Key.Stream] + 1}
	}
	var r wire.Reply
	for i, e := range b.Events {
		res := wire.Result{Seq: b.Key.First + uint64(i), Status: wire.StatusApplied}
		if res.Seq <= f.ack[b.Key.Stream] {
			res.Status, res.Original = wire.StatusDuplicate, wire.StatusApplied
		} else {
			f.got = append(f.got, e)
			f.ack[b.Key.Stream] = res.Seq
		}
		r.Results = append(r.Results, res)
	}
	r.AckSeq = f.ack[b.Key.Stream]
	r.ExpectSeq = r.AckSeq + 1
	if f.reply != nil {
		f.reply(b, &r)
	}
	return r, nil
}

func (f *fake) Poll(ctx context.Context, cursor string, wait time.Duration, _ int) (wire.InboxPage, error) {
	f.mu.Lock()
	f.polls = append(f.polls, time.Now())
	if f.pollErr != nil {
		if err := f.pollErr(cursor); err != nil {
			f.mu.Unlock()
			return wire.InboxPage{}, err
		}
	}
	if len(f.pages) > 0 {
		p := f.pages[0]
		f.pages = f.pages[1:]
		f.mu.Unlock()
		return p, nil
	}
	f.mu.Unlock()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.news:
	case <-ctx.Done():
		return wire.InboxPage{}, ctx.Err()
	}
	return wire.InboxPage{Next: cursor}, nil
}

var errNoNet = &cloudsync.Error{Kind: cloudsync.Unreachable, Err: errors.New("no route")}
