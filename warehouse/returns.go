package warehouse

import (
	"cmp"
	"fmt"
	"slices"
)

// Returns: goods that come back from a customer.
//
// A return is announced (an RMA) or opened blind at the desk. What comes back
// is booked from the customer to the return's own place as goods that wait for
// inspection: nothing that comes back can be sold before somebody looked at it.
// Inspection decides piece by piece: back to stock, to the quality check, to
// quarantine (each with a put-away), scrap, or back to the vendor. The site
// never refunds: closing a return asks the OMS to, with what really came and
// in which state. An exchange is a return that names the order sent instead.

// Dispositions.
const (
	DispRestock    = "RESTOCK"
	DispQC         = "QUALITY_CHECK"
	DispQuarantine = "QUARANTINE"
	DispScrap      = "SCRAP"
	DispVendor     = "RETURN_TO_VENDOR"
)

var (
	dispositions  = []string{DispRestock, DispQC, DispQuarantine, DispScrap, DispVendor}
	returnReasons = []string{"MISSING_ITEM", "WRONG_ITEM", "PRODUCTION_FAILURE", "DAMAGED", "OTHER"}
)

const maxReturnLines = 100

type (
	// Return is the site's record of goods that come back. Its states are
	// those of a receipt.
	Return struct {
		ID       string       `cbor:"1,keyasint" json:"id"`
		Order    string       `cbor:"2,keyasint,omitempty" json:"order,omitempty"`
		Source   string       `cbor:"3,keyasint" json:"source"`
		State    string       `cbor:"4,keyasint" json:"state"`
		Since    int64        `cbor:"5,keyasint" json:"since"`
		Exchange string       `cbor:"6,keyasint,omitempty" json:"exchange,omitempty"` // order sent instead
		Blind    bool         `cbor:"7,keyasint,omitempty" json:"blind,omitempty"`
		Lines    []ReturnLine `cbor:"8,keyasint,omitempty" json:"lines,omitempty"`
		Owner    string       `cbor:"9,keyasint,omitempty" json:"owner,omitempty"` // whose goods the order was for
	}
	// ReturnLine is what is expected back of an item, what came, and what
	// was decided about it; base units.
	ReturnLine struct {
		SKU      string        `cbor:"1,keyasint" json:"sku"`
		Lot      string        `cbor:"2,keyasint,omitempty" json:"lot,omitempty"`
		Expected int64         `cbor:"3,keyasint,omitempty" json:"expected,omitempty"`
		Received int64         `cbor:"4,keyasint,omitempty" json:"received,omitempty"`
		Reason   string        `cbor:"5,keyasint,omitempty" json:"reason,omitempty"`
		Decided  []Disposition `cbor:"6,keyasint,omitempty" json:"decided,omitempty"`
	}
	// Disposition is how many pieces went which way.
	Disposition struct {
		What string `cbor:"1,keyasint" json:"what"`
		Qty  int64  `cbor:"2,keyasint" json:"qty"`
	}
)

type (
	// AnnounceReturn expects goods back. The same again is a no-op.
	AnnounceReturn struct {
		Return   string       `cbor:"1,keyasint" json:"return"`
		Order    string       `cbor:"2,keyasint,omitempty" json:"order,omitempty"`
		Lines    []ReturnLine `cbor:"3,keyasint,omitempty" json:"lines,omitempty"` // SKU, Lot, Expected, Reason
		Exchange string       `cbor:"4,keyasint,omitempty" json:"exchange,omitempty"`
		Source   string       `cbor:"5,keyasint" json:"source"`
	}
	// ReceiveReturn books goods that came back. A return nobody announced is
	// opened by it. Confirm lets more come back than was expected, or than
	// the order shipped.
	ReceiveReturn struct {
		Return  string `cbor:"1,keyasint" json:"return"`
		Order   string `cbor:"2,keyasint,omitempty" json:"order,omitempty"` // of a blind return, if it is known
		Barcode string `cbor:"3,keyasint" json:"barcode"`
		Lot     string `cbor:"4,keyasint,omitempty" json:"lot,omitempty"`
		Qty     int64  `cbor:"5,keyasint" json:"qty"`
		Reason  string `cbor:"6,keyasint" json:"reason"`
		Confirm bool   `cbor:"7,keyasint,omitempty" json:"confirm,omitempty"`
	}
	// InspectReturn decides about pieces of a return.
	InspectReturn struct {
		Return      string `cbor:"1,keyasint" json:"return"`
		SKU         string `cbor:"2,keyasint" json:"sku"`
		Lot         string `cbor:"3,keyasint,omitempty" json:"lot,omitempty"`
		Qty         int64  `cbor:"4,keyasint" json:"qty"`
		Disposition string `cbor:"5,keyasint" json:"disposition"`
		Serial      string `cbor:"6,keyasint,omitempty" json:"serial,omitempty"` // of items with serials
	}
	// CloseReturn ends a return all of whose pieces are decided about, and
	// asks the OMS for the refund.
	CloseReturn struct {
		Return string `cbor:"1,keyasint" json:"return"`
	}
)

