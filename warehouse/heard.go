package warehouse

// Who hears of what, of several OMSs (upstream.go): a thing that belongs to one is
// told to that one, by its own numbers; what belongs to several is told to each,
// in parts.

// returnHeard is who hears of a return, and what he calls its order.
func (c *change) returnHeard(rt *Return) (upstream, order string, err error) {
	upstream, order, err = c.addressee(rt.Order, &EventData{Owner: rt.Owner})
	if err != nil {
		return upstream, order, err
	}
	if rt.Order != "" {
		if o, err := c.order(rt.Order); err != nil || o != nil {
			return upstream, order, err
		}
	}
	// Of no order, or of one that was forgotten since.
	upstream, err = c.ownerHears(rt.Source, rt.Owner)
	return upstream, abroad(upstream, order), err
}

// tellCount tells every OMS of the lines of its owners, and the default one that
// the bin was counted.
func (c *change) tellCount(ct *Count, why string) error {
	ups, err := c.upstreams()
	if err != nil {
		return err
	}
	d := EventData{Bin: ct.Bin, Ref: ct.ID, Code: why, Text: ct.Reason, Counted: ct.Lines}
	if len(ups) == 0 {
		return c.emit(EvCountClosed, "", d)
	}
	figures, err := c.figures()
	if err != nil {
		return err
	}
	for _, up := range append([]Upstream{{}}, ups...) {
		d.Counted, d.Facts = nil, nil
		f := OrderFacts{Again: up.Name != ""} // one bin, told in several events
		for _, l := range ct.Lines {
			of, err := c.ownedBy(l.Owner)
			if err != nil {
				return err
			}
			if of == up.Name {
				d.Counted = append(d.Counted, l)
			} else if l.Counted != l.Book && !f.Again {
				f.Lines++
			}
		}
		if up.Name != "" && len(d.Counted) == 0 {
			continue
		}
		if figures && f != (OrderFacts{}) {
			d.Facts = &f
		}
		if err := c.emitTo(up.Name, EvCountClosed, "", d); err != nil {
			return err
		}
	}
	return nil
}

// ownParcels leaves out those of the orders of other OMSs.
func (c *change) ownParcels(upstream string, parcels []Parcel) ([]Parcel, error) {
	ups, err := c.upstreams()
	if err != nil || len(ups) == 0 {
		return parcels, err
	}
	var out []Parcel
	for _, p := range parcels {
		o, _, err := c.parcel(p.SSCC)
		if err != nil {
			return nil, err
		}
		if o.Upstream == upstream {
			out = append(out, p)
		}
	}
	return out, nil
}

// ownOf leaves out the SSCCs of other OMSs.
func (c *change) ownOf(upstream string, ssccs []string) (own []string, err error) {
	parcels := make([]Parcel, len(ssccs))
	for i, s := range ssccs {
		parcels[i].SSCC = s
	}
	if parcels, err = c.ownParcels(upstream, parcels); err != nil {
		return nil, err
	}
	for _, p := range parcels {
		own = append(own, p.SSCC)
	}
	return own, nil
}

// addressee is who hears of something, and what he calls its order: the OMS of
// the order, or else of the owner.
func (c *change) addressee(order string, data *EventData) (upstream, told string, err error) {
	ups, err := c.upstreams()
	if err != nil {
		return "", order, err
	}
	o := c.orders.get(order)
	if o == nil && len(ups) > 0 && validID(order) {
		if o, err = c.order(order); err != nil {
			return "", order, err
		}
	}
	if o != nil {
		return o.Upstream, o.IDAtOMS(), nil
	}
	upstream, err = c.ownedBy(data.Owner)
	return upstream, abroad(upstream, order), err // the order may be forgotten
}
