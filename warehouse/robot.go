package warehouse

import (
	"fmt"
	"slices"
)

// Picking robots are workers: they sign in, ask for work and finish a batch as
// people do. What takes a person three scans is one command of a robot, under
// the same rules.

// maxFailures is how many robots may give a task back before a person is asked.
const maxFailures = 2

// walkOfRobot finds the work of a robot. done says that the task is closed
// already: the report came twice.
func (c *change) walkOfRobot(cmd RobotPick) (w *walk, done bool, err error) {
	kind, err := WorkerKind(c, cmd.Worker)
	if err != nil {
		return nil, false, err
	}
	if kind != WorkerRobot {
		return nil, false, refuse(CodeNotARobot, "worker %q", cmd.Worker)
	}
	ws, err := c.workerState(cmd.Worker)
	if err != nil {
		return nil, false, err
	}
	if ws.Batch == "" {
		return nil, false, refuse(CodeNoWork, "%s has no batch", cmd.Worker)
	}
	w = &walk{}
	if w.batch, err = c.batch(ws.Batch); err != nil {
		return nil, false, err
	}
	if slices.Contains(w.batch.Walk[:w.batch.At], cmd.Task) {
		return w, true, nil
	}
	if err := c.current(w); err != nil {
		return nil, false, err
	}
	switch {
	case w.task == nil || w.task.ID != cmd.Task:
		return nil, false, refuse(CodeReplayInvalid, "task %s is not the current one", cmd.Task)
	case w.batch.Held > 0:
		return nil, false, refuse(CodeWrongStep, "%d are in hand: expected %s", w.batch.Held, w.step)
	}
	return w, false, nil
}

func robotPick(c *change, cmd RobotPick) (Result, error) {
	if !validID(cmd.Worker) {
		return Result{}, refuse(CodeInvalid, "worker id")
	}
	w, done, err := c.walkOfRobot(cmd)
	if err != nil {
		return Result{}, err
	}
	if done {
		return Result{Ref: w.batch.ID, Text: "task " + cmd.Task + " is closed"}, nil
	}
	// A robot proves its bin by doing the task: nothing is claimed ahead.
	w.batch.BinOK = false
	var text string
	switch cmd.Outcome {
	case PickPicked, PickShort:
		text, err = c.robotTake(w, cmd)
	case PickFailed:
		text, err = c.giveBack(w, cmd)
	default:
		err = refuse(CodeInvalid, "outcome %q", cmd.Outcome)
	}
	if err != nil {
		return Result{}, err
	}
	res, err := c.done(w)
	res.Text = text
	return res, err
}

// robotTake puts what the robot picked into the tote; a short pick closes the
// task with that.
func (c *change) robotTake(w *walk, cmd RobotPick) (text string, err error) {
	if cmd.Said != "" {
		return "", refuse(CodeInvalid, "what a robot says beside a pick that is booked")
	}
	if err := c.checkTake(w.task, cmd); err != nil {
		return "", err
	}
	if err := c.claim(w); err != nil {
		return "", err
	}
	if cmd.Serial != "" {
		if err := c.takeSerial(w.task, cmd.Serial); err != nil {
			return "", err
		}
	}
	w.batch.Held = cmd.Qty
	if cmd.Outcome == PickShort {
		if text, err = c.shorten(w, cmd.Code); err != nil {
			return "", err
		}
	}
	if cmd.Qty == 0 {
		return text, c.advance(w)
	}
	return text, c.put(w, cmd.Tote)
}

// checkTake asks of a robot's pick what the scans ask of a person.
func (c *change) checkTake(t *Task, cmd RobotPick) error {
	site, err := c.theSite()
	if err != nil {
		return err
	}
	it, err := must2(GetItem(c, t.SKU))("item", t.SKU)
	if err != nil {
		return err
	}
	short := cmd.Outcome == PickShort
	switch {
	case cmd.Qty < 0:
		return refuse(CodeInvalid, "quantity")
	case short && !isShortReason(cmd.Code):
		return refuse(CodeInvalid, "reason %q", cmd.Code)
	case cmd.Qty > t.Qty:
		return refuse(CodeOverPick, "%d, needed %d", cmd.Qty, t.Qty)
	case short && cmd.Qty == t.Qty:
		return refuse(CodeInvalid, "%d of %d is not short", cmd.Qty, t.Qty)
	case !short && cmd.Qty < t.Qty:
		return refuse(CodeQtyMissing, "%d of %d", cmd.Qty, t.Qty)
	case cmd.Qty == 0:
		return nil
	case it.LotTracked && cmd.Lot != t.Lot:
		return refuse(CodeWrongLot, "this is lot %q, expected %s", cmd.Lot, t.Lot)
	case it.Serials && cmd.Serial == "", !it.Serials && cmd.Serial != "":
		return refuse(CodeWrongSerial, "serial %q of an item %s", cmd.Serial, t.SKU)
	case !c.usable(it, t.Expiry):
		return refuse(FalloutExpired, "lot %s expires %s: report it short", t.Lot, t.Expiry)
	case !isTote(site, cmd.Tote):
		return refuse(CodeUnknownTote, "%q is no tote", cmd.Tote)
	}
	return nil
}

// giveBack returns the task to the order for another worker, with its
// reservation. The order stays in the batch until the walk is over, because
// its tote may be on this cart. Nothing was taken, so nothing is claimed: an
// order that no worker got anything of may still be cancelled. When goods may
// have left the bin all the same, the next worker would take them twice: the
// order waits for a person at once.
func (c *change) giveBack(w *walk, cmd RobotPick) (string, error) {
	if cmd.Qty != 0 {
		return "", refuse(CodeInvalid, "a failed pick takes nothing")
	}
	if err := c.needOrder(w); err != nil {
		return "", err
	}
	t, b := w.task, w.batch
	t.State, t.Batch, t.Slot = TaskOpen, "", 0
	t.Failed++
	t.FailedBy = cmd.Worker
	if err := c.saveTask(t); err != nil {
		return "", err
	}
	b.Walk = slices.Delete(b.Walk, b.At, b.At+1)
	why := cleanText(cmd.Code)
	if cmd.Said != "" {
		why = cleanText(fmt.Sprintf("%s: robot %s says %q", cmd.Code, cmd.Worker, cmd.Said))
	}
	if t.Failed >= maxFailures || cmd.Said != "" {
		err := c.openFallout(w.order, Fallout{
			Code: FalloutRobotFailed, Line: t.Line, SKU: t.SKU, Bin: t.Bin, Lot: t.Lot, Qty: t.Qty, Detail: why,
		})
		if err != nil {
			return "", err
		}
	}
	if err := c.saveOrder(w.order); err != nil {
		return "", err
	}
	return fmt.Sprintf("given back: %s", why), c.current(w)
}

// forgetFailures lets robots try the tasks of an order again: a person has
// decided.
func (c *change) forgetFailures(o *Order) error {
	return c.tasksOf(o, func(t *Task) (bool, error) {
		if t.Failed == 0 || closed(t) {
			return true, nil
		}
		t.Failed = 0
		return true, c.saveTask(t)
	})
}