// Kind implements Command.
func (AnnounceReturn) Kind() Kind { return KindAnnounceReturn }

// Kind implements Command.
func (ReceiveReturn) Kind() Kind { return KindReceiveReturn }

// Kind implements Command.
func (InspectReturn) Kind() Kind { return KindInspectReturn }

// Kind implements Command.
func (CloseReturn) Kind() Kind { return KindCloseReturn }

// ReturnPlace is where goods stand that came back and were not inspected yet.
func ReturnPlace(id string) string { return placeReturn + id }

// decided is how many pieces of a line somebody looked at.
func (l *ReturnLine) decided() (n int64) {
	for _, d := range l.Decided {
		n += d.Qty
	}
	return n
}

func (c *change) saveReturn(rt *Return) error {
	c.touch("return", rt.ID)
	return save(c, key(kReturn, rt.ID), rt)
}

// openReturn loads a return that goods may still be booked to.
func (c *change) openReturn(id string) (*Return, error) {
	var rt *Return
	var err error
	if validID(id) {
		rt, err = GetReturn(c, id)
	}
	switch {
	case err != nil:
		return nil, err
	case rt == nil:
		return nil, refuse(CodeUnknownReturn, "return %.70q", id)
	case rt.State == ReceiptClosed:
		return nil, refuse(CodeReceiptClosed, "return %s is closed", id)
	}
	return rt, nil
}

func announceReturn(c *change, cmd AnnounceReturn) (Result, error) {
	switch {
	case !validID(cmd.Return):
		return Result{}, refuse(CodeInvalid, "return id")
	case cmd.Order != "" && !validID(cmd.Order), cmd.Exchange != "" && !validID(cmd.Exchange):
		return Result{}, refuse(CodeInvalid, "order or exchange")
	case !validText(cmd.Source, maxID):
		return Result{}, refuse(CodeInvalid, "source")
	case len(cmd.Lines) == 0 || len(cmd.Lines) > maxReturnLines:
		return Result{}, refuse(CodeInvalid, "lines: 1 to %d", maxReturnLines)
	}
	owner, err := c.returnAsked(&cmd)
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: cmd.Return}
	rt := &Return{ID: cmd.Return, Order: cmd.Order, Source: cmd.Source, State: ReceiptExpected, Since: c.meta.Now, Exchange: cmd.Exchange, Owner: owner}
	for i, l := range cmd.Lines {
		it, err := c.returnable(l.SKU)
		if err != nil {
			return res, err
		}
		switch {
		case it.LotTracked && l.Lot == "", !it.LotTracked && l.Lot != "", l.Lot != "" && !validBarcode(l.Lot):
			return res, refuse(CodeWrongLot, "row %d: lot of %s", i+1, l.SKU)
		case l.Expected < 1 || l.Expected > maxQty || l.Received != 0 || len(l.Decided) != 0:
			return res, refuse(CodeInvalid, "row %d: quantity", i+1)
		case !slices.Contains(returnReasons, l.Reason):
			return res, refuse(CodeInvalid, "row %d: reason %q", i+1, l.Reason)
		case rt.line(l.SKU, l.Lot) != nil:
			return res, refuse(CodeDuplicateInFile, "row %d: %s is there twice", i+1, l.SKU)
		}
		rt.Lines = append(rt.Lines, l)
	}
	if cmd.Order != "" {
		o, err := c.order(cmd.Order)
		if err != nil {
			return res, err
		}
		if o == nil || o.State != OrderShipped {
			return res, refuse(CodeUnknownOrder, "no order %s was shipped from here", cmd.Order)
		}
		if c.since(level4) { // the order may be forgotten when the goods come
			rt.Owner = o.Spec.Owner
		}
	}
	old, err := GetReturn(c, cmd.Return)
	if err != nil {
		return res, err
	}
	if old != nil {
		if old.Blind || old.Source != rt.Source || old.Order != rt.Order || old.Exchange != rt.Exchange || !sameExpected(old.Lines, rt.Lines) {
			return res, refuse(CodeConflict, "return %s is here with other content", cmd.Return)
		}
		res.Text = "announced before"
		return res, nil
	}
	return res, c.saveReturn(rt)
}

