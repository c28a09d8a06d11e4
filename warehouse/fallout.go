package warehouse

import (
	"fmt"
	"slices"
)

// Fallout parks an order with a reason until a person or new stock decides.

// record writes a new fallout under the next id.
func (c *change) record(f *Fallout) error {
	n, err := c.next(kFallout)
	if err != nil {
		return err
	}
	f.ID = fmt.Sprintf("F%06d", n) // padded: ids sort by age
	f.Since = c.meta.Now
	if err := c.watchFallout(f); err != nil {
		return err
	}
	if err := save(c, key(kFallout, f.ID), f); err != nil {
		return err
	}
	if err := c.listFallout(f); err != nil {
		return err
	}
	c.touch("fallout", "")
	return c.index(key(kFOpen, f.ID), true)
}

// openFallout records f for an order. The order is not saved.
func (c *change) openFallout(o *Order, f Fallout) error {
	f.Order = o.Spec.ID
	if err := c.record(&f); err != nil {
		return err
	}
	o.Fallout = append(o.Fallout, f.ID)
	return c.emit(EvFalloutOpened, o.Spec.ID, EventData{
		State: string(o.State), Code: f.Code, Text: f.Detail, Revision: o.Spec.Revision,
		Line: f.Line, SKU: f.SKU, Bin: f.Bin, Qty: f.Qty, Fallout: f.ID, Born: c.bornOf(o),
	})
}

// falloutsOf loads the open fallouts of an order.
func (c *change) falloutsOf(o *Order) ([]*Fallout, error) {
	var fs []*Fallout
	for _, id := range o.Fallout {
		f, err := GetFallout(c, id)
		if _, err := must(f, err, "fallout", id); err != nil {
			return nil, err
		}
		fs = append(fs, f)
	}
	return fs, nil
}

// setFallout opens f for an order, or brings the open one with the same code up
// to date: the same trouble again is no second fallout. The order is not saved.
func (c *change) setFallout(o *Order, f Fallout) error {
	fs, err := c.falloutsOf(o)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(fs, func(known *Fallout) bool {
		return known.Code == f.Code && (known.LU == f.LU || !o.parted()) // each parcel has its own
	})
	if at < 0 {
		return c.openFallout(o, f)
	}
	return c.updateFallout(fs[at], f)
}

// maxEvidence bounds what one fallout keeps: whoever has not looked after so
// many passes does not need the next one to know that something is wrong.
const maxEvidence = 8

// add keeps what was found beside what was found before. The same again is no
// news.
func (f *Fallout) add(e Evidence) {
	same := func(k Evidence) bool {
		return k.Detail == e.Detail && k.Qty == e.Qty && k.Dock == e.Dock && k.LU == e.LU
	}
	if len(f.Evidence) == 0 {
		f.Evidence = []Evidence{{At: f.Since, Detail: f.Detail, Qty: f.Qty, Dock: f.Dock, LU: f.LU}}
	}
	switch {
	case slices.ContainsFunc(f.Evidence, same):
	case len(f.Evidence) < maxEvidence:
		f.Evidence = append(f.Evidence, e)
	default:
		f.More++
	}
}

// updateFallout gives an open fallout newer facts. What was found before stays:
// a stray tag may be gone when somebody comes to look.
func (c *change) updateFallout(known *Fallout, f Fallout) error {
	if known.Detail == f.Detail && known.Qty == f.Qty && known.Dock == f.Dock && known.LU == f.LU {
		return nil
	}
	if c.since(level2) {
		known.add(Evidence{At: c.meta.Now, Detail: f.Detail, Qty: f.Qty, Dock: f.Dock, LU: f.LU})
	}
	known.Detail, known.Qty, known.Dock, known.LU = f.Detail, f.Qty, f.Dock, f.LU
	c.touch("fallout", "")
	return save(c, key(kFallout, known.ID), known)
}

// end closes a fallout.
func (c *change) end(f *Fallout, by string) error {
	f.ClearedAt, f.ClearedBy = c.meta.Now, by
	if err := c.endFallout(f, by); err != nil {
		return err
	}
	if err := save(c, key(kFallout, f.ID), f); err != nil {
		return err
	}
	if err := c.ended(pastFallout, f.ID); err != nil {
		return err
	}
	c.touch("fallout", "")
	return c.index(key(kFOpen, f.ID), false)
}

// strayFallout is the one open fallout of a dock for tags that belong to no
// parcel; the OMS has no use for it. A person clears it.
func (c *change) strayFallout(dock string, f Fallout) error {
	f.Dock = dock
	k := key(kStray, dock)
	id, err := c.Get(k)
	if err != nil {
		return err
	}
	if id != nil {
		known, err := must2(GetFallout(c, string(id)))("fallout", string(id))
		if err != nil {
			return err
		}
		return c.updateFallout(known, f)
	}
	if err := c.record(&f); err != nil {
		return err
	}
	return c.Set(k, []byte(f.ID))
}

func clearFallout(c *change, cmd ClearFallout) (Result, error) {
	res := Result{Ref: cmd.Fallout}
	if !validID(cmd.Fallout) {
		return res, refuse(CodeUnknownFallout, "fallout %q", cmd.Fallout)
	}
	f, err := GetFallout(c, cmd.Fallout)
	switch {
	case err != nil:
		return res, err
	case f == nil:
		return res, refuse(CodeUnknownFallout, "fallout %s", cmd.Fallout)
	case f.ClearedAt != 0:
		res.Text = "cleared before"
		return res, nil
	case f.Order != "":
		return res, refuse(CodeConflict, "fallout %s belongs to order %s: decide about the order", f.ID, f.Order)
	}
	if err := c.Delete(key(kStray, f.Dock)); err != nil {
		return res, err
	}
	c.touch("dock", f.Dock)
	return res, c.end(f, c.meta.Actor)
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
		if err := c.end(f, by); err != nil {
			return err
		}
		d := EventData{State: string(o.State), Code: f.Code, Revision: o.Spec.Revision, Line: f.Line, SKU: f.SKU, Fallout: f.ID, Born: c.bornOf(o)}
		if err := c.emit(EvFalloutCleared, o.Spec.ID, d); err != nil {
			return err
		}
	}
	o.Fallout = left
	return nil
}
