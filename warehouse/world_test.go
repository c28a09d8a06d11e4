package warehouse_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tote/gs1"
	. "tote/warehouse"
	"tote/warehouse/memtx"
)

// world runs commands the way a gateway does: through the encoding, with a
// rising index and a clock set by the test.
type world struct {
	t   fataler
	tx  *memtx.Tx
	m   Meta
	log []logged // what was applied
}

type logged struct {
	meta          Meta
	kind, version uint16
	body          []byte
	drained       uint64 // no command: the outbox was deleted up to here
	reads         int    // what it read
}

const start = int64(1_767_225_600_000) // 2026-01-01T00:00:00Z

// fataler is testing.T or rapid.T.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newWorld(t fataler) *world {
	return &world{t: t, tx: memtx.New(), m: Meta{Now: start, Actor: "test", Level: Level}}
}

// apply runs c and checks that a refusal without Keep wrote nothing.
func (w *world) apply(c Command) Result {
	w.t.Helper()
	kind, version, body, err := Encode(c)
	if err != nil {
		w.t.Fatalf("encode %#v: %v", c, err)
	}
	w.m.Index++
	w.m.Cause = fmt.Sprintf("test/%d", w.m.Index)
	w.log = append(w.log, logged{meta: w.m, kind: kind, version: version, body: body})
	back, err := Decode(kind, version, body)
	if err != nil {
		w.t.Fatalf("decode %#v: %v", c, err)
	}
	before := w.tx.Writes()
	cost := &meter{countingTx: countingTx{Tx: w.tx}}
	res, err := Apply(cost, w.m, back)
	if err != nil {
		w.t.Fatalf("apply %#v: %v", c, err)
	}
	cost.check(w.t, c)
	w.log[len(w.log)-1].reads = cost.reads
	if !res.OK && !res.Keep {
		if n := w.tx.Writes() - before; n != 0 {
			w.t.Fatalf("%#v refused with %s wrote %d times", c, res.Code, n)
		}
		if len(res.Touched) > 0 {
			w.t.Fatalf("%#v refused with %s touched %v", c, res.Code, res.Touched)
		}
	}
	if res.Next != nil && res.Next.Worker != "" {
		// The answer is what anybody reads who asks now.
		if ws, err := GetWorkerState(w.tx, res.Next.Worker); err == nil && ws != nil && ws.Device != "" {
			now := *w.step(ws.Device)
			now.Code = res.Next.Code
			if !reflect.DeepEqual(now, *res.Next) {
				w.t.Fatalf("%#v: next is %+v, and read again %+v", c, *res.Next, now)
			}
		}
	}
	if (res.Code == "") || res.OK != (res.Code == CodeOK || res.Code == CodeWait) {
		w.t.Fatalf("%#v: ok %v with code %q", c, res.OK, res.Code)
	}
	return res
}

// drain deletes the outbox up to a number, as the sender does.
func (w *world) drain(upto uint64) {
	w.t.Helper()
	if err := OutboxDelete(w.tx, StreamControl, upto); err != nil {
		w.t.Fatal(err)
	}
	w.log = append(w.log, logged{drained: upto})
}

func (w *world) ok(c Command) Result {
	w.t.Helper()
	res := w.apply(c)
	if !res.OK {
		w.t.Fatalf("%#v: %s %s", c, res.Code, res.Text)
	}
	return res
}

func (w *world) no(c Command, code string) Result {
	w.t.Helper()
	res := w.apply(c)
	if res.OK || res.Code != code {
		w.t.Fatalf("%#v: got %s (%s), want %s", c, res.Code, res.Text, code)
	}
	return res
}

func (w *world) order(id string) *Order {
	w.t.Helper()
	o, err := GetOrder(w.tx, id)
	if err != nil || o == nil {
		w.t.Fatalf("order %s: %v %v", id, o, err)
	}
	return o
}

func (w *world) state(id string, want OrderState) *Order {
	w.t.Helper()
	o := w.order(id)
	if o.State != want {
		w.t.Fatalf("order %s is %s, want %s", id, o.State, want)
	}
	return o
}

func (w *world) books() {
	w.t.Helper()
	rep, err := LedgerCheck(w.tx)
	if err != nil || !rep.OK {
		w.t.Fatalf("ledger: %v %v", rep.Violations, err)
	}
}

func (w *world) invariants() {
	w.t.Helper()
	bad, err := Invariants(w.tx)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(bad) > 0 {
		w.t.Fatalf("invariants:\n%s", strings.Join(bad, "\n"))
	}
}

// events lists the whole outbox.
func (w *world) events() []Event {
	w.t.Helper()
	evs, err := OutboxRange(w.tx, StreamControl, 0, 1<<30)
	if err != nil {
		w.t.Fatal(err)
	}
	return evs
}

func (w *world) eventTypes(order string) []string {
	w.t.Helper()
	var out []string
	for _, e := range w.events() {
		if e.Order == order {
			out = append(out, e.Type)
		}
	}
	return out
}

