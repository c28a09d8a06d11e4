package warehouse

// Reservations that are no task: stock kept for somebody until a moment, before
// there is an order to pick. Its rules:
//
//   - A reservation is a pending move like a task: it names the positions, and
//     the balances hold its sum. It is made whole or not at all, by the policy of
//     the item.
//   - It has an owner (For, who asked) and an end. At its end it gives itself
//     back, and orders that wait get the stock.
//   - When the order of the same id comes in, what was kept for it is given back
//     in the same step, so that nobody else can be faster.
//   - What is kept is not moved or adjusted away: give it back first.

// Bounds of reservations.
const (
	maxKept   = 2000                   // reservations at a time
	keepSpots = 100                    // positions of one
	maxKeepMs = 366 * 24 * 3600 * 1000 // how long one may last
)

type (
	// KeepStock reserves stock until a moment. The same again is a no-op.
	KeepStock struct {
		ID    string `cbor:"1,keyasint" json:"id"`
		For   string `cbor:"2,keyasint" json:"for"` // for whom or what: an order to come, a customer, a show
		SKU   string `cbor:"3,keyasint" json:"sku"`
		Owner string `cbor:"4,keyasint,omitempty" json:"owner,omitempty"` // consignor
		Qty   int64  `cbor:"5,keyasint" json:"qty"`
		Until int64  `cbor:"6,keyasint" json:"until"` // ms since 1970 UTC
	}
	// FreeStock gives a reservation back before its end.
	FreeStock struct {
		ID string `cbor:"1,keyasint" json:"id"`
	}
)

// Kind numbers the command.
func (KeepStock) Kind() Kind { return KindKeepStock }

// Kind numbers the command.
func (FreeStock) Kind() Kind { return KindFreeStock }

// Kept is a reservation that is no task.
type Kept struct {
	ID    string    `cbor:"1,keyasint" json:"id"`
	For   string    `cbor:"2,keyasint" json:"for"`
	SKU   string    `cbor:"3,keyasint" json:"sku"`
	Owner string    `cbor:"4,keyasint,omitempty" json:"owner,omitempty"`
	Qty   int64     `cbor:"5,keyasint" json:"qty"`
	Until int64     `cbor:"6,keyasint" json:"until"`
	By    string    `cbor:"7,keyasint,omitempty" json:"by,omitempty"`
	At    int64     `cbor:"8,keyasint" json:"at"`
	Spots []KeptQty `cbor:"9,keyasint" json:"spots"`
}

// KeptQty is a part of a reservation: so much of one position.
type KeptQty struct {
	Bin    string `cbor:"1,keyasint" json:"bin"`
	Lot    string `cbor:"2,keyasint,omitempty" json:"lot,omitempty"`
	Expiry string `cbor:"3,keyasint,omitempty" json:"expiry,omitempty"`
	Serial string `cbor:"4,keyasint,omitempty" json:"serial,omitempty"`
	Qty    int64  `cbor:"5,keyasint" json:"qty"`
}

func (k *Kept) stock(q KeptQty) stockKey {
	return stockKey{sku: k.SKU, lot: q.Lot, serial: q.Serial, owner: k.Owner}
}

