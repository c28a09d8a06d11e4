package warehouse

import "cmp"

// Work changes hands: a worker gives the running batch or floor task to another
// one by badge (HandOver), a lead gives a batch with its cart to another worker
// (ReassignBatch) or ends the batch of one who is gone (ForceRelease).
//
// Whoever takes work over stands where the other one stood. Goods in hand that
// no tote has are in the bin by the book, so they are scanned anew. A robot is
// its own cart: its batch is force-released, not handed over.

type (
	// HandOver gives what the worker on a device has in hand to the worker of
	// a badge, who must be free.
	HandOver struct {
		Device string `cbor:"1,keyasint" json:"device"`
		Badge  string `cbor:"2,keyasint" json:"badge"`
		Task   string `cbor:"3,keyasint,omitempty" json:"task,omitempty"` // the current one, "" = whatever it is
	}
	// ReassignBatch gives a batch and its cart to another worker, who must be
	// free. A lead's act.
	ReassignBatch struct {
		Batch  string `cbor:"1,keyasint" json:"batch"`
		Worker string `cbor:"2,keyasint" json:"worker"`
		Reason string `cbor:"3,keyasint" json:"reason"`
	}
	// ForceRelease ends a batch whose worker is gone: what was not put into a
	// tote goes back to the pool, and the totes are put down at the pack drop.
	// A lead's act.
	ForceRelease struct {
		Batch  string `cbor:"1,keyasint" json:"batch"`
		Reason string `cbor:"2,keyasint" json:"reason"`
	}
)

// Kind of the command.
func (HandOver) Kind() Kind { return KindHandOver }

// Kind of the command.
func (ReassignBatch) Kind() Kind { return KindReassignBatch }

// Kind of the command.
func (ForceRelease) Kind() Kind { return KindForceRelease }

func (c HandOver) deviceID() string { return c.Device }

func handOver(c *change, cmd HandOver) (Result, error) {
	ws, err := c.onDevice(cmd.Device)
	if err != nil {
		return Result{}, err
	}
	to, err := c.byBadge(cmd.Badge)
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: to}
	switch {
	case ws.Floor != "":
		t, err := c.floorInHand(ws, cmd.Task, "")
		if err != nil {
			return res, err
		}
		return res, c.passFloor(t, to)
	case ws.Batch == "":
		return res, refuse(CodeNoWork, "%s has nothing in hand", ws.Worker)
	}
	w, err := c.walkOf(cmd.Device, cmd.Task, "")
	if err != nil {
		return res, err
	}
	return res, c.passBatch(w.batch, to)
}

func reassignBatch(c *change, cmd ReassignBatch) (Result, error) {
	res := Result{Ref: cmd.Batch}
	if err := because(cmd.Reason); err != nil {
		return res, err
	}
	b, err := c.runningBatch(cmd.Batch)
	if err != nil {
		return res, err
	}
	if w, err := GetWorker(c, cmd.Worker); err != nil || w == nil || !validID(cmd.Worker) {
		if err == nil {
			err = refuse(CodeInvalid, "no worker %.70q", cmd.Worker)
		}
		return res, err
	}
	if err := c.passBatch(b, cmd.Worker); err != nil {
		return res, err
	}
	return res, c.noteAct(Decision{Detail: cleanText(cmd.Batch + " to " + cmd.Worker + ": " + cmd.Reason)})
}

func forceRelease(c *change, cmd ForceRelease) (Result, error) {
	res := Result{Ref: cmd.Batch}
	if err := because(cmd.Reason); err != nil {
		return res, err
	}
	site, err := c.theSite()
	if err != nil {
		return res, err
	}
	b, err := c.runningBatch(cmd.Batch)
	if err != nil {
		return res, err
	}
	for _, id := range b.Walk[b.At:] {
		t, err := c.task(id)
		if err != nil {
			return res, err
		}
		t.State, t.Batch, t.Slot = TaskOpen, "", 0
		if err := c.saveTask(t); err != nil {
			return res, err
		}
	}
	for _, s := range b.Slots {
		if err := c.putDown(site, s); err != nil {
			return res, err
		}
	}
	b.Walk = b.Walk[:b.At]
	if err := c.endBatch(b, BatchReturned); err != nil {
		return res, err
	}
	return res, c.noteAct(Decision{Detail: cleanText(cmd.Batch + " of " + b.Worker + ": " + cmd.Reason)})
}

// runningBatch loads a batch somebody named.
func (c *change) runningBatch(id string) (*Batch, error) {
	var b *Batch
	var err error
	if validID(id) {
		b, err = GetBatch(c, id)
	}
	if err != nil {
		return nil, err
	}
	if b == nil || b.State != BatchActive {
		return nil, refuse(CodeUnknownBatch, "batch %.70q", id)
	}
	return c.batch(id)
}

// byBadge is the worker of a badge.
func (c *change) byBadge(badge string) (string, error) {
	code := plainCode(badge)
	if !scannable(code) {
		return "", refuse(CodeUnknownBadge, "no badge")
	}
	id, err := c.Get(key(kBadge, code))
	if err == nil && id == nil {
		err = refuse(CodeUnknownBadge, "badge %s", code)
	}
	return string(id), err
}

// freeHands loads a worker who can take work over.
func (c *change) freeHands(worker string) (*WorkerState, error) {
	kind, err := WorkerKind(c, worker)
	if err != nil {
		return nil, err
	}
	if kind == WorkerRobot {
		return nil, refuse(CodeInvalid, "%s is a robot: it takes no cart", worker)
	}
	ws, err := c.workerState(worker)
	if err == nil && (ws.Batch != "" || ws.Floor != "") {
		err = refuse(CodeHasWork, "%s has %s", worker, cmp.Or(ws.Floor, ws.Batch))
	}
	return ws, err
}

// passBatch gives a batch to another worker.
func (c *change) passBatch(b *Batch, worker string) error {
	to, err := c.freeHands(worker)
	if err != nil {
		return err
	}
	if kind, err := WorkerKind(c, b.Worker); err != nil || kind == WorkerRobot {
		if err == nil {
			err = refuse(CodeInvalid, "batch %s is on robot %s: release it instead", b.ID, b.Worker)
		}
		return err
	}
	site, err := c.theSite()
	if err != nil {
		return err
	}
	from, err := c.workerState(b.Worker)
	if err != nil {
		return err
	}
	before := *from
	from.Batch = ""
	if err := c.saveWorker(from, before); err != nil {
		return err
	}
	before = *to
	to.Batch = b.ID
	if to.WaitingSince != 0 {
		to.WaitingSince, to.Zone = 0, ""
		c.touch("waiting", "")
	}
	if err := c.saveWorker(to, before); err != nil {
		return err
	}
	b.Worker, b.BinOK, b.Held = worker, false, 0
	if err := c.setLease(b, c.meta.Now+site.LeaseMs); err != nil {
		return err
	}
	return c.saveBatch(b)
}

// passFloor gives a floor task to another worker.
func (c *change) passFloor(t *FloorTask, worker string) error {
	to, err := c.freeHands(worker)
	if err != nil {
		return err
	}
	if may, err := c.mayCount(t, worker); err != nil || !may {
		if err == nil {
			err = refuse(CodeSamePerson, "%s counted bin %s before", worker, bareCode(t.From))
		}
		return err
	}
	if err := c.freeFloor(t); err != nil {
		return err
	}
	return c.giveFloor(t, to)
}
