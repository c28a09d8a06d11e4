package dispatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/picking/route"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// round runs one round of a fresh dispatcher and returns its log.
func round(t *testing.T, s *site) string {
	t.Helper()
	var log bytes.Buffer
	d := s.newDispatcher(slog.NewTextHandler(&log, nil))
	if _, err := d.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	return log.String()
}

func TestAssignsOneBatchAlongTheShortestWalk(t *testing.T) {
	s := newSite(t, 4)
	s.bin("FAR", 2, 8)
	s.bin("NEAR", 0, 1)
	s.bin("MID", 1, 0)
	s.bin("PAIR", 0, 1) // the other side of NEAR
	s.order("O1", 5, "FAR", "NEAR", "PAIR")
	s.order("O2", 5, "MID", "NEAR", "PAIR")
	s.worker("W1")
	round(t, s)

	b := s.batchOf("W1")
	if b == nil {
		t.Fatal("no batch")
	}
	if d := cmp.Diff([]warehouse.BatchSlot{{Slot: 1, Order: "O1"}, {Slot: 2, Order: "O2"}}, b.Slots); d != "" {
		t.Errorf("slots (-want +got):\n%s", d)
	}
	r, err := route.New(route.Layout(layout))
	if err != nil {
		t.Fatal(err)
	}
	masks, err := r.Masks([]route.Cell{{Aisle: 2, Cell: 8}, {Aisle: 0, Cell: 1}, {Aisle: 1, Cell: 0}})
	if err != nil {
		t.Fatal(err)
	}
	if want := r.Length(masks); b.RouteMm != want {
		t.Errorf("route %d mm, want %d", b.RouteMm, want)
	}
	// The tasks of one bin stand together, also where two bins share a cell.
	got := s.bins(b.Walk)
	var visits []string
	for i, bin := range got {
		if i == 0 || bin != got[i-1] {
			visits = append(visits, bin)
		}
	}
	if len(got) != 6 || len(visits) != 4 {
		t.Errorf("walk %v, want 6 tasks in 4 visits", got)
	}
	if i := strings.Index(strings.Join(visits, " "), "NEAR PAIR"); i < 0 {
		t.Errorf("walk %v, want the two bins of a cell behind each other", got)
	}
}

// The first pick is the first one on the way, whatever the bins are called.
func TestWalkingOrderIsNotByName(t *testing.T) {
	s := newSite(t, 1)
	s.bin("C", 0, 1)
	s.bin("A", 0, 4)
	s.bin("B", 0, 8)
	s.order("O1", 5, "B", "A", "C")
	s.worker("W1")
	round(t, s)
	b := s.batchOf("W1")
	if d := cmp.Diff([]string{"C", "A", "B"}, s.bins(b.Walk)); d != "" || b.RouteMm != 2*9000 {
		t.Errorf("%d mm (-want +got):\n%s", b.RouteMm, d)
	}
}

