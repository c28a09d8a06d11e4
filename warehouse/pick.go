package warehouse

import (
	"fmt"
	"slices"
	"strings"

	"tote/gs1"
)

// The scan flow of a task: bin, item until the quantity is in hand, slot.
// The first claimed task of an order is its soft point of no return.

// walk is the work of a handheld at one moment.
type walk struct {
	batch *Batch
	task  *Task // nil when all tasks are closed
	order *Order
	step  string
}

// stepOf says which scan a batch waits for.
func stepOf(b *Batch, t *Task) string {
	switch {
	case t == nil:
		return StepFinish
	case !b.BinOK:
		return StepScanBin
	case b.Held < t.Qty:
		return StepScanItem
	}
	return StepScanSlot
}

// walkOf finds the work of a device. task, when not empty, must be the current
// one: a scan replayed late must not hit another task.
func (c *change) walkOf(device, task string) (*walk, error) {
	ws, err := c.onDevice(device)
	if err != nil {
		return nil, err
	}
	if ws.Batch == "" {
		return nil, refuse(CodeNoWork, "%s has no batch", ws.Worker)
	}
	w := &walk{}
	if w.batch, err = c.batch(ws.Batch); err != nil {
		return nil, err
	}
	if err := c.current(w); err != nil {
		return nil, err
	}
	if task != "" && (w.task == nil || w.task.ID != task) {
		return nil, refuse(CodeReplayInvalid, "task %s is not the current one", task)
	}
	return w, nil
}

// current loads the task the batch stands at.
func (c *change) current(w *walk) error {
	w.task, w.order = nil, nil
	var err error
	if w.batch.At < len(w.batch.Walk) {
		if w.task, err = c.task(w.batch.Walk[w.batch.At]); err != nil {
			return err
		}
		w.order, err = c.order(w.task.Order)
		if _, err := must(w.order, err, "order", w.task.Order); err != nil {
			return err
		}
	}
	w.step = stepOf(w.batch, w.task)
	return nil
}

// done saves the walk after an accepted verb.
func (c *change) done(w *walk) (Result, error) {
	if err := c.keepLease(w.batch); err != nil {
		return Result{}, err
	}
	if err := c.touchWorker(w.batch.Worker); err != nil {
		return Result{}, err
	}
	return Result{Ref: w.batch.ID}, c.saveBatch(w.batch)
}

// plainCode takes the symbology identifier off a barcode that is no GS1 data.
func plainCode(barcode string) string {
	if strings.HasPrefix(barcode, "]") {
		if s, err := gs1.Parse(barcode); err == nil && s.Text != "" {
			return s.Text
		}
	}
	return barcode
}

// verbStep is the step a verb of the handheld belongs to.
func verbStep(verb string) string {
	switch verb {
	case "bin":
		return StepScanBin
	case "item":
		return StepScanItem
	case "slot":
		return StepScanSlot
	}
	return ""
}

func scan(c *change, cmd Scan) (Result, error) {
	w, err := c.walkOf(cmd.Device, cmd.Task)
	if err != nil {
		return Result{}, err
	}
	if cmd.Verb != "" && verbStep(cmd.Verb) == "" {
		return Result{}, refuse(CodeInvalid, "verb %q", cmd.Verb)
	}
	if cmd.Qty < 0 || cmd.Qty > maxQty {
		return Result{}, refuse(CodeInvalid, "quantity")
	}
	if !scannable(cmd.Barcode) {
		return Result{}, refuse(CodeUnknownBarcode, "barcode of %d bytes", len(cmd.Barcode))
	}
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	code := plainCode(cmd.Barcode)
	if w.step == StepScanItem && (cmd.Verb == "slot" || cmd.Verb == "" && isTote(site, code)) {
		return Result{}, refuse(CodeQtyMissing, "%d of %d", w.batch.Held, w.task.Qty)
	}
	if cmd.Verb != "" && verbStep(cmd.Verb) != w.step {
		return Result{}, refuse(CodeWrongStep, "expected %s", w.step)
	}
	switch w.step {
	case StepScanBin:
		err = c.scanBin(w, code)
	case StepScanItem:
		err = c.scanItem(w, cmd.Barcode, max(cmd.Qty, 1))
	case StepScanSlot:
		err = c.scanSlot(w, site, code)
	default:
		err = refuse(CodeWrongStep, "expected %s", w.step)
	}
	if err != nil {
		return Result{}, err
	}
	return c.done(w)
}

