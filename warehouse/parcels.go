package warehouse

import (
	"fmt"
	"slices"
)

// Parcels: one order in more than one carton.
//
// The tote stays at the bench until it is empty. What goes into the carton in
// hand is known before it is weighed: the plan of the cartons says it
// (cartonplan.go), or the packer does, with NextCarton or by scanning the pieces
// (PackItem); when nobody says anything it is all that is left. The weight proves
// it, and the carton becomes a parcel with contents, SSCC, carrier, number and
// label of its own; then the station asks for the next one. How many there are
// is known when the tote is empty: then the order is PACKED, and LABELLED when
// the labels of all its parcels were sent.
//
// A label that was sent is the hard point of no return for the whole order
// (Order.Hard), also while the rest is in the tote. Before that a change or a
// cancel opens the cartons again. A weight that is wrong parks the order with
// the parcels it has; the tote goes on where it was left. What is wrong with one
// parcel is a fallout with its SSCC and ends with that parcel.
//
// An order that is one parcel has no contents in it: they are those of the order.

// maxParcels bounds the parcels of an order.
const maxParcels = 20

type (
	// ParcelLine is what of an order line is in a parcel.
	ParcelLine struct {
		Line   int    `cbor:"1,keyasint" json:"line"`
		SKU    string `cbor:"2,keyasint" json:"sku"`
		Qty    int64  `cbor:"3,keyasint" json:"qty"`
		Lot    string `cbor:"4,keyasint,omitempty" json:"lot,omitempty"`
		Serial string `cbor:"5,keyasint,omitempty" json:"serial,omitempty"`
		Expiry string `cbor:"6,keyasint,omitempty" json:"expiry,omitempty"`
	}
	// NextCarton says that only Lines go into the carton in hand and the rest
	// into a next one. Of a line only Line and Qty need to be said, and Lot or
	// Serial where it has several. Without Lines it is all that is left; with
	// Scan the pieces are scanned, from an empty carton on, and once more with
	// nothing scanned takes that back.
	NextCarton struct {
		Station string       `cbor:"1,keyasint" json:"station"`
		Order   string       `cbor:"2,keyasint" json:"order"`
		Carton  string       `cbor:"3,keyasint,omitempty" json:"carton,omitempty"` // "" = as suggested
		Lines   []ParcelLine `cbor:"4,keyasint,omitempty" json:"lines,omitempty"`
		Scan    bool         `cbor:"5,keyasint,omitempty" json:"scan,omitempty"`
	}
	// PackItem is a piece that was scanned into the carton in hand; Qty 0 is 1.
	PackItem struct {
		Station string `cbor:"1,keyasint" json:"station"`
		Barcode string `cbor:"2,keyasint" json:"barcode"`
		Qty     int64  `cbor:"3,keyasint,omitempty" json:"qty,omitempty"`
	}
)

// Kind implements Command.
func (NextCarton) Kind() Kind { return KindNextCarton }

// Kind implements Command.
func (PackItem) Kind() Kind { return KindPackItem }

func (c NextCarton) stationID() string { return c.Station }
func (c PackItem) stationID() string   { return c.Station }

// same tells whether two lines are of the same goods.
func (l ParcelLine) same(m ParcelLine) bool {
	return l.Line == m.Line && l.Lot == m.Lot && l.Serial == m.Serial
}

// goodsOf is what was picked for an order.
func goodsOfOrder(o *Order) (all []ParcelLine) {
	for _, l := range o.Lines {
		for _, q := range l.Lots {
			all = append(all, ParcelLine{Line: l.Line, SKU: l.SKU, Qty: q.Qty, Lot: q.Lot, Serial: q.Serial, Expiry: q.Expiry})
		}
	}
	return all
}

// goodsIn is what is in a parcel of an order.
func (o *Order) goodsIn(p *Parcel) []ParcelLine {
	if p.Lines != nil {
		return p.Lines
	}
	return goodsOfOrder(o)
}

// InParcel is what is in a parcel of an order, whether it is the only one or not.
func (o *Order) InParcel(sscc string) []ParcelLine {
	for i := range o.Parcels {
		if o.Parcels[i].SSCC == sscc {
			return o.goodsIn(&o.Parcels[i])
		}
	}
	return nil
}

