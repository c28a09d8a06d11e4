package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tote/agent/station"
	"tote/cloudsync"
	"tote/oms"
	"tote/warehouse"
)

// give names an upstream for an owner in the rules of the site, and puts goods
// of that owner into a bin.
func (s *site) give(upstream, owner string) {
	s.t.Helper()
	s.eventually("the newest rules hold", func() bool {
		level, _ := s.gw.agent.bare().(interface{ Level() (cluster, own uint16) }).Level()
		return level >= warehouse.Level
	})
	s.settings(func(site map[string]any) {
		site["upstreams"] = []warehouse.Upstream{{Name: upstream, Owners: []string{owner}}}
	})
	res, err := s.gw.agent.do(s.ctx(), "test", warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B-1", SKU: "A1", Owner: owner, Qty: 5}}})
	if err != nil || !res.OK {
		s.t.Fatalf("%+v %v", res, err)
	}
}

// place places a paid order of one line.
func (c *central) place(id string, qty int) {
	c.s.t.Helper()
	body := fmt.Sprintf(`{"id":%q,"shipTo":{"name":"Ada","street":"1 Way","postcode":"10115","city":"Berlin","country":"DE"},"payment":"settled","lines":[{"line":1,"sku":"A1","qty":%d}]}`, id, qty)
	if code, raw := c.ask("POST", "/v1/orders", body); code != http.StatusCreated {
		c.s.t.Fatalf("%d %s", code, raw)
	}
}

// ship takes a picked order over the bench and the dock.
func (s *site) ship(p *picker, bench, dock *screen, id string) {
	s.t.Helper()
	s.weighing(bench, p.totes[id])
	var weight int64
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		st, err := warehouse.GetStation(r, "pack1")
		weight = st.ExpectedMg
		return err
	}))
	s.put("pack1", weight)
	bench.answer(warehouse.CodeOK)
	s.wantState(id, warehouse.OrderLabelled)
	bench.untilStep(warehouse.StepScanTote)
	s.clearScale("pack1")
	s.scan("dock1", "]C100"+s.get(id).Parcels[0].SSCC)
	dock.answer(warehouse.CodeOK)
	s.scan("dock1", station.CodeDepart)
	dock.answer(warehouse.CodeOK)
	s.wantState(id, warehouse.OrderShipped)
}

// linksOf is what the gateway tells of its links, by upstream.
func (s *site) linksOf() map[string]cloudsync.Status {
	s.t.Helper()
	var page struct {
		Gateway struct {
			Sync      *cloudsync.Status `json:"sync"`
			Upstreams []struct {
				Name string           `json:"name"`
				Sync cloudsync.Status `json:"sync"`
			} `json:"upstreams"`
		} `json:"gateway"`
	}
	_, raw := s.call("GET", "/v1/status", "", "")
	s.must(json.Unmarshal(raw, &page))
	out := map[string]cloudsync.Status{}
	if page.Gateway.Sync != nil {
		out[""] = *page.Gateway.Sync
	}
	for _, u := range page.Gateway.Upstreams {
		out[u.Name] = u.Sync
	}
	return out
}

// TestTwoOMSs: two real OMSs and one gateway. Both place an order of one number;
// each sees its own one through to SHIPPED, and nothing of the other's.
func TestTwoOMSs(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	house, acme := s.central(), s.central()
	s.oms, s.more = house.url, fmt.Sprintf("upstreams: [{name: acme, url: %q}]\n", acme.url)
	s.startDevices()
	s.begin()
	s.devicesReady()
	s.eventually("acme's link waits for the rules", func() bool { return s.linksOf()["acme"].Code == cloudsync.CodeNotNamed })
	s.give("acme", "ACME")

	house.place("O1", 1)
	acme.place("O1", 2)
	s.wantState("O1", warehouse.OrderReleased)
	s.wantState("acme:O1", warehouse.OrderReleased)
	if o := s.get("acme:O1"); o.Spec.Owner != "ACME" || o.Upstream != "acme" {
		t.Errorf("%+v", o)
	}
	p := s.picker(1)
	for range 2 {
		p.ask()
		p.until("ask")
	}
	bench, dock := s.screen("station", "pack1"), s.screen("dock", "dock1")
	s.ship(p, bench, dock, "acme:O1")
	acme.shows("O1", oms.StateShipped)
	if v := house.order("O1"); v.State == oms.StateShipped {
		t.Error("the house's OMS took acme's parcel for its own")
	}
	s.ship(p, bench, dock, "O1")
	house.shows("O1", oms.StateShipped)
	s.eventually("all is told", s.told)

	for name, c := range map[string]*central{"": house, "acme": acme} {
		id, want := "O1", int64(1)
		if name == "acme" {
			id, want = "acme:O1", 2
		}
		v, o := c.order("O1"), s.get(id)
		if len(v.Parcels) != 1 || v.Parcels[0].SSCC != o.Parcels[0].SSCC || o.Lines[0].Picked != want || len(v.Conflicts) != 0 {
			t.Errorf("%q shows %+v; at the site %+v", name, v, o)
		}
		c.mu.Lock()
		seqs := map[string]bool{}
		for _, e := range c.events {
			seqs[e.Sequence] = true
			if e.Stream != "control" || strings.Contains(string(e.Data), "acme:") || strings.Contains(string(e.Data), "ACME") != (name == "acme") && strings.Contains(string(e.Data), "owner") {
				t.Errorf("%q heard %+v %s", name, e, e.Data)
			}
		}
		var newest uint64
		s.must(s.gw.agent.view(func(r warehouse.Reader) error {
			n, _, err := warehouse.OutboxDepth(r, warehouse.StreamOf(name))
			newest = uint64(n)
			return err
		}))
		for i := range len(seqs) {
			if !seqs[fmt.Sprint(i+1)] {
				t.Errorf("%q heard %d numbers and not %d", name, len(seqs), i+1)
			}
		}
		if newest != 0 {
			t.Errorf("%d events wait for %q", newest, name)
		}
		c.mu.Unlock()
	}
	links := s.linksOf()
	if !links[""].Connected || !links["acme"].Connected {
		t.Errorf("%+v", links)
	}
	_, page := s.call("GET", "/", "", "")
	if !strings.Contains(string(page), "<h3>acme</h3>") {
		t.Error("the console does not show acme's link")
	}
}

