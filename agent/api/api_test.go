package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/agent/health"
	"tote/agent/intake"
	"tote/agent/replica"
	"tote/drivers"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// fake is a gateway whose store is the real state machine on memory.
type fake struct {
	t         *testing.T
	contract  *contract
	handler   http.Handler
	tx        *memtx.Tx
	index     uint64
	done      []warehouse.Command // what was proposed
	by        []string            // by whom
	answers   map[[16]byte]answered
	doErr     error // what proposing fails with
	viewErr   error
	hang      bool // proposing takes until the context ends
	notReady  error
	quorum    Quorum
	robots    []string               // what was said of robots and scales
	scaleErr  error                  // of what is asked of the scale
	node      func(name string) bool // of the map of the robots; nil = any
	printer   string                 // what that of pack1, which is here, says
	later     time.Duration          // the clock is ahead by it
	log       bytes.Buffer
	meanwhile func(warehouse.Command) // happens before a command is done
	cutAt     int                     // of the commands with an id: nothing answers from this one on; 0 = never
	lose      int                     // how many answers get lost

	cutApplied bool // the one it was cut at was still done
}

// answered is a command with an id of its own and what became of it.
type answered struct {
	c   warehouse.Command
	res warehouse.Result
}

const now = int64(1_767_225_600_000)

func newFake(t *testing.T) *fake {
	t.Helper()
	g := &fake{t: t, contract: readContract(t), tx: memtx.New(), quorum: Quorum{OK: true}, answers: map[[16]byte]answered{}}
	g.handler = New(Config{
		Updates: &fakeUpdates{},
		Log:     slog.New(slog.NewTextHandler(&g.log, nil)),
		Enrol:   g.enrolment(),
		Revoke: func(_ context.Context, actor, name string) error {
			return g.enrolment().Revoke(t.Context(), actor, name)
		},
		Do:     g.do,
		DoAs:   g.doAs,
		Quorum: func() Quorum { return g.quorum },
		NewToken: func(_ context.Context, life time.Duration) (string, error) {
			if g.doErr != nil {
				return "", g.doErr
			}
			return "tote1.for." + life.String(), nil
		},
		View: func(fn func(r warehouse.Reader) error) error {
			if g.viewErr != nil {
				return g.viewErr
			}
			return fn(g.tx)
		},
		Trace: func(_ context.Context, name string, after uint64, wait time.Duration) (Trace, bool) {
			return Trace{
				Device: name, Driver: "mt-sics", Next: after + 1, Lost: wait == time.Second,
				Chunks: []Chunk{{Seq: after + 1, At: "2026-01-02T03:04:05.000006Z", Dir: "to", Hex: "53490d0a"}, {Seq: after + 2, At: "2026-01-02T03:04:05.000007Z", Event: "closed"}},
			}, name == "pack1/scale"
		},
		Robot: func(_ context.Context, id, act string) bool {
			g.robots = append(g.robots, id+" "+act)
			return id == "R1"
		},
		Scale: func(_ context.Context, by, device, act string) (string, bool, error) {
			g.robots = append(g.robots, by+" "+device+" "+act)
			if device != "pack1/scale" {
				return "", false, nil
			}
			return "0.00 kg", true, g.scaleErr
		},
		PrintWaits: func(job warehouse.PrintJob) (string, bool) {
			if job.Station != "pack1" {
				return "", false
			}
			return g.printer, true
		},
		Node:  func(name string) bool { return g.node == nil || g.node(name) },
		Ready: func() error { return g.notReady },
		Status: func() Gateway {
			return Gateway{
				ID: "gw1", Version: "1", Leader: true, Devices: []Device{{
					Name: "pack1/scale", Driver: "mt-sics", State: "ready", Port: "usb:0403:6001", Node: "/dev/ttyUSB0", Identity: &drivers.Identity{Maker: "MT", Firmware: "1.0"},
				}}, Portals: []Portal{{Dock: "dock1", Waiting: 1}},
				Disk: &Disk{Level: "amber", Free: 1 << 20, Needed: 1 << 19, SyncMs: 3, Code: "STO-305"},
			}
		},
		Faults: health.Faults,
		Formed: func() ([]Formed, error) {
			return []Formed{{Epoch: 2, How: "recovered", At: "2026-01-02T03:04:05Z", By: "mira", Gateway: "gw1", Number: 7}}, g.viewErr
		},
		Backup: func(w io.Writer) error {
			if g.viewErr != nil {
				return g.viewErr
			}
			_, err := io.WriteString(w, "a backup")
			return errors.Join(err, g.doErr)
		},
		Now: func() time.Time { return time.UnixMilli(now + 5000).Add(g.later) },
	})
	return g
}