func (c *change) scanBin(w *walk, code string) error {
	if code != w.task.Bin {
		b, err := GetBin(c, code)
		if err != nil {
			return err
		}
		if b == nil {
			return refuse(CodeUnknownBarcode, "%s is no bin", code)
		}
		return refuse(CodeWrongBin, "this is %s, expected %s", code, w.task.Bin)
	}
	w.batch.BinOK = true
	return c.claim(w)
}

// claim begins the current task.
func (c *change) claim(w *walk) error {
	if w.task.State == TaskAssigned {
		w.task.State = TaskClaimed
		if err := c.saveTask(w.task); err != nil {
			return err
		}
	}
	if w.order.State != OrderReleased {
		return nil
	}
	if err := c.enter(w.order, OrderPicking); err != nil {
		return err
	}
	return c.saveOrder(w.order)
}

// findItem says which item a barcode means and which lot it names. Codes of the
// site go before GS1: bare digits may look like a GTIN by chance.
func findItem(r Reader, barcode string) (item *Item, lot string, err error) {
	lookup := func(code string) error {
		sku, err := r.Get(codeKey(code))
		if err != nil || sku == nil {
			return err
		}
		item, err = must2(GetItem(r, string(sku)))("item", string(sku))
		return err
	}
	if err := lookup(plainCode(barcode)); err != nil || item != nil {
		return item, "", err
	}
	s, bad := gs1.Parse(barcode)
	if bad != nil {
		return nil, "", refuse(CodeUnknownBarcode, "%v", bad)
	}
	gtin, ok := s.Value("01")
	if !ok {
		return nil, "", nil
	}
	lot, _ = s.Value("10")
	return item, lot, lookup(gtin)
}

func (c *change) scanItem(w *walk, barcode string, qty int64) error {
	it, lot, err := findItem(c, barcode)
	if err != nil {
		return err
	}
	t := w.task
	switch {
	case it == nil:
		return refuse(CodeUnknownBarcode, "no item has this barcode")
	case it.SKU != t.SKU:
		return refuse(CodeWrongItem, "this is %s, expected %s", it.SKU, t.SKU)
	case it.LotTracked && lot == "":
		return refuse(CodeWrongLot, "scan the code with the lot")
	case it.LotTracked && lot != t.Lot:
		return refuse(CodeWrongLot, "this is lot %s, expected %s", lot, t.Lot)
	case !usable(t.Expiry, c.today()):
		return refuse(FalloutExpired, "lot %s expires %s: report it short", t.Lot, t.Expiry)
	case w.batch.Held+qty > t.Qty:
		return refuse(CodeOverPick, "%d more, needed %d", qty, t.Qty-w.batch.Held)
	}
	w.batch.Held += qty
	return nil
}

// isTote tells whether a barcode is one of the site's totes.
func isTote(site *Site, code string) bool {
	return strings.HasPrefix(code, site.TotePrefix) && len(code) > len(site.TotePrefix) && validID(code)
}

func (c *change) scanSlot(w *walk, site *Site, code string) error {
	if !isTote(site, code) {
		it, _, err := findItem(c, code)
		if err == nil && it != nil && it.SKU == w.task.SKU {
			err = refuse(CodeOverPick, "%d of %d are in hand: scan the tote", w.batch.Held, w.task.Qty)
		}
		if err != nil {
			return err
		}
		return refuse(CodeUnknownTote, "%s is no tote", code)
	}
	b, t, o := w.batch, w.task, w.order
	at := slices.IndexFunc(b.Slots, func(s BatchSlot) bool { return s.Slot == t.Slot })
	if at < 0 {
		return fmt.Errorf("%w: batch %s has no slot %d", ErrCorrupt, b.ID, t.Slot)
	}
	slot := &b.Slots[at]
	if slot.Tote != "" && slot.Tote != code {
		return refuse(CodeWrongSlot, "this is %s, slot %d has %s", code, slot.Slot, slot.Tote)
	}
	if slot.Tote == "" {
		if err := c.bindTote(w, slot, code); err != nil {
			return err
		}
	}
	if err := c.move(stockKey{sku: t.SKU, lot: t.Lot}, b.Held, BinPlace(t.Bin), LUPlace(code), b.Held); err != nil {
		return err
	}
	l, err := lineOf(o, t.Line)
	if err != nil {
		return err
	}
	l.Picked += b.Held
	l.addLot(LotQty{Lot: t.Lot, Expiry: t.Expiry, Qty: b.Held})
	if l.Picked == l.Qty {
		l.State = LinePicked
	}
	t.Picked = b.Held
	t.State = TaskDone
	if t.Short > 0 {
		t.State = TaskShort
	}
	if err := c.saveTask(t); err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	return c.advance(w)
}