// rest is what of an order is in no parcel yet.
func rest(o *Order) []ParcelLine {
	left := goodsOfOrder(o)
	for i := range o.Parcels {
		left = without(left, o.goodsIn(&o.Parcels[i]))
	}
	return left
}

// without is what is left of some goods when others are taken out.
func without(goods, out []ParcelLine) (left []ParcelLine) {
	for _, g := range goods {
		for _, x := range out {
			if x.same(g) {
				g.Qty -= x.Qty
			}
		}
		if g.Qty > 0 {
			left = append(left, g)
		}
	}
	return left
}

// parted tells whether an order is in several cartons, or becomes so.
func (o *Order) parted() bool { return len(o.Parcels) > 0 && o.Parcels[0].Lines != nil }

// freeNo is the lowest number that none of the parcels of an order has.
func (o *Order) freeNo() int {
	no := 1
	for slices.ContainsFunc(o.Parcels, func(p Parcel) bool { return p.No == no }) {
		no++
	}
	return no
}

// weighGoods is what a closed carton with some goods must weigh.
func (c *change) weighGoods(site *Site, carton string, goods []ParcelLine) (int64, error) {
	sum := site.tareOf(carton)
	for _, g := range goods {
		it, err := must2(GetItem(c, g.SKU))("item", g.SKU)
		if err != nil {
			return 0, err
		}
		mg, err := c.unitMg(site, it)
		if err != nil {
			return 0, err
		}
		sum += g.Qty * mg
	}
	return sum, nil
}

// layCarton is a station with the next carton of an order in hand, or the only
// one; nil when what is left goes into no carton. code is why the one before was
// put aside. Nothing is saved.
func (c *change) layCarton(site *Site, o *Order, station, tote, code string) (*StationState, error) {
	goods := rest(o)
	st := &StationState{ID: station, Step: StepWeigh, Order: o.Spec.ID, Tote: tote, Code: code}
	net, err := c.weighGoods(site, "", goods)
	if err != nil {
		return nil, err
	}
	ct, no, err := c.cartonFor(site, o, goods, net-site.CartonTareMg)
	if err != nil {
		return nil, err
	}
	in := goods
	if o.parted() {
		st.No = o.freeNo()
	}
	if no {
		if in, err = c.planStation(site, o, st, goods); err != nil || in == nil {
			return nil, err
		}
	} else if ct != nil {
		st.Carton = ct.Code
	}
	if st.No > 0 {
		st.Contents = in
	}
	st.ExpectedMg, err = c.weighGoods(site, st.Carton, in)
	return st, err
}

// cartonDone lets a station go on: with the next carton of the order whose tote
// stands there, or with the next tote.
func (c *change) cartonDone(st *StationState, code string) error {
	if st.Tote == "" {
		return c.freeStation(st.ID, code)
	}
	o, err := c.order(st.Order)
	if _, err := must(o, err, "order", st.Order); err != nil {
		return err
	}
	if o.State != OrderPacking || o.Station != st.ID {
		return c.freeStation(st.ID, code)
	}
	site, err := c.theSite()
	if err != nil {
		return err
	}
	next, err := c.layCarton(site, o, st.ID, st.Tote, code)
	if err != nil {
		return err
	}
	if next == nil {
		// The packer did otherwise than planned: whatever takes the rest will do.
		next = &StationState{ID: st.ID, Step: StepWeigh, Order: st.Order, Tote: st.Tote, Code: code}
		return c.fill(site, o, next, rest(o), "")
	}
	if st.Of > 0 && next.Of == 0 {
		next.Of = len(o.Parcels) + 1
	}
	return c.saveStation(next)
}

// fill says what goes into the carton in hand. The station is saved.
func (c *change) fill(site *Site, o *Order, st *StationState, goods []ParcelLine, carton string) (err error) {
	left := without(rest(o), goods)
	st.Carton, st.Contents, st.More = carton, goods, len(left) > 0
	if !st.More && !o.parted() {
		st.Contents, st.No, st.Scanned = nil, 0, false
	} else {
		st.No = o.freeNo()
	}
	switch {
	case st.More && len(o.Parcels)+2 > maxParcels:
		return refuse(CodeTooBig, "an order has %d parcels at most", maxParcels)
	case st.More && !o.partsFit(goods, left):
		return refuse(CodeTooBig, "the record of order %s has no room for more parcels", o.Spec.ID)
	}
	if st.ExpectedMg, err = c.weighGoods(site, carton, goods); err != nil {
		return err
	}
	return c.saveStation(st)
}

