package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	. "tote/warehouse"
)

// The property test: random commands, sensible ones more often than others,
// against a small site. After each one every invariant must hold, and a model
// that knows nothing of keys and indexes must agree.

// model is what the test itself keeps.
type model struct {
	*world
	rt      *rapid.T
	opened  map[string]int64 // SKU → booked in
	states  map[string]OrderState
	seen    map[string]int // commands by name and code
	batches int
}

var (
	orderIDs = []string{"O1", "O2", "O3", "O4", "O5", "O6", "O7", "O8"}
	skus     = []string{"CUP", "PEN", "BAG", "MILK"}
	devices  = []string{"hw1", "hw2", "h3"}
	badges   = []string{"B1", "B2", "B3", "B9"}
	benches  = []string{"pack1", "pack2"}
	docks    = []string{"d1", "d2"}
)

// next lists which state may follow which within one command, written down a
// second time on purpose.
var next = map[OrderState][]OrderState{
	"":                {OrderReleased, OrderShortWaiting},
	OrderShortWaiting: {OrderReleased, OrderCancelled},
	OrderReleased:     {OrderPicking, OrderCancelled, OrderShortWaiting},
	OrderPicking:      {OrderPicked, OrderReleased, OrderShortWaiting},
	OrderPicked:       {OrderPacking},
	OrderPacking:      {OrderPacked, OrderPicked},
	OrderPacked:       {OrderLabelled},
	OrderLabelled:     {OrderStaged},
	OrderStaged:       {OrderShipped},
}

func pickOne[T any](m *model, from []T, name string) T { return from[m.num(0, len(from)-1, name)] }

// num draws a number bit by bit: rapid's own ranges prefer small numbers so much
// that hardly an order would get to the dock.
func (m *model) num(lo, hi int, name string) int {
	if lo == hi {
		return lo
	}
	return rapid.Custom(func(t *rapid.T) int {
		v := 0
		for n := hi - lo; n > 0; n >>= 1 {
			v <<= 1
			if rapid.Bool().Draw(t, "bit") {
				v++
			}
		}
		return lo + v%(hi-lo+1)
	}).Draw(m.rt, name)
}

// odds is true in one of n cases.
func (m *model) odds(n int, name string) bool { return m.num(1, n, name) == 1 }

func (m *model) run(c Command) Result {
	res := m.apply(c)
	m.seen[CommandName(c.Kind())+" "+res.Code]++
	if s, ok := c.(OpenStock); ok && res.OK {
		for _, r := range s.Rows {
			m.opened[r.SKU] += r.Qty
		}
	}
	m.agree(c)
	return res
}

// agree compares the state with the model.
func (m *model) agree(c Command) {
	m.invariants()
	all := seen(Orders(m.tx, "", 0))
	shipped := make(map[string]int64)
	for _, o := range all {
		was, now := m.states[o.Spec.ID], o.State
		if was != now && !slices.Contains(next[was], now) {
			m.t.Fatalf("%#v took order %s from %q to %s", c, o.Spec.ID, was, now)
		}
		m.states[o.Spec.ID] = now
		for _, l := range o.Lines {
			if now == OrderShipped {
				shipped[l.SKU] += l.Picked
			}
		}
	}
	for _, sku := range skus {
		if q, _ := m.qty(PlaceOpening, sku, ""); sku != "MILK" && -q != m.opened[sku] {
			m.t.Fatalf("%s: opened %d, the book says %d", sku, m.opened[sku], -q)
		}
		var real, customer int64
		for _, b := range seen(Balances(m.tx, sku)) {
			switch b.Place {
			case PlaceOpening:
			case PlaceCustomer:
				customer += b.Qty
			default:
				real += b.Qty
			}
		}
		if customer != shipped[sku] || real+customer != m.opened[sku] {
			m.t.Fatalf("%s: %d here and %d gone of %d opened, orders say %d gone", sku, real, customer, m.opened[sku], shipped[sku])
		}
	}
}

// random does one random thing.
func (m *model) random() {
	m.m.Now += int64(m.num(0, 3, "ms"))
	switch m.num(0, 31, "what") {
	case 0, 1, 2, 3, 4:
		m.release()
	case 5:
		if m.odds(2, "really") {
			m.run(CancelOrder{Order: pickOne(m, orderIDs, "order"), Source: "oms/main"})
		}
	case 6, 7:
		m.retry()
	case 8, 9:
		m.openStock()
	case 10:
		m.sign()
	case 11, 12, 13, 14:
		m.plan()
	case 15, 16, 17, 18, 19:
		dev := pickOne(m, devices[:2], "device")
		for range m.num(1, 16, "acts") {
			if s := m.step(dev); s.Do == StepAsk || s.Do == StepWait {
				break
			}
			m.good(dev)
		}
	case 20:
		m.wrongScan()
	case 21:
		reasons := []string{FalloutStockout, FalloutDamaged, FalloutNotLocated, FalloutInsufficient, FalloutExpired, FalloutOther, "NOPE"}
		m.run(ShortPick{Device: pickOne(m, devices, "device"), Reason: pickOne(m, reasons, "reason")})
	case 22, 23, 24, 25:
		m.pack()
	case 26, 27, 28:
		m.job()
	case 29, 30:
		m.ship()
	case 31:
		if m.odds(3, "long") {
			m.m.Now += 70_000
		}
		m.run(AdvanceTime{})
		if m.odds(4, "drain") {
			evs := m.events()
			if len(evs) > 0 {
				m.drain(evs[len(evs)/2].Seq)
			}
		}
	}
}