// sameExpected tells whether two lists announce the same. Lines that came
// unannounced stand behind.
func sameExpected(a, b []ReturnLine) bool {
	a = slices.DeleteFunc(slices.Clone(a), func(l ReturnLine) bool { return l.Expected == 0 })
	return slices.EqualFunc(a, b, func(x, y ReturnLine) bool {
		return x.SKU == y.SKU && x.Lot == y.Lot && x.Expected == y.Expected
	})
}

// returnable loads an item that somebody named.
func (c *change) returnable(sku string) (*Item, error) {
	if !validID(sku) {
		return nil, refuse(CodeUnknownItem, "item %.70q", sku)
	}
	it, err := GetItem(c, sku)
	if err == nil && it == nil {
		err = refuse(CodeUnknownItem, "item %s", sku)
	}
	return it, err
}

func (rt *Return) line(sku, lot string) *ReturnLine {
	for i := range rt.Lines {
		if rt.Lines[i].SKU == sku && rt.Lines[i].Lot == lot {
			return &rt.Lines[i]
		}
	}
	return nil
}

func receiveReturn(c *change, cmd ReceiveReturn) (Result, error) {
	switch {
	case !validID(cmd.Return), cmd.Order != "" && !validID(cmd.Order):
		return Result{}, refuse(CodeInvalid, "return id or order")
	case !scannable(cmd.Barcode):
		return Result{}, refuse(CodeUnknownBarcode, "barcode of %d bytes", len(cmd.Barcode))
	case cmd.Qty < 1 || cmd.Qty > maxQty:
		return Result{}, refuse(CodeInvalid, "quantity")
	case cmd.Lot != "" && !validBarcode(cmd.Lot):
		return Result{}, refuse(CodeInvalid, "lot")
	case !slices.Contains(returnReasons, cmd.Reason):
		return Result{}, refuse(CodeInvalid, "reason %q", cmd.Reason)
	}
	rt, err := GetReturn(c, cmd.Return)
	if err != nil {
		return Result{}, err
	}
	if rt == nil {
		rt = &Return{ID: cmd.Return, Order: cmd.Order, Source: "site", Since: c.meta.Now, Blind: true}
	}
	res := Result{Ref: rt.ID}
	if rt.State == ReceiptClosed {
		return res, refuse(CodeReceiptClosed, "return %s is closed", rt.ID)
	}
	f, err := findItem(c, cmd.Barcode)
	it, lot, serial := f.item, f.lot, ""
	cmd.Qty *= max(f.units, 1)
	switch {
	case err != nil:
		return res, err
	case it == nil:
		return res, refuse(CodeUnknownBarcode, "no item has this barcode")
	}
	if cmd.Qty > maxStockQty {
		return res, refuse(CodeInvalid, "quantity")
	}
	lot = cmp.Or(cmd.Lot, lot)
	if !it.LotTracked {
		lot = ""
	} else if lot == "" {
		return res, refuse(CodeWrongLot, "item %s needs a lot", it.SKU)
	}
	if it.Serials {
		serial = f.serial
		if !validBarcode(serial) || cmd.Qty != 1 {
			return res, refuse(CodeWrongSerial, "scan each unit by the code with its serial")
		}
		if err := c.refuseStolen(it.SKU, serial); err != nil {
			return res, err
		}
	}
	if err := c.ownReturn(rt); err != nil {
		return res, err
	}
	l, err := c.returnLine(rt, it.SKU, lot, cmd)
	if err != nil {
		return res, err
	}
	l.Received += cmd.Qty
	if l.Reason == "" {
		l.Reason = cmd.Reason
	}
	rt.State = ReceiptReceiving
	if err := c.move(stockKey{it.SKU, lot, serial, rt.Owner, StatusQC}, cmd.Qty, PlaceCustomer, ReturnPlace(rt.ID), 0); err != nil {
		return res, err
	}
	return res, c.saveReturn(rt)
}

