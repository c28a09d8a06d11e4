package warehouse

import (
	"bytes"
	"fmt"
	"slices"
)

// Units of measure. All quantities are base units; a pack is a whole number of
// them and nothing else (row 99). Its rules:
//
//   - A barcode of a pack stands for its factor: one scan of a case of 12 counts
//     12, at the pick, the receipt, the count and the return.
//   - When the factor of a pack changes, what people believe to be one case is
//     another quantity now. Open orders with the item are held (PACK_CHANGE),
//     new ones as they reach the pool, until a person has looked and confirms
//     (ConfirmPack). Stock does not change: it never was in cases.
//   - Orders are held and let go in parts, as many as fit a command; an alarm
//     goes on with the rest. Work that was handed out is finished.

const (
	maxPacks   = 16
	maxFactor  = 100_000
	packOrders = 100 // orders one round looks at
)

// PackUnit is a unit an item is handled in.
type PackUnit struct {
	Unit    string `cbor:"1,keyasint" json:"unit"`   // "CASE", "PALLET"
	Factor  int64  `cbor:"2,keyasint" json:"factor"` // base units in one
	Barcode string `cbor:"3,keyasint,omitempty" json:"barcode,omitempty"`
}

// ConfirmPack says that a person has looked at a changed pack size: the orders
// that were held for it go on.
type ConfirmPack struct {
	SKU string `cbor:"1,keyasint" json:"sku"`
}

// Kind numbers the command.
func (ConfirmPack) Kind() Kind { return KindConfirmPack }

// PackChange is a pack size that changed and waits for a person.
type PackChange struct {
	SKU   string     `cbor:"1,keyasint" json:"sku"`
	Since int64      `cbor:"2,keyasint" json:"since"`
	Was   []PackUnit `cbor:"3,keyasint,omitempty" json:"was,omitempty"` // before the first change that nobody confirmed
	// Confirmed: orders are being let go, the record goes with the last.
	Confirmed bool   `cbor:"4,keyasint,omitempty" json:"confirmed,omitempty"`
	From      []byte `cbor:"5,keyasint,omitempty" json:"-"` // row of the pool that was looked at last
	Alarm     int64  `cbor:"6,keyasint,omitempty" json:"-"` // of the next part; 0 = all are held
}

// checkPacks says what is wrong with the packs of an item, "" when all is well.
func checkPacks(it Item) string {
	switch {
	case len(it.Packs) > maxPacks:
		return "more than 16 packs"
	case len(it.Packs) > 0 && it.Serials:
		return "items with serials have no packs"
	}
	codes := codesOf(&Item{SKU: it.SKU, GTIN: it.GTIN, Barcodes: it.Barcodes})
	for i, p := range it.Packs {
		switch {
		case !validID(p.Unit):
			return "pack unit"
		case p.Factor < 2 || p.Factor > maxFactor:
			return "pack factor: 2 to 100000"
		case p.Barcode != "" && !validBarcode(p.Barcode):
			return "pack barcode"
		case slices.ContainsFunc(it.Packs[:i], func(q PackUnit) bool { return q.Unit == p.Unit }):
			return "pack unit twice"
		}
		if p.Barcode == "" {
			continue
		}
		if slices.ContainsFunc(codes, func(code string) bool { return bytes.Equal(codeKey(code), codeKey(p.Barcode)) }) {
			return "pack barcode twice"
		}
		codes = append(codes, p.Barcode)
	}
	return ""
}

// unitsOf is how many base units a barcode of the item stands for.
func unitsOf(it *Item, barcode string) int64 {
	for _, p := range it.Packs {
		if p.Barcode != "" && bytes.Equal(codeKey(p.Barcode), codeKey(barcode)) {
			return p.Factor
		}
	}
	return 1
}

// repacked tells whether a pack of the old item is another quantity in the new
// one: the same unit, or the same barcode.
func repacked(old, it *Item) bool {
	for _, p := range old.Packs {
		at := slices.IndexFunc(it.Packs, func(q PackUnit) bool { return q.Unit == p.Unit })
		if at >= 0 && it.Packs[at].Factor != p.Factor {
			return true
		}
		if p.Barcode != "" && slices.ContainsFunc(codesOf(it), func(code string) bool { return bytes.Equal(codeKey(code), codeKey(p.Barcode)) }) &&
			unitsOf(it, p.Barcode) != p.Factor {
			return true
		}
	}
	return false
}

// packChanged notes that a pack size changed, and holds what it can at once.
func (c *change) packChanged(old, it *Item) error {
	if !repacked(old, it) {
		return nil
	}
	p, err := GetPackChange(c, it.SKU)
	if err != nil {
		return err
	}
	if p == nil {
		p = &PackChange{SKU: it.SKU, Was: old.Packs}
	}
	p.Since, p.Confirmed, p.From = c.meta.Now, false, nil
	c.touch("packs", it.SKU)
	return c.sweepPack(p)
}

