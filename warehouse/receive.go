package warehouse

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"tote/gs1"
)

// Receiving: goods are booked from the supplier to the place of the receipt and
// a put-away task is made of them, so that no piece is without somebody who
// looks after it. Damaged goods come in as damaged and expired ones as
// quarantined: they are never sold, but they are here.
//
// The put-away goes to a bin of the item's class: one that holds the item
// already, else an empty one. Without a class any bin will do, and the worker
// chooses.

type (
	// Receive books goods of a delivery. Barcode is anything the item is
	// known by, the supplier's code, or a GS1 code, which may name lot and
	// expiry; Lot and Expiry are for those that do not. Confirm answers the
	// question whether too many or expired goods shall come in.
	Receive struct {
		Receipt string `cbor:"1,keyasint" json:"receipt"`
		Barcode string `cbor:"2,keyasint" json:"barcode"`
		Qty     int64  `cbor:"3,keyasint" json:"qty"`
		Lot     string `cbor:"4,keyasint,omitempty" json:"lot,omitempty"`
		Expiry  string `cbor:"5,keyasint,omitempty" json:"expiry,omitempty"`
		Damaged bool   `cbor:"6,keyasint,omitempty" json:"damaged,omitempty"`
		Check   bool   `cbor:"7,keyasint,omitempty" json:"check,omitempty"` // to the quality check first
		Confirm bool   `cbor:"8,keyasint,omitempty" json:"confirm,omitempty"`
		Serial  string `cbor:"9,keyasint,omitempty" json:"serial,omitempty"`
	}
	// ReceiveUnit books everything that was announced for one logistic unit,
	// with the serials of the pieces that have one.
	ReceiveUnit struct {
		Receipt string       `cbor:"1,keyasint" json:"receipt"`
		LU      string       `cbor:"2,keyasint" json:"lu"` // SSCC, bare or as element string
		Serials []UnitSerial `cbor:"3,keyasint,omitempty" json:"serials,omitempty"`
	}
)

// Kind implements Command.
func (Receive) Kind() Kind { return KindReceive }

// Kind implements Command.
func (ReceiveUnit) Kind() Kind { return KindReceiveUnit }

// arrival is what one booking brings in.
type arrival struct {
	sku, lot, expiry string
	serial           string
	qty              int64
	damaged, check   bool
	expired          bool
	line             int // of the receipt it was announced in; 0 = any of the item
}

// status is the class of stock in which an arrival comes in.
func (a arrival) status() string {
	switch {
	case a.damaged:
		return StatusDamaged
	case a.expired:
		return StatusQuarantined
	case a.check:
		return StatusQC
	}
	return StatusSellable
}

func receive(c *change, cmd Receive) (Result, error) {
	rc, err := c.openReceiptOf(cmd.Receipt)
	if err != nil {
		return Result{}, err
	}
	switch {
	case !scannable(cmd.Barcode):
		return Result{}, refuse(CodeUnknownBarcode, "barcode of %d bytes", len(cmd.Barcode))
	case cmd.Qty < 1 || cmd.Qty > maxQty:
		return Result{}, refuse(CodeInvalid, "quantity")
	case cmd.Serial != "" && !validBarcode(cmd.Serial):
		return Result{}, refuse(CodeInvalid, "serial")
	case cmd.Lot != "" && !validBarcode(cmd.Lot), cmd.Expiry != "" && !validDate(cmd.Expiry):
		return Result{}, refuse(CodeInvalid, "lot or expiry")
	}
	it, a, err := c.understand(rc, cmd)
	if err != nil {
		return Result{}, err
	}
	switch {
	case it.LotTracked && a.lot == "":
		return Result{}, refuse(CodeWrongLot, "item %s needs a lot", it.SKU)
	case !it.LotTracked && a.lot != "":
		a.lot, a.expiry = "", ""
	}
	if why := checkTracking(it, StockRow{Lot: a.lot, Serial: a.serial, Qty: a.qty}); why != "" {
		return Result{}, refuse(CodeWrongSerial, "item %s %s", it.SKU, why)
	}
	if a.lot == "" && a.expiry != "" {
		return Result{}, refuse(CodeInvalid, "expiry without a lot")
	}
	if a.expiry == "" && a.lot != "" {
		if a.expiry, err = lotExpiry(c, a.sku, a.lot); err != nil {
			return Result{}, err
		}
	}
	a.expired = !usable(a.expiry, c.today())
	if a.expired && !cmd.Confirm {
		return Result{}, refuse(FalloutExpired, "lot %s of %s expires %s: confirm to take it in as quarantined", a.lot, a.sku, a.expiry)
	}
	if err := c.book(rc, a, cmd.Confirm); err != nil {
		return Result{}, err
	}
	return Result{Ref: rc.ID}, c.saveReceipt(rc)
}

