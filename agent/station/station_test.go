package station

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

// floor is a store in memory with the real domain behind it. One order is
// picked and its tote T1 stands at the pack drop.
type floor struct {
	t       *testing.T
	mu      sync.Mutex
	tx      *memtx.Tx
	index   uint64
	changed chan struct{}
	cmds    []string      // names of the commands proposed
	fail    error         // what Do answers instead
	lost    Hint          // what Lost answers
	unread  bool          // View fails
	hang    chan struct{} // Do gives no answer until it is closed; nil = at once
}

const itemMg = 500_000

func newFloor(t *testing.T, orders ...string) *floor {
	f := &floor{t: t, tx: memtx.New(), changed: make(chan struct{}, 1)}
	f.must(warehouse.PutSite{Site: warehouse.Site{
		ID: "s1", CompanyPrefix: "4012345", TotePrefix: "T", CartonTareMg: 100_000, ToleranceMg: 20_000, TolerancePermil: 5,
		LeaseMs: 600_000, CartSlots: 4, PackDrop: "DROP",
		Layout:   warehouse.Layout{Aisles: 1, Cells: 4, CellMm: 1000, EndMm: 500, PitchMm: 3000},
		Carriers: []warehouse.Carrier{{Code: "DHL", Prefix: "JD", Digits: 8, First: 1, Last: 999}},
	}})
	f.must(warehouse.PutItems{Items: []warehouse.Item{{SKU: "A", Name: "Tea", WeightMg: itemMg}}})
	f.must(warehouse.PutBins{Bins: []warehouse.Bin{{Code: "B1"}}})
	f.must(warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W1", Name: "Ann", Badge: "BADGE1"}}})
	f.must(warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B1", SKU: "A", Qty: 100}}})
	f.must(warehouse.SignIn{Device: "hh1", Badge: "BADGE1"})
	for i, id := range orders {
		f.release(id, i+1)
	}
	f.cmds = nil
	return f
}

// release brings an order to the pack drop, picked into tote Tn.
func (f *floor) release(id string, n int) {
	f.t.Helper()
	f.must(warehouse.ReleaseOrder{Source: "site", Order: warehouse.OrderSpec{
		ID: id, Revision: 1, ShipTo: warehouse.Address{Name: "Eve", Street: "Road 1", Postcode: "1000", City: "Town", Country: "DE"},
		Lines: []warehouse.OrderLine{{Line: 1, SKU: "A", Qty: 1}},
	}})
	f.must(warehouse.AskWork{Device: "hh1"})
	o, err := warehouse.GetOrder(f.tx, id)
	if err != nil || o == nil || len(o.Lines[0].Tasks) != 1 {
		f.t.Fatalf("order %s: %+v %v", id, o, err)
	}
	f.must(warehouse.AssignBatch{Batch: "batch" + id, Worker: "W1", Slots: []warehouse.BatchSlot{{Slot: 1, Order: id}}, Walk: o.Lines[0].Tasks})
	for _, code := range []string{"B1", "A", fmt.Sprintf("T%d", n)} {
		f.must(warehouse.Scan{Device: "hh1", Barcode: code})
	}
	f.must(warehouse.FinishBatch{Device: "hh1", Barcode: "DROP"})
}

func (f *floor) must(c warehouse.Command) {
	f.t.Helper()
	res, err := f.do(f.t.Context(), "test", c)
	if err != nil || !res.OK {
		f.t.Fatalf("%#v: %+v %v", c, res, err)
	}
}

func (f *floor) do(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error) {
	f.mu.Lock()
	if hang := f.hang; hang != nil {
		f.mu.Unlock()
		select {
		case <-hang:
		case <-ctx.Done():
			return warehouse.Result{}, ctx.Err()
		}
		f.mu.Lock()
	}
	defer f.mu.Unlock()
	f.cmds = append(f.cmds, fmt.Sprintf("%T", c)[len("warehouse."):])
	if f.fail != nil {
		return warehouse.Result{}, f.fail
	}
	f.index++
	before := f.tx.Snapshot()
	res, err := warehouse.Apply(f.tx, warehouse.Meta{Index: f.index, Now: time.Now().UnixMilli(), Cause: "c", Actor: actor, Level: warehouse.Level}, c)
	if err == nil && !res.OK && !res.Keep {
		f.tx.Rollback(before)
	}
	select {
	case f.changed <- struct{}{}:
	default:
	}
	return res, err
}

// quorum takes the quorum away, or gives it back.
func (f *floor) quorum(ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = Hint{}
	if !ok {
		f.lost = Hint{HintNoQuorum, "NO QUORUM since 13:57:00: start the other gateways"}
	}
}

// stuck lets Do answer nobody, as while the leader is gone and nobody knows yet.
func (f *floor) stuck(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if on {
		f.hang = make(chan struct{})
		return
	}
	close(f.hang)
	f.hang = nil
}

func (f *floor) isLost() Hint {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost
}

func (f *floor) view(fn func(r warehouse.Reader) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unread {
		return errUnread
	}
	return fn(f.tx)
}

var errUnread = errors.New("the state cannot be read now")

func (f *floor) state(order string) warehouse.OrderState {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, err := warehouse.GetOrder(f.tx, order)
	if err != nil || o == nil {
		f.t.Fatalf("order %s: %v", order, err)
	}
	return o.State
}

func (f *floor) job(order string) *warehouse.LabelJob {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, err := warehouse.GetOrder(f.tx, order)
	if err != nil || o == nil || len(o.Parcels) == 0 {
		f.t.Fatalf("order %s has no parcel: %v", order, err)
	}
	j, err := warehouse.GetJob(f.tx, o.Parcels[0].Job)
	if err != nil || j == nil {
		f.t.Fatalf("job of %s: %v", order, err)
	}
	return j
}

// bench is a pack station under test with what it published.
type bench struct {
	*floor
	*Pack
	mu      sync.Mutex
	answers []Answer
	hints   []string
	lights  []Light
	cancel  context.CancelFunc
	done    chan error
}

// printed, and when asked to, what the printer did not do.
func alwaysPrints(ctx context.Context, _ warehouse.LabelJob, beforeSend func(context.Context) error) (string, string, error) {
	if err := beforeSend(ctx); err != nil {
		return NotReady, "", err
	}
	return warehouse.JobPrinted, "", nil
}

func newBench(f *floor, print Printer) *bench {
	b := &bench{floor: f, done: make(chan error, 1)}
	n := 0
	b.Pack = NewPack(PackConfig{
		ID: "pack1", Log: slog.New(slog.DiscardHandler), Do: f.do, View: f.view, Changed: f.changed, Print: print, Lost: f.isLost,
		Passes:   func(err error) bool { return errors.Is(err, errUnread) },
		NewCmdID: func() string { n++; return fmt.Sprint(n) },
		Answer:   func(a Answer) { b.mu.Lock(); b.answers = append(b.answers, a); b.mu.Unlock() },
		Hint:     func(h Hint) { b.mu.Lock(); b.hints = append(b.hints, h.Code); b.mu.Unlock() },
		Light:    func(l Light) { b.mu.Lock(); b.lights = append(b.lights, l); b.mu.Unlock() },
	})
	ctx, cancel := context.WithCancel(f.t.Context())
	b.cancel = cancel
	go func() { b.done <- b.Run(ctx) }()
	synctest.Wait()
	return b
}

func (b *bench) stop() {
	b.floor.t.Helper()
	b.cancel()
	if err := <-b.done; err != nil {
		b.floor.t.Errorf("Run: %v", err)
	}
}

func (b *bench) scan(code string) Answer {
	b.Scanned(code)
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answers[len(b.answers)-1]
}

func (b *bench) weigh(mg int64, stable bool) {
	b.Weighed(Weight{Milligrams: mg, Stable: stable})
	synctest.Wait()
}

func (b *bench) hinted(code string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.hints) > 0 && b.hints[len(b.hints)-1] == code
}

// pass lets d go by on the bubble's clock.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestCartonToLabel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newFloor(t, "O1", "O2"), alwaysPrints)
		defer b.stop()
		b.weigh(0, true)
		if a := b.scan("T1"); !a.OK || a.Next.Do != warehouse.StepWeigh {
			t.Fatalf("tote: %+v", a)
		}
		b.weigh(300_000, false) // settling
		if s := b.state("O1"); s != warehouse.OrderPacking {
			t.Fatalf("an unstable weight was booked: %s", s)
		}
		b.weigh(600_000, true)
		if j := b.job("O1"); j.State != warehouse.JobPrinted || j.WeightMg != 600_000 {
			t.Fatalf("job: %+v", j)
		}

		// The same carton still lies there when the next tote is scanned.
		b.scan("T2")
		b.weigh(600_000, true)
		if s := b.state("O2"); s != warehouse.OrderPacking || !b.hinted(HintClearScale) {
			t.Fatalf("the carton of O1 was booked for O2: %s, hints %v", s, b.hints)
		}
		b.weigh(0, true)
		if !b.hinted("") {
			t.Errorf("hint stays: %v", b.hints)
		}
		b.weigh(610_000, true)
		if s := b.state("O2"); s != warehouse.OrderLabelled {
			t.Errorf("O2 is %s", s)
		}
	})
}

