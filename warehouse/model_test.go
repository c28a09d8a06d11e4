package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tote/gs1"
	. "tote/warehouse"
)

// The property test: random commands, sensible ones more often than others,
// against a small site. After each one every invariant must hold, and a model
// that knows nothing of keys and indexes must agree.

// model is what the test itself keeps.
type model struct {
	*world
	rt       *rapid.T
	checked  int              // writes of the state whose invariants were looked through last
	opened   map[string]int64 // SKU → booked in
	adjusted map[string]int64 // SKU → found, less lost
	states   map[string]OrderState
	seen     map[string]int // commands by name and code
	batches  int
	tags     map[string][]string // SSCC → its tags
	proven   map[string]bool     // SSCCs of complete passes
	portal   bool                // at dock d1
	back     map[string]int64    // SKU → came back from customers
	adjusts  bool                // only AdjustStock adjusts
	holds    bool                // orders may come held
	archives bool                // and leave for the archive
	left     map[string]*Order   // what shipped, as it was last
	parts    bool                // orders become several parcels
	odd      *odd                // two OMSs and profiles
}

var (
	orderIDs = []string{"O1", "O2", "O3", "O4", "O5", "O6", "O7", "O8"}
	skus     = []string{"CUP", "PEN", "BAG", "MILK"}
	devices  = []string{"hw1", "hw2", "hr1", "hr2", "h3"}
	badges   = []string{"B1", "B2", "RB1", "RB2", "B3", "B9"} // of the devices, and of nobody
	carriers = []string{"C1", "C2"}
	lanes    = []string{"L1", "L2", "REST", "L9"}
	benches  = []string{"pack1", "pack2"}
	docks    = []string{"d1", "d2"}
)

// next lists which state may follow which within one command, written down a
// second time on purpose.
var next = map[OrderState][]OrderState{
	"":                {OrderReleased, OrderShortWaiting, OrderValidated},
	OrderValidated:    {OrderReleased, OrderShortWaiting, OrderCancelled},
	OrderShortWaiting: {OrderReleased, OrderCancelled, OrderValidated},
	OrderReleased:     {OrderPicking, OrderCancelled, OrderShortWaiting, OrderValidated},
	OrderPicking:      {OrderPicked, OrderReleased, OrderShortWaiting, OrderCancelled},
	OrderPicked:       {OrderPacking, OrderPicking, OrderCancelled, OrderReleased, OrderShortWaiting, OrderPacked, OrderLabelled},
	OrderPacking:      {OrderPacked, OrderPicked, OrderCancelled},
	OrderPacked:       {OrderLabelled, OrderPicked, OrderCancelled, OrderPicking, OrderReleased, OrderShortWaiting, OrderStaged, OrderShipped},
	OrderLabelled:     {OrderStaged, OrderPicked, OrderPicking, OrderReleased, OrderShortWaiting, OrderShipped},
	OrderStaged:       {OrderShipped, OrderLabelled},
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
	if m.odd != nil {
		note := m.odd.notePicker(m, c)
		defer note()
	}
	booked := m.bookedBins(c)
	res := m.apply(c)
	m.seen[CommandName(c.Kind())+" "+res.Code]++
	if res.Code == CodeNegativeStock {
		m.t.Fatalf("%#v: a plan did not fit the stock: %s", c, res.Text)
	}
	if s, ok := c.(OpenStock); ok && res.OK {
		for _, r := range s.Rows {
			m.opened[r.SKU] += r.Qty
		}
	}
	if s, ok := c.(BookOpening); ok && res.OK {
		m.noteOpening(s, booked)
	}
	m.noteAdjust(c, res)
	if r, ok := c.(ReceiveReturn); ok && res.OK {
		m.back[r.Barcode] += r.Qty
	}
	m.agree(c)
	if m.odd != nil {
		m.odd.judge(m, c, res)
	}
	return res
}