func (g *fake) do(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error) {
	if actor == "" {
		g.t.Error("a command without an actor")
	}
	if g.hang {
		<-ctx.Done()
		return warehouse.Result{}, ctx.Err()
	}
	if g.doErr != nil {
		return warehouse.Result{}, g.doErr
	}
	if g.meanwhile != nil {
		g.meanwhile(c)
	}
	g.index++
	g.done, g.by = append(g.done, c), append(g.by, actor)
	return warehouse.Apply(g.tx, warehouse.Meta{Index: g.index, Now: now, Actor: actor, Cause: fmt.Sprint(g.index), Level: warehouse.Level}, c)
}

// doAs gives the first answer of an id again, as the store does.
func (g *fake) doAs(ctx context.Context, id [16]byte, actor string, c warehouse.Command) (warehouse.Result, error) {
	if a, ok := g.answers[id]; ok {
		if !cmp.Equal(a.c, c) {
			return warehouse.Result{Code: replica.CodeSeqReused}, nil
		}
		return a.res, nil
	}
	if cut := len(g.done) + 1 - g.cutAt; g.cutAt > 0 && (cut > 0 || cut == 0 && !g.cutApplied) {
		return warehouse.Result{}, errCut
	}
	res, err := g.do(ctx, actor, c)
	if err == nil {
		g.answers[id] = answered{c, res}
		if g.lose > 0 {
			g.lose--
			return warehouse.Result{}, errCut
		}
		if g.cutAt == len(g.done) {
			g.answers = map[[16]byte]answered{} // nobody will ask again
			return warehouse.Result{}, errCut
		}
	}
	return res, err
}

// site is a fake with a site of one item, one bin and the orders O1 to O5.
func site(t *testing.T) *fake {
	t.Helper()
	g := newFake(t)
	g.want(http.StatusOK, g.put("/v1/site", siteJSON))
	g.want(http.StatusOK, g.csv("items", "sku,name,weight_g\nTEA,Tea,100\n"))
	g.want(http.StatusOK, g.csv("bins", "bin,aisle,cell\nB-1,0,0\n"))
	g.want(http.StatusOK, g.csv("stock", "bin,sku,qty\nB-1,TEA,5\n"))
	for i := range 5 {
		g.want(http.StatusOK, g.csv("orders", orderFile(fmt.Sprintf("O%d", i+1), "TEA")))
	}
	g.done = nil
	return g
}

const siteJSON = `{"id":"s1","companyPrefix":"9521234","ssccExtension":3,"totePrefix":"T-","cartonTareMg":350000,"toleranceMg":20000,
"tolerancePermil":5,"leaseMs":600000,"cartSlots":1,"layout":{"aisles":2,"cells":4,"cellMm":1200,"endMm":1500,"pitchMm":4500,"depotAisle":0},
"carriers":[{"code":"P","method":"","prefix":"PA","digits":8,"first":1,"last":99}],"packDrop":"DROP"}`

func orderFile(id, sku string) string {
	return "order,line,sku,qty,name,street,postcode,city,country\n" + id + ",1," + sku + ",1,Eve,Road 1,1000,Town,DE\n"
}

func (g *fake) get(path string) response { g.t.Helper(); return g.call("GET", path, "", nil) }