// sweepPack does the next part: it holds orders of the pool, or lets go.
func (c *change) sweepPack(p *PackChange) error {
	// Orders that reach the pool on the way ask for the record.
	if err := save(c, key(kPack, p.SKU), p); err != nil {
		return err
	}
	done, err := true, error(nil)
	switch {
	case c.over(rescueKeys, rescueBytes):
		done = false
	case p.Confirmed:
		done, err = c.letPackGo(p)
	default:
		done, err = c.holdPool(p)
	}
	if err != nil {
		return err
	}
	next := int64(0)
	if !done {
		next = c.meta.Now
	}
	if err := c.setAlarm(alarmPack, p.SKU, p.Alarm, next); err != nil {
		return err
	}
	p.Alarm = next
	if done && p.Confirmed {
		return c.Delete(key(kPack, p.SKU))
	}
	return save(c, key(kPack, p.SKU), p)
}

// ringPack goes on with a part.
func (c *change) ringPack(sku string) error {
	p, err := must2(GetPackChange(c, sku))("pack change of", sku)
	if err != nil {
		return err
	}
	return c.sweepPack(p)
}

// holdPool holds the next orders of the pool that have the item; done when there
// are no more.
func (c *change) holdPool(p *PackChange) (done bool, err error) {
	var rows []string
	prefix := under(kPool)
	err = c.Range(prefix, func(k, _ []byte) (bool, error) {
		if row := string(k[len(prefix):]); row > string(p.From) {
			rows = append(rows, row)
		}
		return len(rows) < packOrders, nil
	})
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		if c.over(rescueKeys, rescueBytes) {
			return false, nil
		}
		p.From = []byte(row)
		id := tail([]byte(row))
		o, err := must2(c.order(id))("order", id)
		if err != nil {
			return false, err
		}
		if hasItem(o, p.SKU) {
			if err := c.holdForPack(o, p.SKU); err != nil {
				return false, err
			}
		}
	}
	return len(rows) < packOrders, nil
}

func hasItem(o *Order, sku string) bool {
	return slices.ContainsFunc(o.Lines, func(l LineState) bool { return l.SKU == sku })
}

// holdForPack holds an order for a changed item. The order is saved.
func (c *change) holdForPack(o *Order, sku string) error {
	if err := c.index(key(kPackHeld, sku, o.Spec.ID), true); err != nil {
		return err
	}
	return c.hold(o, HoldPackSize)
}

// holdNew holds an order that is about to enter the pool while a pack size of
// its items waits for a person. The order is saved then.
func (c *change) holdNew(o *Order) (held bool, err error) {
	for i, l := range o.Lines {
		if slices.ContainsFunc(o.Lines[:i], func(k LineState) bool { return k.SKU == l.SKU }) {
			continue
		}
		p, err := GetPackChange(c, l.SKU)
		if err != nil {
			return held, err
		}
		if p == nil || p.Confirmed {
			continue
		}
		held = true
		if err := c.holdForPack(o, l.SKU); err != nil {
			return held, err
		}
	}
	return held, nil
}

// letPackGo lets the next orders go that were held for the item; done when there
// are no more. One that waits for another item as well stays held.
func (c *change) letPackGo(p *PackChange) (done bool, err error) {
	ids, err := tails(c, under(kPackHeld, p.SKU), packOrders)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if c.over(rescueKeys, rescueBytes) {
			return false, nil
		}
		if err := c.index(key(kPackHeld, p.SKU, id), false); err != nil {
			return false, err
		}
		o, err := must2(c.order(id))("order", id)
		if err != nil {
			return false, err
		}
		other := false
		for _, l := range o.Lines {
			row, err := c.Get(key(kPackHeld, l.SKU, id))
			if err != nil {
				return false, err
			}
			other = other || row != nil
		}
		if other || !slices.Contains(o.Holds, HoldPackSize) {
			continue
		}
		if err := c.unhold(o, HoldPackSize); err != nil {
			return false, err
		}
	}
	return len(ids) < packOrders, nil
}

func confirmPack(c *change, cmd ConfirmPack) (Result, error) {
	res := Result{Ref: cmd.SKU}
	if !validID(cmd.SKU) {
		return res, refuse(CodeUnknownItem, "item %q", cmd.SKU)
	}
	p, err := GetPackChange(c, cmd.SKU)
	switch {
	case err != nil:
		return res, err
	case p == nil:
		return res, refuse(CodeNoPackChange, "item %s", cmd.SKU)
	}
	res.Text = fmt.Sprintf("pack size of %s confirmed", cmd.SKU)
	p.Confirmed = true
	c.touch("packs", cmd.SKU)
	return res, c.sweepPack(p)
}

// GetPackChange returns the pack change of an item that waits for a person, nil
// when there is none.
func GetPackChange(r Reader, sku string) (*PackChange, error) {
	return load[PackChange](r, key(kPack, sku))
}

// PackChanges lists the pack changes that wait for a person, by item.
func PackChanges(r Reader) ([]PackChange, error) {
	all, err := list[PackChange](r, under(kPack), 0)
	return slices.DeleteFunc(all, func(p PackChange) bool { return p.Confirmed }), err
}
