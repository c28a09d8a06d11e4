package warehouse

import (
	"cmp"
	"slices"
)

// A parcel that is not where it should be, before it has left.
//
// Whoever misses it reports it: the order is parked for that parcel. It is found
// by any scan that says where it is, or by a person's retry. When it stays away
// a lead has it replaced: its label is void, its goods are written off, and the
// same goods are picked again, for a new parcel of the same order; the others
// stay closed and labelled and may leave. What there is no stock for is short,
// by the order's own policy. An order of which that was all begins anew. A parcel
// that comes to light after that is opened and its goods are adjusted in.

type (
	// ReportLost says that a parcel cannot be found.
	ReportLost struct {
		Parcel string `cbor:"1,keyasint" json:"parcel"` // SSCC
		Reason string `cbor:"2,keyasint" json:"reason"`
	}
	// ReplaceParcel gives a parcel up that was reported, and has its goods
	// picked again. A supervisor's act.
	ReplaceParcel struct {
		Parcel string `cbor:"1,keyasint" json:"parcel"`
		Reason string `cbor:"2,keyasint" json:"reason"`
	}
)

// Kind implements Command.
func (ReportLost) Kind() Kind { return KindReportLost }

// Kind implements Command.
func (ReplaceParcel) Kind() Kind { return KindReplaceParcel }

func isLost(f *Fallout) bool { return f.Code == FalloutParcelLost }

// mayBeLost is a parcel that is in the house and on no truck.
func (c *change) mayBeLost(sscc, reason string) (*Order, *Parcel, error) {
	if err := because(reason); err != nil {
		return nil, nil, err
	}
	if !validID(sscc) {
		return nil, nil, refuse(CodeUnknownSSCC, "%.70q", sscc)
	}
	o, p, err := c.parcel(sscc)
	switch {
	case err != nil:
		return nil, nil, err
	case o == nil:
		return nil, nil, c.noParcel(sscc)
	case p.Dock != "" || o.State == OrderShipped:
		return nil, nil, refuse(CodeAlreadyLoaded, "%s at dock %s", sscc, p.Dock)
	}
	return o, p, nil
}

func reportLost(c *change, cmd ReportLost) (Result, error) {
	res := Result{Ref: cmd.Parcel}
	o, p, err := c.mayBeLost(cmd.Parcel, cmd.Reason)
	if err != nil {
		return res, err
	}
	f := Fallout{Code: FalloutParcelLost, Detail: cmd.Reason, LU: p.SSCC}
	if err := c.setFallout(o, f); err != nil {
		return res, err
	}
	if err := c.leaveBelt(p.SSCC); err != nil {
		return res, err
	}
	return res, c.saveOrder(o)
}

func replaceParcel(c *change, cmd ReplaceParcel) (Result, error) {
	res := Result{Ref: cmd.Parcel}
	o, p, err := c.mayBeLost(cmd.Parcel, cmd.Reason)
	if err != nil {
		return res, err
	}
	fs, err := c.falloutsOf(o)
	if err != nil {
		return res, err
	}
	reported := slices.ContainsFunc(fs, func(f *Fallout) bool { return isLost(f) && f.LU == p.SSCC })
	switch {
	case !reported:
		return res, refuse(CodeConflict, "nobody reported parcel %s as lost", p.SSCC)
	case o.State != OrderPacked && o.State != OrderLabelled:
		return res, refuse(CodeNotPacked, "order %s is %s", o.Spec.ID, o.State)
	case o.held():
		return res, refuse(CodeHeld, "order %s is held", o.Spec.ID)
	}
	j, err := must2(GetJob(c, p.Job))("job", p.Job)
	if err != nil {
		return res, err
	}
	if err := c.mayOpen(p, j); err != nil {
		return res, err
	}
	if err := c.endParcel(o, p, j, cmd.Reason); err != nil {
		return res, err
	}
	gone, goods := *p, o.goodsIn(p)
	if err := c.writeOff(p.SSCC, goods, o, cmd.Reason); err != nil {
		return res, err
	}
	if err := c.clearFallouts(o, c.meta.Actor, func(f *Fallout) bool { return f.LU == gone.SSCC }); err != nil {
		return res, err
	}
	o.Parcels = slices.DeleteFunc(slices.Clone(o.Parcels), func(x Parcel) bool { return x.SSCC == gone.SSCC })
	if len(o.Parcels) == 0 {
		o.Parcels = nil
	}
	// The label of the lost one was out: what is left is not changed any more.
	o.Hard, o.Station = len(o.Parcels) > 0, ""
	if err := c.pickAgain(o, goods); err != nil {
		return res, err
	}
	err = c.takeBack(o, EvParcelLost, EventData{Lines: tellLines(o.Lines), Voided: tellParcels([]Parcel{gone})}, Decision{Code: FalloutParcelLost, Detail: cmd.Reason})
	if err != nil {
		return res, err
	}
	return res, c.saveOrder(o)
}