func (g *fake) put(path, body string) response {
	g.t.Helper()
	return g.call("PUT", path, "application/json", strings.NewReader(body))
}

func (g *fake) post(path, body string) response {
	g.t.Helper()
	return g.call("POST", path, "application/json; charset=utf-8", strings.NewReader(body))
}

func (g *fake) csv(kind, body string) response {
	g.t.Helper()
	return g.call("POST", "/v1/import/"+kind, "text/csv", strings.NewReader(body))
}

func (g *fake) want(status int, r response) response {
	g.t.Helper()
	if r.status != status {
		g.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// refused requires a status and code, and that nothing was proposed.
func (g *fake) refused(status int, code string, r response) Refusal {
	g.t.Helper()
	got := g.want(status, r).refusal(g.t)
	if got.Code != code || got.Text == "" {
		g.t.Errorf("refused with %+v, want %s", got, code)
	}
	if len(g.done) > 0 {
		g.t.Errorf("proposed all the same: %+v", g.done)
	}
	return got
}

func decode[T any](t *testing.T, r response) (v T) {
	t.Helper()
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return v
}

func TestHealth(t *testing.T) {
	g := newFake(t)
	g.want(http.StatusOK, g.get("/healthz"))
	g.want(http.StatusOK, g.get("/readyz"))
	g.notReady = errors.New("no leader")
	g.want(http.StatusOK, g.get("/healthz"))
	if r := g.refused(http.StatusServiceUnavailable, CodeNotReady, g.get("/readyz")); r.Text != "no leader" {
		t.Errorf("%+v", r)
	}
}

func TestStatus(t *testing.T) {
	g := site(t)
	got := decode[Status](t, g.want(http.StatusOK, g.get("/v1/status")))
	if got.Gateway.ID != "gw1" || got.Orders["RELEASED"] != 5 || got.Outbox == 0 || got.OutboxAge != 5000 || got.Fallouts != 0 {
		t.Errorf("%+v", got)
	}
}

func TestUnknownPages(t *testing.T) {
	g := newFake(t)
	g.refused(http.StatusNotFound, CodeNotFound, g.get("/"))
	g.refused(http.StatusNotFound, CodeNotFound, g.get("/v1/orders/O1/parcels"))
	g.refused(http.StatusNotFound, CodeNotFound, g.call("DELETE", "/v2/orders", "", nil))
	r := g.call("DELETE", "/v1/orders/O1", "", nil)
	g.refused(http.StatusMethodNotAllowed, CodeBadRequest, r)
	if r.header.Get("Allow") != "GET" {
		t.Errorf("Allow: %q", r.header.Get("Allow"))
	}
	g.refused(http.StatusMethodNotAllowed, CodeBadRequest, g.get("/v1/import/items"))
}

func TestOrdersByPage(t *testing.T) {
	g := site(t)
	type page struct {
		Orders []warehouse.Order
		Next   string
	}
	var ids []string
	after := ""
	for range 3 {
		p := decode[page](t, g.want(http.StatusOK, g.get("/v1/orders?limit=2&after="+after)))
		for _, o := range p.Orders {
			ids = append(ids, o.Spec.ID)
		}
		after = p.Next
	}
	if diff := cmp.Diff([]string{"O1", "O2", "O3", "O4", "O5"}, ids); diff != "" || after != "" {
		t.Errorf("next %q, orders (-want +got):\n%s", after, diff)
	}
	g.want(http.StatusOK, g.post("/v1/orders/O3/cancel", `{"reason":"test"}`))
	p := decode[page](t, g.want(http.StatusOK, g.get("/v1/orders?state=CANCELLED")))
	if len(p.Orders) != 1 || p.Orders[0].Spec.ID != "O3" {
		t.Errorf("%+v", p)
	}
	// Of a closed state no page is empty on the way; of one moment the first id is first.
	g.want(http.StatusOK, g.post("/v1/orders/O1/cancel", `{"reason":"test"}`))
	p = decode[page](t, g.want(http.StatusOK, g.get("/v1/orders?limit=1&state=CANCELLED")))
	if len(p.Orders) != 1 || p.Orders[0].Spec.ID != "O1" || p.Next == "" {
		t.Errorf("%+v", p)
	}
	p = decode[page](t, g.want(http.StatusOK, g.get("/v1/orders?limit=1&state=CANCELLED&after="+p.Next)))
	if len(p.Orders) != 1 || p.Orders[0].Spec.ID != "O3" || p.Next != "" {
		t.Errorf("%+v", p)
	}
	p = decode[page](t, g.want(http.StatusOK, g.get("/v1/orders?limit=2&state=RELEASED&after=O1")))
	if len(p.Orders) != 2 || p.Orders[1].Spec.ID != "O4" || p.Next != "O4" {
		t.Errorf("%+v", p)
	}
	g.done = nil
	g.refused(http.StatusBadRequest, CodeBadRequest, g.get("/v1/orders?state=CANCELLED&after=O1"))
	for _, limit := range []string{"0", "-1", "1001", "ten", "1.5"} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.get("/v1/orders?limit="+limit))
	}
}

