package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/gs1"
	"tote/warehouse"
	"tote/warehouse/memtx"
	"tote/web"
)

// site is the real state machine over a state in memory, with just enough of a
// gateway around it to serve the pages: a decoder for the messages of a
// handheld and a dispatcher that hands out what is in the pool.
type site struct {
	t testing.TB

	mu       sync.Mutex
	tx       *memtx.Tx
	index    uint64
	now      time.Time
	step     time.Duration // time between two commands
	seqs     map[string]uint64
	answers  map[string][]byte // device/seq → result given
	dispatch bool
	batches  int
	down     error // what Command and Do fail with
	listen   map[chan struct{}]bool
	commands []string // every message of a handheld, also repeats
}

var epoch = time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)

func newSite(t testing.TB, now time.Time) *site {
	return &site{
		t: t, tx: memtx.New(), now: now, step: time.Second,
		seqs: map[string]uint64{}, answers: map[string][]byte{}, listen: map[chan struct{}]bool{},
	}
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) view(fn func(r warehouse.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(s.tx)
}

// apply runs one command as a gateway does; the lock is held.
func (s *site) apply(actor string, c warehouse.Command) (warehouse.Result, error) {
	s.index++
	s.now = s.now.Add(s.step)
	before := s.tx.Snapshot()
	m := warehouse.Meta{Index: s.index, Now: s.now.UnixMilli(), Cause: fmt.Sprintf("test/%d", s.index), Actor: actor, Level: warehouse.Level}
	res, err := warehouse.Apply(s.tx, m, c)
	if err != nil {
		return res, err
	}
	if !res.OK && !res.Keep {
		s.tx.Rollback(before)
	}
	for c := range s.listen {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	return res, nil
}

func (s *site) do(_ context.Context, actor string, c warehouse.Command) (warehouse.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return warehouse.Result{}, s.down
	}
	return s.apply(actor, c)
}

// must runs commands that have to succeed.
func (s *site) must(cs ...warehouse.Command) (last warehouse.Result) {
	s.t.Helper()
	for _, c := range cs {
		res, err := s.do(s.t.Context(), "test", c)
		if err != nil || !res.OK {
			s.t.Fatalf("%#v: %v %s %s", c, err, res.Code, res.Text)
		}
		last = res
	}
	return last
}

func (s *site) changes() (<-chan struct{}, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan struct{}, 1)
	s.listen[c] = true
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listen, c)
	}
}

func (s *site) lastSeq(device string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seqs[device], nil
}

// signIn says of a PIN what a gateway says, which compares it with a real hash.
func (s *site) signIn(device, badge, pin string) warehouse.SignIn {
	in := warehouse.SignIn{Device: device, Badge: badge}
	w, err := warehouse.WorkerOfBadge(s.tx, badge)
	if err != nil || w == nil || pin == "" {
		return in
	}
	p, err := warehouse.GetPin(s.tx, w.ID)
	switch hash := "$argon2id$test$" + pin; {
	case err != nil:
		s.t.Error(err)
	case p == nil:
		in.Pin, in.Hash = warehouse.PinNew, hash
	case p.Hash == hash:
		in.Pin, in.Rev = warehouse.PinRight, p.Rev
	default:
		in.Pin, in.Rev = warehouse.PinWrong, p.Rev
	}
	return in
}

// command decodes one message of a handheld, without the checks of the real
// decoder, and answers it; a repeat gets the first answer.
func (s *site) command(_ context.Context, device string, payload []byte) ([]byte, error) {
	var m struct {
		CmdID, Verb, Barcode, Expect, Task, Reason, Kind, Second, Pin string
		Seq                                                           uint64
		Qty                                                           int64
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return json.Marshal(map[string]any{"ok": false, "code": warehouse.CodeMalformed})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, string(payload))
	if s.down != nil {
		return nil, s.down
	}
	key := fmt.Sprintf("%s/%d", device, m.Seq)
	if a, ok := s.answers[key]; ok {
		return a, nil
	}
	var c warehouse.Command
	switch m.Verb {
	case "sign_in":
		c = s.signIn(device, m.Barcode, m.Pin)
	case "sign_out":
		c = warehouse.SignOut{Device: device}
	case "ask":
		c = warehouse.AskWork{Device: device}
	case "scan":
		c = warehouse.Scan{Device: device, Verb: m.Expect, Barcode: m.Barcode, Qty: m.Qty, Task: m.Task}
	case "short":
		c = warehouse.ShortPick{Device: device, Task: m.Task, Reason: m.Reason}
	case "finish":
		c = warehouse.FinishBatch{Device: device, Barcode: m.Barcode}
	case "claim":
		c = warehouse.ClaimFloor{Device: device, Task: m.Task, Of: m.Kind}
	case "skip":
		c = warehouse.SkipFloor{Device: device, Task: m.Task, Reason: m.Reason}
	case "change_lot":
		c = warehouse.ChangeLot{Device: device, Barcode: m.Barcode, Task: m.Task, Second: m.Second}
	case "hand_over":
		c = warehouse.HandOver{Device: device, Badge: m.Barcode, Task: m.Task}
	case "empty", "left":
		c = warehouse.ZeroCheck{Device: device, Empty: m.Verb == "empty"}
	default:
		return nil, fmt.Errorf("verb %q", m.Verb)
	}
	res, err := s.apply("handheld/"+device, c)
	if err != nil {
		return nil, err
	}
	next := res.Next
	if next == nil {
		if next, err = warehouse.NextStep(s.tx, device); err != nil {
			return nil, err
		}
	}
	if s.dispatch {
		if err := s.plan(); err != nil {
			return nil, err
		}
	}
	a, err := json.Marshal(struct {
		CmdID string          `json:"cmdId"`
		Seq   uint64          `json:"seq"`
		OK    bool            `json:"ok"`
		Code  string          `json:"code"`
		Text  string          `json:"text,omitempty"`
		Next  *warehouse.Step `json:"next,omitempty"`
	}{m.CmdID, m.Seq, res.OK, res.Code, res.Text, next})
	s.answers[key], s.seqs[device] = a, max(s.seqs[device], m.Seq)
	return a, err
}