// writeOff takes the goods of a lost parcel out of the books.
func (c *change) writeOff(sscc string, goods []ParcelLine, o *Order, reason string) error {
	if err := c.moveAll(LUPlace(sscc), PlaceAdjustment); err != nil {
		return err
	}
	for _, g := range goods {
		err := c.emit(EvStockAdjusted, "", EventData{
			SKU: g.SKU, Lot: g.Lot, Serial: g.Serial, Owner: o.Spec.Owner, Qty: -g.Qty, Code: FalloutParcelLost, Ref: sscc, Text: cmp.Or(cleanText(reason), sscc),
		})
		if err != nil {
			return err
		}
	}
	lu, err := must2(GetLU(c, sscc))("logistic unit", sscc)
	if err != nil {
		return err
	}
	lu.Order, lu.Place = "", PlaceAdjustment
	c.touch("lu", lu.ID)
	return save(c, key(kLU, lu.ID), lu)
}

// pickAgain reserves goods once more that were picked for an order and are gone.
// The order stands where its work goes on and is not saved.
func (c *change) pickAgain(o *Order, goods []ParcelLine) error {
	lost := make(map[int]int64, len(goods)) // looked up only
	for _, g := range goods {
		l, err := lineOf(o, g.Line)
		if err != nil {
			return err
		}
		if !l.dropLot(g.Lot, g.Serial, g.Qty) {
			return refuse(CodeConflict, "line %d does not have what is in the parcel", g.Line)
		}
		l.Picked -= g.Qty
		l.Returned += g.Qty
		lost[g.Line] += g.Qty
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		if lost[l.Line] == 0 {
			continue
		}
		if l.State != LineShort {
			l.State = LineAllocated
		}
		if err := c.reserveMore(o, l, lost[l.Line]); err != nil {
			return err
		}
	}
	open, err := c.hasOpenTasks(o)
	if err != nil {
		return err
	}
	none := !slices.ContainsFunc(o.Lines, func(l LineState) bool { return l.Picked > 0 })
	if !open && !none {
		// Nothing of it is in stock: the others go without it, once that is
		// decided.
		if len(o.Fallout) > 0 {
			return nil
		}
		return c.settleParcels(o)
	}
	for i := range o.Lines {
		if o.Lines[i].State == LinePacked {
			o.Lines[i].State = LinePicked
		}
	}
	if err := c.enter(o, OrderPicking); err != nil || open {
		return err
	}
	return c.restart(o)
}

// settleParcels takes an order on whose parcels are all where they should be.
// The order is not saved.
func (c *change) settleParcels(o *Order) error {
	if !o.parted() {
		return nil
	}
	if err := c.labelsOut(o, ""); err != nil {
		return err
	}
	loaded, gone := true, true
	for _, p := range o.Parcels {
		loaded, gone = loaded && p.Dock != "", gone && p.DepartedAt != 0
	}
	if o.State == OrderLabelled && loaded {
		if err := c.enter(o, OrderStaged); err != nil {
			return err
		}
	}
	if o.State == OrderStaged && gone {
		return c.shipped(o)
	}
	return nil
}