func TestWrongWeightParksTheCarton(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newFloor(t, "O1"), alwaysPrints)
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000+itemMg, true)
		a := b.answers[len(b.answers)-1]
		if a.OK || a.Code != warehouse.CodeWeightMismatch || a.Next.Do != warehouse.StepScanTote {
			t.Fatalf("answer: %+v", a)
		}
		if s := b.state("O1"); s != warehouse.OrderPicked {
			t.Errorf("O1 is %s", s)
		}
		// Put right and weighed again.
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000, true)
		if s := b.state("O1"); s != warehouse.OrderLabelled {
			t.Errorf("O1 is %s after the second weighing", s)
		}
	})
}

func TestScaleHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newFloor(t, "O1"), alwaysPrints)
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.Weighed(Weight{Overload: true})
		synctest.Wait()
		if !b.hinted(HintOverload) {
			t.Errorf("hints %v", b.hints)
		}
		b.Weighed(Weight{Underload: true})
		synctest.Wait()
		if !b.hinted(HintUnderload) {
			t.Errorf("hints %v", b.hints)
		}
		pass(silent + 2*tick)
		if !b.hinted(HintScaleAbsent) {
			t.Errorf("hints %v", b.hints)
		}
		b.weigh(600_000, true)
		if s := b.state("O1"); s != warehouse.OrderLabelled {
			t.Errorf("O1 is %s", s)
		}
	})
}

