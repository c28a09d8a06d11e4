package projection

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

// lit is what light pl1 shows: "m1 O1/1/1 hh1 2 press".
func (s *site) lit(want string) {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var task LightTask
	if err := json.Unmarshal([]byte(s.topics["light/pl1/task"]), &task); err != nil || task.Lamps == nil {
		s.t.Errorf("%q: %v", s.topics["light/pl1/task"], err)
	}
	var out []string
	for _, l := range task.Lamps {
		row := fmt.Sprintf("%s %s %s %d", l.Module, l.Task, l.Handheld, l.Qty)
		if l.Press {
			row += " press"
		}
		out = append(out, row)
	}
	if got := strings.Join(out, ", "); got != want {
		s.t.Errorf("the light shows %q, want %q", got, want)
	}
}

// pick gives worker n an order of its own in bin.
func (s *site) pick(n int, qty int64) {
	s.t.Helper()
	id, device := fmt.Sprintf("O%d", n), fmt.Sprintf("hh%d", n)
	s.do(warehouse.ReleaseOrder{Source: "site", Order: warehouse.OrderSpec{
		ID: id, Revision: 1, ShipTo: warehouse.Address{Name: "Eve", Street: "Road 1", Postcode: "1000", City: "Town", Country: "DE"},
		Lines: []warehouse.OrderLine{{Line: 1, SKU: "CUP", Qty: qty}},
	}})
	s.do(warehouse.SignIn{Device: device, Badge: fmt.Sprintf("B%d", n)})
	s.do(warehouse.AskWork{Device: device})
	s.do(warehouse.AssignBatch{Batch: "K" + id, Worker: fmt.Sprintf("W%d", n), Slots: []warehouse.BatchSlot{{Slot: 1, Order: id}}, Walk: []string{id + "/1/1"}})
}

func litSite(t *testing.T) *site {
	s := newSite(t)
	s.p.cfg.Lights = map[string]map[string]string{"pl1": {"m1": "A", "m2": "B"}, "pl2": {"m1": "C"}}
	s.do(warehouse.PutSite{Site: warehouse.Site{
		ID: "s1", CompanyPrefix: "4012345", TotePrefix: "T", CartonTareMg: 1, LeaseMs: 600_000, CartSlots: 4, PackDrop: "DROP",
		Layout:   warehouse.Layout{Aisles: 1, Cells: 4, CellMm: 1000, EndMm: 500, PitchMm: 3000},
		Carriers: []warehouse.Carrier{{Code: "POST", Digits: 4, Last: 9}},
	}})
	s.do(warehouse.PutWorkers{Workers: []warehouse.Worker{
		{ID: "W1", Name: "Ann", Badge: "B1"}, {ID: "W2", Name: "Bob", Badge: "B2"}, {ID: "W3", Name: "Arm", Badge: "B3", Kind: warehouse.WorkerRobot},
	}})
	s.do(warehouse.PutItems{Items: []warehouse.Item{{SKU: "CUP", Name: "Cup", WeightMg: 1000}}})
	s.do(warehouse.PutBins{Bins: []warehouse.Bin{{Code: "A"}}})
	s.do(warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "A", SKU: "CUP", Qty: 50}}})
	return s
}

// The lamp of the bin of a pick: lit for its press, then with what is still to be
// taken, dark when the pieces are in hand. A second worker at the bin comes next.
func TestLampsFollowThePicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := litSite(t)
		s.run()
		s.lit("")
		s.pick(1, 3)
		s.lit("m1 O1/1/1 hh1 3 press")
		s.pick(2, 2)
		s.lit("m1 O1/1/1 hh1 3 press")
		s.do(warehouse.Scan{Device: "hh1", Verb: "bin", Barcode: "A", Task: "O1/1/1"})
		s.lit("m1 O2/1/1 hh2 2 press")
		s.do(warehouse.Scan{Device: "hh2", Verb: "bin", Barcode: "A", Task: "O2/1/1"})
		s.lit("m1 O1/1/1 hh1 3")
		s.do(warehouse.Scan{Device: "hh1", Verb: "item", Barcode: "CUP", Qty: 2})
		s.lit("m1 O1/1/1 hh1 1")
		s.do(warehouse.Scan{Device: "hh1", Verb: "item", Barcode: "CUP"})
		s.lit("m1 O2/1/1 hh2 2")
		// The worker goes on at another handheld: a press is for that one.
		s.do(warehouse.SignIn{Device: "hh9", Badge: "B2"})
		s.lit("m1 O2/1/1 hh9 2")
		s.do(warehouse.ShortPick{Device: "hh9", Task: "O2/1/1", Reason: warehouse.FalloutStockout})
		s.lit("")
		if got := s.topics["light/pl2/task"]; got != `{"lamps":[]}` {
			t.Errorf("the light at another bin shows %s", got)
		}
	})
}

// A robot presses nothing.
func TestNoLampForARobot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := litSite(t)
		s.run()
		s.pick(3, 1)
		synctest.Wait()
		s.shows("handheld/hh3/task", "scan_bin0")
		s.lit("")
	})
}

// A gateway that starts into work shows it; a controller that connects hears how
// far it had counted, one that is not configured too, and shows nothing.
func TestALightThatConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := litSite(t)
		s.pick(1, 3)
		s.run()
		s.lit("m1 O1/1/1 hh1 3 press")
		s.p.Connected("light", "pl1")
		s.p.Connected("light", "stranger")
		synctest.Wait()
		s.shows("light/pl1/seq", "3")
		s.shows("light/stranger/seq", "8")
		if got := s.topics["light/stranger/task"]; got != `{"lamps":[]}` {
			t.Errorf("a stranger shows %s", got)
		}
		// The state is replaced by one without the worker.
		s.mu.Lock()
		s.tx = memtx.New()
		s.mu.Unlock()
		s.p.Everything()
		s.lit("")
	})
}