// understand finds the item a barcode means at this supplier, and what it says
// of lot and expiry. The fields of the command go before the barcode.
func (c *change) understand(rc *Receipt, cmd Receive) (*Item, arrival, error) {
	a := arrival{qty: cmd.Qty, lot: cmd.Lot, expiry: cmd.Expiry, damaged: cmd.Damaged, check: cmd.Check}
	f, err := findItem(c, cmd.Barcode)
	it, lot := f.item, f.lot
	var no *refusal
	if err != nil && !errors.As(err, &no) {
		return nil, a, err
	}
	if it == nil {
		sku, err := c.Get(key(kVendor, rc.Supplier, plainCode(cmd.Barcode)))
		if err != nil {
			return nil, a, err
		}
		if sku == nil {
			return nil, a, refuse(CodeUnknownBarcode, "no item has this barcode: propose the item it belongs to")
		}
		if it, err = must2(GetItem(c, string(sku)))("item", string(sku)); err != nil {
			return nil, a, err
		}
	}
	a.sku, a.lot = it.SKU, cmp.Or(cmd.Lot, lot)
	if a.qty *= max(f.units, 1); a.qty > maxStockQty {
		return nil, a, refuse(CodeInvalid, "quantity")
	}
	if it.Serials {
		a.serial = cmp.Or(cmd.Serial, f.serial)
	}
	if a.expiry == "" && lot != "" && lot == a.lot {
		a.expiry = expiryOf(cmd.Barcode, c.meta.Now)
	}
	return it, a, nil
}

// expiryOf is the expiry date in a GS1 code, "" when there is none.
func expiryOf(barcode string, now int64) string {
	s, err := gs1.Parse(barcode)
	if err != nil {
		return ""
	}
	v, ok := s.Value("17")
	if !ok {
		return ""
	}
	d, err := gs1.ExpandDate(v, time.UnixMilli(now).UTC().Year())
	if err != nil {
		return ""
	}
	return d
}

// book brings an arrival into the receipt, the ledger and the queue of
// put-aways. The receipt is not saved.
func (c *change) book(rc *Receipt, a arrival, confirmed bool) error {
	it, err := must2(GetItem(c, a.sku))("item", a.sku)
	if err != nil {
		return err
	}
	if it.Serials && a.serial == "" {
		return refuse(CodeWrongSerial, "item %s has serials: receive each unit by its own", a.sku)
	}
	if err := c.refuseStolen(a.sku, a.serial); err != nil {
		return err
	}
	if err := c.coldIn(rc, &a); err != nil {
		return err
	}
	l, err := c.lineFor(rc, a, confirmed)
	if err != nil {
		return err
	}
	if err := c.traced(stockKey{sku: a.sku, lot: a.lot, serial: a.serial}, a.expiry); err != nil {
		return err
	}
	if err := c.setLot(a.sku, a.lot, a.expiry); err != nil {
		return err
	}
	l.Received += a.qty
	if a.damaged {
		l.Damaged += a.qty
	}
	if a.expired {
		l.Expired += a.qty
	}
	if l.Lot != "" && !l.Extra && l.Lot != a.lot {
		l.WrongLot += a.qty
	}
	if rc.State == ReceiptExpected {
		rc.State, rc.Since = ReceiptReceiving, c.meta.Now
	}
	s := stockKey{sku: a.sku, lot: a.lot, serial: a.serial, owner: rc.Owner, status: a.status()}
	place := ReceiptPlace(rc.ID)
	if err := c.move(s, a.qty, PlaceSupplier, place, 0); err != nil {
		return err
	}
	to := ""
	if s.status == StatusSellable {
		if to, err = c.putawayBin(a.sku); err != nil {
			return err
		}
	}
	_, err = c.newFloorTask(FloorTask{
		Kind: FloorPutaway, SKU: s.sku, Lot: s.lot, Serial: s.serial, Owner: s.owner, Status: s.status, Qty: a.qty,
		From: place, To: to, Ref: rc.ID,
	})
	return err
}