// Two bins of one cell, with items whose names alternate between them: each
// bin is still visited once.
func TestTasksOfOneBinStandTogether(t *testing.T) {
	s := newSite(t, 2)
	s.bin("L", 1, 3)
	s.bin("R", 1, 3)
	s.stock("L", "I-1", 10)
	s.stock("R", "I-2", 10)
	s.stock("L", "I-3", 10)
	s.order("O1", 5, "1", "2", "3")
	s.order("O2", 5, "3", "2", "1")
	s.worker("W1")
	round(t, s)
	if d := cmp.Diff([]string{"L", "L", "L", "L", "R", "R"}, s.bins(s.batchOf("W1").Walk)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// An order in the pool may carry closed tasks: a bin was found empty and its
// goods are reserved elsewhere. Only the open ones are handed out.
func TestClosedTasksStayOut(t *testing.T) {
	s := newSite(t, 1)
	s.bin("A", 0, 1)
	s.bin("B", 2, 2)
	s.stock("A", "I-1", 5)
	s.stock("B", "I-1", 5)
	s.order("O1", 5, "1")
	s.order("O2", 5, "1")
	s.worker("W1")
	round(t, s)
	s.do(warehouse.ShortPick{Device: "H-W1", Reason: warehouse.FalloutStockout})
	s.worker("W2")
	round(t, s)
	b := s.batchOf("W2")
	if b == nil {
		t.Fatalf("no batch: %+v", s.results)
	}
	if d := cmp.Diff([]string{"B"}, s.bins(b.Walk)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	var o *warehouse.Order
	if err := s.View(func(r warehouse.Reader) (err error) {
		o, err = warehouse.GetOrder(r, "O2")
		return err
	}); err != nil || len(o.Lines[0].Tasks) != 2 {
		t.Errorf("order %+v, %v: want a closed and an open task, or nothing is proven", o, err)
	}
}

func TestFillsTheCartWithWhatLiesOnTheWay(t *testing.T) {
	s := newSite(t, 2)
	s.bin("A", 0, 2)
	s.bin("B", 3, 9)
	s.bin("C", 0, 3)
	s.order("O1", 5, "A")
	s.order("O2", 5, "B") // older, and far
	s.order("O3", 5, "C")
	s.worker("W1")
	round(t, s)
	if d := cmp.Diff([]string{"O1", "O3"}, orders(s.batchOf("W1").Slots)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// At a site that picks by zones a batch is what lies in the zone of the most
// urgent order; the rest of its orders stays for the next zone.
func TestOneZoneABatch(t *testing.T) {
	s := newSite(t, 3)
	rules := s.rules(3, layout)
	rules.ZonePicking = true
	s.do(warehouse.PutSite{Site: rules})
	for _, code := range []string{"A1", "A2", "B1", "X1"} {
		s.bin(code, int(code[0]-'A')%3, 1+int(code[1]-'1'))
	}
	s.do(warehouse.PutBins{Bins: []warehouse.Bin{
		{Code: "A1", Cell: 1, Zone: "A"}, {Code: "A2", Cell: 2, Zone: "A"}, {Code: "B1", Aisle: 1, Cell: 1, Zone: "B"},
	}})
	s.order("O1", 5, "A1", "B1", "X1")
	s.order("O2", 5, "B1")
	s.order("O3", 5, "A2")
	for i, want := range []struct {
		zone string
		bins []string
	}{{"A", []string{"A1", "A2"}}, {"B", []string{"B1"}}} {
		id := fmt.Sprint("W", i)
		s.worker(id)
		round(t, s)
		b := s.batchOf(id)
		if b == nil || b.Zone != want.zone {
			t.Fatalf("batch %+v, want zone %s", b, want.zone)
		}
		if d := cmp.Diff(want.bins, s.bins(b.Walk)); d != "" {
			t.Errorf("zone %s (-want +got):\n%s", want.zone, d)
		}
	}
}

// A picker who chose a zone gets what lies there, and one whose zone has nothing
// keeps nobody from work.
func TestChosenZone(t *testing.T) {
	s := newSite(t, 3)
	rules := s.rules(3, layout)
	rules.ZonePicking = true
	s.do(warehouse.PutSite{Site: rules})
	for i, code := range []string{"A1", "B1", "C1"} {
		s.bin(code, i, 1)
		s.do(warehouse.PutBins{Bins: []warehouse.Bin{{Code: code, Aisle: i, Cell: 1, Zone: code[:1]}}})
	}
	s.order("O1", 9, "A1")
	s.order("O2", 1, "B1")
	for id, bin := range map[string]string{"W1": "C1", "W2": "B1"} {
		s.worker(id)
		s.do(warehouse.AskWork{Device: "H-" + id, Bin: bin})
	}
	s.worker("W3")
	round(t, s)
	for id, want := range map[string]string{"W1": "", "W2": "B", "W3": "A"} {
		b := s.batchOf(id)
		if (b == nil) != (want == "") || b != nil && b.Zone != want {
			t.Errorf("%s: %+v, want zone %q", id, b, want)
		}
	}
}

func TestUrgentFirst(t *testing.T) {
	s := newSite(t, 1)
	s.bin("A", 0, 2)
	s.order("a-low", 1, "A")
	s.order("b-high", 9, "A")
	s.worker("W1")
	round(t, s)
	if d := cmp.Diff([]string{"b-high"}, orders(s.batchOf("W1").Slots)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestOverdueBeforeUrgent(t *testing.T) {
	s := newSite(t, 1)
	now := time.UnixMilli(1_800_000_000_000)
	s.now = func() time.Time { return now }
	s.bin("A", 0, 2)
	s.order("old", 0, "A")
	now = now.Add(defaultMaxWait)
	s.order("high", 9, "A")
	s.worker("W1")
	round(t, s)
	if d := cmp.Diff([]string{"old"}, orders(s.batchOf("W1").Slots)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestLongestWaitingWorkerFirst(t *testing.T) {
	s := newSite(t, 1)
	now := time.UnixMilli(1_800_000_000_000)
	s.now = func() time.Time { return now }
	s.bin("A", 0, 2)
	s.worker("W2")
	now = now.Add(time.Second)
	s.worker("W1")
	s.order("O1", 5, "A")
	round(t, s)
	if s.batchOf("W2") == nil || s.batchOf("W1") != nil {
		t.Errorf("W2 has %v, W1 has %v", s.batchOf("W2"), s.batchOf("W1"))
	}
}

func TestEveryWaitingWorkerGetsWork(t *testing.T) {
	s := newSite(t, 2)
	s.bin("A", 0, 2)
	for i := range 5 {
		s.order(fmt.Sprint("O", i), 5, "A")
	}
	for i := range 4 {
		s.worker(fmt.Sprint("W", i))
	}
	round(t, s)
	if len(s.proposed) != 3 {
		t.Errorf("%d batches for 5 orders and 2 slots, want 3", len(s.proposed))
	}
	if b := s.batchOf("W3"); b != nil {
		t.Errorf("W3 got %+v of an empty pool", b)
	}
}

// A cancel between snapshot and apply: the plan is refused and made again.
func TestPoolChangedPlansAgainAtOnce(t *testing.T) {
	s := newSite(t, 2)
	s.bin("A", 0, 2)
	s.order("O1", 5, "A")
	s.order("O2", 5, "A")
	s.worker("W1")
	s.before = func(warehouse.AssignBatch) error {
		s.before = nil
		s.do(warehouse.CancelOrder{Order: "O1", Source: "oms/t"})
		return nil
	}
	round(t, s)
	if len(s.results) != 2 || s.results[0].Code != warehouse.CodePoolChanged || !s.results[1].OK {
		t.Fatalf("results %+v", s.results)
	}
	if d := cmp.Diff([]string{"O2"}, orders(s.batchOf("W1").Slots)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Another dispatcher was faster: the worker has his batch, nothing is forced.
func TestNotWaitingIsLeftAlone(t *testing.T) {
	s := newSite(t, 1)
	s.bin("A", 0, 2)
	s.order("O1", 5, "A")
	s.order("O2", 5, "A")
	s.worker("W1")
	s.before = func(p warehouse.AssignBatch) error {
		s.before = nil
		p.Batch = "OTHER"
		s.do(p)
		return nil
	}
	round(t, s)
	if b := s.batchOf("W1"); b == nil || b.ID != "OTHER" || len(s.proposed) != 1 {
		t.Errorf("batch %+v after %d proposals", b, len(s.proposed))
	}
}

// A plan that is refused for ever does not spin and does not starve others.
func TestRefusedForEverEnds(t *testing.T) {
	s := newSite(t, 1)
	s.bin("A", 0, 2)
	s.order("O1", 5, "A")
	s.worker("W1")
	s.worker("W2")
	n := 0
	d := s.newDispatcher(slog.DiscardHandler)
	d.cfg.Propose = func(_ context.Context, c warehouse.Command) (warehouse.Result, error) {
		n++
		return warehouse.Result{Code: warehouse.CodePoolChanged}, nil
	}
	waiting, err := d.round(t.Context())
	if err != nil || !waiting || n != 2*maxPlans {
		t.Errorf("%d plans, waiting %v, %v; want %d plans", n, waiting, err, 2*maxPlans)
	}
	n = 0
	d.cfg.Propose = func(_ context.Context, c warehouse.Command) (warehouse.Result, error) {
		n++
		return warehouse.Result{Code: warehouse.CodeInvalid}, nil
	}
	if _, err := d.round(t.Context()); err != nil || n != 2 {
		t.Errorf("%d plans, %v; an invalid plan is made once for each worker", n, err)
	}
}

func TestWithoutLayoutByBinCode(t *testing.T) {
	s := newSite(t, 2)
	s.bin("C", 0, 0)
	s.bin("A", 3, 9)
	s.bin("B", 1, 5)
	s.order("O1", 5, "B", "C", "A")
	s.order("O2", 5, "A")
	unmeasured := layout
	unmeasured.CellMm, unmeasured.PitchMm = 0, 0
	s.do(warehouse.PutSite{Site: s.rules(2, unmeasured)})
	s.worker("W1")
	s.worker("W2")
	log := round(t, s)
	b := s.batchOf("W1")
	if b == nil {
		t.Fatal("no batch: a missing layout must not stop the work")
	}
	if d := cmp.Diff([]string{"A", "A", "B", "C"}, s.bins(b.Walk)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if b.RouteMm != 0 {
		t.Errorf("route %d mm without a layout", b.RouteMm)
	}
	if n := strings.Count(log, "level=WARN"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, log)
	}
}

// Apply does not let a bin lie outside the layout. Should one ever do, the walk
// goes by bin code.
func TestBinOutsideTheLayout(t *testing.T) {
	s := newSite(t, 2)
	s.bin("Z", 0, 0)
	s.bin("M", 1, 5)
	s.bin("A", 3, 9)
	s.order("O1", 5, "Z", "M", "A")
	s.order("O2", 5, "A")
	s.order("O3", 5, "M")
	small := layout
	small.Aisles = 2
	router, err := route.New(route.Layout(small))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d := s.newDispatcher(slog.NewTextHandler(&log, nil))
	var window []candidate
	if err := s.View(func(r warehouse.Reader) error {
		window, _, err = d.window(r, router, 6, false, "")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(window) != 3 {
		t.Fatalf("%d orders in the window", len(window))
	}
	// What has a place counts, what has none costs nothing.
	c := cost(router, window)
	if a, b, z := c([]int{0}), c([]int{0, 2}), c([]int{1}); a != b || a <= 0 || z != 0 {
		t.Errorf("costs %d, %d, %d", a, b, z)
	}
	p := &warehouse.AssignBatch{}
	if err := d.walk(p, router, window[0].stops); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"A", "M", "Z"}, s.bins(p.Walk)); d != "" || p.RouteMm != 0 {
		t.Errorf("%d mm (-want +got):\n%s", p.RouteMm, d)
	}
	if n := strings.Count(log.String(), "not in the layout"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, log.String())
	}
}

func TestSiteNotSet(t *testing.T) {
	s := &site{t: t, tx: memtx.New(), now: time.Now}
	var log bytes.Buffer
	d := s.newDispatcher(slog.NewTextHandler(&log, nil))
	for range 2 {
		if err := s.View(func(r warehouse.Reader) error {
			p, err := d.plan(r, warehouse.WorkerState{Worker: "W1"})
			if p != nil {
				t.Errorf("plan %+v without a site", p)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), warehouse.CodeSiteNotSet); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
}

func TestNothingToDo(t *testing.T) {
	s := newSite(t, 2)
	if log := round(t, s); log != "" || len(s.proposed) != 0 {
		t.Errorf("%d proposals without a worker, log %q", len(s.proposed), log)
	}
	s.worker("W1")
	d := s.newDispatcher(slog.DiscardHandler)
	if waiting, err := d.round(t.Context()); !waiting || err != nil || len(s.proposed) != 0 {
		t.Errorf("waiting %v, %v, %d proposals", waiting, err, len(s.proposed))
	}
}

// Every order of a random day reaches a cart exactly once, with all its tasks.
func TestEveryTaskIsHandedOutOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	s := newSite(t, 4)
	var bins []string
	for a := range layout.Aisles {
		for c := range layout.Cells {
			bins = append(bins, fmt.Sprintf("%d-%02d", a, c))
			s.bin(bins[len(bins)-1], a, c)
		}
	}
	const n = 60
	for i := range n {
		var of []string
		for range 1 + rng.IntN(5) {
			of = append(of, bins[rng.IntN(len(bins))])
		}
		s.order(fmt.Sprintf("O%02d", i), rng.IntN(10), of...)
	}
	for i := range n/4 + 1 {
		s.worker(fmt.Sprintf("W%02d", i))
	}
	round(t, s)
	order, task := map[string]int{}, map[string]int{}
	for i, p := range s.proposed {
		if !s.results[i].OK {
			t.Fatalf("plan %+v was refused: %+v", p, s.results[i])
		}
		if p.RouteMm <= 0 {
			t.Errorf("batch %s has no length", p.Batch)
		}
		for _, o := range orders(p.Slots) {
			order[o]++
		}
		for _, id := range p.Walk {
			task[id]++
		}
	}
	if len(order) != n || len(s.proposed) != n/4 {
		t.Errorf("%d orders in %d batches, want %d in %d", len(order), len(s.proposed), n, n/4)
	}
	for id, times := range task {
		if times != 1 {
			t.Errorf("task %s was handed out %d times", id, times)
		}
	}
}

// running starts Run inside a synctest bubble and returns how to end it.
func running(t *testing.T, d *Dispatcher) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return func() error { cancel(); return <-done }
}

func TestRunAnswersAKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2)
		s.bin("A", 0, 2)
		stop := running(t, s.newDispatcher(slog.DiscardHandler))
		synctest.Wait()

		s.order("O1", 5, "A")
		s.worker("W1")
		start := time.Now()
		s.kicked()
		synctest.Wait()
		if s.batchOf("W1") == nil {
			t.Error("no batch after a kick")
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("it took %v", d)
		}
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// A lost kick costs a second, not the shift.
func TestRunLooksAgainWhileWorkersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2)
		s.bin("A", 0, 2)
		s.worker("W1")
		stop := running(t, s.newDispatcher(slog.DiscardHandler))
		synctest.Wait()
		s.order("O1", 5, "A")
		time.Sleep(retryAfter - time.Millisecond)
		synctest.Wait()
		if s.batchOf("W1") != nil {
			t.Error("a batch before the second was over")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if s.batchOf("W1") == nil {
			t.Error("no batch after a second")
		}
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestRunRestsWithoutWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2)
		views := 0
		d := s.newDispatcher(slog.DiscardHandler)
		d.cfg.View = func(fn func(r warehouse.Reader) error) error { views++; return s.View(fn) }
		stop := running(t, d)
		time.Sleep(time.Hour)
		synctest.Wait()
		if err := stop(); err != nil || views != 1 {
			t.Errorf("%d looks in an idle hour, %v", views, err)
		}
	})
}

func TestRunGoesOnAfterAFailedProposal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2)
		s.bin("A", 0, 2)
		s.order("O1", 5, "A")
		s.worker("W1")
		fails := 3
		s.before = func(warehouse.AssignBatch) error {
			if fails--; fails >= 0 {
				return errors.New("no quorum")
			}
			return nil
		}
		var log bytes.Buffer
		start := time.Now()
		stop := running(t, s.newDispatcher(slog.NewTextHandler(&log, nil)))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		b := s.batchOf("W1")
		if b == nil {
			t.Fatal("no batch")
		}
		if at := time.UnixMilli(b.Lease).Sub(start) - 600*time.Second; at != 3*retryAfter {
			t.Errorf("assigned after %v, want %v", at, 3*retryAfter)
		}
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if w, i := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "accepted again"); w != 1 || i != 1 {
			t.Errorf("%d warnings and %d all-clears, want one of each:\n%s", w, i, log.String())
		}
	})
}