// ownReturn finds out whose goods come back: those of the order's owner.
func (c *change) ownReturn(rt *Return) error {
	if rt.Order == "" || len(rt.Lines) > 0 && slices.ContainsFunc(rt.Lines, func(l ReturnLine) bool { return l.Received > 0 }) {
		return nil // one return, one owner
	}
	o, err := c.order(rt.Order)
	if err == nil && o != nil {
		rt.Owner = o.Spec.Owner
	}
	return err
}

// returnLine is the line goods count for, after the questions whether so many
// may come back.
func (c *change) returnLine(rt *Return, sku, lot string, cmd ReceiveReturn) (*ReturnLine, error) {
	l := rt.line(sku, lot)
	if !cmd.Confirm {
		if !rt.Blind && (l == nil || l.Received+cmd.Qty > l.Expected) {
			return nil, refuse(CodeConfirm, "return %s does not expect %d of %s: confirm to take them in", rt.ID, cmd.Qty, sku)
		}
		if rt.Order != "" {
			left, known, err := c.shippedLeft(rt, sku)
			if err != nil {
				return nil, err
			}
			if !known && rt.Blind {
				return nil, refuse(CodeConfirm, "order %s is in the archive, and what it shipped is not known here any more: confirm to take %d in", rt.Order, cmd.Qty)
			}
			if known && cmd.Qty > left {
				return nil, refuse(CodeConfirm, "order %s shipped %d of %s that are not back: confirm to take %d in", rt.Order, left, sku, cmd.Qty)
			}
		}
	}
	if l != nil {
		return l, nil
	}
	if len(rt.Lines) >= maxReturnLines {
		return nil, refuse(CodeTooBig, "return %s has %d lines: close it and open another", rt.ID, len(rt.Lines))
	}
	rt.Lines = append(rt.Lines, ReturnLine{SKU: sku, Lot: lot})
	return &rt.Lines[len(rt.Lines)-1], nil
}

// shippedLeft is what the order of a return shipped of an item and this return
// has not brought back yet; not known of one in the archive.
func (c *change) shippedLeft(rt *Return, sku string) (n int64, known bool, err error) {
	o, err := c.order(rt.Order)
	if err != nil || o == nil || o.State != OrderShipped {
		return 0, true, err
	}
	if o.gone != 0 {
		return 0, false, nil
	}
	for _, l := range o.Lines {
		if l.SKU == sku {
			n += l.Picked
		}
	}
	for _, l := range rt.Lines {
		if l.SKU == sku {
			n -= l.Received
		}
	}
	return max(n, 0), true, nil
}

func inspectReturn(c *change, cmd InspectReturn) (Result, error) {
	rt, err := c.openReturn(cmd.Return)
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: rt.ID}
	l := rt.line(cmd.SKU, cmd.Lot)
	switch {
	case !slices.Contains(dispositions, cmd.Disposition):
		return res, refuse(CodeInvalid, "disposition %q", cmd.Disposition)
	case l == nil:
		return res, refuse(CodeUnknownItem, "return %s has no %s %s", rt.ID, cmd.SKU, cmd.Lot)
	case cmd.Qty < 1 || cmd.Qty > l.Received-l.decided():
		return res, refuse(CodeInvalid, "quantity: %d are not decided about", l.Received-l.decided())
	}
	it, err := must2(GetItem(c, cmd.SKU))("item", cmd.SKU)
	if err != nil {
		return res, err
	}
	if why := checkTracking(it, StockRow{Lot: cmd.Lot, Serial: cmd.Serial, Qty: cmd.Qty}); why != "" {
		return res, refuse(CodeWrongSerial, "item %s %s", cmd.SKU, why)
	}
	if cmd.Serial != "" {
		at, err := c.serialAt(cmd.SKU, cmd.Serial)
		if err != nil {
			return res, err
		}
		if at == nil || at.place != ReturnPlace(rt.ID) || at.lot != cmd.Lot || at.status != StatusQC {
			return res, refuse(CodeWrongSerial, "serial %s does not wait in return %s", cmd.Serial, rt.ID)
		}
	}
	if err := c.dispose(rt, l, cmd.Serial, cmd.Qty, cmd.Disposition); err != nil {
		return res, err
	}
	at := slices.IndexFunc(l.Decided, func(d Disposition) bool { return d.What == cmd.Disposition })
	if at < 0 {
		l.Decided = append(l.Decided, Disposition{What: cmd.Disposition})
		at = len(l.Decided) - 1
	}
	l.Decided[at].Qty += cmd.Qty
	return res, c.saveReturn(rt)
}