// agree compares the state with the model.
func (m *model) agree(c Command) {
	if n := m.tx.Writes(); n != m.checked { // else it is the state that was looked through before
		m.invariants()
		m.checked = n
	}
	all := seen(Orders(m.tx, "", 0))
	shipped := make(map[string]int64)
	for id, was := range m.left {
		if seen(GetOrder(m.tx, id)) != nil {
			continue
		}
		// It left for the archive: it stays what it was, and never ships again.
		if a := seen(GetArchived(m.tx, id)); a == nil || a.State != was.State || a.Revision != was.Spec.Revision || a.ClosedAt != was.Since {
			m.t.Fatalf("%#v: order %s, %s at %d, is gone: %+v", c, id, was.State, was.Since, a)
		}
		m.seen["archived"]++
		for _, l := range was.Lines {
			shipped[l.SKU] += l.Picked
		}
	}
	for i := range all {
		o := &all[i]
		if o.State == OrderShipped {
			m.left[o.Spec.ID] = o
		}

		was, now := m.states[o.Spec.ID], o.State
		if was != now && !slices.Contains(next[was], now) {
			m.t.Fatalf("%#v took order %s from %q to %s", c, o.Spec.ID, was, now)
		}
		m.states[o.Spec.ID] = now
		for _, p := range o.Parcels {
			if p.Verified && !m.proven[p.SSCC] {
				m.t.Fatalf("%#v: parcel %+v never passed with all its tags", c, p)
			}
			if m.portal && (now == OrderShipped || p.DepartedAt != 0) && p.Dock == "d1" && !p.Verified && p.CheckedBy == "" {
				m.t.Fatalf("%#v: parcel %+v left through the portal", c, p)
			}
		}
		for _, p := range o.Parcels {
			if now != OrderShipped && p.DepartedAt != 0 {
				for _, l := range o.InParcel(p.SSCC) {
					shipped[l.SKU] += l.Qty
				}
			}
		}
		for _, l := range o.Lines {
			if now == OrderShipped {
				shipped[l.SKU] += l.Picked
			}
		}
	}
	for _, it := range seen(Items(m.tx)) {
		sku := it.SKU
		var opened, adjusted, reclass, real, customer, came int64
		for _, b := range seen(Balances(m.tx, sku)) {
			switch b.Place {
			case PlaceOpening:
				opened -= b.Qty
			case PlaceReclass:
				reclass += b.Qty
			case PlaceAdjustment, PlaceScrap:
				adjusted -= b.Qty
				came -= b.Qty
			case PlaceSupplier, PlaceVendor:
				came -= b.Qty
			case PlaceCustomer:
				customer += b.Qty
			default:
				real += b.Qty
			}
		}
		if opened != m.opened[sku] || m.adjusts && adjusted != m.adjusted[sku] || reclass != 0 {
			m.t.Fatalf("%s: opened %d and adjusted %d, the book says %d, %d and %d between", sku, m.opened[sku], m.adjusted[sku], opened, adjusted, reclass)
		}
		if customer != shipped[sku]-m.back[sku] || real+customer != opened+came {
			m.t.Fatalf("%s: %d here and %d gone of %d opened, orders say %d gone", sku, real, customer, opened, shipped[sku])
		}
	}
}

// spine and floorWork are the things a random run chooses from, the likely ones
// several times.
var (
	spine = func() (whats []int) {
		for i := range 32 {
			whats = append(whats, i)
		}
		return append(whats, 22, 22, 26, 26, 29, 29, 30, 30)
	}()
	askWork = []int{
		0, 1, 8, 11, 11, 12, 15, 15, 16, 16, 17, 21, 22, 22, 23, 26, 26, 27, 29, 29, 30, 31, 32, 33, 34, 6,
		54, 54, 55, 56, 57, 58, 58, 59, 60, 61, 62, 64, 65,
	}
	floorWork = []int{0, 1, 2, 3, 5, 6, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 37, 37, 38, 39, 40, 41, 42, 64, 65}
	taskWork  = []int{0, 1, 5, 6, 8, 9, 10, 11, 15, 15, 21, 31, 31, 47, 47, 47, 47, 45, 45, 45, 45, 45, 45, 46, 46, 46, 46, 46, 46, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 64, 65, 64, 65, 64, 65, 11, 15, 15}
)

// random does one random thing: what is 0 to 31 for the spine, up to 43 for the
// floor, 44 for floor tasks,
// 45 for deliveries, 46 for counts, 47 for returns, 48 for shipping.
func (m *model) random(what int) {
	m.m.Now += int64(m.num(0, 3, "ms"))
	switch what {
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
		dev := pickOne(m, devices[:4], "device")
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
	case 32, 33, 34:
		m.carry()
	case 35, 36, 37, 38:
		m.pass()
	case 39, 40, 41, 42, 43:
		m.sort()
	case 54, 55, 56:
		m.amend()
	case 57:
		m.run(CancelOrder{Order: pickOne(m, orderIDs, "order"), Source: "oms/main"})
	case 58, 59:
		m.putBack()
	case 60, 61:
		m.hold()
	case 62:
		for _, o := range seen(Orders(m.tx, "", 0)) {
			for _, l := range o.Lines {
				if l.State == LineProduction && m.odds(2, "made") {
					m.run(ProductionDone{Order: o.Spec.ID, Line: l.Line})
				}
			}
		}
	case 64, 65:
		m.leads()
	case 66, 67:
		m.mislay()
	case 44:
		m.tasks()
	case 45:
		m.receipts()
	case 46:
		m.counts()
	case 47:
		m.returns()
	case 48:
		m.shipping()
	case 31:
		if m.odds(3, "long") {
			m.m.Now += 70_000
		}
		if m.archives && m.odds(3, "days") {
			m.m.Now += int64(m.num(1, 2, "how many")) * day
		}
		m.run(AdvanceTime{})
		if m.odds(4, "drain") {
			evs := m.events()
			if len(evs) > 0 {
				m.drain(evs[len(evs)/2].Seq)
			}
		}
	case actOMS, actReading, actSecond:
		m.oddAct(what)
	default:
		m.stockAct(what)
	}
}

// tasks asks for a floor task, or does something with one.
func (m *model) tasks() {
	dev := pickOne(m, devices[:2], "device")
	open := seen(FloorTasks(m.tx, 0))
	if len(open) < 2 {
		ask := AskMove{SKU: pickOne(m, skus[:3], "sku"), Qty: int64(m.num(1, 3, "qty")), From: pickOne(m, []string{"A-01", "A-02", "B-01", "B-02"}, "from")}
		if m.odds(2, "to") {
			ask.To = pickOne(m, []string{"A-01", "A-02", "B-01"}, "to")
		}
		m.run(ask)
		return
	}
	t := pickOne(m, open, "task")
	if t.Worker == "w2" {
		dev = "hw2"
	}
	id := t.ID
	switch m.num(0, 7, "do") {
	case 0:
		m.run(MoveFloor{Task: id, Worker: pickOne(m, []string{"", "w1", "w2"}, "worker"), Reason: "lead"})
	case 1:
		m.run(EndFloor{Task: id, Reason: "lead"})
	case 2:
		m.run(SkipFloor{Device: dev, Task: id})
	default:
		m.run(ClaimFloor{Device: dev})
		for range m.num(1, 6, "acts") {
			m.good(dev)
		}
	}
}

