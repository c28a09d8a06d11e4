package api

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"tote/warehouse"
)

// asked is a fake gateway with goods that moved and orders with promises.
func asked(t *testing.T) *fake {
	g := moving(t)
	g.want(http.StatusOK, g.command("AskMove", aMove))
	return g
}

func TestFind(t *testing.T) {
	g := asked(t)
	f := decode[warehouse.Found](t, g.want(http.StatusOK, g.get("/v1/find?code=TEA")))
	if f.Kind != warehouse.FoundItem || len(f.Goods) == 0 {
		t.Errorf("%+v", f)
	}
	if f := decode[warehouse.Found](t, g.want(http.StatusOK, g.get("/v1/find?code=TEA&limit=1&after=zzz"))); len(f.Goods) != 0 {
		t.Errorf("%+v", f)
	}
	g.want(http.StatusOK, g.command("PutLU", `{"lu":"P1","type":"pallet","at":"bin/B-2"}`))
	if _, err := warehouse.Apply(g.tx, warehouse.Meta{Index: 99, Now: now, Level: warehouse.Level}, warehouse.TagSeen{Tag: "5031", Place: "B-99", At: now - 7000}); err != nil {
		t.Fatal(err)
	}
	if f := decode[warehouse.Found](t, g.want(http.StatusOK, g.get("/v1/find?code=P1"))); f.Seen == nil || f.Seen.Text != "seen at B-99 12 s ago" {
		t.Errorf("%+v", f.Seen)
	}
	g.done = nil
	g.refused(http.StatusNotFound, warehouse.CodeUnknownBarcode, g.get("/v1/find?code=NOTHING"))
	for _, q := range []string{"", "code=", "code=TEA&limit=0"} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.get("/v1/find?"+q))
	}
	g.viewErr = errors.New("the state is damaged")
	g.refused(http.StatusInternalServerError, CodeInternal, g.get("/v1/find?code=TEA"))
}

func TestTrace(t *testing.T) {
	type page struct {
		Moves []warehouse.Traced
		Next  string
	}
	g := asked(t)
	p := decode[page](t, g.want(http.StatusOK, g.get("/v1/trace?sku=TEA")))
	if len(p.Moves) == 0 || p.Moves[0].SKU != "TEA" || p.Moves[0].N == 0 {
		t.Errorf("%+v", p)
	}
	if p := decode[page](t, g.want(http.StatusOK, g.get("/v1/trace?sku=TEA&after=1"))); p.Moves == nil || len(p.Moves) != 0 {
		t.Errorf("%+v", p)
	}
	g.done = nil
	for _, q := range []string{"", "owner=X", "sku=TEA&after=x", "sku=TEA&after=0", "sku=TEA&limit=0"} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.get("/v1/trace?"+q))
	}
	g.viewErr = errors.New("the state is damaged")
	g.refused(http.StatusInternalServerError, CodeInternal, g.get("/v1/trace?sku=TEA"))
}

func TestLate(t *testing.T) {
	type page struct {
		Orders []warehouse.Promise
		Next   string
	}
	g := asked(t)
	rules, err := warehouse.GetSite(g.tx)
	if err != nil {
		t.Fatal(err)
	}
	rules.Promises = true
	apply := func(c warehouse.Command) {
		t.Helper()
		if res, err := g.do(context.Background(), "test", c); err != nil || !res.OK {
			t.Fatalf("%+v %v", res, err)
		}
	}
	apply(warehouse.PutSite{Site: *rules})
	for i, id := range []string{"L1", "L2"} {
		apply(warehouse.ReleaseOrder{Source: "oms/main", Order: warehouse.OrderSpec{
			ID: id, Revision: 1, ShipBy: now + 5000 + int64(i+1)*60_000, ShipTo: warehouse.Address{Name: "n", Street: "s", Postcode: "1", City: "c", Country: "DE"},
			Lines: []warehouse.OrderLine{{Line: 1, SKU: "TEA", Qty: 1}},
		}})
	}
	one := decode[page](t, g.want(http.StatusOK, g.get("/v1/late?limit=1")))
	if len(one.Orders) != 1 || one.Orders[0].Order != "L1" || one.Next == "" {
		t.Fatalf("%+v", one)
	}
	two := decode[page](t, g.want(http.StatusOK, g.get("/v1/late?limit=1&after="+one.Next)))
	if len(two.Orders) != 1 || two.Orders[0].Order != "L2" {
		t.Errorf("%+v", two)
	}
	if none := decode[page](t, g.want(http.StatusOK, g.get("/v1/late?within=0"))); none.Orders == nil || len(none.Orders) != 0 {
		t.Errorf("%+v", none)
	}
	g.done = nil
	for _, q := range []string{"within=x", "within=-1", "within=100001", "after=x", "limit=0"} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.get("/v1/late?"+q))
	}
	g.viewErr = errors.New("the state is damaged")
	g.refused(http.StatusInternalServerError, CodeInternal, g.get("/v1/late"))
}

func TestWhy(t *testing.T) {
	type answer struct {
		Order, State string
		Reasons      []warehouse.Reason
	}
	g := asked(t)
	a := decode[answer](t, g.want(http.StatusOK, g.get("/v1/orders/O1/why")))
	if a.Order != "O1" || a.State != string(warehouse.OrderReleased) || len(a.Reasons) != 1 || a.Reasons[0].What != "It is in the pool: no worker is free." {
		t.Errorf("%+v", a)
	}
	g.done = nil
	g.refused(http.StatusNotFound, warehouse.CodeUnknownOrder, g.get("/v1/orders/NONE/why"))
	g.viewErr = errors.New("the state is damaged")
	g.refused(http.StatusInternalServerError, CodeInternal, g.get("/v1/orders/O1/why"))
}

// Of an order in the archive the site knows when it went, and who has the rest.
func TestArchivedOrder(t *testing.T) {
	g := asked(t)
	run := func(at int64, c warehouse.Command) {
		t.Helper()
		g.index++
		m := warehouse.Meta{Index: g.index, Now: at, Level: warehouse.Level, Actor: "test", Cause: "test"}
		if res, err := warehouse.Apply(g.tx, m, c); err != nil || !res.OK {
			t.Fatalf("%T: %+v %v", c, res, err)
		}
	}
	s, err := warehouse.GetSite(g.tx)
	if err != nil {
		t.Fatal(err)
	}
	s.ArchiveDays = 10
	run(now, warehouse.PutSite{Site: *s})
	run(now, warehouse.CancelOrder{Order: "O1", Source: warehouse.SourceSite})
	run(now+11*24*3600*1000, warehouse.AdvanceTime{})
	g.done = nil
	for _, path := range []string{"/v1/orders/O1", "/v1/orders/O1/why"} {
		g.refused(http.StatusGone, warehouse.CodeArchived, g.get(path))
	}
	if f := decode[warehouse.Found](t, g.want(http.StatusOK, g.get("/v1/find?code=O1"))); f.Archived == 0 || f.State != "CANCELLED" {
		t.Errorf("%+v", f)
	}
}