func TestOneOrder(t *testing.T) {
	g := site(t)
	g.refused(http.StatusNotFound, warehouse.CodeUnknownOrder, g.get("/v1/orders/NONE"))
	g.want(http.StatusOK, g.csv("orders", strings.Replace(orderFile("BIG", "TEA"), "TEA,1", "TEA,99", 1)))
	o := decode[OrderView](t, g.want(http.StatusOK, g.get("/v1/orders/BIG")))
	if o.State != warehouse.OrderShortWaiting || len(o.Fallouts) != 1 || o.Fallouts[0].Code != warehouse.FalloutOutOfStock {
		t.Errorf("%+v", o)
	}
	if o := decode[OrderView](t, g.want(http.StatusOK, g.get("/v1/orders/O1"))); o.Fallouts == nil || len(o.Fallouts) != 0 {
		t.Errorf("the fallouts of another order: %+v", o.Fallouts)
	}
	for path, want := range map[string]int{"/v1/fallouts": 1, "/v1/fallouts?all=1": 1} {
		if f := decode[[]warehouse.Fallout](t, g.want(http.StatusOK, g.get(path))); len(f) != want {
			t.Errorf("%s: %+v", path, f)
		}
	}
	g.want(http.StatusOK, g.post("/v1/orders/BIG/cancel", `{}`))
	for path, want := range map[string]int{"/v1/fallouts": 0, "/v1/fallouts?all=1": 1} {
		if f := decode[[]warehouse.Fallout](t, g.want(http.StatusOK, g.get(path))); len(f) != want {
			t.Errorf("%s after the cancel: %+v", path, f)
		}
	}
}

func TestCancelAndRetry(t *testing.T) {
	g := site(t)
	g.want(http.StatusOK, g.post("/v1/orders/O1/cancel", `{"reason":"changed their mind"}`))
	want := []warehouse.Command{warehouse.CancelOrder{Order: "O1", Reason: "changed their mind", Source: "site"}}
	if diff := cmp.Diff(want, g.done); diff != "" {
		t.Error(diff)
	}
	if r := g.want(http.StatusNotFound, g.post("/v1/orders/NONE/cancel", `{}`)).refusal(t); r.Code != warehouse.CodeUnknownOrder {
		t.Errorf("%+v", r)
	}
	if r := g.want(http.StatusNotFound, g.post("/v1/orders/NONE/retry", `{}`)).refusal(t); r.Code != warehouse.CodeUnknownOrder {
		t.Errorf("%+v", r)
	}
	g.want(http.StatusOK, g.csv("orders", strings.Replace(orderFile("BIG", "TEA"), "TEA,1", "TEA,99", 1)))
	g.post("/v1/orders/BIG/retry", `{}`) // it may answer either way; the contract was checked
	if _, ok := g.done[len(g.done)-1].(warehouse.RetryOrder); !ok {
		t.Errorf("proposed %+v", g.done)
	}
}

