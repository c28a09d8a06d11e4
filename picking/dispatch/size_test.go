package dispatch

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tote/warehouse"
)

// A batch of several orders is never more than one command can write, and a
// big order is handed out alone.
func TestABatchIsBounded(t *testing.T) {
	for _, tc := range []struct {
		name          string
		lines, orders int
		idLen         int
		batches       []int // orders in each
	}{
		{"small ones together", 10, 4, 6, []int{4}},
		{"600 tasks", 300, 4, 6, []int{2, 2}},
		{"a big one alone", 450, 2, 6, []int{1, 1}},
		{"long ids", 250, 2, 60, []int{1, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t, 4)
			s.do(warehouse.PutBins{Bins: []warehouse.Bin{{Code: "B1"}}})
			var lines []warehouse.OrderLine
			for i := range tc.lines {
				sku := fmt.Sprint("S", i)
				s.stock("B1", sku, 100)
				lines = append(lines, warehouse.OrderLine{Line: i + 1, SKU: sku, Qty: 1})
			}
			for i := range tc.orders {
				id := fmt.Sprint("O", i)
				s.do(warehouse.ReleaseOrder{Source: "oms/t", Order: warehouse.OrderSpec{
					ID: id + strings.Repeat("x", tc.idLen-len(id)), Revision: 1, Lines: lines,
					ShipTo: warehouse.Address{Name: "N", Street: "S", Postcode: "P", City: "C", Country: "DE"},
				}})
			}
			for i := range tc.batches {
				s.worker(fmt.Sprint("W", i))
			}
			if _, err := s.newDispatcher(slog.DiscardHandler).round(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got []int
			for i, p := range s.proposed {
				if !s.results[i].OK {
					t.Errorf("refused: %+v", s.results[i])
				}
				got = append(got, len(p.Slots))
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.batches) {
				t.Errorf("orders in the batches %v, want %v", got, tc.batches)
			}
		})
	}
}