// inHand is the station that packs an order, and the order.
func (c *change) inHand(station, order string) (*StationState, *Order, error) {
	st, err := c.station(station)
	if err != nil {
		return nil, nil, err
	}
	if st.Step != StepWeigh {
		return nil, nil, refuse(CodeWrongStep, "station %s does not weigh: %s", st.ID, st.Step)
	}
	if order != "" && st.Order != order {
		return nil, nil, refuse(CodeWrongStep, "order %s is at station %s, not %s", st.Order, st.ID, cleanText(order))
	}
	o, err := c.order(st.Order)
	_, err = must(o, err, "order", st.Order)
	return st, o, err
}

func nextCarton(c *change, cmd NextCarton) (Result, error) {
	res := Result{Ref: cmd.Order}
	if len(cmd.Lines) > maxLines {
		return res, refuse(CodeInvalid, "%d lines, the most is %d", len(cmd.Lines), maxLines)
	}
	if cmd.Order == "" || cmd.Scan && len(cmd.Lines) > 0 {
		return res, refuse(CodeInvalid, "an order, and lines or scan")
	}
	st, o, err := c.inHand(cmd.Station, cmd.Order)
	if err != nil {
		return res, err
	}
	site, err := c.theSite()
	if err != nil {
		return res, err
	}
	carton := st.Carton
	if cmd.Carton != "" {
		if site.carton(cmd.Carton) == nil {
			return res, refuse(CodeInvalid, "the site has no carton %.70q", cmd.Carton)
		}
		carton = cmd.Carton
	}
	if cmd.Scan && (!st.Scanned || len(st.Contents) > 0) {
		st.Scanned, st.Of = true, 0
		res.Text = "scan what goes into this carton"
		return res, c.fill(site, o, st, nil, carton)
	}
	goods := rest(o)
	if len(cmd.Lines) > 0 {
		if goods, err = pickOut(goods, cmd.Lines); err != nil {
			return res, err
		}
	}
	st.Scanned, st.Of = false, 0
	return res, c.fill(site, o, st, goods, carton)
}

// pickOut finds the goods that a packer names among those that are left.
func pickOut(left, named []ParcelLine) (goods []ParcelLine, err error) {
	for _, n := range named {
		var at []ParcelLine
		for _, g := range left {
			if g.Line == n.Line && (n.Lot == "" || g.Lot == n.Lot) && (n.Serial == "" || g.Serial == n.Serial) {
				at = append(at, g)
			}
		}
		var have int64
		for _, g := range at {
			have += g.Qty
		}
		switch {
		case n.Qty < 1 || n.Qty > have:
			return nil, refuse(CodeNotEnough, "%d of line %d are left for a carton, not %d", have, n.Line, n.Qty)
		case len(at) > 1 && n.Qty < have:
			return nil, refuse(CodeWrongLot, "line %d is of several lots or serials: say which", n.Line)
		}
		for _, g := range at {
			g.Qty = min(g.Qty, n.Qty)
			left, goods = without(left, []ParcelLine{g}), addGoods(goods, g)
		}
	}
	return goods, nil
}

// addGoods adds goods to others.
func addGoods(goods []ParcelLine, g ParcelLine) []ParcelLine {
	if at := slices.IndexFunc(goods, g.same); at >= 0 {
		goods = slices.Clone(goods)
		goods[at].Qty += g.Qty
		return goods
	}
	return append(slices.Clone(goods), g)
}