// TestBadBodies: nothing reaches the store.
func TestBadBodies(t *testing.T) {
	g := site(t)
	for _, path := range []string{"/v1/orders/O1/cancel", "/v1/orders/O1/retry"} {
		g.refused(http.StatusUnsupportedMediaType, CodeBadRequest, g.call("POST", path, "", strings.NewReader(`{}`)))
		g.refused(http.StatusUnsupportedMediaType, CodeBadRequest, g.call("POST", path, "text/plain", strings.NewReader(`{}`)))
		g.refused(http.StatusUnsupportedMediaType, CodeBadRequest, g.call("POST", path, "application/x-www-form-urlencoded", strings.NewReader(`reason=x`)))
		g.refused(http.StatusBadRequest, CodeBadRequest, g.post(path, ""))
		g.refused(http.StatusBadRequest, CodeBadRequest, g.post(path, `[]`))
		g.refused(http.StatusBadRequest, CodeBadRequest, g.post(path, `{"order":"O2"}`))
		g.refused(http.StatusBadRequest, CodeBadRequest, g.post(path, `{}{}`))
		g.refused(http.StatusRequestEntityTooLarge, CodeBadRequest, g.post(path, `{`+strings.Repeat(" ", 5<<10)+`}`))
	}
	g.refused(http.StatusBadRequest, CodeBadRequest, g.post("/v1/orders/O1/cancel", `{"reason":7}`))
	g.refused(http.StatusUnsupportedMediaType, CodeBadRequest, g.call("PUT", "/v1/site", "text/csv", strings.NewReader(siteJSON)))
	g.refused(http.StatusBadRequest, CodeBadRequest, g.put("/v1/site", `{"id":"s1","tolerance":5}`))
	g.refused(http.StatusBadRequest, CodeBadRequest, g.put("/v1/site", siteJSON+siteJSON))
	g.refused(http.StatusRequestEntityTooLarge, CodeBadRequest, g.put("/v1/site", `{"id":"`+strings.Repeat("x", 65<<10)))
	g.refused(http.StatusUnsupportedMediaType, CodeBadRequest, g.call("POST", "/v1/import/items", "application/json", strings.NewReader(`{}`)))
}

func TestSite(t *testing.T) {
	g := newFake(t)
	g.refused(http.StatusNotFound, warehouse.CodeSiteNotSet, g.get("/v1/site"))
	g.want(http.StatusOK, g.put("/v1/site", siteJSON))
	if s := decode[warehouse.Site](t, g.want(http.StatusOK, g.get("/v1/site"))); s.ID != "s1" || s.ToleranceMg != 20_000 {
		t.Errorf("%+v", s)
	}
	full := strings.TrimSuffix(siteJSON, "}") + `,"transport":"robot","packStations":["pack1"],"lanes":[{"id":"L1","carrier":"P","dock":"dock1"},{"id":"L9"}],"defaultLane":"L9",
		"portals":["dock1"],"countLimit":5,"autoCount":true,"expiryDays":30,"zeroCheck":true}`
	g.want(http.StatusOK, g.put("/v1/site", full))
	g.want(http.StatusOK, g.get("/v1/site")) // as the contract says it
	r := g.want(http.StatusConflict, g.put("/v1/site", strings.Replace(siteJSON, `"s1"`, `"s2"`, 1))).refusal(t)
	if r.Code != warehouse.CodeConflict {
		t.Errorf("another site: %+v", r)
	}
}

func TestStockAndLedger(t *testing.T) {
	g := site(t)
	want := []warehouse.Balance{{Place: "bin/B-1", Qty: 5, Reserved: 5}, {Place: "opening", Qty: -5}}
	if diff := cmp.Diff(want, decode[[]warehouse.Balance](t, g.want(http.StatusOK, g.get("/v1/stock/TEA")))); diff != "" {
		t.Error(diff)
	}
	g.refused(http.StatusNotFound, warehouse.CodeUnknownItem, g.get("/v1/stock/NOPE"))
	if rep := decode[warehouse.LedgerReport](t, g.want(http.StatusOK, g.get("/v1/ledger"))); !rep.OK || rep.Items != 1 || rep.Moves != 1 {
		t.Errorf("%+v", rep)
	}
}

