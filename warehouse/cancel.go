package warehouse

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Cancel and retry: what the OMS or a person may still decide about an order.

// withdraw takes everything back that an order holds before its first claim:
// reservations, its place in a batch, in the pool and in the waiting rows, and
// its fallouts. It returns the items whose stock came free; the order is not
// saved.
func (c *change) withdraw(o *Order, by string) (freed []string, err error) {
	if err := c.setWaiting(o, false); err != nil {
		return nil, err
	}
	if err := c.clearFallouts(o, by, func(*Fallout) bool { return true }); err != nil {
		return nil, err
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		for _, id := range l.Tasks {
			t, err := c.task(id)
			if err != nil {
				return nil, err
			}
			if closed(t) {
				continue
			}
			if err := c.reserve(t.Bin, t.stock(), t.Expiry, -(t.Qty - t.Picked)); err != nil {
				return nil, err
			}
			t.State = TaskCancelled
			if err := c.saveTask(t); err != nil {
				return nil, err
			}
			freed = append(freed, demand{t.SKU, t.Owner}.row())
		}
	}
	if o.Batch != "" {
		err = c.leaveBatch(o.Batch, BatchDone, o.Spec.ID)
		o.Batch = ""
	}
	return freed, err
}

func cancelOrder(c *change, cmd CancelOrder) (Result, error) {
	res := Result{Ref: cmd.Order}
	here, err := c.askedID(cmd.Source, cmd.Order, CodeUnknownOrder)
	if err != nil {
		return res, err
	}
	o, err := c.order(here)
	if err != nil {
		return res, err
	}
	if o == nil || !validID(here) {
		return res, refuse(CodeUnknownOrder, "order %s", cmd.Order)
	}
	if no, err := c.foreign(o, cmd.Source); err != nil || no {
		if err == nil {
			err = refuse(CodeUnknownOrder, "order %s", cmd.Order)
		}
		return res, err
	}
	cmd.Order, res.Ref = here, here
	if err := c.foreignCancel(o, cmd); err != nil {
		return res, err
	}
	if o.State == OrderCancelled {
		return res, nil
	}
	rules, err := c.changeRules()
	if err != nil {
		return res, err
	}
	reason := cleanText(cmd.Reason)
	switch code := mayCancel(rules, o); code {
	case AnswerApply:
		if err := c.askFor(o, Request{State: RequestCancel, Reason: reason}); err != nil {
			return res, err
		}
		return res, c.cancelNow(o)
	case AnswerQuote:
		if o.RequestState() == RequestCancel {
			res.Text = "the cancel is quoted"
			return res, nil
		}
		if err := c.askFor(o, Request{State: RequestCancel}); err != nil {
			return res, err
		}
		if err := c.quote(o, rules, true, 0, reason); err != nil {
			return res, err
		}
		return res, c.saveOrder(o)
	default:
		text := fmt.Sprintf("order %s is %s", cmd.Order, o.State)
		d := EventData{State: string(o.State), Code: code, Text: text, Revision: o.Spec.Revision, Source: cmd.Source, Born: c.bornOf(o)}
		if err := c.emit(EvOrderCancelRejected, cmd.Order, d); err != nil {
			return res, err
		}
		if rules != nil {
			if err := c.askRefused(o, RequestCancel, RequestCancelRejected, 0, code); err != nil {
				return res, err
			}
			if err := c.saveOrder(o); err != nil {
				return res, err
			}
		}
		return res, refuseKeep(code, "%s", text)
	}
}

