package warehouse

import (
	"cmp"
	"fmt"
	"slices"
)

// Floor tasks are the work of people that is no pick for an order: goods to be
// put away, brought to a pick bin, put back or moved, and bins to be counted.
//
// A task stands in the queue of its kind, urgent ones first, then the oldest.
// One worker claims one task at a time, under a lease; nobody else gets it
// meanwhile (E_CLAIMED). What a task shall move is reserved where it stands
// from the moment the task is made, so that no order counts on it; what is put
// back is in the tote of an order, which no other one counts on. Skipping a
// task puts it at the end of its queue: it still has to be done. A lead may
// give a task to another worker, back to the queue or up, with a reason.
//
// A task that is done or given up is deleted: its moves stay in the journal and
// name it.

// Kinds of floor tasks, in the order in which a worker who takes any kind gets
// them.
const (
	FloorPutBack   = "PUTBACK"   // goods an order does not want any more, from a tote
	FloorReplenish = "REPLENISH" // to a bin that runs low
	FloorPutaway   = "PUTAWAY"   // goods that came in
	FloorMove      = "MOVE"      // asked for by a person
)

var floorKinds = []string{FloorPutBack, FloorReplenish, FloorCount, FloorPutaway, FloorMove}

// FloorTask is one unit of floor work for one worker.
type FloorTask struct {
	ID       string `cbor:"1,keyasint" json:"id"`    // "K000001"
	Kind     string `cbor:"2,keyasint" json:"kind"`  // FloorPutBack …
	State    string `cbor:"3,keyasint" json:"state"` // TaskOpen, TaskClaimed
	Priority int    `cbor:"4,keyasint,omitempty" json:"priority,omitempty"`
	SKU      string `cbor:"5,keyasint,omitempty" json:"sku,omitempty"`
	Lot      string `cbor:"6,keyasint,omitempty" json:"lot,omitempty"`
	Serial   string `cbor:"7,keyasint,omitempty" json:"serial,omitempty"`
	Owner    string `cbor:"8,keyasint,omitempty" json:"owner,omitempty"`
	Status   string `cbor:"9,keyasint,omitempty" json:"status,omitempty"`
	Qty      int64  `cbor:"10,keyasint,omitempty" json:"qty,omitempty"`   // still to be moved, in base units
	From     string `cbor:"11,keyasint,omitempty" json:"from,omitempty"`  // place
	To       string `cbor:"12,keyasint,omitempty" json:"to,omitempty"`    // place; "" = any bin
	Order    string `cbor:"13,keyasint,omitempty" json:"order,omitempty"` // whose goods they were
	Ref      string `cbor:"14,keyasint,omitempty" json:"ref,omitempty"`   // receipt, return, count it belongs to
	Reason   string `cbor:"15,keyasint,omitempty" json:"reason,omitempty"`
	Asked    int64  `cbor:"16,keyasint" json:"asked"`                       // when it was made
	Place    uint64 `cbor:"17,keyasint" json:"-"`                           // in the queue
	Skips    int    `cbor:"18,keyasint,omitempty" json:"skips,omitempty"`   //
	Worker   string `cbor:"19,keyasint,omitempty" json:"worker,omitempty"`  // who claimed it
	Lease    int64  `cbor:"20,keyasint,omitempty" json:"lease,omitempty"`   // of the claim, ends at
	AtFrom   bool   `cbor:"21,keyasint,omitempty" json:"atFrom,omitempty"`  // the place was scanned
	Held     int64  `cbor:"22,keyasint,omitempty" json:"held,omitempty"`    // scanned, not put down yet
	Confirm  string `cbor:"23,keyasint,omitempty" json:"confirm,omitempty"` // bin that waits for a second scan
	Line     int    `cbor:"24,keyasint,omitempty" json:"line,omitempty"`    // of Order, for a put-back
}

