package warehouse

import "fmt"

// isShortReason tells whether a picker may give this reason.
func isShortReason(code string) bool {
	switch code {
	case FalloutStockout, FalloutDamaged, FalloutNotLocated, FalloutInsufficient, FalloutExpired, FalloutOther:
		return true
	}
	return false
}

// shortPick closes the current task with what is in hand. The rest is reserved
// elsewhere and appended to the walk; what is nowhere makes the line short and
// parks the order, never the walk.
func shortPick(c *change, cmd ShortPick) (Result, error) {
	ws, err := c.onDevice(cmd.Device)
	if err != nil {
		return Result{}, err
	}
	if ws.Floor != "" {
		return c.shortFloor(ws, cmd)
	}
	w, err := c.walkOf(cmd.Device, cmd.Task, "short "+cmd.Reason)
	if err != nil {
		return Result{}, err
	}
	if !isShortReason(cmd.Reason) {
		return Result{}, refuse(CodeInvalid, "reason %q", cmd.Reason)
	}
	if w.step != StepScanBin && w.step != StepScanItem {
		return Result{}, refuse(CodeWrongStep, "expected %s", w.step)
	}
	if err := c.claim(w); err != nil {
		return Result{}, err
	}
	text, err := c.shorten(w, cmd.Reason)
	if err != nil {
		return Result{}, err
	}
	if w.task.Qty == 0 {
		err = c.advance(w)
	} else {
		w.step = StepScanSlot
	}
	if err != nil {
		return Result{}, err
	}
	res, err := c.done(w)
	res.Text = text
	return res, err
}

// shorten reduces the claimed task to what is in hand and finds the rest
// elsewhere, if it can. The text says how that went.
func (c *change) shorten(w *walk, reason string) (string, error) {
	t, o := w.task, w.order
	rest := t.Qty - w.batch.Held
	t.Qty, t.Short = w.batch.Held, rest
	if t.Qty == 0 {
		t.State = TaskShort
	}
	if err := c.reserve(t.Bin, t.stock(), t.Expiry, -rest); err != nil {
		return "", err
	}
	if err := c.saveTask(t); err != nil {
		return "", err
	}
	if err := c.suspect(t.Bin, t.SKU, reason); err != nil {
		return "", err
	}
	takes, missing, err := c.plan(demand{t.SKU, t.Owner}, rest, nil)
	if err != nil {
		return "", err
	}
	takes, missing = roomFor(o, takes, missing)
	l, err := lineOf(o, t.Line)
	if err != nil {
		return "", err
	}
	if missing > 0 {
		subs, ok, err := c.standInAtPick(o, l)
		if err != nil {
			return "", err
		}
		if ok {
			takes, missing = subs, 0
		}
	}
	batch, slot := w.batch.ID, t.Slot
	if o.held() { // for a later walk
		batch, slot = "", 0
	}
	more, err := c.makeInZone(o, l, takes, w.batch, batch, slot)
	if err != nil {
		return "", err
	}
	if batch != "" {
		w.batch.Walk = append(w.batch.Walk, more...)
	}
	if missing > 0 {
		l.State = LineShort
		if err := c.tellLack(o, l, missing, lackOfPick(reason)); err != nil {
			return "", err
		}
		if o.Spec.Partial { // the rest becomes a backorder
			err = c.tell(o, EvOrderShort)
		} else {
			err = c.openFallout(o, Fallout{Code: reason, Line: t.Line, SKU: t.SKU, Bin: t.Bin, Lot: t.Lot, Qty: missing})
		}
		if err != nil {
			return "", err
		}
	}
	if err := c.saveOrder(o); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d short: %d elsewhere, %d nowhere", rest, rest-missing, missing), c.rescue(t)
}

// rescue moves the tasks of the pool that count on the same stock to other
// bins, each as a whole or not at all.
func (c *change) rescue(failed *Task) error { return c.rescueFrom(failed.Bin, failed.SKU, failed.Lot) }

func (c *change) rescueFrom(bin, sku, lot string) error {
	ids, err := c.openTasks(bin, sku, lot)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if c.over(rescueKeys, rescueBytes) {
			return nil // their pickers will find the bin as it is
		}
		t, err := c.task(id)
		if err != nil {
			return err
		}
		takes, missing, err := c.plan(demand{t.SKU, t.Owner}, t.Qty, nil)
		if err != nil {
			return err
		}
		if missing > 0 {
			continue
		}
		o, err := c.order(t.Order)
		if _, err := must(o, err, "order", t.Order); err != nil {
			return err
		}
		if _, missing = roomFor(o, takes, 0); missing > 0 {
			continue
		}
		l, err := lineOf(o, t.Line)
		if err != nil {
			return err
		}
		if err := c.reserve(t.Bin, t.stock(), t.Expiry, -t.Qty); err != nil {
			return err
		}
		t.State = TaskCancelled
		if err := c.saveTask(t); err != nil {
			return err
		}
		if _, err := c.makeTasks(o, l, takes, "", 0); err != nil {
			return err
		}
		c.touch("pool", "")
		if err := c.saveOrder(o); err != nil {
			return err
		}
	}
	return nil
}

// openTasks lists the tasks of the pool on one position. Task ids hold no zero
// byte, so the last component of the key is the whole id.
func (c *change) openTasks(bin, sku, lot string) ([]string, error) {
	return tails(c, under(kOpen, bin, sku, lot), 0)
}