func TestFaultsTable(t *testing.T) {
	g := newFake(t)
	if f := decode[[]health.Fault](t, g.want(http.StatusOK, g.get("/v1/faults"))); len(f) != len(health.Faults()) || f[0].Action == "" {
		t.Errorf("%d faults", len(f))
	}
}

func TestImport(t *testing.T) {
	g := site(t)
	rows := "order,line,sku,qty,name,street,postcode,city,country\n"
	for _, o := range []string{"N1,1,TEA", "N2,1,NOPE", "N3,1,TEA"} {
		rows += o + ",1,Eve,Road 1,1000,Town,DE\n"
	}
	dry := decode[Imported](t, g.want(http.StatusOK, g.call("POST", "/v1/import/orders?dry=1", "text/csv", strings.NewReader(rows))))
	if dry.Commands != 3 || dry.Applied != 0 || len(g.done) != 0 {
		t.Errorf("a dry run: %+v, proposed %d", dry, len(g.done))
	}
	got := decode[Imported](t, g.want(http.StatusConflict, g.csv("orders", rows)))
	if got.Kind != "orders" || got.Commands != 3 || got.Applied != 2 || len(got.Refused) != 1 ||
		got.Refused[0].Ref != "N2" || got.Refused[0].Code != warehouse.CodeUnknownItem {
		t.Errorf("%+v", got)
	}
	g.done = nil
	r := g.refused(http.StatusUnprocessableEntity, intake.CodeValue, g.csv("orders", rows+"N4,1,TEA,none,Eve,Road 1,1000,Town,DE\n"))
	if len(r.Problems) != 1 || r.Problems[0].Line != 5 || r.Problems[0].Column != "qty" || !strings.Contains(r.Text, "line 5") {
		t.Errorf("%+v", r)
	}
	g.refused(http.StatusNotFound, CodeNotFound, g.csv("robots", rows))
}

// endless is a file that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestImportTooLarge(t *testing.T) {
	g := site(t)
	file := io.MultiReader(strings.NewReader("id,name,badge\nW1,\""), endless{})
	g.refused(http.StatusRequestEntityTooLarge, intake.CodeTooLong, g.call("POST", "/v1/import/workers", "text/csv", file))
}

// TestStoreTroubles: what the store cannot do is not the caller's fault, and an
// answer that did not come is told apart from a refusal.
func TestStoreTroubles(t *testing.T) {
	g := site(t)
	changes := map[string]func() response{
		"cancel": func() response { return g.post("/v1/orders/O1/cancel", `{}`) },
		"retry":  func() response { return g.post("/v1/orders/O1/retry", `{}`) },
		"site":   func() response { return g.put("/v1/site", siteJSON) },
		"import": func() response { return g.csv("orders", orderFile("N1", "TEA")) },
	}
	g.doErr = errors.New("STO-101: the log cannot be written")
	for name, change := range changes {
		if r := g.refused(http.StatusServiceUnavailable, CodeNotReady, change()); !strings.Contains(r.Text, "STO-101") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	g.doErr, g.viewErr = nil, errors.New("the state is damaged")
	for _, path := range []string{"/v1/status", "/v1/orders", "/v1/orders/O1", "/v1/fallouts", "/v1/ledger", "/v1/stock/TEA", "/v1/site"} {
		g.refused(http.StatusInternalServerError, CodeInternal, g.get(path))
	}
	if !strings.Contains(g.log.String(), "the state is damaged") {
		t.Error("nothing of it in the log")
	}
}

func TestToken(t *testing.T) {
	g := newFake(t)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"an hour":       {`{"ttlSeconds":3600}`, http.StatusCreated, ""},
		"no time":       {`{}`, http.StatusBadRequest, CodeBadRequest},
		"too long":      {`{"ttlSeconds":86401}`, http.StatusBadRequest, CodeBadRequest},
		"unknown field": {`{"ttl":1}`, http.StatusBadRequest, CodeBadRequest},
	} {
		res := g.call("POST", "/v1/tokens", "application/json", strings.NewReader(c.body))
		if res.status != c.status || c.code != "" && !strings.Contains(string(res.body), c.code) {
			t.Errorf("%s: %d %s", name, res.status, res.body)
		}
		if c.code == "" && !strings.Contains(string(res.body), "tote1.for.1h0m0s") {
			t.Errorf("%s: %s", name, res.body)
		}
	}
	g.doErr = errors.New("no quorum")
	if res := g.call("POST", "/v1/tokens", "application/json", strings.NewReader(`{"ttlSeconds":1}`)); res.status != http.StatusServiceUnavailable {
		t.Errorf("without a quorum: %d %s", res.status, res.body)
	}
}