// An empty scale beside zero is told between two cartons, and is nobody's
// business while one is to be weighed.
func TestDriftIsToldBetweenCartons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newFloor(t, "O1"), alwaysPrints)
		defer b.stop()
		b.Weighed(Weight{Milligrams: 7_000, Stable: true, Drift: true})
		synctest.Wait()
		if !b.hinted(HintRezero) {
			t.Errorf("hints %v", b.hints)
		}
		b.weigh(0, true)
		b.scan("T1")
		b.mu.Lock()
		b.hints = nil
		b.mu.Unlock()
		b.Weighed(Weight{Milligrams: 7_000, Stable: true, Drift: true})
		synctest.Wait()
		if b.hinted(HintRezero) {
			t.Errorf("hints %v", b.hints)
		}
	})
}

func TestPrinterThatIsNotReadyIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paper := make(chan bool, 1)
		b := newBench(newFloor(t, "O1"), func(ctx context.Context, j warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
			select {
			case <-paper:
				return alwaysPrints(ctx, j, before)
			default:
				return NotReady, "DEV-302 paper out", nil
			}
		})
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000, true)
		if j := b.job("O1"); j.State != warehouse.JobRequested || !b.hinted(HintNoPrinter) {
			t.Fatalf("job %+v, hints %v", j, b.hints)
		}
		if s := b.state("O1"); s != warehouse.OrderPacked {
			t.Errorf("past the hard point without a byte sent: %s", s)
		}
		paper <- true
		pass(3 * time.Second)
		if j := b.job("O1"); j.State != warehouse.JobPrinted || !b.hinted("") {
			t.Errorf("job %+v, hints %v", j, b.hints)
		}
	})
}

