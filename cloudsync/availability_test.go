package cloudsync_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tote/oms"
	"tote/warehouse"
)

// row 3: why goods are not there, and when they are expected, reaches the OMS,
// which shows it at the order. One way for each reason, and the ways by which a
// person at the bin says so.
func TestAvailabilityRow3(t *testing.T) {
	short := func(reason string) func(t *testing.T, s *site) {
		return func(t *testing.T, s *site) {
			s.domain(t, warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "w1", Name: "Ada", Badge: "B1"}}})
			s.domain(t, warehouse.SignIn{Device: "h1", Badge: "B1"})
			s.domain(t, warehouse.AskWork{Device: "h1"})
			s.domain(t, warehouse.AssignBatch{Batch: "K1", Worker: "w1", Slots: []warehouse.BatchSlot{{Slot: 1, Order: "O-1"}}, Walk: []string{"O-1/1/1"}})
			s.domain(t, warehouse.ShortPick{Device: "h1", Reason: reason})
		}
	}
	adjust := func(reason string) func(t *testing.T, s *site) {
		return func(t *testing.T, s *site) {
			s.domain(t, warehouse.AdjustStock{Place: "bin/B1", SKU: "X", Qty: -1, Reason: reason})
		}
	}
	status := func(to string) func(t *testing.T, s *site) {
		return func(t *testing.T, s *site) {
			s.domain(t, warehouse.SetStatus{Place: "bin/B1", SKU: "X", To: to, Qty: 1})
		}
	}
	nothing := func(*testing.T, *site) {}
	stock := warehouse.StockRow{Bin: "B1", SKU: "X", Qty: 1}
	ways := []struct {
		reason, name string
		item         warehouse.Item
		rows         []warehouse.StockRow // there when the order comes
		act          func(t *testing.T, s *site)
	}{
		{"OUT_OF_STOCK", "none is here", warehouse.Item{}, nil, nothing},
		{"OUT_OF_STOCK", "the bin is empty", warehouse.Item{}, []warehouse.StockRow{stock}, short(warehouse.FalloutStockout)},
		{"LOST", "adjusted away", warehouse.Item{}, []warehouse.StockRow{stock}, adjust(warehouse.ReasonMissing)},
		{"LOST", "stolen", warehouse.Item{}, []warehouse.StockRow{stock}, adjust(warehouse.ReasonStolen)},
		{"LOST", "not located", warehouse.Item{}, []warehouse.StockRow{stock}, short(warehouse.FalloutNotLocated)},
		{"DAMAGED", "set so", warehouse.Item{}, []warehouse.StockRow{stock}, status(warehouse.StatusDamaged)},
		{"DAMAGED", "scrapped", warehouse.Item{}, []warehouse.StockRow{stock}, adjust(warehouse.ReasonScrapped)},
		{"DAMAGED", "at the pick", warehouse.Item{}, []warehouse.StockRow{stock}, short(warehouse.FalloutDamaged)},
		{"DAMAGED", "damaged before", warehouse.Item{}, []warehouse.StockRow{{Bin: "B1", SKU: "X", Qty: 1, Status: warehouse.StatusDamaged}}, nothing},
		{
			"EXPIRED", "past its date",
			warehouse.Item{LotTracked: true},
			[]warehouse.StockRow{{Bin: "B1", SKU: "X", Lot: "L1", Expiry: "2020-01-01", Qty: 1}},
			nothing,
		},
		{"EXPIRED", "thrown away", warehouse.Item{}, []warehouse.StockRow{stock}, adjust(warehouse.ReasonExpired)},
		{"EXPIRED", "at the pick", warehouse.Item{}, []warehouse.StockRow{stock}, short(warehouse.FalloutExpired)},
		{"QUARANTINED", "set so", warehouse.Item{}, []warehouse.StockRow{stock}, status(warehouse.StatusQuarantined)},
		{"QUARANTINED", "quarantined before", warehouse.Item{}, []warehouse.StockRow{{Bin: "B1", SKU: "X", Qty: 1, Status: warehouse.StatusQuarantined}}, nothing},
		{"UNAVAILABLE", "to the quality check", warehouse.Item{}, []warehouse.StockRow{stock}, status(warehouse.StatusQC)},
		{"UNAVAILABLE", "used up", warehouse.Item{}, []warehouse.StockRow{stock}, adjust(warehouse.ReasonConsumed)},
		{"UNAVAILABLE", "another reason at the pick", warehouse.Item{}, []warehouse.StockRow{stock}, short(warehouse.FalloutOther)},
	}
	reasons := map[string]bool{}
	for i, way := range ways {
		reasons[way.reason] = true
		t.Run("row 3: "+way.reason+" "+way.name, func(t *testing.T) {
			c, s := newCenter(t), newSite(t)
			it := way.item
			it.SKU, it.Name, it.WeightMg = "X", "x", 1000
			s.domain(t, warehouse.PutItems{Items: []warehouse.Item{it}})
			if len(way.rows) > 0 {
				s.domain(t, warehouse.OpenStock{Rows: way.rows})
			}
			due, text := time.UnixMilli(s.now).Add(72*time.Hour), "1 of X"
			if i%2 == 0 { // a delivery is announced, and a later one too
				s.domain(t, warehouse.PutSuppliers{Suppliers: []warehouse.Supplier{{ID: "S1", Name: "Supplier"}}})
				for n, at := range []time.Time{due.Add(24 * time.Hour), due} {
					s.domain(t, warehouse.AnnounceReceipt{Source: "oms/main", Receipt: warehouse.ReceiptSpec{
						ID: fmt.Sprint("R", n), Supplier: "S1", Expected: at.UnixMilli(), Lines: []warehouse.ReceiptLine{{Line: 1, SKU: "X", Qty: 5}},
					}})
				}
				text += ", expected " + due.UTC().Format(time.DateOnly)
			}
			body := `{"id":"O-1","shipTo":{"name":"n","street":"s","postcode":"p","city":"c","country":"DE"},"payment":"settled","lines":[{"line":1,"sku":"X","qty":1}]}`
			if code := c.post("/v1/orders", body); code != 201 {
				t.Fatalf("place: %d", code)
			}
			stop := run(t, s.runner(t, c.client(t)))
			defer func() { _ = stop() }()
			eventually(t, "the site has the order", func() bool {
				has := false
				_ = s.view(func(r warehouse.Reader) error {
					o, err := warehouse.GetOrder(r, "O-1")
					has = o != nil
					return err
				})
				return has
			})
			way.act(t, s)
			var said []oms.TimelineView
			eventually(t, "the OMS has all", func() bool {
				var v oms.OrderView
				c.get("/v1/orders/O-1", &v)
				said = slices.DeleteFunc(v.Timeline, func(e oms.TimelineView) bool { return e.Type != "order.unavailable" })
				return len(said) > 0 && s.drained()
			})
			if len(said) != 1 || said[0].Code != way.reason || said[0].Text != text || said[0].Source != "/sites/dc1" {
				t.Errorf("the OMS shows %+v, want %s: %s", said, way.reason, text)
			}
		})
	}
	if len(reasons) != 6 {
		t.Errorf("reasons: %v", reasons)
	}
}