func (m *model) retry() {
	id := pickOne(m, orderIDs, "order")
	for _, f := range seen(Fallouts(m.tx, true)) {
		if m.odds(2, "this one") {
			id = f.Order
		}
	}
	m.run(RetryOrder{Order: id})
}

func (m *model) release() {
	s := spec(pickOne(m, orderIDs, "order"))
	s.Revision = 1
	if m.odds(6, "amend") {
		s.Revision = m.num(1, 3, "revision")
	}
	s.Priority = m.num(0, 2, "priority")
	for i := range m.num(1, 3, "lines") {
		s.Lines = append(s.Lines, OrderLine{Line: i + 1, SKU: pickOne(m, skus, "sku"), Qty: int64(m.num(1, 4, "qty"))})
	}
	switch m.num(0, 12, "flaw") {
	case 0:
		s.Lines[0].SKU = "NOPE"
	case 1:
		s.Lines[0].Qty = 0
	}
	m.run(ReleaseOrder{Order: s, Source: "oms/main"})
}

func (m *model) openStock() {
	r := StockRow{Bin: pickOne(m, []string{"A-01", "A-02", "B-01", "B-02", "Z-99"}, "bin"), SKU: pickOne(m, skus, "sku"), Qty: int64(m.num(1, 5, "qty"))}
	if r.SKU == "MILK" {
		lots := []StockRow{{Lot: "L1", Expiry: "2026-02-01"}, {Lot: "L2", Expiry: "2026-03-01"}, {Lot: "OLD", Expiry: "2026-01-01"}, {Lot: "L1", Expiry: "2026-03-01"}}
		l := pickOne(m, lots, "lot")
		r.Lot, r.Expiry = l.Lot, l.Expiry
	}
	m.run(OpenStock{Rows: []StockRow{r}})
}

func (m *model) sign() {
	if m.odds(4, "out") {
		m.run(SignOut{Device: pickOne(m, devices, "device")})
		return
	}
	m.run(SignIn{Device: pickOne(m, devices, "device"), Badge: pickOne(m, badges, "badge")})
}

// plan gives the pool to the longest waiting worker, or something that does not
// fit.
func (m *model) plan() {
	m.run(AskWork{Device: pickOne(m, devices, "device")})
	waiting := seen(WaitingWorkers(m.tx))
	pool := seen(Pool(m.tx, m.num(1, 3, "slots")))
	m.batches++
	cmd := AssignBatch{Batch: fmt.Sprintf("K%d", m.batches), Worker: "w1"}
	if len(waiting) > 0 {
		cmd.Worker = waiting[0].Worker
	}
	for i, o := range pool {
		cmd.Slots = append(cmd.Slots, BatchSlot{Slot: i + 1, Order: o.Spec.ID})
		cmd.Walk = append(cmd.Walk, m.openTasks(o.Spec.ID)...)
	}
	if len(cmd.Walk) > 0 && m.odds(8, "flaw") {
		cmd.Walk[0] = "O9/1/1"
	}
	if len(cmd.Walk) > 1 && m.odds(8, "shuffle") {
		cmd.Walk = rapid.Permutation(cmd.Walk).Draw(m.rt, "walk")
	}
	m.run(cmd)
}

// good does what a handheld asks for, sometimes only a part of it.
func (m *model) good(dev string) {
	s := m.step(dev)
	switch s.Do {
	case StepScanBin:
		m.run(Scan{Device: dev, Verb: "bin", Barcode: s.Bin, Task: s.Task})
	case StepScanItem:
		take := m.num(1, int(s.Qty), "take")
		if m.odds(8, "too many") {
			take = int(s.Qty) + 1
		}
		m.run(Scan{Device: dev, Barcode: itemCode(s), Qty: int64(take)})
	case StepScanSlot:
		tote := s.Tote
		if tote == "" || m.odds(10, "other tote") {
			tote = fmt.Sprintf("T-%d", m.num(1, 5, "tote"))
		}
		m.run(Scan{Device: dev, Verb: "slot", Barcode: tote})
	case StepFinish:
		m.run(FinishBatch{Device: dev, Barcode: "DROP"})
	case StepSignIn:
		m.run(SignIn{Device: dev, Badge: pickOne(m, badges, "badge")})
	default:
		m.run(AskWork{Device: dev})
	}
}

