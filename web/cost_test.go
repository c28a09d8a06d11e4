package web_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tote/warehouse"
	"tote/warehouse/memtx"
	"tote/web"
)

// meter counts what a page reads: single keys and rows of ranges.
type meter struct {
	*memtx.Tx
	reads int
}

func (m *meter) Get(k []byte) ([]byte, error) {
	m.reads++
	return m.Tx.Get(k)
}

func (m *meter) Range(p []byte, fn func(k, v []byte) (bool, error)) error {
	return m.RangeAfter(p, nil, fn)
}

func (m *meter) RangeAfter(p, after []byte, fn func(k, v []byte) (bool, error)) error {
	return m.Tx.RangeAfter(p, after, func(k, v []byte) (bool, error) {
		m.reads++
		return fn(k, v)
	})
}

// metered is a configuration whose reads are counted.
func (s *site) metered() (web.Config, *meter) {
	m := &meter{Tx: s.tx}
	cfg := s.config()
	cfg.View = func(fn func(r warehouse.Reader) error) error {
		return s.view(func(warehouse.Reader) error { return fn(m) })
	}
	return cfg, m
}

// afterMany is a site at which n orders closed, two of them by going out and some
// out of a fallout, and at which six are open.
func afterMany(t *testing.T, n int) *site {
	s := small(t)
	s.step = time.Millisecond
	s.must(warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B-01-L", SKU: "PEN", Qty: 10}}})
	for i := range n {
		id := fmt.Sprintf("A%04d", i)
		qty := "PEN*1"
		if i%5 == 1 {
			qty = "PEN*9999"
		}
		s.must(release(id, 0, qty))
		if i >= 2 {
			s.must(warehouse.CancelOrder{Order: id, Source: warehouse.SourceSite})
			continue
		}
		if i == 1 {
			s.must(warehouse.CancelOrder{Order: id, Source: warehouse.SourceSite}, release("B0001", 0, "PEN*1"))
			id = "B0001"
		}
		s.assign("h2", "BADGE-2", "W2", id)
		s.walk("h2", 100)
		s.pack("pack1", id, warehouse.OrderStaged)
		s.must(warehouse.Depart{Dock: "dock1"})
	}
	s.now = epoch.Add(time.Hour)
	s.must(release("O1", 0, "CUP*3", "MILK*2"), release("O2", 0, "PEN*1"), release("O3", 3, "MILK*9"), release("O4", 0, "CUP*1"),
		release("O5", 0, "PEN*2"), release("O6", 0, "CUP*1"),
		warehouse.HoldOrder{Order: "O5", Code: warehouse.HoldRecall, Source: warehouse.SourceSite})
	s.assign("web-abc234", "BADGE-1", "W1", "O1", "O2")
	s.walk("web-abc234", 4)
	s.assign("h2", "BADGE-2", "W2", "O4")
	s.walk("h2", 100)
	s.pack("pack1", "O4", warehouse.OrderLabelled)
	if err := warehouse.OutboxDelete(s.tx, warehouse.StreamControl, 1<<40); err != nil { // the OMS has heard of all
		t.Fatal(err)
	}
	return s
}

// No page reads more because orders closed, be it today or before.
func TestNoPageGrowsWithClosedOrders(t *testing.T) {
	pages := []string{
		"/", "/holds", "/backorders", "/actions", "/actions?role=lead", "/orders/O1", "/orders/O3", "/orders/A0006", "/stations/pack1",
		"/orders?state=SHORT_WAITING", "/orders?state=RELEASED", "/orders?state=PICKING", "/orders?state=LABELLED", "/orders?state=FALLOUT",
	}
	streams := []string{"/", "/orders?state=PICKING", "/orders?state=FALLOUT", "/orders/O1", "/stations/pack1"}
	yesterday := []string{"/orders"} // of today's it shows a page
	var got [2]map[string]int
	for i, n := range []int{10, 2000} {
		got[i] = map[string]int{}
		s := afterMany(t, n)
		cfg, m := s.metered()
		ask := func(path, name string) {
			m.reads = 0
			if w := get(t, serve(t, cfg), path); w.Code != 200 || m.reads == 0 {
				t.Fatalf("%s: %d, %d reads: %s", path, w.Code, m.reads, w.Body)
			}
			got[i][name] = m.reads
		}
		for _, p := range pages {
			ask(p, p)
		}
		for _, p := range streams {
			synctest.Test(t, func(t *testing.T) {
				m.reads = 0
				e, end := follow(t, serve(t, cfg), "/events?page="+p)
				defer end()
				if got := e.take("update"); len(got) != 1 {
					t.Fatalf("%s: heard %+v", p, got)
				}
				got[i]["stream of "+p] = m.reads
			})
		}
		s.now = s.now.Add(24 * time.Hour)
		for _, p := range yesterday {
			ask(p, p+" the day after")
		}
	}
	for name, few := range got[0] {
		if many := got[1][name]; many != few {
			t.Errorf("%s reads %d rows after 10 closed orders, %d after 2,000", name, few, many)
		}
	}
}

// A list of closed orders goes on page by page.
func TestClosedOrdersByPage(t *testing.T) {
	s := afterMany(t, 450)
	cfg, m := s.metered()
	h := serve(t, cfg)
	seen, at, pages := map[string]bool{}, "/orders?state=CANCELLED", 0
	for ; at != ""; pages++ {
		m.reads = 0
		body := get(t, h, at).Body.String()
		if m.reads > 200*6 {
			t.Errorf("%s reads %d rows", at, m.reads)
		}
		for _, part := range strings.Split(body, `<tr data-key="`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			if seen[id] {
				t.Fatalf("%s shows %s again", at, id)
			}
			seen[id] = true
		}
		if pages == 0 && !(strings.Contains(body, "200 of 449 orders.") && seen["A0449"] && !seen["A0002"]) {
			t.Errorf("the first page is\n%s", body)
		}
		_, rest, found := strings.Cut(body, `<a href="/orders?after=`)
		at = ""
		if found {
			q, _, _ := strings.Cut(rest, `"`)
			at = "/orders?after=" + strings.ReplaceAll(q, "&amp;", "&")
		}
	}
	if pages != 3 || len(seen) != 449 {
		t.Errorf("%d pages with %d orders", pages, len(seen))
	}
	if w := get(t, h, "/orders?state=SHIPPED&after=x"); w.Code != 400 {
		t.Errorf("no page: %d", w.Code)
	}
	if body := get(t, h, "/orders?state=ALL").Body.String(); !strings.Contains(body, `<a href="/orders?after=A0199&amp;state=ALL">The next orders</a>`) {
		t.Errorf("the page of all is\n%s", body)
	}
}