// TestScaleByHand: a person has a scale zeroed, also where nothing can be
// recorded; what the scale refuses is told with what to do.
func TestScaleByHand(t *testing.T) {
	g := newFake(t)
	g.quorum = Quorum{}
	got := decode[map[string]string](t, g.want(http.StatusOK, g.post("/v1/devices/pack1%2Fscale/zero", "{}")))
	if d := cmp.Diff(map[string]string{"device": "pack1/scale", "act": "zero", "shows": "0.00 kg"}, got); d != "" {
		t.Error(d)
	}
	g.want(http.StatusOK, g.post("/v1/devices/pack1%2Fscale/tare", "{}"))
	g.want(http.StatusOK, g.post("/v1/devices/pack1%2Fscale/clear-tare", "{}"))
	g.refused(http.StatusNotFound, CodeNotFound, g.post("/v1/devices/pack9%2Fscale/zero", "{}"))
	g.refused(http.StatusBadRequest, CodeBadRequest, g.post("/v1/devices/pack1%2Fscale/zero", `{"force":true}`))
	g.scaleErr = fmt.Errorf("scale: %w", drivers.Coded(drivers.CodeScaleNotEmpty))
	r := g.want(http.StatusConflict, g.post("/v1/devices/pack1%2Fscale/zero", "{}")).refusal(t)
	if r.Code != drivers.CodeScaleNotEmpty || r.Cause == "" || r.Action == "" || !strings.Contains(r.Text, "0.00 kg") {
		t.Errorf("%+v", r)
	}
	g.scaleErr = drivers.Coded(drivers.CodeScaleSilent)
	if r := g.want(http.StatusConflict, g.post("/v1/devices/pack1%2Fscale/zero", "{}")).refusal(t); strings.Contains(r.Text, "shows") {
		t.Errorf("a silent scale shows nothing: %+v", r)
	}
	if d := cmp.Diff([]string{"site/api pack1/scale zero", "site/api pack1/scale tare", "site/api pack1/scale clear-tare", "site/api pack9/scale zero", "site/api pack1/scale zero", "site/api pack1/scale zero"}, g.robots); d != "" {
		t.Error(d)
	}
}

// TestRobotByHand: a person says that a robot was put right, or taken away.
func TestRobotByHand(t *testing.T) {
	g := newFake(t)
	g.want(http.StatusAccepted, g.post("/v1/robots/R1/clear", "{}"))
	g.want(http.StatusAccepted, g.post("/v1/robots/R1/gone", "{}"))
	g.refused(http.StatusNotFound, CodeNotFound, g.post("/v1/robots/R9/clear", "{}"))
	g.refused(http.StatusBadRequest, CodeBadRequest, g.post("/v1/robots/R1/clear", "{"))
	g.quorum = Quorum{}
	g.refused(http.StatusServiceUnavailable, CodeNoQuorum, g.post("/v1/robots/R1/gone", "{}"))
	if d := cmp.Diff([]string{"R1 clear", "R1 gone", "R9 clear"}, g.robots); d != "" {
		t.Error(d)
	}
}