// counts asks for counts, answers questions and decides.
func (m *model) counts() {
	bin := pickOne(m, []string{"A-01", "A-02", "B-01", "B-02"}, "bin")
	open := seen(Counts(m.tx))
	switch do := m.num(0, 9, "do"); {
	case do == 0 || len(open) == 0:
		m.run(RequestCount{Bin: bin, Reason: "cycle"})
	case do == 1:
		max := int64(m.num(1, 12, "max"))
		m.run(PutPickFaces{Faces: []PickFace{{Bin: bin, SKU: pickOne(m, skus[:3], "sku"), Min: max / 2, Max: max}}})
	case do == 2:
		m.run(ZeroCheck{Device: pickOne(m, devices[:2], "device"), Empty: m.odds(2, "empty")})
	case do == 3:
		m.run(CountZone{Bins: []string{bin}, EPCs: []string{m.tag(gtin(1), "9521234", 1)}})
	default:
		for _, ct := range open {
			if ct.State == CountReview {
				m.m.Actor = "lead"
				m.run(DecideCount{Count: ct.ID, Accept: m.odds(2, "accept"), Reason: "MISCOUNTED"})
				m.m.Actor = "test"
			}
		}
		for _, dev := range devices[:2] {
			m.run(ClaimFloor{Device: dev, Of: FloorCount})
			for range m.num(1, 5, "acts") {
				m.good(dev)
			}
		}
	}
}

// returns brings goods back and decides about them.
func (m *model) returns() {
	id := pickOne(m, []string{"RMA1", "RMA2"}, "return")
	sku := pickOne(m, skus[:3], "sku")
	switch m.num(0, 5, "do") {
	case 0:
		m.run(AnnounceReturn{Return: id, Lines: []ReturnLine{{SKU: sku, Expected: int64(m.num(1, 3, "qty")), Reason: "OTHER"}}, Source: "oms/main"})
	case 1, 2:
		m.run(ReceiveReturn{Return: id, Barcode: sku, Qty: int64(m.num(1, 3, "qty")), Reason: "DAMAGED", Confirm: m.odds(2, "confirm")})
	case 3, 4:
		rt, err := GetReturn(m.tx, id)
		if err == nil && rt != nil && len(rt.Lines) > 0 {
			sku = pickOne(m, rt.Lines, "line").SKU
		}
		how := pickOne(m, []string{DispRestock, DispQC, DispQuarantine, DispScrap, DispVendor}, "how")
		m.run(InspectReturn{Return: id, SKU: sku, Qty: int64(m.num(1, 2, "qty")), Disposition: how})
	default:
		m.run(CloseReturn{Return: id})
	}
}

// receipts does something with one of two deliveries.
func (m *model) receipts() {
	id := pickOne(m, []string{"R1", "R2"}, "receipt")
	sku := pickOne(m, skus[:3], "sku")
	switch m.num(0, 9, "do") {
	case 0:
		s := ReceiptSpec{ID: id, Supplier: "OLD", Revision: m.num(0, 2, "revision")}
		for i := range m.num(1, 2, "lines") {
			s.Lines = append(s.Lines, ReceiptLine{Line: i + 1, SKU: pickOne(m, skus[:3], "sku"), Qty: int64(m.num(1, 4, "qty")), LU: "395212340000000014"})
		}
		m.run(AnnounceReceipt{Receipt: s, Source: "oms/main"})
	case 1:
		m.run(OpenReceipt{Receipt: id, Supplier: "OLD"})
	case 2:
		m.run(ReceiveUnit{Receipt: id, LU: "395212340000000014"})
	case 3:
		m.run(SeeTags{Receipt: id, EPCs: []string{m.tag(gtin(m.num(1, 2, "item")), "0952123", m.num(0, 9, "serial"))}})
		m.run(BookTags{Receipt: id, Extra: m.odds(2, "extra")})
	case 4:
		m.run(CloseReceipt{Receipt: id, Confirm: m.odds(2, "confirm")})
	default:
		m.run(Receive{
			Receipt: id, Barcode: sku, Qty: int64(m.num(1, 4, "qty")),
			Damaged: m.odds(5, "damaged"), Check: m.odds(5, "check"), Confirm: m.odds(2, "confirm"),
		})
	}
}

