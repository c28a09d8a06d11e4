package warehouse

// Ending an order before its hard point of no return: its work is withdrawn, its
// reservations come free, and goods in its tote or open carton are to be put
// back.

// cancelNow ends an order wherever it is before its hard point. Goods in the
// tote have to be put back.
func (c *change) cancelNow(o *Order) error {
	if answerIn(o.State).Cancel == AnswerApply {
		return c.cancelUntouched(o)
	}
	freed, err := c.stopWork(o)
	if err != nil {
		return err
	}
	if err := c.clearFallouts(o, "cancelled", func(f *Fallout) bool { return !isTransportFallout(f) }); err != nil {
		return err
	}
	for i := range o.Lines {
		o.Lines[i].State, o.Lines[i].PutBack = LineCancelled, o.Lines[i].Picked
	}
	if err := c.cancelled(o); err != nil {
		return err
	}
	if err := c.markPutBack(o); err != nil {
		return err
	}
	if err := c.emptied(o); err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	return c.retryWaiting(freed)
}

// cancelUntouched ends an order nothing was claimed of.
func (c *change) cancelUntouched(o *Order) error {
	freed, err := c.withdraw(o, "cancelled")
	if err != nil {
		return err
	}
	for i := range o.Lines {
		o.Lines[i].State = LineCancelled
	}
	if err := c.cancelled(o); err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	return c.retryWaiting(freed)
}

// cancelled takes both axes of an order to their end.
func (c *change) cancelled(o *Order) error {
	r := Request{State: RequestCancelAccepted}
	if o.Request != nil {
		r.Charge, r.Limits, r.Reason = o.Request.Charge, o.Request.Limits, o.Request.Reason
	}
	if err := c.ask(o, r); err != nil {
		return err
	}
	o.Holds, o.HeldBy = nil, nil
	return c.enter(o, OrderCancelled)
}

// stopWork withdraws whatever is still to be done for an order.
func (c *change) stopWork(o *Order) (freed []string, err error) {
	for i := range o.Lines {
		l := &o.Lines[i]
		open, err := c.openQty(l)
		if err != nil {
			return nil, err
		}
		if open == 0 {
			continue
		}
		if _, err := c.giveUp(o, l, open, true); err != nil {
			return nil, err
		}
		freed = append(freed, demand{l.SKU, o.Spec.Owner}.row())
	}
	if err := c.unpart(o, "the order was cancelled"); err != nil {
		return nil, err
	}
	switch o.State {
	case OrderPicking:
		if o.Batch != "" && o.Tote == "" {
			id := o.Batch
			o.Batch = ""
			err = c.leaveBatch(id, BatchDone, o.Spec.ID)
		}
	case OrderPicked:
		t, bad := TransportOf(c, o.Tote)
		if bad != nil {
			return nil, bad
		}
		if t != nil && !onRobot(t.State) { // else the robot brings it to the bench
			if err = c.endTrip(o.Tote); err == nil {
				err = c.clearFallouts(o, "cancelled", isTransportFallout)
			}
		}
	case OrderPacking:
		err = c.leaveBench(o, CodeCancelled)
	case OrderPacked:
		err = c.voidParcel(o)
	}
	return freed, err
}

// voidParcel takes a closed carton whose label was not sent back: the label is
// never printed, its numbers are never used again, and the carton holds the
// goods as the tote did.
func (c *change) voidParcel(o *Order) error {
	for i, p := range o.Parcels {
		j, err := must2(GetJob(c, p.Job))("job", p.Job)
		if err != nil {
			return err
		}
		if err := c.dropLabel(o, &p, j, "the order was cancelled"); err != nil {
			return err
		}
		st, err := c.station(j.Station)
		if err != nil {
			return err
		}
		if st.Job == j.ID {
			if err := c.freeStation(st.ID, CodeCancelled); err != nil {
				return err
			}
		}
		if i == 0 {
			o.Tote = p.SSCC
			continue
		}
		// Of several all is in the first by the book; a person empties them all.
		if err := c.pourOut(&p, j, o.Tote); err != nil {
			return err
		}
	}
	o.Parcels, o.Station = nil, ""
	return nil
}

// dropLabel ends the label of a carton that is none any more: nobody waits for
// it, and the carrier is told that its number is void.
func (c *change) dropLabel(o *Order, p *Parcel, j *LabelJob, why string) error {
	site, err := c.theSite()
	if err != nil {
		return err
	}
	if err := c.setJobDue(j, 0); err != nil {
		return err
	}
	if err := c.setReady(p.Carrier, p.SSCC, false); err != nil {
		return err
	}
	if site.byService() && p.Tracking != "" {
		old := p.facts(j)
		err := c.emit(EvLabelVoided, o.Spec.ID, EventData{
			State: string(o.State), Revision: o.Spec.Revision, Text: why, Label: &old, Born: c.bornOf(o),
		})
		if err != nil {
			return err
		}
	}
	if err := c.ended(pastJob, j.ID); err != nil {
		return err
	}
	if err := c.voidDocs(j.ID); err != nil {
		return err
	}
	return c.setJob(j, JobVoid, why)
}

// leaveBench frees the pack station an order stands at. Its tote stays there.
func (c *change) leaveBench(o *Order, code string) error {
	at := o.Station
	o.Station = ""
	return c.freeStation(at, code)
}