// plan gives each waiting worker one order; the lock is held.
func (s *site) plan() error {
	waiting, err := warehouse.WaitingWorkers(s.tx)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		pool, err := warehouse.Pool(s.tx, 1)
		if err != nil || len(pool) == 0 {
			return err
		}
		if _, err := s.assignTo(w.Worker, pool[0].Spec.ID); err != nil {
			return err
		}
	}
	return nil
}

// assignTo makes a batch of orders for a waiting worker; the lock is held.
func (s *site) assignTo(worker string, orders ...string) (warehouse.Result, error) {
	s.batches++
	c := warehouse.AssignBatch{Batch: fmt.Sprintf("B%d", s.batches), Worker: worker, RouteMm: 42_000}
	for i, id := range orders {
		o, err := warehouse.GetOrder(s.tx, id)
		if err != nil || o == nil {
			return warehouse.Result{}, fmt.Errorf("order %s: %w", id, err)
		}
		c.Slots = append(c.Slots, warehouse.BatchSlot{Slot: i + 1, Order: id})
		for _, l := range o.Lines {
			for _, id := range l.Tasks {
				t, err := warehouse.GetTask(s.tx, id)
				if err != nil {
					return warehouse.Result{}, err
				}
				if t.State == warehouse.TaskOpen {
					c.Walk = append(c.Walk, id)
				}
			}
		}
	}
	return s.apply("gateway/gw1", c)
}

// assign signs a worker in on a handheld and gives out orders.
func (s *site) assign(device, badge, worker string, orders ...string) {
	s.t.Helper()
	s.must(warehouse.SignIn{Device: device, Badge: badge}, warehouse.AskWork{Device: device})
	s.mu.Lock()
	defer s.mu.Unlock()
	if res, err := s.assignTo(worker, orders...); err != nil || !res.OK {
		s.t.Fatalf("assign %v: %v %s %s", orders, err, res.Code, res.Text)
	}
}

