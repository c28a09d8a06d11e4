package warehouse

// What shipped otherwise than it was ordered (order.shipDiffers).
//
// When the last parcel of an order has left, the OMS is told once, exactly, of
// each line that differs, so that it can give credit for it: less than was
// ordered, more, or another item. From level 4 on every site tells it; before,
// only those that choose carriers by a table did, and a substitute that went in
// full was no difference. A line that the site had no part in, as another one
// ships it, and a line that a revision took away differ in nothing. An order asks
// for items and never for lots, so no lot is another one than was ordered.

// LineDiff is a line that shipped otherwise than it was ordered: Shipped of SKU
// for Ordered of For, or of SKU where For is "".
type LineDiff struct {
	Line    int    `cbor:"1,keyasint" json:"line"`
	SKU     string `cbor:"2,keyasint" json:"sku"`
	Ordered int64  `cbor:"3,keyasint" json:"ordered"`
	Shipped int64  `cbor:"4,keyasint" json:"shipped"`
	Diff    int64  `cbor:"5,keyasint" json:"diff"` // shipped less ordered
	For     string `cbor:"6,keyasint,omitempty" json:"for,omitempty"`
}

// tellDiffers tells what an order that shipped lacks.
func (c *change) tellDiffers(o *Order) error {
	site, err := c.theSite()
	if err != nil || !site.byService() && !c.since(level4) {
		return err
	}
	var diffs []LineDiff
	for _, l := range o.Lines {
		d := LineDiff{Line: l.Line, SKU: l.SKU, Ordered: l.Qty, Shipped: l.Picked, Diff: l.Picked - l.Qty}
		if c.since(level4) {
			if l.State == LineDropShip || l.State == LineCancelled {
				continue
			}
			d.For = l.For
		}
		if d.Diff != 0 || d.For != "" {
			diffs = append(diffs, d)
		}
	}
	if len(diffs) == 0 {
		return nil
	}
	return c.emit(EvShipDiffers, o.Spec.ID, EventData{
		State: string(o.State), Revision: o.Spec.Revision, Diffs: diffs, Source: o.Source, Born: c.bornOf(o),
	})
}
