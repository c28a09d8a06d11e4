package warehouse

import "fmt"

// Verbs that come too late: a handheld that was offline sends what was done with
// a task that is somebody else's by now. The verb is refused, and what it says
// of the goods is not dropped: it becomes a fallout REPLAY_INVALID, one for each
// handheld, that keeps what came and waits for a lead.
//
// Scans and short picks speak of goods. A skip, a change of lot or a hand-over
// that comes too late has moved nothing and is only refused. A verb for a task that the same worker has closed is an echo and no more than
// refused: nothing is lost. So is one for a task that is not on record; a floor
// task that is done is none any more.

// late refuses a verb about a task that is not the current one of a worker,
// plainly when there is nothing to keep. said is what it says of goods, "" =
// nothing.
func (c *change) late(ws *WorkerState, task, said string, plain error) error {
	if !c.since(level3) || said == "" || !validBarcode(task) {
		return plain
	}
	f := Fallout{Code: CodeReplayInvalid, Detail: cleanText(fmt.Sprintf("%s: %s of task %s", ws.Worker, said, task))}
	t, err := GetTask(c, task)
	if err != nil {
		return err
	}
	if t != nil {
		f.SKU, f.Bin, f.Lot = t.SKU, t.Bin, t.Lot
		b, err := GetBatch(c, t.Batch)
		if err != nil {
			return err
		}
		if closed(t) && b != nil && b.Worker == ws.Worker {
			return plain
		}
	} else {
		ft, err := GetFloorTask(c, task)
		if err != nil || ft == nil {
			if err == nil {
				err = plain
			}
			return err
		}
		f.SKU, f.Bin, f.Lot = ft.SKU, bareCode(ft.From), ft.Lot
	}
	if err := c.strayFallout(handheldPlace(ws.Device), f); err != nil {
		return err
	}
	return refuseKeep(CodeReplayInvalid, "task %s is not the current one", task)
}

// handheldPlace stands for a handheld where fallouts of no order are by dock. No
// dock has such a name.
func handheldPlace(device string) string { return "handheld/" + device }