func (s *site) next(device string) (step *warehouse.Step) {
	s.t.Helper()
	err := s.view(func(r warehouse.Reader) (err error) {
		step, err = warehouse.NextStep(r, device)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return step
}

// code is what a picker scans for the item of a step.
func code(st *warehouse.Step) string {
	switch {
	case st.Lot != "":
		return "]C101" + st.GTIN + "10" + st.Lot
	case st.GTIN != "":
		return st.GTIN
	}
	return st.SKU
}

// walk does what the handheld says until it says so many steps were done, or
// there is no work left.
func (s *site) walk(device string, steps int) {
	s.t.Helper()
	for range steps {
		st := s.next(device)
		switch st.Do {
		case warehouse.StepScanBin:
			s.must(warehouse.Scan{Device: device, Verb: "bin", Barcode: st.Bin, Task: st.Task})
		case warehouse.StepScanItem:
			s.must(warehouse.Scan{Device: device, Verb: "item", Barcode: code(st), Qty: st.Qty, Task: st.Task})
		case warehouse.StepScanSlot:
			tote := st.Tote
			if tote == "" {
				tote = fmt.Sprintf("T0%s-%d", strings.TrimPrefix(st.Batch, "B"), st.Slot)
			}
			s.must(warehouse.Scan{Device: device, Verb: "slot", Barcode: tote, Task: st.Task})
		case warehouse.StepFinish:
			s.must(warehouse.FinishBatch{Device: device, Barcode: "PACKDROP"})
		default:
			return
		}
	}
}

func (s *site) order(id string) (o *warehouse.Order) {
	s.t.Helper()
	err := s.view(func(r warehouse.Reader) (err error) {
		o, err = warehouse.GetOrder(r, id)
		return err
	})
	if err != nil || o == nil {
		s.t.Fatalf("order %s: %v", id, err)
	}
	return o
}

// pack brings an order from its tote to the wanted state and returns the SSCC.
func (s *site) pack(station, id string, until warehouse.OrderState) string {
	s.t.Helper()
	res := s.must(warehouse.StartPack{Station: station, Barcode: s.order(id).Tote})
	if until == warehouse.OrderPacking {
		return ""
	}
	sscc := s.must(warehouse.Pack{Station: station, Order: id, WeightMg: res.Next.ExpectedMg}).Ref
	if until == warehouse.OrderPacked {
		return sscc
	}
	s.must(warehouse.LabelSent{Job: sscc}, warehouse.LabelOutcome{Job: sscc, Outcome: warehouse.JobPrinted})
	if until == warehouse.OrderLabelled {
		return sscc
	}
	s.must(warehouse.Load{Dock: "dock1", Barcode: sscc})
	return sscc
}

// config serves the site.
func (s *site) config() web.Config {
	return web.Config{
		Site: "demo", Version: "test", View: s.view, Command: s.command, LastSeq: s.lastSeq, Do: s.do,
		Changes: s.changes, Now: s.clock, Log: slog.New(slog.DiscardHandler),
	}
}

func gtin(t testing.TB, n int) string {
	body := fmt.Sprintf("0952123%06d", n)
	d, err := gs1.CheckDigit(body)
	if err != nil {
		t.Fatal(err)
	}
	return body + string(rune(d))
}

func release(id string, prio int, lines ...string) warehouse.ReleaseOrder {
	spec := warehouse.OrderSpec{
		ID: id, Revision: 1, Priority: prio, Method: "standard", Channel: "shop",
		ShipTo: warehouse.Address{Name: "Eva Muster", Street: "Hauptstraße 1", Postcode: "10115", City: "Berlin", Country: "DE"},
	}
	for i, l := range lines {
		sku, n, _ := strings.Cut(l, "*")
		qty := int64(1)
		if n != "" {
			if _, err := fmt.Sscan(n, &qty); err != nil {
				panic(err)
			}
		}
		spec.Lines = append(spec.Lines, warehouse.OrderLine{Line: i + 1, SKU: sku, Qty: qty})
	}
	return warehouse.ReleaseOrder{Order: spec, Source: "oms/main"}
}

// small is two aisles with four items.
func small(t testing.TB) *site {
	s := newSite(t, epoch)
	s.must(
		warehouse.PutSite{Site: rules(2, 5, 2)},
		warehouse.PutItems{Items: []warehouse.Item{
			{SKU: "CUP", Name: "Cup, blue", GTIN: gtin(t, 1), WeightMg: 200_000},
			{SKU: "PEN", Name: "Pen <b>&amp;", GTIN: gtin(t, 2), WeightMg: 10_000},
			{SKU: "MILK", Name: "Milk", GTIN: gtin(t, 3), WeightMg: 1_000_000, LotTracked: true},
		}},
		warehouse.PutBins{Bins: rack(2, 5)},
		warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W1", Name: "Mira", Badge: "BADGE-1"}, {ID: "W2", Name: "Ben \"B\"", Badge: "BADGE-2"}}},
		warehouse.OpenStock{Rows: []warehouse.StockRow{
			{Bin: "A-01-L", SKU: "CUP", Qty: 10},
			{Bin: "A-02-R", SKU: "CUP", Qty: 40},
			{Bin: "B-01-L", SKU: "PEN", Qty: 100},
			{Bin: "B-03-R", SKU: "MILK", Lot: "L1", Expiry: "2026-08-01", Qty: 4},
		}},
	)
	return s
}

func rules(aisles, cells, depot int) warehouse.Site {
	return warehouse.Site{
		ID: "demo", CompanyPrefix: "9521234", SSCCExtension: 3, TotePrefix: "T0",
		CartonTareMg: 350_000, ToleranceMg: 20_000, TolerancePermil: 5, LeaseMs: 600_000, CartSlots: 6,
		Layout:   warehouse.Layout{Aisles: aisles, Cells: cells, CellMm: 1200, EndMm: 1500, PitchMm: 4500, DepotAisle: depot - 1},
		Carriers: []warehouse.Carrier{{Code: "PARCEL", Prefix: "PA", Digits: 8, First: 40_000_001, Last: 49_999_999}},
		PackDrop: "PACKDROP",
	}
}

func rack(aisles, cells int) (bins []warehouse.Bin) {
	for a := range aisles {
		for c := range cells {
			for _, side := range []string{"L", "R"} {
				bins = append(bins, warehouse.Bin{Code: fmt.Sprintf("%c-%02d-%s", 'A'+a, c+1, side), Aisle: a, Cell: c, Side: side})
			}
		}
	}
	return bins
}
