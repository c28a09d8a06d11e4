package warehouse

import "slices"

// Serials: an item that has them has one for each unit, from receipt to pick.
// A serial is in one place only, and one that was stolen neither goes in nor
// out until a second person has approved that it was found. A task names the
// unit it has reserved; the picker may take any other unit of the same lot in
// the same bin, and the two change places in one step.

// stolenRecord is why a serial must not move.
type stolenRecord struct {
	At     int64  `cbor:"1,keyasint"`
	Actor  string `cbor:"2,keyasint,omitempty"`
	Adjust string `cbor:"3,keyasint,omitempty"` // the adjustment that took it out
}

// noteSerial keeps the index of serials that are here, and the law of it: k is
// the balance row that now holds qty of the serial.
func (c *change) noteSerial(k []byte, place string, s stockKey, qty int64) error {
	at := key(kSerial, s.serial, s.sku)
	known, err := c.Get(at)
	if err != nil {
		return err
	}
	switch {
	case qty == 0 && string(known) == string(k):
		c.leftSerials = append(c.leftSerials, UnitSerial{SKU: s.sku, Serial: s.serial})
		return c.Delete(at)
	case qty == 0:
		return nil
	case qty > 1 || known != nil && string(known) != string(k):
		where := place
		if known != nil {
			if where, _, err = parseStockKey(known); err != nil {
				return err
			}
		}
		return refuse(CodeConflict, "serial %s of %s is here already: in %s", s.serial, s.sku, where)
	}
	return c.Set(at, k)
}

// serialAt is where a serial is by the book, nil when it is not here.
func (c *change) serialAt(sku, serial string) (*position, error) {
	if serial == "" {
		return nil, nil
	}
	k, err := c.Get(key(kSerial, serial, sku))
	if err != nil || k == nil {
		return nil, err
	}
	place, s, err := parseStockKey(k)
	return &position{place, s}, err
}

// refuseStolen lets no stolen serial in or out.
func (c *change) refuseStolen(sku, serial string) error {
	if serial == "" {
		return nil
	}
	b, err := c.Get(key(kStolen, serial, sku))
	if err != nil || b == nil {
		return err
	}
	return refuse(CodeStolen, "serial %s of %s was reported stolen", serial, sku)
}

// takeSerial makes the task one for the unit that is in the picker's hand.
func (c *change) takeSerial(t *Task, serial string) error {
	if !validBarcode(serial) {
		return refuse(CodeWrongSerial, "serial of %d bytes", len(serial))
	}
	if err := c.refuseStolen(t.SKU, serial); err != nil {
		return err
	}
	if serial == t.Serial {
		return nil
	}
	mine, other := t.stock(), t.stock()
	other.serial = serial
	row, err := load[stockRow](c, stockRowKey(BinPlace(t.Bin), other))
	if err != nil {
		return err
	}
	if row == nil {
		return refuse(CodeWrongSerial, "serial %s is not in %s by the book", serial, t.Bin)
	}
	if row.Reserved > 0 {
		// Another task of the pool wants that one: it takes this one.
		ids, err := c.openTasks(t.Bin, t.SKU, t.Lot)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(ids, func(id string) bool {
			o, e := c.task(id)
			if e != nil {
				err = e
			}
			return e == nil && o.stock() == other
		})
		if err != nil {
			return err
		}
		if at < 0 {
			return refuse(CodeReserved, "serial %s is kept for other work", serial)
		}
		o, err := c.task(ids[at])
		if err != nil {
			return err
		}
		o.Serial, t.Serial = t.Serial, serial
		if err := c.saveTask(o); err != nil {
			return err
		}
		return c.saveTask(t)
	}
	if err := c.reserve(t.Bin, mine, t.Expiry, -t.Qty); err != nil {
		return err
	}
	if err := c.reserve(t.Bin, other, t.Expiry, t.Qty); err != nil {
		return err
	}
	t.Serial = serial
	return c.saveTask(t)
}