// leads takes something back, or lets work change hands.
func (m *model) leads() {
	b, dev := "", devices[m.num(0, 1, "device")]
	for _, d := range devices[:2] {
		if s := m.step(d); s.Batch != "" {
			b, dev = s.Batch, d
		}
	}
	worker := pickOne(m, []string{"w1", "w2", "w3", "r1"}, "worker")
	if b != "" { // rare: most of the time nobody has a walk
		if m.odds(2, "skip") {
			m.run(SkipLine{Device: dev, Task: m.step(dev).Task, Reason: "blocked"})
		}
		if m.odds(4, "reassign") {
			m.run(ReassignBatch{Batch: b, Worker: worker, Reason: "ill"})
			return
		}
	}
	switch m.num(0, 8, "act") {
	case 7:
		m.run(SkipLine{Device: dev, Task: m.step(dev).Task, Reason: "blocked"})
		return
	case 8:
		m.run(ChangeLot{Device: dev, Barcode: "]C101" + gtin(3) + "10" + pickOne(m, []string{"L1", "L2"}, "lot")})
		m.run(Scan{Device: dev, Barcode: "CUP", Task: "O1/1/1"})
		return
	case 0:
		m.run(ReassignBatch{Batch: b, Worker: worker, Reason: "lead"})
		return
	case 1:
		m.run(ForceRelease{Batch: b, Reason: "lead"})
		return
	case 2:
		m.run(HandOver{Device: dev, Badge: pickOne(m, badges, "badge")})
		return
	}
	o, ok := m.here()
	if !ok {
		return
	}
	for _, p := range o.Parcels {
		m.run(Unload{Parcel: p.SSCC, Reason: "lead"})
	}
	un := Unpack{Order: o.Spec.ID, Tote: fmt.Sprintf("T-%d", m.num(1, 6, "tote")), Supervisor: !m.odds(3, "supervisor"), Reason: "lead"}
	if m.parts && len(o.Parcels) > 0 {
		un.Parcel = pickOne(m, o.Parcels, "parcel").SSCC
		if o.Tote != "" {
			un.Tote = o.Tote
		}
	}
	m.run(un)
	l := pickOne(m, m.order(o.Spec.ID).Lines, "line")
	if len(l.Lots) == 0 {
		return
	}
	lot := pickOne(m, l.Lots, "lot")
	m.run(Unpick{
		Order: o.Spec.ID, Line: l.Line, Bin: pickOne(m, []string{"A-01", "B-02"}, "bin"), Lot: lot.Lot, Serial: lot.Serial,
		Qty: int64(m.num(1, int(lot.Qty), "qty")), Reason: "lead",
	})
}