func (w *world) wantEvents(order string, want ...string) {
	w.t.Helper()
	if got := w.eventTypes(order); !slices.Equal(got, want) {
		w.t.Fatalf("events of %s:\n got %v\nwant %v", order, got, want)
	}
}

func (w *world) qty(place, sku, lot string) (qty, reserved int64) {
	w.t.Helper()
	rows, err := Balances(w.tx, sku)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		if r.Place == place && r.Lot == lot {
			return r.Qty, r.Reserved
		}
	}
	return 0, 0
}

func (w *world) wantQty(place, sku, lot string, qty, reserved int64) {
	w.t.Helper()
	if q, r := w.qty(place, sku, lot); q != qty || r != reserved {
		w.t.Fatalf("%s %s in %s: %d with %d reserved, want %d with %d", sku, lot, place, q, r, qty, reserved)
	}
}

func (w *world) openFallouts() []string {
	w.t.Helper()
	fs, err := Fallouts(w.tx, true)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, f := range fs {
		out = append(out, fmt.Sprintf("%s %s/%d", f.Code, f.Order, f.Line))
	}
	return out
}

func (w *world) wantFallouts(want ...string) {
	w.t.Helper()
	if got := w.openFallouts(); !slices.Equal(got, want) {
		w.t.Fatalf("open fallouts %v, want %v", got, want)
	}
}

// The site of the tests: 2 aisles of 5 cells, three plain items, one with lots.
func testSite() Site {
	return Site{
		ID: "W1", CompanyPrefix: "9521234", SSCCExtension: 3, TotePrefix: "T-",
		CartonTareMg: 100_000, ToleranceMg: 5_000, TolerancePermil: 10, LeaseMs: 60_000, CartSlots: 3,
		Layout: Layout{Aisles: 2, Cells: 5, CellMm: 1000, EndMm: 1000, PitchMm: 3000},
		Carriers: []Carrier{
			{Code: "FAST", Method: "express", Prefix: "FX", Digits: 6, First: 1, Last: 2},
			{Code: "POST", Prefix: "PO", Digits: 8, First: 100, Last: 99_999_999},
		},
		PackDrop: "DROP",
	}
}

// gtin makes a 14-digit GTIN of a number.
func gtin(n int) string {
	body := fmt.Sprintf("0952123%06d", n)
	d, err := gs1.CheckDigit(body)
	if err != nil {
		panic(err)
	}
	return body + string(rune(d))
}

func testItems() []Item {
	return []Item{
		{SKU: "CUP", Name: "Cup", GTIN: gtin(1), WeightMg: 200_000, Barcodes: []string{"CUP-OLD"}},
		{SKU: "PEN", Name: "Pen", GTIN: gtin(2), WeightMg: 10_000},
		{SKU: "BAG", Name: "Bag", WeightMg: 50_000},
		{SKU: "MILK", Name: "Milk", GTIN: gtin(3), WeightMg: 1_000_000, LotTracked: true},
	}
}

func testBins() []Bin {
	var bins []Bin
	for a := range 2 {
		for c := range 5 {
			bins = append(bins, Bin{Code: fmt.Sprintf("%c-%02d", 'A'+a, c+1), Aisle: a, Cell: c})
		}
	}
	return bins
}

func testWorkers() []Worker {
	return []Worker{{ID: "w1", Name: "Ada", Badge: "B1"}, {ID: "w2", Name: "Ben", Badge: "B2"}, {ID: "w3", Name: "Cy", Badge: "B3"}}
}

func testStock() []StockRow {
	return []StockRow{
		{Bin: "A-01", SKU: "CUP", Qty: 10},
		{Bin: "A-02", SKU: "CUP", Qty: 10},
		{Bin: "A-02", SKU: "PEN", Qty: 100},
		{Bin: "B-01", SKU: "BAG", Qty: 5},
		{Bin: "B-02", SKU: "MILK", Lot: "L2", Expiry: "2026-03-01", Qty: 4},
		{Bin: "B-03", SKU: "MILK", Lot: "L1", Expiry: "2026-02-01", Qty: 4},
	}
}

// bare is a world with all master data, but no stock.
func bare(t fataler) *world {
	w := newWorld(t)
	if afterClosed != nil {
		w.tx.Rollback(afterClosed.state)
		w.m.Index, w.m.Now = afterClosed.meta.Index, afterClosed.meta.Now
	}
	w.ok(PutSite{Site: testSite()})
	w.ok(PutItems{Items: testItems()})
	w.ok(PutBins{Bins: testBins()})
	w.ok(PutWorkers{Workers: testWorkers()})
	return w
}

func stocked(t fataler) *world {
	w := bare(t)
	w.ok(OpenStock{Rows: testStock()})
	return w
}

