package warehouse

import "slices"

// Leads' acts on goods: what was done too far is taken back, one step at a
// time. Nothing is edited: each is a move the other way, with a reason and who
// did it, noted in the log of decisions and told to the OMS.
//
//   - Unpick: goods of a picked line go from the tote back into a bin and the
//     line is open again. The tote waits at the pack drop for the next walk,
//     unless it is on a cart. An order of which nothing is left begins anew.
//   - Unpack: a closed carton goes back into a tote, the order is PICKED again.
//     Its label is void for good, its numbers are never used again. Behind the
//     hard point of no return only a supervisor may, and not while the label is
//     on its way.
//   - Unload: a parcel comes off the truck before it leaves, and has to be
//     proven at the portal again.
//
// The milestones behind the state an order goes back to are told again when it
// comes to them again (untold).

type (
	// Unpick takes goods of a picked line out of the tote into a bin. Lot and
	// Serial are asked for items that have them.
	Unpick struct {
		Order  string `cbor:"1,keyasint" json:"order"`
		Line   int    `cbor:"2,keyasint" json:"line"`
		Bin    string `cbor:"3,keyasint" json:"bin"`
		Qty    int64  `cbor:"4,keyasint" json:"qty"`
		Lot    string `cbor:"5,keyasint,omitempty" json:"lot,omitempty"`
		Serial string `cbor:"6,keyasint,omitempty" json:"serial,omitempty"`
		Reason string `cbor:"7,keyasint" json:"reason"`
	}
	// Unpack opens the cartons of an order, or one of them, and puts their
	// contents into a tote. Supervisor says that who asks is one, and decides about an order
	// whose label was sent.
	Unpack struct {
		Order      string `cbor:"1,keyasint" json:"order"`
		Tote       string `cbor:"2,keyasint" json:"tote"` // a free one; barcode
		Supervisor bool   `cbor:"3,keyasint,omitempty" json:"supervisor,omitempty"`
		Reason     string `cbor:"4,keyasint" json:"reason"`
		Parcel     string `cbor:"5,keyasint,omitempty" json:"parcel,omitempty"` // SSCC; "" = all of them
	}
	// Unload takes a parcel off the truck. It is put down at the station To,
	// "" = where it was packed.
	Unload struct {
		Parcel string `cbor:"1,keyasint" json:"parcel"` // SSCC, bare or as element string
		To     string `cbor:"2,keyasint,omitempty" json:"to,omitempty"`
		Reason string `cbor:"3,keyasint" json:"reason"`
	}
)

// Kind of the command.
func (Unpick) Kind() Kind { return KindUnpick }

// Kind of the command.
func (Unpack) Kind() Kind { return KindUnpack }

// Kind of the command.
func (Unload) Kind() Kind { return KindUnload }

// untold lists the milestones that an act takes back.
func untold(typ string) []string {
	switch typ {
	case EvOrderUnpicked:
		return []string{EvOrderPicked}
	case EvOrderUnpacked:
		return []string{EvOrderPacked, EvOrderLabelled}
	case EvParcelLost:
		return []string{EvOrderPicked, EvOrderPacked, EvOrderLabelled}
	case EvOrderUnloaded:
		return []string{EvOrderStaged}
	}
	return nil
}

// pickedAgain is the bit of Order.Told that says that order.picked was told in
// this revision and taken back. The milestones grow from the other end.
const pickedAgain = 1 << 31

// takeBack tells what a lead did to an order and notes it. The order stands
// where it shall be and is not saved.
func (c *change) takeBack(o *Order, typ string, d EventData, decided Decision) error {
	for i, m := range milestones {
		if bit := uint32(1) << i; slices.Contains(untold(typ), m) && milestoneOf(o.State) != m && o.Told&bit != 0 {
			o.Told &^= bit
			if m == EvOrderPicked {
				o.Told |= pickedAgain
			}
		}
	}
	d.State, d.Revision, d.Source, d.Born = string(o.State), o.Spec.Revision, o.Source, c.bornOf(o)
	d.Text = decided.Detail
	if err := c.emit(typ, o.Spec.ID, d); err != nil {
		return err
	}
	decided.Order = o.Spec.ID
	return c.noteAct(decided)
}

// noteAct notes in the log of decisions what a lead did.
func (c *change) noteAct(d Decision) error {
	d.At, d.Actor, d.Act = c.meta.Now, c.meta.Actor, c.reason
	return c.learn(d)
}