// The commit of the first proposal is only learned of later: nothing is
// assigned twice.
func TestUnknownOutcomeAssignsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		s.bin("A", 0, 2)
		s.order("O1", 5, "A")
		s.order("O2", 5, "A")
		s.worker("W1")
		d := s.newDispatcher(slog.DiscardHandler)
		d.cfg.Propose = func(ctx context.Context, c warehouse.Command) (warehouse.Result, error) {
			if _, err := s.Propose(ctx, c); err != nil {
				return warehouse.Result{}, err
			}
			return warehouse.Result{}, errors.New("outcome unknown")
		}
		stop := running(t, d)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if len(s.proposed) != 1 || s.batchOf("W1") == nil {
			t.Errorf("%d proposals", len(s.proposed))
		}
	})
}

func TestRunEndsWithTheView(t *testing.T) {
	s := newSite(t, 1)
	broken := errors.New("state unreadable")
	d := s.newDispatcher(slog.DiscardHandler)
	d.cfg.View = func(func(r warehouse.Reader) error) error { return broken }
	if err := d.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Run: %v, want %v", err, broken)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	whole := newSite(t, 1).newDispatcher(slog.DiscardHandler).cfg
	for name, drop := range map[string]func(*Config){
		"Log": func(c *Config) { c.Log = nil }, "Propose": func(c *Config) { c.Propose = nil },
		"View": func(c *Config) { c.View = nil }, "NewID": func(c *Config) { c.NewID = nil },
	} {
		cfg := whole
		drop(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