func packItem(c *change, cmd PackItem) (Result, error) {
	st, o, err := c.inHand(cmd.Station, "")
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: st.Order}
	if !scannable(cmd.Barcode) || cmd.Qty < 0 || cmd.Qty > maxQty {
		return res, refuse(CodeInvalid, "barcode or quantity")
	}
	site, err := c.theSite()
	if err != nil {
		return res, err
	}
	f, err := findItem(c, cmd.Barcode)
	if err != nil {
		return res, err
	}
	if f.item == nil {
		return res, refuse(CodeUnknownBarcode, "no item has this barcode")
	}
	in := st.Contents
	if !st.Scanned {
		in = nil // what the plan said is not what is scanned
	}
	qty, left := max(cmd.Qty, 1)*max(f.units, 1), without(rest(o), in)
	at := -1
	for i, g := range left {
		if g.SKU != f.item.SKU || f.lot != "" && g.Lot != f.lot || f.serial != "" && g.Serial != f.serial || g.Qty < qty {
			continue
		}
		if at >= 0 && (left[at].Lot != g.Lot || left[at].Serial != g.Serial) {
			return res, refuse(CodeWrongLot, "there are several lots or serials of %s: scan the code that has them", g.SKU)
		}
		if at < 0 {
			at = i
		}
	}
	if at < 0 {
		return res, refuse(CodeNotEnough, "order %s has no %d %s left for this carton", st.Order, qty, f.item.SKU)
	}
	g := left[at]
	g.Qty = qty
	st.Scanned, st.Of = true, 0
	res.Text = fmt.Sprintf("%d %s", qty, g.SKU)
	return res, c.fill(site, o, st, addGoods(in, g), st.Carton)
}

// StationScan is what a scan at a pack station asks for: the tote to be packed,
// or, while a carton is in hand, the piece that goes into it.
func StationScan(r Reader, station, barcode string) (Command, error) {
	st, err := GetStation(r, station)
	if err != nil {
		return nil, err
	}
	start := StartPack{Station: station, Barcode: barcode}
	if st.Step != StepWeigh || !scannable(barcode) {
		return start, nil
	}
	if lu, err := GetLU(r, plainCode(barcode)); err != nil || lu != nil {
		return start, err
	}
	f, err := findItem(r, barcode)
	if err == nil && f.item != nil {
		return PackItem{Station: station, Barcode: barcode}, nil
	}
	if _, no := err.(*refusal); no {
		err = nil
	}
	return start, err
}

// packedBefore ends the packing of an order whose parcels are closed and in
// whose tote nothing is left.
func (c *change) packedBefore(o *Order, tote, station string) error {
	o.Station = station
	if err := c.enter(o, OrderPacking); err != nil {
		return err
	}
	if err := c.toteDone(o, tote, station); err != nil {
		return err
	}
	if err := c.labelsOut(o, ""); err != nil {
		return err
	}
	return c.saveOrder(o)
}

// toteDone makes an order PACKED: its tote is empty.
func (c *change) toteDone(o *Order, tote, station string) error {
	c.touch("lu", tote)
	if err := save(c, key(kLU, tote), &LU{ID: tote, Kind: "tote", Place: StationPlace(station)}); err != nil {
		return err
	}
	o.Tote = ""
	for i := range o.Lines {
		if o.Lines[i].State == LinePicked {
			o.Lines[i].State = LinePacked
		}
	}
	return c.enter(o, OrderPacked)
}

// labelsOut takes a packed order to LABELLED when the labels of all its parcels
// were sent; that of the job now is.
func (c *change) labelsOut(o *Order, now string) error {
	if o.State != OrderPacked {
		return nil
	}
	for _, p := range o.Parcels {
		if p.Job == now {
			continue
		}
		j, err := must2(GetJob(c, p.Job))("job", p.Job)
		if err != nil {
			return err
		}
		if j.State == JobRequested || j.State == JobAwaiting {
			return nil
		}
	}
	return c.enter(o, OrderLabelled)
}

// sentOne tells whether the label of a parcel of an order was sent: then nothing
// of the order is changed any more.
func (c *change) sentOne(o *Order) (bool, error) {
	for _, p := range o.Parcels {
		j, err := must2(GetJob(c, p.Job))("job", p.Job)
		if err != nil {
			return false, err
		}
		if j.Copies > 1 || len(j.Voided) > 0 || j.State != JobRequested && j.State != JobAwaiting {
			return true, nil
		}
	}
	return false, nil
}

// about tells whether a fallout is about a parcel, or about the order as a whole.
func (f *Fallout) about(sscc string) bool { return f.LU == "" || f.LU == sscc }
