package warehouse

import (
	"fmt"
	"strings"
)

// The double-entry ledger. move is the one way a quantity changes: it writes a
// row of the journal and both balances. reserve is the one way a reservation
// changes. A balance row exists while it is not zero.

// stockKey says what stands somewhere: the ledger key without its place.
type stockKey struct {
	sku, lot, serial, owner, status string
}

// stockRow is one balance. Reserved is the sum of what open tasks still have to
// take from here.
type stockRow struct {
	Qty      int64  `cbor:"1,keyasint"`
	Reserved int64  `cbor:"2,keyasint,omitempty"`
	Expiry   string `cbor:"3,keyasint,omitempty"` // of the lot, copied
	// First is when the goods first came in, kept for items picked
	// first-in-first-out; 0 = longer ago than anybody knows.
	First int64 `cbor:"4,keyasint,omitempty"`
}

// lotRecord holds what is true of a lot wherever it stands.
type lotRecord struct {
	Expiry string `cbor:"1,keyasint,omitempty"`
	First  int64  `cbor:"2,keyasint,omitempty"` // when the first of what is here came, where figures are kept
}

// suspectRecord marks a bin that held less of an item than the book says. The
// allocator leaves it alone until the item is counted there again.
type suspectRecord struct {
	Since  int64  `cbor:"1,keyasint"`
	Reason string `cbor:"2,keyasint"`
}

// noExpiry sorts behind every date.
const noExpiry = "9999-12-31"

func isVirtual(place string) bool {
	switch place {
	case PlaceOpening, PlaceSupplier, PlaceCustomer, PlaceAdjustment, PlaceScrap, PlaceReclass, PlaceVendor:
		return true
	}
	return false
}

func stockRowKey(place string, s stockKey) []byte {
	return key(kStock, s.sku, place, s.lot, s.serial, s.owner, s.status)
}

// parseStockKey takes a key of stockRowKey apart.
func parseStockKey(k []byte) (place string, s stockKey, err error) {
	p := strings.Split(string(k), string(rune(sep)))
	if len(p) != 7 {
		return "", s, fmt.Errorf("%w: stock key %q", ErrCorrupt, k)
	}
	return p[2], stockKey{sku: p[1], lot: p[3], serial: p[4], owner: p[5], status: p[6]}, nil
}

// parseAtKey takes a key of what stands in a place apart.
func parseAtKey(k []byte) (stockKey, error) {
	p := strings.Split(string(k), string(rune(sep)))
	if len(p) != 7 {
		return stockKey{}, fmt.Errorf("%w: place key %q", ErrCorrupt, k)
	}
	return stockKey{sku: p[2], lot: p[3], serial: p[4], owner: p[5], status: p[6]}, nil
}

// move takes qty from one place to another. reserved of it is given back in the
// same step, for goods that leave a bin for the task that held them.
func (c *change) move(s stockKey, qty int64, from, to string, reserved int64) error {
	if qty < 1 || from == to {
		return refuse(CodeIllegalState, "move of %d %s from %s to %s", qty, s.sku, from, to)
	}
	expiry, err := lotExpiry(c, s.sku, s.lot)
	if err != nil {
		return err
	}
	first, err := c.firstReceipt(from, to, s)
	if err != nil {
		return err
	}
	if err := c.balance(from, s, expiry, -qty, -reserved); err != nil {
		return err
	}
	if err := c.balance(to, s, expiry, qty, 0); err != nil {
		return err
	}
	if first != 0 {
		if err := c.setFirst(to, s, qty, first); err != nil {
			return err
		}
	}
	n, err := c.next(kMove)
	if err != nil {
		return err
	}
	c.touch("stock", s.sku)
	m := &Move{
		SKU: s.sku, Lot: s.lot, Serial: s.serial, Owner: s.owner, Status: s.status,
		Qty: qty, From: from, To: to,
		At: c.meta.Now, Cause: c.meta.Cause, Actor: c.meta.Actor, Reason: c.reason,
	}
	if err := c.countMove(m); err != nil {
		return err
	}
	return save(c, key(kMove, num(n)), m)
}

// reserve adds to the reservations in a bin, or gives back when qty < 0.
func (c *change) reserve(bin string, s stockKey, expiry string, qty int64) error {
	c.touch("stock", s.sku)
	return c.balance(BinPlace(bin), s, expiry, 0, qty)
}

