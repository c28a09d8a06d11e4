package warehouse

import "slices"

// Holds: reasons why nothing new may be begun for an order. A held order is not
// in the pool; what has begun is finished.

// HoldPackSize is the hold of an order whose item comes in another pack size.
const HoldPackSize = "PACK_CHANGE"

// hold puts a hold of the site on an order. The order is saved.
func (c *change) hold(o *Order, code string) error {
	if slices.Contains(o.Holds, code) {
		return nil
	}
	o.Holds = append(o.Holds, code)
	return c.saveOrder(o)
}

// unhold ends a hold of the site. The order is saved.
func (c *change) unhold(o *Order, code string) error {
	o.Holds = slices.DeleteFunc(o.Holds, func(h string) bool { return h == code })
	return c.saveOrder(o)
}
