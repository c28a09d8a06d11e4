package agent

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tote/agent/station"
	syncwire "tote/cloudsync/wire"
	"tote/oms"
	"tote/warehouse"
)

// central is a real OMS that keeps a copy of what the site sends it.
type central struct {
	s   *site
	url string

	answer atomic.Int32 // to events, instead of the OMS; 0 = none

	mu     sync.Mutex
	events []syncwire.Event // as they came, repeats too
}

// newCentral starts an OMS for the site and then the site, with its devices.
func newCentral(t *testing.T) (*site, *central) {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	c := s.central()
	s.oms = c.url
	s.startDevices()
	s.begin()
	s.devicesReady()
	return s, c
}

// central starts an OMS for the site.
func (s *site) central() *central {
	t := s.t
	t.Helper()
	server, err := oms.New(oms.Config{DB: filepath.Join(t.TempDir(), "oms.db"), Sites: []oms.Site{{ID: "s1"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := &central{s: s}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			raw, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			if code := c.answer.Load(); code != 0 {
				w.WriteHeader(int(code))
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(raw))
			c.keep(raw)
		}
		server.Handler().ServeHTTP(w, r)
	}))
	c.url = front.URL
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *central) keep(raw []byte) {
	if z, err := gzip.NewReader(bytes.NewReader(raw)); err == nil {
		raw, _ = io.ReadAll(z)
	}
	var batch []syncwire.Event
	if err := json.Unmarshal(raw, &batch); err != nil {
		c.s.t.Errorf("a batch cannot be read: %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, batch...)
}

// heard is the newest event of a type about an order.
func (c *central) heard(typ, order string) (got syncwire.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		if e.Type == syncwire.Type(typ) && e.Subject == order {
			got = e
		}
	}
	return got
}

// ask makes a request to the OMS.
func (c *central) ask(method, path, body string) (int, []byte) {
	c.s.t.Helper()
	req, err := http.NewRequestWithContext(c.s.ctx(), method, c.url+path, strings.NewReader(body))
	c.s.must(err)
	req.Header.Set("Content-Type", "application/json")
	return c.s.send(req)
}

// order is what the OMS shows of an order.
func (c *central) order(id string) (v oms.OrderView) {
	c.s.t.Helper()
	_, raw := c.ask("GET", "/v1/orders/"+id, "")
	c.s.must(json.Unmarshal(raw, &v))
	return v
}

// syncLag is how long the OMS may stay behind the site while the link is up
// (cloudsync/DESIGN.md). Nothing here comes near it.
const syncLag = 5 * time.Second

// shows requires that the OMS comes to a state in time, and the site was there.
func (c *central) shows(id, state string) {
	c.s.t.Helper()
	at := time.Now()
	c.s.eventually("the OMS shows "+id+" as "+state, func() bool { return c.order(id).State == state })
	if lag := time.Since(at); lag > syncLag {
		c.s.t.Errorf("the OMS shows %s as %s after %v", id, state, lag)
	}
}

// TestJourney: an order from the OMS through allocation, walk, bench, label and
// dock to the truck, over HTTP, MQTT and the serial lines of the devices, and
// what the OMS and the customer know of it on the way.
func TestJourney(t *testing.T) {
	t.Parallel()
	s, c := newCentral(t)
	const body = `{"id":"O1","channel":"web","shipTo":{"name":"Ada","street":"1 Way","postcode":"10115","city":"Berlin","country":"DE"},` +
		`"payment":"settled","lines":[{"line":1,"sku":"A1","qty":2}]}`
	if code, raw := c.ask("POST", "/v1/orders", body); code != http.StatusCreated {
		t.Fatalf("%d %s", code, raw)
	}
	s.wantState("O1", warehouse.OrderReleased) // allocated on the way
	c.shows("O1", oms.StateReleased)

	p := s.picker(1)
	p.ask()
	bin := p.do(p.right()) // the scan that begins the work
	if !bin.OK {
		t.Fatalf("%+v", bin)
	}
	s.wantState("O1", warehouse.OrderPicking)
	c.shows("O1", oms.StatePicking)
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	c.shows("O1", oms.StatePicked)

	bench, dock := s.screen("station", "pack1"), s.screen("dock", "dock1")
	s.fault("pack1/printer", "paper_out", true) // so that it stays packed for a while
	s.weighing(bench, p.totes["O1"])
	s.put("pack1", 550_000)
	bench.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderPacked)
	c.shows("O1", oms.StatePacked)
	s.fault("pack1/printer", "paper_out", false)
	s.wantState("O1", warehouse.OrderLabelled)
	c.shows("O1", oms.StateLabelled)
	bench.untilStep(warehouse.StepScanTote) // the label is proven
	parcel := s.get("O1").Parcels[0]
	s.scan("dock1", "]C100"+parcel.SSCC)
	dock.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderStaged)
	c.shows("O1", oms.StateStaged)
	s.scan("dock1", station.CodeDepart)
	dock.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderShipped)
	c.shows("O1", oms.StateShipped)
	s.eventually("all is told", func() bool { return s.told() })
	v := c.order("O1")

	t.Run("row 8, row 45: allocated, picked, packed, labelled, staged, shipped", func(t *testing.T) {
		o := s.get("O1")
		if o.State != warehouse.OrderShipped || o.Lines[0].Picked != 2 || o.Lines[0].State != warehouse.LineShipped {
			t.Errorf("%s: %+v", o.State, o.Lines)
		}
		if n := s.labels("pack1"); n != 1 {
			t.Errorf("%d labels came out", n)
		}
		var sold int64
		s.must(s.gw.agent.view(func(r warehouse.Reader) error {
			stock, err := warehouse.Balances(r, "A1")
			for _, b := range stock {
				if b.Place == warehouse.PlaceCustomer {
					sold += b.Qty
				}
			}
			return err
		}))
		if sold != 2 {
			t.Errorf("the customer has %d", sold)
		}
	})
	t.Run("row 13: the OMS showed each state in time, and the tracking number", func(t *testing.T) {
		if len(v.Parcels) != 1 || v.Parcels[0].Tracking == "" || v.Parcels[0].Tracking != parcel.Tracking || v.Parcels[0].SSCC != parcel.SSCC {
			t.Errorf("%+v, at the site %+v", v.Parcels, parcel)
		}
	})
	var types []string
	t.Run("row 36, row 86: the timeline is complete, in order, and has no gap", func(t *testing.T) {
		var last int64
		var seq uint64
		for _, e := range v.Timeline {
			if e.Source != "/sites/s1" {
				continue
			}
			types = append(types, e.Type)
			id, err := syncwire.ParseEventID(e.EventID)
			if err != nil || id.Seq <= seq || e.At < last {
				t.Errorf("%+v stands behind %d, %d: %v", e, seq, last, err)
			}
			last, seq = e.At, id.Seq
		}
		want := []string{
			warehouse.EvOrderAccepted, warehouse.EvOrderReleased, warehouse.EvOrderPicking, warehouse.EvOrderPicked,
			warehouse.EvOrderPacked, warehouse.EvOrderLabelled, warehouse.EvOrderStaged, warehouse.EvOrderShipped,
		}
		if !slices.Equal(types, want) {
			t.Errorf("timeline %v, want %v", types, want)
		}
	})
	t.Run("row 44: one trigger to invoice for the shipment", func(t *testing.T) {
		n := 0
		for _, typ := range types {
			if typ == warehouse.EvOrderShipped {
				n++
			}
		}
		if n != 1 || s.events(warehouse.EvOrderShipped, "O1") > 1 {
			t.Errorf("%d shipped events", n)
		}
	})
	t.Run("row 65: what was told is enough to write to the customer", func(t *testing.T) {
		var d syncwire.EventData
		s.must(json.Unmarshal(c.heard(warehouse.EvOrderShipped, "O1").Data, &d))
		if len(d.Lines) != 1 || d.Lines[0].SKU != "A1" || d.Lines[0].Picked != 2 || d.Lines[0].Qty != 2 ||
			len(d.Parcels) != 1 || d.Parcels[0].Carrier != "PARCEL" || d.Parcels[0].Tracking == "" {
			t.Errorf("%+v", d)
		}
		if v.ShipTo.Name != "Ada" || v.Channel != "web" {
			t.Errorf("%+v", v.Order)
		}
	})
	t.Run("row 32: the scan of the handheld is named in what the OMS was told", func(t *testing.T) {
		e := c.heard(warehouse.EvOrderPicking, "O1")
		if want := fmt.Sprintf("handheld/h1/%d", bin.Seq); e.CausationID != want {
			t.Errorf("the event was caused by %q, the scan was %q", e.CausationID, want)
		}
		if i := slices.IndexFunc(v.Timeline, func(x oms.TimelineView) bool { return x.EventID == e.ID }); i < 0 || v.Timeline[i].Type != warehouse.EvOrderPicking {
			t.Errorf("the OMS has no record of %s", e.ID)
		}
	})
	t.Run("row 72: every event is typed, names its site and its time", func(t *testing.T) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, e := range c.events {
			at, err := time.Parse(time.RFC3339Nano, e.Time)
			if err != nil || time.Since(at) > time.Hour || time.Since(at) < -time.Hour {
				t.Errorf("%s: time %q: %v", e.ID, e.Time, err)
			}
			if _, err := e.Parse("s1"); err != nil || e.Source != "/sites/s1" {
				t.Errorf("%+v: %v", e, err)
			}
			if name, ok := syncwire.EventName(e.Type); !ok || warehouse.ScorTag(name) == "" {
				t.Errorf("%s is no type of ours", e.Type)
			}
		}
	})
}