type (
	// ClaimFloor takes a floor task: the named one, or the first of a kind
	// ("" = of any kind). The worker must be signed in and free.
	ClaimFloor struct {
		Device string `cbor:"1,keyasint" json:"device"`
		Task   string `cbor:"2,keyasint,omitempty" json:"task,omitempty"`
		Of     string `cbor:"3,keyasint,omitempty" json:"of,omitempty"` // kind
	}
	// SkipFloor puts the worker's floor task at the end of its queue. Goods
	// in hand must be put down first.
	SkipFloor struct {
		Device string `cbor:"1,keyasint" json:"device"`
		Task   string `cbor:"2,keyasint" json:"task"`
		Reason string `cbor:"3,keyasint,omitempty" json:"reason,omitempty"`
	}
	// MoveFloor gives a floor task to another worker, or back to the queue
	// when Worker is "". A lead's act. What was in hand is scanned anew.
	MoveFloor struct {
		Task   string `cbor:"1,keyasint" json:"task"`
		Worker string `cbor:"2,keyasint,omitempty" json:"worker,omitempty"`
		Reason string `cbor:"3,keyasint" json:"reason"`
	}
	// EndFloor gives a floor task up: nothing is moved and the reservation
	// ends. A lead's act. Goods that stand in no bin must be put away, so
	// their task can only be given up when a bin takes them: refused.
	EndFloor struct {
		Task   string `cbor:"1,keyasint" json:"task"`
		Reason string `cbor:"2,keyasint" json:"reason"`
	}
	// AskMove makes a floor task of a person's wish to have goods moved.
	AskMove struct {
		SKU      string `cbor:"1,keyasint" json:"sku"`
		Lot      string `cbor:"2,keyasint,omitempty" json:"lot,omitempty"`
		Qty      int64  `cbor:"3,keyasint" json:"qty"`
		From     string `cbor:"4,keyasint" json:"from"` // bin code
		To       string `cbor:"5,keyasint,omitempty" json:"to,omitempty"`
		Priority int    `cbor:"6,keyasint,omitempty" json:"priority,omitempty"`
		Reason   string `cbor:"7,keyasint,omitempty" json:"reason,omitempty"`
		// Owner, Serial and Status say whose goods, which unit, of which class.
		Owner  string `cbor:"8,keyasint,omitempty" json:"owner,omitempty"`
		Serial string `cbor:"9,keyasint,omitempty" json:"serial,omitempty"`
		Status string `cbor:"10,keyasint,omitempty" json:"status,omitempty"`
		// Second is the badge of who agrees that a lot goes out of turn (fefo.go).
		Second string `cbor:"11,keyasint,omitempty" json:"second,omitempty"`
	}
)

// Kind implements Command.
func (ClaimFloor) Kind() Kind { return KindClaimFloor }

// Kind implements Command.
func (SkipFloor) Kind() Kind { return KindSkipFloor }

// Kind implements Command.
func (MoveFloor) Kind() Kind { return KindMoveFloor }

// Kind implements Command.
func (EndFloor) Kind() Kind { return KindEndFloor }

// Kind implements Command.
func (AskMove) Kind() Kind { return KindAskMove }

func (c ClaimFloor) deviceID() string { return c.Device }
func (c SkipFloor) deviceID() string  { return c.Device }

func (t *FloorTask) stock() stockKey {
	return stockKey{sku: t.SKU, lot: t.Lot, serial: t.Serial, owner: t.Owner, status: t.Status}
}

func floorQueueKey(t *FloorTask) []byte {
	return key(kFloorQ, t.Kind, string([]byte{'0' + byte(9-t.Priority)}), num(t.Place), t.ID)
}

// newFloorTask makes a task out of its kind, what and where, and reserves what
// it shall move.
func (c *change) newFloorTask(t FloorTask) (*FloorTask, error) {
	n, err := c.next(kFloor)
	if err != nil {
		return nil, err
	}
	t.ID, t.State, t.Asked, t.Place = fmt.Sprintf("K%06d", n), TaskOpen, c.meta.Now, n
	if t.Qty > 0 && t.Kind != FloorPutBack {
		if err := c.reserveAt(t.From, t.stock(), t.Qty); err != nil {
			return nil, err
		}
	}
	return &t, c.saveFloor(&t)
}