// lineFor is the line an arrival counts for: the one it was announced in, else one of the item that still expects
// some, the same lot first; else one that is full, if too many may come; else a
// line of its own.
func (c *change) lineFor(rc *Receipt, a arrival, confirmed bool) (*ReceivedLine, error) {
	best, rank := -1, 0
	for i := range rc.Lines {
		l := &rc.Lines[i]
		if a.line == l.Line && c.since(level4) {
			return l, nil // what is still to come of it
		}
		if l.SKU != a.sku || l.Extra && l.Lot != a.lot {
			continue
		}
		r := 1
		if l.Received < l.Expected {
			r += 4
		}
		if l.Lot == a.lot {
			r += 2
		}
		if r > rank {
			best, rank = i, r
		}
	}
	if best < 0 {
		extra := 0
		for _, l := range rc.Lines {
			if l.Extra {
				extra++
			}
		}
		switch {
		case !rc.Blind && !confirmed:
			return nil, refuse(CodeConfirm, "%s was not announced: confirm to take it in", a.sku)
		case extra >= maxExtraLines:
			return nil, refuse(CodeTooBig, "receipt %s has %d unannounced lines: close it and open another", rc.ID, extra)
		}
		n := 1
		for _, l := range rc.Lines {
			n = max(n, l.Line+1)
		}
		rc.Lines = append(rc.Lines, ReceivedLine{Line: n, SKU: a.sku, Lot: a.lot, Expiry: a.expiry, Extra: true})
		return &rc.Lines[len(rc.Lines)-1], nil
	}
	l := &rc.Lines[best]
	if l.Extra || confirmed {
		return l, nil
	}
	sup, err := must2(GetSupplier(c, rc.Supplier))("supplier", rc.Supplier)
	if err != nil {
		return nil, err
	}
	if most := l.Expected + l.Expected*sup.OverPermil/1000; l.Received+a.qty > most {
		return nil, refuse(CodeConfirm, "line %d expects %d of %s and has %d: confirm to take %d more in", l.Line, l.Expected, l.SKU, l.Received, a.qty)
	}
	return l, nil
}

// receiveUnit books what was announced for a unit and is not here yet.
func receiveUnit(c *change, cmd ReceiveUnit) (Result, error) {
	rc, err := c.openReceiptOf(cmd.Receipt)
	if err != nil {
		return Result{}, err
	}
	if err := checkUnitSerials(cmd.Serials); err != nil {
		return Result{}, err
	}
	code := ssccOf(cmd.LU)
	found := false
	if c.since(level5) {
		if err := c.wholeUnit(rc, code, len(cmd.Serials) > 0); err != nil {
			return Result{}, err
		}
	}
	booked, err := c.unitWithSerials(rc, code, cmd.Serials)
	if err != nil {
		return Result{}, err
	}
	for _, l := range slices.Clone(rc.Lines) {
		if code == "" || l.LU != code {
			continue
		}
		found = true
		if l.Received >= l.Expected {
			continue
		}
		it, err := must2(GetItem(c, l.SKU))("item", l.SKU)
		if err != nil {
			return Result{}, err
		}
		a, err := c.unitArrival(it, &l)
		if err != nil {
			return Result{}, err
		}
		if err := c.book(rc, a, false); err != nil {
			return Result{}, err
		}
		booked++
		if c.over(receiveKeys, receiveBytes) {
			break // the rest with the next scan of the unit
		}
	}
	switch {
	case !found:
		return Result{}, refuse(CodeUnknownSSCC, "receipt %s announces no unit %s", rc.ID, code)
	case booked == 0:
		return Result{Ref: rc.ID, Text: "received before"}, nil
	}
	res := Result{Ref: rc.ID}
	if left := unitOpen(rc, code); left > 0 && c.since(level5) {
		res = Result{Ref: RefMore, Text: fmt.Sprintf("receipt %s: %d lines of unit %s are left: receive it again", rc.ID, left, code)}
	}
	return res, c.saveReceipt(rc)
}