func TestLabelOnItsWayAtARestart(t *testing.T) {
	for name, act := range map[string]struct {
		scan    func(sscc string) string
		labels  int // printed by the second gateway
		outcome string
	}{
		"it came out and is scanned": {func(s string) string { return "]C100" + s }, 0, warehouse.JobPrinted},
		"it did not come out":        {func(string) string { return CodeReprint }, 1, warehouse.JobPrinted},
		"the same, with identifier":  {func(string) string { return "]C0" + CodeReprint }, 1, warehouse.JobPrinted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFloor(t, "O1")
				hang := newBench(f, func(ctx context.Context, _ warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
					if err := before(ctx); err != nil {
						return NotReady, "", err
					}
					<-ctx.Done() // the power goes while the printer prints
					f.mu.Lock()
					f.fail = errors.New("no power")
					f.mu.Unlock()
					return "", "", ctx.Err()
				})
				hang.weigh(0, true)
				hang.scan("T1")
				hang.weigh(600_000, true)
				if s := f.state("O1"); s != warehouse.OrderLabelled {
					t.Fatalf("bytes left before the hard point was recorded: %s", s)
				}
				hang.stop()
				f.fail = nil

				labels := 0
				b := newBench(f, func(ctx context.Context, j warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
					labels++
					return alwaysPrints(ctx, j, before)
				})
				defer b.stop()
				j := f.job("O1")
				if j.State != warehouse.JobUnknown || labels != 0 {
					t.Fatalf("after the restart: %+v, %d labels", j, labels)
				}
				if a := b.scan(act.scan(j.ID)); !a.OK {
					t.Fatalf("answer %+v", a)
				}
				if j := f.job("O1"); j.State != act.outcome || labels != act.labels {
					t.Errorf("job %+v after %d labels, want %s and %d", j, labels, act.outcome, act.labels)
				}
			})
		})
	}
}

func TestSentWithoutProofIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newFloor(t, "O1"), func(ctx context.Context, _ warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
			if err := before(ctx); err != nil {
				return NotReady, "", err
			}
			return "unplugged", "cable", nil
		})
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000, true)
		if j := b.job("O1"); j.State != warehouse.JobUnknown {
			t.Errorf("job %+v", j)
		}
	})
}

func TestTheTowerFollowsTheStation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newFloor(t, "O1"), alwaysPrints)
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000+itemMg, true) // parked: somebody must look
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000, true)
		want := []Light{LightOK, LightAttention, LightOK}
		if !slices.Equal(b.lights, want) {
			t.Errorf("lights %v, want %v", b.lights, want)
		}
	})
}

func TestScansThatDoNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(newFloor(t, "O1"), alwaysPrints)
		defer b.stop()
		for code, want := range map[string]string{
			"T99":              warehouse.CodeUnknownTote,
			"NONSENSE":         warehouse.CodeUnknownTote,
			CodeReprint:        warehouse.CodeWrongStep,
			"]C10012345678901": "",
		} {
			a := b.scan(code)
			if a.OK || (want != "" && a.Code != want) || a.Code == "" || a.Next == nil {
				t.Errorf("%s: %+v, want %s", code, a, want)
			}
		}
		if s := b.state("O1"); s != warehouse.OrderPicked {
			t.Errorf("O1 is %s", s)
		}
	})
}

func TestMoreScansThanTheStationTakes(t *testing.T) {
	var answers []Answer
	p := NewPack(PackConfig{
		ID: "pack1", Log: slog.New(slog.DiscardHandler), NewCmdID: func() string { return "x" },
		Answer: func(a Answer) { answers = append(answers, a) },
	})
	for i := range 20 { // Run is not running
		p.Scanned(fmt.Sprint(i))
	}
	if len(answers) != 4 || answers[0].Code != HintBusy {
		t.Errorf("answers %+v", answers)
	}
}

func TestRunEndsWhenNothingCanBeProposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, "O1")
		b := newBench(f, alwaysPrints)
		f.mu.Lock()
		f.fail = errors.New("store stopped")
		f.mu.Unlock()
		b.Scanned("T1")
		if err := <-b.done; err == nil {
			t.Error("no error")
		}
		b.cancel()
	})
}