// balance changes one balance row and the indexes that follow from it. They are
// right before, so what it leaves as it was is not looked up in them.
func (c *change) balance(place string, s stockKey, expiry string, qty, reserved int64) error {
	k := stockRowKey(place, s)
	row, err := load[stockRow](c, k)
	if err != nil {
		return err
	}
	was := row != nil
	if !was {
		row = &stockRow{Expiry: expiry}
	}
	free := row.Qty > row.Reserved
	row.Qty += qty
	row.Reserved += reserved
	if !isVirtual(place) && (row.Reserved < 0 || row.Qty < row.Reserved) {
		return refuse(CodeNegativeStock, "%s of %s in %s: %d with %d reserved", s.sku, s.lot, place, row.Qty, row.Reserved)
	}
	gone := row.Qty == 0 && row.Reserved == 0
	if gone {
		err = c.Delete(k)
	} else {
		err = save(c, k, row)
	}
	if err != nil || isVirtual(place) {
		return err
	}
	if err := c.markATP(demand{s.sku, s.owner}); err != nil {
		return err
	}
	if was == gone {
		if err := c.index(key(kAt, place, s.sku, s.lot, s.serial, s.owner, s.status), !gone); err != nil {
			return err
		}
	}
	if s.serial != "" {
		if err := c.noteSerial(k, place, s, row.Qty); err != nil {
			return err
		}
	}
	if bin, ok := strings.CutPrefix(place, placeBin); ok && qty != 0 {
		if err := c.workOn(bin); err != nil {
			return err
		}
	}
	if bin, ok := strings.CutPrefix(place, placeBin); ok && (gone || row.Qty == qty) {
		if err := c.keepFreeBin(bin); err != nil {
			return err
		}
	}
	if bin, ok := strings.CutPrefix(place, placeBin); ok && s.status == StatusSellable && free != (row.Qty > row.Reserved) {
		return c.index(freeKey(s, row.Expiry, bin), !free)
	}
	return nil
}

// freeKey is the row of the index of free stock: that of plain goods is as old
// as the first logs, those of consignors and with serials have one of their own.
func freeKey(s stockKey, expiry, bin string) []byte {
	if s.owner == "" && s.serial == "" {
		return fefoKey(s.sku, expiry, bin, s.lot)
	}
	if expiry == "" {
		expiry = noExpiry
	}
	return key(kFEFX, s.sku, s.owner, expiry, bin, s.lot, s.serial)
}

func fefoKey(sku, expiry, bin, lot string) []byte {
	if expiry == "" {
		expiry = noExpiry
	}
	return key(kFEFO, sku, expiry, bin, lot)
}

// lotExpiry is the date of a lot, "" when it has none.
func lotExpiry(r Reader, sku, lot string) (string, error) {
	if lot == "" {
		return "", nil
	}
	l, err := load[lotRecord](r, key(kLot, sku, lot))
	if err != nil || l == nil {
		return "", err
	}
	return l.Expiry, nil
}

// setLot records the date of a lot. A lot has one date; another is CONFLICT.
func (c *change) setLot(sku, lot, expiry string) error {
	if lot == "" {
		return nil
	}
	k := key(kLot, sku, lot)
	old, err := c.Get(k)
	if err != nil {
		return err
	}
	if old != nil {
		return c.lotIs(sku, lot, expiry)
	}
	if err := c.watchLot(sku, lot, expiry); err != nil {
		return err
	}
	return save(c, k, &lotRecord{Expiry: expiry})
}

// lotIs refuses another expiry date than the one that a lot has here.
func (c *change) lotIs(sku, lot, expiry string) error {
	if lot == "" {
		return nil
	}
	old, err := load[lotRecord](c, key(kLot, sku, lot))
	if err == nil && old != nil && old.Expiry != expiry {
		err = refuse(CodeConflict, "lot %s of %s expires %q, not %q", lot, sku, old.Expiry, expiry)
	}
	return err
}

// doubt marks a bin for an item, or ends the doubt about it. It is about the
// goods of all owners there.
func (c *change) doubt(bin, sku string, why *suspectRecord) error {
	k := key(kSuspect, bin, sku)
	had, err := c.Get(k)
	switch {
	case err != nil || had == nil && why == nil:
		return err
	case why == nil:
		err = c.Delete(k)
	default:
		err = save(c, k, why)
	}
	if err != nil || (had == nil) == (why == nil) {
		return err
	}
	return c.markOwners(sku)
}