func (m *model) retry() {
	id := pickOne(m, orderIDs, "order")
	for _, f := range seen(Fallouts(m.tx, true)) {
		if m.odds(6, "acknowledge") {
			m.run(AckFallout{Fallout: f.ID})
		}
		if m.odds(2, "this one") {
			id = f.Order
			if id == "" {
				m.run(ClearFallout{Fallout: f.ID})
				return
			}
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
	if m.holds {
		s.Channel = pickOne(m, []string{"", "shop", "market"}, "channel")
	}
	for i := range s.Lines {
		if m.holds {
			s.Lines[i].Kind = pickOne(m, []string{"", "", "", LineKindMake, LineKindDropShip}, "kind")
		}
	}
	s.Partial = m.holds && m.odds(3, "partial")
	s.Substitute = m.odds(3, "substitute")
	if m.holds && m.odds(4, "held") {
		s.Holds = []string{HoldPayment}
	}
	switch m.num(0, 12, "flaw") {
	case 0:
		s.Lines[0].SKU = "NOPE"
	case 1:
		s.Lines[0].Qty = 0
	}
	m.run(ReleaseOrder{Order: s, Source: "oms/main"})
}

// standIns lets items stand for others.
func (m *model) standIns() {
	items := testItems()
	items[0].Substitutes, items[2].Substitutes = []string{"NOPE", "BAG", "MILK"}, []string{"CUP", "PEN"}
	m.ok(PutItems{Items: items})
	m.ok(PutBins{Bins: zoned()})
}

// here picks an order that is on record.
func (m *model) here() (*Order, bool) {
	all := seen(Orders(m.tx, "", 0))
	if len(all) == 0 {
		return nil, false
	}
	o := pickOne(m, all, "order on record")
	return &o, true
}

// amend asks for another revision of an order, or answers a quote.
func (m *model) amend() {
	o, ok := m.here()
	if !ok {
		return
	}
	if o.Request != nil && !m.odds(4, "ask anew") {
		yes := AcceptQuote{Order: o.Spec.ID, Revision: o.Request.Revision, Source: o.Source}
		if m.odds(4, "no") {
			m.run(DeclineQuote(yes))
		} else {
			m.run(yes)
		}
		if m.odds(2, "enough") {
			return
		}
	}
	s := o.Spec
	s.Revision += m.num(0, 2, "revision")
	if o.Request != nil {
		s.Revision = max(s.Revision, o.Request.Revision+m.num(0, 1, "later"))
	}
	s.Lines = slices.Clone(s.Lines)
	switch m.num(0, 4, "change") {
	case 0:
		s.ShipTo.Street = fmt.Sprintf("Street %d", m.num(1, 3, "street"))
	case 1:
		s.Lines = append(s.Lines, OrderLine{Line: m.num(1, 5, "line"), SKU: pickOne(m, skus, "sku"), Qty: int64(m.num(1, 3, "qty"))})
	case 2:
		if len(s.Lines) > 1 {
			s.Lines = slices.Delete(s.Lines, 0, 1)
		}
	default:
		i := m.num(0, len(s.Lines)-1, "which")
		s.Lines[i].Qty = max(1, s.Lines[i].Qty+int64(m.num(-3, 2, "more")))
	}
	m.run(ReleaseOrder{Order: s, Source: o.Source})
}

// hold holds an order or lets it go.
func (m *model) hold() {
	o, ok := m.here()
	if !ok {
		return
	}
	c := HoldOrder{
		Order: o.Spec.ID, Source: pickOne(m, []string{"oms/main", SourceSite, "oms/other"}, "party"),
		Code: pickOne(m, []string{HoldPayment, HoldExport}, "code"),
	}
	for i := range o.Holds {
		if m.odds(2, "let go") {
			m.run(ReleaseHold{Order: o.Spec.ID, Code: o.Holds[i], Source: o.HeldBy[i]})
		}
	}
	if m.odds(3, "let go of what may not be there") {
		m.run(ReleaseHold(c))
		return
	}
	m.run(c)
}

// putBack puts goods that are not wanted any more into a bin.
func (m *model) putBack() {
	for _, f := range seen(Fallouts(m.tx, true)) {
		if f.Code != FalloutPutBack {
			continue
		}
		for _, l := range m.order(f.Order).Lines {
			if l.PutBack == 0 {
				continue
			}
			lot := pickOne(m, l.Lots, "lot")
			m.run(PutBack{
				Order: f.Order, Line: l.Line, Bin: pickOne(m, []string{"A-01", "B-02", "Z-99"}, "bin"), Lot: lot.Lot,
				Qty: int64(m.num(1, int(l.PutBack)+1, "qty")),
			})
		}
	}
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
	i := m.num(0, len(devices)-1, "device")
	badge := badges[i]
	if m.odds(3, "other badge") {
		badge = pickOne(m, badges, "badge")
	}
	m.run(SignIn{Device: devices[i], Badge: badge})
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
	if m.odds(3, "one zone") {
		cmd.Zone = pickOne(m, []string{"A", "B"}, "zone")
	}
	for _, o := range pool {
		tasks := slices.DeleteFunc(m.openTasks(o.Spec.ID), func(id string) bool {
			return cmd.Zone != "" && seen(GetBin(m.tx, seen(GetTask(m.tx, id)).Bin)).Zone != cmd.Zone
		})
		if len(tasks) > 0 {
			cmd.Slots = append(cmd.Slots, BatchSlot{Slot: len(cmd.Slots) + 1, Order: o.Spec.ID})
			cmd.Walk = append(cmd.Walk, tasks...)
		}
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
	if s.Zero != "" && m.odds(2, "zero") {
		m.run(ZeroCheck{Device: dev, Empty: m.odds(2, "empty")})
		return
	}
	switch s.Do {
	case StepScanBin:
		if s.Worker[0] == 'r' && !m.odds(10, "by hand") {
			m.robot(dev, s)
			return
		}
		m.run(Scan{Device: dev, Verb: "bin", Barcode: s.Bin, Task: s.Task})
	case StepScanItem:
		take := m.num(1, int(s.Qty), "take")
		if m.odds(8, "too many") {
			take = int(s.Qty) + 1
		}
		m.run(Scan{Device: dev, Barcode: itemCode(s), Qty: int64(take)})
	case StepCount:
		if m.odds(2, "more") {
			m.run(Scan{Device: dev, Barcode: pickOne(m, skus[:3], "sku"), Qty: int64(m.num(1, 12, "qty"))})
			return
		}
		m.run(Scan{Device: dev, Barcode: s.Bin, Task: s.Task})
	case StepScanUnit:
		m.run(Scan{Device: dev, Verb: "slot", Barcode: s.Tote, Task: s.Task})
	case StepPutDown:
		bin := s.Bin
		if bin == "" || m.odds(4, "other bin") {
			bin = pickOne(m, []string{"A-01", "A-02", "B-01", "Z-99"}, "bin")
		}
		m.run(Scan{Device: dev, Barcode: bin, Task: s.Task})
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

// robot reports what became of the current task, mostly well.
func (m *model) robot(dev string, s *Step) {
	c := RobotPick{Worker: s.Worker, Task: s.Task, Qty: s.Qty, Tote: s.Tote, Outcome: PickPicked, Lot: s.Lot, Serial: s.Serial}
	if c.Tote == "" || m.odds(10, "other tote") {
		c.Tote = fmt.Sprintf("T-%d", m.num(1, 5, "tote"))
	}
	switch m.num(0, 7, "outcome") {
	case 0:
		c.Outcome, c.Qty, c.Code = PickShort, int64(m.num(0, int(s.Qty), "found")), FalloutStockout
	case 1, 2:
		c.Outcome, c.Qty, c.Code = PickFailed, 0, "GRIP"
	case 3:
		c.Qty += int64(m.num(-1, 1, "error"))
	}
	res := m.run(c)
	if res.OK && m.odds(5, "echo") {
		m.run(c)
	}
}

// carry moves a transport on, or tries what does not fit.
func (m *model) carry() {
	all := seen(Transports(m.tx, !m.odds(8, "closed too")))
	if len(all) == 0 {
		m.run(AssignTransport{Transport: "TR000001", Robot: "C1"})
		return
	}
	id := pickOne(m, all, "transport").ID
	for range m.num(1, 4, "steps") {
		t := seen(GetTransport(m.tx, id))
		robot := t.Robot
		if robot == "" || m.odds(8, "other robot") {
			robot = pickOne(m, carriers, "robot")
		}
		report := TransportState{Transport: id, Robot: robot, State: TransportLoaded, Try: m.num(0, t.Try, "try")}
		switch t.State {
		case TransportRequested:
			m.run(AssignTransport{Transport: id, Robot: robot})
			continue
		case TransportFailed:
			m.run(RetryTransport{Transport: id})
			continue
		case TransportLoaded:
			report.State = TransportDelivered
		}
		if m.odds(3, "another report") {
			report.State = pickOne(m, []string{TransportLoaded, TransportDelivered, TransportFailed, TransportFailed, "?"}, "report")
		}
		m.run(report)
	}
}

// pass lets a few parcels go through the portal, sometimes with a tag lost or
// one too many.
func (m *model) pass() {
	var epcs, ssccs []string
	need, may := make(map[string]int), make(map[string]int) // by GTIN
	for _, o := range seen(Orders(m.tx, "", 0)) {
		for _, p := range o.Parcels {
			if m.tags[p.SSCC] == nil {
				m.tags[p.SSCC] = m.epcs(p.SSCC)
			}
			if !m.odds(2, "along") {
				continue
			}
			tags := m.tags[p.SSCC]
			lost := m.num(0, 5*len(tags), "lost")
			// Without its own tag a parcel is not seen; it is of no
			// use when it left unproven.
			if p.Dock != "" && p.Dock != "d1" && o.State != OrderShipped && p.DepartedAt == 0 {
				// By the wrong door: what is in it may be seen, and proves nothing.
				if lost > 0 {
					for _, e := range tags[1:] {
						may[gtinOf(e)]++
					}
				}
			} else if lost > 0 && (o.State != OrderShipped && p.DepartedAt == 0 || p.Verified || p.CheckedBy != "") {
				ssccs = append(ssccs, p.SSCC)
				for g, n := range m.packed(&o, &p) {
					may[g] += n
					if p.CheckedBy == "" { // that one owes nothing
						need[g] += n
					}
				}
			}
			for i, e := range tags {
				if i != lost {
					epcs = append(epcs, e)
				}
			}
		}
	}
	if m.odds(8, "one more") {
		epcs = append(epcs, m.tag(gtin(1), "999999", m.num(0, 999, "serial")))
	}
	if m.odds(8, "foreign") {
		epcs = append(epcs, "E2801160")
	}
	if len(epcs) > 1 {
		epcs = rapid.Permutation(epcs).Draw(m.rt, "order of the tags")
	}
	got := make(map[string]int)
	for _, e := range epcs {
		got[gtinOf(e)]++
	}
	delete(got, "")
	whole := true
	for _, g := range []string{gtin(1), gtin(2)} {
		whole = whole && need[g] <= got[g] && got[g] <= may[g]
	}
	if whole {
		for _, s := range ssccs {
			m.proven[s] = true
		}
	}
	if len(ssccs) > 0 {
		see := TagSeen{Tag: palletTag, Place: pickOne(m, []string{"A-01", "d1"}, "seen at"), At: m.m.Now - int64(m.num(0, 5000, "ago")), Gone: m.odds(3, "gone"), By: pickOne(m, []string{"", "gw1", "gw2"}, "seen by")}
		if id := ssccs[0]; m.odds(4, "a parcel") {
			see.Tag = fmt.Sprintf("urn:epc:id:sscc:%s.%s%s", id[1:8], id[:1], id[8:17])
		}
		m.run(see)
	}
	pass := PortalPass{Dock: "d1", EPCs: epcs}
	if m.odds(2, "which way") {
		pass.Way, pass.From, pass.To = pickOne(m, []string{WayOut, ""}, "way"), m.m.Now, m.m.Now+1000
		for range epcs {
			pass.RSSI = append(pass.RSSI, -50)
		}
	}
	m.run(pass)
	if m.odds(10, "some of it comes back in") {
		m.run(PortalPass{Dock: "d1", Way: WayIn, EPCs: epcs})
		return
	}
	if !whole {
		return
	}
	for _, o := range seen(Orders(m.tx, "", 0)) {
		for _, p := range o.Parcels {
			if slices.Contains(ssccs, p.SSCC) && !p.Verified && p.CheckedBy == "" && o.State != OrderShipped && p.DepartedAt == 0 {
				m.t.Fatalf("parcel %+v passed with all its tags", p)
			}
		}
	}
}

// packed counts the tagged items of a parcel by GTIN: by its tags, or when it had
// left before anybody looked for any, by what it was packed with.
func (m *model) packed(o *Order, p *Parcel) map[string]int {
	n := make(map[string]int)
	for _, e := range m.tags[p.SSCC][1:] {
		n[gtinOf(e)]++
	}
	if len(n) > 0 || o.State != OrderShipped && p.DepartedAt == 0 {
		return n
	}
	for _, g := range o.InParcel(p.SSCC) {
		if it := seen(GetItem(m.tx, g.SKU)); it != nil && it.Tagged {
			n[it.GTIN] += int(g.Qty)
		}
	}
	return n
}

// gtinOf is the GTIN of a tag, "" when it is no item's.
func gtinOf(digits string) string {
	e, err := gs1.DecodeEPC(digits)
	if err != nil {
		panic(err)
	}
	return e.GTIN
}

// sort sends a carton over the conveyor.
func (m *model) sort() {
	var cartons []string
	for _, o := range seen(Orders(m.tx, "", 0)) {
		for _, p := range o.Parcels {
			if p.Dock == "" || m.odds(6, "loaded") {
				cartons = append(cartons, p.SSCC)
			}
		}
	}
	cartons = append(cartons, "")
	code := pickOne(m, cartons, "carton")
	if m.odds(8, "no carton") {
		code = "106141411234567897"
	}
	lane := m.run(Induct{Conveyor: pickOne(m, []string{"c1", "c1", "c2"}, "conveyor"), Barcode: code, Expires: m.m.Now + int64(m.num(0, 7, "ms"))}).Ref
	if lane == "" {
		m.t.Fatalf("no lane for %q", code)
	}
	if m.odds(4, "wrong lane") {
		lane = pickOne(m, lanes, "lane")
	}
	m.m.Now += int64(m.num(0, 3, "ms"))
	if !m.odds(4, "silence") {
		m.run(Divert{Conveyor: "c1", Barcode: code, Lane: lane})
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
	if m.parts && m.odds(2, "another carton") {
		m.nextCarton(st)
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
			LabelOutcome{Job: job, Outcome: JobPrinted},
			LabelOutcome{Job: job, Outcome: JobPrinted},
			LabelOutcome{Job: job, Outcome: JobFailed},
			LabelOutcome{Job: job, Outcome: JobUnknown},
		}
	case JobFailed, JobUnknown:
		sensible = []Command{LabelOutcome{Job: job, Outcome: JobPrinted}, Reprint{Job: job}}
	}
	if m.odds(5, "no sense") {
		sensible = []Command{
			LabelSent{Job: job},
			Reprint{Job: job},
			LabelOutcome{Job: job, Outcome: JobPrinted},
			LabelOutcome{Job: job, Outcome: "?"},
		}
	}
	m.run(pickOne(m, sensible, "how"))
}

func (m *model) ship() {
	for _, o := range seen(Orders(m.tx, "", 0)) {
		for _, p := range o.Parcels {
			if o.State == OrderLabelled && (!m.parts || m.odds(2, "this one")) || m.odds(4, "load") {
				m.run(Load{Dock: pickOne(m, docks, "dock"), Barcode: p.SSCC})
			}
		}
	}
	if m.odds(3, "depart") {
		m.run(Depart{Dock: pickOne(m, docks, "dock")})
	}
}

// steps times the 100 runs of rapid is far above 5,000 commands.
const steps = 100

// randomRuns does random things of a list from a prepared start, and wants
// certain answers to have come up: or it would prove little.
// randomCommands is how many commands the models of randomRuns ran together;
// they run one after the other.
var randomCommands, randomModels int

func randomRuns(t *testing.T, prepare func(*model), whats []int, wanted []string) {
	total, reached := make(map[string]int), make(map[OrderState]int)
	commands := 0
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{
			world: floor(rt), rt: rt, seen: total,
			opened: make(map[string]int64), adjusted: make(map[string]int64), back: make(map[string]int64), states: make(map[string]OrderState),
			tags: make(map[string][]string), proven: make(map[string]bool), left: make(map[string]*Order),
		}
		for _, r := range testStock() {
			m.opened[r.SKU] += r.Qty
		}
		prepare(m)
		n := steps
		if m.odd != nil {
			n /= 2 // its start goes far
		}
		for range n {
			m.random(pickOne(m, whats, "what"))
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
	randomCommands += commands
	if randomModels++; randomModels == 5 {
		t.Logf("%d random commands together", randomCommands)
		if randomCommands < 50_000 {
			t.Errorf("only %d random commands", randomCommands)
		}
	}
	slices.SortFunc(wanted, func(a, b string) int { return total[a] - total[b] })
	t.Logf("the rarest: %s %d times", wanted[0], total[wanted[0]])
	if commands < 5000 {
		t.Errorf("only %d commands", commands)
	}
	for _, want := range wanted {
		if total[want] == 0 {
			t.Errorf("%s never happened", want)
		}
	}
	if t.Failed() {
		t.Logf("seen %v", total)
	}
}

// keeps gives half of the sites rules for what is over.
func (m *model) keeps() {
	if !m.odds(2, "archives") {
		return
	}
	m.archives = true
	s := *seen(GetSite(m.tx))
	s.ArchiveDays, s.PurgeDays = int64(m.num(0, 2, "archive")), int64(m.num(0, 2, "purge"))
	m.ok(PutSite{Site: s})
}

func TestRandomCommandsKeepEveryInvariantRow9(t *testing.T) {
	start := func(m *model) {
		m.ok(PutSite{Site: testSite()})
		m.standIns()
		for i := range 2 {
			m.run(SignIn{Device: devices[i], Badge: badges[i]})
		}
	}
	randomRuns(t, start, spine, []string{
		"Depart OK", "Pack OK", "Pack " + CodeWeightMismatch, "ShortPick OK", "Reprint OK", "CancelOrder OK",
		"CancelOrder " + CodeSoftPONR, "ReleaseOrder " + CodeConflict, "Scan " + CodeOverPick, "Scan " + CodeToteInUse,
		"AssignBatch OK", "AssignBatch " + CodePoolChanged, "FinishBatch OK", "RetryOrder OK",
	})
}

// The same with robots, the portal and the conveyor, and orders far enough to
// need them.
func TestRandomFloorKeepsEveryInvariant(t *testing.T) {
	start := func(m *model) {
		m.portal = true
		m.keeps()
		for i, lines := range [][]string{{"CUP*2", "BAG"}, {"PEN*2"}, {"BAG"}, {"CUP", "PEN"}, {"MILK"}, {"CUP"}} {
			id := orderIDs[i]
			m.ok(release(id, lines...))
			m.pick("K"+id, "w1", id)
			if i < 4 {
				m.label("pack1", id)
			}
			m.states[id] = m.order(id).State
		}
		for i := range 4 {
			m.run(SignIn{Device: devices[i], Badge: badges[i]})
		}
	}
	randomRuns(t, start, floorWork, []string{
		"RobotPick OK", "AssignTransport OK", "TransportState OK", "RetryTransport OK",
		"TransportState " + CodeTransportState, "TagSeen OK", "TagSeen " + CodeUnknownTag, "PortalPass OK", "PortalPass " + FalloutRFIDMissing, "PortalPass " + FalloutRFIDExtra,
		"Depart OK", "Depart " + CodeNotVerified, "Induct OK", "Induct " + CodeNoRead, "Divert OK", "Divert " + FalloutMissort,
		"Divert " + CodeExpired, "ClearFallout OK", "archived",
	})
}

// The same with changes and cancels of orders that are worked on.
func TestRandomRequestsKeepEveryInvariant(t *testing.T) {
	start := func(m *model) {
		m.holds = true
		m.standIns()
		s := testSite()
		s.Transport, s.PackStations = pickOne(m, []string{"", TransportRobot}, "transport"), benches
		s.Intake = &IntakeRules{
			Pickups:  []Pickup{{Carrier: "POST", Minute: 1, Days: 127}},
			Channels: []ChannelRule{{Channel: "shop", Rank: 1}, {Channel: "market", Leave: 2}},
		}
		s.HardMode = benches[:m.num(0, 1, "hard mode")]
		s.AgeingMinutes = int64(m.num(0, 2, "ageing"))
		s.Changes = &ChangeRules{Cancel: pickOne(m, []string{CancelAccept, CancelQuote}, "cancel"), Charges: []Charge{{Amount: 5}}}
		m.ok(PutSite{Site: s})
		m.keeps()
		for i, lines := range [][]string{{"CUP*2", "BAG"}, {"PEN*2"}, {"BAG", "PEN"}, {"CUP", "PEN"}, {"MILK"}} {
			id := orderIDs[i]
			m.ok(release(id, lines...))
			m.pick("K"+id, "w1", id)
			if i < 2 {
				m.label("pack1", id)
			}
			m.states[id] = m.order(id).State
		}
		for i := range 2 {
			m.run(SignIn{Device: devices[i], Badge: badges[i]})
		}
	}
	randomRuns(t, start, askWork, []string{
		"Depart OK", "ReleaseOrder OK", "AcceptQuote OK", "AcceptQuote " + CodeNoQuote, "DeclineQuote OK", "CancelOrder OK",
		"PutBack OK", "PutBack " + CodeNoPutBack, "ReleaseOrder " + CodeSoftPONR, "ReleaseOrder " + CodeHardPONR,
		"CancelOrder " + CodeHardPONR, "TransportState OK", "HoldOrder OK", "HoldOrder " + CodeHardPONR,
		"HoldOrder " + CodeConflict, "ReleaseHold OK", "StartPack " + CodeHeld, "ProductionDone OK",
		"Unpick OK", "Unpack OK", "Unpack " + CodeHardPONR, "Unload OK", "archived",
	})
}

// tasksStart is a site with work of every kind.
func tasksStart(m *model) {
	site := testSite()
	site.AutoCount, site.ZeroCheck, site.CountLimit, site.Figures, site.Escalate, site.Promises = true, true, 2, true, true, true
	m.ok(PutSite{Site: site})
	m.ok(PutSuppliers{Suppliers: testSuppliers()})
	items := testItems()
	items[0].Class = "FAST"
	m.ok(PutItems{Items: items[:1]})
	m.ok(PutBins{Bins: []Bin{{Code: "A-01", Class: "FAST"}, {Code: "A-05", Cell: 4, Class: "FAST"}}})
	for i := range 2 {
		m.run(SignIn{Device: devices[i], Badge: badges[i]})
	}
}

// Floor tasks between the picks, by few people, so that they get in each
// other's way.
func TestRandomTasksKeepEveryInvariant(t *testing.T) {
	randomRuns(t, tasksStart, taskWork, []string{
		"AnnounceReceipt OK", "OpenReceipt OK", "Receive OK", "ReceiveUnit OK", "CloseReceipt OK", "BookTags OK",
		"RequestCount OK", "DecideCount OK", "ZeroCheck OK", "CountZone OK", "PutPickFaces OK",
		"AnnounceReturn OK", "ReceiveReturn OK", "InspectReturn OK", "CloseReturn OK",
		"AskMove OK", "ClaimFloor OK", "ClaimFloor " + CodeHasWork, "SkipFloor OK", "MoveFloor OK", "EndFloor OK",
		"Scan " + CodeConfirm, "AssignBatch OK", "FinishBatch OK", "ShortPick OK",
		"ReassignBatch OK", "ForceRelease OK", "HandOver OK", "SkipLine OK", "Scan " + CodeReplayInvalid,
	})
}
