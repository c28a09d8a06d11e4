package warehouse

import (
	"strings"
)

// The scan flow of a floor task that moves goods: the place they stand in, the
// item until the quantity is in hand, the bin they go to. Goods may go to more
// than one bin: what is in hand is put down with a bin scanned early, and the
// rest is fetched from the hand again. A bin that is allowed but not the one
// asked for must be scanned twice. Goods change their place in the book when
// they are put down; until then they stand where they were, reserved.

// floorStep says which scan a floor task waits for.
func floorStep(t *FloorTask) string {
	switch {
	case t.AtFrom && t.Kind == FloorCount:
		return StepCount
	case !t.AtFrom && isBinPlace(t.From):
		return StepScanBin
	case !t.AtFrom:
		return StepScanUnit
	case t.Held < t.Qty && (t.Kind != FloorPutBack || t.Held == 0 || t.Serial == ""):
		return StepScanItem
	}
	return StepPutDown
}

func isBinPlace(place string) bool { return strings.HasPrefix(place, placeBin) }

// bareCode is the code on the label of a place.
func bareCode(place string) string {
	_, code, ok := strings.Cut(place, "/")
	if !ok {
		return place
	}
	return code
}

// nextFloor is what the handheld of a worker with a floor task shows.
func nextFloor(r Reader, ws *WorkerState) (*Step, error) {
	t, err := must2(GetFloorTask(r, ws.Floor))("floor task", ws.Floor)
	if err != nil {
		return nil, err
	}
	s := &Step{Do: floorStep(t), Worker: ws.Worker, Task: t.ID, Order: t.Order, Kind: t.Kind, Left: 1}
	switch s.Do {
	case StepScanUnit:
		s.Tote = bareCode(t.From)
	case StepPutDown:
		s.Bin = bareCode(t.To)
	default:
		s.Bin = bareCode(t.From)
	}
	if t.SKU == "" {
		return s, nil // a count says nothing of what should be there
	}
	it, err := must2(GetItem(r, t.SKU))("item", t.SKU)
	if err != nil {
		return nil, err
	}
	s.SKU, s.Name, s.GTIN, s.Lot, s.Serial = it.SKU, it.Name, it.GTIN, t.Lot, t.Serial
	s.Qty, s.Held = t.Qty-t.Held, t.Held
	if t.Kind == FloorPutBack {
		if err := putBackHint(r, t, s); err != nil {
			return nil, err
		}
	}
	s.Expiry, err = lotExpiry(r, t.SKU, s.Lot)
	return s, err
}

// scanFloor is Scan for a worker with a floor task.
func (c *change) scanFloor(ws *WorkerState, cmd Scan) (Result, error) {
	t, err := c.floorInHand(ws, cmd.Task, saidOf(cmd))
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: t.ID}
	if t.Kind == FloorCount {
		done, err := c.scanCount(t, cmd)
		if err != nil || done {
			return res, err
		}
		return res, c.keepFloor(t, ws)
	}
	step := floorStep(t)
	code := plainCode(cmd.Barcode)
	// Something in hand and a bin scanned instead of the next piece: put down.
	if step == StepScanItem && t.Held > 0 && (cmd.Verb == "bin" || cmd.Verb == "") {
		b, err := GetBin(c, code)
		if err != nil {
			return res, err
		}
		if b != nil && BinPlace(code) != t.From {
			step = StepPutDown
		}
	}
	if cmd.Verb != "" && cmd.Verb != floorVerb(step) {
		return res, refuse(CodeWrongStep, "expected %s", step)
	}
	switch step {
	case StepScanItem:
		take := c.takeItem
		if t.Kind == FloorPutBack {
			take = c.takeBackItem
		}
		err = take(t, cmd.Barcode, max(cmd.Qty, 1))
	case StepPutDown:
		done, err := c.putDownIn(t, code)
		if err != nil || done {
			return res, err
		}
	default:
		if code != bareCode(t.From) && (t.Kind != FloorPutBack || ssccOf(cmd.Barcode) != bareCode(t.From)) {
			err = refuse(CodeWrongBin, "this is %s, expected %s", code, bareCode(t.From))
		}
		t.AtFrom = true
	}
	if err != nil {
		return res, err
	}
	return res, c.keepFloor(t, ws)
}

// floorVerb is the verb of a handheld that belongs to a step.
func floorVerb(step string) string {
	switch step {
	case StepScanUnit:
		return "slot"
	case StepScanItem:
		return "item"
	}
	return "bin"
}