// spec makes an order of "SKU*qty" words.
func spec(id string, lines ...string) OrderSpec {
	s := OrderSpec{
		ID: id, Revision: 1, Method: "standard",
		ShipTo: Address{Name: "Eve", Street: "Main St 1", Postcode: "12345", City: "Town", Country: "DE"},
	}
	for i, l := range lines {
		sku, n, _ := strings.Cut(l, "*")
		q := int64(1)
		if n != "" {
			fmt.Sscan(n, &q)
		}
		s.Lines = append(s.Lines, OrderLine{Line: i + 1, SKU: sku, Qty: q})
	}
	return s
}

func release(id string, lines ...string) ReleaseOrder {
	return ReleaseOrder{Order: spec(id, lines...), Source: "oms/main"}
}

// openTasks lists the open tasks of an order in line order.
func (w *world) openTasks(id string) []string {
	w.t.Helper()
	var out []string
	for _, l := range w.order(id).Lines {
		for _, task := range l.Tasks {
			t, err := GetTask(w.tx, task)
			if err != nil || t == nil {
				w.t.Fatalf("task %s: %v", task, err)
			}
			if t.State == TaskOpen {
				out = append(out, task)
			}
		}
	}
	return out
}

// assign signs the worker in on device h<worker> and gives it a batch.
func (w *world) assign(batch, worker string, orders ...string) *Step {
	w.t.Helper()
	dev := "h" + worker
	wk, err := GetWorker(w.tx, worker)
	if err != nil || wk == nil {
		w.t.Fatalf("worker %s: %v", worker, err)
	}
	w.ok(SignIn{Device: dev, Badge: wk.Badge})
	w.ok(AskWork{Device: dev})
	cmd := AssignBatch{Batch: batch, Worker: worker, RouteMm: 1000}
	for i, o := range orders {
		cmd.Slots = append(cmd.Slots, BatchSlot{Slot: i + 1, Order: o})
		cmd.Walk = append(cmd.Walk, w.openTasks(o)...)
	}
	w.ok(cmd)
	return w.step(dev)
}

func (w *world) step(device string) *Step {
	w.t.Helper()
	s, err := NextStep(w.tx, device)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// itemCode is what a picker scans for a step: an element string when there is a
// lot, the SKU otherwise.
func itemCode(s *Step) string {
	if s.Serial != "" {
		return "]C101" + s.GTIN + "21" + s.Serial
	}
	if s.Lot != "" {
		return "]C101" + s.GTIN + "10" + s.Lot
	}
	if s.GTIN != "" {
		return s.GTIN
	}
	return s.SKU
}

// act does what the step of the device asks for, once.
func (w *world) act(device string) Result {
	w.t.Helper()
	s := w.step(device)
	switch s.Do {
	case StepScanBin:
		return w.ok(Scan{Device: device, Verb: "bin", Barcode: s.Bin, Task: s.Task})
	case StepScanItem:
		return w.ok(Scan{Device: device, Verb: "item", Barcode: itemCode(s), Qty: s.Qty, Task: s.Task})
	case StepScanSlot:
		tote := s.Tote
		if tote == "" {
			tote = fmt.Sprintf("T-%s-%d", s.Batch, s.Slot)
		}
		return w.ok(Scan{Device: device, Verb: "slot", Barcode: tote, Task: s.Task})
	case StepFinish:
		return w.ok(FinishBatch{Device: device, Barcode: "DROP"})
	}
	w.t.Fatalf("nothing to act on: %+v", s)
	return Result{}
}

// walkTo acts until the device shows do.
func (w *world) walkTo(device, do string) *Step {
	w.t.Helper()
	for range 200 {
		if s := w.step(device); s.Do == do {
			return s
		}
		w.act(device)
	}
	w.t.Fatalf("%s never got to %s", device, do)
	return nil
}

// pick takes orders from the pool to the pack drop.
func (w *world) pick(batch, worker string, orders ...string) {
	w.t.Helper()
	w.assign(batch, worker, orders...)
	w.walkTo("h"+worker, StepAsk)
}

// weigh packs the order standing at a station with its exact weight and returns
// the SSCC.
func (w *world) weigh(station string) string {
	w.t.Helper()
	st, err := GetStation(w.tx, station)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.ok(Pack{Station: station, Order: st.Order, WeightMg: st.ExpectedMg}).Ref
}

// label packs, prints and returns the SSCC.
func (w *world) label(station, order string) string {
	w.t.Helper()
	w.ok(StartPack{Station: station, Barcode: w.order(order).Tote})
	sscc := w.weigh(station)
	w.ok(LabelSent{Job: sscc})
	w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
	return sscc
}

// seen unwraps a view, whose errors always end the test.
func seen[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// label1 packs and prints what stands on the scale of a station.
func (w *world) label1(station string) string {
	w.t.Helper()
	sscc := w.weigh(station)
	w.ok(LabelSent{Job: sscc})
	w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
	return sscc
}
