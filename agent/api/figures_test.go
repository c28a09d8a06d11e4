package api

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/warehouse"
)

// ok applies commands of the floor.
func (g *fake) ok(cmds ...warehouse.Command) {
	g.t.Helper()
	for _, c := range cmds {
		g.index++
		res, err := warehouse.Apply(g.tx, warehouse.Meta{Index: g.index, Now: now, Actor: "test", Cause: fmt.Sprint(g.index), Level: warehouse.Level}, c)
		if err != nil || !res.OK {
			g.t.Fatalf("%T: %+v %v", c, res, err)
		}
	}
}

// stocked is a site with figures, and n items of 7 pieces each.
func (g *fake) stocked(n int) {
	g.t.Helper()
	site := warehouse.Site{
		ID: "s1", CompanyPrefix: "9521234", TotePrefix: "T-", LeaseMs: 60_000, CartSlots: 1, PackDrop: "DROP", Figures: true,
		Layout:   warehouse.Layout{Aisles: 1, Cells: 1, CellMm: 1000, EndMm: 1000, PitchMm: 3000},
		Carriers: []warehouse.Carrier{{Code: "P", Prefix: "P", Digits: 8, First: 1, Last: 9}},
	}
	g.ok(warehouse.PutSite{Site: site}, warehouse.PutBins{Bins: []warehouse.Bin{{Code: "B-1"}}})
	for i := range n {
		sku := fmt.Sprint("SKU", i)
		g.ok(warehouse.PutItems{Items: []warehouse.Item{{SKU: sku, Name: sku, WeightMg: 1}}},
			warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B-1", SKU: sku, Qty: 7}}})
	}
}

func (g *fake) release(id, channel, sku string, qty int64) {
	g.t.Helper()
	g.ok(warehouse.ReleaseOrder{Source: "oms/main", Order: warehouse.OrderSpec{
		ID: id, Revision: 1, Channel: channel, ShipTo: warehouse.Address{Name: "n", Street: "s", Postcode: "1", City: "c", Country: "DE"},
		Lines: []warehouse.OrderLine{{Line: 1, SKU: sku, Qty: qty}},
	}})
}

func TestFiguresRow82(t *testing.T) {
	g := newFake(t)
	g.stocked(1)
	g.release("O1", "web", "SKU0", 2)
	g.release("O2", "web", "SKU0", 2)
	g.release("O3", `a "shop", old`, "SKU0", 1)
	const window = "/v1/kpis?from=2026-01-01&to=2026-01-03"
	first := g.want(http.StatusOK, g.get(window))
	got := decode[Figures](t, first)
	if k := got.Figures; k.From != "2026-01-01" || k.To != "2026-01-03" || k.Hours != 48 || k.Released["web"] != 2 || k.LineFill.Den != 3 || k.OnTime.Permil != nil {
		t.Errorf("%+v", k)
	}
	for _, f := range fieldsOf(reflect.TypeFor[warehouse.KPI]()) {
		if got.Definitions[f.Name] == "" {
			t.Errorf("%s is not defined", f.Name)
		}
	}
	if n := reflect.TypeFor[warehouse.KPI]().NumField(); len(got.Definitions) != n {
		t.Errorf("%d definitions of %d figures", len(got.Definitions), n)
	}
	asCSV := func() string {
		rec := httptest.NewRecorder()
		g.handler.ServeHTTP(rec, httptest.NewRequest("GET", window+"&format=csv", nil))
		if rec.Code != http.StatusOK || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/csv") {
			t.Errorf("%d %v", rec.Code, rec.Header())
		}
		return rec.Body.String()
	}
	table := asCSV()
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"figure", "part", "value", "definition"},
		{"from", "", "2026-01-01", definitions["from"]},
		{"released", "web", "2", definitions["released"]},
		{"released", `a "shop", old`, "1", definitions["released"]},
		{"lineFill", "den", "3", definitions["lineFill"]},
		{"onTime", "permil", "", definitions["onTime"]},
		{"leadMs", "p95", "0", definitions["leadMs"]},
	} {
		if !slices.ContainsFunc(rows, func(r []string) bool { return slices.Equal(r, want) }) {
			t.Errorf("no row %q in\n%s", want, table)
		}
	}
	// Later, the same window is the same report, byte for byte.
	g.index++
	res, err := warehouse.Apply(g.tx, warehouse.Meta{Index: g.index, Now: now + 5*86_400_000, Cause: "later", Level: warehouse.Level}, warehouse.CancelOrder{Order: "O1", Source: "oms/main"})
	if err != nil || !res.OK {
		t.Fatalf("%+v %v", res, err)
	}
	if d := cmp.Diff(string(first.body), string(g.want(http.StatusOK, g.get(window)).body)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(table, asCSV()); d != "" {
		t.Error(d)
	}
	for _, q := range []string{"", "?from=2026-01-01", "?from=2026-01-01&to=2026-01-01", "?from=x&to=2026-01-02", "?from=2026-01-01&to=2026-01-02&format=xls"} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.get("/v1/kpis"+q))
	}
}

// What can be promised is asked for while a customer waits: the 99th percentile
// of a thousand questions is far under a tenth of a second.
func TestLevelsRow111(t *testing.T) {
	g := newFake(t)
	const items = 2000
	g.stocked(items)
	g.release("O1", "web", "SKU7", 2)
	got := decode[Levels](t, g.want(http.StatusOK, g.get("/v1/levels/SKU7")))
	if want := (Levels{SKU: "SKU7", StockLevels: warehouse.StockLevels{OnHand: 7, Reserved: 2, Available: 5}}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := decode[Levels](t, g.want(http.StatusOK, g.get("/v1/levels/SKU7?owner=ACME"))); got.Owner != "ACME" || got.OnHand != 0 {
		t.Errorf("%+v", got)
	}
	g.refused(http.StatusNotFound, warehouse.CodeUnknownItem, g.get("/v1/levels/NOPE"))
	var took []time.Duration
	for i := range 1000 {
		rec := httptest.NewRecorder()
		begin := time.Now()
		g.handler.ServeHTTP(rec, httptest.NewRequest("GET", fmt.Sprint("/v1/levels/SKU", i*2), nil))
		took = append(took, time.Since(begin))
		if rec.Code != http.StatusOK {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
	slices.Sort(took)
	t.Logf("p50 %v, p99 %v", took[500], took[990])
	if p99 := took[990]; p99 > 100*time.Millisecond {
		t.Errorf("p99 %v", p99)
	}
}