// because is the reason of a lead's act, for people and for the log.
func because(reason string) error {
	if !validText(reason, maxText) {
		return refuse(CodeInvalid, "reason: 1 to %d bytes", maxText)
	}
	return nil
}

func unpick(c *change, cmd Unpick) (Result, error) {
	res := Result{Ref: cmd.Order}
	if err := because(cmd.Reason); err != nil {
		return res, err
	}
	o, err := c.knownOrder(cmd.Order)
	if err != nil {
		return res, err
	}
	l, err := c.mayUnpick(o, cmd)
	if err != nil {
		return res, err
	}
	s := stockKey{sku: l.SKU, lot: cmd.Lot, serial: cmd.Serial, owner: o.Spec.Owner}
	if err := c.move(s, cmd.Qty, LUPlace(o.Tote), BinPlace(cmd.Bin), 0); err != nil {
		return res, err
	}
	l.Picked -= cmd.Qty
	l.Returned += cmd.Qty
	open, err := c.openQty(l)
	if err != nil {
		return res, err
	}
	need := cmd.Qty // of a short line no more than what it had
	if l.State != LineShort {
		l.State, need = LineAllocated, l.Qty-l.kept()-open
	}
	if need > 0 {
		if err := c.reserveMore(o, l, need); err != nil {
			return res, err
		}
	}
	if o.Batch == "" {
		if err := c.walkAgain(o); err != nil {
			return res, err
		}
	}
	if err := c.beginAnew(o); err != nil {
		return res, err
	}
	err = c.takeBack(o, EvOrderUnpicked, EventData{
		Line: cmd.Line, SKU: l.SKU, Qty: cmd.Qty, Bin: cmd.Bin, Lot: cmd.Lot, Serial: cmd.Serial, Lines: tellLines(o.Lines),
	}, Decision{SKU: l.SKU, Bin: cmd.Bin, Qty: cmd.Qty, Detail: cmd.Reason})
	if err != nil {
		return res, err
	}
	return res, c.saveOrder(o)
}

// mayUnpick is the line of an Unpick, whose lots are reduced already.
func (c *change) mayUnpick(o *Order, cmd Unpick) (*LineState, error) {
	if o.State != OrderPicking && o.State != OrderPicked {
		return nil, refuse(CodeNotPicked, "order %s is %s", cmd.Order, o.State)
	}
	if !hasLine(o, cmd.Line) {
		return nil, refuse(CodeInvalid, "order %s has no line %d", cmd.Order, cmd.Line)
	}
	l, err := lineOf(o, cmd.Line)
	if err != nil {
		return nil, err
	}
	switch {
	case cmd.Qty < 1:
		return nil, refuse(CodeInvalid, "quantity")
	case cmd.Qty > l.kept() || o.Tote == "":
		return nil, refuse(CodeNotEnough, "%d of line %d are in the tote", l.kept(), cmd.Line)
	case !validID(cmd.Bin):
		return nil, refuse(CodeUnknownBin, "bin %q", cmd.Bin)
	}
	bin, err := GetBin(c, cmd.Bin)
	if err != nil {
		return nil, err
	}
	if bin == nil {
		return nil, refuse(CodeUnknownBin, "bin %s", cmd.Bin)
	}
	t, err := TransportOf(c, o.Tote)
	if err != nil {
		return nil, err
	}
	if t != nil && onRobot(t.State) {
		return nil, refuse(CodeRobotBusy, "robot %s fetches tote %s", t.Robot, o.Tote)
	}
	if err := c.freeInTote(l, cmd.Lot, cmd.Serial, cmd.Qty, l.Picked); err != nil {
		return nil, err
	}
	if !l.dropLot(cmd.Lot, cmd.Serial, cmd.Qty) {
		return nil, refuse(CodeWrongLot, "line %d has no %d of lot %q, serial %q", cmd.Line, cmd.Qty, cleanText(cmd.Lot), cleanText(cmd.Serial))
	}
	return l, nil
}

// walkAgain takes an order that is in no batch back to PICKING while something
// of it is open. Its tote is put down where the next picker fetches it.
func (c *change) walkAgain(o *Order) error {
	open, err := c.hasOpenTasks(o)
	if err != nil || !open || o.State != OrderPicked {
		return err
	}
	if err := c.endTrip(o.Tote); err != nil {
		return err
	}
	if err := c.clearFallouts(o, c.meta.Actor, isTransportFallout); err != nil {
		return err
	}
	if err := c.placeLU(o.Tote, PlacePackDrop); err != nil {
		return err
	}
	return c.enter(o, OrderPicking)
}