// unitOpen counts the lines of a unit that still expect something.
func unitOpen(rc *Receipt, unit string) (n int) {
	for _, l := range rc.Lines {
		if l.LU == unit && l.Received < l.Expected {
			n++
		}
	}
	return n
}

// wholeUnit refuses a unit of which not everything can come in: one that takes
// several commands must not stop in its midst. Serials that are given are looked at
// with what they are booked for.
func (c *change) wholeUnit(rc *Receipt, unit string, serials bool) error {
	expires := map[[2]string]string{} // by item and lot
	for _, l := range rc.Lines {
		if unit == "" || l.LU != unit || l.Received >= l.Expected {
			continue
		}
		it, err := must2(GetItem(c, l.SKU))("item", l.SKU)
		if err != nil {
			return err
		}
		if it.Serials && serials {
			continue
		}
		a, err := c.unitArrival(it, &l)
		if err != nil {
			return err
		}
		if it.Serials {
			return refuse(CodeWrongSerial, "item %s has serials: receive each unit by its own", l.SKU)
		}
		if err := c.traced(stockKey{sku: a.sku, lot: a.lot}, a.expiry); err != nil {
			return err
		}
		if err := c.lotIs(a.sku, a.lot, a.expiry); err != nil {
			return err
		}
		was, twice := expires[[2]string{a.sku, a.lot}]
		if twice && a.lot != "" && was != a.expiry {
			return refuse(CodeConflict, "lot %s of %s expires %q, not %q", a.lot, a.sku, was, a.expiry)
		}
		expires[[2]string{a.sku, a.lot}] = a.expiry
	}
	return nil
}

// unitArrival is what is still to come of a line of a unit.
func (c *change) unitArrival(it *Item, l *ReceivedLine) (arrival, error) {
	a := arrival{sku: l.SKU, lot: l.Lot, expiry: l.Expiry, qty: l.Expected - l.Received, line: l.Line}
	if it.LotTracked && l.Lot == "" {
		return a, refuse(CodeWrongLot, "line %d: the notice names no lot of %s: receive it by hand", l.Line, l.SKU)
	}
	if !usable(a.expiry, c.today()) {
		return a, refuse(FalloutExpired, "line %d: lot %s expires %s: receive it by hand", l.Line, l.Lot, l.Expiry)
	}
	return a, nil
}

// putawayBin is the bin an item should go to, as a place; "" when its class
// leaves it open.
func (c *change) putawayBin(sku string) (string, error) {
	it, err := must2(GetItem(c, sku))("item", sku)
	if err != nil || it.Class == "" {
		return "", err
	}
	// A bin of the class that holds the item already.
	place, tried := "", 0
	err = c.Range(under(kStock, sku), func(k, _ []byte) (bool, error) {
		at, s, err := parseStockKey(k)
		if err != nil || !isBinPlace(at) || s.status != StatusSellable {
			return err == nil, err
		}
		tried++
		b, err := must2(GetBin(c, bareCode(at)))("bin", bareCode(at))
		if err != nil {
			return false, err
		}
		if b.Class == it.Class {
			place = at
		}
		return place == "" && tried < putawayTries, nil
	})
	if err != nil || place != "" {
		return place, err
	}
	free, err := tails(c, under(kFreeBin, it.Class), 1)
	if err != nil || len(free) == 0 {
		return "", err
	}
	return BinPlace(free[0]), nil
}

// keepFreeBin writes or removes the row of an empty bin that has a class.
func (c *change) keepFreeBin(code string) error {
	b, err := GetBin(c, code)
	if err != nil || b == nil || b.Class == "" {
		return err
	}
	empty := true
	err = c.Range(under(kAt, BinPlace(code)), func(_, _ []byte) (bool, error) {
		empty = false
		return false, nil
	})
	if err != nil {
		return err
	}
	return c.index(key(kFreeBin, b.Class, code), empty)
}

// dropFreeBin removes the row of the bin that b replaces.
func (c *change) dropFreeBin(b *Bin) error {
	old, err := GetBin(c, b.Code)
	if err != nil || old == nil || old.Class == "" || old.Class == b.Class {
		return err
	}
	return c.index(key(kFreeBin, old.Class, b.Code), false)
}