// reserveAt is reserve for any place.
func (c *change) reserveAt(place string, s stockKey, qty int64) error {
	expiry, err := lotExpiry(c, s.sku, s.lot)
	if err != nil {
		return err
	}
	c.touch("stock", s.sku)
	return c.balance(place, s, expiry, 0, qty)
}

// saveFloor writes the task and its row in the queue.
func (c *change) saveFloor(t *FloorTask) error {
	c.touch("floor", t.Kind)
	if err := c.index(floorQueueKey(t), t.State == TaskOpen); err != nil {
		return err
	}
	return save(c, key(kFloor, t.ID), t)
}

// dropFloor deletes a task. Its reservation is gone already; a worker who had
// it is free.
func (c *change) dropFloor(t *FloorTask) error {
	if err := c.freeFloor(t); err != nil {
		return err
	}
	if err := c.index(floorQueueKey(t), false); err != nil {
		return err
	}
	c.touch("floor", t.Kind)
	return c.Delete(key(kFloor, t.ID))
}

// freeFloor takes a task from its worker. The task is not saved.
func (c *change) freeFloor(t *FloorTask) error {
	if t.Worker == "" {
		return nil
	}
	ws, err := c.workerState(t.Worker)
	if err != nil {
		return err
	}
	before := *ws
	ws.Floor = ""
	if err := c.saveWorker(ws, before); err != nil {
		return err
	}
	if err := c.setAlarm(alarmFloor, t.ID, t.Lease, 0); err != nil {
		return err
	}
	t.State, t.Worker, t.Lease = TaskOpen, "", 0
	t.AtFrom, t.Held, t.Confirm = false, 0, ""
	if t.Kind == FloorPutBack {
		t.Lot, t.Serial = "", ""
	}
	return nil
}

// giveFloor gives an open task to a worker who is free.
func (c *change) giveFloor(t *FloorTask, ws *WorkerState) error {
	site, err := c.theSite()
	if err != nil {
		return err
	}
	before := *ws
	ws.Floor = t.ID
	if ws.WaitingSince != 0 {
		ws.WaitingSince, ws.Zone = 0, ""
		c.touch("waiting", "")
	}
	if err := c.saveWorker(ws, before); err != nil {
		return err
	}
	if err := c.index(floorQueueKey(t), false); err != nil {
		return err
	}
	t.State, t.Worker = TaskClaimed, ws.Worker
	return c.leaseFloor(t, c.meta.Now+site.LeaseMs)
}

// leaseFloor moves the end of a task's lease and saves the task.
func (c *change) leaseFloor(t *FloorTask, end int64) error {
	if err := c.setAlarm(alarmFloor, t.ID, t.Lease, end); err != nil {
		return err
	}
	t.Lease = end
	return c.saveFloor(t)
}

// endFloorLease gives a task back that nobody works on. With goods in hand it
// stays with the worker, who has them, under a new lease.
func (c *change) endFloorLease(id string) error {
	t, err := must2(GetFloorTask(c, id))("floor task", id)
	if err != nil {
		return err
	}
	site, err := c.theSite()
	if err != nil {
		return err
	}
	if t.Held > 0 {
		return c.leaseFloor(t, c.meta.Now+site.LeaseMs)
	}
	if err := c.freeFloor(t); err != nil {
		return err
	}
	return c.saveFloor(t)
}

func claimFloor(c *change, cmd ClaimFloor) (Result, error) {
	ws, err := c.onDevice(cmd.Device)
	if err != nil {
		return Result{}, err
	}
	if ws.Floor != "" && cmd.Task == ws.Floor {
		return Result{Ref: ws.Floor}, nil // the worker comes back to it
	}
	if ws.Batch != "" || ws.Floor != "" {
		return Result{}, refuse(CodeHasWork, "%s has %s", ws.Worker, cmp.Or(ws.Floor, ws.Batch))
	}
	if cmd.Of != "" && !slices.Contains(floorKinds, cmd.Of) {
		return Result{}, refuse(CodeInvalid, "kind %q", cmd.Of)
	}
	t, err := c.findFloor(cmd, ws.Worker)
	if err != nil {
		return Result{}, err
	}
	return Result{Ref: t.ID}, c.giveFloor(t, ws)
}