func TestDock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, "O1")
		b := newBench(f, alwaysPrints)
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000, true)
		sscc := f.job("O1").ID
		b.stop()

		var answers []Answer
		d := NewDock(DockConfig{
			ID: "dock1", Log: slog.New(slog.DiscardHandler), Do: f.do, NewCmdID: func() string { return "x" },
			Answer: func(a Answer) { answers = append(answers, a) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		for _, code := range []string{CodeDepart, "]C1001" + sscc[1:], "]C100" + sscc, "]C100" + sscc, "]Q1" + CodeDepart} {
			d.Scanned(code)
			synctest.Wait()
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		var codes []string
		for _, a := range answers {
			codes = append(codes, a.Code)
		}
		want := []string{warehouse.CodeNothingLoaded, answers[1].Code, warehouse.CodeOK, warehouse.CodeAlreadyLoaded, warehouse.CodeOK}
		if !slices.Equal(codes, want) || answers[1].OK {
			t.Errorf("codes %v, want %v", codes, want)
		}
		if s := f.state("O1"); s != warehouse.OrderShipped {
			t.Errorf("O1 is %s", s)
		}
	})
}

// A truck that needs several commands to depart is answered once.
func TestAFullTruckDeparts(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []warehouse.Result
		want    Answer
	}{
		{"at once", []warehouse.Result{{OK: true, Code: "OK", Ref: "d", Text: "3"}}, Answer{OK: true, Code: "OK", Text: "3"}},
		{"in parts", []warehouse.Result{
			{OK: true, Code: "OK", Ref: warehouse.RefMore, Text: "3"}, {OK: true, Code: "OK", Ref: warehouse.RefMore, Text: "4"}, {OK: true, Code: "OK", Ref: "d", Text: "5"},
		}, Answer{OK: true, Code: "OK", Text: "3 + 4 + 5"}},
		{"stopped", []warehouse.Result{
			{OK: true, Code: "OK", Ref: warehouse.RefMore, Text: "3"}, {Code: warehouse.CodeInFallout, Ref: warehouse.RefMore, Text: "parked"},
		}, Answer{Code: warehouse.CodeInFallout, Text: "3 + parked"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []Answer
				asked := 0
				d := NewDock(DockConfig{
					ID: "dock1", Log: slog.New(slog.DiscardHandler), NewCmdID: func() string { return "" },
					Answer: func(a Answer) { got = append(got, a) },
					Do: func(_ context.Context, _ string, c warehouse.Command) (warehouse.Result, error) {
						asked++
						return tc.answers[asked-1], nil
					},
				})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- d.Run(ctx) }()
				d.Scanned(CodeDepart)
				synctest.Wait()
				cancel()
				tc.want.Barcode = CodeDepart
				if err := <-done; err != nil || asked != len(tc.answers) || len(got) != 1 || got[0] != tc.want {
					t.Errorf("%v, asked %d times, answers %+v", err, asked, got)
				}
			})
		})
	}
}

func TestAScanThatCannotBeRecordedIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, "O1")
		b := newBench(f, alwaysPrints)
		f.fail = errors.New("disk full")
		if a := b.scan("T1"); a.OK || a.Code != HintNotRecorded || a.Barcode != "T1" {
			t.Errorf("answer %+v", a)
		}
		if err := <-b.done; err == nil {
			t.Error("the station goes on as if nothing had happened")
		}
		var answers []Answer
		d := NewDock(DockConfig{
			ID: "dock1", Log: slog.New(slog.DiscardHandler), Do: f.do,
			Answer: func(a Answer) { answers = append(answers, a) }, NewCmdID: func() string { return "1" },
		})
		d.Scanned(CodeDepart)
		if err := d.Run(t.Context()); err == nil || len(answers) != 1 || answers[0].Code != HintNotRecorded {
			t.Errorf("dock: %v, answers %+v", err, answers)
		}
	})
}

func TestALabelOutcomeIsRecordedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, "O1")
		labels := 0
		b := newBench(f, func(ctx context.Context, _ warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
			if err := before(ctx); err != nil {
				return NotReady, "", err
			}
			labels++
			f.mu.Lock()
			f.fail = errors.New("disk full")
			f.mu.Unlock()
			return warehouse.JobPrinted, "", nil
		})
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000, true)
		pass(3 * time.Second)
		if j := f.job("O1"); j.State != warehouse.JobSent {
			t.Fatalf("job %+v", j)
		}
		f.mu.Lock()
		f.fail = nil
		f.mu.Unlock()
		pass(3 * time.Second)
		if j := f.job("O1"); j.State != warehouse.JobPrinted || labels != 1 {
			t.Errorf("after the disk has room: %+v, %d labels", j, labels)
		}
	})
}

