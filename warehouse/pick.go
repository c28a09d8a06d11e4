package warehouse

import (
	"fmt"
	"strings"

	"tote/gs1"
)

// The scan flow of a task: bin, item until the quantity is in hand, slot.
// The first claimed task of an order is its soft point of no return.

// walk is the work of a handheld at one moment.
type walk struct {
	batch *Batch
	task  *Task  // nil when all tasks are closed
	order *Order // of the task, once it is asked for
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
// one: a scan replayed late must not hit another task. said is what the
// verb says of goods.
func (c *change) walkOf(device, task, said string) (*walk, error) {
	ws, err := c.onDevice(device)
	if err != nil {
		return nil, err
	}
	return c.walkBy(ws, task, func() string { return said })
}

// walkBy is walkOf for a worker who is known.
func (c *change) walkBy(ws *WorkerState, task string, said func() string) (*walk, error) {
	var err error
	if ws.Batch == "" {
		return nil, c.late(ws, task, said(), refuse(CodeNoWork, "%s has no batch", ws.Worker))
	}
	w := &walk{}
	if w.batch, err = c.batch(ws.Batch); err != nil {
		return nil, err
	}
	if err := c.current(w); err != nil {
		return nil, err
	}
	if task != "" && (w.task == nil || w.task.ID != task) {
		return nil, c.late(ws, task, said(), notCurrent(task))
	}
	return w, nil
}

func notCurrent(task string) error {
	return refuse(CodeReplayInvalid, "task %s is not the current one", task)
}

// current loads the task the batch stands at.
func (c *change) current(w *walk) error {
	w.task, w.order = nil, nil
	var err error
	if w.batch.At < len(w.batch.Walk) {
		if w.task, err = c.task(w.batch.Walk[w.batch.At]); err != nil {
			return err
		}
	}
	w.step = stepOf(w.batch, w.task)
	return nil
}

// needOrder loads the order of the current task, the biggest record of a scan
// and of no use to most.
func (c *change) needOrder(w *walk) (err error) {
	if w.order == nil {
		w.order, err = must2(c.order(w.task.Order))("order", w.task.Order)
	}
	return err
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
	ws, err := c.onDevice(cmd.Device)
	if err != nil {
		return Result{}, err
	}
	if ws.Floor != "" {
		if err := checkScan(cmd); err != nil {
			return Result{}, err
		}
		return c.scanFloor(ws, cmd)
	}
	w, err := c.walkBy(ws, cmd.Task, func() string { return saidOf(cmd) })
	if err != nil {
		return Result{}, err
	}
	if err := checkScan(cmd); err != nil {
		return Result{}, err
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
	w.batch.Zero = "" // whoever goes on scanning found it empty
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

// saidOf says a scan in words, for people.
func saidOf(cmd Scan) string {
	return fmt.Sprintf("scan %s %s, %d", cmd.Verb, cmd.Barcode, max(cmd.Qty, 1))
}

// checkScan looks at the fields of a scan.
func checkScan(cmd Scan) error {
	switch {
	case cmd.Verb != "" && verbStep(cmd.Verb) == "":
		return refuse(CodeInvalid, "verb %q", cmd.Verb)
	case cmd.Qty < 0 || cmd.Qty > maxQty:
		return refuse(CodeInvalid, "quantity")
	case !scannable(cmd.Barcode):
		return refuse(CodeUnknownBarcode, "barcode of %d bytes", len(cmd.Barcode))
	}
	return nil
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
	if err := c.needOrder(w); err != nil {
		return err
	}
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

// found is what a barcode says.
type found struct {
	item        *Item // nil when no item has it
	lot, serial string
	units       int64 // base units it stands for
}

// findItem says which item a barcode means and which lot and serial it names.
// Codes of the site go before GS1: bare digits may look like a GTIN by chance.
func findItem(r Reader, barcode string) (f found, err error) {
	lookup := func(code string) error {
		sku, err := r.Get(codeKey(code))
		if err != nil || sku == nil {
			return err
		}
		if f.item, err = must2(recall(r, key(kItem, string(sku)), lastItem))("item", string(sku)); err == nil {
			f.units = unitsOf(f.item, code)
		}
		return err
	}
	if err := lookup(plainCode(barcode)); err != nil || f.item != nil {
		return f, err
	}
	s, bad := gs1.Parse(barcode)
	if bad != nil {
		return f, refuse(CodeUnknownBarcode, "%v", bad)
	}
	gtin, ok := s.Value("01")
	if !ok {
		return f, nil
	}
	f.lot, _ = s.Value("10")
	f.serial, _ = s.Value("21")
	return f, lookup(gtin)
}

func (c *change) scanItem(w *walk, barcode string, qty int64) error {
	f, err := findItem(c, barcode)
	if err != nil {
		return err
	}
	t, it, lot := w.task, f.item, f.lot
	qty *= max(f.units, 1)
	switch {
	case it == nil:
		return refuse(CodeUnknownBarcode, "no item has this barcode")
	case it.SKU != t.SKU:
		return refuse(CodeWrongItem, "this is %s, expected %s", it.SKU, t.SKU)
	case it.LotTracked && lot == "":
		return refuse(CodeWrongLot, "scan the code with the lot")
	case it.LotTracked && lot != t.Lot:
		return refuse(CodeWrongLot, "this is lot %s, expected %s", lot, t.Lot)
	case !c.usable(it, t.Expiry):
		return refuse(FalloutExpired, "lot %s expires %s: report it short", t.Lot, t.Expiry)
	case w.batch.Held+qty > t.Qty:
		return refuse(CodeOverPick, "%d more, needed %d", qty, t.Qty-w.batch.Held)
	}
	if it.Serials {
		if f.serial == "" {
			return refuse(CodeWrongSerial, "scan the code with the serial")
		}
		if err := c.takeSerial(t, f.serial); err != nil {
			return err
		}
	}
	w.batch.Held += qty
	return nil
}

func finishBatch(c *change, cmd FinishBatch) (Result, error) {
	w, err := c.walkOf(cmd.Device, "", "")
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
		if err := c.putDown(site, s); err != nil {
			return Result{}, err
		}
	}
	if b := w.batch; b.Since != 0 {
		f := &OrderFacts{RouteMm: b.RouteMm, Ms: c.meta.Now - b.Since}
		if err := c.emit(EvBatchDone, "", EventData{Ref: b.ID, Facts: f}); err != nil {
			return Result{}, err
		}
	}
	return Result{Ref: w.batch.ID}, c.endBatch(w.batch, BatchDone)
}

// putDown ends the picking of one order in a batch. An order of which nothing
// was found has no tote; it stays parked in PICKING with its fallouts. One with
// tasks that a robot gave back returns to the pool and keeps its tote, which
// waits at the pack drop for the next batch.
func (c *change) putDown(site *Site, s BatchSlot) error {
	o, err := c.order(s.Order)
	if _, err := must(o, err, "order", s.Order); err != nil {
		return err
	}
	o.Batch = ""
	if s.Tote == "" {
		if open, err := c.hasOpenTasks(o); err != nil || open || len(o.Fallout) > 0 || o.held() || !o.Spec.Partial {
			if err == nil {
				err = c.saveOrder(o)
			}
			return err
		}
		return c.restart(o) // nothing was found, and nobody has to decide
	}
	if err := c.placeLU(s.Tote, PlacePackDrop); err != nil {
		return err
	}
	if o.State == OrderCancelled { // on its way
		if err := c.emptied(o); err != nil {
			return err
		}
		return c.saveOrder(o)
	}
	if open, err := c.hasOpenTasks(o); err != nil || open {
		if err == nil {
			err = c.saveOrder(o)
		}
		return err
	}
	if err := c.enter(o, OrderPicked); err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	return c.requestTransport(site, o)
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