// findFloor is the task a claim asks for.
func (c *change) findFloor(cmd ClaimFloor, worker string) (*FloorTask, error) {
	if cmd.Task != "" {
		t, err := c.floorTask(cmd.Task)
		if err == nil && t.State != TaskOpen {
			err = refuse(CodeClaimed, "task %s is with %s", t.ID, t.Worker)
		}
		if err != nil {
			return nil, err
		}
		if may, err := c.mayCount(t, worker); err != nil || !may {
			if err == nil {
				err = refuse(CodeSamePerson, "%s counted bin %s before", worker, bareCode(t.From))
			}
			return nil, err
		}
		return t, nil
	}
	for _, kind := range floorKinds {
		if cmd.Of != "" && cmd.Of != kind {
			continue
		}
		ids, err := tails(c, under(kFloorQ, kind), claimTries)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			t, err := must2(GetFloorTask(c, id))("floor task", id)
			if err != nil {
				return nil, err
			}
			if may, err := c.mayCount(t, worker); err != nil || may {
				return t, err
			}
		}
	}
	return nil, refuse(CodeNoWork, "no floor task waits")
}

// floorTask loads a task somebody named.
func (c *change) floorTask(id string) (*FloorTask, error) {
	if !validID(id) {
		return nil, refuse(CodeUnknownTask, "task %q", id)
	}
	t, err := GetFloorTask(c, id)
	if err == nil && t == nil {
		err = refuse(CodeUnknownTask, "task %s is done or was never asked for", id)
	}
	return t, err
}

func skipFloor(c *change, cmd SkipFloor) (Result, error) {
	ws, err := c.onDevice(cmd.Device)
	if err != nil {
		return Result{}, err
	}
	if ws.Floor == "" || ws.Floor != cmd.Task {
		return Result{}, refuse(CodeReplayInvalid, "task %s is not in hand", cmd.Task)
	}
	if cmd.Reason != "" && !validText(cmd.Reason, maxText) {
		return Result{}, refuse(CodeInvalid, "reason")
	}
	t, err := must2(GetFloorTask(c, ws.Floor))("floor task", ws.Floor)
	if err != nil {
		return Result{}, err
	}
	if t.Held > 0 {
		return Result{}, refuse(CodeHasWork, "%d of %s are in hand: put them down first", t.Held, t.SKU)
	}
	if err := c.freeFloor(t); err != nil {
		return Result{}, err
	}
	n, err := c.next(kFloor)
	if err != nil {
		return Result{}, err
	}
	t.Place = n
	t.Skips++
	if cmd.Reason != "" {
		t.Reason = cmd.Reason
	}
	return Result{Ref: t.ID}, c.saveFloor(t)
}

func moveFloor(c *change, cmd MoveFloor) (Result, error) {
	t, err := c.floorTask(cmd.Task)
	if err != nil {
		return Result{}, err
	}
	if !validText(cmd.Reason, maxText) {
		return Result{}, refuse(CodeInvalid, "reason")
	}
	res := Result{Ref: t.ID}
	if cmd.Worker == t.Worker {
		return res, nil
	}
	if err := c.freeFloor(t); err != nil {
		return res, err
	}
	t.Reason = cmd.Reason
	if cmd.Worker == "" {
		return res, c.saveFloor(t)
	}
	if w, err := GetWorker(c, cmd.Worker); err != nil || w == nil || !validID(cmd.Worker) {
		if err == nil {
			err = refuse(CodeInvalid, "no worker %q", cmd.Worker)
		}
		return res, err
	}
	if may, err := c.mayCount(t, cmd.Worker); err != nil || !may {
		if err == nil {
			err = refuse(CodeSamePerson, "%s counted bin %s before", cmd.Worker, bareCode(t.From))
		}
		return res, err
	}
	ws, err := c.workerState(cmd.Worker)
	if err != nil {
		return res, err
	}
	if ws.Batch != "" || ws.Floor != "" {
		return res, refuse(CodeHasWork, "%s has %s", ws.Worker, cmp.Or(ws.Floor, ws.Batch))
	}
	return res, c.giveFloor(t, ws)
}