// beginAnew takes the tote off an order of which nothing is picked and nothing
// open any more, and allocates it like a new one.
func (c *change) beginAnew(o *Order) error {
	open, err := c.hasOpenTasks(o)
	if err != nil || open || o.Batch != "" || slices.ContainsFunc(o.Lines, func(l LineState) bool { return l.Picked > 0 }) {
		return err
	}
	if o.State == OrderPicked {
		if err := c.enter(o, OrderPicking); err != nil {
			return err
		}
	}
	if err := c.freeTote(o); err != nil {
		return err
	}
	if o.held() {
		return nil
	}
	return c.restart(o)
}

func unpack(c *change, cmd Unpack) (Result, error) {
	res := Result{Ref: cmd.Order}
	if err := because(cmd.Reason); err != nil {
		return res, err
	}
	site, err := c.theSite()
	if err != nil {
		return res, err
	}
	o, err := c.knownOrder(cmd.Order)
	if err != nil {
		return res, err
	}
	if cmd.Parcel != "" && o.parted() && len(o.Parcels) > 1 {
		return res, c.unpackOne(site, o, cmd)
	}
	switch {
	case cmd.Parcel != "" && !slices.ContainsFunc(o.Parcels, func(p Parcel) bool { return p.SSCC == cmd.Parcel }):
		return res, refuse(CodeUnknownSSCC, "order %s has no parcel %.70q", cmd.Order, cmd.Parcel)
	case o.State != OrderPacked && o.State != OrderLabelled:
		return res, refuse(CodeNotPacked, "order %s is %s", cmd.Order, o.State)
	case o.parted() && o.Hard && !cmd.Supervisor:
		return res, refuse(CodeHardPONR, "a label of order %s is out: a supervisor decides", cmd.Order)
	case answerIn(o.State).Amend == CodeHardPONR && !cmd.Supervisor:
		return res, refuse(CodeHardPONR, "order %s is %s: a supervisor decides", cmd.Order, o.State)
	}
	tote, err := c.freeToteFor(site, cmd.Tote)
	if err != nil {
		return res, err
	}
	voided := tellParcels(o.Parcels)
	place, err := c.openCartons(o, tote, cmd.Reason)
	if err != nil {
		return res, err
	}
	c.touch("lu", tote)
	if err := save(c, key(kLU, tote), &LU{ID: tote, Kind: "tote", Order: o.Spec.ID, Place: place}); err != nil {
		return res, err
	}
	o.Tote, o.Parcels, o.Station, o.Hard = tote, nil, "", false
	for i := range o.Lines {
		if o.Lines[i].State == LinePacked {
			o.Lines[i].State = LinePicked
		}
	}
	err = c.clearFallouts(o, c.meta.Actor, ofCarton)
	if err != nil {
		return res, err
	}
	if err := c.enter(o, OrderPicked); err != nil {
		return res, err
	}
	err = c.takeBack(o, EvOrderUnpacked, EventData{Lines: tellLines(o.Lines), Voided: voided}, Decision{Detail: cmd.Reason})
	if err != nil {
		return res, err
	}
	return res, c.saveOrder(o)
}

// ofCarton tells whether a fallout ends when its carton is opened.
func ofCarton(f *Fallout) bool {
	return isLabelFallout(f) || isRFIDFallout(f) || isMissort(f) || isLost(f)
}

// freeToteFor is a tote that holds nothing, by its barcode.
func (c *change) freeToteFor(site *Site, barcode string) (string, error) {
	tote := plainCode(barcode)
	if !isTote(site, tote) {
		return "", refuse(CodeUnknownTote, "%.70q is no tote", barcode)
	}
	lu, err := GetLU(c, tote)
	if err != nil {
		return "", err
	}
	if lu != nil && (lu.Stock || lu.Order != "") {
		return "", refuse(CodeToteInUse, "tote %s holds something", tote)
	}
	return tote, nil
}

// openCartons moves the contents of all cartons of an order into a tote and
// voids their labels. It returns where the tote stands.
func (c *change) openCartons(o *Order, tote, reason string) (place string, err error) {
	for _, p := range o.Parcels {
		if place, err = c.openCarton(o, &p, tote, reason); err != nil {
			return "", err
		}
	}
	return place, nil
}

