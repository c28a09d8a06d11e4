package warehouse

import (
	"fmt"
	"slices"
)

// Reshape: an accepted amendment of an order whose picking has begun, line by
// line. Too much is given back from the open tasks first and is to be put back
// otherwise; what is missing is reserved anew.

// reshape makes an order whose picking has begun what a revision asks for.
func (c *change) reshape(site *Site, o *Order, q *quoteRecord) error {
	same := sameLines(o, q.Spec)
	if o.State != OrderPacked && !same {
		if err := c.unpart(o, "the order was changed"); err != nil {
			return err
		}
	}
	if o.State == OrderPacked || o.parted() { // no label is sent yet
		for _, p := range o.Parcels {
			j, err := must2(GetJob(c, p.Job))("job", p.Job)
			if err != nil {
				return err
			}
			j.ShipTo = q.Spec.ShipTo
			if err := c.saveJob(j); err != nil {
				return err
			}
		}
	}
	if o.State == OrderPacking && !same {
		if err := c.leaveBench(o, CodeAmended); err != nil {
			return err
		}
		if err := c.enter(o, OrderPicked); err != nil {
			return err
		}
	}
	if err := c.index(poolKey(o), false); err != nil { // it holds the old priority
		return err
	}
	o.Spec, o.Hash, o.Source = q.Spec, q.Hash, q.Source
	if err := c.lineUp(o); err != nil {
		return err
	}
	if err := c.noteKit(o); err != nil {
		return err
	}
	r := Request{State: RequestAmendAccepted, Revision: q.Spec.Revision, Charge: o.Request.Charge, Limits: o.Request.Limits}
	if err := c.ask(o, r); err != nil {
		return err
	}
	if err := c.takeHolds(o); err != nil {
		return err
	}
	if o.held() {
		if err := c.setAside(o); err != nil {
			return err
		}
	}
	var freed []string
	if !same {
		var err error
		if freed, err = c.reshapeLines(o); err != nil {
			return err
		}
		if err := c.settleWork(site, o); err != nil {
			return err
		}
	}
	err := c.emit(EvOrderAmended, o.Spec.ID, EventData{
		State: string(o.State), Born: c.bornOf(o), Revision: o.Spec.Revision, Source: o.Source, ExtraCharge: r.Charge, Restrictions: r.Limits,
		Lines: tellLines(o.Lines),
	})
	if err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	return c.retryWaiting(freed)
}

// reshapeLines gives back what is too much and reserves what is missing, line by
// line. It returns the items whose stock came free.
func (c *change) reshapeLines(o *Order) (freed []string, err error) {
	for _, l := range o.Spec.Lines {
		if !hasLine(o, l.Line) {
			o.Lines = append(o.Lines, LineState{Line: l.Line, SKU: l.SKU, Kind: l.Kind, State: LineOpen})
		}
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		want := wanted(o.Spec, l.Line)
		if l.due() == want {
			continue
		}
		if l.Kind == LineKindDropShip {
			if want == 0 {
				l.State = LineCancelled
			} else {
				l.Qty, l.State = want, LineDropShip
			}
			continue
		}
		open, err := c.openQty(l)
		if err != nil {
			return nil, err
		}
		if l.State == LineShort && want < l.Qty && l.kept()+open < want {
			l.Qty = want // less, and short still
			continue
		}
		err = c.clearFallouts(o, "amended", func(f *Fallout) bool { return f.Line == l.Line && (isOutOfStock(f) || isShortReason(f.Code)) })
		if err != nil {
			return nil, err
		}
		hand, err := c.backInHand(l) // goes back in any case
		if err != nil {
			return nil, err
		}
		if over := l.Picked - hand + open - want; over > 0 && open > 0 {
			gave, err := c.giveUp(o, l, over, want == 0)
			if err != nil {
				return nil, err
			}
			open -= gave
			freed = append(freed, demand{l.SKU, o.Spec.Owner}.row())
		}
		l.PutBack = max(hand, l.Picked-want)
		if want == 0 {
			l.State = LineCancelled
			continue
		}
		l.Qty, l.State = want, LineAllocated
		if need := want - l.kept() - open; need > 0 {
			if err := c.reserveMore(o, l, need); err != nil {
				return nil, err
			}
		} else if open == 0 {
			l.State = LinePicked
		}
	}
	return freed, c.markPutBack(o)
}