func endFloor(c *change, cmd EndFloor) (Result, error) {
	t, err := c.floorTask(cmd.Task)
	if err != nil {
		return Result{}, err
	}
	if !validText(cmd.Reason, maxText) {
		return Result{}, refuse(CodeInvalid, "reason")
	}
	if t.Kind == FloorCount {
		if err := c.dropCount(t.Ref); err != nil {
			return Result{}, err
		}
	}
	if t.Qty > 0 {
		if !isBinPlace(t.From) {
			return Result{}, refuse(CodeConflict, "the goods of task %s stand in %s: they must be put into a bin", t.ID, t.From)
		}
		if err := c.reserveAt(t.From, t.stock(), -t.Qty); err != nil {
			return Result{}, err
		}
		if err := c.retryWaiting([]string{demand{t.SKU, t.Owner}.row()}); err != nil {
			return Result{}, err
		}
	}
	if err := c.dropFloor(t); err != nil {
		return Result{}, err
	}
	return Result{Ref: t.ID}, c.faceOver(t)
}

func askMove(c *change, cmd AskMove) (Result, error) {
	switch {
	case !validID(cmd.From), cmd.To != "" && !validID(cmd.To), cmd.To == cmd.From:
		return Result{}, refuse(CodeInvalid, "from and to: two bins")
	case !validID(cmd.SKU), cmd.Lot != "" && !validBarcode(cmd.Lot):
		return Result{}, refuse(CodeInvalid, "sku and lot")
	case cmd.Qty < 1 || cmd.Qty > maxStockQty:
		return Result{}, refuse(CodeInvalid, "quantity")
	case cmd.Priority < 0 || cmd.Priority > 9:
		return Result{}, refuse(CodeInvalid, "priority: 0 to 9")
	case cmd.Reason != "" && !validText(cmd.Reason, maxText):
		return Result{}, refuse(CodeInvalid, "reason")
	}
	t := FloorTask{
		Kind: FloorMove, Priority: cmd.Priority, SKU: cmd.SKU, Lot: cmd.Lot, Qty: cmd.Qty,
		From: BinPlace(cmd.From), Reason: cmd.Reason, Owner: cmd.Owner, Serial: cmd.Serial, Status: cmd.Status,
	}
	if why := checkKey(t.stock()); why != "" {
		return Result{}, refuse(CodeInvalid, "%s", why)
	}
	if err := c.refuseStolen(cmd.SKU, cmd.Serial); err != nil {
		return Result{}, err
	}
	if cmd.To != "" {
		t.To = BinPlace(cmd.To)
	}
	for _, bin := range []string{cmd.From, cmd.To} {
		if bin == "" {
			continue
		}
		if b, err := GetBin(c, bin); err != nil || b == nil {
			if err == nil {
				err = refuse(CodeUnknownBin, "bin %s", bin)
			}
			return Result{}, err
		}
	}
	row, err := load[stockRow](c, stockRowKey(t.From, t.stock()))
	if err != nil {
		return Result{}, err
	}
	if row == nil || row.Qty-row.Reserved < cmd.Qty {
		return Result{}, refuse(CodeNotEnough, "%s does not hold %d of %s that are free", cmd.From, cmd.Qty, cmd.SKU)
	}
	if err := c.inTurn(position{t.From, t.stock()}, t.Qty, cmd.Second); err != nil {
		return Result{}, err
	}
	made, err := c.newFloorTask(t)
	if err != nil {
		return Result{}, err
	}
	return Result{Ref: made.ID}, nil
}

// GetFloorTask returns a floor task by id; nil when it is done.
func GetFloorTask(r Reader, id string) (*FloorTask, error) {
	return load[FloorTask](r, key(kFloor, id))
}

// FloorTasks lists the floor tasks that are not done, oldest first, at most
// limit, all when 0.
func FloorTasks(r Reader, limit int) ([]FloorTask, error) {
	return list[FloorTask](r, under(kFloor), limit)
}