// TestLinkThatCannotBeMade: the token of one OMS is not there. The other one is
// served; when the file comes the link begins by itself.
func TestLinkThatCannotBeMade(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	house, acme := s.central(), s.central()
	s.oms, s.more = house.url, fmt.Sprintf("upstreams: [{name: acme, url: %q, token_file: %q}]\n", acme.url, s.dir+"/token")
	s.begin()
	s.give("acme", "ACME")
	s.eventually("it says why", func() bool {
		st := s.linksOf()["acme"]
		return st.Code == cloudsync.CodeNoLink && strings.Contains(st.LastError, "token")
	})
	house.place("O1", 1)
	s.wantState("O1", warehouse.OrderReleased)
	house.shows("O1", oms.StateReleased)
	s.write("token", "secret")
	acme.place("O1", 1)
	s.wantState("acme:O1", warehouse.OrderReleased)
}

// TestUpstreamInFiles: the OMS of a consignor that speaks in files.
func TestUpstreamInFiles(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	dir := filepath.Join(s.dir, "acme")
	s.must(os.MkdirAll(filepath.Join(dir, "in"), 0o750))
	s.more = fmt.Sprintf("upstreams: [{name: acme, adapter: files, dir: %q}]\n", dir)
	s.begin()
	s.give("acme", "ACME")
	order := `{"id":"O1","revision":1,"shipTo":{"name":"Ada","street":"1 Way","postcode":"10115","city":"Berlin","country":"DE"},"lines":[{"line":1,"sku":"A1","qty":2}]}`
	s.write("acme/in/1.ndjson", `{"msgId":"m1","orderId":"O1","revision":1,"type":"order.release","data":`+order+"}\n")
	s.wantState("acme:O1", warehouse.OrderReleased)
	s.eventually("the events are in the folder", func() bool {
		var all strings.Builder
		names, err := filepath.Glob(filepath.Join(dir, "out", "*.ndjson"))
		s.must(err)
		for _, n := range names {
			raw, err := os.ReadFile(n)
			s.must(err)
			all.Write(raw)
		}
		return strings.Contains(all.String(), `"wms.order.released.v1"`) && strings.Contains(all.String(), `"subject":"O1"`)
	})
}

// TestFencedLink: one OMS has seen a newer sender. The other one is served, work
// is planned, and the link begins again by itself.
func TestFencedLink(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	house, acme := s.central(), s.central()
	acme.answer.Store(http.StatusPreconditionFailed)
	s.oms, s.more = house.url, fmt.Sprintf("upstreams: [{name: acme, url: %q}]\n", acme.url)
	s.begin()
	s.give("acme", "ACME")
	acme.place("O1", 1)
	s.wantState("acme:O1", warehouse.OrderReleased)
	s.eventually("acme fences the link off", func() bool { return s.linksOf()["acme"].Code == cloudsync.CodeFenced })
	house.place("O1", 1)
	s.wantState("O1", warehouse.OrderReleased)
	p := s.picker(1)
	p.ask()
	p.until("ask")
	house.shows("O1", oms.StateReleased)
	acme.answer.Store(0)
	s.eventually("acme is told all the same", s.told)
	s.eventually("acme shows its order", func() bool { return acme.order("O1").State != oms.StateNew })
}

// TestExportInbox: what an OMS still has comes out as the adapter for files takes
// it.
func TestExportInbox(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	house := s.central()
	s.oms = house.url
	house.place("O1", 1)
	house.place("O2", 1)
	var out strings.Builder
	if n, err := ExportInbox(t.Context(), s.parsed(), "", &out); err != nil || n != 2 || strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), `"orderId":"O2"`) {
		t.Errorf("%d, %v: %s", n, err, out.String())
	}
	if _, err := ExportInbox(t.Context(), s.parsed(), "acme", &out); err == nil {
		t.Error("there is no acme")
	}
}
