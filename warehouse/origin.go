package warehouse

import "fmt"

// An order id belongs to where the order came from: an OMS, or the people of
// the site while there is none. The other side's order of the same id is
// another order: it is never taken for a change of this one. A person gives one
// of the two a new id.

// SourceSite is the source of what people of the site ask for.
const SourceSite = "site"

// bornOf is what events say of an order that no OMS has released.
func (c *change) bornOf(o *Order) string {
	if c.since(level2) && o.Source == SourceSite {
		return SourceSite
	}
	return ""
}

// idTaken is why a release is no change of the order that has its id, "" when
// it may be one. An id that was refused to an OMS is still its id.
func (c *change) idTaken(cmd ReleaseOrder, old *Order, rej *rejectRecord) string {
	switch {
	case !c.since(level2):
	case old != nil && old.Source != cmd.Source:
		return fmt.Sprintf("order %s is here from %s", old.Spec.ID, whence(old.Source))
	case old == nil && cmd.Source == SourceSite && rej != nil && rej.Source != "" && rej.Source != SourceSite:
		return fmt.Sprintf("order %s was refused to %s, whose id it is", cmd.Order.ID, whence(rej.Source))
	}
	return ""
}

// sameMaster tells whether a refusal remembered under an id was given to the
// same side, so that its revisions are of the same order.
func (c *change) sameMaster(rej *rejectRecord, source string) bool {
	return rej != nil && (!c.since(level2) || rej.Source == "" || rej.Source == source)
}

// foreignCancel refuses the wish of an OMS that is about an order of its own
// and would meet another one here. The people of the site may cancel any.
func (c *change) foreignCancel(o *Order, cmd CancelOrder) error {
	if own := cmd.Source == "" || cmd.Source == SourceSite; own || !c.since(level2) || o.Source == cmd.Source {
		return nil
	}
	text := fmt.Sprintf("order %s is here from %s", o.Spec.ID, whence(o.Source))
	d := EventData{Code: CodeIDTaken, Text: text, Source: cmd.Source}
	if err := c.emit(EvOrderCancelRejected, cmd.Order, d); err != nil {
		return err
	}
	return refuseKeep(CodeIDTaken, "%s", text)
}

func whence(source string) string {
	if source == SourceSite {
		return "this site's own entry"
	}
	return source
}