// giveUp takes up to n units out of the open tasks of a line, the newest first.
// Goods in hand stay with their task unless the whole line goes.
func (c *change) giveUp(o *Order, l *LineState, n int64, all bool) (gave int64, err error) {
	for _, id := range slices.Backward(l.Tasks) {
		t, err := c.task(id)
		if err != nil {
			return gave, err
		}
		if closed(t) || gave == n {
			continue
		}
		cut := min(t.Qty-t.Picked, n-gave)
		var b *Batch
		if t.Batch != "" {
			if b, err = c.batch(t.Batch); err != nil {
				return gave, err
			}
		}
		if current := b != nil && b.At < len(b.Walk) && b.Walk[b.At] == t.ID; current && !all {
			cut = min(cut, t.Qty-b.Held)
		}
		if cut == 0 {
			continue
		}
		if err := c.reserve(t.Bin, t.stock(), t.Expiry, -cut); err != nil {
			return gave, err
		}
		gave += cut
		if cut < t.Qty {
			t.Qty -= cut
		} else {
			t.State = TaskCancelled
			if b != nil {
				if err := c.dropTask(b, t.ID); err != nil {
					return gave, err
				}
			}
		}
		if err := c.saveTask(t); err != nil {
			return gave, err
		}
	}
	return gave, nil
}

// dropTask takes an open task out of a walk. Goods in hand for it go back to
// their bin: they are booked there still.
func (c *change) dropTask(b *Batch, id string) error {
	at := slices.Index(b.Walk, id)
	if at < b.At {
		return fmt.Errorf("%w: task %s is not ahead in batch %s", ErrCorrupt, id, b.ID)
	}
	b.Walk = slices.Delete(b.Walk, at, at+1)
	if at == b.At {
		b.BinOK, b.Held = false, 0
	}
	if err := c.touchWorker(b.Worker); err != nil {
		return err
	}
	return c.saveBatch(b)
}

// reserveMore reserves more for a line. What is nowhere after all makes it short.
func (c *change) reserveMore(o *Order, l *LineState, need int64) error {
	takes, missing, err := c.plan(demand{l.SKU, o.Spec.Owner}, need, nil)
	if err != nil {
		return err
	}
	takes, missing = roomFor(o, takes, missing)
	slot := 0
	var b *Batch
	if o.Batch != "" && !o.held() {
		if b, err = c.batch(o.Batch); err != nil {
			return err
		}
		for _, s := range b.Slots {
			if s.Order == o.Spec.ID {
				slot = s.Slot
			}
		}
	}
	id := ""
	if b != nil {
		id = b.ID
	}
	ids, err := c.makeInZone(o, l, takes, b, id, slot)
	if err != nil {
		return err
	}
	if b != nil && len(ids) > 0 {
		b.Walk = append(b.Walk, ids...)
		if err := c.touchWorker(b.Worker); err != nil {
			return err
		}
		if err := c.saveBatch(b); err != nil {
			return err
		}
	}
	if missing > 0 {
		l.State = LineShort
		if o.Spec.Partial {
			return c.tell(o, EvOrderShort)
		}
		return c.openFallout(o, Fallout{Code: FalloutOutOfStock, Line: l.Line, SKU: l.SKU, Qty: missing})
	}
	return nil
}

// settleWork takes an order whose lines were changed to where its work is now.
func (c *change) settleWork(site *Site, o *Order) error {
	if o.Batch != "" {
		return nil // the walk goes on
	}
	open, err := c.hasOpenTasks(o)
	if err != nil {
		return err
	}
	switch {
	case o.State == OrderPicked && open:
		// REQUESTED or FAILED: checkMore has seen to it.
		if err := c.endTrip(o.Tote); err != nil {
			return err
		}
		if err := c.clearFallouts(o, "amended", isTransportFallout); err != nil {
			return err
		}
		return c.enter(o, OrderPicking)
	case o.State == OrderPicking && !open && o.Tote != "":
		if err := c.enter(o, OrderPicked); err != nil {
			return err
		}
		return c.requestTransport(site, o)
	}
	return nil
}
