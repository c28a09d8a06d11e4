package warehouse

import "slices"

// Substitution: an order may allow that another item is sent for one that is
// short (OrderSpec.Substitute), and an item says which ones may stand for it, the
// best first (Item.Substitutes).
//
//   - Other bins and lots come first. Then the first substitute that is there in
//     full is taken for the whole line, at the allocation or when a picker finds
//     nothing of it. A line of which something is in the tote stays what it is.
//   - The line remembers what it stands for (LineState.For) with the reason
//     SUBSTITUTION; the event order.substituted says so, and so do the lines of
//     every later event, so that the OMS can compute the difference.
//   - An order that waits is tried again when a substitute comes in as well. An
//     order that begins anew asks for what was ordered.

// ReasonSubstitution is why a line has another item than was ordered.
const ReasonSubstitution = "SUBSTITUTION"

// maxSubstitutes bounds what may stand for an item.
const maxSubstitutes = 3

// ordered is the item a line was ordered with.
func (l *LineState) ordered() string {
	if l.For != "" {
		return l.For
	}
	return l.SKU
}

// checkSubstitutes says what is wrong with the substitutes of an item, "" when
// all is well. One that is not in the master data is passed over.
func checkSubstitutes(it Item) string {
	if len(it.Substitutes) > maxSubstitutes {
		return "more than 3 substitutes"
	}
	for i, s := range it.Substitutes {
		if !validID(s) || s == it.SKU || slices.Contains(it.Substitutes[:i], s) {
			return "substitutes: other items, each once"
		}
	}
	return ""
}

// substitutesOf lists what may stand for a line of an order.
func (c *change) substitutesOf(o *Order, l *LineState) ([]string, error) {
	if !o.Spec.Substitute {
		return nil, nil
	}
	it, err := must2(GetItem(c, l.ordered()))("item", l.ordered())
	if err != nil {
		return nil, err
	}
	return it.Substitutes, nil
}

// substitute finds the first item that is there in full for a line, "" when none
// is. held gives what is planned of an item already.
func (c *change) substitute(o *Order, l *LineState, leave int64, held func(sku string) []take) (sku string, takes []take, err error) {
	subs, err := c.substitutesOf(o, l)
	if err != nil {
		return "", nil, err
	}
	for _, s := range subs {
		if it, err := GetItem(c, s); err != nil || it == nil {
			if err != nil {
				return "", nil, err
			}
			continue
		}
		takes, missing, err := c.plan(demand{s, o.Spec.Owner}, l.Qty+leave, held(s))
		if err != nil {
			return "", nil, err
		}
		if missing == 0 {
			return s, firstOf(takes, l.Qty), nil
		}
	}
	return "", nil, nil
}

// standIn makes a line one of a substitute and tells it.
func (c *change) standIn(o *Order, l *LineState, sku string) error {
	l.For, l.SKU, l.Reason = l.ordered(), sku, ReasonSubstitution
	return c.emit(EvOrderSubstituted, o.Spec.ID, EventData{
		State: string(o.State), Revision: o.Spec.Revision, Source: o.Source, Born: c.bornOf(o),
		Line: l.Line, SKU: l.SKU, For: l.For, Qty: l.Qty, Code: ReasonSubstitution,
	})
}

// standInAtPick takes a substitute for a line of which a picker found nothing,
// and nothing is open elsewhere. ok: there is one.
func (c *change) standInAtPick(o *Order, l *LineState) (takes []take, ok bool, err error) {
	open, err := c.openQty(l)
	if err != nil || open > 0 || l.Picked > 0 || l.For != "" {
		return nil, false, err
	}
	sku, takes, err := c.substitute(o, l, 0, func(string) []take { return nil })
	if err != nil || sku == "" {
		return nil, false, err
	}
	if _, cut := roomFor(o, takes, 0); cut > 0 {
		return nil, false, nil
	}
	err = c.clearFallouts(o, "substituted", func(f *Fallout) bool { return f.Line == l.Line && (isOutOfStock(f) || isShortReason(f.Code)) })
	if err != nil {
		return nil, false, err
	}
	l.State = LineAllocated
	return takes, true, c.standIn(o, l, sku)
}
