package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a real warehouse on a state in memory, with the two functions a
// dispatcher needs of the replicated store.
type site struct {
	t *testing.T

	mu       sync.Mutex
	tx       *memtx.Tx
	index    uint64
	now      func() time.Time
	proposed []warehouse.AssignBatch
	results  []warehouse.Result
	before   func(c warehouse.AssignBatch) error // called before a proposal is applied; an error is the answer
	kick     chan struct{}
	batches  int // ids given out
}

var layout = warehouse.Layout{Aisles: 4, Cells: 10, CellMm: 1000, EndMm: 1000, PitchMm: 3000, DepotAisle: 0}

func newSite(t *testing.T, slots int) *site {
	s := &site{t: t, tx: memtx.New(), now: time.Now, kick: make(chan struct{}, 1)}
	s.do(warehouse.PutSite{Site: s.rules(slots, layout)})
	return s
}

func (s *site) rules(slots int, l warehouse.Layout) warehouse.Site {
	return warehouse.Site{
		ID: "T", CompanyPrefix: "4012345", SSCCExtension: 1, TotePrefix: "T", CartonTareMg: 1, ToleranceMg: 1,
		LeaseMs: 600_000, CartSlots: slots, Layout: l, PackDrop: "DROP",
		Carriers: []warehouse.Carrier{{Code: "C", Prefix: "TR", Digits: 8, First: 1, Last: 9999}},
	}
}

// apply runs one command as the store would.
func (s *site) apply(c warehouse.Command) (warehouse.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index++
	return warehouse.Apply(s.tx, warehouse.Meta{Index: s.index, Now: s.now().UnixMilli(), Cause: fmt.Sprint("t/", s.index), Actor: "test", Level: warehouse.Level}, c)
}

// do applies a command that must be accepted.
func (s *site) do(c warehouse.Command) {
	s.t.Helper()
	res, err := s.apply(c)
	if err != nil || !res.OK {
		s.t.Fatalf("%T: %+v, %v", c, res, err)
	}
}

func (s *site) Propose(_ context.Context, c warehouse.Command) (warehouse.Result, error) {
	p := c.(warehouse.AssignBatch)
	if s.before != nil {
		if err := s.before(p); err != nil {
			return warehouse.Result{}, err
		}
	}
	res, err := s.apply(c)
	if err != nil {
		s.t.Errorf("apply %+v: %v", c, err)
	}
	s.mu.Lock()
	s.proposed, s.results = append(s.proposed, p), append(s.results, res)
	s.mu.Unlock()
	return res, err
}

func (s *site) View(fn func(r warehouse.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(s.tx)
}

// bin puts a bin with plenty of its own item: SKU "I-" + code.
func (s *site) bin(code string, aisle, cell int) {
	s.t.Helper()
	s.do(warehouse.PutBins{Bins: []warehouse.Bin{{Code: code, Aisle: aisle, Cell: cell}}})
	s.stock(code, "I-"+code, 100_000)
}

// stock puts an item into a bin.
func (s *site) stock(bin, sku string, qty int64) {
	s.t.Helper()
	s.do(warehouse.PutItems{Items: []warehouse.Item{{SKU: sku, Name: sku, WeightMg: 1000}}})
	s.do(warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: bin, SKU: sku, Qty: qty}}})
}

// order releases an order for one piece of each item "I-" + name.
func (s *site) order(id string, priority int, items ...string) {
	s.t.Helper()
	o := warehouse.OrderSpec{
		ID: id, Revision: 1, Priority: priority,
		ShipTo: warehouse.Address{Name: "N", Street: "S", Postcode: "P", City: "C", Country: "DE"},
	}
	for i, name := range items {
		o.Lines = append(o.Lines, warehouse.OrderLine{Line: i + 1, SKU: "I-" + name, Qty: 1})
	}
	s.do(warehouse.ReleaseOrder{Order: o, Source: "oms/t"})
}

// worker signs a new worker in and lets him ask for work.
func (s *site) worker(id string) {
	s.t.Helper()
	s.do(warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: id, Name: id, Badge: "B-" + id}}})
	s.do(warehouse.SignIn{Device: "H-" + id, Badge: "B-" + id})
	s.do(warehouse.AskWork{Device: "H-" + id})
}

// kicked is what the store's change notice does.
func (s *site) kicked() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// batchOf returns the batch a worker has, nil when none.
func (s *site) batchOf(worker string) (b *warehouse.Batch) {
	s.t.Helper()
	err := s.View(func(r warehouse.Reader) error {
		ws, err := warehouse.GetWorkerState(r, worker)
		if err != nil || ws == nil || ws.Batch == "" {
			return err
		}
		b, err = warehouse.GetBatch(r, ws.Batch)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// bins translates a walk into the bins it visits.
func (s *site) bins(walk []string) (bins []string) {
	s.t.Helper()
	err := s.View(func(r warehouse.Reader) error {
		for _, id := range walk {
			t, err := warehouse.GetTask(r, id)
			if err != nil {
				return err
			}
			bins = append(bins, t.Bin)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return bins
}

func orders(slots []warehouse.BatchSlot) (ids []string) {
	for _, s := range slots {
		ids = append(ids, s.Order)
	}
	return ids
}

// newDispatcher makes one for the site, with its own ids and log.
func (s *site) newDispatcher(log slog.Handler) *Dispatcher {
	s.t.Helper()
	d, err := New(Config{
		Log: slog.New(log), Propose: s.Propose, View: s.View, Kick: s.kick, Now: s.now,
		NewID: func() string { s.batches++; return fmt.Sprintf("B%d", s.batches) },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}