func keepStock(c *change, cmd KeepStock) (Result, error) {
	switch {
	case !validID(cmd.ID):
		return Result{}, refuse(CodeInvalid, "id")
	case !validID(cmd.For):
		return Result{}, refuse(CodeInvalid, "for")
	case !validID(cmd.SKU), cmd.Owner != "" && !validID(cmd.Owner):
		return Result{}, refuse(CodeInvalid, "sku or owner")
	case cmd.Qty < 1 || cmd.Qty > maxQty:
		return Result{}, refuse(CodeInvalid, "quantity")
	}
	res := Result{Ref: cmd.ID}
	old, err := GetKept(c, cmd.ID)
	switch {
	case err != nil:
		return res, err
	case old != nil && (KeepStock{old.ID, old.For, old.SKU, old.Owner, old.Qty, old.Until}) == cmd:
		res.Text = "kept before"
		return res, nil
	case old != nil:
		return res, refuse(CodeConflict, "reservation %s is here with other content", cmd.ID)
	case cmd.Until <= c.meta.Now || cmd.Until > c.meta.Now+maxKeepMs:
		return res, refuse(CodeInvalid, "until: a moment of the next 366 days")
	}
	if it, err := GetItem(c, cmd.SKU); err != nil || it == nil {
		if err == nil {
			err = refuse(CodeUnknownItem, "item %s", cmd.SKU)
		}
		return res, err
	}
	if all, err := tails(c, under(kKept), maxKept); err != nil || len(all) == maxKept {
		if err == nil {
			err = refuse(CodeTooManyWaiting, "%d reservations", maxKept)
		}
		return res, err
	}
	takes, missing, err := c.plan(demand{cmd.SKU, cmd.Owner}, cmd.Qty, nil)
	switch {
	case err != nil:
		return res, err
	case missing > 0:
		return res, refuse(FalloutOutOfStock, "%d of %d %s are not there", missing, cmd.Qty, cmd.SKU)
	case len(takes) > keepSpots:
		return res, refuse(CodeTooBig, "%s lies in %d places, the most is %d", cmd.SKU, len(takes), keepSpots)
	}
	k := &Kept{ID: cmd.ID, For: cmd.For, SKU: cmd.SKU, Owner: cmd.Owner, Qty: cmd.Qty, Until: cmd.Until, At: c.meta.Now}
	if k.By, err = c.person(); err != nil {
		return res, err
	}
	for _, t := range takes {
		q := KeptQty{Bin: t.bin, Lot: t.lot, Expiry: t.expiry, Serial: t.serial, Qty: t.qty}
		k.Spots = append(k.Spots, q)
		if err := c.reserve(q.Bin, k.stock(q), q.Expiry, q.Qty); err != nil {
			return res, err
		}
	}
	if err := c.setAlarm(alarmKept, k.ID, 0, k.Until); err != nil {
		return res, err
	}
	if err := c.index(key(kKeptFor, k.For, k.ID), true); err != nil {
		return res, err
	}
	c.touch("kept", k.ID)
	return res, save(c, key(kKept, k.ID), k)
}

func freeStock(c *change, cmd FreeStock) (Result, error) {
	res := Result{Ref: cmd.ID}
	if !validID(cmd.ID) {
		return res, refuse(CodeUnknownReservation, "reservation %q", cmd.ID)
	}
	k, err := GetKept(c, cmd.ID)
	if err != nil {
		return res, err
	}
	if k == nil {
		return res, refuse(CodeUnknownReservation, "reservation %s", cmd.ID)
	}
	return res, c.endKept(k)
}

// endKept gives a reservation back to those who wait.
func (c *change) endKept(k *Kept) error {
	if err := c.dropKept(k); err != nil {
		return err
	}
	return c.retryWaiting([]string{demand{k.SKU, k.Owner}.row()})
}

// ringKept ends a reservation at its end.
func (c *change) ringKept(id string) error {
	k, err := must2(GetKept(c, id))("reservation", id)
	if err != nil {
		return err
	}
	return c.endKept(k)
}

// dropKept takes a reservation off the books.
func (c *change) dropKept(k *Kept) error {
	for _, q := range k.Spots {
		if err := c.reserve(q.Bin, k.stock(q), q.Expiry, -q.Qty); err != nil {
			return err
		}
	}
	if err := c.setAlarm(alarmKept, k.ID, k.Until, 0); err != nil {
		return err
	}
	if err := c.index(key(kKeptFor, k.For, k.ID), false); err != nil {
		return err
	}
	c.touch("kept", k.ID)
	return c.Delete(key(kKept, k.ID))
}

// redeem gives back what was kept for an order that comes in. It returns the
// demands whose stock came free.
func (c *change) redeem(order string) (freed []string, err error) {
	ids, err := tails(c, under(kKeptFor, order), 0)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		k, err := must2(GetKept(c, id))("reservation", id)
		if err != nil {
			return nil, err
		}
		if err := c.dropKept(k); err != nil {
			return nil, err
		}
		freed = append(freed, demand{k.SKU, k.Owner}.row())
	}
	return freed, nil
}

// GetKept returns a reservation by id.
func GetKept(r Reader, id string) (*Kept, error) { return load[Kept](r, key(kKept, id)) }

// AllKept lists the reservations by id.
func AllKept(r Reader) ([]Kept, error) { return list[Kept](r, under(kKept), 0) }