// retryOrder lets a parked order go on from where it stands.
func retryOrder(c *change, cmd RetryOrder) (Result, error) {
	res := Result{Ref: cmd.Order}
	o, err := c.order(cmd.Order)
	if err != nil {
		return res, err
	}
	if o == nil || !validID(cmd.Order) {
		return res, refuse(CodeUnknownOrder, "order %s", cmd.Order)
	}
	if slices.ContainsFunc(o.Lines, func(l LineState) bool { return l.PutBack > 0 }) {
		return res, refuse(FalloutPutBack, "goods of order %s have to be put back first", cmd.Order)
	}
	if o.Batch != "" && len(o.Fallout) > 0 {
		return res, refuse(CodeHasWork, "order %s is in batch %s: retry when it is put down", cmd.Order, o.Batch)
	}
	if o.held() && (o.State == OrderShortWaiting || o.State == OrderPicking) {
		return res, refuse(CodeHeld, "order %s is held: %s", cmd.Order, strings.Join(o.Holds, ", "))
	}
	switch {
	case o.State == OrderShortWaiting:
		ok, err := c.tryAllocate(o)
		if err == nil && !ok {
			err = refuse(FalloutOutOfStock, "order %s is still short", cmd.Order)
			if fs, bad := c.falloutsOf(o); bad != nil {
				err = bad
			} else if at := slices.IndexFunc(fs, func(f *Fallout) bool { return f.Code == FalloutTooBig }); at >= 0 {
				err = refuse(FalloutTooBig, "%s", fs[at].Detail)
			}
		}
		return res, err
	case o.State == OrderLabelled || o.State == OrderStaged:
		res.Text, err = c.letGo(o)
		return res, err
	case len(o.Fallout) == 0:
		res.Text = "nothing to retry"
		return res, nil
	case o.State == OrderPicking:
		if open, err := c.hasOpenTasks(o); err != nil || !open {
			if err == nil {
				err = c.restart(o)
			}
			return res, err
		}
	}
	fs, err := c.falloutsOf(o)
	if err != nil {
		return res, err
	}
	o.AnyCarton = o.AnyCarton || slices.ContainsFunc(fs, isNoCarton)
	if err := c.clearFallouts(o, c.meta.Actor, func(*Fallout) bool { return true }); err != nil {
		return res, err
	}
	if err := c.forgetFailures(o); err != nil {
		return res, err
	}
	if err := c.retryTrip(o); err != nil {
		return res, err
	}
	if err := c.settleParcels(o); err != nil {
		return res, err
	}
	if o.State == OrderReleased {
		if code, why, err := c.unshippable(o); err != nil || code != "" {
			if err == nil {
				err = refuse(code, "%s", why)
			}
			return res, err
		}
	}
	return res, c.saveOrder(o)
}

// letGo is what a person decides about a parcel that is labelled or loaded: it
// was checked by hand and may leave. The text is for the person.
func (c *change) letGo(o *Order) (text string, err error) {
	fs, err := c.falloutsOf(o)
	if err != nil {
		return "", err
	}
	site, err := c.theSite()
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(fs, isLabelFallout) {
		return "", refuse(CodeLabelState, "scan the label of order %s or ask for a reprint", o.Spec.ID)
	}
	decided := len(fs) > 0
	for i := range o.Parcels {
		p := &o.Parcels[i]
		atPortal := slices.Contains(site.Portals, p.Dock)
		blamed := func(f *Fallout) bool { return isRFIDFallout(f) && f.about(p.SSCC) }
		if settled(p) || p.DepartedAt != 0 || !atPortal && !slices.ContainsFunc(fs, blamed) {
			continue
		}
		p.CheckedBy, decided = cmp.Or(c.meta.Actor, "somebody"), true
		if atPortal {
			c.touch("dock", p.Dock)
		}
	}
	if !decided {
		return "nothing to retry", nil
	}
	if err := c.clearFallouts(o, c.meta.Actor, func(*Fallout) bool { return true }); err != nil {
		return "", err
	}
	if err := c.settleParcels(o); err != nil {
		return "", err
	}
	return "checked by hand", c.saveOrder(o)
}

// restart allocates an order anew of which nothing was found on its first walk.
func (c *change) restart(o *Order) error {
	if err := c.clearFallouts(o, c.meta.Actor, func(*Fallout) bool { return true }); err != nil {
		return err
	}
	c.reopen(o)
	_, err := c.tryAllocate(o)
	return err
}