// floorInHand is the worker's task. A scan replayed late names another one.
func (c *change) floorInHand(ws *WorkerState, task, said string) (*FloorTask, error) {
	if task != "" && task != ws.Floor {
		return nil, c.late(ws, task, said, notCurrent(task))
	}
	return must2(GetFloorTask(c, ws.Floor))("floor task", ws.Floor)
}

// keepFloor saves the task after an accepted verb, with a full lease once half
// of it is used up.
func (c *change) keepFloor(t *FloorTask, ws *WorkerState) error {
	site, err := c.theSite()
	if err != nil {
		return err
	}
	if err := c.touchWorker(ws.Worker); err != nil {
		return err
	}
	if t.Lease-c.meta.Now < site.LeaseMs/2 {
		return c.leaseFloor(t, c.meta.Now+site.LeaseMs)
	}
	return c.saveFloor(t)
}

func (c *change) takeItem(t *FloorTask, barcode string, qty int64) error {
	f, err := findItem(c, barcode)
	if err != nil {
		return err
	}
	it, lot := f.item, f.lot
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
	case it.Serials && f.serial != t.Serial:
		return refuse(CodeWrongSerial, "this is serial %q, expected %s", f.serial, t.Serial)
	case t.Held+qty > t.Qty:
		return refuse(CodeOverPick, "%d more, needed %d", qty, t.Qty-t.Held)
	}
	t.Held += qty
	return nil
}

// putDownIn moves what is in hand into a bin. done: the task is over, or saved.
func (c *change) putDownIn(t *FloorTask, code string) (done bool, err error) {
	b, err := GetBin(c, code)
	if err != nil {
		return false, err
	}
	place := BinPlace(code)
	switch {
	case b == nil:
		return false, refuse(CodeUnknownBin, "%s is no bin", code)
	case place == t.From:
		return false, refuse(CodeWrongBin, "%s is where the goods came from", code)
	case t.To != "" && place != t.To && t.Confirm != code:
		t.Confirm = code
		if err := c.saveFloor(t); err != nil {
			return false, err
		}
		if err := c.touchWorker(t.Worker); err != nil {
			return false, err
		}
		return false, refuseKeep(CodeConfirm, "expected %s: scan %s again to put it there", bareCode(t.To), code)
	}
	if t.Kind == FloorPutBack {
		return true, c.putBackDown(t, code)
	}
	if err := c.move(t.stock(), t.Held, t.From, place, t.Held); err != nil {
		return false, err
	}
	t.Qty, t.Held, t.Confirm = t.Qty-t.Held, 0, ""
	if t.Qty > 0 {
		return false, nil
	}
	if err := c.dropFloor(t); err != nil {
		return true, err
	}
	return true, c.floorMoved(t)
}

// shortFloor is ShortPick for a worker with a floor task: no more than what is
// in hand is there. The rest of the reservation ends and the bin is in doubt.
func (c *change) shortFloor(ws *WorkerState, cmd ShortPick) (Result, error) {
	t, err := c.floorInHand(ws, cmd.Task, "short "+cmd.Reason)
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: t.ID}
	if !isShortReason(cmd.Reason) {
		return res, refuse(CodeInvalid, "reason %q", cmd.Reason)
	}
	if step := floorStep(t); t.Qty == 0 || step == StepPutDown || !isBinPlace(t.From) {
		return res, refuse(CodeWrongStep, "expected %s", step)
	}
	if err := c.reserveAt(t.From, t.stock(), t.Held-t.Qty); err != nil {
		return res, err
	}
	if err := c.suspect(bareCode(t.From), t.SKU, cmd.Reason); err != nil {
		return res, err
	}
	t.Qty = t.Held
	if t.Qty > 0 {
		return res, c.keepFloor(t, ws)
	}
	if err := c.dropFloor(t); err != nil {
		return res, err
	}
	return res, c.floorMoved(t)
}

// floorMoved tells the subject that asked for a task that it is over. Stock
// that reached a bin may be what orders wait for.
func (c *change) floorMoved(t *FloorTask) error {
	if err := c.faceOver(t); err != nil {
		return err
	}
	return c.retryWaiting([]string{demand{t.SKU, t.Owner}.row()})
}

// faceOver is faceDone for the tasks that are a replenishment.
func (c *change) faceOver(t *FloorTask) error {
	if t.Kind != FloorReplenish {
		return nil
	}
	return c.faceDone(t)
}