// TestAStateThatCannotBeReadNow: the station does not end. A label that is on its
// way keeps its outcome, people are told what is wrong, and work goes on.
func TestAStateThatCannotBeReadNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, "O1", "O2")
		print, printed := make(chan struct{}), 0
		unread := func(on bool) {
			f.mu.Lock()
			f.unread = on
			f.mu.Unlock()
		}
		unread(true)
		b := newBench(f, func(ctx context.Context, _ warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
			if err := before(ctx); err != nil {
				return NotReady, "", err
			}
			printed++
			<-print
			return warehouse.JobPrinted, "", nil
		})
		defer b.stop()
		if a := b.scan("T1"); a.OK || a.Code != HintNotRecorded {
			t.Errorf("before anything was read: %+v", a)
		}
		unread(false)
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000, true)
		unread(true)
		f.quorum(false)
		pass(time.Second)
		if !b.hinted(HintNoQuorum) {
			t.Errorf("hints %v", b.hints)
		}
		if a := b.scan("T2"); a.OK || a.Code != HintNoQuorum {
			t.Errorf("a scan: %+v", a)
		}
		close(print)
		pass(3 * time.Second)
		f.quorum(true)
		unread(false)
		pass(3 * time.Second)
		if j := f.job("O1"); j.State != warehouse.JobPrinted || printed != 1 {
			t.Errorf("job %+v, printed %d times", j, printed)
		}
		b.weigh(0, true)
		if a := b.scan("T2"); !a.OK {
			t.Errorf("afterwards: %+v", a)
		}
	})
}

func TestACartonLighterThanWhatCountsAsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		f.must(warehouse.PutSite{Site: warehouse.Site{
			ID: "s1", CompanyPrefix: "4012345", TotePrefix: "T", ToleranceMg: 1000, LeaseMs: 600_000, CartSlots: 4, PackDrop: "DROP",
			Layout:   warehouse.Layout{Aisles: 1, Cells: 4, CellMm: 1000, EndMm: 500, PitchMm: 3000},
			Carriers: []warehouse.Carrier{{Code: "DHL", Digits: 8, First: 1, Last: 999}},
		}})
		f.must(warehouse.PutItems{Items: []warehouse.Item{{SKU: "A", Name: "Stamp", WeightMg: 5000}}})
		f.release("O1", 1)
		b := newBench(f, alwaysPrints)
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(2000, true)
		if s := b.state("O1"); s != warehouse.OrderPacking {
			t.Fatalf("O1 is %s before anything lay on the scale", s)
		}
		b.weigh(5000, true)
		if s := b.state("O1"); s != warehouse.OrderLabelled {
			t.Errorf("O1 is %s", s)
		}
	})
}

// row 48: where a second person confirms, the station waits for a badge between
// the tote and the scale; who picked it is not that person.
func TestSecondPersonAtTheStationRow48(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		s, err := warehouse.GetSite(f.tx)
		if err != nil {
			t.Fatal(err)
		}
		s.Profiles, s.Profile = []warehouse.Profile{{Name: "pharma", Double: true}}, "pharma"
		f.must(warehouse.PutSite{Site: *s})
		f.must(warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W2", Name: "Bo", Badge: "BADGE2"}}})
		f.release("O1", 1)
		b := newBench(f, alwaysPrints)
		defer b.stop()
		b.weigh(0, true)
		if a := b.scan("T1"); !a.OK || a.Next.Do != warehouse.StepSecond {
			t.Fatalf("tote: %+v", a)
		}
		b.weigh(600_000, true)
		if st := b.state("O1"); st != warehouse.OrderPacking {
			t.Fatalf("a carton nobody confirmed is %s", st)
		}
		b.weigh(0, true)
		if a := b.scan("BADGE1"); a.OK || a.Code != warehouse.CodeSamePerson {
			t.Fatalf("the picker: %+v", a)
		}
		if a := b.scan("T1"); a.OK || a.Code != warehouse.CodeUnknownBadge {
			t.Fatalf("the tote again: %+v", a)
		}
		if a := b.scan("BADGE2"); !a.OK || a.Next.Do != warehouse.StepWeigh {
			t.Fatalf("another person: %+v", a)
		}
		b.weigh(600_000, true)
		if j := b.job("O1"); j.State != warehouse.JobPrinted {
			t.Errorf("job: %+v", j)
		}
	})
}
