package warehouse

import "slices"

// Opening one of several cartons: its contents go into a tote, or back into the
// one that waits with the rest, and the order is PICKED again; the other parcels
// stay as they are. When a label is out a supervisor decides, as about the whole
// order, and nothing of it may have left.

func (c *change) unpackOne(site *Site, o *Order, cmd Unpack) error {
	at := slices.IndexFunc(o.Parcels, func(p Parcel) bool { return p.SSCC == cmd.Parcel })
	switch {
	case at < 0:
		return refuse(CodeUnknownSSCC, "order %s has no parcel %.70q", cmd.Order, cmd.Parcel)
	case o.State != OrderPacked && o.State != OrderLabelled && o.State != OrderPicked:
		return refuse(CodeNotPacked, "order %s is %s", cmd.Order, o.State)
	case (o.Hard || o.State == OrderLabelled) && !cmd.Supervisor:
		return refuse(CodeHardPONR, "a label of order %s is out: a supervisor decides", cmd.Order)
	}
	tote := o.Tote
	if tote == "" {
		var err error
		if tote, err = c.freeToteFor(site, cmd.Tote); err != nil {
			return err
		}
	} else if plainCode(cmd.Tote) != tote {
		return refuse(CodeWrongSlot, "the rest of order %s is in tote %s", cmd.Order, tote)
	}
	p := o.Parcels[at]
	place, err := c.openCarton(o, &p, tote, cmd.Reason)
	if err != nil {
		return err
	}
	c.touch("lu", tote)
	if err := save(c, key(kLU, tote), &LU{ID: tote, Kind: "tote", Order: o.Spec.ID, Place: place}); err != nil {
		return err
	}
	if err := c.endTrip(tote); err != nil {
		return err
	}
	o.Tote, o.Station = tote, ""
	o.Parcels = slices.Delete(slices.Clone(o.Parcels), at, at+1)
	if o.Hard, err = c.sentOne(o); err != nil {
		return err
	}
	for i := range o.Lines {
		if o.Lines[i].State == LinePacked {
			o.Lines[i].State = LinePicked
		}
	}
	if err := c.clearFallouts(o, c.meta.Actor, func(f *Fallout) bool { return f.LU == p.SSCC }); err != nil {
		return err
	}
	if o.State != OrderPicked {
		if err := c.enter(o, OrderPicked); err != nil {
			return err
		}
	}
	err = c.takeBack(o, EvOrderUnpacked, EventData{Lines: tellLines(o.Lines), Voided: tellParcels([]Parcel{p})}, Decision{Detail: cmd.Reason})
	if err != nil {
		return err
	}
	return c.saveOrder(o)
}

// unpart opens the cartons of an order that is not through with packing, as a
// change or a cancel of it does: by the book all of it is in its tote again, and
// a person empties the cartons.
func (c *change) unpart(o *Order, why string) error {
	if !o.parted() || o.Tote == "" {
		return nil
	}
	voided := tellParcels(o.Parcels)
	for i := range o.Parcels {
		p := &o.Parcels[i]
		j, err := must2(GetJob(c, p.Job))("job", p.Job)
		if err != nil {
			return err
		}
		if err := c.endParcel(o, p, j, why); err != nil {
			return err
		}
		if err := c.pourOut(p, j, o.Tote); err != nil {
			return err
		}
	}
	o.Parcels = nil
	if err := c.clearFallouts(o, c.meta.Actor, func(f *Fallout) bool { return ofCarton(f) || isLabelWait(f) }); err != nil {
		return err
	}
	return c.emit(EvOrderUnpacked, o.Spec.ID, EventData{
		State: string(o.State), Revision: o.Spec.Revision, Source: o.Source, Born: c.bornOf(o), Lines: tellLines(o.Lines), Voided: voided, Text: why,
	})
}
