package warehouse

import "fmt"

// Fallout parks an order with a reason until a person or new stock decides.

// openFallout records f for an order. The order is not saved.
func (c *change) openFallout(o *Order, f Fallout) error {
	n, err := c.next(kFallout)
	if err != nil {
		return err
	}
	f.ID = fmt.Sprintf("F%06d", n) // padded: ids sort by age
	f.Order, f.Since = o.Spec.ID, c.meta.Now
	if err := save(c, key(kFallout, f.ID), &f); err != nil {
		return err
	}
	if err := c.index(key(kFOpen, f.ID), true); err != nil {
		return err
	}
	o.Fallout = append(o.Fallout, f.ID)
	c.touch("fallout", "")
	return c.emit(EvFalloutOpened, o.Spec.ID, EventData{
		State: string(o.State), Code: f.Code, Text: f.Detail, Revision: o.Spec.Revision,
		Line: f.Line, SKU: f.SKU, Bin: f.Bin, Qty: f.Qty, Fallout: f.ID,
	})
}

// falloutsOf loads the open fallouts of an order.
func (c *change) falloutsOf(o *Order) ([]*Fallout, error) {
	var fs []*Fallout
	for _, id := range o.Fallout {
		f, err := load[Fallout](c, key(kFallout, id))
		if _, err := must(f, err, "fallout", id); err != nil {
			return nil, err
		}
		fs = append(fs, f)
	}
	return fs, nil
}

// clearFallouts ends the open fallouts of an order that match. The order is not
// saved.
func (c *change) clearFallouts(o *Order, by string, match func(*Fallout) bool) error {
	fs, err := c.falloutsOf(o)
	if err != nil {
		return err
	}
	var left []string
	for _, f := range fs {
		if !match(f) {
			left = append(left, f.ID)
			continue
		}
		f.ClearedAt, f.ClearedBy = c.meta.Now, by
		if err := save(c, key(kFallout, f.ID), f); err != nil {
			return err
		}
		if err := c.index(key(kFOpen, f.ID), false); err != nil {
			return err
		}
		c.touch("fallout", "")
		d := EventData{State: string(o.State), Code: f.Code, Revision: o.Spec.Revision, Line: f.Line, SKU: f.SKU, Fallout: f.ID}
		if err := c.emit(EvFalloutCleared, o.Spec.ID, d); err != nil {
			return err
		}
	}
	o.Fallout = left
	return nil
}