func (m *model) wrongScan() {
	codes := []string{"A-01", "B-02", "CUP", "PEN", gtin(3), "]C101" + gtin(3) + "10L1", "T-1", "T-2", "DROP", "nonsense", "\x00"}
	m.run(Scan{
		Device: pickOne(m, devices, "device"), Verb: pickOne(m, []string{"", "bin", "item", "slot", "?"}, "verb"),
		Barcode: pickOne(m, codes, "code"), Qty: int64(m.num(0, 3, "qty")),
	})
}

func (m *model) pack() {
	st := seen(GetStation(m.tx, pickOne(m, benches, "bench")))
	if st.Step != StepWeigh {
		tote := fmt.Sprintf("T-%d", m.num(1, 6, "tote"))
		for _, o := range seen(Orders(m.tx, "", 0)) {
			if o.State == OrderPicked && !m.odds(4, "not this") {
				tote = o.Tote
			}
		}
		m.run(StartPack{Station: st.ID, Barcode: tote})
		return
	}
	m.run(Pack{Station: st.ID, Order: st.Order, WeightMg: st.ExpectedMg + int64(m.num(-1, 1, "error"))*int64(m.num(0, 3, "big")/3)*60_000})
}

func (m *model) job() {
	var jobs []string
	for _, b := range benches {
		for _, j := range seen(PendingJobs(m.tx, b)) {
			jobs = append(jobs, j.ID)
		}
		if st := seen(GetStation(m.tx, b)); st.Job != "" {
			jobs = append(jobs, st.Job)
		}
	}
	if len(jobs) == 0 || m.odds(8, "any job") {
		jobs = []string{"395212340000000014"}
	}
	job := pickOne(m, jobs, "job")
	state := ""
	if j := seen(GetJob(m.tx, job)); j != nil {
		state = j.State
	}
	sensible := []Command{LabelSent{Job: job}}
	switch state {
	case JobSent:
		sensible = []Command{
			LabelOutcome{Job: job, Outcome: JobPrinted}, LabelOutcome{Job: job, Outcome: JobPrinted},
			LabelOutcome{Job: job, Outcome: JobFailed}, LabelOutcome{Job: job, Outcome: JobUnknown},
		}
	case JobFailed, JobUnknown:
		sensible = []Command{LabelOutcome{Job: job, Outcome: JobPrinted}, Reprint{Job: job}}
	}
	if m.odds(5, "no sense") {
		sensible = []Command{
			LabelSent{Job: job}, Reprint{Job: job},
			LabelOutcome{Job: job, Outcome: JobPrinted}, LabelOutcome{Job: job, Outcome: "?"},
		}
	}
	m.run(pickOne(m, sensible, "how"))
}

func (m *model) ship() {
	for _, o := range seen(Orders(m.tx, "", 0)) {
		for _, p := range o.Parcels {
			if o.State == OrderLabelled || m.odds(4, "load") {
				m.run(Load{Dock: pickOne(m, docks, "dock"), Barcode: p.SSCC})
			}
		}
	}
	if m.odds(3, "depart") {
		m.run(Depart{Dock: pickOne(m, docks, "dock")})
	}
}

// stepsPerRun times the 100 runs of rapid is far above 5,000 commands.
const stepsPerRun = 100

func TestRandomCommandsKeepEveryInvariant(t *testing.T) {
	total, reached := make(map[string]int), make(map[OrderState]int)
	commands := 0
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{world: bare(rt), rt: rt, opened: make(map[string]int64), states: make(map[string]OrderState), seen: total}
		m.run(OpenStock{Rows: testStock()})
		for i := range 2 {
			m.run(SignIn{Device: devices[i], Badge: badges[i]})
		}
		for range stepsPerRun {
			m.random()
		}
		commands += len(m.log)
		if again, _ := replay(rt, m.log); again.Digest() != m.tx.Digest() {
			rt.Fatal("the same log leads to another state")
		}
		for _, s := range m.states {
			reached[s]++
		}
	})
	t.Logf("%d commands; orders ended as %v", commands, reached)
	if commands < 5000 {
		t.Errorf("only %d commands", commands)
	}
	// The run must have seen the ends of all paths, or it proves little.
	for _, want := range []string{
		"Depart OK", "Pack OK", "Pack " + CodeWeightMismatch, "ShortPick OK", "Reprint OK", "CancelOrder OK",
		"CancelOrder " + CodeSoftPONR, "ReleaseOrder " + CodeConflict, "Scan " + CodeOverPick, "Scan " + CodeToteInUse,
		"AssignBatch OK", "AssignBatch " + CodePoolChanged, "FinishBatch OK", "RetryOrder OK",
	} {
		if total[want] == 0 {
			t.Errorf("%s never happened", want)
		}
	}
	if t.Failed() {
		t.Logf("seen %v", total)
	}
}