// bindTote takes a free tote for the slot's order.
func (c *change) bindTote(w *walk, slot *BatchSlot, code string) error {
	lu, err := GetLU(c, code)
	if err != nil {
		return err
	}
	if lu != nil && lu.Order != "" {
		if slices.ContainsFunc(w.batch.Slots, func(s BatchSlot) bool { return s.Tote == code }) {
			return refuse(CodeWrongSlot, "tote %s stands on another slot", code)
		}
		return refuse(CodeToteInUse, "tote %s holds order %s", code, lu.Order)
	}
	slot.Tote, w.order.Tote = code, code
	c.touch("lu", code)
	return save(c, key(kLU, code), &LU{
		ID: code, Kind: "tote", Order: w.order.Spec.ID,
		Place: fmt.Sprintf("cart/%s/%d", w.batch.ID, slot.Slot),
	})
}

func lineOf(o *Order, line int) (*LineState, error) {
	for i := range o.Lines {
		if o.Lines[i].Line == line {
			return &o.Lines[i], nil
		}
	}
	return nil, fmt.Errorf("%w: order %s has no line %d", ErrCorrupt, o.Spec.ID, line)
}

// addLot sums up what was picked by lot, in the order of the first pick.
func (l *LineState) addLot(q LotQty) {
	for i := range l.Lots {
		if l.Lots[i].Lot == q.Lot {
			l.Lots[i].Qty += q.Qty
			return
		}
	}
	l.Lots = append(l.Lots, q)
}

// advance goes to the next task. A bin just scanned is not scanned again: the
// next task there is claimed at once.
func (c *change) advance(w *walk) error {
	bin := w.task.Bin
	w.batch.At++
	w.batch.Held = 0
	if err := c.current(w); err != nil {
		return err
	}
	w.batch.BinOK = w.batch.BinOK && w.task != nil && w.task.Bin == bin
	if !w.batch.BinOK {
		return nil
	}
	return c.claim(w)
}

func finishBatch(c *change, cmd FinishBatch) (Result, error) {
	w, err := c.walkOf(cmd.Device, "")
	if err != nil {
		return Result{}, err
	}
	if w.step != StepFinish {
		return Result{}, refuse(CodeWrongStep, "expected %s", w.step)
	}
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	if code := plainCode(cmd.Barcode); site.PackDrop != "" && code != site.PackDrop {
		return Result{}, refuse(CodeWrongBin, "this is not the pack drop %s", site.PackDrop)
	}
	for _, s := range w.batch.Slots {
		if err := c.putDown(s); err != nil {
			return Result{}, err
		}
	}
	return Result{Ref: w.batch.ID}, c.endBatch(w.batch, BatchDone)
}

// putDown ends the picking of one order. An order of which nothing was found
// has no tote; it stays parked in PICKING with its fallouts.
func (c *change) putDown(s BatchSlot) error {
	o, err := c.order(s.Order)
	if _, err := must(o, err, "order", s.Order); err != nil {
		return err
	}
	o.Batch = ""
	if s.Tote == "" {
		return c.saveOrder(o)
	}
	if err := c.placeLU(s.Tote, PlacePackDrop); err != nil {
		return err
	}
	if err := c.enter(o, OrderPicked); err != nil {
		return err
	}
	return c.saveOrder(o)
}

// placeLU notes where a logistic unit stands now.
func (c *change) placeLU(id, place string) error {
	lu, err := must2(GetLU(c, id))("logistic unit", id)
	if err != nil {
		return err
	}
	lu.Place = place
	c.touch("lu", id)
	return save(c, key(kLU, id), lu)
}