// mayOpen refuses to open a parcel that is on its way.
func (c *change) mayOpen(p *Parcel, j *LabelJob) error {
	if p.Dock != "" {
		return refuse(CodeAlreadyLoaded, "parcel %s is at dock %s: unload it first", p.SSCC, p.Dock)
	}
	if j.State == JobSent {
		return refuse(CodeLabelState, "the label of %s is on its way", p.SSCC)
	}
	on, err := ManifestOf(c, p.SSCC)
	if err == nil && on != "" {
		err = refuse(CodeConflict, "parcel %s is on manifest %s: what the carrier was told is closed", p.SSCC, on)
	}
	return err
}

// endParcel ends the label of a parcel that is none any more, and what a station
// shows of it.
func (c *change) endParcel(o *Order, p *Parcel, j *LabelJob, reason string) error {
	if err := c.dropLabel(o, p, j, reason); err != nil {
		return err
	}
	st, err := c.station(j.Station)
	if err != nil || st.Job != j.ID {
		return err
	}
	return c.freeStation(st.ID, "")
}

// openCarton moves the contents of a carton into a tote and voids its label. It
// returns where the tote stands.
func (c *change) openCarton(o *Order, p *Parcel, tote, reason string) (place string, err error) {
	j, err := must2(GetJob(c, p.Job))("job", p.Job)
	if err != nil {
		return "", err
	}
	if err := c.mayOpen(p, j); err != nil {
		return "", err
	}
	if err := c.endParcel(o, p, j, reason); err != nil {
		return "", err
	}
	return StationPlace(j.Station), c.pourOut(p, j, tote)
}

// pourOut moves the contents of a carton into a tote; the carton is empty.
func (c *change) pourOut(p *Parcel, j *LabelJob, tote string) error {
	if err := c.moveAll(LUPlace(p.SSCC), LUPlace(tote)); err != nil {
		return err
	}
	lu, err := must2(GetLU(c, p.SSCC))("logistic unit", p.SSCC)
	if err != nil {
		return err
	}
	lu.Order, lu.Place = "", StationPlace(j.Station) // an empty carton
	c.touch("lu", lu.ID)
	if err := save(c, key(kLU, lu.ID), lu); err != nil {
		return err
	}
	return c.leaveBelt(p.SSCC)
}

func unload(c *change, cmd Unload) (Result, error) {
	if err := because(cmd.Reason); err != nil {
		return Result{}, err
	}
	if cmd.To != "" && !validID(cmd.To) {
		return Result{}, refuse(CodeInvalid, "to: a station")
	}
	sscc := ""
	if scannable(cmd.Parcel) {
		sscc = ssccOf(cmd.Parcel)
	}
	if sscc == "" {
		return Result{}, refuse(CodeUnknownSSCC, "%.70q is no SSCC", cmd.Parcel)
	}
	res := Result{Ref: sscc}
	o, p, err := c.parcel(sscc)
	switch {
	case err != nil:
		return res, err
	case o == nil:
		return res, c.noParcel(sscc)
	case p.Dock == "" || o.State == OrderShipped || p.DepartedAt != 0:
		return res, refuse(CodeNotLoaded, "parcel %s of order %s, which is %s", sscc, o.Spec.ID, o.State)
	}
	at := cmd.To
	if at == "" {
		j, err := must2(GetJob(c, p.Job))("job", p.Job)
		if err != nil {
			return res, err
		}
		at = j.Station
	}
	if err := c.index(key(kDock, p.Dock, sscc), false); err != nil {
		return res, err
	}
	if err := c.loadOff(sscc); err != nil {
		return res, err
	}
	c.touch("dock", p.Dock)
	p.Dock, p.Verified, p.CheckedBy = "", false, ""
	if err := c.placeLU(sscc, StationPlace(at)); err != nil {
		return res, err
	}
	if o.State == OrderStaged {
		if err := c.enter(o, OrderLabelled); err != nil {
			return res, err
		}
	}
	if err := c.takeBack(o, EvOrderUnloaded, EventData{Parcels: tellParcels(o.Parcels)}, Decision{Detail: cmd.Reason}); err != nil {
		return res, err
	}
	return res, c.saveOrder(o)
}