func isSuspect(r Reader, bin, sku string) (bool, error) {
	b, err := r.Get(key(kSuspect, bin, sku))
	return b != nil, err
}

// openStock books counted stock. Counting an item in a bin also ends the doubt
// about it there.
func openStock(c *change, cmd OpenStock) (Result, error) {
	if err := checkRows(len(cmd.Rows)); err != nil {
		return Result{}, err
	}
	if cmd.Ref != "" {
		switch had, err := c.booked(cmd.Ref); {
		case err != nil:
			return Result{}, err
		case had:
			return Result{Text: TextBooked}, nil
		}
	}
	var skus []string
	seen := make(map[string]bool, len(cmd.Rows))
	for i, r := range cmd.Rows {
		if why := checkStockRow(r); why != "" {
			return Result{}, refuse(CodeInvalid, "row %d: %s", i+1, why)
		}
		if err := twice(seen, i+1, "position", positionName(r)); err != nil {
			return Result{}, err
		}
		if err := c.checkStocked(i+1, r); err != nil {
			return Result{}, err
		}
		if err := c.setLot(r.SKU, r.Lot, r.Expiry); err != nil {
			return Result{}, err
		}
		if err := c.move(r.stock(), r.Qty, PlaceOpening, BinPlace(r.Bin), 0); err != nil {
			return Result{}, err
		}
		if err := c.doubt(r.Bin, r.SKU, nil); err != nil {
			return Result{}, err
		}
		skus = append(skus, demand{r.SKU, r.Owner}.row())
	}
	if err := c.retryWaiting(skus); err != nil {
		return Result{}, err
	}
	return Result{Text: fmt.Sprintf("%d positions", len(cmd.Rows))}, nil
}

// booked tells whether a count was booked before, and notes that it is now.
func (c *change) booked(ref string) (bool, error) {
	if !validID(ref) {
		return false, refuse(CodeInvalid, "ref")
	}
	k := key(kOpened, ref)
	had, err := c.Get(k)
	if err != nil || had != nil {
		return had != nil, err
	}
	return false, c.index(k, true)
}

// checkStocked looks up what a stock row names.
func (c *change) checkStocked(row int, r StockRow) error {
	bin, err := GetBin(c, r.Bin)
	if err != nil {
		return err
	}
	if bin == nil {
		return refuse(CodeUnknownBin, "row %d: bin %s", row, r.Bin)
	}
	item, err := GetItem(c, r.SKU)
	if err != nil {
		return err
	}
	switch {
	case item == nil:
		return refuse(CodeUnknownItem, "row %d: item %s", row, r.SKU)
	}
	if why := checkTracking(item, r); why != "" {
		return refuse(CodeInvalid, "row %d: item %s %s", row, r.SKU, why)
	}
	expiry := r.Expiry
	if expiry == "" {
		if expiry, err = lotExpiry(c, r.SKU, r.Lot); err != nil {
			return err
		}
	}
	if err := c.traced(r.stock(), expiry); err != nil {
		return err
	}
	return c.refuseStolen(r.SKU, r.Serial)
}

// checkTracking says what is wrong with lot and serial of a row, "" when they
// are what the item asks for.
func checkTracking(item *Item, r StockRow) string {
	switch {
	case item.LotTracked && r.Lot == "":
		return "needs a lot"
	case !item.LotTracked && r.Lot != "":
		return "has no lots"
	case item.Serials && r.Serial == "":
		return "needs a serial"
	case !item.Serials && r.Serial != "":
		return "has no serials"
	case item.Serials && r.Qty != 1:
		return "has serials: one unit a row"
	}
	return ""
}

// stock is what the row counts.
func (r StockRow) stock() stockKey {
	return stockKey{sku: r.SKU, lot: r.Lot, serial: r.Serial, owner: r.Owner, status: r.Status}
}

// positionName tells two positions of a list apart.
func positionName(r StockRow) string {
	name := strings.Join([]string{r.Bin, r.SKU, r.Lot}, "/")
	if r.Owner != "" || r.Serial != "" || r.Status != "" {
		name += strings.Join([]string{"", r.Serial, r.Owner, r.Status}, "/")
	}
	return name
}