// dispose moves inspected goods where they belong.
func (c *change) dispose(rt *Return, l *ReturnLine, serial string, qty int64, how string) error {
	from := stockKey{l.SKU, l.Lot, serial, rt.Owner, StatusQC}
	place, to := ReturnPlace(rt.ID), from
	switch how {
	case DispScrap:
		return c.move(from, qty, place, PlaceScrap, 0)
	case DispVendor:
		return c.move(from, qty, place, PlaceVendor, 0)
	case DispRestock:
		expiry, err := lotExpiry(c, l.SKU, l.Lot)
		if err != nil {
			return err
		}
		if !usable(expiry, c.today()) {
			return refuse(FalloutExpired, "lot %s of %s expires %s: it cannot be sold again", l.Lot, l.SKU, expiry)
		}
		to.status = StatusSellable
	case DispQuarantine:
		to.status = StatusQuarantined
	}
	if to != from {
		by := PlaceReclass
		if !c.since(level4) {
			by = PlaceAdjustment
		}
		if err := c.carryOver(position{place, from}, position{place, to}, qty, by); err != nil {
			return err
		}
	}
	bin := ""
	if to.status == StatusSellable {
		var err error
		if bin, err = c.putawayBin(l.SKU); err != nil {
			return err
		}
	}
	_, err := c.newFloorTask(FloorTask{
		Kind: FloorPutaway, SKU: to.sku, Lot: to.lot, Serial: to.serial, Owner: to.owner, Status: to.status, Qty: qty,
		From: place, To: bin, Ref: rt.ID, Order: rt.Order,
	})
	return err
}

func closeReturn(c *change, cmd CloseReturn) (Result, error) {
	rt, err := c.openReturn(cmd.Return)
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: rt.ID}
	var came int64
	for i := range rt.Lines {
		l := &rt.Lines[i]
		came += l.Received
		if left := l.Received - l.decided(); left > 0 {
			return res, refuse(CodeCheckOpen, "return %s: %d of %s are not inspected", rt.ID, left, l.SKU)
		}
	}
	rt.State, rt.Since = ReceiptClosed, c.meta.Now
	if err := c.saveReturn(rt); err != nil {
		return res, err
	}
	upstream, order, err := c.returnHeard(rt)
	if err != nil {
		return res, err
	}
	d := EventData{Ref: abroad(upstream, rt.ID), Returned: rt.Lines, Exchange: abroad(upstream, rt.Exchange), Source: rt.Source}
	if err := c.emitTo(upstream, EvReturnClosed, order, d); err != nil || came == 0 {
		return res, err
	}
	res.Text = fmt.Sprintf("%d pieces; the OMS is asked for the refund", came)
	return res, c.emitTo(upstream, EvRefundRequested, order, d)
}

// GetReturn returns a return by id.
func GetReturn(r Reader, id string) (*Return, error) { return load[Return](r, key(kReturn, id)) }

// Returns lists returns by id, those behind from, at most limit, all when 0.
func Returns(r Reader, from string, limit int) ([]Return, error) {
	var out []Return
	prefix := under(kReturn)
	err := rangeAfter(r, prefix, behind(prefix, from), func(k, b []byte) (bool, error) {
		rt, err := decodeRecord[Return](k, b)
		if err == nil {
			out = append(out, *rt)
		}
		return limit == 0 || len(out) < limit, err
	})
	return out, err
}
